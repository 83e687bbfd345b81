//! Looks up what became of the objects behind sessions that are shown, in one walk for all of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;
use shelltrail_core::TranscriptId;
use shelltrail_core::session::Marks;

use super::{Coverage, PartitionReader, Searcher, with_causes};
use crate::block::SessionMeta;
use crate::guard::guarded;
use crate::marks::marks;
use crate::pack::BlockAt;
use crate::partition::{PartitionError, tantivy_error};
use crate::removals::{RemovalReader, rows_with};
use crate::schema::{column, key_column};

impl Searcher {
    /// What became of the objects behind these sessions, in their order. What cannot be read for it is added to the
    /// coverage: then a mark may be missing.
    #[must_use]
    pub fn marks(&self, sessions: &[&SessionMeta], coverage: &mut Coverage) -> Vec<Marks> {
        let wanted: HashSet<u128> = sessions.iter().filter_map(|session| session.object.key_hash()).collect();
        if wanted.is_empty() {
            return vec![Marks::default(); sessions.len()];
        }
        let columns: HashSet<u64> = wanted.iter().map(|hash| key_column(*hash)).collect();
        let events = guarded(|| {
            let reader = RemovalReader::open(&self.root.removals_dir())?;
            reader.map_or(Ok(HashMap::new()), |reader| reader.find(&columns))
        });
        let events = events.unwrap_or_else(|error| {
            coverage.failed_partitions.insert("removals".to_owned(), with_causes(&error));
            HashMap::new()
        });
        let contents = self.contents(&columns, coverage);
        let of = |session: &&SessionMeta| {
            let Some(hash) = session.object.key_hash() else { return Marks::default() };
            let stored = contents.get(&hash).map(Vec::as_slice).unwrap_or_default();
            let own = session.object.transcript_id();
            let others: Vec<&SessionMeta> =
                stored.iter().filter(|(id, _)| Some(*id) != own).map(|(_, meta)| meta).collect();
            marks(session, events.get(&hash).map(Vec::as_slice).unwrap_or_default(), &others)
        };
        sessions.iter().map(of).collect()
    }

    /// The stored contents of keys of which there are several, each with its identity.
    fn contents(
        &self,
        columns: &HashSet<u64>,
        coverage: &mut Coverage,
    ) -> HashMap<u128, Vec<(TranscriptId, SessionMeta)>> {
        let open: Vec<(String, &PartitionReader)> = self
            .partitions
            .iter()
            .filter_map(|(name, partition)| Some((name.to_string(), partition.as_ref().ok()?.as_ref()?)))
            .collect();
        // A partition that cannot be opened is told by whoever asks it.
        let mut failed = BTreeMap::new();
        let mut places: HashMap<u64, Vec<(usize, BlockAt)>> = HashMap::new();
        let found: Vec<_> =
            open.par_iter().map(|(_, partition)| guarded(|| partition.keyed(columns))).collect();
        for (number, found) in found.into_iter().enumerate() {
            match found {
                Ok(found) => {
                    for (key, at) in found {
                        places.entry(key).or_default().push((number, at));
                    }
                }
                Err(error) => drop(failed.insert(open[number].0.clone(), with_causes(&error))),
            }
        }
        let mut contents: HashMap<u128, Vec<(TranscriptId, SessionMeta)>> = HashMap::new();
        for (number, at) in places.into_values().filter(|places| places.len() > 1).flatten() {
            let (name, partition) = &open[number];
            match partition.packs.block(at) {
                Ok(block) => {
                    let hash = block.session.object.key_hash();
                    if let Some((hash, id)) = hash.zip(block.session.object.transcript_id()) {
                        contents.entry(hash).or_default().push((id, block.session.clone()));
                    }
                }
                Err(error) => drop(failed.insert(name.clone(), with_causes(&error))),
            }
        }
        coverage.failed_partitions.extend(failed);
        contents
    }
}

impl PartitionReader {
    /// The objects whose key has one of these values in its column, and where their text lies.
    fn keyed(&self, wanted: &HashSet<u64>) -> Result<Vec<(u64, BlockAt)>, PartitionError> {
        let mut found = Vec::new();
        for segment in &self.segments {
            let columns = segment.reader.fast_fields();
            let number = |name| columns.u64(name).map_err(tantivy_error("read a column of"));
            let (keys, packs, blocks) = (number(column::KEY)?, number(column::PACK)?, number(column::BLOCK)?);
            for doc in rows_with(&keys, |key| wanted.contains(&key)) {
                let at = |column: &tantivy::columnar::Column<u64>| column.first(doc).unwrap_or(u64::MAX);
                found.push((at(&keys), BlockAt { pack: at(&packs), offset: at(&blocks) }));
            }
        }
        Ok(found)
    }
}
