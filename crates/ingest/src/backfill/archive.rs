//! A tar of a folder, plain or gzipped, read once from its beginning to its end.
//!
//! Listing it and reading it are one pass: the bodies of the last listed entries wait until they are read.
//! No entry ever touches the file system, whatever its name is; a gzipped archive is inflated up to a ceiling.

mod metered;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use shelltrail_core::ObjectRef;

use self::metered::{nothing_follows, open};
use super::ceiling::MAX_ARCHIVE_BYTES;
use super::listing::{Cursor, Listing, Page, foreign_cursor};
use super::pump::{Broken, Closed, Outlet, Pump};
use crate::source::{ListedObject, ObjectStore, SourceError, SourceErrorKind, StoredObject};
use crate::workers::blocking;

/// Bytes that may wait to be read. A larger entry waits alone.
const WAITING_BYTES: u64 = 16 * 1024 * 1024;

/// Entries of one page, and the bytes that end it.
const PAGE: usize = 200;
const PAGE_BYTES: u64 = 1024 * 1024;

/// Most entries that are looked for a second time, because what was read could not be written: each costs a pass over the
/// archive.
const MAX_AGAIN: u32 = 100;

/// The entries of a tar file.
#[derive(Clone, Debug)]
pub struct TarArchive {
    path: PathBuf,
    /// Most bytes of it when it is inflated.
    max_clear_bytes: u64,
    shelf: Arc<Shelf>,
    /// How many entries were looked for a second time, one after the other.
    again: Arc<tokio::sync::Mutex<u32>>,
}

/// Bodies that were listed and are not read yet.
#[derive(Debug, Default)]
struct Shelf {
    held: Mutex<Held>,
    taken: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    /// By key; the same key may stand in an archive twice.
    bodies: HashMap<String, VecDeque<Body>>,
    bytes: u64,
    closed: bool,
}

#[derive(Debug)]
enum Body {
    Whole(Vec<u8>),
    TooLarge(u64),
}

impl Body {
    fn len(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::TooLarge(_) => 0,
        }
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, bytes: u64) -> bool {
        let held = self.lock();
        held.bytes == 0 || held.bytes + bytes <= WAITING_BYTES
    }

    /// Waits for room. Blocks.
    fn put(&self, key: &str, body: Body) -> Result<(), Closed> {
        let mut held = self.lock();
        while !held.closed && held.bytes > 0 && held.bytes + body.len() > WAITING_BYTES {
            held = self.taken.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        if held.closed {
            return Err(Closed);
        }
        held.bytes += body.len();
        held.bodies.entry(key.to_owned()).or_default().push_back(body);
        Ok(())
    }

    fn take(&self, key: &str) -> Option<Body> {
        let mut held = self.lock();
        let bodies = held.bodies.get_mut(key)?;
        let body = bodies.pop_front();
        if bodies.is_empty() {
            held.bodies.remove(key);
        }
        held.bytes -= body.as_ref().map_or(0, Body::len);
        drop(held);
        self.taken.notify_all();
        body
    }

    fn close(&self) {
        self.lock().closed = true;
        self.taken.notify_all();
    }
}

impl TarArchive {
    /// The archive at `path`; that it is one shows at the first page.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let max_clear_bytes = MAX_ARCHIVE_BYTES;
        Self { path: path.into(), max_clear_bytes, shelf: Arc::default(), again: Arc::default() }
    }

    /// Its entries. At most one listing is read of an archive. With `bodies` every entry of at most
    /// `max_object_bytes` is kept until it is read from the archive or passed over; without, nothing can be read.
    #[must_use]
    pub fn entries(&self, bodies: bool, max_object_bytes: u64) -> Box<dyn Listing> {
        let archive = self.clone();
        Box::new(Entries { archive, bodies, max_object_bytes, passed: 0, pump: None })
    }
}

/// The pages of an archive.
#[derive(Debug)]
struct Entries {
    archive: TarArchive,
    bodies: bool,
    max_object_bytes: u64,
    passed: u64,
    pump: Option<Pump>,
}

impl Drop for Entries {
    fn drop(&mut self) {
        self.archive.shelf.close();
    }
}

