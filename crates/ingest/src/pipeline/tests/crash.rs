//! The process dies at every call, before and after its effect; a new process finishes the work.

use tokio::runtime::{Builder, Runtime};

use super::world::{World, config, key, secs};
use crate::fakes::{Call, removed};
use crate::source::SourceErrorKind;
use crate::{PipelineConfig, Stop};

/// A runtime of its own for every process: dropping it waits for blocking calls that still run.
fn process() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// A little of everything: several partitions, duplicates, many records, a failing object, a removal.
fn world() -> World {
    let world = World::with(|queue| queue.with_max_receive_count(40), |store| store.with_latency(secs(1)));
    let objects: Vec<_> = (1..5).map(|n| world.put(n * 110_000_000_000, &format!("user-{n}"))).collect();
    world.announce(&[&objects[0]]);
    world.announce(&[&objects[0]]);
    world.announce(&[&objects[1], &objects[2], &objects[0]]);
    world.announce(&[&objects[3]]);
    world.store.fail_key(&objects[3].key, SourceErrorKind::Denied, "access-denied", 1);
    world.queue.send(removed(&objects[3]));
    world
}

fn small() -> PipelineConfig {
    PipelineConfig { max_fetches: 2, max_held_messages: 3, drain: true, ..config() }
}

fn expected() -> Vec<String> {
    (1..5).map(|n| key(n * 110_000_000_000, &format!("user-{n}"))).collect()
}

fn check(world: &World, what: &str) {
    assert_eq!(world.sink.keys(), expected(), "{what}");
    assert_eq!(world.sink.doubles(), 0, "{what}");
    assert!(world.queue.is_empty(), "{what}");
    assert!(world.queue.dead_letters().is_empty(), "{what}");
    assert!(world.sink.failures().is_empty(), "{what}");
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
    let mut crashes = 0;
    for number in 0..calm + 10 {
        for after_effect in [false, true] {
            crashes += u64::from(crash_at(number, after_effect));
        }
    }
    assert!(crashes >= 2 * (calm - 5), "{crashes} crashes happened");
}

/// Whether there were so many calls that it came to the crash.
fn crash_at(number: u64, after_effect: bool) -> bool {
    let what = format!("crash at call {number}, after its effect: {after_effect}");
    let first = process();
    let (world, crashed) = first.block_on(async {
        let world = world();
        world.script.crash_at(number, after_effect);
        let crashed = tokio::select! {
            biased;
            () = world.script.crashed() => true,
            result = world.run(small(), Stop::never()) => {
                result.unwrap();
                false
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
        check(&world, &what);
    });
    crashed
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
