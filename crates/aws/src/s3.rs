//! Objects of S3, whole and verified or not at all.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumMode, EncodingType, Object, ServerSideEncryption};
use jiff::Timestamp;
use shelltrail_core::ObjectRef;
use shelltrail_core::envelope::decode_metadata_value;
use shelltrail_ingest::source::{ListedObject, ObjectStore, SourceError, SourceErrorKind, StoredObject};

use crate::errors::{chain, s3_error};

/// How often a body is read from the start before a broken one is given up. The SDK retries a request
/// only until the headers of its answer are there. Starting over, instead of asking for the missing
/// range, keeps the checksum of the whole object in play.
const MAX_BODY_READS: u32 = 3;

/// Pause before a body is read again, times the number of reads so far.
const REREAD_PAUSE: Duration = Duration::from_millis(200);

/// Every body may take this long, …
const BODY_TIME: Duration = Duration::from_secs(30);

/// … plus its length at this rate. A server that sends a few bytes a second is never stalled in the eyes
/// of the SDK and would hold its slot for ever.
const MIN_BODY_BYTES_PER_SEC: u64 = 256 * 1024;

/// Most memory reserved on the strength of a `Content-Length` alone.
const MAX_BODY_RESERVE_BYTES: u64 = 8 * 1024 * 1024;

/// Most empty pages in a row that a listing may contain before it counts as broken.
const MAX_EMPTY_PAGES: usize = 100;

/// S3, or what speaks like it.
#[derive(Clone, Debug)]
pub struct S3Store {
    client: Client,
    bucket_owner: Option<String>,
}

/// Why a body did not arrive.
struct BrokenBody {
    kind: SourceErrorKind,
    reason: &'static str,
    message: String,
}

impl S3Store {
    /// With `bucket_owner`, S3 refuses reads from a bucket of any other account.
    #[must_use]
    pub fn new(client: Client, bucket_owner: Option<String>) -> Self {
        Self { client, bucket_owner }
    }

    /// Asks once, and reads the body of the answer once.
    async fn read_once(
        &self,
        bucket: &str,
        object: &ObjectRef,
        max_bytes: u64,
    ) -> Result<StoredObject, SourceError> {
        let etag = object.etag.as_deref().filter(|_| object.version.is_none());
        let mut answer = match self
            .client
            .get_object()
            .bucket(bucket)
            .key(&object.key)
            .set_version_id(object.version.clone())
            .set_if_match(etag.map(|etag| format!("\"{etag}\"")))
            .set_expected_bucket_owner(self.bucket_owner.clone())
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
        {
            Ok(answer) => answer,
            Err(error) => {
                let error = s3_error(get_action(object), error);
                return Err(self.explain_denial(bucket, object, error).await);
            }
        };
        let length = answer.content_length.and_then(|length| u64::try_from(length).ok());
        if let Some(length) = length.filter(|&length| length > max_bytes) {
            return Err(too_large(object, &format!("{length} bytes are stored"), max_bytes));
        }
        let body = std::mem::take(&mut answer.body);
        match read_body(body, length, max_bytes).await {
            Ok(Some(body)) => Ok(stored(object, answer, body)),
            Ok(None) => Err(too_large(object, "the body went on", max_bytes)),
            Err(BrokenBody { kind, reason, message }) => {
                Err(SourceError { kind, reason, action: get_action(object), message })
            }
        }
    }

    /// Says which key an object uses that was denied: S3 often hides that the key is the reason.
    ///
    /// A HEAD needs no permission for the key, so one that succeeds proves that the object itself is allowed.
    async fn explain_denial(&self, bucket: &str, object: &ObjectRef, error: SourceError) -> SourceError {
        if !matches!(error.reason, "s3-denied" | "kms-denied") {
            return error;
        }
        let answer = self
            .client
            .head_object()
            .bucket(bucket)
            .key(&object.key)
            .set_version_id(object.version.clone())
            .set_expected_bucket_owner(self.bucket_owner.clone())
            .send()
            .await;
        let Ok(head) = answer else { return error };
        let uses_kms = matches!(
            head.server_side_encryption(),
            Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse)
        );
        if !uses_kms {
            return error;
        }
        let key = head.ssekms_key_id().unwrap_or("a key that S3 does not name");
        let reason = if error.reason == "s3-denied" { "s3-or-kms-denied" } else { error.reason };
        SourceError {
            reason,
            message: format!("{}; the object is encrypted under {key}", error.message),
            ..error
        }
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn get(&self, object: &ObjectRef, max_bytes: u64) -> Result<StoredObject, SourceError> {
        let Some(bucket) = object.bucket.as_deref() else {
            return Err(SourceError {
                kind: SourceErrorKind::Invalid,
                reason: "bad-event",
                action: get_action(object),
                message: "no bucket is named".to_owned(),
            });
        };
        let mut reads = 1;
        loop {
            match self.read_once(bucket, object, max_bytes).await {
                Err(error) if is_broken_body(&error) && reads < MAX_BODY_READS => {
                    tracing::debug!(%error, reason = error.reason, reads, "reading the body again");
                    tokio::time::sleep(REREAD_PAUSE * reads).await;
                    reads += 1;
                }
                decided => return decided,
            }
        }
    }

