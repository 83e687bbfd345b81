//! Small files that are either whole or not there: written aside, synced, renamed, directory synced.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a directory (and those above it) that only its owner may enter: an index is as sensitive
/// as the bucket it comes from. Where one is new, the entry above it is on stable storage too.
///
/// # Errors
/// As `mkdir` and `fsync`.
pub fn create_private_dir(dir: &Path) -> io::Result<()> {
    let new: Vec<&Path> =
        dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    new.into_iter().rev().try_for_each(sync_dir_of)
}

/// Writes a file so that after a crash either the old or the new content is there, whole.
///
/// # Errors
/// The old content is still there.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("tmp");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&aside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    sync_dir_of(path)
}

/// Removes a file for good; that it is not there is fine.
///
/// # Errors
/// The file is still there.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_dir_of(path),
    }
}

fn sync_dir_of(path: &Path) -> io::Result<()> {
    let Some(dir) = path.parent() else { return Ok(()) };
    // The parent of a bare name is the current directory, which has no name of its own.
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}
