//! Backfills by the program, against emulators: versions, inventory, lists, messages, comparison, kills.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use shelltrail_core::ObjectRef;
use shelltrail_core::sink::{KeyEvent, KeyEventKind, RecordSink, RemovalKind};
use shelltrail_index::{IndexRoot, LocalSink};

use crate::support::emulator::{Emulator, Kind};
use crate::support::killing::start_until;
use crate::support::program::{
    Ran, ask, fixture_objects, fixtures, run, shelltrail, stored_sessions, worker,
};
use crate::support::world::{Route, Setup, World};

const TEXT: &[u8] = b"$ id\r\r\nuid=0(root)\r\r\n$ exit\r\r\n";

fn setup() -> Setup {
    Setup { route: Route::None, ..Setup::default() }
}

fn backfill(world: &World, source: &str, index: &Path, rest: &[&str]) -> Command {
    let mut command = shelltrail();
    world.configure(&mut command);
    command.args(["backfill", source, "--index"]).arg(index).args(rest);
    command
}

/// The final account, which adds up.
fn account(ran: &Ran) -> Value {
    let account: Value = serde_json::from_str(ran.out.trim()).unwrap_or_else(|_| panic!("{ran:#?}"));
    let count = |name: &str| account[name].as_u64().unwrap();
    let columns =
        ["indexed", "enqueued", "already_indexed", "gone", "archived", "denied", "failed", "unstarted"];
    assert_eq!(count("seen"), columns.iter().map(|name| count(name)).sum::<u64>(), "{account}");
    account
}

#[test]
fn a_folder_of_the_same_name_elsewhere_is_another_source() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    let key = "ssm/111122223333/alice-05ba181f37a0fb8d2.log";
    for place in ["here", "there", "here/logs", "there/logs"] {
        fs::create_dir(dir.path().join(place)).unwrap();
    }
    for (place, command) in [("here", "whoami"), ("there", "shutdown")] {
        let file = dir.path().join(place).join("logs").join(key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, format!("$ {command}\r\r\n$ exit\r\r\n")).unwrap();
    }
    let backfill = |from: &str, source: &str| {
        let mut command = shelltrail();
        command.args(["backfill", source, "--index"]).arg(&index).current_dir(dir.path().join(from));
        run(&mut command)
    };
    backfill("here", "logs").exits(0);
    // The notes of runs that were stopped behind everything: by the name that was typed, and by that of the directory.
    let (root, lock) = IndexRoot::open_for_writing(&index, None).unwrap();
    let source = fs::canonicalize(dir.path().join("here/logs")).unwrap();
    for name in ["logs", source.to_str().unwrap()] {
        let note = root.begin_backfill(name, "").unwrap();
        note.keep(json!({"after": {"key": "zzz"}})).unwrap();
    }
    drop((root, lock));
    backfill("there", "logs").exits(0);
    assert_eq!(ask(&index, "search", &["-c", "shutdown"]).out, "1\n");
    let told = ask(&index, "search", &["nothing"]).exits(3);
    assert!(told.err.contains(&format!("a backfill of {}", source.display())), "{told:?}");
}

