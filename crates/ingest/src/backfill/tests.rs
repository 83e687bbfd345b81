//! A listing instead of a queue: the same stages, the same promises.

use std::sync::Arc;

use async_trait::async_trait;
use shelltrail_core::ObjectRef;
use tokio::runtime::Builder;

use super::{Origin, backfill};
use crate::fakes::{Call, MemoryStore};
use crate::pipeline::tests::world::{BUCKET, World, config, key, secs};
use crate::source::{ListedObject, ObjectStore, SourceError, SourceErrorKind, StoredObject};
use crate::{IngestError, LocalFolder, PipelineConfig, Progress, Stop, Summary};

fn world_of(objects: u64) -> World {
    let world = World::new();
    for n in 0..objects {
        world.put(n % 4 * 110_000_000_000, &format!("user-{n}"));
    }
    world
}

fn origin(world: &World) -> Origin<MemoryStore> {
    Origin::bucket(Arc::clone(&world.store), BUCKET, "ssm/")
}

async fn start(world: &World, config: PipelineConfig, stop: Stop) -> Result<Summary, IngestError> {
    let World { keys, sink, progress, .. } = world.clone();
    let result = backfill(config, origin(world), keys, sink, stop, progress).await;
    let summary = world.progress.summary();
    assert!(summary.adds_up(), "{summary:#?}");
    assert_eq!((world.sink.doubles(), summary.received, summary.retried), (0, 0, 0));
    result
}

#[tokio::test(start_paused = true)]
async fn everything_below_the_prefix_is_indexed_once() {
    let world = world_of(10);
    world.store.put(BUCKET, "other/a.log", "x");
    world.store.put(BUCKET, "ssm/a.log.instruction", "x");
    let summary = start(&world, config(), Stop::never()).await.unwrap();
    assert_eq!((summary.seen, summary.indexed, summary.ignored), (11, 10, 1));
    assert_eq!(world.script.count(Call::List), 5, "pages of three, and an empty one");

    let reads = world.script.count(Call::Get);
    let again = world.restarted();
    let summary = start(&again, config(), Stop::never()).await.unwrap();
    assert_eq!((summary.seen, summary.already_indexed, summary.indexed), (11, 10, 0));
    assert_eq!(world.script.count(Call::Get), reads, "what is stored is not read again");
}

#[tokio::test(start_paused = true)]
async fn a_listing_may_begin_after_a_key() {
    let world = world_of(10);
    let World { keys, sink, progress, .. } = world.clone();
    let origin = origin(&world).start_after(key(220_000_000_000, "user-2"));
    let summary = backfill(config(), origin, keys, sink, Stop::never(), progress).await.unwrap();
    assert_eq!(summary.indexed, 1 + 2, "the rest of one account and all of the last");
}

