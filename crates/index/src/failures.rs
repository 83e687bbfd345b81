//! The list of objects that could not be indexed: one small file each, until they are indexed after all or somebody drops
//! them ([`dropped`]).

pub mod dropped;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use shelltrail_core::sink::Failure;
use shelltrail_core::{ObjectRef, TranscriptId};

use crate::durable;

/// The reason under which entries are counted that cannot be read.
pub const UNREADABLE: &str = "unreadable-failure-entry";

/// The list could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("{action} failure entry {path}")]
pub struct FailureListError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// The list as its only writer sees it: clearing an object that is not listed, which nearly none is, costs no look at
/// the disk.
#[derive(Debug)]
pub struct FailureWriter {
    dir: PathBuf,
    /// The entries that may be there; `None` until they are needed.
    entries: Mutex<Option<HashSet<PathBuf>>>,
}

impl FailureWriter {
    /// Writes to the list in a directory.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, entries: Mutex::default() }
    }

    /// Writes down a failure, or replaces the entry of the same object. What the entry before knew of a message stays, if
    /// this time there was none.
    ///
    /// # Errors
    /// The entry is not durable.
    pub fn record(&self, failure: &Failure) -> Result<(), FailureListError> {
        self.with_entries(|entries| {
            let path = entry_path(&self.dir, &failure.object);
            let before = if entries.contains(&path) { read(&path).ok() } else { None };
            let json = serde_json::to_vec_pretty(&after(before, failure)).unwrap_or_default();
            entries.insert(path.clone());
            durable::write(&path, &json).map_err(|source| FailureListError { action: "write", path, source })
        })
    }

    /// Removes the entry of an object, if there is one.
    ///
    /// # Errors
    /// The entry is still there.
    pub fn clear(&self, object: &ObjectRef) -> Result<(), FailureListError> {
        self.with_entries(|entries| {
            if entries.is_empty() {
                return Ok(());
            }
            let path = entry_path(&self.dir, object);
            if let Some(path) = entries.take(&path) {
                let removed = durable::remove(&path);
                return removed.map_err(|source| {
                    entries.insert(path.clone());
                    FailureListError { action: "remove", path, source }
                });
            }
            Ok(())
        })
    }

    /// The entry of an object, by its ETag, its version or its key alone.
    ///
    /// # Errors
    /// There is an entry that cannot be read.
    pub fn find(&self, object: &ObjectRef) -> Result<Option<Failure>, FailureListError> {
        self.with_entries(|entries| {
            let names = [
                object.clone(),
                ObjectRef { etag: None, ..object.clone() },
                ObjectRef { etag: None, version: None, ..object.clone() },
            ];
            let mut paths = names.iter().map(|name| entry_path(&self.dir, name));
            match paths.find(|path| entries.contains(path)) {
                Some(path) => read(&path).map(Some),
                None => Ok(None),
            }
        })
    }

    fn with_entries<T>(
        &self,
        work: impl FnOnce(&mut HashSet<PathBuf>) -> Result<T, FailureListError>,
    ) -> Result<T, FailureListError> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = match &mut *entries {
            Some(entries) => entries,
            None => entries.insert(entry_paths(&self.dir)?),
        };
        work(entries)
    }
}

/// Reads all entries in the order of their objects. Entries that cannot be read are counted, not skipped in silence.
///
/// # Errors
/// The directory cannot be listed. It is made with the index, so one that is not there was lost: nobody knows what it told.
pub fn list(dir: &Path) -> Result<FailureList, FailureListError> {
    let mut list = FailureList::default();
    fs::metadata(dir).map_err(|source| FailureListError { action: "list", path: dir.to_owned(), source })?;
    for path in entry_paths(dir)? {
        match read(&path) {
            Ok(failure) => list.failures.push(failure),
            // It was cleared while we looked.
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => list.unreadable.extend(path.file_stem().map(|id| id.to_string_lossy().into_owned())),
        }
    }
    list.failures.sort_by(|a: &Failure, b| a.object.cmp(&b.object));
    list.unreadable.sort_unstable();
    Ok(list)
}

/// Removes the entry of an object without being the writer of the index, which may write a new one at any time.
///
/// # Errors
/// The entry is still there.
pub fn remove(dir: &Path, object: &ObjectRef) -> Result<(), FailureListError> {
    let path = entry_path(dir, object);
    durable::remove(&path).map_err(|source| FailureListError { action: "remove", path, source })
}

/// All failures of an index.
#[derive(Clone, Debug, Default)]
pub struct FailureList {
    /// The failures in the order of their objects.
    pub failures: Vec<Failure>,
    /// The names of entries that exist and cannot be read; as [`id`].
    pub unreadable: Vec<String>,
}

