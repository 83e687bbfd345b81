//! S3 faults over real HTTP, from canned answers.

#![allow(clippy::unwrap_used)]

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_sdk_s3::config::SharedCredentialsProvider;

use super::*;
use crate::test_server::{TestServer, response, response_announcing};

mod hostile;
mod keys;

const MAX: u64 = 1_000;

/// A store that does not wait between its requests.
fn store(server: &TestServer) -> S3Store {
    let store = S3Store::new(Client::new(&server.sdk_config()), None);
    S3Store {
        limits: ReadLimits { pause: std::time::Duration::from_millis(1), ..ReadLimits::DEFAULT },
        ..store
    }
}

fn object() -> ObjectRef {
    ObjectRef {
        bucket: Some("central".into()),
        key: "a b+c.log".into(),
        version: None,
        etag: Some("e1".into()),
    }
}

fn fault(status: u16, code: &str, message: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    response(status, &[("Content-Type", "application/xml")], body.as_bytes())
}

#[tokio::test]
async fn a_whole_object() {
    let headers = [
        ("ETag", "\"e1\""),
        ("x-amz-version-id", "v1"),
        ("Last-Modified", "Wed, 04 Mar 2026 01:00:00 GMT"),
        ("X-Amz-Meta-X-Amz-Key-V2", "abc"),
        ("x-amz-checksum-crc32", "NhCmhg=="),
        ("x-amz-checksum-type", "FULL_OBJECT"),
    ];
    let server = TestServer::start(vec![response(200, &headers, b"hello")]);
    let read = store(&server).get(&object(), MAX).await.unwrap();
    assert_eq!(read.body, b"hello");
    assert_eq!(read.object, ObjectRef { version: Some("v1".into()), ..object() });
    assert_eq!(read.metadata, BTreeMap::from([("x-amz-key-v2".to_owned(), "abc".to_owned())]));
    assert_eq!(read.last_modified, "2026-03-04T01:00:00Z".parse().ok());
    let request = server.requests().concat().to_ascii_lowercase();
    assert!(request.starts_with("get /central/a%20b%2bc.log?"), "{request}");
    assert!(request.contains("if-match: \"e1\""), "{request}");
    assert!(request.contains("x-amz-checksum-mode: enabled"), "{request}");
}

#[tokio::test]
async fn a_version_pins_better_than_an_etag() {
    let server = TestServer::start(vec![response(200, &[], b"")]);
    let owned = S3Store::new(Client::new(&server.sdk_config()), Some("111122223333".into()));
    let asked = ObjectRef { version: Some("v7".into()), ..object() };
    let read = owned.get(&asked, MAX).await.unwrap();
    assert_eq!(read.object, asked, "what the answer leaves out is taken from the question");
    let request = server.requests().concat().to_ascii_lowercase();
    assert!(request.contains("versionid=v7"), "{request}");
    assert!(!request.contains("if-match"), "{request}");
    assert!(request.contains("x-amz-expected-bucket-owner: 111122223333"), "{request}");
}

#[tokio::test]
async fn unmodeled_codes_reach_the_table() {
    let text = "arn:aws:kms:eu-west-1:111122223333:key/1 is disabled.";
    let server = TestServer::start(vec![fault(400, "KMS.DisabledException", text)]);
    let error = store(&server).get(&object(), MAX).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Denied, "kms-key-disabled"));
    assert_eq!(error.action, "read s3://central/a b+c.log with etag e1");
    assert!(error.message.contains(text), "{error}");
}

#[tokio::test]
async fn throttling_is_tried_three_times() {
    let text = "Please reduce your request rate for operations involving AWS KMS.";
    let server = TestServer::start(vec![fault(503, "SlowDown", text); 3]);
    let error = store(&server).get(&object(), MAX).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Throttled, "throttled-kms"));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_denial_names_the_key_of_the_object() {
    let key = "arn:aws:kms:eu-west-1:444455556666:key/1";
    let head =
        [("x-amz-server-side-encryption", "aws:kms"), ("x-amz-server-side-encryption-aws-kms-key-id", key)];
    let server =
        TestServer::start(vec![fault(403, "AccessDenied", "Access Denied"), response(200, &head, b"")]);
    let error = store(&server).get(&object(), MAX).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Denied, "s3-or-kms-denied"));
    assert!(error.message.contains(key), "{error}");

    let server =
        TestServer::start(vec![fault(403, "AccessDenied", "Access Denied"), response(403, &[], b"")]);
    let error = store(&server).get(&object(), MAX).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Denied, "s3-denied"));
    assert!(error.message.contains("s3:ListBucket"), "an absence may look like a denial: {error}");
}

#[tokio::test]
async fn too_large_is_told_by_the_headers_alone() {
    // The body never comes: waiting for it would end in another error.
    let server = TestServer::start(vec![response_announcing(200, &[], b"", 1_001)]);
    let error = store(&server).get(&object(), MAX).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::TooLarge, "too-large"));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_body_without_a_length_is_capped() {
    let endless =
        |body: &[u8]| [b"HTTP/1.1 200 Canned\r\nConnection: close\r\n\r\n".as_slice(), body].concat();
    let server = TestServer::start(vec![endless(&[b'x'; 1_001])]);
    let error = store(&server).get(&object(), MAX).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::TooLarge);
}

#[tokio::test]
async fn missing_credentials_are_told_apart_from_a_broken_connection() {
    let server = TestServer::start(vec![]);
    let none = ProfileFileCredentialsProvider::builder().profile_name("shelltrail-no-such-profile").build();
    let config =
        server.sdk_config().into_builder().credentials_provider(SharedCredentialsProvider::new(none)).build();
    let error = S3Store::new(Client::new(&config), None).get(&object(), MAX).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Denied, "credentials"), "{error}");

    let error = store(&server).get(&object(), MAX).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Timeout, "connection"), "{error}");
}

