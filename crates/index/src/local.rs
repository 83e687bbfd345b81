//! The sink that writes partitions on the local disk.
//!
//! Batches are whole tantivy segments, built in parallel by whoever calls `build`; the text goes to
//! the partition's pack at the same time. A commit syncs the pack, then adds the segments and commits
//! tantivy, whose payload records the length of the packs (`writing.rs`). tantivy's commit is one atomic rename, so a
//! session is either whole in the index or not at all, and the index itself is the ledger of what is
//! stored: there is no second book to disagree with it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use rayon::prelude::*;
use shelltrail_core::sink::{Failure, KeyEvent, RecordSink, SinkError, Write};
use shelltrail_core::{AccountId, ObjectRef, Partition, Session, TranscriptId};
use tantivy::SegmentMeta;
use tantivy::indexer::{AddOperation, SegmentWriter};

use crate::block;
use crate::failures::FailureWriter;
use crate::merge::Merger;
use crate::pack::BlockAt;
use crate::partition::{PartitionError, PartitionIndex, tantivy_error};
use crate::removals::RemovalWriter;
use crate::root::{IndexRoot, RootError, WriterLock};
use crate::row::Stored;
use crate::starts::StartMarks;
use crate::writing::{Claims, OpenPartition, lock};

/// What tantivy may use for the terms of one batch before it grows its tables.
const SEGMENT_MEMORY_BYTES: usize = 32 << 20;

/// Writes to one index root, as its only writer.
pub struct LocalSink {
    root: IndexRoot,
    /// Stopped before the partitions are closed and the lock is given back.
    merger: Merger<OpenPartition>,
    partitions: Mutex<HashMap<Partition, Arc<OpenPartition>>>,
    /// Partitions that were not there when somebody asked; who makes one of them opens it.
    absent: Mutex<HashSet<Partition>>,
    failures: FailureWriter,
    removals: RemovalWriter,
    starts: StartMarks,
    /// The index was written by more than one key layout: an object may lie in any partition.
    is_scattered: bool,
    _lock: WriterLock,
}

/// A finished segment that no commit knows yet.
pub struct Batch {
    partition: Partition,
    segment: Option<SegmentMeta>,
    claims: Claims,
}

impl LocalSink {
    /// Takes an index root that this process may write to.
    #[must_use]
    pub fn new(root: IndexRoot, writer_lock: WriterLock) -> Self {
        Self {
            failures: FailureWriter::new(root.failures_dir()),
            removals: RemovalWriter::new(root.removals_dir()),
            starts: StartMarks::new(root.starts_dir()),
            root,
            merger: Merger::start(),
            partitions: Mutex::default(),
            absent: Mutex::default(),
            is_scattered: false,
            _lock: writer_lock,
        }
    }

    /// Says by which key layout (its templates) the index is written from here on. Where that is not the one of all that
    /// is stored, every partition is asked whether it holds an object: slower, and nothing is stored twice.
    ///
    /// # Errors
    /// It cannot be noted.
    pub fn laid_out_by(self, layout: &[String]) -> Result<Self, RootError> {
        let is_scattered = self.root.note_layout(layout)?;
        if is_scattered {
            tracing::warn!(
                "s3.key_layout is not the only one by which this index was written: every partition is asked for each object, \
                 and what is stored keeps the account that it has"
            );
        }
        Ok(Self { is_scattered, ..self })
    }

    /// The partitions that may hold an object that would be stored in this one.
    fn possible(&self, partition: &Partition) -> Result<Vec<Partition>, RootError> {
        if self.is_scattered { self.root.partitions() } else { Ok(vec![partition.clone()]) }
    }

    /// Opens a partition to look something up; asking must not create one.
    fn existing(&self, partition: &Partition) -> Result<Option<Arc<OpenPartition>>, PartitionError> {
        let is_open = lock(&self.partitions).contains_key(partition);
        if !is_open && self.is_absent(partition)? { Ok(None) } else { self.open(partition).map(Some) }
    }

    /// The index root.
    #[must_use]
    pub fn root(&self) -> &IndexRoot {
        &self.root
    }

    /// Waits until the segments are merged as far as they should be: what ends after many commits, as a backfill does,
    /// leaves no work behind. Partitions whose merge failed are left.
    pub fn finish_merges(&self) {
        self.merger.finish();
    }

