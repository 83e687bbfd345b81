//! Random schedules of work and faults.

use std::time::Duration;

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::world::{World, config, secs};
use crate::PipelineConfig;

/// How one schedule is made up; proptest prints it when it fails.
#[derive(Clone, Debug)]
struct Schedule {
    seed: u64,
    /// For every message, the numbers of the objects it announces.
    messages: Vec<Vec<u8>>,
    receivers: usize,
    max_fetches: usize,
    max_held_messages: usize,
    batch_bytes: u64,
    in_flight_bytes: u64,
    latency_secs: u64,
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let messages = prop::collection::vec(prop::collection::vec(0u8..12, 1..4), 1..12);
    let sizes = (1usize..3, 1usize..5, 1usize..20, 1u64..200, 1u64..60_000, 0u64..40);
    (any::<u64>(), messages, sizes).prop_map(|(seed, messages, sizes)| {
        let (receivers, max_fetches, max_held_messages, batch_bytes, in_flight_bytes, latency_secs) = sizes;
        Schedule {
            seed,
            messages,
            receivers,
            max_fetches,
            max_held_messages,
            batch_bytes,
            in_flight_bytes,
            latency_secs,
        }
    })
}

/// One call in twenty fails, half of them after their effect.
const FAULTS_PER_MILLE: u64 = 50;

/// More than any schedule needs, in the time of the paused clock.
const LIMIT: Duration = Duration::from_secs(20_000);

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn faults_lose_and_double_nothing(schedule in schedule()) {
        Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
            tokio::time::timeout(LIMIT, play(&schedule)).await.expect("the work ends in time");
        });
    }
}

async fn play(schedule: &Schedule) {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(schedule.latency_secs)));
    let objects: Vec<_> = (0..12).map(|n| world.put(n % 5 * 110_000_000_000, &format!("user-{n}"))).collect();
    let mut expected: Vec<String> = Vec::new();
    for message in &schedule.messages {
        let announced: Vec<_> = message.iter().map(|n| &objects[usize::from(*n)]).collect();
        expected.extend(announced.iter().map(|object| object.key.clone()));
        world.announce(&announced);
    }
    expected.sort_unstable();
    expected.dedup();
    world.script.fail_at_random(schedule.seed, FAULTS_PER_MILLE);
    let config = PipelineConfig {
        receivers: schedule.receivers,
        max_fetches: schedule.max_fetches,
        max_held_messages: schedule.max_held_messages,
        batch_bytes: schedule.batch_bytes,
        in_flight_bytes: schedule.in_flight_bytes,
        // The first call, about the set-up of the queue, may fail as well.
        visibility: Some(secs(30)),
        ..config()
    };
    let mut summary = None;
    for _ in 0..5 {
        let config = PipelineConfig { drain: true, ..config.clone() };
        if let Ok(done) = world.run(config, crate::Stop::never()).await {
            summary = Some(done);
            break;
        }
    }
    let summary = summary.expect("five starts in a row do not fail at one call in twenty");
    assert_eq!(world.sink.keys(), expected);
    assert!(world.queue.is_empty());
    assert!(world.queue.dead_letters().is_empty());
    assert_eq!(summary.failed, 0, "a fault that may pass is no failure: {summary:#?}");
    assert_eq!(world.progress.in_flight_bytes(), 0);
}
