//! The directory of a tantivy index (of a partition, of the removals), as tantivy sees it.
//!
//! Reading is tantivy's own `MmapDirectory`, but for its lock, which who may only read takes as well as it can be had (see
//! [`Directory::acquire_lock`]). Writing goes through [`crate::disk`], with three differences:
//!
//! - When `meta.json` is replaced, the directory is synced before anything else happens. tantivy syncs it before, and
//!   removes files that the new `meta.json` does not name right after: a power loss between could have brought the old
//!   one back without its files, or taken back a commit that was acknowledged.
//! - After a replacement that failed there is no other until the writer was made anew ([`Gate`]): tantivy's writer goes
//!   on with the segments of the commit that failed, and the end of a merge would publish them.
//! - The list of files that tantivy may remove is the directory itself. tantivy keeps it in a file, which is written
//!   anew and synced for each file of each segment, and forgets what a crash left behind.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tantivy::directory::error::{DeleteError, LockError, OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, Lock, META_LOCK, MmapDirectory, WatchCallback, WatchHandle,
    WritePtr,
};

use crate::disk::{self, DiskFile, Sequential};
use crate::durable;

/// The file that names the segments of the last commit.
pub(crate) const META: &str = "meta.json";
/// tantivy's list of the files that it made.
const MANAGED: &str = ".managed.json";

/// What may be written to the directory at the moment.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    doubtful: AtomicBool,
    stopped: AtomicBool,
}

impl Gate {
    /// Whether a commit failed half-way: what `meta.json` says may not be durable, and what the writer holds not be right.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Acquire)
    }

    /// `meta.json` may not be replaced any more.
    pub(crate) fn doubt(&self) {
        self.doubtful.store(true, Ordering::Release);
    }

    /// The writer was made anew from a `meta.json` that is durable.
    pub(crate) fn settle(&self) {
        self.doubtful.store(false, Ordering::Release);
    }

    /// No file of a segment is written any more: a merge that runs ends with an error.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether [`Gate::stop`] was called.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn admit(&self) -> io::Result<()> {
        match self.is_stopped() {
            true => Err(io::Error::other("the index is being closed")),
            false => Ok(()),
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct PartitionDirectory {
    files: MmapDirectory,
    path: Arc<Path>,
    gate: Arc<Gate>,
}

impl PartitionDirectory {
    /// Opens a directory that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenDirectoryError> {
        Ok(Self { files: MmapDirectory::open(path)?, path: path.into(), gate: Arc::default() })
    }

    /// What may be written.
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

/// Writes the `meta.json` of a directory once more, so that it is durable whatever became of the last attempt.
///
/// # Errors
/// It may not be.
pub(crate) fn affirm(dir: &Path) -> io::Result<()> {
    let path = dir.join(META);
    fs::read(&path).and_then(|meta| durable::write(&path, &meta))
}

/// The names of the files that belong to tantivy: all but those that begin with a dot, which are its locks.
pub(crate) fn names_in(path: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let names = fs::read_dir(path)?.map(|entry| Ok(PathBuf::from(entry?.file_name())));
    let is_managed = |name: &PathBuf| !name.as_os_str().as_encoded_bytes().starts_with(b".");
    names.filter(|name| name.as_ref().map_or(true, is_managed)).collect()
}

impl Directory for PartitionDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.files.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        disk::remove(&self.path.join(path)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DeleteError::FileDoesNotExist(path.to_owned()),
            _ => DeleteError::IoError { io_error: Arc::new(error), filepath: path.to_owned() },
        })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.files.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let file = self.gate.admit().and_then(|()| DiskFile::create_new(&self.path.join(path)));
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OpenWriteError::FileAlreadyExists(path.to_owned()),
            _ => OpenWriteError::wrap_io_error(error, path.to_owned()),
        })?;
        let writer = Stoppable { inner: Sequential::new(file), gate: Arc::clone(&self.gate) };
        Ok(WritePtr::new(Box::new(writer)))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        if path != Path::new(MANAGED) {
            return self.files.atomic_read(path);
        }
        let read_error = |error| OpenReadError::wrap_io_error(error, path.to_owned());
        let names = names_in(&self.path).map_err(read_error)?;
        serde_json::to_vec(&names).map_err(|error| read_error(error.into()))
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        if path == Path::new(MANAGED) {
            return Ok(());
        }
        if path != Path::new(META) {
            return durable::write(&self.path.join(path), data);
        }
        if self.gate.is_doubtful() {
            return Err(io::Error::other("an earlier commit failed and was not looked after yet"));
        }
        durable::write(&self.path.join(path), data).inspect_err(|_| self.gate.doubt())
    }

    fn sync_directory(&self) -> io::Result<()> {
        disk::sync_dir(&self.path).inspect_err(|_| self.gate.doubt())
    }

    /// tantivy opens the file of a lock for writing, also to read. Who may not write (another user, a snapshot that is
    /// mounted read-only) shares the lock through a file that is opened for reading. Where there is none to be had either,
    /// a merge may remove a file before it is opened: that is an error of this one reading, and told.
    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        match self.files.acquire_lock(lock) {
            Err(LockError::IoError(error))
                if lock.filepath == META_LOCK.filepath && is_about_writing(error.kind()) =>
            {
                let file = File::open(self.path.join(&lock.filepath)).ok();
                let shared = file.filter(|file| file.lock_shared().is_ok());
                Ok(DirectoryLock::from(Box::new(Shared(shared))))
            }
            acquired => acquired,
        }
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.files.watch(callback)
    }
}

fn is_about_writing(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// A lock that is given back when it is dropped.
struct Shared(Option<File>);

impl Drop for Shared {
    fn drop(&mut self) {
        // Closing the file would do it as well.
        let _ = self.0.as_ref().map(File::unlock);
    }
}

/// A file of a segment, whose writing ends when the index is closed.
struct Stoppable {
    inner: Sequential,
    gate: Arc<Gate>,
}

impl io::Write for Stoppable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gate.admit()?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl tantivy::directory::TerminatingWrite for Stoppable {
    fn terminate_ref(&mut self, token: tantivy::directory::AntiCallToken) -> io::Result<()> {
        self.gate.admit()?;
        self.inner.terminate_ref(token)
    }
}
