//! A partition that is written to: commits, merges, and what follows a write that failed.
//!
//! tantivy's writer is opened at the first commit and stays: a merge runs beside commits, and only the writer that has
//! begun it can end it. A commit that fails leaves the writer with segments that are not committed, so it is thrown away
//! before anything else is written ([`OpenPartition::recovered`]).

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use shelltrail_core::TranscriptId;
use shelltrail_core::sink::Write;
use tantivy::indexer::{IndexWriterOptions, NoMergePolicy};
use tantivy::{IndexWriter, SegmentMeta};

use crate::block_cache::BlockCache;
use crate::merge::{self, Mergeable, Size};
use crate::pack::{BlockAt, PackLengths, PackReader, PackWriter};
use crate::partition::{CommitPayload, PartitionError, PartitionIndex, tantivy_error};

/// The least that tantivy accepts for a writer; ours adds finished segments and no documents.
const WRITER_MEMORY_BYTES: usize = 15_000_000;

/// A panic while the lock was held leaves a set or a length that is still right.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See the module.
pub(crate) struct OpenPartition {
    pub(crate) index: PartitionIndex,
    dir: PathBuf,
    /// The last commit may be newer than what `index` has loaded, so nothing may be looked up in it. Changed under the
    /// lock of `writer` only.
    stale: AtomicBool,
    pub(crate) packs: Mutex<PackWriter>,
    /// Transcripts in batches that wait for their commit.
    pending: Mutex<HashSet<TranscriptId>>,
    /// Held from the choice of segments to the end of their merge: who chooses beside a merge would choose what is gone
    /// at its end, and tantivy keeps the files of segments that somebody has in hand.
    merging: Mutex<()>,
    /// tantivy's writer, once there is something to write.
    writer: Mutex<Option<IndexWriter>>,
    /// How many segments wait to be merged, about.
    waiting: AtomicUsize,
}

/// The transcripts of one batch, which nobody else may build, and its part of the packs; free again when it is dropped.
pub(crate) struct Claims {
    pub(crate) ids: Vec<TranscriptId>,
    pub(crate) open: Arc<OpenPartition>,
    epoch: u64,
}

impl Claims {
    pub(crate) fn new(open: &Arc<OpenPartition>) -> Self {
        let epoch = lock(&open.packs).begin();
        Self { ids: Vec::new(), open: Arc::clone(open), epoch }
    }

    /// Claims a transcript.
    ///
    /// # Errors
    /// Another batch has it.
    pub(crate) fn add(&mut self, id: TranscriptId) -> Result<(), PartitionError> {
        if !lock(&self.open.pending).insert(id) {
            return Err(PartitionError::Pending(id));
        }
        self.ids.push(id);
        Ok(())
    }
}

/// What becomes of a commit, however it ends.
struct Outcome<'o> {
    open: &'o OpenPartition,
    is_known: bool,
}

impl Drop for Outcome<'_> {
    fn drop(&mut self) {
        if !self.is_known {
            self.open.index.gate.doubt();
        }
        self.open.stale.store(true, Ordering::Release);
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        let mut pending = lock(&self.open.pending);
        for id in &self.ids {
            pending.remove(id);
        }
        drop(pending);
        lock(&self.open.packs).end();
    }
}

