//! What the pipeline asks of the outside world: a queue, a store of objects, a key service.
//!
//! Each trait has two answers: the AWS services in `shelltrail-aws`, and the fakes in `crate::fakes`
//! that fail on cue.

use std::borrow::Cow;
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

    /// Sends messages (SQS `SendMessageBatch`). The answer holds one entry per body, in the order given. At
    /// most 10 bodies, [`MAX_SEND_BYTES`] together.
    async fn send(&self, bodies: &[String]) -> Result<Vec<Result<(), SendError>>, SourceError>;
}

/// Most bytes of all bodies of one [`Queue::send`]: what SQS took before August 2025, and what queues that
/// were made for notifications take today (SQS developer guide, "Message quotas").
pub const MAX_SEND_BYTES: usize = 256 * 1024;

/// One message was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Worth another try. It may have been sent all the same.
    Retry(String),
    /// The queue does not take this message, now or later.
    Refused(String),
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
    /// `MessageRetentionPeriod`; `None` if it is not told.
    pub retention: Option<Duration>,
    /// `MaximumMessageSize` in bytes; `None` if it is not told.
    pub max_message_bytes: Option<u64>,
    /// `FifoQueue`.
    pub is_fifo: bool,
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

    /// Lists one page of all versions below a prefix (S3 `ListObjectVersions`): keys in UTF-8 binary order,
    /// the versions of a key newest first, delete markers left out.
    ///
    /// `after` is a key and one of its versions; without the version, all versions of that key count as
    /// listed. The default answers that there are no versions here.
    async fn list_versions(
        &self,
        _bucket: &str,
        _prefix: &str,
        _after: Option<(&str, Option<&str>)>,
    ) -> Result<VersionPage, SourceError> {
        Err(unsupported("list the versions of objects"))
    }

    /// Reads a part of an object from `start`, at most `max_bytes` of it, pinned like [`ObjectStore::get`].
    /// Behind the end of the object it is empty. The default answers that parts cannot be read here.
    async fn get_part(
        &self,
        _object: &ObjectRef,
        _start: u64,
        _max_bytes: u64,
    ) -> Result<ObjectPart, SourceError> {
        Err(unsupported("read a part of an object"))
    }

    /// Takes notice that a listed object is not read after all. The default does nothing.
    fn pass_over(&self, _object: &ObjectRef) {}
}

fn unsupported(action: &str) -> SourceError {
    SourceError {
        kind: SourceErrorKind::Invalid,
        reason: "unsupported",
        action: action.to_owned(),
        message: "this source cannot do that".to_owned(),
    }
}

/// A page of [`ObjectStore::list_versions`].
#[derive(Clone, Debug, Default)]
pub struct VersionPage {
    /// Objects with their versions. May be empty before the end.
    pub objects: Vec<ListedObject>,
    /// Where the next page goes on, key and version; `None` at the end.
    pub next: Option<(String, Option<String>)>,
}

/// A part of an object.
#[derive(Clone, Debug)]
pub struct ObjectPart {
    /// The object as the response names it: version and ETag filled in.
    pub object: ObjectRef,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Stored bytes of the whole object.
    pub total: u64,
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

/// One object of a listing. What the source of the listing does not tell is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedObject {
    /// Bucket, key and ETag; a version only where the source lists versions.
    pub object: ObjectRef,
    /// Stored size in bytes.
    pub size: Option<u64>,
    /// `Last-Modified`; of a copied or restored object it is not the time of the session.
    pub last_modified: Option<Timestamp>,
    /// `StorageClass`: `STANDARD`, `GLACIER`, …
    pub storage_class: Option<String>,
    /// How it is encrypted, in the words of S3 Inventory: `SSE-S3`, `SSE-KMS`, `DSSE-KMS`, `SSE-C`, `NOT-SSE`.
    pub encryption: Option<String>,
    /// The access tier within intelligent tiering, in the words of S3 Inventory.
    pub access_tier: Option<String>,
    /// The key as it would be if its source had been decoded the other way: tried once if there is no object
    /// of the first name.
    pub other_key: Option<String>,
    /// Why the list says nothing that could be read; `object` then names the place in the list: a row, or a folder
    /// (its key ends with `/`) of which nothing below is listed, or not all.
    pub unreadable: Option<&'static str>,
    /// What was attempted there and what came back; hostile text.
    pub detail: Option<String>,
}

