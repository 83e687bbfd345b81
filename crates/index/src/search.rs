//! Questions to the index, and answers that say what they could not see.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rayon::prelude::*;
use shelltrail_core::{AccountId, CommandRecord, Partition};

use crate::block::{Block, SessionMeta};
use crate::block_cache::BlockCache;
use crate::candidates::{Candidates, Segment};
use crate::dictionary::FlatBudget;
use crate::failures;
use crate::literal::Literal;
use crate::pack::{BlockAt, PackError, PackReader};
use crate::partition::{PartitionError, PartitionIndex};
use crate::root::{IndexRoot, RootError};

/// How many candidates are verified at a time at most.
const MAX_ROUND: usize = 4096;
/// And at least, as long as there are so many.
const MIN_ROUND: usize = 16;

/// Which sessions a question is about. Empty parts admit everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these accounts.
    pub accounts: Vec<AccountId>,
    /// Only this principal.
    pub principal: Option<String>,
    /// Only this session ID.
    pub session: Option<String>,
    /// Only sessions that ended at this time or later, or at an unknown time.
    pub since: Option<Timestamp>,
    /// Only sessions that ended before this time, or at an unknown time.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether a session that ended then (milliseconds since 1970) is admitted. An unknown time may be
    /// any time, so it is never a reason to hide a session.
    #[must_use]
    pub fn admits(&self, ended_at: Option<i64>) -> bool {
        ended_at.is_none_or(|at| {
            self.since.is_none_or(|since| at >= since.as_millisecond())
                && self.until.is_none_or(|until| at < until.as_millisecond())
        })
    }

    /// Whether an account is admitted; an unknown one only if no account was asked for.
    #[must_use]
    pub fn admits_account(&self, account: Option<&AccountId>) -> bool {
        self.accounts.is_empty() || account.is_some_and(|account| self.accounts.contains(account))
    }
}

/// A found record in its session.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Position in the session.
    pub seq: u32,
    /// Where the text of the session begins, for [`Searcher::records`].
    pub place: Place,
    block: Arc<Block>,
}

impl Hit {
    /// The session, without its records.
    #[must_use]
    pub fn session(&self) -> &SessionMeta {
        &self.block.session
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> CommandRecord {
        self.block.record(self.seq).expect("a hit is made from a block that holds it")
    }
}

/// Where a session lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    partition: Partition,
    first: BlockAt,
}

/// The answer to a search.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Newest first, then by transcript, then by position in the session.
    pub hits: Vec<Hit>,
    /// Whether the limit cut the answer: there may be more hits.
    pub limited: bool,
    /// What was seen, and what was not.
    pub coverage: Coverage,
}

/// What an answer rests on.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Partitions in scope that were searched.
    pub partitions: u64,
    /// Partitions in scope that could not be searched, and why.
    pub failed_partitions: BTreeMap<String, String>,
    /// Records that may match and whose text could not be read, and one of the reasons.
    pub unreadable_records: u64,
    /// One reason for `unreadable_records`.
    pub unreadable_reason: Option<String>,
    /// Objects in scope that are known and not indexed, by reason.
    pub not_indexed: BTreeMap<String, u64>,
    /// Records whose text was read to decide.
    pub verified: u64,
}

impl Coverage {
    /// Whether everything in scope was searched: only then is "no hits" a statement about the sessions.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed_partitions.is_empty() && self.unreadable_records == 0 && self.not_indexed.is_empty()
    }

    fn unreadable(&mut self, records: u64, reason: &PackError) {
        self.unreadable_records += records;
        self.unreadable_reason.get_or_insert_with(|| with_causes(reason));
    }
}

/// An error and its causes on one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Reads an index root as it was at its last commits.
pub struct Searcher {
    root: IndexRoot,
    partitions: BTreeMap<Partition, Result<Option<PartitionReader>, PartitionError>>,
}

struct PartitionReader {
    index: PartitionIndex,
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
            .map(|reader| Segment::new(reader, budget))
            .collect();
        Ok(Some(Self { index, packs, segments }))
    }
}

