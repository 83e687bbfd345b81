//! What a pipeline is doing right now, and how long its work takes: for whoever watches it.
//!
//! Counters that must add up are in [`crate::summary`]; nothing in here decides anything. Reasons and lanes are
//! words of the program, never text of a message, so what is told per reason is bounded by the code.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::summary::Progress;

/// Upper bounds of the time from the event to the commit, in seconds: one second to four days, the
/// retention of a queue that nobody changed.
const LAG_BOUNDS: &[f64] = &[
    1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10_800.0, 43_200.0, 86_400.0,
    345_600.0,
];

/// Upper bounds of the time that one piece of work takes, in seconds.
const WORK_BOUNDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// A kind of work of which only so much is done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// An object from its claim until the writer has it: everything that holds a fetch slot.
    Fetch,
    /// A GET of the store, the body included.
    Get,
    /// Decrypting and inflating one object.
    Inflate,
    /// Parsing the transcripts of one batch and building it.
    Build,
    /// Making batches durable.
    Commit,
}

impl Lane {
    /// All of them, in the order in which an object passes them.
    pub const ALL: [Self; 5] = [Self::Fetch, Self::Get, Self::Inflate, Self::Build, Self::Commit];

    /// One word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Get => "get",
            Self::Inflate => "inflate",
            Self::Build => "build",
            Self::Commit => "commit",
        }
    }
}

/// Numbers of one pipeline, part of its [`Progress`].
#[derive(Debug)]
pub struct Gauges {
    lanes: [Mutex<LaneClock>; Lane::ALL.len()],
    lag: Mutex<Distribution>,
    held: Mutex<HashMap<u64, Option<Timestamp>>>,
    rest: Mutex<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    budget_bytes: u64,
    extensions: u64,
    extensions_failed: u64,
    failed_commits: u32,
    retried_by_reason: BTreeMap<&'static str, u64>,
    receive_errors_by_reason: BTreeMap<&'static str, u64>,
    receiving: Receiving,
}

/// How receiving goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receiving {
    /// When the last receive ended well, messages or not.
    pub last_ok: Option<Instant>,
    /// Since when no receive has ended well, and the reason of the last that failed; `None` if the last one did.
    pub failing: Option<(Instant, &'static str)>,
}

/// What a lane has done and is doing.
#[derive(Clone, Debug)]
pub struct LaneState {
    /// Pieces of work that are being done.
    pub running: u64,
    /// Time spent in the lane, what is being done included: with two at once it grows two seconds in a second.
    pub busy: Duration,
    /// How long what is done took, in seconds.
    pub took: Distribution,
}

/// How many observations lie below which bound.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Upper bounds and the number of observations up to each and above the one before. The last bound is
    /// [`f64::INFINITY`].
    pub buckets: Vec<(f64, u64)>,
    /// All observations together.
    pub sum: f64,
    /// How many.
    pub count: u64,
}

impl Distribution {
    fn new(bounds: &[f64]) -> Self {
        let buckets = bounds.iter().copied().chain([f64::INFINITY]).map(|bound| (bound, 0)).collect();
        Self { buckets, sum: 0.0, count: 0 }
    }

    fn observe(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
        if let Some((_, count)) = self.buckets.iter_mut().find(|(bound, _)| value <= *bound) {
            *count += 1;
        }
    }
}

#[derive(Debug)]
struct LaneClock {
    begun: u64,
    ended: u64,
    /// `since` is when `busy` was last right; until then it includes what was running.
    since: Instant,
    busy: Duration,
    took: Distribution,
}

impl LaneClock {
    fn new(now: Instant) -> Self {
        let took = Distribution::new(WORK_BOUNDS);
        Self { begun: 0, ended: 0, since: now, busy: Duration::ZERO, took }
    }

    fn running(&self) -> u64 {
        self.begun - self.ended
    }

    fn advance(&mut self, now: Instant) {
        // Threads read the clock before they get the lock, so `now` may be older than the last one.
        let running = u32::try_from(self.running()).unwrap_or(u32::MAX);
        self.busy += now.saturating_duration_since(self.since).saturating_mul(running);
        self.since = self.since.max(now);
    }

