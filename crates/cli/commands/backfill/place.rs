//! Where a backfill goes on after it was stopped or killed: kept in the note that the index has of it.

use std::io;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shelltrail_index::IndexRoot;
use shelltrail_index::backfills::BackfillNote;
use shelltrail_ingest::{Bookmark, Cursor, Tally};

use crate::args::BackfillArgs;
use crate::log;

/// What is kept between two runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    after: Option<Cursor>,
    settled: Tally,
    /// What the file or the folder of the source was when the place was kept, and what the configuration left out of it.
    file: Option<String>,
}

/// A backfill's place in its source.
#[derive(Clone, Debug)]
pub struct Place {
    note: Arc<BackfillNote>,
    kept: Kept,
}

impl Place {
    /// Finds the place of the same backfill of the source with this name, or begins one. A place is one in a `file`, or a
    /// folder: in another one in its stead there are others in front of it, so it is begun anew.
    ///
    /// # Errors
    /// The note cannot be written, or what it says cannot be understood.
    pub fn find(
        root: &IndexRoot,
        source: &str,
        command: &BackfillArgs,
        file: Option<String>,
    ) -> anyhow::Result<Self> {
        let note = root.begin_backfill(source, &selection(command))?;
        let state = note.state().filter(|_| !command.restart && keeps_place(command));
        let mut kept: Kept = match state {
            Some(state) => serde_json::from_value(state.clone())
                .context("the place of the backfill is not understood: begin anew with --restart")?,
            None => Kept {
                since: command.since.as_ref().map(|time| time.at),
                until: command.until.as_ref().map(|time| time.at),
                ..Kept::default()
            },
        };
        // Of a place that an older version kept nobody knows.
        if kept.after.is_some() && kept.file.is_some() && kept.file != file {
            log::say(
                "source or settings are not what they were when an earlier run was stopped: beginning anew",
            );
            kept = Kept { since: kept.since, until: kept.until, ..Kept::default() };
        }
        kept.file = file;
        let place = Self { note: Arc::new(note), kept };
        place.write(&place.kept)?;
        Ok(place)
    }

    /// Where to go on, and the account of everything before.
    pub fn after(&self) -> Option<(&Cursor, Tally)> {
        self.kept.after.as_ref().map(|after| (after, self.kept.settled))
    }

    /// The bounds of time, as the first run understood them.
    pub fn bounds(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.kept.since, self.kept.until)
    }

    /// When the first run began.
    pub fn begun_at(&self) -> Timestamp {
        self.note.begun_at()
    }

    /// Takes the note back: everything was seen.
    ///
    /// # Errors
    /// It is still there.
    pub fn end(&self) -> io::Result<()> {
        self.note.end()
    }

    fn write(&self, kept: &Kept) -> io::Result<()> {
        self.note.keep(serde_json::to_value(kept)?)
    }
}

impl Bookmark for Place {
    fn keep(&self, after: &Cursor, settled: &Tally) -> io::Result<()> {
        self.write(&Kept { after: Some(after.clone()), settled: *settled, ..self.kept.clone() })
    }
}

/// Sorted by time there is no place to go on from, and a comparison looks at everything.
fn keeps_place(command: &BackfillArgs) -> bool {
    !command.newest_first && !command.reconcile
}

/// What makes a backfill of a source another one, as it was typed.
fn selection(command: &BackfillArgs) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut say = |flag: &str, value: String| words.push(format!("{flag} {value}"));
    if let Some(since) = &command.since {
        say("--since", since.text.clone());
    }
    if let Some(until) = &command.until {
        say("--until", until.text.clone());
    }
    if !command.account.is_empty() {
        say("--account", command.account.join(","));
    }
    command.prefix.iter().for_each(|prefix| say("--prefix", prefix.clone()));
    if let Some(limit) = command.limit {
        say("--limit", limit.to_string());
    }
    if let Some(url) = &command.enqueue {
        say("--enqueue", url.clone());
    }
    for (given, flag) in [
        (command.all_versions, "--all-versions"),
        (command.newest_first, "--newest-first"),
        (command.reconcile, "--reconcile"),
    ] {
        if given {
            words.push(flag.to_owned());
        }
    }
    words.join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    #[test]
    fn a_place_is_one_in_the_same_file_only() {
        let dir = tempfile::tempdir().unwrap();
        let (root, _lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
        let args = Args::try_parse_from(["shelltrail", "backfill", "keys.csv"]).unwrap();
        let Command::Backfill(command) = args.command else { panic!("another verb") };
        let find =
            |file: Option<&str>| Place::find(&root, "keys.csv", &command, file.map(str::to_owned)).unwrap();
        let keep = |place: Place| {
            let settled = Tally { seen: 7, indexed: 7, ..Tally::default() };
            place.keep(&Cursor::Row { file: 0, rows: 7 }, &settled).unwrap();
        };
        keep(find(Some("one")));
        assert_eq!(find(Some("one")).after().unwrap().1.seen, 7);
        assert!(find(Some("another")).after().is_none(), "its rows are others");
        keep(find(Some("another")));
        assert!(find(Some("another")).after().is_some());
        assert!(find(None).after().is_none(), "nobody can tell what it is");
        // A bucket is no file: its places are keys.
        keep(find(None));
        assert!(find(None).after().is_some());
    }
}
