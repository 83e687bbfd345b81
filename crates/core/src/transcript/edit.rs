//! What stood in a line editor that marked its edits: the prompt, the command, and what came in between.

use std::borrow::Cow;
use std::cell::Cell;

use foldhash::HashMap;

use super::above::Above;
use super::behind::Behind;
use super::empty_line::EmptyLines;
use super::facts::{Facts, Lexicon};
use super::prompt::{self, Ends, Proof, Reader};
use super::secondary::without_secondary;
use super::signs::{colon_end, sign_ends, sign_ends_with_colon, signs};
use super::syntax::Scan;
use crate::terminal::page::{Close, Edit, MarkKind, Page};
use crate::terminal::screen::Logical;

/// Least edits that a prompt without any known ending is learned from.
const MIN_EDITS_TO_LEARN: usize = 3;

/// Room for a prompt with lines above it, which are seldom longer.
const MAX_USUAL_PROMPT_BYTES: usize = 256;

/// Share of edits, in percent, that must agree on a longer prompt.
const LONGER_PROMPT_PERCENT: usize = 80;

/// Most characters of the prompt for more lines, if it has no known form.
const MAX_CONTINUATION_CHARS: usize = 6;

/// The same in bytes, if it has one.
const MAX_CONTINUATION_BYTES: usize = 24;

/// Most lines of one edit that are searched for such a prompt.
const MAX_PROMPT_LINES: usize = 3;

/// The prompts of one transcript, as far as its edits show them.
#[derive(Debug, Default)]
pub(crate) struct Prompts<'a> {
    lexicon: Lexicon<'a>,
    /// What all edits without a known ending start with.
    common: String,
    /// The last line that was split, if others may start the same.
    split: Cell<Option<Split<'a>>>,
    /// How often a text that ends with a sign starts an edit without a known ending, by its key and by its shape.
    signs: HashMap<String, usize>,
    sign_shapes: HashMap<String, usize>,
    /// What is known of a text that is coloured to its end and starts an edit with no known ending behind it, by its key.
    coloured: HashMap<String, ColouredStart>,
    empty_lines: EmptyLines,
    behind: Behind,
    above: Above,
}

/// How a line was split.
#[derive(Clone, Copy, Debug)]
struct Split<'a> {
    /// Its start, up to its only ending.
    start: &'a str,
    /// Where the prompt was looked for from.
    from: usize,
    /// Where it ends.
    end: usize,
}

/// A coloured text that starts edits.
#[derive(Clone, Copy, Debug, Default)]
struct ColouredStart {
    /// How many of them.
    edits: usize,
    /// How many blanks stand behind it, at least, where something stands behind them: those are its own.
    blanks: Option<usize>,
}

/// Counts what edits start with that is coloured beyond all its known endings. Mostly it is the same as before.
#[derive(Debug, Default)]
struct Coloured<'a> {
    starts: HashMap<String, ColouredStart>,
    last: &'a str,
    met: ColouredStart,
}

impl<'a> Coloured<'a> {
    /// Looks at a line whose last known ending is at `end`.
    fn note(&mut self, line: &'a Logical, end: usize) {
        let Some((coloured, behind)) =
            line.styled.filter(|&styled| styled > end).and_then(|styled| line.text.split_at_checked(styled))
        else {
            return;
        };
        if coloured != self.last {
            self.flush();
            self.last = coloured;
        }
        self.met.edits += 1;
        let typed = behind.trim_start_matches(' ');
        if !typed.is_empty() {
            let blanks = behind.len() - typed.len();
            self.met.blanks = Some(self.met.blanks.map_or(blanks, |least| least.min(blanks)));
        }
    }

    fn flush(&mut self) {
        let met = std::mem::take(&mut self.met);
        if met.edits > 0 {
            let start = self.starts.entry(prompt::key(self.last)).or_default();
            start.edits += met.edits;
            start.blanks = [start.blanks, met.blanks].into_iter().flatten().min();
        }
    }

