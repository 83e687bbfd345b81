//! Marks of an edit that a program printed where no shell marks its edits: what follows are the lines of that shell.

use super::Renderer;
use crate::terminal::page::{Heads, LineMark, MarkKind};
use crate::terminal::token::{Csi, Token, token_at};

/// Signs of ASCII that prompts end with, before a blank.
const SIGNS: [u8; 4] = [b'$', b'#', b'%', b'>'];

/// Least bytes of a prompt that is no coincidence.
const MIN_PROMPT_BYTES: usize = 4;

/// How many lines back prompts are looked for.
const MAX_MARKS: usize = 12;

/// Most prompts that are looked for.
const MAX_PROMPTS: usize = 4;

/// Longest prompt.
const MAX_PROMPT_BYTES: usize = 128;

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 1_024;

impl<H: Heads> Renderer<'_, H> {
    /// Whether the prompt of a line that no shell marked comes back in what would be an edit from `start` to `end`, which
    /// begins with another one: it was opened by a transcript that was printed.
    pub(super) fn goes_on_unmarked(&self, start: usize, end: usize) -> bool {
        let edit = &self.source[start..end];
        let Some(first) = memchr::memchr(b'\n', edit).filter(|&at| at + 1 < edit.len()) else { return false };
        let mut prompts: Vec<&[u8]> = Vec::new();
        for mark in self.page.marks.iter().rev().take(MAX_MARKS) {
            let MarkKind::Line(LineMark { end, .. }) = mark.kind else { continue };
            let near = end.min(mark.text + MAX_PROMPT_BYTES);
            if let Some(prompt) = prompt_of(&self.page.text[mark.text..near])
                && prompts.len() < MAX_PROMPTS
                && !prompts.contains(&prompt)
                && !begins(edit, prompt)
            {
                prompts.push(prompt);
            }
        }
        let mut lines = memchr::memchr_iter(b'\n', &edit[first..]).map(|at| &edit[first + at + 1..]);
        !prompts.is_empty() && lines.any(|line| prompts.iter().any(|prompt| begins(line, prompt)))
    }
}

/// The prompt at the start of a line: up to the blank behind the first sign.
fn prompt_of(line: &[u8]) -> Option<&[u8]> {
    let blanks = memchr::memchr_iter(b' ', line);
    let end =
        blanks.into_iter().find(|&at| at > 0 && (SIGNS.contains(&line[at - 1]) || line[at - 1] >= 0x80))?;
    (end >= MIN_PROMPT_BYTES).then(|| &line[..=end])
}

/// Whether a line shows this prompt, apart from its figures.
fn begins(line: &[u8], prompt: &[u8]) -> bool {
    let mut rest = prompt;
    let mut at = 0;
    while at < MAX_LINE_BYTES
        && let Some((token, next)) = token_at(line, at)
    {
        match token {
            Token::Text(text) => {
                let alike = |(one, other): (&u8, &u8)| {
                    one == other || (one.is_ascii_digit() && other.is_ascii_digit())
                };
                if !text.iter().zip(rest).all(alike) {
                    return false;
                }
                rest = &rest[text.len().min(rest.len())..];
                if rest.is_empty() {
                    return true;
                }
            }
            Token::Csi(Csi { command: b'm', .. } | Csi { marker: 1.., .. }) | Token::Osc(_) => {}
            Token::Control(b'\r') if rest.len() == prompt.len() => {}
            _ => return false,
        }
        at = next;
    }
    false
}