impl Searcher {
    /// Opens all partitions; one that cannot be opened is a part of every answer's coverage.
    ///
    /// # Errors
    /// There is no index root here that this program understands.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let root = IndexRoot::open(path)?;
        let names = root.partitions()?;
        let (cache, budget) = (BlockCache::new(), FlatBudget::new());
        let open = |(number, partition): (usize, Partition)| {
            let reader =
                PartitionReader::open(&root.partition_dir(&partition), cache.of_partition(number), &budget);
            (partition, reader)
        };
        let partitions =
            names.into_par_iter().enumerate().map(open).collect::<Vec<_>>().into_iter().collect();
        Ok(Self { root, partitions })
    }

    /// Finds the records that contain a literal in their command or in their output.
    #[must_use]
    pub fn search(&self, literal: &Literal, filter: &Filter, limit: usize) -> Answer {
        let mut answer = Answer { coverage: self.coverage(filter), ..Answer::default() };
        let conditions = literal.conditions();
        let mut merge = self.merge(filter, &mut answer.coverage, |partition, segment| {
            segment.records(&partition.index.fields, &conditions, filter)
        });
        // The first round is as large as the answer.
        let mut round = limit.saturating_add(1).clamp(MIN_ROUND, MAX_ROUND);
        let mut taken = 0;
        while answer.hits.len() <= limit {
            let groups = merge.take(round, &mut answer.coverage);
            if groups.is_empty() {
                break;
            }
            taken += round;
            let verified: Vec<_> = groups.par_iter().map(|group| self.verify(group, literal)).collect();
            for (group, hits) in groups.iter().zip(verified) {
                match hits {
                    Ok(hits) => {
                        answer.coverage.verified += group.seqs.len() as u64;
                        answer.hits.extend(hits);
                    }
                    Err(error) => answer.coverage.unreadable(group.seqs.len() as u64, &error),
                }
            }
            round = next_round(round, taken, answer.hits.len(), limit);
        }
        answer.limited = answer.hits.len() > limit;
        answer.hits.truncate(limit);
        answer
    }

    /// Lists the sessions that pass a filter, newest first.
    #[must_use]
    pub fn sessions(&self, filter: &Filter) -> (Vec<(SessionMeta, Place)>, Coverage) {
        let mut coverage = self.coverage(filter);
        let mut merge = self.merge(filter, &mut coverage, |partition, segment| {
            segment.sessions(&partition.index.fields, filter)
        });
        let groups = merge.take(usize::MAX, &mut coverage);
        let read = |group: &Group| Ok((group.packs.block(group.at)?.session.clone(), group.place(group.at)));
        let metas: Vec<Result<_, PackError>> = groups.par_iter().map(read).collect();
        let mut sessions = Vec::with_capacity(metas.len());
        for meta in metas {
            match meta {
                Ok(session) => sessions.push(session),
                Err(error) => coverage.unreadable(1, &error),
            }
        }
        (sessions, coverage)
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

    fn verify(&self, group: &Group, literal: &Literal) -> Result<Vec<Hit>, PackError> {
        let block = group.packs.block(group.at)?;
        let first = BlockAt { offset: group.at.offset.saturating_sub(block.back), ..group.at };
        if let Some(&seq) = group.seqs.iter().find(|&&seq| !block.holds(seq)) {
            return Err(group.packs.not_there(group.at, seq));
        }
        let matches = |seq: &&u32| block.texts(**seq).any(|text| literal.is_in(text));
        let hit = |seq: &u32| Hit { seq: *seq, place: group.place(first), block: Arc::clone(&block) };
        Ok(group.seqs.iter().filter(matches).map(hit).collect())
    }

    /// What is in scope and cannot be seen, before anything is searched.
    fn coverage(&self, filter: &Filter) -> Coverage {
        let mut coverage = Coverage::default();
        match failures::list(&self.root.failures_dir()) {
            Ok(mut list) => {
                // An object whose key names no account may hold sessions of any.
                let in_scope =
                    |account: Option<&AccountId>| account.is_none() || filter.admits_account(account);
                list.failures.retain(|failure| in_scope(failure.account.as_ref()));
                coverage.not_indexed = list.by_reason();
            }
            Err(error) => {
                coverage.failed_partitions.insert("failures".to_owned(), with_causes(&error));
            }
        }
        coverage
    }

    /// Asks all segments of the partitions in scope for their candidates.
    fn merge<'s>(
        &'s self,
        filter: &Filter,
        coverage: &mut Coverage,
        candidates: impl Fn(&'s PartitionReader, &'s Segment) -> Result<Candidates<'s>, PartitionError> + Sync,
    ) -> Merge<'s> {
        let mut in_scope = Vec::new();
        for (name, partition) in self.partitions.iter().filter(|(name, _)| self.in_scope(name, filter)) {
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
                partition.segments.iter().map(move |segment| (name, partition, segment))
            })
            .collect();
        let found: Vec<_> =
            segments.par_iter().map(|(_, partition, segment)| candidates(partition, segment)).collect();
        let mut merge = Merge { segments: Vec::with_capacity(segments.len()) };
        for ((name, partition, _), found) in segments.into_iter().zip(found) {
            match found {
                Ok(candidates) => merge.segments.push((name, &partition.packs, candidates)),
                Err(error) => {
                    coverage.failed_partitions.insert(name.to_string(), with_causes(&error));
                }
            }
        }
        merge
    }

    fn in_scope(&self, partition: &Partition, filter: &Filter) -> bool {
        let digits = self.root.manifest().partition_digits;
        // Sessions of objects that hold many accounts lie in no partition of an account.
        filter.accounts.is_empty()
            || *partition == Partition::of(None, digits)
            || filter.accounts.iter().any(|account| Partition::of(Some(account), digits) == *partition)
    }
}

