//! A prompt of no known form, in a transcript in which nothing else is one: what stands before known commands, again and
//! again.

use std::collections::HashMap;

use super::edit::signs;
use super::prompt;
use super::syntax;
use crate::terminal::page::{Heads, Page};

/// Longest text that is searched.
const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

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
    fn is_suspect(_: u8) -> bool {
        true
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
    if page.text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let mut found: HashMap<Discovery, (usize, usize)> = HashMap::new();
    for line in page.text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let text = prompt::text_of(&line[..line.len().min(MAX_LINE_BYTES)]);
        for end in signs(&text, 0) {
            let command = usize::from(syntax::looks_like_command(&text[end..]));
            let shape = prompt::shape(&text[..end]);
            let mut note = |form: Discovery| {
                let entry = found.entry(form).or_default();
                *entry = (entry.0 + 1, entry.1 + command);
            };
            if shape.contains(|character: char| !"w ,".contains(character)) {
                note(Discovery::Shape(shape));
            }
            note(Discovery::Key(prompt::key(&text[..end])));
        }
    }
    let likely = |&(lines, commands): &(usize, usize)| {
        commands >= MIN_COMMANDS && commands * 100 >= lines * MIN_PERCENT && commands >= known * TIMES_MORE
    };
    let best = found.into_iter().filter(|(_, counts)| likely(counts));
    let name = |form: &Discovery| match form {
        Discovery::Key(text) | Discovery::Shape(text) => text.clone(),
    };
    best.max_by_key(|(form, (_, commands))| (*commands, std::cmp::Reverse(name(form)))).map(|(form, _)| form)
}
