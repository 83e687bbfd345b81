//! The sessions of one segment in the order of results, and which documents are theirs.

use std::ops::Range;

use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, SegmentReader};

use crate::docset::Docs;
use crate::pack::BlockAt;
use crate::partition::{PartitionError, tantivy_error};
use crate::schema::column;

/// A session and its documents.
#[derive(Clone, Copy, Debug)]
pub struct SessionDocs {
    /// Smaller is newer; unknown times come last.
    pub age: u64,
    /// Milliseconds since 1970 (UTC).
    pub ended_at: Option<i64>,
    /// Ordinal of the transcript in the segment's column, which is sorted.
    pub transcript: u64,
    /// Where its text lies.
    pub pack: u64,
    /// The session document; those of its records follow.
    pub doc: DocId,
    /// One past its last record.
    end: DocId,
}

impl SessionDocs {
    /// The documents of its records; the first is that of `seq` 0.
    #[must_use]
    pub fn records(&self) -> Range<DocId> {
        self.doc + 1..self.end
    }
}

/// All sessions of a segment: newest first, then by transcript.
pub struct Sessions {
    list: Vec<SessionDocs>,
    /// How many records the sessions have that come before each, and all of them.
    records_before: Vec<u64>,
    documents: Docs,
    blocks: Column<u64>,
    transcripts: Option<StrColumn>,
}

impl Sessions {
    /// Reads the columns of the session documents.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn read(reader: &SegmentReader, session_documents: &Docs) -> Result<Self, PartitionError> {
        let columns = reader.fast_fields();
        let number = |name| columns.u64(name).map_err(tantivy_error("read a column of"));
        let ended_at = columns.i64(column::ENDED_AT).map_err(tantivy_error("read a column of"))?;
        let packs = number(column::PACK)?;
        let transcripts = columns.str(column::TRANSCRIPT).map_err(tantivy_error("read a column of"))?;
        let ordinal = |doc| transcripts.as_ref().and_then(|column| column.ords().first(doc));
        let mut list: Vec<SessionDocs> = Vec::new();
        for doc in session_documents.iter() {
            if let Some(last) = list.last_mut() {
                last.end = doc;
            }
            let ended_at = ended_at.first(doc);
            list.push(SessionDocs {
                age: age(ended_at),
                ended_at,
                transcript: ordinal(doc).unwrap_or(u64::MAX),
                pack: packs.first(doc).unwrap_or(u64::MAX),
                doc,
                end: reader.max_doc(),
            });
        }
        list.sort_unstable_by_key(|session| (session.age, session.transcript, session.doc));
        let counts = list.iter().map(|session| session.records().len() as u64);
        let mut records_before = vec![0];
        records_before.extend(counts.scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }));
        let documents = session_documents.clone();
        Ok(Self { list, records_before, documents, blocks: number(column::BLOCK)?, transcripts })
    }

    /// A session by its place in the order.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&SessionDocs> {
        self.list.get(at)
    }

    /// The sessions from a place in the order on.
    #[must_use]
    pub fn from(&self, at: usize) -> &[SessionDocs] {
        self.list.get(at..).unwrap_or_default()
    }

    /// How many sessions come before a place in the order, and how many records these have.
    #[must_use]
    pub fn before(&self, at: usize) -> (u64, u64) {
        let at = at.min(self.list.len());
        (at as u64, self.records_before.get(at).copied().unwrap_or(0))
    }

    /// The session documents.
    #[must_use]
    pub fn documents(&self) -> &Docs {
        &self.documents
    }

    /// Where the text of a document of a session lies.
    #[must_use]
    pub fn place(&self, session: &SessionDocs, doc: DocId) -> BlockAt {
        BlockAt { pack: session.pack, offset: self.blocks.first(doc).unwrap_or(u64::MAX) }
    }

    /// The transcript with an ordinal.
    ///
    /// # Errors
    /// The column cannot be read.
    pub fn transcript(&self, ordinal: u64) -> std::io::Result<String> {
        let mut text = String::new();
        if let Some(column) = &self.transcripts {
            column.ord_to_str(ordinal, &mut text)?;
        }
        Ok(text)
    }
}

/// Order-preserving: the newer, the smaller; unknown is the largest.
pub(crate) fn age(ended_at: Option<i64>) -> u64 {
    ended_at.map_or(u64::MAX, |millis| !(millis.cast_unsigned() ^ (1 << 63)))
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
