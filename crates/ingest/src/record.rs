//! Asks the sink what only it knows, away from the async threads: failures and what is stored. And decides what a
//! fault of an object leads to.

use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use jiff::Timestamp;
use shelltrail_core::ObjectRef;
use shelltrail_core::ids::{Partition, TranscriptId};
use shelltrail_core::sink::{Failure, RecordSink, SinkError, Write};

use crate::breaker::{Breaker, Kept};
use crate::claim::{Claim, Marked};
use crate::config::PipelineConfig;
use crate::delivery::{Outcome, Share};
use crate::fault::{Fault, HELD_BACK, Part, UNREADABLE};
use crate::proof::{self, Stored};
use crate::source::Class;
use crate::summary::Progress;
use crate::workers::blocking;

/// The reason of objects that must be restored before they can be read.
const ARCHIVED: &str = "archived";
/// A denial may be that of all objects, which shows only on many: so often a message is received before it counts as
/// this object's own (SQS `ApproximateReceiveCount`).
const DENIAL_ATTEMPTS: u32 = 3;

/// Why a message is given back although its object failed for good.
const NOT_RECORDED: &str = "failure-not-recorded";

/// The sink's bookkeeping.
#[derive(Debug)]
pub(crate) struct Recorder<R> {
    pub(crate) config: Arc<PipelineConfig>,
    pub(crate) sink: Arc<R>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) breaker: Arc<Breaker>,
    /// Starts that this process has outlived and whose marks may still be there: removing them failed.
    unended: Arc<Mutex<HashSet<TranscriptId>>>,
}

impl<R> Clone for Recorder<R> {
    fn clone(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
            sink: Arc::clone(&self.sink),
            progress: Arc::clone(&self.progress),
            breaker: Arc::clone(&self.breaker),
            unended: Arc::clone(&self.unended),
        }
    }
}

/// The sink could not say whether a session is stored.
#[derive(Debug)]
pub(crate) struct Unreadable;

impl<R: RecordSink> Recorder<R> {
    pub(crate) fn new(
        config: Arc<PipelineConfig>,
        sink: Arc<R>,
        progress: Arc<Progress>,
        breaker: Arc<Breaker>,
    ) -> Self {
        Self { config, sink, progress, breaker, unended: Arc::default() }
    }

    /// Writes a failure down and says what that is worth: only what is recorded may be deleted from a queue.
    pub(crate) async fn record(&self, failure: Failure, reason: &'static str) -> Outcome {
        tracing::warn!(reason, attempts = failure.attempts, "cannot index an object");
        let (sink, object, entry) = (Arc::clone(&self.sink), failure.object.clone(), failure.clone());
        let recorded = blocking(move || proof::record(&*sink, &entry, reason)).await;
        let fault = match recorded {
            Ok(Ok(recorded)) => {
                self.breaker.wrote(NOT_RECORDED);
                self.progress.list_failure(failure);
                return Outcome::Failed(recorded);
            }
            Ok(Err(error)) => Fault::of_sink(NOT_RECORDED, &error),
            Err(panicked) => Fault::of_writing(NOT_RECORDED, panicked.to_string()),
        };
        tracing::error!(error = fault.detail, "cannot record a failure");
        self.breaker.fail(&object, &fault, None);
        Outcome::Retry(NOT_RECORDED)
    }

    /// Records that an object cannot be indexed as it is, and says so to all that wait for it. Whether it is recorded.
    pub(crate) async fn fail(
        &self,
        object: ObjectRef,
        claim: Claim,
        reason: &'static str,
        detail: String,
    ) -> bool {
        let failure = claim.share().map(|share| self.failure(object, share, reason, detail));
        // Without a share everybody waits for another claim.
        let Some(failure) = failure else { return false };
        let outcome = self.record(failure, reason).await;
        claim.settle(outcome);
        matches!(outcome, Outcome::Failed(_))
    }

