//! The measured stages, each in a process of its own, so that none inherits memory or warm caches of another.
//!
//! A stage prints what it measured as lines `name=number`; the harness reads them.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use shelltrail_core::decode;
use shelltrail_core::layout::KeyLayout;
use shelltrail_core::object::Fetched;
use shelltrail_core::sink::{Failure, KeyEvent, RecordSink, SinkError, Write};
use shelltrail_core::transcript::{self, ParseLimits};
use shelltrail_core::{AccountId, ObjectRef, Partition, Session, TranscriptId};
use shelltrail_index::tokens::Terms;
use shelltrail_index::{IndexRoot, LocalSink, block, local};
use shelltrail_ingest::source::NoKeys;
use shelltrail_ingest::{LocalFolder, Origin, PipelineConfig, Progress, Stop, backfill};

use crate::measure::{Spent, peak_rss_bytes};

/// Anything may go wrong; the harness stops with it.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
/// What a stage measured.
pub type Numbers = BTreeMap<String, f64>;

/// Clear bytes that are held at once where a stage needs them in memory before its clock starts.
const SLICE_BYTES: u64 = 64_000_000;

/// The files of one corpus.
#[derive(Clone, Debug)]
pub struct Files {
    pub root: PathBuf,
}

impl Files {
    /// The `.log.gz` files.
    pub fn packed(&self) -> PathBuf {
        self.root.join("packed")
    }

    /// The same in the clear, for ripgrep.
    pub fn clear(&self) -> PathBuf {
        self.root.join("clear")
    }

    /// The index of the whole pipeline.
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// The index of the yardsticks.
    pub fn prepared(&self) -> PathBuf {
        self.root.join("prepared")
    }

    /// Which sessions the pipeline put into which batch, and which batches into which commit.
    fn batches(&self) -> PathBuf {
        self.root.join("batches.json")
    }
}

