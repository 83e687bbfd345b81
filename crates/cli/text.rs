//! Texts of a transcript on their way to a terminal: secrets replaced, matches marked, cut at borders of characters.

mod line;

use std::ops::Range;

pub use line::Line;

use crate::paint::Style;

/// What stands in the place of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// The bytes of the secret.
    pub range: Range<usize>,
    /// What is shown instead.
    pub shown: String,
}

/// A text as it may be shown, and what is special about stretches of it. It is not sanitised yet: that happens when
/// a [`Line`] is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    /// Ascending, apart, not empty.
    matches: Vec<Range<usize>>,
    /// Ascending, apart.
    masks: Vec<Range<usize>>,
}

impl Text {
    /// Replaces the secrets of a text and marks the matches. A match that touches a secret marks what stands for it.
    /// Both lists are ascending and do not overlap in themselves.
    #[must_use]
    pub fn new(text: &str, matches: &[Range<usize>], masks: &[Mask]) -> Self {
        let mut shown = Self::default();
        let mut at = 0;
        for mask in masks.iter().filter(|mask| mask.range.end <= text.len()) {
            if mask.range.start < at {
                continue;
            }
            shown.copy(text, at..mask.range.start, matches);
            let start = shown.text.len();
            shown.text += &mask.shown;
            let place = start..shown.text.len();
            if matches.iter().any(|found| found.start < mask.range.end && mask.range.start < found.end) {
                shown.mark(place.clone());
            }
            shown.masks.push(place);
            at = mask.range.end;
        }
        shown.copy(text, at..text.len(), matches);
        shown
    }

    /// The text with its secrets replaced.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether any of it is what was asked for.
    #[must_use]
    pub fn has_matches(&self) -> bool {
        !self.matches.is_empty()
    }

    /// Its lines, each with what is special about it.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let (mut at, mut matches, mut masks) = (0, &self.matches[..], &self.masks[..]);
        self.text.split('\n').map(move |text| {
            let line = at..at + text.len();
            at = line.end + 1;
            Line::new(text, within(&mut matches, &line), within(&mut masks, &line))
        })
    }

    fn copy(&mut self, text: &str, part: Range<usize>, matches: &[Range<usize>]) {
        let moved = self.text.len();
        for found in matches {
            let range = found.start.max(part.start)..found.end.min(part.end);
            if range.start < range.end {
                self.mark(moved + range.start - part.start..moved + range.end - part.start);
            }
        }
        self.text += &text[part];
    }

    /// Marks a stretch, which begins no earlier than the one before it.
    fn mark(&mut self, range: Range<usize>) {
        match self.matches.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => self.matches.push(range),
        }
    }
}

/// The parts of ascending ranges that lie in a line, counted from its start. Ranges that end before it are dropped.
fn within(ranges: &mut &[Range<usize>], line: &Range<usize>) -> Vec<Range<usize>> {
    while ranges.first().is_some_and(|range| range.end <= line.start) {
        *ranges = &ranges[1..];
    }
    let touching = ranges.iter().take_while(|range| range.start < line.end);
    touching
        .map(|range| range.start.max(line.start) - line.start..range.end.min(line.end) - line.start)
        .filter(|range| range.start < range.end)
        .collect()
}

/// What is special about a stretch of bytes of a line.
fn style_of(matches: &[Range<usize>], masks: &[Range<usize>], part: &Range<usize>) -> Style {
    let touches = |ranges: &[Range<usize>]| {
        let next = ranges.partition_point(|range| range.end <= part.start);
        ranges.get(next).is_some_and(|range| range.start < part.end)
    };
    Style { matched: touches(matches), masked: touches(masks), visible: false }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // a list of one match is what is meant
mod tests {
    use super::*;

    fn mask(range: Range<usize>, shown: &str) -> Mask {
        Mask { range, shown: shown.to_owned() }
    }

    #[test]
    fn secrets_are_replaced_and_matches_move_with_the_text() {
        let text = Text::new("key AKIA123 end\nkey", &[0..3, 12..15, 16..19], &[mask(4..11, "***")]);
        assert_eq!(text.as_str(), "key *** end\nkey");
        assert_eq!(text.matches, [0..3, 8..11, 12..15]);
        assert_eq!(text.masks, [4..7]);
        let lines: Vec<Line> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(Line::has_matches));
    }

    #[test]
    fn a_match_inside_a_secret_marks_its_mask_and_no_letter_of_it() {
        let text = Text::new("p=hunter2;", &[4..6], &[mask(2..9, "****")]);
        assert_eq!((text.as_str(), &text.matches[..]), ("p=****;", &[2..6][..]));
        let across = Text::new("p=hunter2;", &[0..4], &[mask(2..9, "****")]);
        assert_eq!(across.matches, [0..6], "one stretch, the mask included");
    }

    #[test]
    fn a_match_across_lines_marks_both() {
        let text = Text::new("ab\ncd\nef", &[1..4], &[]);
        let marked: Vec<bool> = text.lines().map(|line| line.has_matches()).collect();
        assert_eq!(marked, [true, true, false]);
    }
}
