//! A folder of files as a store of objects.
//!
//! Keys are paths below the root with `/` between their parts, in the order of their bytes. Symbolic links
//! are never followed: neither listed nor read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use shelltrail_core::ObjectRef;

use crate::carriage::Carriage;
use crate::source::{ListedObject, ObjectStore, SourceError, SourceErrorKind, StoredObject};
use crate::workers::blocking;

/// Files of one page.
const PAGE: usize = 1000;

/// Threads that read files at once.
const READERS: usize = 4;

/// Stands in a key for bytes of a file name that are not UTF-8. Such a file is listed but cannot be read,
/// so that it shows up as a failure.
const REPLACEMENT: char = '\u{fffd}';

/// The files below a root.
#[derive(Clone, Debug)]
pub struct LocalFolder {
    root: PathBuf,
    /// Where the last page ended, so that the next one need not walk again.
    resumable: Arc<Mutex<Option<(String, Walk)>>>,
    readers: Arc<Carriage>,
}

impl LocalFolder {
    /// The files below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), resumable: Arc::default(), readers: Carriage::blocking(READERS) }
    }

    fn page(&self, prefix: &str, after: Option<&str>) -> Result<Vec<ListedObject>, SourceError> {
        let kept = self.resumable.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut walk = match (kept, after) {
            (Some((key, walk)), Some(after)) if key == after && walk.prefix == prefix => walk,
            _ => Walk::begin(&self.root, prefix, after)?,
        };
        let mut page = Vec::new();
        while page.len() < PAGE {
            let Some(key) = walk.next_file(&self.root)? else { break };
            let metadata = fs::symlink_metadata(self.root.join(&key)).ok();
            let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
            page.push(ListedObject {
                object: ObjectRef { key, ..ObjectRef::default() },
                size: metadata.map(|metadata| metadata.len()),
                last_modified: modified.and_then(|modified| Timestamp::try_from(modified).ok()),
                ..ListedObject::default()
            });
        }
        if let Some(last) = page.last() {
            let key = last.object.key.clone();
            *self.resumable.lock().unwrap_or_else(PoisonError::into_inner) = Some((key, walk));
        }
        Ok(page)
    }

    fn read(&self, key: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
        let failed = |error: io::Error| failed("read the file", key, error);
        let mut path = self.root.clone();
        let mut announced_bytes = 0;
        let mut parts = key.split('/').peekable();
        while let Some(part) = parts.next() {
            if matches!(part, "" | "." | "..") {
                return Err(refused(SourceErrorKind::Invalid, "file-path", key, "not a path below the root"));
            }
            path.push(part);
            let metadata = fs::symlink_metadata(&path).map_err(failed)?;
            if metadata.is_symlink() {
                return Err(refused(SourceErrorKind::Invalid, "symbolic-link", key, "not followed"));
            }
            if parts.peek().is_none() && !metadata.is_file() {
                return Err(refused(SourceErrorKind::Invalid, "no-file", key, "not a file"));
            }
            announced_bytes = metadata.len();
        }
        let too_large = || refused(SourceErrorKind::TooLarge, "too-large", key, "over the limit");
        if announced_bytes > max_bytes {
            return Err(too_large());
        }
        let file = File::open(&path).map_err(failed)?;
        // The file may grow while it is read.
        let body = read_up_to(file, announced_bytes, max_bytes.saturating_add(1)).map_err(failed)?;
        if body.len() as u64 > max_bytes { Err(too_large()) } else { Ok(body) }
    }
}

