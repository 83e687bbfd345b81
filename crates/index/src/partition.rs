//! One partition as it lies on disk: a tantivy index and its packs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shelltrail_core::TranscriptId;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, Index, IndexReader, ReloadPolicy, Searcher, TERMINATED, Term};

use crate::directory::{self, Gate, META, PartitionDirectory};
use crate::disk;
use crate::durable;
use crate::pack::{BlockAt, PackError, PackLengths};
use crate::schema::{self, Fields, column};

/// A partition could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// tantivy said no.
    #[error("{action} the index of the partition")]
    Tantivy {
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: Box<tantivy::TantivyError>,
    },
    /// A pack said no.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A session cannot be encoded.
    #[error("encode a session")]
    Block(#[from] crate::block::BlockError),
    /// The last commit says nothing we understand about the packs.
    #[error("the commit of the partition has no readable payload")]
    BadPayload,
    /// There is stored text, and nothing that says what it is.
    #[error(
        "the partition has packs and no {META} at {0}; restore it from a backup, or stop the writer, move the \
         directory of the partition away and backfill: what other partitions hold is not read again"
    )]
    NoMeta(PathBuf),
    /// There are files of events, and nothing that says what they are.
    #[error(
        "there are removals and no {META} in {0}; restore the directory from a backup, or stop the writer and move it \
         away: then it is not known any more which objects were deleted, and `shelltrail backfill --reconcile` lists \
         those that are not in the bucket"
    )]
    NoRemovals(PathBuf),
    /// The documents of a segment are not in the order in which they were written.
    #[error("the documents are not in their order: {0}")]
    Order(String),
    /// It is on the list of the index, and nothing of it is there.
    #[error(
        "it is not there, and was; restore {0} from a backup, or backfill the accounts that begin so. If nothing of it is \
         missing, take it off the list in partitions.json"
    )]
    Missing(PathBuf),
    /// tantivy panicked on what a file holds.
    #[error("a file of it is not as it was written; `shelltrail index check` names it and the way out")]
    Damaged,
    /// Text was appended before a sync of the pack failed.
    #[error("the text of the batch may not be on the disk; it has to be built again")]
    LostText,
    /// A transcript is already on its way in another batch.
    #[error("transcript {0} is in another batch that waits for its commit")]
    Pending(TranscriptId),
    /// The file system said no.
    #[error("{action} {path}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
}

/// Names what was attempted when tantivy fails.
pub(crate) fn tantivy_error<E: Into<tantivy::TantivyError>>(
    action: &'static str,
) -> impl FnOnce(E) -> PartitionError {
    move |source| PartitionError::Tantivy { action, source: Box::new(source.into()) }
}

/// What a commit says beside the segments.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CommitPayload {
    /// How much of each pack belongs to the commit.
    pub packs: PackLengths,
    /// When it was made; `None` before the first.
    pub committed_at: Option<Timestamp>,
}

/// An open partition.
pub struct PartitionIndex {
    /// The tantivy index.
    pub index: Index,
    /// Its fields.
    pub fields: Fields,
    /// Where its packs are.
    pub packs_dir: PathBuf,
    /// What may be written.
    pub(crate) gate: Arc<Gate>,
    reader: IndexReader,
}

impl PartitionIndex {
    /// Whether there is a partition here.
    ///
    /// # Errors
    /// [`PartitionError::NoMeta`]: there was one.
    pub fn exists(dir: &Path) -> Result<bool, PartitionError> {
        // A writer makes `meta.json` durable before it begins a pack, so packs are looked for first.
        let has_packs = std::fs::read_dir(dir.join("packs")).is_ok_and(|mut packs| packs.next().is_some());
        let meta = dir.join("tantivy").join(META);
        let exists = meta.try_exists().map_err(|source| PartitionError::Io {
            action: "look for",
            path: meta.clone(),
            source,
        })?;
        if has_packs && !exists { Err(PartitionError::NoMeta(meta)) } else { Ok(exists) }
    }

