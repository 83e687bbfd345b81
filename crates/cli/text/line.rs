//! One line, as wide as a terminal takes it.

use std::borrow::Cow;
use std::ops::Range;

use shelltrail_core::sanitize::{TAB_COLUMNS, printable};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::style_of;
use crate::paint::{Paint, Style};

/// What is looked at of a line that is cut, in bytes per column: a character of combining marks takes many bytes.
const MAX_BYTES_PER_COLUMN: usize = 32;
/// Lines up to this are looked at as a whole, so that floods of marks are told as what they are.
const MIN_BYTES_LOOKED_AT: usize = 64 << 10;

/// A line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    text: &'a str,
    matches: Vec<Range<usize>>,
    masks: Vec<Range<usize>>,
}

/// A character as people count them, as it is shown.
#[derive(Debug)]
struct Cell<'a> {
    text: Cow<'a, str>,
    columns: usize,
    style: Style,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str, matches: Vec<Range<usize>>, masks: Vec<Range<usize>>) -> Self {
        Self { text, matches, masks }
    }

    /// A line with nothing special about it.
    #[must_use]
    pub fn plain(text: &'a str) -> Self {
        Self::new(text, Vec::new(), Vec::new())
    }

    /// Whether any of it is what was asked for.
    #[must_use]
    pub fn has_matches(&self) -> bool {
        !self.matches.is_empty()
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Its first bytes, up to a border of characters.
    #[must_use]
    pub fn up_to(&self, bytes: usize) -> Self {
        let text = &self.text[..self.text.floor_char_boundary(bytes)];
        Self { text, matches: self.matches.clone(), masks: self.masks.clone() }
    }

    /// All of it.
    #[must_use]
    pub fn whole(&self, paint: Paint) -> String {
        paint_cells(&self.cells(0..self.text.len()), paint)
    }

    /// As much of it as fits, around the first match; `…` stands for the rest.
    #[must_use]
    pub fn cut(&self, columns: usize, paint: Paint) -> String {
        paint_cells(&self.window(columns.max(3)), paint)
    }

    /// All of it in rows of this many columns; if that takes more rows than the limit, the part around the first match.
    #[must_use]
    pub fn rows(&self, columns: usize, max_rows: usize, paint: Paint) -> Vec<String> {
        let columns = columns.max(8);
        // A wide character that does not fit leaves the last column of a row empty.
        let cells = self.window(max_rows.max(1).saturating_mul(columns - 1));
        let mut rows: Vec<&[Cell<'_>]> = Vec::new();
        let (mut start, mut used) = (0, 0);
        for (at, cell) in cells.iter().enumerate() {
            if used + cell.columns > columns && at > start {
                rows.push(&cells[start..at]);
                (start, used) = (at, 0);
            }
            used += cell.columns;
        }
        rows.push(&cells[start..]);
        rows.into_iter().map(|row| paint_cells(row, paint)).collect()
    }

    /// The characters that are shown if there is room for this many columns.
    fn window(&self, columns: usize) -> Vec<Cell<'a>> {
        let near =
            self.near_first_match(columns.saturating_mul(MAX_BYTES_PER_COLUMN).max(MIN_BYTES_LOOKED_AT));
        let mut cells = self.cells(near.clone());
        let (before, after) = (near.start > 0, near.end < self.text.len());
        let total: usize = cells.iter().map(|cell| cell.columns).sum();
        if !before && !after && total <= columns {
            return cells;
        }
        let first_match = cells.iter().position(|cell| cell.style.matched).unwrap_or(0);
        let start = start_of_window(&cells, first_match, columns);
        let left_out = before || start > 0;
        let mut room = columns - usize::from(left_out);
        let mut end = start;
        for (at, cell) in cells.iter().enumerate().skip(start) {
            let last = at + 1 == cells.len() && !after;
            if cell.columns + usize::from(!last) > room {
                break;
            }
            room -= cell.columns;
            end = at + 1;
        }
        let more = after || end < cells.len();
        cells.truncate(end);
        cells.drain(..start);
        let ellipsis = || Cell { text: Cow::Borrowed("…"), columns: 1, style: Style::default() };
        if left_out {
            cells.insert(0, ellipsis());
        }
        if more {
            cells.push(ellipsis());
        }
        cells
    }

    /// The bytes around the first match that are looked at if only a part is shown.
    fn near_first_match(&self, most: usize) -> Range<usize> {
        if self.text.len() <= most {
            return 0..self.text.len();
        }
        let first = self.matches.first().map_or(0, |found| found.start);
        let start = self.text.floor_char_boundary(first.saturating_sub(most / 4));
        start..self.text.floor_char_boundary((start + most).min(self.text.len()))
    }

    fn cells(&self, part: Range<usize>) -> Vec<Cell<'a>> {
        let mut cells = Vec::with_capacity(part.len().min(4096));
        let mut column = 0;
        for (at, text) in self.text[part.clone()].grapheme_indices(true) {
            let start = part.start + at;
            let mut style = style_of(&self.matches, &self.masks, &(start..start + text.len()));
            let shown = if text == "\t" {
                Cow::Owned(" ".repeat(TAB_COLUMNS - column % TAB_COLUMNS))
            } else {
                let shown = printable(text);
                style.visible = shown != text;
                shown
            };
            let columns = shown.width();
            column += columns;
            cells.push(Cell { text: shown, columns, style });
        }
        cells
    }
}

