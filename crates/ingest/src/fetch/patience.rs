//! Calls that may succeed later: a queue brings the object again, a backfill repeats them by itself.

use shelltrail_core::ObjectRef;
use shelltrail_core::envelope::{DataKey, Envelope};
use shelltrail_core::sink::RecordSink;

use super::{End, Fetcher};
use crate::backoff;
use crate::claim::Claim;
use crate::config::PipelineConfig;
use crate::read::{Read, ReadError, UnlockError};
use crate::source::{KeyService, ObjectStore, SourceError, StoredObject};

impl<S, K, R> Fetcher<S, K, R>
where
    S: ObjectStore + ?Sized,
    K: KeyService + ?Sized,
    R: RecordSink,
{
    /// Reads, as often as there is patience.
    pub(super) async fn read_patiently(
        &self,
        object: &ObjectRef,
        size: Option<u64>,
        claim: &Claim,
    ) -> Result<Read, End> {
        let mut attempt = 1;
        loop {
            let error = match self.reader.read(object, size, &self.stop).await {
                Ok(read) => return Ok(read),
                Err(ReadError::Stopped) => return Err(End::Unstarted),
                Err(ReadError::Source(error)) => error,
            };
            if !self.waits_for_another(object, claim, attempt, &error).await? {
                return Err(error.into());
            }
            attempt += 1;
        }
    }

    /// Gets the data key with the same patience.
    pub(super) async fn unlock_patiently(
        &self,
        object: &ObjectRef,
        stored: &StoredObject,
        claim: &Claim,
    ) -> Result<Option<(Envelope, DataKey)>, End> {
        let mut attempt = 1;
        loop {
            let error = match self.reader.unlock(stored).await {
                Err(UnlockError::Source(error)) => error,
                answered => return Ok(answered?),
            };
            if !self.waits_for_another(object, claim, attempt, &error).await? {
                return Err(UnlockError::Source(error).into());
            }
            attempt += 1;
        }
    }

    /// Waits for the next attempt at a call that failed, if there is one.
    async fn waits_for_another(
        &self,
        object: &ObjectRef,
        claim: &Claim,
        attempt: u32,
        error: &SourceError,
    ) -> Result<bool, End> {
        let patient = claim.is_backfill() && attempt < self.config.backfill_attempts;
        if !(patient && error.kind.is_transient()) {
            return Ok(false);
        }
        let PipelineConfig { retry_delay, max_retry_delay, .. } = *self.config;
        let wait = backoff::delay(retry_delay, max_retry_delay, attempt, &object.key);
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(true),
            () = self.stop.stopped() => Err(End::Unstarted),
        }
    }
}
