//! Objects that end the process leave no error behind; marks of their starts tell them from their neighbours.

use std::path::Path;
use std::sync::Arc;

use shelltrail_core::TranscriptId;
use tokio::runtime::{Builder, Runtime};

use super::world::{BUCKET, World, config, key, secs};
use crate::breaker::Breaker;
use crate::fakes::{Call, MemorySink, Script};
use crate::folder::tests::Folder;
use crate::record::Recorder;
use crate::source::ObjectStore;
use crate::{LocalFolder, Origin, PipelineConfig, Progress, Stop, Summary, TarArchive, backfill};

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

#[test]
fn a_start_for_which_nobody_waits_any_more_is_taken_back() {
    for waits in [true, false] {
        let sink = Arc::new(MemorySink::new(Script::new()));
        let progress = Arc::new(Progress::new());
        let breaker = Breaker::new(Arc::clone(&progress));
        let recorder = Recorder::new(Arc::new(config()), Arc::clone(&sink), progress, breaker);
        let waiting = Arc::new(());
        let seen = Arc::downgrade(&waiting);
        let waiting = waits.then_some(waiting);
        recorder.note_start_for(&TranscriptId::of_object("b", "k", "e"), 2, &seen).unwrap();
        assert_eq!(sink.marked(), usize::from(waits), "a stop ended the waiting: {}", !waits);
        drop(waiting);
    }
}

/// Runs backfills until one lives to see the end; tells how many died, and what the last one did.
fn backfill_until_alive<S: ObjectStore + ?Sized>(
    world: World,
    config: &PipelineConfig,
    origin: impl Fn(&World) -> Origin<S>,
) -> (usize, World, Summary) {
    let mut world = world;
    for died in 0..20 {
        let runtime = process();
        let (summary, after) = runtime.block_on(async {
            let world = world.restarted();
            let World { keys, sink, progress, .. } = world.clone();
            let running = backfill(config.clone(), origin(&world), keys, sink, Stop::never(), progress);
            let summary = tokio::select! {
                biased;
                () = world.script.crashed() => None,
                result = running => Some(result.unwrap()),
            };
            (summary, world)
        });
        drop(runtime);
        world = after;
        if let Some(summary) = summary {
            assert!(summary.adds_up(), "{summary:#?}");
            assert_eq!(world.sink.doubles(), 0);
            return (died, world, summary);
        }
    }
    panic!("the processes die for ever");
}

/// A backfill meets an object that ends the process: it is listed, the others are indexed, later backfills leave it alone
/// until somebody asks for it.
fn one_kills_and_nine_live<S: ObjectStore + ?Sized>(
    world: World,
    deadly: &str,
    origin: impl Fn(&World) -> Origin<S>,
) {
    world.sink.die_on(deadly);
    let (died, world, summary) = backfill_until_alive(world, &config(), &origin);
    assert_eq!(died, 3, "beside others, beside others, alone");
    assert_eq!((summary.seen, summary.failed_by_reason["suspected_crash"]), (10, 1));
    let failures = world.sink.failures();
    assert_eq!((failures.len(), failures[0].object.key.as_str()), (1, deadly));
    assert_eq!((world.sink.keys().len(), world.sink.marked()), (9, 1), "the suspect is remembered");
    for _ in 0..2 {
        let (died, _, summary) = backfill_until_alive(world.clone(), &config(), &origin);
        assert_eq!((died, summary.failed, summary.already_indexed), (0, 1, 9), "it is not begun again");
    }
    let again = PipelineConfig { retry_suspected: true, ..config() };
    let (died, world, summary) = backfill_until_alive_once(world, &again, &origin);
    assert!(died && summary.is_none(), "it is begun again because somebody asked for it");
    world.sink.spare(deadly);
    let (died, world, summary) = backfill_until_alive(world, &again, &origin);
    assert_eq!((died, summary.indexed, summary.already_indexed), (0, 1, 9));
    assert_eq!((world.sink.failures().len(), world.sink.marked()), (0, 0));
}

fn backfill_until_alive_once<S: ObjectStore + ?Sized>(
    world: World,
    config: &PipelineConfig,
    origin: impl Fn(&World) -> Origin<S>,
) -> (bool, World, Option<Summary>) {
    let runtime = process();
    runtime.block_on(async {
        let world = world.restarted();
        let World { keys, sink, progress, .. } = world.clone();
        let running = backfill(config.clone(), origin(&world), keys, sink, Stop::never(), progress);
        let summary = tokio::select! {
            biased;
            () = world.script.crashed() => None,
            result = running => Some(result.unwrap()),
        };
        (summary.is_none(), world, summary)
    })
}