/// Where to begin so that the match is seen with something before it.
fn start_of_window(cells: &[Cell<'_>], first_match: usize, columns: usize) -> usize {
    let total: usize = cells.iter().map(|cell| cell.columns).sum();
    let before: usize = cells[..first_match].iter().map(|cell| cell.columns).sum();
    let matched: usize =
        cells[first_match..].iter().take_while(|cell| cell.style.matched).map(|cell| cell.columns).sum();
    if before + matched < columns {
        return 0;
    }
    // Neither more than a third in front of the match nor empty room behind the end of the line.
    let most = before.saturating_sub(columns / 3).min((total + 1).saturating_sub(columns));
    let (mut start, mut skipped) = (0, 0);
    while skipped < most && start < first_match {
        skipped += cells[start].columns;
        start += 1;
    }
    start
}

fn paint_cells(cells: &[Cell<'_>], paint: Paint) -> String {
    let mut text = String::with_capacity(cells.len());
    for run in cells.chunk_by(|one, other| one.style == other.style) {
        let joined: String = run.iter().map(|cell| cell.text.as_ref()).collect();
        text += &paint.styled(run[0].style, &joined);
    }
    text
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // a list of one match is what is meant
mod tests {
    use super::*;

    fn line(text: &str, matches: &[Range<usize>]) -> Line<'static> {
        let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
        Line::new(text, matches.to_vec(), Vec::new())
    }

    #[test]
    fn matches_and_what_was_made_visible_are_told_by_colour() {
        let marked = line("a\x1b[2Jcurl ^[", &[5..9]);
        assert_eq!(marked.whole(Paint::always()), "a\x1b[35m^[\x1b[0m[2J\x1b[1;31mcurl\x1b[0m ^[");
        assert_eq!(marked.whole(Paint::none()), "a^[[2Jcurl ^[");
    }

    #[test]
    fn a_line_is_cut_around_the_match_at_borders_of_characters() {
        let text = format!("{}needle{}", "é".repeat(100_000), "漢".repeat(100_000));
        let start = "é".len() * 100_000;
        let cut = line(&text, &[start..start + 6]).cut(80, Paint::none());
        assert!(cut.starts_with('…') && cut.ends_with('…') && cut.contains("needle"), "{cut}");
        assert!((78..=80).contains(&cut.width()), "{}", cut.width());
        for columns in 3..60 {
            let cut = line(&"漢".repeat(30), &[]).cut(columns, Paint::none());
            assert!(cut.width() <= columns, "{columns}: {cut}");
        }
        assert_eq!(line("short", &[]).cut(5, Paint::none()), "short");
        assert_eq!(line("shorter", &[]).cut(5, Paint::none()), "shor…");
        assert_eq!(line("0123456789ab", &[10..12]).cut(6, Paint::none()), "…789ab");
    }

    #[test]
    fn tabs_marks_and_controls_take_the_columns_that_they_show() {
        assert_eq!(line("a\tb", &[]).whole(Paint::none()), "a       b");
        assert_eq!(line("\u{301}e", &[]).whole(Paint::none()), "<U+0301>e");
        let flood = format!("e{}", "\u{301}".repeat(10_000));
        let shown = line(&flood, &[]).whole(Paint::none());
        assert!(shown.len() < 60 && shown.contains("marks>"), "{shown}");
        assert!(line(&flood, &[]).cut(80, Paint::none()).len() < 20_000);
    }

    #[test]
    fn long_lines_become_rows_and_very_long_ones_are_cut() {
        let rows = line(&"x".repeat(25), &[]).rows(10, 4, Paint::none());
        assert_eq!(rows, ["x".repeat(10), "x".repeat(10), "x".repeat(5)]);
        let text = format!("{}needle{}", "a".repeat(5_000), "b".repeat(5_000));
        let rows = line(&text, &[5_000..5_006]).rows(20, 3, Paint::none());
        assert!(rows.len() <= 3 && rows.iter().all(|row| row.width() <= 20), "{rows:?}");
        assert!(rows.concat().contains("needle"));
    }
}