/// The reason of what a list has and is not there any more.
pub(crate) const GONE: &str = "gone";

/// The place among keys of what cannot be read: that of a folder lies behind everything below it.
pub(crate) fn place_of_unreadable(key: &str) -> Cow<'_, str> {
    if key.ends_with('/') { format!("{key}{}", char::MAX).into() } else { key.into() }
}

impl ListedObject {
    /// The place in the order of keys: a listing that goes on behind it goes on with the next one.
    pub(crate) fn place(&self) -> String {
        match self.unreadable {
            Some(_) => place_of_unreadable(&self.object.key).into_owned(),
            None => self.object.key.clone(),
        }
    }

    /// Whether it is no object but the name of a folder that was listed and has nothing in it.
    pub(crate) fn is_empty_folder(&self) -> bool {
        self.object.bucket.is_none() && self.unreadable.is_none() && self.object.key.ends_with('/')
    }

    /// Whether the listing says that it must be restored before it can be read (S3 user guide, "Understanding
    /// archival storage": these two classes and two tiers; `GLACIER_IR` is read at once).
    #[must_use]
    pub fn is_archived(&self) -> bool {
        matches!(self.storage_class.as_deref(), Some("GLACIER" | "DEEP_ARCHIVE"))
            || matches!(self.access_tier.as_deref(), Some("ARCHIVE" | "DEEP_ARCHIVE"))
    }
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

/// What a failed call asks of whoever holds the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing is left to be done.
    Done,
    /// A later try may succeed without anybody changing anything.
    Transient,
    /// The object cannot be indexed as it is.
    Permanent,
    /// Not the object is the cause: every other one would fail as well.
    Environment,
}

/// Reason of an answer to credentials that are missing, wrong or expired.
pub const CREDENTIALS: &str = "credentials";

impl SourceError {
    /// What this asks of whoever holds the object. A denied object counts as permanent here: that everything is
    /// denied shows only on many.
    #[must_use]
    pub fn class(&self) -> Class {
        use SourceErrorKind as Kind;
        match self.kind {
            Kind::NotFound => Class::Done,
            Kind::Replaced | Kind::Throttled | Kind::Timeout | Kind::Internal => Class::Transient,
            Kind::Denied if self.reason == CREDENTIALS => Class::Environment,
            Kind::Denied | Kind::Archived | Kind::TooLarge | Kind::Invalid => Class::Permanent,
        }
    }

    /// Whether the same answer about many objects means that they are not its cause: permissions, keys, the
    /// line, an outage, or requests that the service does not understand. To be throttled is an answer to what we
    /// do, and not among these.
    #[must_use]
    pub fn may_be_shared(&self) -> bool {
        use SourceErrorKind as Kind;
        match self.kind {
            Kind::Denied | Kind::Timeout | Kind::Internal => true,
            Kind::Invalid => matches!(self.reason, "bad-request" | "insecure-endpoint" | "unexpected-answer"),
            Kind::NotFound | Kind::Replaced | Kind::Archived | Kind::TooLarge | Kind::Throttled => false,
        }
    }
}

impl SourceErrorKind {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Timeout | Self::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_class() {
        use Class::{Done, Environment, Permanent, Transient};
        use SourceErrorKind as Kind;
        for (kind, reason, class, shared) in [
            (Kind::NotFound, "gone", Done, false),
            (Kind::Replaced, "overwritten", Transient, false),
            (Kind::Denied, "s3-denied", Permanent, true),
            (Kind::Denied, "kms-key-disabled", Permanent, true),
            (Kind::Denied, "credentials", Environment, true),
            (Kind::Archived, "archived", Permanent, false),
            (Kind::TooLarge, "too-large", Permanent, false),
            (Kind::Throttled, "throttled-kms", Transient, false),
            (Kind::Timeout, "connection", Transient, true),
            (Kind::Invalid, "sse-c", Permanent, false),
            (Kind::Invalid, "bad-request", Permanent, true),
            (Kind::Internal, "s3-unavailable", Transient, true),
        ] {
            let error = SourceError { kind, reason, action: String::new(), message: String::new() };
            assert_eq!((error.class(), error.may_be_shared()), (class, shared), "{kind:?} {reason}");
        }
    }
}