    fn finish(mut self) -> HashMap<String, ColouredStart> {
        self.flush();
        self.starts
    }
}

/// An edit taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The prompt, with the lines above it that belong to it.
    pub prompt: String,
    /// The lines of the command.
    pub command: Vec<String>,
    /// Which of them something else than the line editor ended; empty if none.
    pub foreign: Vec<bool>,
    /// Commands that were broken off before, within the same edit.
    pub aborted: Vec<String>,
    /// Lines that other programs or the line editor itself put between, such as a list of completions.
    pub between: Vec<String>,
}

impl<'a> Prompts<'a> {
    /// Learns the prompts of all edits.
    pub(crate) fn learn(page: &'a Page) -> Self {
        let empty_lines = EmptyLines::learn(page);
        // Where the last line of a prompt is empty, the one above is what is known again.
        let above = if empty_lines.is_empty() { Above::learn(page) } else { Above::default() };
        let behind = Behind::learn(page);
        let mut prompts = Self { above, empty_lines, behind, ..Self::default() };
        let mut bare: Vec<&str> = Vec::new();
        let mut known = "";
        let mut coloured = Coloured::default();
        for mark in &page.marks {
            let MarkKind::Edit(edit) = &mark.kind else { continue };
            if let [line, rest @ ..] = prompts.own(edit)
                && prompt::ends_like(line.text.as_bytes(), known)
                && line.prompt_end.is_none()
                && rest.iter().all(|line| line.prompt_end.is_none())
            {
                prompts.lexicon.learn_again();
                coloured.note(line, known.len());
                continue;
            }
            let head = head(prompts.own(edit));
            // Only what the first line shows without being told can be known again.
            let first = head.as_ref().filter(|(line, _)| line.prompt_end.is_none());
            known = first.and_then(|(line, ends)| prompt::known_start(&line.text, ends)).unwrap_or_default();
            match &head {
                Some((line, _)) if line.prompt_end.is_some() => {}
                Some((line, ends)) => coloured.note(line, ends.last().copied().unwrap_or(0)),
                None => prompts.own(edit).first().into_iter().for_each(|line| coloured.note(line, 0)),
            }
            match head {
                Some((line, ends)) => prompts.lexicon.learn(ends.iter().map(|&end| &line.text[..end])),
                None => bare.extend(prompts.own(edit).first().map(|line| line.text.as_str())),
            }
        }
        prompts.coloured = coloured.finish();
        // One word that is entered again and again is no prompt.
        let tells = bare.iter().any(|line| *line != bare[0] || line.contains(' '));
        if bare.len() >= MIN_EDITS_TO_LEARN && tells {
            prompts.common = common_start(&bare).to_owned();
        }
        for mark in &page.marks {
            let MarkKind::Edit(edit) = &mark.kind else { continue };
            if prompts.own(edit).iter().any(|line| prompts.known_end(line).is_some()) {
                continue;
            }
            for line in prompts.own(edit).iter().take(MAX_PROMPT_LINES) {
                for end in sign_ends_with_colon(line) {
                    *prompts.signs.entry(prompt::key(&line.text[..end])).or_default() += 1;
                    *prompts.sign_shapes.entry(prompt::shape(&line.text[..end])).or_default() += 1;
                }
            }
        }
        // It was found while not all signs were counted.
        prompts.split.set(None);
        prompts
    }

