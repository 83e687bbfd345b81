//! Output that looks like a command: transcripts that were printed, and texts that a command says itself.

use memchr::{memchr_iter, memmem};

use super::{Cutter, MAX_BACKGROUND, MAX_SEARCH_BYTES, MAX_SHORT_BYTES};
use crate::terminal::page::{Edit, LineMark, Mark, MarkKind, Page};
use crate::terminal::replay::returns_before;
use crate::transcript::command::Command;
use crate::transcript::frame::is_header;
use crate::transcript::prompt;
use crate::transcript::shows::shows_text;
use crate::transcript::syntax::Scan;

/// Most bytes of a line and the row below it.
const MAX_OWN_BYTES: usize = 4 * 1024;

/// Most lines above the header of a transcript that is shown: a shell may paint its prompt once more.
const MAX_LINES_ABOVE: usize = 8;

impl Cutter<'_> {
    /// Whether an edit is part of a transcript that a command printed: the terminal ended each of its lines once more.
    /// `typed` is what stands behind its prompt.
    pub(super) fn is_replayed(&self, edit: &Edit, prompt: &str, typed: &str) -> bool {
        let extra = !edit.painted
            && !edit.integration
            && edit.newline
            && self.usual_returns.is_some_and(|usual| edit.returns > usual + usize::from(edit.raw));
        // A line editor may go to the start of the row itself where the line fills its row.
        let short =
            || edit.lines.len() <= 2 && edit.lines.iter().all(|line| line.text.len() < MAX_SHORT_BYTES);
        let Some(current) = &self.current else { return false };
        let same = current.text == prompt || current.key == self.prompts.key(prompt);
        // Marks can be printed as well: then the last command says what stands between them. A prompt alone tells nothing:
        // that for more lines is a redirection in many a command.
        let told = || {
            let shown = edit.lines.first().map_or("", |line| line.text.trim());
            let says = |last: &Command| {
                last.command.len() <= MAX_SEARCH_BYTES
                    && memmem::find(last.command.as_bytes(), shown.as_bytes()).is_some()
            };
            !shown.is_empty() && !typed.trim().is_empty() && self.commands.last().is_some_and(says)
        };
        // Where the lines before have no marks, they tell how many returns are usual. But any program that is not known to show
        // texts may open a shell, which ends its lines in a way of its own.
        let goes_on = || self.replayed_prompt.as_deref() == Some(&*self.prompts.key(prompt));
        let shows = || self.last_is(shows_text) || self.replayed_prompt.is_some();
        let more = || {
            let usual = self.line_returns.is_some_and(|usual| edit.newline && edit.returns > usual);
            usual
                && !edit.raw
                && !edit.painted
                && !edit.integration
                && !self.marked
                && !self.is_opened()
                && shows()
                && (short() || goes_on())
        };
        (!same && (told() || more())) || (extra && (!same || short()))
    }

    /// Whether an edit may be part of a transcript that a command shows, though its lines do not tell: the prompt was not met
    /// before. A shell that was opened from a pager looks the same, so it is doubtful and no more.
    pub(super) fn may_be_shown(&mut self, prompt: &str) -> bool {
        let current = self.current.as_ref().is_some_and(|current| current.text == prompt);
        if current && self.shown_prompt.is_none() {
            return false;
        }
        let key = self.prompts.key(prompt);
        let begins = !self.known.contains(&*key) && self.shows_transcript();
        let goes_on = self.shown_prompt.as_deref() == Some(&*key);
        let shown = (begins || goes_on).then(|| key.into_owned());
        self.shown_prompt = shown;
        self.shown_prompt.is_some()
    }

    /// Whether a line of this length with another prompt is part of a transcript that a command printed: the terminal ended it
    /// once more.
    pub(super) fn is_printed(&self, prompt: &str, length: usize, line: LineMark) -> bool {
        // Where no line without marks was met, the edits tell; but a shell that was opened may have a return of its own.
        let more = match (self.line_returns, self.usual_returns) {
            (Some(usual), _) => line.returns > usual,
            (None, Some(usual)) => line.returns > usual + usize::from(!self.shows_transcript()),
            (None, None) => false,
        };
        more && !self.is_opened()
            && self.current.as_ref().is_some_and(|current| {
                !prompt::has_key(prompt, &current.key)
                    // The transcript may be one of a shell with the same prompt.
                    || (length < MAX_SHORT_BYTES && self.shows_transcript())
            })
    }

    /// Whether the line of a tool, whose prompt was discovered, was ended by an editor of its own: the row below it, which the tool
    /// printed, has fewer returns. A transcript that is shown has as many behind all its rows.
    pub(super) fn ends_itself(&self, mark: &Mark) -> bool {
        if self.level().is_none_or(|level| !level.looped) {
            return false;
        }
        let near = &self.source[mark.source..self.source.len().min(mark.source + MAX_OWN_BYTES)];
        let mut ends = memchr_iter(b'\n', near).map(|at| returns_before(&near[..=at]));
        ends.next().zip(ends.next()).is_some_and(|(own, below)| own > below)
    }

    /// Whether the last command shows a text that begins as transcripts do.
    fn shows_transcript(&self) -> bool {
        if !self.last_is(shows_text) {
            return false;
        }
        let output =
            self.commands.last().and_then(|last| self.page.text.get(last.after..)).unwrap_or_default();
        let near = &output[..output.len().min(MAX_SEARCH_BYTES)];
        let mut lines = near.split(|&byte| byte == b'\n').take(MAX_LINES_ABOVE);
        lines.next().is_some_and(|line| is_header(&prompt::text_of(line)))
            || lines.any(|line| line.starts_with(b"Script started on "))
    }

    /// Whether a command has typed this prompt and what stands behind it, so that it is output here.
    pub(super) fn is_quoted(&self, typed: &str, in_middle: bool) -> bool {
        let last = self.commands.last().map_or("", |last| last.command.as_str());
        self.quoted
            .iter()
            .any(|text| typed.starts_with(text.as_str()) && (in_middle || last.contains(text.as_str())))
    }

    /// Remembers what a command says behind the text of the current prompt.
    pub(super) fn note_quotes(&mut self, command: &str) {
        let Some(prompt) = self.current.as_ref().map(|current| current.text.trim_end()) else { return };
        if prompt.is_empty() || command.len() <= prompt.len() || command.len() > MAX_SEARCH_BYTES {
            return;
        }
        // Hardly any command says so, nor its first character.
        let bytes = command.as_bytes();
        if !memchr_iter(prompt.as_bytes()[0], bytes).any(|at| bytes[at..].starts_with(prompt.as_bytes())) {
            return;
        }
        let prompt = format!("{prompt} ");
        for (at, _) in command.match_indices(&prompt) {
            let rest = &command[at + prompt.len()..];
            let end = rest.find(['\n', '"', '\'', '\\']).unwrap_or(rest.len());
            let text = rest[..end].trim();
            if !text.is_empty() {
                self.quoted.push_back(text.to_owned());
            }
        }
        self.quoted.drain(..self.quoted.len().saturating_sub(MAX_BACKGROUND));
    }

    /// Adds a mark that is output.
    pub(super) fn push_output(&mut self, mark: &Mark, edit: &Edit) {
        self.open = Scan::default();
        self.scanned = 0;
        let shown = edit.lines.iter().map(|line| line.text.trim_end().to_owned());
        let between = edit.cleared.iter().cloned().chain(shown).filter(|line| !line.is_empty()).collect();
        self.commands.push(Command {
            text: mark.text,
            after: mark.text,
            source: mark.source,
            between,
            ..Command::nothing()
        });
    }
}

/// How many returns stand before the newline of most edits that a shell marked.
pub(super) fn usual_returns(page: &Page) -> Option<usize> {
    let mut counts = [0_usize; 16];
    for mark in &page.marks {
        if let MarkKind::Edit(edit) = &mark.kind
            && edit.newline
            && !edit.painted
            && !edit.raw
        {
            counts[edit.returns.min(15)] += 1;
        }
    }
    let most = counts.iter().copied().max().filter(|&most| most > 0)?;
    counts.iter().position(|&count| count == most)
}
