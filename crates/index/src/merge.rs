//! Which segments are merged, and the thread that does it.
//!
//! A commit adds segments and returns. Behind it one thread merges, one merge at a time for the whole index, so that
//! merging never takes more than one processor and never stands between a transcript and its acknowledgement.
//!
//! Segments are of a *size*: at most 4,096 documents, and each size is eight times the one before. Eight of a size are
//! merged to one, which is mostly of the next. So a partition has at most seven segments of each size at rest, and beyond
//! those the ones that are full: a segment of more than half of [`MAX_DOCS`] or [`MAX_BYTES`] is never merged again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use shelltrail_core::Partition;

use crate::partition::PartitionError;

/// Most documents of a merged segment. A merge takes about 8 bytes of memory for each.
pub const MAX_DOCS: u64 = 4_000_000;
/// Most bytes of terms and columns that are merged to one segment.
pub const MAX_BYTES: u64 = 512 << 20;
/// How many segments of a size are merged at once.
const FAN_IN: usize = 8;
/// The size of the smallest segments.
const SMALLEST_DOCS: u64 = 4096;
/// A commit waits for the merger if its partition has more segments that are not full: then batches come faster than
/// they can be merged.
pub const MAX_WAITING: usize = 64;
/// How long a partition whose merge failed is left alone, the first time and at most; doubled each time.
const RETRY: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(3600));

/// A segment as the choice sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size<I> {
    pub(crate) id: I,
    pub(crate) docs: u64,
    pub(crate) bytes: u64,
}

impl<I> Size<I> {
    fn is_full(&self) -> bool {
        self.docs > MAX_DOCS / 2 || self.bytes > MAX_BYTES / 2
    }

    fn level(&self) -> u32 {
        (self.docs / SMALLEST_DOCS).checked_ilog2().map_or(0, |log| log / FAN_IN.ilog2() + 1)
    }
}

/// The segments to merge next: the smallest size first, since that is done soonest. `None` if all is well.
pub(crate) fn due<I: Copy>(segments: &[Size<I>]) -> Option<Vec<I>> {
    let mut levels: BTreeMap<u32, Vec<Size<I>>> = BTreeMap::new();
    for segment in segments.iter().filter(|segment| !segment.is_full()) {
        levels.entry(segment.level()).or_default().push(*segment);
    }
    let full_level = levels.into_values().find(|level| level.len() >= FAN_IN)?;
    fill(full_level).into_iter().find(|group| group.len() > 1)
}

/// All segments in as few groups as the largest allows, each to be merged to one.
pub(crate) fn fewest<I: Copy>(segments: &[Size<I>]) -> Vec<Vec<I>> {
    fill(segments.to_vec()).into_iter().filter(|group| group.len() > 1).collect()
}

/// How many segments wait to be merged some day.
pub(crate) fn waiting<I>(segments: &[Size<I>]) -> usize {
    segments.iter().filter(|segment| !segment.is_full()).count()
}

/// Cuts segments into groups within the largest, the smallest segments first.
fn fill<I: Copy>(mut segments: Vec<Size<I>>) -> Vec<Vec<I>> {
    segments.sort_by_key(|segment| segment.docs);
    let mut groups: Vec<Vec<I>> = Vec::new();
    let (mut docs, mut bytes) = (0, 0);
    for segment in segments {
        (docs, bytes) = (docs + segment.docs, bytes + segment.bytes);
        match groups.last_mut() {
            Some(group) if docs <= MAX_DOCS && bytes <= MAX_BYTES => group.push(segment.id),
            _ => {
                groups.push(vec![segment.id]);
                (docs, bytes) = (segment.docs, segment.bytes);
            }
        }
    }
    groups
}

/// What the merger works on.
pub(crate) trait Mergeable: Send + Sync + 'static {
    /// Merges what is due, once. `false` if nothing was.
    fn merge_due(&self) -> Result<bool, PartitionError>;
    /// How many segments wait to be merged.
    fn waiting(&self) -> usize;
    /// Makes the merge that runs end soon, with an error.
    fn stop(&self);
}

