//! Knows when there is nothing to wait for: nobody has objects to hand over and none is on its way.

use std::sync::Arc;

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    underway: usize,
    quiet_receivers: usize,
    ended_receivers: usize,
}

/// Counts objects between poll and write, and receivers without anything to hand over.
#[derive(Debug)]
pub(crate) struct Activity {
    counts: watch::Sender<Counts>,
    receivers: usize,
}

/// One object on its way to the writer; counted until dropped.
#[derive(Debug)]
pub(crate) struct Underway(Arc<Activity>);

/// One receiver; says whether it has anything to hand over.
#[derive(Debug)]
pub(crate) struct Receiver {
    activity: Arc<Activity>,
    quiet: bool,
}

impl Activity {
    pub(crate) fn new(receivers: usize) -> Arc<Self> {
        Arc::new(Self { counts: watch::Sender::default(), receivers })
    }

    /// Counts one more object on its way.
    pub(crate) fn underway(self: &Arc<Self>) -> Underway {
        self.counts.send_modify(|counts| counts.underway += 1);
        Underway(Arc::clone(self))
    }

    /// One of the receivers, not quiet at first.
    pub(crate) fn receiver(self: &Arc<Self>) -> Receiver {
        Receiver { activity: Arc::clone(self), quiet: false }
    }

    /// Whether every receiver is quiet and nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle_counts(&self.counts.borrow())
    }

    /// Waits until [`Activity::is_idle`].
    pub(crate) async fn idle(&self) {
        let mut view = self.counts.subscribe();
        view.wait_for(|counts| self.idle_counts(counts)).await.expect("self holds the sender of the channel");
    }

    /// Waits until every receiver has ended: nothing new comes any more.
    pub(crate) async fn ended(&self) {
        let mut view = self.counts.subscribe();
        let ended = |counts: &Counts| counts.ended_receivers >= self.receivers;
        view.wait_for(ended).await.expect("self holds the sender of the channel");
    }

    fn idle_counts(&self, counts: &Counts) -> bool {
        counts.underway == 0 && counts.quiet_receivers >= self.receivers
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.counts.send_modify(|counts| counts.underway -= 1);
    }
}

impl Receiver {
    /// Quiet: the queue had nothing, or there is no room for another message before a commit. Returns what
    /// it was before.
    pub(crate) fn set_quiet(&mut self, quiet: bool) -> bool {
        let before = std::mem::replace(&mut self.quiet, quiet);
        if quiet != before {
            self.activity.counts.send_modify(|counts| match quiet {
                true => counts.quiet_receivers += 1,
                false => counts.quiet_receivers -= 1,
            });
        }
        before
    }
}

impl Drop for Receiver {
    /// A receiver that has ended hands over nothing any more.
    fn drop(&mut self) {
        self.set_quiet(true);
        self.activity.counts.send_modify(|counts| counts.ended_receivers += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_means_all_receivers_quiet_and_nothing_underway() {
        let activity = Activity::new(2);
        let (mut first, second) = (activity.receiver(), activity.receiver());
        assert!(!activity.is_idle());
        first.set_quiet(true);
        first.set_quiet(true);
        assert!(!activity.is_idle(), "one receiver counts once");
        let object = activity.underway();
        drop(second);
        assert!(!activity.is_idle());
        drop(object);
        assert!(activity.is_idle());
        first.set_quiet(false);
        assert!(!activity.is_idle());
    }
}
