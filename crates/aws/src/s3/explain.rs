//! Asks S3 again what it left out of an error, and names the way out.

use aws_sdk_s3::types::ServerSideEncryption;
use shelltrail_core::ObjectRef;
use shelltrail_ingest::source::{SourceError, SourceErrorKind};

use super::S3Store;
use crate::errors::s3_error;

impl S3Store {
    /// Says more about an error of a GET, at the cost of a HEAD where that may know more.
    ///
    /// A HEAD needs no permission for a KMS key, so one that succeeds proves that the object itself is allowed.
    pub(super) async fn explain(&self, bucket: &str, object: &ObjectRef, error: SourceError) -> SourceError {
        match error.reason {
            "s3-denied" | "kms-denied" => self.explain_denial(bucket, object, error).await,
            "archived" => self.explain_archived(bucket, object, error).await,
            _ => error,
        }
    }

    async fn head(
        &self,
        bucket: &str,
        object: &ObjectRef,
    ) -> Result<aws_sdk_s3::operation::head_object::HeadObjectOutput, SourceError> {
        let send = |client: aws_sdk_s3::Client| {
            client
                .head_object()
                .bucket(bucket)
                .key(&object.key)
                .set_version_id(object.version.clone())
                .set_expected_bucket_owner(self.bucket_owner.clone())
                .send()
        };
        let answer = self.regions.send(bucket, send).await;
        answer.map_err(|error| s3_error(format!("ask about s3://{bucket}/{}", object.key), error))
    }

    /// Says which key an object uses that was denied: S3 often hides that the key is the reason. Says, too, that a
    /// denial may be an absence.
    async fn explain_denial(&self, bucket: &str, object: &ObjectRef, error: SourceError) -> SourceError {
        let head = match self.head(bucket, object).await {
            Ok(head) => head,
            Err(_) if error.reason == "s3-denied" => {
                let message = format!(
                    "{}; if the worker lacks s3:ListBucket on the bucket, S3 says the same of an object that does not \
                     exist",
                    error.message
                );
                return SourceError { message, ..error };
            }
            Err(_) => return error,
        };
        let uses_kms = matches!(
            head.server_side_encryption(),
            Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse)
        );
        if !uses_kms {
            return error;
        }
        let key = head.ssekms_key_id().unwrap_or("a key that S3 does not name");
        let reason = if error.reason == "s3-denied" { "s3-or-kms-denied" } else { error.reason };
        let message =
            format!("{}; the object is encrypted under {key}: grant kms:Decrypt on it", error.message);
        SourceError { reason, message, ..error }
    }

    /// Says where an archived object lies, and whether it is on its way back.
    async fn explain_archived(&self, bucket: &str, object: &ObjectRef, error: SourceError) -> SourceError {
        let head = self.head(bucket, object).await.ok();
        let class = head.as_ref().and_then(|head| Some(head.storage_class()?.as_str()));
        let tier = head.as_ref().and_then(|head| Some(head.archive_status()?.as_str()));
        let restore = head.as_ref().and_then(|head| head.restore());
        let message = format!("{}; {}", error.message, archived(class.or(tier), restore));
        SourceError { kind: SourceErrorKind::Archived, message, ..error }
    }

    /// Warns about a bucket in which absent objects cannot be told from denied ones, or which cannot be reached at
    /// all: one request. `prefix` is what keys are expected to begin with.
    ///
    /// # Errors
    /// Why the bucket cannot be listed. Objects may be readable all the same.
    pub async fn check_list_permission(&self, bucket: &str, prefix: &str) -> Result<(), SourceError> {
        let send = |client: aws_sdk_s3::Client| {
            client
                .list_objects_v2()
                .bucket(bucket)
                .prefix(prefix)
                .max_keys(1)
                .set_expected_bucket_owner(self.bucket_owner.clone())
                .send()
        };
        let answer = self.regions.send(bucket, send).await;
        answer.map(drop).map_err(|error| s3_error(format!("list s3://{bucket}/{prefix}"), error))
    }
}

/// What is known of an archived object, from `x-amz-storage-class` (or `x-amz-archive-status`) and `x-amz-restore`.
fn archived(place: Option<&str>, restore: Option<&str>) -> String {
    let place = place.unwrap_or("an archive tier");
    let wait = "it is read when the restore is announced to the queue (s3:ObjectRestore:Completed), or by \
                `shelltrail failures retry`";
    match restore {
        Some(restore) if restore.contains("ongoing-request=\"true\"") => {
            format!("it is in {place} and a restore is under way: {wait}")
        }
        Some(restore) => {
            format!("it is in {place} and was restored before ({restore}): read it again, or restore it")
        }
        None => format!(
            "it is in {place} and nobody asked for a restore: `aws s3api restore-object` does; {wait}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::archived;

    #[test]
    fn an_archived_object_says_how_it_comes_back() {
        for (place, restore, told) in [
            (Some("DEEP_ARCHIVE"), None, ["DEEP_ARCHIVE", "restore-object"]),
            (Some("GLACIER"), Some("ongoing-request=\"true\""), ["GLACIER", "under way"]),
            (None, None, ["an archive tier", "failures retry"]),
            (
                Some("GLACIER"),
                Some("ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\""),
                ["restored before", "2012"],
            ),
        ] {
            let text = archived(place, restore);
            assert!(told.iter().all(|told| text.contains(told)), "{text}");
        }
    }
}
