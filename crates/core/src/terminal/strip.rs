//! Replays what nearly all edited and overprinted lines are: ASCII on one row, typed, erased and moved about in. A row of
//! bytes is enough for them. What needs more is left to [`super::replay`] and [`super::screen`], which know everything
//! that this knows and give the same.

use super::block::{BLOCK, Block};
use super::row::plain_len;
use super::screen::MAX_EMPTIED_COLUMNS;
use super::sent::{Lost, Trail};
use super::token::{Csi, Token};
use crate::session::Flag;

/// Most bytes of a row.
const MAX_ROW_BYTES: usize = 1_024;

/// Characters of the first text that an editor never changes.
const KEPT_BYTES: usize = 8;

/// A row of printable ASCII, the cursor, and what was lost on the way.
#[derive(Debug, Default)]
pub(crate) struct Strip {
    pub bytes: Vec<u8>,
    pub column: usize,
    pub trail: Trail,
}

impl Strip {
    /// Forgets everything but its memory.
    pub(crate) fn reset(&mut self) {
        self.bytes.clear();
        self.column = 0;
        self.trail.reset();
    }

    /// Prints text; `false` if it is not printable ASCII, or reaches the column `edge`.
    #[inline]
    pub(crate) fn print(&mut self, text: &[u8], edge: usize) -> bool {
        let end = self.column + text.len();
        if end >= edge.min(MAX_ROW_BYTES) || plain_len(text) != text.len() {
            return false;
        }
        if self.column < self.bytes.len() {
            let over = text.len().min(self.bytes.len() - self.column);
            self.lose_under(&text[..over]);
            self.bytes[self.column..self.column + over].copy_from_slice(&text[..over]);
            self.bytes.extend_from_slice(&text[over..]);
        } else {
            self.bytes.resize(self.column, b' ');
            self.bytes.extend_from_slice(text);
        }
        self.trail.printed(text.len(), text.iter().any(|&byte| byte != b' '));
        self.column = end;
        true
    }

    /// Goes some columns back.
    pub(crate) fn backspace(&mut self, columns: usize) {
        self.trail.goes_back(false);
        self.column = self.column.saturating_sub(columns);
    }

    /// Goes to the start.
    pub(crate) fn carriage_return(&mut self) {
        self.trail.goes_back(self.column > 0);
        self.column = 0;
    }

    /// Wipes everything from a column on.
    pub(crate) fn erase_from(&mut self, column: usize) {
        let Some(rest) = self.bytes.get(column..) else { return };
        if rest.iter().any(|&byte| byte != b' ') {
            self.trail.goes_back(false);
            let (end, bytes) = (self.bytes.len(), &self.bytes);
            self.trail.lose(column, end, Flag::Erased, |out| out.extend_from_slice(bytes));
        }
        self.bytes.truncate(column);
    }

    /// Whether the cursor is at the start, and nothing stands on the row, which is not long.
    pub(crate) fn is_blank(&self) -> bool {
        self.column == 0
            && self.bytes.len() <= MAX_EMPTIED_COLUMNS
            && self.bytes.iter().all(|&byte| byte == b' ')
    }

    /// What stands in the last column before the cursor.
    pub(crate) fn last(&self) -> Option<u8> {
        self.bytes.get(self.column.checked_sub(1)?).copied()
    }

    /// Text is about to be printed over the cells from the cursor on.
    fn lose_under(&mut self, text: &[u8]) {
        let (row, column) = (&self.bytes, self.column);
        let Some((first, last)) = first_and_last_lost(&row[column..column + text.len()], text) else {
            return;
        };
        let flag = if text[first] == b' ' { Flag::Erased } else { Flag::Overwritten };
        self.trail.lose(column + first, column + last + 1, flag, |out| out.extend_from_slice(row));
    }
}

/// The first and the last cell of a row that show something else than a blank, and not what `text`, which is as long, prints
/// over them.
fn first_and_last_lost(row: &[u8], text: &[u8]) -> Option<(usize, usize)> {
    let mut found = None;
    for (index, (cells, bytes)) in row.chunks(BLOCK).zip(text.chunks(BLOCK)).enumerate() {
        let (cells, bytes) = (Block::of_part(cells), Block::of_part(bytes));
        let lost = !cells.same(bytes).or(cells.is(b' ')).bits();
        if lost != 0 {
            let start = index * BLOCK;
            let last = start + lost.ilog2() as usize;
            found = Some((found.map_or(start + lost.trailing_zeros() as usize, |(first, _)| first), last));
        }
    }
    found
}