    /// Does with an object what its fault asks for: while the breaker is open the object is not to blame; after that
    /// what may pass is tried again, until its attempts are used up, and the rest is recorded.
    pub(crate) async fn fault(&self, object: ObjectRef, claim: Claim, fault: Fault) {
        if self.breaker.fail(&object, &fault, claim.ticket()) {
            for share in claim.into_shares() {
                self.keep(object.clone(), share, fault.clone());
            }
            return;
        }
        let Some(share) = claim.share() else { return };
        let (attempts, last_time) = (share.attempts(), share.is_last_time());
        if claim.is_backfill() {
            let is_of_index = fault.part == Part::Writing || fault.reason == UNREADABLE;
            if (fault.is_denial || is_of_index) && !last_time {
                self.look_again(object, claim, fault).await;
            } else {
                self.fail(object, claim, fault.reason, fault.detail).await;
            }
            return;
        }
        let patience = match fault.class {
            Class::Transient | Class::Environment => self.config.max_attempts,
            _ if fault.is_denial => self.config.max_attempts.min(DENIAL_ATTEMPTS),
            _ => 0,
        };
        if attempts < patience {
            tracing::debug!(reason = fault.reason, attempts, "left to a later try");
            claim.settle(Outcome::Retry(fault.reason));
        } else {
            let detail = format!("{} (received {attempts} times)", fault.detail);
            self.fail(object, claim, fault.reason, detail).await;
        }
    }

    /// Keeps an object until the breaker is closed, or gives it back at once. To give it back costs its message one of
    /// its receives, and without one the queue would move it to its dead letters, where nobody sees a reason.
    pub(crate) fn keep(&self, object: ObjectRef, share: Share, fault: Fault) {
        let reason = fault.reason;
        let must_stay = share.attempts() >= self.config.max_attempts;
        if let Err(share) = self.breaker.keep(object, share, fault, must_stay) {
            // Of a backfill all are kept until a stop, which says nothing of the object.
            let is_stop = share.is_backfill();
            share.settle(if is_stop { Outcome::Unstarted } else { Outcome::HeldBack(reason) });
        }
    }

    /// Gives an object back that was not begun, for as long as its message has a receive to spare.
    pub(crate) fn hold_back(&self, object: ObjectRef, share: Share) {
        if share.attempts() >= self.config.max_attempts {
            self.keep(object, share, Fault::held_back());
        } else {
            share.settle(Outcome::HeldBack(HELD_BACK));
        }
    }

    async fn look_again(&self, object: ObjectRef, claim: Claim, fault: Fault) {
        for share in claim.into_shares() {
            let looks =
                self.breaker.look_again(object.clone(), share, fault.clone(), self.config.retry_delay);
            if let Err(kept) = looks {
                let Kept { object, share, fault, .. } = *kept;
                if self.breaker.has_ended() {
                    // A stop says nothing of the object.
                    share.settle(Outcome::Unstarted);
                    continue;
                }
                let failure = self.failure(object, &share, fault.reason, fault.detail);
                share.settle(self.record(failure, fault.reason).await);
            }
        }
    }

    /// The entry for an object that failed.
    pub(crate) fn failure(&self, object: ObjectRef, share: &Share, reason: &str, detail: String) -> Failure {
        let account = self.config.layout.locate(&object.key).account;
        Failure {
            object,
            account,
            reason: reason.to_owned(),
            detail,
            attempts: share.attempts(),
            failed_at: Timestamp::now(),
            size: share.size(),
            sequencer: share.sequencer(),
            message: share.message().cloned(),
        }
    }

    /// Whether an object is listed as one that must be restored before it can be read.
    pub(crate) async fn is_archived(&self, object: ObjectRef) -> Result<bool, Unreadable> {
        let sink = Arc::clone(&self.sink);
        match blocking(move || sink.failure(&object)).await {
            Ok(Ok(failure)) => Ok(failure.is_some_and(|failure| failure.reason == ARCHIVED)),
            Ok(Err(error)) => {
                tracing::error!(%error, "cannot tell whether an object was set aside as archived");
                Err(Unreadable)
            }
            Err(_) => Err(Unreadable),
        }
    }

    /// Which write of its key a stored object is.
    pub(crate) async fn write_of(
        &self,
        partitions: Vec<Partition>,
        id: TranscriptId,
    ) -> Result<Option<Write>, Unreadable> {
        let sink = Arc::clone(&self.sink);
        let ask = move || -> Result<Option<Write>, SinkError> {
            for partition in &partitions {
                if let Some(write) = sink.write_of(partition, &id)? {
                    return Ok(Some(write));
                }
            }
            Ok(None)
        };
        match blocking(ask).await {
            Ok(Ok(write)) => Ok(write),
            Ok(Err(error)) => {
                tracing::error!(%error, "cannot tell which write of its key is stored");
                Err(Unreadable)
            }
            Err(_) => Err(Unreadable),
        }
    }

