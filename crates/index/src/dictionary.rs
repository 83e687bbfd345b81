//! Conditions on terms, answered by the term dictionary of one field of one segment.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use memchr::memmem;
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, InvertedIndexReader};

use crate::docset::Docs;
use crate::literal::Condition;

/// A condition that more terms fulfil than this is not used: it would select little and cost a look-up
/// per term. The texts are verified in any case.
const MAX_TERMS: usize = 2048;
/// Fragments shorter than this stand in too many terms to be worth a search.
const MIN_FRAGMENT_BYTES: usize = 2;

/// Most bytes that the flat dictionaries of one index root take together. One that does not fit is made for each
/// question that needs it: slower, equally exact.
const MAX_FLAT_BYTES: usize = 1 << 30;

/// What flat dictionaries may still take.
#[derive(Clone)]
pub struct FlatBudget(Arc<AtomicUsize>);

impl FlatBudget {
    /// The whole of it.
    #[must_use]
    pub fn new() -> Self {
        Self::of(MAX_FLAT_BYTES)
    }

    fn of(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    fn take(&self, bytes: usize) -> bool {
        self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

/// The terms of one field of one segment.
pub struct Dictionary {
    flat: OnceLock<Arc<Flat>>,
    budget: FlatBudget,
}

/// All terms of a dictionary in memory, made when first needed. tantivy's own dictionary can be asked for terms
/// and for beginnings of terms; each answer costs the decoding of a block, and a fragment would cost all of them.
#[derive(Default)]
struct Flat {
    /// The terms in order, each between two line feeds: a fragment is found at memory speed.
    bytes: Vec<u8>,
    /// Where each term begins.
    starts: Vec<u32>,
    /// Where its postings are.
    infos: Vec<Postings>,
}

#[derive(Clone, Copy)]
struct Postings {
    start: u64,
    len: u32,
    doc_freq: u32,
}

impl Dictionary {
    /// A dictionary that may keep what the budget admits.
    #[must_use]
    pub fn new(budget: FlatBudget) -> Self {
        Self { flat: OnceLock::new(), budget }
    }

    /// The documents that fulfil all conditions, or `None` if the conditions that can be used select nothing.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn select(
        &self,
        inverted: &InvertedIndexReader,
        conditions: &[Condition],
        max_doc: DocId,
    ) -> io::Result<Option<Docs>> {
        let mut selected: Option<Docs> = None;
        for condition in conditions {
            let Some(terms) = self.terms(inverted, condition)? else { continue };
            let mut docs = Docs::none(max_doc);
            for term in &terms {
                docs.add(inverted.read_postings_from_terminfo(term, IndexRecordOption::Basic)?);
            }
            match &mut selected {
                Some(selected) => selected.intersect(&docs),
                None => selected = Some(docs),
            }
            if selected.as_ref().is_some_and(Docs::is_empty) {
                break;
            }
        }
        Ok(selected)
    }

    /// The terms that fulfil a condition; `None` if there are too many to be worth it.
    fn terms(
        &self,
        inverted: &InvertedIndexReader,
        condition: &Condition,
    ) -> io::Result<Option<Vec<TermInfo>>> {
        match (condition, self.flat.get()) {
            (Condition::Exact(term), Some(flat)) => {
                Ok(Some(flat.info(flat.find(term)).into_iter().collect()))
            }
            (Condition::Exact(term), None) => Ok(Some(inverted.terms().get(term)?.into_iter().collect())),
            (Condition::Prefix(prefix), _) if prefix.len() < MIN_FRAGMENT_BYTES => Ok(None),
            (Condition::Prefix(prefix), Some(flat)) => Ok(flat.beginning_with(prefix)),
            (Condition::Prefix(prefix), None) => beginning_with(inverted, prefix),
            (Condition::Suffix(suffix), _) => self.containing(inverted, suffix, true),
            (Condition::Infix(infix), _) => self.containing(inverted, infix, false),
        }
    }

    fn containing(
        &self,
        inverted: &InvertedIndexReader,
        fragment: &str,
        at_end: bool,
    ) -> io::Result<Option<Vec<TermInfo>>> {
        if fragment.len() < MIN_FRAGMENT_BYTES {
            return Ok(None);
        }
        let flat = self.flat(inverted)?;
        let mut needle = fragment.as_bytes().to_vec();
        if at_end {
            needle.push(b'\n');
        }
        Ok(flat.containing(&needle))
    }

    fn flat(&self, inverted: &InvertedIndexReader) -> io::Result<Arc<Flat>> {
        if let Some(flat) = self.flat.get() {
            return Ok(Arc::clone(flat));
        }
        let flat = Arc::new(Flat::read(inverted)?);
        if self.budget.take(flat.size_bytes()) {
            return Ok(Arc::clone(self.flat.get_or_init(|| flat)));
        }
        Ok(flat)
    }
}

impl Flat {
    fn read(inverted: &InvertedIndexReader) -> io::Result<Self> {
        let terms = inverted.terms().num_terms();
        let mut flat =
            Self { bytes: vec![b'\n'], starts: Vec::with_capacity(terms), infos: Vec::with_capacity(terms) };
        let mut stream = inverted.terms().stream()?;
        while stream.advance() {
            let info = stream.value();
            let range = &info.postings_range;
            let (Ok(start), Ok(len)) = (u32::try_from(flat.bytes.len()), u32::try_from(range.len())) else {
                return Err(io::Error::other("the dictionary of a segment exceeds 4 GiB"));
            };
            flat.starts.push(start);
            flat.infos.push(Postings { start: range.start as u64, len, doc_freq: info.doc_freq });
            flat.bytes.extend_from_slice(stream.key());
            flat.bytes.push(b'\n');
        }
        Ok(flat)
    }

    fn size_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.starts.capacity() * size_of::<u32>()
            + self.infos.capacity() * size_of::<Postings>()
    }

    fn term(&self, at: usize) -> &[u8] {
        let end = self.starts.get(at + 1).map_or(self.bytes.len(), |&next| next as usize);
        self.starts.get(at).map_or(&[], |&start| &self.bytes[start as usize..end - 1])
    }

    /// The terms that are ordered neither before `low` nor after those that `is_below` accepts.
    fn range(&self, low: &[u8], is_below: impl Fn(&[u8]) -> bool) -> Range<usize> {
        let first = partition_point(0..self.starts.len(), |at| self.term(at) < low);
        first..partition_point(first..self.starts.len(), |at| is_below(self.term(at)))
    }

    fn find(&self, term: &str) -> Option<usize> {
        let found = self.range(term.as_bytes(), |other| other == term.as_bytes());
        (!found.is_empty()).then_some(found.start)
    }

    fn info(&self, at: Option<usize>) -> Option<TermInfo> {
        let Postings { start, len, doc_freq } = *self.infos.get(at?)?;
        let start = usize::try_from(start).ok()?;
        let postings_range = start..start.checked_add(len as usize)?;
        Some(TermInfo { doc_freq, postings_range, positions_range: 0..0 })
    }

    fn beginning_with(&self, prefix: &str) -> Option<Vec<TermInfo>> {
        let found = self.range(prefix.as_bytes(), |term| term.starts_with(prefix.as_bytes()));
        (found.len() <= MAX_TERMS).then(|| found.filter_map(|at| self.info(Some(at))).collect())
    }

    fn containing(&self, needle: &[u8]) -> Option<Vec<TermInfo>> {
        let finder = memmem::Finder::new(needle);
        let mut terms = Vec::new();
        let mut from = 0;
        while let Some(found) = finder.find(&self.bytes[from..]) {
            let at = from + found;
            let term = self.starts.partition_point(|&start| start as usize <= at).checked_sub(1)?;
            terms.push(self.info(Some(term))?);
            if terms.len() > MAX_TERMS {
                return None;
            }
            from = self.starts.get(term + 1).map_or(self.bytes.len(), |&next| next as usize);
        }
        Some(terms)
    }
}

/// The first number of a range for which the property does not hold; it holds for all before.
fn partition_point(range: Range<usize>, holds: impl Fn(usize) -> bool) -> usize {
    let Range { mut start, mut end } = range;
    while start < end {
        let middle = start + (end - start) / 2;
        if holds(middle) { start = middle + 1 } else { end = middle }
    }
    start
}

fn beginning_with(inverted: &InvertedIndexReader, prefix: &str) -> io::Result<Option<Vec<TermInfo>>> {
    let mut stream = inverted.terms().range().ge(prefix).into_stream()?;
    let mut terms = Vec::new();
    while stream.advance() && stream.key().starts_with(prefix.as_bytes()) {
        terms.push(stream.value().clone());
        if terms.len() > MAX_TERMS {
            return Ok(None);
        }
    }
    Ok(Some(terms))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tantivy::{Index, TantivyDocument};

    use super::*;
    use crate::schema;

    #[test]
    fn every_way_to_a_term_gives_the_same_documents() {
        let (definition, fields) = schema::schema();
        let index = Index::create_in_ram(definition);
        schema::register(&index);
        let mut writer = index.writer_with_num_threads(1, 15_000_000).unwrap();
        let texts = ["alpha beta", "alphabet", "beta", "gamma alpha", "be", "zeta", ""];
        for text in texts {
            let mut document = TantivyDocument::default();
            document.add_text(fields.output, text);
            writer.add_document(document).unwrap();
        }
        writer.commit().unwrap();
        let searcher = index.reader().unwrap().searcher();
        let segment = searcher.segment_reader(0);
        let inverted = segment.inverted_index(fields.output).unwrap();

        let (roomy, none) = (Dictionary::new(FlatBudget::new()), Dictionary::new(FlatBudget::of(0)));
        roomy.flat(&inverted).unwrap();
        let fragments = ["alpha", "alphabet", "be", "bet", "eta", "ta", "zz", "zeta", "a", "gammb", "\u{7f}"];
        for fragment in fragments {
            let text = fragment.to_owned();
            for (condition, is_met) in [
                (Condition::Exact(text.clone()), (|term, text| term == text) as fn(&str, &str) -> bool),
                (Condition::Prefix(text.clone()), |term, text| term.starts_with(text)),
                (Condition::Suffix(text.clone()), |term, text| term.ends_with(text)),
                (Condition::Infix(text.clone()), |term, text| term.contains(text)),
            ] {
                let select = |dictionary: &Dictionary| {
                    let docs =
                        dictionary.select(&inverted, std::slice::from_ref(&condition), segment.max_doc());
                    docs.unwrap().map(|docs| docs.iter().collect::<Vec<_>>())
                };
                let expected = |(doc, text): (usize, &&str)| {
                    text.split(' ')
                        .any(|term| !term.is_empty() && is_met(term, fragment))
                        .then_some(doc as u32)
                };
                let expected: Vec<u32> = texts.iter().enumerate().filter_map(expected).collect();
                let unusable =
                    fragment.len() < MIN_FRAGMENT_BYTES && !matches!(condition, Condition::Exact(_));
                let expected = (!unusable).then_some(expected);
                assert_eq!(select(&roomy), expected, "{condition:?}");
                assert_eq!(select(&none), expected, "{condition:?} without room");
            }
        }
        assert!(none.flat.get().is_none());
    }
}
