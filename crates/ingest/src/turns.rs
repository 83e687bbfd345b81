//! Which receiver may ask its queue: live messages first, those of a backfill when there are no live ones.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts the receivers of the live queue that have brought something, or have not asked yet.
#[derive(Debug)]
pub(crate) struct Turns(watch::Sender<usize>);

/// The turn of one receiver.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Always its turn; says whether its last poll brought anything.
    Live { turns: Arc<Turns>, busy: bool },
    /// Its turn while no live receiver is busy.
    Backfill(Arc<Turns>),
}

impl Turns {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(0)))
    }

    /// A receiver of the live queue; busy until it has asked.
    pub(crate) fn live(self: &Arc<Self>) -> Turn {
        self.0.send_modify(|busy| *busy += 1);
        Turn::Live { turns: Arc::clone(self), busy: true }
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
            Self::Live { .. } => true,
            Self::Backfill(turns) => *turns.0.borrow() == 0,
        }
    }

    /// Waits for the turn.
    pub(crate) async fn wait(&self) {
        if let Self::Backfill(turns) = self {
            let mut busy = turns.0.subscribe();
            busy.wait_for(|busy| *busy == 0).await.expect("self holds the sender of the channel");
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
        if let Self::Live { turns, busy } = self {
            let before = std::mem::replace(busy, anything);
            turns.0.send_modify(|count| match (before, anything) {
                (true, false) => *count -= 1,
                (false, true) => *count += 1,
                _ => {}
            });
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
        assert!(backfill.is_now() && second.is_now());
        first.brought(true);
        assert!(!backfill.is_now() && first.is_now());
        drop(first);
        assert!(backfill.is_now());
        assert_eq!((backfill.at_most(10), second.at_most(10)), (1, 10));
    }
}