#[test]
fn what_ends_a_backfill_of_a_bucket_again_and_again_is_listed_and_the_rest_is_indexed() {
    let world = process().block_on(async {
        let world = World::new();
        for n in 0..10 {
            world.put(1, &format!("user-{n}"));
        }
        world
    });
    let origin = |world: &World| Origin::bucket(Arc::clone(&world.store), BUCKET, "ssm/");
    one_kills_and_nine_live(world, &key(1, "user-4"), origin);
}

#[test]
fn what_waits_for_its_batch_is_no_suspect() {
    let world = process().block_on(async {
        let world = World::new();
        for n in 0..10 {
            world.put(1, &format!("user-{n}"));
        }
        world
    });
    world.sink.die_on(&key(1, "user-4"));
    let origin = |world: &World| Origin::bucket(Arc::clone(&world.store), BUCKET, "ssm/");
    let (died, world, _) = backfill_until_alive_once(world, &config(), origin);
    assert!(died);
    assert_eq!(world.sink.marked(), 1, "nine were read and waited, or were parsed already");
}

fn ten_files(folder: &Folder) {
    for n in 0..10 {
        folder.write(&format!("ssm/{n}.log"), format!("$ echo {n}\r\n{n}\r\n").as_bytes());
    }
}

#[test]
fn what_ends_a_backfill_of_a_folder_again_and_again_is_listed_and_the_rest_is_indexed() {
    let folder = Folder::new("suspects");
    ten_files(&folder);
    let origin = |_: &World| Origin::folder(LocalFolder::new(folder.path()));
    one_kills_and_nine_live(process().block_on(async { World::new() }), "ssm/4.log", origin);
}

fn tar_of(folder: &Path, at: &Path) {
    let mut tar = tar::Builder::new(std::fs::File::create(at).unwrap());
    tar.append_dir_all(".", folder).unwrap();
    tar.finish().unwrap();
}

#[test]
fn what_ends_a_backfill_of_a_tar_again_and_again_is_listed_and_the_rest_is_indexed() {
    let (folder, beside) = (Folder::new("suspects"), tempfile::tempdir().unwrap());
    ten_files(&folder);
    let path = beside.path().join("bucket.tar");
    tar_of(folder.path(), &path);
    let origin = |_: &World| {
        let archive = TarArchive::new(&path);
        let entries = archive.entries(true, config().max_object_bytes);
        Origin::new(Arc::new(archive), entries)
    };
    one_kills_and_nine_live(process().block_on(async { World::new() }), "ssm/4.log", origin);
}

#[test]
fn a_suspect_that_is_not_read_makes_room_for_the_rest_of_a_tar() {
    let (folder, beside) = (Folder::new("suspects"), tempfile::tempdir().unwrap());
    // Each fills the shelf by itself.
    for n in 0..3 {
        let text = format!("$ echo {n}\r\n").repeat(2_000_000);
        folder.write(&format!("{n}.log"), text.as_bytes());
    }
    let path = beside.path().join("bucket.tar");
    tar_of(folder.path(), &path);
    let world = process().block_on(async { World::new() });
    let suspect = TranscriptId::of_object("", "0.log", "");
    for _ in 0..3 {
        shelltrail_core::sink::RecordSink::note_start_of_backfill(&*world.sink, &suspect).unwrap();
        world.script.recover();
    }
    let origin = |_: &World| {
        let archive = TarArchive::new(&path);
        let entries = archive.entries(true, config().max_object_bytes);
        Origin::new(Arc::new(archive), entries)
    };
    let (died, _, summary) = backfill_until_alive(world, &config(), origin);
    assert_eq!((died, summary.indexed, summary.failed_by_reason["suspected_crash"]), (0, 2, 1));
}

#[test]
fn backfills_that_are_killed_make_no_suspect_of_what_was_done() {
    let world = slow();
    process().block_on(async {
        for n in 0..6 {
            world.put(1, &format!("user-{n}"));
        }
    });
    let origin = |world: &World| Origin::bucket(Arc::clone(&world.store), BUCKET, "ssm/");
    let mut world = world;
    for kills in 1..=2 {
        let runtime = process();
        world = runtime.block_on(async {
            let world = world.restarted();
            let World { keys, sink, progress, .. } = world.clone();
            let running = backfill(config(), origin(&world), keys, sink, Stop::never(), progress);
            let _ = tokio::time::timeout(secs(3), running).await;
            world
        });
        drop(runtime);
        assert_eq!(world.sink.marked(), 6, "kill {kills}: all were being read");
    }
    process().block_on(async {
        let world = world.restarted();
        let begun = tokio::time::Instant::now();
        let World { keys, sink, progress, .. } = world.clone();
        let summary = backfill(config(), origin(&world), keys, sink, Stop::never(), progress).await.unwrap();
        assert_eq!((summary.indexed, summary.failed, world.sink.marked()), (6, 0, 0));
        assert!(begun.elapsed() >= secs(30), "one after the other: {:?}", begun.elapsed());
    });
}
