//! `shelltrail failures list`

use std::collections::BTreeMap;
use std::io::Write;

use shelltrail_core::AccountId;
use shelltrail_core::sanitize::printable;
use shelltrail_core::sink::Failure;
use shelltrail_index::IndexRoot;

use super::{Document, Entry, select};
use crate::args::{FailuresListArgs, StatusFormat};
use crate::config::Config;
use crate::exit::Exit;
use crate::json;
use crate::paint::Paint;
use crate::screen::{Screen, while_read};
use crate::text::Line;
use crate::times;
use crate::words::count;

/// So many digits of an ID are shown: with a million entries, two begin alike once in a hundred lists.
const SHOWN_DIGITS: usize = 12;

/// Lists entries, and counts them by reason.
pub fn run(config: &Config, root: &IndexRoot, command: &FailuresListArgs) -> anyhow::Result<Exit> {
    let screen = Screen::for_stdout(&command.screen, config)?;
    let entries = select::filtered(root, &command.filter)?;
    while_read(|| match command.format {
        StatusFormat::Jsonl => {
            let mut out = screen.open_for_programs();
            for entry in &entries {
                json::write_line(&mut out, &Document::of(entry))?;
            }
            out.finish()
        }
        StatusFormat::Text => {
            let mut out = screen.open();
            for entry in &entries {
                let line = line(entry, &command.screen.tz);
                let line = match screen.columns() {
                    Some(columns) => Line::plain(&line).cut(columns, Paint::none()),
                    None => printable(&line).into_owned(),
                };
                writeln!(out, "{line}")?;
            }
            out.finish()
        }
    })?;
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in &entries {
        *reasons.entry(entry.reason()).or_default() += 1;
    }
    let reasons: Vec<String> =
        reasons.iter().map(|(reason, count)| format!("{count} {}", printable(reason))).collect();
    let total = count(entries.len() as u64, "entry");
    if reasons.is_empty() {
        eprintln!("shelltrail: {total}");
    } else {
        eprintln!("shelltrail: {total}: {}", reasons.join(", "));
    }
    Ok(match (entries.is_empty(), entries.iter().all(|entry| entry.failure.is_some())) {
        (true, _) => Exit::NothingFound,
        (false, true) => Exit::Done,
        (false, false) => Exit::Incomplete,
    })
}

fn line(entry: &Entry, zone: &jiff::tz::TimeZone) -> String {
    let id = &entry.id[..entry.id.floor_char_boundary(SHOWN_DIGITS)];
    let Some(failure) = &entry.failure else { return format!("{id}  {}", entry.reason()) };
    let account = failure.account.as_ref().map_or("unknown", AccountId::as_str);
    format!(
        "{id}  {}  {:<20}  {account:<12}  {:>3} tries  {}",
        times::shown(failure.failed_at, zone),
        failure.reason,
        failure.attempts,
        object(failure)
    )
}

/// The name of the object, or of the message if that names none.
pub fn object(failure: &Failure) -> String {
    match &failure.object.bucket {
        Some(bucket) => format!("s3://{bucket}/{}", failure.object.key),
        None => failure.object.key.clone(),
    }
}