/// Runs a stage in a process of its own.
pub fn in_child(stage: &str, files: &Files) -> Outcome<Numbers> {
    let output =
        Command::new(std::env::current_exe()?).arg("--stage").arg(stage).arg(&files.root).output()?;
    if !output.status.success() {
        return Err(format!("stage {stage}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let number =
        |line: &str| line.rsplit_once('=').and_then(|(name, n)| Some((name.to_owned(), n.parse().ok()?)));
    Ok(text.lines().filter_map(number).collect())
}

/// Runs a stage here and prints its numbers.
pub fn run(stage: &str, files: &Files) -> Outcome<()> {
    let numbers = match stage {
        "bytes" => bytes(files)?,
        "pipeline" => pipeline(files)?,
        "terms" => prepared(files, false)?,
        "documents" => prepared(files, true)?,
        "direct" => direct(files)?,
        "warm" => crate::queries::warm(files)?,
        cold => crate::queries::cold(files, cold)?,
    };
    for (name, number) in numbers {
        println!("{name}={number}");
    }
    Ok(())
}

fn note(numbers: &mut Numbers, name: &str, spent: Spent) {
    numbers.insert(format!("{name}_cpu"), spent.cpu_secs);
    numbers.insert(format!("{name}_wall"), spent.wall_secs);
}

/// The keys below a directory, in order.
fn keys(root: &Path) -> Outcome<Vec<String>> {
    let mut keys = Vec::new();
    let mut open = vec![String::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(root.join(&below))? {
            let entry = entry?;
            let key = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() { open.push(key + "/") } else { keys.push(key) }
        }
    }
    keys.sort_unstable();
    Ok(keys)
}

fn fetched(root: &Path, key: &str) -> Outcome<Fetched> {
    let body = fs::read(root.join(key))?;
    let object = ObjectRef { key: key.to_owned(), ..ObjectRef::default() };
    let id = TranscriptId::of_file(key, &body);
    Ok(Fetched { object, id, metadata: BTreeMap::new(), last_modified: None, body })
}

/// The stages that handle bytes, one after the other on one thread, with their inputs in memory.
fn bytes(files: &Files) -> Outcome<Numbers> {
    let [mut memchr3, mut inflate, mut parse, mut encode, mut tokenise] = [Spent::default(); 5];
    let (layout, limits, max_bytes) = (KeyLayout::default(), ParseLimits::default(), u64::MAX);
    let mut numbers = Numbers::new();
    let mut add = |name: &str, number: f64| *numbers.entry(name.to_owned()).or_default() += number;
    let keys = keys(&files.packed())?;
    // 2,000 files are about 45 MB.
    for keys in keys.chunks(2000) {
        let fetched = keys.iter().map(|key| fetched(&files.packed(), key)).collect::<Outcome<Vec<_>>>()?;
        add("packed_bytes", fetched.iter().map(|fetched| fetched.body.len()).sum::<usize>() as f64);
        let transcripts: Vec<_> = inflate.by_this_thread(|| {
            fetched
                .into_iter()
                .map(|fetched| decode::open(fetched, None, max_bytes))
                .collect::<Result<_, _>>()
        })?;
        add("clear_bytes", transcripts.iter().map(|transcript| transcript.bytes.len()).sum::<usize>() as f64);
        let special = memchr3.by_this_thread(|| {
            let count = |bytes: &[u8]| memchr::memchr3_iter(0x1b, b'\r', 0x08, bytes).map(black_box).count();
            transcripts.iter().map(|transcript| count(&transcript.bytes)).sum::<usize>()
        });
        add("special_bytes", special as f64);
        parse.by_this_thread(|| {
            for transcript in &transcripts {
                black_box(transcript::parse(&transcript.bytes, &limits));
            }
        });
        for transcript in transcripts {
            // What is generated holds one session per object.
            let session = decode::sessions(&transcript, &layout, &limits).remove(0);
            drop(transcript);
            add("sessions", 1.0);
            add("records", session.records.len() as f64);
            let texts =
                || session.records.iter().flat_map(|r| [r.command.as_deref().unwrap_or(""), &r.output]);
            add("text_bytes", texts().map(str::len).sum::<usize>() as f64);
            let (run, _) = encode.by_this_thread(|| block::encode(&session))?;
            add("block_bytes", run.len() as f64);
            let mut term = String::new();
            let tokens = tokenise.by_this_thread(|| {
                let count = |text| {
                    let mut terms = Terms::new(text);
                    std::iter::from_fn(|| terms.next_into(&mut term).then(|| black_box(term.len()))).count()
                };
                texts().map(count).sum::<usize>()
            });
            add("tokens", tokens as f64);
        }
    }
    let all = [
        ("memchr3", memchr3),
        ("inflate", inflate),
        ("parse", parse),
        ("encode", encode),
        ("tokenise", tokenise),
    ];
    for (name, spent) in all {
        note(&mut numbers, name, spent);
    }
    Ok(numbers)
}

/// The keys of a batch.
type Content = Vec<String>;

/// The sink of the product, and a note of what went together.
struct Noting {
    sink: LocalSink,
    rounds: Mutex<Vec<Vec<Content>>>,
}

struct Noted {
    batch: local::Batch,
    content: Content,
}

impl RecordSink for Noting {
    type Batch = Noted;

    fn partition(&self, account: Option<&AccountId>) -> Partition {
        self.sink.partition(account)
    }

    fn contains(&self, partition: &Partition, id: &TranscriptId) -> Result<bool, SinkError> {
        self.sink.contains(partition, id)
    }

    fn build(
        &self,
        partition: &Partition,
        sessions: &mut dyn Iterator<Item = Session>,
    ) -> Result<Noted, SinkError> {
        let mut keys = Vec::new();
        let mut sessions = sessions.inspect(|session| keys.push(session.object.key.clone()));
        let batch = self.sink.build(partition, &mut sessions)?;
        Ok(Noted { batch, content: keys })
    }

    fn commit(&self, batches: Vec<Noted>) -> Result<(), SinkError> {
        let (batches, round) = batches.into_iter().map(|noted| (noted.batch, noted.content)).unzip();
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).push(round);
        self.sink.commit(batches)
    }

    fn record_failure(&self, failure: &Failure) -> Result<(), SinkError> {
        self.sink.record_failure(failure)
    }

    fn clear_failure(&self, object: &ObjectRef) -> Result<(), SinkError> {
        self.sink.clear_failure(object)
    }

    fn failure(&self, object: &ObjectRef) -> Result<Option<Failure>, SinkError> {
        self.sink.failure(object)
    }

    fn record_key_events(&self, events: &[KeyEvent]) -> Result<(), SinkError> {
        self.sink.record_key_events(events)
    }

    fn write_of(&self, partition: &Partition, id: &TranscriptId) -> Result<Option<Write>, SinkError> {
        self.sink.write_of(partition, id)
    }

    fn open_starts(&self, id: &TranscriptId) -> Result<u32, SinkError> {
        self.sink.open_starts(id)
    }

    fn note_start_of_backfill(&self, id: &TranscriptId) -> Result<(), SinkError> {
        self.sink.note_start_of_backfill(id)
    }

    fn note_pause_of_backfill(&self, id: &TranscriptId) -> Result<(), SinkError> {
        self.sink.note_pause_of_backfill(id)
    }

    fn note_end(&self, id: &TranscriptId) -> Result<(), SinkError> {
        self.sink.note_end(id)
    }
}

fn fresh_sink(path: &Path) -> Outcome<LocalSink> {
    if path.exists() {
        fs::remove_dir_all(path)?;
    }
    let (root, lock) = IndexRoot::open_for_writing(path, None)?;
    Ok(LocalSink::new(root, lock))
}

/// The whole way from a directory of `.log.gz` files to a committed index, as `shelltrail backfill` goes it.
fn pipeline(files: &Files) -> Outcome<Numbers> {
    let sink = Arc::new(Noting { sink: fresh_sink(&files.index())?, rounds: Mutex::default() });
    let mut spent = Spent::default();
    let done = spent.by_all(|| -> Outcome<_> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let stop = Stop::never();
        let origin = Origin::folder(LocalFolder::new(files.packed()));
        let (config, progress) = (PipelineConfig::default(), Arc::new(Progress::new()));
        let done = runtime.block_on(backfill(
            config,
            origin,
            Arc::new(NoKeys),
            Arc::clone(&sink),
            stop,
            progress,
        ))?;
        // As the command does: what is asked of the index later is asked of few segments.
        sink.sink.finish_merges();
        Ok(done)
    })?;
    let mut numbers = Numbers::new();
    note(&mut numbers, "pipeline", spent);
    numbers.insert("peak_rss".to_owned(), peak_rss_bytes() as f64);
    let [indexed, failed, records] = [done.indexed, done.failed, done.records].map(|count| count as f64);
    numbers.extend([("indexed", indexed), ("failed", failed), ("records", records)].map(owned));
    let rounds = sink.rounds.lock().unwrap_or_else(PoisonError::into_inner);
    let batches = rounds.iter().map(Vec::len).sum::<usize>() as f64;
    numbers.extend([("batches", batches), ("commits", rounds.len() as f64)].map(owned));
    fs::write(files.batches(), serde_json::to_vec(&*rounds)?)?;
    Ok(numbers)
}

fn owned((name, number): (&str, f64)) -> (String, f64) {
    (name.to_owned(), number)
}

/// What the pipeline cannot avoid: its documents, in its batches and its commits, on as many threads, from sessions
/// that were parsed before the clock started. Without their text this is tantivy alone.
fn prepared(files: &Files, with_text: bool) -> Outcome<Numbers> {
    let rounds: Vec<Vec<Content>> = serde_json::from_slice(&fs::read(files.batches())?)?;
    let sink = fresh_sink(&files.prepared())?;
    let [mut build, mut commit, mut merge] = [Spent::default(); 3];
    for round in rounds {
        let mut built = Vec::new();
        let mut left = round.into_iter();
        loop {
            let slice = next_slice(&mut left, files)?;
            if slice.is_empty() {
                break;
            }
            let of_batch = |sessions: Vec<Session>| {
                let partition = sink.partition(sessions.first().and_then(|session| session.account.as_ref()));
                let sessions = &mut sessions.into_iter();
                if with_text {
                    sink.build(&partition, sessions)
                } else {
                    sink.build_terms_only(&partition, sessions)
                }
            };
            built
                .extend(build.by_all(|| slice.into_par_iter().map(of_batch).collect::<Result<Vec<_>, _>>())?);
        }
        commit.by_all(|| sink.commit(built))?;
        // Otherwise they would go on while the next sessions are prepared, beside the clock.
        merge.by_all(|| sink.finish_merges());
    }
    // Where nothing has to be prepared, merges go on beside the building: at best all threads share them.
    merge.wall_secs = merge.cpu_secs / rayon::current_num_threads() as f64;
    let mut numbers = Numbers::new();
    note(&mut numbers, "build", build);
    note(&mut numbers, "commit", commit);
    note(&mut numbers, "merge", merge);
    Ok(numbers)
}

/// All the work of the pipeline and nothing else: the same batches and commits, every file read, inflated and parsed when
/// its batch asks for it, without claims, queues and limits.
fn direct(files: &Files) -> Outcome<Numbers> {
    let rounds: Vec<Vec<Content>> = serde_json::from_slice(&fs::read(files.batches())?)?;
    let sink = fresh_sink(&files.prepared())?;
    let (layout, limits) = (KeyLayout::default(), ParseLimits::default());
    let mut spent = Spent::default();
    let sessions_of = |key: &String| -> Outcome<Vec<Session>> {
        let transcript = decode::open(fetched(&files.packed(), key)?, None, u64::MAX)?;
        Ok(decode::sessions(&transcript, &layout, &limits))
    };
    for round in rounds {
        spent.by_all(|| -> Outcome<()> {
            let of_batch = |keys: Vec<String>| -> Outcome<local::Batch> {
                let first = keys.first().map(String::as_str).unwrap_or_default();
                let partition = sink.partition(layout.locate(first).account.as_ref());
                let mut failed = None;
                let mut sessions =
                    keys.iter().map_while(|key| sessions_of(key).map_err(|error| failed = Some(error)).ok());
                let mut sessions = sessions.by_ref().flatten();
                let batch = sink.build(&partition, &mut sessions)?;
                drop(sessions);
                failed.map_or(Ok(batch), Err)
            };
            let built = round.into_par_iter().map(of_batch).collect::<Outcome<Vec<_>>>()?;
            Ok(sink.commit(built)?)
        })?;
    }
    let mut numbers = Numbers::new();
    note(&mut numbers, "direct", spent);
    Ok(numbers)
}

/// Parses the sessions of the next batches, as many as fit into a slice.
fn next_slice(left: &mut impl Iterator<Item = Content>, files: &Files) -> Outcome<Vec<Vec<Session>>> {
    let (layout, limits) = (KeyLayout::default(), ParseLimits::default());
    let mut slice = Vec::new();
    let mut bytes = 0;
    while bytes < SLICE_BYTES {
        let Some(keys) = left.next() else { break };
        let parsed = keys.into_par_iter().map(|key| -> Outcome<Vec<Session>> {
            let transcript = decode::open(fetched(&files.packed(), &key)?, None, u64::MAX)?;
            Ok(decode::sessions(&transcript, &layout, &limits))
        });
        let sessions = parsed.collect::<Outcome<Vec<_>>>()?.concat();
        bytes += sessions.iter().map(|session| session.bytes).sum::<u64>();
        slice.push(sessions);
    }
    Ok(slice)
}

/// Bytes of the files below a directory.
pub fn bytes_below(root: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for key in keys(root)? {
        bytes += fs::metadata(root.join(key))?.len();
    }
    Ok(bytes)
}
