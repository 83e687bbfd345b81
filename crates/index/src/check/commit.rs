//! The last commit of a tantivy index, and whether its files are as they were written.

use std::collections::BTreeSet;
use std::path::Path;

use tantivy::directory::error::OpenReadError;
use tantivy::directory::{Directory, FileSlice, META_LOCK};
use tantivy::{Index, IndexMeta};

use super::Found;
use crate::directory::PartitionDirectory;
use crate::partition::{PartitionError, tantivy_error};

/// A commit with its files held open: a merge may remove their names, not what is in them.
pub(super) struct Commit {
    pub(super) index: Index,
    pub(super) meta: IndexMeta,
    files: Vec<(String, Result<FileSlice, OpenReadError>)>,
}

impl Commit {
    /// The last commit in a directory.
    ///
    /// # Errors
    /// It cannot be read; a file of a segment that cannot be opened is told by [`Commit::damaged_segments`].
    pub(super) fn take(dir: &Path) -> Result<Self, PartitionError> {
        let error = tantivy_error::<tantivy::TantivyError>;
        let directory = PartitionDirectory::open(dir).map_err(tantivy_error("open"))?;
        let index = Index::open(directory).map_err(error("open"))?;
        // Under this lock nobody removes a file.
        let lock = index.directory().acquire_lock(&META_LOCK).map_err(tantivy_error("lock"))?;
        let meta = index.load_metas().map_err(error("read"))?;
        let names: BTreeSet<_> = meta.list_segment_files().into_iter().collect();
        let is_there =
            |name: &&std::path::PathBuf| name.extension().is_none_or(|extension| extension != "del");
        let open = |name: &std::path::PathBuf| {
            (name.display().to_string(), Directory::open_read(index.directory(), name))
        };
        let files = names.iter().filter(is_there).map(open).collect();
        drop(lock);
        Ok(Self { index, meta, files })
    }

    /// Compares the checksums; the segments with a file that is not as it was written. `below` stands before the names
    /// of files in what is told.
    pub(super) fn damaged_segments(&self, below: &str, found: &mut Found) -> BTreeSet<String> {
        let mut damaged = BTreeSet::new();
        for (name, file) in &self.files {
            let segment = name.split('.').next().unwrap_or_default().to_owned();
            match file {
                Ok(file) => found.report.index_bytes += tantivy::HasLen::len(file) as u64,
                Err(error) => {
                    found.fault(&format!("file {below}{name}"), error);
                    damaged.insert(segment);
                    continue;
                }
            }
            found.report.files += 1;
            match self.index.directory().validate_checksum(Path::new(name)) {
                Ok(true) => {}
                Ok(false) => {
                    found.damaged(format!("file {below}{name}: its checksum is not that of its bytes"));
                    damaged.insert(segment);
                }
                Err(error) => {
                    found.fault(&format!("file {below}{name}"), &error);
                    damaged.insert(segment);
                }
            }
        }
        damaged
    }
}
