//! The whole worker against an S3 and an SQS in this process that answer as late as real ones. See README.md.

// Other benches want other parts of these.
#[allow(dead_code)]
mod corpus;
#[allow(dead_code)]
mod measure;
mod remote;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use shelltrail_core::ObjectRef;
use shelltrail_index::{IndexRoot, LocalSink};
use shelltrail_ingest::fakes::{MemoryQueue, Script, created};
use shelltrail_ingest::source::NoKeys;
use shelltrail_ingest::{Lane, PipelineConfig, Progress, Stop, run};

use corpus::{Corpus, Kind};
use measure::{Spent, machine, peak_rss_bytes};
use remote::{Bucket, Delay, Meters, RemoteQueue, Shares, WatchedSink, watch};

/// Anything may go wrong; the bench stops with it.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
/// What a run measured.
type Numbers = BTreeMap<String, f64>;

const SEED: u64 = 2026;
const BUCKET: &str = "transcripts";
/// A transcript of everyday length, and a long one; one in [`LONG_EVERY`] is long.
const SHORT_BYTES: usize = 15_000;
const LONG_BYTES: usize = 4_000_000;
const LONG_EVERY: usize = 2_000;
/// What one fetch may take: objects that are measured for each fetch in flight, up to the size of the corpus.
const OBJECTS_PER_FETCH: usize = 400;
/// The goal, and from how many fetches on it holds.
const GOAL_PER_SEC: f64 = 500.0;
const GOAL_FETCHES: usize = 64;

/// What is measured.
#[derive(Clone, Debug)]
struct Options {
    objects: usize,
    fetches: Vec<usize>,
    /// Everything else of the configuration that was asked for, as `name=number`.
    settings: Vec<String>,
    repeat: usize,
    directory: PathBuf,
    /// Set in the process that measures: so many fetches, this many objects.
    child: bool,
}

