//! Twenty thousand objects through a world in which every twentieth call fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shelltrail_core::sink::Failure;
use shelltrail_core::{ObjectRef, TranscriptId};
use tokio::runtime::Builder;

use super::envelope::{self, SEALED};
use super::memory::zeros_in_gzip;
use super::messages::{event_bridge, native, sns};
use super::world::{BUCKET, World, key, secs};
use crate::fakes::{Call, removed};
use crate::source::SourceErrorKind;
use crate::{PipelineConfig, Stop, Summary};

/// Keys with a transcript behind them; others are announced besides.
const OBJECTS: u64 = 20_000;
/// Of 1,000 calls, and of 1,000 entries of batch calls, so many fail.
const FAULTS_PER_MILLE: u64 = 50;
const KIB: u64 = 1024;
/// Far more receives than a message needs where each has one chance in two.
const MAX_RECEIVES: u32 = 40;
/// More than the work takes, in the time of the paused clock.
const LIMIT: Duration = Duration::from_secs(10_000_000);

/// Small next to what there is to do, so that every limit acts.
fn config() -> PipelineConfig {
    PipelineConfig {
        receivers: 3,
        max_fetches: 32,
        max_held_messages: 300,
        in_flight_bytes: 1024 * KIB,
        max_object_bytes: 320 * KIB,
        batch_bytes: 64 * KIB,
        commit_bytes: 512 * KIB,
        max_attempts: MAX_RECEIVES,
        workers: 2,
        ..PipelineConfig::default()
    }
}

/// The bound that [`PipelineConfig`] states.
fn bound(config: &PipelineConfig) -> u64 {
    config.in_flight_bytes + config.workers as u64 * config.max_object_bytes
}

/// A reproducible sequence.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// What there must be in the end.
#[derive(Default)]
struct Expected {
    /// Identity and key of every session.
    sessions: BTreeMap<TranscriptId, String>,
    /// Objects and messages that can never be indexed.
    failures: BTreeSet<String>,
}

/// Fills bucket and queue.
fn fill(world: &World, dice: &mut Dice) -> Expected {
    let mut expected = Expected::default();
    let mut announced: Vec<(ObjectRef, u64)> = Vec::new();
    let data_key: Vec<u8> = (0..32).collect();
    world.keys.insert(envelope::WRAPPED, &envelope::context(), &data_key);
    for number in 0..OBJECTS {
        // Some keys look different in native notifications.
        let name = match number % 10 {
            0 => format!("user {number}+é %41"),
            _ => format!("user-{number}"),
        };
        let key = key(dice.below(12) * 90_000_000_000, &name);
        let body = |dice: &mut Dice| {
            let lines = 1 + dice.below(40) * dice.below(10);
            format!("$ echo {name}\r\n{name}\r\n{}", "out\r\n".repeat(lines as usize)).into_bytes()
        };
        let put = |body: Vec<u8>| {
            let size = body.len() as u64;
            (world.store.put(BUCKET, &key, body), size)
        };
        match dice.below(100) {
            // Written twice, and both versions were announced: both are kept.
            0 | 1 => {
                for _ in 0..2 {
                    let put = put(body(dice));
                    expected.sessions.insert(put.0.transcript_id().unwrap(), key.clone());
                    announced.push(put);
                }
            }
            // Overwritten in a bucket without versions: only what is there now can be read.
            2 | 3 => {
                let first = put(body(dice));
                let second = put([body(dice), b"again\r\n".to_vec()].concat());
                expected.sessions.insert(second.0.transcript_id().unwrap(), key.clone());
                for (object, size) in [first, second] {
                    announced.push((ObjectRef { version: None, ..object }, size));
                }
            }
            // Removed before it could be read.
            4 => {
                let put = put(body(dice));
                world.store.remove(&put.0);
                world
                    .queue
                    .send(removed(&ObjectRef { key: super::messages::encoded(&key), ..put.0.clone() }));
                announced.push(put);
            }
            5 => {
                let sealed = world.store.put_with(BUCKET, &key, SEALED, &envelope::metadata());
                expected.sessions.insert(sealed.transcript_id().unwrap(), key);
                announced.push((sealed, SEALED.len() as u64));
            }
            6 if number % 4 == 0 => {
                let put = put(zeros_in_gzip(number as u32));
                expected.sessions.insert(put.0.transcript_id().unwrap(), key);
                announced.push(put);
            }
            _ => {
                let put = put(body(dice));
                expected.sessions.insert(put.0.transcript_id().unwrap(), key.clone());
                // Nobody may read a few of them.
                if number % 1000 == 999 {
                    world.store.fail_key(&key, SourceErrorKind::Denied, "access-denied", u64::MAX);
                    expected.sessions.remove(&put.0.transcript_id().unwrap());
                    expected.failures.insert(key);
                }
                announced.push(put);
            }
        }
    }
    send(world, dice, &announced, &mut expected);
    expected
}

