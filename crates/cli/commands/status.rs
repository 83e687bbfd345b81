//! `shelltrail status`

use std::io::{BufWriter, Write, stdout};

use shelltrail_core::sanitize::printable;
use shelltrail_index::inventory::{Inventory, inventory};

use crate::args::{Args, StatusArgs, StatusFormat};
use crate::config::Config;
use crate::exit::Exit;
use crate::json;
use crate::screen::while_read;
use crate::words::words;

/// Prints the inventory of an index.
///
/// # Errors
/// There is no index.
pub fn run(args: &Args, command: &StatusArgs) -> anyhow::Result<Exit> {
    let index = Config::load(args)?.index(&command.index)?;
    let inventory = inventory(&index)?;
    while_read(|| {
        let mut out = BufWriter::new(stdout().lock());
        match command.format {
            StatusFormat::Jsonl => json::write_line(&mut out, &inventory)?,
            StatusFormat::Text => print(&mut out, &inventory)?,
        }
        Ok(out.flush()?)
    })?;
    Ok(if inventory.unreadable_partitions.is_empty() { Exit::Done } else { Exit::Incomplete })
}

fn print(out: &mut impl Write, inventory: &Inventory) -> std::io::Result<()> {
    let last_commit =
        |time: Option<jiff::Timestamp>| time.map_or("never".to_owned(), |time| time.to_string());
    writeln!(out, "partitions     {}", inventory.partitions.len())?;
    writeln!(out, "sessions       {}", inventory.sessions)?;
    writeln!(out, "records        {}", inventory.records)?;
    writeln!(out, "transcripts    {} bytes", inventory.transcript_bytes)?;
    writeln!(out, "index          {} bytes", inventory.index_bytes)?;
    writeln!(out, "stored text    {} bytes", inventory.pack_bytes)?;
    writeln!(out, "last commit    {}", last_commit(inventory.last_commit))?;
    let failed: u64 = inventory.failures.values().sum();
    writeln!(out, "not indexed    {failed}")?;
    for (reason, count) in &inventory.failures {
        writeln!(out, "  {count:>12}  {}", printable(reason))?;
    }
    if inventory.dropped > 0 {
        writeln!(out, "dropped        {}", inventory.dropped)?;
    }
    let removals: u64 = inventory.removals.values().sum();
    if removals > 0 {
        writeln!(out, "removals told  {removals}")?;
    }
    for (kind, count) in &inventory.removals {
        writeln!(out, "  {count:>12}  {}", words(kind))?;
    }
    for source in &inventory.unfinished_backfills {
        writeln!(out, "not finished   backfill of {}", printable(source))?;
    }
    writeln!(out, "\naccounts       {}", inventory.accounts.len())?;
    for account in &inventory.accounts {
        writeln!(
            out,
            "  {:>12}  {} sessions",
            printable(account.account.as_deref().unwrap_or("unknown")),
            account.sessions
        )?;
    }
    writeln!(out, "\npartition  segments  sessions   records  transcript bytes  index bytes  text bytes")?;
    for part in &inventory.partitions {
        writeln!(
            out,
            "{:<9}  {:>8}  {:>8}  {:>8}  {:>16}  {:>11}  {:>10}",
            part.partition,
            part.segments,
            part.sessions,
            part.records,
            part.transcript_bytes,
            part.index_bytes,
            part.pack_bytes
        )?;
    }
    for (partition, reason) in &inventory.unreadable_partitions {
        writeln!(out, "{partition:<9}  cannot be read: {}", printable(reason))?;
    }
    Ok(())
}
