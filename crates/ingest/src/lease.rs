//! Keeps received messages hidden from others until they are deleted or released.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backoff;
use crate::source::{EntryError, Message, Queue, Receipt};
use crate::summary::{Counter, Progress};

/// Most entries of one batch call (SQS API reference, `ChangeMessageVisibilityBatch`).
pub(crate) const MAX_BATCH: usize = 10;

/// Extensions on their way at once: enough for thousands of messages within one visibility timeout of 30 s.
const MAX_CALLS: usize = 8;

/// A message may stay hidden this long after its receipt, extensions included (SQS developer guide,
/// "visibility timeout").
const MAX_HIDDEN: Duration = Duration::from_secs(12 * 60 * 60);

/// Room for the clocks and calls between SQS and us.
const HIDDEN_MARGIN: Duration = Duration::from_secs(60);

/// The next name of a lease.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Names the lease of one received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LeaseId(u64);

/// All messages received and neither deleted nor released.
#[derive(Debug)]
pub(crate) struct Leases {
    visibility: Duration,
    table: Mutex<Table>,
    /// Changes when an extension call has returned.
    returned: watch::Sender<()>,
    progress: Arc<Progress>,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<LeaseId, Lease>,
}

#[derive(Debug)]
struct Lease {
    receipt: Receipt,
    received_at: Instant,
    extend_at: Instant,
    state: LeaseState,
}

/// What is to be asked of the queue.
#[derive(Debug)]
struct Extension {
    id: LeaseId,
    receipt: Receipt,
    /// From now.
    hidden: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeaseState {
    Held,
    /// An extension call is on its way; a release must not overtake it.
    Extending,
    /// A release is on its way; no extension may follow it.
    Releasing,
    /// The queue refused an extension.
    Lost,
}

impl Leases {
    pub(crate) fn new(visibility: Duration, progress: Arc<Progress>) -> Arc<Self> {
        Arc::new(Self { visibility, table: Mutex::default(), returned: watch::Sender::default(), progress })
    }

    /// Takes care of a message that was received just now.
    pub(crate) fn hold(&self, message: &Message) -> LeaseId {
        let received_at = Instant::now();
        let extend_at = received_at + self.period(&message.receipt);
        // Unique among all queues of the process: the gauges hold those of all of them.
        let id = LeaseId(NEXT.fetch_add(1, Ordering::Relaxed));
        let mut table = self.table();
        let receipt = message.receipt.clone();
        self.progress.gauges().hold(id.0, message.sent_at);
        table.entries.insert(id, Lease { receipt, received_at, extend_at, state: LeaseState::Held });
        id
    }

    /// How many messages are held.
    pub(crate) fn len(&self) -> usize {
        self.table().entries.len()
    }

    /// The receipt of a held message.
    pub(crate) fn receipt(&self, id: LeaseId) -> Option<Receipt> {
        self.table().entries.get(&id).map(|lease| lease.receipt.clone())
    }

    /// Whether the queue refused to extend this lease.
    pub(crate) fn is_lost(&self, id: LeaseId) -> bool {
        self.table().entries.get(&id).is_none_or(|lease| lease.state == LeaseState::Lost)
    }

    /// Ends all extensions of these leases, so that a release has the last word. Lost ones are left out of
    /// the answer: their receipts say nothing any more.
    pub(crate) async fn begin_release(&self, ids: &[LeaseId]) -> Vec<(LeaseId, Receipt)> {
        let mut returned = self.returned.subscribe();
        loop {
            returned.mark_unchanged();
            if let Some(held) = self.try_begin_release(ids) {
                return held;
            }
            returned.changed().await.expect("self holds the sender of the channel");
        }
    }

    fn try_begin_release(&self, ids: &[LeaseId]) -> Option<Vec<(LeaseId, Receipt)>> {
        let mut table = self.table();
        if ids.iter().any(|id| table.entries.get(id).is_some_and(|l| l.state == LeaseState::Extending)) {
            return None;
        }
        let mut held = Vec::new();
        for id in ids {
            if let Some(lease) = table.entries.get_mut(id).filter(|lease| lease.state == LeaseState::Held) {
                lease.state = LeaseState::Releasing;
                held.push((*id, lease.receipt.clone()));
            }
        }
        Some(held)
    }

