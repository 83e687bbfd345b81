//! The byte budget: bounds what is held in memory, and so how much is taken from the queue.
//!
//! Admission is first come, first served, so that a large object is not overtaken for ever. The budget is
//! never handed out beyond its limit, except to an object that travels alone; what is admitted may still
//! grow when it is inflated, under the rule of [`Reservation::room_to_grow`].

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::summary::Progress;

/// The least an object counts: an empty one has its cost, too.
const MIN_BYTES: u64 = 4096;

#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    used_bytes: u64,
    waiting: bool,
}

/// Counts bytes in flight against a limit.
#[derive(Debug)]
pub(crate) struct Budget {
    limit_bytes: u64,
    usage: watch::Sender<Usage>,
    /// One waits for room, the others wait in line behind it.
    turn: Semaphore,
    progress: Arc<Progress>,
}

/// Bytes counted against the budget until dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(limit_bytes: u64, progress: Arc<Progress>) -> Arc<Self> {
        progress.gauges().set_budget_bytes(limit_bytes);
        Arc::new(Self { limit_bytes, usage: watch::Sender::default(), turn: Semaphore::new(1), progress })
    }

    /// Where the bytes are told.
    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Waits until the bytes fit, or nothing at all is in flight.
    pub(crate) async fn admit(self: &Arc<Self>, bytes: u64) -> Reservation {
        let bytes = bytes.max(MIN_BYTES);
        let _turn = self.turn.acquire().await.expect("the semaphore is never closed");
        while !self.try_admit(bytes) {
            let _waiting = Waiting::begin(self);
            self.wait_for(|usage| self.fits(usage, bytes)).await;
        }
        Reservation { budget: Arc::clone(self), bytes }
    }

    /// Waits until the budget is not spent.
    pub(crate) async fn room(&self) {
        self.wait_for(|usage| usage.used_bytes < self.limit_bytes).await;
    }

    /// Waits until only a build of what the writer holds can give room: either somebody waits and all bytes
    /// in flight are the writer's, or more is in flight than the limit.
    pub(crate) async fn pressure(&self, writer_bytes: u64) {
        self.wait_for(|usage| {
            usage.waiting && usage.used_bytes <= writer_bytes || usage.used_bytes > self.limit_bytes
        })
        .await;
    }

    async fn wait_for(&self, ready: impl Fn(&Usage) -> bool) {
        let mut view = self.usage.subscribe();
        view.wait_for(|usage| ready(usage)).await.expect("self holds the sender of the channel");
    }

    fn fits(&self, usage: &Usage, bytes: u64) -> bool {
        usage.used_bytes == 0 || usage.used_bytes.saturating_add(bytes) <= self.limit_bytes
    }

    fn try_admit(&self, bytes: u64) -> bool {
        self.usage.send_if_modified(|usage| {
            let admitted = self.fits(usage, bytes);
            if admitted {
                usage.used_bytes += bytes;
                self.progress.set_in_flight_bytes(usage.used_bytes);
            }
            admitted
        })
    }

    fn change(&self, change: impl FnOnce(&mut Usage)) {
        self.usage.send_modify(|usage| {
            change(usage);
            self.progress.set_in_flight_bytes(usage.used_bytes);
        });
    }
}

impl Reservation {
    /// Waits until everybody else's bytes are within the limit. Whoever is about to inflate waits here,
    /// so that the budget is exceeded by no more than what is being inflated.
    ///
    /// It always comes true: bytes above the limit are those of inflated objects, and the writer builds
    /// them while there are any ([`Budget::pressure`]).
    pub(crate) async fn room_to_grow(&self) {
        self.budget.wait_for(|usage| self.may_grow(usage)).await;
    }

    /// Whether [`Reservation::room_to_grow`] would not wait.
    pub(crate) fn has_room_to_grow(&self) -> bool {
        self.may_grow(&self.budget.usage.borrow())
    }

    fn may_grow(&self, usage: &Usage) -> bool {
        usage.used_bytes - self.bytes <= self.budget.limit_bytes
    }

    /// Counts `bytes` instead of what was counted so far.
    pub(crate) fn resize(&mut self, bytes: u64) {
        let (old, new) = (self.bytes, bytes.max(MIN_BYTES));
        self.budget.change(|usage| usage.used_bytes = usage.used_bytes - old + new);
        self.bytes = new;
    }

    /// What is counted.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.change(|usage| usage.used_bytes -= self.bytes);
    }
}

/// Says that somebody waits for room, until dropped.
struct Waiting<'a>(&'a Budget);

impl<'a> Waiting<'a> {
    fn begin(budget: &'a Budget) -> Self {
        budget.change(|usage| usage.waiting = true);
        Self(budget)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.change(|usage| usage.waiting = false);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KIB: u64 = 1024;

    fn budget() -> Arc<Budget> {
        Budget::new(100 * KIB, Arc::new(Progress::new()))
    }

    async fn is_ready<T>(future: impl Future<Output = T>) -> bool {
        tokio::time::timeout(Duration::from_secs(1), future).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn admission_waits_until_the_bytes_fit() {
        let budget = budget();
        let first = budget.admit(60 * KIB).await;
        let second = budget.admit(40 * KIB).await;
        assert!(!is_ready(budget.admit(1)).await);
        assert!(!is_ready(budget.room()).await);
        drop(second);
        assert!(is_ready(budget.room()).await);
        assert!(is_ready(budget.admit(40 * KIB)).await);
        drop(first);
        assert_eq!(budget.progress.in_flight_bytes(), 0);
        assert_eq!(budget.progress.summary().peak_in_flight_bytes, 100 * KIB);
    }

    #[tokio::test(start_paused = true)]
    async fn one_large_object_travels_alone_and_is_not_overtaken() {
        let budget = budget();
        let small = budget.admit(10 * KIB).await;
        let large = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.admit(500 * KIB).await }
        });
        tokio::task::yield_now().await;
        assert!(!is_ready(budget.admit(1)).await, "the large one is first in line");
        assert!(is_ready(budget.pressure(10 * KIB)).await, "only the writer can make room");
        assert!(!is_ready(budget.pressure(9 * KIB)).await, "somebody else may make room");
        drop(small);
        let large = large.await.unwrap();
        assert!(is_ready(large.room_to_grow()).await);
        assert!(!is_ready(budget.admit(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn growth_is_counted_and_holds_others_back() {
        let budget = budget();
        let mut first = budget.admit(50 * KIB).await;
        let second = budget.admit(50 * KIB).await;
        first.resize(300 * KIB);
        assert!(!is_ready(second.room_to_grow()).await);
        assert!(!second.has_room_to_grow());
        assert!(is_ready(budget.pressure(0)).await);
        first.resize(0);
        assert_eq!(first.bytes(), MIN_BYTES);
        assert!(is_ready(second.room_to_grow()).await);
        assert!(second.has_room_to_grow());
        assert!(!is_ready(budget.pressure(0)).await);
    }
}
