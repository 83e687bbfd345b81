//! What is told of objects that were removed from their bucket or overwritten: everywhere, and it hides nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;
use shelltrail_core::layout::KeyLayout;
use shelltrail_core::object::Fetched;
use shelltrail_core::sink::{KeyEvent, KeyEventKind, RecordSink, RemovalKind};
use shelltrail_core::transcript::ParseLimits;
use shelltrail_core::{ObjectRef, decode};
use shelltrail_index::{IndexRoot, LocalSink};

use crate::support::program::ask;

const KEY: &str = "ssm/111122223333/alice-0123456789abcdef0.log";

fn object(key: &str, etag: &str) -> ObjectRef {
    ObjectRef {
        bucket: Some("b".to_owned()),
        key: key.to_owned(),
        version: None,
        etag: Some(etag.to_owned()),
    }
}

/// Stores transcripts of a bucket: key, ETag, sequencer, text.
fn index_of(
    transcripts: &[(&str, &str, Option<&str>, &str)],
    events: &[KeyEvent],
) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    let (root, lock) = IndexRoot::open_for_writing(&index, None).unwrap();
    let sink = LocalSink::new(root, lock);
    sink.record_key_events(events).unwrap();
    for (key, etag, sequencer, text) in transcripts {
        let object = object(key, etag);
        let fetched = Fetched {
            id: object.transcript_id().unwrap(),
            object,
            metadata: std::collections::BTreeMap::new(),
            last_modified: "2026-03-04T09:00:00Z".parse().ok(),
            body: text.as_bytes().to_vec(),
        };
        let transcript = decode::open(fetched, None, 1 << 20).unwrap();
        let mut sessions = decode::sessions(&transcript, &KeyLayout::default(), &ParseLimits::default());
        sessions[0].sequencer = sequencer.and_then(|text| text.parse().ok());
        let partition = sink.partition(sessions[0].account.as_ref());
        let batch = sink.build(&partition, &mut sessions.into_iter()).unwrap();
        sink.commit(vec![batch]).unwrap();
    }
    (dir, index)
}

fn deleted(key: &str, sequencer: &str, kind: RemovalKind) -> KeyEvent {
    KeyEvent {
        object: ObjectRef { etag: None, ..object(key, "") },
        sequencer: sequencer.parse().ok(),
        at: "2026-03-05T10:00:00Z".parse().ok(),
        kind: KeyEventKind::Removed(kind),
    }
}

fn line(index: &Path, verb: &str, arguments: &[&str], etag: &str) -> Value {
    let lines = ask(index, verb, &[arguments, &["--format", "jsonl"]].concat()).exits(0).json();
    lines.into_iter().find(|line| line["object"]["etag"] == etag).unwrap()
}

#[test]
fn a_removed_object_is_found_shown_and_marked() {
    let other = "ssm/111122223333/bob-0123456789abcdef1.log";
    let (_dir, index) = index_of(
        &[
            (KEY, "a", Some("0010"), "$ id\r\r\nuid=0\r\r\n"),
            (other, "b", Some("0010"), "$ id\r\r\nuid=1\r\r\n"),
        ],
        &[deleted(KEY, "0020", RemovalKind::Expired), deleted(other, "0005", RemovalKind::Deleted)],
    );
    let mark = serde_json::json!({"at": "2026-03-05T10:00:00Z", "kind": "expired"});
    for (verb, arguments) in [
        ("search", &["cmd:id"][..]),
        ("search", &["-l", "cmd:id"]),
        ("sessions", &[]),
        ("sessions", &["--source-deleted"]),
        ("show", &["alice"]),
    ] {
        let told = line(&index, verb, arguments, "a");
        assert_eq!((&told["source_deleted"], &told["overwritten"]), (&mark, &Value::from(false)), "{verb}");
    }
    assert_eq!(line(&index, "search", &["cmd:id"], "b")["source_deleted"], Value::Null);
    let listed = ask(&index, "sessions", &["--source-deleted"]).exits(0);
    assert_eq!(listed.out.lines().count(), 1, "{}", listed.out);
    for (verb, arguments) in
        [("search", &["cmd:id"][..]), ("sessions", &[]), ("show", &["alice-0123456789abcdef0"])]
    {
        let text = ask(&index, verb, arguments).exits(0).out;
        assert!(text.contains("source expired at 2026-03-05T10:00:00Z"), "{verb}: {text}");
        assert_eq!(text.matches("source expired").count(), 1, "{verb}: {text}");
    }
    let csv = ask(&index, "search", &["cmd:id", "--format", "csv"]).exits(0).out;
    assert!(csv.contains("\"source_deleted\",\"source_deleted_at\",\"overwritten\""), "{csv}");
    assert!(csv.contains("\"expired\",\"2026-03-05T10:00:00Z\",\"false\""), "{csv}");
    let template = ask(&index, "sessions", &["--template", "{source_deleted} {overwritten}"]).exits(0).out;
    assert!(template.contains("expired false") && template.contains("- false"), "{template}");
    let status = ask(&index, "status", &["--format", "jsonl"]).exits(0).json();
    assert_eq!(status[0]["removals"], serde_json::json!({"deleted": 1, "expired": 1}));
    let text = ask(&index, "status", &[]).exits(0).out;
    assert!(text.contains("removals told  2"), "{text}");
}

#[test]
fn of_two_contents_of_a_key_the_older_one_is_overwritten() {
    let of = |sequencers: [Option<&str>; 2]| {
        let (_dir, index) = index_of(
            &[
                (KEY, "a", sequencers[0], "$ id\r\r\nuid=0\r\r\n"),
                (KEY, "b", sequencers[1], "$ id\r\r\nuid=1\r\r\n"),
            ],
            &[],
        );
        let told = ["a", "b"].map(|etag| line(&index, "search", &["cmd:id"], etag)["overwritten"].clone());
        (told, ask(&index, "show", &["alice"]).exits(0).out)
    };
    let (told, text) = of([Some("0020"), Some("0010")]);
    assert_eq!(told, [Value::from(false), Value::from(true)]);
    assert_eq!(text.matches("overwritten: not the last of 2 stored contents").count(), 1, "{text}");
    let (told, text) = of([Some("0020"), None]);
    assert_eq!(told, [Value::Null, Value::Null], "stored within one second, and one has no sequencer");
    assert_eq!(text.matches("one of 2 stored contents of its key, order unknown").count(), 2, "{text}");
}

#[test]
fn damaged_removals_make_an_answer_incomplete_and_hide_nothing() {
    let (_dir, index) =
        index_of(&[(KEY, "a", None, "$ id\r\r\n")], &[deleted(KEY, "0020", RemovalKind::Deleted)]);
    std::fs::write(index.join("removals/meta.json"), "{").unwrap();
    let ran = ask(&index, "search", &["cmd:id"]).exits(3);
    assert!(ran.out.contains("id") && ran.err.contains("partition removals was not searched"), "{ran:?}");
}
