//! The records of one segment that may answer a question, newest first.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use shelltrail_core::{Confidence, Flag};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, SegmentReader, Term};

use crate::dictionary::{Dictionary, FlatBudget};
use crate::docset::Docs;
use crate::facts;
use crate::pack::BlockAt;
use crate::partition::{PartitionError, tantivy_error};
use crate::query::{CONFIDENCES, FLAGS};
use crate::schema::{Fields, SESSION, column};
use crate::search::Cursor;
use crate::sessions::{SessionDocs, Sessions};

/// A segment, and what was learned of its dictionaries and its sessions when it was first needed.
pub struct Segment {
    pub(crate) reader: SegmentReader,
    pub(crate) fields: Fields,
    pub(crate) command: Dictionary,
    pub(crate) output: Dictionary,
    sessions: OnceLock<Sessions>,
    signs: OnceLock<Signs>,
    /// The session documents without an account, a region, a principal, a target.
    pub(crate) lacking: [OnceLock<Docs>; 4],
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

/// The documents with each flag and each confidence.
struct Signs {
    flags: Vec<(Flag, Docs)>,
    confidences: Vec<(Confidence, Docs)>,
}

/// Two sets between which the answer to a question lies: all documents of it are in `upper`, and all of `lower` are in it.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// What may be an answer.
    pub upper: Docs,
    /// What is one for certain.
    pub lower: Docs,
}

/// Documents of one segment: newest session first, then by transcript, then by position in the session.
pub struct Candidates<'s> {
    segment: &'s Segment,
    sessions: &'s Sessions,
    bounds: Bounds,
    /// The sessions that are in scope, whatever their texts say; `None` if all are.
    scope: Option<Docs>,
    what: What,
    /// The session that is looked at, by its place in the order.
    at: usize,
    head: Option<Candidate>,
    /// The transcript of the last candidate that was asked for it, by its ordinal in this segment.
    transcript: Option<(u64, String)>,
}

/// Which documents are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Those of records.
    Records,
    /// Those of sessions.
    Sessions,
}

/// A document in the order of results.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    session: SessionDocs,
    doc: DocId,
    /// Whether it is an answer for certain.
    pub is_certain: bool,
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
    pub fn new(reader: SegmentReader, fields: Fields, budget: &FlatBudget) -> Self {
        Self {
            reader,
            fields,
            command: Dictionary::new(budget.clone()),
            output: Dictionary::new(budget.clone()),
            sessions: OnceLock::new(),
            signs: OnceLock::new(),
            lacking: Default::default(),
        }
    }

    /// Puts the documents between some bounds in order, those after the cursor.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn candidates(
        &self,
        bounds: Bounds,
        scope: Option<Docs>,
        what: What,
        after: Option<&Cursor>,
    ) -> Result<Candidates<'_>, PartitionError> {
        let sessions = self.in_order()?;
        let mut candidates =
            Candidates { segment: self, sessions, bounds, scope, what, at: 0, head: None, transcript: None };
        match after {
            Some(cursor) => candidates.skip_to(cursor)?,
            None => candidates.advance(0),
        }
        Ok(candidates)
    }

    /// Counts what the segment holds.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn totals(&self) -> Result<Totals, PartitionError> {
        let sessions = self.with_any(self.fields.kind, [SESSION])?;
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
        let inverted = self.reader.inverted_index(self.fields.account).map_err(tantivy_error("read"))?;
        let mut terms = inverted.terms().stream().map_err(tantivy_error("read"))?;
        let mut placed = 0;
        while terms.advance() {
            let account = String::from_utf8_lossy(terms.key()).into_owned();
            let mut docs = self.with_any(self.fields.account, [account.as_str()])?;
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

    /// The sessions in the order of results.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn in_order(&self) -> Result<&Sessions, PartitionError> {
        if let Some(sessions) = self.sessions.get() {
            return Ok(sessions);
        }
        let sessions = Sessions::read(&self.reader, &self.with_any(self.fields.kind, [SESSION])?)?;
        Ok(self.sessions.get_or_init(|| sessions))
    }

    /// How many documents it has.
    #[must_use]
    pub fn max_doc(&self) -> DocId {
        self.reader.max_doc()
    }

    /// The documents whose field has any of these values.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn with_any<'a>(
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

    fn signs(&self) -> Result<&Signs, PartitionError> {
        if let Some(signs) = self.signs.get() {
            return Ok(signs);
        }
        let with = |term| self.with_any(self.fields.fact, [term]);
        let flags = FLAGS.map(|flag| Ok((flag, with(facts::flag(flag))?)));
        let confidences = CONFIDENCES.map(|value| Ok((value, with(facts::confidence(value))?)));
        let signs = Signs {
            flags: flags.into_iter().collect::<Result<_, PartitionError>>()?,
            confidences: confidences.into_iter().collect::<Result<_, PartitionError>>()?,
        };
        Ok(self.signs.get_or_init(|| signs))
    }
}

impl<'s> Candidates<'s> {
    /// The first candidate that is left.
    #[must_use]
    pub fn peek(&self) -> Option<Candidate> {
        self.head
    }

    /// Takes the first candidate that is left.
    pub fn pop(&mut self) -> Option<Candidate> {
        let head = self.head;
        self.advance(head.map_or(0, |head| head.doc + 1));
        head
    }

    /// Leaves out what is left of the session of a candidate that was just taken.
    pub fn skip_session(&mut self, candidate: &Candidate) {
        if self.head.is_some_and(|head| head.session.doc == candidate.session.doc) {
            self.at += 1;
            self.advance(0);
        }
    }

