//! A message still owed an acknowledgement, shared by its objects.
//!
//! Every object of a message holds a [`Share`] of its [`Delivery`]. When the last share is settled the
//! delivery tells the acknowledging stage what to do. It says "delete" only if every share was settled with
//! an [`Outcome`] that allows it, and those about wanted objects can be made only out of evidence
//! ([`crate::proof`]): a commit, a look-up, or a failure that is written down. A share that is dropped, by a panic or
//! an abort, gives the message back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use shelltrail_core::Sequencer;
use shelltrail_core::sink::FailedMessage;
use tokio::sync::mpsc::OwnedPermit;

use crate::backfill::Line;
use crate::backoff;
use crate::breaker::Ticket;
use crate::lease::LeaseId;
use crate::proof::{Committed, Recorded, Stored};
use crate::summary::{Counter, Progress};

/// What became of one object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// A commit holds it.
    Indexed(Committed),
    /// It was stored before.
    AlreadyIndexed(Stored),
    /// It no longer exists.
    Gone,
    /// It is not wanted.
    Ignored,
    /// It was removed from the bucket.
    Removed,
    /// It cannot be indexed as it is, and that is written down.
    Failed(Recorded),
    /// It is worth a later try; the reason it did not work now.
    Retry(&'static str),
    /// Nothing can be worked on just now, for this reason.
    HeldBack(&'static str),
    /// A stop came before it was begun.
    Unstarted,
}

/// What to do with a message all of whose objects are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is owed any more.
    Delete,
    /// Somebody else must do it: hide the message for this long.
    Release(Duration),
}

/// A verdict on the message behind a lease.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) lease: LeaseId,
    pub(crate) verdict: Verdict,
}

/// The rest of what is known about a received message.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) lease: LeaseId,
    pub(crate) receipt: String,
    pub(crate) message: FailedMessage,
    pub(crate) retry_delay: Duration,
    pub(crate) max_retry_delay: Duration,
}

/// The token. Its drop, after that of the last share, settles the message.
#[derive(Debug)]
struct Delivery {
    delivered: Delivered,
    worst: AtomicU8,
    /// A place in the channel to the acknowledging stage, reserved before the message was received: to
    /// settle never waits and never fails.
    place: Option<OwnedPermit<Settled>>,
}

const DELETE: u8 = 0;
const RELEASE_NOW: u8 = 1;
const RELEASE_LATER: u8 = 2;

/// Holds a delivery open while its objects are being handed out. Dropped without
/// [`Opening::all_handed_out`], the message is given back.
#[derive(Debug)]
pub(crate) struct Opening {
    delivery: Arc<Delivery>,
    progress: Arc<Progress>,
    complete: bool,
}

/// Which write of its key an announcement is about, as far as it tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Announced {
    pub(crate) sequencer: Option<Sequencer>,
    /// When S3 finished the request.
    pub(crate) at: Option<Timestamp>,
}

/// One object's part in the acknowledgement, or in the counts of a backfill.
#[derive(Debug)]
pub(crate) struct Share {
    delivery: Option<Arc<Delivery>>,
    /// A listing tells of no write.
    announced: Option<Announced>,
    /// Where a backfill keeps its books.
    line: Option<Line>,
    progress: Arc<Progress>,
    settled: bool,
    /// Stored bytes as announced.
    size: Option<u64>,
    /// Another reading of the key, tried if there is no object of the first name.
    other_key: Option<String>,
    /// The right to be the breaker's probe.
    ticket: Option<Arc<Ticket>>,
    /// How often others closed the breaker while this one was kept.
    rounds: u32,
    kept: bool,
    last_time: bool,
}

impl Opening {
    /// Opens the delivery of a received message.
    pub(crate) fn new(delivered: Delivered, place: OwnedPermit<Settled>, progress: Arc<Progress>) -> Self {
        progress.count(Counter::Received);
        let delivery = Delivery { delivered, worst: AtomicU8::new(DELETE), place: Some(place) };
        Self { delivery: Arc::new(delivery), progress, complete: false }
    }

    /// Counts one object of the message and makes the message wait for it.
    pub(crate) fn share(&self) -> Share {
        Share::new(Some(Arc::clone(&self.delivery)), Arc::clone(&self.progress))
    }

    /// Says that every object of the message has its share.
    pub(crate) fn all_handed_out(mut self) {
        self.complete = true;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.complete {
            self.delivery.worsen(RELEASE_LATER);
        }
    }
}

impl Share {
    /// Counts one object of a backfill.
    pub(crate) fn of_line(progress: Arc<Progress>, line: Line) -> Self {
        let mut share = Self::new(None, progress);
        share.line = Some(line);
        share
    }

