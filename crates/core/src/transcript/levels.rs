//! Prompts of no known form of shells that were opened within a transcript, while all others are known.

use std::ops::Range;

use super::command::Command;
use super::discovery::{Discovery, MAX_TEXT_BYTES, discover_in};
use super::openings::opening;
use super::prompt;
use super::signs::signs;
use super::syntax;
use crate::session::Status;
use crate::terminal::page::{Mark, Page};

/// Most such shells.
const MAX_LEVELS: usize = 64;

/// A shell whose prompt was discovered.
#[derive(Debug)]
pub(crate) struct Level {
    /// Where it runs.
    source: Range<usize>,
    /// Its prompt.
    pub discovery: Discovery,
    /// The last mark at which it stands.
    pub last: Option<usize>,
}

impl Level {
    /// One that runs from the start to the end.
    pub(crate) fn whole(discovery: Discovery) -> Vec<Self> {
        vec![Self { source: 0..usize::MAX, discovery, last: None }]
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
        let runs =
            opened.status == Status::Executed && opened.submitted && opening(&opened.command).is_some();
        let own = opened.output(page, next);
        if !runs || !shows_commands(own, &mut budget) {
            continue;
        }
        let Some(key) = opened.prompt.as_deref().map(prompt::key) else { continue };
        let back =
            |command: &Command| command.prompt.as_deref().is_some_and(|prompt| prompt::has_key(prompt, &key));
        let length = commands[index..].iter().position(back).unwrap_or(commands.len() - index);
        let mut text = String::new();
        for (at, command) in commands[index - 1..index + length].iter().enumerate() {
            let output = command.output(page, commands.get(index + at));
            text += &prompt::text_of(&output[..output.len().min(budget)]);
            text.push('\n');
            budget = budget.saturating_sub(output.len().max(1));
        }
        // Its first line stands where the shell was opened.
        let own = prompt::text_of(own);
        let begins = |discovery: &Discovery| {
            let mut lines = own.lines();
            lines.any(|line| {
                discovery.end(line, 0).is_some_and(|end| syntax::looks_like_command(&line[end..]))
            })
        };
        if let Some(discovery) = discover_in(&text, 0).filter(begins) {
            let end = commands.get(index + length).map_or(usize::MAX, |back| back.source);
            levels.push(Level { source: opened.source..end, discovery, last: None });
            index += length;
        }
    }
    levels
}

/// Whether known commands stand behind signs in an output.
fn shows_commands(output: &[u8], budget: &mut usize) -> bool {
    let near = &output[..output.len().min(*budget)];
    *budget -= near.len();
    let text = prompt::text_of(near);
    text.lines().any(|line| signs(line, 0).any(|end| syntax::looks_like_command(&line[end..])))
}
