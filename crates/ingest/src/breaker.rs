//! The circuit breaker: when not an object but what is around it has failed, work stops until a probe succeeds.
//!
//! It opens when half of the last [`WINDOW`] distinct objects failed for one reason that may be shared by many, and at
//! once for what cannot be an object's own fault: credentials, and an index that cannot be written. While it is
//! open nothing is received, and what is held is given back, except for a few of the objects that failed: they stay
//! leased, so that asking again and again raises no receive count, and take turns as the probe. The first probe that
//! succeeds closes it. An object whose probe failed while that of another succeeded, [`MAX_ROUNDS`] times, is itself
//! the cause.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use shelltrail_core::ObjectRef;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::delivery::Share;
use crate::fault::{DISK_FULL, Fault, Part, UNREADABLE};
use crate::summary::{Counter, Progress};

/// Distinct objects that are looked back on.
pub(crate) const WINDOW: usize = 20;

/// As many of them with one reason open the breaker.
pub(crate) const OPEN_AT: usize = WINDOW / 2;

/// Most messages that are kept for probes. More are kept only of those that the queue would not bring again: what
/// was received as often as allowed, and the objects of a backfill.
pub(crate) const MAX_KEPT_MESSAGES: usize = 5;

/// Most objects of a backfill that wait for a second look at their own faults while the breaker is closed. What failed
/// for all waits without a limit: it was in memory before.
const MAX_SECOND_LOOKS: usize = 1000;

/// How often a kept object may see others close the breaker before it fails for good.
pub(crate) const MAX_ROUNDS: u32 = 3;

/// The wait before the first probe; doubled with every one that fails.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Ceiling of that wait.
const MAX_WAIT: Duration = Duration::from_secs(300);

/// The least wait between the end of a probe and the next one: one that said nothing must not be followed by all of
/// the queue.
const PAUSE: Duration = Duration::from_secs(1);

/// How long an object that comes anew may keep a kept one waiting for its turn.
pub(crate) const TURN: Duration = Duration::from_secs(10);

/// Whether the pipeline works, as far as the world around it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BreakerState {
    /// It works.
    #[default]
    Closed,
    /// It waits for the time of the next probe.
    Open {
        /// The reason of the failures, as in the list of failures.
        reason: &'static str,
        /// When it opened (UTC).
        since: Timestamp,
    },
    /// It waits for what becomes of a probe.
    Probing {
        /// The reason of the failures.
        reason: &'static str,
        /// When it opened (UTC).
        since: Timestamp,
    },
}

/// So many rounds of one kind of writing fail in a row before nothing is received: one alone may be chance, and to give
/// everything back costs each message one of its receives.
const STRIKES: u32 = 3;

/// What fails within this time is one round.
const ROUND: Duration = Duration::from_secs(1);

/// Watches what becomes of objects.
#[derive(Debug)]
pub(crate) struct Breaker {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Inner {
    /// What became of the last distinct objects: the reason of a failure that many may share.
    recent: VecDeque<(u64, Option<&'static str>)>,
    /// Reasons that do not open it any more.
    excused: BTreeSet<&'static str>,
    trouble: Option<Trouble>,
    kept: VecDeque<Kept>,
    /// Nobody probes any more, so nothing is kept.
    ended: bool,
    tickets: u64,
    /// Rounds of each kind of writing that failed since one of it, or a commit, succeeded, and when the last one did.
    strikes: BTreeMap<&'static str, (u32, Instant)>,
}

/// Why and since when it is open.
#[derive(Debug)]
struct Trouble {
    fault: Fault,
    since: Timestamp,
    opened_at: Instant,
    failed_probes: u32,
    next_at: Instant,
    probe: Option<u64>,
    /// It has been told of this probe that it failed.
    probe_failed: bool,
    /// The turn of an object that comes anew, and not of a kept one.
    newcomer: bool,
}

/// An object that failed and waits for its next try.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) object: ObjectRef,
    pub(crate) share: Share,
    pub(crate) fault: Fault,
    /// It failed as the one probe, with nothing else in work.
    was_probe: bool,
    not_before: Instant,
}

/// The right to be the one probe, until dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    breaker: Arc<Breaker>,
    number: u64,
}

