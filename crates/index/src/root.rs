//! The index root: one directory, its manifest, and the lock of its one writer.
//!
//! ```text
//! DIR/shelltrail.json            the manifest: schema version and partition digits, fixed for good
//! DIR/mask.key                   under which the fingerprints of masked passwords are made
//! DIR/layouts.json               the key layouts by which it was written
//! DIR/partitions.json            the names of its partitions
//! DIR/writer.lock                held by the one writing process
//! DIR/partitions/NAME/tantivy/   a tantivy index: terms and columns, no text
//! DIR/partitions/NAME/packs/     the clear text, in blocks
//! DIR/failures/HASH.json         objects that could not be indexed
//! DIR/failures/dropped.jsonl     entries of that list that somebody took off it
//! DIR/removals/                  a tantivy index: what happened to objects in their buckets since
//! DIR/backfills/HASH.json        backfills that were begun and did not end
//! DIR/starts/ID.json             objects whose work was begun, again, and did not end
//! DIR/starts/backfill            the same of backfills, a line each
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shelltrail_core::Partition;

use crate::backfills::{self, BackfillNote};
use crate::disk;
use crate::durable;
use crate::layouts;
use crate::mask_key;
use crate::partition_list;

/// The version of everything below an index root. Another version is refused.
pub const SCHEMA_VERSION: u32 = 5;
/// One digit, ten partitions: more cost disk and memory, fewer leave nothing to skip (benches/README.md).
pub const DEFAULT_PARTITION_DIGITS: u8 = 1;

const MANIFEST: &str = "shelltrail.json";
const WRITER_LOCK: &str = "writer.lock";
/// How often a writer asks for its lock, and how long it waits between: `index check` looks at it for a moment.
const LOCK_TRIES: (u32, Duration) = (5, Duration::from_millis(20));

/// Everything that may stand in an index root; what else is there is not ours.
pub const ENTRIES: [&str; 11] = [
    MANIFEST,
    WRITER_LOCK,
    mask_key::NAME,
    layouts::NAME,
    partition_list::NAME,
    "partitions",
    "failures",
    "backfills",
    "removals",
    "starts",
    "audit.jsonl",
];

/// What is fixed when an index is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`] of the program that created it.
    pub schema: u32,
    /// How many digits of the account ID name a partition (0 to 12).
    pub partition_digits: u8,
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// An index root that exists and that this program understands.
#[derive(Clone, Debug)]
pub struct IndexRoot {
    path: PathBuf,
    manifest: Manifest,
}

/// An index root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// There is no manifest.
    #[error("there is no index at {0}; `shelltrail worker` and `shelltrail backfill` create one")]
    NoIndex(PathBuf),
    /// The manifest is of another version.
    #[error(
        "the index at {path} has schema version {found}, this program reads version {SCHEMA_VERSION}; \
         use the program that wrote it, or backfill into a new directory"
    )]
    OtherSchema {
        /// The root.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// There are partitions and no manifest.
    #[error(
        "the index at {path} has partitions and no manifest ({MANIFEST}); restore that file from a backup, it never \
         changes, or backfill into a new directory"
    )]
    NoManifest {
        /// The root.
        path: PathBuf,
    },
    /// The manifest cannot be understood.
    #[error(
        "the manifest of the index at {path} cannot be read; restore {MANIFEST} from a backup, it never changes, or \
         backfill into a new directory"
    )]
    BadManifest {
        /// The root.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Other partition digits were asked for.
    #[error(
        "the index at {path} has partition_digits = {found}, not {wanted}; \
         the number is fixed for good: leave the setting out, or backfill into a new directory"
    )]
    OtherDigits {
        /// The root.
        path: PathBuf,
        /// What it has.
        found: u8,
        /// What was asked for.
        wanted: u8,
    },
    /// Somebody else writes.
    #[error("another process is writing to the index at {0}; wait for it or stop it")]
    Locked(PathBuf),
    /// Digits beyond an account ID.
    #[error("partition_digits is 0 to 12, not {0}")]
    BadDigits(u8),
    /// The file system said no.
    #[error("{action} {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// The right to write to an index root, until dropped.
