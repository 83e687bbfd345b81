//! Heartbeats, lost leases, failed deletes.

use std::time::Duration;

use super::world::{World, config, secs};
use crate::PipelineConfig;
use crate::fakes::Call;
use crate::source::SourceErrorKind;

#[tokio::test(start_paused = true)]
async fn a_message_stays_hidden_as_long_as_the_work_takes() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(600)));
    for n in 0..12 {
        world.add(1, &format!("user-{n}"));
    }
    let summary = world.drain(config()).await;
    assert_eq!((summary.received, summary.indexed, summary.leases_lost), (12, 12, 0));
    // 600 s with an extension every 7.5 to 10 s.
    let extensions = world.queue.visibility_changes();
    assert!(extensions.len() >= 12 * 50 && extensions.len() <= 12 * 90, "{}", extensions.len());
    assert!(extensions.iter().all(|hidden| *hidden == secs(30)));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waits_for_its_commit_stays_hidden() {
    let world = World::new();
    world.add(1, "user");
    let config = PipelineConfig { commit_age: secs(300), receive_wait: secs(1000), drain: false, ..config() };
    let (handle, stop) = crate::Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        async move { world.run(config, stop).await }
    });
    tokio::time::sleep(secs(290)).await;
    assert_eq!((world.sink.commits(), world.queue.visible()), (0, 0));
    tokio::time::sleep(secs(20)).await;
    assert_eq!((world.sink.commits(), world.queue.len()), (1, 0));
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.received, summary.deleted), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn failing_heartbeats_are_repeated_in_time() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(100)));
    world.add(1, "user");
    world.script.fail_next(Call::ChangeVisibility, 5);
    let summary = world.drain(config()).await;
    assert_eq!((summary.received, summary.leases_lost), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_is_not_extended_and_nothing_is_doubled() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(100)));
    world.add(1, "user");
    tokio::spawn({
        let queue = world.queue.clone();
        async move {
            tokio::time::sleep(secs(20)).await;
            queue.expire_all();
        }
    });
    let summary = world.drain(config()).await;
    // The message is received again while the first receipt is still worked on.
    assert_eq!((summary.received, summary.deleted, summary.lost), (2, 1, 1));
    assert_eq!((summary.indexed, summary.already_indexed), (1, 1));
    assert_eq!(summary.leases_lost, 1);
    assert_eq!(world.script.count(Call::Get), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_cannot_be_held_for_more_than_twelve_hours() {
    let world = World::with(|queue| queue.with_visibility(secs(3600)), |store| store);
    let world = World { store: World::with(|q| q, |s| s.with_latency(secs(50_000))).store, ..world };
    let object = world.put(1, "user");
    world.announce(&[&object]);
    let (handle, stop) = crate::Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        let config = PipelineConfig { stop_grace: secs(10_000), ..config() };
        async move { world.run(config, stop).await }
    });
    tokio::time::sleep(secs(43_100)).await;
    let changes = world.queue.visibility_changes();
    let last = changes.last().unwrap();
    assert!(*last < secs(3600), "the last extension ends within the twelve hours: {last:?}");
    tokio::time::sleep(secs(1_000)).await;
    assert_eq!(world.progress.summary().leases_lost, 1, "given up at the end of the twelve hours");
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!(summary.indexed, 1, "the work is finished all the same");
    assert_eq!((summary.received, summary.deleted, summary.lost), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failing_delete_is_repeated_and_then_left_to_the_next_delivery() {
    let world = World::new();
    world.add(1, "user");
    world.script.fail_next(Call::Delete, 3);
    let summary = world.drain(config()).await;
    assert_eq!((summary.received, summary.deleted), (1, 1));

    let world = World::new();
    world.add(1, "user");
    world.script.fail_next(Call::Delete, 5);
    let summary = world.drain(config()).await;
    assert_eq!((summary.received, summary.lost, summary.deleted), (2, 1, 1));
    assert_eq!((summary.indexed, summary.already_indexed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_worked_but_was_not_heard_of_is_lost_only_in_the_counts() {
    let world = World::new();
    world.add(1, "user");
    world.script.fail_next_after_effect(Call::Delete, 1);
    let summary = world.drain(config()).await;
    assert!(world.queue.is_empty());
    assert_eq!((summary.received, summary.deleted, summary.lost), (1, 0, 1));
    assert_eq!(world.sink.keys().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_release_never_crosses_an_extension() {
    for quarters in 24..48 {
        let latency = Duration::from_millis(quarters * 250);
        let world =
            World::with(|queue| queue.with_change_latency(secs(2)), |store| store.with_latency(latency));
        let object = world.add(1, "user");
        world.store.fail_key(&object.key, SourceErrorKind::Throttled, "throttled-s3", 1);
        let running = tokio::spawn({
            let world = world.clone();
            async move { world.drain(config()).await }
        });
        while world.progress.summary().released == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Longer than a change takes, shorter than until the message comes again and is extended.
        tokio::time::sleep(secs(3)).await;
        let last = *world.queue.visibility_changes().last().unwrap();
        assert!(last <= secs(5), "the release has the last word: {last:?}");
        let summary = running.await.unwrap();
        assert_eq!((summary.released, summary.leases_lost, summary.indexed), (1, 0, 1));
        assert_eq!(world.queue.overlapping_changes(), 0, "a read of {latency:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_leases_are_kept_over_a_slow_line() {
    let world = World::with(
        |queue| queue.with_change_latency(Duration::from_millis(300)),
        |store| store.with_latency(secs(60)),
    );
    let config = PipelineConfig { max_fetches: 1000, receivers: 4, ..config() };
    for n in 0..1000 {
        world.add(1, &format!("user-{n}"));
    }
    let summary = world.drain(config).await;
    assert_eq!((summary.indexed, summary.received, summary.leases_lost), (1000, 1000, 0));
}
