//! Backfills that were begun and did not end yet: until then a search cannot say that something is not there.
//!
//! A backfill notes its source before it reads anything and takes the note back when it has seen all of it. A backfill
//! that is broken off leaves its note; the next one of the same source finds it and takes it back in its turn.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shelltrail_core::TranscriptId;

use crate::durable;

/// The note of a backfill that has begun.
#[derive(Debug)]
#[must_use]
pub struct BackfillNote {
    path: PathBuf,
    note: Note,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note {
    source: String,
    /// What it is confined to; empty for all of the source.
    #[serde(default)]
    selection: String,
    begun_at: Timestamp,
    /// Where a later run goes on, in the words of whoever runs it.
    #[serde(default)]
    state: Option<Value>,
}

impl BackfillNote {
    /// Finds the note of the same backfill, or makes one.
    pub(crate) fn begin(dir: &Path, source: &str, selection: &str, now: Timestamp) -> io::Result<Self> {
        durable::create_private_dir(dir)?;
        // A source never becomes a path.
        let name = match selection {
            "" => TranscriptId::of_file("backfill", source.as_bytes()),
            _ => TranscriptId::of_object("backfill", source, selection),
        };
        let path = dir.join(format!("{name}.json"));
        let found = match fs::read(&path) {
            Ok(json) => serde_json::from_slice::<Note>(&json).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // A note that cannot be read is begun anew: nothing is lost but the place.
        let note = found.unwrap_or_else(|| Note {
            source: source.to_owned(),
            selection: selection.to_owned(),
            begun_at: now,
            state: None,
        });
        let begun = Self { path, note };
        begun.write(&begun.note)?;
        Ok(begun)
    }

    /// When it was begun first.
    #[must_use]
    pub fn begun_at(&self) -> Timestamp {
        self.note.begun_at
    }

    /// Where an earlier run stopped, as it was kept; `None` for a new backfill.
    #[must_use]
    pub fn state(&self) -> Option<&Value> {
        self.note.state.as_ref()
    }

    /// Keeps where a later run is to go on. May be called from any thread, one at a time.
    ///
    /// # Errors
    /// What was kept before still stands.
    pub fn keep(&self, state: Value) -> io::Result<()> {
        self.write(&Note { state: Some(state), ..self.note.clone() })
    }

    fn write(&self, note: &Note) -> io::Result<()> {
        durable::write(&self.path, &serde_json::to_vec_pretty(note)?)
    }

    /// The backfill has seen all of its source.
    ///
    /// # Errors
    /// The note is still there.
    pub fn end(&self) -> io::Result<()> {
        durable::remove(&self.path)
    }
}

/// The sources of the backfills that did not end, in order.
pub(crate) fn unfinished(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        match fs::read(&path).map(|json| serde_json::from_slice::<Note>(&json)) {
            Ok(Ok(Note { source, selection, .. })) if selection.is_empty() => sources.push(source),
            Ok(Ok(Note { source, selection, .. })) => sources.push(format!("{source} {selection}")),
            // It ended while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(Err(_)) | Err(_) => sources.push("a source whose note cannot be read".to_owned()),
        }
    }
    sources.sort();
    Ok(sources)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_note_stays_until_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("backfills");
        assert!(unfinished(&dir).unwrap().is_empty());
        let begin =
            |source, selection| BackfillNote::begin(&dir, source, selection, Timestamp::UNIX_EPOCH).unwrap();
        drop(begin("s3://b/x", ""));
        let other = begin("../../etc", "");
        assert_eq!(unfinished(&dir).unwrap(), ["../../etc", "s3://b/x"]);
        other.end().unwrap();
        begin("s3://b/x", "").end().unwrap();
        assert!(unfinished(&dir).unwrap().is_empty());
        let part = begin("s3://b/x", "--limit 3");
        assert_eq!((part.state(), part.begun_at()), (None, Timestamp::UNIX_EPOCH));
        part.keep(serde_json::json!({"after": 7})).unwrap();
        begin("s3://b/x", "").end().unwrap();
        assert_eq!(unfinished(&dir).unwrap(), ["s3://b/x --limit 3"]);
        let again = BackfillNote::begin(&dir, "s3://b/x", "--limit 3", Timestamp::now()).unwrap();
        assert_eq!(again.begun_at(), Timestamp::UNIX_EPOCH);
        assert_eq!(again.state().unwrap()["after"], 7);
        again.end().unwrap();
        assert!(unfinished(&dir).unwrap().is_empty());
        fs::write(dir.join("x.json"), "{").unwrap();
        assert_eq!(unfinished(&dir).unwrap().len(), 1);
    }
}
