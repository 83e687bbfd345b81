//! A listing instead of a queue: the same stages, the same promises.

mod folders;

use std::sync::Arc;

use async_trait::async_trait;
use shelltrail_core::ObjectRef;
use tokio::runtime::Builder;

use super::{
    Bookmark, Books, Census, Cursor, Listing, Missed, Origin, Page, Report, Selection, Tally, backfill,
    backfill_with_report,
};
use crate::fakes::{Call, MemoryStore};
use crate::pipeline::tests::envelope;
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
    assert_eq!((summary.seen, summary.indexed, summary.ignored), (10, 10, 0));
    assert_eq!(world.script.count(Call::List), 5, "pages of three, and an empty one");

    let reads = world.script.count(Call::Get);
    let again = world.restarted();
    let summary = start(&again, config(), Stop::never()).await.unwrap();
    assert_eq!((summary.seen, summary.already_indexed, summary.indexed), (10, 10, 0));
    assert_eq!(world.script.count(Call::Get), reads, "what is stored is not read again");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_is_not_allowed_is_not_read_by_a_backfill_either() {
    let world = world_of(3);
    let config = PipelineConfig { allowed_buckets: ["another".to_owned()].into(), ..config() };
    let summary = start(&world, config, Stop::never()).await.unwrap();
    assert_eq!((summary.seen, summary.failed_by_reason["bucket_not_allowed"]), (3, 3));
    assert_eq!(world.script.count(Call::Get), 0);
}

#[tokio::test(start_paused = true)]
async fn a_listing_may_begin_after_a_key() {
    let world = world_of(10);
    let World { keys, sink, progress, .. } = world.clone();
    let origin = origin(&world).resume(&Cursor::Key(key(220_000_000_000, "user-2"))).unwrap();
    let summary = backfill(config(), origin, keys, sink, Stop::never(), progress).await.unwrap();
    assert_eq!(summary.indexed, 1 + 2, "the rest of one account and all of the last");
}

