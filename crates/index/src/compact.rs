//! Makes an index as small as it can be without reading its text: few segments, no leftovers.
//!
//! Every step is one that a worker takes too, so it may be killed at any moment.

use std::fs;
use std::path::Path;

use serde::Serialize;
use shelltrail_core::Partition;

use crate::disk;
use crate::merge;
use crate::partition::{PartitionError, PartitionIndex};
use crate::removals::RemovalWriter;
use crate::root::{IndexRoot, WriterLock};
use crate::search::with_causes;
use crate::writing::OpenPartition;

/// What became of a partition.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Compacted {
    /// Its name.
    pub partition: String,
    /// tantivy segments before and after.
    pub segments: (u64, u64),
    /// Bytes on disk of terms and columns, before and after.
    pub index_bytes: (u64, u64),
    /// Bytes on disk of the stored text, before and after.
    pub pack_bytes: (u64, u64),
    /// Why it could not be done, or not to the end; what was done stays.
    pub error: Option<String>,
}

/// Compacts one partition: merges its segments to as few as the largest allows ([`merge::MAX_DOCS`],
/// [`merge::MAX_BYTES`]), cuts off what a crash left in the packs and removes files that belong to nothing.
#[must_use]
pub fn compact(root: &IndexRoot, _: &WriterLock, partition: &Partition) -> Compacted {
    let dir = root.partition_dir(partition);
    let mut done = Compacted { partition: partition.to_string(), ..Compacted::default() };
    let (before, after) = (sizes(&dir), work(&dir));
    let ended = sizes(&dir);
    done.segments = (before.0, ended.0);
    done.index_bytes = (before.1, ended.1);
    done.pack_bytes = (before.2, ended.2);
    done.error = after.err().map(|error| with_causes(&error));
    done
}

fn work(dir: &Path) -> Result<(), PartitionError> {
    if !PartitionIndex::exists(dir)? {
        return Ok(());
    }
    // Opening for writing cuts the packs to the last commit.
    let open = OpenPartition::open(dir.to_owned())?;
    open.merge(merge::fewest)?;
    open.sweep();
    Ok(())
}

/// Removes what was written aside in the root and never got its name, and what belongs to no commit of the removals.
/// Tells how many bytes that were.
///
/// # Errors
/// A directory cannot be listed, a file not removed, or the removals cannot be opened.
pub fn remove_unfinished(root: &IndexRoot, _: &WriterLock) -> std::io::Result<u64> {
    let removals = root.removals_dir();
    let before = bytes_in(&removals);
    RemovalWriter::new(removals.clone()).sweep().map_err(std::io::Error::other)?;
    let mut bytes = before.saturating_sub(bytes_in(&removals));
    for dir in [root.path().to_owned(), root.failures_dir(), root.backfills_dir()] {
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "tmp")
                && entry.metadata()?.is_file()
            {
                bytes += entry.metadata()?.len();
                disk::remove(&entry.path())?;
            }
        }
    }
    Ok(bytes)
}

/// Segments, bytes of terms and columns, bytes of text.
fn sizes(dir: &Path) -> (u64, u64, u64) {
    let segments = PartitionIndex::open(dir).ok().flatten();
    let segments = segments.map_or(0, |index| index.searcher().segment_readers().len() as u64);
    (segments, bytes_in(&dir.join("tantivy")), bytes_in(&dir.join("packs")))
}

fn bytes_in(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(|meta| meta.is_file())
        .map(|meta| meta.len())
        .sum()
}
