//! The main road, for real: S3, notification, SQS, worker, search — on two emulators.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_sqs::types::QueueAttributeName;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::emulator::Kind;
use crate::support::program::{ask, fixture_objects, fixtures, run, stored_sessions, worker};
use crate::support::world::{Route, Setup, World};

/// Keys that a form-decoded notification gets wrong easily; all in one account.
const AWKWARD_KEYS: [&str; 4] = [
    "ssm/777788889999/with space and +plus-0123456789abcdef0.log",
    "ssm/777788889999/percent %2B and %-0123456789abcdef1.log",
    "ssm/777788889999/日本語 セッション-0123456789abcdef2.log",
    "ssm/777788889999/alice+ir@example.com-0123456789abcdef3.log",
];

/// Messages in a queue, seen or unseen.
async fn messages(world: &World, url: &str) -> u64 {
    let call = world.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
    let attributes = call.send().await.unwrap().attributes.unwrap();
    let count = |name: QueueAttributeName| attributes.get(&name).map_or(0, |n| n.parse().unwrap());
    count(QueueAttributeName::ApproximateNumberOfMessages)
        + count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
        + count(QueueAttributeName::ApproximateNumberOfMessagesDelayed)
}

/// Uploads an S3 Encryption Client object, its data key wrapped anew under the key of this world.
async fn put_encrypted(world: &World, case: &str, key: &str, damage: bool) {
    let folder = fixtures().join("encryption/s3ec").join(case);
    let read =
        |name: &str| -> Value { serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap() };
    let (facts, metadata) = (read("case.json"), read("metadata.json"));
    let data_key = facts["kms"]["plaintext_data_key_hex"].as_str().unwrap();
    let data_key: Vec<u8> = (0..data_key.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&data_key[i..i + 2], 16).unwrap())
        .collect();
    let context: HashMap<String, String> =
        serde_json::from_value(facts["kms"]["encryption_context"].clone()).unwrap();
    let call = world.kms.encrypt().key_id(&world.key_arn).plaintext(Blob::new(data_key));
    let wrapped = call.set_encryption_context(Some(context)).send().await.unwrap().ciphertext_blob.unwrap();
    let mut metadata: HashMap<String, String> = serde_json::from_value(metadata).unwrap();
    for name in ["x-amz-3", "x-amz-key-v2"] {
        if let Some(value) = metadata.get_mut(name) {
            *value = STANDARD.encode(wrapped.as_ref());
        }
    }
    let mut body = fs::read(folder.join("object.bin")).unwrap();
    if damage {
        body[0] ^= 1;
    }
    let metadata: Vec<(&str, &str)> = metadata.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    world.put_with_metadata(key, &body, &metadata).await;
}

