//! tantivy partitions, transcript packs, search. tantivy's types stop here.

pub mod backfills;
pub mod block;
mod block_cache;
mod bounds;
mod candidates;
pub mod check;
pub mod compact;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod crashes;
mod dictionary;
mod directory;
mod disk;
mod docset;
mod durable;
mod facts;
pub mod failures;
pub mod fold;
mod guard;
pub mod holdings;
pub mod inventory;
mod layouts;
pub mod literal;
pub mod local;
mod marks;
mod mask_key;
pub mod merge;
pub mod pack;
pub mod partition;
mod partition_list;
pub mod query;
mod record_view;
mod removals;
pub mod root;
mod row;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod samples;
pub mod schema;
pub mod search;
mod sessions;
pub mod starts;
pub mod tokens;
mod writing;

pub use guard::is_guarded;
pub use holdings::{Holdings, Vanished};
pub use literal::Literal;
pub use local::LocalSink;
pub use mask_key::mask_key;
pub use query::{Query, QueryError};
pub use root::{IndexRoot, RootError, SCHEMA_VERSION};
pub use search::{Answer, Coverage, Cursor, FoundSession, Hit, SearchOptions, Searcher, SessionAnswer};
