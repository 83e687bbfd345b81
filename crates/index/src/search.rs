//! Questions to the index, and answers that say what they could not see.

mod answer;
mod count;
mod explain;
mod known;
mod marks;
mod merge;
mod run;
mod unidentified;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use shelltrail_core::{AccountId, CommandRecord, Partition};

pub use answer::{
    Answer, Coverage, Cursor, FoundSession, Hit, NotACursor, Place, SearchOptions, SessionAnswer, with_causes,
};
pub use count::{By, CountGroup, Counts};
pub use explain::{Estimate, Explanation, How, Node};

use crate::block_cache::BlockCache;
use crate::candidates::{Segment, What};
use crate::dictionary::FlatBudget;
use crate::failures;
use crate::guard::guarded;
use crate::pack::{PackError, PackReader};
use crate::partition::{PartitionError, PartitionIndex};
use crate::query::{Account, Fact, Glob, Identifier, Query};
use crate::root::{IndexRoot, RootError};
use known::Known;
use merge::{Merge, Source};
use run::Run;

/// Reads an index root as it was at its last commits.
pub struct Searcher {
    root: IndexRoot,
    known: Known,
    partitions: BTreeMap<Partition, Result<Option<PartitionReader>, PartitionError>>,
}

struct PartitionReader {
    packs: PackReader,
    segments: Vec<Segment>,
}

impl PartitionReader {
    fn open(dir: &Path, cache: BlockCache, budget: &FlatBudget) -> Result<Option<Self>, PartitionError> {
        let Some(index) = PartitionIndex::open(dir)? else { return Ok(None) };
        let packs = PackReader::new(&index.packs_dir, cache);
        let segments = index
            .searcher()
            .segment_readers()
            .iter()
            .cloned()
            .map(|reader| Segment::new(reader, index.fields, budget))
            .collect();
        Ok(Some(Self { packs, segments }))
    }
}