    /// Opens a partition for reading; `None` if nothing was ever committed to it.
    ///
    /// # Errors
    /// It exists and cannot be opened.
    pub fn open(dir: &Path) -> Result<Option<Self>, PartitionError> {
        if !Self::exists(dir)? {
            return Ok(None);
        }
        let directory = PartitionDirectory::open(&dir.join("tantivy")).map_err(tantivy_error("open"))?;
        let gate = Arc::clone(directory.gate());
        let index = Index::open(directory).map_err(tantivy_error("open"))?;
        Self::with(index, gate, dir).map(Some)
    }

    /// Opens a partition for writing, and creates it if it is not there. What a process that was killed had named is
    /// made durable: it is taken for committed from here on.
    ///
    /// # Errors
    /// It can be neither opened nor created.
    pub fn open_or_create(dir: &Path) -> Result<Self, PartitionError> {
        let exists = Self::exists(dir)?;
        let tantivy_dir = dir.join("tantivy");
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| PartitionError::Io { action, path, source }
        };
        durable::create_private_dir(dir).map_err(io("create", dir))?;
        durable::create_private_dir(&tantivy_dir).map_err(io("create", &tantivy_dir))?;
        disk::sync_dir(&tantivy_dir).map_err(io("sync", &tantivy_dir))?;
        let directory = PartitionDirectory::open(&tantivy_dir).map_err(tantivy_error("open"))?;
        let gate = Arc::clone(directory.gate());
        let index = if exists {
            Index::open(directory).map_err(tantivy_error("open"))?
        } else {
            Index::create(directory, schema::schema().0, schema::settings())
                .map_err(tantivy_error("create"))?
        };
        Self::with(index, gate, dir)
    }

    fn with(index: Index, gate: Arc<Gate>, dir: &Path) -> Result<Self, PartitionError> {
        schema::register(&index);
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into();
        Ok(Self {
            reader: reader.map_err(tantivy_error("open"))?,
            index,
            fields: schema::schema().1,
            packs_dir: dir.join("packs"),
            gate,
        })
    }

    /// Writes the `meta.json` that is there once more, so that it is durable whatever became of the last attempt.
    ///
    /// # Errors
    /// It may not be.
    pub(crate) fn affirm(&self, dir: &Path) -> Result<(), PartitionError> {
        let path = dir.join("tantivy");
        let action = "write the last commit of";
        directory::affirm(&path).map_err(|source| PartitionError::Io { action, path, source })
    }

    /// The last commit that was loaded.
    #[must_use]
    pub fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Loads the last commit.
    ///
    /// # Errors
    /// It cannot be loaded; the one before stays.
    pub fn reload(&self) -> Result<(), PartitionError> {
        self.reader.reload().map_err(tantivy_error("reload"))
    }

    /// What the last commit says beside the segments.
    ///
    /// # Errors
    /// The payload cannot be understood.
    pub fn payload(&self) -> Result<CommitPayload, PartitionError> {
        let meta = self.index.load_metas().map_err(tantivy_error("read"))?;
        match meta.payload {
            None => Ok(CommitPayload::default()),
            Some(payload) => serde_json::from_str(&payload).map_err(|_| PartitionError::BadPayload),
        }
    }

    /// Finds the session document of a transcript, and with it the place of its first block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn find(&self, id: &TranscriptId) -> Result<Option<BlockAt>, PartitionError> {
        let term = Term::from_field_text(self.fields.transcript, &id.to_string());
        let read = tantivy_error::<tantivy::TantivyError>;
        for segment in self.searcher().segment_readers() {
            let inverted = segment.inverted_index(self.fields.transcript).map_err(read("read"))?;
            let postings = inverted.read_postings(&term, IndexRecordOption::Basic);
            let Some(postings) = postings.map_err(tantivy_error("read"))? else { continue };
            if postings.doc() != TERMINATED {
                let columns = segment.fast_fields();
                let number = |name| -> Result<u64, PartitionError> {
                    let column = columns.u64(name).map_err(read("read"))?;
                    Ok(column.first(postings.doc()).unwrap_or(u64::MAX))
                };
                return Ok(Some(BlockAt { pack: number(column::PACK)?, offset: number(column::BLOCK)? }));
            }
        }
        Ok(None)
    }
}
