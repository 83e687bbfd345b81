//! Which partitions an index has, in a file of its root: one that is lost with all of its files is missed.
//!
//! A partition is added when it is made, before anything is committed to it, and never taken off by us.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::durable;

/// The file.
pub(crate) const NAME: &str = "partitions.json";

/// Adds partitions to the list; durable at the return.
///
/// # Errors
/// The list cannot be read or written.
pub(crate) fn add(root: &Path, names: impl IntoIterator<Item = String>) -> io::Result<()> {
    let mut list = read(root)?;
    let before = list.len();
    list.extend(names);
    if list.len() == before {
        return Ok(());
    }
    durable::write(&root.join(NAME), &serde_json::to_vec_pretty(&list)?)
}

/// The names of the partitions; none of an index that has none yet, or that nothing was written to since there is a list.
///
/// # Errors
/// The list cannot be read.
pub(crate) fn read(root: &Path) -> io::Result<BTreeSet<String>> {
    let path = root.join(NAME);
    let json = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        json => json?,
    };
    serde_json::from_slice(&json).map_err(|error| {
        let what = format!(
            "{} is no list of partitions: restore it from a backup, or remove it if none is missing: {error}",
            path.display()
        );
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}
