//! Rows of an edited text below the last row of the window.
//!
//! Readline does not send the cursor there: `_rl_move_vert` of its display.c returns for rows beyond the height of the screen. It paints
//! such rows one over the other on the last row that it can reach, each behind a return alone, and what changes in one of them
//! as if the cursor stood on it. Here they become rows of their own. Empty ones are not painted at all.

use super::super::screen::Screen;
use super::super::token::{Csi, Token, token_at};
use super::COMMON_WIDTHS;
use super::rows::is_soft_wrap;

/// Fewest rows above the last one of a window: a line is edited in the rows above as well.
const MIN_ROWS_ABOVE: usize = 3;

/// How often the editor must have gone to the next row before: rows above may be parts of long lines.
const MIN_NEWLINES: usize = 2;

/// Fewest rows of one length that tell the width of the terminal, if none is longer and terminals often have it; else one more.
const MIN_FULL_ROWS: usize = 2;

/// The least width that they tell: the lines of encoded data (`base64`, `xxd`) have one length as well, and are shorter.
const MIN_TOLD_WIDTH: usize = 80;

/// Fewest bytes of a row by which it is known again.
const MIN_AGAIN_BYTES: usize = 4;

/// Most bytes that are looked at behind a return.
const MAX_AHEAD_BYTES: usize = 1024;

/// Follows the cursor where the window ends.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The last row that the cursor is sent to, once something was painted below it.
    bottom: Option<usize>,
    /// The row from which on all is painted in reverse video, as pasted text is first.
    lit_from: Option<usize>,
    /// What is printed is so.
    lit: bool,
    /// The columns of the longest row painted below, and how many have as many.
    longest: (usize, usize),
    /// How often the editor went to the next row.
    went_down: usize,
    /// It is not readline.
    is_foreign: bool,
}

/// What an editor paints behind a return.
enum Ahead<'a> {
    /// It goes on elsewhere.
    Nothing,
    /// A part of a row is changed.
    Change,
    /// The start of a row, perhaps in reverse video.
    Text(&'a [u8], bool),
}

impl Window {
    /// Whether rows below the window were met.
    pub(super) fn is_left(&self) -> bool {
        self.bottom.is_some()
    }

    /// The width, if rows below have told it: long lines go on in the next row, where nothing marks it.
    pub(super) fn told_width(&self) -> Option<usize> {
        let (columns, rows) = self.longest;
        let enough = if COMMON_WIDTHS.contains(&columns) { MIN_FULL_ROWS } else { MIN_FULL_ROWS + 1 };
        (rows >= enough && columns >= MIN_TOLD_WIDTH).then_some(columns)
    }

    fn note_length(&mut self, columns: usize) {
        if columns > self.longest.0 {
            self.longest = (columns, 0);
        }
        self.longest.1 += usize::from(columns == self.longest.0);
    }

    /// Looks at a token before the screen obeys it; `rest` is what follows. Whether it led to another row below the window.
    pub(super) fn leads_below(&mut self, token: Token<'_>, rest: &[u8], screen: &mut Screen) -> bool {
        match token {
            Token::Csi(csi @ Csi { command: b'm', .. }) => {
                self.lit = is_highlight(csi);
                if self.lit {
                    // Behind a full row, the next one is meant.
                    let full = screen.width() == Some(screen.column());
                    self.lit_from.get_or_insert(screen.row() + usize::from(full));
                }
            }
            Token::Text(_) if !self.lit => self.lit_from = None,
            Token::Csi(Csi { command: b'A', marker: 0, .. }) | Token::Escape(b'M') => {
                self.lit_from = None;
                if let Some(bottom) = self.bottom.filter(|&bottom| screen.row() > bottom) {
                    screen.go_up_to(bottom);
                }
            }
            // Readline goes to the right one column at a time.
            Token::Csi(Csi { command: b'C', params: [_, ..], .. }) => self.is_foreign = true,
            // And to the next row with a return behind the newline.
            Token::Control(b'\n') => self.went_down += usize::from(rest.starts_with(b"\r")),
            Token::Control(b'\r') => {
                let Some(row) = self.row_behind_return(rest, screen) else { return false };
                screen.go_to_row(row);
                return true;
            }
            _ => {}
        }
        false
    }