#[tokio::test(start_paused = true)]
async fn given_objects_are_indexed_and_no_others() {
    let world = world_of(4);
    let listed = world.store.list(BUCKET, "ssm/", None).await.unwrap();
    let World { keys, sink, progress, .. } = world.clone();
    let origin = Origin::objects(Arc::clone(&world.store), listed);
    let summary = backfill(config(), origin, keys, sink, Stop::never(), progress).await.unwrap();
    assert_eq!((summary.seen, summary.indexed), (3, 3));
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
    world.store.fail_key(&key(0, "user-0"), SourceErrorKind::Denied, "access-denied", 2);
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
async fn an_index_that_cannot_be_written_is_waited_for() {
    let world = world_of(30);
    world.script.fail_next(Call::Commit, 3);
    let summary = start(&world, config(), Stop::never()).await.unwrap();
    assert_eq!((summary.indexed, summary.failed, summary.commit_failures), (30, 0, 3));
    assert_eq!(summary.breaker_openings, 1);
    assert!(world.sink.failures().is_empty());
}

#[tokio::test(start_paused = true)]
async fn patience_with_the_index_ends() {
    let world = world_of(30);
    world.script.fail_next(Call::Commit, 1000);
    let begun = tokio::time::Instant::now();
    let error = start(&world, config(), Stop::never()).await.unwrap_err();
    assert!(matches!(error, IngestError::Environment { reason: "index-commit", .. }), "{error:?}");
    assert!(begun.elapsed() >= secs(900) && begun.elapsed() < secs(1000), "{:?}", begun.elapsed());
    let summary = world.progress.summary();
    assert_eq!((summary.indexed, summary.failed), (0, 0), "{summary:?}");
    let summary = start(&world.restarted(), config(), Stop::never()).await.unwrap();
    assert_eq!(summary.indexed, 30);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_disabled_for_a_while_is_waited_for() {
    let world = world_of(60);
    world.store.deny_all("kms-key-disabled");
    let running = tokio::spawn({
        let world = world.clone();
        async move { start(&world, config(), Stop::never()).await }
    });
    tokio::time::sleep(secs(300)).await;
    assert!(matches!(world.progress.breaker(), crate::BreakerState::Open { reason: "kms-key-disabled", .. }));
    let reads = world.script.count(Call::Get);
    assert!(reads < 70, "{reads} reads");
    world.store.deny_none();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.failed, summary.breaker_openings), (60, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn objects_denied_for_good_are_listed_after_patience_and_the_others_indexed() {
    let world = world_of(0);
    for n in 0..40 {
        world.put(if n < 30 { 1 } else { 2 }, &format!("user-{n:02}"));
    }
    for n in 0..30 {
        world.store.fail_key(
            &key(1, &format!("user-{n:02}")),
            SourceErrorKind::Denied,
            "kms-key-deleted",
            10_000,
        );
    }
    let summary = start(&world, config(), Stop::never()).await.unwrap();
    assert_eq!((summary.indexed, summary.failed_by_reason["kms-key-deleted"]), (10, 30));
    assert_eq!(world.sink.failures().len(), 30);
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

#[derive(Debug, Default)]
struct Kept(std::sync::Mutex<Option<(Cursor, Tally)>>);

impl Bookmark for Kept {
    fn keep(&self, after: &Cursor, settled: &Tally) -> std::io::Result<()> {
        *self.0.lock().unwrap() = Some((after.clone(), *settled));
        Ok(())
    }
}

/// Runs with the place of the run before, if it kept one.
async fn go_on(world: &World, kept: &Arc<Kept>, versions: bool) -> Result<Report, IngestError> {
    let World { store, keys, sink, progress, .. } = world.clone();
    let mut origin = match versions {
        true => Origin::versions(store, BUCKET, "ssm/"),
        false => Origin::bucket(store, BUCKET, "ssm/"),
    };
    let place = kept.0.lock().unwrap().clone();
    if let Some((after, settled)) = place {
        origin = origin.resume(&after).unwrap().with_books(Arc::new(Books::new(settled)));
    }
    let small = PipelineConfig { max_fetches: 2, batch_bytes: 60, commit_bytes: 100, ..config() };
    let origin = origin.with_bookmark(Arc::clone(kept) as Arc<dyn Bookmark>);
    backfill_with_report(small, origin, keys, sink, Stop::never(), progress).await
}

#[test]
fn a_run_after_a_kill_goes_on_and_ends_with_the_account_of_one_run() {
    let process = || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut resumed = 0;
    for versions in [false, true] {
        for number in (0..130).step_by(2) {
            let (first, kept) = (process(), Arc::new(Kept::default()));
            let world = first.block_on(async {
                let world = world_of(10);
                // One that is not there, and one that is archived: both have their columns.
                world.store.fail_key(&key(0, "user-4"), SourceErrorKind::NotFound, "gone", 1000);
                world.store.set_storage_class(&key(110_000_000_000, "user-5"), "DEEP_ARCHIVE");
                world.script.crash_at(number, number % 4 == 0);
                tokio::select! {
                    biased;
                    () = world.script.crashed() => {}
                    _ = go_on(&world, &kept, versions) => {}
                }
                world
            });
            drop(first);
            let place = kept.0.lock().unwrap().clone();
            if let Some((_, settled)) = &place {
                resumed += 1;
                assert!(settled.adds_up() && settled.unstarted == 0, "{settled:?}");
            }
            process().block_on(async {
                let world = world.restarted();
                let report = go_on(&world, &kept, versions).await.unwrap();
                let tally = report.tally;
                assert!(report.ended && report.settled && tally.adds_up(), "{report:?}");
                let archived = u64::from(!versions);
                assert_eq!(
                    (tally.seen, tally.gone, tally.archived),
                    (10, 1, archived),
                    "crash at {number}: {tally:?}"
                );
                assert_eq!(tally.indexed + tally.already_indexed, 9 - archived);
                assert_eq!(world.sink.keys().len() as u64, 9 - archived, "crash at {number}");
                assert_eq!(world.sink.doubles(), 0);
            });
        }
    }
    assert!(resumed > 30, "{resumed} runs went on from a place");
}

#[tokio::test(start_paused = true)]
async fn the_place_never_passes_what_is_written_down_nowhere() {
    let world = world_of(9);
    let kept = Arc::new(Kept::default());
    let failing = key(110_000_000_000, "user-1");
    world.store.fail_key(&failing, SourceErrorKind::Denied, "access-denied", 1000);
    world.script.fail_next(Call::RecordFailure, 1000);
    let report = go_on(&world, &kept, false).await.unwrap();
    assert!(report.ended && !report.settled, "{report:?}");
    assert_eq!((report.tally.failed, report.tally.indexed), (1, 8));
    let place = kept.0.lock().unwrap().clone();
    assert!(place.is_none_or(|(after, _)| after < Cursor::Key(failing)));
    let again = world.restarted();
    let report = go_on(&again, &kept, false).await.unwrap();
    assert!(report.ended && report.settled && report.tally.adds_up(), "{report:?}");
    assert_eq!((report.tally.seen, report.tally.denied), (9, 1));
    assert_eq!((world.sink.keys().len(), world.sink.failures().len()), (8, 1));
}

#[tokio::test(start_paused = true)]
async fn every_object_has_its_column() {
    let world = world_of(8);
    world.store.fail_key(&key(0, "user-0"), SourceErrorKind::Denied, "s3-denied", 1000);
    world.store.fail_key(&key(110_000_000_000, "user-1"), SourceErrorKind::NotFound, "gone", 1);
    world.store.fail_key(&key(220_000_000_000, "user-2"), SourceErrorKind::Archived, "archived", 1);
    world.store.set_storage_class(&key(330_000_000_000, "user-3"), "GLACIER");
    world.store.fail_key(&key(0, "user-4"), SourceErrorKind::Invalid, "sse-c", 1);
    let kept = Arc::new(Kept::default());
    let tally = go_on(&world, &kept, false).await.unwrap().tally;
    let expected =
        Tally { seen: 8, indexed: 3, gone: 1, archived: 2, denied: 1, failed: 1, ..Tally::default() };
    assert_eq!(tally, expected);
    assert_eq!(world.store.reads(&key(330_000_000_000, "user-3")), 0, "it was not asked for");
    assert_eq!(world.sink.failures().len(), 4);
    assert_eq!(kept.0.lock().unwrap().clone().unwrap().1, expected, "all of it is settled");
}

#[tokio::test(start_paused = true)]
async fn limit_and_rate_bound_a_backfill() {
    let world = world_of(30);
    let begun = tokio::time::Instant::now();
    let selection = Selection { limit: Some(11), rate: std::num::NonZeroU32::new(2), ..Selection::default() };
    let World { keys, sink, progress, .. } = world.clone();
    let origin = origin(&world).select(selection);
    let report = backfill_with_report(config(), origin, keys, sink, Stop::never(), progress).await.unwrap();
    assert_eq!((report.tally.seen, report.tally.indexed, report.ended), (11, 11, true));
    assert!(begun.elapsed() >= secs(5), "the last of eleven begins after five seconds of the paused clock");
}

#[tokio::test(start_paused = true)]
async fn missed_are_objects_that_were_due_and_new() {
    let world = world_of(5);
    start(&world, config(), Stop::never()).await.unwrap();
    let late = world.put(0, "late");
    let again = world.restarted();
    let World { keys, sink, progress, .. } = again.clone();
    let (missed, census) = (Arc::new(Missed::new(jiff::Timestamp::now())), Arc::new(Census::default()));
    let origin = origin(&again).with_missed(Arc::clone(&missed)).with_census(Arc::clone(&census));
    backfill(config(), origin, keys, sink, Stop::never(), progress).await.unwrap();
    let (count, named) = missed.found();
    assert_eq!((count, &named[0].object.key), (1, &late.key));
    let other = ObjectRef { key: "ssm/never".into(), ..late.clone() };
    assert_eq!((census.has(&late), census.has(&other)), (Some(true), Some(false)));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_after_the_stop_is_left_for_a_later_run_and_no_failure() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(10)));
    for n in 0..6 {
        world.put(1, &format!("user-{n}"));
    }
    let (handle, stop) = Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        async move { start(&world, config(), stop).await }
    });
    tokio::time::sleep(secs(5)).await;
    handle.stop();
    world.sink.fill_disk(true);
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.failed, summary.unstarted), (0, 0, 6), "{summary:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_many_objects_that_fails_once_fails_none_of_them() {
    let world = world_of(1500);
    world.script.fail_next(Call::Commit, 1);
    let roomy = PipelineConfig { commit_age: secs(3600), ..config() };
    let summary = start(&world, roomy, Stop::never()).await.unwrap();
    assert_eq!((summary.commit_failures, summary.commits), (1, 1), "all of them share one commit");
    assert_eq!((summary.indexed, summary.failed), (1500, 0));
}

