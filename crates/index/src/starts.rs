//! Marks of work that was begun and has no end yet: what is left of an object that kills the process.
//!
//! Objects of messages: one small file each, in `DIR/starts/`, written before an object is decoded and removed after. Only
//! objects whose message comes again are marked, so most never cost a look at the disk. Objects of backfills, which come
//! once, have a line in one file and no sync (`light`).

mod light;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shelltrail_core::TranscriptId;

use self::light::LightMarks;
use crate::durable;

/// The marks of backfills, beside the others.
const OF_BACKFILLS: &str = "backfill";

/// A mark older than this is of a message that exists no more: 14 days in a queue, and one redrive (SQS developer
/// guide, "message retention").
const MAX_AGE: Duration = Duration::from_secs(28 * 24 * 60 * 60);

/// The marks could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("{action} start mark {path}")]
pub struct StartMarkError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// What one file holds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Mark {
    /// Starts without an end.
    starts: u32,
    /// How often the message had been received at the last of them.
    attempts: u32,
    /// When that was.
    at: Timestamp,
}

/// The marks as their only writer sees them.
#[derive(Debug)]
pub struct StartMarks {
    dir: PathBuf,
    /// `None` until they are needed.
    marks: Mutex<Option<HashMap<TranscriptId, Mark>>>,
    of_backfills: LightMarks,
}

impl StartMarks {
    /// Keeps marks in a directory, which is made when the first is written.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        let of_backfills = LightMarks::new(dir.join(OF_BACKFILLS));
        Self { dir, marks: Mutex::default(), of_backfills }
    }

    /// How many starts have no end. The first one of a backfill is not counted: neither is that of a message, which is not
    /// marked.
    ///
    /// # Errors
    /// The marks of earlier processes cannot be read.
    pub fn open(&self, id: &TranscriptId) -> Result<u32, StartMarkError> {
        let of_messages = self.with_marks(|marks| Ok(marks.get(id).map_or(0, |mark| mark.starts)))?;
        let of_backfills = self.of_backfills.open(id).map_err(|source| self.error("read", source))?;
        Ok(of_messages.saturating_add(of_backfills))
    }

    /// Marks a start of a backfill: it outlives the process, not a loss of power.
    ///
    /// # Errors
    /// The mark is not written.
    pub fn begin_of_backfill(&self, id: &TranscriptId) -> Result<(), StartMarkError> {
        self.of_backfills.begin(id).map_err(|source| self.error("write", source))
    }

    /// Takes a start of a backfill back: the object waits.
    ///
    /// # Errors
    /// It is still marked as in work.
    pub fn pause_of_backfill(&self, id: &TranscriptId) -> Result<(), StartMarkError> {
        self.of_backfills.pause(id).map_err(|source| self.error("change", source))
    }

    fn error(&self, action: &'static str, source: io::Error) -> StartMarkError {
        StartMarkError { action, path: self.dir.join(OF_BACKFILLS), source }
    }

    /// Marks a start.
    ///
    /// # Errors
    /// The mark is not durable.
    pub fn begin(&self, id: &TranscriptId, attempts: u32) -> Result<(), StartMarkError> {
        self.with_marks(|marks| {
            let earlier = marks.get(id).map_or(0, |mark| mark.starts);
            let mark = Mark { starts: earlier.saturating_add(1), attempts, at: Timestamp::now() };
            let path = self.path(id);
            let io = |source| StartMarkError { action: "write", path: path.clone(), source };
            if !self.dir.exists() {
                durable::create_private_dir(&self.dir).map_err(io)?;
            }
            let json = serde_json::to_vec(&mark).map_err(io::Error::other).map_err(io)?;
            // A write that failed may have left the mark, and then its end must find it.
            marks.insert(*id, mark);
            durable::write(&path, &json).map_err(io)
        })
    }

    /// Removes a mark, if there is one.
    ///
    /// # Errors
    /// It is still there.
    pub fn end(&self, id: &TranscriptId) -> Result<(), StartMarkError> {
        self.with_marks(|marks| {
            if !marks.contains_key(id) {
                return Ok(());
            }
            let path = self.path(id);
            durable::remove(&path).map_err(|source| StartMarkError { action: "remove", path, source })?;
            marks.remove(id);
            Ok(())
        })?;
        self.of_backfills.end(id).map_err(|source| self.error("remove", source))
    }

    fn path(&self, id: &TranscriptId) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }

    fn with_marks<T>(
        &self,
        work: impl FnOnce(&mut HashMap<TranscriptId, Mark>) -> Result<T, StartMarkError>,
    ) -> Result<T, StartMarkError> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = match &mut *marks {
            Some(marks) => marks,
            None => marks.insert(load(&self.dir, Timestamp::now())?),
        };
        work(marks)
    }
}

/// Reads the marks that earlier processes left. What is too old is removed; what cannot be read counts as one start,
/// for something wrote it.
fn load(dir: &Path, now: Timestamp) -> Result<HashMap<TranscriptId, Mark>, StartMarkError> {
    let io = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| StartMarkError { action, path, source }
    };
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        entries => entries.map_err(io("list", dir))?,
    };
    let mut marks = HashMap::new();
    for entry in entries {
        let path = entry.map_err(io("list", dir))?.path();
        let id = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")?.parse().ok());
        let Some(id) = id else { continue };
        let unreadable = Mark { starts: 1, attempts: 0, at: now };
        let mark = fs::read(&path).ok().and_then(|json| serde_json::from_slice(&json).ok());
        let mark: Mark = mark.unwrap_or(unreadable);
        if now.duration_since(mark.at).unsigned_abs() > MAX_AGE {
            durable::remove(&path).map_err(io("remove", &path))?;
        } else {
            marks.insert(id, mark);
        }
    }
    Ok(marks)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn id(name: &str) -> TranscriptId {
        TranscriptId::of_object("bucket", name, "etag")
    }

    fn files(dir: &Path) -> usize {
        fs::read_dir(dir).map_or(0, Iterator::count)
    }

    #[test]
    fn starts_without_an_end_outlive_the_process() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("starts");
        let marks = StartMarks::new(dir.clone());
        marks.end(&id("a")).unwrap();
        assert!(!dir.exists(), "an end without a start touches nothing");
        marks.begin(&id("a"), 2).unwrap();
        marks.begin(&id("b"), 2).unwrap();
        marks.end(&id("b")).unwrap();
        assert_eq!(files(&dir), 1);

        let marks = StartMarks::new(dir.clone());
        assert_eq!((marks.open(&id("a")).unwrap(), marks.open(&id("b")).unwrap()), (1, 0));
        marks.begin(&id("a"), 3).unwrap();
        let marks = StartMarks::new(dir.clone());
        assert_eq!(marks.open(&id("a")).unwrap(), 2);
        for name in ["a", "b"] {
            marks.end(&id(name)).unwrap();
        }
        assert_eq!(files(&dir), 0);
    }

    #[test]
    fn old_marks_go_and_broken_ones_count_as_one_start() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(format!("{}.json", id("broken"))), "{").unwrap();
        fs::write(
            dir.path().join(format!("{}.json", id("old"))),
            r#"{"starts":2,"attempts":3,"at":"2001-01-01T00:00:00Z"}"#,
        )
        .unwrap();
        fs::write(dir.path().join("no-mark.json"), "{}").unwrap();
        let marks = StartMarks::new(dir.path().to_owned());
        assert_eq!((marks.open(&id("broken")).unwrap(), marks.open(&id("old")).unwrap()), (1, 0));
    }
}
