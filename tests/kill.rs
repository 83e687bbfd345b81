//! Worker and backfill killed again and again: nothing lost, nothing doubled, and the same answers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use shelltrail_core::ObjectRef;
use shelltrail_ingest::source::{Queue, QueueAttributes};

use crate::support::emulator::{Emulator, Kind};
use crate::support::killing::{Dice, kill_at};
use crate::support::program::{ask, run, shelltrail, stored_sessions, worker};
use crate::support::world::{Route, Setup, World};

/// How often the worker is killed while there is work left, and how many transcripts that takes.
const WORKER_KILLS: u32 = 25;
const WORKER_SESSIONS: u32 = 400;
/// The same for backfills; of a folder and of a bucket together they are killed as often.
const FOLDER_KILLS: u32 = 13;
const BUCKET_KILLS: u32 = 12;
const BACKFILL_SESSIONS: u32 = 160;

/// What a transcript is called, where it lies and what it says.
fn transcript(number: u32) -> (String, String, String) {
    let session = format!("user{number}-{number:017x}");
    let account = 111_122_223_333u64 + 100_000_000_000 * u64::from(number % 5);
    let body = format!("$ echo marker-{number}\r\r\nmarker-{number}\r\r\n$ exit\r\r\n");
    (format!("ssm/{account}/{session}.log"), session, body.repeat(1 + number as usize % 7))
}

fn sessions(count: u32) -> Vec<String> {
    let mut expected: Vec<String> = (0..count).map(|number| transcript(number).1).collect();
    expected.sort();
    expected
}

