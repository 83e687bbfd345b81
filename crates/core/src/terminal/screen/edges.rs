//! Where an edited line begins and ends on the screen: its prompt, a prompt at the right edge, the rows that others ended.

use unicode_width::UnicodeWidthStr;

use super::Screen;
use crate::terminal::row::{RIGHT_HALF, Row, UNSET, push_row};
use crate::terminal::token::{Csi, Token, token_at};

/// Least columns between a line and a prompt at the right edge.
const MIN_GAP: usize = 4;

/// How many characters of a prompt are compared where it is painted again.
const PAINTED_CHARS: usize = 6;

/// Longest prompt at the right edge.
const MAX_ASIDE_CHARS: usize = 48;

impl Screen {
    /// Begins an edit behind what is shown: the prompt ends at the cursor, and what stands right of it is no part of the
    /// line. Returns that text.
    pub(crate) fn begin_edit(&mut self) -> String {
        self.end_prompt();
        self.trail.reset();
        self.first_is_whole = true;
        let from = self.column.min(self.rows[self.row].cells.len());
        let mut aside = String::new();
        push_row(&self.rows[self.row].cells[from..], true, false, &mut aside);
        for cell in &mut self.rows[self.row].cells[from..] {
            cell.aside = true;
        }
        aside.trim().to_owned()
    }

    /// The row of the cursor.
    pub(crate) fn row(&self) -> usize {
        self.row
    }

    /// The columns of the longest row above the cursor's.
    pub(crate) fn longest_row(&self) -> usize {
        self.rows[..self.row].iter().map(|row| row.cells.len()).max().unwrap_or_default()
    }

    /// What stands on the row of the cursor.
    pub(crate) fn row_text(&self) -> String {
        self.text_of_row(self.row)
    }

    /// What stands on a row.
    pub(crate) fn text_of_row(&self, row: usize) -> String {
        let mut shown = String::new();
        push_row(self.rows.get(row).map_or(&[], |row| &row.cells), true, true, &mut shown);
        shown
    }

    /// What stands on the row of the cursor from a column on.
    pub(crate) fn row_text_from(&self, column: usize) -> String {
        let mut shown = String::new();
        let cells = &self.rows[self.row].cells;
        push_row(&cells[column.min(cells.len())..], true, true, &mut shown);
        shown
    }

    /// The text of the cursor's row goes on in the next one.
    pub(crate) fn wrap_row(&mut self) {
        self.rows[self.row].wraps = true;
    }

    /// Puts the cursor at the start of a row, without a way that an editor would have shown.
    pub(crate) fn go_to_row(&mut self, row: usize) {
        self.move_to(row, 0);
    }

    /// Puts the cursor on a row above, in the same column.
    pub(crate) fn go_up_to(&mut self, row: usize) {
        self.row = self.row.min(row);
    }

    /// Whether a column, from 1, is one of the row's text, or right behind it.
    pub(crate) fn reaches(&self, column: usize) -> bool {
        column <= self.rows[self.row].cells.len() + 1
    }

    /// Sends the cursor to a column of its row, from 1 (CHA).
    pub(crate) fn go_to_column(&mut self, column: usize) {
        let params = column.to_string();
        self.sequence(Csi { marker: 0, params: params.as_bytes(), intermediate: 0, command: b'G' });
    }

    /// What stands on the row of the cursor in front of it.
    pub(crate) fn painted_prompt(&self) -> String {
        let mut shown = String::new();
        let cells = &self.rows[self.row].cells;
        push_row(&cells[..self.column.min(cells.len())], false, false, &mut shown);
        shown
    }

    /// Whether a known prompt stands in front of the cursor, and behind it a text that goes up to the cursor: then the edit
    /// begins behind that prompt.
    pub(crate) fn begins_behind(&mut self, prompt: &str) -> bool {
        let shown = self.painted_prompt();
        let typed = !shown.ends_with(' ') && prompt.ends_with(' ') && shown.len() > prompt.len();
        let begins = typed && shown.starts_with(prompt);
        if begins {
            self.prompt_end = Some((self.row, prompt.width()));
        }
        begins
    }

