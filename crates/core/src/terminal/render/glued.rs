//! Prompts behind output that did not end with a newline. Readline does not know that they stand there: a return takes it to
//! the start of its prompt, it thinks, and then it goes as many columns to the right as the prompt has at least.

use unicode_width::UnicodeWidthStr;

use super::Renderer;
use crate::terminal::page::{Heads, MarkKind};
use crate::terminal::replay::{PROMPT_SIGNS, right_text_end};
use crate::terminal::screen::Screen;
use crate::terminal::token::{Csi, Token, colour_len, token_at};

/// How many of the last marked lines are asked for their prompt.
const MAX_LINES_BACK: usize = 16;

/// How much of their start.
const MAX_START_BYTES: usize = 128;

/// Least bytes of a prompt that is known again anywhere on a line.
const MIN_PROMPT_BYTES: usize = 4;

/// How often one line is looked at for it, or for what begins on an emptied row.
const MAX_LOOKS: usize = 16;

/// A line with a prompt in its middle.
#[derive(Debug)]
pub(super) struct Glued {
    line: String,
    /// Where the prompt begins.
    at: usize,
}

impl<H: Heads> Renderer<'_, H> {
    /// The `line` that was printed so far, if in it a prompt begins that the editor takes for the start of the row; `next` is
    /// what comes behind a return.
    pub(super) fn glued_prompt(
        &mut self,
        line: impl FnOnce() -> Option<String>,
        next: usize,
    ) -> Option<Glued> {
        let columns = columns_to_the_right(&self.source[next..]);
        if columns < MIN_PROMPT_BYTES || self.page.marks.is_empty() || !self.may_look() {
            return None;
        }
        let line = line()?;
        let telling = |prompt: &&str| prompt.len() >= MIN_PROMPT_BYTES && prompt.width() <= columns;
        for prompt in self.last_prompts().filter(telling) {
            match memchr::memmem::rfind(line.as_bytes(), prompt.as_bytes()) {
                Some(0) => return None,
                Some(at) => return Some(Glued { line, at }),
                None => {}
            }
        }
        None
    }

    /// Whether the last prompt is printed over the `line` that was printed so far, and is no part of it: the output ended with
    /// a return. `next` is what comes behind the return.
    pub(super) fn prompt_over_output(&mut self, line: impl FnOnce() -> Option<String>, next: usize) -> bool {
        let rest = &self.source[next..];
        // Before the first prompt none is known, but what stands at the right edge is none.
        let right = || {
            right_text_end(&self.source[self.line_source..])
                .is_some_and(|(end, _)| self.line_source + end == next)
        };
        if self.last_start.is_empty() && right() && shows_sign(rest) {
            return true;
        }
        if first_shown(rest).is_none_or(|first| self.last_start.first() != Some(&first)) {
            return false;
        }
        let prompt = signed_start(&self.last_start).filter(|prompt| prompt.len() >= MIN_PROMPT_BYTES);
        let Some(prompt) = prompt.filter(|prompt| shown_start(rest).starts_with(prompt.as_bytes())) else {
            return false;
        };
        let prompt = prompt.trim_end().to_owned();
        self.may_look() && line().is_some_and(|line| !line.trim().is_empty() && !line.contains(&prompt))
    }

    /// The prompts that the last marked lines may start with, the newest first.
    fn last_prompts(&self) -> impl Iterator<Item = &str> {
        self.page.marks.iter().rev().take(MAX_LINES_BACK).filter_map(|mark| {
            let MarkKind::Line(known) = &mark.kind else { return None };
            signed_start(&self.page.text[mark.text..known.end.min(mark.text + MAX_START_BYTES)])
        })
    }

    /// Whether the line being printed over may be looked at once more as a whole: programs that print over a line again and
    /// again would have it looked at each time.
    pub(super) fn may_look(&mut self) -> bool {
        self.looks += 1;
        self.looks <= MAX_LOOKS
    }

    /// Ends the line before such a prompt, and has the screen show the prompt and what stands behind it.
    pub(super) fn split_before_prompt(&mut self, screen: &mut Screen, glued: &Glued) {
        let (output, prompt) = glued.line.split_at(glued.at);
        let text = self.page.text.len();
        self.page.text.extend_from_slice(output.as_bytes());
        self.note_lost(screen, text);
        self.line.bell |= screen.bell;
        self.suspect = true;
        self.page.invalid_utf8 |= screen.invalid_utf8;
        let source = self.line_source;
        self.break_line();
        // Colours may stand within the prompt; then its source is told from the return on.
        let start = prompt.split(' ').next().unwrap_or_default();
        let found = memchr::memmem::rfind(&self.source[source..self.at], start.as_bytes());
        self.line_source = found.map_or(self.at, |found| source + found);
        screen.reset();
        screen.print(prompt.as_bytes());
    }
}

/// The first byte that is printed, if colours alone stand before it.
fn first_shown(source: &[u8]) -> Option<u8> {
    let mut at = 0;
    while source.get(at) == Some(&0x1b) {
        let colour = colour_len(&source[at..]);
        if colour == 0 || !source[..at + colour].ends_with(b"m") {
            return None;
        }
        at += colour;
    }
    source.get(at).copied().filter(|&byte| byte > b' ')
}

/// What is printed at the start of a row, without its colours.
fn shown_start(source: &[u8]) -> Vec<u8> {
    let near = &source[..source.len().min(2 * MAX_START_BYTES)];
    let (mut shown, mut at) = (Vec::new(), 0);
    while let Some((token, next)) = token_at(near, at) {
        match token {
            Token::Text(text) => shown.extend_from_slice(text),
            Token::Csi(Csi { command: b'm', .. }) => {}
            _ => break,
        }
        at = next;
    }
    shown
}

/// Whether a row begins with more than a sign that prompts end with.
pub(super) fn shows_sign(source: &[u8]) -> bool {
    signed_start(&shown_start(source)).is_some_and(|prompt| prompt.len() >= MIN_PROMPT_BYTES)
}

/// How many columns the cursor goes to the right at once.
fn columns_to_the_right(source: &[u8]) -> usize {
    let mut columns = 0;
    let mut at = 0;
    while let Some((Token::Csi(csi @ Csi { command: b'C', marker: 0, intermediate: 0, .. }), next)) =
        token_at(source, at)
    {
        columns += csi.param(0, 1);
        at = next;
    }
    columns
}

/// The start of a line up to the blank behind a sign that prompts end with.
fn signed_start(line: &[u8]) -> Option<&str> {
    let start = line.utf8_chunks().next()?.valid();
    let mut blanks = start.match_indices(' ').map(|(at, _)| at + 1);
    let end = blanks.find(|&end| start[..end - 1].ends_with(|sign| PROMPT_SIGNS.contains(sign)))?;
    Some(&start[..end])
}
