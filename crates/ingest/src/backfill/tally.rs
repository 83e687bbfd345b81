//! The final account of a backfill: every object in exactly one column.

use serde::{Deserialize, Serialize};

use crate::delivery::Outcome;

/// What became of the objects of a backfill.
///
/// `seen = indexed + enqueued + already_indexed + gone + archived + denied + failed + unstarted`. Objects that the filters
/// leave out, and companions of transcripts, are not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Objects that the backfill was to index.
    pub seen: u64,
    /// Indexed by this backfill.
    pub indexed: u64,
    /// Sent to a queue, for workers to index.
    pub enqueued: u64,
    /// Stored before.
    pub already_indexed: u64,
    /// Listed and no longer there.
    pub gone: u64,
    /// In an archive: to be restored first. Listed among the failures.
    pub archived: u64,
    /// Permission was missing for the object, its bucket or its key. Listed among the failures.
    pub denied: u64,
    /// Not indexed for any other reason. Listed among the failures.
    pub failed: u64,
    /// Not begun because of a stop.
    pub unstarted: u64,
}

impl Tally {
    /// Whether every object seen is in exactly one column.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.seen
            == self.indexed
                + self.enqueued
                + self.already_indexed
                + self.gone
                + self.archived
                + self.denied
                + self.failed
                + self.unstarted
    }

    /// Whether everything seen is stored or no longer there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.archived + self.denied + self.failed + self.unstarted == 0
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            indexed: self.indexed + other.indexed,
            enqueued: self.enqueued + other.enqueued,
            already_indexed: self.already_indexed + other.already_indexed,
            gone: self.gone + other.gone,
            archived: self.archived + other.archived,
            denied: self.denied + other.denied,
            failed: self.failed + other.failed,
            unstarted: self.unstarted + other.unstarted,
        }
    }

    /// Counts one object. What asks for nothing was not seen.
    pub(crate) fn count(&mut self, outcome: &Outcome) {
        let column = match outcome {
            Outcome::Indexed(_) => &mut self.indexed,
            Outcome::AlreadyIndexed(_) => &mut self.already_indexed,
            Outcome::Gone => &mut self.gone,
            Outcome::Ignored | Outcome::Removed => return,
            Outcome::Failed(recorded) => self.refused(recorded.reason()),
            Outcome::Retry(reason) | Outcome::HeldBack(reason) => self.refused(reason),
            Outcome::Unstarted => &mut self.unstarted,
        };
        *column += 1;
        self.seen += 1;
    }

    fn refused(&mut self, reason: &str) -> &mut u64 {
        match Refusal::of(reason) {
            Refusal::Archived => &mut self.archived,
            Refusal::Denied => &mut self.denied,
            Refusal::Failed => &mut self.failed,
        }
    }
}

/// The reason of an object that must be restored before it can be read.
pub(crate) const ARCHIVED: &str = "archived";

/// Which column a reason belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Archived,
    Denied,
    Failed,
}

impl Refusal {
    fn of(reason: &str) -> Self {
        let denied = reason.contains("denied")
            || reason.starts_with("kms-key")
            || matches!(reason, "credentials" | "bucket-gone" | "bucket_not_allowed");
        match reason {
            ARCHIVED => Self::Archived,
            _ if denied => Self::Denied,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Recorded;

    #[test]
    fn every_outcome_has_one_column() {
        let mut tally = Tally::default();
        let reasons =
            ["archived", "s3-denied", "access_denied", "kms-key-state", "bucket_not_allowed", "commit"];
        for reason in reasons {
            tally.count(&Outcome::Failed(Recorded::for_test(reason)));
            assert!(tally.adds_up(), "{reason}");
        }
        for outcome in [Outcome::Gone, Outcome::Unstarted, Outcome::Retry("x"), Outcome::Ignored] {
            tally.count(&outcome);
            assert!(tally.adds_up(), "{outcome:?}");
        }
        let expected =
            Tally { seen: 9, gone: 1, archived: 1, denied: 4, failed: 2, unstarted: 1, ..Tally::default() };
        assert_eq!(tally, expected);
        assert_eq!(tally.plus(&tally).seen, 18);
        assert!(!tally.is_complete() && tally.plus(&tally).adds_up());
        assert!(Tally { seen: 1, gone: 1, ..Tally::default() }.is_complete());
    }
}
