//! What is lost on a screen: which cells, and what their line showed before.

use super::Screen;
use crate::session::Flag;
use crate::terminal::row::{Cell, RIGHT_HALF, UNSET, push_row};
use crate::terminal::sent::Lost;
use crate::terminal::token::Csi;

/// Most rows above and below the cursor that are taken for one line.
const MAX_LINE_ROWS: usize = 64;

impl Screen {
    /// What was lost, `shown` being what is shown in the end.
    pub(crate) fn lost(&mut self, shown: &[u8], edited: bool) -> Option<Lost> {
        self.trail.lost(shown, edited)
    }

    /// Whether nothing can have been lost.
    pub(crate) fn lost_nothing(&self) -> bool {
        self.trail.is_empty()
    }

    /// Looks where a sequence sends the cursor.
    pub(super) fn trail_follows(&mut self, csi: Csi<'_>) {
        match csi.command {
            b'A' | b'D' | b'F' | b'K' | b'J' | b'X' | b'u' => self.trail.goes_back(false),
            b'G' | b'`' if csi.param(0, 1) <= self.column => self.trail.goes_back(csi.param(0, 1) == 1),
            _ => {}
        }
    }

    /// Text is about to be printed over cells.
    pub(super) fn lose_under(&mut self, text: &[u8]) {
        let column = self.column;
        let lost = |(cell, &byte): (&Cell, &u8)| is_visible(cell) && cell.main != char::from(byte);
        let row = &self.rows[self.row].cells[column..];
        let mut pairs = row.iter().zip(text);
        let Some(first) = pairs.clone().position(lost) else { return };
        let last = pairs.rposition(lost).unwrap_or(first);
        let flag = if text[first] == b' ' { Flag::Erased } else { Flag::Overwritten };
        self.lose_on_row(column + first, column + last + 1, flag);
    }

    /// A character is about to be printed over the cells up to `end`.
    pub(super) fn lose_under_character(&mut self, character: char, end: usize) {
        let row = &self.rows[self.row].cells;
        let Some(cell) = row.get(self.column) else { return };
        if is_visible(cell) && cell.main != character {
            let flag = if character == ' ' { Flag::Erased } else { Flag::Overwritten };
            self.lose_on_row(self.column, end, flag);
        }
    }

    /// Cells of the row of the cursor are about to be wiped.
    pub(super) fn lose(&mut self, from: usize, to: usize, flag: Flag) {
        let row = &self.rows[self.row].cells;
        let to = to.min(row.len());
        if from < to && row[from..to].iter().any(is_visible) {
            self.lose_on_row(from, to, flag);
        }
    }

    /// Cells at the cursor are about to be taken out.
    pub(super) fn lose_deleted(&mut self, count: usize) {
        let cells = &self.rows[self.row].cells;
        let end = (self.column + count).min(cells.len());
        if !cells[self.column.min(end)..end].iter().any(is_visible) {
            return;
        }
        self.trail.goes_back(false);
        let (first, last) = self.trail_line();
        let offset = (self.row - first) * self.width.unwrap_or(0);
        let rows = &self.rows;
        self.trail.delete(self.column + offset, count, |out| push_rows(rows, first, last, out));
    }

    /// The rows below the cursor, and what is right of it, are about to be wiped.
    pub(super) fn lose_below(&mut self) {
        let (row, column) = (self.row, self.column);
        for below in row..self.rows.len() {
            self.row = below;
            self.lose(if below == row { column } else { 0 }, usize::MAX, Flag::Erased);
        }
        self.row = row;
    }

    /// The screen is about to be wiped; all but its last line is kept as cleared.
    pub(super) fn lose_last_line(&mut self) {
        let row = self.row;
        self.row = self.rows.len() - 1;
        self.trail.goes_back(false);
        self.lose(0, usize::MAX, Flag::Erased);
        self.row = row;
    }

    /// Notes a loss on the row of the cursor.
    fn lose_on_row(&mut self, low: usize, high: usize, flag: Flag) {
        let (first, last) = self.trail_line();
        let offset = (self.row - first) * self.width.unwrap_or(0);
        let rows = &self.rows;
        self.trail.lose(low + offset, high + offset, flag, |out| push_rows(rows, first, last, out));
    }

    /// The rows of the line that the next loss belongs to.
    fn trail_line(&mut self) -> (usize, usize) {
        let (first, last) = self.trail_rows;
        if !self.trail.begins() && (first..=last).contains(&self.row) {
            return (first, last);
        }
        if !self.trail.begins() {
            self.trail.begin();
        }
        let mut first = self.row;
        while first > 0 && self.row - first < MAX_LINE_ROWS && self.rows[first - 1].wraps {
            first -= 1;
        }
        let mut last = self.row;
        while last + 1 < self.rows.len() && last - self.row < MAX_LINE_ROWS && self.rows[last].wraps {
            last += 1;
        }
        self.trail_rows = (first, last);
        (first, last)
    }
}

/// Whether a cell shows something that belongs to the line.
fn is_visible(cell: &Cell) -> bool {
    !matches!(cell.main, UNSET | ' ' | RIGHT_HALF) && !cell.aside
}

/// Appends what rows of one line show.
fn push_rows(rows: &[super::Row], first: usize, last: usize, out: &mut Vec<u8>) {
    let mut text = String::new();
    for row in &rows[first..=last] {
        push_row(&row.cells, true, true, &mut text);
    }
    out.extend_from_slice(text.as_bytes());
}
