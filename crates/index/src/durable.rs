//! Small files that are either whole or not there: written aside, synced, renamed, directory synced.

use std::io;
use std::path::Path;

use crate::disk::{self, DiskFile};

/// Makes a directory (and those above it) that only its owner may enter: an index is as sensitive
/// as the bucket it comes from. Its name is on stable storage, also if a process that was killed had
/// made it and not got so far.
///
/// # Errors
/// As `mkdir` and `fsync`.
pub fn create_private_dir(dir: &Path) -> io::Result<()> {
    let new: Vec<&Path> =
        dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    if new.is_empty() {
        return match sync_dir_of(dir) {
            // A directory above an index may let us in and not look: then its names are not ours to sync.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        };
    }
    new.into_iter().rev().try_for_each(|dir| {
        disk::make_dir(dir)?;
        sync_dir_of(dir)
    })
}

/// Writes a file so that after a crash either the old or the new content is there, whole.
///
/// # Errors
/// The old content is still there, unless the last step failed, the sync of the directory: then either may be.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("tmp");
    let replaced = write_aside(&aside, content).and_then(|()| disk::rename(&aside, path));
    if replaced.is_err() {
        // On a full disk it would only be in the way.
        let _ = disk::remove(&aside);
    }
    replaced?;
    sync_dir_of(path)
}

fn write_aside(aside: &Path, content: &[u8]) -> io::Result<()> {
    let file = DiskFile::create(aside)?;
    file.write_all_at(content, 0)?;
    file.sync()
}

/// Removes a file for good; that it is not there is fine.
///
/// # Errors
/// The file is still there, or may come back after a power loss.
pub fn remove(path: &Path) -> io::Result<()> {
    match disk::remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_dir_of(path),
    }
}

/// Brings the entry of a file in its directory to stable storage.
///
/// # Errors
/// As `fsync`.
pub fn sync_dir_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), disk::sync_dir)
}
