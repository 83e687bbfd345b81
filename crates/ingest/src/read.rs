//! Reads one object within the byte budget, and unlocks its envelope if it has one.

use std::sync::Arc;

use shelltrail_core::ObjectRef;
use shelltrail_core::envelope::{
    DataKey, Detected, Envelope, EnvelopeError, INSTRUCTION_SUFFIX, MAX_INSTRUCTION_BYTES,
};

use crate::budget::{Budget, Reservation};
use crate::config::PipelineConfig;
use crate::source::{KeyService, ObjectStore, SourceError, SourceErrorKind, StoredObject};
use crate::stop::Stop;

/// What is reserved for an object whose size was not announced.
const UNKNOWN_BYTES: u64 = 256 * 1024;

/// The least a read is allowed: sizes below are not worth a second request if they turn out wrong.
const MIN_CEILING_BYTES: u64 = 4096;

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
    /// Worth a later try.
    Later(&'static str),
    /// Not as it is.
    Never {
        /// A short stable word.
        reason: &'static str,
        /// What was attempted.
        detail: String,
    },
}

impl<S: ObjectStore + ?Sized, K: KeyService + ?Sized> Reader<S, K> {
    /// Reads an object. No more bytes arrive than the budget has admitted: an object larger than announced
    /// is refused by the store and asked for again with the largest size allowed.
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
            let reservation = tokio::select! {
                biased;
                () = stop.stopped() => return Err(ReadError::Stopped),
                reservation = self.budget.admit(ceiling) => reservation,
            };
            match self.store.get(&wanted, ceiling).await {
                Ok(stored) => return Ok(Read { stored, reservation, superseded }),
                Err(error) if error.kind == SourceErrorKind::TooLarge && ceiling < max_bytes => {
                    ceiling = max_bytes;
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
        if error.kind.is_transient() {
            Self::Later(error.reason)
        } else {
            Self::Never { reason: error.reason, detail: error.to_string() }
        }
    }
}
