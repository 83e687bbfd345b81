//! The tables, row by row, with the texts that AWS is known to send.

#![allow(clippy::unwrap_used)]

use super::*;
use SourceErrorKind::{Archived, Denied, Internal, Invalid, NotFound, Replaced, Throttled, Timeout};

/// Status, code, message, and what they mean.
type Row = (u16, &'static str, &'static str, SourceErrorKind, &'static str);

fn check(classify: fn(u16, &str, &str) -> Verdict, rows: &[Row]) {
    for &(status, code, message, kind, reason) in rows {
        assert_eq!(classify(status, code, message), (kind, reason), "{status} {code}: {message}");
    }
}

const NO_DECRYPT: &str = "User: arn:aws:sts::111122223333:assumed-role/worker/i-0123 is not authorized to perform: \
    kms:Decrypt on resource: arn:aws:kms:eu-west-1:444455556666:key/1234 because no identity-based policy allows \
    the kms:Decrypt action";
const NO_GET: &str = "User: arn:aws:sts::111122223333:assumed-role/worker/i-0123 is not authorized to perform: \
    s3:GetObject on resource: \"arn:aws:s3:::central/a.log\" because no identity-based policy allows the s3:GetObject action";
const OLD_TEXT: &str = "The ciphertext refers to a customer master key that does not exist, does not exist in this \
    region, or you are not allowed to access.";

#[test]
fn s3_table() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1234";
    let disabled = "arn:aws:kms:eu-west-1:111122223333:key/1234 is disabled.";
    assert!(disabled.starts_with(key));
    check(
        classify_s3,
        &[
            (403, "AccessDenied", NO_DECRYPT, Denied, "kms-denied"),
            (403, "AccessDenied", OLD_TEXT, Denied, "kms-denied"),
            (403, "AccessDenied", "Access Denied", Denied, "s3-denied"),
            (403, "AccessDenied", NO_GET, Denied, "s3-denied"),
            (403, "AccessDenied", "", Denied, "s3-denied"),
            (403, "403", "", Denied, "s3-denied"),
            (400, "KMS.DisabledException", disabled, Denied, "kms-key-disabled"),
            (
                400,
                "KMS.KMSInvalidStateException",
                "arn:aws:kms:eu-west-1:111122223333:key/1234 is pending deletion.",
                Denied,
                "kms-key-pending-deletion",
            ),
            (
                400,
                "KMS.KMSInvalidStateException",
                "arn:aws:kms:eu-west-1:111122223333:key/1234 is pending import.",
                Denied,
                "kms-key-state",
            ),
            (400, "KMS.KMSInvalidStateException", "", Denied, "kms-key-state"),
            (400, "KMS.NotFoundException", "Invalid arn eu-west-1", Denied, "kms-key-not-found"),
            (400, "KMS.UnheardOfException", "", Denied, "kms-key-state"),
            (500, "KMS.KMSInternalException", "", Internal, "kms-unavailable"),
            (400, "KMS.ThrottlingException", "Rate exceeded", Throttled, "throttled-kms"),
            (
                503,
                "SlowDown",
                "Please reduce your request rate for operations involving AWS KMS.",
                Throttled,
                "throttled-kms",
            ),
            (503, "SlowDown", "Please reduce your request rate.", Throttled, "throttled-s3"),
            (
                400,
                "InvalidRequest",
                "The object was stored using a form of Server Side Encryption. The correct parameters must be \
                 provided to retrieve the object.",
                Invalid,
                "sse-c",
            ),
            (
                400,
                "InvalidRequest",
                "The encryption parameters are not applicable to this object.",
                Invalid,
                "sse-c-not-used",
            ),
            (400, "InvalidRequest", "Missing required header", Invalid, "unexpected-answer"),
            (400, "KMS.KeyUnavailableException", "", Internal, "kms-unavailable"),
            (400, "KMS.DependencyTimeoutException", "", Internal, "kms-unavailable"),
            (400, "KMS.AccessDeniedException", NO_DECRYPT, Denied, "kms-denied"),
            (400, "KMS.LimitExceededException", "", Throttled, "throttled-kms"),
            (400, "ThrottlingException", "", Throttled, "throttled-s3"),
            (400, "AuthorizationHeaderMalformed", "", Invalid, "wrong-region"),
            (307, "TemporaryRedirect", "", Invalid, "wrong-region"),
            (
                403,
                "AccessDenied",
                "Requests specifying Server Side Encryption with Customer provided keys must provide the correct \
                 secret key.",
                Invalid,
                "sse-c",
            ),
            (
                403,
                "InvalidObjectState",
                "The operation is not valid for the object's storage class",
                Archived,
                "archived",
            ),
            (
                400,
                "InvalidArgument",
                "Requests specifying Server Side Encryption with AWS KMS managed keys must be made over a secure \
                 connection.",
                Invalid,
                "insecure-endpoint",
            ),
            (400, "InvalidArgument", "Invalid version id specified", Invalid, "bad-event"),
            (400, "InvalidArgument", "Something else", Invalid, "unexpected-answer"),
            (404, "NoSuchKey", "The specified key does not exist.", NotFound, "gone"),
            (404, "NoSuchVersion", "The specified version does not exist.", NotFound, "gone"),
            (
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
                NotFound,
                "gone",
            ),
            (404, "NoSuchBucket", "The specified bucket does not exist", Denied, "bucket-gone"),
            (301, "PermanentRedirect", "", Invalid, "wrong-region"),
            (400, "AuthorizationHeaderMalformed", "expecting 'eu-west-1'", Invalid, "wrong-region"),
            (
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
                Replaced,
                "overwritten",
            ),
            (400, "ExpiredToken", "The provided token has expired.", Denied, "credentials"),
            (403, "InvalidAccessKeyId", "", Denied, "credentials"),
            (403, "SignatureDoesNotMatch", "", Denied, "credentials"),
            (403, "RequestTimeTooSkewed", "", Denied, "credentials"),
            (400, "RequestTimeout", "", Timeout, "timeout"),
            (500, "InternalError", "", Internal, "s3-unavailable"),
            (503, "ServiceUnavailable", "", Throttled, "throttled-s3"),
            (429, "", "", Throttled, "throttled-s3"),
            (502, "", "", Internal, "s3-unavailable"),
        ],
    );
}