impl Searcher {
    /// Opens all partitions; one that cannot be opened is a part of every answer's coverage.
    ///
    /// # Errors
    /// There is no index root here that this program understands.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let root = IndexRoot::open(path)?;
        let known = Known::read(&root);
        // First: what is made meanwhile is not missed.
        let listed = root.listed_partitions()?;
        let names = root.partitions()?;
        let (cache, budget) = (BlockCache::new(), FlatBudget::new());
        let open = |(number, partition): (usize, Partition)| {
            let cache = cache.of_partition(number);
            let reader = guarded(|| PartitionReader::open(&root.partition_dir(&partition), cache, &budget));
            (partition, reader)
        };
        let mut partitions: BTreeMap<_, _> =
            names.into_par_iter().enumerate().map(open).collect::<Vec<_>>().into_iter().collect();
        for partition in listed {
            let opened = partitions.entry(partition.clone()).or_insert(Ok(None));
            if matches!(opened, Ok(None)) {
                *opened = Err(root.missing(&partition));
            }
        }
        Ok(Self { root, known, partitions })
    }

    /// Finds the records that a query is true of.
    #[must_use]
    pub fn search(&self, query: &Query, options: &SearchOptions) -> Answer {
        let mut run = Run::begin(self, query, What::Records, options);
        let mut hits: Vec<Hit> = Vec::new();
        let more = run.until(options.limit, false, |_, group, block, seqs| {
            let place = group.place(block.back);
            let hit = |seq: &u32| Hit { seq: *seq, place: place.clone(), block: Arc::clone(block) };
            hits.extend(seqs.iter().map(hit));
            hits.len()
        });
        let surplus = hits.len().saturating_sub(options.limit);
        hits.truncate(options.limit);
        let cursor = more.then(|| match hits.last() {
            Some(last) if surplus > 0 => Some(last.cursor()),
            _ => run.examined.clone(),
        });
        let left_at_most = if more { run.left() + surplus as u64 } else { 0 };
        Answer { hits, more, left_at_most, cursor: cursor.flatten(), coverage: run.end() }
    }

    /// Lists sessions, newest first: those that have a hit. A query about sessions alone lists all that it is true of,
    /// those without records included.
    #[must_use]
    pub fn sessions(&self, query: &Query, options: &SearchOptions) -> SessionAnswer {
        let about_sessions = query.is_about_sessions();
        let what = if about_sessions { What::Sessions } else { What::Records };
        let mut run = Run::begin(self, query, what, options);
        let mut sessions: Vec<FoundSession> = Vec::new();
        let mut unread = BTreeMap::new();
        let more = run.until(options.limit, true, |merge, group, block, seqs| {
            let place = group.place(block.back);
            let is_known = sessions.last().is_some_and(|last| last.place == place);
            if !is_known && !seqs.is_empty() {
                let (flags, confidence_floor) = match merge.signs(group) {
                    Ok(signs) => signs,
                    Err(error) => {
                        unread.insert(group.partition.to_string(), with_causes(&error));
                        (Vec::new(), None)
                    }
                };
                sessions.push(FoundSession {
                    session: block.session.clone(),
                    place,
                    flags,
                    confidence_floor,
                });
            }
            sessions.len()
        });
        let surplus = sessions.len().saturating_sub(options.limit);
        sessions.truncate(options.limit);
        let cursor = more.then(|| match sessions.last() {
            Some(last) if surplus > 0 => Some(Cursor::of(&last.session, u32::MAX)),
            // A session that is listed is done with, whatever its other records say.
            Some(last) => run.examined.clone().map(|at| at.max(Cursor::of(&last.session, u32::MAX))),
            None => run.examined.clone(),
        });
        let left_at_most = if more { run.left() + surplus as u64 } else { 0 };
        let mut coverage = run.end();
        coverage.failed_partitions.extend(unread);
        SessionAnswer { sessions, more, left_at_most, cursor: cursor.flatten(), coverage }
    }

    /// All sessions whose ID is this or begins with it. Several transcripts may claim one ID.
    #[must_use]
    pub fn find_session(&self, prefix: &str, options: &SearchOptions) -> SessionAnswer {
        let query = Query::is(Fact::Identifier(Identifier::Session, Glob::beginning_with(prefix)));
        self.sessions(&query, options)
    }

    /// Reads the records of a session with `first <= seq <= last`.
    ///
    /// # Errors
    /// A block of the session cannot be read.
    pub fn records(&self, place: &Place, first: u32, last: u32) -> Result<Vec<CommandRecord>, PackError> {
        let mut records = Vec::new();
        let Some(Ok(Some(partition))) = self.partitions.get(&place.partition) else { return Ok(records) };
        let mut at = place.first;
        let blocks = partition.packs.header(at)?.blocks;
        for _ in 0..blocks {
            let header = partition.packs.header(at)?;
            if header.first_seq > last {
                break;
            }
            if header.first_seq.saturating_add(header.records) > first {
                let block = partition.packs.block(at)?;
                records.extend(
                    block
                        .seqs()
                        .filter(|seq| (first..=last).contains(seq))
                        .filter_map(|seq| block.record(seq)),
                );
            }
            at.offset += (crate::block::HEADER_BYTES + header.body_bytes()) as u64;
        }
        Ok(records)
    }

    /// What is in scope and cannot be seen, before anything is searched.
    fn coverage(&self, query: &Query) -> Coverage {
        let mut coverage = Coverage::default();
        // An object whose key names no account may hold sessions of any.
        let concerns = |account: Option<&AccountId>| {
            query.may_concern(match account {
                Some(account) => Account::Is(account.as_str()),
                None => Account::Any,
            })
        };
        self.known.tell(&mut coverage, concerns);
        match failures::dropped::count(&self.root.failures_dir(), concerns) {
            Ok(dropped) => coverage.dropped = dropped,
            Err(error) => {
                coverage.failed_partitions.insert("failures".to_owned(), with_causes(&error));
            }
        }
        coverage
    }

    /// Asks all segments of the partitions in scope for their candidates.
    fn merge<'s>(
        &'s self,
        query: &Query,
        what: What,
        after: Option<&Cursor>,
        coverage: &mut Coverage,
    ) -> Merge<'s> {
        let mut in_scope = Vec::new();
        for (name, partition) in self.partitions.iter().filter(|(name, _)| self.in_scope(name, query)) {
            match partition {
                Ok(Some(partition)) => in_scope.push((name, partition)),
                Ok(None) => {}
                Err(error) => {
                    coverage.failed_partitions.insert(name.to_string(), with_causes(error));
                }
            }
        }
        coverage.partitions += in_scope.len() as u64;
        let segments: Vec<_> = in_scope
            .into_iter()
            .flat_map(|(name, partition)| {
                partition.segments.iter().map(move |segment| (name, &partition.packs, segment))
            })
            .collect();
        let candidates = |segment: &'s Segment| {
            guarded(|| segment.candidates(segment.bounds(query)?, segment.scope(query)?, what, after))
        };
        let found: Vec<_> = segments.par_iter().map(|(_, _, segment)| candidates(segment)).collect();
        let mut merge = Merge { sources: Vec::with_capacity(segments.len()) };
        for ((partition, packs, _), found) in segments.into_iter().zip(found) {
            match found {
                Ok(candidates) => merge.sources.push(Source { partition, packs, candidates }),
                Err(error) => {
                    coverage.failed_partitions.insert(partition.to_string(), with_causes(&error));
                }
            }
        }
        merge
    }

    fn in_scope(&self, partition: &Partition, query: &Query) -> bool {
        // Sessions of objects that hold many accounts lie in no partition of an account.
        query.may_concern(match (partition.as_str(), self.root.manifest().partition_digits) {
            (Partition::UNPLACED, _) => Account::Any,
            (_, 0) => Account::BeginsWith(""),
            (digits, _) => Account::BeginsWith(digits),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
