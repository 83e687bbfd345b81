//! `shelltrail failures drop`

use anyhow::Context;
use jiff::Timestamp;
use shelltrail_core::sanitize::printable;
use shelltrail_core::secrets::Secrets;
use shelltrail_index::IndexRoot;
use shelltrail_index::failures::dropped::{Dropped, drop_entry};

use super::{Entry, audited, list, select};
use crate::args::FailuresDropArgs;
use crate::audit::{self, Audit};
use crate::exit::Exit;
use crate::words::count;

/// Takes entries off the list, and keeps them with the reason why.
pub fn run(root: &IndexRoot, command: &FailuresDropArgs, audit: Audit) -> anyhow::Result<Exit> {
    let entries = select::which(root, &command.which)?;
    if entries.is_empty() {
        eprintln!("shelltrail: no entry is meant; nothing was dropped");
        return Ok(Exit::NothingFound);
    }
    let masked = Secrets::new().mask(&command.why).into_owned();
    audit.write(&audited("failures drop", Some(masked), &entries))?;
    let user = audit::user();
    for (done, entry) in entries.iter().enumerate() {
        let dropped = Dropped {
            id: entry.id.clone(),
            dropped_at: Timestamp::now(),
            why: command.why.clone(),
            user: user.clone(),
            entry: entry.failure.clone(),
        };
        drop_entry(&root.failures_dir(), &dropped)
            .with_context(|| format!("drop entry {}; {done} of {} were dropped", entry.id, entries.len()))?;
        eprintln!("shelltrail: dropped: {} {}", printable(&entry.id), printable(&named(entry)));
    }
    eprintln!(
        "shelltrail: {} dropped; answers tell them and are complete without them",
        count(entries.len() as u64, "entry")
    );
    Ok(Exit::Done)
}

fn named(entry: &Entry) -> String {
    entry.failure.as_ref().map(list::object).unwrap_or_default()
}
