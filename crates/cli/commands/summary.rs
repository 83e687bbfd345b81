//! The final account of a worker or a backfill.

use shelltrail_core::sanitize::printable;
use shelltrail_ingest::Summary;

use crate::exit::Exit;
use crate::log::{self, LogFormat};

/// Most failures named one by one; `shelltrail status` counts all.
const MAX_NAMED: usize = 10;

/// Prints the account on stderr. As an event it names no object.
pub fn report(done: &Summary) {
    if log::format() == LogFormat::Json {
        return event(done);
    }
    eprintln!(
        "shelltrail: objects: {} seen = {} indexed + {} already indexed + {} gone + {} ignored + {} removed \
         + {} failed + {} left for later + {} not begun",
        done.seen,
        done.indexed,
        done.already_indexed,
        done.gone,
        done.ignored,
        done.removed,
        done.failed,
        done.retried,
        done.unstarted
    );
    details(done);
}

/// Prints what was read, and what was not indexed and why, on stderr.
pub fn details(done: &Summary) {
    eprintln!(
        "shelltrail: {} records from {} bytes of transcript, {} commits",
        done.records, done.bytes_clear, done.commits
    );
    if done.breaker_openings > 0 {
        eprintln!(
            "shelltrail: work stopped {} times because of credentials, keys, the network or the disk, and went on after a probe",
            done.breaker_openings
        );
    }
    for (reason, count) in &done.failed_by_reason {
        eprintln!("shelltrail: not indexed: {count} {}", printable(reason));
    }
    for failure in done.failures.iter().take(MAX_NAMED) {
        eprintln!(
            "shelltrail: not indexed: {} {}: {}",
            printable(&failure.reason),
            printable(&failure.object.key),
            printable(&failure.detail)
        );
    }
}

fn event(done: &Summary) {
    tracing::info!(
        received = done.received,
        deleted = done.deleted,
        released = done.released,
        lost = done.lost,
        seen = done.seen,
        indexed = done.indexed,
        already_indexed = done.already_indexed,
        gone = done.gone,
        ignored = done.ignored,
        removed = done.removed,
        failed = done.failed,
        retried = done.retried,
        unstarted = done.unstarted,
        records = done.records,
        clear_bytes = done.bytes_clear,
        commits = done.commits,
        "done"
    );
    for (reason, count) in &done.failed_by_reason {
        tracing::warn!(reason, count, "not indexed");
    }
}

/// Complete unless an object failed, or the work was stopped before all of it was begun.
#[must_use]
pub fn exit(done: &Summary) -> Exit {
    if done.failed > 0 || done.unstarted > 0 { Exit::Incomplete } else { Exit::Done }
}
