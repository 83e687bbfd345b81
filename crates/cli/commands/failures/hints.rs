//! The way out, by reason.

/// What can be done about objects that failed for a reason.
#[must_use]
pub fn hint(reason: &str) -> &'static str {
    let found = HINTS.iter().find(|(reasons, _)| reasons.contains(&reason));
    found.map_or(
        "the error tells what was attempted; retry when its cause is gone, or drop with --why",
        |(_, hint)| hint,
    )
}

/// Reasons, and what to do about them. The words are those of the error tables in `shelltrail-aws`, of the envelope, of
/// inflation and of notifications.
const HINTS: &[(&[&str], &str)] = &[
    (
        &["archived"],
        "restore the object (aws s3api restore-object), then retry; a notification of its restore retries it by itself",
    ),
    (
        &["kms-denied", "s3-or-kms-denied"],
        "grant kms:Decrypt on the key of the object, in the key's policy too if it is of another account, then retry",
    ),
    (
        &["kms-key-disabled", "kms-key-pending-deletion", "kms-key-state"],
        "enable the key, or cancel its deletion, then retry",
    ),
    (
        &["kms-key-not-found", "kms-wrong-key"],
        "the key is gone or another one is meant: check kms.key_arns and the region, then retry",
    ),
    (
        &["s3-denied"],
        "grant s3:GetObject and s3:GetObjectVersion (and s3:ListBucket, which tells absent from denied), then retry",
    ),
    (&["credentials"], "renew the credentials, then retry"),
    (&["sse-c", "sse-c-not-used"], "configure the customer key of the bucket, then retry"),
    (
        &["bucket_not_allowed"],
        "if the bucket is yours, add it to s3.allowed_buckets and retry; if not, somebody forged a notification: drop",
    ),
    (&["bucket-gone"], "check the name of the bucket, the account and the endpoint, then retry"),
    (&["wrong-region"], "configure the region of the bucket (aws.region), then retry"),
    (&["too-large"], "raise worker.max_object_mib above the size of the object, then retry"),
    (
        &["legacy-refused"],
        "objects of old encryption clients are opened with kms.allow_legacy = true only; set it if you trust the bucket, then retry",
    ),
    (
        &["not-encrypted-or-instruction-missing"],
        "put the .instruction file of the object back beside it, then retry",
    ),
    (
        &[
            "key-commitment",
            "authentication",
            "envelope-damaged",
            "padding",
            "truncated",
            "algorithm-mismatch",
            "format-conflict",
            "bad-envelope",
        ],
        "the object is damaged or was changed after it was encrypted: look for another version or a copy; drop if there is none",
    ),
    (
        &["unsupported-wrap", "unsupported-content", "encryption-sdk-message"],
        "this client-side encryption is not read: store a decrypted copy below the same prefix, then drop this entry",
    ),
    (
        &["gzip-corrupt", "zstd-corrupt", "inflate-ratio", "gzip-layers", "nested-compression"],
        "the compressed content is damaged or a bomb: look at the object by hand; drop if it is no transcript",
    ),
    (
        &["zstd-unsupported", "compression-unsupported"],
        "this compression is not read: store the object inflated or as gzip, then drop this entry",
    ),
    (
        &["suspected_crash"],
        "the process died over it more than once: look at the object by hand, report it, and retry with a newer version (what lies in no bucket: backfill --retry-suspected)",
    ),
    (
        &["folder-not-listed", "folder-denied"],
        "nothing below this folder is known that is not indexed already: let it be read, then run the backfill again, which takes the entry away",
    ),
    (
        &["archive-link"],
        "the tar has the bytes under another name only: make it with --hard-dereference and run the backfill again, which takes the entry away",
    ),
    (&["file-name-not-utf8"], "rename the file, run the backfill again, and drop this entry"),
    (&["panic"], "a mistake of this program: report it, and retry with a newer version"),
    (
        &["not_json", "unknown_envelope", "nested_too_deep"],
        "the message is no notification of S3: look at what sends to the queue; a retry parses the kept body again",
    ),
    (
        &["bad_key_encoding", "missing_field", "unsupported_event_version", "bad-event"],
        "the record cannot be read as it was sent; a retry with a newer version parses the kept body again, a backfill finds the object by itself",
    ),
    (
        &["unreadable-failure-entry"],
        "its file in DIR/failures is damaged: drop it, and run a backfill, which finds the object again",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_one_way_out() {
        let mut seen = HashSet::new();
        for reason in HINTS.iter().flat_map(|(reasons, _)| *reasons) {
            assert!(seen.insert(reason), "{reason} stands twice");
        }
        assert!(hint("archived").contains("restore"));
        assert!(hint("kms-denied").contains("kms:Decrypt"));
        assert!(hint("never heard of it").contains("retry"));
    }
}
