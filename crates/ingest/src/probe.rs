//! Tries objects again that failed while the breaker was open, and decides when there is no patience left.

use std::sync::Arc;
use std::time::Duration;

use shelltrail_core::sink::RecordSink;
use tokio::sync::mpsc;

use crate::activity::Activity;
use crate::breaker::{Kept, Step, sleep_until};
use crate::delivery::Outcome;
use crate::fault::{Fault, Part};
use crate::fetch::Order;
use crate::pipeline::IngestError;
use crate::record::Recorder;
use crate::stop::{Stop, StopHandle};

/// The stage beside the others.
pub(crate) struct Prober<R> {
    pub(crate) recorder: Recorder<R>,
    pub(crate) activity: Arc<Activity>,
    /// How long the breaker may stay open; `None`: for ever.
    pub(crate) patience: Option<Duration>,
    pub(crate) again: mpsc::Sender<Order>,
    pub(crate) stop: Stop,
    pub(crate) halt: StopHandle,
}

impl<R: RecordSink> Prober<R> {
    /// Works until a stop, or until nothing new can come and nothing is open.
    ///
    /// # Errors
    /// The breaker stayed open for too long.
    pub(crate) async fn run(self) -> Result<(), IngestError> {
        let outcome = tokio::select! {
            biased;
            () = self.stop.stopped() => Ok(()),
            () = self.finished() => Ok(()),
            outcome = self.tend() => outcome,
        };
        for kept in self.recorder.breaker.end() {
            kept.share.settle(Outcome::Unstarted);
        }
        outcome
    }

    async fn finished(&self) {
        self.activity.ended().await;
        self.recorder.progress.all_settled().await;
    }

    async fn tend(&self) -> Result<(), IngestError> {
        let breaker = &self.recorder.breaker;
        let mut changed = breaker.changes();
        loop {
            changed.mark_unchanged();
            match breaker.step(self.patience) {
                Step::Try(kept) => self.order(kept).await,
                Step::Fail(Kept { object, share, fault, .. }) => {
                    let detail = format!("{} (others did not fail meanwhile)", fault.detail);
                    let failure = self.recorder.failure(object, &share, fault.reason, detail);
                    share.settle(self.recorder.record(failure, fault.reason).await);
                }
                Step::GiveUp(fault) => self.give_up(fault)?,
                Step::Wait(until) => {
                    tokio::select! {
                        _ = changed.changed() => {}
                        () = sleep_until(until) => {}
                    }
                }
            }
        }
    }

    async fn order(&self, kept: Kept) {
        let Kept { object, share, .. } = kept;
        let order = Order { object, size: share.size(), share, underway: self.activity.underway() };
        if let Err(mpsc::error::SendError(order)) = self.again.send(order).await {
            order.share.settle(Outcome::Unstarted);
        }
    }

    /// What is denied to the end of patience fails object by object; without credentials, a line or a disk nothing
    /// can be done at all.
    fn give_up(&self, fault: Fault) -> Result<(), IngestError> {
        let Fault { part, reason, detail, is_denial, .. } = fault;
        if is_denial && part == Part::Reading {
            tracing::error!(
                reason,
                "still denied: every object that fails for it is listed as failed from now on"
            );
            self.recorder.breaker.excuse(reason);
            return Ok(());
        }
        self.halt.stop();
        Err(IngestError::Environment { reason, detail, patience: self.patience.unwrap_or_default() })
    }
}