    /// The lines of an edit without those of the prompt that stand above the last of them.
    fn own<'e>(&self, edit: &'e Edit) -> &'e [Logical] {
        &edit.lines[self.above.of(edit)..]
    }

    /// Where the prompt of a line ends, by what is known about prompts.
    fn known_end(&self, line: &'a Logical) -> Option<usize> {
        line.prompt_end.or_else(|| self.prompt_end(line))
    }

    /// How many edits without a known ending start with the text up to a sign.
    fn count(&self, line: &str, end: usize) -> usize {
        if self.signs.is_empty() {
            0
        } else {
            self.signs.get(&prompt::key(&line[..end])).copied().unwrap_or(0)
        }
    }

    /// How many edits without a known ending behind it start with a coloured text.
    fn coloured_count(&self, text: &str) -> usize {
        self.coloured_start(text).map_or(0, |start| start.edits)
    }

    fn coloured_start(&self, text: &str) -> Option<&ColouredStart> {
        if self.coloured.is_empty() { None } else { self.coloured.get(&prompt::key(text)) }
    }

    /// Where a prompt ends that is coloured to its last sign, whatever that sign is.
    fn styled_end(&self, line: &Logical) -> Option<usize> {
        let styled = line.styled.filter(|&styled| line.text.is_char_boundary(styled))?;
        let (prompt, rest) = line.text.split_at(styled);
        let own = self.coloured_start(prompt).and_then(|start| start.blanks).unwrap_or(0).max(1);
        let blanks = rest.bytes().take(own).take_while(|&byte| byte == b' ').count();
        (!prompt.trim().is_empty()).then(|| styled + blanks + prompt::plain_sign_len(prompt, &rest[blanks..]))
    }

    /// Where the prompt of a line ends, if a text that ends with a sign comes back at the start of edits.
    fn sign_end(&self, line: &Logical) -> Option<usize> {
        let count = |end: &usize| self.count(&line.text, *end);
        let blank =
            |end: &usize| line.text[..*end].ends_with(|sign| sign == ' ' || prompt::is_foreign_ending(sign));
        let seen = |least: usize| {
            move |end: usize| Some((blank(&end), count(&end))).filter(|(_, count)| *count >= least)
        };
        let best = sign_ends(line).filter_map(seen(2)).max();
        let best = best.or_else(|| colon_end(&line.text).and_then(seen(MIN_EDITS_TO_LEARN)))?;
        let coloured = line.styled.and_then(|styled| line.text.get(..styled));
        if coloured.is_some_and(|coloured| self.coloured_count(coloured) > best.1) {
            return self.styled_end(line);
        }
        // A longer one that comes back nearly as often is the whole prompt.
        let shapes = |end: &usize| {
            let shapes = self.sign_shapes.get(&prompt::shape(&line.text[..*end])).copied().unwrap_or(0);
            if shapes >= MIN_EDITS_TO_LEARN { shapes } else { 0 }
        };
        let recurs = |end: &usize| count(end).max(shapes(end)) * 100 >= best.1 * LONGER_PROMPT_PERCENT;
        // Behind the first of them a quote that is open was typed.
        let ends = || sign_ends_with_colon(line).filter(|end| blank(end) == best.0 && recurs(end));
        let first = ends().min()?;
        let closed = |end: &usize| *end == first || !opens_quote(&line.text[first..*end]);
        let end = ends().filter(closed).max().unwrap_or(first);
        if line.styled == Some(end) { self.styled_end(line) } else { Some(end) }
    }

    /// The key of a prompt.
    pub(crate) fn key<'k>(&'k self, prompt: &str) -> Cow<'k, str> {
        self.lexicon.key(prompt)
    }

    /// Takes an edit apart.
    pub(crate) fn split(&self, edit: &'a Edit) -> Parts {
        if let Some(parts) = self.empty_lines.split(edit) {
            return parts;
        }
        let (first, last, end) = self.prompt_place(edit);
        let mut between = edit.cleared.clone();
        let mut aborted = Vec::new();
        for line in &edit.lines[first..last] {
            let broken = line.text.trim_end().strip_suffix("^C").and_then(|text| text.get(end..));
            match broken {
                Some(broken) => aborted.push(broken.trim().to_owned()),
                None => between.push(line.text.trim_end().to_owned()),
            }
        }
        let (own, typed) = edit.lines[last].text.split_at(end);
        let typed = without_aside(typed, &edit.aside);
        let mut prompt = String::with_capacity(if first == 0 { own.len() } else { MAX_USUAL_PROMPT_BYTES });
        let above = edit.lines[..first].iter().map(|line| line.text.trim_end()).chain([edit.aside.as_str()]);
        for line in above.filter(|line| !line.is_empty()) {
            prompt.push_str(line);
            prompt.push('\n');
        }
        prompt.push_str(own);
        let mut command = vec![without_search(typed).to_owned()];
        let shell = !edit.painted && end > 0 && prompt::reader(own) == Reader::Shell;
        let lines = &edit.lines[last..];
        let foreign = if shell && lines.iter().any(|line| line.foreign) {
            lines.iter().map(|line| line.foreign).collect()
        } else {
            Vec::new()
        };
        // Nearly always there is nothing but the line that the newline began.
        let below = match &edit.lines[last + 1..] {
            [line] if line.text.is_empty() => &[],
            lines => lines,
        };
        let rest = below.iter().map(|line| line.text.trim_end().to_owned());
        // So does zsh where shell integration marks its prompt.
        let closed_first = edit.integration && edit.close == Close::Fence && !edit.newline;
        if edit.painted || closed_first {
            // The edit is closed with the cursor at the end of the line: below it are completions.
            let below = edit.cursor_line.saturating_sub(last);
            command.extend(rest.clone().take(below));
            between.extend(rest.skip(below).filter(|line| !line.is_empty()));
        } else {
            command.extend(rest);
        }
        while command.len() > 1 && command.last().is_some_and(String::is_empty) {
            command.pop();
        }
        if foreign.is_empty() {
            without_secondary(own, edit.raw, &mut command);
        }
        Parts { prompt, command, foreign, aborted, between }
    }

    /// The line where the prompt first stands, the line where it stands last, and where it ends there.
    fn prompt_place(&self, edit: &'a Edit) -> (usize, usize, usize) {
        let told = edit.lines.iter().enumerate().find_map(|(at, line)| {
            let told = |&end: &usize| end > 0 && line.text.is_char_boundary(end);
            line.prompt_end.filter(told).map(|end| (at, end))
        });
        let (first, end) = if let Some(told) = told {
            told
        } else {
            let above = self.above.of(edit);
            let found = |end: &dyn Fn(&'a Logical) -> Option<usize>| {
                edit.lines.iter().enumerate().skip(above).find_map(|(at, line)| Some((at, end(line)?)))
            };
            let known = found(&|line| self.prompt_end(line)).or_else(|| found(&|line| self.sign_end(line)));
            match known.or_else(|| found(&|line| self.styled_end(line))) {
                Some(found) => found,
                None if !self.common.is_empty() && edit.lines[above].text.starts_with(&self.common) => {
                    (above, self.common.len())
                }
                // What was pasted or recalled may have several lines, too.
                None => {
                    let mut upper = edit.lines[..above].iter().enumerate();
                    upper.find_map(|(at, line)| Some((at, self.prompt_end(line)?))).unwrap_or((0, 0))
                }
            }
        };
        let line = &edit.lines[first];
        let end = if line.prompt_end.is_none() { self.directory_end(&line.text, end) } else { end };
        let prompt = &line.text[..end];
        let again = |line: &Logical| end > 0 && line.text.starts_with(prompt);
        let last = edit.lines.iter().rposition(again).unwrap_or(first).max(first);
        if last > first && continues(&edit.lines[first..=last], end) {
            return (first, first, end);
        }
        (first, last, end)
    }

    /// Where the prompt ends really whose sign ends at `end` of a line: behind the directory, if that stands there.
    pub(crate) fn directory_end(&self, line: &str, end: usize) -> usize {
        self.behind.end(line, end).unwrap_or(end)
    }

    /// Where the prompt of a line ends.
    fn prompt_end(&self, line: &'a Logical) -> Option<usize> {
        // Where nothing stands behind the colours, what is coloured may be the command.
        // IPython colours what is typed.
        let entered = |styled: &usize| {
            line.text.get(*styled..).is_some_and(|rest| !rest.trim().is_empty())
                && !line.text.starts_with("In [")
        };
        let styled = line.styled.filter(entered).unwrap_or(0);
        self.known_prompt_end(&line.text, styled)
    }

    /// Where a prompt of a known form ends, not before `from`.
    fn known_prompt_end(&self, line: &'a str, from: usize) -> Option<usize> {
        if let Some(split) = self.split.get()
            && split.from == from
            && prompt::ends_like(line.as_bytes(), split.start)
        {
            return Some(split.end);
        }
        let mut ends = prompt::ends(line);
        ends.retain(|end| end >= from);
        let fits = |end: usize| {
            let prompt = &line[..end];
            let Facts { proof, keys, shapes, .. } = self.lexicon.facts(prompt);
            let glued = prompt.trim_end().chars().rev().nth(1).is_some_and(|before| before != ' ');
            // A sign or a colour before it may come back more often: then this one was typed.
            let typed = || {
                signs(line, from).take_while(|&sign| sign < end).any(|sign| self.count(line, sign) > keys)
                    || self.coloured_count(&line[..from]) > keys
            };
            // So may one that ends the prompt of other edits, behind which a comment or a quoted text has the sign.
            let early = || {
                signs(line, from)
                    .take_while(|&sign| sign < end)
                    .any(|sign| self.count(line, sign) > keys.max(1))
            };
            match proof {
                Proof::Bare => true,
                Proof::Strict => self.signs.is_empty() || !early(),
                // Colours that come back with other commands behind them end the prompt before it: `~ cat > file`.
                Proof::Path => from == 0 || self.coloured_count(&line[..from]) <= keys,
                Proof::Word => glued || (keys > 1 && !typed()),
                // The directory may be one that is entered once. An open quote was typed.
                Proof::None => (keys > 1 || shapes >= MIN_EDITS_TO_LEARN) && is_closed(prompt) && !typed(),
            }
        };
        let first = ends.iter().position(|&end| fits(end))?;
        let (&end, more) = ends[first..].split_first()?;
        let shapes = |end: usize| self.lexicon.facts(&line[..end]).shapes;
        let longer = more.iter().rev().copied().find(|&longer| {
            let same = shapes(longer);
            same >= MIN_EDITS_TO_LEARN && same * 100 >= shapes(end) * LONGER_PROMPT_PERCENT
        });
        let end = longer.unwrap_or(end);
        // Where the command behind it may hold an ending as well, the start of the line would not come back.
        if ends.last() == Some(&end) {
            self.split.set(prompt::known_start(line, &ends).map(|start| Split { start, from, end }));
        }
        Some(end)
    }
}

