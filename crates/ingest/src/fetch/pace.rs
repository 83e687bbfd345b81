//! How an object is worked on: beside others, alone, or not at all, by the starts of earlier processes that have no end.

use std::sync::Arc;

use shelltrail_core::ObjectRef;
use shelltrail_core::ids::TranscriptId;
use shelltrail_core::sink::{RecordSink, SinkError};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use super::{End, Fetcher};
use crate::claim::{Claim, Marked};
use crate::config::PipelineConfig;
use crate::fault::Fault;
use crate::source::{KeyService, ObjectStore};
use crate::workers::{Panicked, blocking};

/// How an object is worked on.
#[derive(Debug)]
pub(crate) enum Pace {
    /// Beside others; the guard is given up when the object is handed over.
    Usual(Option<OwnedRwLockReadGuard<()>>),
    /// Alone, until it is parsed: the process did not outlive it before.
    Alone(#[allow(dead_code)] OwnedRwLockWriteGuard<()>),
}

/// So many starts without an end, and the next is alone. The first receive of a message is not marked, the first start of
/// a backfill not counted, so the process has ended twice over such an object.
const STARTS_BEFORE_ALONE: u32 = 1;

/// So many starts without an end, and there is no further one.
const STARTS_BEFORE_GIVING_UP: u32 = 2;

/// Why an object is given back whose start cannot be marked.
const NOT_MARKED: &str = "start-not-marked";

/// The reason of an object over which the process ended again and again.
pub(super) const SUSPECTED: &str = "suspected_crash";

/// What an object that is worked on alone may take: this part of the largest object allowed.
const ALONE_PART: u64 = 4;

impl<S, K, R> Fetcher<S, K, R>
where
    S: ObjectStore + ?Sized,
    K: KeyService + ?Sized,
    R: RecordSink,
{
    /// Marks the start of the work on an object that came again, and tells how to go on. Whoever has a pace goes on with
    /// it: it holds memory, and who is alone may wait for that.
    pub(super) async fn pace(
        &self,
        claim: &mut Claim,
        id: TranscriptId,
        begun: Option<Pace>,
    ) -> Result<Pace, End> {
        if claim.attempts() < 2 {
            return Ok(match begun {
                Some(pace) => pace,
                None => self.beside_others().await,
            });
        }
        let recorder = self.recorder.clone();
        let open = marks(blocking(move || recorder.open_starts(&id)).await)?;
        let marked = Marked { id, is_light: false };
        if open >= STARTS_BEFORE_GIVING_UP {
            claim.set_marked(marked);
            return Err(suspected(format!(
                "{} starts of the work on it have no end: the process ended each time",
                open + 1
            )));
        }
        let pace = match begun {
            Some(pace) => pace,
            None if open >= STARTS_BEFORE_ALONE => {
                tracing::warn!(
                    attempts = claim.attempts(),
                    "an object is read alone: the process ended over it"
                );
                Pace::Alone(Arc::clone(&self.gate).write_owned().await)
            }
            None => self.beside_others().await,
        };
        // Not before its turn: who only waits has no part in what ends the process.
        let (recorder, attempts) = (self.recorder.clone(), claim.attempts());
        // A stop may end the waiting while the mark is being written: then either the writer finds that nobody waits, or
        // whoever concludes finds the mark.
        let waiting = Arc::new(());
        let waits = Arc::downgrade(&waiting);
        claim.set_marked(marked);
        marks(blocking(move || recorder.note_start_for(&id, attempts, &waits)).await)?;
        drop(waiting);
        self.recorder.breaker.wrote(NOT_MARKED);
        Ok(pace)
    }

    /// The same for an object of a backfill, which comes once: every start is marked, under the name that the listing
    /// gives it, for what is read from a folder has its identity later.
    pub(super) async fn pace_of_backfill(
        &self,
        claim: &mut Claim,
        object: &ObjectRef,
        size: Option<u64>,
    ) -> Result<Pace, End> {
        let id = listed_id(object);
        let open = marks(Ok(self.recorder.open_starts(&id)))?;
        if open >= STARTS_BEFORE_GIVING_UP && !self.config.retry_suspected {
            // Its mark stays: the next backfill must not begin it either.
            return Err(suspected(format!(
                "{} starts of the work on it have no end: the process ended each time",
                open + 1
            )));
        }
        let pace = if open >= STARTS_BEFORE_ALONE {
            tracing::warn!(starts = open + 1, "an object is read alone: the process ended over it");
            Pace::Alone(Arc::clone(&self.gate).write_owned().await)
        } else {
            self.beside_others().await
        };
        pace.allows(&self.config, size)?;
        marks(Ok(self.recorder.sink.note_start_of_backfill(&id)))?;
        self.recorder.breaker.wrote(NOT_MARKED);
        claim.set_marked(Marked { id, is_light: true });
        Ok(pace)
    }

    pub(super) async fn beside_others(&self) -> Pace {
        Pace::Usual(Some(Arc::clone(&self.gate).read_owned().await))
    }
}

impl Pace {
    /// The largest object, stored and clear each.
    pub(super) fn max_bytes(&self, config: &PipelineConfig) -> u64 {
        match self {
            // Who asks for a suspect by its name knows what it is.
            Self::Alone(_) if !config.retry_suspected => config.max_object_bytes / ALONE_PART,
            _ => config.max_object_bytes,
        }
    }

    pub(super) fn allows(&self, config: &PipelineConfig, size: Option<u64>) -> Result<(), End> {
        let max_bytes = self.max_bytes(config);
        match size {
            Some(size) if size > max_bytes && matches!(self, Self::Alone(_)) => Err(suspected(format!(
                "it has {size} bytes, and the process ended while it was worked on before; such an object may have {max_bytes}"
            ))),
            _ => Ok(()),
        }
    }
}

/// What a sink says about marks; one that cannot keep them can write nothing else either.
fn marks<T>(said: Result<Result<T, SinkError>, Panicked>) -> Result<T, End> {
    match said {
        Ok(Ok(marks)) => Ok(marks),
        Ok(Err(error)) => Err(End::Fault(Fault::of_sink(NOT_MARKED, &error))),
        Err(panicked) => Err(End::Fault(Fault::of_writing(NOT_MARKED, panicked.to_string()))),
    }
}

fn suspected(detail: String) -> End {
    End::Failed { reason: SUSPECTED, detail }
}

/// Under what the start of the work on a listed object is marked: what is known of it before it is read.
fn listed_id(object: &ObjectRef) -> TranscriptId {
    let ObjectRef { bucket, key, version, etag } = object;
    let which = etag.as_deref().or(version.as_deref()).unwrap_or_default();
    TranscriptId::of_object(bucket.as_deref().unwrap_or_default(), key, which)
}
