//! Lines edited on a Windows console (ConPTY): what changes in the row is painted at an absolute place.

use super::Renderer;
use crate::terminal::page::Heads;
use crate::terminal::screen::Screen;
use crate::terminal::token::{Csi, Token, token_at};

/// Least characters that are painted once more where they stand.
const MIN_AGAIN_CHARS: usize = 2;

/// Most tokens between the sequence that moves the cursor and what is painted.
const MAX_TOKENS: usize = 8;

impl<H: Heads> Renderer<'_, H> {
    /// The column, from 1, to which a sequence sends the cursor within the row of the line (CUP). Nothing tells the number of the row: it
    /// is that of a place at which something is painted that stands there already, as the start of a longer text. `next` is where the
    /// sequence ends.
    pub(super) fn column_in_row(&mut self, csi: Csi<'_>, screen: &Screen, next: usize) -> Option<usize> {
        if csi.command != b'H' || csi.marker != 0 {
            return None;
        }
        let (row, column) = (csi.param(0, 1), csi.param(1, 1));
        if self.console_row.is_none() && paints_again(&screen.row_text_from(column - 1), &self.source[next..])
        {
            self.console_row = Some(row);
        }
        // An editor goes nowhere behind its line.
        (self.console_row == Some(row) && screen.reaches(column)).then_some(column)
    }
}

/// Whether what is painted next begins with what is shown.
fn paints_again(shown: &str, source: &[u8]) -> bool {
    let shown = shown.trim_end();
    let mut at = 0;
    for _ in 0..MAX_TOKENS {
        match token_at(source, at) {
            Some((Token::Text(text), _)) => {
                return shown.chars().count() >= MIN_AGAIN_CHARS && text.starts_with(shown.as_bytes());
            }
            // Colours, and whether the cursor is shown.
            Some((Token::Csi(Csi { command: b'm' | b'h' | b'l', .. }), next)) => at = next,
            _ => return false,
        }
    }
    false
}
