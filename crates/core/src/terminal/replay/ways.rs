//! Ways of the cursor that are none of the line editor's usual ones: to a fixed place and back, and up to the prompt to
//! paint all anew.

use unicode_width::UnicodeWidthStr;

use super::super::screen::Screen;
use super::super::token::{Csi, Token, token_at};

/// Most bytes that are painted at a fixed place before the cursor comes back.
const MAX_DETOUR_BYTES: usize = 256;

/// Blanks that lead to the right edge.
const WAY_RIGHT: &[u8] = b"        ";

/// Least columns before a text at the right edge, most columns of such a text, and most bytes of both.
const MIN_WAY_RIGHT: usize = 20;
const MAX_RIGHT_COLUMNS: usize = 48;
const MAX_RIGHT_BYTES: usize = 1024;

/// Where a text ends that is painted elsewhere on the screen, such as a clock in a corner or at the right edge, if `token`
/// begins it by keeping the place of the cursor, up to the sequence that brings the cursor back. `at` is where it goes on.
pub(crate) fn detour_end(token: Token<'_>, source: &[u8], at: usize) -> Option<usize> {
    let keeps = matches!(
        token,
        Token::Escape(b'7') | Token::Csi(Csi { command: b's', marker: 0, intermediate: 0, params: b"" })
    );
    if !keeps {
        return None;
    }
    let near = &source[..source.len().min(at + MAX_DETOUR_BYTES)];
    let (mut at, mut goes) = (at, false);
    while let Some((token, next)) = token_at(near, at) {
        match token {
            Token::Escape(b'8') | Token::Csi(Csi { command: b'u', marker: 0, .. }) => {
                return goes.then_some(next);
            }
            Token::Csi(Csi { command: b'H' | b'f' | b'd' | b'G' | b'C', marker: 0, .. }) => goes = true,
            Token::Text(text) => goes |= text.starts_with(WAY_RIGHT),
            Token::Csi(Csi { command: b'm' | b'K' | b'D', .. }) | Token::Ignored => {}
            _ => return None,
        }
        at = next;
    }
    None
}

/// Where a prompt at the right edge ends, with the way back, if `token` is the way to it: the cursor goes back just as far as
/// it went and the prompt is wide. `at` is where it goes on.
pub(crate) fn aside_end(token: Token<'_>, source: &[u8], at: usize) -> Option<usize> {
    let Token::Csi(there @ Csi { command: b'C', marker: 0, .. }) = token else { return None };
    let near = &source[..source.len().min(at + MAX_DETOUR_BYTES)];
    let (mut at, mut columns) = (at, 0);
    while let Some((token, next)) = token_at(near, at) {
        match token {
            Token::Text(text) => columns += std::str::from_utf8(text).ok()?.width(),
            Token::Csi(Csi { command: b'm', .. }) | Token::Ignored => {}
            Token::Csi(back @ Csi { command: b'D', marker: 0, .. }) => {
                let far = columns > 0 && back.param(0, 1) == there.param(0, 1) + columns;
                return far.then_some(next);
            }
            _ => return None,
        }
        at = next;
    }
    None
}

/// Where a text ends that is printed at the right edge before the prompt, with the return behind it, and that text: a prompt may be
/// printed over the start of such a row.
pub(crate) fn right_text_end(source: &[u8]) -> Option<(usize, String)> {
    let near = &source[..source.len().min(MAX_RIGHT_BYTES)];
    let (mut at, mut blanks) = (0, 0);
    let mut shown = Vec::new();
    while let Some((token, next)) = token_at(near, at) {
        match token {
            Token::Text(text) => shown.extend_from_slice(text),
            Token::Csi(csi @ Csi { command: b'C', marker: 0, .. }) if shown.is_empty() => {
                blanks += csi.param(0, 1)
            }
            Token::Csi(Csi { command: b'm', .. }) => {}
            Token::Control(b'\r') if !matches!(near.get(next), None | Some(b'\r' | b'\n')) => {
                let text = std::str::from_utf8(&shown).ok()?;
                blanks += text.len() - text.trim_start_matches(' ').len();
                let found = blanks >= MIN_WAY_RIGHT && (1..=MAX_RIGHT_COLUMNS).contains(&text.trim().width());
                return found.then(|| (next, text.trim().to_owned()));
            }
            _ => return None,
        }
        at = next;
    }
    None
}

/// Whether `token` begins what a line editor sends when the size of the terminal has changed: it goes up to the row of its
/// prompt, erases on the way, and paints prompt and line anew. Returns that row and how many of the bytes `after` it come
/// before the prompt; as an error how many were looked at, none of which begins it.
pub(super) fn repainted(
    token: Token<'_>,
    screen: &Screen,
    after: &[u8],
) -> Result<Option<(usize, usize)>, usize> {
    if token != Token::Control(b'\r') || !matches!(after.first(), Some(0x1b | b'\r')) {
        return Ok(None);
    }
    let (mut goes_up, mut erases) = (false, false);
    let mut at = 0;
    while let Some((token, next)) = token_at(after, at) {
        match token {
            Token::Control(b'\r') | Token::Csi(Csi { command: b'm', .. }) | Token::Osc(_) => {}
            // What is erased below tells nothing: the row of the prompt may be painted over in part.
            Token::Csi(Csi { command: b'A', marker: 0, .. }) => (goes_up, erases) = (true, false),
            Token::Csi(Csi { command: b'K' | b'J', marker: 0, params: b"", .. }) => erases = true,
            Token::Text(text) if goes_up && erases => {
                return screen.row_painted_like(text).map(|row| Some((row, at))).ok_or(at);
            }
            _ => return Err(at),
        }
        at = next;
    }
    Err(at)
}