#[derive(Debug)]
pub struct WriterLock(#[allow(dead_code)] File);

impl IndexRoot {
    /// Opens an index root for reading.
    ///
    /// # Errors
    /// [`RootError::NoIndex`], [`RootError::OtherSchema`], [`RootError::BadManifest`] or an I/O error.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let file = path.join(MANIFEST);
        let json = match fs::read(&file) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A new root has its manifest before its first partition.
                let partitions = fs::read_dir(path.join("partitions"));
                return Err(match partitions.is_ok_and(|mut entries| entries.next().is_some()) {
                    true => RootError::NoManifest { path: path.to_owned() },
                    false => RootError::NoIndex(path.to_owned()),
                });
            }
            Err(source) => return Err(RootError::Io { action: "read", path: file, source }),
        };
        let bad = |source| RootError::BadManifest { path: path.to_owned(), source };
        // Another version may have other fields: its number alone is read first.
        let Version { schema: found } = serde_json::from_slice(&json).map_err(bad)?;
        if found != SCHEMA_VERSION {
            return Err(RootError::OtherSchema { path: path.to_owned(), found });
        }
        let manifest: Manifest = serde_json::from_slice(&json).map_err(bad)?;
        if manifest.partition_digits > 12 {
            return Err(RootError::BadDigits(manifest.partition_digits));
        }
        Ok(Self { path: path.to_owned(), manifest })
    }

    /// Opens an index root for writing, and creates it if the directory has none.
    ///
    /// `digits` is what the configuration says, `None` if it says nothing.
    ///
    /// # Errors
    /// As [`IndexRoot::open`], and [`RootError::Locked`], [`RootError::OtherDigits`], [`RootError::BadDigits`].
    pub fn open_for_writing(path: &Path, digits: Option<u8>) -> Result<(Self, WriterLock), RootError> {
        if let Some(digits @ 13..) = digits {
            return Err(RootError::BadDigits(digits));
        }
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| RootError::Io { action, path, source }
        };
        durable::create_private_dir(path).map_err(io("create", path))?;
        let lock = path.join(WRITER_LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = file.map_err(io("open", &lock))?;
        let mut tries = LOCK_TRIES.0;
        loop {
            tries -= 1;
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries > 0 => std::thread::sleep(LOCK_TRIES.1),
                Err(TryLockError::WouldBlock) => return Err(RootError::Locked(path.to_owned())),
                Err(TryLockError::Error(source)) => {
                    return Err(RootError::Io { action: "lock", path: lock, source });
                }
            }
        }
        let root = match Self::open(path) {
            Err(RootError::NoIndex(_)) => {
                let manifest = Manifest {
                    schema: SCHEMA_VERSION,
                    partition_digits: digits.unwrap_or(DEFAULT_PARTITION_DIGITS),
                };
                let root = Self { path: path.to_owned(), manifest };
                for dir in [root.partitions_dir(), root.failures_dir()] {
                    durable::create_private_dir(&dir).map_err(io("create", &dir))?;
                }
                let json = serde_json::to_vec_pretty(&root.manifest).unwrap_or_default();
                durable::write(&path.join(MANIFEST), &json).map_err(io("write", path))?;
                root
            }
            other => other?,
        };
        mask_key::create(path).map_err(io("make a key in", path))?;
        // What a process that was killed had named and not synced.
        for dir in [path.to_owned(), root.partitions_dir()] {
            disk::sync_dir(&dir).map_err(io("sync", &dir))?;
        }
        root.adopt_partitions()?;
        match digits {
            Some(wanted) if wanted != root.manifest.partition_digits => Err(RootError::OtherDigits {
                path: path.to_owned(),
                found: root.manifest.partition_digits,
                wanted,
            }),
            _ => Ok((root, WriterLock(file))),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was fixed at creation.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether a process has the right to write at the moment. Without leave to ask, it is taken for so.
    #[must_use]
    pub fn is_being_written(&self) -> bool {
        match File::open(self.path.join(WRITER_LOCK)) {
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// The directory of one partition.
    #[must_use]
    pub fn partition_dir(&self, partition: &Partition) -> PathBuf {
        self.partitions_dir().join(partition.as_str())
    }

    /// The directory of the failure entries.
    #[must_use]
    pub fn failures_dir(&self) -> PathBuf {
        self.path.join("failures")
    }

    /// The directory of what happened to objects after they were stored in their bucket.
    #[must_use]
    pub fn removals_dir(&self) -> PathBuf {
        self.path.join("removals")
    }

    /// The directory of the start marks.
    #[must_use]
    pub fn starts_dir(&self) -> PathBuf {
        self.path.join("starts")
    }

    /// Notes that a backfill of a source begins, or goes on: until its end no answer is complete. The same source
    /// confined to another `selection` is another backfill; empty means all of it.
    ///
    /// # Errors
    /// The note is not durable.
    pub fn begin_backfill(&self, source: &str, selection: &str) -> Result<BackfillNote, RootError> {
        let dir = self.backfills_dir();
        let note = BackfillNote::begin(&dir, source, selection, Timestamp::now());
        note.map_err(|source| RootError::Io { action: "note a backfill in", path: dir, source })
    }

    /// The sources of the backfills that were begun and did not end.
    ///
    /// # Errors
    /// The notes cannot be listed.
    pub fn unfinished_backfills(&self) -> Result<Vec<String>, RootError> {
        let dir = self.backfills_dir();
        let sources = backfills::unfinished(&dir);
        sources.map_err(|source| RootError::Io { action: "list the notes in", path: dir, source })
    }

    pub(crate) fn backfills_dir(&self) -> PathBuf {
        self.path.join("backfills")
    }

    /// The partitions that hold something, in order of their names.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn partitions(&self) -> Result<Vec<Partition>, RootError> {
        let dir = self.partitions_dir();
        let io = |source| RootError::Io { action: "list", path: dir.clone(), source };
        let mut partitions = Vec::new();
        for entry in fs::read_dir(&dir).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let partition =
                name.to_str().and_then(|n| Partition::from_name(n, self.manifest.partition_digits));
            partitions.extend(partition);
        }
        partitions.sort();
        Ok(partitions)
    }

    pub(crate) fn partitions_dir(&self) -> PathBuf {
        self.path.join("partitions")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_created_once_and_then_fixed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        assert!(matches!(IndexRoot::open(&path), Err(RootError::NoIndex(_))));
        let (root, lock) = IndexRoot::open_for_writing(&path, Some(2)).unwrap();
        assert_eq!(root.manifest().partition_digits, 2);
        assert!(matches!(IndexRoot::open_for_writing(&path, None), Err(RootError::Locked(_))));
        drop(lock);
        assert!(IndexRoot::open_for_writing(&path, None).is_ok());
        let error = IndexRoot::open_for_writing(&path, Some(3)).unwrap_err();
        assert!(matches!(error, RootError::OtherDigits { found: 2, wanted: 3, .. }), "{error}");
        assert!(matches!(IndexRoot::open_for_writing(&path, Some(13)), Err(RootError::BadDigits(13))));
    }

    #[test]
    fn another_schema_is_refused_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MANIFEST), r#"{"schema": 99, "partition_digits": 1}"#).unwrap();
        let error = IndexRoot::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("version 99") && error.contains("backfill into a new directory"), "{error}");
        fs::write(dir.path().join(MANIFEST), "{").unwrap();
        assert!(matches!(IndexRoot::open(dir.path()), Err(RootError::BadManifest { .. })));
    }

    #[test]
    fn older_and_newer_versions_are_refused_whatever_else_they_say() {
        let dir = tempfile::tempdir().unwrap();
        let others = [0, 1, SCHEMA_VERSION - 1, SCHEMA_VERSION + 1, u32::MAX];
        for (found, rest) in others.iter().zip(["", r#", "x": 1"#].iter().cycle()) {
            fs::write(dir.path().join(MANIFEST), format!(r#"{{"schema": {found}{rest}}}"#)).unwrap();
            let error = IndexRoot::open_for_writing(dir.path(), None).unwrap_err();
            assert!(matches!(&error, RootError::OtherSchema { found: f, .. } if f == found), "{error}");
        }
        fs::write(dir.path().join(MANIFEST), format!(r#"{{"schema": {SCHEMA_VERSION}}}"#)).unwrap();
        assert!(matches!(IndexRoot::open(dir.path()), Err(RootError::BadManifest { .. })));
    }

    #[test]
    fn a_manifest_that_is_lost_is_not_made_up() {
        let dir = tempfile::tempdir().unwrap();
        drop(IndexRoot::open_for_writing(dir.path(), Some(1)).unwrap());
        fs::create_dir(dir.path().join("partitions/1")).unwrap();
        fs::remove_file(dir.path().join(MANIFEST)).unwrap();
        for error in [
            IndexRoot::open(dir.path()).unwrap_err(),
            IndexRoot::open_for_writing(dir.path(), None).unwrap_err(),
        ] {
            assert!(matches!(error, RootError::NoManifest { .. }), "{error}");
        }
        fs::remove_dir(dir.path().join("partitions/1")).unwrap();
        assert!(IndexRoot::open_for_writing(dir.path(), None).is_ok(), "it was never finished");
    }

    #[test]
    fn whether_somebody_writes_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (root, lock) = IndexRoot::open_for_writing(dir.path(), Some(1)).unwrap();
        assert!(root.is_being_written());
        drop(lock);
        assert!(!root.is_being_written());
    }
}
