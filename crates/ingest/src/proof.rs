//! Evidence that a session is stored, or its failure written down: the only values that let a message about a wanted
//! object be deleted.
//!
//! These types have a private field, so nothing outside this file can make one. They are made where the
//! sink has just said so, and nowhere else.

use shelltrail_core::ids::{Partition, TranscriptId};
use shelltrail_core::sink::{Failure, RecordSink, SinkError};

/// A commit that held the session returned `Ok`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committed(());

/// The sink holds a committed session of this identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored(());

/// The sink holds an entry that says for which reason the object could not be indexed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recorded(&'static str);

impl Recorded {
    /// The reason in the entry.
    pub(crate) fn reason(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
impl Recorded {
    pub(crate) fn for_test(reason: &'static str) -> Self {
        Self(reason)
    }
}

impl From<Committed> for Stored {
    fn from(_: Committed) -> Self {
        Self(())
    }
}

/// What no test of a single stage can get from a sink.
#[cfg(test)]
pub(crate) fn for_test() -> Stored {
    Stored(())
}

/// Commits and testifies to it. Blocks.
pub(crate) fn commit<R: RecordSink>(sink: &R, batches: Vec<R::Batch>) -> Result<Committed, SinkError> {
    sink.commit(batches).map(|()| Committed(()))
}

/// Asks for a committed session of this identity and testifies to it. Blocks.
pub(crate) fn look_up<R: RecordSink>(
    sink: &R,
    partition: &Partition,
    id: &TranscriptId,
) -> Result<Option<Stored>, SinkError> {
    Ok(sink.contains(partition, id)?.then_some(Stored(())))
}

/// Writes a failure down and testifies to it; `reason` is the one in the entry. Blocks.
pub(crate) fn record<R: RecordSink>(
    sink: &R,
    failure: &Failure,
    reason: &'static str,
) -> Result<Recorded, SinkError> {
    sink.record_failure(failure).map(|()| Recorded(reason))
}
