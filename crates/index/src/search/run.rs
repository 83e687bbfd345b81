//! One walk through the candidates of a query, newest first, a round of them at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use crate::block::Block;
use crate::candidates::{Candidate, What};
use crate::pack::PackError;
use crate::query::{Answerable, Query};
use crate::search::Searcher;
use crate::search::answer::{Coverage, Cursor, SearchOptions, with_causes};
use crate::search::merge::{Group, Merge};
use crate::search::unidentified;

/// How many candidates are verified at a time at most.
const MAX_ROUND: usize = 4096;
/// And at least, as long as there are so many.
const MIN_ROUND: usize = 16;

/// A walk that has begun.
pub struct Run<'s, 'q> {
    query: &'q Query,
    what: What,
    merge: Merge<'s>,
    coverage: Coverage,
    begun: Instant,
    deadline: Option<Instant>,
    /// The last position that is decided.
    pub examined: Option<Cursor>,
    /// Candidates that were taken and not decided.
    undecided: u64,
}

/// What became of the candidates of a group.
enum Verdict {
    /// These match.
    Matches(Arc<Block>, Vec<u32>),
    /// Their text cannot be read.
    Unreadable(PackError),
    /// The deadline came first.
    Late,
}

impl<'s, 'q> Run<'s, 'q> {
    /// Asks the index for the candidates.
    pub fn begin(searcher: &'s Searcher, query: &'q Query, what: What, options: &SearchOptions) -> Self {
        let begun = Instant::now();
        let mut coverage = searcher.coverage(query);
        let merge = searcher.merge(query, what, options.cursor.as_ref(), &mut coverage);
        unidentified::count(query, &merge, &mut coverage);
        coverage.sessions_in_scope = merge.sources.iter().map(|source| source.candidates.in_scope().0).sum();
        let (deadline, examined) = (options.deadline, options.cursor.clone());
        Self { query, what, merge, coverage, begun, deadline, examined, undecided: 0 }
    }

    /// Verifies candidates until there are more hits than wanted, and tells whether more may follow. `keep` gets the
    /// seqs that match of each block, in the order of results, and tells how many hits there are. Of a session that
    /// matches as a whole it gets one.
    pub fn until(
        &mut self,
        wanted: usize,
        one_each: bool,
        mut keep: impl FnMut(&Merge<'s>, &Group<'s>, &Arc<Block>, &[u32]) -> usize,
    ) -> bool {
        let one_each = one_each && self.what == What::Sessions;
        // The first round is as large as the answer.
        let mut round = wanted.saturating_add(1).clamp(MIN_ROUND, MAX_ROUND);
        let (mut taken, mut hits) = (0, 0);
        while hits <= wanted {
            let groups = self.merge.take(round, one_each, &mut self.coverage);
            if groups.is_empty() {
                return false;
            }
            taken += round;
            let late = AtomicBool::new(false);
            let verdicts: Vec<Verdict> = groups.par_iter().map(|group| self.verdict(group, &late)).collect();
            for (group, verdict) in groups.iter().zip(verdicts) {
                let candidates = group.candidates.len() as u64;
                match verdict {
                    // What was decided behind the first group that is late is left to the next page.
                    _ if self.undecided > 0 => self.undecided += candidates,
                    Verdict::Late => self.undecided += candidates,
                    Verdict::Unreadable(error) => self.coverage.unreadable(candidates, &error),
                    Verdict::Matches(block, seqs) => {
                        let uncertain = group.candidates.iter().filter(|candidate| !candidate.is_certain);
                        self.coverage.verified += uncertain.count() as u64;
                        hits = keep(&self.merge, group, &block, &seqs);
                        if let Some(last) = group.candidates.last() {
                            self.examined = Some(Cursor::of(&block.session, last.seq()));
                        }
                    }
                }
            }
            if self.undecided > 0 {
                self.coverage.budget_exceeded = true;
                return true;
            }
            round = next_round(round, taken, hits, wanted);
        }
        true
    }

    /// How many candidates are not decided.
    pub fn left(&self) -> u64 {
        self.merge.left() + self.undecided
    }

    /// What was seen.
    pub fn end(mut self) -> Coverage {
        for source in &self.merge.sources {
            // What was taken and not decided was not searched.
            let counts = match self.undecided {
                0 => Ok(source.candidates.passed()),
                _ => source.candidates.before(self.examined.as_ref()),
            };
            let (sessions, records) = match counts {
                Ok(counts) => counts,
                Err(error) => {
                    let failed = &mut self.coverage.failed_partitions;
                    failed.insert(source.partition.to_string(), with_causes(&error));
                    continue;
                }
            };
            self.coverage.sessions_searched += sessions;
            self.coverage.records_searched += records;
        }
        self.coverage.elapsed = self.begun.elapsed();
        self.coverage
    }

    fn verdict(&self, group: &Group<'_>, late: &AtomicBool) -> Verdict {
        if self.is_late(late) {
            return Verdict::Late;
        }
        let block = match group.packs.block(group.at) {
            Ok(block) => block,
            Err(error) => return Verdict::Unreadable(error),
        };
        let mut seqs = Vec::new();
        if self.what == What::Sessions {
            // An identifier that is too long for a term is told by the session alone.
            let answerable = Answerable { session: &block.session, record: None };
            let matches =
                |candidate: &&Candidate| candidate.is_certain || self.query.truth(&answerable).admits();
            seqs.extend(group.candidates.iter().filter(matches).map(Candidate::seq));
            return Verdict::Matches(block, seqs);
        }
        for candidate in &group.candidates {
            let seq = candidate.seq();
            let Some(record) = block.view(seq) else {
                return Verdict::Unreadable(group.packs.not_there(group.at, seq));
            };
            let answerable = Answerable { session: &block.session, record: Some(record) };
            if candidate.is_certain || self.query.truth(&answerable).admits() {
                seqs.push(seq);
            }
            if self.is_late(late) {
                return Verdict::Late;
            }
        }
        Verdict::Matches(block, seqs)
    }

    fn is_late(&self, late: &AtomicBool) -> bool {
        let Some(deadline) = self.deadline else { return false };
        let is_late = late.load(Ordering::Relaxed) || Instant::now() >= deadline;
        if is_late {
            late.store(true, Ordering::Relaxed);
        }
        is_late
    }
}

/// How many candidates to verify next: a little more than it should take if hits stay as frequent as they were.
fn next_round(round: usize, taken: usize, hits: usize, limit: usize) -> usize {
    let wanted = limit.saturating_add(1).saturating_sub(hits);
    let expected = wanted.saturating_mul(taken).checked_div(hits).unwrap_or(usize::MAX);
    let with_margin = expected.saturating_add(expected / 4);
    with_margin.clamp(MIN_ROUND, round.saturating_mul(2).clamp(MIN_ROUND, MAX_ROUND))
}
