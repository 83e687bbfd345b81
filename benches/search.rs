//! How long answers take, by kind of question, against one pass of ripgrep over the same text. See README.md.

// Other benches want other parts of these.
#[allow(dead_code)]
mod corpus;
#[allow(dead_code)]
mod measure;
#[allow(dead_code)]
mod queries;
#[allow(dead_code)]
mod stages;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use shelltrail_index::query::{Options, parse};
use shelltrail_index::search::By;
use shelltrail_index::{Query, SearchOptions, Searcher};

use corpus::Corpus;
use measure::percentile;
use stages::{Files, Outcome, in_child};

const DEFAULT_MEGABYTES: u64 = 250;
const QUICK_MEGABYTES: u64 = 20;
const SEED: u64 = 2026;
/// Hits that are asked for.
const LIMIT: usize = 100;
/// How often each question is asked of a searcher that has answered it before.
const REPEATS: usize = 200;
/// How often ripgrep reads the files for one question, after once for nothing.
const PASSES: usize = 3;
/// The longest time from the start of a process to its first hit.
const MAX_COLD_MS: f64 = 150.0;

/// A kind of question, and how many times faster than ripgrep it must be at p50 and at p99.
struct Kind {
    name: &'static str,
    p50: f64,
    p99: f64,
    /// Our question, and the pattern that ripgrep is given.
    questions: &'static [(&'static str, Grep)],
}

/// What ripgrep is asked for.
#[derive(Clone, Copy)]
enum Grep {
    Text(&'static str),
    Regex(&'static str),
}

use Grep::{Regex, Text};

/// The tables of questions; those of a kind share a bar.
const KINDS: [Kind; 6] = [
    Kind {
        name: "term",
        p50: 100.0,
        p99: 20.0,
        questions: &[
            ("systemd", Text("systemd")),
            ("haproxy", Text("haproxy")),
            ("xmrig", Text("xmrig")),
            ("10.16.0.4", Text("10.16.0.4")),
            ("4444", Text("4444")),
            ("zzqnotthere", Text("zzqnotthere")),
            ("program:kubectl", Text("kubectl")),
        ],
    },
    Kind {
        name: "phrase",
        p50: 100.0,
        p99: 20.0,
        questions: &[
            ("connection refused", Text("connection refused")),
            ("sudo systemctl restart", Text("sudo systemctl restart")),
            ("Invalid user admin", Text("Invalid user admin")),
            ("127.0.0.1:6379", Text("127.0.0.1:6379")),
        ],
    },
    Kind {
        name: "filtered",
        p50: 100.0,
        p99: 20.0,
        questions: &[
            ("account:8* systemd", Text("systemd")),
            ("after:2026-11-01 haproxy", Text("haproxy")),
            ("cmd:systemctl confidence:>=medium", Text("systemctl")),
            ("principal:ops-* \"connection refused\"", Text("connection refused")),
            ("status:executed program:sudo", Text("sudo")),
        ],
    },
    Kind {
        name: "AND, OR, NOT",
        p50: 100.0,
        p99: 20.0,
        questions: &[
            ("systemd AND haproxy", Text("systemd")),
            ("cmd:kubectl AND out:error", Text("kubectl")),
            ("xmrig OR 10.16.0.4", Text("xmrig")),
            ("sudo AND NOT systemctl", Text("sudo")),
        ],
    },
    Kind {
        name: "regex",
        p50: 10.0,
        p99: 0.0,
        questions: &[
            ("cmd:/^sudo systemctl (re)?start/", Regex("sudo systemctl (re)?start")),
            ("/kubectl .*-n [a-z]+/", Regex("kubectl .*-n [a-z]+")),
            ("/Invalid user \\w+ from/", Regex("Invalid user \\w+ from")),
            ("/xm[a-z]ig/", Regex("xm[a-z]ig")),
            ("cmd:/curl .*\\| *(ba)?sh/", Regex("curl .*\\| *(ba)?sh")),
            ("/\\d{3}\\.\\d+\\.\\d+\\.\\d+:4444/", Regex("\\d{3}\\.\\d+\\.\\d+\\.\\d+:4444")),
            ("cmd:/[aeiou]{4}/", Regex("[aeiou]{4}")),
        ],
    },
    Kind {
        name: "partial words",
        p50: 10.0,
        p99: 0.0,
        questions: &[
            ("ubect", Text("ubect")),
            ("nection refu", Text("nection refu")),
            ("stemctl rest", Text("stemctl rest")),
            ("2>&1", Text("2>&1")),
            ("443", Text("443")),
        ],
    },
];

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [flag, root, question] if flag == "--cold" => return cold(&Files { root: root.into() }, question),
        [flag, stage, root] if flag == "--stage" => return stages::run(stage, &Files { root: root.into() }),
        _ => {}
    }
    let (megabytes, directory) = options(&arguments)?;
    let files = Files { root: directory };
    prepare(&files, megabytes)?;
    println!("machine: {}", measure::machine());
    let searcher = Searcher::open(&files.index())?;
    let mut held = true;
    for kind in &KINDS {
        held &= of_kind(&files, &searcher, kind)?;
    }
    of_counts(&searcher)?;
    held &= of_cold(&files)?;
    println!("{}", if held { "all bars are held" } else { "a bar is not held" });
    Ok(())
}

