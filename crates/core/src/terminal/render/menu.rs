//! Menus that a line editor paints below its line and erases there again, such as reline, the editor of irb: the cursor goes
//! down, and back up to the row of the line.

use unicode_width::UnicodeWidthStr;

use crate::terminal::token::{Csi, Token, token_at};

/// Most bytes of a menu.
const MAX_MENU_BYTES: usize = 4 * 1024;

/// A menu that was painted and left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Menu {
    /// Where the source goes on.
    pub end: usize,
    /// The column where the cursor stands then, counted from 1; none if it is the one from before.
    pub column: Option<usize>,
}

/// The menu that begins with `token`, which the cursor goes down with. `at` is where the source goes on. As an error, how far
/// was looked in vain.
pub(super) fn menu(token: Token<'_>, source: &[u8], at: usize) -> Result<Menu, usize> {
    let Token::Csi(down @ Csi { command: b'B', marker: 0, .. }) = token else { return Err(at) };
    let near = &source[..source.len().min(at.saturating_add(MAX_MENU_BYTES))];
    let (mut at, mut rows) = (at, down.param(0, 1));
    let mut column: Option<usize> = None;
    while let Some((token, next)) = token_at(near, at) {
        match token {
            // To scroll moves the line up, away from the cursor.
            Token::Csi(csi @ Csi { command: b'B' | b'S', marker: 0, .. }) => {
                rows = rows.saturating_add(csi.param(0, 1));
            }
            Token::Csi(csi @ Csi { command: b'A', marker: 0, .. }) => {
                rows = rows.checked_sub(csi.param(0, 1)).ok_or(at)?;
            }
            Token::Csi(csi @ Csi { command: b'G', marker: 0, .. }) => column = Some(csi.param(0, 1)),
            Token::Csi(Csi { command: b'm', .. }) | Token::Ignored => {}
            // It is painted at a column of its own.
            Token::Text(text) => {
                let width = std::str::from_utf8(text).map_err(|_| at)?.width();
                column = Some(column.ok_or(at)?.saturating_add(width));
            }
            _ => return Err(at),
        }
        at = next;
        if rows == 0 {
            return Ok(Menu { end: at, column });
        }
    }
    Err(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Result<Menu, usize> {
        let source = source.as_bytes();
        let (token, at) = token_at(source, 0).unwrap();
        menu(token, source, at)
    }

    #[test]
    fn goes_down_and_comes_back() {
        let scrolls = "\x1b[2B\x1b[2S\x1b[4A";
        assert_eq!(of(scrolls), Ok(Menu { end: scrolls.len(), column: None }));
        let paints = "\x1b[1B\x1b[18G\x1b[46mnil?\x1b[0m\x1b[18G\x1b[1B\x1b[46mnext\x1b[0m\x1b[2A";
        assert_eq!(of(&format!("{paints}x")), Ok(Menu { end: paints.len(), column: Some(22) }));
    }

    #[test]
    fn a_line_that_is_submitted_is_no_menu() {
        assert_eq!(of("\x1b[1B\x1b[1G\x1b[K\x1b[1Ghi\r\n"), Err(8));
        assert_eq!(of("\x1b[1B\x1b[1Ghi\r\n\x1b[1A"), Err(10));
        assert_eq!(of("\x1b[1Btext\x1b[1A"), Err(4));
        assert_eq!(of("\x1b[1B\x1b[5A"), Err(4));
    }
}
