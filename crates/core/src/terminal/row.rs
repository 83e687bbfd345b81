//! The rows of a screen: cells, and the text that they show.

use std::borrow::Cow;

/// Most blanks that are shown for a part of a row that nothing was printed on.
const MAX_GAP: usize = 256;

/// A cell that nothing was printed on.
pub(super) const UNSET: char = '\0';

/// The right half of a wide character.
pub(super) const RIGHT_HALF: char = '\u{1}';

/// One column of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) main: char,
    pub(super) marks: [char; 2],
    /// It was there before the edit began, right of the cursor.
    pub(super) aside: bool,
}

pub(super) const BLANK: Cell = Cell::new(UNSET);

impl Cell {
    pub(super) const fn new(main: char) -> Self {
        Self { main, marks: [UNSET; 2], aside: false }
    }

    /// Whether it shows one printable ASCII character and nothing else.
    fn is_plain(&self) -> bool {
        matches!(self.main, ' '..='~') & (self.marks[0] == UNSET) & !self.aside
    }
}

/// A row, and whether its text runs on in the next one.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) wraps: bool,
    /// It was ended by a newline that no line editor sends.
    pub(super) foreign: bool,
}

impl Row {
    /// Prints printable ASCII at `column`; returns how many cells the row grew by.
    pub(super) fn print_plain(&mut self, column: usize, text: &[u8]) -> usize {
        let before = self.cells.len();
        if column > before {
            self.cells.resize(column, BLANK);
        }
        let cell = |&byte: &u8| Cell::new(char::from(byte));
        let (over, beyond) = text.split_at(text.len().min(self.cells.len() - column));
        for (old, new) in self.cells[column..].iter_mut().zip(over) {
            *old = cell(new);
        }
        if self.cells.capacity() == 0 {
            // A line of usual length, so that it does not grow in many steps.
            self.cells.reserve(beyond.len().max(128));
        }
        self.cells.extend(beyond.iter().map(cell));
        self.cells.len() - before
    }

    /// Whether it shows this printable ASCII text at its start.
    pub(super) fn starts_with(&self, text: &str) -> bool {
        let start = self.cells.get(..text.len());
        start.is_some_and(|cells| {
            cells
                .iter()
                .zip(text.bytes())
                .all(|(cell, byte)| cell.is_plain() && cell.main == char::from(byte))
        })
    }
}

/// Bytes as text; what is not UTF-8 shows as U+FFFD.
pub(super) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// The number of bytes before the next one that is not printable ASCII.
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    const STEP: usize = 16;
    let plain = |byte: u8| byte.wrapping_sub(b' ') <= b'~' - b' ';
    let mut start = 0;
    for block in bytes.chunks_exact(STEP) {
        if !block.iter().fold(true, |all, &byte| all & plain(byte)) {
            break;
        }
        start += STEP;
    }
    start + bytes[start..].iter().take_while(|&&byte| plain(byte)).count()
}

/// Appends what some cells show; unset cells at the end are dropped if `trim`, and what is aside if `edit`.
pub(super) fn push_row(cells: &[Cell], trim: bool, edit: bool, out: &mut String) {
    const BLOCK: usize = 32;
    let unset = |cell: &Cell| cell.main == UNSET || (edit && cell.aside);
    let mut end = cells.len();
    while trim && end > 0 && unset(&cells[end - 1]) {
        end -= 1;
    }
    let cells = &cells[..end];
    out.reserve(end);
    let mut start = 0;
    let mut text = [0; BLOCK];
    for block in cells.chunks(BLOCK) {
        if !block.iter().fold(true, |all, cell| all & cell.is_plain()) {
            break;
        }
        for (byte, cell) in text.iter_mut().zip(block) {
            *byte = cell.main as u8;
        }
        out.push_str(std::str::from_utf8(&text[..block.len()]).unwrap_or_default());
        start += block.len();
    }
    let mut gap = 0;
    for cell in &cells[start..] {
        gap = if unset(cell) { gap + 1 } else { 0 };
        match cell.main {
            _ if gap > MAX_GAP => continue,
            _ if gap > 0 => out.push(' '),
            RIGHT_HALF => continue,
            character => out.push(character),
        }
        out.extend(cell.marks.iter().filter(|mark| **mark != UNSET));
    }
}
