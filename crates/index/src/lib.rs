//! tantivy partitions, transcript packs, search. tantivy's types stop here.

pub mod backfills;
pub mod block;
mod block_cache;
mod bounds;
mod candidates;
mod dictionary;
mod docset;
mod durable;
mod facts;
pub mod failures;
pub mod fold;
pub mod inventory;
pub mod literal;
pub mod local;
pub mod pack;
pub mod partition;
pub mod query;
mod record_view;
pub mod root;
mod row;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod samples;
pub mod schema;
pub mod search;
mod sessions;
pub mod tokens;

pub use literal::Literal;
pub use local::LocalSink;
pub use query::{Query, QueryError};
pub use root::{IndexRoot, RootError};
pub use search::{Answer, Coverage, Cursor, FoundSession, Hit, SearchOptions, Searcher, SessionAnswer};
