//! The stages that handle bytes, by kind of session, per clear byte. See README.md.

// Other benches want other parts of it.
#[allow(dead_code)]
mod corpus;

use std::hint::black_box;
use std::io::Write;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use flate2::Compression;
use flate2::write::GzEncoder;
use shelltrail_core::inflate::inflate;
use shelltrail_core::transcript::{ParseLimits, parse};

use corpus::{Corpus, Kind};

/// Sessions of one kind; together some MB, so that the caches do not hold them.
const SESSIONS: usize = 300;
const SESSION_BYTES: usize = 20_000;
const MAX_BYTES: u64 = 1 << 30;

fn stages(criterion: &mut Criterion) {
    let corpus = Corpus::new(7);
    let kinds = [
        ("plain", Kind::Plain),
        ("editing", Kind::Editing),
        ("full-screen", Kind::FullScreen),
        ("mixed", Kind::Mixed),
    ];
    for (name, kind) in kinds {
        let session = |number| corpus.session(number, kind, SESSION_BYTES).bytes;
        let clear: Vec<Vec<u8>> = (0..SESSIONS).map(session).collect();
        let packed: Vec<Vec<u8>> = clear.iter().map(|bytes| pack(bytes)).collect();
        let limits = ParseLimits::default();
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20).throughput(Throughput::Bytes(clear.iter().map(Vec::len).sum::<usize>() as u64));
        group.bench_function("memchr3", |bencher| {
            let count =
                |bytes: &Vec<u8>| memchr::memchr3_iter(0x1b, b'\r', 0x08, bytes).map(black_box).count();
            bencher.iter(|| clear.iter().map(count).sum::<usize>());
        });
        group.bench_function("inflate", |bencher| {
            let work = |packed: Vec<Vec<u8>>| {
                packed.into_iter().filter(|packed| inflate(packed.clone(), MAX_BYTES).is_ok()).count()
            };
            bencher.iter_batched(|| packed.clone(), work, BatchSize::LargeInput);
        });
        group.bench_function("parse", |bencher| {
            bencher.iter(|| clear.iter().map(|bytes| parse(bytes, &limits).records.len()).sum::<usize>());
        });
        group.bench_function("inflate and parse", |bencher| {
            let records = |packed: Vec<u8>| {
                inflate(packed, MAX_BYTES).map_or(0, |(bytes, _)| parse(&bytes, &limits).records.len())
            };
            let work = |packed: Vec<Vec<u8>>| packed.into_iter().map(records).sum::<usize>();
            bencher.iter_batched(|| packed.clone(), work, BatchSize::LargeInput);
        });
        group.finish();
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

criterion_group!(benches, stages);
criterion_main!(benches);
