//! The list of objects that could not be indexed, as an operator works on it, and what is told of removed objects.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;
use shelltrail_core::ObjectRef;
use shelltrail_core::sink::{FailedMessage, Failure};
use shelltrail_index::IndexRoot;
use shelltrail_index::failures::{FailureWriter, id, list};

use crate::support::program::{Ran, ask, run, shelltrail, stored_sessions, worker};
use crate::support::world::{Route, Setup, World};

const HOSTILE: &str = "x\x1b]0;pwned\x07\u{202e}\u{200b}\r\n    id          fake";

fn empty_index() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    drop(IndexRoot::open_for_writing(&index, None).unwrap());
    (dir, index)
}

fn failure(bucket: Option<&str>, key: &str, account: &str, reason: &str) -> Failure {
    Failure {
        object: ObjectRef {
            bucket: bucket.map(str::to_owned),
            key: key.to_owned(),
            version: None,
            etag: Some("e".to_owned()),
        },
        account: account.parse().ok(),
        reason: reason.to_owned(),
        detail: format!("read s3://b/{key}: no: {HOSTILE}"),
        attempts: 3,
        failed_at: "2026-03-05T10:00:00Z".parse::<Timestamp>().unwrap(),
        size: Some(17),
        sequencer: Some("00AB".to_owned()),
        message: None,
    }
}

/// A message of which nothing could be read.
fn unreadable(number: u32, body: &str, body_cut: bool) -> Failure {
    Failure {
        object: ObjectRef { key: format!("sqs-message/{number}"), ..ObjectRef::default() },
        message: Some(FailedMessage {
            id: number.to_string(),
            sent_at: None,
            receive_count: 3,
            envelope: None,
            body: body.to_owned(),
            body_cut,
        }),
        size: None,
        ..failure(None, "", "", "not_json")
    }
}

fn write(index: &Path, failures: &[Failure]) {
    let writer = FailureWriter::new(index.join("failures"));
    failures.iter().for_each(|failure| writer.record(failure).unwrap());
}

fn failures(index: &Path, arguments: &[&str]) -> Ran {
    let (verb, rest) = arguments.split_first().unwrap();
    run(shelltrail().args(["failures", verb, "--index"]).arg(index).args(rest))
}

fn left(index: &Path) -> Vec<String> {
    list(&index.join("failures")).unwrap().failures.into_iter().map(|failure| failure.object.key).collect()
}

#[test]
fn entries_are_listed_counted_and_shown() {
    let (_dir, index) = empty_index();
    let none = failures(&index, &["list"]).exits(1);
    assert!(none.out.is_empty() && none.err.contains("0 entries"), "{none:?}");
    let (a, b) = (
        failure(Some("b"), "ssm/111122223333/a.log", "111122223333", "archived"),
        failure(Some("b"), HOSTILE, "", "kms-denied"),
    );
    let c = failure(Some("b"), "ssm/444455556666/c.log", "444455556666", "archived");
    write(&index, &[a.clone(), b.clone(), c.clone(), unreadable(7, HOSTILE, false)]);
    let all = failures(&index, &["list"]).exits(0);
    assert_eq!(all.out.lines().count(), 4);
    assert!(all.err.contains("4 entries: 2 archived, 1 kms-denied, 1 not_json"), "{}", all.err);
    let keys = |arguments: &[&str]| -> Vec<String> {
        let arguments = [&["list", "--format", "jsonl"], arguments].concat();
        let lines = failures(&index, &arguments).json();
        let mut keys: Vec<String> =
            lines.iter().map(|l| l["entry"]["object"]["key"].as_str().unwrap().to_owned()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&["--reason", "archived"]), [a.object.key.clone(), c.object.key.clone()]);
    assert_eq!(keys(&["--account", "111122223333"]), std::slice::from_ref(&a.object.key));
    assert_eq!(keys(&["--account", "unknown"]), ["sqs-message/7", HOSTILE]);
    assert_eq!(keys(&["--account", "111122223333,444455556666", "--reason", "archived"]).len(), 2);
    failures(&index, &["list", "--account", "1234"]).exits(2);

    let mut shown = vec![all];
    let told = failures(&index, &["show", &id(&a.object)[..8]]).exits(0);
    for words in ["archived", "s3://b/ssm/111122223333/a.log", "00AB", "17 bytes", "3", "restore the object"]
    {
        assert!(told.out.contains(words), "{words}: {}", told.out);
    }
    shown.push(told);
    shown.push(failures(&index, &["show", &id(&b.object)]).exits(0));
    let message = failures(&index, &["show", &id(&unreadable(7, "", false).object)]).exits(0);
    assert!(message.out.contains("    x^[]0;pwned"), "the body is shown, made harmless: {}", message.out);
    assert_eq!(message.out.lines().filter(|line| line.starts_with("id ")).count(), 1, "{}", message.out);
    shown.push(message);
    shown.push(failures(&index, &["show", &id(&b.object), "--format", "jsonl"]).exits(0));
    shown.push(failures(&index, &["list", "--format", "jsonl"]).exits(0));
    shown.push(failures(&index, &["show", "\x1b[2J"]).exits(2));
    for text in shown.iter().flat_map(|ran| [&ran.out, &ran.err]) {
        let hostile = |c: char| (c.is_control() && c != '\n') || ['\u{202e}', '\u{200b}'].contains(&c);
        assert!(!text.contains(hostile), "{text:?}");
    }
    let exact = failures(&index, &["show", &id(&b.object), "--format", "jsonl"]).json().remove(0);
    assert_eq!(exact["entry"]["object"]["key"], HOSTILE);
    assert!(exact["hint"].as_str().unwrap().contains("kms:Decrypt"));
}

