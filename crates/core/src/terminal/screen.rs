//! The part of a screen on which a line is edited: rows of cells, a cursor, and the sequences that line editors send.
//!
//! It starts at the row of a prompt, whose place on the real screen is not known, and grows downwards. Sizes and work
//! are bounded; beyond the bounds it stops to obey and says so.

mod edges;

use unicode_width::UnicodeWidthChar;

use super::row::{BLANK, Cell, RIGHT_HALF, Row, UNSET, plain_len, push_row};
use super::sent::Trail;
use super::token::{Csi, Token};

mod erase;
mod loss;

/// Most rows of an edited text.
pub(crate) const MAX_ROWS: usize = 1_000;

/// Most columns of one row.
const MAX_COLUMNS: usize = 64 * 1024;

/// Longest row that is asked whether it was emptied: a program may ask again and again.
pub(crate) const MAX_EMPTIED_COLUMNS: usize = 256;

/// The furthest column that a cursor can be sent to beyond the text of its row.
const MAX_REACH: usize = 1_024;

/// Bytes of the first text that are remembered, to the end of a character.
const FIRST_BYTES: usize = 12;

/// Most cells of all rows.
const MAX_CELLS: usize = 256 * 1024;

/// Most cells that insertions and deletions may move.
const MAX_MOVED_CELLS: usize = 8 * 1024 * 1024;

/// The columns between tab stops.
const TAB_COLUMNS: usize = 8;

/// Rows that belong together because the text wrapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logical {
    /// The text; blanks at its end that were printed are kept.
    pub text: String,
    /// The byte of `text` where the prompt ends, if the shell said so.
    pub prompt_end: Option<usize>,
    /// Something else than the line editor ended it.
    pub foreign: bool,
    /// The byte of `text` up to which it was coloured before anything was edited: the prompt does not end before.
    pub styled: Option<usize>,
}

/// What a text editor of one line can see.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    rows: Vec<Row>,
    row: usize,
    column: usize,
    width: Option<usize>,
    saved: (usize, usize),
    /// Where the cursor stood when it last went down.
    left_at: Option<(usize, usize)>,
    /// The cursor was moved along a row beyond its text, or before its start.
    pub overreaches: bool,
    cells: usize,
    moved_cells: usize,
    prompt_end: Option<(usize, usize)>,
    /// What stood before the end of the prompt when the screen was wiped; a line editor paints it again.
    wiped_prompt: String,
    first_text: String,
    /// What is printed from now on is no prompt.
    first_is_whole: bool,
    /// Where colours were set last before anything was edited.
    styled: Option<(usize, usize)>,
    edited: bool,
    /// What was printed last, if nothing but colours came since.
    last: Option<char>,
    last_backspace_split: bool,
    /// A character of two columns was printed.
    wide: bool,
    /// What is lost on the rows.
    trail: Trail,
    /// The rows that the last state of the trail shows.
    trail_rows: (usize, usize),
    /// The whole screen was wiped.
    pub wiped: bool,
    /// What was painted last at a fixed place of the screen.
    pub elsewhere: String,
    /// Text that a clear took off the screen, apart from the line being edited.
    pub cleared: Vec<String>,
    /// How often the cursor was sent above the first row.
    pub above_top: usize,
    /// How often something was inserted behind the first character of a row that goes on the one above.
    pub row_starts: usize,
    /// A bell rang.
    pub bell: bool,
    /// Something was shown in reverse video, as pasted text is.
    pub reverse: bool,
    /// What is printed moves the rest of the row to the right (insert mode, IRM of ECMA-48).
    inserts: bool,
    /// A bound was met.
    pub overflow: bool,
    /// Bytes that are not UTF-8 were printed.
    pub invalid_utf8: bool,
}

impl Screen {
    /// An empty screen; `None` is a row without end.
    pub(crate) fn new(width: Option<usize>) -> Self {
        Self { rows: vec![Row::default()], width: width.map(|columns| columns.max(2)), ..Self::empty() }
    }

