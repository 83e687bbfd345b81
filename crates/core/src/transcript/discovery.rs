//! A prompt of no known form, in a transcript in which nothing else is one: what stands before known commands, again and
//! again.

use foldhash::HashMap;

use super::edit::signs;
use super::prompt;
use super::syntax;
use crate::terminal::block::{Block, Kind};
use crate::terminal::page::{Heads, Page};

/// How much text is searched.
const MAX_TEXT_BYTES: usize = 512 * 1024;

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 256;

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
}

impl Discovery {
    fn text(&self) -> &str {
        match self {
            Self::Key(text) | Self::Shape(text) => text,
        }
    }

    /// Where the prompt ends in a line.
    pub(crate) fn end(&self, line: &str) -> Option<usize> {
        signs(line, 0).find(|&end| match self {
            Self::Key(key) => prompt::key(&line[..end]) == *key,
            Self::Shape(shape) => prompt::shape(&line[..end]) == *shape,
        })
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

    fn is_head(line: &[u8], _: bool) -> bool {
        let text = prompt::text_of(&line[..line.len().min(MAX_LINE_BYTES)]);
        signs(&text, 0).next().is_some()
    }
}

/// Looks for a prompt that shows many more commands than the `known` ones.
pub(crate) fn discover(page: &Page, known: usize) -> Option<Discovery> {
    let text = prompt::text_of(&page.text[..page.text.len().min(MAX_TEXT_BYTES)]);
    let lines = || lines(&text).map(|line| &line[..line.floor_char_boundary(MAX_LINE_BYTES)]);
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
    best.max_by(|(one, some), (other, others)| some.cmp(others).then_with(|| other.text().cmp(one.text())))
        .map(|(form, _)| form)
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
    let telling = shape.contains(|character: char| !"w ,".contains(character));
    telling.then_some(Discovery::Shape(shape)).into_iter().chain([Discovery::Key(prompt::key(prompt))])
}
