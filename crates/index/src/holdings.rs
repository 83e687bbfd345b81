//! What an index holds, for those who may not write to it: is an object in it, and which objects are.

use std::path::Path;

use shelltrail_core::ObjectRef;
use shelltrail_core::ids::{AccountId, Partition, TranscriptId};
use shelltrail_core::sink::SinkError;

use crate::block_cache::BlockCache;
use crate::candidates::Segment;
use crate::dictionary::FlatBudget;
use crate::pack::PackReader;
use crate::partition::{PartitionError, PartitionIndex};
use crate::root::{IndexRoot, RootError};

/// The commits of all partitions, as they were when this was opened.
pub struct Holdings {
    root: IndexRoot,
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
        Ok(Self { root, partitions })
    }

    /// Whether a transcript is stored: in the partition of the account in its key, or in that of objects that name
    /// their accounts themselves.
    ///
    /// # Errors
    /// A partition cannot be read.
    pub fn contains(&self, account: Option<&AccountId>, id: &TranscriptId) -> Result<bool, SinkError> {
        let digits = self.root.manifest().partition_digits;
        let possible = [Partition::of(account, digits), Partition::of(None, digits)];
        for (partition, index) in &self.partitions {
            if possible.contains(partition) && index.find(id).map_err(|e| unreadable(partition, e))?.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Hands out the object of every stored transcript that lies in a bucket below a prefix, in no order; an object
    /// with several sessions comes several times. Reads the first block of each transcript.
    ///
    /// # Errors
    /// A partition or a pack cannot be read.
    pub fn objects(
        &self,
        bucket: &str,
        prefix: &str,
        mut each: impl FnMut(&ObjectRef),
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
                        each(object);
                    }
                }
            }
        }
        Ok(())
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
            let mut keys = Vec::new();
            holdings.objects(bucket, prefix, |object| keys.push(object.key.clone())).unwrap();
            keys.sort();
            keys
        };
        assert_eq!(keys(&holdings, &bucket, ""), std::slice::from_ref(&first.object.key));
        let mut both = vec![first.object.key.clone(), second.object.key.clone()];
        both.sort();
        assert_eq!(keys(&later, &bucket, ""), both);
        assert_eq!(keys(&later, &bucket, &second.object.key), std::slice::from_ref(&second.object.key));
        assert!(keys(&later, "other", "").is_empty());
        assert!(matches!(Holdings::open(&dir.path().join("none")), Err(RootError::NoIndex(_))));
    }
}
