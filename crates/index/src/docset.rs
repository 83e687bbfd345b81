//! Sets of documents of one segment.

use std::ops::Range;

use tantivy::postings::SegmentPostings;
use tantivy::{DocId, DocSet as _, TERMINATED};

/// A set of documents, one bit each.
#[derive(Clone, Debug)]
pub struct Docs {
    words: Vec<u64>,
    max_doc: DocId,
}

impl Docs {
    /// No document of a segment that has `max_doc` of them.
    #[must_use]
    pub fn none(max_doc: DocId) -> Self {
        Self { words: vec![0; (max_doc as usize).div_ceil(64)], max_doc }
    }

    /// All documents.
    #[must_use]
    pub fn all(max_doc: DocId) -> Self {
        let mut all = Self { words: vec![u64::MAX; (max_doc as usize).div_ceil(64)], max_doc };
        if let (Some(last), rest @ 1..) = (all.words.last_mut(), max_doc % 64) {
            *last = (1 << rest) - 1;
        }
        all
    }

    /// Adds the documents of a postings list.
    pub fn add(&mut self, mut postings: SegmentPostings) {
        let mut doc = postings.doc();
        while doc != TERMINATED {
            self.insert(doc);
            doc = postings.advance();
        }
    }

    /// Adds one document; one that the segment does not have is left out.
    pub fn insert(&mut self, doc: DocId) {
        if doc < self.max_doc {
            self.words[doc as usize / 64] |= 1 << (doc % 64);
        }
    }

    /// Adds a range of documents.
    pub fn insert_range(&mut self, range: Range<DocId>) {
        let (start, end) = (range.start as usize, range.end.min(self.max_doc) as usize);
        if start >= end {
            return;
        }
        let (first, last) = (start / 64, (end - 1) / 64);
        let (from, to) = (u64::MAX << (start % 64), u64::MAX >> (63 - (end - 1) % 64));
        if first == last {
            self.words[first] |= from & to;
            return;
        }
        self.words[first] |= from;
        self.words[first + 1..last].fill(u64::MAX);
        self.words[last] |= to;
    }

    /// Exactly the documents that are not in the set.
    #[must_use]
    pub fn complement(mut self) -> Self {
        let all = Self::all(self.max_doc);
        for (word, all) in self.words.iter_mut().zip(&all.words) {
            *word = all & !*word;
        }
        self
    }

    /// How many documents the segment has.
    #[must_use]
    pub fn max_doc(&self) -> DocId {
        self.max_doc
    }

    /// How many documents are in both.
    #[must_use]
    pub fn count_common(&self, other: &Self) -> u64 {
        let common = self.words.iter().zip(&other.words).map(|(word, other)| (word & other).count_ones());
        common.map(u64::from).sum()
    }

    /// How many documents of a range are in the set.
    #[must_use]
    pub fn count_in(&self, range: Range<DocId>) -> u64 {
        let (start, end) = (range.start as usize, range.end.min(self.max_doc) as usize);
        if start >= end {
            return 0;
        }
        let (first, last) = (start / 64, (end - 1) / 64);
        let (from, to) = (u64::MAX << (start % 64), u64::MAX >> (63 - (end - 1) % 64));
        let masked = |at: usize| {
            let mask = if at == first { from } else { u64::MAX } & if at == last { to } else { u64::MAX };
            u64::from((self.words[at] & mask).count_ones())
        };
        (first..=last).map(masked).sum()
    }

    /// Keeps only what is in both.
    pub fn intersect(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Adds what is in the other.
    pub fn union(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// The documents in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = DocId> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some(at as DocId * 64 + bit)
            })
        })
    }

    /// The first document of the set in a range.
    #[must_use]
    pub fn first_in(&self, range: Range<DocId>) -> Option<DocId> {
        let end = range.end.min(self.max_doc);
        let mut at = range.start as usize / 64;
        let mut word = self.words.get(at)? & (u64::MAX << (range.start % 64));
        while word == 0 {
            at += 1;
            if at * 64 >= end as usize {
                return None;
            }
            word = *self.words.get(at)?;
        }
        Some(at as DocId * 64 + word.trailing_zeros()).filter(|&doc| doc < end)
    }

    /// Whether a document is in the set.
    #[must_use]
    pub fn contains(&self, doc: DocId) -> bool {
        self.words.get(doc as usize / 64).is_some_and(|word| word & (1 << (doc % 64)) != 0)
    }

    /// Whether no document is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_behave_as_sets() {
        for max_doc in [0, 1, 63, 64, 65, 130] {
            assert_eq!(Docs::all(max_doc).iter().collect::<Vec<_>>(), (0..max_doc).collect::<Vec<_>>());
            assert!(Docs::none(max_doc).is_empty());
        }
        let set = |docs: &[DocId]| {
            let mut set = Docs::none(200);
            docs.iter().for_each(|&doc| set.insert(doc));
            set
        };
        let mut both = set(&[1, 64, 199, 5000]);
        both.intersect(&set(&[64, 2, 199]));
        assert_eq!(both.iter().collect::<Vec<_>>(), [64, 199]);
        for (range, first) in
            [(0..200, Some(64)), (64..65, Some(64)), (65..199, None), (65..300, Some(199)), (7..7, None)]
        {
            assert_eq!(both.first_in(range.clone()), first, "{range:?}");
        }
        assert!(both.contains(64) && !both.contains(63) && !both.contains(5000));
        for range in [0..0, 0..1, 63..64, 5..64, 0..200, 60..130, 100..500, 64..128] {
            let mut some = Docs::none(200);
            some.insert_range(range.clone());
            let end = range.end.min(200);
            assert_eq!(some.iter().collect::<Vec<_>>(), (range.start..end).collect::<Vec<_>>());
            assert_eq!(some.count_in(0..200), u64::from(end - range.start));
            let seen = Docs::all(200).count_in(range.clone());
            assert_eq!(seen, u64::from(end - range.start), "{range:?}");
            some.union(&some.clone().complement());
            assert_eq!(some.count_in(0..999), 200);
        }
        both.union(&set(&[0]));
        assert_eq!(both.iter().collect::<Vec<_>>(), [0, 64, 199]);
    }
}
