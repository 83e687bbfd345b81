//! Bodies that break, change, stall and lie, and buckets that are elsewhere.

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;

use super::*;
use crate::test_server::{Reply, head};

/// CRC-32 of "hello world", in base64.
const CRC: (&str, &str) = ("x-amz-checksum-crc32", "DUoRhQ==");
const FULL: (&str, &str) = ("x-amz-checksum-type", "FULL_OBJECT");
const E1: (&str, &str) = ("ETag", "\"e1\"");

/// "hello world", of which only the first bytes come.
fn cut(arrives: usize) -> Vec<u8> {
    response_announcing(200, &[E1, CRC, FULL, ("x-amz-version-id", "v1")], &b"hello world"[..arrives], 11)
}

/// What a server that knows ranges answers; `arrives` bytes of it come.
fn rest(from: usize, arrives: usize) -> Vec<u8> {
    let range = format!("bytes {from}-10/11");
    let body = &b"hello world"[from..from + arrives];
    response_announcing(206, &[E1, ("Content-Range", &range)], body, 11 - from)
}

async fn get(server: &TestServer, object: &ObjectRef) -> Result<StoredObject, SourceError> {
    store(server).get(object, MAX).await
}

fn unpinned() -> ObjectRef {
    ObjectRef { etag: None, ..object() }
}

#[tokio::test]
async fn a_broken_body_is_resumed_under_the_pin_of_its_first_answer() {
    // Neither version nor ETag was announced.
    let server = TestServer::start(vec![cut(3), rest(3, 2), rest(5, 6)]);
    let read = get(&server, &unpinned()).await.unwrap();
    assert_eq!(read.body, b"hello world");
    assert_eq!((read.object.version.as_deref(), read.object.etag.as_deref()), (Some("v1"), Some("e1")));
    let requests: Vec<_> = server.requests().iter().map(|request| request.to_ascii_lowercase()).collect();
    assert_eq!(requests.len(), 3);
    assert!(!requests[0].contains("if-match") && !requests[0].contains("range:"), "{requests:?}");
    assert!(requests[0].contains("x-amz-checksum-mode: enabled"), "{requests:?}");
    for (request, range) in [(&requests[1], "range: bytes=3-\r"), (&requests[2], "range: bytes=5-\r")] {
        assert!(request.contains(range) && request.contains("if-match: \"e1\""), "{request}");
        assert!(request.contains("versionid=v1"), "{request}");
        assert!(!request.contains("x-amz-checksum-mode"), "a range has no checksum of the whole: {request}");
    }
}

#[tokio::test]
async fn resuming_is_bounded() {
    let mut answers = vec![cut(1)];
    answers.extend((1..8).map(|from| rest(from, 1)));
    let server = TestServer::start(answers);
    let error = get(&server, &object()).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Timeout, "body-cut"));
    assert!(error.message.contains("(8 requests)"), "{error}");
    assert_eq!(server.requests().len(), 8);
}

#[tokio::test]
async fn an_object_that_is_overwritten_between_two_parts_is_not_joined() {
    let gone =
        || fault(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    let server = TestServer::start(vec![cut(3), gone()]);
    let error = get(&server, &object()).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Replaced, "overwritten"));

    // Whoever asked for what is there now gets what is there now.
    let server = TestServer::start(vec![cut(3), gone(), response(200, &[("ETag", "\"e2\"")], b"other")]);
    let read = get(&server, &unpinned()).await.unwrap();
    assert_eq!((read.body.as_slice(), read.object.etag.as_deref()), (&b"other"[..], Some("e2")));
}

#[tokio::test]
async fn a_server_without_ranges_is_read_from_the_start() {
    let whole = || response(200, &[E1, CRC, FULL], b"hello world");
    let other_range = response_announcing(206, &[E1, ("Content-Range", "bytes 0-10/11")], b"hello world", 11);
    let other_length = response_announcing(206, &[E1, ("Content-Range", "bytes 3-11/12")], b"lo world!", 9);
    let no_range = response(206, &[E1], b"lo world");
    for second in [whole(), other_range, other_length, no_range] {
        let server = TestServer::start(vec![cut(3), second, whole()]);
        assert_eq!(get(&server, &object()).await.unwrap().body, b"hello world");
        assert_eq!(server.requests().len(), 3);
    }
    // Without an ETag nothing would hold two answers together.
    let nameless = response_announcing(200, &[], b"hel", 11);
    let server = TestServer::start(vec![nameless, whole()]);
    assert_eq!(get(&server, &unpinned()).await.unwrap().body, b"hello world");
    assert!(!server.requests()[1].to_ascii_lowercase().contains("range:"));
}

#[tokio::test]
async fn nothing_left_is_the_end_only_if_the_lengths_agree() {
    // Chunked, and the connection breaks before the chunk that ends it: nobody knows whether more would have come.
    let chunked = || {
        [head(&[E1, CRC, FULL, ("Transfer-Encoding", "chunked")]), b"b\r\nhello world\r\n".to_vec()].concat()
    };
    let nothing = |range: &str| {
        let body = b"<Error><Code>InvalidRange</Code><Message>not satisfiable</Message></Error>";
        response(416, &[("Content-Range", range)], body)
    };
    let server = TestServer::start(vec![chunked(), nothing("bytes */11")]);
    assert_eq!(get(&server, &object()).await.unwrap().body, b"hello world");
    for range in ["bytes */12", ""] {
        let server = TestServer::start(vec![chunked(), nothing(range), response(200, &[E1], b"hello world")]);
        assert_eq!(get(&server, &object()).await.unwrap().body, b"hello world");
        assert_eq!(server.requests().len(), 3, "{range}");
    }
}