    /// Removes the mark of a start: the process outlived the work.
    pub(crate) async fn end_start(&self, marked: Option<Marked>) {
        match marked {
            None => {}
            Some(Marked { id, is_light: true }) => self.end_start_here(&id),
            Some(Marked { id, .. }) => {
                let recorder = self.clone();
                if blocking(move || recorder.end_start_here(&id)).await.is_err() {
                    tracing::error!("the sink panicked while it removed the mark of a start");
                }
            }
        }
    }

    /// Says that an object of a backfill waits, and has no part in what ends the process meanwhile.
    pub(crate) fn pause_start(&self, marked: Option<Marked>) {
        if let Some(Marked { id, is_light: true }) = marked
            && let Err(error) = self.sink.note_pause_of_backfill(&id)
        {
            tracing::error!(error = &error as &dyn Error, "cannot change the mark of a start");
        }
    }

    /// Says that it is worked on again. Without its mark the work goes on: it had one before.
    pub(crate) fn resume_start(&self, marked: Option<Marked>) {
        if let Some(Marked { id, is_light: true }) = marked
            && let Err(error) = self.sink.note_start_of_backfill(&id)
        {
            tracing::error!(error = &error as &dyn Error, "cannot mark a start");
        }
    }

    /// Removes the mark of a start of a backfill, which costs no look at the disk; leaves one of a message.
    pub(crate) fn end_light_start(&self, marked: Option<Marked>) {
        if let Some(Marked { id, is_light: true }) = marked {
            self.end_start_here(&id);
        }
    }

    /// As [`Recorder::end_start`], without waiting for it.
    pub(crate) fn end_start_soon(&self, claim: &Claim) {
        match claim.marked() {
            None => {}
            Some(Marked { id, is_light: true }) => self.end_start_here(&id),
            Some(Marked { id, .. }) => {
                let recorder = self.clone();
                drop(tokio::task::spawn_blocking(move || recorder.end_start_here(&id)));
            }
        }
    }

    /// How many starts of the work on an object have no end, those left out that this process has outlived. Blocks.
    ///
    /// # Errors
    /// The marks cannot be read, or one that means nothing cannot be removed.
    pub(crate) fn open_starts(&self, id: &TranscriptId) -> Result<u32, SinkError> {
        if self.unended().contains(id) {
            self.sink.note_end(id)?;
            self.unended().remove(id);
        }
        self.sink.open_starts(id)
    }

    /// Marks a start. Blocks.
    ///
    /// # Errors
    /// Whether the mark is there is not known.
    pub(crate) fn note_start(&self, id: &TranscriptId, attempts: u32) -> Result<(), SinkError> {
        let noted = self.sink.note_start(id, attempts);
        if noted.is_err() {
            self.unended().insert(*id);
        }
        noted
    }

    /// The same for somebody who may cease to wait for it: then the start is taken back. Blocks.
    ///
    /// # Errors
    /// As [`Recorder::note_start`].
    pub(crate) fn note_start_for(
        &self,
        id: &TranscriptId,
        attempts: u32,
        waiting: &Weak<()>,
    ) -> Result<(), SinkError> {
        let noted = self.note_start(id, attempts);
        if waiting.strong_count() == 0 {
            self.end_start_here(id);
        }
        noted
    }

    /// Removes the mark of a start. One that stays is removed before the next start of this process. Blocks.
    pub(crate) fn end_start_here(&self, id: &TranscriptId) {
        if let Err(error) = self.sink.note_end(id) {
            tracing::error!(error = &error as &dyn Error, "cannot remove the mark of a start");
            self.unended().insert(*id);
        }
    }

    fn unended(&self) -> MutexGuard<'_, HashSet<TranscriptId>> {
        // Nothing that runs under this lock can panic halfway, so a poisoned one is still whole.
        self.unended.lock().unwrap_or_else(PoisonError::into_inner)
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
                tracing::error!(error = &error as &dyn Error, "cannot tell whether a session is stored");
                Err(Unreadable)
            }
        }
    }
}

/// Removes entries. One that stays is only a line too many in a list of failures. Blocks.
pub(crate) fn clear_all<'a, R: RecordSink>(sink: &R, objects: impl IntoIterator<Item = &'a ObjectRef>) {
    for object in objects {
        if let Err(error) = sink.clear_failure(object) {
            tracing::error!(error = &error as &dyn Error, "cannot clear a failure");
        }
    }
}