/// Whether the last of these lines goes on with the command that stands behind the prompt in the first, though it starts
/// like the prompt: the command is open, and the line is not the first one painted once more.
fn continues(lines: &[Logical], end: usize) -> bool {
    let [first, between @ .., last] = lines else { return false };
    let broken = |line: &Logical| line.text.trim_end().ends_with("^C");
    if last.text.starts_with(first.text.trim_end()) || broken(first) || between.iter().any(broken) {
        return false;
    }
    let mut scan = Scan::default();
    scan.feed(first.text.get(end..).unwrap_or_default());
    between.iter().for_each(|line| scan.feed(&line.text));
    scan.is_open()
}

/// The first of the lines of an edit that may hold a prompt, and where the prompt may end.
fn head(lines: &[Logical]) -> Option<(&Logical, Ends)> {
    if let Some((line, end)) = lines.iter().find_map(|line| Some((line, line.prompt_end?))) {
        return line.text.is_char_boundary(end).then(|| (line, Ends::one(end)));
    }
    lines.iter().map(|line| (line, prompt::ends(&line.text))).find(|(_, ends)| !ends.is_empty())
}

/// Whether no quote is open at the end of a text.
fn is_closed(text: &str) -> bool {
    let count = |quote: u8| memchr::memchr_iter(quote, text.as_bytes()).count();
    [b'"', b'\'', b'`'].iter().all(|&quote| count(quote) % 2 == 0)
}