/// Names objects that must be restored first, and then fails.
#[derive(Debug)]
struct Ending(bool);

#[async_trait]
impl Listing for Ending {
    async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        if std::mem::replace(&mut self.0, true) {
            let (kind, reason) = (SourceErrorKind::Invalid, "list-unreadable");
            return Err(SourceError { kind, reason, action: "read".to_owned(), message: "no".to_owned() });
        }
        let listed = |n: u64| ListedObject {
            object: ObjectRef { bucket: Some(BUCKET.to_owned()), key: key(n, "old"), ..ObjectRef::default() },
            storage_class: Some("GLACIER".to_owned()),
            ..ListedObject::default()
        };
        Ok(Some(Page { objects: (0..10).map(listed).collect(), after: Cursor::Count(10) }))
    }

    fn resume(&mut self, _: &Cursor) -> Result<(), SourceError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_ends_with_an_error_abandons_nothing() {
    let World { store, keys, sink, progress, .. } = World::new();
    let origin = Origin::new(store, Box::new(Ending(false)));
    let result =
        backfill(config(), origin, keys, Arc::clone(&sink), Stop::never(), Arc::clone(&progress)).await;
    assert!(matches!(result, Err(IngestError::List(_))), "{result:?}");
    let summary = progress.summary();
    assert_eq!(summary.failed_by_reason, [("archived".to_owned(), 10)].into(), "{summary:#?}");
    assert_eq!(sink.failures().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_key_service_that_fails_for_a_while_is_asked_again() {
    for (failures, indexed) in [(3, 1), (4, 0)] {
        let world = World::new();
        let data_key: Vec<u8> = (0..32).collect();
        world.keys.insert(envelope::WRAPPED, &envelope::context(), &data_key);
        world.store.put_with(BUCKET, &key(1, "sealed"), envelope::SEALED, &envelope::metadata());
        world.script.fail_next(Call::Decrypt, failures);
        let summary = start(&world, config(), Stop::never()).await.unwrap();
        assert_eq!((summary.indexed, summary.failed), (indexed, 1 - indexed), "{failures} times");
        assert_eq!(world.store.reads(&key(1, "sealed")), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_that_could_not_be_read_once_is_asked_again() {
    let world = world_of(5);
    world.script.fail_next(Call::Contains, 2);
    let summary = start(&world, config(), Stop::never()).await.unwrap();
    assert_eq!((summary.indexed, summary.failed), (5, 0), "{summary:#?}");
}
