//! One file per verb, each a thin call into a library.

pub mod backfill;
pub mod parse;
pub mod search;
pub mod sessions;
pub mod show;
pub mod status;
mod summary;
pub mod worker;

use anyhow::bail;
use shelltrail_core::sanitize::printable;
use shelltrail_index::query::{Fact, Glob, Identifier};
use shelltrail_index::{Coverage, Query};

use crate::args::FilterArgs;

/// Output beyond this is cut in JSON (`output_truncated`); `show` prints all of it.
pub const MAX_OUTPUT_BYTES: usize = 64 << 10;

/// Turns flags into a query about sessions.
///
/// # Errors
/// The times exclude everything.
pub fn filter(args: &FilterArgs) -> anyhow::Result<Query> {
    if let (Some(since), Some(until)) = (args.since, args.until)
        && since >= until
    {
        bail!("--since {since} is not before --until {until}: no session can match");
    }
    let mut query = Query::All;
    if !args.account.is_empty() {
        query = query.and(Query::any_of(args.account.iter().map(Query::account)));
    }
    if let Some(principal) = &args.principal {
        query = query.and(Query::is(Fact::Identifier(Identifier::Principal, Glob::exactly(principal))));
    }
    if args.since.is_some() || args.until.is_some() {
        query = query.and(Query::ended(args.since, args.until));
    }
    Ok(query)
}

/// Says on stderr what an answer could not see.
pub fn report_coverage(coverage: &Coverage) {
    for (partition, reason) in &coverage.failed_partitions {
        eprintln!("shelltrail: partition {partition} was not searched: {}", printable(reason));
    }
    if coverage.unreadable_records > 0 {
        let reason = coverage.unreadable_reason.as_deref().unwrap_or_default();
        eprintln!(
            "shelltrail: {} records could not be read: {}",
            coverage.unreadable_records,
            printable(reason)
        );
    }
    let not_indexed: u64 = coverage.not_indexed.values().sum();
    if not_indexed > 0 {
        let reasons: Vec<String> = coverage
            .not_indexed
            .iter()
            .map(|(reason, count)| format!("{count} {}", printable(reason)))
            .collect();
        eprintln!("shelltrail: {not_indexed} objects in scope are not indexed: {}", reasons.join(", "));
    }
    if !coverage.is_complete() {
        eprintln!("shelltrail: this answer is not complete");
    }
}
