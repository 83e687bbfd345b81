//! What a query means, which parts of it the index answers, and what the rest costs.

use std::ops::Range;

use shelltrail_core::Partition;

use crate::candidates::{Segment, What};
use crate::guard::guarded;
use crate::literal::Condition;
use crate::partition::PartitionError;
use crate::query::{Need, Query, Within};
use crate::search::Searcher;
use crate::search::answer::{Coverage, with_causes};

/// How a part of a query is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// By the index alone.
    Index,
    /// By the index alone, but for sessions whose end is unknown.
    IndexUnlessUnknown,
    /// The index says which records may match, their texts decide.
    IndexThenText,
    /// Every text in scope is read: nothing of the pattern can be looked up.
    Text,
    /// By its parts.
    Parts,
}

/// A part of a query.
#[derive(Clone, Debug)]
pub struct Node {
    /// `AND`, `OR`, `NOT`, or the leaf as it would have to be written.
    pub label: String,
    /// The leaf is a regular expression, which a path between slashes is easily taken for.
    pub regex: bool,
    /// Where it was written; `None` for flags and for what joins others.
    pub span: Option<Range<usize>>,
    /// How it is answered.
    pub how: How,
    /// What the index looks up; lines for people.
    pub conditions: Vec<String>,
    /// How many records may match it, by what the index knows of it alone, in the partitions that were read.
    pub records: u64,
    /// Its parts.
    pub parts: Vec<Node>,
}

/// What has to be read in a partition.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// The partition.
    pub partition: Partition,
    /// Sessions in scope.
    pub sessions: u64,
    /// Records of these.
    pub records: u64,
    /// Records that may match the whole query.
    pub candidates: u64,
    /// Those of them whose text has to be read to decide.
    pub to_verify: u64,
}

/// What a query means and costs.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The query as a tree.
    pub root: Node,
    /// The partitions in scope.
    pub partitions: Vec<Estimate>,
    /// Bytes of text that are read to find everything, by the mean size of a stored record: an estimate. A limit
    /// reads less.
    pub bytes_to_read: u64,
    /// What could not be seen.
    pub coverage: Coverage,
}

impl Searcher {
    /// Explains a query. Reads no text.
    #[must_use]
    pub fn explain(&self, query: &Query) -> Explanation {
        let mut coverage = self.coverage(query);
        let mut partitions = Vec::new();
        let merge = self.merge(query, What::Records, None, &mut coverage);
        let mut bytes_to_read = 0;
        for source in &merge.sources {
            let candidates = &source.candidates;
            let (sessions, records) = candidates.in_scope();
            let (left, to_verify) = (candidates.left(), candidates.left_to_verify());
            bytes_to_read += candidates.mean_record_bytes().saturating_mul(to_verify);
            match partitions.last_mut() {
                Some(Estimate { partition, sessions: s, records: r, candidates: c, to_verify: v })
                    if partition == source.partition =>
                {
                    *s += sessions;
                    *r += records;
                    *c += left;
                    *v += to_verify;
                }
                _ => partitions.push(Estimate {
                    partition: source.partition.clone(),
                    sessions,
                    records,
                    candidates: left,
                    to_verify,
                }),
            }
        }
        let segments: Vec<(&Partition, &Segment)> =
            merge.sources.iter().map(|source| (source.partition, source.candidates.segment())).collect();
        let root = node(query, &segments, &mut coverage);
        coverage.sessions_in_scope = partitions.iter().map(|estimate| estimate.sessions).sum();
        Explanation { root, partitions, bytes_to_read, coverage }
    }
}

fn node(query: &Query, segments: &[(&Partition, &Segment)], coverage: &mut Coverage) -> Node {
    let mut records = 0;
    for (partition, segment) in segments {
        match guarded(|| count(segment, query)) {
            Ok(count) => records += count,
            Err(error) => {
                coverage.failed_partitions.insert(partition.to_string(), with_causes(&error));
            }
        }
    }
    let leaf = |span: &Option<Range<usize>>, how, conditions| Node {
        label: query.to_string(),
        regex: matches!(query, Query::Text(text) if text.pattern.options().regex),
        span: span.clone(),
        how,
        conditions,
        records,
        parts: Vec::new(),
    };
    let mut join = |label: &str, queries: &[Query]| Node {
        label: label.to_owned(),
        regex: false,
        span: None,
        how: How::Parts,
        conditions: Vec::new(),
        records,
        parts: queries.iter().map(|query| node(query, segments, coverage)).collect(),
    };
    match query {
        Query::All => leaf(&None, How::Index, Vec::new()),
        Query::And(queries) => join("AND", queries),
        Query::Or(queries) => join("OR", queries),
        Query::Not(query) => join("NOT", std::slice::from_ref(query)),
        Query::Is(is) if query.asks_for_times() => leaf(&is.span, How::IndexUnlessUnknown, Vec::new()),
        Query::Is(is) => leaf(&is.span, How::Index, Vec::new()),
        Query::Text(text) => {
            let need = text.pattern.need();
            let looked_up = text.within != Within::Prompt && *need != Need::Nothing;
            let how = if looked_up { How::IndexThenText } else { How::Text };
            leaf(&text.span, how, if looked_up { lines(need) } else { Vec::new() })
        }
    }
}

/// How many records of a segment a query may be true of.
fn count(segment: &Segment, query: &Query) -> Result<u64, PartitionError> {
    let upper = segment.bounds(query)?.upper;
    Ok(segment.in_order()?.from(0).iter().map(|session| upper.count_in(session.records())).sum())
}

/// A need in words, indented by its depth.
fn lines(need: &Need) -> Vec<String> {
    let indented = |head: &str, needs: &[Need]| {
        let parts = needs.iter().flat_map(lines).map(|line| format!("  {line}"));
        std::iter::once(head.to_owned()).chain(parts).collect()
    };
    match need {
        Need::Nothing => vec!["nothing".to_owned()],
        Need::NonAscii => vec!["a character beyond ASCII".to_owned()],
        Need::Terms(conditions) => conditions.iter().map(in_words).collect(),
        Need::All(needs) => indented("all of", needs),
        Need::Either(needs) => indented("one of", needs),
    }
}

fn in_words(condition: &Condition) -> String {
    match condition {
        Condition::Exact(term) => format!("the word {term:?}"),
        Condition::Prefix(term) => format!("a word that begins with {term:?}"),
        Condition::Suffix(term) => format!("a word that ends with {term:?}"),
        Condition::Infix(term) => format!("a word that contains {term:?}"),
    }
}
