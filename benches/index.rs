//! From parsed sessions to a committed index, and questions to it. See README.md.

// Other benches want other parts of it.
#[allow(dead_code)]
mod corpus;

use std::collections::BTreeMap;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use shelltrail_core::decode;
use shelltrail_core::layout::KeyLayout;
use shelltrail_core::object::Fetched;
use shelltrail_core::sink::RecordSink;
use shelltrail_core::transcript::ParseLimits;
use shelltrail_core::{ObjectRef, Session, TranscriptId};
use shelltrail_index::tokens::Terms;
use shelltrail_index::{IndexRoot, LocalSink, Query, SearchOptions, Searcher, block};

use corpus::{Corpus, Kind, Transcript};

const CORPUS_BYTES: u64 = 8_000_000;

fn session(transcript: Transcript) -> Session {
    let Transcript { key, bytes: body } = transcript;
    let id = TranscriptId::of_file(&key, &body);
    let object = ObjectRef { key, ..ObjectRef::default() };
    let fetched = Fetched { object, id, metadata: BTreeMap::new(), last_modified: None, body };
    let transcript = decode::open(fetched, None, u64::MAX).expect("the bytes are not compressed");
    decode::sessions(&transcript, &KeyLayout::default(), &ParseLimits::default()).remove(0)
}

fn sink(directory: &Path) -> LocalSink {
    let (root, lock) = IndexRoot::open_for_writing(directory, Some(0)).expect("the directory is ours");
    LocalSink::new(root, lock)
}

fn write(sink: &LocalSink, sessions: Vec<Session>, with_text: bool) {
    let partition = sink.partition(None);
    let sessions = &mut sessions.into_iter();
    let batch = if with_text {
        sink.build(&partition, sessions)
    } else {
        sink.build_terms_only(&partition, sessions)
    };
    sink.commit(vec![batch.expect("the disk has room")]).expect("the disk has room");
}

fn stages(criterion: &mut Criterion) {
    let corpus = Corpus::new(7);
    let plan = corpus.plan(CORPUS_BYTES).into_iter().enumerate();
    let sessions: Vec<Session> =
        plan.map(|(number, bytes)| session(corpus.session(number, Kind::Mixed, bytes))).collect();
    let bytes = sessions.iter().map(|session| session.bytes).sum();
    let mut group = criterion.benchmark_group("index");
    group.sample_size(10).throughput(Throughput::Bytes(bytes));
    group.bench_function("find the terms", |bencher| {
        let mut term = String::new();
        bencher.iter(|| {
            let mut count = 0;
            for record in sessions.iter().flat_map(|session| &session.records) {
                let mut terms = Terms::new(&record.output);
                while terms.next_into(&mut term) {
                    count += term.len();
                }
            }
            count
        });
    });
    group.bench_function("encode the blocks", |bencher| {
        let encoded = |session: &Session| block::encode(session).map_or(0, |(run, _)| run.len());
        bencher.iter(|| sessions.iter().map(encoded).sum::<usize>());
    });
    for (name, with_text) in [("build and commit", true), ("build and commit, no text", false)] {
        group.bench_function(name, |bencher| {
            let fresh = || (tempfile::tempdir().expect("the disk has room"), sessions.clone());
            let work = |(directory, sessions): (tempfile::TempDir, Vec<Session>)| {
                write(&sink(directory.path()), sessions, with_text);
                directory
            };
            bencher.iter_batched(fresh, work, BatchSize::PerIteration);
        });
    }
    group.finish();

    let directory = tempfile::tempdir().expect("the disk has room");
    write(&sink(directory.path()), sessions, true);
    let searcher = Searcher::open(directory.path()).expect("it was just written");
    let mut group = criterion.benchmark_group("search");
    for (name, text) in
        [("word", "systemd"), ("phrase", "connection refused"), ("inside words", "ubect"), ("no hit", "zzq")]
    {
        let query = Query::literal(text);
        group.bench_function(name, |bencher| {
            bencher.iter(|| searcher.search(&query, &SearchOptions::default()).hits.len());
        });
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
