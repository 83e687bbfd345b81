//! What fails because of the world around the pipeline is not held against an object.

use tokio::task::JoinHandle;

use super::world::{World, config, key, secs};
use crate::fakes::Call;
use crate::source::SourceErrorKind;
use crate::{BreakerState, IngestError, PipelineConfig, Stop, StopHandle, Summary};

/// Runs a worker that does not end by itself.
fn start(world: &World, config: PipelineConfig) -> (StopHandle, JoinHandle<Result<Summary, IngestError>>) {
    let (handle, stop) = Stop::new();
    let world = world.clone();
    (handle, tokio::spawn(async move { world.run(config, stop).await }))
}

async fn until_empty(world: &World) {
    while !world.queue.is_empty() {
        tokio::time::sleep(secs(1)).await;
    }
}

fn reason_of(world: &World) -> Option<&'static str> {
    match world.progress.breaker() {
        BreakerState::Closed => None,
        BreakerState::Open { reason, .. } | BreakerState::Probing { reason, .. } => Some(reason),
    }
}

/// A hundred objects of several accounts.
fn world() -> World {
    let world = World::with(|queue| queue.with_max_receive_count(10), |store| store);
    for n in 0..100 {
        world.add(n % 5 * 110_000_000_000, &format!("user-{n:03}"));
    }
    world
}

#[tokio::test(start_paused = true)]
async fn a_key_disabled_for_all_burns_no_receive_counts_and_loses_nothing() {
    for (kind, reason) in [
        (SourceErrorKind::Denied, "kms-key-disabled"),
        (SourceErrorKind::Denied, "credentials"),
        (SourceErrorKind::Timeout, "connection"),
    ] {
        let world = world();
        world.store.fail_all(kind, reason);
        let (handle, running) = start(&world, config());
        tokio::time::sleep(secs(60)).await;
        assert_eq!(reason_of(&world), Some(reason));
        let reads = world.script.count(Call::Get);
        // A day later nothing has moved but the probes.
        tokio::time::sleep(secs(24 * 3600)).await;
        let probes = world.script.count(Call::Get) - reads;
        assert!((250..400).contains(&probes), "{reason}: {probes} probes, one in 300 s");
        let counts = world.queue.receive_counts();
        assert!(counts.iter().all(|count| *count <= 6), "{reason}: {counts:?}");
        assert!(counts.iter().filter(|count| **count > 0).count() < 60, "{reason}: {counts:?}");
        assert!(world.sink.failures().is_empty() && world.queue.dead_letters().is_empty());
        world.store.deny_none();
        until_empty(&world).await;
        assert_eq!((reason_of(&world), world.sink.keys().len()), (None, 100), "{reason}");
        handle.stop();
        let summary = running.await.unwrap().unwrap();
        assert_eq!((summary.indexed, summary.failed, summary.breaker_openings), (100, 0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn one_denied_object_among_many_is_only_listed() {
    let world = world();
    let denied = key(0, "user-005");
    world.store.fail_key(&denied, SourceErrorKind::Denied, "s3-denied", 1000);
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.failed, summary.breaker_openings), (99, 1, 0));
    assert_eq!(world.sink.failures()[0].object.key, denied);
    assert!(world.queue.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_for() {
    let world = world();
    world.sink.fill_disk(true);
    let (handle, running) = start(&world, config());
    tokio::time::sleep(secs(3600)).await;
    assert_eq!(reason_of(&world), Some("disk-full"));
    let counts = world.queue.receive_counts();
    assert!(counts.iter().all(|count| *count <= 2), "{counts:?}");
    assert_eq!(world.queue.visible(), 95, "all but the probes are given back");
    world.sink.fill_disk(false);
    until_empty(&world).await;
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.failed, reason_of(&world)), (100, 0, None));
}

#[tokio::test(start_paused = true)]
async fn a_drain_has_patience_and_then_gives_up() {
    let world = world();
    world.sink.fill_disk(true);
    let config = PipelineConfig { drain: true, breaker_patience: secs(60), ..config() };
    let error = world.run(config, Stop::never()).await.unwrap_err();
    assert!(matches!(error, IngestError::Environment { reason: "disk-full", .. }), "{error:?}");
    let summary = world.progress.summary();
    assert_eq!((world.queue.len(), summary.deleted, summary.lost), (100, 0, 0));
    assert_eq!(world.queue.visible(), 100, "given back");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_be_written_down_is_given_back() {
    let world = World::new();
    world.queue.send("not json");
    world.script.fail_next(Call::RecordFailure, 2);
    let summary = world.drain(config()).await;
    assert_eq!((summary.retried, summary.released), (2, 2));
    assert_eq!((summary.failed_by_reason["not_json"], summary.deleted), (1, 1));
    assert_eq!(world.sink.failures()[0].attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_alone_cannot_be_written_fails_for_good_in_the_end() {
    let world = World::new();
    for n in 0..20 {
        world.add(1, &format!("user-{n:02}"));
    }
    world.sink.refuse(&key(1, "user-07"));
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.failed_by_reason["index-build"]), (19, 1), "{summary:#?}");
    assert_eq!(world.sink.failures()[0].object.key, key(1, "user-07"));
    assert_eq!(
        (summary.breaker_openings, summary.retried),
        (0, 9),
        "it comes again until its attempts are used up"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_the_probes_back() {
    let world = world();
    world.store.deny_all("kms-key-disabled");
    let (handle, running) = start(&world, config());
    tokio::time::sleep(secs(100)).await;
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.failed, summary.lost), (0, 0, 0));
    assert_eq!((world.queue.len(), world.queue.visible()), (100, 100));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_finds_no_room_lets_the_kept_ones_probe() {
    for max_held_messages in 1..=6 {
        let world = World::new();
        world.sink.fill_disk(true);
        let (handle, running) = start(&world, PipelineConfig { max_held_messages, ..config() });
        // One after the other: each is received as a probe and kept, until all that may be held is kept.
        for n in 0..20 {
            world.add(1, &format!("user-{n:02}"));
            tokio::time::sleep(secs(1000)).await;
        }
        assert_eq!(reason_of(&world), Some("disk-full"));
        world.sink.fill_disk(false);
        let emptied = tokio::time::timeout(secs(24 * 3600), until_empty(&world)).await;
        assert!(emptied.is_ok(), "stuck with {max_held_messages} held: {:#?}", world.progress);
        handle.stop();
        let summary = running.await.unwrap().unwrap();
        assert_eq!((summary.indexed, summary.breaker_openings), (20, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stored_object_shows_that_the_index_can_be_read_again() {
    let world = world();
    world.drain(config()).await;
    let world = world.restarted();
    for n in 0..100 {
        world.add(n % 5 * 110_000_000_000, &format!("user-{n:03}"));
    }
    world.script.fail_next(Call::Contains, 11);
    let begun = tokio::time::Instant::now();
    // One after the other, so that the failures come before all that succeeds.
    let summary = world.drain(PipelineConfig { max_fetches: 1, ..config() }).await;
    assert_eq!((summary.already_indexed, summary.breaker_openings), (100, 1));
    assert!(begun.elapsed() < secs(60), "not probe by probe: {:?}", begun.elapsed());
}
