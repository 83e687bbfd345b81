//! What a failed AWS call means: one pure table per service, from status, code and message to
//! a kind and a reason.
//!
//! Codes are read as text and never as variants of an SDK enum, because most of the codes that matter
//! here are unknown to the SDK's models (`KMS.DisabledException` in an answer of S3, for one). The
//! message only refines what the code says; S3 tells a missing `kms:Decrypt` from a missing
//! `s3:GetObject` nowhere else.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use shelltrail_ingest::source::{SourceError, SourceErrorKind};

/// Longest text of an answer that is passed on; the rest of it is hostile and of no use.
const MAX_MESSAGE_CHARS: usize = 1_000;

/// Reason of an answer that no table knows.
const UNEXPECTED: &str = "unexpected-answer";

/// What a table says about one answer.
pub(crate) type Verdict = (SourceErrorKind, &'static str);

/// Maps a failed S3 call.
pub(crate) fn s3_error<E>(action: String, error: SdkError<E, HttpResponse>) -> SourceError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let region = region_of_bucket(&error);
    let mut mapped = source_error(action, error, classify_s3);
    if let ("wrong-region", Some(region)) = (mapped.reason, region) {
        mapped.message = bounded(&format!("{} (the bucket is in {region})", mapped.message));
    }
    mapped
}

/// The region that an answer names because the bucket is there: hostile text. Also of a HEAD, whose answer has no
/// body and so no code; the region may then be the one that was asked.
pub(crate) fn region_of_bucket<E>(error: &SdkError<E, HttpResponse>) -> Option<String>
where
    E: ProvideErrorMetadata,
{
    let SdkError::ServiceError(answer) = error else { return None };
    let raw = answer.raw();
    let code = answer.err().code().unwrap_or_default();
    let says_so = matches!(raw.status().as_u16(), 301 | 307)
        || is_wrong_region(code)
        || (raw.status().as_u16() == 400 && code.is_empty());
    let in_header = raw.headers().get("x-amz-bucket-region");
    let in_body = || {
        let body = std::str::from_utf8(raw.body().bytes()?).ok()?;
        Some(body.split_once("<Region>")?.1.split_once("</Region>")?.0)
    };
    in_header.or_else(in_body).filter(|_| says_so).map(str::to_owned)
}

/// Codes of S3 that send the caller to another region.
fn is_wrong_region(code: &str) -> bool {
    matches!(
        code,
        "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException"
    )
}

/// Maps a failed KMS call.
pub(crate) fn kms_error<E>(action: String, error: SdkError<E, HttpResponse>) -> SourceError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    source_error(action, error, classify_kms)
}

/// Maps a failed SQS call.
pub(crate) fn sqs_error<E>(action: String, error: SdkError<E, HttpResponse>) -> SourceError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    source_error(action, error, classify_sqs)
}

