//! The records of one segment that may answer a question, newest first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use shelltrail_core::AccountId;
use tantivy::columnar::{Column, StrColumn};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, SegmentReader, Term};

use crate::dictionary::Dictionary;
use crate::docset::Docs;
use crate::literal::Condition;
use crate::pack::BlockAt;
use crate::partition::{PartitionError, tantivy_error};
use crate::schema::{Fields, SESSION, column};
use crate::search::Filter;

/// A segment and what was learned of its dictionaries.
pub struct Segment {
    reader: SegmentReader,
    command: Dictionary,
    output: Dictionary,
}

/// What a segment holds.
pub struct Totals {
    /// Stored transcripts.
    pub sessions: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of clear transcript.
    pub bytes: u64,
    /// Stored transcripts by account; `None` for keys without one.
    pub accounts: BTreeMap<Option<String>, u64>,
}

/// The columns that order and place a document.
struct Columns {
    ended_at: Column<i64>,
    seq: Column<u64>,
    pack: Column<u64>,
    block: Column<u64>,
    transcript: Option<StrColumn>,
}

/// Documents of one segment, newest first, then by transcript, then by position in the session.
pub struct Candidates {
    heap: BinaryHeap<Reverse<Candidate>>,
    columns: Columns,
    /// The transcript of the last candidate that was asked for it, by its ordinal in this segment.
    transcript: Option<(u32, String)>,
}

/// A document in the order of results. Field order is the order of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// Smaller is newer; unknown times come last.
    pub age: u64,
    /// Ordinal of the transcript in the segment's column, which is sorted.
    transcript: u32,
    /// Position in the session.
    pub seq: u32,
    /// The document.
    pub doc: DocId,
}

impl Segment {
    /// Wraps a segment.
    #[must_use]
    pub fn new(reader: SegmentReader) -> Self {
        Self { reader, command: Dictionary::default(), output: Dictionary::default() }
    }