    fn begin(&mut self, now: Instant) {
        self.advance(now);
        self.begun += 1;
    }

    fn end(&mut self, begun_at: Instant, now: Instant) {
        self.advance(now);
        self.ended += 1;
        self.took.observe(now.saturating_duration_since(begun_at).as_secs_f64());
    }
}

/// One piece of work in a lane; counted until dropped.
#[derive(Debug)]
pub(crate) struct Busy {
    progress: Arc<Progress>,
    lane: Lane,
    begun_at: Instant,
}

impl Busy {
    pub(crate) fn begin(progress: &Arc<Progress>, lane: Lane) -> Self {
        let begun_at = Instant::now();
        lock(&progress.gauges().lanes[lane as usize]).begin(begun_at);
        Self { progress: Arc::clone(progress), lane, begun_at }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        lock(&self.progress.gauges().lanes[self.lane as usize]).end(self.begun_at, Instant::now());
    }
}

impl Default for Gauges {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            lanes: std::array::from_fn(|_| Mutex::new(LaneClock::new(now))),
            lag: Mutex::new(Distribution::new(LAG_BOUNDS)),
            held: Mutex::default(),
            rest: Mutex::default(),
        }
    }
}

/// What is read.
impl Gauges {
    /// What a lane has done and is doing.
    #[must_use]
    pub fn lane(&self, lane: Lane) -> LaneState {
        let now = Instant::now();
        let mut clock = lock(&self.lanes[lane as usize]);
        clock.advance(now);
        LaneState { running: clock.running(), busy: clock.busy, took: clock.took.clone() }
    }

    /// Seconds from the event that announced an object to the commit that holds it.
    #[must_use]
    pub fn lag(&self) -> Distribution {
        lock(&self.lag).clone()
    }

    /// Messages received and neither deleted nor given back.
    #[must_use]
    pub fn held_messages(&self) -> u64 {
        lock(&self.held).len() as u64
    }

    /// When the oldest of them was sent (`SentTimestamp`); `None` if none is held or the queue does not tell.
    #[must_use]
    pub fn oldest_sent_at(&self) -> Option<Timestamp> {
        lock(&self.held).values().flatten().min().copied()
    }

    /// The limit of the byte budget.
    #[must_use]
    pub fn budget_bytes(&self) -> u64 {
        self.rest().budget_bytes
    }

    /// Extensions of a message's visibility that were granted, and those that were not, for whatever reason.
    #[must_use]
    pub fn extensions(&self) -> (u64, u64) {
        let rest = self.rest();
        (rest.extensions, rest.extensions_failed)
    }

    /// Commits that failed since one succeeded.
    #[must_use]
    pub fn failed_commits(&self) -> u32 {
        self.rest().failed_commits
    }

    /// Objects left to a later receive, by reason.
    #[must_use]
    pub fn retried_by_reason(&self) -> BTreeMap<&'static str, u64> {
        self.rest().retried_by_reason.clone()
    }

    /// Receive calls that failed, by reason.
    #[must_use]
    pub fn receive_errors_by_reason(&self) -> BTreeMap<&'static str, u64> {
        self.rest().receive_errors_by_reason.clone()
    }

    /// How receiving goes.
    #[must_use]
    pub fn receiving(&self) -> Receiving {
        self.rest().receiving
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        lock(&self.rest)
    }
}

/// What the stages say, one line each.
impl Gauges {
    pub(crate) fn set_budget_bytes(&self, bytes: u64) {
        self.rest().budget_bytes = bytes;
    }

    /// A message is held from now on.
    pub(crate) fn hold(&self, lease: u64, sent_at: Option<Timestamp>) {
        lock(&self.held).insert(lease, sent_at);
    }

    /// A message is not held any more.
    pub(crate) fn let_go(&self, lease: u64) {
        lock(&self.held).remove(&lease);
    }

    /// A receive ended well.
    pub(crate) fn receive_succeeded(&self) {
        self.rest().receiving = Receiving { last_ok: Some(Instant::now()), failing: None };
    }

    pub(crate) fn receive_failed(&self, reason: &'static str) {
        let mut rest = self.rest();
        *rest.receive_errors_by_reason.entry(reason).or_default() += 1;
        let since = rest.receiving.failing.map_or_else(Instant::now, |(since, _)| since);
        rest.receiving.failing = Some((since, reason));
    }

