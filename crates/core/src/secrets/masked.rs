//! A text with masks in the place of its secrets, and the way from places of the one to places of the other.

use std::borrow::Cow;
use std::ops::Range;

use super::Found;

/// A text with its secrets masked, and where each place of the original went.
#[derive(Clone, Debug)]
pub struct Masked<'t> {
    /// The text to show.
    pub text: Cow<'t, str>,
    spans: Vec<Span>,
}

/// A masked secret: its place before, and the place of its mask.
#[derive(Clone, Debug)]
struct Span {
    from: Range<usize>,
    to: Range<usize>,
}

impl<'t> Masked<'t> {
    pub(super) fn new(text: &'t str, found: &[Found]) -> Self {
        if found.is_empty() {
            return Masked { text: Cow::Borrowed(text), spans: Vec::new() };
        }
        let mut out = String::with_capacity(text.len());
        let mut spans = Vec::with_capacity(found.len());
        let mut done = 0;
        for secret in found {
            out.push_str(&text[done..secret.range.start]);
            let start = out.len();
            secret.write_mask(text, &mut out);
            done = secret.range.end;
            spans.push(Span { from: secret.range.clone(), to: start..out.len() });
        }
        out.push_str(&text[done..]);
        Masked { text: Cow::Owned(out), spans }
    }

    /// The place in the original of a range that holds no part of a mask.
    pub(super) fn origin(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let next = self.spans.partition_point(|span| span.to.end <= range.start);
        if self.spans.get(next).is_some_and(|span| span.to.start < range.end) {
            return None;
        }
        let (from, to) =
            next.checked_sub(1).map_or((0, 0), |last| (self.spans[last].from.end, self.spans[last].to.end));
        Some(range.start - to + from..range.end - to + from)
    }

    /// Where a range of the original stands. A range that touches a secret grows to its whole mask, so
    /// that what is marked does not tell which part of the secret matched.
    #[must_use]
    pub fn place(&self, range: Range<usize>) -> Range<usize> {
        let start = match self.secret_at(range.start, range.is_empty()) {
            Ok(span) => span.to.start,
            Err(start) => start,
        };
        let end = match self.secret_at(range.end, true) {
            Ok(span) => span.to.end,
            Err(end) => end,
        };
        start..end.max(start)
    }

    /// True if nothing was masked.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.spans.is_empty()
    }

    /// The secret around a place, or the place itself in the masked text. At the start of a secret an end
    /// (`before`) lies outside of it, a start inside.
    fn secret_at(&self, at: usize, before: bool) -> Result<&Span, usize> {
        let first = self.spans.partition_point(|span| span.from.end < at || (span.from.end == at && !before));
        let shift =
            first.checked_sub(1).map_or((0, 0), |last| (self.spans[last].from.end, self.spans[last].to.end));
        match self.spans.get(first) {
            Some(span) if span.from.start < at || (span.from.start == at && !before) => Ok(span),
            _ => Err(shift.1 + (at - shift.0)),
        }
    }
}
