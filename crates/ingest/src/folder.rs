//! A folder of files as a store of objects.
//!
//! Keys are paths below the root with `/` between their parts, in the order of their bytes. Symbolic links
//! are never followed: neither listed nor read. A folder below the root that cannot be listed is told in its place among
//! the files, and they go on.

mod open;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use shelltrail_core::ObjectRef;

use self::open::{NotOpened, Opened, Opener};
use crate::carriage::Carriage;
use crate::source::{
    GONE, ListedObject, ObjectStore, SourceError, SourceErrorKind, StoredObject, place_of_unreadable,
};
use crate::workers::blocking;

/// Files of one page.
const PAGE: usize = 1000;

/// Threads that read files at once.
const READERS: usize = 4;

/// Why a folder is not listed that is there.
const NOT_LISTED: &str = "folder-not-listed";

/// The same, where permission is missing.
const DENIED_FOLDER: &str = "folder-denied";

/// Why a file is not read whose name is no text, so that no key can name it.
const NOT_UTF8: &str = "file-name-not-utf8";

/// The files below a root.
#[derive(Clone, Debug)]
pub struct LocalFolder {
    root: PathBuf,
    /// Where the last page ended, so that the next one need not walk again.
    resumable: Arc<Mutex<Option<(String, Walk)>>>,
    readers: Arc<Carriage>,
    opener: Opener,
}

impl LocalFolder {
    /// The files below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let readers = Carriage::blocking(READERS);
        Self { root: root.into(), resumable: Arc::default(), readers, opener: Opener::default() }
    }

    fn page(&self, prefix: &str, after: Option<&str>) -> Result<Vec<ListedObject>, SourceError> {
        let kept = self.resumable.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut walk = match (kept, after) {
            (Some((key, walk)), Some(after)) if key == after && walk.prefix == prefix => walk,
            _ => Walk::begin(&self.root, prefix, after)?,
        };
        let mut page = Vec::new();
        while page.len() < PAGE {
            let Some(entry) = walk.next(&self.root) else { break };
            page.push(match entry.kind {
                Kind::File => self.listed(entry.key),
                Kind::Folder => named(entry.key),
                Kind::Unreadable { reason, detail } => {
                    ListedObject { unreadable: Some(reason), detail: Some(detail), ..named(entry.key) }
                }
            });
        }
        if let Some(last) = page.last() {
            let key = last.place();
            *self.resumable.lock().unwrap_or_else(PoisonError::into_inner) = Some((key, walk));
        }
        Ok(page)
    }

    fn listed(&self, key: String) -> ListedObject {
        let metadata = fs::symlink_metadata(self.root.join(&key)).ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        ListedObject {
            size: metadata.map(|metadata| metadata.len()),
            last_modified: modified.and_then(|modified| Timestamp::try_from(modified).ok()),
            ..named(key)
        }
    }

    fn read(&self, key: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
        let failed = |error: io::Error| failed("read the file", key, error);
        let invalid = |reason, message| refused(SourceErrorKind::Invalid, reason, key, message);
        if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(invalid("file-path", "not a path below the root"));
        }
        let Opened { file, bytes: announced_bytes } =
            self.opener.open(&self.root, key).map_err(|error| match error {
                NotOpened::Link => invalid("symbolic-link", "not followed"),
                NotOpened::NoFile => invalid("no-file", "not a file"),
                NotOpened::Io(error) => failed(error),
            })?;
        let too_large = || refused(SourceErrorKind::TooLarge, "too-large", key, "over the limit");
        if announced_bytes > max_bytes {
            return Err(too_large());
        }
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

/// What a walk comes to.
#[derive(Debug)]
struct Entry {
    /// Ends with `/` for a folder, which sorts it among the files as the keys of its content sort.
    key: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File,
    /// A folder: to be entered; or, where it stands in its own list, one with nothing in it.
    Folder,
    /// A folder that was not listed, or not to its end, or a file that no key can name.
    Unreadable {
        reason: &'static str,
        detail: String,
    },
}

/// A walk in the order of keys: the open folders from the root down, each with what is left of it.
#[derive(Debug)]
struct Walk {
    prefix: String,
    after: Option<String>,
    open: Vec<std::vec::IntoIter<Entry>>,
}