#[test]
fn an_absence_without_a_code_of_s3_is_not_taken_for_a_deleted_object() {
    // A proxy or a wrong endpoint answers 404 too, and "gone" would let the message be deleted.
    check(
        classify_s3,
        &[
            (404, "", "", Invalid, "unexpected-answer"),
            (405, "", "", Invalid, "unexpected-answer"),
            (412, "", "", Invalid, "unexpected-answer"),
        ],
    );
}

#[test]
fn kms_table() {
    check(
        classify_kms,
        &[
            (400, "AccessDeniedException", NO_DECRYPT, Denied, "kms-denied"),
            (400, "AccessDeniedException", OLD_TEXT, Denied, "kms-denied"),
            (
                400,
                "DisabledException",
                "arn:aws:kms:eu-west-1:1:key/1 is disabled.",
                Denied,
                "kms-key-disabled",
            ),
            (
                400,
                "KMSInvalidStateException",
                "arn:aws:kms:eu-west-1:1:key/1 is pending deletion.",
                Denied,
                "kms-key-pending-deletion",
            ),
            (400, "KMSInvalidStateException", "is unavailable", Denied, "kms-key-state"),
            (400, "NotFoundException", "Invalid keyId 'x'", Denied, "kms-key-not-found"),
            (400, "InvalidCiphertextException", "", Invalid, "envelope-damaged"),
            (
                400,
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.",
                Invalid,
                "kms-wrong-key",
            ),
            (
                400,
                "ThrottlingException",
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
                Throttled,
                "throttled-kms",
            ),
            (400, "LimitExceededException", "", Throttled, "throttled-kms"),
            (500, "KMSInternalException", "", Internal, "kms-unavailable"),
            (500, "KeyUnavailableException", "", Internal, "kms-unavailable"),
            (503, "DependencyTimeoutException", "", Internal, "kms-unavailable"),
            (400, "ExpiredTokenException", "", Denied, "credentials"),
            (400, "UnrecognizedClientException", "", Denied, "credentials"),
            (403, "", "", Denied, "kms-denied"),
            (400, "ValidationException", "", Invalid, "unexpected-answer"),
        ],
    );
}

#[test]
fn sqs_table() {
    check(
        classify_sqs,
        &[
            (400, "AWS.SimpleQueueService.NonExistentQueue", "", NotFound, "queue-gone"),
            (400, "QueueDoesNotExist", "", NotFound, "queue-gone"),
            (403, "AccessDenied", "", Denied, "sqs-denied"),
            (400, "AccessDeniedException", "", Denied, "sqs-denied"),
            (400, "KMS.DisabledException", "", Denied, "kms-key-disabled"),
            (400, "KMS.AccessDeniedException", "", Denied, "kms-denied"),
            (400, "KmsAccessDenied", "", Denied, "kms-denied"),
            (400, "KmsDisabled", "", Denied, "kms-key-disabled"),
            (400, "KmsInvalidState", "key is pending deletion.", Denied, "kms-key-pending-deletion"),
            (400, "KmsNotFound", "", Denied, "kms-key-not-found"),
            (400, "KmsThrottled", "", Throttled, "throttled-kms"),
            (400, "KmsOptInRequired", "", Denied, "kms-key-state"),
            (403, "OverLimit", "", Throttled, "in-flight-limit"),
            (403, "RequestThrottled", "", Throttled, "throttled-sqs"),
            (400, "InvalidClientTokenId", "", Denied, "credentials"),
            (400, "InvalidAddress", "", Invalid, "unexpected-answer"),
            (503, "", "", Internal, "sqs-unavailable"),
        ],
    );
}

#[test]
fn foreign_text_is_cut_between_characters() {
    let long = "é".repeat(MAX_MESSAGE_CHARS + 1);
    let cut = bounded(&long);
    assert_eq!(cut.chars().count(), MAX_MESSAGE_CHARS + 1);
    assert!(cut.ends_with('…'));
    assert_eq!(bounded("short"), "short");
}
