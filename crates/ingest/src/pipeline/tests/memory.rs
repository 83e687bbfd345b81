//! The byte budget holds back what comes in.

use std::time::Duration;

use super::world::{BUCKET, World, config, key, secs};
use crate::{PipelineConfig, Stop};

const KIB: u64 = 1024;

fn small() -> PipelineConfig {
    PipelineConfig {
        in_flight_bytes: 256 * KIB,
        max_object_bytes: 512 * KIB,
        batch_bytes: 10_000 * KIB,
        commit_age: secs(3600),
        ..config()
    }
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_not_exceeded_by_what_is_announced() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(1)));
    for n in 0..60u64 {
        let body = vec![b'x'; (n as usize % 7 + 1) * 10_000];
        let object = world.store.put(BUCKET, &key(n * 10_000_000_000, &format!("user-{n}")), body.clone());
        world.queue.send(crate::fakes::created(&[(object, body.len() as u64)]));
    }
    let summary = world.drain(small()).await;
    assert_eq!(summary.indexed, 60);
    assert!(summary.peak_in_flight_bytes <= 256 * KIB, "{}", summary.peak_in_flight_bytes);
    assert!(summary.peak_in_flight_bytes > 128 * KIB, "the test fills the budget");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_announcement_does_not_exceed_the_budget_either() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(1)));
    for n in 0..20u64 {
        let object = world.store.put(BUCKET, &key(n, &format!("user-{n}")), vec![b'x'; 100_000]);
        world.queue.send(crate::fakes::created(&[(object, 1)]));
    }
    let summary = world.drain(PipelineConfig { max_object_bytes: 128 * KIB, ..small() }).await;
    assert_eq!(summary.indexed, 20);
    assert!(summary.peak_in_flight_bytes <= 256 * KIB, "{}", summary.peak_in_flight_bytes);
}

#[tokio::test(start_paused = true)]
async fn one_object_larger_than_the_budget_passes_alone_and_soon() {
    let world = World::new();
    let add = |name: &str, bytes: usize| {
        let object = world.store.put(BUCKET, &key(1, name), vec![b'x'; bytes]);
        world.queue.send(crate::fakes::created(&[(object, bytes as u64)]));
    };
    for n in 0..4 {
        add(&format!("small-{n}"), 20_000);
    }
    let (handle, stop) = Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        let config = PipelineConfig { receive_wait: secs(1000), ..small() };
        async move { world.run(config, stop).await }
    });
    tokio::time::sleep(secs(5)).await;
    assert_eq!((world.progress.in_flight_bytes(), world.sink.batches().len()), (80_000, 0));
    add("large", 400 * 1024);
    tokio::time::sleep(secs(5)).await;
    assert_eq!(world.store.reads(&key(1, "large")), 1, "the small ones were built for its sake");
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.indexed, summary.peak_in_flight_bytes), (5, 400 * KIB));
}

#[tokio::test(start_paused = true)]
async fn half_a_budget_of_waiting_transcripts_is_built_at_once() {
    let world = World::new();
    for n in 0..7u64 {
        let object = world.store.put(BUCKET, &key(1, &format!("user-{n}")), vec![b'x'; 20_000]);
        world.queue.send(crate::fakes::created(&[(object, 20_000)]));
    }
    let (handle, stop) = Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        let config = PipelineConfig { receive_wait: secs(1000), ..small() };
        async move { world.run(config, stop).await }
    });
    tokio::time::sleep(secs(5)).await;
    assert_eq!((world.sink.batches(), world.sink.commits()), (vec![7], 0));
    assert_eq!(world.progress.in_flight_bytes(), 0, "what is built needs no memory");
    handle.stop();
    assert_eq!(running.await.unwrap().unwrap().indexed, 7);
}

#[tokio::test(start_paused = true)]
async fn one_object_over_the_limit_is_a_failure() {
    let world = World::with(|queue| queue.with_max_receive_count(1), |store| store);
    let object = world.store.put(BUCKET, &key(1, "large"), vec![b'x'; 600 * 1024]);
    world.queue.send(crate::fakes::created(&[(object, 600 * KIB)]));
    let summary = world.drain(small()).await;
    assert_eq!(summary.failed_by_reason["too-large"], 1);
}

#[tokio::test(start_paused = true)]
async fn inflated_bytes_count_and_stay_within_the_stated_bound() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(1)));
    for n in 0..16u64 {
        let body = zeros_in_gzip(n as u32);
        let object = world.store.put(BUCKET, &key(n, &format!("user-{n}.gz")), body.clone());
        world.queue.send(crate::fakes::created(&[(object, body.len() as u64)]));
    }
    world.sink.slow_down_builds(Duration::from_millis(60));
    let config = PipelineConfig { max_object_bytes: 320 * KIB, ..small() };
    let bound = config.in_flight_bytes + config.workers as u64 * config.max_object_bytes;
    let summary = world.drain(config).await;
    assert_eq!((summary.indexed, summary.failed), (16, 0));
    assert!(summary.bytes_clear > 100 * summary.bytes_stored);
    assert!(summary.peak_in_flight_bytes <= bound, "{}", summary.peak_in_flight_bytes);
    assert!(summary.peak_in_flight_bytes > 256 * KIB, "the test grows beyond the announced sizes");
}

/// 300 KiB of one letter in a few hundred bytes of gzip (RFC 1952), made with zlib 1.3: the deflate stream
/// is nearly all zeros. The number goes where the time belongs, so that each differs.
pub(crate) fn zeros_in_gzip(number: u32) -> Vec<u8> {
    let mut body = endless_gzip(number, 296);
    body.extend(*b"\xc0\x9f\x01");
    body.extend(*b"\xb6\x12\x6a\x20\x00\xb0\x04\x00");
    body
}

/// The same without an end: each byte beyond the first is 1,032 letters.
pub(super) fn endless_gzip(number: u32, bytes: usize) -> Vec<u8> {
    let mut body = vec![0x1f, 0x8b, 8, 0];
    body.extend(number.to_le_bytes());
    body.extend([2, 255]);
    body.extend(*b"\xed\xc1\x01\x0d\x00\x00\x00\xc2\xa0\xac\xef\x5f\xc2\x1c\x6e\x40\x01");
    body.resize(body.len() + bytes, 0);
    body
}
