//! Replays the edits that nearly all are: ASCII on one row, typed, erased and moved about in. A row of bytes is enough
//! for them. What needs more is left to [`super::replay`], which knows everything that this knows and gives the same.

use super::sent::{Lost, Trail};
use super::token::{Csi, Token, token_at};
use crate::session::Flag;

/// Most bytes of a row.
const MAX_ROW_BYTES: usize = 1_024;

/// Characters of the first text that an editor never changes.
const KEPT_BYTES: usize = 8;

/// What stands on the row in the end.
#[derive(Debug)]
pub(crate) struct Strip {
    /// Its text.
    pub text: String,
    /// A newline ended it.
    pub newline: bool,
    /// What was lost on the way.
    pub lost: Option<Lost>,
}

/// Replays an edit of a row; `None` if it needs more. `width` is the width of the terminal, if it is known.
pub(crate) fn replay_strip(bytes: &[u8], width: Option<usize>) -> Option<Strip> {
    let mut row: Vec<u8> = Vec::with_capacity(128);
    let mut trail = Trail::default();
    let mut first = [0; KEPT_BYTES];
    let mut kept = 0;
    let mut column = 0_usize;
    let mut newline = false;
    let mut at = 0;
    let edge = width.unwrap_or(MAX_ROW_BYTES).min(MAX_ROW_BYTES);
    // A terminal without columns is a mistake that the screen knows how to judge.
    if edge == 0 {
        return None;
    }
    while let Some((token, next)) = token_at(bytes, at) {
        at = next;
        match token {
            Token::Text(text) if !newline && text.iter().fold(true, |all, byte| all & is_plain(*byte)) => {
                let end = column + text.len();
                if end >= edge {
                    return None;
                }
                let over = text.len().min(row.len() - column);
                if over > 0 {
                    lose_under(&mut trail, &row, column, &text[..over]);
                }
                trail.printed(text.len(), text.iter().any(|&byte| byte != b' '));
                row[column..column + over].copy_from_slice(&text[..over]);
                row.extend_from_slice(&text[over..]);
                column = end;
                for (slot, &byte) in first[kept..].iter_mut().zip(text) {
                    *slot = byte;
                    kept += 1;
                }
            }
            Token::Control(0x08) if !newline => {
                trail.goes_back(false);
                column = column.saturating_sub(1);
            }
            Token::Control(0x07) => {}
            Token::Control(b'\r') if matches!(bytes.get(at), Some(b'\r' | b'\n')) => {}
            Token::Control(b'\n') if !newline && bytes[..at].ends_with(b"\r\n") => newline = true,
            Token::Csi(Csi { marker: 1.., .. } | Csi { command: b'm', .. }) => {}
            Token::Csi(Csi { marker: 0, intermediate: 0, command: b'K' | b'J', params: b"" }) if !newline => {
                if row[column.min(row.len())..].iter().any(|&byte| byte != b' ') {
                    trail.goes_back(false);
                    trail.lose(column, row.len(), Flag::Erased, |out| out.extend_from_slice(&row));
                }
                row.truncate(column);
            }
            Token::Csi(csi @ Csi { marker: 0, intermediate: 0, command: b'C', .. }) if !newline => {
                column += csi.param(0, 1);
                if column > row.len() {
                    return None;
                }
            }
            Token::Osc(payload) if !payload.starts_with(b"133;") && !payload.starts_with(b"633;") => {}
            _ => return None,
        }
    }
    let start = first[..kept].trim_ascii_end();
    let lost = if trail.is_empty() { None } else { trail.lost(&row, true) };
    let text = String::from_utf8(row).ok()?;
    text.as_bytes().starts_with(start).then_some(Strip { text, newline, lost })
}

/// Text is about to be printed over the cells from `column` on.
fn lose_under(trail: &mut Trail, row: &[u8], column: usize, text: &[u8]) {
    let lost = |(cell, byte): (&u8, &u8)| *cell != b' ' && cell != byte;
    let mut pairs = row[column..].iter().zip(text);
    let Some(first) = pairs.clone().position(lost) else { return };
    let last = pairs.rposition(lost).unwrap_or(first);
    let flag = if text[first] == b' ' { Flag::Erased } else { Flag::Overwritten };
    trail.lose(column + first, column + last + 1, flag, |out| out.extend_from_slice(row));
}

fn is_plain(byte: u8) -> bool {
    byte.wrapping_sub(b' ') <= b'~' - b' '
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::replay::{Until, replay};
    use super::super::screen::Screen;
    use super::*;

    /// What is typed, erased and sent around it.
    const PIECES: [&str; 20] = [
        "$ ",
        "ls -l",
        "a",
        " ",
        "\x08",
        "\x08\x1b[K",
        "\x1b[K",
        "\x1b[J",
        "\x1b[C",
        "\x1b[3C",
        "\x1b[01;32m",
        "\x07",
        "\x1b]0;title\x07",
        "\x1b[?2004h",
        "\x1b[2@",
        "\r\r\n",
        "\r",
        "\t",
        "é",
        "\x1b]133;B\x07",
    ];

    proptest! {
        #[test]
        fn a_strip_shows_what_a_screen_shows(
            picked in prop::collection::vec(0..PIECES.len(), 0..30),
            width in prop::option::of(0_usize..60),
        ) {
            let bytes: String = picked.into_iter().map(|index| PIECES[index]).collect();
            if let Some(strip) = replay_strip(bytes.as_bytes(), width) {
                let mut known = width;
                let (other, _) = replay(bytes.as_bytes(), &Screen::new(None), Until::End, &mut known, true);
                let lines = other.screen.lines();
                prop_assert_eq!(&lines[0].text, &strip.text);
                prop_assert_eq!(lines.len(), 1 + usize::from(strip.newline));
                prop_assert_eq!(other.screen.line_of_cursor(), usize::from(strip.newline));
                prop_assert_eq!((other.penalty, lines[0].prompt_end), (0, None));
                prop_assert_eq!(known, width);
            }
        }
    }

    #[test]
    fn one_row_is_replayed_and_more_is_left() {
        let strip = replay_strip(b"me@host$ lsx\x08\x1b[K -l\x08\x08\x1b[C\r\r\n", Some(80)).unwrap();
        assert_eq!((strip.text.as_str(), strip.newline), ("me@host$ ls -l", true));
        let long = "x".repeat(80);
        for other in
            ["$ \u{e9}", "$ a\x1b[A", "$ a\rb", "$ a\nb", "\x1b]133;B\x07", "$ \x1b[9C", long.as_str()]
        {
            assert!(replay_strip(other.as_bytes(), Some(80)).is_none(), "{other:?}");
        }
    }
}