/// The thread that merges. Dropping it stops a merge that runs, and waits for its end.
pub(crate) struct Merger<M: Mergeable> {
    shared: Arc<Shared<M>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared<M> {
    state: Mutex<State<M>>,
    changed: Condvar,
}

struct State<M> {
    /// The partitions that may have something to merge, and when to look.
    due: HashMap<Partition, (Arc<M>, Instant)>,
    /// How long to leave a partition alone when it fails again.
    failing: HashMap<Partition, Duration>,
    running: Option<(Partition, Arc<M>)>,
    stopping: bool,
}

impl<M: Mergeable> Shared<M> {
    fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Mergeable> Merger<M> {
    /// Starts the thread. Without one (the system has none to give) nothing is merged, which is told.
    pub(crate) fn start() -> Self {
        let state = State { due: HashMap::new(), failing: HashMap::new(), running: None, stopping: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("merger".to_owned()).spawn(move || of_thread.run());
        if let Err(error) = &thread {
            tracing::warn!(%error, "segments are not merged: there is no thread for it");
            shared.lock().stopping = true;
        }
        Self { shared, thread: thread.ok() }
    }

    /// A partition has new segments.
    pub(crate) fn wake(&self, partition: &Partition, segments: &Arc<M>) {
        let mut state = self.shared.lock();
        // One that fails is left alone until its time has come.
        state.due.entry(partition.clone()).or_insert_with(|| (Arc::clone(segments), Instant::now()));
        self.shared.changed.notify_all();
    }

    /// Waits while a partition has too many segments and the merger gets on with them.
    pub(crate) fn keep_up(&self, partition: &Partition, segments: &M) {
        let mut told = false;
        let mut state = self.shared.lock();
        while state.is_at(partition) && segments.waiting() > MAX_WAITING {
            if !told {
                tracing::info!(%partition, "a commit waits for merges: segments come faster than they are merged");
                told = true;
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until nothing is left to merge, or only what fails.
    pub(crate) fn finish(&self) {
        let mut state = self.shared.lock();
        while !state.stopping && (state.running.is_some() || state.next(Instant::now()).is_ok()) {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<M: Mergeable> Drop for Merger<M> {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.stopping = true;
            if let Some((_, running)) = &state.running {
                running.stop();
            }
            self.shared.changed.notify_all();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<M> State<M> {
    /// Whether a partition is, or will be at once, worked on.
    fn is_at(&self, partition: &Partition) -> bool {
        let runs = self.running.as_ref().is_some_and(|(running, _)| running == partition);
        !self.stopping && !self.failing.contains_key(partition) && (runs || self.due.contains_key(partition))
    }

    /// The partition that is due first; when the first will be, if none is; `None` if none is known.
    fn next(&self, now: Instant) -> Result<Partition, Option<Instant>> {
        let first = self.due.iter().min_by_key(|(partition, (_, at))| (*at, *partition));
        match first {
            Some((partition, (_, at))) if *at <= now => Ok(partition.clone()),
            first => Err(first.map(|(_, (_, at))| *at)),
        }
    }
}

impl<M: Mergeable> Shared<M> {
    fn run(&self) {
        let mut state = self.lock();
        while !state.stopping {
            let now = Instant::now();
            match state.next(now) {
                Err(None) => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Err(Some(at)) => {
                    let waited = self.changed.wait_timeout(state, at.saturating_duration_since(now));
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Ok(partition) => {
                    let Some((segments, _)) = state.due.remove(&partition) else { continue };
                    state.running = Some((partition.clone(), Arc::clone(&segments)));
                    drop(state);
                    let merged = segments.merge_due();
                    state = self.lock();
                    state.running = None;
                    state.note(&partition, segments, merged);
                    self.changed.notify_all();
                }
            }
        }
    }
}

impl<M> State<M> {
    fn note(&mut self, partition: &Partition, segments: Arc<M>, merged: Result<bool, PartitionError>) {
        match merged {
            Ok(more) => {
                self.failing.remove(partition);
                if more {
                    self.due.insert(partition.clone(), (segments, Instant::now()));
                }
            }
            Err(_) if self.stopping => {}
            Err(error) => {
                let wait = self.failing.get(partition).map_or(RETRY.0, |wait| (*wait * 2).min(RETRY.1));
                self.failing.insert(partition.clone(), wait);
                self.due.insert(partition.clone(), (segments, Instant::now() + wait));
                let error = crate::search::with_causes(&error);
                tracing::warn!(%partition, error, again_in_secs = wait.as_secs(), "a merge failed; its segments stay as they are");
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