/// Announces everything once, a quarter of it twice, in no order, by every path there is.
fn send(world: &World, dice: &mut Dice, announced: &[(ObjectRef, u64)], expected: &mut Expected) {
    let again = (0..announced.len() / 4).map(|_| dice.below(announced.len() as u64) as usize);
    let mut order: Vec<usize> = (0..announced.len()).chain(again.collect::<Vec<_>>()).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, dice.below(at as u64 + 1) as usize);
    }
    let mut left = &order[..];
    while !left.is_empty() {
        let path = dice.below(5);
        // EventBridge has one object in a document.
        let most = if path < 3 { 4 } else { 1 };
        let (now, later) = left.split_at((1 + dice.below(most) as usize).min(left.len()));
        left = later;
        let objects: Vec<_> = now.iter().map(|&at| announced[at].clone()).collect();
        world.queue.send(match path {
            0 | 1 => native(&objects),
            2 => sns(&native(&objects)),
            3 => event_bridge(&objects[0].0, objects[0].1),
            _ => sns(&event_bridge(&objects[0].0, objects[0].1)),
        });
        match dice.below(1000) {
            0 => drop(world.queue.send(r#"{"Event":"s3:TestEvent","Bucket":"transcripts"}"#)),
            1 => {
                let id = world.queue.send("neither JSON nor anything");
                expected.failures.insert(format!("sqs-message/{id}"));
            }
            _ => {}
        }
    }
}

/// How a process of the soak ends.
enum End {
    /// A stop, when this many objects are indexed.
    Stop(u64),
    /// Death at the call of this number.
    Crash(u64),
    /// The queue is empty.
    Drained,
}

/// One process, on a runtime of its own.
fn process(world: &World, seed: u64, end: &End) {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        world.queue.expire_all();
        world.script.fail_at_random(seed, FAULTS_PER_MILLE);
        world.script.fail_entries_at_random(seed, FAULTS_PER_MILLE);
        // There are few commits, and the soak must not depend on the luck of theirs.
        world.script.fail_next(Call::Commit, 1);
        if let End::Crash(calls) = end {
            world.script.crash_at(world.script.total() + calls, seed.is_multiple_of(2));
        }
        let (handle, stop) = Stop::new();
        if let End::Stop(indexed) = *end {
            let progress = world.progress.clone();
            tokio::spawn(async move {
                while progress.summary().indexed < indexed {
                    tokio::time::sleep(secs(1)).await;
                }
                handle.stop();
            });
        }
        let config = PipelineConfig { drain: true, ..config() };
        let run = async {
            // The first call, about the set-up of the queue, may fail as well.
            for _ in 0..5 {
                if world.run(config.clone(), stop.clone()).await.is_ok() {
                    return;
                }
            }
            panic!("five starts in a row do not fail at one call in twenty");
        };
        tokio::select! {
            biased;
            () = world.script.crashed() => {}
            ended = tokio::time::timeout(LIMIT, run) => assert!(ended.is_ok(), "stuck: {:#?}", world.progress),
        }
    });
    let peak = world.progress.summary().peak_in_flight_bytes;
    assert!(peak <= bound(&config()), "{peak} bytes in flight");
}

/// The object that a crash was taken for the fault of.
fn suspected(failure: Failure) -> Option<ObjectRef> {
    let is_object = failure.object.bucket.is_some();
    (is_object && failure.reason != "access-denied").then_some(failure.object)
}

/// Adds up what the test looks at.
fn add(total: &mut Summary, run: &Summary) {
    total.indexed += run.indexed;
    total.peak_in_flight_bytes = total.peak_in_flight_bytes.max(run.peak_in_flight_bytes);
    total.already_indexed += run.already_indexed;
    total.retried += run.retried;
    total.gone += run.gone;
    total.superseded += run.superseded;
    total.breaker_openings += run.breaker_openings;
    total.lost += run.lost;
    total.leases_lost += run.leases_lost;
    total.receive_errors += run.receive_errors;
    total.commit_failures += run.commit_failures;
    total.build_failures += run.build_failures;
}

