//! A prompt of no known form, in a transcript in which nothing else is one: what stands before known commands, again and
//! again.

use std::borrow::Cow;

use foldhash::HashMap;

use super::below::Above;
use super::prompt::{self, Proof};
use super::signs::{colon_end, signs};
use super::syntax;
use crate::terminal::block::{Block, Kind};
use crate::terminal::page::{Heads, LineMark, Mark, MarkKind, Page};
use crate::terminal::token::{Csi, Token, colour_len, token_at};

/// How much text is searched.
pub(crate) const MAX_TEXT_BYTES: usize = 512 * 1024;

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 256;

/// Most marked lines that are searched for a coloured prompt.
const MAX_COLOURED_LINES: usize = 10_000;

/// Most bytes of the first line that are searched for a colour.
const MAX_SOURCE_BYTES: usize = 256;

/// Most lines of a prompt.
const MAX_PROMPT_LINES: usize = 3;

/// Least lines with a known command behind the prompt.
const MIN_COMMANDS: usize = 3;

/// Least share, in percent, of the lines that start with it.
const MIN_PERCENT: usize = 50;

/// How many times as many commands it must show as are known without it.
const TIMES_MORE: usize = 3;

/// What the prompt looks like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Discovery {
    /// The same words each time.
    Key(String),
    /// The same signs each time.
    Shape(String),
    /// Words in colours that end with the prompt: neither the kernel nor readline colours what is typed.
    Coloured(String),
    /// Nothing: its last line is empty. The line above.
    Above(Above),
}

impl Discovery {
    fn text(&self) -> &str {
        match self {
            Self::Key(text) | Self::Shape(text) | Self::Coloured(text) => text,
            Self::Above(_) => "",
        }
    }

    /// Whether the prompt stands at a mark.
    pub(crate) fn stands_at(&self, page: &Page, mark: &Mark) -> bool {
        if let Self::Above(above) = self {
            return above.is(page, mark);
        }
        let MarkKind::Line(LineMark { end, styled, .. }) = mark.kind else { return false };
        let line = prompt::text_of(&page.text[mark.text..end.min(mark.text + MAX_LINE_BYTES)]);
        self.end(&line, styled).is_some()
    }

    /// Whether something stands between lines with the prompt.
    pub(crate) fn is_answered(&self, text: &[u8]) -> bool {
        let text = prompt::text_of(&text[..text.len().min(MAX_TEXT_BYTES)]);
        let lines = lines(&text).filter(|line| !line.trim().is_empty());
        let mut stands = lines.map(|line| self.end(line, 0).is_some()).skip_while(|stands| !stands);
        stands.by_ref().any(|stands| !stands) && stands.any(|stands| stands)
    }

    /// Whether what was taken for a prompt begins with this one.
    pub(crate) fn begins(&self, prompt: &str) -> bool {
        self.end(prompt, 0).is_some()
    }

    /// Whether it is the end of this one.
    pub(crate) fn ends_with(&self, prompt: &str) -> bool {
        self.text().trim_end().ends_with(prompt.trim())
    }

    /// Where the prompt ends in a line that is coloured up to `styled`.
    pub(crate) fn end(&self, line: &str, styled: usize) -> Option<usize> {
        match self {
            Self::Key(key) => places(line).find(|&end| prompt::key(&line[..end]) == *key),
            Self::Shape(shape) => places(line).find(|&end| prompt::shape(&line[..end]) == *shape),
            Self::Coloured(shape) => {
                coloured(line, styled).filter(|&end| prompt::shape(&line[..end]) == *shape)
            }
            Self::Above(_) => None,
        }
    }
}

/// Lines in which something is followed by a known command.
pub(crate) struct CommandHeads;

impl Heads for CommandHeads {
    fn suspects(block: Block) -> Kind {
        block.is_within(0, u8::MAX)
    }

    fn is_start(_: u8) -> bool {
        true
    }

    fn is_head(line: &[u8], _: bool, styled: usize) -> bool {
        if styled > 0 && styled < line.len() {
            return true;
        }
        let text = prompt::text_of(&line[..line.len().min(MAX_LINE_BYTES)]);
        places(&text).next().is_some()
    }
}

