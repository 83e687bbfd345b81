//! The final account of a worker or a backfill.

use shelltrail_core::sanitize::printable;
use shelltrail_ingest::Summary;

use crate::exit::Exit;

/// Most failures named one by one; `shelltrail status` counts all.
const MAX_NAMED: usize = 10;

/// Prints the account on stderr.
pub fn report(done: &Summary) {
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
    eprintln!(
        "shelltrail: {} records from {} bytes of transcript, {} commits",
        done.records, done.bytes_clear, done.commits
    );
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

/// Complete unless an object failed, or the work was stopped before all of it was begun.
#[must_use]
pub fn exit(done: &Summary) -> Exit {
    if done.failed > 0 || done.unstarted > 0 { Exit::Incomplete } else { Exit::Done }
}
