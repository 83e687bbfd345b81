//! tantivy trusts the files that it reads: one that is not as it was written may make it panic. That is an error of the
//! partition that the file is in; what the others hold is answered all the same.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::partition::PartitionError;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether a panic on this thread is told as an error of a partition, so that nobody else has to tell it.
#[must_use]
pub fn is_guarded() -> bool {
    DEPTH.get() > 0
}

/// Reads something of a partition.
///
/// # Errors
/// As `read`, or [`PartitionError::Damaged`] if that panics.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, PartitionError>) -> Result<T, PartitionError> {
    DEPTH.set(DEPTH.get() + 1);
    // What is left half done is of this reading alone.
    let result = catch_unwind(AssertUnwindSafe(read));
    DEPTH.set(DEPTH.get() - 1);
    result.unwrap_or(Err(PartitionError::Damaged))
}