    /// The row below the window that is painted behind a return, if it is one.
    fn row_behind_return(&mut self, rest: &[u8], screen: &mut Screen) -> Option<usize> {
        let row = screen.row();
        let rows = self.went_down >= MIN_NEWLINES || self.lit_from.is_some() || self.bottom.is_some();
        if self.is_foreign || !rows || row < self.bottom.unwrap_or(MIN_ROWS_ABOVE) || screen.column() == 0 {
            return None;
        }
        let mut bottom = row;
        let lit = match ahead(rest) {
            Ahead::Nothing => return None,
            // Before anything was painted below the window, that is how a row is edited.
            Ahead::Change => {
                self.bottom?;
                false
            }
            Ahead::Text(text, lit) => {
                let begins = || {
                    if self.went_down < MIN_NEWLINES {
                        return false;
                    }
                    let narrow = screen.column() > screen.longest_row();
                    let may_wrap = if screen.width().is_none() { narrow } else { screen.column() == 1 };
                    let wraps = may_wrap && is_soft_wrap(screen, rest);
                    !wraps && screen.is_at_end() && is_another(text, &screen.row_text())
                };
                if self.bottom.is_none() {
                    let again = self.lit_from.filter(|&first| !lit && paints_again(text, screen, first));
                    bottom = again.or_else(|| begins().then_some(row))?;
                }
                lit
            }
        };
        let bottom = *self.bottom.get_or_insert(bottom);
        // What was pasted is painted once more without reverse video, from its first row on.
        match self.lit_from.filter(|_| !lit) {
            Some(first) => {
                self.lit_from = None;
                (first >= bottom).then_some(first)
            }
            None => {
                // The last row that the cursor is sent to may have been a longer one, of several rows.
                if row > bottom {
                    self.note_length(screen.column());
                }
                if screen.width() == Some(screen.column()) {
                    screen.wrap_row();
                }
                Some(row + 1)
            }
        }
    }
}

/// Whether a sequence begins the colours of pasted text: those in which a terminal stands out (`smso`), which are italics under
/// screen and tmux.
fn is_highlight(csi: Csi<'_>) -> bool {
    csi.command == b'm' && csi.marker == 0 && matches!(csi.params, b"7" | b"3")
}

/// Whether a text that is painted behind a return is what was pasted from a row above on: had the cursor not stood on the last row that
/// it is sent to, it would have gone up.
fn paints_again(text: &[u8], screen: &Screen, first: usize) -> bool {
    let shown = screen.text_of_row(first);
    let shown = shown.trim_end();
    first >= MIN_ROWS_ABOVE
        && first < screen.row()
        && shown.len() >= MIN_AGAIN_BYTES
        && text.starts_with(shown.as_bytes())
}

/// Whether a text that is painted at the start of a row is no change of what stands there: something that is put in front, or is
/// left of it.
fn is_another(text: &[u8], row: &str) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return true };
    let (row, text) = (row.trim_end(), text.trim_end());
    !row.is_empty() && !text.is_empty() && !text.ends_with(row) && !row.ends_with(text)
}

fn ahead(rest: &[u8]) -> Ahead<'_> {
    let near = &rest[..rest.len().min(MAX_AHEAD_BYTES)];
    let (mut at, mut lit) = (0, false);
    while let Some((token, next)) = token_at(near, at) {
        match token {
            Token::Csi(csi @ Csi { command: b'm', .. }) => lit = is_highlight(csi),
            // Terminals of old needed time for colours.
            Token::Control(0) => {}
            Token::Csi(Csi { command: b'C' | b'P' | b'K' | b'@', marker: 0, .. }) => return Ahead::Change,
            Token::Text(text) => return Ahead::Text(text, lit),
            _ => return Ahead::Nothing,
        }
        at = next;
    }
    Ahead::Nothing
}