/// The first kills hit the index in the making, the others anything.
fn moment(dice: &mut Dice, kills: u32, changes: u64) -> u64 {
    if kills < 5 { 1 + u64::from(kills) } else { 1 + dice.below(changes) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_twenty_five_times_loses_nothing_and_doubles_nothing() {
    let mut dice = Dice::new(1);
    // Many receives per message are the point here, so the dead-letter queue must be far away; what a
    // killed worker held comes back when its short visibility ends.
    let visibility = Duration::from_secs(10);
    let setup = Setup { max_receive_count: 1000, visibility, route: Route::None };
    let world = World::new(Emulator::shared(Kind::Ministack), setup).await;
    let mut objects = Vec::new();
    for number in 0..WORKER_SESSIONS {
        let (key, _, body) = transcript(number);
        objects.push((world.put(&key, body.as_bytes()).await, body.len()));
    }
    announce(&world, &mut dice, &objects).await;
    let expected = sessions(WORKER_SESSIONS);

    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("killed");
    let mut kills = 0;
    while kills < WORKER_KILLS {
        let mut command = worker(&world, &index);
        little_at_a_time(&mut command);
        let moment = moment(&mut dice, kills, 40);
        assert!(kill_at(&mut command, &index, moment), "the worker ended before change {moment}");
        kills += 1;
        let stored = assert_is_sound(&index, &expected);
        println!("kill {kills} at change {moment}: {stored} of {WORKER_SESSIONS} sessions are stored");
    }
    assert!(stored(&index).len() < expected.len(), "there was work left for every kill");
    let mut drained = run(worker(&world, &index).arg("--drain"));
    if drained.code == Some(3) {
        // Whoever died three times over one object must suspect it: it is listed, not lost, and tried again when asked.
        assert!(drained.err.contains("suspected_crash"), "{drained:#?}");
        announce(&world, &mut dice, &objects).await;
        drained = run(worker(&world, &index).arg("--drain"));
    }
    let drained = drained.exits(0);
    assert_eq!(stored(&index), expected, "{drained:#?}");
    for queue in [world.queue(), world.dead_letters()] {
        let QueueAttributes { visible, in_flight, delayed, .. } = queue.attributes().await.unwrap();
        assert_eq!((visible, in_flight, delayed), (0, 0, 0), "{drained:#?}");
    }

    // The same messages once more, to a worker that nobody disturbs.
    announce(&world, &mut dice, &objects).await;
    let calm = dir.path().join("calm");
    run(worker(&world, &calm).arg("--drain")).exits(0);
    assert_same_answers(&index, &calm);
}

/// One to three objects in a message, and some messages twice.
async fn announce(world: &World, dice: &mut Dice, objects: &[(ObjectRef, usize)]) {
    let mut left = objects;
    while !left.is_empty() {
        let (now, later) = left.split_at((1 + dice.below(3) as usize).min(left.len()));
        left = later;
        let records: Vec<Value> = now
            .iter()
            .map(|(object, size)| {
                serde_json::json!({
                    "eventVersion": "2.5", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                    "s3": {
                        "bucket": { "name": object.bucket },
                        "object": {
                            "key": object.key, "size": size, "eTag": object.etag,
                            "versionId": object.version, "sequencer": "00",
                        },
                    },
                })
            })
            .collect();
        let body = serde_json::json!({ "Records": records }).to_string();
        for _ in 0..1 + dice.below(8) / 7 {
            world.send(&body).await;
        }
    }
}

#[test]
fn a_backfill_of_a_folder_killed_thirteen_times_loses_nothing_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("bucket");
    for number in 0..BACKFILL_SESSIONS {
        let (key, _, body) = transcript(number);
        let path = source.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
    }
    let source = source.to_str().unwrap();
    let command = |index: &Path| {
        let mut command = shelltrail();
        command.args(["backfill", source, "--index"]).arg(index);
        command
    };
    kill_backfills(dir.path(), &command, FOLDER_KILLS, &mut Dice::new(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_of_a_bucket_killed_twelve_times_loses_nothing_and_doubles_nothing() {
    let world =
        World::new(Emulator::shared(Kind::Moto), Setup { route: Route::None, ..Setup::default() }).await;
    for number in 0..BACKFILL_SESSIONS {
        let (key, _, body) = transcript(number);
        world.put(&key, body.as_bytes()).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = format!("s3://{}/ssm/", world.bucket);
    let command = |index: &Path| {
        let mut command = shelltrail();
        world.configure(&mut command);
        command.args(["backfill", &source, "--index"]).arg(index);
        command
    };
    kill_backfills(dir.path(), &command, BUCKET_KILLS, &mut Dice::new(3));
}

fn kill_backfills(dir: &Path, backfill: &dyn Fn(&Path) -> Command, wanted: u32, dice: &mut Dice) {
    let expected = sessions(BACKFILL_SESSIONS);
    let index = dir.join("killed");
    for kills in 0..wanted {
        let mut command = backfill(&index);
        little_at_a_time(&mut command);
        let moment = moment(dice, kills, 60);
        assert!(kill_at(&mut command, &index, moment), "the backfill ended before change {moment}");
        let stored = assert_is_sound(&index, &expected);
        println!(
            "kill {} at change {moment}: {stored} of {BACKFILL_SESSIONS} sessions are stored",
            kills + 1
        );
    }
    let stored_before = stored(&index).len();
    assert!(stored_before > 0 && stored_before < expected.len(), "there was work left for every kill");
    assert_eq!(
        ask(&index, "search", &["marker"]).code,
        Some(3),
        "an answer says that a backfill did not end"
    );
    let mut ended = run(&mut backfill(&index));
    if ended.code == Some(3) {
        // The same as of a worker: it is listed, left alone by a repetition, and tried again when asked.
        let listed = shelltrail_index::failures::list(&index.join("failures")).unwrap().by_reason();
        assert_eq!(listed.keys().collect::<Vec<_>>(), ["suspected_crash"], "{ended:#?}");
        assert!(run(&mut backfill(&index)).exits(3).err.contains("suspected_crash"));
        ended = run(backfill(&index).arg("--retry-suspected"));
    }
    let ended = ended.exits(0);
    assert_eq!(stored(&index), expected, "{ended:#?}");
    let calm = dir.join("calm");
    run(&mut backfill(&calm)).exits(0);
    assert_same_answers(&index, &calm);
}

/// Commits of a few objects, so that there is work left for the next kill.
fn little_at_a_time(command: &mut Command) {
    command.envs([
        ("SHELLTRAIL_WORKER_MAX_HELD_MESSAGES", "10"),
        ("SHELLTRAIL_WORKER_MAX_FETCHES", "2"),
        ("SHELLTRAIL_WORKER_RECEIVERS", "1"),
        ("SHELLTRAIL_WORKER_BATCH_MIB", "0"),
        ("SHELLTRAIL_WORKER_COMMIT_MIB", "0"),
    ]);
}

/// Whenever the process dies, what is stored is a part of what there is, each once, and readable.
fn assert_is_sound(index: &Path, expected: &[String]) -> usize {
    let stored = stored(index);
    let once: BTreeSet<&String> = stored.iter().collect();
    assert_eq!(stored.len(), once.len(), "a session is stored twice");
    assert!(stored.iter().all(|session| expected.binary_search(session).is_ok()));
    stored.len()
}

fn stored(index: &Path) -> Vec<String> {
    if index.join("shelltrail.json").exists() { stored_sessions(index) } else { Vec::new() }
}

/// What one index answers the other answers, in the same order.
fn assert_same_answers(killed: &Path, calm: &Path) {
    for (verb, query) in [
        ("sessions", &["--format", "jsonl"][..]),
        ("search", &["marker", "--format", "jsonl", "--limit", "10000"]),
        ("search", &["cmd:exit", "--format", "jsonl", "--limit", "10000", "--account", "211122223333"]),
        ("search", &["\"marker-17\"", "--format", "jsonl"]),
        ("search", &["marker AND NOT cmd:exit", "-c"]),
    ] {
        let [killed, calm] = [killed, calm].map(|index| ask(index, verb, query).exits(0));
        assert!(!calm.out.trim().is_empty(), "{query:?}");
        assert!(killed.out == calm.out, "{verb} {query:?}: the answers differ");
    }
}
