//! What the pipeline asks of the outside world: a queue, a store of objects, a key service.
//!
//! Each trait has two answers: the AWS services in `shelltrail-aws`, and the fakes in `crate::fakes`
//! that fail on cue.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use shelltrail_core::ObjectRef;
use shelltrail_core::envelope::DataKey;

/// A queue of notifications with the semantics of SQS.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Asks how the queue is set up and how full it is (SQS `GetQueueAttributes`).
    async fn attributes(&self) -> Result<QueueAttributes, SourceError>;

    /// Waits for at most `max` messages (1 to 10) by long poll; none at all is an ordinary answer.
    ///
    /// `visibility` is how long the messages stay hidden from other receivers, counted from receipt.
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, SourceError>;

    /// Sets how long messages stay hidden, counted from now; zero releases them at once.
    ///
    /// The answer holds one entry per receipt, in the order given. At most 10 receipts.
    async fn change_visibility(
        &self,
        receipts: &[(Receipt, Duration)],
    ) -> Result<Vec<Result<(), EntryError>>, SourceError>;

    /// Deletes messages. The answer holds one entry per receipt, in the order given. At most 10 receipts.
    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Result<(), EntryError>>, SourceError>;
}

/// An SQS receipt handle: names one receipt of a message, not the message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Receipt(pub String);

/// A received message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The SQS message ID; for humans only, it is new for every send.
    pub id: String,
    /// Needed to extend, release or delete it.
    pub receipt: Receipt,
    /// The notification document.
    pub body: String,
    /// `ApproximateReceiveCount`, at least 1.
    pub receive_count: u32,
    /// `SentTimestamp`.
    pub sent_at: Option<Timestamp>,
}

/// How the queue is set up and how full it is.
#[derive(Clone, Debug, Default)]
pub struct QueueAttributes {
    /// `VisibilityTimeout`.
    pub visibility: Duration,
    /// `ApproximateNumberOfMessages`.
    pub visible: u64,
    /// `ApproximateNumberOfMessagesNotVisible`: received by somebody and not deleted.
    pub in_flight: u64,
    /// `ApproximateNumberOfMessagesDelayed`.
    pub delayed: u64,
    /// `maxReceiveCount` of the redrive policy; `None` if there is no redrive policy.
    pub max_receive_count: Option<u32>,
}

/// One entry of a batch call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// The receipt is no longer good: the lease is lost and somebody else may hold the message.
    LeaseLost,
    /// Worth another try.
    Retry(String),
}

/// A store of objects with the semantics of S3.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Reads one object, pinned by its version, else by its ETag, else as it is now.
    ///
    /// Bytes, length and checksum agree with what the store announced, or it is an error. More than
    /// `max_bytes` stored bytes is [`SourceErrorKind::TooLarge`], told without reading them.
    async fn get(&self, object: &ObjectRef, max_bytes: u64) -> Result<StoredObject, SourceError>;

    /// Lists one page of a bucket below a prefix, in UTF-8 binary order of keys, after `start_after`.
    async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<ListedObject>, SourceError>;
}

/// What a GET returned.
#[derive(Clone, Debug)]
pub struct StoredObject {
    /// The object as the response names it: version and ETag filled in.
    pub object: ObjectRef,
    /// User metadata, names in lower case and without `x-amz-meta-`; RFC 2047 words decoded.
    pub metadata: BTreeMap<String, String>,
    /// `Last-Modified`.
    pub last_modified: Option<Timestamp>,
    /// The stored bytes.
    pub body: Vec<u8>,
}

/// One object of a listing.
#[derive(Clone, Debug)]
pub struct ListedObject {
    /// Bucket, key and ETag; a listing tells no version.
    pub object: ObjectRef,
    /// Stored size in bytes.
    pub size: u64,
    /// `Last-Modified`.
    pub last_modified: Option<Timestamp>,
}

/// A key service with the semantics of KMS.
#[async_trait]
pub trait KeyService: Send + Sync + 'static {
    /// Unwraps a data key (KMS `Decrypt`) under exactly this encryption context.
    async fn decrypt(
        &self,
        wrapped_key: &[u8],
        context: &BTreeMap<String, String>,
    ) -> Result<DataKey, SourceError>;
}

/// No key service at all: what a local folder has.
#[derive(Clone, Copy, Debug)]
pub struct NoKeys;

#[async_trait]
impl KeyService for NoKeys {
    async fn decrypt(&self, _: &[u8], _: &BTreeMap<String, String>) -> Result<DataKey, SourceError> {
        Err(SourceError {
            kind: SourceErrorKind::Invalid,
            reason: "no-key-service",
            action: "unwrap a data key".to_owned(),
            message: "this source has no key service".to_owned(),
        })
    }
}

/// A call to the outside world failed.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {message}")]
pub struct SourceError {
    /// The classification that the pipeline acts on.
    pub kind: SourceErrorKind,
    /// A short stable word for status and failure lists: `kms-denied`, `throttled-s3`, `gone`, …
    /// (the `reason` column of the error tables that the AWS adapters implement).
    pub reason: &'static str,
    /// What was attempted, naming the operation and the object.
    pub action: String,
    /// What came back; hostile text.
    pub message: String,
}

/// What a failed call means for the work at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// The object does not exist (any more).
    NotFound,
    /// The object was overwritten since it was announced (412).
    Replaced,
    /// Permission is missing, for the object or for its key.
    Denied,
    /// Archived storage class: readable only after a restore.
    Archived,
    /// The stored object is larger than the limit.
    TooLarge,
    /// Too many requests; worth a later try.
    Throttled,
    /// Nothing came back in time, the connection broke, or the body ended early.
    Timeout,
    /// The request or the data can never work as it is.
    Invalid,
    /// The service failed.
    Internal,
}

impl SourceErrorKind {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Timeout | Self::Internal)
    }
}
