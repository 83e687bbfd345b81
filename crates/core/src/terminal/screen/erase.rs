//! What takes cells off a screen, or moves them.

use super::{Logical, MAX_CELLS, MAX_MOVED_CELLS, MAX_REACH, MAX_ROWS, Screen};
use crate::session::Flag;
use crate::terminal::row::{BLANK, Row};

impl Screen {
    /// The kernel rubs out one column for a wide character: the character is gone all the same.
    pub(super) fn drop_split(&mut self) {
        let at = self.column;
        self.lose(at.saturating_sub(1), usize::MAX, Flag::Erased);
        let row = &mut self.rows[self.row].cells;
        if at > 0 && at < row.len() {
            row.truncate(at - 1);
        }
        self.column = at;
        self.last_backspace_split = false;
    }

    pub(super) fn erase_cells(&mut self, from: usize, to: usize) {
        self.lose(from, to, Flag::Erased);
        let row = &mut self.rows[self.row].cells;
        if to >= row.len() {
            self.cells = self.cells.saturating_sub(row.len().saturating_sub(from));
            row.truncate(from);
        } else if from < to {
            row[from..to].fill(BLANK);
        }
    }

    pub(super) fn erase_line(&mut self, mode: usize) {
        match mode {
            0 => self.erase_cells(self.column, usize::MAX),
            1 => self.erase_cells(0, self.column.saturating_add(1)),
            _ => self.erase_cells(0, usize::MAX),
        }
    }

    pub(super) fn erase_display(&mut self, mode: usize) {
        match mode {
            0 => {
                self.lose_below();
                self.erase_line(0);
                let dropped: usize = self.rows[self.row + 1..].iter().map(|row| row.cells.len()).sum();
                self.cells = self.cells.saturating_sub(dropped);
                self.rows.truncate(self.row + 1);
                self.rows[self.row].wraps = false;
            }
            2 => self.clear(),
            _ => {}
        }
    }

    /// Takes rows out from that of the cursor on (DL); the rows below move up.
    pub(super) fn delete_rows(&mut self, count: usize) {
        let row = self.row;
        let end = row.saturating_add(count).min(self.rows.len());
        for lost in row..end {
            self.row = lost;
            self.lose(0, usize::MAX, Flag::Erased);
        }
        self.row = row;
        if self.may_move_rows() {
            let dropped: usize = self.rows.drain(row..end).map(|row| row.cells.len()).sum();
            self.cells = self.cells.saturating_sub(dropped);
            if row == self.rows.len() {
                self.rows.push(Row::default());
            }
        }
    }

    /// Puts empty rows in front of that of the cursor (IL).
    pub(super) fn insert_rows(&mut self, count: usize) {
        let count = count.min(MAX_ROWS - self.rows.len());
        if self.may_move_rows() {
            let row = self.row;
            self.rows.splice(row..row, std::iter::repeat_with(Row::default).take(count));
        }
    }

    /// Whether the rows from that of the cursor on may move. What is lost next stands on another line.
    fn may_move_rows(&mut self) -> bool {
        self.moved_cells += self.rows.len() - self.row;
        self.overflow |= self.moved_cells > MAX_MOVED_CELLS;
        self.trail.begin();
        self.column = 0;
        !self.overflow
    }

    /// Takes everything off the screen. The last line is the one being edited and will be painted again.
    pub(super) fn clear(&mut self) {
        self.wiped = true;
        self.lose_last_line();
        let mut lines = self.lines();
        if let Some(Logical { text, prompt_end: Some(end), .. }) = lines.pop()
            && let Some(prompt) = text.get(..end)
        {
            // What is typed is coloured as well by some line editors, so colours would not tell the prompt from it.
            self.wiped_prompt = prompt.to_owned();
        }
        self.cleared.extend(lines.into_iter().map(|line| line.text).filter(|text| !text.trim().is_empty()));
        self.rows.clear();
        self.rows.push(Row::default());
        self.row = 0;
        self.column = 0;
        self.cells = 0;
        self.prompt_end = None;
    }

    /// Takes the row of the cursor and those below off the screen, from the start of the row on; so does `elsewhere`, which stood there
    /// in the meantime.
    pub(crate) fn clear_line(&mut self, elsewhere: Vec<String>) {
        self.column = 0;
        self.erase_display(0);
        self.cleared.extend(elsewhere);
    }

    /// A line editor that has filled a row goes on as if the cursor were at the start of the next one.
    fn leave_full_row(&mut self) {
        if self.width == Some(self.column) && self.rows[self.row].wraps && self.row + 1 < self.rows.len() {
            self.row += 1;
            self.column = 0;
        }
    }

    pub(super) fn insert_blanks(&mut self, count: usize) {
        self.leave_full_row();
        let at = self.column;
        self.row_starts += usize::from(at == 1 && self.row > 0 && self.rows[self.row - 1].wraps);
        let row = &mut self.rows[self.row].cells;
        if at >= row.len() {
            return;
        }
        let count = count.min(self.width.map_or(MAX_REACH, |width| width.saturating_sub(at)).min(MAX_REACH));
        self.moved_cells += row.len() - at + count;
        if self.moved_cells > MAX_MOVED_CELLS || self.cells + count > MAX_CELLS {
            self.overflow = true;
            return;
        }
        row.splice(at..at, std::iter::repeat_n(BLANK, count));
        self.cells += count;
        if let Some(width) = self.width
            && row.len() > width
        {
            self.cells -= row.len() - width;
            row.truncate(width);
        }
    }

    pub(super) fn delete_cells(&mut self, count: usize) {
        self.leave_full_row();
        let at = self.column;
        let row = &mut self.rows[self.row].cells;
        if at >= row.len() {
            return;
        }
        let count = count.min(row.len() - at);
        self.lose_deleted(count);
        let row = &mut self.rows[self.row].cells;
        self.moved_cells += row.len() - at;
        if self.moved_cells > MAX_MOVED_CELLS {
            self.overflow = true;
            return;
        }
        row.drain(at..at + count);
        self.cells -= count;
    }
}
