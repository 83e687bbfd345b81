//! The last stage: deletes messages that are owed nothing, gives the others back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::backoff;
use crate::delivery::{Settled, Verdict};
use crate::lease::{LeaseId, Leases, MAX_BATCH};
use crate::source::{EntryError, Queue, Receipt, SourceError};
use crate::summary::{Counter, Progress};

/// How long a verdict waits for others to share its call.
const LINGER: Duration = Duration::from_millis(250);

/// Calls on their way at once: after a commit thousands of messages wait for them, and none is received in their
/// place meanwhile. At 40 ms a call, 16 delete 4,000 messages a second.
const MAX_CALLS: usize = 16;

/// How often a delete or a release is tried.
const MAX_ATTEMPTS: u32 = 5;

/// The wait before the second try; doubled after that.
const RETRY_DELAY: Duration = Duration::from_millis(250);

/// One call's own time, above which it counts as failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Carries verdicts out.
#[derive(Debug)]
pub(crate) struct Acker<Q: ?Sized> {
    pub(crate) queue: Arc<Q>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) progress: Arc<Progress>,
}

impl<Q: ?Sized> Clone for Acker<Q> {
    fn clone(&self) -> Self {
        Self {
            queue: Arc::clone(&self.queue),
            leases: Arc::clone(&self.leases),
            progress: Arc::clone(&self.progress),
        }
    }
}

/// The action of a batch call.
#[derive(Clone, Copy, Debug)]
enum Action {
    Delete,
    Release,
}

impl<Q: Queue + ?Sized> Acker<Q> {
    /// Works until every place in the channel is given up, that is, until no message is held any more.
    pub(crate) async fn run(self, mut verdicts: mpsc::Receiver<Settled>) {
        let mut calls = JoinSet::new();
        let mut deletes: Vec<LeaseId> = Vec::new();
        let mut releases: Vec<(LeaseId, Duration)> = Vec::new();
        let mut flush_at = None;
        let mut open = true;
        while open {
            tokio::select! {
                verdict = verdicts.recv() => match verdict {
                    Some(Settled { lease, verdict: Verdict::Delete }) => deletes.push(lease),
                    Some(Settled { lease, verdict: Verdict::Release(delay) }) => releases.push((lease, delay)),
                    None => open = false,
                },
                () = sleep_until(flush_at), if flush_at.is_some() => {}
                Some(_) = calls.join_next() => continue,
            }
            let late = flush_at.is_some_and(|at| at <= Instant::now());
            let least = if late || !open { 1 } else { MAX_BATCH };
            while deletes.len() >= least {
                let batch = deletes.drain(..deletes.len().min(MAX_BATCH)).collect();
                calls_below(&mut calls, MAX_CALLS).await;
                calls.spawn(self.clone().delete(batch));
            }
            while releases.len() >= least {
                let batch = releases.drain(..releases.len().min(MAX_BATCH)).collect();
                calls_below(&mut calls, MAX_CALLS).await;
                calls.spawn(self.clone().release(batch));
            }
            let waiting = !deletes.is_empty() || !releases.is_empty();
            flush_at = waiting.then(|| flush_at.filter(|_| !late).unwrap_or_else(|| Instant::now() + LINGER));
        }
        calls_below(&mut calls, 1).await;
    }

    async fn delete(self, leases: Vec<LeaseId>) {
        let mut open: Vec<(LeaseId, Receipt)> =
            leases.iter().filter_map(|id| Some((*id, self.leases.receipt(*id)?))).collect();
        for attempt in 1..=MAX_ATTEMPTS {
            if open.is_empty() {
                return;
            }
            let receipts: Vec<Receipt> = open.iter().map(|(_, receipt)| receipt.clone()).collect();
            let answers = tokio::time::timeout(CALL_TIMEOUT, self.queue.delete(&receipts)).await;
            open = self.conclude(open, Action::Delete, answers.ok());
            // Without its lease a message may be in other hands; they will find it stored.
            let (held, lost): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|(id, _)| !self.leases.is_lost(*id));
            lost.into_iter().for_each(|(id, _)| self.finish(id, Counter::Lost));
            open = held;
            if !open.is_empty() {
                pause(attempt).await;
            }
        }
        open.into_iter().for_each(|(id, _)| self.finish(id, Counter::Lost));
    }

    async fn release(self, releases: Vec<(LeaseId, Duration)>) {
        let ids: Vec<LeaseId> = releases.iter().map(|(id, _)| *id).collect();
        let mut open = self.leases.begin_release(&ids).await;
        for id in ids.into_iter().filter(|id| open.iter().all(|(held, _)| held != id)) {
            self.finish(id, Counter::Lost);
        }
        for attempt in 1..=MAX_ATTEMPTS {
            if open.is_empty() {
                return;
            }
            let delay_of =
                |id: LeaseId| releases.iter().find(|(other, _)| *other == id).map(|(_, delay)| *delay);
            let entries: Vec<(Receipt, Duration)> = open
                .iter()
                .map(|(id, receipt)| (receipt.clone(), delay_of(*id).unwrap_or_default()))
                .collect();
            let answers = tokio::time::timeout(CALL_TIMEOUT, self.queue.change_visibility(&entries)).await;
            open = self.conclude(open, Action::Release, answers.ok());
            if !open.is_empty() {
                pause(attempt).await;
            }
        }
        open.into_iter().for_each(|(id, _)| self.finish(id, Counter::Lost));
    }

    /// Ends the leases that were answered for good and returns the others.
    fn conclude(
        &self,
        open: Vec<(LeaseId, Receipt)>,
        action: Action,
        answers: Option<Result<Vec<Result<(), EntryError>>, SourceError>>,
    ) -> Vec<(LeaseId, Receipt)> {
        let answers = match answers {
            Some(Ok(answers)) => answers,
            Some(Err(error)) => {
                tracing::warn!(?action, reason = error.reason, "the call for a batch of messages failed");
                Vec::new()
            }
            None => Vec::new(),
        };
        let mut again = Vec::new();
        let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
        for ((id, receipt), answer) in open.into_iter().zip(answers) {
            match (answer, action) {
                (Some(Ok(())), Action::Delete) => self.finish(id, Counter::Deleted),
                (Some(Ok(())), Action::Release) => self.finish(id, Counter::Released),
                (Some(Err(EntryError::LeaseLost)), _) => self.finish(id, Counter::Lost),
                (Some(Err(EntryError::Retry(_))) | None, _) => again.push((id, receipt)),
            }
        }
        again
    }

    fn finish(&self, id: LeaseId, counter: Counter) {
        self.leases.end(id);
        self.progress.count(counter);
    }
}

async fn calls_below(calls: &mut JoinSet<()>, limit: usize) {
    while calls.len() >= limit {
        calls.join_next().await;
    }
}

async fn pause(attempt: u32) {
    tokio::time::sleep(backoff::delay(RETRY_DELAY, CALL_TIMEOUT, attempt, "")).await;
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