    /// Takes what stands at the right edge, behind columns that nothing was printed on, for a prompt there. Returns it.
    pub(crate) fn set_aside(&mut self) -> String {
        let mut aside = String::new();
        for row in &mut self.rows {
            let unset = |at: usize| row.cells.get(at).is_some_and(|cell| cell.main == UNSET && !cell.aside);
            let start = row.cells.iter().position(|cell| cell.main != UNSET).unwrap_or(row.cells.len());
            let gap = (start..row.cells.len()).find(|&at| (at..at + MIN_GAP).all(unset));
            let Some(gap) = gap else { continue };
            let mut shown = String::new();
            push_row(&row.cells[gap..], true, true, &mut shown);
            // Longer texts, and the search prompt of a line editor that miscounts columns, are the line itself.
            let characters = shown.trim().chars().count();
            if characters == 0 || characters > MAX_ASIDE_CHARS || shown.contains("i-search)`") {
                continue;
            }
            row.cells[gap..].iter_mut().for_each(|cell| cell.aside = true);
            if !aside.is_empty() {
                aside.push(' ');
            }
            aside.push_str(shown.trim());
        }
        aside
    }

    /// Whether the cursor was moved along a row, and not to the end of its text, before the row was left.
    pub(crate) fn cursor_strays(&self) -> bool {
        self.overreaches
            || self
                .left_at
                .is_some_and(|(row, column)| self.rows.get(row).is_some_and(|row| row.cells.len() != column))
    }

    /// The line editor moves about: what was printed before is the prompt, and perhaps the start of the line.
    pub(super) fn note_editing(&mut self) {
        if self.first_text.is_empty() {
            return;
        }
        self.edited = true;
        if !self.first_is_whole {
            self.first_is_whole = true;
            if let Some(blank) = self.first_text.rfind(' ') {
                self.first_text.truncate(blank + 1);
            }
        }
    }

    /// Notes that the newline that comes next is not the line editor's.
    pub(crate) fn note_foreign_break(&mut self) {
        self.rows[self.row].foreign = true;
    }

    /// Up to which byte of the first line it was coloured before anything was edited.
    pub(crate) fn styled_bytes(&self) -> usize {
        let Some((0, column)) = self.styled.filter(|&(_, column)| column > 0) else { return 0 };
        let mut before = String::new();
        let cells = &self.rows[0].cells;
        push_row(&cells[..column.min(cells.len())], false, true, &mut before);
        before.len()
    }

    /// Takes back that a prompt ends somewhere.
    pub(crate) fn forget_prompt(&mut self) {
        self.prompt_end = None;
    }

    /// The column where the prompt ends, if the shell said so.
    pub(crate) fn prompt_column(&self) -> Option<usize> {
        self.prompt_end.map(|(_, column)| column)
    }

    /// Keeps what was painted at a fixed place of the screen, once.
    pub(crate) fn note_elsewhere(&mut self, painted: &[u8]) {
        let mut at = 0;
        let mut shown = Vec::new();
        while let Some((token, next)) = token_at(painted, at) {
            if let Token::Text(text) = token {
                shown.extend_from_slice(text);
            }
            at = next;
        }
        self.elsewhere = String::from_utf8_lossy(&shown).trim().to_owned();
    }

    /// The last row that begins a line and starts like this text, which may be a prompt that is painted again.
    pub(crate) fn row_painted_like(&self, text: &[u8]) -> Option<usize> {
        let start = || text.utf8_chunks().next().into_iter().flat_map(|chunk| chunk.valid().chars());
        let mut first = start();
        // A letter alone may be the start of anything.
        if first.next()?.is_alphanumeric() && first.next().is_none() {
            return None;
        }
        let begins = |row: usize| row == 0 || !self.rows[row - 1].wraps;
        let painted = |row: &usize| {
            let shown =
                self.rows[*row].cells.iter().map(|cell| cell.main).filter(|&shown| shown != RIGHT_HALF);
            let alike = start().take(PAINTED_CHARS).eq(shown.take(start().take(PAINTED_CHARS).count()));
            begins(*row) && alike
        };
        // At a width that is not the terminal's, the first row may have been printed over.
        let printed_first = || {
            let first = self.first_text.chars().take(PAINTED_CHARS);
            first.clone().count() > 1 && start().take(first.clone().count()).eq(first)
        };
        let found = (0..self.rows.len()).rev().find(painted);
        found.or_else(|| printed_first().then_some(0))
    }

