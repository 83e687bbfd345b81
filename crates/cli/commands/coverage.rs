//! What an answer rests on: for people on stderr, for programs as the last line of the answer.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::bail;
use serde::Serialize;
use shelltrail_core::sanitize::printable;
use shelltrail_index::{Coverage, Query, SearchOptions, Searcher};

use crate::args::{Format, OutputArgs};
use crate::json;
use crate::words::count;

/// Says what was searched, and what could not be. `found` tells whether there is an answer to be trusted or a "no".
pub fn report(coverage: &Coverage, found: bool) {
    for line in lines(coverage, found) {
        eprintln!("shelltrail: {line}");
    }
}

fn lines(coverage: &Coverage, found: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (partition, reason) in &coverage.failed_partitions {
        lines.push(format!("partition {partition} was not searched: {}", printable(reason)));
    }
    if coverage.unreadable_records > 0 {
        let reason = coverage.unreadable_reason.as_deref().unwrap_or_default();
        let records = count(coverage.unreadable_records, "record");
        lines.push(format!("{records} could not be read: {}", printable(reason)));
    }
    let not_indexed: u64 = coverage.not_indexed.values().sum();
    if not_indexed > 0 {
        let reasons =
            coverage.not_indexed.iter().map(|(reason, count)| format!("{count} {}", printable(reason)));
        let reasons: Vec<String> = reasons.collect();
        let (objects, are) = (count(not_indexed, "object"), if not_indexed == 1 { "is" } else { "are" });
        lines.push(format!(
            "{objects} in scope {are} not indexed: {}; shelltrail failures list names them",
            reasons.join(", ")
        ));
    }
    if coverage.dropped > 0 {
        let objects = count(coverage.dropped, "object");
        lines.push(format!("{objects} in scope not indexed: dropped by an operator"));
    }
    for (name, sessions) in &coverage.unidentified {
        lines.push(format!(
            "{} of unknown {name} may be meant and cannot be told: not in the answer (NOT {name}:* finds them)",
            count(*sessions, "session")
        ));
    }
    for source in &coverage.unfinished_backfills {
        lines.push(format!(
            "a backfill of {} did not end: it runs, or was broken off, and the same command goes on with it",
            printable(source)
        ));
    }
    if coverage.budget_exceeded {
        lines.push("the time was up before everything was searched (--budget)".to_owned());
    }
    let whole = coverage.sessions_searched >= coverage.sessions_in_scope;
    let verdict = match (coverage.is_complete(), found) {
        (true, _) if whole => "complete",
        (true, _) => "complete so far",
        (false, true) => "this answer is not complete",
        (false, false) => "this answer is not complete: that nothing was found proves nothing",
    };
    lines.push(format!(
        "searched {} of {} ({}) in {}, {}: {verdict}",
        coverage.sessions_searched,
        count(coverage.sessions_in_scope, "session"),
        count(coverage.records_searched, "record"),
        count(coverage.partitions, "partition"),
        duration(coverage),
    ));
    lines
}

fn duration(coverage: &Coverage) -> String {
    let millis = coverage.elapsed.as_secs_f64() * 1e3;
    if millis < 100.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

/// Says how the question was understood, where that is not plain.
pub fn report_notes(notes: &[String]) {
    for note in notes {
        eprintln!("shelltrail: {}", printable(note));
    }
}

/// Says that an unknown time is no reason to hide a session.
pub fn report_unknown_times(unknown: u64, noun: &str) {
    if unknown > 0 {
        eprintln!(
            "shelltrail: {} with an unknown end of the session; kept, for they may be meant",
            count(unknown, noun)
        );
    }
}

/// Says so if nothing is indexed at all: then nothing could be found, whatever is asked.
pub fn report_empty(searcher: &Searcher, index: &std::path::Path) {
    let options = SearchOptions { limit: 1, ..SearchOptions::default() };
    let all = searcher.sessions(&Query::All, &options);
    // What cannot be read is not nothing.
    let is_readable = all.coverage.failed_partitions.is_empty() && all.coverage.unreadable_records == 0;
    if all.sessions.is_empty() && is_readable {
        let index = index.to_string_lossy();
        let words = ["shelltrail", "backfill", "SOURCE", "--index", &index];
        eprintln!(
            "shelltrail: nothing is indexed here yet; begin with: {}",
            crate::words::command_line(words)
        );
    }
}

/// The last line of `--format jsonl --summary`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    schema: u32,
    summary: bool,
    complete: bool,
    hits: u64,
    more: bool,
    left_at_most: u64,
    cursor: Option<String>,
    partitions: u64,
    failed_partitions: &'a BTreeMap<String, String>,
    sessions_in_scope: u64,
    sessions_searched: u64,
    records_searched: u64,
    records_verified: u64,
    unreadable_records: u64,
    /// Why the first of them could not be read.
    unreadable_reason: Option<&'a str>,
    not_indexed: &'a BTreeMap<String, u64>,
    dropped: u64,
    /// Sessions that were left out because it is not known whether they have the identifier that was asked for.
    unidentified: &'a BTreeMap<String, u64>,
    unfinished_backfills: &'a [String],
    budget_exceeded: bool,
    elapsed_ms: f64,
}

/// How much of an answer was printed.
#[derive(Clone, Debug, Default)]
pub struct Extent {
    /// Results.
    pub hits: u64,
    /// Whether more follow.
    pub more: bool,
    /// How many at most.
    pub left_at_most: u64,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// Writes it.
///
/// # Errors
/// As the writer.
pub fn write_summary(out: &mut impl Write, coverage: &Coverage, extent: &Extent) -> anyhow::Result<()> {
    let summary = Summary {
        schema: 1,
        summary: true,
        complete: coverage.is_complete(),
        hits: extent.hits,
        more: extent.more,
        left_at_most: extent.left_at_most,
        cursor: extent.cursor.clone(),
        partitions: coverage.partitions,
        failed_partitions: &coverage.failed_partitions,
        sessions_in_scope: coverage.sessions_in_scope,
        sessions_searched: coverage.sessions_searched,
        records_searched: coverage.records_searched,
        records_verified: coverage.verified,
        unreadable_records: coverage.unreadable_records,
        unreadable_reason: coverage.unreadable_reason.as_deref(),
        not_indexed: &coverage.not_indexed,
        dropped: coverage.dropped,
        unidentified: &coverage.unidentified,
        unfinished_backfills: &coverage.unfinished_backfills,
        budget_exceeded: coverage.budget_exceeded,
        elapsed_ms: (coverage.elapsed.as_secs_f64() * 1e6).round() / 1e3,
    };
    json::write_line(out, &summary)
}

/// Refuses `--summary` where the format has no place for it.
///
/// # Errors
/// The format is not `jsonl`.
pub fn check_summary(wanted: bool, output: &OutputArgs) -> anyhow::Result<()> {
    if wanted && (output.format != Format::Jsonl || output.template.is_some()) {
        bail!("--summary is a last line of --format jsonl; other formats sum the answer up on stderr only");
    }
    Ok(())
}

/// Says how much there is beyond what is shown, and how to see it.
pub fn report_more(extent: &Extent, coverage: &Coverage) {
    if !extent.more {
        return;
    }
    let total = extent.hits.saturating_add(extent.left_at_most);
    let way = if coverage.budget_exceeded { "a longer --budget" } else { "--limit" };
    eprintln!("shelltrail: {} of at most {total}; {way} shows more at once", extent.hits);
    if let Some(cursor) = &extent.cursor {
        eprintln!("shelltrail: the same command goes on with --cursor {cursor}");
    }
}
