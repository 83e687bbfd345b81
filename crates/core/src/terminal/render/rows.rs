//! Which newlines end a line, and which are a line editor's way to another row.

use super::Renderer;
use crate::terminal::page::Heads;
use crate::terminal::replay::{MAX_RETURNS, begins_with_return, returns_before};
use crate::terminal::token::{Csi, Token, token_at};

/// Longest preview below a line.
const MAX_PREVIEW_BYTES: usize = 1_024;

/// What asks a terminal for the cursor (DSR of ECMA-48).
const ASKS_CURSOR: &[u8] = b"\x1b[6n";

/// Least bytes of a line that may be longer than its row.
const MIN_WRAPPED_BYTES: usize = 40;

/// Most lines that are asked how they end.
const MAX_ASKED_LINES: usize = 64;

/// Bytes at the start of a line by which its prompt is known again.
const HEAD_BYTES: usize = 4;

impl<H: Heads> Renderer<'_, H> {
    /// Whether a newline only wraps the line: the editor of a shell that has asked for the cursor prints a return of its
    /// own before it.
    pub(super) fn wraps(&mut self, returns: usize) -> bool {
        returns > self.returns_of_end()
    }

    /// How many returns stand before the newline that ends this line, if its editor may print others within it.
    pub(super) fn returns_of_end(&mut self) -> usize {
        if self.line.prompt_end.is_none() {
            return usize::MAX;
        }
        // The first such line, if it is long, is compared with those that follow.
        let (source, start) = (self.source, self.line_source);
        match self.asked_returns {
            Some(usual) => usual,
            None if self.at - start < MIN_WRAPPED_BYTES => usize::MAX,
            None => *self.returns_ahead.get_or_insert_with(|| usual_returns(source, start)),
        }
    }

    /// Whether nothing but returns stands before the next newline.
    pub(super) fn ends_row(&self, at: usize) -> bool {
        let rest = &self.source[at..];
        rest.get(rest.iter().take(MAX_RETURNS).take_while(|&&byte| byte == b'\r').count()) == Some(&b'\n')
    }
}

/// How many returns stand before the newline of most lines whose editor asked for the cursor, and that begin like the one at
/// `start`; of two the larger number.
fn usual_returns(source: &[u8], start: usize) -> usize {
    let head = &source[start..source.len().min(start + HEAD_BYTES)];
    let rest = &source[start..];
    let asked = memchr::memmem::find_iter(rest, ASKS_CURSOR).take(MAX_ASKED_LINES);
    let returns = asked.filter_map(|at| {
        let line = memchr::memrchr(b'\n', &rest[..at]).map_or(0, |newline| newline + 1);
        let end = at + memchr::memchr(b'\n', &rest[at..])?;
        rest[line..].starts_with(head).then(|| returns_before(&rest[..=end]))
    });
    let mut counts = [0_usize; MAX_RETURNS + 1];
    returns.for_each(|returns| counts[returns] += 1);
    let most = counts.iter().enumerate().max_by_key(|&(returns, &count)| (count, returns));
    most.filter(|&(_, &count)| count > 0).map_or(usize::MAX, |(returns, _)| returns)
}

/// Whether the cursor goes up again before the next newline.
pub(super) fn returns_from_below(source: &[u8]) -> bool {
    let near = &source[..source.len().min(MAX_PREVIEW_BYTES)];
    if begins_with_return(near) {
        return returns_from_lines(near);
    }
    let line = &near[..memchr::memchr(b'\n', near).unwrap_or(near.len())];
    let mut commands = memchr::memchr_iter(0x1b, line).filter_map(|at| match token_at(line, at) {
        Some((Token::Csi(Csi { command: command @ (b'A' | b'B' | b'G'), marker: 0, .. }), _)) => {
            Some(command)
        }
        _ => None,
    });
    // A line that goes down itself is edited on its own.
    commands.any(|command| command == b'G') && commands.find(|&command| command != b'G') == Some(b'A')
}

/// Whether the cursor goes up again from lines that each begin with a return, as readline prints those of a command that has
/// several.
fn returns_from_lines(near: &[u8]) -> bool {
    let mut at = 0;
    while let Some((token, next)) = token_at(near, at) {
        match token {
            Token::Csi(Csi { command: b'A', marker: 0, .. }) => return true,
            Token::Control(b'\n') if !begins_with_return(&near[next..]) => return false,
            _ => at = next,
        }
    }
    false
}
