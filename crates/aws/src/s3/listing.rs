//! Listings of a bucket: objects as they are, and all versions.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{EncodingType, Object};
use shelltrail_core::{ObjectRef, form};
use shelltrail_ingest::source::{ListedObject, SourceError, SourceErrorKind, VersionPage};

use super::{S3Store, timestamp, unquoted};
use crate::errors::s3_error;

/// Most empty pages in a row that a listing may contain before it counts as broken.
const MAX_EMPTY_PAGES: usize = 100;

impl S3Store {
    /// One page of `ListObjectsV2`; empty at the end.
    pub(super) async fn list_page(
        &self,
        bucket: &str,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<ListedObject>, SourceError> {
        let action = || format!("list s3://{bucket}/{prefix}");
        let mut continuation = None;
        for _ in 0..MAX_EMPTY_PAGES {
            let send = |client: Client| {
                client
                    .list_objects_v2()
                    .bucket(bucket)
                    .prefix(prefix)
                    .set_start_after(start_after.map(str::to_owned))
                    .set_continuation_token(continuation.clone())
                    .set_expected_bucket_owner(self.bucket_owner.clone())
                    // Keys may hold characters that XML cannot carry.
                    .encoding_type(EncodingType::Url)
                    .send()
            };
            let page = self.regions.send(bucket, send).await.map_err(|error| s3_error(action(), error))?;
            let encoded = page.encoding_type == Some(EncodingType::Url);
            let objects = page.contents.unwrap_or_default();
            // No objects means the end to the caller, so an empty page before the end is passed over.
            if objects.is_empty() && page.is_truncated == Some(true) {
                continuation = page.next_continuation_token;
                continue;
            }
            let listed: Option<Vec<_>> =
                objects.into_iter().map(|object| listed(bucket, object, encoded)).collect();
            return listed
                .ok_or_else(|| broken(action(), "an entry has no key, or one that does not decode"));
        }
        Err(broken(action(), "the listing does not end"))
    }
}

impl S3Store {
    /// One page of `ListObjectVersions`, without the delete markers.
    pub(super) async fn version_page(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<(&str, Option<&str>)>,
    ) -> Result<VersionPage, SourceError> {
        let action = || format!("list the versions of s3://{bucket}/{prefix}");
        let send = |client: Client| {
            client
                .list_object_versions()
                .bucket(bucket)
                .prefix(prefix)
                .set_key_marker(after.map(|(key, _)| key.to_owned()))
                .set_version_id_marker(after.and_then(|(_, version)| version).map(str::to_owned))
                .set_expected_bucket_owner(self.bucket_owner.clone())
                .encoding_type(EncodingType::Url)
                .send()
        };
        let page = self.regions.send(bucket, send).await.map_err(|error| s3_error(action(), error))?;
        let encoded = page.encoding_type == Some(EncodingType::Url);
        let unreadable = || broken(action(), "an entry has no key, or one that does not decode");
        let decoded = |key: String| if encoded { form::decode(&key) } else { Some(key) };
        let mut objects = Vec::new();
        for version in page.versions.unwrap_or_default() {
            let key = version.key.and_then(decoded).ok_or_else(unreadable)?;
            // The latest of the unversioned is what a plain read gives.
            let id = version.version_id.filter(|id| id != "null" || version.is_latest != Some(true));
            objects.push(ListedObject {
                object: ObjectRef {
                    bucket: Some(bucket.to_owned()),
                    key,
                    version: id,
                    etag: version.e_tag.as_deref().map(unquoted),
                },
                size: version.size.and_then(|size| u64::try_from(size).ok()),
                last_modified: version.last_modified.and_then(timestamp),
                storage_class: version.storage_class.map(|class| class.as_str().to_owned()),
                ..ListedObject::default()
            });
        }
        let next = match (page.is_truncated, page.next_key_marker) {
            (Some(true), Some(key)) => {
                let key = decoded(key).ok_or_else(unreadable)?;
                Some((key, page.next_version_id_marker.filter(|marker| !marker.is_empty())))
            }
            (Some(true), None) => return Err(broken(action(), "a page does not tell where the next begins")),
            _ => None,
        };
        Ok(VersionPage { objects, next })
    }
}

fn broken(action: String, message: &str) -> SourceError {
    SourceError {
        kind: SourceErrorKind::Internal,
        reason: "bad-listing",
        action,
        message: message.to_owned(),
    }
}

fn listed(bucket: &str, object: Object, encoded: bool) -> Option<ListedObject> {
    let key = object.key?;
    Some(ListedObject {
        object: ObjectRef {
            bucket: Some(bucket.to_owned()),
            key: if encoded { form::decode(&key)? } else { key },
            version: None,
            etag: object.e_tag.as_deref().map(unquoted),
        },
        size: object.size.and_then(|size| u64::try_from(size).ok()),
        last_modified: object.last_modified.and_then(timestamp),
        storage_class: object.storage_class.map(|class| class.as_str().to_owned()),
        ..ListedObject::default()
    })
}