/// Whether a word of a text begins with a quote that is not closed in it.
fn opens_quote(text: &str) -> bool {
    text.split(' ').any(|word| {
        word.starts_with(['"', '\''])
            && memchr::memchr_iter(word.as_bytes()[0], text.as_bytes()).count() % 2 == 1
    })
}

/// What all lines start with, up to the last character that is no letter or digit.
fn common_start<'a>(lines: &[&'a str]) -> &'a str {
    let Some((first, rest)) = lines.split_first() else { return "" };
    let mut end = first.len();
    for line in rest {
        let same = first.chars().zip(line.chars()).take_while(|(one, other)| one == other);
        end = end.min(same.map(|(one, _)| one.len_utf8()).sum());
    }
    let start = &first[..end];
    let cut = start.char_indices().rev().find(|(_, character)| !character.is_alphanumeric());
    cut.map_or("", |(at, character)| &start[..at + character.len_utf8()])
}

/// The line without the prompt at the right edge, which may have been painted again.
fn without_aside<'a>(typed: &'a str, aside: &str) -> &'a str {
    if aside.is_empty() {
        return typed;
    }
    typed.trim_end().strip_suffix(aside).filter(|rest| rest.ends_with("  ")).unwrap_or(typed)
}

/// The line without the search prompt of the line editor, which it may fail to take away.
fn without_search(typed: &str) -> &str {
    const SEARCHES: [&str; 2] = ["(failed reverse-i-search", "(failed i-search"];
    let shown = typed.trim_start();
    let near = &shown.as_bytes()[..shown.len().min(SEARCHES[0].len() + 2)];
    let Some(at) = near.windows(2).position(|pair| pair == b")`") else { return typed };
    // Where the colours of its prompt are not told it, the editor miscounts columns and leaves an end of it.
    let rest = &shown[..at];
    let searches = !rest.is_empty() && SEARCHES.iter().any(|search| search.ends_with(rest));
    let forward = || rest == "(i-search" || rest == "(reverse-i-search";
    if !searches && !forward() {
        return typed;
    }
    shown[at..].split_once("': ").map_or(typed, |(_, found)| found)
}

