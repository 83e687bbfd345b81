//! The process dies at every call, before and after its effect; a new process finishes the work.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use super::envelope::{self, SEALED};
use super::world::{BUCKET, World, config, key, secs};
use crate::fakes::{Call, Script, removed};
use crate::source::SourceErrorKind;
use crate::{Origin, PipelineConfig, Stop, backfill};

/// The steps of an object (shared spec, events, section 9) at which the process dies, before or after their effect:
/// every arrow between two of them. To verify and to decode change nothing outside the process, so that a death
/// there is one after the read; the index commit is the ledger's commit, too.
const ARROWS: [(Call, bool, &str); 13] = [
    (Call::Receive, false, "nothing received"),
    (Call::Receive, true, "receive -> claim"),
    (Call::Contains, true, "claim -> read"),
    (Call::Get, false, "claim -> read"),
    (Call::Get, true, "read -> verify -> decode"),
    (Call::Decrypt, true, "verify -> decode"),
    (Call::Build, false, "decode -> stage"),
    (Call::Build, true, "stage -> index durable"),
    (Call::Commit, false, "stage -> index durable"),
    (Call::Commit, true, "index and ledger durable -> delete"),
    (Call::RecordFailure, true, "dead letter durable -> delete"),
    (Call::Delete, false, "index and ledger durable -> delete"),
    (Call::Delete, true, "deleted, and nobody heard of it"),
];

/// A runtime of its own for every process: dropping it waits for blocking calls that still run.
fn process() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// A little of everything: several partitions, duplicates, many records, a failing object, a sealed one, a removal,
/// and a message that is none.
fn world() -> World {
    let world = World::with(|queue| queue.with_max_receive_count(40), |store| store.with_latency(secs(1)));
    let objects: Vec<_> = (1..5).map(|n| world.put(n * 110_000_000_000, &format!("user-{n}"))).collect();
    let data_key: Vec<u8> = (0..32).collect();
    world.keys.insert(envelope::WRAPPED, &envelope::context(), &data_key);
    let sealed = world.store.put_with(BUCKET, &sealed(), SEALED, &envelope::metadata());
    world.announce(&[&objects[0]]);
    world.announce(&[&objects[0]]);
    world.announce(&[&objects[1], &objects[2], &objects[0]]);
    world.announce(&[&objects[3]]);
    world.store.fail_key(&objects[3].key, SourceErrorKind::Denied, "access-denied", 1);
    world.announce(&[&sealed]);
    world.queue.send(removed(&objects[3]));
    world.queue.send("no notification");
    world
}

fn sealed() -> String {
    key(550_000_000_000, "sealed")
}

fn small() -> PipelineConfig {
    PipelineConfig { max_fetches: 2, max_held_messages: 3, drain: true, ..config() }
}

fn expected() -> Vec<String> {
    (1..5).map(|n| key(n * 110_000_000_000, &format!("user-{n}"))).chain([sealed()]).collect()
}

fn check(world: &World, what: &str) {
    assert_eq!(world.sink.keys(), expected(), "{what}");
    assert_eq!(world.sink.doubles(), 0, "{what}");
    assert!(world.queue.is_empty(), "{what}");
    assert!(world.queue.dead_letters().is_empty(), "{what}");
    let failures: Vec<String> = world.sink.failures().into_iter().map(|failure| failure.object.key).collect();
    assert_eq!(failures, ["sqs-message/message-6"], "{what}");
}

#[test]
fn a_crash_at_any_call_loses_and_doubles_nothing() {
    let calm = process().block_on(async {
        let world = world();
        world.drain(small()).await;
        check(&world, "without a crash");
        world.script.total()
    });
    assert!(calm > 30, "the story has {calm} calls");
    let mut crashes = Vec::new();
    for number in 0..calm + 10 {
        for after_effect in [false, true] {
            let what = format!("crash at call {number}, after its effect: {after_effect}");
            crashes.extend(crash(&what, |script| script.crash_at(number, after_effect)));
        }
    }
    assert!(crashes.len() as u64 >= 2 * (calm - 5), "{} crashes happened", crashes.len());
    // Which number a call has depends on threads.
    for (call, after, arrow) in ARROWS {
        let what = format!("{arrow}: {call:?}, after its effect: {after}");
        assert_eq!(crash(&what, |script| script.crash_on(call, after)), Some((call, after)), "{what}");
    }
}