    /// Takes everything from a row on off the screen, which is painted again at another width.
    pub(crate) fn repaint_from(&mut self, row: usize) {
        self.rows.truncate(row);
        self.rows.push(Row::default());
        self.row = row;
        self.column = 0;
        self.cells = self.rows.iter().map(|row| row.cells.len()).sum();
        self.left_at = None;
        self.overreaches = false;
        self.above_top = 0;
    }

    /// What stands behind the end of the prompt, if the shell said where that is, and if it is ASCII on one row.
    pub(crate) fn typed(&self) -> Option<String> {
        let (row, column) = self.prompt_end?;
        // The row may have been erased since.
        let [last] = self.rows.get(row..)? else { return None };
        let mut typed = String::new();
        push_row(last.cells.get(column..).unwrap_or_default(), true, true, &mut typed);
        Some(typed.trim_end().to_owned()).filter(|typed| typed.is_ascii())
    }

    /// Notes that the prompt was painted anew, with what had been typed behind it, up to the cursor. Without that, its own
    /// blank must end it.
    pub(crate) fn move_prompt_end(&mut self, typed: &str) {
        let cells = &self.rows[self.row].cells;
        let mut shown = String::new();
        push_row(&cells[..self.column.min(cells.len())], true, false, &mut shown);
        let blanks = shown.len() - shown.trim_end().len();
        let column = if typed.is_empty() {
            Some(self.column)
        } else if shown.trim_end().ends_with(typed) {
            self.column.checked_sub(blanks + typed.len())
        } else {
            None
        };
        let Some(column) = column else { return };
        if column > 0 && cells.get(column - 1).is_some_and(|cell| cell.main == ' ') {
            self.prompt_end = Some((self.row, column));
        }
    }

    /// The first characters that were printed.
    pub(crate) fn first_text(&self) -> &str {
        &self.first_text
    }

    /// How many columns the cursor stands behind the start of its line, rows counted in full.
    pub(crate) fn offset(&self) -> usize {
        let rows = self.rows[..self.row].iter().rev().take_while(|row| row.wraps).count();
        rows * self.width.unwrap_or(0) + self.column
    }

    /// Which of the [`Screen::lines`] the cursor is on.
    pub(crate) fn line_of_cursor(&self) -> usize {
        (0..self.row).filter(|&index| !self.wraps_after(index)).count()
    }

    /// Ends the row after the blank just printed, which forced the wrap, wherever that was.
    pub(crate) fn wrap_softly(&mut self) {
        let row = &mut self.rows[self.row];
        row.cells.truncate(self.column.saturating_sub(1));
        row.wraps = true;
        self.down();
        self.column = 0;
    }

    /// Goes to the next row of the same line, by whatever leads there.
    pub(crate) fn wrap_here(&mut self) {
        self.rows[self.row].wraps = true;
        self.down();
        self.column = 0;
    }

    /// Turns the blank just printed behind column `width` into the wrap to the next row that it stands for.
    pub(crate) fn adopt_width(&mut self, width: usize) {
        self.width = Some(width.max(2));
        let row = &mut self.rows[self.row];
        let before = row.cells.len();
        row.cells.truncate(width);
        row.wraps = true;
        self.cells = self.cells.saturating_sub(before - row.cells.len());
        self.down();
        self.column = 0;
    }

    /// Takes the blank just printed, where a wide character does not fit, for the last column.
    pub(crate) fn adopt_edge(&mut self) {
        self.width = Some(self.column.max(2));
    }
}
