//! Prompts of no known form of shells that were opened within a transcript, while all others are known.

use std::ops::Range;

use super::command::Command;
use super::discovery::{Discovery, MAX_TEXT_BYTES, discover_in};
use super::openings::{Kind, opening, restyles};
use super::prompt::{self, Reader};
use super::signs::signs;
use super::syntax;
use crate::terminal::page::{Mark, Page};

/// Most such shells.
pub(super) const MAX_LEVELS: usize = 64;

/// Least bytes of the output of a command that opened a shell, for three lines with its prompt.
const MIN_OUTPUT_BYTES: usize = 8;

/// A shell or a program whose prompt was discovered.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    /// Where it runs.
    source: Range<usize>,
    /// Its prompt.
    pub discovery: Discovery,
    /// Who reads behind it.
    pub reader: Reader,
    /// The last mark at which it stands.
    pub last: Option<usize>,
    /// Whether that somebody typed behind it is sure.
    pub sure: bool,
    /// It was found in one output, by rows that begin alike.
    pub looped: bool,
}

impl Level {
    /// One that runs within a part of the source.
    pub(super) fn new(source: Range<usize>, discovery: Discovery, reader: Reader) -> Self {
        Self { source, discovery, reader, last: None, sure: true, looped: false }
    }

    /// One that runs from the start to the end.
    pub(crate) fn whole(discovery: Discovery) -> Vec<Self> {
        vec![Self::new(0..usize::MAX, discovery, Reader::Shell)]
    }

    /// Whether a mark was made while the shell ran.
    pub(crate) fn holds(&self, mark: &Mark) -> bool {
        self.source.contains(&mark.source)
    }

    /// Finds the last mark of its prompt.
    pub(crate) fn find_last(&mut self, page: &Page) {
        self.last =
            page.marks.iter().rposition(|mark| self.holds(mark) && self.discovery.stands_at(page, mark));
    }
}

/// Looks for the prompts of the shells that were opened by commands in whose output other commands stand. A shell runs until the
/// prompt comes back at which it was opened; what it opens itself has prompts that are known.
pub(crate) fn levels(page: &Page, commands: &[Command]) -> Vec<Level> {
    let mut levels = Vec::new();
    let (mut index, mut budget) = (0, MAX_TEXT_BYTES);
    while index < commands.len() && levels.len() < MAX_LEVELS && budget > 0 {
        let opened = &commands[index];
        index += 1;
        let next = commands.get(index);
        let own = opened.output(page, next);
        if own.len() < MIN_OUTPUT_BYTES || !opened.runs() {
            continue;
        }
        let opens = opening(&opened.command).is_some_and(|opening| opening.kind != Kind::Program);
        if !opens || !shows_commands(own, &mut budget) {
            continue;
        }
        let Some(key) = opened.prompt.as_deref().map(prompt::key) else { continue };
        let back =
            |command: &Command| command.prompt.as_deref().is_some_and(|prompt| prompt::has_key(prompt, &key));
        let returns = commands[index..].iter().position(back);
        let length = returns.unwrap_or(commands.len() - index);
        let mut text = String::new();
        for (at, command) in commands[index - 1..index + length].iter().enumerate() {
            let output = command.output(page, commands.get(index + at));
            text += &prompt::text_of(&output[..output.len().min(budget)]);
            text.push('\n');
            budget = budget.saturating_sub(output.len().max(1));
        }
        let own = prompt::text_of(own);
        let found = |discovery: &Discovery| {
            is_used(discovery, &own) && is_left(discovery, &text, returns.is_none(), next)
        };
        if let Some(discovery) = discover_in(&text, 0).filter(found) {
            let end = commands.get(index + length).map_or(usize::MAX, |back| back.source);
            levels.push(Level::new(opened.source..end, discovery, Reader::Shell));
            index += length;
        }
    }
    levels
}

/// Looks for the prompt of the shell that a transcript begins with, if all commands were found behind it: it has opened the one in
/// which they stand, or that is the same with more before its prompt. `alone` is true if no other prompt was discovered.
pub(crate) fn first(page: &Page, commands: &[Command], alone: bool) -> Option<Level> {
    let next = commands.iter().find(|command| command.is_record())?;
    let before = &page.text[..next.text.min(MAX_TEXT_BYTES)];
    let mut budget = MAX_TEXT_BYTES;
    if before.len() < MIN_OUTPUT_BYTES || !shows_commands(before, &mut budget) {
        return None;
    }
    let text = prompt::text_of(before);
    let discovery = discover_in(&text, 0).filter(|discovery| is_used(discovery, &text))?;
    let last = text.lines().rev().find_map(|line| Some(line.split_at(discovery.end(line, 0)?)))?;
    let grows = next.prompt.as_deref().is_some_and(|next| next.trim_end().ends_with(last.0.trim()));
    let leads = opening(last.1).is_some() || restyles(last.1) || syntax::brings_prompt(last.1);
    let end = if alone { usize::MAX } else { next.source };
    (grows || leads).then(|| Level::new(0..end, discovery, Reader::Shell))
}

/// Whether known commands stand behind signs in an output.
fn shows_commands(output: &[u8], budget: &mut usize) -> bool {
    let near = &output[..output.len().min(*budget)];
    *budget -= near.len();
    let text = prompt::text_of(near);
    text.lines().any(|line| signs(line, 0).any(|end| syntax::looks_like_command(&line[end..])))
}

/// Whether a prompt stands before a known command where the shell was opened, and something answers: a list of commands, as
/// messages of the day hold, has neither.
fn is_used(discovery: &Discovery, own: &str) -> bool {
    let mut lines =
        own.lines().filter(|line| !line.trim().is_empty()).map(|line| (line, discovery.end(line, 0)));
    let begins =
        |line: &str, end: Option<usize>| end.is_some_and(|end| syntax::looks_like_command(&line[end..]));
    let mut rest = lines.by_ref().skip_while(|&(line, end)| !begins(line, end));
    rest.next().is_some() && rest.any(|(_, end)| end.is_none())
}

/// Whether the last line with a prompt leaves its shell, sets another one, waits for a command, or ends the text. It may also go to
/// another directory, if the prompt of the `next` command is made alike, or open another shell, if the session is `cut` off there.
fn is_left(discovery: &Discovery, text: &str, cut: bool, next: Option<&Command>) -> bool {
    let mut lines = text.lines().rev().filter(|line| !line.trim().is_empty()).enumerate();
    let last = lines.find_map(|(below, line)| {
        let (prompt, typed) = line.split_at(discovery.end(line, 0)?);
        Some((below, prompt, typed.trim()))
    });
    let alike = |prompt: &str| {
        let next = next.and_then(|next| next.prompt.as_deref());
        next.is_some_and(|next| prompt::shape(next.trim()) == prompt::shape(prompt.trim()))
    };
    last.is_some_and(|(below, prompt, typed)| {
        below == 0
            || syntax::leaves(typed)
            || restyles(typed)
            || (cut && opening(typed).is_some())
            || (typed.starts_with("cd ") && alike(prompt))
    })
}