    async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<ListedObject>, SourceError> {
        let action = || format!("list s3://{bucket}/{prefix}");
        let broken = |message: &str| SourceError {
            kind: SourceErrorKind::Internal,
            reason: "bad-listing",
            action: action(),
            message: message.to_owned(),
        };
        let mut continuation = None;
        for _ in 0..MAX_EMPTY_PAGES {
            let page = self
                .client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(prefix)
                .set_start_after(start_after.map(str::to_owned))
                .set_continuation_token(continuation)
                .set_expected_bucket_owner(self.bucket_owner.clone())
                // Keys may hold characters that XML cannot carry.
                .encoding_type(EncodingType::Url)
                .send()
                .await
                .map_err(|error| s3_error(action(), error))?;
            let encoded = page.encoding_type == Some(EncodingType::Url);
            let objects = page.contents.unwrap_or_default();
            // No objects means the end to the caller, so an empty page before the end is passed over.
            if objects.is_empty() && page.is_truncated == Some(true) {
                continuation = page.next_continuation_token;
                continue;
            }
            let listed: Option<Vec<_>> =
                objects.into_iter().map(|object| listed(bucket, object, encoded)).collect();
            return listed.ok_or_else(|| broken("an entry has no key, or one that does not decode"));
        }
        Err(broken("the listing does not end"))
    }
}

/// Whether the request was answered and the body was not.
fn is_broken_body(error: &SourceError) -> bool {
    matches!(error.reason, "body-cut" | "body-slow" | "checksum-mismatch")
}

/// Reads a body to its end; `None` if it goes on after `max_bytes`.
async fn read_body(
    body: ByteStream,
    length: Option<u64>,
    max_bytes: u64,
) -> Result<Option<Vec<u8>>, BrokenBody> {
    let limit = body_time(length.unwrap_or(max_bytes));
    match tokio::time::timeout(limit, collect(body, length, max_bytes)).await {
        Ok(read) => read,
        Err(_) => Err(BrokenBody {
            kind: SourceErrorKind::Timeout,
            reason: "body-slow",
            message: format!("the body did not arrive within {} s", limit.as_secs()),
        }),
    }
}

async fn collect(
    mut body: ByteStream,
    length: Option<u64>,
    max_bytes: u64,
) -> Result<Option<Vec<u8>>, BrokenBody> {
    let reserve_bytes = length.unwrap_or(0).min(MAX_BODY_RESERVE_BYTES);
    let mut bytes = Vec::with_capacity(usize::try_from(reserve_bytes).unwrap_or(0));
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| broken_stream(chain(&error)))?;
        if bytes.len() as u64 + part.len() as u64 > max_bytes {
            return Ok(None);
        }
        bytes.extend_from_slice(&part);
    }
    // A clean end of the stream proves nothing.
    match length {
        Some(length) if length != bytes.len() as u64 => Err(BrokenBody {
            kind: SourceErrorKind::Timeout,
            reason: "body-cut",
            message: format!("{} of {length} bytes arrived", bytes.len()),
        }),
        _ => Ok(Some(bytes)),
    }
}

/// The SDK verifies checksums while the body is read, and says so in text only.
fn broken_stream(message: String) -> BrokenBody {
    if message.contains("checksum mismatch") {
        return BrokenBody { kind: SourceErrorKind::Internal, reason: "checksum-mismatch", message };
    }
    BrokenBody { kind: SourceErrorKind::Timeout, reason: "body-cut", message }
}

fn body_time(length: u64) -> Duration {
    BODY_TIME.saturating_add(Duration::from_secs(length / MIN_BODY_BYTES_PER_SEC))
}

/// Joins what was asked for, the headers and the bytes.
fn stored(asked: &ObjectRef, answer: GetObjectOutput, body: Vec<u8>) -> StoredObject {
    StoredObject {
        object: ObjectRef {
            bucket: asked.bucket.clone(),
            key: asked.key.clone(),
            version: answer.version_id.or_else(|| asked.version.clone()),
            etag: answer.e_tag.as_deref().map(unquoted).or_else(|| asked.etag.clone()),
        },
        metadata: metadata(answer.metadata.unwrap_or_default()),
        last_modified: answer.last_modified.and_then(timestamp),
        body,
    }
}

fn metadata(headers: HashMap<String, String>) -> BTreeMap<String, String> {
    headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), decode_metadata_value(&value).into_owned()))
        .collect()
}

fn listed(bucket: &str, object: Object, encoded: bool) -> Option<ListedObject> {
    let key = object.key?;
    Some(ListedObject {
        object: ObjectRef {
            bucket: Some(bucket.to_owned()),
            key: if encoded { form_decoded(&key)? } else { key },
            version: None,
            etag: object.e_tag.as_deref().map(unquoted),
        },
        size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        last_modified: object.last_modified.and_then(timestamp),
    })
}

/// Decodes `+` and `%XX`; `None` for a broken escape or bytes that are not UTF-8.
fn form_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Removes the quotes that HTTP puts around an ETag.
fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

fn timestamp(time: DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

fn too_large(object: &ObjectRef, found: &str, max_bytes: u64) -> SourceError {
    SourceError {
        kind: SourceErrorKind::TooLarge,
        reason: "too-large",
        action: get_action(object),
        message: format!("{found}, the limit is {max_bytes}"),
    }
}

/// Names the object the way a human would look it up.
fn get_action(object: &ObjectRef) -> String {
    let bucket = object.bucket.as_deref().unwrap_or_default();
    match (&object.version, &object.etag) {
        (Some(version), _) => format!("read s3://{bucket}/{} version {version}", object.key),
        (None, Some(etag)) => format!("read s3://{bucket}/{} with etag {etag}", object.key),
        (None, None) => format!("read s3://{bucket}/{}", object.key),
    }
}

#[cfg(test)]
mod tests;
