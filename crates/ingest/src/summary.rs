//! Counters that add up, while the pipeline runs and at its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shelltrail_core::sink::Failure;
use tokio::sync::watch;

use crate::breaker::BreakerState;
use crate::gauges::Gauges;

/// Most failures that a [`Summary`] lists one by one; all of them are counted.
pub const MAX_LISTED_FAILURES: usize = 100;

/// What was done. At the end of a run:
///
/// - `received = deleted + released + lost`
/// - `seen = indexed + already_indexed + gone + ignored + removed + failed + retried + unstarted`
/// - `failed` = the sum over `failed_by_reason`
///
/// A backfill has no messages, and neither `removed` nor `retried` objects; only a backfill that was
/// stopped has `unstarted` ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages received, each receipt counted.
    pub received: u64,
    /// Messages deleted.
    pub deleted: u64,
    /// Messages given back to the queue.
    pub released: u64,
    /// Messages neither deleted nor given back for certain: the lease was lost or the call failed for good.
    /// The queue delivers them again.
    pub lost: u64,
    /// Objects seen: records of messages (an unreadable message counts as one), or files of a listing.
    pub seen: u64,
    /// Objects whose session a commit of this run holds.
    pub indexed: u64,
    /// Objects whose session was stored already, or was stored through another message of this run.
    pub already_indexed: u64,
    /// Objects that no longer exist.
    pub gone: u64,
    /// Records that ask for nothing, and objects that are not wanted.
    pub ignored: u64,
    /// Records about objects that were removed from the bucket.
    pub removed: u64,
    /// Objects that cannot be indexed as they are; recorded in the sink.
    pub failed: u64,
    /// The same by reason.
    pub failed_by_reason: BTreeMap<String, u64>,
    /// The first [`MAX_LISTED_FAILURES`] of them.
    pub failures: Vec<Failure>,
    /// Objects left to a later receive of their message, after a failure that may pass or because nothing can be
    /// worked on just now.
    pub retried: u64,
    /// Objects not begun because of a stop.
    pub unstarted: u64,
    /// Objects overwritten between announcement and read; each was read as it is now, and counts above too.
    pub superseded: u64,
    /// Objects that messages of a backfill announced; they count above too.
    pub backfilled: u64,
    /// Objects of lists of which there was none, so that another reading of their key was tried.
    pub other_keys: u64,
    /// Heartbeats refused: somebody else may hold the message. The work goes on.
    pub leases_lost: u64,
    /// Receive calls that failed.
    pub receive_errors: u64,
    /// Commits that made something durable.
    pub commits: u64,
    /// Commits that failed.
    pub commit_failures: u64,
    /// Batches that could not be built.
    pub build_failures: u64,
    /// Stored bytes of the indexed objects.
    pub bytes_stored: u64,
    /// Clear bytes of the indexed objects.
    pub bytes_clear: u64,
    /// Command records of the indexed objects.
    pub records: u64,
    /// How often the circuit breaker opened.
    pub breaker_openings: u64,
    /// The most the byte budget ever counted.
    pub peak_in_flight_bytes: u64,
}

impl Summary {
    /// Whether the equations in the description hold. They do at the end of a run; while it runs, what is
    /// held is missing on their right sides.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let settled = self.indexed
            + self.already_indexed
            + self.gone
            + self.ignored
            + self.removed
            + self.failed
            + self.retried
            + self.unstarted;
        self.received == self.deleted + self.released + self.lost
            && self.seen == settled
            && self.failed == self.failed_by_reason.values().sum::<u64>()
    }
}

/// Names one counter of [`Summary`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counter {
    Received,
    Deleted,
    Released,
    Lost,
    Seen,
    Indexed,
    AlreadyIndexed,
    Gone,
    Ignored,
    Removed,
    Failed,
    Retried,
    Unstarted,
    Superseded,
    Backfilled,
    OtherKeys,
    LeasesLost,
    ReceiveErrors,
    Commits,
    CommitFailures,
    BuildFailures,
    BytesStored,
    BytesClear,
    Records,
    BreakerOpenings,
    PeakInFlightBytes,
}

/// The last variant of [`Counter`] gives their number.
const COUNTERS: usize = Counter::PeakInFlightBytes as usize + 1;

/// The counters of a running pipeline, shared with whoever shows them.
#[derive(Debug, Default)]
pub struct Progress {
    counters: [AtomicU64; COUNTERS],
    in_flight_bytes: AtomicU64,
    /// Objects seen and not settled.
    open_objects: watch::Sender<u64>,
    breaker: Mutex<BreakerState>,
    failures: Mutex<Failures>,
    gauges: Gauges,
}

