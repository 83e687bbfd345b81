//! Objects that end the process leave no error behind; marks of their starts tell them from their neighbours.

use tokio::runtime::{Builder, Runtime};

use super::world::{BUCKET, World, config, key, secs};
use crate::fakes::Call;
use crate::{PipelineConfig, Stop, Summary};

fn process() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Runs processes until one lives to see the queue empty; tells how many died, and what the last one did.
fn run_until_alive(world: World, config: &PipelineConfig) -> (usize, World, Summary) {
    let mut world = world;
    for died in 0..20 {
        let runtime = process();
        let (summary, after) = runtime.block_on(async {
            let world = world.restarted();
            world.queue.expire_all();
            let config = PipelineConfig { drain: true, ..config.clone() };
            let summary = tokio::select! {
                biased;
                () = world.script.crashed() => None,
                result = world.run(config, Stop::never()) => Some(result.unwrap()),
            };
            (summary, world)
        });
        drop(runtime);
        world = after;
        if let Some(summary) = summary {
            return (died, world, summary);
        }
    }
    panic!("the processes die for ever");
}

fn world() -> World {
    process().block_on(async {
        let world = World::with(|queue| queue.with_max_receive_count(10), |store| store);
        for n in 0..10 {
            world.add(1, &format!("user-{n}"));
        }
        world
    })
}

fn slow() -> World {
    process().block_on(async { World::with(|queue| queue, |store| store.with_latency(secs(5))) })
}

/// Processes that end while everything is being read, one after the other.
fn die_while_reading(world: World, times: usize) -> World {
    let mut world = world;
    for _ in 0..times {
        let runtime = process();
        world = runtime.block_on(async {
            let world = world.restarted();
            world.queue.expire_all();
            let _ = tokio::time::timeout(secs(3), world.run(config(), Stop::never())).await;
            world
        });
        drop(runtime);
    }
    world
}

#[test]
fn what_ends_the_process_again_and_again_is_recorded_and_its_neighbours_are_indexed() {
    let world = world();
    world.sink.die_on(&key(1, "user-4"));
    let (died, world, summary) = run_until_alive(world, &config());
    assert_eq!(died, 3, "beside others, beside others and marked, alone");
    assert_eq!(summary.failed_by_reason["suspected_crash"], 1);
    let failures = world.sink.failures();
    assert_eq!((failures.len(), failures[0].object.key.as_str()), (1, key(1, "user-4").as_str()));
    assert!(failures[0].message.is_some());
    assert_eq!(world.sink.keys().len(), 9);
    assert!(world.queue.is_empty() && world.queue.dead_letters().is_empty());
    assert_eq!(world.sink.marked(), 0);
}

#[test]
fn a_first_receive_is_not_marked_and_what_ends_well_leaves_no_mark() {
    let world = world();
    let (died, world, summary) = run_until_alive(world, &config());
    assert_eq!((died, summary.indexed), (0, 10));
    assert_eq!(world.script.count(crate::fakes::Call::NoteStart), 0);
    process().block_on(async {
        for n in 0..5 {
            let object = world.add(2, &format!("slow-{n}"));
            world.store.fail_key(&object.key, crate::source::SourceErrorKind::Throttled, "throttled-s3", 2);
        }
        let summary = world.restarted().drain(config()).await;
        assert_eq!((summary.indexed, summary.retried), (5, 10));
        assert!(world.script.count(crate::fakes::Call::NoteStart) >= 10);
        assert_eq!(world.sink.marked(), 0);
    });
}

#[test]
fn a_suspect_may_be_no_larger_than_a_quarter_of_the_limit() {
    let world = slow();
    process().block_on(async {
        for (name, bytes) in [("large", 30_000), ("small", 10_000)] {
            let object = world.store.put(BUCKET, &key(1, name), vec![b'x'; bytes]);
            world.queue.send(crate::fakes::created(&[(object, bytes as u64)]));
        }
    });
    let world = die_while_reading(world, 2);
    let config = PipelineConfig { max_object_bytes: 100_000, ..config() };
    let (_, world, summary) = run_until_alive(world, &config);
    let failures = world.sink.failures();
    assert_eq!((failures.len(), summary.indexed), (1, 1));
    assert_eq!(failures[0].reason, "suspected_crash");
    assert!(failures[0].detail.contains("25000"), "{failures:?}");
    assert_eq!((world.sink.keys(), world.sink.marked()), (vec![key(1, "small")], 0));
}

#[test]
fn one_that_is_worked_on_alone_waits_for_the_others() {
    let world = slow();
    process().block_on(async {
        for n in 0..6 {
            world.add(1, &format!("user-{n}"));
        }
    });
    let world = die_while_reading(world, 2);
    assert_eq!(world.sink.marked(), 6, "all were begun for the second time");
    process().block_on(async {
        let world = world.restarted();
        world.queue.expire_all();
        let begun = tokio::time::Instant::now();
        let summary = world.drain(config()).await;
        assert_eq!((summary.indexed, summary.failed), (6, 0));
        assert!(begun.elapsed() >= secs(30), "one after the other: {:?}", begun.elapsed());
    });
}

#[test]
fn a_suspect_stays_one_until_that_is_written_down() {
    let world = world();
    world.sink.die_on(&key(1, "user-4"));
    let (mut world, mut died) = (world, 0);
    let summary = loop {
        let runtime = process();
        let (summary, after) = runtime.block_on(async {
            let world = world.restarted();
            world.queue.expire_all();
            world.script.fail_next(Call::RecordFailure, 2);
            let summary = tokio::select! {
                biased;
                () = world.script.crashed() => None,
                result = world.run(PipelineConfig { drain: true, ..config() }, Stop::never()) => Some(result.unwrap()),
            };
            (summary, world)
        });
        drop(runtime);
        world = after;
        match summary {
            Some(summary) => break summary,
            None => died += 1,
        }
        assert!(died < 20, "the processes die for ever");
    };
    assert_eq!(died, 3, "it is not begun again only because its failure could not be written down");
    assert_eq!((summary.failed_by_reason["suspected_crash"], summary.retried), (1, 2));
    assert_eq!((world.sink.failures().len(), world.sink.marked()), (1, 0));
}