#[async_trait]
impl Listing for Entries {
    async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        let pump = self.pump.get_or_insert_with(|| {
            let reading = Reading {
                path: self.archive.path.clone(),
                max_clear_bytes: self.archive.max_clear_bytes,
                shelf: self.bodies.then(|| Arc::clone(&self.archive.shelf)),
                max_object_bytes: self.max_object_bytes,
                passed: self.passed,
            };
            Pump::start(move |outlet| reading.produce(outlet))
        });
        pump.next().await
    }

    fn resume(&mut self, after: &Cursor) -> Result<(), SourceError> {
        let Cursor::Count(passed) = after else { return Err(foreign_cursor(after)) };
        self.passed = *passed;
        Ok(())
    }

    fn pass_over(&mut self, listed: &ListedObject) {
        self.archive.shelf.take(&listed.object.key);
    }
}

/// One pass over the file.
struct Reading {
    path: PathBuf,
    max_clear_bytes: u64,
    shelf: Option<Arc<Shelf>>,
    max_object_bytes: u64,
    passed: u64,
}

impl Reading {
    fn produce(self, outlet: &Outlet) -> Result<(), Broken> {
        let failed = |error: io::Error| unreadable(&self.path, &error.to_string());
        let (mut archive, meter) = open(&self.path, self.max_clear_bytes).map_err(failed)?;
        let (mut number, mut objects, mut page_bytes) = (0, Vec::new(), 0);
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            meter.allow(&entry);
            let is_link = entry.header().entry_type().is_hard_link();
            if !is_file(&entry) && !is_link {
                continue;
            }
            number += 1;
            if number <= self.passed {
                continue;
            }
            let key = key(&entry.path_bytes());
            let size = entry.size();
            let modified = entry.header().mtime().ok().and_then(|secs| i64::try_from(secs).ok());
            let listed = match is_link {
                true => second_name(key, entry.link_name_bytes().as_deref().unwrap_or_default()),
                false => ListedObject {
                    object: ObjectRef { key, ..ObjectRef::default() },
                    size: Some(size),
                    last_modified: modified.and_then(|secs| Timestamp::from_second(secs).ok()),
                    ..ListedObject::default()
                },
            };
            if let Some(shelf) = self.shelf.as_ref().filter(|_| !is_link) {
                let body = body(&mut entry, size, self.max_object_bytes).map_err(failed)?;
                // What waits for room must not wait for itself.
                if !shelf.has_room(body.len()) && !objects.is_empty() {
                    let after = Cursor::Count(number - 1);
                    outlet.put(Page { objects: std::mem::take(&mut objects), after })?;
                    page_bytes = 0;
                }
                page_bytes += body.len();
                shelf.put(&listed.object.key, body)?;
            }
            objects.push(listed);
            if objects.len() == PAGE || page_bytes >= PAGE_BYTES {
                outlet.put(Page { objects: std::mem::take(&mut objects), after: Cursor::Count(number) })?;
                page_bytes = 0;
            }
        }
        if !objects.is_empty() {
            outlet.put(Page { objects, after: Cursor::Count(number) })?;
        }
        meter.allow_the_rest();
        Ok(nothing_follows(archive.into_inner()).map_err(failed)?)
    }
}

/// Directories, symbolic links and devices hold no transcript.
fn is_file(entry: &tar::Entry<'_, impl Read>) -> bool {
    let kind = entry.header().entry_type();
    kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()
}

/// A hard link: a file of the directory, of which the archive holds the bytes only under its first name.
fn second_name(key: String, first: &[u8]) -> ListedObject {
    let detail = format!(
        "it is a second name of {:?}, stored without its bytes: make the archive with --hard-dereference, or index the \
         directory itself",
        String::from_utf8_lossy(first)
    );
    let object = ObjectRef { key, ..ObjectRef::default() };
    ListedObject { object, unreadable: Some("archive-link"), detail: Some(detail), ..ListedObject::default() }
}

fn body(entry: &mut impl Read, size: u64, max_bytes: u64) -> io::Result<Body> {
    if size > max_bytes {
        return Ok(Body::TooLarge(size));
    }
    let mut bytes = Vec::new();
    entry.take(size).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != size {
        return Err(io::Error::other("the archive ends within an entry"));
    }
    Ok(Body::Whole(bytes))
}

