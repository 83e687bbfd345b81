//! Objects under customer-provided keys.

use std::fmt::{self, Write};
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;

const NEEDED: &str = "The object was stored using a form of Server Side Encryption. The correct parameters must be \
    provided to retrieve the object.";
const WRONG: &str = "Requests specifying Server Side Encryption with Customer provided keys must provide the correct \
    secret key.";
const NOT_USED: &str = "The encryption parameters are not applicable to this object.";
const HEADER: &str = "x-amz-server-side-encryption-customer-key:";

fn rule(prefix: &str, byte: u8) -> CustomerKeyRule {
    let key = CustomerKey::parse(vec![byte; 32]).unwrap();
    CustomerKeyRule { bucket: None, prefix: prefix.to_owned(), key }
}

fn base64(byte: u8) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode([byte; 32])
}

fn found() -> Vec<u8> {
    response(200, &[("ETag", "\"e1\"")], b"hello")
}

#[tokio::test]
async fn a_key_for_the_prefix_is_sent_at_once() {
    let server = TestServer::start(vec![found()]);
    let store = store(&server).with_customer_keys(vec![rule("a ", b'k')]);
    assert_eq!(store.get(&object(), MAX).await.unwrap().body, b"hello");
    let request = server.requests().concat();
    assert!(request.contains(&format!("{HEADER} {}", base64(b'k'))), "the key is sent");
    assert!(request.contains("customer-algorithm: AES256") && request.contains("customer-key-md5: "));
}

#[tokio::test]
async fn keys_are_tried_until_one_fits() {
    let server = TestServer::start(vec![
        fault(403, "AccessDenied", WRONG),
        fault(403, "AccessDenied", WRONG),
        found(),
    ]);
    let store = store(&server).with_customer_keys(vec![rule("", 1), rule("a", 2), rule("a ", 3)]);
    assert_eq!(store.get(&object(), MAX).await.unwrap().body, b"hello");
    let requests = server.requests();
    for (request, byte) in requests.iter().zip([3, 2, 1]) {
        assert!(request.contains(&base64(byte)), "the closest rule goes first");
    }
}

#[tokio::test]
async fn a_key_for_everything_waits_until_it_is_asked_for() {
    let server = TestServer::start(vec![found(), fault(400, "InvalidRequest", NEEDED), found()]);
    let store = store(&server).with_customer_keys(vec![rule("", b'k')]);
    for _ in 0..2 {
        assert_eq!(store.get(&object(), MAX).await.unwrap().body, b"hello");
    }
    let sent: Vec<_> = server.requests().iter().map(|request| request.contains(HEADER)).collect();
    assert_eq!(sent, [false, false, true]);
}

#[tokio::test]
async fn a_plain_object_below_the_prefix_of_a_key_is_read() {
    let server = TestServer::start(vec![fault(400, "InvalidRequest", NOT_USED), found()]);
    let store = store(&server).with_customer_keys(vec![rule("a ", b'k')]);
    assert_eq!(store.get(&object(), MAX).await.unwrap().body, b"hello");
    assert!(!server.requests()[1].contains(HEADER));
}

#[tokio::test]
async fn a_resumed_body_needs_the_key_again() {
    let cut = response_announcing(200, &[("ETag", "\"e1\"")], b"hel", 5);
    let rest = response(206, &[("ETag", "\"e1\""), ("Content-Range", "bytes 3-4/5")], b"lo");
    let server = TestServer::start(vec![cut, rest]);
    let store = store(&server).with_customer_keys(vec![rule("a ", b'k')]);
    assert_eq!(store.get(&object(), MAX).await.unwrap().body, b"hello");
    assert!(server.requests().iter().all(|request| request.contains(HEADER)));
}

#[tokio::test]
async fn without_a_key_that_fits_the_way_out_is_told_and_the_key_is_not() {
    for (rules, answers, told) in [
        (vec![], vec![fault(400, "InvalidRequest", NEEDED)], "name its file in [[s3.sse_c_key_file]]"),
        (
            vec![rule("a ", b'k')],
            vec![fault(403, "AccessDenied", WRONG), fault(400, "InvalidRequest", NEEDED)],
            "no key of [[s3.sse_c_key_file]]",
        ),
    ] {
        let server = TestServer::start(answers);
        let store = store(&server).with_customer_keys(rules);
        let error = store.get(&object(), MAX).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (SourceErrorKind::Invalid, "sse-c"));
        assert!(error.message.contains(told), "{error}");
        for text in [format!("{error:?}"), error.to_string(), format!("{store:?}")] {
            assert!(!text.contains(&base64(b'k')) && !text.contains("kkkkk"), "{text}");
        }
    }
}

/// Keeps every event and span of every crate, at every level that is compiled in.
struct Everything(Arc<Mutex<String>>);

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Text(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Text(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Text(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn no_log_has_the_key_at_any_level() {
    let log = Arc::new(Mutex::new(String::new()));
    let guard = tracing::subscriber::set_default(Everything(Arc::clone(&log)));
    let cut = response_announcing(200, &[("ETag", "\"e1\"")], b"hel", 5);
    let server = TestServer::start(vec![cut, fault(403, "AccessDenied", WRONG), found()]);
    let store = store(&server).with_customer_keys(vec![rule("a ", b'k')]);
    assert!(store.get(&object(), MAX).await.is_ok());
    drop(guard);
    let log = log.lock().unwrap();
    assert!(log.contains("resuming a body"), "what is logged is kept");
    assert!(server.requests()[0].contains(&base64(b'k')), "it was sent");
    for secret in [base64(b'k'), "kkkkkkkk".to_owned(), "107, 107, 107".to_owned()] {
        let at = log.find(&secret).map(|at| log[..at].chars().rev().take(300).collect::<String>());
        assert_eq!(at.map(|before| before.chars().rev().collect::<String>()), None, "the key is in the log");
    }
}
