//! What a small commit costs, and how many segments many of them leave. See README.md.
//!
//! The same commits twice: as a worker makes them, with merges behind, and each waiting for the merges that it causes.

use std::time::{Duration, Instant};

use shelltrail_core::sink::RecordSink;
use shelltrail_core::{CommandRecord, ObjectRef, Session, SessionKind, TranscriptId};
use shelltrail_index::check::check;
use shelltrail_index::{IndexRoot, LocalSink};

const COMMITS: usize = 200;
/// Records of the one session of a commit.
const RECORDS: u32 = 40;

fn session(number: usize) -> Session {
    let record = |seq: u32| CommandRecord {
        seq,
        command: Some(format!("systemctl status unit-{number}-{seq}")),
        output: format!("unit-{number}-{seq} loaded active running {}\n", number * 7919 + seq as usize)
            .repeat(8),
        ..CommandRecord::default()
    };
    let key = format!("user{number}-{number:017x}.log");
    let id = TranscriptId::of_file(&key, &[]);
    let object = ObjectRef { key, ..ObjectRef::default() };
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    Session {
        kind: SessionKind::Transcript,
        id,
        object,
        account: None,
        region: None,
        session: format!("user{number}-{number:017x}"),
        principal: None,
        target: None,
        ended_at: None,
        time_source: None,
        bytes: records.iter().map(|record| record.output.len() as u64).sum(),
        records,
        defects: Vec::new(),
        unread_bytes: 0,
        sequencer: None,
        last_modified: None,
    }
}

fn commits(each_waits: bool) {
    let directory = tempfile::tempdir().expect("the disk has room");
    let (root, lock) = IndexRoot::open_for_writing(directory.path(), Some(0)).expect("the directory is ours");
    let sink = LocalSink::new(root, lock);
    let partition = sink.partition(None);
    let mut latencies: Vec<Duration> = Vec::with_capacity(COMMITS);
    let begun = Instant::now();
    for number in 0..COMMITS {
        let batch = sink.build(&partition, &mut std::iter::once(session(number))).expect("the disk has room");
        let begun = Instant::now();
        sink.commit(vec![batch]).expect("the disk has room");
        if each_waits {
            sink.finish_merges();
        }
        latencies.push(begun.elapsed());
    }
    let all = begun.elapsed();
    let at_once = check(directory.path(), false).expect("it was just written").partitions[0].segments;
    sink.finish_merges();
    let rested = check(directory.path(), false).expect("it was just written").partitions[0].segments;
    latencies.sort();
    let at = |part: usize| latencies[(COMMITS - 1) * part / 100].as_secs_f64() * 1e3;
    println!(
        "{:<24}  {:>8.2}  {:>8.2}  {:>8.2}  {:>8.2}  {:>8.1}  {at_once:>8}  {rested:>8}",
        if each_waits { "waits for its merges" } else { "merges behind" },
        at(50),
        at(90),
        at(99),
        at(100),
        all.as_secs_f64() * 1e3,
    );
}

fn main() {
    println!("{COMMITS} commits of one session with {RECORDS} records, milliseconds");
    println!(
        "commit                         p50       p90       p99       max       all  segments   at rest"
    );
    for _ in 0..2 {
        commits(true);
        commits(false);
    }
}