    /// Whether there is no such partition. Only this process could make one, so the disk is asked once.
    fn is_absent(&self, partition: &Partition) -> Result<bool, PartitionError> {
        let mut absent = lock(&self.absent);
        if !absent.contains(partition) {
            if PartitionIndex::exists(&self.root.partition_dir(partition))? {
                return Ok(false);
            }
            absent.insert(partition.clone());
        }
        Ok(true)
    }

    fn open(&self, partition: &Partition) -> Result<Arc<OpenPartition>, PartitionError> {
        let mut partitions = lock(&self.partitions);
        if let Some(open) = partitions.get(partition) {
            return Ok(open.clone());
        }
        let open = Arc::new(OpenPartition::open(self.root.partition_dir(partition))?);
        // Before anything is committed to it, so that it is missed if it is lost.
        self.root.list_partitions([partition.to_string()]).map_err(|error| PartitionError::Io {
            action: "put a partition on the list of",
            path: self.root.path().to_owned(),
            source: std::io::Error::other(error),
        })?;
        partitions.insert(partition.clone(), open.clone());
        Ok(open)
    }

    /// Builds a batch without storing any text: what the index costs by itself, for the benches. Its hits
    /// cannot be shown.
    ///
    /// # Errors
    /// As [`RecordSink::build`].
    #[doc(hidden)]
    pub fn build_terms_only(
        &self,
        partition: &Partition,
        sessions: &mut dyn Iterator<Item = Session>,
    ) -> Result<Batch, SinkError> {
        let nowhere = |_: &OpenPartition, session: &Session| {
            Ok((BlockAt { pack: 0, offset: 0 }, vec![0; session.records.len()]))
        };
        self.build_segment(partition, sessions, nowhere)
            .map_err(|source| sink_error("build a batch of", partition.as_str(), source))
    }

    /// Builds a segment; `store` puts the text of a session somewhere and tells where, and for each record the
    /// offset of its block from there.
    fn build_segment(
        &self,
        partition: &Partition,
        sessions: &mut dyn Iterator<Item = Session>,
        store: impl Fn(&OpenPartition, &Session) -> Result<(BlockAt, Vec<u64>), PartitionError>,
    ) -> Result<Batch, PartitionError> {
        let open = self.open(partition)?;
        open.ready()?;
        let segment = open.index.index.new_segment();
        let mut writer = SegmentWriter::for_segment(SEGMENT_MEMORY_BYTES, segment.clone())
            .map_err(tantivy_error("build"))?;
        let mut claims = Claims::new(&open);
        let mut documents = 0;
        for session in sessions {
            if open.find(&session.id)?.is_some() {
                continue;
            }
            claims.add(session.id)?;
            let (at, offsets) = store(&open, &session)?;
            for document in (Stored { fields: open.index.fields, session, at, offsets }).rows() {
                let operation = AddOperation { opstamp: u64::from(documents), document };
                writer.add_document(operation).map_err(tantivy_error("build"))?;
                documents += 1;
            }
        }
        let mut batch = Batch { partition: partition.clone(), segment: None, claims };
        if documents > 0 {
            writer.finalize().map_err(tantivy_error("build"))?;
            batch.segment = Some(segment.with_max_doc(documents).meta().clone());
        }
        Ok(batch)
    }

    /// A partition that is open.
    #[cfg(test)]
    pub(crate) fn open_partition(&self, partition: &Partition) -> Option<Arc<OpenPartition>> {
        lock(&self.partitions).get(partition).cloned()
    }

    fn commit_partition(&self, partition: &Partition, batches: &[Batch]) -> Result<(), PartitionError> {
        let segments: Vec<_> = batches.iter().filter_map(|batch| batch.segment.clone()).collect();
        if segments.is_empty() {
            return Ok(());
        }
        let open = self.open(partition)?;
        self.merger.keep_up(partition, &open);
        let claims: Vec<&Claims> = batches.iter().map(|batch| &batch.claims).collect();
        open.commit(segments, &claims)?;
        self.merger.wake(partition, &open);
        Ok(())
    }
}

/// Appends the text of a session to the pack of its partition.
fn store_text(open: &OpenPartition, session: &Session) -> Result<(BlockAt, Vec<u64>), PartitionError> {
    let (run, offsets) = block::encode(session)?;
    Ok((lock(&open.packs).append(&run)?, offsets))
}

