//! Carries small pieces of work to threads that may block or compute, several at a time.
//!
//! To wake another thread and to be woken by it costs as much as inflating a small transcript. What is handed
//! in while a lane is busy therefore waits and goes along with the next round, and the answers of a round come
//! back together.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::workers::{Panicked, caught, on_rayon};

/// Most errands of one round: the first waits for the answer of the last.
const MAX_ROUND: usize = 16;

/// Errands that wait for every running lane before another lane is worth its start.
const WAITING_PER_LANE: usize = 4;

/// A piece of work; what it returns hands the answer over.
type Errand = Box<dyn FnOnce() -> Answer + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// Lanes to another kind of thread.
pub(crate) struct Carriage {
    lanes: usize,
    computes: bool,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Errand>,
    running: usize,
}

impl Carriage {
    /// Lanes to rayon.
    pub(crate) fn computing(lanes: usize) -> Arc<Self> {
        Arc::new(Self { lanes, computes: true, line: Mutex::default() })
    }

    /// Lanes to threads that may block.
    pub(crate) fn blocking(lanes: usize) -> Arc<Self> {
        Arc::new(Self { lanes, computes: false, line: Mutex::default() })
    }

    /// Runs `work` there. Dropping the future takes back work that has not begun.
    pub(crate) async fn run<T, F>(self: &Arc<Self>, work: F) -> Result<T, Panicked>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Box::new(move || {
            if answer.is_closed() {
                return Box::new(|| ());
            }
            let result = caught(work);
            Box::new(move || drop(answer.send(result)))
        }));
        match answered.await {
            Ok(result) => result,
            // Every errand answers unless the runtime is shutting down, and then nobody will poll this again.
            Err(_) => std::future::pending().await,
        }
    }

    fn enqueue(self: &Arc<Self>, errand: Errand) {
        let mut line = self.line();
        line.waiting.push_back(errand);
        let worth = line.running == 0 || line.waiting.len() >= line.running * WAITING_PER_LANE;
        if line.running < self.lanes && worth {
            line.running += 1;
            drop(line);
            let lane = Lane { carriage: Arc::clone(self), ended: false };
            tokio::task::spawn_blocking(move || lane.run());
        }
    }

    /// The errands of the next round. If there are none the lane has ended, and whoever enqueues from now on knows.
    fn next_round(&self) -> Option<Vec<Errand>> {
        let mut line = self.line();
        if line.waiting.is_empty() {
            line.running -= 1;
            return None;
        }
        let count = line.waiting.len().min(MAX_ROUND);
        Some(line.waiting.drain(..count).collect())
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing that runs under this lock can panic halfway, so a poisoned one is still whole.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Carriage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carriage").field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

/// One thread's turn.
struct Lane {
    carriage: Arc<Carriage>,
    ended: bool,
}

impl Lane {
    fn run(mut self) {
        while let Some(errands) = self.carriage.next_round() {
            let round = || errands.into_iter().map(|errand| errand()).collect::<Vec<Answer>>();
            let answers = if self.carriage.computes { on_rayon(round) } else { round() };
            answers.into_iter().for_each(|answer| answer());
        }
        self.ended = true;
    }
}

impl Drop for Lane {
    /// A runtime that shuts down drops what it has not begun; the carriage may serve another one.
    fn drop(&mut self) {
        if !self.ended {
            self.carriage.line().running -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn every_errand_is_answered_and_a_panic_becomes_a_value() {
        for carriage in [Carriage::computing(2), Carriage::blocking(1)] {
            let runs = (0..100).map(|n| {
                let carriage = Arc::clone(&carriage);
                tokio::spawn(async move {
                    let work = move || if n % 10 == 0 { panic!("on purpose") } else { n };
                    carriage.run(work).await
                })
            });
            for (n, run) in runs.collect::<Vec<_>>().into_iter().enumerate() {
                let expected = if n % 10 == 0 { Err(Panicked) } else { Ok(n) };
                assert_eq!(run.await.ok(), Some(expected));
            }
            let on_rayon = carriage.run(rayon::current_thread_index).await.map(|index| index.is_some());
            assert_eq!(on_rayon, Ok(carriage.computes));
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_begun() {
        let carriage = Carriage::blocking(1);
        let (go, wait) = mpsc::channel();
        let busy = tokio::spawn({
            let carriage = Arc::clone(&carriage);
            async move { carriage.run(move || wait.recv().is_ok()).await }
        });
        while carriage.line().running == 0 || !carriage.line().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        let (begun, is_begun) = mpsc::channel();
        let forgotten = tokio::spawn({
            let carriage = Arc::clone(&carriage);
            async move { carriage.run(move || begun.send(())).await }
        });
        while carriage.line().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        forgotten.abort();
        assert!(forgotten.await.is_err());
        assert!(go.send(()).is_ok());
        assert_eq!(busy.await.ok(), Some(Ok(true)));
        assert_eq!(carriage.run(|| 1).await, Ok(1));
        assert!(is_begun.recv().is_err());
    }

    #[test]
    fn it_outlives_a_runtime_that_never_began_its_lane() {
        let carriage = Carriage::blocking(1);
        let runtime = || tokio::runtime::Builder::new_multi_thread().max_blocking_threads(1).build();
        let first = runtime().expect("a runtime");
        let (go, wait) = mpsc::channel::<()>();
        first.spawn_blocking(move || wait.recv());
        let lane = Arc::clone(&carriage);
        let never = first.spawn(async move { lane.run(|| 1).await });
        while carriage.line().running == 0 {
            std::thread::yield_now();
        }
        first.shutdown_background();
        drop((go, never));
        while carriage.line().running > 0 {
            std::thread::yield_now();
        }
        assert_eq!(runtime().expect("a runtime").block_on(carriage.run(|| 2)), Ok(2));
    }
}