#[tokio::test]
async fn the_assembled_body_must_have_the_checksum_of_the_object() {
    let damaged = || response_announcing(206, &[E1, ("Content-Range", "bytes 3-10/11")], b"LO WORLD", 8);
    let whole = || response(200, &[E1, CRC, FULL], b"hello world");
    let server = TestServer::start(vec![cut(3), damaged(), whole()]);
    assert_eq!(get(&server, &object()).await.unwrap().body, b"hello world");

    let server = TestServer::start(vec![cut(3), damaged(), cut(3), damaged(), cut(3), damaged()]);
    let error = get(&server, &object()).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Internal, "checksum-mismatch"));
    assert!(error.message.contains("crc32") && error.message.contains(CRC.1), "{error}");
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn a_short_body_with_a_clean_end_is_not_whole() {
    let ends_clean =
        [head(&[E1, CRC, FULL, ("Transfer-Encoding", "chunked")]), b"5\r\nhello\r\n0\r\n\r\n".to_vec()]
            .concat();
    let server = TestServer::start(vec![ends_clean; 3]);
    let error = get(&server, &object()).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Internal, "checksum-mismatch"));
}

#[tokio::test]
async fn a_composite_checksum_is_not_taken_for_one_of_the_whole() {
    for headers in [
        [E1, ("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-type", "COMPOSITE")],
        [E1, ("x-amz-checksum-crc32", "AAAAAA==-2"), ("x-amz-mp-parts-count", "2")],
    ] {
        let server = TestServer::start(vec![response(200, &headers, b"hello")]);
        assert_eq!(get(&server, &object()).await.unwrap().body, b"hello");
    }
}

#[tokio::test]
async fn a_body_that_contradicts_its_checksum_is_refused() {
    let server =
        TestServer::start(vec![response(200, &[("x-amz-checksum-crc32", "AAAAAA=="), FULL], b"hello"); 3]);
    let error = get(&server, &object()).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Internal, "checksum-mismatch"));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_stalled_body_is_resumed() {
    let server = TestServer::start_with(vec![Reply::Stalls(cut(3)), Reply::Closes(rest(3, 8))]);
    // As the SDK does by itself, but sooner.
    let protection =
        StalledStreamProtectionConfig::enabled().grace_period(Duration::from_millis(100)).build();
    let config = server.sdk_config().into_builder().stalled_stream_protection(protection).build();
    let read = S3Store::new(Client::new(&config), None).get(&object(), MAX).await.unwrap();
    assert_eq!(read.body, b"hello world");
}

#[tokio::test]
async fn a_dripping_body_is_given_up() {
    let drip = response_announcing(200, &[E1], b"hel", 1_000);
    let server = TestServer::start_with(vec![Reply::Drips(drip)]);
    let store = store(&server);
    let limits = ReadLimits { base_time: Duration::from_millis(200), ..store.limits };
    let error = S3Store { limits, ..store }.get(&object(), MAX).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Timeout, "body-slow"));
    assert_eq!(server.requests().len(), 1);
}

fn elsewhere(region: &str) -> Vec<u8> {
    let body = b"<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>";
    response(301, &[("x-amz-bucket-region", region)], body)
}

#[tokio::test]
async fn a_bucket_elsewhere_is_followed_once_and_remembered() {
    let malformed = b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message><Region>eu-north-1</Region></Error>";
    for redirect in [elsewhere("eu-north-1"), response(400, &[], malformed)] {
        let found = || response(200, &[E1], b"hello");
        let server = TestServer::start(vec![redirect, found(), found()]);
        let store = store(&server);
        for _ in 0..2 {
            assert_eq!(store.get(&object(), MAX).await.unwrap().body, b"hello");
        }
        let regions: Vec<_> =
            server.requests().iter().map(|request| request.contains("/eu-north-1/s3/")).collect();
        assert_eq!(regions, [false, true, true], "the signature names the region");
    }
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_reported() {
    for (answers, named) in [
        (vec![elsewhere("eu-north-1"), elsewhere("eu-south-1")], "eu-south-1"),
        (vec![elsewhere("eu-west-1")], "eu-west-1"),
        (vec![elsewhere("not a region")], "not a region"),
    ] {
        let asked = answers.len();
        let server = TestServer::start(answers);
        let error = get(&server, &object()).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (SourceErrorKind::Invalid, "wrong-region"));
        assert!(error.message.contains(named), "{error}");
        assert_eq!(server.requests().len(), asked);
    }
}

#[tokio::test]
async fn every_call_names_the_expected_owner() {
    let denied = || fault(403, "AccessDenied", "Access Denied");
    let answers = vec![cut(3), rest(3, 8), denied(), denied(), page("", false, "")];
    let server = TestServer::start(answers);
    let store = S3Store { bucket_owner: Some("111122223333".into()), ..store(&server) };
    store.get(&object(), MAX).await.unwrap();
    store.get(&object(), MAX).await.unwrap_err();
    store.list("central", "", None).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 5, "a GET, its rest, a denied GET, its HEAD, a page");
    for request in requests {
        assert!(request.contains("x-amz-expected-bucket-owner: 111122223333"), "{request}");
    }
}

#[tokio::test]
async fn an_archived_object_says_how_it_comes_back() {
    let restoring = [("x-amz-storage-class", "GLACIER"), ("x-amz-restore", "ongoing-request=\"true\"")];
    for (head, told) in
        [(&restoring[..], "under way"), (&restoring[..1], "restore-object"), (&[], "restore-object")]
    {
        let archived =
            fault(403, "InvalidObjectState", "The operation is not valid for the object's storage class");
        let server = TestServer::start(vec![archived, response(200, head, b"")]);
        let error = get(&server, &object()).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (SourceErrorKind::Archived, "archived"));
        assert!(error.message.contains(told), "{error}");
    }
}
