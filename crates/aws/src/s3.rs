//! Objects of S3, whole and verified or not at all.

mod assembly;
mod checksum;
mod customer_key;
mod explain;
mod get;
mod listing;
mod part;
mod regions;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::ResponseChecksumValidation;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use jiff::Timestamp;
use shelltrail_core::ObjectRef;
use shelltrail_core::envelope::decode_metadata_value;
use shelltrail_ingest::source::{
    ListedObject, ObjectPart, ObjectStore, SourceError, SourceErrorKind, StoredObject, VersionPage,
};

use assembly::ReadLimits;
pub use customer_key::{CustomerKey, CustomerKeyRule};
use get::Reading;
use regions::Regions;

/// S3, or what speaks like it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3Store {
    regions: Arc<Regions>,
    bucket_owner: Option<String>,
    customer_keys: Arc<[CustomerKeyRule]>,
    limits: ReadLimits,
}

impl S3Store {
    /// With `bucket_owner`, S3 refuses every call about a bucket of any other account.
    #[must_use]
    pub fn new(client: Client, bucket_owner: Option<String>) -> Self {
        // Checksums are verified here, over whole objects.
        let config = client
            .config()
            .to_builder()
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Self {
            regions: Arc::new(Regions::new(Client::from_conf(config))),
            bucket_owner,
            customer_keys: Arc::default(),
            limits: ReadLimits::DEFAULT,
        }
    }

    /// Reads objects under customer-provided keys (SSE-C): a key whose rule names the bucket or a prefix is sent at
    /// once, one for everything when S3 asks for a key.
    #[must_use]
    pub fn with_customer_keys(self, rules: Vec<CustomerKeyRule>) -> Self {
        Self { customer_keys: rules.into(), ..self }
    }

    /// Reads with no key or the customer keys that fit, until S3 takes one.
    async fn read_unlocked(
        &self,
        bucket: &str,
        object: &ObjectRef,
        max_bytes: u64,
    ) -> Result<StoredObject, SourceError> {
        let attempts = customer_key::attempts(&self.customer_keys, bucket, &object.key);
        let mut refused = None;
        for &customer_key in &attempts {
            match (Reading { store: self, bucket, object, max_bytes, customer_key }).read().await {
                Err(error) if error.reason == "sse-c" => refused = Some(error),
                Err(error) if error.reason == "sse-c-not-used" => refused = refused.or(Some(error)),
                decided => return decided,
            }
        }
        let error = refused.expect("there is at least one attempt, and each one left its error");
        let way_out = if attempts.len() == 1 {
            "the object is encrypted under a customer-provided key: name its file in [[s3.sse_c_key_file]]"
        } else {
            "no key of [[s3.sse_c_key_file]] is the one of this object"
        };
        Err(SourceError { message: format!("{}; {way_out}", error.message), ..error })
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
        self.read_unlocked(bucket, object, max_bytes).await
    }

    async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<ListedObject>, SourceError> {
        self.list_page(bucket, prefix, start_after).await
    }

    async fn list_versions(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<(&str, Option<&str>)>,
    ) -> Result<VersionPage, SourceError> {
        self.version_page(bucket, prefix, after).await
    }

    async fn get_part(
        &self,
        object: &ObjectRef,
        start: u64,
        max_bytes: u64,
    ) -> Result<ObjectPart, SourceError> {
        self.part(object, start, max_bytes).await
    }
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