fn options(arguments: &[String]) -> Outcome<(u64, PathBuf)> {
    let (mut megabytes, mut directory) = (DEFAULT_MEGABYTES, None);
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            // cargo says so to every bench.
            "--bench" => {}
            "--quick" => megabytes = QUICK_MEGABYTES,
            "--size" => megabytes = value()?.parse()?,
            "--dir" => directory = Some(PathBuf::from(value()?)),
            _ => return Err(format!("{flag} is none of --size MB, --dir PATH, --quick").into()),
        }
    }
    let name = format!("g{}-{SEED}-{megabytes}", corpus::GENERATION);
    let default = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-corpus").join(name);
    Ok((megabytes, directory.unwrap_or_else(default)))
}

/// Makes corpus and index unless they are there. The bench `pipeline` leaves both.
fn prepare(files: &Files, megabytes: u64) -> Outcome<()> {
    let done = files.root.join("clear-bytes");
    if !done.exists() {
        let clear = queries::has_ripgrep().then(|| files.clear());
        let bytes = Corpus::new(SEED).write(megabytes * 1_000_000, &files.packed(), clear.as_deref())?;
        fs::write(done, bytes.to_string())?;
    }
    if Searcher::open(&files.index()).is_err() {
        in_child("pipeline", files)?;
    }
    Ok(())
}

fn query(text: &str) -> Outcome<Query> {
    Ok(parse(text, &Options::at("2026-11-20T00:00:00Z".parse::<Timestamp>()?))?)
}

fn of_kind(files: &Files, searcher: &Searcher, kind: &Kind) -> Outcome<bool> {
    println!(
        "\n{:<42} {:>5} {:>8} {:>9} {:>9} {:>9} {:>8} {:>8}",
        kind.name, "hits", "verified", "p50 ms", "p99 ms", "rg ms", "rg/p50", "rg/p99"
    );
    let (mut of_p50, mut of_p99) = (Vec::new(), Vec::new());
    for (text, grep) in kind.questions {
        let query = query(text)?;
        let options = SearchOptions { limit: LIMIT, ..SearchOptions::default() };
        let answer = searcher.search(&query, &options);
        if !answer.coverage.is_complete() {
            return Err(format!("{text}: the answer is incomplete: {:?}", answer.coverage).into());
        }
        let mut durations = [Duration::ZERO; REPEATS];
        for duration in &mut durations {
            let begun = Instant::now();
            black_box(searcher.search(&query, &options));
            *duration = begun.elapsed();
        }
        let [p50, p99] = [0.5, 0.99].map(|share| percentile(&mut durations, share).as_secs_f64() * 1e3);
        print!("{text:<42} {:>5} {:>8} {p50:>9.3} {p99:>9.3}", answer.hits.len(), answer.coverage.verified);
        if queries::has_ripgrep() {
            let rg = ripgrep(files, *grep)?;
            print!(" {rg:>9.1} {:>8.0} {:>8.0}", rg / p50, rg / p99);
            of_p50.push(rg / p50);
            of_p99.push(rg / p99);
        }
        println!();
    }
    let [p50, p99] = [of_p50, of_p99].map(|mut ratios| {
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    });
    let (Some(p50), Some(p99)) = (p50, p99) else { return Ok(true) };
    let held = p50 >= kind.p50 && p99 >= kind.p99;
    println!(
        "in the middle: 1/{p50:.0} at p50 (bar 1/{:.0}), 1/{p99:.0} at p99 {} {}",
        kind.p50,
        if kind.p99 > 0.0 { format!("(bar 1/{:.0})", kind.p99) } else { String::new() },
        if held { "PASS" } else { "FAIL" }
    );
    Ok(held)
}