/// Looks for a prompt that shows many more commands than the `known` ones.
pub(crate) fn discover(page: &Page, known: usize) -> Option<Discovery> {
    discover_in(&printed(page), known)
}

/// The same in a text that was printed.
pub(crate) fn discover_in(text: &str, known: usize) -> Option<Discovery> {
    let lines = || lines(text).map(|line| &line[..line.floor_char_boundary(MAX_LINE_BYTES)]);
    let mut commands: HashMap<Discovery, usize> = HashMap::default();
    for line in lines() {
        for end in signs(line, 0).filter(|&end| syntax::looks_like_command(&line[end..])) {
            forms(&line[..end]).for_each(|form| *commands.entry(form).or_default() += 1);
        }
    }
    commands.retain(|_, count| *count >= MIN_COMMANDS && *count >= known * TIMES_MORE);
    if commands.is_empty() {
        return None;
    }
    let mut all: HashMap<Discovery, usize> = HashMap::default();
    for line in lines() {
        for form in
            signs(line, 0).flat_map(|end| forms(&line[..end])).filter(|form| commands.contains_key(form))
        {
            *all.entry(form).or_default() += 1;
        }
    }
    let likely = |(form, count): &(Discovery, usize)| {
        all.get(form).is_some_and(|all| count * 100 >= all * MIN_PERCENT)
    };
    let best = commands.into_iter().filter(likely);
    let bars = |form: &Discovery| memchr::memchr_iter(b'|', form.text().as_bytes()).count();
    best.max_by(|(one, some), (other, others)| {
        some.cmp(others).then(bars(one).cmp(&bars(other))).then_with(|| other.text().cmp(one.text()))
    })
    .map(|(form, _)| form)
}

/// Looks for the prompt that a transcript begins with, where no command was found in its first line: nearly all begin with a
/// prompt. It may have lines above its last one; then the one right above must look the same each time.
pub(crate) fn discover_first(page: &Page) -> Option<Discovery> {
    let text = printed(page);
    let lines = || lines(&text).map(|line| &line[..line.floor_char_boundary(MAX_LINE_BYTES)]);
    let first: Vec<&str> = lines().filter(|line| !line.trim().is_empty()).take(MAX_PROMPT_LINES).collect();
    // Whether one of a known form may stand below the first line was asked before.
    let unknown = |start: &str| prompt::proof(start) == Proof::None || prompt::ends(start).is_empty();
    let mut counts: HashMap<Discovery, Occurrences> = HashMap::default();
    for (above, line) in first.iter().enumerate() {
        let starts = places(line).map(|end| &line[..end]).filter(|start| above == 0 || unknown(start));
        for form in starts.flat_map(forms) {
            counts.entry(form).or_insert(Occurrences { above, lines: 0, commands: 0 });
        }
    }
    if counts.is_empty() {
        return None;
    }
    let uppers: Vec<String> = first.iter().map(|line| prompt::shape(line.trim_end())).collect();
    let mut before = "";
    for line in lines() {
        for end in places(line) {
            let command = usize::from(syntax::looks_like_command(&line[end..]));
            for form in forms(&line[..end]) {
                let Some(count) = counts.get_mut(&form) else { continue };
                if count.above == 0 || prompt::shape(before.trim_end()) == uppers[count.above - 1] {
                    count.lines += 1;
                    count.commands += command;
                }
            }
        }
        before = line;
    }
    counts.retain(|_, found| {
        found.commands >= MIN_COMMANDS && found.commands * 100 >= found.lines * MIN_PERCENT
    });
    let order = |form: &Discovery, commands: usize| (commands, form.text().len(), form.text().to_owned());
    let best = counts.into_iter().max_by_key(|(form, found)| order(form, found.commands));
    best.map(|(form, _)| form)
}

/// Where a possible prompt stands.
struct Occurrences {
    /// How many lines stand above the first one.
    above: usize,
    /// How many begin with it.
    lines: usize,
    /// How many of these have a known command behind it.
    commands: usize,
}

/// Whether no command was found in the first line; `first` is where the first one stands.
pub(crate) fn begins_unread(source: &[u8], first: Option<usize>) -> bool {
    let start = source.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let length = memchr::memchr(b'\n', &source[start..]).unwrap_or(source.len() - start);
    first.is_none_or(|first| first >= start + length)
}