/// What is to be done with kept objects.
#[derive(Debug)]
pub(crate) enum Step {
    /// Try this one, as a probe or freely.
    Try(Kept),
    /// It is the object's own fault after all.
    Fail(Kept),
    /// Nothing before this instant, if there is one.
    Wait(Option<Instant>),
    /// It has been open for longer than there is patience.
    GiveUp(Fault),
}

impl Breaker {
    pub(crate) fn new(progress: Arc<Progress>) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), changed: watch::Sender::default(), progress })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.inner().trouble.is_some()
    }

    /// Whether nothing can be written just now.
    pub(crate) fn refuses_writes(&self) -> bool {
        self.inner().trouble.as_ref().is_some_and(|trouble| trouble.fault.part == Part::Writing)
    }

    /// Waits until work may begin: freely (`None`), or as the one probe.
    pub(crate) async fn pass(self: &Arc<Self>) -> Option<Ticket> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let next_at = {
                let mut inner = self.inner();
                let room = inner.kept.len() < MAX_KEPT_MESSAGES;
                let nobody_else = inner.kept.is_empty();
                let trouble = inner.trouble.as_mut()?;
                let turn = room && trouble.probe.is_none() && (trouble.newcomer || nobody_else);
                if turn && trouble.next_at <= Instant::now() {
                    return Some(self.ticket(&mut inner));
                }
                turn.then_some(trouble.next_at)
            };
            tokio::select! {
                _ = changed.changed() => {}
                () = sleep_until(next_at) => {}
            }
        }
    }

    /// Notes that a part of the work on an object succeeded. Only the probe closes the breaker.
    pub(crate) fn succeed(&self, part: Part, object: &ObjectRef, ticket: Option<&Ticket>) {
        let mut inner = self.inner();
        match part {
            Part::Reading => inner.note(object, None),
            Part::Writing => inner.strikes.clear(),
        }
        self.close_if(inner, |trouble| trouble.fault.part == part && trouble.is_probe(ticket));
    }

    /// Notes that the index could tell of an object that it holds it. The object is not read, so this says nothing of
    /// anything else.
    pub(crate) fn answered(&self, ticket: Option<&Ticket>) {
        let mut inner = self.inner();
        // One for one, or what fails now and then would add up where nearly everything is stored.
        if let Some(at) = inner.recent.iter().position(|(_, reason)| *reason == Some(UNREADABLE)) {
            inner.recent.remove(at);
        }
        let closes = |trouble: &mut Trouble| trouble.fault.reason == UNREADABLE && trouble.is_probe(ticket);
        self.close_if(inner, closes);
    }

    fn close_if(&self, mut inner: MutexGuard<'_, Inner>, closes: impl FnOnce(&mut Trouble) -> bool) {
        if let Some(trouble) = inner.trouble.take_if(closes) {
            tracing::info!(reason = trouble.fault.reason, "a probe succeeded: work goes on");
            inner.close();
            self.tell(inner);
        }
    }

    /// Notes that something was written which fails for this reason where it does. Now and then a write may fail, and
    /// between two commits there are many: only what fails again and again opens the breaker.
    pub(crate) fn wrote(&self, reason: &'static str) {
        self.inner().strikes.remove(reason);
    }

    /// Notes a fault of an object. Whether the breaker is open and the object is not to blame for it.
    pub(crate) fn fail(&self, object: &ObjectRef, fault: &Fault, ticket: Option<&Ticket>) -> bool {
        let mut inner = self.inner();
        if fault.part == Part::Reading {
            inner.note(object, fault.is_shared.then_some(fault.reason));
        }
        let excused = inner.excused.contains(fault.reason);
        let blames_others = fault.is_certain() || (fault.is_shared && !excused);
        if let Some(trouble) = &mut inner.trouble {
            if blames_others && trouble.is_probe(ticket) && !trouble.probe_failed {
                // A probe of several objects counts once.
                trouble.probe_failed = true;
                trouble.failed_probes += 1;
                trouble.next_at = Instant::now() + wait(trouble.failed_probes);
                trouble.fault = fault.clone();
                self.tell(inner);
            }
            return blames_others;
        }
        let opens = match fault.part {
            Part::Reading => fault.is_certain() || (blames_others && inner.count(fault.reason) >= OPEN_AT),
            // A commit that fails fails for many objects at once, so it is rounds that are counted and not objects.
            Part::Writing => {
                fault.is_certain() && (fault.reason == DISK_FULL || inner.strike(fault.reason) >= STRIKES)
            }
        };
        if opens {
            tracing::error!(reason = fault.reason, "nothing is received until a probe succeeds");
            self.progress.count(Counter::BreakerOpenings);
            inner.trouble = Some(Trouble::new(fault.clone()));
            self.tell(inner);
        }
        opens
    }

    /// Keeps an object for probes, or gives it back if there are enough, or nobody probes any more. What
    /// `must_stay` is kept however many there are.
    pub(crate) fn keep(
        &self,
        object: ObjectRef,
        mut share: Share,
        fault: Fault,
        must_stay: bool,
    ) -> Result<(), Box<Share>> {
        // The drop of a ticket needs the lock, too.
        let was_probe = share.ticket().is_some();
        share.be_kept();
        let mut inner = self.inner();
        let messages = || inner.kept.iter().filter(|kept| !kept.share.is_backfill()).count();
        let enough = || !share.is_backfill() && messages() >= MAX_KEPT_MESSAGES;
        if inner.ended || !must_stay && enough() {
            return Err(Box::new(share));
        }
        let not_before = Instant::now();
        inner.kept.push_back(Kept { object, share, fault, was_probe, not_before });
        self.tell(inner);
        Ok(())
    }

    /// Lets an object of a backfill wait for a second look, which shows whether others fail like it.
    pub(crate) fn look_again(
        &self,
        object: ObjectRef,
        mut share: Share,
        fault: Fault,
        after: Duration,
    ) -> Result<(), Box<Kept>> {
        share.be_kept();
        // What the whole index refuses says nothing of the object, however often.
        if !fault.is_certain() {
            share.be_last_time();
        }
        let kept = Kept { object, share, fault, was_probe: false, not_before: Instant::now() + after };
        let mut inner = self.inner();
        if inner.ended || kept.share.is_last_time() && inner.kept.len() >= MAX_SECOND_LOOKS {
            return Err(Box::new(kept));
        }
        inner.kept.push_back(kept);
        self.tell(inner);
        Ok(())
    }

    /// What to do next about the kept objects.
    pub(crate) fn step(self: &Arc<Self>, patience: Option<Duration>) -> Step {
        let now = Instant::now();
        let mut inner = self.inner();
        let Some(trouble) = &inner.trouble else {
            let due = inner.kept.iter().position(|kept| kept.not_before <= now);
            let Some(kept) = due.and_then(|due| inner.kept.remove(due)) else {
                return Step::Wait(inner.kept.iter().map(|kept| kept.not_before).min());
            };
            let guilty = kept.share.rounds() >= MAX_ROUNDS || inner.excused.contains(kept.fault.reason);
            return if guilty { Step::Fail(kept) } else { Step::Try(kept) };
        };
        let ends_at = patience.map(|patience| trouble.opened_at + patience);
        if ends_at.is_some_and(|at| at <= now) {
            return Step::GiveUp(trouble.fault.clone());
        }
        let messages_enough = inner.kept.len() >= MAX_KEPT_MESSAGES;
        let turn_at = match trouble.newcomer && !messages_enough {
            true => trouble.next_at + TURN,
            false => trouble.next_at,
        };
        if inner.kept.is_empty() || trouble.probe.is_some() {
            return Step::Wait(ends_at);
        }
        if turn_at > now {
            return Step::Wait(Some(ends_at.map_or(turn_at, |at| at.min(turn_at))));
        }
        match inner.kept.pop_front() {
            Some(mut kept) => {
                kept.share.be_probe(Arc::new(self.ticket(&mut inner)));
                Step::Try(kept)
            }
            None => Step::Wait(ends_at),
        }
    }

    /// Goes on although nothing has changed: this reason does not open it any more, and who fails for it, fails.
    pub(crate) fn excuse(&self, reason: &'static str) {
        let mut inner = self.inner();
        inner.excused.insert(reason);
        inner.trouble = None;
        inner.close();
        self.tell(inner);
    }

    /// Takes all that is kept, and keeps nothing from now on: work that is not done yet may still fail, and nobody
    /// would ever try it again.
    pub(crate) fn end(&self) -> Vec<Kept> {
        let mut inner = self.inner();
        inner.ended = true;
        std::mem::take(&mut inner.kept).into()
    }

    /// Whether nothing is kept any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.inner().ended
    }

    /// Waits until anything changes after `seen` was made.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn ticket(self: &Arc<Self>, inner: &mut MutexGuard<'_, Inner>) -> Ticket {
        inner.tickets += 1;
        let number = inner.tickets;
        if let Some(trouble) = &mut inner.trouble {
            (trouble.probe, trouble.probe_failed) = (Some(number), false);
            trouble.newcomer = !trouble.newcomer;
        }
        self.publish(inner);
        Ticket { breaker: Arc::clone(self), number }
    }

    fn tell(&self, inner: MutexGuard<'_, Inner>) {
        self.publish(&inner);
        drop(inner);
        self.changed.send_replace(());
    }

    fn publish(&self, inner: &Inner) {
        let state = match &inner.trouble {
            None => BreakerState::Closed,
            Some(Trouble { fault, since, probe: None, .. }) => {
                BreakerState::Open { reason: fault.reason, since: *since }
            }
            Some(Trouble { fault, since, .. }) => {
                BreakerState::Probing { reason: fault.reason, since: *since }
            }
        };
        self.progress.set_breaker(state);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing that runs under this lock can panic halfway, so a poisoned one is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Counts a failed write, but those of one round once.
    fn strike(&mut self, reason: &'static str) -> u32 {
        let now = Instant::now();
        let (strikes, struck_at) = self.strikes.entry(reason).or_insert((0, now));
        if *strikes == 0 || now.duration_since(*struck_at) >= ROUND {
            (*strikes, *struck_at) = (*strikes + 1, now);
        }
        *strikes
    }

    fn note(&mut self, object: &ObjectRef, reason: Option<&'static str>) {
        let mut hasher = DefaultHasher::new();
        object.hash(&mut hasher);
        let which = hasher.finish();
        self.recent.retain(|(other, _)| *other != which);
        self.recent.push_back((which, reason));
        while self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
    }

    fn count(&self, reason: &'static str) -> usize {
        let mut counts = BTreeMap::new();
        for (_, reason) in &self.recent {
            *counts.entry(reason).or_insert(0) += 1;
        }
        counts.get(&Some(reason)).copied().unwrap_or(0)
    }

    /// The window begins anew, and a kept object whose own probe failed has seen others succeed once more.
    fn close(&mut self) {
        self.recent.clear();
        for kept in &mut self.kept {
            if kept.was_probe {
                kept.share.count_round();
            }
            kept.not_before = Instant::now();
        }
    }
}

impl Trouble {
    fn new(fault: Fault) -> Self {
        let now = Instant::now();
        Self {
            fault,
            since: Timestamp::now(),
            opened_at: now,
            failed_probes: 0,
            next_at: now + wait(0),
            probe: None,
            probe_failed: false,
            newcomer: false,
        }
    }

    fn is_probe(&self, ticket: Option<&Ticket>) -> bool {
        ticket.is_some_and(|ticket| self.probe == Some(ticket.number))
    }
}

impl Drop for Ticket {
    /// Whatever became of the probe, the next may begin in its time.
    fn drop(&mut self) {
        let mut inner = self.breaker.inner();
        if let Some(trouble) = inner.trouble.as_mut().filter(|trouble| trouble.probe == Some(self.number)) {
            trouble.probe = None;
            trouble.next_at = trouble.next_at.max(Instant::now() + PAUSE);
            self.breaker.tell(inner);
        }
    }
}

fn wait(failed_probes: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << failed_probes.min(16)).min(MAX_WAIT)
}

pub(crate) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
