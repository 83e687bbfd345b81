//! Why the work on an object failed, and what that says about everything else.

use std::error::Error;
use std::io;
use std::sync::Arc;

use shelltrail_core::sink::SinkError;

use crate::source::{Class, SourceError};

/// The reason of a sink that has no room.
pub(crate) const DISK_FULL: &str = "disk-full";

/// The reason of an index that cannot tell whether it holds a session.
pub(crate) const UNREADABLE: &str = "index-unreadable";

/// Longest chain of causes that is written down.
const MAX_CAUSES: usize = 16;

/// Why an object is given back that did not fail itself.
pub(crate) const HELD_BACK: &str = "breaker-open";

/// Which part of the work a fault stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Reading and opening objects.
    Reading,
    /// Writing to the sink.
    Writing,
}

/// A failure on its way to its consequence.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) part: Part,
    /// A short stable word.
    pub(crate) reason: &'static str,
    /// What was attempted and what came back; hostile text.
    pub(crate) detail: String,
    pub(crate) class: Class,
    /// Whether the same of many objects means that they are not the cause.
    pub(crate) is_shared: bool,
    /// Whether those of a backfill may be given up one by one if it does not end.
    pub(crate) is_denial: bool,
}

impl Fault {
    /// A write to the sink failed.
    pub(crate) fn of_sink(reason: &'static str, error: &SinkError) -> Self {
        let reason = if is_full(error) { DISK_FULL } else { reason };
        Self::of_writing(reason, chain(error))
    }

    /// Something about the sink failed without an error of its own.
    pub(crate) fn of_writing(reason: &'static str, detail: String) -> Self {
        let class = Class::Environment;
        Self { part: Part::Writing, reason, detail, class, is_shared: true, is_denial: false }
    }

    /// The same of one object alone: whether it is to blame, only others can tell.
    pub(crate) fn of_one(self) -> Self {
        Self { class: Class::Transient, ..self }
    }

    /// The same, but others succeed where this object fails.
    pub(crate) fn of_object(self) -> Self {
        Self { is_shared: false, ..self.of_one() }
    }

    /// Nothing failed, but nothing can be written just now.
    pub(crate) fn held_back() -> Self {
        Self::of_writing(HELD_BACK, "the index cannot be written just now".to_owned())
    }

    /// The sink could not tell whether a session is stored.
    pub(crate) fn unreadable_index() -> Self {
        let detail = "the index cannot tell whether the session is stored".to_owned();
        let (reason, class) = (UNREADABLE, Class::Transient);
        Self { part: Part::Reading, reason, detail, class, is_shared: true, is_denial: false }
    }

    /// Whether it cannot be the object's own fault.
    pub(crate) fn is_certain(&self) -> bool {
        self.class == Class::Environment
    }
}

impl From<SourceError> for Fault {
    fn from(error: SourceError) -> Self {
        let (class, is_shared) = (error.class(), error.may_be_shared());
        // What the key service does not find is a key; that does not make the object gone.
        let class = if class == Class::Done { Class::Permanent } else { class };
        let is_denial = class == Class::Permanent && is_shared;
        Self { part: Part::Reading, reason: error.reason, detail: chain(&error), class, is_shared, is_denial }
    }
}

/// Whether a chain of causes ends at a disk without room.
fn is_full(error: &SinkError) -> bool {
    let full =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.source.as_ref());
    for _ in 0..MAX_CAUSES {
        let Some(error) = cause else { return false };
        let shared = error.downcast_ref::<Arc<io::Error>>().map(|error| &**error);
        if error.downcast_ref::<io::Error>().or(shared).is_some_and(full) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// An error and its causes in one line, the outermost first, at most 16 causes.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(error) = cause else { break };
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("write a pack")]
    struct Wrapped(#[source] Arc<io::Error>);

    fn sink_error(source: impl Into<Box<dyn Error + Send + Sync>>) -> SinkError {
        SinkError { action: "commit", partition: "1".to_owned(), source: source.into() }
    }

    #[test]
    fn a_full_disk_is_found_below_other_errors() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        for (error, reason) in [
            (sink_error(full()), "disk-full"),
            (sink_error(Wrapped(Arc::new(full()))), "disk-full"),
            (sink_error(io::Error::from(io::ErrorKind::PermissionDenied)), "index-commit"),
            (sink_error("something else"), "index-commit"),
        ] {
            let fault = Fault::of_sink("index-commit", &error);
            assert_eq!((fault.reason, fault.is_certain()), (reason, true), "{}", fault.detail);
            assert!(fault.detail.starts_with("commit partition 1: "), "{}", fault.detail);
        }
    }
}