#[tokio::test]
async fn an_object_without_a_bucket_is_not_asked_for() {
    let server = TestServer::start(vec![]);
    let local = ObjectRef { bucket: None, ..object() };
    let error = store(&server).get(&local, MAX).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Invalid, "bad-event"));
}

fn page(encoding: &str, truncated: bool, contents: &str) -> Vec<u8> {
    let body = format!(
        "<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{encoding}\
         <NextContinuationToken>t1</NextContinuationToken>{contents}</ListBucketResult>"
    );
    response(200, &[("Content-Type", "application/xml")], body.as_bytes())
}

fn entry(key: &str) -> String {
    format!("<Contents><Key>{key}</Key><Size>5</Size><ETag>&quot;e1&quot;</ETag></Contents>")
}

#[tokio::test]
async fn listed_keys_are_decoded_only_if_the_answer_says_so() {
    let url = "<EncodingType>url</EncodingType>";
    for (encoding, written, key) in
        [(url, "a+b%2Bc%25.log", "a b+c%.log"), ("", "a+b%2Bc.log", "a+b%2Bc.log")]
    {
        let server = TestServer::start(vec![page(encoding, false, &entry(written))]);
        let listed = store(&server).list("central", "a", Some("a!")).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].object.key, key);
        assert_eq!(listed[0].object.etag.as_deref(), Some("e1"));
        assert_eq!(listed[0].size, Some(5));
        let request = server.requests().concat();
        assert!(request.contains("encoding-type=url"), "{request}");
        assert!(request.contains("start-after=a%21"), "{request}");
    }
}

#[tokio::test]
async fn versions_are_listed_without_delete_markers_and_go_on_from_both_markers() {
    let version = |key: &str, id: &str, latest: bool| {
        format!(
            "<Version><Key>{key}</Key><VersionId>{id}</VersionId><IsLatest>{latest}</IsLatest><Size>5</Size>\
             <StorageClass>GLACIER</StorageClass><ETag>&quot;e1&quot;</ETag></Version>"
        )
    };
    let body = format!(
        "<ListVersionsResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>\
         <NextKeyMarker>a+b%2Bc</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>{}{}{}\
         <DeleteMarker><Key>d</Key><VersionId>m</VersionId><IsLatest>true</IsLatest></DeleteMarker></ListVersionsResult>",
        version("a+b%2Bc", "v2", true),
        version("a+b%2Bc", "null", false),
        version("u", "null", true)
    );
    let server =
        TestServer::start(vec![response(200, &[("Content-Type", "application/xml")], body.as_bytes())]);
    let page = store(&server).list_versions("central", "a", Some(("a&b", Some("v0")))).await.unwrap();
    let told: Vec<_> =
        page.objects.iter().map(|l| (l.object.key.as_str(), l.object.version.as_deref())).collect();
    assert_eq!(told, [("a b+c", Some("v2")), ("a b+c", Some("null")), ("u", None)]);
    assert!(page.objects[0].is_archived());
    assert_eq!(page.next, Some(("a b+c".to_owned(), Some("v1".to_owned()))));
    let request = server.requests().concat();
    for part in ["key-marker=a%26b", "version-id-marker=v0", "encoding-type=url"] {
        assert!(request.contains(part), "{request}");
    }
}

#[tokio::test]
async fn a_part_is_asked_for_by_range_and_tells_the_whole_length() {
    let answer = response(206, &[("Content-Range", "bytes 3-5/10"), ("ETag", "\"e1\"")], b"def");
    let server = TestServer::start(vec![answer]);
    let part = store(&server).get_part(&object(), 3, 3).await.unwrap();
    assert_eq!((part.bytes.as_slice(), part.total), (&b"def"[..], 10));
    let request = server.requests().concat().to_ascii_lowercase();
    assert!(request.contains("range: bytes=3-5") && request.contains("if-match: \"e1\""), "{request}");
}

#[tokio::test]
async fn an_empty_page_is_not_the_end_of_a_listing() {
    let server = TestServer::start(vec![page("", true, ""), page("", false, &entry("z.log"))]);
    let listed = store(&server).list("central", "", None).await.unwrap();
    assert_eq!(listed[0].object.key, "z.log");
    let requests = server.requests();
    assert!(requests[1].contains("continuation-token=t1"), "{requests:?}");
}

#[tokio::test]
async fn a_key_that_does_not_decode_fails_the_listing() {
    let url = "<EncodingType>url</EncodingType>";
    for written in ["%zz", "%2", "%", "%FF"] {
        let server = TestServer::start(vec![page(url, false, &entry(written))]);
        let error = store(&server).list("central", "", None).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (SourceErrorKind::Internal, "bad-listing"), "{written}");
    }
}

#[tokio::test]
async fn missing_list_permission_is_found_with_one_request() {
    let server = TestServer::start(vec![page("", false, ""), fault(403, "AccessDenied", "Access Denied")]);
    let store = S3Store { bucket_owner: Some("111122223333".into()), ..store(&server) };
    store.check_list_permission("central", "ssm/").await.unwrap();
    let error = store.check_list_permission("central", "").await.unwrap_err();
    assert_eq!((error.kind, error.reason), (SourceErrorKind::Denied, "s3-denied"));
    for request in server.requests() {
        assert!(request.contains("max-keys=1") && request.contains("111122223333"), "{request}");
    }
}
