//! A stop: nothing new, what was begun is finished, the rest is given back at once.

use tokio::time::Instant;

use super::world::{World, config, secs};
use crate::{PipelineConfig, Stop};

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_finished_and_the_rest_given_back() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(60)));
    for n in 0..30 {
        world.add(1, &format!("user-{n}"));
    }
    let (handle, stop) = Stop::new();
    let config = PipelineConfig { max_fetches: 4, stop_grace: secs(60), ..config() };
    let running = tokio::spawn({
        let world = world.clone();
        async move { world.run(config, stop).await }
    });
    tokio::time::sleep(secs(5)).await;
    let stopped_at = Instant::now();
    handle.stop();
    tokio::time::sleep(secs(3)).await;
    assert_eq!(world.queue.visible(), 26, "all but the four begun can be received by others at once");
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.deleted), (4, 4));
    assert_eq!((summary.unstarted, summary.lost), (summary.released, 0));
    assert_eq!(world.queue.len(), 26);
    assert!(stopped_at.elapsed() < secs(60), "{:?}", stopped_at.elapsed());
    let zeros = world.queue.visibility_changes().iter().filter(|hidden| hidden.is_zero()).count();
    assert_eq!(zeros as u64, summary.released);

    let summary = world.restarted().drain(config_for_the_rest()).await;
    assert_eq!(summary.indexed, 26);
}

fn config_for_the_rest() -> PipelineConfig {
    config()
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_an_idle_pipeline_soon() {
    let world = World::new();
    let (handle, stop) = Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        async move { world.run(config(), stop).await }
    });
    tokio::time::sleep(secs(5)).await;
    let stopped_at = Instant::now();
    handle.stop();
    running.await.unwrap().unwrap();
    assert!(stopped_at.elapsed() <= secs(3), "{:?}", stopped_at.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_start_receives_nothing() {
    let world = World::new();
    world.add(1, "user");
    let (handle, stop) = Stop::new();
    handle.stop();
    let summary = world.run(config(), stop).await.unwrap();
    assert_eq!(summary.indexed, 0);
    assert_eq!(world.queue.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_with_begun_and_unbegun_objects_is_given_back() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(60)));
    let objects: Vec<_> = (0..6).map(|n| world.put(1, &format!("user-{n}"))).collect();
    world.announce(&objects.iter().collect::<Vec<_>>());
    let (handle, stop) = Stop::new();
    let config_of_two = PipelineConfig { max_fetches: 2, stop_grace: secs(60), ..config() };
    let running = tokio::spawn({
        let world = world.clone();
        async move { world.run(config_of_two, stop).await }
    });
    tokio::time::sleep(secs(5)).await;
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.unstarted), (2, 4));
    assert_eq!((summary.deleted, summary.released), (0, 1));
    let summary = world.restarted().drain(config()).await;
    assert_eq!((summary.indexed, summary.already_indexed, summary.deleted), (4, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_read_within_the_grace_is_given_back_and_what_is_read_is_committed() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(60)));
    for n in 0..8 {
        world.add(1, &format!("user-{n}"));
    }
    let (handle, stop) = Stop::new();
    let config = PipelineConfig { max_fetches: 4, commit_age: secs(3600), ..config() };
    let running = tokio::spawn({
        let world = world.clone();
        async move { world.run(config, stop).await }
    });
    // Four are read and wait for their commit, four are being read.
    tokio::time::sleep(secs(70)).await;
    let stopped_at = Instant::now();
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert!(stopped_at.elapsed() < secs(35), "{:?}", stopped_at.elapsed());
    assert_eq!((summary.indexed, summary.deleted), (4, 4));
    assert_eq!((summary.unstarted, summary.released, summary.lost), (4, 4, 0));
    assert_eq!(world.queue.visible(), 4, "others can receive them at once");
    assert_eq!(world.restarted().drain(self::config()).await.indexed, 4);
}

#[tokio::test(start_paused = true)]
async fn without_grace_nothing_more_is_read() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(60)));
    world.add(1, "user");
    let (handle, stop) = Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        let config = PipelineConfig { stop_grace: secs(0), ..config() };
        async move { world.run(config, stop).await }
    });
    tokio::time::sleep(secs(5)).await;
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.unstarted, world.queue.visible()), (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_after_the_stop_is_given_back() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(60)));
    for n in 0..8 {
        world.add(1, &format!("user-{n}"));
    }
    let (handle, stop) = Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        let config = PipelineConfig { stop_grace: secs(60), ..config() };
        async move { world.run(config, stop).await }
    });
    tokio::time::sleep(secs(5)).await;
    handle.stop();
    // The breaker opens when nobody is left to probe for it.
    world.sink.fill_disk(true);
    let ended = tokio::time::timeout(secs(600), running).await.expect("it ends");
    let summary = ended.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.failed, summary.lost), (0, 0, 0));
    assert_eq!(world.queue.visible(), 8, "others can receive them at once");
}
