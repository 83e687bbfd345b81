//! Runs work that blocks or computes away from the async threads, and survives its panics.
//!
//! What computes runs on rayon, which bounds it to the processors; a blocking thread of tokio waits for it
//! meanwhile. Handed to rayon directly, the work would be hidden from tokio: an aborted pipeline could not
//! take back what has not begun, and a paused test clock would run on while a build computes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::carriage::Carriage;

/// The work panicked. What it said stays unsaid: the text of a panic may quote a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the code that handled it panicked")]
pub(crate) struct Panicked;

/// Lanes for work that computes. Decoding and building have their own, so that neither waits for the other
/// while it holds memory that the other needs.
#[derive(Debug)]
pub(crate) struct Workers {
    decode: Arc<Carriage>,
    build: Semaphore,
}

impl Workers {
    pub(crate) fn new(lanes: usize) -> Self {
        Self { decode: Carriage::computing(lanes), build: Semaphore::new(lanes) }
    }

    /// Where objects are inflated, at most as many at once as there are lanes.
    pub(crate) fn decoding(&self) -> &Arc<Carriage> {
        &self.decode
    }

    /// The lanes that bound how many batches are built at once.
    pub(crate) fn build_lanes(&self) -> &Semaphore {
        &self.build
    }
}

/// Runs `work` on a blocking thread. Dropping the future takes back work that has not begun.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, Panicked>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let mut thread = AbortOnDrop(tokio::task::spawn_blocking(move || caught(work)));
    match (&mut thread.0).await {
        Ok(result) => result,
        // The panic was caught, so the runtime is shutting down and nobody will poll this again.
        Err(_) => std::future::pending().await,
    }
}

/// Runs `work` on rayon. Dropping the future takes back work that has not begun.
pub(crate) async fn computing<T, F>(work: F) -> Result<T, Panicked>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    blocking(move || on_rayon(|| caught(work))).await.flatten()
}

/// Runs `work` in the pool while this thread waits: a scope that is opened outside the pool runs in it.
pub(crate) fn on_rayon<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    rayon::scope(move |_| work())
}

/// Runs `work` here and turns its panic into a value.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    // Whatever the work has left half done is dropped with it or owned by the sink, which promises in
    // `RecordSink` that nothing counts before a commit.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_value() {
        assert_eq!(blocking(|| 7).await, Ok(7));
        let panicked: Result<(), Panicked> = blocking(|| panic!("on purpose")).await;
        assert_eq!(panicked, Err(Panicked));
        assert_eq!(blocking(|| 8).await, Ok(8));
        let panicked: Result<(), Panicked> = computing(|| panic!("on purpose")).await;
        assert_eq!(panicked, Err(Panicked));
        assert_eq!(computing(rayon::current_thread_index).await.map(|index| index.is_some()), Ok(true));
    }
}