#[test]
fn what_the_configuration_left_out_is_read_when_it_does_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let (source, index) = (dir.path().join("logs"), dir.path().join("index"));
    for (prefix, command) in [("a", "whoami"), ("b", "shutdown")] {
        let file = source.join(prefix).join("alice-05ba181f37a0fb8d2.log");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, format!("$ {command}\r\r\n$ exit\r\r\n")).unwrap();
    }
    let backfill = |prefixes: &str| {
        let mut command = shelltrail();
        command.arg("backfill").arg(&source).arg("--index").arg(&index);
        run(command.env("SHELLTRAIL_S3_KEY_PREFIXES", prefixes)).exits(0)
    };
    backfill(r#"["a/"]"#);
    // What a run with one prefix leaves that is stopped behind everything.
    let stop = || {
        let (root, _lock) = IndexRoot::open_for_writing(&index, None).unwrap();
        let (name, metadata) = (fs::canonicalize(&source).unwrap(), fs::metadata(&source).unwrap());
        let folder = format!("directory {} of device {}", metadata.ino(), metadata.dev());
        let place = json!({"after": {"key": "zzz"}, "file": format!("{folder}, key_prefixes [\"a/\"]")});
        root.begin_backfill(name.to_str().unwrap(), "").unwrap().keep(place).unwrap();
    };
    stop();
    let told = backfill(r#"["a/"]"#);
    assert!(told.err.contains("going on"), "{told:?}");
    stop();
    let told = backfill("[]");
    assert!(told.err.contains("beginning anew"), "{told:?}");
    assert_eq!(ask(&index, "search", &["-c", "shutdown"]).out, "1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_read_each_as_itself() {
    for world in World::in_each(setup()).await {
        let kind = world.emulator.kind;
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index");
        let key = "ssm/111122223333/with space +plus-0123456789abcdef0.log";
        world.put(key, b"$ echo first\r\r\nfirst\r\r\n$ ").await;
        world.put(key, b"$ echo second\r\r\nsecond\r\r\n$ ").await;
        world.put("ssm/111122223333/gone-0123456789abcdef1.log", TEXT).await;
        let gone =
            world.s3.delete_object().bucket(&world.bucket).key("ssm/111122223333/gone-0123456789abcdef1.log");
        gone.send().await.unwrap();
        let source = format!("s3://{}/ssm/", world.bucket);
        let latest = account(&run(&mut backfill(&world, &source, &index, &["--format", "json"])).exits(0));
        assert_eq!((latest["seen"].as_u64(), latest["indexed"].as_u64()), (Some(1), Some(1)), "{kind:?}");
        let all =
            run(&mut backfill(&world, &source, &index, &["--all-versions", "--format", "json"])).exits(0);
        let all = account(&all);
        assert_eq!(
            (all["seen"].as_u64(), all["already_indexed"].as_u64()),
            (Some(3), Some(1)),
            "{kind:?} {all}"
        );
        for word in ["echo first", "echo second", "uid=0"] {
            ask(&index, "search", &[word]).exits(0);
        }
    }
}

/// Writes an inventory of the bucket into the bucket itself, below `inv/`, and returns where its manifest is.
async fn put_inventory(world: &World, keys: &[&str]) -> String {
    let mut rows = String::new();
    for key in keys {
        let head = world.s3.head_object().bucket(&world.bucket).key(*key).send().await;
        let etag = head.map_or("00".to_owned(), |head| head.e_tag.unwrap().trim_matches('"').to_owned());
        let key = shelltrail_core::form::encode(key);
        rows.push_str(&format!("\"{}\",\"{key}\",\"{}\",\"{etag}\",\"SSE-KMS\"\n", world.bucket, TEXT.len()));
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(rows.as_bytes()).unwrap();
    let data = gzip.finish().unwrap();
    let put = world.put("inv/data/1.csv.gz", &data).await;
    assert!(put.etag.is_some());
    let manifest = json!({
        "sourceBucket": world.bucket, "destinationBucket": format!("arn:aws:s3:::{}", world.bucket),
        "version": "2016-11-30", "creationTimestamp": "1772586000000", "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size, ETag, EncryptionStatus",
        "files": [{"key": "inv/data/1.csv.gz", "size": data.len(), "MD5checksum": md5(&data)}],
    })
    .to_string();
    world.put("inv/2026-03-04T01-00Z/manifest.json", manifest.as_bytes()).await;
    world.put("inv/2026-03-04T01-00Z/manifest.checksum", md5(manifest.as_bytes()).as_bytes()).await;
    format!("s3://{}/inv/2026-03-04T01-00Z/manifest.json", world.bucket)
}

fn md5(bytes: &[u8]) -> String {
    use md5::Digest;
    md5::Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_and_a_list_of_keys_name_the_same_objects() {
    for world in World::in_each(setup()).await {
        let kind = world.emulator.kind;
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index");
        let keys = [
            "ssm/111122223333/a b+c-0123456789abcdef0.log",
            "ssm/444455556666/日本-0123456789abcdef1.log",
            "ssm/444455556666/never-0123456789abcdef2.log",
        ];
        for key in &keys[..2] {
            world.put(key, TEXT).await;
        }
        let manifest = put_inventory(&world, &keys).await;
        let plan = run(&mut backfill(&world, &manifest, &index, &["--dry-run", "--format", "json"])).exits(0);
        let plan: Value = serde_json::from_str(plan.out.trim()).unwrap();
        assert_eq!(plan["objects"]["objects"], 3, "{kind:?} {plan}");
        assert_eq!(plan["requests"]["kms_at_most"], 3);
        assert_eq!(plan["by_account"][1]["name"], "444455556666");
        assert!(!index.exists(), "a plan writes nothing");

        let done = account(&run(&mut backfill(&world, &manifest, &index, &["--format", "json"])).exits(0));
        assert_eq!((done["indexed"].as_u64(), done["gone"].as_u64()), (Some(2), Some(1)), "{kind:?} {done}");
        let list = dir.path().join("keys.csv");
        let rows: String = keys[..2]
            .iter()
            .map(|key| format!("{},{}\n", world.bucket, shelltrail_core::form::encode(key)))
            .collect();
        fs::write(&list, rows).unwrap();
        let again =
            run(&mut backfill(&world, list.to_str().unwrap(), &index, &["--format", "json"])).exits(0);
        assert_eq!(account(&again)["already_indexed"], 2, "{kind:?}: read, as the list tells no ETag");
        let table = run(&mut backfill(&world, &manifest, &index, &["--dry-run"])).exits(0);
        assert!(table.out.contains("already indexed") && table.out.contains("SSE-KMS"), "{}", table.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_index_what_a_backfill_sends() {
    for world in World::in_each(setup()).await {
        let kind = world.emulator.kind;
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index");
        let objects = fixture_objects();
        for (key, path) in &objects {
            world.put(key, &fs::read(path).unwrap()).await;
        }
        let url =
            world.sqs.create_queue().queue_name(format!("{}-backfill", world.bucket)).send().await.unwrap();
        let url = url.queue_url.unwrap();
        let source = format!("s3://{}", world.bucket);
        let rest = ["--enqueue", url.as_str(), "--format", "json"];
        let sent = account(&run(&mut backfill(&world, &source, &index, &rest)).exits(0));
        assert_eq!(sent["enqueued"].as_u64(), Some(objects.len() as u64), "{kind:?} {sent}");
        assert!(stored_or_none(&index).is_empty());
        let ran = run(worker(&world, &index).args(["--drain", "--backfill-queue-url", &url])).exits(0);
        assert_eq!(stored_sessions(&index).len(), objects.len(), "{kind:?} {ran:#?}");
        let again = account(&run(&mut backfill(&world, &source, &index, &rest)).exits(0));
        assert_eq!(again["already_indexed"].as_u64(), Some(objects.len() as u64), "{kind:?}");
    }
}

fn stored_or_none(index: &Path) -> Vec<String> {
    if index.join("shelltrail.json").exists() { stored_sessions(index) } else { Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_finds_what_was_missed_and_what_is_gone() {
    let world = World::new(Emulator::shared(Kind::Moto), setup()).await;
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    let key = |n: u32| format!("ssm/111122223333/u{n}-0123456789abcdef{n}.log");
    for n in [0, 1, 2, 4] {
        world.put(&key(n), TEXT).await;
    }
    let source = format!("s3://{}/ssm/", world.bucket);
    run(&mut backfill(&world, &source, &index, &[])).exits(0);
    world.put(&key(3), TEXT).await;
    for n in [1, 4] {
        world.s3.delete_object().bucket(&world.bucket).key(key(n)).send().await.unwrap();
    }
    // One of the two removals was announced.
    let (root, lock) = IndexRoot::open_for_writing(&index, None).unwrap();
    let object = ObjectRef { bucket: Some(world.bucket.clone()), key: key(4), ..ObjectRef::default() };
    let kind = KeyEventKind::Removed(RemovalKind::Deleted);
    let told = KeyEvent { object, sequencer: None, at: None, kind };
    LocalSink::new(root, lock).record_key_events(&[told]).unwrap();
    // S3 tells times in seconds.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let compare = |rest: &[&str]| {
        let flags = ["--reconcile", "--since", "2d", "--delay", "1ms", "--format", "json"];
        let rest = [&flags[..], rest].concat();
        run(&mut backfill(&world, &source, &index, &rest))
    };
    let planned = compare(&["--dry-run"]).exits(3);
    let done = compare(&[]).exits(0);
    for ran in [planned, done] {
        let told: Value = serde_json::from_str(ran.out.trim()).unwrap();
        let difference = &told["difference"];
        assert_eq!(difference["missed_notifications"], 1, "{told}");
        assert_eq!(difference["missed"][0]["key"], key(3).as_str());
        let gone = ["no_longer_in_bucket", "removed_known", "vanished_untold"];
        assert_eq!(gone.map(|name| difference[name].as_u64()), [2, 1, 1].map(Some), "{told}");
        for (number, n, removed) in [(0, 1, false), (1, 4, true)] {
            assert_eq!(difference["gone"][number]["key"], key(n).as_str());
            assert_eq!(difference["gone"][number]["removed"], removed);
        }
    }
    let flags = ["--reconcile", "--progress", "json", "--dry-run"];
    let text = run(&mut backfill(&world, &source, &index, &flags)).exits(0);
    assert!(text.err.contains("removed (known): 1, vanished without a removal event: 1"), "{text:#?}");
    assert!(text.err.contains(&key(1)) && !text.err.contains(&key(4)), "{text:#?}");
    assert!(text.err.contains(r#""removed_known":1,"vanished_untold":1"#), "{text:#?}");
    let after: Value = serde_json::from_str(compare(&[]).exits(0).out.trim()).unwrap();
    assert_eq!(after["difference"]["missed_notifications"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_backfill_goes_on() {
    let world = World::new(Emulator::shared(Kind::Ministack), setup()).await;
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    const SESSIONS: u32 = 60;
    for n in 0..SESSIONS {
        let body = format!("$ echo marker-{n}\r\r\nmarker-{n}\r\r\n$ exit\r\r\n");
        world.put(&format!("ssm/111122223333/user{n}-{n:017x}.log"), body.as_bytes()).await;
    }
    let source = format!("s3://{}/ssm/", world.bucket);
    for stop in 1..=3 {
        let mut command = backfill(&world, &source, &index, &["--rate", "5/s", "--progress", "none"]);
        command.env("SHELLTRAIL_WORKER_COMMIT_AGE_SECS", "0");
        let mut child = start_until(&mut command, &index, 10 * stop).expect("it has work for twelve seconds");
        let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(interrupted.success());
        assert_eq!(child.wait().unwrap().code(), Some(3), "stopped before the end");
        assert_eq!(ask(&index, "search", &["marker-1"]).code, Some(3), "an answer says that it did not end");
    }
    let stored = stored_sessions(&index).len();
    assert!(stored > 0 && stored < SESSIONS as usize, "{stored}");
    let told = account(&run(&mut backfill(&world, &source, &index, &["--format", "json"])).exits(0));
    assert_eq!(told["seen"], SESSIONS, "{told}");
    assert_eq!(stored_sessions(&index).len(), SESSIONS as usize);
    ask(&index, "search", &["marker-1"]).exits(0);
}

#[test]
fn a_tar_of_the_fixtures_is_the_folder_again() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    let tar = dir.path().join("bucket.tar.gz");
    let made =
        Command::new("tar").arg("-czf").arg(&tar).arg("-C").arg(fixtures().join("bucket")).arg(".").status();
    assert!(made.unwrap().success());
    let backfill = |source: &Path, rest: &[&str]| {
        run(shelltrail().arg("backfill").arg(source).arg("--index").arg(&index).args(rest))
    };
    let objects = fixture_objects().len() as u64;
    let done = account(&backfill(&tar, &["--format", "json"]).exits(0));
    assert_eq!(done["indexed"].as_u64(), Some(objects), "{done}");
    let again = account(&backfill(&fixtures().join("bucket"), &["--format", "json"]).exits(0));
    assert_eq!(again["already_indexed"].as_u64(), Some(objects), "{again}");
    let progress = backfill(&tar, &["--progress", "json", "--format", "json"]).exits(0);
    let last: Value = serde_json::from_str(progress.err.lines().last().unwrap()).unwrap();
    assert_eq!(last["seen"].as_u64(), Some(objects));
    for (rest, word) in [
        (vec!["--newest-first"], "own order"),
        (vec!["--enqueue", "http://127.0.0.1:1/q"], "workers read from buckets"),
        (vec!["--all-versions"], "versions"),
        (vec!["--reconcile"], "--reconcile"),
    ] {
        let ran = backfill(&tar, &rest).exits(2);
        assert!(ran.err.contains(word), "{ran:#?}");
    }
}

#[test]
fn a_folder_that_cannot_be_listed_is_named_and_the_rest_is_indexed() {
    let (dir, name) = (tempfile::tempdir().unwrap(), "d".repeat(250));
    let (index, source) = (dir.path().join("index"), dir.path().join("bucket"));
    let write = |path: &Path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, TEXT).unwrap();
    };
    // A path longer than any call takes: nobody can list it, root neither.
    let deep = |levels: usize| vec![name.as_str(); levels].join("/");
    let aside = dir.path().join("aside");
    write(&aside.join(deep(10)).join("hidden-0123456789abcdef0.log"));
    write(&source.join("ssm/111122223333/there-0123456789abcdef1.log"));
    let hostile = source.join("hostile \u{1b}[2J").join(deep(8));
    fs::create_dir_all(&hostile).unwrap();
    fs::rename(aside.join(&name), hostile.join(&name)).unwrap();
    let backfill =
        |rest: &[&str]| run(shelltrail().arg("backfill").arg(&source).arg("--index").arg(&index).args(rest));
    let planned = backfill(&["--dry-run"]).exits(3);
    assert!(planned.err.contains("list the folder") && planned.out.contains("unreadable"), "{planned:#?}");
    for (indexed, already) in [(1, 0), (0, 1)] {
        let done = backfill(&["--format", "json"]).exits(3);
        let told = account(&done);
        assert_eq!((&told["seen"], &told["failed"]), (&2.into(), &1.into()), "{told}");
        assert_eq!((&told["indexed"], &told["already_indexed"]), (&indexed.into(), &already.into()));
        assert!(!done.err.contains('\u{1b}') && !planned.err.contains('\u{1b}'), "{done:#?}");
    }
    let done = backfill(&[]).exits(3);
    assert!(
        done.err.contains("folder-not-listed hostile") && done.err.contains("list the folder"),
        "{done:#?}"
    );
    assert_eq!(ask(&index, "search", &["uid"]).code, Some(3), "an answer says that something is missing");
    fs::remove_dir_all(source.join("hostile \u{1b}[2J")).unwrap();
    let failures = |rest: &[&str]| run(shelltrail().arg("failures").args(rest).arg("--index").arg(&index));
    failures(&["drop", "--reason", "folder-not-listed", "--why", "removed"]).exits(0);
    backfill(&[]).exits(0);
    ask(&index, "search", &["uid"]).exits(0);
}