    /// Where the text of a candidate lies.
    #[must_use]
    pub fn place(&self, candidate: Candidate) -> BlockAt {
        self.sessions.place(&candidate.session, candidate.doc)
    }

    /// The flags that any record of the session has, and the least confidence of one.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn signs(&self, candidate: &Candidate) -> Result<(Vec<Flag>, Option<Confidence>), PartitionError> {
        let signs = self.segment.signs()?;
        let has = |docs: &Docs| docs.first_in(candidate.session.records()).is_some();
        let flags = signs.flags.iter().filter(|(_, docs)| has(docs)).map(|(flag, _)| *flag).collect();
        let floor = signs.confidences.iter().find(|(_, docs)| has(docs)).map(|(value, _)| *value);
        Ok((flags, floor))
    }

    /// How many candidates are left at most.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.count_left(&self.bounds.upper)
    }

    /// How many of those are not certain.
    #[must_use]
    pub fn left_to_verify(&self) -> u64 {
        let mut certain = self.bounds.upper.clone();
        certain.intersect(&self.bounds.lower);
        self.left().saturating_sub(self.count_left(&certain))
    }

    /// How many documents of a set are left: all of them without those that were passed, which are few as a rule.
    fn count_left(&self, docs: &Docs) -> u64 {
        let Some(head) = self.head else { return 0 };
        let of_sessions = docs.count_common(self.sessions.documents());
        let all = match self.what {
            What::Records => docs.count_in(0..docs.max_doc()) - of_sessions,
            What::Sessions => of_sessions,
        };
        let passed = self.sessions.from(0).iter().take(self.at).map(|session| self.documents_of(session));
        let mut current = self.documents_of(&head.session);
        current.end = head.doc.min(current.end);
        all - passed.chain([current]).map(|range| docs.count_in(range)).sum::<u64>()
    }

    /// Bytes of clear transcript for each record, on average.
    #[must_use]
    pub fn mean_record_bytes(&self) -> u64 {
        let Ok(totals) = self.segment.totals() else { return 0 };
        totals.bytes.checked_div(totals.records).unwrap_or(0)
    }

    /// The segment.
    #[must_use]
    pub fn segment(&self) -> &'s Segment {
        self.segment
    }

    /// How many sessions are in scope, and how many records these have.
    #[must_use]
    pub fn in_scope(&self) -> (u64, u64) {
        self.count_in_scope(usize::MAX)
    }

    /// How many of those come before the first candidate that is left.
    #[must_use]
    pub fn passed(&self) -> (u64, u64) {
        self.count_in_scope(if self.head.is_some() { self.at } else { usize::MAX })
    }

    /// How many of those come before the session of a position; none before no position.
    ///
    /// # Errors
    /// The segment cannot be read.
    pub fn before(&self, cursor: Option<&Cursor>) -> Result<(u64, u64), PartitionError> {
        match cursor {
            Some(cursor) => Ok(self.count_in_scope(self.locate(cursor)?.0)),
            None => Ok((0, 0)),
        }
    }

    fn count_in_scope(&self, before: usize) -> (u64, u64) {
        let Some(scope) = &self.scope else { return self.sessions.before(before) };
        let in_scope =
            self.sessions.from(0).iter().take(before).filter(|session| scope.contains(session.doc));
        in_scope.fold((0, 0), |(sessions, records), session| {
            (sessions + 1, records + session.records().len() as u64)
        })
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

    fn documents_of(&self, session: &SessionDocs) -> std::ops::Range<DocId> {
        match self.what {
            What::Records => session.records(),
            What::Sessions => session.doc..session.doc + 1,
        }
    }

    /// Begins behind a position in the order of results.
    fn skip_to(&mut self, cursor: &Cursor) -> Result<(), PartitionError> {
        let (at, is_there) = self.locate(cursor)?;
        self.at = at;
        let from = match (self.sessions.get(at), self.what) {
            (Some(session), What::Records) if is_there => {
                session.records().start.saturating_add(cursor.seq).saturating_add(1)
            }
            // Sessions are passed as a whole; of a session itself nothing follows.
            (_, What::Sessions) if is_there => DocId::MAX,
            _ => 0,
        };
        self.advance(from);
        Ok(())
    }

    /// The place in the order of the session of a position, or of the first one behind it; and which of both it is.
    fn locate(&self, cursor: &Cursor) -> Result<(usize, bool), PartitionError> {
        let read = |source| tantivy_error("read a column of")(tantivy::TantivyError::from(source));
        let sessions = self.sessions.from(0);
        let mut at = sessions.partition_point(|session| session.age < cursor.age);
        while let Some(session) = sessions.get(at).filter(|session| session.age == cursor.age) {
            let transcript = self.sessions.transcript(session.transcript).map_err(read)?;
            if transcript >= cursor.transcript {
                return Ok((at, transcript == cursor.transcript));
            }
            at += 1;
        }
        Ok((at, false))
    }

    /// Finds the next candidate: of the current session one from `from` on, or one of the sessions after it.
    fn advance(&mut self, from: DocId) {
        self.head = None;
        let mut from = Some(from);
        while let Some(session) = self.sessions.get(self.at) {
            let mut range = self.documents_of(session);
            range.start = range.start.max(from.take().unwrap_or(0));
            if range.start < range.end
                && let Some(doc) = self.bounds.upper.first_in(range)
            {
                let is_certain = self.bounds.lower.contains(doc);
                self.head = Some(Candidate { session: *session, doc, is_certain });
                return;
            }
            self.at += 1;
        }
    }
}