/// An edit on a strip.
#[derive(Debug)]
pub(crate) struct EditStrip<'s> {
    strip: &'s mut Strip,
    first: [u8; KEPT_BYTES],
    kept: usize,
    edge: usize,
    /// A newline ended the row.
    newline: bool,
    /// It needs more than a strip.
    failed: bool,
    /// Up to where it was coloured before anything was edited.
    styled: Option<usize>,
    edited: bool,
}

/// What stands on the row in the end.
#[derive(Debug)]
pub(crate) struct Stripped {
    /// Its text.
    pub text: String,
    /// A newline ended it.
    pub newline: bool,
    /// What was lost on the way.
    pub lost: Option<Lost>,
    /// Up to where it was coloured before anything was edited.
    pub styled: Option<usize>,
}

impl<'s> EditStrip<'s> {
    /// An edit on an empty strip. `width` is the width of the terminal, if it is known.
    pub(crate) fn new(strip: &'s mut Strip, width: Option<usize>) -> Self {
        strip.reset();
        // A terminal without columns is a mistake that the screen knows how to judge.
        let failed = width == Some(0);
        let edge = width.unwrap_or(MAX_ROW_BYTES);
        Self {
            strip,
            first: [0; KEPT_BYTES],
            kept: 0,
            edge,
            newline: false,
            failed,
            styled: None,
            edited: false,
        }
    }

    /// Obeys a token of `source` that ends at `next`.
    pub(crate) fn feed(&mut self, token: Token<'_>, source: &[u8], next: usize) {
        self.failed = self.failed || !self.obey(token, source, next);
    }

    /// Says that the edit is not what was fed.
    pub(crate) fn fail(&mut self) {
        self.failed = true;
    }

    /// Obeys so many backspaces.
    pub(crate) fn backspace(&mut self, count: usize) {
        self.failed |= self.newline;
        self.edited = true;
        self.strip.backspace(count);
    }

    fn obey(&mut self, token: Token<'_>, source: &[u8], next: usize) -> bool {
        match token {
            Token::Text(text) if !self.newline => {
                for (slot, &byte) in self.first[self.kept..].iter_mut().zip(text) {
                    *slot = byte;
                    self.kept += 1;
                }
                self.strip.print(text, self.edge)
            }
            Token::Control(0x08) if !self.newline => {
                self.edited = true;
                self.strip.backspace(1);
                true
            }
            Token::Control(0x07) => true,
            Token::Control(b'\r') => matches!(source.get(next), Some(b'\r' | b'\n')),
            Token::Control(b'\n') if !self.newline && source[..next].ends_with(b"\r\n") => {
                self.newline = true;
                true
            }
            Token::Csi(Csi { marker: 0, command: b'm', params, .. }) => {
                let is_prompt = !self.edited && !self.newline && self.strip.column > 0;
                if is_prompt && !matches!(params, b"7" | b"27") {
                    self.styled = Some(self.strip.column);
                }
                true
            }
            Token::Csi(Csi { marker: 1.., .. }) => true,
            Token::Csi(Csi { marker: 0, intermediate: 0, command: b'K' | b'J', params: b"" }) => {
                self.strip.erase_from(self.strip.column);
                !self.newline
            }
            Token::Csi(csi @ Csi { marker: 0, intermediate: 0, command: b'C', .. }) if !self.newline => {
                self.edited = true;
                self.strip.column += csi.param(0, 1);
                self.strip.column <= self.strip.bytes.len()
            }
            Token::Osc(payload) => !payload.starts_with(b"133;") && !payload.starts_with(b"633;"),
            _ => false,
        }
    }

    /// What is left; `None` if it needs more.
    pub(crate) fn finish(self) -> Option<Stripped> {
        let Self { strip, first, kept, newline, failed, styled, .. } = self;
        if failed || !strip.bytes.starts_with(first[..kept].trim_ascii_end()) {
            return None;
        }
        let lost = if strip.trail.is_empty() { None } else { strip.trail.lost(&strip.bytes, true) };
        let text = String::from_utf8(strip.bytes.clone()).ok()?;
        let styled = styled.filter(|&end| end <= text.len());
        Some(Stripped { text, newline, lost, styled })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::replay::{Hints, Until, replay};
    use super::super::screen::Screen;
    use super::super::token::token_at;
    use super::*;

    fn replay_strip(bytes: &[u8], width: Option<usize>) -> Option<Stripped> {
        let mut strip = Strip::default();
        let mut edit = EditStrip::new(&mut strip, width);
        let mut at = 0;
        while let Some((token, next)) = token_at(bytes, at) {
            edit.feed(token, bytes, next);
            at = next;
        }
        edit.finish()
    }

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
                let hints = Hints { search: true, ..Hints::default() };
                let (other, _) = replay(bytes.as_bytes(), &Screen::new(None), Until::End, &mut known, hints);
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