/// How many candidates to verify next: a little more than it should take if hits stay as frequent as they were.
fn next_round(round: usize, taken: usize, hits: usize, limit: usize) -> usize {
    let wanted = limit.saturating_add(1).saturating_sub(hits);
    let expected = wanted.saturating_mul(taken).checked_div(hits).unwrap_or(usize::MAX);
    let with_margin = expected.saturating_add(expected / 4);
    with_margin.clamp(MIN_ROUND, round.saturating_mul(2).clamp(MIN_ROUND, MAX_ROUND))
}

/// Neighbours in the order of results that lie in one block.
struct Group<'s> {
    partition: &'s Partition,
    packs: &'s PackReader,
    at: BlockAt,
    seqs: Vec<u32>,
}

impl Group<'_> {
    fn place(&self, first: BlockAt) -> Place {
        Place { partition: self.partition.clone(), first }
    }
}

/// The candidates of all segments in the order of results.
struct Merge<'s> {
    segments: Vec<(&'s Partition, &'s PackReader, Candidates<'s>)>,
}

impl<'s> Merge<'s> {
    /// Takes the next `count` candidates, those in one block together.
    fn take(&mut self, count: usize, coverage: &mut Coverage) -> Vec<Group<'s>> {
        let mut groups: Vec<Group<'s>> = Vec::new();
        for _ in 0..count {
            let Some(first) = self.first(coverage) else { break };
            let (partition, packs, candidates) = &mut self.segments[first];
            let Some(candidate) = candidates.pop() else { break };
            let at = candidates.place(candidate);
            match groups.last_mut() {
                Some(last) if last.at == at && last.partition == *partition => {
                    last.seqs.push(candidate.seq())
                }
                _ => groups.push(Group { partition, packs, at, seqs: vec![candidate.seq()] }),
            }
        }
        groups
    }

    /// The segment whose first candidate comes first of all.
    fn first(&mut self, coverage: &mut Coverage) -> Option<usize> {
        let heads = self.segments.iter().enumerate();
        let mut heads: Vec<_> = heads.filter_map(|(i, s)| s.2.peek().map(|head| (head.age(), i))).collect();
        let newest = heads.iter().map(|(age, _)| *age).min()?;
        heads.retain(|(age, _)| *age == newest);
        if let [(_, only)] = heads[..] {
            return Some(only);
        }
        // Ordinals of different segments cannot be compared, so ties in time are broken by the text.
        let mut best: Option<(String, u32, usize)> = None;
        for (_, i) in heads {
            let (name, _, candidates) = &mut self.segments[i];
            let seq = candidates.peek()?.seq();
            match candidates.first_transcript() {
                Ok(transcript) => {
                    let comes_first = |(t, s, _): &(String, u32, usize)| (transcript, seq) < (t.as_str(), *s);
                    if best.as_ref().is_none_or(comes_first) {
                        best = Some((transcript.to_owned(), seq, i));
                    }
                }
                Err(error) => {
                    coverage.failed_partitions.insert(name.to_string(), error.to_string());
                    best.get_or_insert((String::new(), seq, i));
                }
            }
        }
        best.map(|(_, _, i)| i)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
