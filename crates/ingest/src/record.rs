//! Asks the sink what only it knows, away from the async threads: failures and what is stored.

use std::sync::Arc;

use jiff::Timestamp;
use shelltrail_core::ObjectRef;
use shelltrail_core::ids::{Partition, TranscriptId};
use shelltrail_core::sink::{Failure, RecordSink};

use crate::claim::Claim;
use crate::config::PipelineConfig;
use crate::delivery::Outcome;
use crate::proof::{self, Stored};
use crate::summary::Progress;
use crate::workers::blocking;

/// The sink's bookkeeping.
#[derive(Debug)]
pub(crate) struct Recorder<R> {
    pub(crate) config: Arc<PipelineConfig>,
    pub(crate) sink: Arc<R>,
    pub(crate) progress: Arc<Progress>,
}

impl<R> Clone for Recorder<R> {
    fn clone(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
            sink: Arc::clone(&self.sink),
            progress: Arc::clone(&self.progress),
        }
    }
}

/// The sink could not say whether a session is stored.
#[derive(Debug)]
pub(crate) struct Unreadable;

impl<R: RecordSink> Recorder<R> {
    /// Writes a failure down. If even that fails the message is still not deleted, so nothing is lost.
    pub(crate) async fn record(&self, failure: Failure) {
        tracing::warn!(reason = failure.reason, attempts = failure.attempts, "cannot index an object");
        self.progress.list_failure(failure.clone());
        let sink = Arc::clone(&self.sink);
        match blocking(move || sink.record_failure(&failure)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "cannot record a failure"),
            Err(panicked) => tracing::error!(error = %panicked, "cannot record a failure"),
        }
    }

    /// Records that an object cannot be indexed as it is, and says so to all that wait for it.
    pub(crate) async fn fail(&self, object: ObjectRef, claim: Claim, reason: &'static str, detail: String) {
        self.record(self.failure(object, &claim, reason, detail)).await;
        claim.settle(Outcome::Failed(reason));
    }

    /// Leaves an object to a later try. A backfill has no queue that would bring it again, so there it is
    /// recorded like a failure.
    pub(crate) async fn give_back(&self, object: ObjectRef, claim: Claim, reason: &'static str) {
        if claim.is_backfill() {
            let detail = "a later run may succeed".to_owned();
            self.record(self.failure(object, &claim, reason, detail)).await;
        }
        tracing::debug!(reason, "left to a later try");
        claim.settle(Outcome::Retry(reason));
    }

    fn failure(&self, object: ObjectRef, claim: &Claim, reason: &str, detail: String) -> Failure {
        let account = self.config.layout.locate(&object.key).account;
        let (attempts, failed_at) = (claim.attempts(), Timestamp::now());
        Failure { object, account, reason: reason.to_owned(), detail, attempts, failed_at }
    }

    /// Removes the entry of an object that does not exist any more.
    pub(crate) async fn clear(&self, object: ObjectRef) {
        let sink = Arc::clone(&self.sink);
        if blocking(move || clear_all(&*sink, [&object])).await.is_err() {
            tracing::error!("the sink panicked while it cleared a failure");
        }
    }

    /// Asks some partitions for a stored session. If there is one, the object has not failed either, whatever was written
    /// down before.
    pub(crate) async fn look_up(
        &self,
        partitions: Vec<Partition>,
        id: TranscriptId,
        object: ObjectRef,
    ) -> Result<Option<Stored>, Unreadable> {
        let recorder = self.clone();
        blocking(move || recorder.look_up_here(&partitions, &id, &object)).await.unwrap_or(Err(Unreadable))
    }

    /// As [`Recorder::look_up`], on this thread. Blocks.
    pub(crate) fn look_up_here(
        &self,
        partitions: &[Partition],
        id: &TranscriptId,
        object: &ObjectRef,
    ) -> Result<Option<Stored>, Unreadable> {
        let looked_up = partitions.iter().map(|partition| proof::look_up(&*self.sink, partition, id));
        let found = looked_up.filter_map(Result::transpose).next().transpose();
        match found {
            Ok(stored) => {
                if stored.is_some() {
                    clear_all(&*self.sink, [object]);
                }
                Ok(stored)
            }
            Err(error) => {
                tracing::error!(%error, "cannot tell whether a session is stored");
                Err(Unreadable)
            }
        }
    }
}

/// Removes entries. One that stays is only a line too many in a list of failures. Blocks.
pub(crate) fn clear_all<'a, R: RecordSink>(sink: &R, objects: impl IntoIterator<Item = &'a ObjectRef>) {
    for object in objects {
        if let Err(error) = sink.clear_failure(object) {
            tracing::error!(%error, "cannot clear a failure");
        }
    }
}
