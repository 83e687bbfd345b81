//! Whether the worker can work: what `/readyz` says, and why.

use std::time::{Duration, Instant};

use serde::Serialize;
use shelltrail_ingest::{BreakerState, Receiving};

use super::Ops;
use super::surroundings::{IndexLook, MIN_FREE_BYTES, QueueLook};

/// How old the last good news of the queue, and the last look at the disk, may be: four looks that did not succeed, and
/// longer than a long poll.
pub const MAX_AGE: Duration = Duration::from_secs(60);

/// One thing that must be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    #[serde(skip)]
    pub name: &'static str,
    /// Whether it is.
    pub ok: bool,
    /// In words of ours: reasons and numbers, no names of objects.
    pub detail: String,
}

/// What the checks are made of.
#[derive(Clone, Debug)]
struct Seen {
    /// `None`: there is no queue.
    queue: Option<(QueueLook, Receiving)>,
    breaker: BreakerState,
    index: Option<IndexLook>,
    failed_commits: u32,
    stopping: bool,
}

/// All checks, in a fixed order.
pub fn checks(ops: &Ops) -> Vec<Check> {
    let gauges = ops.progress.gauges();
    let seen = Seen {
        queue: ops.has_queue.then(|| (ops.surroundings.queue(), gauges.receiving())),
        breaker: ops.progress.breaker(),
        index: ops.surroundings.index(),
        failed_commits: gauges.failed_commits(),
        stopping: ops.stop.is_stopped(),
    };
    seen.checks(Instant::now())
}

/// What `/readyz` answers.
pub fn document(checks: &[Check]) -> serde_json::Value {
    let all: serde_json::Map<_, _> =
        checks.iter().map(|check| (check.name.to_owned(), serde_json::json!(check))).collect();
    serde_json::json!({"ready": is_ready(checks), "checks": all})
}

/// Whether everything is right.
pub fn is_ready(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.ok)
}

impl Seen {
    fn checks(&self, now: Instant) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut add = |name, (ok, detail)| checks.push(Check { name, ok, detail });
        if let Some((look, receiving)) = &self.queue {
            add("queue", queue(look, receiving, now));
        }
        add("breaker", breaker(&self.breaker));
        add("index", index(self.index, self.failed_commits, now));
        let running = if self.stopping { "a stop was asked for" } else { "working" };
        add("running", (!self.stopping, running.to_owned()));
        checks
    }
}

fn queue(look: &QueueLook, receiving: &Receiving, now: Instant) -> (bool, String) {
    let age = |at: Instant| now.saturating_duration_since(at);
    if let Some((since, reason)) = receiving.failing.filter(|(since, _)| age(*since) > MAX_AGE) {
        return (false, format!("no receive has succeeded for {} s: {reason}", age(since).as_secs()));
    }
    let error = look.error.map(|reason| format!(": {reason}")).unwrap_or_default();
    match look.answered.max(receiving.last_ok) {
        Some(at) if age(at) <= MAX_AGE => (true, format!("answered {} s ago", age(at).as_secs())),
        Some(at) => (false, format!("has not answered for {} s{error}", age(at).as_secs())),
        None => (false, format!("has not answered yet{error}")),
    }
}

fn breaker(state: &BreakerState) -> (bool, String) {
    match state {
        BreakerState::Closed => (true, "closed".to_owned()),
        BreakerState::Open { reason, since } => (false, format!("open since {since:.0}: {reason}")),
        BreakerState::Probing { reason, since } => {
            (false, format!("open since {since:.0}, probing: {reason}"))
        }
    }
}