#[test]
fn a_dropped_object_is_told_and_no_gap() {
    let (_dir, index) = empty_index();
    let (a, b) = (
        failure(Some("b"), "ssm/111122223333/a.log", "111122223333", "archived"),
        failure(Some("b"), "ssm/444455556666/b.log", "444455556666", "kms-denied"),
    );
    write(&index, &[a.clone(), b.clone()]);
    fs::write(index.join("failures/damaged.json"), "{").unwrap();
    let ask = |arguments: &[&str]| ask(&index, "search", &[&["x"], arguments].concat());
    ask(&[]).exits(3);
    for bad in [
        &["drop", "--all"][..],
        &["drop", "--all", "--why", " "],
        &["drop", "--why", "x"],
        &["drop", &id(&a.object), "--all", "--why", "x"],
        &["drop", "no such entry", "--why", "x"],
        &["retry"],
    ] {
        failures(&index, bad).exits(2);
        assert_eq!(left(&index).len(), 2, "{bad:?}");
    }
    assert!(!fs::read_to_string(index.join("audit.jsonl")).unwrap().contains("failures"));

    let why = "a test, password=hunter2hunter2";
    let dropped = failures(&index, &["drop", &id(&a.object)[..6], "--why", why]).exits(0);
    assert!(dropped.err.contains("1 entry dropped"), "{}", dropped.err);
    assert_eq!(left(&index), std::slice::from_ref(&b.object.key));
    ask(&["--account", "444455556666"]).exits(3);
    failures(&index, &["drop", "--reason", "kms-denied,unreadable-failure-entry", "--why", "both"]).exits(0);
    let complete = ask(&["--account", "111122223333"]).exits(1);
    assert!(
        complete.err.contains("2 objects in scope not indexed: dropped by an operator"),
        "{}",
        complete.err
    );
    let all = ask(&["--summary", "--format", "jsonl"]).exits(1).json().remove(0);
    assert_eq!((&all["dropped"], &all["complete"]), (&Value::from(3), &Value::from(true)));
    let status = crate::support::program::ask(&index, "status", &["--format", "jsonl"]).exits(0).json();
    assert_eq!((&status[0]["dropped"], &status[0]["failures"]), (&Value::from(3), &serde_json::json!({})));

    let kept = fs::read_to_string(index.join("failures/dropped.jsonl")).unwrap();
    let first: Value = serde_json::from_str(kept.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["why"], &first["entry"]["object"]["key"]),
        (&why.into(), &a.object.key.clone().into())
    );
    assert!(first["user"]["uid"].is_u64() && first["dropped_at"].is_string());
    let audit: Vec<Value> = fs::read_to_string(index.join("audit.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["command"] == "failures drop")
        .collect();
    assert_eq!(audit.len(), 2);
    assert_eq!(audit[0]["scope"], serde_json::json!([id(&a.object)]));
    assert!(!audit[0].to_string().contains("hunter2"), "{}", audit[0]);
}

#[test]
fn what_cannot_be_tried_again_is_left_with_the_reason() {
    let (_dir, index) = empty_index();
    write(
        &index,
        &[
            failure(None, "folder/a.log", "", "gzip-corrupt"),
            unreadable(1, "no json", false),
            unreadable(2, "{\"Records\":[]}", true),
        ],
    );
    fs::write(index.join("failures/damaged.json"), "{").unwrap();
    let ran = failures(&index, &["retry", "--all"]).exits(3);
    for why in ["backfill of its folder", "JSON object: as before", "too long to be kept", "cannot be read"] {
        assert!(ran.err.contains(why), "{why}: {}", ran.err);
    }
    assert_eq!(left(&index).len(), 3);
    // A message that this version can read, and that asks for nothing.
    write(&index, &[unreadable(3, "{\"Records\":[]}", false)]);
    let three = id(&unreadable(3, "", false).object);
    failures(&index, &["retry", &three]).exits(0);
    assert_eq!(left(&index).len(), 3);
    let audit = fs::read_to_string(index.join("audit.jsonl")).unwrap();
    assert!(audit.lines().last().unwrap().contains("failures retry"), "{audit}");
    let (_root, _lock) = IndexRoot::open_for_writing(&index, None).unwrap();
    let locked = failures(&index, &["retry", "--all"]).exits(2);
    assert!(locked.err.contains("--enqueue"), "{}", locked.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_reads_what_the_bucket_holds_now() {
    for world in World::in_each(Setup { route: Route::None, ..Setup::default() }).await {
        let (_dir, index) = empty_index();
        let bucket = world.bucket.clone();
        let key = |name: &str| format!("ssm/111122223333/{name} +x-0123456789abcdef0.log");
        let body = b"$ id\r\r\nuid=0\r\r\n";
        let there = world.put(&key("there"), body).await;
        let by_message = world.put(&key("by-message"), body).await;
        world.put(&key("overwritten"), b"$ old\r\r\n").await;
        let queued = world.put(&key("queued"), body).await;
        let of = |object: &ObjectRef| Failure {
            object: object.clone(),
            ..failure(None, "", "111122223333", "s3-denied")
        };
        let other_etag = |name: &str| ObjectRef {
            bucket: Some(bucket.clone()),
            key: key(name),
            version: None,
            etag: Some("0".repeat(32)),
        };
        let told = shelltrail_core::notification::created(&by_message, None).unwrap();
        write(
            &index,
            &[
                of(&there),
                of(&other_etag("overwritten")),
                of(&other_etag("gone")),
                unreadable(1, &told, false),
            ],
        );
        let mut retry = shelltrail();
        world.configure(&mut retry);
        let ran = run(retry.args(["failures", "retry", "--all", "--index"]).arg(&index)).exits(0);
        assert!(ran.err.contains("4 seen = 3 indexed + 0 already indexed + 1 gone"), "{ran:#?}");
        assert!(left(&index).is_empty(), "{:?}", left(&index));
        assert_eq!(stored_sessions(&index).len(), 3);

        // The entry of the message is all that is known of an object whose own entry cannot be written.
        let damaged = world.put(&key("damaged"), b"PK\x03\x04 no transcript").await;
        let told = shelltrail_core::notification::created(&damaged, None).unwrap();
        write(&index, &[unreadable(2, &told, false)]);
        let announced = &shelltrail_core::notification::parse(&told).unwrap().announcements[0].object;
        let in_the_way = index.join("failures").join(format!("{}.tmp", id(announced)));
        fs::create_dir(&in_the_way).unwrap();
        let again = || {
            let mut retry = shelltrail();
            world.configure(&mut retry);
            run(retry.args(["failures", "retry", "--all", "--index"]).arg(&index)).exits(3)
        };
        let ran = again();
        assert_eq!(left(&index), ["sqs-message/2"], "{ran:#?}");
        fs::remove_dir(&in_the_way).unwrap();
        let ran = again();
        assert_eq!(left(&index), [key("damaged")], "{ran:#?}");
        failures(&index, &["drop", "--all", "--why", "a test"]).exits(0);

        write(&index, &[of(&queued)]);
        let mut retry = shelltrail();
        world.configure(&mut retry);
        let enqueue =
            ["failures", "retry", "--reason", "s3-denied", "--enqueue", &world.queue_url, "--index"];
        let ran = run(retry.args(enqueue).arg(&index)).exits(0);
        assert!(ran.err.contains("1 message sent"), "{ran:#?}");
        assert_eq!(left(&index).len(), 1, "the entry stays until the object is indexed");
        run(worker(&world, &index).arg("--drain")).exits(0);
        assert!(left(&index).is_empty());
        assert_eq!(stored_sessions(&index).len(), 4);
    }
}
