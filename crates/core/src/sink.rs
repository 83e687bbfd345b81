//! The seam between the pipeline and the storage.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, Partition, TranscriptId};
use crate::object::ObjectRef;
use crate::session::Session;

/// Stores sessions: built in parallel, made durable by one commit.
///
/// The promises the pipeline builds on:
/// - nothing of a batch is visible, and nothing of it survives a crash, before `commit` returns `Ok`;
/// - after `commit` returned `Ok`, every session of its batches survives any crash;
/// - a session whose [`TranscriptId`] is stored already is not stored again.
pub trait RecordSink: Send + Sync + 'static {
    /// A finished part of the index that waits for its commit.
    type Batch: Send + 'static;

    /// Which partition holds the transcripts of an account.
    fn partition(&self, account: Option<&AccountId>) -> Partition;

    /// Tells whether a committed session of this identity exists.
    ///
    /// # Errors
    /// The partition cannot be read.
    fn contains(&self, partition: &Partition, id: &TranscriptId) -> Result<bool, SinkError>;

    /// Builds one batch from sessions of one partition. CPU-bound; many may run at once.
    ///
    /// # Errors
    /// Nothing of the batch is stored; no session of it may be acknowledged.
    fn build(
        &self,
        partition: &Partition,
        sessions: &mut dyn Iterator<Item = Session>,
    ) -> Result<Self::Batch, SinkError>;

    /// Makes batches durable and visible.
    ///
    /// # Errors
    /// The partitions that failed hold nothing of their batches; others may. Nothing may be
    /// acknowledged; a repetition adds nothing twice.
    fn commit(&self, batches: Vec<Self::Batch>) -> Result<(), SinkError>;

    /// Writes down, durably, that an object could not be indexed. The same object again replaces its entry.
    ///
    /// # Errors
    /// The entry could not be written.
    fn record_failure(&self, failure: &Failure) -> Result<(), SinkError>;

    /// Removes the entry of an object that is indexed after all, or gone.
    ///
    /// # Errors
    /// The entry exists and could not be removed.
    fn clear_failure(&self, object: &ObjectRef) -> Result<(), SinkError>;
}

/// An object that could not be indexed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The object, as far as it is known.
    pub object: ObjectRef,
    /// The account that its key claims.
    pub account: Option<AccountId>,
    /// A short stable word: `kms-denied`, `key-commitment`, `too-large`, …
    pub reason: String,
    /// What was attempted and what came back; hostile text, to be sanitised before display.
    pub detail: String,
    /// How often it was tried, as far as SQS counts (`ApproximateReceiveCount`); 0 for a backfill.
    pub attempts: u32,
    /// When it failed last (UTC).
    pub failed_at: jiff::Timestamp,
}

/// The storage could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{action} partition {partition}")]
pub struct SinkError {
    /// What was attempted: `read`, `build`, `commit`, …
    pub action: &'static str,
    /// On which partition, or `-` for the whole index.
    pub partition: String,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
