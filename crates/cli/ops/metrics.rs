//! `/metrics`: every number that is told, with its name. docs/operations.md says what each means.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::registry::Registry;
use shelltrail_index::SCHEMA_VERSION;
use shelltrail_ingest::{BreakerState, Lane, Summary};

use super::exposition::Page;
use super::{Ops, ready};

/// The reason label of a breaker that is closed.
const NO_REASON: &str = "none";

/// The page, in the OpenMetrics text format.
pub fn render(ops: &Arc<Ops>) -> String {
    let mut registry = Registry::with_prefix("shelltrail");
    registry.register_collector(Box::new(Numbers(Arc::clone(ops))));
    let mut page = String::new();
    // Writing to a string cannot fail; a page cut short would have no end mark, and Prometheus would refuse it.
    let _ = text::encode(&mut page, &registry);
    page
}

#[derive(Debug)]
struct Numbers(Arc<Ops>);

impl Collector for Numbers {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let ops = &*self.0;
        let done = ops.progress.summary();
        messages(&mut page, ops, &done)?;
        objects(&mut page, ops, &done)?;
        work(&mut page, ops, &done)?;
        state(&mut page, ops)
    }
}

fn messages(page: &mut Page<'_>, ops: &Ops, done: &Summary) -> fmt::Result {
    let gauges = ops.progress.gauges();
    page.counter("messages_received", "Messages received, each receipt counted", done.received as f64)?;
    page.counters(
        "messages_settled",
        "Messages that are not held any more: deleted, released to the queue, or lost to it",
        "outcome",
        [("deleted", done.deleted), ("released", done.released), ("lost", done.lost)].map(number),
    )?;
    page.gauge(
        "messages_held",
        "Messages received and not settled yet",
        Some(gauges.held_messages() as f64),
    )?;
    page.gauge(
        "messages_held_limit",
        "Most messages that are held at once",
        Some(ops.pipeline.max_held_messages as f64),
    )?;
    page.gauge(
        "oldest_message_age_seconds",
        "Time since the oldest held message was sent; 0 if none is held",
        Some(gauges.oldest_sent_at().map_or(0.0, age)),
    )?;
    let look = ops.surroundings.queue();
    let depth = look.attributes.map(|depth| {
        [("visible", depth.visible), ("in_flight", depth.in_flight), ("delayed", depth.delayed)].map(number)
    });
    page.gauges(
        "queue_messages",
        "Messages in the queue, approximately, as it said when it last answered",
        "state",
        depth.into_iter().flatten(),
    )?;
    page.counters(
        "receive_errors",
        "Receive calls that failed",
        "reason",
        gauges.receive_errors_by_reason().into_iter().map(number),
    )?;
    let (granted, failed) = gauges.extensions();
    page.counters(
        "extensions",
        "Extensions of the visibility of held messages",
        "outcome",
        [("granted", granted), ("failed", failed)].map(number),
    )?;
    page.counter(
        "leases_lost",
        "Messages that somebody else may have received while they were held",
        done.leases_lost as f64,
    )
}

fn objects(page: &mut Page<'_>, ops: &Ops, done: &Summary) -> fmt::Result {
    page.counter("objects_seen", "Objects announced or listed", done.seen as f64)?;
    page.counters(
        "objects",
        "Objects by what became of them; already_indexed are the hits of the ledger",
        "outcome",
        [
            ("indexed", done.indexed),
            ("already_indexed", done.already_indexed),
            ("gone", done.gone),
            ("ignored", done.ignored),
            ("removed", done.removed),
            ("failed", done.failed),
            ("retried", done.retried),
            ("unstarted", done.unstarted),
        ]
        .map(number),
    )?;
    let failures = done.failed_by_reason.iter().map(|(reason, count)| (reason.as_str(), *count as f64));
    page.counters("failures", "Objects that cannot be indexed as they are", "reason", failures)?;
    page.counters(
        "retries",
        "Objects left to a later receive of their message",
        "reason",
        ops.progress.gauges().retried_by_reason().into_iter().map(number),
    )?;
    page.counter(
        "objects_superseded",
        "Objects overwritten between announcement and read",
        done.superseded as f64,
    )?;
    page.counter("stored_bytes", "Bytes of indexed objects as they are stored", done.bytes_stored as f64)?;
    page.counter("clear_bytes", "Bytes of indexed objects decrypted and inflated", done.bytes_clear as f64)?;
    page.counter("records", "Command records of indexed objects", done.records as f64)?;
    page.histogram(
        "event_lag_seconds",
        "Time from the event that announced an object to the commit that holds it",
        &ops.progress.gauges().lag(),
    )
}