/// The entries of a name, no more than two of them, in an archive of at most `max_clear_bytes`. Blocks.
fn find(path: &Path, max_clear_bytes: u64, name: &str, max_bytes: u64) -> io::Result<Vec<Body>> {
    let (mut archive, meter) = open(path, max_clear_bytes)?;
    let mut found = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        meter.allow(&entry);
        if found.len() < 2 && is_file(&entry) && key(&entry.path_bytes()) == name {
            let size = entry.size();
            found.push(body(&mut entry, size, max_bytes)?);
        }
    }
    Ok(found)
}

/// The key is the name as it stands there, without the `./` that tar puts before names.
fn key(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.strip_prefix("./").unwrap_or(&name).to_owned()
}

fn refused(kind: SourceErrorKind, reason: &'static str, key: &str, message: &str) -> SourceError {
    SourceError { kind, reason, action: format!("read the entry {key:?}"), message: message.to_owned() }
}

fn unreadable(path: &Path, message: &str) -> SourceError {
    SourceError {
        kind: SourceErrorKind::Invalid,
        reason: "archive-unreadable",
        action: format!("read the archive {}", path.display()),
        message: message.to_owned(),
    }
}

#[async_trait]
impl ObjectStore for TarArchive {
    async fn get(&self, object: &ObjectRef, max_bytes: u64) -> Result<StoredObject, SourceError> {
        let too_large = |size: u64| {
            refused(SourceErrorKind::TooLarge, "too-large", &object.key, &format!("{size} bytes"))
        };
        let stored = |body| StoredObject {
            object: ObjectRef { key: object.key.clone(), ..ObjectRef::default() },
            metadata: BTreeMap::new(),
            last_modified: None,
            body,
        };
        match self.shelf.take(&object.key) {
            Some(Body::Whole(body)) if body.len() as u64 <= max_bytes => Ok(stored(body)),
            Some(body @ Body::Whole(_)) => {
                let size = body.len();
                // It may be asked for again with more room.
                self.put_back(&object.key, body);
                Err(too_large(size))
            }
            Some(Body::TooLarge(size)) => Err(too_large(size)),
            None => match self.again(&object.key, max_bytes).await? {
                Body::Whole(body) => Ok(stored(body)),
                Body::TooLarge(size) => Err(too_large(size)),
            },
        }
    }

    async fn list(&self, _: &str, _: &str, _: Option<&str>) -> Result<Vec<ListedObject>, SourceError> {
        Err(unreadable(&self.path, "an archive is listed through its entries"))
    }

    fn pass_over(&self, object: &ObjectRef) {
        self.shelf.take(&object.key);
    }
}

impl TarArchive {
    /// An entry that was read before. Of several with its name nobody can say which one is meant.
    async fn again(&self, key: &str, max_bytes: u64) -> Result<Body, SourceError> {
        const READ_ONCE: &str = "archive-read-once";
        let mut again = self.again.lock().await;
        if *again >= MAX_AGAIN {
            let message = format!(
                "more than {MAX_AGAIN} entries would have to be read a second time: backfill the archive again"
            );
            return Err(refused(SourceErrorKind::Invalid, READ_ONCE, key, &message));
        }
        *again += 1;
        let (path, name) = (self.path.clone(), key.to_owned());
        let max_clear_bytes = self.max_clear_bytes;
        let found = blocking(move || find(&path, max_clear_bytes, &name, max_bytes)).await;
        let mut found = found
            .map_err(|panicked| unreadable(&self.path, &panicked.to_string()))?
            .map_err(|error| unreadable(&self.path, &error.to_string()))?;
        match (found.pop(), found.is_empty()) {
            (Some(body), true) => Ok(body),
            (Some(_), false) => {
                let message = "the archive has several entries of this name: backfill it again";
                Err(refused(SourceErrorKind::Invalid, READ_ONCE, key, message))
            }
            (None, _) => {
                Err(refused(SourceErrorKind::NotFound, "gone", key, "the archive has no such entry"))
            }
        }
    }

    fn put_back(&self, key: &str, body: Body) {
        let mut held = self.shelf.lock();
        held.bytes += body.len();
        held.bodies.entry(key.to_owned()).or_default().push_front(body);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
