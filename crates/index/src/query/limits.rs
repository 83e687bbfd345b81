//! How large a query may be. Whatever exceeds a limit is an error that names it, before anything is read.

/// Longest query.
pub const MAX_QUERY_BYTES: usize = 16 << 10;
/// How deep groups and `NOT`s may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many texts and facts a query may name.
pub const MAX_ATOMS: usize = 256;
/// Largest program that a regular expression may become.
pub const MAX_REGEX_BYTES: usize = 1 << 20;
/// How deep a regular expression may be nested.
pub const MAX_REGEX_DEPTH: u32 = 64;
/// Largest table of states that the search of one regular expression keeps per thread.
pub const MAX_REGEX_CACHE_BYTES: usize = 2 << 20;
/// Most pieces between the stars of a wildcard.
pub const MAX_STARS: usize = 16;