/// The S3 table. Codes that begin with `KMS.` come from the key service behind server-side encryption.
pub(crate) fn classify_s3(status: u16, code: &str, message: &str) -> Verdict {
    use SourceErrorKind::{Archived, Denied, Internal, Invalid, NotFound, Replaced, Throttled, Timeout};
    if let Some(verdict) = classify_everywhere(code) {
        return verdict;
    }
    if let Some(key_code) = code.strip_prefix("KMS.") {
        return classify_key_state(key_code, message).unwrap_or(match status {
            500.. => (Internal, "kms-unavailable"),
            _ => (Denied, "kms-key-state"),
        });
    }
    match code {
        "AccessDenied" if denies_customer_key(message) => (Invalid, "sse-c"),
        "AccessDenied" if denies_kms(message) => (Denied, "kms-denied"),
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => (Denied, "s3-denied"),
        "SlowDown" if message.contains("KMS") => (Throttled, "throttled-kms"),
        "SlowDown" | "ServiceUnavailable" | "BandwidthLimitExceeded" => (Throttled, "throttled-s3"),
        "InvalidRequest" if message.contains("Server Side Encryption") => (Invalid, "sse-c"),
        // A customer key was sent for an object that has none.
        "InvalidRequest" if message.contains("encryption parameters are not applicable") => {
            (Invalid, "sse-c-not-used")
        }
        "InvalidObjectState" => (Archived, "archived"),
        "InvalidArgument" if message.contains("secure connection") => (Invalid, "insecure-endpoint"),
        "InvalidArgument" if message.contains("version id") => (Invalid, "bad-event"),
        "NoSuchKey" | "NoSuchVersion" => (NotFound, "gone"),
        "MethodNotAllowed" => (NotFound, "gone"),
        // Not `NotFound`: an endpoint of the wrong account or partition says the same of every bucket,
        // and messages must outlive that.
        "NoSuchBucket" => (Denied, "bucket-gone"),
        code if is_wrong_region(code) => (Invalid, "wrong-region"),
        "PreconditionFailed" => (Replaced, "overwritten"),
        "RequestTimeout" => (Timeout, "timeout"),
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" => {
            (Throttled, "throttled-s3")
        }
        "InternalError" => (Internal, "s3-unavailable"),
        _ => match status {
            403 => (Denied, "s3-denied"),
            429 | 503 => (Throttled, "throttled-s3"),
            500.. => (Internal, "s3-unavailable"),
            _ => (Invalid, UNEXPECTED),
        },
    }
}

/// The KMS table, for keys that are unwrapped by a call of our own.
pub(crate) fn classify_kms(status: u16, code: &str, message: &str) -> Verdict {
    use SourceErrorKind::{Denied, Internal, Invalid, Throttled};
    if let Some(verdict) = classify_everywhere(code).or_else(|| classify_key_state(code, message)) {
        return verdict;
    }
    match code {
        "InvalidCiphertextException" => (Invalid, "envelope-damaged"),
        "IncorrectKeyException" => (Invalid, "kms-wrong-key"),
        _ => match status {
            403 => (Denied, "kms-denied"),
            429 => (Throttled, "throttled-kms"),
            500.. => (Internal, "kms-unavailable"),
            _ => (Invalid, UNEXPECTED),
        },
    }
}

/// The SQS table. The same faults have one name in the JSON protocol and another in the older query
/// protocol, whose names the SDK prefers where it gets them.
pub(crate) fn classify_sqs(status: u16, code: &str, message: &str) -> Verdict {
    use SourceErrorKind::{Denied, Internal, Invalid, NotFound, Throttled};
    let code = sqs_code(code);
    if let Some(verdict) = classify_everywhere(code) {
        return verdict;
    }
    if let Some(key_code) = code.strip_prefix("KMS.").or_else(|| code.strip_prefix("Kms")) {
        return match key_code {
            "AccessDenied" => (Denied, "kms-denied"),
            "Disabled" => (Denied, "kms-key-disabled"),
            "InvalidState" => {
                classify_key_state("KMSInvalidStateException", message).unwrap_or((Denied, "kms-key-state"))
            }
            "NotFound" => (Denied, "kms-key-not-found"),
            "Throttled" => (Throttled, "throttled-kms"),
            _ => classify_key_state(key_code, message).unwrap_or((Denied, "kms-key-state")),
        };
    }
    match code {
        "NonExistentQueue" | "QueueDoesNotExist" | "QueueDeletedRecently" => (NotFound, "queue-gone"),
        "AccessDenied" | "AccessDeniedException" => (Denied, "sqs-denied"),
        "OverLimit" => (Throttled, "in-flight-limit"),
        "RequestThrottled" | "ThrottlingException" | "Throttling" => (Throttled, "throttled-sqs"),
        _ => match status {
            403 => (Denied, "sqs-denied"),
            429 => (Throttled, "throttled-sqs"),
            500.. => (Internal, "sqs-unavailable"),
            _ => (Invalid, UNEXPECTED),
        },
    }
}

/// Strips the prefix that the query protocol puts before its codes.
pub(crate) fn sqs_code(code: &str) -> &str {
    code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code)
}

