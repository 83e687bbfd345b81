//! `shelltrail index`

use std::io::{BufWriter, Write, stdout};

use anyhow::{Context, bail};
use serde::Serialize;
use shelltrail_core::Partition;
use shelltrail_core::sanitize::printable;
use shelltrail_index::IndexRoot;
use shelltrail_index::check::{Affected, Report, check};
use shelltrail_index::compact::{Compacted, compact, remove_unfinished};

use crate::args::{Args, CheckArgs, CompactArgs, IndexArgs, IndexCommand, ReportFormat};
use crate::config::Config;
use crate::exit::Exit;
use crate::json;
use crate::screen::while_read;

/// Checks or compacts an index.
///
/// # Errors
/// There is no index that this program understands, or, to compact it, somebody else writes to it.
pub fn run(args: &Args, command: &IndexArgs) -> anyhow::Result<Exit> {
    match &command.command {
        IndexCommand::Check(command) => run_check(args, command),
        IndexCommand::Compact(command) => run_compact(args, command),
    }
}

fn run_check(args: &Args, command: &CheckArgs) -> anyhow::Result<Exit> {
    let index = Config::load(args)?.index(&command.index)?;
    let report = check(&index, command.deep)?;
    while_read(|| {
        let mut out = BufWriter::new(stdout().lock());
        match command.format {
            ReportFormat::Json => {
                json::write_line(&mut out, &Checked { sound: report.is_sound(), report: &report })?
            }
            ReportFormat::Text => print(&mut out, &report)?,
        }
        Ok(out.flush()?)
    })?;
    if !report.damage.is_empty() {
        // What to do stands beside the damage, whatever the format.
        for line in way_out(&report, &index.to_string_lossy()) {
            eprintln!("shelltrail: {}", printable(&line));
        }
        return Ok(Exit::Incomplete);
    }
    if !report.unchecked.is_empty() {
        eprintln!(
            "shelltrail: some of the index could not be looked at; run the check as the user who owns it"
        );
        return Ok(Exit::Failed);
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Checked<'r> {
    sound: bool,
    #[serde(flatten)]
    report: &'r Report,
}

fn print(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    writeln!(
        out,
        "partition  segments  files  sessions   records  index bytes  text bytes    blocks  unclaimed bytes"
    )?;
    let deep = |number: u64| if report.deep { number.to_string() } else { "-".to_owned() };
    for part in &report.partitions {
        writeln!(
            out,
            "{:<9}  {:>8}  {:>5}  {:>8}  {:>8}  {:>11}  {:>10}  {:>8}  {:>15}",
            part.partition,
            part.segments,
            part.files,
            part.sessions,
            part.records,
            part.index_bytes,
            part.pack_bytes,
            deep(part.blocks),
            deep(part.unclaimed_bytes),
        )?;
    }
    let removals = &report.removals;
    writeln!(
        out,
        "events in removals/  {}  ({} segments, {} bytes)",
        removals.events, removals.segments, removals.index_bytes
    )?;
    writeln!(out, "notes in failures/ and backfills/  {}", report.notes)?;
    if report.being_written {
        writeln!(
            out,
            "a process is writing to the index: files of no commit may be its, and are not listed"
        )?;
    }
    for leftover in &report.leftovers {
        writeln!(
            out,
            "left over  {} bytes  {}: {}",
            leftover.bytes,
            printable(&leftover.path),
            leftover.what
        )?;
    }
    for (word, findings) in [("DAMAGED", &report.damage), ("unchecked", &report.unchecked)] {
        for finding in findings {
            let partition = finding.partition.as_deref().map(|name| format!("partition {name}: "));
            writeln!(out, "{word}  {}{}", partition.unwrap_or_default(), printable(&finding.what))?;
        }
    }
    for affected in &report.affected {
        writeln!(out, "affected  {}", printable(&told(affected)))?;
    }
    if report.affected_more > 0 {
        writeln!(out, "affected  and {} more", report.affected_more)?;
    }
    match (report.damage.is_empty(), report.unchecked.is_empty()) {
        (true, true) if report.deep => writeln!(out, "sound: every block was decoded"),
        (true, true) => {
            writeln!(out, "sound, as far as checksums and lengths tell; --deep reads the text too")
        }
        (true, false) => writeln!(out, "not all could be looked at"),
        (false, _) => writeln!(out, "damaged"),
    }
}

fn told(affected: &Affected) -> String {
    let Affected { partition, transcript, session, account, bucket, key, version } = affected;
    let object = match (bucket, key) {
        (Some(bucket), Some(key)) => format!("s3://{bucket}/{key}"),
        (None, Some(key)) => key.clone(),
        (_, None) => "its object cannot be read".to_owned(),
    };
    let session = session.as_deref().unwrap_or("?");
    let version = version.as_deref().map(|version| format!(" version {version}")).unwrap_or_default();
    let account = account.as_deref().unwrap_or("?");
    format!(
        "partition {partition}  transcript {transcript}  account {account}  session {session}  {object}{version}"
    )
}

/// What brings the transcripts, or the marks, back.
fn way_out(report: &Report, index: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut partitions: Vec<&str> = report.damage.iter().filter_map(|d| d.partition.as_deref()).collect();
    partitions.sort_unstable();
    partitions.dedup();
    if !partitions.is_empty() {
        let paths: Vec<String> = partitions.iter().map(|name| format!("{index}/partitions/{name}")).collect();
        lines.extend([
            format!("{} transcripts are known to be affected", report.affected.len() as u64 + report.affected_more),
            "restore the partition from a backup, or build it again from the bucket: stop the worker,".to_owned(),
            format!("move {} away, and run `shelltrail backfill` over", paths.join(", ")),
            "the accounts that begin so; what other partitions hold is not read again, and until then searches there".to_owned(),
            "do not find what is lost".to_owned(),
        ]);
    }
    if report.removals.damaged {
        lines.extend([
            "which objects were deleted or written again is not known to the full; no record is lost for it".to_owned(),
            format!("restore {index}/removals from a backup, or stop the worker and move it away: then only what is told"),
            "from now on is marked, and `shelltrail backfill --reconcile` lists what is not in the bucket any more".to_owned(),
        ]);
    }
    lines
}

fn run_compact(args: &Args, command: &CompactArgs) -> anyhow::Result<Exit> {
    let config = Config::load(args)?;
    let index = config.index(&command.index)?;
    // Compacting must not create an index.
    IndexRoot::open(&index)?;
    let (root, lock) = IndexRoot::open_for_writing(&index, None)?;
    let mut partitions = root.partitions()?;
    if let Some(name) = &command.partition {
        let wanted = Partition::from_name(name, root.manifest().partition_digits);
        partitions.retain(|partition| Some(partition) == wanted.as_ref());
        if partitions.is_empty() {
            bail!("there is no partition {name} in the index; `shelltrail status` lists them");
        }
    }
    let unfinished_bytes = remove_unfinished(&root, &lock).context("remove what was not finished")?;
    let mut done = Vec::new();
    for partition in &partitions {
        done.push(compact(&root, &lock, partition));
    }
    let mut out = BufWriter::new(stdout().lock());
    match command.format {
        ReportFormat::Json => {
            json::write_line(&mut out, &AllCompacted { unfinished_bytes, partitions: &done })?;
        }
        ReportFormat::Text => print_compacted(&mut out, &done, unfinished_bytes)?,
    }
    out.flush()?;
    Ok(if done.iter().all(|part| part.error.is_none()) { Exit::Done } else { Exit::Failed })
}

#[derive(Serialize)]
struct AllCompacted<'p> {
    unfinished_bytes: u64,
    partitions: &'p [Compacted],
}

fn print_compacted(out: &mut impl Write, done: &[Compacted], unfinished_bytes: u64) -> std::io::Result<()> {
    writeln!(out, "partition  segments          index bytes                text bytes")?;
    for part in done {
        let (segments, index, packs) = (part.segments, part.index_bytes, part.pack_bytes);
        writeln!(
            out,
            "{:<9}  {:>5} -> {:<5}  {:>11} -> {:<11}  {:>11} -> {:<11}",
            part.partition, segments.0, segments.1, index.0, index.1, packs.0, packs.1
        )?;
        if let Some(error) = &part.error {
            writeln!(out, "{:<9}  not compacted: {}", part.partition, printable(error))?;
        }
    }
    if unfinished_bytes > 0 {
        writeln!(
            out,
            "removed notes and files of removals that were never finished, {unfinished_bytes} bytes"
        )?;
    }
    Ok(())
}