fn main() -> Outcome<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    if options.child {
        for (name, number) in measure_one(&options)? {
            println!("{name}={number}");
        }
        return Ok(());
    }
    make_corpus(&options)?;
    println!("machine: {}", machine());
    println!(
        "corpus:  {} objects, {} KB each, one in {LONG_EVERY} {} MB; every request takes 20 to 60 ms",
        options.objects,
        SHORT_BYTES / 1000,
        LONG_BYTES / 1_000_000
    );
    let defaults = PipelineConfig::default();
    println!(
        "by default: {} fetches, {} receivers, {} messages held; changed here: {}\n",
        defaults.max_fetches,
        defaults.receivers,
        defaults.max_held_messages,
        if options.settings.is_empty() { "nothing else".to_owned() } else { options.settings.join(" ") }
    );
    println!(
        "{:>7} {:>8} {:>9} {:>7} {:>6} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}  bottleneck",
        "fetches",
        "objects",
        "objects/s",
        "MB/s",
        "CPU",
        "peak RSS",
        "in flight",
        "S3",
        "SQS",
        "delete",
        "index",
        "idle"
    );
    for &fetches in &options.fetches {
        let mut runs = Vec::new();
        for _ in 0..options.repeat {
            runs.push(options.in_child(fetches)?);
        }
        runs.sort_by(|a, b| a["rate"].total_cmp(&b["rate"]));
        print_row(fetches, &runs);
    }
    Ok(())
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Self {
            objects: 20_000,
            fetches: vec![1, 8, 64],
            settings: Vec::new(),
            repeat: 3,
            directory: Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-worker"),
            child: false,
        };
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                // cargo says so to every bench.
                "--bench" => {}
                "--quick" => (options.objects, options.repeat) = (2_000, 1),
                "--objects" => options.objects = value()?.parse()?,
                "--fetches" => {
                    options.fetches = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?;
                }
                "--set" => options.settings.push(value()?),
                "--repeat" => options.repeat = value()?.parse()?,
                "--dir" => options.directory = value()?.into(),
                "--child" => options.child = true,
                _ => {
                    let known = "--objects N, --fetches N,N,…, --set NAME=N, --repeat N, --dir PATH, --quick";
                    return Err(format!("{flag} is none of {known}").into());
                }
            }
        }
        Ok(options)
    }

    /// Measures in a process of its own, so that no run inherits the memory of another.
    fn in_child(&self, fetches: usize) -> Outcome<Numbers> {
        let objects = self.objects.min(fetches * OBJECTS_PER_FETCH);
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--child", "--fetches", &fetches.to_string(), "--objects", &objects.to_string()]);
        command.arg("--dir").arg(&self.directory);
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        let output = command.output()?;
        if !output.status.success() {
            return Err(format!("{fetches} fetches: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let number =
            |line: &str| line.split_once('=').and_then(|(name, n)| Some((name.to_owned(), n.parse().ok()?)));
        Ok(String::from_utf8(output.stdout)?.lines().filter_map(number).collect())
    }

    fn config(&self) -> Outcome<PipelineConfig> {
        let mut config = PipelineConfig {
            max_fetches: *self.fetches.first().ok_or("no number of fetches")?,
            // A drain ends soon after the last message, and what comes before its end is not measured.
            drain: true,
            receive_wait: Duration::from_millis(200),
            ..PipelineConfig::default()
        };
        for setting in &self.settings {
            let (name, number) = setting.split_once('=').ok_or("--set wants NAME=NUMBER")?;
            let number: u64 = number.parse()?;
            match name {
                "receivers" => config.receivers = number as usize,
                "max_held_messages" => config.max_held_messages = number as usize,
                "workers" => config.workers = number as usize,
                "in_flight_mib" => config.in_flight_bytes = number << 20,
                "batch_mib" => config.batch_bytes = number << 20,
                "commit_mib" => config.commit_bytes = number << 20,
                "commit_age_secs" => config.commit_age = Duration::from_secs(number),
                _ => return Err(format!("there is no setting {name} here").into()),
            }
        }
        Ok(config)
    }
}

/// Writes the bucket unless it is there, and the list of its objects.
fn make_corpus(options: &Options) -> Outcome<()> {
    let list = options.directory.join("objects.json");
    let wanted = format!("{} {SEED} {SHORT_BYTES} {LONG_BYTES} {LONG_EVERY}", corpus::GENERATION);
    if let Ok(text) = fs::read_to_string(&list) {
        let (made_of, objects): (String, Vec<Listed>) = serde_json::from_str(&text)?;
        if made_of == wanted && objects.len() >= options.objects {
            return Ok(());
        }
    }
    if options.directory.exists() {
        fs::remove_dir_all(&options.directory)?;
    }
    let bucket = options.directory.join("bucket");
    let corpus = Corpus::new(SEED);
    let write = |number: usize| -> Outcome<Listed> {
        // Not the first one: a few runs do not reach the second.
        let long = number % LONG_EVERY == LONG_EVERY / 2;
        let transcript = corpus.session(number, Kind::Mixed, if long { LONG_BYTES } else { SHORT_BYTES });
        let key = format!("{}.gz", transcript.key);
        let body = corpus::gzip(&transcript.bytes)?;
        let path = bucket.join(&key);
        fs::create_dir_all(path.parent().ok_or("a key has a folder")?)?;
        fs::write(path, &body)?;
        Ok((key, body.len() as u64))
    };
    let objects: Vec<Listed> = (0..options.objects).into_par_iter().map(write).collect::<Outcome<_>>()?;
    fs::write(list, serde_json::to_string(&(wanted, objects))?)?;
    Ok(())
}

/// Key and stored bytes.
type Listed = (String, u64);

/// One worker from the first receive to the last delete.
fn measure_one(options: &Options) -> Outcome<Numbers> {
    let text = fs::read_to_string(options.directory.join("objects.json"))?;
    let (_, objects): (String, Vec<Listed>) = serde_json::from_str(&text)?;
    let objects = &objects[..options.objects];
    let index = options.directory.join("index");
    if index.exists() {
        fs::remove_dir_all(&index)?;
    }
    let (root, lock) = IndexRoot::open_for_writing(&index, None)?;
    let (meters, delay) = (Arc::new(Meters::default()), Delay::default());
    let sink = Arc::new(WatchedSink { sink: LocalSink::new(root, lock), meters: Arc::clone(&meters) });
    let bucket = options.directory.join("bucket");
    let store = Arc::new(Bucket { files: bucket, delay: delay.clone(), meters: Arc::clone(&meters) });
    let queue = MemoryQueue::new(Script::new());
    for (key, size) in objects {
        let object = ObjectRef {
            bucket: Some(BUCKET.to_owned()),
            key: key.clone(),
            version: None,
            etag: Some(remote::etag(key, *size)),
        };
        queue.send(created(&[(object, *size)]));
    }
    let queue = Arc::new(RemoteQueue { queue, delay, meters: Arc::clone(&meters) });
    let (config, progress) = (options.config()?, Arc::new(Progress::new()));
    let watching = watch(Arc::clone(&meters), &config);
    let (begun, mut spent) = (Instant::now(), Spent::default());
    let summary = spent.by_all(|| -> Outcome<_> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (keys, sink, stop) = (Arc::new(NoKeys), Arc::clone(&sink), Stop::never());
        Ok(runtime.block_on(run(
            config,
            Arc::clone(&queue),
            store,
            keys,
            sink,
            stop,
            Arc::clone(&progress),
        ))?)
    })?;
    let busy_secs = |lane| progress.gauges().lane(lane).busy.as_secs_f64();
    let shares: Shares = watching.end();
    if summary.indexed != objects.len() as u64 || !summary.adds_up() {
        return Err(
            format!("{} of {} objects were indexed: {summary:?}", summary.indexed, objects.len()).into()
        );
    }
    let wall = meters.last_delete().ok_or("nothing was deleted")?.duration_since(begun).as_secs_f64();
    let numbers = [
        ("objects", summary.indexed as f64),
        ("wall", wall),
        ("rate", summary.indexed as f64 / wall),
        ("megabytes", summary.bytes_clear as f64 / 1e6 / wall),
        ("cpu", spent.cpu_secs / wall),
        ("rss", peak_rss_bytes() as f64 / f64::from(1 << 20)),
        ("in_flight", summary.peak_in_flight_bytes as f64 / f64::from(1 << 20)),
        ("commits", summary.commits as f64),
        ("commit_secs", busy_secs(Lane::Commit)),
        ("build_secs", busy_secs(Lane::Build)),
        ("store", shares.store),
        ("receive", shares.receive),
        ("per_receive", shares.per_receive),
        ("delete", shares.delete),
        ("index", shares.index),
        ("idle", shares.index_idle),
    ];
    Ok(numbers.map(|(name, number)| (name.to_owned(), number)).into())
}

/// The run in the middle, and how far the others are from it.
fn print_row(fetches: usize, runs: &[Numbers]) {
    let Some(middle) = runs.get(runs.len() / 2) else { return };
    let number = |name: &str| middle.get(name).copied().unwrap_or_default();
    let percent = |name: &str| format!("{:.0} %", 100.0 * number(name));
    let rate = number("rate");
    println!(
        "{fetches:>7} {:>8} {rate:>9.0} {:>7.1} {:>6.2} {:>4.0} MiB {:>5.0} MiB {:>8} {:>8} {:>8} {:>8} {:>8}  {}{}",
        number("objects"),
        number("megabytes"),
        number("cpu"),
        number("rss"),
        number("in_flight"),
        percent("store"),
        percent("receive"),
        percent("delete"),
        percent("index"),
        percent("idle"),
        bottleneck(middle),
        match fetches >= GOAL_FETCHES {
            true if rate >= GOAL_PER_SEC => format!(", at least {GOAL_PER_SEC} objects/s PASS"),
            true => format!(", at least {GOAL_PER_SEC} objects/s FAIL"),
            false => String::new(),
        }
    );
    if let (Some(least), Some(most)) = (runs.first(), runs.last()) {
        let each = number("per_receive");
        println!(
            "{:>7} {} runs: {:.0} to {:.0} objects/s; {:.0} s, of which {:.1} s in {} commits; builds took {:.1} s, side by side; {each:.1} messages in a receive",
            "",
            runs.len(),
            least["rate"],
            most["rate"],
            number("wall"),
            number("commit_secs"),
            number("commits"),
            number("build_secs"),
        );
    }
}

/// The stage whose hands were full.
fn bottleneck(run: &Numbers) -> &'static str {
    let number = |name: &str| run.get(name).copied().unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let candidates = [
        ("the index (processors)", number("cpu") / cores),
        ("the fetch", number("store")),
        ("receiving", number("receive")),
        ("deleting", number("delete")),
    ];
    let fullest = candidates.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    fullest.map_or("nothing", |(name, _)| name)
}
