//! Evidence that a session is stored: the only values that let a message about a wanted object be deleted.
//!
//! Both types have a private field, so nothing outside this file can make one. They are made where the
//! sink has just said so, and nowhere else.

use shelltrail_core::ids::{Partition, TranscriptId};
use shelltrail_core::sink::{RecordSink, SinkError};

/// A commit that held the session returned `Ok`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committed(());

/// The sink holds a committed session of this identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored(());

impl From<Committed> for Stored {
    fn from(_: Committed) -> Self {
        Self(())
    }
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