impl Walk {
    /// Begins at the root, which must be one that can be listed.
    fn begin(root: &Path, prefix: &str, after: Option<&str>) -> Result<Self, SourceError> {
        let mut walk = Self { prefix: prefix.to_owned(), after: after.map(str::to_owned), open: Vec::new() };
        let mut content = Vec::new();
        entries(root, "", &mut content).map_err(|error| failed("list the folder", "", error))?;
        walk.enter(content);
        Ok(walk)
    }

    fn next(&mut self, root: &Path) -> Option<Entry> {
        while let Some(folder) = self.open.last_mut() {
            match folder.next() {
                None => drop(self.open.pop()),
                Some(Entry { key, kind: Kind::Folder }) => match self.content(root, &key) {
                    Some(content) => self.enter(content),
                    None => return Some(Entry { key, kind: Kind::Folder }),
                },
                Some(entry) => return Some(entry),
            }
        }
        None
    }

    /// What is in a folder, and what could not be listed of it; `None` if there is nothing at all.
    fn content(&self, root: &Path, folder: &str) -> Option<Vec<Entry>> {
        let mut content = Vec::new();
        if let Err(error) = entries(root, folder, &mut content) {
            let reason = match error.kind() {
                io::ErrorKind::NotFound => GONE,
                io::ErrorKind::PermissionDenied => DENIED_FOLDER,
                _ => NOT_LISTED,
            };
            let detail = format!("list the folder {folder:?}, of which nothing more is known: {error}");
            content.push(Entry { key: folder.to_owned(), kind: Kind::Unreadable { reason, detail } });
        }
        // An end that nobody asked for would be told again by a walk that goes on behind it.
        (!content.is_empty() || !self.is_later(folder)).then_some(content)
    }

    fn enter(&mut self, mut content: Vec<Entry>) {
        content.retain(|entry| self.wants(entry));
        content.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        self.open.push(content.into_iter());
    }

    fn wants(&self, entry: &Entry) -> bool {
        let key = entry.key.as_str();
        let is_folder = key.ends_with('/');
        let within = key.starts_with(&self.prefix) || is_folder && self.prefix.starts_with(key);
        let later = match entry.kind {
            // A wanted file may lie below.
            Kind::Folder => {
                self.is_later(key) || self.after.as_deref().is_some_and(|after| after.starts_with(key))
            }
            _ => self.is_later(&entry.place()),
        };
        within && later
    }

    fn is_later(&self, place: &str) -> bool {
        self.after.as_deref().is_none_or(|after| place > after)
    }
}

impl Entry {
    fn place(&self) -> Cow<'_, str> {
        match self.kind {
            Kind::Unreadable { .. } => place_of_unreadable(&self.key),
            _ => Cow::Borrowed(&self.key),
        }
    }
}

/// Adds what is in one folder, as far as it can be listed.
fn entries(root: &Path, folder: &str, content: &mut Vec<Entry>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_dir() => Kind::Folder,
            // What the kind of a file cannot be told of fails when it is read.
            Ok(kind) if kind.is_file() => Kind::File,
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => Kind::File,
        };
        let Some(text) = name.to_str() else {
            let escaped = name.as_encoded_bytes().escape_ascii();
            let key = format!("{folder}{} (not UTF-8: {escaped})", name.to_string_lossy());
            let detail = "its name is not UTF-8, so no key can name it: rename it, then run this again";
            content
                .push(Entry { key, kind: Kind::Unreadable { reason: NOT_UTF8, detail: detail.to_owned() } });
            continue;
        };
        let end = if matches!(kind, Kind::Folder) { "/" } else { "" };
        content.push(Entry { key: format!("{folder}{text}{end}"), kind });
    }
    Ok(())
}

fn named(key: String) -> ListedObject {
    ListedObject { object: ObjectRef { key, ..ObjectRef::default() }, ..ListedObject::default() }
}

fn failed(action: &str, key: &str, error: io::Error) -> SourceError {
    let (kind, reason) = match error.kind() {
        io::ErrorKind::NotFound => (SourceErrorKind::NotFound, GONE),
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