/// Reads a file of about `expected_bytes` to its end or to `max_bytes`, in one go if the size is right.
fn read_up_to(mut file: File, expected_bytes: u64, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut body = vec![0; usize::try_from(expected_bytes).unwrap_or(usize::MAX)];
    let mut read = 0;
    while read < body.len() {
        match file.read(&mut body[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    body.truncate(read);
    file.take(max_bytes.saturating_sub(read as u64)).read_to_end(&mut body)?;
    Ok(body)
}

#[async_trait]
impl ObjectStore for LocalFolder {
    async fn get(&self, object: &ObjectRef, max_bytes: u64) -> Result<StoredObject, SourceError> {
        let (folder, key) = (self.clone(), object.key.clone());
        let body = self.readers.run(move || folder.read(&key, max_bytes)).await.unwrap_or_else(|_| {
            Err(refused(SourceErrorKind::Internal, "panic", &object.key, "the reader panicked"))
        })?;
        let object = ObjectRef { key: object.key.clone(), ..ObjectRef::default() };
        Ok(StoredObject { object, metadata: BTreeMap::new(), last_modified: None, body })
    }

    /// Lists files; a folder has no bucket, so its name is not looked at.
    async fn list(
        &self,
        _bucket: &str,
        prefix: &str,
        start_after: Option<&str>,
    ) -> Result<Vec<ListedObject>, SourceError> {
        let (folder, prefix, after) = (self.clone(), prefix.to_owned(), start_after.map(str::to_owned));
        blocking(move || folder.page(&prefix, after.as_deref()))
            .await
            .unwrap_or_else(|_| Err(refused(SourceErrorKind::Internal, "panic", "", "the lister panicked")))
    }
}

/// A walk in the order of keys: the open directories from the root down, each with what is left of it.
#[derive(Debug)]
struct Walk {
    prefix: String,
    after: Option<String>,
    open: Vec<std::vec::IntoIter<String>>,
}

impl Walk {
    fn begin(root: &Path, prefix: &str, after: Option<&str>) -> Result<Self, SourceError> {
        let mut walk = Self { prefix: prefix.to_owned(), after: after.map(str::to_owned), open: Vec::new() };
        walk.enter(root, "")?;
        Ok(walk)
    }

    fn next_file(&mut self, root: &Path) -> Result<Option<String>, SourceError> {
        while let Some(directory) = self.open.last_mut() {
            match directory.next() {
                None => {
                    self.open.pop();
                }
                Some(key) if key.ends_with('/') => self.enter(root, &key)?,
                Some(key) => return Ok(Some(key)),
            }
        }
        Ok(None)
    }

    fn enter(&mut self, root: &Path, directory: &str) -> Result<(), SourceError> {
        let mut keys =
            entries(root, directory).map_err(|error| failed("list the folder", directory, error))?;
        keys.retain(|key| self.wants(key));
        keys.sort_unstable();
        self.open.push(keys.into_iter());
        Ok(())
    }

    /// Keys that end with `/` are directories: wanted if a wanted file may lie below.
    fn wants(&self, key: &str) -> bool {
        let below = key.ends_with('/');
        let within = key.starts_with(&self.prefix) || below && self.prefix.starts_with(key);
        let later = self.after.as_deref().is_none_or(|after| key > after || below && after.starts_with(key));
        within && later
    }
}

/// The keys of one directory; those of directories end with `/`, which sorts them among the files as the
/// keys of their content sort.
fn entries(root: &Path, directory: &str) -> io::Result<Vec<String>> {
    let mut keys = Vec::new();
    for entry in fs::read_dir(root.join(directory))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name();
        let key = format!("{directory}{}", name.to_string_lossy());
        if kind.is_file() || name.to_str().is_none() {
            keys.push(key);
        } else if kind.is_dir() {
            keys.push(key + "/");
        }
    }
    Ok(keys)
}

fn failed(action: &str, key: &str, error: io::Error) -> SourceError {
    let (kind, reason) = match error.kind() {
        io::ErrorKind::NotFound if key.contains(REPLACEMENT) => {
            (SourceErrorKind::Invalid, "file-name-not-utf8")
        }
        io::ErrorKind::NotFound => (SourceErrorKind::NotFound, "gone"),
        io::ErrorKind::PermissionDenied => (SourceErrorKind::Denied, "file-denied"),
        _ => (SourceErrorKind::Internal, "file-unreadable"),
    };
    SourceError { kind, reason, action: format!("{action} {key:?}"), message: error.to_string() }
}

fn refused(kind: SourceErrorKind, reason: &'static str, key: &str, message: &str) -> SourceError {
    SourceError { kind, reason, action: format!("read the file {key:?}"), message: message.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
