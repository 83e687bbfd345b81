//! The list of objects that could not be indexed: one small file each, until they are indexed after all.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use shelltrail_core::sink::Failure;
use shelltrail_core::{ObjectRef, TranscriptId};

use crate::durable;

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

    /// Writes down a failure, or replaces the entry of the same object.
    ///
    /// # Errors
    /// The entry is not durable.
    pub fn record(&self, failure: &Failure) -> Result<(), FailureListError> {
        let json = serde_json::to_vec_pretty(failure).unwrap_or_default();
        self.with_entries(|entries| {
            let path = entry_path(&self.dir, &failure.object);
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
/// The directory cannot be listed.
pub fn list(dir: &Path) -> Result<FailureList, FailureListError> {
    let mut list = FailureList::default();
    for path in entry_paths(dir)? {
        match fs::read(&path).ok().and_then(|json| serde_json::from_slice(&json).ok()) {
            Some(failure) => list.failures.push(failure),
            None => list.unreadable += 1,
        }
    }
    list.failures.sort_by(|a: &Failure, b| a.object.cmp(&b.object));
    Ok(list)
}

/// All failures of an index.
#[derive(Clone, Debug, Default)]
pub struct FailureList {
    /// The failures in the order of their objects.
    pub failures: Vec<Failure>,
    /// Entries that exist and cannot be read.
    pub unreadable: u64,
}

impl FailureList {
    /// How many objects failed for each reason.
    #[must_use]
    pub fn by_reason(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for failure in &self.failures {
            *counts.entry(failure.reason.clone()).or_default() += 1;
        }
        if self.unreadable > 0 {
            counts.insert("unreadable-failure-entry".to_owned(), self.unreadable);
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

/// Keys never become paths: the name is a hash over bucket, key and what tells versions apart.
fn entry_path(dir: &Path, object: &ObjectRef) -> PathBuf {
    let which = object.etag.as_deref().or(object.version.as_deref()).unwrap_or_default();
    let id = TranscriptId::of_object(object.bucket.as_deref().unwrap_or_default(), &object.key, which);
    dir.join(format!("{id}.json"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
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
        // Another process begins with what the one before has left.
        let writer = FailureWriter::new(dir.path().to_owned());
        writer.clear(&object("1")).unwrap();
        writer.clear(&object("1")).unwrap();
        assert_eq!(list(dir.path()).unwrap().failures, [failure("2", 1)]);
    }
}