/// Whether a line without a known prompt is a question and its answer.
pub(crate) fn is_answer(line: &str) -> bool {
    const CHOICES: [&str; 8] =
        ["(y or n)", "(y/n)", "[y/n]", "[y/n/q]", "(yes/no)", "[yes/no]", "(yes or no)", "[y/n/a]"];
    let line = line.to_ascii_lowercase();
    CHOICES.iter().any(|choice| {
        line.rfind(choice).is_some_and(|at| {
            let answer = line[at + choice.len()..].trim_start_matches(['?', ':', ' ']);
            answer.len() <= 4
        })
    })
}

/// How long the prompt for more lines is, where a line asks for one and its prompt has no known form: a first word without
/// letters, or one that ends with a sign.
pub(crate) fn continuation_len(line: &str) -> usize {
    let word = line.split(' ').next().unwrap_or_default();
    let sign = !word.is_empty()
        && (word.chars().count() <= MAX_CONTINUATION_CHARS
            && !word.contains(char::is_alphanumeric)
            && !word.contains(['"', '\'', '`', '/', '\\', '$', '#', '%', '(', '{', '}', ')', '*', '-']));
    if sign {
        return (word.len() + 1).min(line.len());
    }
    // Or a word and a sign, as where the mode of vi is shown.
    let end = prompt::ends(line).first().copied().unwrap_or(0);
    let alone = line[..end].trim_end();
    if end <= MAX_CONTINUATION_BYTES && !alone.contains(' ') && !alone.ends_with('#') { end } else { 0 }
}
