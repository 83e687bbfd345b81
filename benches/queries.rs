//! Questions to the index, and the same questions to ripgrep.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shelltrail_index::{Query, SearchOptions, Searcher};

use crate::corpus;
use crate::measure::percentile;
use crate::stages::{Files, Numbers, Outcome};

/// Hits that are asked for.
const LIMIT: usize = 100;
/// How often each question is asked of a searcher that has answered it before.
const REPEATS: usize = 30;
/// How often ripgrep reads the files for one question, after once for nothing.
const PASSES: usize = 3;

/// What stands in no transcript.
const NOWHERE: &str = "zzqnotthere";

/// Name and literal of each question.
pub const QUERIES: [(&str, &str); 15] = [
    ("common word", "systemd"),
    ("word", "haproxy"),
    ("two words", "connection refused"),
    ("phrase", "sudo systemctl restart"),
    ("exact case", "Invalid user admin"),
    ("inside words", "ubect"),
    ("rare word", "xmrig"),
    ("address", "10.16.0.4"),
    ("address and port", "127.0.0.1:6379"),
    ("name and port", "pool.example.net:4444"),
    ("number", "4444"),
    ("short number", "443"),
    ("punctuation", "2>&1"),
    ("long token", corpus::LONG_TOKEN),
    ("no hit", NOWHERE),
];

/// Latencies of a searcher that is open and has its dictionaries, in milliseconds, and what it found: of the first
/// time that it is asked, when it has read no text yet, and of the times after that.
pub fn warm(files: &Files) -> Outcome<Numbers> {
    let mut numbers = Numbers::new();
    for (name, text) in QUERIES {
        let (query, options) =
            (Query::literal(text), SearchOptions { limit: LIMIT, ..SearchOptions::default() });
        let searcher = Searcher::open(&files.index())?;
        black_box(searcher.search(&Query::literal(NOWHERE), &options));
        let begun = Instant::now();
        let answer = searcher.search(&query, &options);
        numbers.insert(format!("{name}_first"), begun.elapsed().as_secs_f64() * 1e3);
        if !answer.coverage.is_complete() {
            return Err(format!("{name}: the answer is incomplete: {:?}", answer.coverage).into());
        }
        let mut durations = [Duration::ZERO; REPEATS];
        for duration in &mut durations {
            let begun = Instant::now();
            black_box(searcher.search(&query, &options));
            *duration = begun.elapsed();
        }
        numbers.insert(format!("{name}_hits"), answer.hits.len() as f64);
        numbers.insert(format!("{name}_verified"), answer.coverage.verified as f64);
        numbers.insert(format!("{name}_p50"), percentile(&mut durations, 0.5).as_secs_f64() * 1e3);
        numbers.insert(format!("{name}_p99"), percentile(&mut durations, 0.99).as_secs_f64() * 1e3);
    }
    Ok(numbers)
}

/// Opens the index and asks one question, in a process that has done nothing before; milliseconds. The files are in
/// the page cache.
pub fn cold(files: &Files, name: &str) -> Outcome<Numbers> {
    let text = QUERIES.iter().find(|(known, _)| *known == name).map(|(_, text)| text);
    let query = Query::literal(text.ok_or("no such stage or question")?);
    let options = SearchOptions { limit: LIMIT, ..SearchOptions::default() };
    let begun = Instant::now();
    let searcher = Searcher::open(&files.index())?;
    black_box(searcher.search(&query, &options));
    Ok(Numbers::from([("cold".to_owned(), begun.elapsed().as_secs_f64() * 1e3)]))
}

/// Whether ripgrep is there.
pub fn has_ripgrep() -> bool {
    Command::new("rg").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Milliseconds of one pass of ripgrep over the clear files, which are in the page cache: the middle of some passes.
pub fn ripgrep(files: &Files, text: &str) -> Outcome<f64> {
    let mut durations = [Duration::ZERO; PASSES];
    for warm_up in [true, false] {
        for duration in &mut durations[..if warm_up { 1 } else { PASSES }] {
            let mut command = Command::new("rg");
            command.args(["-uuu", "--smart-case", "--fixed-strings", "--count", "--regexp", text]);
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
