//! Objects that notifications should have brought and did not.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::source::ListedObject;

/// Most missed objects that are named one by one; all of them are counted.
pub const MAX_NAMED: usize = 1000;

/// Collects what was not indexed although its notification was due.
#[derive(Debug)]
pub struct Missed {
    due_before: Timestamp,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    count: u64,
    named: Vec<ListedObject>,
}

impl Missed {
    /// Whatever was last modified before `due_before` should be known by now.
    #[must_use]
    pub fn new(due_before: Timestamp) -> Self {
        Self { due_before, found: Mutex::default() }
    }

    /// How many, and the first `MAX_NAMED` of them, in the order in which they were found.
    #[must_use]
    pub fn found(&self) -> (u64, Vec<ListedObject>) {
        let found = self.lock();
        (found.count, found.named.clone())
    }

    /// Notes an object that was not indexed before; one whose time is not known is no finding.
    pub(crate) fn note(&self, listed: &ListedObject) {
        if !self.is_due(listed) {
            return;
        }
        let mut found = self.lock();
        found.count += 1;
        if found.named.len() < MAX_NAMED {
            found.named.push(listed.clone());
        }
    }

    pub(crate) fn is_due(&self, listed: &ListedObject) -> bool {
        listed.last_modified.is_some_and(|at| at < self.due_before)
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