/// Whether a transcript begins with a coloured line in which no command was found; `first` is where the first one stands.
/// Nearly all begin with a prompt.
pub(crate) fn begins_coloured(source: &[u8], first: Option<usize>) -> bool {
    let start = first_shown(source);
    let length = memchr::memchr(b'\n', &source[start..]).unwrap_or(source.len() - start);
    let line = &source[start..start + length.min(MAX_SOURCE_BYTES)];
    first.is_none_or(|first| first >= start + length) && line.starts_with(b"\x1b[") && colour_len(line) > 3
}

/// Where the first thing stands that is shown: modes and titles are set before.
fn first_shown(source: &[u8]) -> usize {
    let near = &source[..source.len().min(MAX_SOURCE_BYTES)];
    let mut at = 0;
    while let Some((token, next)) = token_at(near, at) {
        match token {
            Token::Control(_) | Token::Osc(_) | Token::Csi(Csi { marker: 1.., .. }) => at = next,
            _ => break,
        }
    }
    at
}

/// Looks for a prompt that has no sign, but ends where its colours do, and that shows more commands than the `known` ones:
/// that of the first line. The lines of the page that are coloured are marked.
pub(crate) fn discover_coloured(page: &Page, known: usize) -> Option<Discovery> {
    let mut shapes = page.marks.iter().take(MAX_COLOURED_LINES).filter_map(|mark| {
        let MarkKind::Line(LineMark { end, styled, .. }) = mark.kind else { return None };
        let line = prompt::text_of(&page.text[mark.text..end.min(mark.text + MAX_LINE_BYTES)]);
        let end = coloured(&line, styled)?;
        Some((prompt::shape(&line[..end]), syntax::looks_like_command(&line[end..])))
    });
    let (first, command) = shapes.next()?;
    let again = shapes.filter(|(shape, _)| *shape == first);
    let (all, commands) = again.fold((1, usize::from(command)), |(all, commands), (_, command)| {
        (all + 1, commands + usize::from(command))
    });
    let likely = commands >= MIN_COMMANDS && commands > known && commands * 100 >= all * MIN_PERCENT;
    likely.then_some(Discovery::Coloured(first))
}

/// Where the coloured start of a line ends, with the blanks behind it, if there are any and something stands behind them.
fn coloured(line: &str, styled: usize) -> Option<usize> {
    let (start, rest) = line.split_at_checked(styled)?;
    let typed = rest.trim_start_matches(' ');
    let blank = start.ends_with(' ') || typed.len() < rest.len();
    (blank && !start.trim().is_empty() && !typed.is_empty()).then_some(line.len() - typed.len())
}

/// Where a prompt may end that has no known form, or with a colon that stands alone.
fn places(line: &str) -> impl Iterator<Item = usize> {
    signs(line, 0).chain(colon_end(line))
}

/// What was printed, without what full-screen programs painted.
fn printed(page: &Page) -> Cow<'_, str> {
    let end = page.text.len().min(MAX_TEXT_BYTES);
    if page.painted.is_empty() {
        return prompt::text_of(&page.text[..end]);
    }
    let (mut printed, mut from) = (String::new(), 0);
    for painted in &page.painted {
        // A line that is printed over may begin in what was painted.
        let start = painted.start.clamp(from, end);
        printed += &prompt::text_of(&page.text[from..start]);
        from = painted.end.clamp(start, end);
    }
    printed += &prompt::text_of(&page.text[from..end]);
    printed.into()
}

/// The lines of a text.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memchr(b'\n', text.as_bytes());
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// What a prompt may be recognised by.
fn forms(prompt: &str) -> impl Iterator<Item = Discovery> {
    let shape = prompt::shape(prompt);
    // A shell shows what it runs behind such signs (`PS4`).
    let trace = !prompt.is_empty() && prompt.trim_end().bytes().all(|sign| sign == b'+');
    // Tables have bars between words of all kinds.
    let telling = shape.contains(|character: char| !"w ,|".contains(character));
    let forms =
        telling.then_some(Discovery::Shape(shape)).into_iter().chain([Discovery::Key(prompt::key(prompt))]);
    forms.filter(move |_| !trace)
}
