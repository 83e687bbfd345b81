//! The way back to a text that is painted once more: readline shows what was pasted in reverse video, goes back to where it
//! begins and paints it plain. How many rows it goes up tells how long a row is.

use super::super::token::{Csi, Token, token_at};
use super::MIN_WIDTH;

/// Least characters that are known again.
const MIN_CHARACTERS: usize = 4;

/// Most characters that are compared.
const MAX_CHARACTERS: usize = 24;

/// Most characters of a line that is looked at.
const MAX_LINE: usize = 8 * 1024;

/// Most ways of one line that are followed.
const MAX_WAYS: usize = 16;

/// A line on one row without end, and the way that the cursor has gone from where it was printed last.
#[derive(Default)]
struct Line {
    text: Vec<char>,
    column: usize,
    /// Rows up, and columns to the right, since the cursor has gone up.
    up: usize,
    right: isize,
}

/// The widths that such ways tell, each once, in the order in which they are met.
pub(super) fn way_back_widths(bytes: &[u8]) -> Vec<usize> {
    let mut widths = Vec::new();
    let mut line = Line::default();
    let (mut at, mut ways) = (0, 0);
    while let Some((token, next)) = token_at(bytes, at) {
        at = next;
        let obeyed = match token {
            Token::Text(_) if line.up > 0 && ways == MAX_WAYS => false,
            Token::Text(text) if line.up > 0 => {
                ways += 1;
                let width = std::str::from_utf8(text).ok().and_then(|text| line.comes_back(text));
                if let Some(width) = width.filter(|width| !widths.contains(width)) {
                    widths.push(width);
                }
                width.is_some()
            }
            Token::Text(text) => std::str::from_utf8(text).is_ok_and(|text| line.print(text)),
            Token::Control(0x08) => line.moves(-1),
            Token::Csi(csi) => line.sequence(csi),
            Token::Control(0x07) | Token::Osc(_) => true,
            _ => false,
        };
        if !obeyed {
            break;
        }
    }
    widths
}

impl Line {
    fn print(&mut self, text: &str) -> bool {
        for character in text.chars() {
            match self.text.get_mut(self.column) {
                Some(cell) => *cell = character,
                None => {
                    self.text.resize(self.column, ' ');
                    self.text.push(character);
                }
            }
            self.column += 1;
        }
        self.text.len() <= MAX_LINE
    }

    fn moves(&mut self, columns: isize) -> bool {
        if self.up > 0 {
            self.right = self.right.saturating_add(columns);
        } else {
            self.column = self.column.saturating_add_signed(columns);
        }
        self.column <= MAX_LINE
    }

    fn sequence(&mut self, csi: Csi<'_>) -> bool {
        let count = csi.param(0, 1).clamp(1, MAX_LINE);
        match csi.command {
            b'A' => self.up += count,
            b'C' => return self.moves(count as isize),
            b'D' => return self.moves(-(count as isize)),
            b'K' if self.up == 0 && csi.param(0, 0) == 0 => self.text.truncate(self.column),
            b'm' | b'h' | b'l' => {}
            _ => return false,
        }
        true
    }

    /// The width at which the way leads to where this text stands already.
    fn comes_back(&mut self, text: &str) -> Option<usize> {
        let wanted: Vec<char> = text.chars().take(MAX_CHARACTERS).collect();
        if wanted.len() < MIN_CHARACTERS {
            return None;
        }
        let from = self.column.checked_add_signed(self.right)?;
        let found = self.text.windows(wanted.len()).enumerate().find_map(|(start, shown)| {
            let width = from.checked_sub(start)? / self.up;
            (shown == wanted && width >= MIN_WIDTH && start + width * self.up == from)
                .then_some((start, width))
        });
        let (start, width) = found?;
        (self.column, self.up, self.right) = (start, 0, 0);
        self.print(text).then_some(width)
    }
}