/// Codes that mean the same wherever they come from: the request was not even looked at.
fn classify_everywhere(code: &str) -> Option<Verdict> {
    match code {
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "InvalidSignatureException"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "NotSignedUp"
        | "OptInRequired"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "TokenRefreshRequired"
        | "UnrecognizedClientException" => Some((SourceErrorKind::Denied, "credentials")),
        _ => None,
    }
}

/// Codes about a key, as KMS itself names them.
fn classify_key_state(code: &str, message: &str) -> Option<Verdict> {
    use SourceErrorKind::{Denied, Internal, Throttled};
    Some(match code {
        "AccessDeniedException" => (Denied, "kms-denied"),
        "DisabledException" => (Denied, "kms-key-disabled"),
        "KMSInvalidStateException" if message.contains("pending deletion") => {
            (Denied, "kms-key-pending-deletion")
        }
        "KMSInvalidStateException" => (Denied, "kms-key-state"),
        "NotFoundException" => (Denied, "kms-key-not-found"),
        "ThrottlingException" | "LimitExceededException" => (Throttled, "throttled-kms"),
        "KMSInternalException"
        | "InternalFailure"
        | "KeyUnavailableException"
        | "DependencyTimeoutException" => (Internal, "kms-unavailable"),
        _ => return None,
    })
}

/// Whether the text of an `AccessDenied` speaks of the key and not of the object.
fn denies_kms(message: &str) -> bool {
    message.contains("perform: kms:") || message.contains("ciphertext refers to a customer master key")
}

/// Whether the text of an `AccessDenied` asks for a customer-provided key.
fn denies_customer_key(message: &str) -> bool {
    message.contains("Server Side Encryption with Customer provided keys")
}

/// Maps everything that is not an answer of the service, and answers by `classify`.
fn source_error<E>(
    action: String,
    error: SdkError<E, HttpResponse>,
    classify: fn(u16, &str, &str) -> Verdict,
) -> SourceError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let SdkError::ServiceError(answer) = &error {
        let status = answer.raw().status().as_u16();
        let meta = answer.err().meta();
        let (code, text) = (meta.code().unwrap_or_default(), meta.message().unwrap_or_default());
        let (kind, reason) = classify(status, code, text);
        let id = answer.raw().headers().get("x-amzn-requestid");
        let id = id.or_else(|| answer.raw().headers().get("x-amz-request-id")).unwrap_or("none");
        let message = bounded(&format!("{status} {code}: {text} (request {id})"));
        return SourceError { kind, reason, action, message };
    }
    let message = chain(&error);
    let (kind, reason) = match &error {
        SdkError::TimeoutError(_) => (SourceErrorKind::Timeout, "timeout"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => (SourceErrorKind::Timeout, "timeout"),
        SdkError::DispatchFailure(failure) if failure.is_io() => (SourceErrorKind::Timeout, "connection"),
        SdkError::DispatchFailure(_) if names_credentials(&message) => {
            (SourceErrorKind::Denied, "credentials")
        }
        SdkError::DispatchFailure(failure) if failure.is_user() => (SourceErrorKind::Invalid, "bad-request"),
        SdkError::DispatchFailure(_) => (SourceErrorKind::Timeout, "connection"),
        // Headers came, but the rest of the answer was cut short or is not the protocol.
        SdkError::ResponseError(_) => (SourceErrorKind::Timeout, "connection"),
        _ => (SourceErrorKind::Invalid, "bad-request"),
    };
    SourceError { kind, reason, action, message }
}

/// The SDK reports credentials it could not load as a failure to dispatch; its text is the only sign.
fn names_credentials(message: &str) -> bool {
    message.contains("credential")
}

/// An error and its causes in one line, cut if it is long.
pub(crate) fn chain(error: &dyn Error) -> String {
    bounded(&shelltrail_ingest::chain(error))
}

/// Cuts a text of foreign origin.
fn bounded(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
