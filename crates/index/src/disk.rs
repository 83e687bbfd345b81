//! Every change that this crate makes to files goes through here: one place to read what is written in which order, and
//! to let tests stop it at any step (`disk/faults.rs`).
//!
//! The rule that the callers keep: a name is synced into its directory only after the bytes behind it were synced, and
//! nothing is acknowledged before both.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tantivy::directory::{AntiCallToken, TerminatingWrite};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod faults;
#[cfg(not(test))]
mod faults {
    //! Outside tests every step is just done.
    use std::io;
    use std::path::Path;

    /// Does a step.
    pub(super) fn step<T>(
        _: &Path,
        _: super::Kind<'_>,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        act()
    }
}

/// What a step does to a path; the tests keep a journal of them.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), allow(dead_code))] // only the journal looks into it
pub(crate) enum Kind<'a> {
    MakeDir,
    /// A new file, or one that is emptied.
    Create,
    Write(u64, &'a [u8]),
    SetLen(u64),
    Sync,
    RenameTo(&'a Path),
    Remove,
    SyncDir,
}

/// A file that is written to.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    path: PathBuf,
}

impl DiskFile {
    /// Creates a file for its owner only; what was there is emptied.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let options = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).clone();
        let file = faults::step(path, Kind::Create, || options.open(path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Creates a file that must not be there.
    pub(crate) fn create_new(path: &Path) -> io::Result<Self> {
        let options = OpenOptions::new().create_new(true).write(true).mode(0o600).clone();
        let file = faults::step(path, Kind::Create, || options.open(path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Opens a file that is there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Its length now.
    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Writes all bytes at a place; on an error some of them may be there.
    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let write = |bytes: &[u8]| self.file.write_all_at(bytes, offset);
        let written = faults::step(&self.path, Kind::Write(offset, bytes), || write(bytes));
        #[cfg(test)]
        if written.is_err() {
            // A disk that is full takes a part of it.
            let part = &bytes[..bytes.len() / 2];
            faults::tear(&self.path, Kind::Write(offset, part), || write(part));
        }
        written
    }

    /// Cuts it, or adds zeros.
    pub(crate) fn set_len(&self, length: u64) -> io::Result<()> {
        faults::step(&self.path, Kind::SetLen(length), || self.file.set_len(length))
    }

    /// Brings its bytes and its length to stable storage.
    pub(crate) fn sync(&self) -> io::Result<()> {
        faults::step(&self.path, Kind::Sync, || self.file.sync_all())
    }
}

/// A file that is written from its beginning to its end, and synced when it is terminated.
#[derive(Debug)]
pub(crate) struct Sequential {
    file: DiskFile,
    at: u64,
}

impl Sequential {
    pub(crate) fn new(file: DiskFile) -> Self {
        Self { file, at: 0 }
    }
}

impl Write for Sequential {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TerminatingWrite for Sequential {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        self.file.sync()
    }
}

/// Makes one directory that only its owner may enter; that it is there already is fine.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    match faults::step(path, Kind::MakeDir, || DirBuilder::new().mode(0o700).create(path)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// Gives a file another name, in the place of what had it.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    faults::step(from, Kind::RenameTo(to), || fs::rename(from, to))
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    faults::step(path, Kind::Remove, || fs::remove_file(path))
}

/// Brings the names in a directory to stable storage.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    // The parent of a bare name is the current directory, which has no name of its own.
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    faults::step(dir, Kind::SyncDir, || File::open(dir)?.sync_all())
}
