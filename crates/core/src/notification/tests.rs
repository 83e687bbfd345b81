use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/notifications"))
}

fn read(name: &str) -> String {
    fs::read_to_string(fixtures().join(format!("{name}.json"))).unwrap()
}

/// One line per outcome; fields that are absent are left out, and so is the bucket that all share.
fn summary(body: &str) -> Vec<String> {
    let notification = match parse(body) {
        Ok(notification) => notification,
        Err(error) => return vec![format!("error {}", error.reason())],
    };
    let mut lines = Vec::new();
    for Announcement { object, size, region, sequencer, event_time, kind, .. } in notification.announcements {
        assert_eq!(object.bucket.as_deref(), Some("example-central-transcripts"));
        let fields = [
            ("version", object.version),
            ("etag", object.etag),
            ("size", size.map(|size| size.to_string())),
            ("region", region),
            ("sequencer", sequencer.map(|sequencer| sequencer.to_string())),
            ("time", event_time.map(|time| time.to_string())),
        ];
        let mut line = format!("{kind:?} {:?}", object.key);
        for (name, value) in fields {
            line.extend(value.map(|value| format!(" {name}={value}")));
        }
        lines.push(line);
    }
    lines.extend(notification.ignored.into_iter().map(|ignored| format!("ignored {:?}", ignored.what)));
    lines.extend(
        notification.rejected.into_iter().map(|rejected| format!("{}: {}", rejected.reason, rejected.detail)),
    );
    lines
}