/// Where the process died, if it came to the crash.
fn crash(what: &str, script: impl FnOnce(&Script)) -> Option<(Call, bool)> {
    let first = process();
    let (world, crashed) = first.block_on(async {
        let world = world();
        script(&world.script);
        let crashed = tokio::select! {
            biased;
            () = world.script.crashed() => world.script.crashed_at(),
            result = world.run(small(), Stop::never()) => {
                result.unwrap();
                None
            }
        };
        (world, crashed)
    });
    drop(first);
    let second = process();
    second.block_on(async {
        let world = world.restarted();
        world.queue.expire_all();
        world.drain(small()).await;
        check(&world, what);
    });
    crashed
}

#[test]
fn a_backfill_that_dies_at_any_call_is_finished_by_the_next() {
    // A backfill has no queue; everything else is the same.
    let only = [Call::Receive, Call::Delete];
    let arrows: BTreeSet<(Call, bool)> = ARROWS
        .iter()
        .map(|(call, after, _)| (*call, *after))
        .filter(|(call, _)| !only.contains(call))
        .collect();
    for number in 0.. {
        let died = [false, true].map(|after_effect| {
            let what = format!("crash at call {number}, after its effect: {after_effect}");
            crash_of_backfill(&what, |script| script.crash_at(number, after_effect)).is_some()
        });
        if died.contains(&false) {
            break;
        }
    }
    for (call, after) in arrows.into_iter().chain([(Call::List, true)]) {
        let what = format!("crash at {call:?}, after its effect: {after}");
        assert_eq!(crash_of_backfill(&what, |script| script.crash_on(call, after)), Some((call, after)));
    }
}

/// The same of a backfill.
fn crash_of_backfill(what: &str, script: impl FnOnce(&Script)) -> Option<(Call, bool)> {
    let first = process();
    let world = first.block_on(async {
        let world = world();
        world.store.put(BUCKET, &format!("{}.gz", key(1, "bad")), b"\x1f\x8b\x08\xff".to_vec());
        script(&world.script);
        tokio::select! {
            biased;
            () = world.script.crashed() => {}
            () = fill(&world) => {}
        }
        world
    });
    drop(first);
    let crashed = world.script.crashed_at();
    process().block_on(async {
        let world = world.restarted();
        fill(&world).await;
        assert_eq!(world.sink.keys(), expected(), "{what}");
        assert_eq!(world.sink.doubles(), 0, "{what}");
        let failures: Vec<String> = world.sink.failures().into_iter().map(|f| f.reason).collect();
        assert_eq!(failures, ["gzip-corrupt"], "{what}");
    });
    crashed
}

/// One backfill of the bucket, to its end.
async fn fill(world: &World) {
    let World { store, keys, sink, progress, .. } = world.clone();
    let origin = Origin::bucket(store, BUCKET, "");
    let config = PipelineConfig { batch_bytes: 60, commit_bytes: 100, ..small() };
    let summary = backfill(config, origin, keys, sink, Stop::never(), Arc::clone(&progress)).await.unwrap();
    assert!(summary.adds_up(), "{summary:#?}");
}

#[test]
fn dropping_the_future_at_any_time_is_as_safe_as_a_crash() {
    for millis in (0..4000).step_by(250) {
        let first = process();
        let world = first.block_on(async {
            let world = world();
            let limit = std::time::Duration::from_millis(millis);
            let _ = tokio::time::timeout(limit, world.run(small(), Stop::never())).await;
            world
        });
        drop(first);
        process().block_on(async {
            let world = world.restarted();
            world.queue.expire_all();
            world.drain(small()).await;
            check(&world, &format!("dropped after {millis} ms"));
        });
        assert!(world.script.count(Call::Delete) > 0);
    }
}