    pub(crate) fn extended(&self, granted: bool) {
        let mut rest = self.rest();
        match granted {
            true => rest.extensions += 1,
            false => rest.extensions_failed += 1,
        }
    }

    pub(crate) fn commit_ended(&self, well: bool) {
        let mut rest = self.rest();
        rest.failed_commits = if well { 0 } else { rest.failed_commits.saturating_add(1) };
    }

    pub(crate) fn retried(&self, reason: &'static str) {
        *self.rest().retried_by_reason.entry(reason).or_default() += 1;
    }

    /// An object was committed just now. What announced it may claim any time, also one to come.
    pub(crate) fn committed(&self, event_time: Option<Timestamp>) {
        if let Some(event_time) = event_time {
            lock(&self.lag).observe(Timestamp::now().duration_since(event_time).as_secs_f64().max(0.0));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that runs under these locks can panic halfway, so a poisoned one is still whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_lane_is_busy_as_often_as_there_are_at_work() {
        let start = Instant::now();
        let at = |seconds: u32| start + SECOND * seconds;
        let mut clock = LaneClock::new(start);
        clock.begin(at(1));
        clock.begin(at(2));
        clock.advance(at(4));
        assert_eq!((clock.running(), clock.busy), (2, SECOND * 5), "what is not done counts");
        clock.end(at(1), at(5));
        clock.end(at(2), at(6));
        clock.advance(at(100));
        assert_eq!((clock.running(), clock.busy), (0, SECOND * 8));
        assert_eq!((clock.took.count, clock.took.sum), (2, 8.0));
        clock.begin(at(7));
        clock.end(at(7), at(8));
        assert_eq!(clock.busy, SECOND * 8, "a clock read too late adds nothing and takes nothing away");
    }

    #[test]
    fn every_observation_lies_in_one_bucket() {
        let mut lag = Distribution::new(&[1.0, 5.0]);
        for value in [0.0, 1.0, 1.5, 5.0, 5.1, 1e12] {
            lag.observe(value);
        }
        assert_eq!(lag.buckets, [(1.0, 2), (5.0, 2), (f64::INFINITY, 2)]);
        assert_eq!(lag.count, lag.buckets.iter().map(|(_, count)| count).sum::<u64>());
    }

    #[test]
    fn the_oldest_of_the_held_messages_counts() {
        let gauges = Gauges::default();
        let sent = |second| Timestamp::from_second(second).ok();
        assert_eq!(gauges.oldest_sent_at(), None);
        for (lease, sent_at) in [(1, sent(30)), (2, sent(10)), (3, None)] {
            gauges.hold(lease, sent_at);
        }
        assert_eq!((gauges.held_messages(), gauges.oldest_sent_at()), (3, sent(10)));
        gauges.let_go(2);
        assert_eq!((gauges.held_messages(), gauges.oldest_sent_at()), (2, sent(30)));
    }

    #[test]
    fn failing_lasts_from_the_first_error_to_the_next_success() {
        let gauges = Gauges::default();
        assert!(gauges.receiving().last_ok.is_none());
        gauges.receive_failed("throttled-sqs");
        let first = gauges.receiving().failing.map(|(since, _)| since);
        gauges.receive_failed("network");
        assert_eq!(gauges.receiving().failing, first.map(|since| (since, "network")));
        gauges.receive_succeeded();
        assert!(gauges.receiving().failing.is_none() && gauges.receiving().last_ok.is_some());
        let errors = gauges.receive_errors_by_reason();
        assert_eq!((errors["throttled-sqs"], errors["network"]), (1, 1));
    }

    #[test]
    fn an_event_that_claims_to_come_yet_has_no_lag() {
        let gauges = Gauges::default();
        gauges.committed(None);
        for event_time in [Timestamp::MAX, Timestamp::MIN] {
            gauges.committed(Some(event_time));
        }
        let lag = gauges.lag();
        assert_eq!((lag.count, lag.buckets[0].1), (2, 1));
        assert!(lag.sum.is_finite());
    }
}
