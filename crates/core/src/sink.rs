//! The seam between the pipeline and the storage.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, Partition, TranscriptId};
use crate::object::ObjectRef;
use crate::sequencer::Sequencer;
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

    /// The entry of an object, by its ETag, its version, or, if an event told neither, its key alone.
    ///
    /// # Errors
    /// The entry exists and cannot be read.
    fn failure(&self, object: &ObjectRef) -> Result<Option<Failure>, SinkError>;

    /// Writes down, durably, what happened to objects after they were stored in the bucket. Nothing is hidden or removed
    /// for it, and objects that are not stored here (yet) may be among them. The same event again changes nothing.
    ///
    /// # Errors
    /// None, some or all of the events are written down.
    fn record_key_events(&self, events: &[KeyEvent]) -> Result<(), SinkError>;

    /// Which write of its key a stored object is; `None` if it is not stored.
    ///
    /// # Errors
    /// The partition cannot be read.
    fn write_of(&self, partition: &Partition, id: &TranscriptId) -> Result<Option<Write>, SinkError>;

    /// How many starts of the work on an object have no end; 0 from a sink that keeps no such marks. The first one of a
    /// backfill is not counted: neither is that of a message, which is not noted.
    ///
    /// # Errors
    /// The marks cannot be read.
    fn open_starts(&self, _id: &TranscriptId) -> Result<u32, SinkError> {
        Ok(0)
    }

    /// Notes, durably, that work on an object begins. `attempts` is how often its message was received.
    ///
    /// # Errors
    /// The mark is not durable.
    fn note_start(&self, _id: &TranscriptId, _attempts: u32) -> Result<(), SinkError> {
        Ok(())
    }

    /// Notes that a backfill begins to work on an object: so cheaply that it can be said of every one. It outlives the
    /// process, not a loss of power. Does not wait for a disk, so it may be called from anywhere.
    ///
    /// # Errors
    /// The mark is not written.
    fn note_start_of_backfill(&self, _id: &TranscriptId) -> Result<(), SinkError> {
        Ok(())
    }

    /// Notes that an object of a backfill waits, until its start is noted again: what ends the process now is not its doing.
    ///
    /// # Errors
    /// It is still noted as in work.
    fn note_pause_of_backfill(&self, _id: &TranscriptId) -> Result<(), SinkError> {
        Ok(())
    }

    /// Notes that the work on an object came to an end, whatever end: the process outlived it. Without a start
    /// it does nothing, and costs nothing.
    ///
    /// # Errors
    /// The mark exists and could not be removed.
    fn note_end(&self, _id: &TranscriptId) -> Result<(), SinkError> {
        Ok(())
    }
}

/// One write of a key of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Write {
    /// The version it made.
    pub version: Option<String>,
    /// Where it stands among the events of its key.
    pub sequencer: Option<Sequencer>,
}

/// Something that happened to a key of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// The object, by bucket and key at least. The version is as in an announcement
    /// ([`crate::notification::Announcement::object`]).
    pub object: ObjectRef,
    /// Where the event stands among those of its key.
    pub sequencer: Option<Sequencer>,
    /// When S3 finished the request.
    pub at: Option<jiff::Timestamp>,
    /// What happened.
    pub kind: KeyEventKind,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyEventKind {
    /// An object, or the sight of it, was removed.
    Removed(RemovalKind),
    /// Content that is stored here already was written again: a removal before it says nothing any more.
    WrittenAgain,
}

/// How an object was removed from its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalKind {
    /// Somebody deleted a version for good, or the object of a bucket without versions.
    Deleted,
    /// A lifecycle rule did.
    Expired,
    /// Somebody hid the key under a delete marker; its versions are still in the bucket.
    DeleteMarker,
    /// A lifecycle rule did.
    ExpiryMarker,
}

impl RemovalKind {
    /// Whether versions of the key are still in the bucket, behind a delete marker.
    #[must_use]
    pub fn is_marker(self) -> bool {
        matches!(self, Self::DeleteMarker | Self::ExpiryMarker)
    }
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
    /// Stored bytes as announced; absent is not zero.
    #[serde(default)]
    pub size: Option<u64>,
    /// The place of the write among those of its key, as announced (S3 `sequencer`).
    #[serde(default)]
    pub sequencer: Option<String>,
    /// The message that announced it; `None` for a backfill, and in entries of older versions.
    #[serde(default)]
    pub message: Option<FailedMessage>,
}

/// Most bytes of a body that an entry of a message keeps of which nothing could be read.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Most bytes of a body that an entry keeps of whose object more is known: one record has about 1 KiB. So much
/// is held in memory with every message.
pub const MAX_KNOWN_BODY_BYTES: usize = 4 * 1024;

/// The message behind a failure: all that is left of it once it is deleted from the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedMessage {
    /// The SQS message ID.
    pub id: String,
    /// `SentTimestamp` (UTC).
    pub sent_at: Option<jiff::Timestamp>,
    /// `ApproximateReceiveCount`.
    pub receive_count: u32,
    /// In which envelope the notification came ([`crate::notification::envelope`]); `None` if none is recognised.
    pub envelope: Option<String>,
    /// The body, at most [`MAX_BODY_BYTES`] or [`MAX_KNOWN_BODY_BYTES`] of it; hostile text.
    pub body: String,
    /// Whether that is not all of the body.
    pub body_cut: bool,
}

impl FailedMessage {
    /// What is kept of a message: at most `max_bytes` of its body.
    #[must_use]
    pub fn keep(
        id: &str,
        sent_at: Option<jiff::Timestamp>,
        receive_count: u32,
        body: &str,
        max_bytes: usize,
    ) -> Self {
        let kept = &body[..body.floor_char_boundary(max_bytes)];
        Self {
            id: id.to_owned(),
            sent_at,
            receive_count,
            envelope: crate::notification::envelope(body).map(str::to_owned),
            body: kept.to_owned(),
            body_cut: kept.len() < body.len(),
        }
    }
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