#[tokio::test(start_paused = true)]
async fn worker_and_backfill_share_their_identities() {
    let world = world_of(6);
    start(&world, config(), Stop::never()).await.unwrap();
    let worker = world.restarted();
    for n in 0..6 {
        worker.add(n % 4 * 110_000_000_000, &format!("user-{n}"));
    }
    let summary = worker.drain(config()).await;
    assert_eq!((summary.already_indexed, summary.indexed), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn failures_are_recorded_listed_and_counted() {
    let world = world_of(6);
    world.store.fail_key(&key(0, "user-0"), SourceErrorKind::Denied, "access-denied", 1);
    world.store.fail_key(&key(110_000_000_000, "user-1"), SourceErrorKind::NotFound, "gone", 1);
    world.store.fail_key(&key(220_000_000_000, "user-2"), SourceErrorKind::Throttled, "throttled-s3", 3);
    world.store.fail_key(&key(330_000_000_000, "user-3"), SourceErrorKind::Throttled, "throttled-s3", 4);
    let summary = start(&world, config(), Stop::never()).await.unwrap();
    assert_eq!((summary.indexed, summary.gone, summary.failed), (3, 1, 2));
    assert_eq!(summary.failed_by_reason["access-denied"], 1);
    assert_eq!(summary.failed_by_reason["throttled-s3"], 1, "after four attempts");
    let mut listed = summary.failures.clone();
    listed.sort_by(|a, b| a.object.cmp(&b.object));
    assert_eq!(listed.len(), 2);
    assert_eq!(listed, world.sink.failures());
    assert!(listed.iter().all(|failure| failure.attempts == 0));

    let again = world.restarted();
    let summary = start(&again, config(), Stop::never()).await.unwrap();
    assert_eq!((summary.indexed, summary.already_indexed, summary.failed), (3, 3, 0));
    assert!(world.sink.failures().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_commit_is_a_failure_of_its_objects() {
    let world = world_of(3);
    world.script.fail_next(Call::Commit, 1);
    let summary = start(&world, config(), Stop::never()).await.unwrap();
    assert_eq!(summary.failed_by_reason["commit"], 3);
    assert_eq!(world.sink.failures().len(), 3);
    let summary = start(&world.restarted(), config(), Stop::never()).await.unwrap();
    assert_eq!(summary.indexed, 3);
    assert!(world.sink.failures().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_fails_is_repeated_and_then_an_error() {
    let world = world_of(5);
    world.script.fail_next(Call::List, 3);
    assert_eq!(start(&world, config(), Stop::never()).await.unwrap().indexed, 5);
    let world = world_of(5);
    world.script.fail_next(Call::List, 4);
    assert!(matches!(start(&world, config(), Stop::never()).await, Err(IngestError::List(_))));
}

/// Lists one page for ever.
#[derive(Debug)]
struct GoingRound(MemoryStore);

#[async_trait]
impl ObjectStore for GoingRound {
    async fn get(&self, object: &ObjectRef, max_bytes: u64) -> Result<StoredObject, SourceError> {
        self.0.get(object, max_bytes).await
    }

    async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        _: Option<&str>,
    ) -> Result<Vec<ListedObject>, SourceError> {
        self.0.list(bucket, prefix, None).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_goes_round_is_an_error() {
    let World { script, keys, sink, progress, .. } = World::new();
    let store = GoingRound(MemoryStore::new(script));
    store.0.put(BUCKET, "a.log", "x");
    let origin = Origin::bucket(Arc::new(store), BUCKET, "");
    let result = backfill(config(), origin, keys, sink, Stop::never(), Arc::clone(&progress)).await;
    assert!(matches!(result, Err(IngestError::List(_))), "{result:?}");
    assert_eq!(progress.summary().indexed, 1, "what was begun is finished");
}

#[tokio::test(start_paused = true)]
async fn a_stop_finishes_what_was_begun() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(10)));
    for n in 0..60 {
        world.put(1, &format!("user-{n:02}"));
    }
    let (handle, stop) = Stop::new();
    let config_of_four = PipelineConfig { max_fetches: 4, ..config() };
    let running = tokio::spawn({
        let world = world.clone();
        async move { start(&world, config_of_four, stop).await }
    });
    tokio::time::sleep(secs(15)).await;
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!(summary.indexed, 8);
    assert!(summary.unstarted > 0 && summary.seen < 60, "{summary:?}");
    let summary = start(&world.restarted(), config(), Stop::never()).await.unwrap();
    assert_eq!((summary.indexed, summary.already_indexed), (52, 8));
}

#[test]
fn a_crash_at_any_call_loses_and_doubles_nothing() {
    let process = || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let small = || PipelineConfig { max_fetches: 2, batch_bytes: 60, commit_bytes: 100, ..config() };
    let mut crashes = 0;
    for number in 0..60 {
        for after_effect in [false, true] {
            let first = process();
            let (world, crashed) = first.block_on(async {
                let world = world_of(7);
                world.script.crash_at(number, after_effect);
                let crashed = tokio::select! {
                    biased;
                    () = world.script.crashed() => true,
                    result = start(&world, small(), Stop::never()) => result.is_err(),
                };
                (world, crashed)
            });
            drop(first);
            crashes += u64::from(crashed);
            process().block_on(async {
                let world = world.restarted();
                let summary = start(&world, small(), Stop::never()).await.unwrap();
                assert_eq!(world.sink.keys().len(), 7, "crash at {number}, {after_effect}");
                assert_eq!(summary.indexed + summary.already_indexed, 7);
                assert!(world.sink.failures().is_empty());
            });
        }
    }
    assert!(crashes > 50, "{crashes} crashes happened");
}

#[tokio::test]
async fn a_folder_is_indexed_once() {
    let root = crate::folder::tests::Folder::new("backfill");
    for (name, text) in [("111122223333/a.log", "one"), ("b/c.log", "two"), ("b/d.log", "one")] {
        root.write(name, text.as_bytes());
    }
    let world = World::new();
    for indexed in [3, 0] {
        let World { keys, sink, .. } = world.clone();
        let origin = Origin::folder(LocalFolder::new(root.path()));
        let progress = Arc::new(Progress::new());
        let summary = backfill(config(), origin, keys, sink, Stop::never(), progress).await.unwrap();
        assert!(summary.adds_up());
        assert_eq!((summary.indexed, summary.already_indexed), (indexed, 3 - indexed));
    }
    assert_eq!(world.sink.keys(), ["111122223333/a.log", "b/c.log", "b/d.log"]);
    let accounts = world.sink.sessions().iter().filter(|session| session.account.is_some()).count();
    assert_eq!(accounts, 1);
}
