//! Which partitions an index has, in a file of its root: one that is lost with all of its files is missed.
//!
//! A partition is added when it is made, before anything is committed to it, and never taken off by us.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use shelltrail_core::Partition;

use crate::durable;
use crate::partition::{PartitionError, PartitionIndex};
use crate::root::{IndexRoot, RootError};

/// The file.
pub(crate) const NAME: &str = "partitions.json";

impl IndexRoot {
    /// Puts the partitions that are there on the list of those that must be.
    ///
    /// # Errors
    /// The list cannot be read or written.
    pub(crate) fn adopt_partitions(&self) -> Result<(), RootError> {
        let mut names = Vec::new();
        for partition in self.partitions()? {
            // What was begun and never finished is not missed.
            if !matches!(PartitionIndex::exists(&self.partition_dir(&partition)), Ok(false)) {
                names.push(partition.to_string());
            }
        }
        self.list_partitions(names)
    }

    /// Puts partitions on the list of those that must be there.
    ///
    /// # Errors
    /// The list cannot be read or written.
    pub(crate) fn list_partitions(&self, names: impl IntoIterator<Item = String>) -> Result<(), RootError> {
        let io =
            |source| RootError::Io { action: "list the partitions of", path: self.path().to_owned(), source };
        add(self.path(), names).map_err(io)
    }

    /// The partitions that must be there, in order of their names.
    ///
    /// # Errors
    /// The list cannot be read.
    pub(crate) fn listed_partitions(&self) -> Result<Vec<Partition>, RootError> {
        let io = |source| RootError::Io {
            action: "read the list of partitions of",
            path: self.path().to_owned(),
            source,
        };
        let names = read(self.path()).map_err(io)?;
        let digits = self.manifest().partition_digits;
        Ok(names.iter().filter_map(|name| Partition::from_name(name, digits)).collect())
    }

    /// That a partition of the list is missed.
    pub(crate) fn missing(&self, partition: &Partition) -> PartitionError {
        PartitionError::Missing(self.partition_dir(partition))
    }
}

/// Adds partitions to the list; durable at the return.
///
/// # Errors
/// The list cannot be read or written.
fn add(root: &Path, names: impl IntoIterator<Item = String>) -> io::Result<()> {
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
fn read(root: &Path) -> io::Result<BTreeSet<String>> {
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