impl OpenPartition {
    /// Opens a partition, and creates it if it is not there.
    ///
    /// # Errors
    /// It can be neither opened nor created, or its packs are not what was committed.
    pub(crate) fn open(dir: PathBuf) -> Result<Self, PartitionError> {
        let index = PartitionIndex::open_or_create(&dir)?;
        let packs = PackWriter::open(&index.packs_dir, index.payload()?.packs)?;
        Ok(Self {
            index,
            dir,
            stale: AtomicBool::new(false),
            packs: Mutex::new(packs),
            pending: Mutex::default(),
            merging: Mutex::default(),
            writer: Mutex::default(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Finds out what became of a commit that failed half-way, if there was one.
    ///
    /// # Errors
    /// It cannot be found out yet.
    pub(crate) fn ready(&self) -> Result<(), PartitionError> {
        if self.index.gate.is_doubtful() {
            self.recovered(&mut lock(&self.writer))?;
        }
        Ok(())
    }

    /// Looks a transcript up in the last commit.
    ///
    /// # Errors
    /// The commit cannot be loaded, or it is not known whether it is durable.
    pub(crate) fn find(&self, id: &TranscriptId) -> Result<Option<BlockAt>, PartitionError> {
        self.refresh()?;
        self.index.find(id)
    }

    /// The write that a transcript of the last commit is.
    ///
    /// # Errors
    /// As [`OpenPartition::find`], or its block cannot be read.
    pub(crate) fn write_of(&self, id: &TranscriptId) -> Result<Option<Write>, PartitionError> {
        let Some(at) = self.find(id)? else { return Ok(None) };
        // Asked of what was delivered twice only, so nothing is worth keeping.
        let block = PackReader::new(&self.index.packs_dir, BlockCache::new()).block(at)?;
        let session = &block.session;
        Ok(Some(Write { version: session.object.version.clone(), sequencer: session.sequencer.clone() }))
    }

    /// Loads the last commit.
    fn refresh(&self) -> Result<(), PartitionError> {
        if self.stale.load(Ordering::Acquire) {
            // Not while a commit is on its way: what it has named may not be durable yet.
            let mut writer = lock(&self.writer);
            self.recovered(&mut writer)?;
            if self.stale.load(Ordering::Acquire) {
                self.index.reload()?;
                self.stale.store(false, Ordering::Release);
            }
        }
        Ok(())
    }

    /// Adds segments to the last commit.
    ///
    /// # Errors
    /// They are not committed, or it is not known whether they are: then the next look-up finds out.
    pub(crate) fn commit(
        &self,
        segments: Vec<SegmentMeta>,
        claims: &[&Claims],
    ) -> Result<(), PartitionError> {
        let mut writer = lock(&self.writer);
        self.recovered(&mut writer)?;
        let packs = {
            let mut packs = lock(&self.packs);
            if !claims.iter().all(|claims| packs.may_commit(claims.epoch)) {
                return Err(PartitionError::LostText);
            }
            packs.sync()?
        };
        let added = segments.len();
        // Even a commit that reports an error may have become durable.
        let mut outcome = Outcome { open: self, is_known: false };
        self.publish(&mut writer, segments, &packs)?;
        outcome.is_known = true;
        drop(outcome);
        lock(&self.packs).settle(packs);
        self.waiting.fetch_add(added, Ordering::Relaxed);
        Ok(())
    }

    fn publish(
        &self,
        writer: &mut Option<IndexWriter>,
        segments: Vec<SegmentMeta>,
        packs: &PackLengths,
    ) -> Result<(), PartitionError> {
        let payload = CommitPayload { packs: packs.clone(), committed_at: Some(Timestamp::now()) };
        let payload = serde_json::to_string(&payload).map_err(|_| PartitionError::BadPayload)?;
        let error = tantivy_error::<tantivy::TantivyError>;
        let writer = self.writer(writer)?;
        for segment in segments {
            writer.add_segment(segment).map_err(error("commit"))?;
        }
        let mut prepared = writer.prepare_commit().map_err(error("commit"))?;
        prepared.set_payload(&payload);
        prepared.commit().map_err(error("commit"))?;
        Ok(())
    }

    fn writer<'w>(&self, writer: &'w mut Option<IndexWriter>) -> Result<&'w mut IndexWriter, PartitionError> {
        Ok(match writer {
            Some(writer) => writer,
            None => {
                let options = IndexWriterOptions::builder()
                    .memory_budget_per_thread(WRITER_MEMORY_BYTES)
                    .num_worker_threads(1)
                    .num_merge_threads(1)
                    .build();
                let opened: IndexWriter = self
                    .index
                    .index
                    .writer_with_options(options)
                    .map_err(tantivy_error("open a writer of"))?;
                opened.set_merge_policy(Box::new(NoMergePolicy));
                writer.insert(opened)
            }
        })
    }

    /// After a write that failed: throws the writer away and begins again with the `meta.json` that is there, which is made durable first: what
    /// it names will be taken for stored.
    fn recovered(&self, writer: &mut Option<IndexWriter>) -> Result<(), PartitionError> {
        if !self.index.gate.is_doubtful() {
            return Ok(());
        }
        if let Some(writer) = writer.take() {
            // A merge that it has begun must not end under its successor.
            let _ = writer.wait_merging_threads();
        }
        self.index.affirm(&self.dir)?;
        let payload = self.index.payload()?;
        self.index.gate.settle();
        lock(&self.packs).settle(payload.packs);
        self.stale.store(true, Ordering::Release);
        self.sweep_with(writer);
        tracing::info!(partition = %self.dir.display(), "a partition is written to again after a write that failed");
        Ok(())
    }

    /// Merges what `choose` says, one group after the other, and tells whether there was any.
    pub(crate) fn merge(
        &self,
        choose: impl FnOnce(&[Size<tantivy::index::SegmentId>]) -> Vec<Vec<tantivy::index::SegmentId>>,
    ) -> Result<bool, PartitionError> {
        let _merging = lock(&self.merging);
        let groups = {
            self.recovered(&mut lock(&self.writer))?;
            let sizes = self.sizes()?;
            self.waiting.store(merge::waiting(&sizes), Ordering::Relaxed);
            choose(&sizes)
        };
        for group in &groups {
            let merging = self.writer(&mut lock(&self.writer))?.merge(group);
            // Commits go on meanwhile.
            let merged = merging.wait();
            {
                let _writer = lock(&self.writer);
                self.stale.store(true, Ordering::Release);
            }
            if let Err(source) = merged {
                self.sweep();
                return Err(tantivy_error("merge segments of")(source));
            }
            // The segments that were merged take room as long as they are held open. The next look-up tries again.
            let _ = self.refresh();
        }
        if !groups.is_empty() {
            self.waiting.store(merge::waiting(&self.sizes()?), Ordering::Relaxed);
        }
        Ok(!groups.is_empty())
    }

    /// Removes the files that belong to no commit, no batch and no merge; those that cannot be removed stay until the
    /// next commit.
    pub(crate) fn sweep(&self) {
        self.sweep_with(&mut lock(&self.writer));
    }

    fn sweep_with(&self, writer: &mut Option<IndexWriter>) {
        if let Ok(writer) = self.writer(writer) {
            let _ = writer.garbage_collect_files().wait();
        }
    }

    /// The segments of the last commit.
    fn sizes(&self) -> Result<Vec<Size<tantivy::index::SegmentId>>, PartitionError> {
        let metas = self.index.index.searchable_segment_metas().map_err(tantivy_error("read"))?;
        let dir = self.dir.join("tantivy");
        let io = |source| PartitionError::Io { action: "list", path: dir.clone(), source };
        let mut bytes: HashMap<String, u64> = HashMap::new();
        for entry in std::fs::read_dir(&dir).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let id = name.split_once('.').map_or("", |(id, _)| id);
            // What vanishes meanwhile is of no segment any more.
            *bytes.entry(id.to_owned()).or_default() += entry.metadata().map_or(0, |meta| meta.len());
        }
        let size = |meta: &SegmentMeta| Size {
            id: meta.id(),
            docs: u64::from(meta.max_doc()),
            bytes: bytes.get(&meta.id().uuid_string()).copied().unwrap_or(0),
        };
        Ok(metas.iter().map(size).collect())
    }
}

impl Mergeable for OpenPartition {
    fn merge_due(&self) -> Result<bool, PartitionError> {
        self.merge(|sizes| merge::due(sizes).into_iter().collect())
    }

    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        self.index.gate.stop();
    }
}
