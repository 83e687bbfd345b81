//! One file per verb, each a thin call into a library.

pub mod backfill;
pub mod completions;
pub mod coverage;
pub mod explain;
pub mod failures;
mod find;
mod follow;
pub mod index;
mod opened;
pub mod parse;
mod raw;
pub mod search;
pub mod sessions;
pub mod show;
pub mod stack;
mod stats;
pub mod status;
mod summary;
pub mod worker;

use std::time::{Duration, Instant};

use crate::args::OutputArgs;
use crate::exit::Exit;

/// Output beyond this is cut in JSON (`output_truncated`); `show` prints all of it.
pub const MAX_OUTPUT_BYTES: usize = 64 << 10;

/// The name of what an answer is printed as, for the audit file.
#[must_use]
pub fn format_name(output: &OutputArgs) -> String {
    if output.template.is_some() { "template".to_owned() } else { value_name(&output.format) }
}

/// The name of a value of a flag.
#[must_use]
pub fn value_name(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// What the exit code says about an answer.
#[must_use]
pub fn exit(complete: bool, found: bool) -> Exit {
    match (complete, found) {
        (false, _) => Exit::Incomplete,
        (true, false) => Exit::NothingFound,
        (true, true) => Exit::Done,
    }
}

/// When to stop.
#[must_use]
pub fn deadline(budget: Option<Duration>) -> Option<Instant> {
    budget.and_then(|budget| Instant::now().checked_add(budget))
}
