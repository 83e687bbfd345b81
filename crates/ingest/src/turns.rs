//! Which receiver may ask its queue: as many of the live queue as find something, one after the other, and that of a
//! backfill when there are no live messages.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Knows which receivers of the live queue have brought something, or have not asked yet.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    busy: watch::Sender<usize>,
    /// Whether the receiver that was made last found something.
    last: Mutex<Option<watch::Receiver<bool>>>,
}

/// The turn of one receiver.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Its turn while the one before it finds something: an idle queue is asked by one.
    Live {
        turns: Arc<Turns>,
        /// Whether its last poll brought anything, or it has not asked yet.
        busy: bool,
        found: watch::Sender<bool>,
        before: Option<watch::Receiver<bool>>,
    },
    /// Its turn while no live receiver is busy.
    Backfill(Arc<Turns>),
}

impl Turns {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A receiver of the live queue; busy until it has asked, or waits for its turn.
    pub(crate) fn live(self: &Arc<Self>) -> Turn {
        self.busy.send_modify(|busy| *busy += 1);
        let found = watch::Sender::new(false);
        // Nothing that runs under this lock can panic halfway, so a poisoned one is still whole.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.replace(found.subscribe());
        Turn::Live { turns: Arc::clone(self), busy: true, found, before }
    }

    /// A receiver of the backfill's queue.
    pub(crate) fn backfill(self: &Arc<Self>) -> Turn {
        Turn::Backfill(Arc::clone(self))
    }
}

impl Turn {
    /// Whether it is this receiver's turn now.
    pub(crate) fn is_now(&self) -> bool {
        match self {
            Self::Live { before, .. } => before.as_ref().is_none_or(|found| *found.borrow()),
            Self::Backfill(turns) => *turns.busy.borrow() == 0,
        }
    }

    /// Waits for the turn; for ever if the receiver before this one has ended.
    pub(crate) async fn wait(&mut self) {
        self.brought(false);
        match self {
            Self::Live { before: None, .. } => {}
            Self::Live { before: Some(found), .. } => {
                if found.wait_for(|found| *found).await.is_err() {
                    std::future::pending().await
                }
            }
            Self::Backfill(turns) => {
                let mut busy = turns.busy.subscribe();
                busy.wait_for(|busy| *busy == 0).await.expect("self holds the sender of the channel");
            }
        }
    }

    /// Most messages of one poll: what a backfill holds, live messages wait for.
    pub(crate) fn at_most(&self, places: usize) -> usize {
        match self {
            Self::Live { .. } => places,
            Self::Backfill(_) => places.min(1),
        }
    }

    /// Says whether the last poll brought anything.
    pub(crate) fn brought(&mut self, anything: bool) {
        if let Self::Live { turns, busy, found, .. } = self {
            let before = std::mem::replace(busy, anything);
            turns.busy.send_modify(|count| match (before, anything) {
                (true, false) => *count -= 1,
                (false, true) => *count += 1,
                _ => {}
            });
            found.send_if_modified(|found| std::mem::replace(found, anything) != anything);
        }
    }
}

impl Drop for Turn {
    /// A receiver that has ended is not busy.
    fn drop(&mut self) {
        self.brought(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backfill_has_its_turn_while_nothing_live_comes() {
        let turns = Turns::new();
        let (mut first, mut second, backfill) = (turns.live(), turns.live(), turns.backfill());
        assert!(!backfill.is_now(), "nobody has asked yet");
        first.brought(false);
        first.brought(false);
        assert!(!backfill.is_now());
        second.brought(false);
        assert!(backfill.is_now() && first.is_now());
        first.brought(true);
        assert!(!backfill.is_now() && first.is_now());
        drop(first);
        assert!(backfill.is_now());
        assert_eq!((backfill.at_most(10), second.at_most(10)), (1, 10));
    }

    #[tokio::test]
    async fn a_receiver_asks_while_the_one_before_it_finds_something() {
        let turns = Turns::new();
        let (mut first, mut second, mut third) = (turns.live(), turns.live(), turns.live());
        let now = |turns: [&Turn; 3]| turns.map(Turn::is_now);
        assert_eq!(now([&first, &second, &third]), [true, false, false]);
        first.brought(true);
        second.wait().await;
        assert_eq!(now([&first, &second, &third]), [true, true, false]);
        second.brought(true);
        third.wait().await;
        third.brought(true);
        first.brought(false);
        assert_eq!(now([&first, &second, &third]), [true, false, true]);
        assert!(at_once(second.wait()).is_none(), "it says so to those behind it, too");
        assert!(!third.is_now());
        drop(first);
        assert!(at_once(second.wait()).is_none(), "nobody comes before it any more");
    }

    /// What a future says at once.
    fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }
}
