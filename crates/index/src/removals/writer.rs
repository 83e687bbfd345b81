//! Writes events down: as a partition's, but without packs and with tantivy's own merges, for events are small and few.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use shelltrail_core::sink::KeyEvent;
use tantivy::indexer::IndexWriterOptions;
use tantivy::{Index, IndexWriter, TantivyDocument};

use super::{StoredEvent, exist, number_of, open_index, schema};
use crate::directory::{Gate, PartitionDirectory, affirm};
use crate::disk;
use crate::durable;
use crate::partition::{PartitionError, tantivy_error};
use crate::schema::{key_column, settings};

/// The least that tantivy accepts for a writer; a batch of events is far smaller.
const WRITER_MEMORY_BYTES: usize = 15_000_000;

/// Writes events down, as their only writer.
pub(crate) struct RemovalWriter {
    dir: PathBuf,
    /// Open from the first event on, so that segments are merged beside the work.
    writer: Mutex<Option<Open>>,
}

impl RemovalWriter {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, writer: Mutex::default() }
    }

    /// Writes events down; durable at the return.
    ///
    /// # Errors
    /// None, some or all of them are written down. The next call begins with a new writer.
    pub(crate) fn record(&self, events: &[KeyEvent]) -> Result<(), PartitionError> {
        let events: HashSet<Vec<u8>> = events
            .iter()
            .filter_map(StoredEvent::of)
            .map(|event| postcard::to_stdvec(&event).map_err(|_| PartitionError::BadPayload))
            .collect::<Result<_, _>>()?;
        if events.is_empty() {
            return Ok(());
        }
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out: whatever fails below, the writer is thrown away. So is one whose merge may have been published by
        // halves.
        let mut open = match slot.take().filter(|open| !open.gate.is_doubtful()) {
            Some(open) => open,
            None => Open::at(&self.dir)?,
        };
        open.add(events)?;
        *slot = Some(open);
        Ok(())
    }

    /// Removes the files that belong to no commit.
    ///
    /// # Errors
    /// The events cannot be opened.
    pub(crate) fn sweep(&self) -> Result<(), PartitionError> {
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() && exist(&self.dir)? {
            *slot = Some(Open::at(&self.dir)?);
        }
        Ok(())
    }
}

/// tantivy's writer, and what it may write.
struct Open {
    /// Here until it is dropped.
    writer: Option<IndexWriter>,
    gate: Arc<Gate>,
}

impl Open {
    /// Opens the events, or creates them. What a process that was killed had named, or a commit that failed, is made
    /// durable first: it is taken for written down from here on.
    fn at(dir: &Path) -> Result<Self, PartitionError> {
        let io = |action| {
            let path = dir.to_owned();
            move |source| PartitionError::Io { action, path, source }
        };
        let exists = exist(dir)?;
        durable::create_private_dir(dir).map_err(io("create"))?;
        let (index, gate) = if exists {
            affirm(dir).map_err(io("write the last commit of"))?;
            let (index, directory) = open_index(dir)?;
            (index, Arc::clone(directory.gate()))
        } else {
            disk::sync_dir(dir).map_err(io("sync"))?;
            let directory = PartitionDirectory::open(dir).map_err(tantivy_error("open"))?;
            let gate = Arc::clone(directory.gate());
            (Index::create(directory, schema().0, settings()).map_err(tantivy_error("create"))?, gate)
        };
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(WRITER_MEMORY_BYTES)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer: IndexWriter =
            index.writer_with_options(options).map_err(tantivy_error("open a writer of"))?;
        // What is left of a commit that failed takes room; if it cannot be removed now, the next commit does it.
        let _ = writer.garbage_collect_files().wait();
        Ok(Self { writer: Some(writer), gate })
    }

    fn add(&mut self, events: HashSet<Vec<u8>>) -> Result<(), PartitionError> {
        let fields = schema().1;
        let Some(writer) = &mut self.writer else { return Ok(()) };
        for event in events {
            let StoredEvent { key_hash, kind, .. } =
                postcard::from_bytes(&event).map_err(|_| PartitionError::BadPayload)?;
            let mut document = TantivyDocument::default();
            document.add_u64(fields.key, key_column(key_hash));
            document.add_u64(fields.kind, number_of(kind));
            document.add_bytes(fields.event, &event);
            writer.add_document(document).map_err(tantivy_error("write an event to"))?;
        }
        writer.commit().map_err(tantivy_error("commit events to"))?;
        Ok(())
    }
}

impl Drop for Open {
    /// A merge that it has begun must neither be published nor write under its successor.
    fn drop(&mut self) {
        self.gate.doubt();
        self.gate.stop();
        if let Some(writer) = self.writer.take() {
            let _ = writer.wait_merging_threads();
        }
    }
}