/// What has no bar: counts verify everything.
fn of_counts(searcher: &Searcher) -> Outcome<()> {
    println!("\n{:<42} {:>8} {:>9}", "counts", "records", "ms");
    for (text, by) in
        [("systemd", Some(By::Account)), ("program:*", Some(By::Program)), ("after:2026-11-01", None)]
    {
        let query = query(text)?;
        let begun = Instant::now();
        let counts = searcher.count(&query, by, &SearchOptions::default());
        let name = format!("{text} by {}", by.map_or("nothing", By::name));
        println!("{name:<42} {:>8} {:>9.1}", counts.records, begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Milliseconds of one pass of ripgrep over the clear files, which are in the page cache: the middle of some passes.
fn ripgrep(files: &Files, grep: Grep) -> Outcome<f64> {
    let mut durations = [Duration::ZERO; PASSES];
    for warm_up in [true, false] {
        for duration in &mut durations[..if warm_up { 1 } else { PASSES }] {
            let mut command = Command::new("rg");
            command.args(["-uuu", "--smart-case", "--count"]);
            match grep {
                Text(text) => command.args(["--fixed-strings", "--regexp", text]),
                Regex(pattern) => command.args(["--regexp", pattern]),
            };
            let begun = Instant::now();
            let status = command.arg(files.clear()).stdout(Stdio::null()).status()?;
            *duration = begun.elapsed();
            // 1 means that nothing was found.
            if !matches!(status.code(), Some(0 | 1)) {
                return Err("rg failed".into());
            }
        }
    }
    Ok(percentile(&mut durations, 0.5).as_secs_f64() * 1e3)
}

/// Opens the index, asks, and shows the first hit.
fn cold(files: &Files, question: &str) -> Outcome<()> {
    let answer = Searcher::open(&files.index())?.search(&query(question)?, &SearchOptions::default());
    println!("{:?}", answer.hits.first().map(|hit| hit.record().command));
    Ok(())
}

/// From the start of a process to its first hit, with files in the page cache.
fn of_cold(files: &Files) -> Outcome<bool> {
    println!("\n{:<42} {:>9} {:>9}", "new process to first hit", "p50 ms", "max ms");
    let mut held = true;
    for question in ["systemd", "sudo systemctl restart", "ubect", "/kubectl .*-n [a-z]+/", "443"] {
        let mut durations = Vec::new();
        for _ in 0..7 {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("--cold").arg(&files.root).arg(question).stdout(Stdio::null());
            let begun = Instant::now();
            if !command.status()?.success() {
                return Err(format!("{question}: the process failed").into());
            }
            durations.push(begun.elapsed());
        }
        let [p50, max] = [0.5, 1.0].map(|share| percentile(&mut durations, share).as_secs_f64() * 1e3);
        held &= p50 <= MAX_COLD_MS;
        println!("{question:<42} {p50:>9.1} {max:>9.1} {}", if p50 <= MAX_COLD_MS { "PASS" } else { "FAIL" });
    }
    Ok(held)
}
