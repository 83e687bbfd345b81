//! Sessions that are outside of what was asked only because it is not known whose they are, or where they ran.
//!
//! A session without a target matches no `target:`, so a "no" about a target says nothing about it: it must be told how many
//! there are.

use crate::guard::guarded;
use crate::partition::PartitionError;
use crate::query::{Fact, FactLeaf, Glob, Identifier, Query};
use crate::search::answer::{Coverage, with_causes};
use crate::search::merge::Merge;

/// The identifiers of sessions that may be unknown.
const MAY_BE_UNKNOWN: [Identifier; 4] =
    [Identifier::Account, Identifier::Region, Identifier::Principal, Identifier::Target];

/// Counts the sessions that may be meant but for an identifier that they do not have, for each that is asked for.
pub fn count(query: &Query, merge: &Merge<'_>, coverage: &mut Coverage) {
    let mut asked = Vec::new();
    let lenient = lenient(query, true, &mut asked);
    asked.sort_unstable();
    asked.dedup();
    for name in asked {
        let mut all = 0;
        for source in &merge.sources {
            match guarded(|| count_in(source.candidates.segment(), &lenient, name)) {
                Ok(count) => all += count,
                Err(error) => {
                    coverage.failed_partitions.insert(source.partition.to_string(), with_causes(&error));
                }
            }
        }
        if all > 0 {
            coverage.unidentified.insert(name.to_string(), all);
        }
    }
}

fn count_in(
    segment: &crate::candidates::Segment,
    query: &Query,
    name: Identifier,
) -> Result<u64, PartitionError> {
    let lacking = segment.lacking(name)?;
    if lacking.is_empty() {
        return Ok(0);
    }
    Ok(match segment.scope(query)? {
        Some(scope) => scope.count_common(lacking),
        None => lacking.count_in(0..lacking.max_doc()),
    })
}

/// The query as it would be if an unknown identifier were the one that is asked for; and the identifiers that are. What must
/// not be is let be: a session without an account passes `NOT account:1*`.
fn lenient(query: &Query, wanted: bool, asked: &mut Vec<Identifier>) -> Query {
    match query {
        Query::And(queries) => {
            Query::And(queries.iter().map(|query| lenient(query, wanted, asked)).collect())
        }
        Query::Or(queries) => Query::Or(queries.iter().map(|query| lenient(query, wanted, asked)).collect()),
        Query::Not(query) => Query::Not(Box::new(lenient(query, !wanted, asked))),
        Query::Is(FactLeaf { fact: Fact::Identifier(name, _), .. })
            if wanted && MAY_BE_UNKNOWN.contains(name) =>
        {
            asked.push(*name);
            let any = Query::is(Fact::Identifier(*name, Glob::beginning_with("")));
            Query::Or(vec![query.clone(), any.not()])
        }
        query => query.clone(),
    }
}
