//! `shelltrail failures`: the list of objects that could not be indexed.

mod drop;
mod hints;
mod list;
mod retry;
mod select;
mod show;

use serde::Serialize;
use shelltrail_core::sink::Failure;
use shelltrail_index::IndexRoot;
use shelltrail_index::failures::UNREADABLE;

use crate::args::{Args, FailuresArgs, FailuresVerb};
use crate::audit::{self, Audit};
use crate::config::Config;
use crate::exit::Exit;

/// Works on the list of failures.
///
/// # Errors
/// There is no index, an ID fits no entry or several, or the work itself fails.
pub fn run(args: &Args, command: &FailuresArgs) -> anyhow::Result<Exit> {
    let config = Config::load(args)?;
    let index = config.index(command.verb.index())?;
    let root = IndexRoot::open(&index)?;
    let audit = || Audit::open(&index, &config, command.verb.audit().map(AsRef::as_ref));
    match &command.verb {
        FailuresVerb::List(command) => list::run(&config, &root, command),
        FailuresVerb::Show(command) => show::run(&config, &root, command),
        FailuresVerb::Retry(command) => retry::run(&config, &root, command, audit()?),
        FailuresVerb::Drop(command) => drop::run(&root, command, audit()?),
    }
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// The name of its file.
    id: String,
    /// `None` if it cannot be read.
    failure: Option<Failure>,
}

impl Entry {
    fn reason(&self) -> &str {
        self.failure.as_ref().map_or(UNREADABLE, |failure| &failure.reason)
    }
}

/// An entry as JSON; one that cannot be read has nothing but its ID and its reason.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    id: &'a str,
    reason: &'a str,
    hint: &'static str,
    entry: Option<&'a Failure>,
}

impl<'a> Document<'a> {
    fn of(entry: &'a Entry) -> Self {
        let reason = entry.reason();
        Self { schema: 1, id: &entry.id, reason, hint: hints::hint(reason), entry: entry.failure.as_ref() }
    }
}

/// What the audit file says of work on entries.
fn audited(command: &'static str, query: Option<String>, entries: &[Entry]) -> audit::Entry {
    audit::Entry {
        command,
        query,
        scope: entries.iter().map(|entry| entry.id.clone()).collect(),
        hits: entries.len() as u64,
        complete: true,
        ..audit::Entry::default()
    }
}