    /// Counts one object of a backfill without books.
    #[cfg(test)]
    pub(crate) fn of_backfill(progress: Arc<Progress>) -> Self {
        Self::new(None, progress)
    }

    fn new(delivery: Option<Arc<Delivery>>, progress: Arc<Progress>) -> Self {
        progress.count(Counter::Seen);
        progress.begin_object();
        Self {
            delivery,
            line: None,
            progress,
            settled: false,
            size: None,
            other_key: None,
            announced: None,
            ticket: None,
            rounds: 0,
            kept: false,
            last_time: false,
        }
    }

    /// Says which write the object is.
    pub(crate) fn of_write(mut self, announced: Announced) -> Self {
        self.announced = Some(announced);
        self
    }

    /// Which write was announced; `None` where none was, or another one was read.
    pub(crate) fn announced(&self) -> Option<&Announced> {
        self.announced.as_ref()
    }

    /// Another write than the announced one was read.
    pub(crate) fn forget_announced(&mut self) {
        self.announced = None;
    }

    /// Says what was announced of the object, besides its name and its write.
    pub(crate) fn describe(&mut self, size: Option<u64>) {
        self.size = size;
    }

    /// Says how else the key may be read.
    pub(crate) fn with_other_key(mut self, other_key: Option<String>) -> Self {
        self.other_key = other_key;
        self
    }

    /// Another reading of the key, tried if there is no object of the first name.
    pub(crate) fn other_key(&self) -> Option<String> {
        self.other_key.clone()
    }

    /// Stored bytes as announced.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The sequencer as announced.
    pub(crate) fn sequencer(&self) -> Option<String> {
        self.announced.as_ref()?.sequencer.as_ref().map(ToString::to_string)
    }

    /// How often the message was received; 0 for a backfill.
    pub(crate) fn attempts(&self) -> u32 {
        self.message().map_or(0, |message| message.receive_count)
    }

    /// Whether no queue would bring the object again.
    pub(crate) fn is_backfill(&self) -> bool {
        self.delivery.is_none()
    }

    /// What is kept of the message.
    pub(crate) fn message(&self) -> Option<&FailedMessage> {
        self.delivery.as_ref().map(|delivery| &delivery.delivered.message)
    }

    /// Makes the object a probe of the breaker.
    pub(crate) fn be_probe(&mut self, ticket: Arc<Ticket>) {
        self.ticket = Some(ticket);
    }

    /// The right to be a probe, if it has one.
    pub(crate) fn ticket(&self) -> Option<&Ticket> {
        self.ticket.as_deref()
    }

    /// Remembers that the object is kept until it can be tried again, and gives up the right to be a probe.
    pub(crate) fn be_kept(&mut self) {
        self.ticket = None;
        self.kept = true;
    }

    /// Whether the object was kept before.
    pub(crate) fn was_kept(&self) -> bool {
        self.kept
    }

    /// Says that the next fault of the object counts.
    pub(crate) fn be_last_time(&mut self) {
        self.last_time = true;
    }

    /// Whether the next fault of the object counts.
    pub(crate) fn is_last_time(&self) -> bool {
        self.last_time
    }

    pub(crate) fn count_round(&mut self) {
        self.rounds += 1;
    }

    pub(crate) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// Says what became of the object.
    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.conclude(outcome);
    }

    fn conclude(&mut self, outcome: Outcome) {
        self.settled = true;
        self.progress.end_object();
        let verdict = match outcome {
            Outcome::Indexed(_)
            | Outcome::AlreadyIndexed(_)
            | Outcome::Gone
            | Outcome::Ignored
            | Outcome::Removed
            | Outcome::Failed(_) => DELETE,
            Outcome::Unstarted | Outcome::HeldBack(_) => RELEASE_NOW,
            Outcome::Retry(_) => RELEASE_LATER,
        };
        match outcome {
            Outcome::Indexed(_) => self.progress.count(Counter::Indexed),
            Outcome::AlreadyIndexed(_) => self.progress.count(Counter::AlreadyIndexed),
            Outcome::Gone => self.progress.count(Counter::Gone),
            Outcome::Ignored => self.progress.count(Counter::Ignored),
            Outcome::Removed => self.progress.count(Counter::Removed),
            Outcome::Unstarted => self.progress.count(Counter::Unstarted),
            Outcome::Failed(recorded) => self.progress.count_failure(recorded.reason()),
            // A backfill has no queue that would bring it again.
            Outcome::Retry(reason) | Outcome::HeldBack(reason) if self.delivery.is_none() => {
                self.progress.count_failure(reason);
            }
            Outcome::Retry(_) | Outcome::HeldBack(_) => self.progress.count(Counter::Retried),
        }
        match outcome {
            Outcome::Indexed(_) => {
                self.progress.gauges().committed(self.announced.as_ref().and_then(|announced| announced.at));
            }
            Outcome::Retry(reason) | Outcome::HeldBack(reason) if self.delivery.is_some() => {
                self.progress.gauges().retried(reason);
            }
            _ => {}
        }
        if let Some(line) = &self.line {
            line.settle(&outcome);
        }
        if let Some(delivery) = &self.delivery {
            delivery.worsen(verdict);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if !self.settled {
            self.conclude(Outcome::Retry("abandoned"));
        }
    }
}

