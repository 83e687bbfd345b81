//! One object version and what a reader fetched of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::TranscriptId;

/// Names one version of one object: the evidence behind every record.
///
/// For a file outside S3 only `key` is known: the path as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// The bucket; `None` for a local file.
    pub bucket: Option<String>,
    /// The decoded object key, compared by bytes; for a local file, its path below the source.
    pub key: String,
    /// The version ID; `None` where the bucket is not versioned or nobody has told it yet.
    pub version: Option<String>,
    /// The ETag without quotes; `None` until a notification, a listing or a read has told it.
    pub etag: Option<String>,
}

impl ObjectRef {
    /// The identity of this object, if bucket and ETag are known.
    #[must_use]
    pub fn transcript_id(&self) -> Option<TranscriptId> {
        Some(TranscriptId::of_object(self.bucket.as_deref()?, &self.key, self.etag.as_deref()?))
    }

    /// A hash of bucket and key, the same for all versions; `None` outside S3.
    #[must_use]
    pub fn key_hash(&self) -> Option<u128> {
        let bucket = self.bucket.as_deref()?;
        Some(TranscriptId::hash("key", &[bucket.as_bytes(), self.key.as_bytes()]).as_number())
    }
}

/// One object as it was read, before it is decrypted, inflated and parsed.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What was read: version and ETag come from the response, not from the notification.
    pub object: ObjectRef,
    /// The identity under which it is stored.
    pub id: TranscriptId,
    /// User metadata, names in lower case and without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
    /// When S3 stored the object (`Last-Modified`); `None` for local files, whose times prove nothing.
    pub last_modified: Option<Timestamp>,
    /// The stored bytes.
    pub body: Vec<u8>,
}