fn sink_error(
    action: &'static str,
    partition: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SinkError {
    SinkError { action, partition: partition.to_owned(), source: source.into() }
}

impl RecordSink for LocalSink {
    type Batch = Batch;

    fn partition(&self, account: Option<&AccountId>) -> Partition {
        Partition::of(account, self.root.manifest().partition_digits)
    }

    fn contains(&self, partition: &Partition, id: &TranscriptId) -> Result<bool, SinkError> {
        let possible = self.possible(partition).map_err(|source| sink_error("list", "-", source))?;
        for partition in &possible {
            let found = || self.existing(partition)?.map_or(Ok(None), |open| open.find(id));
            if found().map_err(|source| sink_error("read", partition.as_str(), source))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn build(
        &self,
        partition: &Partition,
        sessions: &mut dyn Iterator<Item = Session>,
    ) -> Result<Batch, SinkError> {
        self.build_segment(partition, sessions, store_text).map_err(|source| {
            // What there is of the segment would only take room, which may be what was missing.
            let open = lock(&self.partitions).get(partition).cloned();
            if let Some(open) = open {
                open.sweep();
            }
            sink_error("build a batch of", partition.as_str(), source)
        })
    }

    fn commit(&self, batches: Vec<Batch>) -> Result<(), SinkError> {
        let mut by_partition: BTreeMap<Partition, Vec<Batch>> = BTreeMap::new();
        for batch in batches {
            by_partition.entry(batch.partition.clone()).or_default().push(batch);
        }
        // Waiting for the disk dominates, and partitions share nothing.
        by_partition.into_par_iter().try_for_each(|(partition, batches)| {
            let committed = self.commit_partition(&partition, &batches);
            // Until here the transcripts were pending: nobody could build them a second time.
            drop(batches);
            committed.map_err(|source| sink_error("commit", partition.as_str(), source))
        })
    }

    fn record_failure(&self, failure: &Failure) -> Result<(), SinkError> {
        self.failures.record(failure).map_err(|source| sink_error("record a failure of", "-", source))
    }

    fn clear_failure(&self, object: &ObjectRef) -> Result<(), SinkError> {
        self.failures.clear(object).map_err(|source| sink_error("clear a failure of", "-", source))
    }

    fn failure(&self, object: &ObjectRef) -> Result<Option<Failure>, SinkError> {
        self.failures.find(object).map_err(|source| sink_error("read a failure of", "-", source))
    }

    fn record_key_events(&self, events: &[KeyEvent]) -> Result<(), SinkError> {
        self.removals.record(events).map_err(|source| sink_error("record removals in", "-", source))
    }

    fn write_of(&self, partition: &Partition, id: &TranscriptId) -> Result<Option<Write>, SinkError> {
        let possible = self.possible(partition).map_err(|source| sink_error("list", "-", source))?;
        for partition in &possible {
            let written = || self.existing(partition)?.map_or(Ok(None), |open| open.write_of(id));
            let write = written().map_err(|source| sink_error("read", partition.as_str(), source))?;
            if write.is_some() {
                return Ok(write);
            }
        }
        Ok(None)
    }

    fn open_starts(&self, id: &TranscriptId) -> Result<u32, SinkError> {
        self.starts.open(id).map_err(|source| sink_error("read the marks of starts in", "-", source))
    }

    fn note_start(&self, id: &TranscriptId, attempts: u32) -> Result<(), SinkError> {
        self.starts.begin(id, attempts).map_err(|source| sink_error("mark a start in", "-", source))
    }

    fn note_start_of_backfill(&self, id: &TranscriptId) -> Result<(), SinkError> {
        self.starts.begin_of_backfill(id).map_err(|source| sink_error("mark a start in", "-", source))
    }

    fn note_pause_of_backfill(&self, id: &TranscriptId) -> Result<(), SinkError> {
        self.starts.pause_of_backfill(id).map_err(|source| sink_error("change a mark in", "-", source))
    }

    fn note_end(&self, id: &TranscriptId) -> Result<(), SinkError> {
        self.starts.end(id).map_err(|source| sink_error("remove the mark of a start from", "-", source))
    }
}

impl Batch {
    /// How many sessions the batch holds.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.claims.ids.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::samples;

    fn sink(dir: &std::path::Path) -> LocalSink {
        let (root, lock) = IndexRoot::open_for_writing(dir, Some(1)).unwrap();
        LocalSink::new(root, lock)
    }

    fn put(sink: &LocalSink, session: &Session) -> Result<Batch, SinkError> {
        let partition = sink.partition(session.account.as_ref());
        sink.build(&partition, &mut std::iter::once(session.clone()))
    }

    fn stored(sink: &LocalSink, session: &Session) -> bool {
        sink.contains(&sink.partition(session.account.as_ref()), &session.id).unwrap()
    }

    #[test]
    fn a_session_is_there_after_the_commit_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let session = samples::session("alice-05ba181f37a0fb8d2", &[("id", "uid=0")]);
        let sink = sink(dir.path());
        let batch = put(&sink, &session).unwrap();
        assert!(!stored(&sink, &session));
        sink.commit(vec![batch]).unwrap();
        assert!(stored(&sink, &session));
        drop(sink);
        assert!(stored(&self::sink(dir.path()), &session));
    }

    #[test]
    fn a_batch_that_is_never_committed_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let session = samples::session("alice-05ba181f37a0fb8d2", &[("id", "uid=0")]);
        drop(put(&sink(dir.path()), &session).unwrap());
        let sink = sink(dir.path());
        assert!(!stored(&sink, &session));
        sink.commit(vec![put(&sink, &session).unwrap()]).unwrap();
        assert!(stored(&sink, &session));
    }

    #[test]
    fn the_same_transcript_is_stored_once() {
        let dir = tempfile::tempdir().unwrap();
        let session = samples::session("alice-05ba181f37a0fb8d2", &[("id", "uid=0")]);
        let sink = sink(dir.path());
        let batch = put(&sink, &session).unwrap();
        assert!(put(&sink, &session).is_err(), "it waits in another batch");
        sink.commit(vec![batch]).unwrap();
        let again = put(&sink, &session).unwrap();
        assert_eq!(again.sessions(), 0);
        sink.commit(vec![again]).unwrap();
        let open = sink.open(&sink.partition(session.account.as_ref())).unwrap();
        assert_eq!(open.index.searcher().num_docs(), 2, "one session document, one record");
    }

    #[test]
    fn under_another_layout_an_object_is_found_where_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let session = samples::session("alice-05ba181f37a0fb8d2", &[("id", "uid=0")]);
        let (own, none) = (Partition::of(session.account.as_ref(), 1), Partition::of(None, 1));
        let laid_out_by = |layout: &[&str]| {
            let layout: Vec<String> = layout.iter().map(|template| (*template).to_owned()).collect();
            sink(dir.path()).laid_out_by(&layout).unwrap()
        };
        let first = laid_out_by(&[]);
        first.commit(vec![put(&first, &session).unwrap()]).unwrap();
        assert!(first.contains(&own, &session.id).unwrap() && !first.contains(&none, &session.id).unwrap());
        drop(first);
        let other = laid_out_by(&["ssm/*"]);
        assert!(other.contains(&none, &session.id).unwrap());
        assert!(other.write_of(&none, &session.id).unwrap().is_some());
        assert!(!other.contains(&none, &TranscriptId::of_object("b", "k", "e")).unwrap());
        drop(other);
        // What was written meanwhile stays where it is.
        assert!(laid_out_by(&[]).contains(&none, &session.id).unwrap());
        assert!(crate::Holdings::open(dir.path()).unwrap().contains(None, &session.id).unwrap());
    }

    #[test]
    fn a_stored_session_knows_which_write_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut session = samples::session("alice-05ba181f37a0fb8d2", &[("id", "uid=0")]);
        session.object.version = Some("v1".to_owned());
        session.sequencer = "00AB".parse().ok();
        let sink = sink(dir.path());
        let partition = sink.partition(session.account.as_ref());
        assert_eq!(sink.write_of(&partition, &session.id).unwrap(), None, "there is no partition");
        sink.commit(vec![put(&sink, &session).unwrap()]).unwrap();
        let expected =
            Write { version: session.object.version.clone(), sequencer: session.sequencer.clone() };
        assert_eq!(sink.write_of(&partition, &session.id).unwrap(), Some(expected));
        let other = TranscriptId::of_object("b", "k", "e");
        assert_eq!(sink.write_of(&partition, &other).unwrap(), None);
    }

    #[test]
    fn many_commits_are_merged_and_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let sink = sink(dir.path());
        let sessions: Vec<_> = (0..20)
            .map(|i| samples::session(&format!("u{i}-05ba181f37a0fb8d2"), &[("id", "uid=0"), ("w", "x")]))
            .collect();
        for session in &sessions {
            sink.commit(vec![put(&sink, session).unwrap()]).unwrap();
        }
        sink.finish_merges();
        assert!(sessions.iter().all(|session| stored(&sink, session)));
        let open = sink.open(&sink.partition(sessions[0].account.as_ref())).unwrap();
        assert_eq!(open.index.searcher().num_docs(), 60);
        assert!(open.index.searcher().segment_readers().len() < 10);
    }
}
