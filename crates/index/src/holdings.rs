//! What an index holds, for those who may not write to it: is an object in it, and which objects are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use shelltrail_core::ObjectRef;
use shelltrail_core::ids::{AccountId, Partition, TranscriptId};
use shelltrail_core::sink::SinkError;

use crate::block::SessionMeta;
use crate::block_cache::BlockCache;
use crate::candidates::Segment;
use crate::dictionary::FlatBudget;
use crate::marks::marks;
use crate::pack::PackReader;
use crate::partition::{PartitionError, PartitionIndex};
use crate::removals::RemovalReader;
use crate::root::{IndexRoot, RootError};
use crate::schema::key_column;
use crate::search::with_causes;

/// Objects whose events are looked up in one walk.
const LOOKED_UP: usize = 4096;

/// The commits of all partitions, as they were when this was opened.
pub struct Holdings {
    root: IndexRoot,
    /// An object may lie in any partition (see `layouts`).
    is_scattered: bool,
    partitions: Vec<(Partition, PartitionIndex)>,
}

impl Holdings {
    /// Opens every partition for reading.
    ///
    /// # Errors
    /// There is no index root here that this program understands, or a partition cannot be opened.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let root = IndexRoot::open(path)?;
        let mut partitions = Vec::new();
        for partition in root.partitions()? {
            let dir = root.partition_dir(&partition);
            match PartitionIndex::open(&dir) {
                Ok(None) => {}
                Ok(Some(index)) => partitions.push((partition, index)),
                Err(error) => {
                    let source = std::io::Error::other(error);
                    return Err(RootError::Io { action: "open the partition in", path: dir, source });
                }
            }
        }
        Ok(Self { is_scattered: root.has_several_layouts()?, root, partitions })
    }

    /// Whether a transcript is stored: in the partition of the account in its key, or in that of objects that name
    /// their accounts themselves; in any, if the index was written by several key layouts.
    ///
    /// # Errors
    /// A partition cannot be read.
    pub fn contains(&self, account: Option<&AccountId>, id: &TranscriptId) -> Result<bool, SinkError> {
        let digits = self.root.manifest().partition_digits;
        let possible = [Partition::of(account, digits), Partition::of(None, digits)];
        for (partition, index) in &self.partitions {
            let is_possible = self.is_scattered || possible.contains(partition);
            if is_possible && index.find(id).map_err(|e| unreadable(partition, e))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The keys below a prefix under which something is stored and nothing is in the bucket any more, as `is_there` says.
    ///
    /// # Errors
    /// A partition or a pack cannot be read.
    pub fn vanished(
        &self,
        bucket: &str,
        prefix: &str,
        mut is_there: impl FnMut(&ObjectRef) -> bool,
    ) -> Result<Vanished, SinkError> {
        let mut vanished = Vanished::default();
        let removals = RemovalReader::open(&self.root.removals_dir()).unwrap_or_else(|error| {
            vanished.unreadable = Some(with_causes(&error));
            None
        });
        let mut waiting = Vec::new();
        self.sessions(bucket, prefix, |session| {
            if !is_there(&session.object) {
                waiting.push(session.clone());
            }
            if waiting.len() == LOOKED_UP {
                vanished.add(removals.as_ref(), &std::mem::take(&mut waiting));
            }
        })?;
        vanished.add(removals.as_ref(), &waiting);
        Ok(vanished)
    }

    /// Hands out every stored session of an object that lies in a bucket below a prefix, in no order. Reads its first block.
    fn sessions(
        &self,
        bucket: &str,
        prefix: &str,
        mut each: impl FnMut(&SessionMeta),
    ) -> Result<(), SinkError> {
        for (partition, index) in &self.partitions {
            let packs = PackReader::new(&index.packs_dir, BlockCache::new());
            for reader in index.searcher().segment_readers() {
                let segment = Segment::new(reader.clone(), index.fields, &FlatBudget::new());
                let sessions = segment.in_order().map_err(|error| unreadable(partition, error))?;
                for session in sessions.from(0) {
                    let block = packs.block(sessions.place(session, session.doc));
                    let block = block.map_err(|error| unreadable(partition, error.into()))?;
                    let object = &block.session.object;
                    if object.bucket.as_deref() == Some(bucket) && object.key.starts_with(prefix) {
                        each(&block.session);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Keys of stored objects that are not in their bucket any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vanished {
    /// Each with whether that is known: every stored content of the key was told to be removed.
    pub keys: BTreeMap<String, bool>,
    /// Why it is not known which removals were told, if that cannot be read.
    pub unreadable: Option<String>,
}

impl Vanished {
    /// How many were told to be removed, and how many were not; `None` if that cannot be read.
    #[must_use]
    pub fn counts(&self) -> Option<(u64, u64)> {
        let told = self.keys.values().filter(|told| **told).count();
        self.unreadable.is_none().then_some((told as u64, (self.keys.len() - told) as u64))
    }

    fn add(&mut self, removals: Option<&RemovalReader>, sessions: &[SessionMeta]) {
        let wanted: HashSet<u64> =
            sessions.iter().filter_map(|session| session.object.key_hash()).map(key_column).collect();
        let events = removals.map_or(Ok(HashMap::new()), |removals| removals.find(&wanted));
        let events = events.unwrap_or_else(|error| {
            self.unreadable = Some(with_causes(&error));
            HashMap::new()
        });
        for session in sessions {
            let events = session.object.key_hash().and_then(|hash| events.get(&hash));
            let marks = marks(session, events.map(Vec::as_slice).unwrap_or_default(), &[]);
            let told = marks.source_deleted.is_some();
            self.keys.entry(session.object.key.clone()).and_modify(|all| *all &= told).or_insert(told);
        }
    }
}

fn unreadable(partition: &Partition, error: PartitionError) -> SinkError {
    SinkError { action: "read", partition: partition.to_string(), source: Box::new(error) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use shelltrail_core::sink::RecordSink;

    use super::*;
    use crate::{LocalSink, samples};

    #[test]
    fn what_is_stored_is_known_and_enumerated_as_of_the_opening() {
        let dir = tempfile::tempdir().unwrap();
        let (root, lock) = IndexRoot::open_for_writing(dir.path(), Some(1)).unwrap();
        let sink = LocalSink::new(root, lock);
        let put = |session: &shelltrail_core::Session| {
            let partition = sink.partition(session.account.as_ref());
            let batch = sink.build(&partition, &mut std::iter::once(session.clone())).unwrap();
            sink.commit(vec![batch]).unwrap();
        };
        let first = samples::session("alice-05ba181f37a0fb8d2", &[("id", "uid=0")]);
        let second = samples::session("bob-05ba181f37a0fb8d3", &[("id", "uid=1")]);
        put(&first);
        let holdings = Holdings::open(dir.path()).unwrap();
        put(&second);
        let knows = |holdings: &Holdings, session: &shelltrail_core::Session| {
            holdings.contains(session.account.as_ref(), &session.id).unwrap()
        };
        assert!(knows(&holdings, &first) && !knows(&holdings, &second));
        let later = Holdings::open(dir.path()).unwrap();
        assert!(knows(&later, &second));
        let bucket = first.object.bucket.clone().unwrap();
        let keys = |holdings: &Holdings, bucket: &str, prefix: &str| {
            let all = holdings.vanished(bucket, prefix, |_| false).unwrap();
            all.keys.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(keys(&holdings, &bucket, ""), std::slice::from_ref(&first.object.key));
        let mut both = vec![first.object.key.clone(), second.object.key.clone()];
        both.sort();
        assert_eq!(keys(&later, &bucket, ""), both);
        assert_eq!(keys(&later, &bucket, &second.object.key), std::slice::from_ref(&second.object.key));
        assert!(keys(&later, "other", "").is_empty());
        assert!(matches!(Holdings::open(&dir.path().join("none")), Err(RootError::NoIndex(_))));
    }

    #[test]
    fn what_vanished_is_told_apart_by_whether_its_removal_was_told() {
        use shelltrail_core::sink::{KeyEvent, KeyEventKind, RemovalKind};
        let dir = tempfile::tempdir().unwrap();
        let (root, lock) = IndexRoot::open_for_writing(dir.path(), Some(1)).unwrap();
        let removals = root.removals_dir();
        let sink = LocalSink::new(root, lock);
        let sequencer = |text: &str| text.parse().ok();
        // Stored as the write 10 of its key; what was told of it, and whether it is known to be removed.
        let cases = [
            ("there", Some("20"), None),
            ("deleted", Some("20"), Some(true)),
            ("silent", None, Some(false)),
            ("deleted-before", Some("05"), Some(false)),
            // Another content, as the write 30.
            ("again", Some("20"), Some(false)),
            ("again-deleted", Some("40"), Some(true)),
        ];
        for (name, removed, _) in &cases {
            let mut session = samples::session(&format!("{name}-05ba181f37a0fb8d2"), &[("id", "uid=0")]);
            session.sequencer = sequencer("10");
            let mut sessions = vec![session.clone()];
            if name.starts_with("again") {
                session.object.etag = Some("another".to_owned());
                session.id = session.object.transcript_id().unwrap();
                session.sequencer = sequencer("30");
                sessions.push(session.clone());
            }
            for session in sessions {
                let partition = sink.partition(session.account.as_ref());
                let batch = sink.build(&partition, &mut std::iter::once(session)).unwrap();
                sink.commit(vec![batch]).unwrap();
            }
            if let Some(removed) = removed {
                let kind = KeyEventKind::Removed(RemovalKind::Deleted);
                let (object, sequencer) = (session.object.clone(), sequencer(removed));
                sink.record_key_events(&[KeyEvent { object, sequencer, at: None, kind }]).unwrap();
            }
        }
        drop(sink);
        let vanished = || {
            let holdings = Holdings::open(dir.path()).unwrap();
            holdings.vanished("transcripts", "ssm/", |object| object.key.contains("/there-")).unwrap()
        };
        let expected = cases.iter().filter_map(|(name, _, told)| {
            Some((format!("ssm/111122223333/{name}-05ba181f37a0fb8d2.log"), (*told)?))
        });
        assert_eq!(vanished(), Vanished { keys: expected.collect(), unreadable: None });
        assert_eq!(vanished().counts(), Some((2, 3)));
        std::fs::write(removals.join("meta.json"), "{").unwrap();
        let vanished = vanished();
        assert_eq!((vanished.keys.len(), vanished.counts()), (5, None), "{vanished:?}");
    }
}