async fn put_fixtures(world: &World) -> usize {
    let objects = fixture_objects();
    for (key, path) in &objects {
        world.put(key, &fs::read(path).unwrap()).await;
    }
    objects.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn transcripts_travel_from_the_bucket_to_the_answer() {
    for world in World::in_each(Setup::default()).await {
        let kind = world.emulator.kind;
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index");
        let mut expected = put_fixtures(&world).await;
        for key in AWKWARD_KEYS {
            world.put(key, b"$ touch /tmp/awkward-key\r\r\n$ ").await;
        }
        put_encrypted(
            &world,
            "py4-v3fmt-kmsctx-gcmcommit-session",
            "888899990000/v3-0123456789abcdef4.log",
            false,
        )
        .await;
        put_encrypted(&world, "go1-v2fmt-kmsctx-gcm-session", "888899990000/v2-0123456789abcdef5.log", false)
            .await;
        world.put("session/111122223333/", b"").await;
        expected += AWKWARD_KEYS.len() + 2;

        let ran = run(worker(&world, &index).arg("--drain")).exits(0);
        assert_eq!(stored_sessions(&index).len(), expected, "{kind:?} {ran:#?}");
        assert_eq!(messages(&world, &world.queue_url).await, 0, "{kind:?}");
        assert_eq!(messages(&world, &world.dead_letter_url).await, 0, "{kind:?}");

        let hits = ask(&index, "search", &["awkward-key", "--account", "777788889999", "--format", "jsonl"]);
        let mut keys: Vec<_> = hits
            .exits(0)
            .json()
            .iter()
            .map(|hit| hit["object"]["key"].as_str().unwrap().to_owned())
            .collect();
        keys.sort();
        let mut awkward = AWKWARD_KEYS.map(str::to_owned);
        awkward.sort();
        assert_eq!(keys, awkward, "{kind:?}");
        let plaintext = fs::read_to_string(fixtures().join("encryption/plaintext/session.log")).unwrap();
        assert!(plaintext.contains("uid=1001(ssm-user)"), "the fixture changed");
        let hits =
            ask(&index, "search", &["uid=1001(ssm-user)", "--account", "888899990000", "--format", "jsonl"])
                .exits(0);
        let sessions: std::collections::BTreeSet<_> =
            hits.json().iter().map(|hit| hit["session"].as_str().unwrap().to_owned()).collect();
        assert_eq!(sessions.len(), 2, "{kind:?}: both envelopes were opened");

        // Every notification once more, by hand, and the drain adds nothing.
        let before = stored_sessions(&index);
        for (key, path) in fixture_objects() {
            let body = fs::read(path).unwrap();
            let object = world.s3.head_object().bucket(&world.bucket).key(&key).send().await.unwrap();
            world.send(&announcement(&world, &key, object.e_tag().unwrap(), body.len())).await;
        }
        let again = run(worker(&world, &index).arg("--drain")).exits(0);
        assert_eq!(stored_sessions(&index), before, "{kind:?}");
        assert!(again.err.contains(" 0 indexed"), "{kind:?} {}", again.err);
        assert_eq!(messages(&world, &world.queue_url).await, 0, "{kind:?}");
    }
}

/// A native notification, as S3 writes it.
fn announcement(world: &World, key: &str, etag: &str, size: usize) -> String {
    let key: String = key
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    serde_json::json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": world.bucket},
            "object": {"key": key, "size": size, "eTag": etag.trim_matches('"')}
        }
    }]})
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_leads_to_the_index() {
    for route in [Route::Sns { raw: false }, Route::Sns { raw: true }, Route::EventBridge] {
        for world in World::in_each(Setup { route, ..Setup::default() }).await {
            let dir = tempfile::tempdir().unwrap();
            let index = dir.path().join("index");
            for key in AWKWARD_KEYS {
                world.put(key, b"$ touch /tmp/awkward-key\r\r\n$ ").await;
            }
            run(worker(&world, &index).arg("--drain")).exits(0);
            assert_eq!(
                stored_sessions(&index).len(),
                AWKWARD_KEYS.len(),
                "{route:?} {:?}",
                world.emulator.kind
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_opened_is_listed_before_its_message_goes() {
    let setup = Setup { max_receive_count: 3, visibility: Duration::from_secs(20), ..Setup::default() };
    for world in World::in_each(setup).await {
        let kind = world.emulator.kind;
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index");
        world.put("111122223333/good-0123456789abcdef0.log", b"$ id\r\r\nuid=0\r\r\n$ ").await;
        put_encrypted(
            &world,
            "py4-v3fmt-kmsctx-gcmcommit-session",
            "111122223333/bad-0123456789abcdef1.log",
            true,
        )
        .await;
        world.send("this is not a notification").await;

        run(worker(&world, &index).arg("--drain")).exits(3);
        assert_eq!(messages(&world, &world.queue_url).await, 0, "{kind:?}");
        assert_eq!(
            messages(&world, &world.dead_letter_url).await,
            0,
            "{kind:?}: the entries hold all there is"
        );
        assert_eq!(stored_sessions(&index).len(), 1, "{kind:?}: never the ciphertext");
        let status = ask(&index, "status", &["--format", "jsonl"]).json();
        assert_eq!(status[0]["failures"]["authentication"], 1, "{kind:?} {}", status[0]);
        assert_eq!(status[0]["failures"]["not_json"], 1, "{kind:?} {}", status[0]);
        let answer = ask(&index, "search", &["uid=0"]).exits(3);
        assert!(answer.out.contains("uid=0"), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_of_the_bucket_finds_what_the_worker_did() {
    let setup = Setup { route: Route::None, ..Setup::default() };
    for world in World::in_each(setup).await {
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index");
        let expected = put_fixtures(&world).await;
        let backfill = |source: &str| {
            let mut command = crate::support::program::shelltrail();
            world.configure(&mut command);
            run(command.args(["backfill", source, "--index"]).arg(&index)).exits(0)
        };
        backfill(&format!("s3://{}/session/111122223333", world.bucket));
        assert_eq!(stored_sessions(&index).len(), 4);
        backfill(&format!("s3://{}", world.bucket));
        assert_eq!(stored_sessions(&index).len(), expected);

        // The same objects by notification: the worker knows them all.
        for (key, path) in fixture_objects() {
            let size = fs::metadata(path).unwrap().len() as usize;
            let object = world.s3.head_object().bucket(&world.bucket).key(&key).send().await.unwrap();
            world.send(&announcement(&world, &key, object.e_tag().unwrap(), size)).await;
        }
        let ran = run(worker(&world, &index).arg("--drain")).exits(0);
        // At least: a queue may deliver a message twice, and moto does so to concurrent receivers.
        let counted = |what: &str| -> usize {
            let before = ran.err.split(what).next().filter(|before| before.len() < ran.err.len());
            let number = before.and_then(|before| before.rsplit(' ').next());
            number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{what}: {}", ran.err))
        };
        assert!(counted(" already indexed") >= expected, "{}", ran.err);
        assert_eq!(counted(" seen = "), counted(" already indexed"), "{}", ran.err);
        assert_eq!(stored_sessions(&index).len(), expected, "{}", ran.err);
        assert_same_records(&index);
        if world.emulator.kind == Kind::Moto {
            let mut command = crate::support::program::shelltrail();
            world.configure(&mut command);
            let ran = run(command.args(["backfill", "s3://no-such-bucket", "--index"]).arg(&index)).exits(2);
            assert!(ran.err.contains("no-such-bucket"), "{}", ran.err);
        }
    }
}

/// The index holds what parsing the files gives.
fn assert_same_records(index: &Path) {
    for (key, path) in fixture_objects().into_iter().take(6) {
        let file = key.rsplit('/').next().unwrap();
        let session = file.trim_end_matches(".gz").trim_end_matches(".log");
        let parsed = run(crate::support::program::shelltrail().arg("parse").arg(path)).json();
        let shown = ask(index, "show", &["--format", "jsonl", "--reveal", "--", session]).json();
        let texts = |records: &[Value]| -> Vec<Value> {
            records.iter().map(|r| serde_json::json!([r["command"], r["output"], r["span"]])).collect()
        };
        assert_eq!(texts(&parsed), texts(&shown), "{key}");
        assert_eq!(shown[0]["object"]["key"], key.as_str());
        assert!(shown[0]["object"]["etag"].is_string());
    }
}
