//! The list of objects that could not be indexed: one small file each, until they are indexed after all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

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

/// Writes down a failure, or replaces the entry of the same object.
///
/// # Errors
/// The entry is not durable.
pub fn record(dir: &Path, failure: &Failure) -> Result<(), FailureListError> {
    let path = entry_path(dir, &failure.object);
    let json = serde_json::to_vec_pretty(failure).unwrap_or_default();
    durable::write(&path, &json).map_err(|source| FailureListError { action: "write", path, source })
}

/// Removes the entry of an object, if there is one.
///
/// # Errors
/// The entry is still there.
pub fn clear(dir: &Path, object: &ObjectRef) -> Result<(), FailureListError> {
    let path = entry_path(dir, object);
    durable::remove(&path).map_err(|source| FailureListError { action: "remove", path, source })
}

/// Reads all entries in the order of their objects. Entries that cannot be read are counted, not skipped in silence.
///
/// # Errors
/// The directory cannot be listed.
pub fn list(dir: &Path) -> Result<FailureList, FailureListError> {
    let io = |source| FailureListError { action: "list", path: dir.to_owned(), source };
    let mut list = FailureList::default();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(list),
        entries => entries.map_err(io)?,
    };
    for entry in entries {
        let path = entry.map_err(io)?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
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
        record(dir.path(), &failure("1", 1)).unwrap();
        record(dir.path(), &failure("1", 2)).unwrap();
        record(dir.path(), &failure("2", 1)).unwrap();
        fs::write(dir.path().join("x.json"), "{").unwrap();
        let all = list(dir.path()).unwrap();
        assert_eq!(all.failures, [failure("1", 2), failure("2", 1)]);
        assert_eq!(
            all.by_reason(),
            [("kms-denied".into(), 2), ("unreadable-failure-entry".into(), 1)].into()
        );
        clear(dir.path(), &object("1")).unwrap();
        clear(dir.path(), &object("1")).unwrap();
        assert_eq!(list(dir.path()).unwrap().failures, [failure("2", 1)]);
    }
}
