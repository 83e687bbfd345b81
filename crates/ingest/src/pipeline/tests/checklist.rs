//! What the list of cases names (shared spec, events, section 10) and no other file holds.

use super::messages::{event_bridge, native, sns};
use super::world::{World, config, key, secs};
use crate::fakes::Call;
use crate::{PipelineConfig, Stop};

#[tokio::test(start_paused = true)]
async fn every_envelope_may_come_through_one_queue() {
    let world = World::new();
    let objects: Vec<_> = (0..6).map(|n| (world.put(1, &format!("user {n}+é")), 40)).collect();
    let [a, b, c, d, e, f] = &objects[..] else { panic!("six objects") };
    world.queue.send(native(std::slice::from_ref(a)));
    world.queue.send(sns(&native(std::slice::from_ref(b))));
    world.queue.send(event_bridge(&d.0, d.1));
    world.queue.send(sns(&event_bridge(&e.0, e.1)));
    let probe = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"transcripts"}"#;
    world.queue.send(probe);
    world.queue.send(sns(probe));
    // Raw delivery of SNS is what S3 sends itself; both of one message, and everything once more by another path.
    world.queue.send(native(&[c.clone(), f.clone()]));
    for (object, size) in &objects {
        world.queue.send(event_bridge(object, *size));
    }
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.already_indexed, summary.ignored), (6, 6, 2));
    assert_eq!((summary.failed, summary.deleted), (0, 13));
    let keys: Vec<String> = (0..6).map(|n| key(1, &format!("user {n}+é"))).collect();
    assert_eq!(world.sink.keys(), keys);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_that_fail_for_good_double_nothing() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(100)));
    for n in 0..3 {
        world.add(1, &format!("user-{n}"));
    }
    world.script.fail_next(Call::ChangeVisibility, u64::MAX);
    let summary = world.drain(config()).await;
    assert!(summary.received > 3, "their visibility ended: {summary:?}");
    assert_eq!((summary.indexed, summary.deleted), (3, 3), "{summary:?}");
    assert_eq!(summary.lost, summary.received - 3, "{summary:?}");
    assert_eq!(world.script.count(Call::Get), 3, "whoever came later waited for the first");
}

#[tokio::test(start_paused = true)]
async fn a_lease_lost_before_the_commit_is_found_stored_by_the_next_delivery() {
    let world = World::new();
    world.add(1, "user");
    let config = PipelineConfig { commit_age: secs(50), receive_wait: secs(1), ..config() };
    let (handle, stop) = Stop::new();
    let running = tokio::spawn({
        let world = world.clone();
        // Something arrives all the time, so that the commit comes by age.
        async move { world.run(config, stop).await }
    });
    tokio::time::sleep(secs(1)).await;
    world.queue.expire_all();
    for n in 0..60 {
        world.add(1, &format!("other-{n}"));
        tokio::time::sleep(secs(1)).await;
    }
    handle.stop();
    let summary = running.await.unwrap().unwrap();
    assert!(summary.leases_lost >= 1 && summary.lost >= 1, "{summary:?}");
    assert!(summary.already_indexed >= 1, "{summary:?}");
    assert_eq!(summary.indexed, 61, "{summary:?}");
    assert!(world.queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn entries_of_a_batch_fail_one_by_one() {
    let world = World::with(|queue| queue, |store| store.with_latency(secs(20)));
    for n in 0..60 {
        world.add(1, &format!("user-{n}"));
    }
    // Half of the entries of all deletes and extensions, by error, by silence after the effect, by loss.
    world.script.fail_entries_at_random(7, 500);
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, world.sink.keys().len()), (60, 60), "{summary:?}");
    assert!(summary.lost > 0 && summary.leases_lost > 0, "{summary:?}");
    assert!(world.queue.is_empty() && world.queue.dead_letters().is_empty());
}
