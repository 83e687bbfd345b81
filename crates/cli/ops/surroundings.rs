//! What is around the pipeline: how full the queue is, whether the index can be written. Looked at from time to time, so
//! that nobody who asks waits for it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::fs::{Access, StatVfsMountFlags};
use shelltrail_ingest::source::{Queue, QueueAttributes};
use tokio::time::MissedTickBehavior;

use super::{LOOK_PERIOD, Ops};

/// Less free space than this is no room for the next commit.
pub const MIN_FREE_BYTES: u64 = 64 << 20;

/// The last look at everything.
#[derive(Debug, Default)]
pub struct Surroundings {
    queue: Mutex<QueueLook>,
    index: Mutex<Option<IndexLook>>,
}

/// What the queue last said.
#[derive(Clone, Debug, Default)]
pub struct QueueLook {
    /// When it last answered.
    pub answered: Option<Instant>,
    /// What it answered.
    pub attributes: Option<QueueAttributes>,
    /// Why it did not answer the last time.
    pub error: Option<&'static str>,
}

/// What was last seen of the place of the index.
#[derive(Clone, Copy, Debug)]
pub struct IndexLook {
    /// When.
    pub at: Instant,
    /// Bytes that this user may still write; `None` if nobody could tell.
    pub free_bytes: Option<u64>,
    /// Whether it is allowed to write there.
    pub writable: bool,
}

impl Surroundings {
    /// What the queue last said.
    pub fn queue(&self) -> QueueLook {
        lock(&self.queue).clone()
    }

    /// What was last seen of the place of the index; `None` before the first look.
    pub fn index(&self) -> Option<IndexLook> {
        *lock(&self.index)
    }
}

/// Asks the queue from time to time, for ever.
pub async fn watch_queue(ops: Arc<Ops>, queue: Arc<dyn Queue>) {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        let answer = queue.attributes().await;
        let mut look = lock(&ops.surroundings.queue);
        match answer {
            Ok(attributes) => {
                let (answered, attributes) = (Some(Instant::now()), Some(attributes));
                *look = QueueLook { answered, attributes, error: None };
            }
            // What it said before is kept: with the time of the answer it is better than nothing.
            Err(error) => look.error = Some(error.reason),
        }
    }
}

/// Looks at the place of the index from time to time, for ever.
pub async fn watch_index(ops: Arc<Ops>) {
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        let root = ops.index.clone();
        // A file system that hangs must not hang the answers too.
        if let Ok(look) = tokio::task::spawn_blocking(move || look_at(&root)).await {
            *lock(&ops.surroundings.index) = Some(look);
        }
    }
}

fn look_at(root: &Path) -> IndexLook {
    let allowed = rustix::fs::access(root, Access::WRITE_OK).is_ok();
    let space = rustix::fs::statvfs(root).ok();
    let read_only = space.as_ref().is_some_and(|space| space.f_flag.contains(StatVfsMountFlags::RDONLY));
    IndexLook {
        at: Instant::now(),
        free_bytes: space.map(|space| space.f_bavail.saturating_mul(space.f_frsize)),
        writable: allowed && !read_only,
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(LOOK_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that runs under these locks can panic halfway, so a poisoned one is still whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_ours_is_writable_and_one_that_is_not_there_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let look = look_at(dir.path());
        assert!(look.writable && look.free_bytes.is_some());
        let look = look_at(&dir.path().join("no"));
        assert!(!look.writable && look.free_bytes.is_none());
    }
}