    /// Ends a lease.
    pub(crate) fn end(&self, id: LeaseId) {
        self.table().entries.remove(&id);
        self.progress.gauges().let_go(id.0);
    }

    /// Extends every lease in time, for ever.
    pub(crate) async fn keep<Q: Queue + ?Sized>(self: Arc<Self>, queue: Arc<Q>) {
        let mut calls = JoinSet::new();
        loop {
            tokio::time::sleep(self.tick()).await;
            for ids in self.due().chunks(MAX_BATCH) {
                while calls.len() >= MAX_CALLS {
                    calls.join_next().await;
                }
                calls.spawn(Arc::clone(&self).extend(Arc::clone(&queue), self.begin_extension(ids)));
            }
            while calls.try_join_next().is_some() {}
        }
    }

    async fn extend<Q: Queue + ?Sized>(self: Arc<Self>, queue: Arc<Q>, batch: Vec<Extension>) {
        if batch.is_empty() {
            return;
        }
        let entries: Vec<(Receipt, Duration)> =
            batch.iter().map(|extension| (extension.receipt.clone(), extension.hidden)).collect();
        // A short time of its own, so that the next tick can try again.
        let call = tokio::time::timeout(self.tick(), queue.change_visibility(&entries)).await;
        let answers = match call {
            Ok(Ok(answers)) => answers,
            Ok(Err(error)) => {
                tracing::warn!(reason = error.reason, "cannot extend the visibility of messages");
                Vec::new()
            }
            Err(_) => {
                tracing::warn!("no answer in time about the visibility of messages");
                Vec::new()
            }
        };
        let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
        for (extension, answer) in batch.iter().zip(answers) {
            self.extended(extension.id, answer);
        }
        self.returned.send_replace(());
    }

    fn due(&self) -> Vec<LeaseId> {
        let soon = Instant::now() + self.tick();
        let table = self.table();
        let due = |lease: &Lease| lease.state == LeaseState::Held && lease.extend_at <= soon;
        table.entries.iter().filter(|(_, lease)| due(lease)).map(|(id, _)| *id).collect()
    }

    /// Marks those that may be extended.
    fn begin_extension(&self, ids: &[LeaseId]) -> Vec<Extension> {
        let mut table = self.table();
        let mut batch = Vec::new();
        for id in ids {
            let Some(lease) = table.entries.get_mut(id).filter(|lease| lease.state == LeaseState::Held)
            else {
                continue;
            };
            let left = (MAX_HIDDEN - HIDDEN_MARGIN).saturating_sub(lease.received_at.elapsed());
            if left < self.tick() {
                self.lose(lease);
                continue;
            }
            lease.state = LeaseState::Extending;
            let (receipt, hidden) = (lease.receipt.clone(), left.min(self.visibility));
            batch.push(Extension { id: *id, receipt, hidden });
        }
        batch
    }

    fn extended(&self, id: LeaseId, answer: Option<Result<(), EntryError>>) {
        let mut table = self.table();
        // A message deleted meanwhile has no lease, and its refusal means nothing.
        let Some(lease) = table.entries.get_mut(&id) else { return };
        lease.state = LeaseState::Held;
        self.progress.gauges().extended(matches!(answer, Some(Ok(()))));
        match answer {
            Some(Ok(())) => lease.extend_at = Instant::now() + self.period(&lease.receipt),
            Some(Err(EntryError::LeaseLost)) => self.lose(lease),
            // Still due, so the next tick tries again.
            Some(Err(EntryError::Retry(_))) | None => {}
        }
    }

    fn lose(&self, lease: &mut Lease) {
        lease.state = LeaseState::Lost;
        self.progress.count(Counter::LeasesLost);
        tracing::warn!("lost the lease of a message");
    }

    /// A quarter to a third of the visibility; different receipts differ, so that calls spread.
    fn period(&self, receipt: &Receipt) -> Duration {
        self.visibility.mul_f64((1.0 - backoff::share(&receipt.0, 0) / 4.0) / 3.0)
    }

    fn tick(&self) -> Duration {
        self.visibility / 12
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that runs under this lock can panic halfway, so a poisoned one is still whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl LeaseId {
    pub(crate) fn for_test(number: u64) -> Self {
        Self(number)
    }
}
