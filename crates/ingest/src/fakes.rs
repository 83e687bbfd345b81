//! A queue, a store, keys and a sink in memory, which fail on cue.
//!
//! All four ask one [`Script`] before every call what is to happen: nothing special, a failure, or the
//! crash of the process that calls.

mod keys;
mod queue;
mod script;
mod sink;
mod store;

pub use keys::MemoryKeys;
pub use queue::{DeadLetter, MemoryQueue, created, event, removed};
pub use script::{Call, Script};
pub use sink::{MemoryBatch, MemorySink};
pub use store::MemoryStore;

use crate::source::{SourceError, SourceErrorKind};

/// The failure that a script injects into calls of a queue, a store or a key service.
pub(crate) fn injected(call: Call) -> SourceError {
    failure(SourceErrorKind::Internal, "injected", call, "as the script says")
}

fn failure(kind: SourceErrorKind, reason: &'static str, call: Call, message: &str) -> SourceError {
    SourceError { kind, reason, action: format!("{call:?}"), message: message.to_owned() }
}