    /// The records that fulfil the conditions of a literal, among those that pass the filter.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn records(
        &self,
        fields: &Fields,
        conditions: &[Condition],
        filter: &Filter,
    ) -> Result<Candidates, PartitionError> {
        let max_doc = self.reader.max_doc();
        let mut docs = Docs::none(max_doc);
        for (field, dictionary) in [(fields.command, &self.command), (fields.output, &self.output)] {
            let inverted = self.reader.inverted_index(field).map_err(tantivy_error("read"))?;
            let selected =
                dictionary.select(&inverted, conditions, max_doc).map_err(tantivy_error("search"))?;
            docs.union(&selected.unwrap_or_else(|| Docs::all(max_doc)));
        }
        self.ordered(fields, docs, filter, true)
    }

    /// The session documents that pass the filter.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn sessions(&self, fields: &Fields, filter: &Filter) -> Result<Candidates, PartitionError> {
        let docs = self.with_any(fields.kind, [SESSION])?;
        self.ordered(fields, docs, filter, false)
    }

    /// Counts what the segment holds.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn totals(&self, fields: &Fields) -> Result<Totals, PartitionError> {
        let sessions = self.with_any(fields.kind, [SESSION])?;
        let columns = self.reader.fast_fields();
        let sum = |name| -> Result<u64, PartitionError> {
            let column = columns.u64(name).map_err(tantivy_error("read a column of"))?;
            Ok(sessions.iter().filter_map(|doc| column.first(doc)).sum())
        };
        let mut totals = Totals {
            sessions: sessions.iter().count() as u64,
            records: sum(column::RECORDS)?,
            bytes: sum(column::BYTES)?,
            accounts: BTreeMap::new(),
        };
        let inverted = self.reader.inverted_index(fields.account).map_err(tantivy_error("read"))?;
        let mut terms = inverted.terms().stream().map_err(tantivy_error("read"))?;
        let mut placed = 0;
        while terms.advance() {
            let account = String::from_utf8_lossy(terms.key()).into_owned();
            let mut docs = self.with_any(fields.account, [account.as_str()])?;
            docs.intersect(&sessions);
            let count = docs.iter().count() as u64;
            placed += count;
            totals.accounts.insert(Some(account), count);
        }
        if totals.sessions > placed {
            totals.accounts.insert(None, totals.sessions - placed);
        }
        Ok(totals)
    }

    fn ordered(
        &self,
        fields: &Fields,
        mut docs: Docs,
        filter: &Filter,
        records: bool,
    ) -> Result<Candidates, PartitionError> {
        if !filter.accounts.is_empty() {
            docs.intersect(&self.with_any(fields.account, filter.accounts.iter().map(AccountId::as_str))?);
        }
        for (field, value) in [(fields.principal, &filter.principal), (fields.session, &filter.session)] {
            if let Some(value) = value {
                docs.intersect(&self.with_any(field, [value.as_str()])?);
            }
        }
        let columns = self.columns()?;
        let transcripts = columns.transcript.as_ref();
        let mut candidates = Vec::new();
        for doc in docs.iter() {
            let seq = columns.seq.first(doc);
            let ended_at = columns.ended_at.first(doc);
            if seq.is_some() != records || !filter.admits(ended_at) {
                continue;
            }
            candidates.push(Reverse(Candidate {
                age: age(ended_at),
                transcript: transcripts
                    .and_then(|column| column.ords().first(doc))
                    .and_then(|ord| u32::try_from(ord).ok())
                    .unwrap_or(u32::MAX),
                seq: seq.and_then(|seq| u32::try_from(seq).ok()).unwrap_or(0),
                doc,
            }));
        }
        Ok(Candidates { heap: candidates.into(), columns, transcript: None })
    }

    /// The documents whose field has any of these values.
    fn with_any<'a>(
        &self,
        field: Field,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Result<Docs, PartitionError> {
        let inverted = self.reader.inverted_index(field).map_err(tantivy_error("read"))?;
        let mut docs = Docs::none(self.reader.max_doc());
        for value in values {
            let term = Term::from_field_text(field, value);
            let postings = inverted.read_postings(&term, IndexRecordOption::Basic);
            if let Some(postings) = postings.map_err(tantivy_error("read"))? {
                docs.add(postings);
            }
        }
        Ok(docs)
    }

    fn columns(&self) -> Result<Columns, PartitionError> {
        let columns = self.reader.fast_fields();
        let number = |name| columns.u64(name).map_err(tantivy_error("read a column of"));
        Ok(Columns {
            ended_at: columns.i64(column::ENDED_AT).map_err(tantivy_error("read a column of"))?,
            seq: number(column::SEQ)?,
            pack: number(column::PACK)?,
            block: number(column::BLOCK)?,
            transcript: columns.str(column::TRANSCRIPT).map_err(tantivy_error("read a column of"))?,
        })
    }
}

/// Order-preserving: the newer, the smaller; unknown is the largest.
fn age(ended_at: Option<i64>) -> u64 {
    ended_at.map_or(u64::MAX, |millis| !(millis.cast_unsigned() ^ (1 << 63)))
}

impl Candidates {
    /// The first candidate that is left.
    #[must_use]
    pub fn peek(&self) -> Option<Candidate> {
        self.heap.peek().map(|Reverse(candidate)| *candidate)
    }

    /// Takes the first candidate that is left.
    pub fn pop(&mut self) -> Option<Candidate> {
        self.heap.pop().map(|Reverse(candidate)| candidate)
    }

    /// Where the text of a candidate lies.
    #[must_use]
    pub fn place(&self, candidate: Candidate) -> BlockAt {
        let number = |column: &Column<u64>| column.first(candidate.doc).unwrap_or(u64::MAX);
        BlockAt { pack: number(&self.columns.pack), offset: number(&self.columns.block) }
    }

    /// The transcript of the first candidate, to order it against one of another segment.
    ///
    /// # Errors
    /// The column cannot be read.
    pub fn first_transcript(&mut self) -> std::io::Result<&str> {
        let ord = self.peek().map_or(u32::MAX, |first| first.transcript);
        if self.transcript.as_ref().is_none_or(|(known, _)| *known != ord) {
            let mut text = String::new();
            if let Some(column) = &self.columns.transcript {
                column.ord_to_str(u64::from(ord), &mut text)?;
            }
            self.transcript = Some((ord, text));
        }
        Ok(self.transcript.as_ref().map_or("", |(_, text)| text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_comes_first_and_unknown_last() {
        let times = [Some(i64::MAX), Some(5), Some(0), Some(-5), None];
        assert!(times.map(age).is_sorted());
    }
}