fn work(page: &mut Page<'_>, ops: &Ops, done: &Summary) -> fmt::Result {
    let gauges = ops.progress.gauges();
    page.gauge(
        "in_flight_bytes",
        "Bytes that the budget counts: objects from before their read until they are built",
        Some(ops.progress.in_flight_bytes() as f64),
    )?;
    page.gauge("in_flight_limit_bytes", "The byte budget", Some(gauges.budget_bytes() as f64))?;
    page.gauge(
        "in_flight_peak_bytes",
        "The most that the budget ever counted",
        Some(done.peak_in_flight_bytes as f64),
    )?;
    let lanes: Vec<_> = Lane::ALL.into_iter().map(|lane| (lane, gauges.lane(lane))).collect();
    page.gauges(
        "lane_running",
        "Pieces of work being done",
        "lane",
        lanes.iter().map(|(lane, state)| (lane.name(), state.running as f64)),
    )?;
    page.gauges(
        "lane_limit",
        "Most pieces of work that are done at once",
        "lane",
        lanes.iter().map(|(lane, _)| (lane.name(), limit(ops, *lane) as f64)),
    )?;
    page.counters(
        "lane_busy_seconds",
        "Time spent at work, all that is done side by side added up",
        "lane",
        lanes.iter().map(|(lane, state)| (lane.name(), state.busy.as_secs_f64())),
    )?;
    page.histograms(
        "lane_duration_seconds",
        "Time that one finished piece of work took",
        "lane",
        lanes.into_iter().map(|(lane, state)| (lane.name(), state.took)),
    )?;
    page.counters(
        "commits",
        "Commits",
        "outcome",
        [("done", done.commits), ("failed", done.commit_failures)].map(number),
    )?;
    page.counter("build_failures", "Batches that could not be built", done.build_failures as f64)?;
    page.gauge(
        "failed_commits_in_a_row",
        "Commits that failed since one succeeded",
        Some(f64::from(gauges.failed_commits())),
    )
}

fn limit(ops: &Ops, lane: Lane) -> usize {
    match lane {
        Lane::Fetch | Lane::Get => ops.pipeline.max_fetches,
        Lane::Inflate | Lane::Build => ops.pipeline.workers,
        Lane::Commit => 1,
    }
}

fn state(page: &mut Page<'_>, ops: &Ops) -> fmt::Result {
    let (open, reason) = match ops.progress.breaker() {
        BreakerState::Closed => (0.0, NO_REASON),
        BreakerState::Open { reason, .. } | BreakerState::Probing { reason, .. } => (1.0, reason),
    };
    page.gauges("breaker_open", "Whether the circuit breaker is open, and why", "reason", [(reason, open)])?;
    let openings = ops.progress.summary().breaker_openings;
    page.counter("breaker_openings", "How often the circuit breaker opened", openings as f64)?;
    let checks = ready::checks(ops);
    page.gauge("ready", "Whether /readyz says so", Some(f64::from(u8::from(ready::is_ready(&checks)))))?;
    page.gauges(
        "check_ok",
        "Whether a check of /readyz passes",
        "check",
        checks.iter().map(|check| (check.name, f64::from(u8::from(check.ok)))),
    )?;
    page.gauge(
        "index_free_bytes",
        "Bytes that may still be written where the index is",
        ops.surroundings.index().and_then(|look| look.free_bytes).map(|bytes| bytes as f64),
    )?;
    page.gauge("resident_memory_bytes", "Resident memory of the process", resident_bytes())?;
    page.gauge(
        "start_time_seconds",
        "When the process began to work, in seconds since 1970",
        Some(ops.started_at.as_duration().as_secs_f64()),
    )?;
    let schema = SCHEMA_VERSION.to_string();
    let version = [("version", env!("CARGO_PKG_VERSION")), ("index_schema", schema.as_str())];
    page.info("build", "The program", &version)
}

fn number<T>((name, value): (T, u64)) -> (T, f64) {
    (name, value as f64)
}

fn age(at: Timestamp) -> f64 {
    Timestamp::now().duration_since(at).as_secs_f64().max(0.0)
}

/// From `VmRSS` of `/proc/self/status`, which is in KiB (proc_pid_status(5)); nothing where there is no such file.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib * 1024) as f64)
}
