//! A busy account does not keep the others waiting.

use tokio::time::Instant;

use super::world::{World, config, secs};
use crate::fakes::created;
use crate::{PipelineConfig, Stop};

#[tokio::test(start_paused = true)]
async fn a_thousand_objects_of_one_account_do_not_delay_five_of_another() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(1)));
    world.add(222_222_222_222, "earlier");
    for n in 0..1000 {
        world.add(111_111_111_111, &format!("busy-{n:04}"));
    }
    for n in 0..5 {
        world.add(222_222_222_222, &format!("quiet-{n}"));
    }
    let (handle, stop) = Stop::new();
    let begun = Instant::now();
    let running = tokio::spawn({
        let world = world.clone();
        let config = PipelineConfig { commit_age: secs(2), ..config() };
        async move { world.run(config, stop).await }
    });
    let quiet = |world: &World| world.sink.keys().iter().filter(|key| key.contains("quiet")).count();
    while quiet(&world) < 5 {
        tokio::time::sleep(secs(1)).await;
    }
    let (waited, busy) = (begun.elapsed(), world.sink.keys().len() - 6);
    assert!(waited < secs(10), "{waited:?}");
    assert!(busy < 200, "{busy} objects of the busy account went first");
    while !world.queue.is_empty() {
        tokio::time::sleep(secs(1)).await;
    }
    // Half of the slots were left to others only while others waited.
    assert!(begun.elapsed() < secs(80), "{:?}", begun.elapsed());
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.released), (1006, 0));
}

#[tokio::test(start_paused = true)]
async fn one_account_alone_has_no_more_held_than_can_be_begun_soon() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(60)));
    for n in 0..500 {
        world.add(1, &format!("user-{n}"));
    }
    let (handle, stop) = Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        async move { world.run(config(), stop).await }
    });
    tokio::time::sleep(secs(30)).await;
    let held = world.queue.len() - world.queue.visible();
    // Sixteen are read, sixteen wait for them, and what one receive brings.
    assert!((32..=16 + 16 + 10 + 10).contains(&held), "{held}");
    handle.stop();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn announced_sizes_that_no_object_can_have_disturb_nobody() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(1)));
    for n in 0..40 {
        let object = world.put(n % 2, &format!("user-{n:02}"));
        world.queue.send(created(&[(object, u64::MAX)]));
    }
    let begun = Instant::now();
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.deleted), (40, 40));
    assert!(begun.elapsed() < secs(3600), "{:?}", begun.elapsed());
}
