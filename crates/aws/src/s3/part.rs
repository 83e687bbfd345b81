//! A part of an object: what the data files of an inventory are read by.

use aws_sdk_s3::Client;
use shelltrail_core::ObjectRef;
use shelltrail_ingest::source::{ObjectPart, SourceError, SourceErrorKind};

use super::assembly::{Arrived, Assembly, Broken, Deadline, length};
use super::{S3Store, get_action, unquoted};
use crate::errors::s3_error;

impl S3Store {
    /// One ranged GET, pinned by version or ETag. Its bytes have no checksum of their own: whoever puts the parts
    /// together verifies the whole.
    pub(super) async fn part(
        &self,
        object: &ObjectRef,
        start: u64,
        max_bytes: u64,
    ) -> Result<ObjectPart, SourceError> {
        let broken = |kind, reason, message: &str| SourceError {
            kind,
            reason,
            action: get_action(object),
            message: message.to_owned(),
        };
        let Some(bucket) = object.bucket.as_deref() else {
            return Err(broken(SourceErrorKind::Invalid, "bad-event", "no bucket is named"));
        };
        let last = start.saturating_add(max_bytes.max(1)) - 1;
        let etag = object.etag.as_deref().filter(|_| object.version.is_none());
        let send = |client: Client| {
            client
                .get_object()
                .bucket(bucket)
                .key(&object.key)
                .set_version_id(object.version.clone())
                .set_if_match(etag.map(|etag| format!("\"{etag}\"")))
                .set_expected_bucket_owner(self.bucket_owner.clone())
                .range(format!("bytes={start}-{last}"))
                .send()
        };
        let answer = self.regions.send(bucket, send).await;
        let mut answer = answer.map_err(|error| s3_error(get_action(object), error))?;
        // `bytes 0-99/1234`; a server that ignores the range sends the whole and says nothing of it.
        let total = answer.content_range.as_deref().and_then(|range| range.rsplit('/').next()?.parse().ok());
        let total = total.or(length(&answer).filter(|_| start == 0));
        let total =
            total.ok_or_else(|| broken(SourceErrorKind::Invalid, "bad-range", "the length is not told"))?;
        let named = ObjectRef {
            version: answer.version_id.take().or_else(|| object.version.clone()),
            etag: answer.e_tag.as_deref().map(unquoted).or_else(|| object.etag.clone()),
            ..object.clone()
        };
        let mut assembly = Assembly::new(&answer);
        let body = assembly.append(std::mem::take(&mut answer.body), max_bytes);
        let arrived = match Deadline::after(self.limits.time(max_bytes)).bound(body).await {
            Ok(Ok(Arrived::Whole)) => assembly.verified(),
            Ok(Ok(Arrived::TooMuch)) => {
                return Err(broken(SourceErrorKind::Invalid, "bad-range", "more came than was asked for"));
            }
            Ok(Err(error)) | Err(error) => Err(error),
        };
        match arrived {
            Ok(bytes) => Ok(ObjectPart { object: named, bytes, total }),
            Err(Broken { kind, reason, message }) => Err(broken(kind, reason, &message)),
        }
    }
}