#[derive(Debug, Default)]
struct Failures {
    by_reason: BTreeMap<&'static str, u64>,
    listed: Vec<Failure>,
}

impl Progress {
    /// All counters at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The counters as they are now.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let failures = self.failures();
        Summary {
            received: self.get(Counter::Received),
            deleted: self.get(Counter::Deleted),
            released: self.get(Counter::Released),
            lost: self.get(Counter::Lost),
            seen: self.get(Counter::Seen),
            indexed: self.get(Counter::Indexed),
            already_indexed: self.get(Counter::AlreadyIndexed),
            gone: self.get(Counter::Gone),
            ignored: self.get(Counter::Ignored),
            removed: self.get(Counter::Removed),
            failed: self.get(Counter::Failed),
            failed_by_reason: failures
                .by_reason
                .iter()
                .map(|(reason, n)| ((*reason).to_owned(), *n))
                .collect(),
            failures: failures.listed.clone(),
            retried: self.get(Counter::Retried),
            unstarted: self.get(Counter::Unstarted),
            superseded: self.get(Counter::Superseded),
            backfilled: self.get(Counter::Backfilled),
            other_keys: self.get(Counter::OtherKeys),
            leases_lost: self.get(Counter::LeasesLost),
            receive_errors: self.get(Counter::ReceiveErrors),
            commits: self.get(Counter::Commits),
            commit_failures: self.get(Counter::CommitFailures),
            build_failures: self.get(Counter::BuildFailures),
            bytes_stored: self.get(Counter::BytesStored),
            bytes_clear: self.get(Counter::BytesClear),
            records: self.get(Counter::Records),
            breaker_openings: self.get(Counter::BreakerOpenings),
            peak_in_flight_bytes: self.get(Counter::PeakInFlightBytes),
        }
    }

    /// What the pipeline is doing right now, and how long its work takes.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// What the byte budget counts right now.
    #[must_use]
    pub fn in_flight_bytes(&self) -> u64 {
        self.in_flight_bytes.load(Ordering::Relaxed)
    }

    /// Objects seen of which is not yet known what becomes of them.
    #[must_use]
    pub fn open_objects(&self) -> u64 {
        *self.open_objects.borrow()
    }

    /// Whether the world around the pipeline lets it work.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_breaker(&self, state: BreakerState) {
        *self.breaker.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(crate) fn begin_object(&self) {
        self.open_objects.send_modify(|open| *open += 1);
    }

    pub(crate) fn end_object(&self) {
        self.open_objects.send_modify(|open| *open -= 1);
    }

    /// Waits until it is known of every object seen so far what became of it.
    pub(crate) async fn all_settled(&self) {
        let mut view = self.open_objects.subscribe();
        view.wait_for(|open| *open == 0).await.expect("self holds the sender of the channel");
    }

    pub(crate) fn add(&self, counter: Counter, amount: u64) {
        self.counters[counter as usize].fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts a failed object.
    pub(crate) fn count_failure(&self, reason: &'static str) {
        self.count(Counter::Failed);
        *self.failures().by_reason.entry(reason).or_default() += 1;
    }

    /// Lists a failure, if there is room.
    pub(crate) fn list_failure(&self, failure: Failure) {
        let mut failures = self.failures();
        if failures.listed.len() < MAX_LISTED_FAILURES {
            failures.listed.push(failure);
        }
    }

    pub(crate) fn set_in_flight_bytes(&self, bytes: u64) {
        self.in_flight_bytes.store(bytes, Ordering::Relaxed);
        self.counters[Counter::PeakInFlightBytes as usize].fetch_max(bytes, Ordering::Relaxed);
    }

    fn get(&self, counter: Counter) -> u64 {
        self.counters[counter as usize].load(Ordering::Relaxed)
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        // Nothing that runs under this lock can panic halfway, so a poisoned one is still whole.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_summary_agree() {
        let progress = Progress::new();
        for counter in [Counter::Received, Counter::Released, Counter::Seen] {
            progress.count(counter);
        }
        assert!(!progress.summary().adds_up());
        progress.count_failure("bad");
        progress.set_in_flight_bytes(9);
        progress.set_in_flight_bytes(4);
        let summary = progress.summary();
        assert!(summary.adds_up());
        assert_eq!((summary.received, summary.released, summary.failed), (1, 1, 1));
        assert_eq!(summary.failed_by_reason["bad"], 1);
        assert_eq!((summary.peak_in_flight_bytes, progress.in_flight_bytes()), (9, 4));
    }
}
