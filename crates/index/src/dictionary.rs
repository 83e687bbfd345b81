//! Conditions on terms, answered by the term dictionary of one field of one segment.

use std::io;
use std::sync::OnceLock;

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

/// The terms of one field of one segment.
#[derive(Default)]
pub struct Dictionary {
    /// All terms, each between two line feeds: a fragment is found in it at memory speed, while the
    /// dictionary itself can only be asked for beginnings. Made when first needed, from the dictionary.
    flat: OnceLock<Vec<u8>>,
}

impl Dictionary {
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
        match condition {
            Condition::Exact(term) => Ok(Some(inverted.terms().get(term)?.into_iter().collect())),
            Condition::Prefix(prefix) => beginning_with(inverted, prefix),
            Condition::Suffix(suffix) => self.containing(inverted, suffix, true),
            Condition::Infix(infix) => self.containing(inverted, infix, false),
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
        let finder = memmem::Finder::new(&needle);
        let mut terms = Vec::new();
        let mut from = 0;
        while let Some(found) = finder.find(&flat[from..]) {
            let at = from + found;
            let start = memchr::memrchr(b'\n', &flat[..at]).map_or(0, |before| before + 1);
            let end = at + memchr::memchr(b'\n', &flat[at..]).unwrap_or(flat.len() - at);
            terms.extend(inverted.terms().get(&flat[start..end])?);
            if terms.len() > MAX_TERMS {
                return Ok(None);
            }
            from = end;
        }
        Ok(Some(terms))
    }

    fn flat(&self, inverted: &InvertedIndexReader) -> io::Result<&[u8]> {
        if let Some(flat) = self.flat.get() {
            return Ok(flat);
        }
        let mut flat = vec![b'\n'];
        let mut stream = inverted.terms().stream()?;
        while stream.advance() {
            flat.extend_from_slice(stream.key());
            flat.push(b'\n');
        }
        flat.shrink_to_fit();
        Ok(self.flat.get_or_init(|| flat))
    }
}

fn beginning_with(inverted: &InvertedIndexReader, prefix: &str) -> io::Result<Option<Vec<TermInfo>>> {
    if prefix.len() < MIN_FRAGMENT_BYTES {
        return Ok(None);
    }
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
