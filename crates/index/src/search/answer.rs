//! What a question is answered with.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shelltrail_core::{CommandRecord, Confidence, Flag, Partition, TranscriptId};

use crate::block::{Block, SessionMeta};
use crate::pack::{BlockAt, PackError};
use crate::sessions::age;

/// How much of an answer is wanted.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// At most so many hits.
    pub limit: usize,
    /// Only what comes after this.
    pub cursor: Option<Cursor>,
    /// Stop at this time, and say so.
    pub deadline: Option<Instant>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { limit: 100, cursor: None, deadline: None }
    }
}

/// A found record in its session.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Position in the session.
    pub seq: u32,
    /// Where the text of the session begins, for [`super::Searcher::records`].
    pub place: Place,
    pub(super) block: Arc<Block>,
}

impl Hit {
    /// The session, without its records.
    #[must_use]
    pub fn session(&self) -> &SessionMeta {
        &self.block.session
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> CommandRecord {
        self.block.record(self.seq).expect("a hit is made from a block that holds it")
    }

    /// The position in the order of results: a search that goes on from here begins with the next hit.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::of(&self.block.session, self.seq)
    }
}

/// Where a session lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) partition: Partition,
    pub(super) first: BlockAt,
}

/// The answer to a search.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Newest first, then by transcript, then by position in the session.
    pub hits: Vec<Hit>,
    /// Whether there is more behind the last hit: certain if the limit cut the answer, possible if the deadline did.
    pub more: bool,
    /// How many hits may follow: never less than do. Together with the hits it is the m of "n of at most m".
    pub left_at_most: u64,
    /// Where to go on; `None` if the answer is whole.
    pub cursor: Option<Cursor>,
    /// What was seen, and what was not.
    pub coverage: Coverage,
}

/// A session that has a hit, or is one.
#[derive(Clone, Debug)]
pub struct FoundSession {
    /// The session, without its records.
    pub session: SessionMeta,
    /// Where its text begins, for [`super::Searcher::records`].
    pub place: Place,
    /// The flags that any of its records has.
    pub flags: Vec<Flag>,
    /// The least confidence of any of its records; `None` if it has none.
    pub confidence_floor: Option<Confidence>,
}

/// The answer to a question for sessions.
#[derive(Clone, Debug, Default)]
pub struct SessionAnswer {
    /// Newest first, then by transcript.
    pub sessions: Vec<FoundSession>,
    /// As in [`Answer::more`].
    pub more: bool,
    /// As in [`Answer::left_at_most`].
    pub left_at_most: u64,
    /// As in [`Answer::cursor`].
    pub cursor: Option<Cursor>,
    /// What was seen, and what was not.
    pub coverage: Coverage,
}

/// What an answer rests on.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Partitions in scope that were searched. Partitions of accounts that the query excludes are not in scope.
    pub partitions: u64,
    /// Partitions in scope that could not be searched, or not whole, and why.
    pub failed_partitions: BTreeMap<String, String>,
    /// Sessions that the query may be true of, as far as it asks about sessions.
    pub sessions_in_scope: u64,
    /// Those that are decided: fewer if the limit or the deadline came first.
    pub sessions_searched: u64,
    /// Records of the sessions that are decided, read or ruled out by the index.
    pub records_searched: u64,
    /// Records whose text was read to decide.
    pub verified: u64,
    /// Records that may match and whose text could not be read.
    pub unreadable_records: u64,
    /// One reason for `unreadable_records`.
    pub unreadable_reason: Option<String>,
    /// Objects in scope that are known and not indexed, by reason.
    pub not_indexed: BTreeMap<String, u64>,
    /// Objects in scope that could not be indexed and that somebody dropped from the list of failures. They are told and
    /// make no answer incomplete.
    pub dropped: u64,
    /// Sessions that pass everything else that was asked, and of which it is not known whether they have the account,
    /// region, principal or target that was asked for: by that name. They are no part of the answer, and make it no less
    /// complete.
    pub unidentified: BTreeMap<String, u64>,
    /// Backfills that were begun and did not end, by their source: running now, or broken off.
    pub unfinished_backfills: Vec<String>,
    /// Whether the deadline came before the end.
    pub budget_exceeded: bool,
    /// Time spent on the clock.
    pub elapsed: Duration,
}

impl Coverage {
    /// Whether everything in scope was searched, or would be on the next pages: only then is "no hits" a statement
    /// about the sessions.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed_partitions.is_empty()
            && self.unreadable_records == 0
            && self.not_indexed.is_empty()
            && self.unfinished_backfills.is_empty()
            && !self.budget_exceeded
    }

    pub(super) fn unreadable(&mut self, records: u64, reason: &PackError) {
        self.unreadable_records += records;
        self.unreadable_reason.get_or_insert_with(|| with_causes(reason));
    }
}

/// A position in the order of results. It names a record by what never changes, so it stays right while more sessions
/// are committed: what is newer than it belongs to pages before, what is older comes on the next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Smaller is newer; unknown times come last.
    pub(crate) age: u64,
    pub(crate) transcript: String,
    pub(crate) seq: u32,
}

impl Cursor {
    pub(super) fn of(session: &SessionMeta, seq: u32) -> Self {
        let ended_at = session.ended_at.map(|at| at.as_millisecond());
        Self { age: age(ended_at), transcript: session.id.to_string(), seq }
    }
}

/// For a reader it has no parts.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}-{:x}", self.age, self.transcript, self.seq)
    }
}

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a cursor of an answer")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let mut parts = text.split('-');
        let (Some(age), Some(transcript), Some(seq), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotACursor);
        };
        let transcript: TranscriptId = transcript.parse().map_err(|_| NotACursor)?;
        let cursor = Self {
            age: u64::from_str_radix(age, 16).map_err(|_| NotACursor)?,
            transcript: transcript.to_string(),
            seq: u32::from_str_radix(seq, 16).map_err(|_| NotACursor)?,
        };
        if cursor.to_string() == text { Ok(cursor) } else { Err(NotACursor) }
    }
}

/// An error and its causes on one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