#[test]
fn twenty_thousand_objects_survive_faults_stops_and_crashes() {
    let seed = std::env::var("SHELLTRAIL_SOAK_SEED").map_or(20_261_121, |seed| seed.parse().unwrap());
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (mut world, expected) = runtime.block_on(async {
        let latency = secs(1);
        let world = World::with(
            |queue| queue.with_max_receive_count(MAX_RECEIVES),
            |store| store.with_latency(latency),
        );
        let expected = fill(&world, &mut Dice(seed));
        (world, expected)
    });
    drop(runtime);
    assert!(expected.sessions.len() as u64 > OBJECTS * 9 / 10);
    let ends = [End::Stop(4000), End::Crash(12_000), End::Stop(3000), End::Crash(8000), End::Drained];
    let mut total = Summary::default();
    for (number, end) in ends.iter().enumerate() {
        world = world.restarted();
        process(&world, seed + number as u64, end);
        let summary = world.progress.summary();
        add(&mut total, &summary);
        if let End::Drained = end {
            assert_eq!(world.progress.in_flight_bytes(), 0);
            assert!(summary.adds_up());
        }
    }
    // Two crashes may meet an object that is innocent. It is listed, and indexed when it is announced again; a mark that
    // could not be removed makes it a suspect once more.
    let mut suspects = BTreeSet::new();
    for round in 0..3 {
        let found: Vec<ObjectRef> = world.sink.failures().into_iter().filter_map(suspected).collect();
        for object in &found {
            world.queue.send(native(&[(object.clone(), 0)]));
        }
        suspects.extend(found);
        world = world.restarted();
        process(&world, seed + 100 + round, &End::Drained);
    }
    assert!(suspects.len() <= 5, "{suspects:?}");
    for (trouble, count) in [
        ("retried", total.retried),
        ("already indexed", total.already_indexed),
        ("gone", total.gone),
        ("superseded", total.superseded),
        ("lost", total.lost),
        ("leases lost", total.leases_lost),
        ("receive errors", total.receive_errors),
        ("commit failures", total.commit_failures),
        ("build failures", total.build_failures),
    ] {
        assert!(count > 0, "the soak meets every kind of trouble: {trouble}");
    }
    // What fails now and then is no outage: everything would be given back, and each time costs a receive.
    assert!(total.breaker_openings <= 5, "{} openings", total.breaker_openings);
    let peak = total.peak_in_flight_bytes;
    assert!(peak > config().in_flight_bytes / 2, "the soak fills the budget: {peak}");
    let stored: BTreeMap<TranscriptId, String> =
        world.sink.sessions().into_iter().map(|session| (session.id, session.object.key)).collect();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for failure in world.sink.failures() {
        *reasons.entry(failure.reason).or_default() += 1;
    }
    let missing: Vec<_> = expected.sessions.iter().filter(|(id, _)| !stored.contains_key(*id)).collect();
    let dead = world.queue.dead_letters();
    assert!(dead.is_empty(), "what fails for good is written down before SQS moves it: {dead:?}");
    assert!(missing.is_empty(), "SHELLTRAIL_SOAK_SEED={seed}: {missing:?} {reasons:?}");
    assert!(stored == expected.sessions, "nothing is made up");
    assert_eq!(world.sink.doubles(), 0);
    // A commit that worked but was not heard of makes objects that no run counts as indexed.
    assert!(total.indexed <= stored.len() as u64, "{} counted", total.indexed);
    assert!(world.queue.is_empty());
    // An entry of a suspect that could not be removed is only a line too many.
    let failures = world.sink.failures().into_iter().map(|failure| failure.object);
    let failures: BTreeSet<String> =
        failures.filter(|object| !suspects.contains(object)).map(|object| object.key).collect();
    assert_eq!(failures, expected.failures);
    for call in [Call::Decrypt, Call::ChangeVisibility, Call::Contains] {
        assert!(world.script.count(call) > 100, "{call:?}");
    }
    assert!(world.script.count(Call::RecordFailure) >= failures.len() as u64);
}