/// What each file must give: announcements, then what is ignored, then what is rejected.
const EXPECTED: &[(&str, &[&str])] = &[
    ("array", &["error not_json"]),
    (
        "eventbridge-created",
        &[
            r#"Created "ssm/444455556666/ops team/alice+test-0a1b2c3d4e5f67890.log" version=3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH etag=9b2cf535f27731c974343645a3985328 size=18231 region=eu-west-1 sequencer=eventbridge:0069A7F2BF5E0C1D2A time=2026-03-04T09:15:27Z"#,
        ],
    ),
    (
        "eventbridge-deleted",
        &[
            r#"Removed(DeleteMarker) "444455556666/b.log" version=UIORUnfndfiufdisojhr398493jfdkjF etag=d41d8cd98f00b204e9800998ecf8427e region=eu-west-1 sequencer=eventbridge:0069A94EA1000000FF time=2026-03-05T10:00:01Z"#,
        ],
    ),
    (
        "eventbridge-expired",
        &[
            r#"Removed(Expired) "444455556666/c.log" region=eu-west-1 sequencer=eventbridge:0069AA1380AABBCCDD time=2026-03-06T00:00:00Z"#,
        ],
    ),
    ("eventbridge-folder", &["ignored FolderPlaceholder"]),
    ("eventbridge-keys", &[r#"Created "a+b%2Bc%zz //..//🔑 .log" size=0"#]),
    (
        "eventbridge-moto",
        &[
            r#"Created "111122223333/a.log" etag=0cc175b9c0f1b6a831c399e269772661 size=10 region=us-east-1 sequencer=eventbridge:617f08299329d189 time=2026-03-04T09:15:27Z"#,
        ],
    ),
    ("eventbridge-other", &[r#"ignored OtherEvent("Object Tags Added")"#]),
    ("eventbridge-restored", &[r#"RestoreCompleted "a.log" version=v1 etag=e size=10 region=eu-west-1"#]),
    ("eventbridge-without-key", &["missing_field: record 0: no detail.object.key"]),
    ("eventbridge-without-type", &["missing_field: record 0: no detail-type"]),
    (
        "native-companions",
        &[
            r#"Created "a.log" size=0 region=eu-west-1"#,
            "ignored FolderPlaceholder",
            "ignored FolderPlaceholder",
            "ignored Companion",
            "ignored Companion",
            "ignored Companion",
        ],
    ),
    (
        "native-created",
        &[
            r#"Created "Put.log" region=eu-west-1"#,
            r#"Created "Post.log" region=eu-west-1"#,
            r#"Created "Copy.log" region=eu-west-1"#,
            r#"Created "CompleteMultipartUpload.log" region=eu-west-1"#,
            r#"Created "SomethingNew.log" region=eu-west-1"#,
        ],
    ),
    ("native-empty", &["ignored EmptyRecords"]),
    (
        "native-keys",
        &[
            r#"Created "ops team/a.log" region=eu-west-1"#,
            r#"Created "red flower+.log" region=eu-west-1"#,
            r#"Created "a+b+c.log" region=eu-west-1"#,
            r#"Created "50%.log" region=eu-west-1"#,
            r#"Created "a/b/c/d.log" region=eu-west-1"#,
            r#"Created "a|b|c.log" region=eu-west-1"#,
            r#"Created "a//b///c.log" region=eu-west-1"#,
            r#"Created "/leading.log" region=eu-west-1"#,
            r#"Created "../../etc/../passwd" region=eu-west-1"#,
            r#"Created "🔑.log" region=eu-west-1"#,
            r#"Created "🔑.log" region=eu-west-1"#,
            r#"Created "cafe\u{301}.log" region=eu-west-1"#,
            r#"Created "café.log" region=eu-west-1"#,
            r#"Created "\0.log" region=eu-west-1"#,
            r#"Created " a .log" region=eu-west-1"#,
            r#"bad_key_encoding: record 15: key "%zz.log""#,
            r#"bad_key_encoding: record 16: key "a%2""#,
            r#"bad_key_encoding: record 17: key "a%""#,
            r#"bad_key_encoding: record 18: key "%2+.log""#,
            r#"bad_key_encoding: record 19: key "%ff%fe.log""#,
            r#"bad_key_encoding: record 20: key "%+41.log""#,
            r#"bad_key_encoding: record 21: key "%C3(.log""#,
        ],
    ),
    (
        "native-missing-fields",
        &[
            r#"Created "good.log" region=eu-west-1"#,
            "missing_field: record 0: no eventName",
            "missing_field: record 1: no eventName",
            "missing_field: record 2: no eventName",
            "missing_field: record 3: no s3.object.key",
            "missing_field: record 4: no s3.object.key",
            "missing_field: record 5: no s3.bucket.name",
            "missing_field: record 6: no s3.object.key",
        ],
    ),
    (
        "native-multipart",
        &[
            r#"Created "111122223333/user-0f9e8d7c6b5a43210.log" etag=d41d8cd98f00b204e9800998ecf8427e-2 size=9437184 region=us-east-1 sequencer=006729617F time=2024-11-05T00:00:01.003Z"#,
        ],
    ),
    (
        "native-optional-fields",
        &[
            r#"Created "bare.log""#,
            r#"Created "version-null.log" region=eu-west-1"#,
            r#"Created "version-empty.log" region=eu-west-1"#,
            r#"Created "version-literal.log" size=0 region=eu-west-1"#,
            r#"Created "quoted.log" etag=d41d8cd98f00b204e9800998ecf8427e region=eu-west-1"#,
            r#"Created "odd.log""#,
            r#"Created "negative.log" region=eu-west-1"#,
            r#"Created "time.log" region=eu-west-1 time=2026-03-04T09:15:27.412Z"#,
        ],
    ),
    (
        "native-other-events",
        &[
            r#"ignored OtherEvent("ObjectRestore:Post")"#,
            r#"ignored OtherEvent("ObjectRestore:Delete")"#,
            r#"ignored OtherEvent("ObjectTagging:Put")"#,
            r#"ignored OtherEvent("ObjectAcl:Put")"#,
            r#"ignored OtherEvent("LifecycleTransition")"#,
            r#"ignored OtherEvent("IntelligentTiering")"#,
            r#"ignored OtherEvent("Replication:OperationFailedReplication")"#,
            r#"ignored OtherEvent("ReducedRedundancyLostObject")"#,
            r#"ignored OtherEvent("ObjectRemoved:NoOP")"#,
            r#"ignored OtherEvent("Brand:New")"#,
        ],
    ),
    (
        "native-other-service",
        &[
            r#"Created "good.log" region=eu-west-1"#,
            r#"ignored OtherEvent("aws:ses")"#,
            r#"ignored OtherEvent("aws:dynamodb INSERT")"#,
        ],
    ),
    (
        "native-prefixed-names",
        &[
            r#"Created "put.log" region=eu-west-1"#,
            r#"Removed(Deleted) "gone.log" region=eu-west-1"#,
            r#"ignored OtherEvent("ObjectTagging:Put")"#,
            r#"ignored OtherEvent("s3:ObjectCreated:Put")"#,
        ],
    ),
    (
        "native-put",
        &[
            r#"Created "ssm/111122223333/ops team/alice+test-0a1b2c3d4e5f67890.log" version=3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH etag=9b2cf535f27731c974343645a3985328 size=18231 region=eu-west-1 sequencer=0069A7F2BF5E0C1D2A time=2026-03-04T09:15:27.412Z"#,
        ],
    ),
    (
        "native-removed",
        &[
            r#"Removed(Deleted) "111122223333/a.log" version=3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH region=eu-west-1 sequencer=0069A94EA012AB34CD time=2026-03-05T10:00:00Z"#,
            r#"Removed(DeleteMarker) "111122223333/b.log" version=UIORUnfndfiufdisojhr398493jfdkjF etag=d41d8cd98f00b204e9800998ecf8427e region=eu-west-1 sequencer=0069A94EA1000000FF time=2026-03-05T10:00:01Z"#,
            r#"Removed(Expired) "111122223333/c.log" region=eu-west-1 sequencer=0069AA1380AABBCCDD time=2026-03-06T00:00:00Z"#,
        ],
    ),
    ("native-restored", &[r#"RestoreCompleted "a.log" version=v1 etag=e size=10 region=eu-west-1"#]),
    (
        "native-two-records",
        &[
            r#"Created "111122223333/a.log" etag=0cc175b9c0f1b6a831c399e269772661 size=10 region=eu-west-1 sequencer=0069A7F2BF00000001 time=2026-03-04T09:15:27.412Z"#,
            r#"Removed(Deleted) "444455556666/b.log" region=eu-west-1 sequencer=0069A7F2BF00000002 time=2026-03-04T09:15:27.5Z"#,
        ],
    ),
    (
        "native-unknown-fields",
        &[r#"Created "111122223333/future.log" etag=e size=18446744073709551615 region=eu-west-1"#],
    ),
    (
        "native-versions",
        &[
            r#"Created "2.0.log" region=eu-west-1"#,
            r#"Created "2.1.log" region=eu-west-1"#,
            r#"Created "2.6.log" region=eu-west-1"#,
            r#"Created "2.10.log" region=eu-west-1"#,
            r#"Created "none.log" region=eu-west-1"#,
            r#"Created "null.log" region=eu-west-1"#,
            r#"unsupported_event_version: record 6: eventVersion "3.0""#,
            r#"unsupported_event_version: record 7: eventVersion "1.0""#,
            r#"unsupported_event_version: record 8: eventVersion "20.1""#,
            r#"unsupported_event_version: record 9: eventVersion """#,
            r#"unsupported_event_version: record 10: eventVersion "two""#,
            "unsupported_event_version: record 11: eventVersion 2.5",
        ],
    ),
    ("not-json", &["error not_json"]),
    (
        "sns-eventbridge",
        &[
            r#"Created "ssm/444455556666/ops team/alice+test-0a1b2c3d4e5f67890.log" version=3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH etag=9b2cf535f27731c974343645a3985328 size=18231 region=eu-west-1 sequencer=eventbridge:0069A7F2BF5E0C1D2A time=2026-03-04T09:15:27Z"#,
        ],
    ),
    (
        "sns-in-sns",
        &[r#"Created "111122223333/b.log" etag=0cc175b9c0f1b6a831c399e269772661 region=eu-west-1"#],
    ),
    (
        "sns-put",
        &[
            r#"Created "111122223333/red flower.log" etag=0cc175b9c0f1b6a831c399e269772661 size=10 region=eu-west-1 sequencer=0069A7F2BF00000001 time=2026-03-04T09:15:27.412Z"#,
        ],
    ),
    ("sns-subscription", &["ignored SubscriptionConfirmation"]),
    ("sns-test-event", &["ignored TestEvent"]),
    ("sns-text", &["error not_json"]),
    ("sns-too-deep", &["error nested_too_deep"]),
    ("sns-unsubscribed", &["ignored SubscriptionConfirmation"]),
    (
        "sns-without-subject",
        &[r#"Created "111122223333/b.log" etag=0cc175b9c0f1b6a831c399e269772661 region=eu-west-1"#],
    ),
    ("sns-without-topic", &["error unknown_envelope"]),
    ("test-event", &["ignored TestEvent"]),
    ("unknown-empty", &["error unknown_envelope"]),
    ("unknown-records", &["error unknown_envelope"]),
    ("unknown-source", &["error unknown_envelope"]),
    ("unknown-transformed", &["error unknown_envelope"]),
];

#[test]
fn every_fixture_gives_what_the_table_says() {
    for &(name, want) in EXPECTED {
        assert_eq!(summary(&read(name)), want, "{name}");
    }
    let names: BTreeSet<String> = EXPECTED.iter().map(|(name, _)| format!("{name}.json")).collect();
    let files: BTreeSet<String> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(files, names);
}

fn created(key: &str) -> String {
    let mut message: Value = serde_json::from_str(&read("native-put")).unwrap();
    message["Records"][0]["s3"]["object"]["key"] = key.into();
    message.to_string()
}

#[test]
fn one_object_has_one_identity_by_either_path() {
    let native = parse(&read("native-put")).unwrap().announcements.remove(0);
    let mut message: Value = serde_json::from_str(&read("eventbridge-created")).unwrap();
    message["detail"]["object"]["key"] = native.object.key.clone().into();
    let event_bridge = parse(&message.to_string()).unwrap().announcements.remove(0);
    assert_eq!(native.object, event_bridge.object);
    assert!(native.object.transcript_id().is_some());
}

/// A key as S3 writes it into its own notifications.
fn form_encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._".contains(&byte);
    key.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if plain(byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[test]
fn keys_of_every_shape_have_one_identity_by_either_path() {
    let long = "é".repeat(512);
    let keys = [
        "with space.log",
        "a+b.log",
        "50%.log",
        "a%2Fb.log",
        "%zz.log",
        "a|b.log",
        "a//b.log",
        "/leading.log",
        "../up/../.log",
        "🔑.log",
        "cafe\u{301}.log",
        "caf\u{e9}.log",
        "\u{0}.log",
        &long,
    ];
    let mut identities = BTreeSet::new();
    for key in keys {
        let native = parse(&created(&form_encoded(key))).unwrap().announcements.remove(0);
        let mut message: Value = serde_json::from_str(&read("eventbridge-created")).unwrap();
        message["detail"]["object"]["key"] = key.into();
        let event_bridge = parse(&message.to_string()).unwrap().announcements.remove(0);
        assert_eq!(native.object.key, key);
        assert_eq!(native.object, event_bridge.object);
        identities.insert(native.object.transcript_id().unwrap());
    }
    assert_eq!(identities.len(), keys.len(), "and no two of them are one");
}

#[test]
fn a_deleted_null_version_is_named_and_a_written_one_is_not() {
    let announced = |body: &Value| parse(&body.to_string()).unwrap().announcements.remove(0);
    for (name, version, expected) in [
        ("ObjectRemoved:Delete", "null", Some("null")),
        ("ObjectRemoved:Delete", "", None),
        ("ObjectRemoved:Delete", "v1", Some("v1")),
        ("ObjectCreated:Put", "null", None),
    ] {
        let mut message: Value = serde_json::from_str(&read("native-put")).unwrap();
        message["Records"][0]["eventName"] = name.into();
        message["Records"][0]["s3"]["object"]["versionId"] = version.into();
        assert_eq!(announced(&message).object.version.as_deref(), expected, "{name} {version}");
    }
    let mut message: Value = serde_json::from_str(&read("eventbridge-deleted")).unwrap();
    for (deletion, reason, expected) in [
        ("Delete Marker Created", "DeleteObject", RemovalKind::DeleteMarker),
        ("Delete Marker Created", "Lifecycle Expiration", RemovalKind::ExpiryMarker),
        ("Permanently Deleted", "DeleteObject", RemovalKind::Deleted),
        ("Permanently Deleted", "Lifecycle Expiration", RemovalKind::Expired),
    ] {
        message["detail"]["deletion-type"] = deletion.into();
        message["detail"]["reason"] = reason.into();
        assert_eq!(announced(&message).kind, AnnouncementKind::Removed(expected), "{deletion} {reason}");
    }
}

#[test]
fn long_messages_are_read_and_long_texts_are_cut() {
    let key = format!("{}.log", "k".repeat(1020));
    assert_eq!(parse(&created(&key)).unwrap().announcements[0].object.key, key);
    let records: Vec<Value> = (0..300)
        .map(|_| serde_json::from_str::<Value>(&created("a%2Bb.log")).unwrap()["Records"][0].clone())
        .collect();
    let body = serde_json::json!({ "Records": records }).to_string();
    assert!(body.len() > 1 << 16);
    assert_eq!(parse(&body).unwrap().announcements.len(), 300);

    let rejected = parse(&created(&"%zzé".repeat(10_000))).unwrap().rejected.remove(0);
    assert!(rejected.detail.len() <= MAX_QUOTED_BYTES + "record 0: ".len(), "{}", rejected.detail.len());
    let mut message: Value = serde_json::from_str(&read("native-put")).unwrap();
    message["Records"][0]["eventName"] = "x".repeat(5000).into();
    let IgnoredKind::OtherEvent(name) = parse(&message.to_string()).unwrap().ignored.remove(0).what else {
        panic!()
    };
    assert_eq!(name.len(), MAX_QUOTED_BYTES);
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    for depth in [200, 100_000] {
        let body = format!("{{\"Records\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(parse(&body), Err(NotificationError::NotJson));
    }
}

#[test]
fn of_a_field_that_stands_twice_the_last_one_counts() {
    let body = r#"{"Records": [1, 2], "Records": []}"#;
    assert_eq!(summary(body), ["ignored EmptyRecords"]);
}

#[test]
fn bodies_that_are_no_json_object_are_refused() {
    for body in ["", "null", "7", "\"{}\"", "{} {}", "{\"a\":1e999999}", "\u{feff}{}"] {
        assert_eq!(parse(body), Err(NotificationError::NotJson), "{body}");
    }
}

/// A fixture, with one character replaced.
fn mutated() -> impl Strategy<Value = String> {
    (0..EXPECTED.len(), any::<proptest::sample::Index>(), any::<char>()).prop_map(|(fixture, at, c)| {
        let mut text: Vec<char> = read(EXPECTED[fixture].0).chars().collect();
        let at = at.index(text.len());
        text[at] = c;
        text.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn every_record_ends_in_one_list(body in mutated()) {
        if let Ok(notification) = parse(&body) {
            let told = notification.announcements.len() + notification.ignored.len() + notification.rejected.len();
            let message: Value = serde_json::from_str(&body).unwrap();
            let records = message.get("Records").and_then(Value::as_array).map_or(1, |records| records.len().max(1));
            prop_assert_eq!(told, records);
        }
    }
}

#[test]
fn the_envelopes_of_a_notification_have_names() {
    let sns = |inner: &str| {
        serde_json::json!({"Type": "Notification", "TopicArn": "t", "Message": inner}).to_string()
    };
    let (native, bridge) = (r#"{"Records":[]}"#, r#"{"source":"aws.s3","detail":{}}"#);
    for (body, expected) in [
        (native.to_owned(), Some("s3")),
        (r#"{"Event":"s3:TestEvent"}"#.to_owned(), Some("s3")),
        (bridge.to_owned(), Some("eventbridge")),
        (sns(native), Some("sns+s3")),
        (sns(&sns(bridge)), Some("sns+sns+eventbridge")),
        (sns(&sns(&sns(native))), None),
        (sns("no json"), None),
        ("{}".to_owned(), None),
        ("no json".to_owned(), None),
    ] {
        assert_eq!(envelope(&body), expected, "{body}");
    }
}
