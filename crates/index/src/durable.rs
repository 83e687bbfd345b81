//! Small files that are either whole or not there: written aside, synced, renamed, directory synced.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a directory (and those above it) that only its owner may enter: an index is as sensitive
/// as the bucket it comes from.
///
/// # Errors
/// As `mkdir`.
pub fn create_private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
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
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}
