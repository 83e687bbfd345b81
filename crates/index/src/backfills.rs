//! Backfills that were begun and did not end yet: until then a search cannot say that something is not there.
//!
//! A backfill notes its source before it reads anything and takes the note back when it has seen all of it. A backfill
//! that is broken off leaves its note; the next one of the same source finds it and takes it back in its turn.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shelltrail_core::TranscriptId;

use crate::durable;

/// The note of a backfill that has begun.
#[derive(Debug)]
#[must_use]
pub struct BackfillNote(PathBuf);

#[derive(Serialize, Deserialize)]
struct Note {
    source: String,
    begun_at: Timestamp,
}

impl BackfillNote {
    pub(crate) fn begin(dir: &Path, source: &str, now: Timestamp) -> io::Result<Self> {
        durable::create_private_dir(dir)?;
        // A source never becomes a path.
        let path = dir.join(format!("{}.json", TranscriptId::of_file("backfill", source.as_bytes())));
        let note = Note { source: source.to_owned(), begun_at: now };
        durable::write(&path, &serde_json::to_vec_pretty(&note)?)?;
        Ok(Self(path))
    }

    /// The backfill has seen all of its source.
    ///
    /// # Errors
    /// The note is still there.
    pub fn end(self) -> io::Result<()> {
        durable::remove(&self.0)
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
            Ok(Ok(note)) => sources.push(note.source),
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
        drop(BackfillNote::begin(&dir, "s3://b/x", Timestamp::UNIX_EPOCH).unwrap());
        let other = BackfillNote::begin(&dir, "../../etc", Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(unfinished(&dir).unwrap(), ["../../etc", "s3://b/x"]);
        other.end().unwrap();
        BackfillNote::begin(&dir, "s3://b/x", Timestamp::UNIX_EPOCH).unwrap().end().unwrap();
        assert!(unfinished(&dir).unwrap().is_empty());
        fs::write(dir.join("x.json"), "{").unwrap();
        assert_eq!(unfinished(&dir).unwrap().len(), 1);
    }
}
