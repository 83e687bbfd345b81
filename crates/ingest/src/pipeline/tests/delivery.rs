//! What is deleted, when, and what a second delivery does.

use tokio::time::Instant;

use super::world::{BUCKET, World, config, key, secs};
use crate::fakes::{Call, created, removed};
use crate::source::SourceErrorKind;
use crate::{PipelineConfig, Stop};

#[tokio::test(start_paused = true)]
async fn messages_become_sessions_and_are_deleted() {
    let world = World::new();
    for n in 0..25 {
        world.add(111_122_223_333 + n * 10_000_000_000, &format!("user-{n}"));
    }
    let summary = world.drain(config()).await;
    assert_eq!(world.sink.keys().len(), 25);
    assert!(world.queue.is_empty());
    assert_eq!((summary.received, summary.deleted, summary.indexed), (25, 25, 25));
    assert_eq!((summary.released, summary.lost, summary.failed), (0, 0, 0));
    assert!(summary.bytes_clear > 0 && summary.bytes_clear == summary.bytes_stored);
    assert_eq!(world.queue.most_asked(), 10);
    assert_eq!(world.progress.in_flight_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_after_the_work_is_not_even_read() {
    let world = World::new();
    let object = world.add(1, "user");
    world.drain(config()).await;
    world.announce(&[&object]);
    world.announce(&[&object, &object]);
    let summary = world.restarted().drain(config()).await;
    assert_eq!((summary.already_indexed, summary.indexed, summary.deleted), (3, 0, 2));
    assert_eq!(world.store.reads(&object.key), 1);
    assert_eq!(world.sink.keys().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_during_the_work_waits_for_it() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(3)));
    let object = world.put(1, "user");
    for _ in 0..4 {
        world.announce(&[&object]);
    }
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.already_indexed, summary.deleted), (1, 3, 4));
    assert_eq!(world.store.reads(&object.key), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_failure_waits_on() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(1)));
    let object = world.put(1, "user");
    world.announce(&[&object]);
    world.announce(&[&object]);
    world.script.fail_next(Call::Commit, 1);
    let summary = world.drain(config()).await;
    assert_eq!(
        (summary.retried, summary.released),
        (2, 2),
        "one failed round gives back what was in it, and whoever waits for it"
    );
    assert_eq!((summary.indexed, summary.already_indexed, summary.deleted), (1, 1, 2));
    assert_eq!(summary.commit_failures, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_before_the_commit() {
    let world = World::new();
    world.add(1, "user");
    world.script.fail_next(Call::Commit, 2);
    let summary = world.drain(config()).await;
    assert_eq!((summary.commit_failures, summary.received, summary.indexed), (2, 3, 1));
    assert_eq!(world.script.count(Call::Delete), 1, "no delete was tried for the failed commits");
    assert_eq!(world.sink.keys(), [key(1, "user")]);
}

#[tokio::test(start_paused = true)]
async fn a_message_waits_for_all_its_objects() {
    let world = World::with(|queue| queue.with_max_receive_count(3), |store| store);
    let (good, bad) = (world.put(1, "good"), world.put(1, "bad"));
    world.store.fail_key(&bad.key, SourceErrorKind::Denied, "access-denied", 100);
    world.announce(&[&good, &bad]);
    let summary = world.drain(config()).await;
    assert_eq!(world.sink.keys(), [key(1, "good")], "one failing record does not stop the rest");
    assert!(world.queue.is_empty() && world.queue.dead_letters().is_empty());
    assert_eq!((summary.deleted, summary.released), (1, 1), "deleted once the failure is written down");
    assert_eq!((summary.indexed, summary.already_indexed, summary.retried), (1, 1, 1));
    assert_eq!(summary.failed_by_reason["access-denied"], 1);
    let failures = world.sink.failures();
    assert_eq!((failures.len(), failures[0].attempts), (1, 2), "before the queue moves it away");
    assert_eq!(failures[0].object, bad);
}

#[tokio::test(start_paused = true)]
async fn nothing_asked_for_is_deleted_and_counted() {
    let world = World::new();
    let object = world.put(1, "user");
    world.queue.send(r#"{"Event":"s3:TestEvent","Bucket":"transcripts"}"#);
    world.queue.send(r#"{"Records":[]}"#);
    world.queue.send(removed(&object));
    world.queue.send(created(&[(world.put(1, "x.instruction"), 1)]));
    let filtered = PipelineConfig { key_prefixes: vec!["ssm/".to_owned()], ..config() };
    world.queue.send(created(&[(world.store.put(BUCKET, "other/a.log", "x"), 1)]));
    let summary = world.drain(filtered).await;
    assert_eq!((summary.deleted, summary.received, summary.removed), (5, 5, 1));
    assert_eq!(summary.ignored + summary.indexed, 4);
    assert_eq!(world.store.reads("other/a.log"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_commit_comes_by_age_without_further_input() {
    let world = World::new();
    let first = world.add(1, "first");
    let (handle, stop) = Stop::new();
    let begun = Instant::now();
    let running = tokio::spawn({
        let world = world.clone();
        // Something arrives all the time, so the queue is never idle.
        async move { world.run(config(), stop).await }
    });
    let mut n = 0;
    while world.sink.commits() == 0 {
        n += 1;
        world.add(1, &format!("other-{n}"));
        tokio::time::sleep(secs(1)).await;
    }
    let waited = begun.elapsed();
    assert!(waited >= secs(30) && waited < secs(33), "{waited:?}");
    assert!(world.sink.keys().contains(&first.key));
    handle.stop();
    running.await.unwrap().unwrap();
    assert!(world.queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_idle_queue_brings_the_commit_forward() {
    let world = World::new();
    world.add(1, "user");
    let (handle, stop) = Stop::new();
    let begun = Instant::now();
    let running = tokio::spawn({
        let world = world.clone();
        let config = PipelineConfig { commit_age: secs(3600), ..config() };
        async move { world.run(config, stop).await }
    });
    while !world.queue.is_empty() {
        tokio::time::sleep(secs(1)).await;
    }
    assert!(begun.elapsed() < secs(25), "{:?}", begun.elapsed());
    handle.stop();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn running_out_of_places_for_messages_brings_the_commit_forward() {
    let world = World::new();
    for n in 0..60 {
        world.add(1, &format!("user-{n}"));
    }
    let begun = Instant::now();
    let config = PipelineConfig { max_held_messages: 5, commit_age: secs(3600), ..config() };
    let summary = world.drain(config).await;
    assert_eq!(summary.indexed, 60);
    assert!(world.queue.most_asked() <= 5);
    assert!(summary.commits >= 12);
    assert!(begun.elapsed() < secs(60), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn batches_are_built_by_partition_and_size() {
    let world = World::new();
    for n in 0..40 {
        let account = if n % 2 == 0 { 111_111_111_111 } else { 222_222_222_222 };
        let object = world.store.put(BUCKET, &key(account, &format!("user-{n}")), vec![b'x'; 1000 + n]);
        world.announce(&[&object]);
    }
    let config = PipelineConfig { batch_bytes: 5000, ..config() };
    let summary = world.drain(config).await;
    assert_eq!(summary.indexed, 40);
    let batches = world.sink.batches();
    assert!(batches.iter().all(|sessions| *sessions <= 5), "{batches:?}");
    assert!(batches.len() >= 8 && batches.len() <= 12, "{batches:?}");
    assert!(summary.commits <= 3, "built batches wait for one commit");
}

#[tokio::test(start_paused = true)]
async fn built_bytes_bring_a_commit() {
    let world = World::new();
    for n in 0..40 {
        let object = world.store.put(BUCKET, &key(1, &format!("user-{n}")), vec![b'x'; 1000 + n]);
        world.announce(&[&object]);
    }
    let config = PipelineConfig { batch_bytes: 1, commit_bytes: 10_000, ..config() };
    let summary = world.drain(config).await;
    assert!(summary.commits >= 3, "{} commits", summary.commits);
}

/// A record of a subscription with one event of the agent.
fn record(account: &str, session: &str, command: &str) -> String {
    let message = format!(
        r#"{{"eventVersion":"1.0","eventTime":"2026-11-20T21:02:14Z","sessionId":"{session}","sessionData":["$ {command}"]}}"#
    );
    let message = message.replace('"', "\\\"");
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"{account}","logStream":"{session}","logEvents":[{{"id":"1","timestamp":1795208534000,"message":"{message}"}}]}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn an_object_with_sessions_of_two_accounts_is_stored_once_and_as_a_whole() {
    let world = World::new();
    let body = [
        record("111122223333", "alice-05ba181f37a0fb8d2", "id"),
        record("444455556666", "bob-05ba181f37a0fb8d2", "whoami"),
        record("111122223333", "carol-05ba181f37a0fb8d2", "date"),
    ];
    // One key names no account, the other one that is not that of all sessions.
    let keys = ["firehose/2026/11/20/21/a-1-2026", "ssm/111122223333/firehose-1-2026"];
    for (n, key) in keys.into_iter().enumerate() {
        let world = if n == 0 { world.clone() } else { world.restarted() };
        let object = world.store.put(BUCKET, key, body.concat());
        world.announce(&[&object]);
        world.script.fail_next(Call::Commit, 1);
        let summary = world.drain(config()).await;
        assert_eq!((summary.indexed, summary.commit_failures, summary.records), (1, 1, 3));
        world.announce(&[&object]);
        let summary = world.restarted().drain(config()).await;
        assert_eq!((summary.already_indexed, summary.indexed), (1, 0));
        assert_eq!(world.store.reads(key), 2, "only the first delivery and the one after the failed commit");
    }
    let sessions = world.sink.sessions();
    assert_eq!(sessions.len(), 6);
    for (account, wanted) in [("111122223333", 4), ("444455556666", 2)] {
        let of = |session: &&shelltrail_core::Session| session.account.unwrap().as_str() == account;
        assert_eq!(sessions.iter().filter(of).count(), wanted);
    }
    assert!(world.sink.partitions().iter().all(|name| name.as_str() == "unplaced"));
    assert_eq!(world.sink.batches(), [3, 3, 3, 3], "each build holds the object as a whole");
}
