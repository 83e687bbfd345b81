//! What a plain look at the final screen would not tell: rows that were wiped or printed over after the cursor went back
//! to them, text in hidden colours, the alternate screen. All text is on the page; here it is only noted what became
//! of it. What was lost within one line is noted by the line (`terminal::sent`).
//!
//! The height of the terminal is not known, and rows are counted by newlines, so a note may be a few rows off.

use super::Renderer;
use crate::session::Flag;
use crate::terminal::fence::is_visible;
use crate::terminal::page::{Heads, Hidden, Sent};
use crate::terminal::sent::Lost;
use crate::terminal::token::{Csi, Token};

/// Rows that a screen shows at least: they are wiped with it.
const SCREEN_ROWS: usize = 24;

/// How far back in the source rows are looked for.
const MAX_ROWS_BYTES: usize = 8 * 1024;

/// Most parts that are noted one by one; the last one runs on to the end.
const MAX_HIDDEN: usize = 100_000;

/// Bytes of lost text that are kept besides as many as the source has.
const MIN_SENT_BYTES: usize = 64 * 1024;

/// The row of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// So many rows above the last one that was printed on.
    Above(usize),
    /// Sent to a row by number.
    Addressed,
}

/// The last row.
pub(super) const BOTTOM: Place = Place::Above(0);

impl<H: Heads> Renderer<'_, H> {
    /// Looks at a token on its way to an overprinted line. It starts at `start` in the source.
    pub(super) fn watch(&mut self, token: Token<'_>, start: usize) {
        match token {
            Token::Text(text) if self.colours.hide() || self.place != BOTTOM => {
                if self.colours.hide() {
                    self.conceal(text, start);
                }
                if is_visible(text) {
                    self.touch_rows(Flag::Overwritten, start, 1);
                }
            }
            Token::Csi(csi) if csi.marker == 0 && csi.intermediate == 0 => self.watch_sequence(csi, start),
            Token::Control(b'\n') | Token::Escape(b'D' | b'E') => self.go_down(1),
            Token::Escape(b'M') => self.go_up(1),
            Token::Escape(b'8') => self.place = BOTTOM,
            Token::Escape(b'c') => self.wipe(start),
            _ => {}
        }
    }

    fn watch_sequence(&mut self, csi: Csi<'_>, start: usize) {
        let count = csi.param(0, 1);
        match csi.command {
            b'm' => self.colours.apply(csi.params),
            b'A' | b'F' => self.go_up(count),
            b'B' | b'E' | b'e' => self.go_down(count),
            b'H' | b'f' if count == 1 && csi.param(1, 1) == 1 => self.place = Place::Above(SCREEN_ROWS),
            b'H' | b'f' | b'd' => self.place = Place::Addressed,
            b'K' | b'X' | b'P' => self.touch_rows(Flag::Erased, start, 1),
            b'M' => self.touch_rows(Flag::Erased, start, count),
            b'J' if csi.param(0, 0) == 0 => {
                self.touch_rows(Flag::Erased, start, usize::MAX);
                self.place = BOTTOM;
            }
            b'J' => self.wipe(start),
            _ => {}
        }
    }

    fn go_up(&mut self, rows: usize) {
        if let Place::Above(above) = &mut self.place {
            *above = above.saturating_add(rows).min(usize::from(u16::MAX));
        }
    }

    fn go_down(&mut self, rows: usize) {
        self.place = match self.place {
            Place::Above(above) => Place::Above(above.saturating_sub(rows)),
            Place::Addressed => BOTTOM,
        };
    }

    /// Notes that text cannot be read.
    pub(super) fn conceal(&mut self, text: &[u8], start: usize) {
        if is_visible(text) {
            self.hide(start, start + text.len(), Flag::Concealed);
        }
    }

    /// Notes that something happened to `count` rows from that of the cursor on. The last row is a line's own business.
    fn touch_rows(&mut self, flag: Flag, start: usize, count: usize) {
        match self.place {
            Place::Above(0) => {}
            Place::Above(above) => {
                let from = self.row_source(above);
                let end = if count > above { start } else { self.row_source(above - count) };
                // A row that was wiped a moment ago is not overwritten.
                let wiped = self.page.hidden.last().is_some_and(|last| {
                    flag == Flag::Overwritten && last.source.start <= from && last.source.end >= end
                });
                if !wiped {
                    self.hide(from, end, flag);
                }
            }
            // It is not known which row this is; it belongs to what is going on.
            Place::Addressed => self.hide(start, start + 1, flag),
        }
    }

    /// Notes that the screen was wiped.
    pub(super) fn wipe(&mut self, start: usize) {
        let from = self.row_source(SCREEN_ROWS);
        self.hide(from, start, Flag::Erased);
        self.wiped = start;
        self.place = BOTTOM;
    }

    /// Where the row starts that lies so many rows above the last one, as far as it can be on the screen.
    fn row_source(&self, above: usize) -> usize {
        let window = self.wiped.max(self.at.saturating_sub(MAX_ROWS_BYTES)).min(self.at);
        let newlines = memchr::memrchr_iter(b'\n', &self.source[window..self.at]);
        newlines.take(SCREEN_ROWS * 4).nth(above).map_or(window, |at| window + at + 1)
    }

    /// Notes a part of the source.
    pub(super) fn hide(&mut self, start: usize, end: usize, flag: Flag) {
        if start >= end {
            return;
        }
        let full = self.page.hidden.len() >= MAX_HIDDEN;
        let last = self.page.hidden.iter_mut().rev().take(2).find(|last| last.flag == flag);
        match last {
            Some(last) if full => last.source.end = usize::MAX,
            Some(last) if start <= last.source.end && end >= last.source.start => {
                last.source.start = last.source.start.min(start);
                last.source.end = last.source.end.max(end);
            }
            _ if full => self.page.hidden.push(Hidden { source: start..usize::MAX, flag }),
            _ => self.page.hidden.push(Hidden { source: start..end, flag }),
        }
    }

    /// Keeps the target of a link (OSC 8: parameters, semicolon, URI), which a terminal does not show.
    pub(super) fn note_link(&mut self, link: &[u8], source: usize) {
        let Some(at) = memchr::memchr(b';', link) else { return };
        let target = &link[at + 1..];
        if !target.is_empty() {
            let lost = Lost { text: String::from_utf8_lossy(target).into_owned(), ..Lost::default() };
            self.keep_lost(lost, source, self.page.text.len(), false);
        }
    }

    /// Notes what was lost on a line or in an edit that starts at `source`.
    pub(super) fn keep_lost(&mut self, lost: Lost, source: usize, text: usize, edit: bool) {
        self.page.sent_cut |= lost.cut;
        self.sent_bytes += lost.text.len();
        if self.sent_bytes > self.source.len() + MIN_SENT_BYTES {
            self.page.sent_cut = true;
        } else if !lost.text.is_empty() {
            self.page.sent.push(Sent { source, text, edit, states: lost.text, flags: lost.flags });
        }
    }
}
