//! Where a line holds a prompt that is current, or that becomes so.

use super::current::Current;
use super::{Cutter, MAX_SEARCH_BYTES};
use crate::terminal::page::LineMark;
use crate::transcript::context::says_left;
use crate::transcript::expect::Expectation;
use crate::transcript::levels::Level;
use crate::transcript::prompt::{self, Ends, Proof, Reader};
use crate::transcript::shows::{numbers_lines, shows_file_on_windows, shows_text};
use crate::transcript::syntax;
use crate::transcript::turns::Turns;
use crate::transcript::words::{base_name, last_command};

/// Most bytes of a file that is shown.
const MAX_FILE_BYTES: usize = 64 * 1024;

/// Longest command that may name the program whose prompt stands below it.
const MAX_NAMING_BYTES: usize = 256;

impl Cutter<'_> {
    /// Where a prompt that may be current starts and ends in a line, and whether that it is one is sure.
    pub(super) fn place(&mut self, line: &str, mark: LineMark, ends: Ends) -> Option<(usize, usize, bool)> {
        if let Some((end, sure)) =
            self.level().and_then(|level| Some((level.discovery.end(line, mark.styled)?, level.sure)))
        {
            return Some((0, end, sure));
        }
        let mut ends = match mark.prompt_end {
            Some(end) if line.is_char_boundary(end) && end > 0 => Ends::one(end),
            _ => ends,
        };
        // When the shell has ceased to mark its edits, their prompt goes on without marks.
        let unmarked = self.index > self.last_edit;
        let current = self.current.as_ref().filter(|current| unmarked || !current.marked);
        if let (Some(current), Some(&end)) = (current, ends.first())
            && line[..end] == current.text
        {
            let outer = self.outer_behind(line, &ends, &current.key);
            return Some(outer.map_or((0, end, !current.doubtful), |(start, end)| (start, end, true)));
        }
        // A sign behind a margin is that of a text which is shown.
        let margin = line.starts_with(' ') && current.is_some_and(|current| !current.text.starts_with(' '));
        if margin && self.last_is(shows_text) {
            ends.retain(|end| prompt::proof(&line[..end]) != Proof::Bare);
        }
        // Only a line with another prompt needs to know what the last command opens.
        let Expectation { nests, opens, .. } =
            if ends.is_empty() { Expectation::default() } else { self.expectation_of_last() };
        // No prompt begins with a path below the current directory.
        if is_numbered(line) && (line.starts_with("./") || self.last_is(numbers_lines)) {
            return None;
        }
        let used: Vec<String> = if opens { self.used_prompts(line, &ends) } else { Vec::new() };
        let current = self.current.as_ref().filter(|current| unmarked || !current.marked);
        if current.is_none_or(|current| current.proof > Proof::None) {
            let shape = current.map(|current| prompt::shape(&current.text));
            let alike =
                |end: usize| shape.as_ref().is_some_and(|shape| *shape == prompt::shape(&line[..end]));
            let current = current.map_or("", |current| current.text.as_str());
            let sister = |end: usize| nests && prompt::is_sister(&line[..end], current);
            // What was a prompt before may be one again, whatever its text proves.
            let known = |end: usize| self.known.len() > 1 && self.known.contains(&prompt::key(&line[..end]));
            let used = |end: usize| opens && used.contains(&prompt::key(&line[..end]));
            let proof = if self.current.is_none() { prompt::proof_of_first } else { prompt::proof };
            ends.retain(|end| {
                proof(&line[..end]) > Proof::None || alike(end) || sister(end) || known(end) || used(end)
            });
        }
        let is_current = |prompt: &str, current: &Current| {
            (prompt::has_key(prompt, &current.key) || prompt::is_same_but_status(prompt, &current.text))
                && !self.is_shown_on_windows(prompt, current)
        };
        if let Some(current) = current
            && let Some(&end) = ends.iter().find(|&&end| is_current(&line[..end], current))
        {
            let outer = self.outer_behind(line, &ends, &current.key);
            return Some(outer.map_or((0, end, !current.doubtful), |(start, end)| (start, end, true)));
        }
        if let Some((end, sure)) = ends.iter().find_map(|&end| Some((end, self.may_begin(line, end)?))) {
            return Some((0, end, sure));
        }
        let (start, end) = self.place_in_middle(line)?;
        (!self.is_quoted(line[end..].trim(), true)).then_some((start, end, true))
    }

    /// Whether a prompt of Windows stands in a file that is shown: nobody has changed the folder, and the folder of the prompt that is
    /// current comes back.
    fn is_shown_on_windows(&self, prompt: &str, current: &Current) -> bool {
        let windows = matches!(current.key.as_str(), "PS>" | "cmd>");
        if !windows || prompt == current.text || !self.last_is(shows_file_on_windows) {
            return false;
        }
        let behind = self.page.marks.get(self.index).map_or(0, |mark| mark.text);
        let rest = self.page.text.get(behind..).unwrap_or_default();
        let rest = &rest[..rest.len().min(MAX_FILE_BYTES)];
        memchr::memmem::find_iter(rest, current.text.as_bytes()).any(|at| at > 0 && rest[at - 1] == b'\n')
    }

    /// The shell that runs here, if its prompt was discovered.
    pub(super) fn level(&self) -> Option<&Level> {
        let mark = self.page.marks.get(self.index)?;
        self.levels.iter().find(|level| level.holds(mark))
    }

    /// Where the prompt of an outer shell stands behind that of an inner one, which was left there with ^D.
    fn outer_behind(&self, line: &str, ends: &Ends, inner: &str) -> Option<(usize, usize)> {
        let (&first, more) = ends.split_first()?;
        if self.known.len() < 2 || more.is_empty() {
            return None;
        }
        let start = first + if line[first..].starts_with("^D") { 2 } else { 0 };
        // The shell says so if somebody typed it with the prompt in front.
        let below = self.page.marks.get(self.index).map_or(0, |mark| mark.text + line.len() + 1);
        let said = self.page.text.get(below..).unwrap_or_default();
        let said = &said[..memchr::memchr(b'\n', said).unwrap_or(said.len()).min(MAX_SEARCH_BYTES)];
        if memchr::memmem::find(said, b"not found").is_some() {
            return None;
        }
        let outer = |end: usize| {
            let prompt = line.get(start..end)?;
            let words = prompt.trim_end().contains(' ') && !prompt.starts_with(['[', '(', '/', '~']);
            if words {
                return None;
            }
            let key = self.prompts.key(prompt);
            let told = prompt::proof(prompt) >= Proof::Path || start > first;
            (told && key != inner && self.known.contains(&*key)).then_some((start, end))
        };
        more.iter().find_map(|&end| outer(end))
    }

    /// A prompt behind output that did not end with a newline.
    pub(super) fn place_in_middle(&self, line: &str) -> Option<(usize, usize)> {
        let current =
            self.current.as_ref().filter(|current| self.index > self.last_edit || !current.marked)?;
        let finder = current.finder();
        if current.proof == Proof::Bare {
            let near = line.floor_char_boundary(MAX_SEARCH_BYTES);
            let at = finder.find(&line.as_bytes()[..near])?;
            let end = at + finder.needle().len();
            let typed = &line[end..];
            // The sign may be that of another prompt.
            let own = prompt::proof(&line[..end]) < Proof::Strict;
            let blank = line[..at].trim_start().is_empty();
            let margin = blank || (is_margin(&line[..at]) && self.last_is(shows_text));
            // A text in quotes of a document.
            let odd = |text: &str| memchr::memchr_iter(b'`', text.as_bytes()).count() % 2 == 1;
            let glued = at > 0 && own && !margin && !(odd(&line[..at]) && odd(typed));
            // What was typed ahead and not submitted stands before the next prompt.
            // A prompt that is set stands behind the sign for that.
            let before = line[..at].trim_end_matches("> ");
            let ahead = || {
                syntax::looks_like_command(before)
                    && !before.ends_with(['=', '"', '\'', ' '])
                    && (typed.trim().is_empty() || !current.text.starts_with('#'))
            };
            return (glued && (syntax::looks_like_command(typed) || ahead())).then_some((at, end));
        }
        let found = finder.find(line.as_bytes()).filter(|&at| at > 0);
        if found.is_some_and(|at| is_numbered(&line[..at])) && self.last_is(numbers_lines) {
            return None;
        }
        let (at, end) = match found {
            Some(at) => (at, at + finder.needle().len()),
            None => current.find_form(line)?,
        };
        // A program that prints its prompt behind an unfinished line leaves no blank between.
        if prompt::reader(&current.text) == Reader::Program && line[..at].ends_with(' ') {
            return None;
        }
        let blank = usize::from(line[end..].starts_with(' '));
        Some((at, end + blank))
    }

    /// Whether a prompt that is not current may become so here, and whether that is sure.
    pub(super) fn may_begin(&mut self, line: &str, end: usize) -> Option<bool> {
        let (prompt, typed) = line.split_at(end);
        let proof = prompt::proof(prompt);
        if self.current.is_none() {
            let count = self.seen.get(&prompt::key(prompt)).map_or(0, |seen| seen.0);
            return self.may_be_first(prompt, prompt::proof_of_first(prompt), count).then_some(true);
        }
        let Expectation { leaves, opens, nests, brings, moves, prints, alone } = self.expectation_of_last();
        let current = self.current.as_ref()?;
        let gone = current.last.is_none_or(|last| last < self.index);
        // Of the known prompts one is current, and it was looked for before.
        // A program may be left in more ways than are known, but hardly any prints what is surely the prompt of a shell.
        let bracket =
            !current.marked && current.proof < Proof::Path && current.text.trim_end().ends_with('>');
        let of_program = proof >= Proof::Path
            && (bracket || prompt::reader(&current.text) == Reader::Program)
            && self.known.contains(&prompt::key(prompt))
            && self.is_entered_again(&prompt::key(prompt));
        let returns = self.known.len() > 1 && (gone || leaves || of_program || self.output_says_left());
        let looks = syntax::looks_like_command(typed);
        let hides = looks && !prints && !brings && proof >= Proof::Bare;
        // What is followed by a known command may be a prompt whatever came before.
        let prints = prints && !looks;
        let brings = brings && (opens || !(prints && alone));
        let current = self.current.as_ref()?;
        // Where the shell does not mark its lines, a program could hide them so.
        let named = current.marked && proof == Proof::Word && self.is_named_after_last(prompt);
        if !(gone || brings || moves || returns || hides || named) {
            return None;
        }
        let key = prompt::key(prompt);
        // A shell that marks its edits may open one that does not, and both may have the same prompt.
        let inner = nests && current.marked && self.index < self.last_edit;
        if current.marked && current.key == key && !inner {
            // The shell that was left was opened in one without marks.
            return (leaves && self.unmarked.contains(&key)).then_some(true);
        }
        let count = self.seen.get(&key).map_or(0, |seen| seen.0);
        if returns && self.known.contains(&key) {
            return Some(true);
        }
        let told = |character: char| character.is_alphanumeric() || matches!(character, '/' | '~');
        let sibling = moves && prompt.contains(told) && prompt::shape(prompt) == prompt::shape(&current.text);
        let announced = opens || sibling;
        // Any program may open a shell, as an exploit does; that it is left with a command tells it from what is printed.
        let hidden = hides && self.is_left_before(&key, false);
        let used = proof == Proof::None && opens && self.is_used(&key);
        let current = self.current.as_ref()?;
        let begins = match proof {
            Proof::Strict => {
                announced
                    || hidden
                    || (gone && count > 1)
                    || (brings && (gone || count > 1 || self.is_left_before(&key, opens)))
            }
            Proof::Path => brings || sibling || (gone && count > 2 && !prints),
            Proof::Bare => hidden || (brings && (gone || self.is_left_before(&key, opens))),
            // Where nothing brings it, it may be what a program prints line by line.
            Proof::Word => {
                ((brings || named) && count > 1)
                    || sibling
                    || (gone && count > 2 && !prints && !current.marked)
            }
            // The prompt of an inner shell is written as that of the outer one, with another name or sign.
            Proof::None => sibling || (nests && prompt::is_sister(prompt, &current.text)) || used,
        };
        begins.then_some(announced)
    }

    /// Whether a prompt is the name of the program that the last command started, as those of tools are that read commands.
    fn is_named_after_last(&self, prompt: &str) -> bool {
        let name = prompt.trim_end();
        let name = name.strip_suffix(['>', '$', '#', ':']).unwrap_or(name).trim_end();
        let last = self.commands.last().map_or("", |last| last.command.as_str());
        // Hardly ever.
        if name.is_empty() || last.len() > MAX_NAMING_BYTES || !last.contains(name) {
            return false;
        }
        let words = last_command(last);
        let program = |word: &str| {
            let file = base_name(word);
            file.split_once('.').map_or(file, |(stem, _)| stem) == name
        };
        words.iter().take(2).any(|word| program(word))
    }

    /// What the last command lets one expect.
    pub(super) fn expectation_of_last(&mut self) -> Expectation {
        let last = self.commands.last().map_or("", |command| command.command.as_str());
        *self.expectation.get_or_insert_with(|| Expectation::after(last))
    }

    /// Whether the shell with this prompt is left before the current prompt comes back.
    pub(super) fn is_left_before(&mut self, inner: &str, opened: bool) -> bool {
        // Where the outer shell marks its edits, its prompt may be that of the inner one.
        let outer = self.current.as_ref().map_or("", |current| current.key.as_str());
        let outer = Some(outer).filter(|outer| *outer != inner);
        let turns = self.turns.get_or_insert_with(|| Turns::of(self.page));
        turns.leaves_before(self.page, self.index, inner, outer, opened)
    }

    /// Whether the shell with this prompt, which seems to be back here, opens the program whose prompt is current once more
    /// before that one comes again. Otherwise the program has printed this.
    fn is_entered_again(&mut self, outer: &str) -> bool {
        let Some(inner) = self.current.as_ref().map(|current| current.key.clone()) else { return false };
        let turns = self.turns.get_or_insert_with(|| Turns::of(self.page));
        turns.enters_again(self.page, self.index, &inner, outer)
    }

    /// The keys of the possible prompts of a line that are used as prompts until the current one comes back.
    fn used_prompts(&mut self, line: &str, ends: &Ends) -> Vec<String> {
        let keys = ends.iter().map(|&end| &line[..end]).filter(|text| prompt::proof(text) == Proof::None);
        keys.map(prompt::key).filter(|key| self.is_used(key)).collect()
    }

    fn is_used(&mut self, inner: &str) -> bool {
        // Many lines of output may begin alike, and each would ask for all of them.
        if self.unused.contains(inner) {
            return false;
        }
        let outer = self.current.as_ref().map_or("", |current| current.key.as_str());
        let outer = Some(outer).filter(|outer| *outer != inner);
        let turns = self.turns.get_or_insert_with(|| Turns::of(self.page));
        let used = turns.is_used(self.page, self.index, inner, outer);
        if !used {
            self.unused.insert(inner.to_owned());
        }
        used
    }

    /// Whether the output of the last command ends with the words of a shell that was left.
    pub(super) fn output_says_left(&self) -> bool {
        let Some(last) = self.commands.last() else { return false };
        let end = self.page.marks[self.index].text;
        let output = self.page.text.get(last.after..end).unwrap_or_default();
        says_left(output)
    }

    /// Whether the last command is of some kind.
    pub(super) fn last_is(&self, is: fn(&str) -> bool) -> bool {
        self.commands.last().is_some_and(|last| is(&last.command))
    }

    /// Whether the last command opened another shell, which may end its lines in another way.
    pub(super) fn is_opened(&self) -> bool {
        self.expectation.is_some_and(|expectation| expectation.opens || expectation.leaves)
    }
}

/// Whether a line begins with what only stands in front of the lines of a text that is shown: white space, the sign of a
/// difference, or the number of the line. No output ends so without a newline.
fn is_margin(before: &str) -> bool {
    matches!(before.trim(), "" | "+" | "-") || is_numbered(before)
}

/// Whether a line begins with its number, as `grep -n` shows it, perhaps behind the path of its file.
fn is_numbered(line: &str) -> bool {
    let line = line.trim_start_matches(' ');
    let path = line
        .split_once(':')
        .filter(|(path, _)| path.contains(['/', '.']) && !path.contains([' ', '@', '[', '(']));
    is_number(line) || path.is_some_and(|(_, rest)| is_number(rest))
}

fn is_number(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let behind = line[digits..].trim_start_matches(' ');
    digits > 0
        && line[digits..].starts_with([':', '-'])
        && !behind[1..].starts_with(|next: char| next.is_ascii_digit())
}
