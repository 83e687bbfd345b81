//! One line per minute about what was done in it, as long as anything is done.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shelltrail_ingest::{BreakerState, Summary};

use super::Ops;

const PERIOD: Duration = Duration::from_secs(60);

/// Tells, for ever.
pub async fn tell(ops: Arc<Ops>) {
    let mut before = ops.progress.summary();
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + PERIOD, PERIOD);
    loop {
        ticks.tick().await;
        let now = ops.progress.summary();
        if is_working(&ops, &before, &now) {
            line(&ops, &before, &now);
        }
        before = now;
    }
}

/// Whether there is anything to tell: something was done, something is held, or something keeps it from working.
fn is_working(ops: &Ops, before: &Summary, now: &Summary) -> bool {
    now != before
        || ops.progress.gauges().held_messages() > 0
        || ops.progress.breaker() != BreakerState::Closed
}

fn line(ops: &Ops, before: &Summary, now: &Summary) {
    let gauges = ops.progress.gauges();
    let oldest_secs = gauges
        .oldest_sent_at()
        .map_or(0, |sent_at| Timestamp::now().duration_since(sent_at).as_secs().max(0));
    let breaker = match ops.progress.breaker() {
        BreakerState::Closed => "closed",
        BreakerState::Open { reason, .. } | BreakerState::Probing { reason, .. } => reason,
    };
    let since = |count: fn(&Summary) -> u64| count(now).saturating_sub(count(before));
    tracing::info!(
        received = since(|all| all.received),
        deleted = since(|all| all.deleted),
        released = since(|all| all.released),
        lost = since(|all| all.lost),
        seen = since(|all| all.seen),
        indexed = since(|all| all.indexed),
        already_indexed = since(|all| all.already_indexed),
        failed = since(|all| all.failed),
        retried = since(|all| all.retried),
        commits = since(|all| all.commits),
        records = since(|all| all.records),
        clear_bytes = since(|all| all.bytes_clear),
        receive_errors = since(|all| all.receive_errors),
        held_messages = gauges.held_messages(),
        in_flight_bytes = ops.progress.in_flight_bytes(),
        oldest_message_secs = oldest_secs,
        queue_visible = ops.surroundings.queue().attributes.map(|attributes| attributes.visible),
        breaker,
        "the last minute"
    );
}