    /// A screen without rows, to be filled in.
    fn empty() -> Self {
        Self {
            rows: Vec::new(),
            row: 0,
            column: 0,
            width: None,
            saved: (0, 0),
            left_at: None,
            overreaches: false,
            cells: 0,
            moved_cells: 0,
            prompt_end: None,
            wiped_prompt: String::new(),
            first_text: String::new(),
            first_is_whole: false,
            styled: None,
            edited: false,
            last: None,
            last_backspace_split: false,
            wide: false,
            trail: Trail::default(),
            trail_rows: (0, 0),
            wiped: false,
            elsewhere: String::new(),
            cleared: Vec::new(),
            above_top: 0,
            row_starts: 0,
            bell: false,
            reverse: false,
            inserts: false,
            overflow: false,
            invalid_utf8: false,
        }
    }

    /// Empties the screen, which has no width from then on.
    pub(crate) fn reset(&mut self) {
        self.rows.truncate(1);
        self.rows[0].cells.clear();
        self.rows[0].wraps = false;
        self.rows[0].foreign = false;
        self.first_text.clear();
        let rows = std::mem::take(&mut self.rows);
        let first_text = std::mem::take(&mut self.first_text);
        *self = Self { rows, first_text, ..Self::empty() };
    }

    /// Appends the text of all rows, one line each; wrapped rows are joined. Returns where the prompt ends, if the first
    /// line has one.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) -> Option<usize> {
        if self.rows.len() == 1 && self.prompt_end.is_none() {
            let mut text = String::new();
            push_row(&self.rows[0].cells, true, true, &mut text);
            out.extend_from_slice(text.as_bytes());
            return None;
        }
        let mut prompt_end = None;
        for (index, line) in self.lines().into_iter().enumerate() {
            if index == 0 {
                prompt_end = line.prompt_end;
            } else if !line.text.is_empty() {
                out.push(b'\n');
            }
            out.extend_from_slice(line.text.as_bytes());
        }
        prompt_end
    }

    /// Whether the cursor is on the first row.
    pub(crate) fn is_on_top(&self) -> bool {
        self.row == 0
    }

    /// Whether nothing stands on its row at the cursor or right of it.
    pub(crate) fn is_at_end(&self) -> bool {
        self.column >= self.rows[self.row].cells.len()
    }

    /// The cursor's column.
    pub(crate) fn column(&self) -> usize {
        self.column
    }

    /// The width in columns.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether the last thing printed was a blank.
    pub(crate) fn last_was_blank(&self) -> bool {
        self.last == Some(' ')
    }

    /// What was printed last, if nothing but colours came since.
    pub(crate) fn last(&self) -> Option<char> {
        self.last
    }

    /// Sets the width for what comes.
    pub(crate) fn set_width(&mut self, width: Option<usize>) {
        self.width = width.map(|columns| columns.max(2));
    }

    /// Notes that the prompt ends at the cursor.
    pub(crate) fn end_prompt(&mut self) {
        self.prompt_end = Some((self.row, self.column));
    }

    /// Whether the cursor is at the start of the only row, which is not long, and nothing stands there.
    pub(crate) fn is_empty(&self) -> bool {
        let [row] = &self.rows[..] else { return false };
        self.column == 0
            && row.cells.len() <= MAX_EMPTIED_COLUMNS
            && row.cells.iter().all(|cell| cell.main == UNSET || cell.main == ' ')
    }

    /// Whether nothing was left on the first row, not even blanks.
    pub(crate) fn has_no_cells(&self) -> bool {
        self.rows[0].cells.is_empty()
    }

    /// The text, if it is one line, which is not long.
    pub(crate) fn only_line(&self) -> Option<String> {
        let short = self.rows.len() == 1 && self.rows[0].cells.len() <= MAX_REACH;
        short.then(|| self.lines().pop().map(|line| line.text).unwrap_or_default())
    }

    /// Whether nothing stands on the rows below the cursor.
    pub(crate) fn blank_below(&self) -> bool {
        self.rows[self.row + 1..]
            .iter()
            .all(|row| row.cells.iter().all(|cell| cell.main == UNSET || cell.main == ' '))
    }

    /// Obeys a token.
    pub(crate) fn apply(&mut self, token: Token<'_>) {
        match token {
            Token::Text(text) => self.print(text),
            Token::Control(control) => self.control(control),
            Token::Csi(csi) => self.sequence(csi),
            Token::Escape(b'7') => self.saved = (self.row, self.column),
            Token::Escape(b'8') => {
                self.move_to(self.saved.0, self.saved.1);
                // Something was painted elsewhere before the prompt.
                self.edited &= self.saved != (0, 0);
            }
            Token::Escape(b'D') => self.down(),
            Token::Escape(b'M') => self.up(1),
            Token::Escape(b'E') => {
                self.down();
                self.column = 0;
            }
            Token::Escape(_) | Token::Osc(_) | Token::Ignored | Token::TooLong => {}
        }
    }

    /// Prints UTF-8; what is not UTF-8 shows as U+FFFD. Printable ASCII needs no look at widths.
    pub(crate) fn print(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (plain, other) = rest.split_at(plain_len(rest));
            if !plain.is_empty() && !self.print_plain(plain) {
                self.print_characters(plain);
            }
            // ASCII ends a character, whole or broken, so nothing is torn here.
            let end = other.iter().position(|byte| (b' '..=b'~').contains(byte)).unwrap_or(other.len());
            self.print_characters(&other[..end]);
            rest = &other[end..];
        }
    }

    /// Prints printable ASCII where one cell after the other is set; `false` if that is not all there is to do.
    fn print_plain(&mut self, text: &[u8]) -> bool {
        let end = self.column + text.len();
        let edge = self.width.unwrap_or(MAX_COLUMNS).min(MAX_COLUMNS);
        if self.wide || self.last_backspace_split || end > edge || self.cells + end > MAX_CELLS {
            return false;
        }
        if self.inserts {
            self.insert_blanks(text.len());
        }
        if self.column < self.rows[self.row].cells.len() {
            self.lose_under(text);
        }
        self.trail.printed(text.len(), text.iter().any(|&byte| byte != b' '));
        self.cells += self.rows[self.row].print_plain(self.column, text);
        self.column = end;
        self.last = text.last().copied().map(char::from);
        if !self.first_is_whole {
            let first = &text[..text.len().min(FIRST_BYTES.saturating_sub(self.first_text.len()))];
            self.first_text.extend(first.iter().copied().map(char::from));
        }
        true
    }

    fn print_characters(&mut self, bytes: &[u8]) {
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                self.put(character);
            }
            if !chunk.invalid().is_empty() {
                self.invalid_utf8 = true;
                self.put(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    /// Whether some line starts with `start`.
    pub(crate) fn has_line_starting(&self, start: &str) -> bool {
        self.rows[0].starts_with(start) || self.lines().iter().any(|line| line.text.starts_with(start))
    }

    /// The text of all rows, wrapped rows joined.
    pub(crate) fn lines(&self) -> Vec<Logical> {
        let mut lines = Vec::new();
        let mut line = Logical::default();
        for (index, row) in self.rows.iter().enumerate() {
            if let Some((at, column)) = self.prompt_end
                && at == index
            {
                let mut before = String::new();
                push_row(&row.cells[..column.min(row.cells.len())], false, true, &mut before);
                line.prompt_end = Some(line.text.len() + before.len());
            }
            if let Some((at, column)) = self.styled
                && at == index
                && column > 0
            {
                let mut before = String::new();
                push_row(&row.cells[..column.min(row.cells.len())], false, true, &mut before);
                line.styled = Some(line.text.len() + before.len());
            }
            let next = self.rows.get(index + 1);
            let wraps = self.wraps_after(index);
            let padded = wraps && self.is_padded(row, next);
            push_row(&row.cells[..row.cells.len() - usize::from(padded)], true, true, &mut line.text);
            if !wraps {
                if self.prompt_end.is_none()
                    && !self.wiped_prompt.is_empty()
                    && line.text.starts_with(&self.wiped_prompt)
                {
                    line.prompt_end = Some(self.wiped_prompt.len());
                }
                line.prompt_end = line.prompt_end.filter(|&end| end <= line.text.len());
                line.styled = line.styled.filter(|&end| end <= line.text.len());
                line.foreign = row.foreign;
                lines.push(std::mem::take(&mut line));
            }
        }
        lines
    }

    /// Whether the text of a row runs on in the next one.
    fn wraps_after(&self, index: usize) -> bool {
        let row = &self.rows[index];
        let Some(next) = self.rows.get(index + 1) else { return false };
        let is_full = |width| row.cells.len() + 1 >= width;
        if row.wraps {
            return self.width.is_none_or(is_full);
        }
        // Some editors go on in the next row themselves where a wide character does not fit.
        next.cells.get(1).is_some_and(|cell| cell.main == RIGHT_HALF)
            && self.width == Some(row.cells.len() + 1)
    }

    /// Whether the last column of a row is only blank because the wide character that came next did not fit.
    fn is_padded(&self, row: &Row, next: Option<&Row>) -> bool {
        let wide = next.and_then(|row| row.cells.get(1)).is_some_and(|cell| cell.main == RIGHT_HALF);
        wide && self.width == Some(row.cells.len()) && row.cells.last().is_some_and(|cell| cell.main == ' ')
    }

    fn control(&mut self, control: u8) {
        self.last = None;
        match control {
            0x08 => self.note_editing(),
            b'\r' if self.column > 0 => self.left_at = Some((self.row, self.column)),
            b'\n' => self.first_is_whole |= !self.first_text.is_empty(),
            _ => {}
        }
        match control {
            b'\r' => {
                self.trail.goes_back(self.column > 0);
                self.column = 0;
            }
            b'\n' | 0x0b | 0x0c => self.down(),
            0x08 => {
                self.trail.goes_back(false);
                // To go back to the row above a line editor goes up.
                self.overreaches |= self.column == 0 && self.row > 0;
                self.column = self.column.min(self.right_edge()).saturating_sub(1);
                let cell = self.rows[self.row].cells.get(self.column);
                self.last_backspace_split = cell.is_some_and(|cell| cell.main == RIGHT_HALF);
                return;
            }
            0x07 => self.bell = true,
            _ => {}
        }
        self.last_backspace_split = false;
    }

    fn sequence(&mut self, csi: Csi<'_>) {
        let count = csi.param(0, 1);
        if csi.marker != 0 || csi.intermediate != 0 {
            return;
        }
        self.trail_follows(csi);
        let here = self.rows[self.row].cells.len();
        self.overreaches |= csi.command == b'C' && self.column.saturating_add(count) > here;
        match csi.command {
            b'm' if !self.edited && !matches!(csi.params, b"7" | b"27") => {
                self.styled = Some((self.row, self.column));
            }
            b'A' | b'C' | b'D' | b'G' | b'L' | b'M' | b'P' | b'@' => self.note_editing(),
            _ => {}
        }
        match csi.command {
            b'A' => self.up(count),
            b'B' | b'e' => self.move_to(self.row.saturating_add(count), self.column),
            b'C' | b'a' => self.move_to(self.row, self.column.min(self.right_edge()).saturating_add(count)),
            b'D' => self.column = self.column.min(self.right_edge()).saturating_sub(count),
            b'E' => self.move_to(self.row.saturating_add(count), 0),
            b'F' => {
                self.up(count);
                self.column = 0;
            }
            b'G' | b'`' => self.move_to(self.row, count - 1),
            b'H' | b'f' if count == 1 && csi.param(1, 1) == 1 => self.clear(),
            b'J' => self.erase_display(csi.param(0, 0)),
            b'K' => self.erase_line(csi.param(0, 0)),
            b'@' => self.insert_blanks(count),
            b'P' => self.delete_cells(count),
            b'L' => self.insert_rows(count),
            b'M' => self.delete_rows(count),
            b'X' => self.erase_cells(self.column, self.column.saturating_add(count)),
            b'h' | b'l' if csi.params == b"4" => self.inserts = csi.command == b'h',
            b'm' => self.reverse |= csi.params.split(|&byte| byte == b';').any(|field| field == b"7"),
            b'n' if csi.params == b"6" && self.prompt_end.is_none() => self.end_prompt(),
            b's' => self.saved = (self.row, self.column),
            b'u' => self.move_to(self.saved.0, self.saved.1),
            _ => {}
        }
        if csi.command != b'm' {
            self.last = None;
        }
    }

    /// The column that the cursor may stand on at most without being past the right edge.
    fn right_edge(&self) -> usize {
        self.width.map_or(MAX_COLUMNS, |width| width - 1)
    }

    fn move_to(&mut self, row: usize, column: usize) {
        while self.row < row && !self.overflow {
            self.down();
        }
        self.row = row.min(self.rows.len() - 1);
        let reach = self.rows[self.row].cells.len().max(MAX_REACH);
        self.column = column.min(self.right_edge()).min(reach);
    }

    fn up(&mut self, count: usize) {
        if count > self.row {
            self.above_top += 1;
        }
        self.row = self.row.saturating_sub(count);
    }

    fn down(&mut self) {
        if self.row + 1 < self.rows.len() {
            self.row += 1;
        } else if self.rows.len() < MAX_ROWS {
            self.rows.push(Row::default());
            self.row += 1;
        } else {
            self.overflow = true;
        }
    }

    fn put(&mut self, character: char) {
        if character == '\t' {
            let next = (self.column / TAB_COLUMNS + 1).saturating_mul(TAB_COLUMNS);
            // The blank cells are set, so that a tab at the end of a line stays a blank.
            while self.column < next.min(self.right_edge()) && !self.overflow {
                let kept = self.rows[self.row].cells.get(self.column).is_some_and(|cell| cell.main != UNSET);
                if kept {
                    self.column += 1;
                } else {
                    self.set(' ', 1);
                }
            }
            return;
        }
        match character.width() {
            None => {}
            Some(0) => self.mark(character),
            Some(columns) => {
                if character == ' ' && self.last_backspace_split {
                    self.drop_split();
                } else {
                    self.wrap_for(columns);
                    if self.inserts {
                        self.insert_blanks(columns);
                    }
                    self.set(character, columns);
                    self.trail.printed(character.len_utf8(), character != ' ');
                }
                self.last_backspace_split = false;
                self.last = Some(character);
                if self.first_text.len() < FIRST_BYTES && !self.first_is_whole {
                    self.first_text.push(character);
                }
            }
        }
    }

    fn wrap_for(&mut self, columns: usize) {
        if self.width.is_some_and(|width| self.column + columns > width) {
            self.rows[self.row].wraps = true;
            self.down();
            self.column = 0;
        }
    }

    fn set(&mut self, character: char, columns: usize) {
        self.wide |= columns > 1;
        let end = self.column + columns;
        self.lose_under_character(character, end);
        let row = &mut self.rows[self.row].cells;
        if end > row.len() {
            if end > MAX_COLUMNS || self.cells + (end - row.len()) > MAX_CELLS {
                self.overflow = true;
                return;
            }
            self.cells += end - row.len();
            row.resize(end, BLANK);
        }
        // Half of a wide character cannot stay.
        if self.column > 0 && row[self.column].main == RIGHT_HALF {
            row[self.column - 1] = BLANK;
        }
        if row.get(end).is_some_and(|cell| cell.main == RIGHT_HALF) {
            row[end] = BLANK;
        }
        row[self.column] = Cell::new(character);
        for cell in &mut row[self.column + 1..end] {
            *cell = Cell::new(RIGHT_HALF);
        }
        self.column = end;
    }

    /// Adds a mark of no width to the character before the cursor.
    fn mark(&mut self, mark: char) {
        let row = &mut self.rows[self.row].cells;
        let mut at = self.column.min(row.len());
        while at > 0 && row[at - 1].main == RIGHT_HALF {
            at -= 1;
        }
        if let Some(cell) = at.checked_sub(1).and_then(|at| row.get_mut(at))
            && let Some(free) = cell.marks.iter_mut().find(|slot| **slot == UNSET)
        {
            *free = mark;
        }
    }
}
