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
        let outcome = self.tend().await;
        for kept in self.recorder.breaker.end() {
            kept.share.settle(Outcome::Unstarted);
        }
        outcome
    }

    async fn finished(&self) {
        self.activity.ended().await;
        self.recorder.progress.all_settled().await;
    }

    /// Only where it waits it may be interrupted: an object in its hands would be given up as if it had failed.
    async fn tend(&self) -> Result<(), IngestError> {
        let breaker = &self.recorder.breaker;
        let mut changed = breaker.changes();
        while !self.stop.is_stopped() {
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
                        biased;
                        () = self.stop.stopped() => {}
                        () = self.finished() => return Ok(()),
                        _ = changed.changed() => {}
                        () = sleep_until(until) => {}
                    }
                }
            }
        }
        Ok(())
    }

    async fn order(&self, kept: Kept) {
        let Kept { object, share, .. } = kept;
        let place = tokio::select! {
            biased;
            () = self.stop.stopped() => None,
            place = self.again.reserve() => place.ok(),
        };
        match place {
            Some(place) => {
                place.send(Order { object, size: share.size(), share, underway: self.activity.underway() });
            }
            None => share.settle(Outcome::Unstarted),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shelltrail_core::ObjectRef;

    use super::*;
    use crate::PipelineConfig;
    use crate::breaker::Breaker;
    use crate::delivery::Share;
    use crate::fakes::{MemorySink, Script};
    use crate::summary::Progress;

    #[tokio::test(start_paused = true)]
    async fn a_stop_between_two_tries_is_no_failure_of_an_object() {
        let progress = Arc::new(Progress::new());
        let breaker = Breaker::new(Arc::clone(&progress));
        let sink = Arc::new(MemorySink::new(Script::new()));
        let recorder = Recorder::new(Arc::<PipelineConfig>::default(), sink, Arc::clone(&progress), breaker);
        for n in 0..3 {
            let object = ObjectRef { key: format!("{n}.log"), ..ObjectRef::default() };
            let share = Share::of_backfill(Arc::clone(&progress));
            let fault = Fault::of_writing("index-commit", "no".to_owned());
            recorder.breaker.look_again(object, share, fault, Duration::ZERO).unwrap();
        }
        let (halt, stop) = Stop::new();
        let (again, mut orders) = mpsc::channel(1);
        let activity = Activity::new(1);
        let prober = Prober { recorder, activity, patience: None, again, stop, halt: halt.clone() };
        let running = tokio::spawn(prober.run());
        // One order has been taken, the next one waits until there is room.
        tokio::time::sleep(Duration::from_secs(1)).await;
        halt.stop();
        running.await.unwrap().unwrap();
        while let Some(order) = orders.recv().await {
            order.share.settle(Outcome::Unstarted);
        }
        let summary = progress.summary();
        assert_eq!((summary.unstarted, summary.failed), (3, 0), "{:?}", summary.failed_by_reason);
    }
}