impl Delivery {
    fn worsen(&self, verdict: u8) {
        self.worst.fetch_max(verdict, Ordering::AcqRel);
    }

    fn verdict(&self) -> Verdict {
        let Delivered { receipt, message, retry_delay, max_retry_delay, .. } = &self.delivered;
        match self.worst.load(Ordering::Acquire) {
            DELETE => Verdict::Delete,
            RELEASE_NOW => Verdict::Release(Duration::ZERO),
            _ => Verdict::Release(backoff::delay(
                *retry_delay,
                *max_retry_delay,
                message.receive_count,
                receipt,
            )),
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            place.send(Settled { lease: self.delivered.lease, verdict: self.verdict() });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
impl Opening {
    /// The delivery of a message that was received so often, and where its verdict arrives.
    pub(crate) async fn for_test(
        receive_count: u32,
    ) -> (Self, tokio::sync::mpsc::Receiver<Settled>, Arc<Progress>) {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let delivered = Delivered {
            lease: LeaseId::for_test(1),
            receipt: "receipt".to_owned(),
            message: FailedMessage::keep("id", None, receive_count, "{}", 100),
            retry_delay: Duration::from_secs(5),
            max_retry_delay: Duration::from_secs(900),
        };
        let progress = Arc::new(Progress::new());
        let place = sender.reserve_owned().await.unwrap();
        (Self::new(delivered, place, Arc::clone(&progress)), receiver, progress)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_verdict_comes_with_the_last_share_and_is_the_worst() {
        let later =
            Verdict::Release(backoff::delay(Duration::from_secs(5), Duration::from_secs(900), 3, "receipt"));
        let now = Verdict::Release(Duration::ZERO);
        let recorded = Recorded::for_test("bad");
        for (outcomes, expected) in [
            (vec![], Verdict::Delete),
            (vec![Outcome::Gone, Outcome::Removed, Outcome::Ignored], Verdict::Delete),
            (vec![Outcome::Gone, Outcome::Unstarted], now),
            (vec![Outcome::Unstarted, Outcome::Retry("x"), Outcome::Gone], later),
            (vec![Outcome::HeldBack("x"), Outcome::Unstarted], now),
            (vec![Outcome::HeldBack("x"), Outcome::Retry("y")], later),
            (vec![Outcome::Failed(recorded), Outcome::Gone], Verdict::Delete),
            (vec![Outcome::Failed(recorded), Outcome::Retry("x")], later),
        ] {
            let (opening, mut settled, progress) = Opening::for_test(3).await;
            let shares: Vec<Share> = outcomes.iter().map(|_| opening.share()).collect();
            opening.all_handed_out();
            for (share, outcome) in shares.into_iter().zip(&outcomes) {
                assert!(settled.try_recv().is_err());
                share.settle(*outcome);
            }
            assert_eq!(settled.recv().await.unwrap().verdict, expected, "{outcomes:?}");
            assert_eq!(progress.summary().seen, outcomes.len() as u64);
        }
    }

    #[tokio::test]
    async fn a_dropped_share_or_opening_gives_the_message_back() {
        let (opening, mut settled, progress) = Opening::for_test(1).await;
        drop(opening.share());
        opening.all_handed_out();
        assert!(matches!(settled.recv().await.unwrap().verdict, Verdict::Release(_)));
        assert_eq!(progress.summary().retried, 1);

        let (opening, mut settled, _) = Opening::for_test(1).await;
        drop(opening);
        assert!(matches!(settled.recv().await.unwrap().verdict, Verdict::Release(_)));
    }

    #[test]
    fn a_backfill_counts_a_retry_as_a_failure() {
        let progress = Arc::new(Progress::new());
        Share::of_backfill(Arc::clone(&progress)).settle(Outcome::Retry("commit"));
        let summary = progress.summary();
        assert_eq!(summary.failed_by_reason["commit"], 1);
        assert!(summary.adds_up());
    }
}