impl FailureList {
    /// How many objects failed for each reason.
    #[must_use]
    pub fn by_reason(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for failure in &self.failures {
            *counts.entry(failure.reason.clone()).or_default() += 1;
        }
        if !self.unreadable.is_empty() {
            counts.insert(UNREADABLE.to_owned(), self.unreadable.len() as u64);
        }
        counts
    }
}

/// The entries of a list; a directory that is not there has none.
fn entry_paths(dir: &Path) -> Result<HashSet<PathBuf>, FailureListError> {
    let io = |source| FailureListError { action: "list", path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashSet::new()),
        entries => entries.map_err(io)?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(io));
    paths
        .filter(|path| path.as_ref().map_or(true, |path| path.extension().is_some_and(|e| e == "json")))
        .collect()
}

/// The name of the entry of an object: a hash over bucket, key and what tells versions apart, in 32 hexadecimal digits.
#[must_use]
pub fn id(object: &ObjectRef) -> String {
    let which = object.etag.as_deref().or(object.version.as_deref()).unwrap_or_default();
    TranscriptId::of_object(object.bucket.as_deref().unwrap_or_default(), &object.key, which).to_string()
}

/// Keys never become paths.
fn entry_path(dir: &Path, object: &ObjectRef) -> PathBuf {
    dir.join(format!("{}.json", id(object)))
}

fn read(path: &Path) -> Result<Failure, FailureListError> {
    let read = fs::read(path).and_then(|json| Ok(serde_json::from_slice(&json)?));
    read.map_err(|source| FailureListError { action: "read", path: path.to_owned(), source })
}

/// A failure with what is still true of the entry before it.
fn after(before: Option<Failure>, failure: &Failure) -> Failure {
    let mut failure = failure.clone();
    if let (Some(before), None) = (before, &failure.message) {
        failure.attempts = failure.attempts.max(before.attempts);
        failure.message = before.message;
        failure.size = failure.size.or(before.size);
        failure.sequencer = failure.sequencer.or(before.sequencer);
    }
    failure
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shelltrail_core::sink::FailedMessage;

    use super::*;

    #[test]
    fn an_entry_stays_until_its_object_is_indexed() {
        let dir = tempfile::tempdir().unwrap();
        let object = |etag: &str| ObjectRef {
            bucket: Some("b".into()),
            key: "../../etc/passwd".into(),
            version: None,
            etag: Some(etag.into()),
        };
        let failure = |etag: &str, attempts| Failure {
            object: object(etag),
            account: None,
            reason: "kms-denied".into(),
            detail: "no".into(),
            attempts,
            failed_at: jiff::Timestamp::UNIX_EPOCH,
            size: None,
            sequencer: None,
            message: None,
        };
        let writer = FailureWriter::new(dir.path().to_owned());
        writer.clear(&object("1")).unwrap();
        writer.record(&failure("1", 1)).unwrap();
        writer.record(&failure("1", 2)).unwrap();
        writer.record(&failure("2", 1)).unwrap();
        fs::write(dir.path().join("x.json"), "{").unwrap();
        let all = list(dir.path()).unwrap();
        assert_eq!(all.failures, [failure("1", 2), failure("2", 1)]);
        assert_eq!(
            all.by_reason(),
            [("kms-denied".into(), 2), ("unreadable-failure-entry".into(), 1)].into()
        );
        // What a queue told of it outlives a retry that has no message.
        let message = FailedMessage::keep("m", None, 7, "{}", 10);
        let told = Failure {
            message: Some(message),
            size: Some(9),
            sequencer: Some("00AB".into()),
            ..failure("3", 7)
        };
        writer.record(&told).unwrap();
        writer.record(&Failure { reason: "gone".into(), ..failure("3", 0) }).unwrap();
        let kept = writer.find(&object("3")).unwrap();
        assert_eq!(kept, Some(Failure { reason: "gone".into(), ..told }));
        writer.clear(&object("3")).unwrap();
        // Events name an object in more or less detail.
        let by_version = ObjectRef { version: Some("v".into()), etag: None, ..object("") };
        writer.record(&Failure { object: by_version.clone(), ..failure("", 1) }).unwrap();
        let asked = ObjectRef { version: Some("v".into()), ..object("4") };
        assert_eq!(writer.find(&asked).unwrap().unwrap().object, by_version);
        assert_eq!(writer.find(&object("4")).unwrap(), None);
        writer.clear(&by_version).unwrap();
        // Another process begins with what the one before has left.
        let writer = FailureWriter::new(dir.path().to_owned());
        writer.clear(&object("1")).unwrap();
        writer.clear(&object("1")).unwrap();
        assert_eq!(list(dir.path()).unwrap().failures, [failure("2", 1)]);
    }
}