fn index(look: Option<IndexLook>, failed_commits: u32, now: Instant) -> (bool, String) {
    let Some(IndexLook { at, free_bytes, writable }) = look else {
        return (false, "not looked at yet".to_owned());
    };
    let age = now.saturating_duration_since(at);
    let free_mib = free_bytes.unwrap_or(0) >> 20;
    if failed_commits > 0 {
        (false, format!("{failed_commits} commits have failed in a row"))
    } else if age > MAX_AGE {
        (false, format!("the file system has not answered for {} s", age.as_secs()))
    } else if !writable {
        (false, "the directory cannot be written to".to_owned())
    } else if free_bytes.is_some_and(|bytes| bytes < MIN_FREE_BYTES) {
        (false, format!("{free_mib} MiB are free, {} MiB are the least", MIN_FREE_BYTES >> 20))
    } else {
        (true, format!("writable, {free_mib} MiB are free"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn healthy(now: Instant) -> Seen {
        let receiving = Receiving { last_ok: Some(now), failing: None };
        Seen {
            queue: Some((QueueLook { answered: Some(now), ..QueueLook::default() }, receiving)),
            breaker: BreakerState::Closed,
            index: Some(IndexLook { at: now, free_bytes: Some(1 << 40), writable: true }),
            failed_commits: 0,
            stopping: false,
        }
    }

    #[test]
    fn one_thing_that_is_wrong_makes_it_unready() {
        let begin = Instant::now();
        let late = begin + MAX_AGE + SECOND;
        let just = begin + MAX_AGE;
        let open = BreakerState::Open { reason: "kms-denied", since: Timestamp::UNIX_EPOCH };
        let probing = BreakerState::Probing { reason: "kms-denied", since: Timestamp::UNIX_EPOCH };
        let (full, forbidden) = (
            IndexLook { at: begin, free_bytes: Some(MIN_FREE_BYTES - 1), writable: true },
            IndexLook { at: begin, free_bytes: Some(1 << 40), writable: false },
        );
        type Change = Box<dyn Fn(&mut Seen)>;
        let cases: Vec<(&str, Change, Instant, &str)> = vec![
            ("", Box::new(|_| {}), begin, ""),
            ("", Box::new(|_| {}), just, ""),
            ("queue", Box::new(|seen| seen.queue = Some(Default::default())), begin, "has not answered yet"),
            (
                "queue",
                Box::new(|seen| {
                    seen.queue = Some((
                        QueueLook { error: Some("sqs-denied"), ..QueueLook::default() },
                        Receiving::default(),
                    ));
                }),
                begin,
                "has not answered yet: sqs-denied",
            ),
            (
                "queue",
                Box::new(move |seen| {
                    if let Some((look, receiving)) = &mut seen.queue {
                        look.answered = Some(late);
                        receiving.failing = Some((begin, "sqs-denied"));
                    }
                    if let Some(index) = &mut seen.index {
                        index.at = late;
                    }
                }),
                late,
                "no receive has succeeded for 61 s: sqs-denied",
            ),
            (
                "",
                Box::new(move |seen| {
                    if let Some((look, receiving)) = &mut seen.queue {
                        look.answered = Some(begin);
                        receiving.failing = Some((begin, "network"));
                    }
                }),
                just,
                "",
            ),
            ("breaker", Box::new(move |seen| seen.breaker = open.clone()), begin, "kms-denied"),
            ("breaker", Box::new(move |seen| seen.breaker = probing.clone()), begin, "probing: kms-denied"),
            ("index", Box::new(|seen| seen.index = None), begin, "not looked at"),
            ("index", Box::new(move |seen| seen.index = Some(full)), begin, "63 MiB are free"),
            ("index", Box::new(move |seen| seen.index = Some(forbidden)), begin, "cannot be written"),
            ("index", Box::new(|seen| seen.failed_commits = 2), begin, "2 commits"),
            ("index", Box::new(|seen| seen.queue = None), late, "has not answered for 61 s"),
            ("running", Box::new(|seen| seen.stopping = true), begin, "stop"),
        ];
        for (wrong, change, now, detail) in cases {
            let mut seen = healthy(begin);
            change(&mut seen);
            let checks = seen.checks(now);
            let bad: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
            assert_eq!(is_ready(&checks), wrong.is_empty(), "{checks:?}");
            for check in &bad {
                assert_eq!(check.name, wrong);
                assert!(check.detail.contains(detail), "{check:?}");
            }
            assert_eq!(document(&checks)["ready"], wrong.is_empty());
        }
    }

    #[test]
    fn a_backfill_has_no_queue_to_check() {
        let now = Instant::now();
        let checks = Seen { queue: None, ..healthy(now) }.checks(now);
        assert!(is_ready(&checks));
        assert_eq!(
            checks.iter().map(|check| check.name).collect::<Vec<_>>(),
            ["breaker", "index", "running"]
        );
    }
}
