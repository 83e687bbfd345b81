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
    flat: OnceLock<Flat>,
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
        Ok(flat.containing(&needle))
    }

    fn flat(&self, inverted: &InvertedIndexReader) -> io::Result<&Flat> {
        if let Some(flat) = self.flat.get() {
            return Ok(flat);
        }
        let flat = Flat::read(inverted)?;
        Ok(self.flat.get_or_init(|| flat))
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

    fn containing(&self, needle: &[u8]) -> Option<Vec<TermInfo>> {
        let finder = memmem::Finder::new(needle);
        let mut terms = Vec::new();
        let mut from = 0;
        while let Some(found) = finder.find(&self.bytes[from..]) {
            let at = from + found;
            let term = self.starts.partition_point(|&start| start as usize <= at).checked_sub(1)?;
            let Postings { start, len, doc_freq } = *self.infos.get(term)?;
            let start = usize::try_from(start).ok()?;
            terms.push(TermInfo {
                doc_freq,
                postings_range: start..start.checked_add(len as usize)?,
                positions_range: 0..0,
            });
            if terms.len() > MAX_TERMS {
                return None;
            }
            from = self.starts.get(term + 1).map_or(self.bytes.len(), |&next| next as usize);
        }
        Some(terms)
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
