//! The candidates of all segments in the order of results.

use shelltrail_core::{Confidence, Flag, Partition};

use crate::candidates::{Candidate, Candidates};
use crate::guard::guarded;
use crate::pack::{BlockAt, PackReader};
use crate::partition::PartitionError;
use crate::search::answer::{Coverage, Place};

/// Neighbours in the order of results that lie in one block.
pub struct Group<'s> {
    pub partition: &'s Partition,
    pub packs: &'s PackReader,
    pub at: BlockAt,
    pub candidates: Vec<Candidate>,
    /// Which of the merged segments they are of.
    pub segment: usize,
}

impl Group<'_> {
    /// Where their session begins, given how far before the block that is.
    pub fn place(&self, back: u64) -> Place {
        let first = BlockAt { offset: self.at.offset.saturating_sub(back), ..self.at };
        Place { partition: self.partition.clone(), first }
    }
}

/// The candidates of one segment, and where their texts are.
pub struct Source<'s> {
    pub partition: &'s Partition,
    pub packs: &'s PackReader,
    pub candidates: Candidates<'s>,
}

/// The candidates of all segments in the order of results.
pub struct Merge<'s> {
    pub sources: Vec<Source<'s>>,
}

impl<'s> Merge<'s> {
    /// Takes the next `count` candidates, those in one block together; of each session one only if told so.
    pub fn take(&mut self, count: usize, one_each: bool, coverage: &mut Coverage) -> Vec<Group<'s>> {
        let mut groups: Vec<Group<'s>> = Vec::new();
        for _ in 0..count {
            let Some(segment) = self.first(coverage) else { break };
            let Source { partition, packs, candidates } = &mut self.sources[segment];
            let Some(candidate) = candidates.pop() else { break };
            if one_each {
                candidates.skip_session(&candidate);
            }
            let at = candidates.place(candidate);
            match groups.last_mut() {
                Some(last) if last.at == at && last.partition == *partition => {
                    last.candidates.push(candidate)
                }
                _ => groups.push(Group { partition, packs, at, candidates: vec![candidate], segment }),
            }
        }
        groups
    }

    /// How many candidates are left.
    pub fn left(&self) -> u64 {
        self.sources.iter().map(|source| source.candidates.left()).sum()
    }

    /// What the index knows of the session of a candidate.
    pub fn signs(&self, group: &Group<'_>) -> Result<(Vec<Flag>, Option<Confidence>), PartitionError> {
        match (self.sources.get(group.segment), group.candidates.first()) {
            (Some(source), Some(candidate)) => guarded(|| source.candidates.signs(candidate)),
            _ => Ok((Vec::new(), None)),
        }
    }

    /// The segment whose first candidate comes first of all.
    fn first(&mut self, coverage: &mut Coverage) -> Option<usize> {
        let heads = self.sources.iter().enumerate();
        let mut heads: Vec<_> =
            heads.filter_map(|(i, source)| source.candidates.peek().map(|head| (head.age(), i))).collect();
        let newest = heads.iter().map(|(age, _)| *age).min()?;
        heads.retain(|(age, _)| *age == newest);
        if let [(_, only)] = heads[..] {
            return Some(only);
        }
        // Ordinals of different segments cannot be compared, so ties in time are broken by the text.
        let mut best: Option<(String, u32, usize)> = None;
        for (_, i) in heads {
            let Source { partition, candidates, .. } = &mut self.sources[i];
            let seq = candidates.peek()?.seq();
            match candidates.first_transcript() {
                Ok(transcript) => {
                    let comes_first = |(t, s, _): &(String, u32, usize)| (transcript, seq) < (t.as_str(), *s);
                    if best.as_ref().is_none_or(comes_first) {
                        best = Some((transcript.to_owned(), seq, i));
                    }
                }
                Err(error) => {
                    coverage.failed_partitions.insert(partition.to_string(), error.to_string());
                    best.get_or_insert((String::new(), seq, i));
                }
            }
        }
        best.map(|(_, _, i)| i)
    }
}
