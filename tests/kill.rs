//! The worker killed again and again: nothing lost, nothing doubled.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::support::emulator::{Emulator, Kind};
use crate::support::program::{run, stored_sessions, worker};
use crate::support::world::{Setup, World};

/// How many transcripts.
const SESSIONS: u32 = 300;
/// How often the worker is killed while there is work left.
const KILLS: u32 = 20;

/// A reproducible sequence; `SHELLTRAIL_KILL_SEED` chooses another one.
struct Seed(u64);

impl Seed {
    fn next(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_lose_nothing_and_double_nothing() {
    let seed = std::env::var("SHELLTRAIL_KILL_SEED").map_or(20_261_120, |seed| seed.parse().unwrap());
    println!("seed {seed}: repeat with SHELLTRAIL_KILL_SEED={seed}");
    let mut random = Seed(seed);
    // Many receives per message are the point here, so the dead-letter queue must be far away; what a
    // killed worker held comes back when its short visibility ends.
    let setup = Setup { max_receive_count: 1000, visibility: Duration::from_secs(10), ..Setup::default() };
    let world = World::new(Emulator::shared(Kind::Ministack), setup).await;
    let mut expected = Vec::new();
    for number in 0..SESSIONS {
        let session = format!("user{number}-{number:017x}");
        let account = 111_122_223_333u64 + 100_000_000_000 * u64::from(number % 5);
        let body = format!("$ echo marker-{number}\r\r\nmarker-{number}\r\r\n$ exit\r\r\n")
            .repeat(1 + number as usize % 7);
        world.put(&format!("ssm/{account}/{session}.log"), body.as_bytes()).await;
        expected.push(session);
    }
    expected.sort();

    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index");
    let mut kills = 0;
    while kills < KILLS {
        let mut child = worker(&world, &index)
            // Little at a time, so that there is work left for the next kill.
            .env("SHELLTRAIL_WORKER_MAX_HELD_MESSAGES", "10")
            .env("SHELLTRAIL_WORKER_MAX_FETCHES", "2")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Not a synchronisation: the moment of the kill is what the test varies.
        std::thread::sleep(Duration::from_millis(50 + random.next(700)));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert_is_sound(&index, &expected);
    }
    println!("{} of {SESSIONS} sessions were stored when the last worker was killed", stored(&index).len());
    let ran = run(worker(&world, &index).arg("--drain")).exits(0);
    assert_eq!(stored(&index), expected, "{ran:#?}");
    let queue = shelltrail_ingest::source::Queue::attributes(&world.queue()).await.unwrap();
    assert_eq!((queue.visible, queue.in_flight, queue.delayed), (0, 0, 0));
    let dead = shelltrail_ingest::source::Queue::attributes(&world.dead_letters()).await.unwrap();
    assert_eq!((dead.visible, dead.in_flight, dead.delayed), (0, 0, 0));
}

/// Whenever the worker dies, what is stored is a part of what was uploaded, each once, and readable.
fn assert_is_sound(index: &Path, expected: &[String]) {
    let stored = stored(index);
    let mut once = stored.clone();
    once.dedup();
    assert_eq!(stored, once, "a session is stored twice");
    assert!(stored.iter().all(|session| expected.binary_search(session).is_ok()));
}

fn stored(index: &Path) -> Vec<String> {
    if index.join("shelltrail.json").exists() { stored_sessions(index) } else { Vec::new() }
}
