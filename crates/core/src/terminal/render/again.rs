//! Marks of an edit that a program printed where no shell marks its edits: what follows are the lines of that shell.

use super::Renderer;
use crate::terminal::page::Heads;
use crate::terminal::token::{Csi, Token, token_at};

/// Signs of ASCII that prompts end with, before a blank.
const SIGNS: [u8; 4] = [b'$', b'#', b'%', b'>'];

/// Least bytes of a prompt that is no coincidence.
const MIN_PROMPT_BYTES: usize = 4;

/// How many prompts are remembered.
const MAX_PROMPTS: usize = 4;

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 1_024;

/// Prompts of lines, the last one first.
#[derive(Debug, Default)]
pub(super) struct Prompts([Vec<u8>; MAX_PROMPTS]);

impl Prompts {
    /// Notes what may be the prompt of a line that no shell marked.
    pub(super) fn note(&mut self, line: &[u8]) {
        if !self.0[0].is_empty() && line.starts_with(&self.0[0]) {
            return;
        }
        let Some(prompt) = prompt_of(line) else { return };
        let at = self.0.iter().position(|known| *known == prompt).unwrap_or(MAX_PROMPTS - 1);
        self.0[..=at].rotate_right(1);
        self.0[0].clear();
        self.0[0].extend_from_slice(prompt);
    }
}

impl<H: Heads> Renderer<'_, H> {
    /// Whether the prompt of a line that no shell marked comes back in what would be an edit from `start` to `end`, which
    /// begins with another one: it was opened by a transcript that was printed.
    pub(super) fn goes_on_unmarked(&self, start: usize, end: usize) -> bool {
        let edit = &self.source[start..end];
        let Some(first) = memchr::memchr(b'\n', edit).filter(|&at| at + 1 < edit.len()) else { return false };
        let prompts = self.unmarked.0.iter().filter(|prompt| !prompt.is_empty());
        prompts.filter(|prompt| !begins(edit, prompt)).any(|prompt| {
            memchr::memchr_iter(b'\n', &edit[first..]).any(|at| begins(&edit[first + at + 1..], prompt))
        })
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
