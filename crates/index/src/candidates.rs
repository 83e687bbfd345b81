//! The records of one segment that may answer a question, newest first.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use shelltrail_core::AccountId;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, SegmentReader, Term};

use crate::dictionary::{Dictionary, FlatBudget};
use crate::docset::Docs;
use crate::literal::Condition;
use crate::pack::BlockAt;
use crate::partition::{PartitionError, tantivy_error};
use crate::schema::{Fields, SESSION, column};
use crate::search::Filter;
use crate::sessions::{SessionDocs, Sessions};

/// A segment, and what was learned of its dictionaries and its sessions when it was first needed.
pub struct Segment {
    reader: SegmentReader,
    command: Dictionary,
    output: Dictionary,
    sessions: OnceLock<Sessions>,
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

/// Documents of one segment: newest session first, then by transcript, then by position in the session.
pub struct Candidates<'s> {
    sessions: &'s Sessions,
    documents: Docs,
    /// The session documents that pass the filter's identifiers; `None` if all do.
    admitted: Option<Docs>,
    filter: &'s Filter,
    what: What,
    /// The session that is looked at, by its place in the order.
    at: usize,
    head: Option<Candidate>,
    /// The transcript of the last candidate that was asked for it, by its ordinal in this segment.
    transcript: Option<(u64, String)>,
}

/// Which documents are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Records,
    Sessions,
}

/// A document in the order of results.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    session: SessionDocs,
    doc: DocId,
}

impl Candidate {
    /// Smaller is newer; unknown times come last.
    #[must_use]
    pub fn age(&self) -> u64 {
        self.session.age
    }

    /// Position in the session.
    #[must_use]
    pub fn seq(&self) -> u32 {
        self.doc.saturating_sub(self.session.records().start)
    }
}

impl Segment {
    /// Wraps a segment.
    #[must_use]
    pub fn new(reader: SegmentReader, budget: &FlatBudget) -> Self {
        Self {
            reader,
            command: Dictionary::new(budget.clone()),
            output: Dictionary::new(budget.clone()),
            sessions: OnceLock::new(),
        }
    }

    /// The records that fulfil the conditions of a literal, among those that pass the filter.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn records<'s>(
        &'s self,
        fields: &Fields,
        conditions: &[Condition],
        filter: &'s Filter,
    ) -> Result<Candidates<'s>, PartitionError> {
        let max_doc = self.reader.max_doc();
        let mut docs = Docs::none(max_doc);
        for (field, dictionary) in [(fields.command, &self.command), (fields.output, &self.output)] {
            let inverted = self.reader.inverted_index(field).map_err(tantivy_error("read"))?;
            let selected =
                dictionary.select(&inverted, conditions, max_doc).map_err(tantivy_error("search"))?;
            docs.union(&selected.unwrap_or_else(|| Docs::all(max_doc)));
        }
        self.ordered(fields, docs, filter, What::Records)
    }

    /// The session documents that pass the filter.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn sessions<'s>(
        &'s self,
        fields: &Fields,
        filter: &'s Filter,
    ) -> Result<Candidates<'s>, PartitionError> {
        self.ordered(fields, Docs::all(self.reader.max_doc()), filter, What::Sessions)
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

    fn ordered<'s>(
        &'s self,
        fields: &Fields,
        documents: Docs,
        filter: &'s Filter,
        what: What,
    ) -> Result<Candidates<'s>, PartitionError> {
        let mut admitted: Option<Docs> = None;
        let mut admit = |docs: Docs| match &mut admitted {
            Some(admitted) => admitted.intersect(&docs),
            None => admitted = Some(docs),
        };
        if !filter.accounts.is_empty() {
            admit(self.with_any(fields.account, filter.accounts.iter().map(AccountId::as_str))?);
        }
        for (field, value) in [(fields.principal, &filter.principal), (fields.session, &filter.session)] {
            if let Some(value) = value {
                admit(self.with_any(field, [value.as_str()])?);
            }
        }
        let sessions = self.in_order(fields)?;
        let mut candidates =
            Candidates { sessions, documents, admitted, filter, what, at: 0, head: None, transcript: None };
        candidates.advance();
        Ok(candidates)
    }

    fn in_order(&self, fields: &Fields) -> Result<&Sessions, PartitionError> {
        if let Some(sessions) = self.sessions.get() {
            return Ok(sessions);
        }
        let sessions = Sessions::read(&self.reader, &self.with_any(fields.kind, [SESSION])?)?;
        Ok(self.sessions.get_or_init(|| sessions))
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
}

impl Candidates<'_> {
    /// The first candidate that is left.
    #[must_use]
    pub fn peek(&self) -> Option<Candidate> {
        self.head
    }

    /// Takes the first candidate that is left.
    pub fn pop(&mut self) -> Option<Candidate> {
        let head = self.head;
        self.advance();
        head
    }

    /// Where the text of a candidate lies.
    #[must_use]
    pub fn place(&self, candidate: Candidate) -> BlockAt {
        self.sessions.place(&candidate.session, candidate.doc)
    }

    /// The transcript of the first candidate, to order it against one of another segment.
    ///
    /// # Errors
    /// The column cannot be read.
    pub fn first_transcript(&mut self) -> std::io::Result<&str> {
        let ordinal = self.head.map_or(u64::MAX, |first| first.session.transcript);
        if self.transcript.as_ref().is_none_or(|(known, _)| *known != ordinal) {
            self.transcript = Some((ordinal, self.sessions.transcript(ordinal)?));
        }
        Ok(self.transcript.as_ref().map_or("", |(_, text)| text))
    }

    fn advance(&mut self) {
        let mut after = self.head.take().map(|head| head.doc + 1);
        while let Some(session) = self.sessions.get(self.at) {
            let mut range = match self.what {
                What::Records => session.records(),
                What::Sessions => session.doc..session.doc + 1,
            };
            range.start = range.start.max(after.take().unwrap_or(0));
            let admitted = self.filter.admits(session.ended_at)
                && self.admitted.as_ref().is_none_or(|admitted| admitted.contains(session.doc));
            if admitted && let Some(doc) = self.documents.first_in(range) {
                self.head = Some(Candidate { session: *session, doc });
                return;
            }
            self.at += 1;
        }
    }
}
