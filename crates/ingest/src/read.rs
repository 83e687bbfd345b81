//! Reads one object within the byte budget, and unlocks its envelope if it has one.

use std::sync::Arc;

use shelltrail_core::ObjectRef;
use shelltrail_core::envelope::{
    DataKey, Detected, Envelope, EnvelopeError, INSTRUCTION_SUFFIX, MAX_INSTRUCTION_BYTES,
};

use crate::budget::{Budget, Reservation};
use crate::config::PipelineConfig;
use crate::gauges::{Busy, Lane};
use crate::source::{KeyService, ObjectStore, SourceError, SourceErrorKind, StoredObject};
use crate::stop::Stop;

/// What is reserved for an object whose size was not announced.
const UNKNOWN_BYTES: u64 = 256 * 1024;

/// The least a read is allowed: sizes below are not worth a second request if they turn out wrong.
const MIN_CEILING_BYTES: u64 = 4096;

/// How many times more an object is allowed that turned out larger than announced. The step to the largest size
/// allowed would make it wait for the whole budget, whatever its size is.
const CEILING_GROWTH: u64 = 16;

/// Reads and unlocks.
#[derive(Debug)]
pub(crate) struct Reader<S: ?Sized, K: ?Sized> {
    pub(crate) config: Arc<PipelineConfig>,
    pub(crate) store: Arc<S>,
    pub(crate) keys: Arc<K>,
    pub(crate) budget: Arc<Budget>,
}

/// A stored object and the memory it is allowed.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) stored: StoredObject,
    pub(crate) reservation: Reservation,
    /// It is not the content that was announced.
    pub(crate) superseded: bool,
}

/// Why nothing was read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// A stop came while the read waited for memory.
    Stopped,
    /// The store said no.
    Source(SourceError),
}

/// Why an envelope stays shut.
#[derive(Debug)]
pub(crate) enum UnlockError {
    /// The key, or the file that holds it, cannot be had.
    Source(SourceError),
    /// Not as it is.
    Never {
        /// A short stable word.
        reason: &'static str,
        /// What was attempted.
        detail: String,
    },
}

impl<S: ObjectStore + ?Sized, K: KeyService + ?Sized> Reader<S, K> {
    /// Reads an object. No more bytes arrive than the budget has admitted. The announced size is a hint, and may
    /// lie: an object larger than announced is refused by the store, told by its headers, and asked for again
    /// with a higher ceiling; one smaller than announced gives back what it does not need.
    pub(crate) async fn read(
        &self,
        object: &ObjectRef,
        size: Option<u64>,
        stop: &Stop,
    ) -> Result<Read, ReadError> {
        let max_bytes = self.config.max_object_bytes;
        let mut wanted = object.clone();
        let mut ceiling = size.unwrap_or(UNKNOWN_BYTES).max(MIN_CEILING_BYTES).min(max_bytes);
        let mut superseded = false;
        loop {
            let mut reservation = tokio::select! {
                biased;
                () = stop.stopped() => return Err(ReadError::Stopped),
                reservation = self.budget.admit(ceiling) => reservation,
            };
            let busy = Busy::begin(self.budget.progress(), Lane::Get);
            let answer = self.store.get(&wanted, ceiling).await;
            drop(busy);
            match answer {
                Ok(stored) => {
                    reservation.resize(stored.body.len() as u64);
                    return Ok(Read { stored, reservation, superseded });
                }
                Err(error) if error.kind == SourceErrorKind::TooLarge && ceiling < max_bytes => {
                    ceiling = ceiling.saturating_mul(CEILING_GROWTH).min(max_bytes);
                }
                Err(error) if error.kind == SourceErrorKind::Replaced && !superseded => {
                    superseded = true;
                    (wanted.version, wanted.etag) = (None, None);
                }
                Err(error) => return Err(ReadError::Source(error)),
            }
        }
    }

    /// Gets the data key of an object's envelope; `None` if it has no envelope.
    pub(crate) async fn unlock(
        &self,
        stored: &StoredObject,
    ) -> Result<Option<(Envelope, DataKey)>, UnlockError> {
        let policy = &self.config.envelope_policy;
        let envelope = match Envelope::detect(&stored.metadata, policy)? {
            Detected::None => return Ok(None),
            Detected::Inline(envelope) => envelope,
            Detected::NeedsInstruction(partial) => {
                partial.complete(&self.instruction(&stored.object).await?, policy)?
            }
        };
        match self.keys.decrypt(envelope.wrapped_key(), envelope.context()).await {
            Ok(key) => Ok(Some((envelope, key))),
            Err(error) => Err(error.into()),
        }
    }

    async fn instruction(&self, object: &ObjectRef) -> Result<Vec<u8>, UnlockError> {
        let key = format!("{}{INSTRUCTION_SUFFIX}", object.key);
        let instruction = ObjectRef { bucket: object.bucket.clone(), key, ..ObjectRef::default() };
        match self.store.get(&instruction, MAX_INSTRUCTION_BYTES as u64).await {
            Ok(stored) => Ok(stored.body),
            Err(error) if error.kind == SourceErrorKind::NotFound => {
                Err(EnvelopeError::InstructionMissing.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl From<EnvelopeError> for UnlockError {
    fn from(error: EnvelopeError) -> Self {
        Self::Never { reason: error.reason(), detail: error.to_string() }
    }
}

impl From<SourceError> for UnlockError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fakes::{MemoryStore, Script};
    use crate::source::NoKeys;
    use crate::summary::Progress;

    #[tokio::test(start_paused = true)]
    async fn the_announced_size_may_lie() {
        const KIB: u64 = 1024;
        let max_object_bytes = 512 * KIB;
        for (stored, announced, reads) in [
            (10 * KIB, Some(10 * KIB), 1),
            (10 * KIB, Some(1 << 50), 1),
            (10 * KIB, None, 1),
            (10 * KIB, Some(0), 2),
            (300 * KIB, Some(1), 3),
            (512 * KIB, Some(100), 3),
            (513 * KIB, Some(100), 3),
            (513 * KIB, Some(513 * KIB), 1),
        ] {
            let store = Arc::new(MemoryStore::new(Script::default()));
            let object = store.put("bucket", "a.log", vec![b'x'; usize::try_from(stored).unwrap()]);
            let reader = Reader {
                config: Arc::new(PipelineConfig { max_object_bytes, ..PipelineConfig::default() }),
                store: Arc::clone(&store),
                keys: Arc::new(NoKeys),
                budget: Budget::new(1 << 30, Arc::new(Progress::new())),
            };
            let (_handle, stop) = Stop::new();
            match reader.read(&object, announced, &stop).await {
                Ok(read) => assert_eq!(read.reservation.bytes(), stored, "{announced:?}"),
                Err(ReadError::Source(error)) => {
                    assert_eq!((error.kind, stored > max_object_bytes), (SourceErrorKind::TooLarge, true));
                }
                Err(ReadError::Stopped) => panic!("nobody stops"),
            }
            assert_eq!(store.reads("a.log"), reads, "{stored} bytes announced as {announced:?}");
        }
    }
}
