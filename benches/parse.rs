//! The stages that handle bytes, by kind of session, per clear byte. See README.md.
//!
//! First a table: parsing as a multiple of the speed of the two yardsticks, a search for three control characters and a
//! plain line model. Machines differ, and so do hours on one machine; what is printed there are ratios of times that
//! were taken in turns, session by session, the shortest of each.

// Other benches want other parts of it.
#[allow(dead_code)]
mod corpus;
mod line_model;

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::write::GzEncoder;
use shelltrail_core::inflate::inflate;
use shelltrail_core::session::{CommandRecord, Status};
use shelltrail_core::transcript::{ParseLimits, parse};

use corpus::{Corpus, Kind};
use line_model::LineModel;

/// Sessions of one kind; together some MB, so that the caches do not hold them.
const SESSIONS: usize = 300;
const SESSION_BYTES: usize = 20_000;
const MAX_BYTES: u64 = 1 << 30;
/// How often each session is timed for the table.
const ROUNDS: usize = 15;

const KINDS: [(&str, Kind); 4] = [
    ("plain", Kind::Plain),
    ("editing", Kind::Editing),
    ("full-screen", Kind::FullScreen),
    ("mixed", Kind::Mixed),
];

fn sessions(kind: Kind) -> Vec<Vec<u8>> {
    let corpus = Corpus::new(7);
    (0..SESSIONS).map(|number| corpus.session(number, kind, SESSION_BYTES).bytes).collect()
}

fn controls(bytes: &[u8]) -> usize {
    memchr::memchr3_iter(0x1b, b'\r', 0x08, bytes).map(black_box).count()
}

fn stages(criterion: &mut Criterion) {
    println!("kind          memchr3    vte model    parse   parse/memchr3  parse/vte model  same text");
    for (name, kind) in KINDS {
        let clear = sessions(kind);
        ratios(name, &clear);
        measure(criterion, name, &clear);
    }
}

/// Prints how parsing compares with the yardsticks, and whether it shows the same text.
fn ratios(name: &str, clear: &[Vec<u8>]) {
    let limits = ParseLimits::default();
    let mut shortest = vec![[Duration::MAX; 3]; clear.len()];
    for _ in 0..ROUNDS {
        for (bytes, shortest) in clear.iter().zip(&mut shortest) {
            time(&mut shortest[0], || controls(bytes));
        }
        for (bytes, shortest) in clear.iter().zip(&mut shortest) {
            time(&mut shortest[1], || LineModel::read(bytes));
        }
        for (bytes, shortest) in clear.iter().zip(&mut shortest) {
            time(&mut shortest[2], || parse(bytes, &limits));
        }
    }
    let seconds = |stage: usize| shortest.iter().map(|times| times[stage].as_secs_f64()).sum::<f64>();
    let [controls, model, parsed] = [seconds(0), seconds(1), seconds(2)];
    let megabytes = clear.iter().map(Vec::len).sum::<usize>() as f64 / 1e6;
    let claimed = clear.iter().filter(|bytes| shows_the_same(bytes)).count();
    println!(
        "{name:12} {:5.0} MB/s  {:6.0} MB/s  {:4.0} MB/s        {:7.2}          {:7.2}  {claimed} of {}",
        megabytes / controls,
        megabytes / model,
        megabytes / parsed,
        controls / parsed,
        model / parsed,
        clear.len(),
    );
}

/// Keeps the time of one run if it is the shortest. What the work makes is freed outside.
fn time<T>(shortest: &mut Duration, work: impl FnOnce() -> T) {
    let start = Instant::now();
    let made = black_box(work());
    *shortest = start.elapsed().min(*shortest);
    drop(made);
}

/// Whether records show the lines that the line model shows; `false` where one of them does not claim to know.
///
/// # Panics
///
/// If they show other lines.
fn shows_the_same(bytes: &[u8]) -> bool {
    let model = LineModel::read(bytes);
    if model.beyond_lines {
        return false;
    }
    let records = parse(bytes, &ParseLimits::default()).records;
    // A line that is taken for one typed ahead is shown behind the prompt that it was typed for, not where it was echoed.
    if records.iter().any(|record| record.status == Some(Status::EchoOnly)) {
        return false;
    }
    let ours = records.iter().map(shown).collect::<String>();
    let frame = |line: &&str| !line.starts_with("Script started on ") && !line.starts_with("Script done on ");
    let visible = |line: &&str| !line.trim().is_empty();
    let wanted = model.text.lines().filter(visible).filter(frame).map(str::trim_end);
    let found = ours.lines().filter(visible).map(str::trim_end);
    for (wanted, found) in wanted.clone().zip(found.clone()) {
        assert_eq!(wanted, found, "the line model shows another line");
    }
    assert_eq!(wanted.count(), found.count(), "the line model shows more or fewer lines");
    true
}

/// The lines of a record.
fn shown(record: &CommandRecord) -> String {
    let command = record.command.as_deref().unwrap_or_default();
    format!("{}{command}\n{}\n", record.prompt.as_deref().unwrap_or_default(), record.output)
}

fn measure(criterion: &mut Criterion, name: &str, clear: &[Vec<u8>]) {
    let packed: Vec<Vec<u8>> = clear.iter().map(|bytes| pack(bytes)).collect();
    let limits = ParseLimits::default();
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).throughput(Throughput::Bytes(clear.iter().map(Vec::len).sum::<usize>() as u64));
    group.bench_function("memchr3", |bencher| {
        bencher.iter(|| clear.iter().map(|bytes| controls(bytes)).sum::<usize>());
    });
    group.bench_function("vte model", |bencher| {
        bencher.iter(|| clear.iter().map(|bytes| LineModel::read(bytes).text.len()).sum::<usize>());
    });
    group.bench_function("inflate", |bencher| {
        let work = |packed: Vec<Vec<u8>>| {
            packed.into_iter().filter(|packed| inflate(packed.clone(), MAX_BYTES.into()).is_ok()).count()
        };
        bencher.iter_batched(|| packed.clone(), work, BatchSize::LargeInput);
    });
    group.bench_function("parse", |bencher| {
        bencher.iter(|| clear.iter().map(|bytes| parse(bytes, &limits).records.len()).sum::<usize>());
    });
    group.bench_function("inflate and parse", |bencher| {
        let records = |packed: Vec<u8>| {
            inflate(packed, MAX_BYTES.into())
                .map_or(0, |inflated| parse(&inflated.bytes, &limits).records.len())
        };
        let work = |packed: Vec<Vec<u8>>| packed.into_iter().map(records).sum::<usize>();
        bencher.iter_batched(|| packed.clone(), work, BatchSize::LargeInput);
    });
    group.finish();
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

criterion_group!(benches, stages);
criterion_main!(benches);
