//! The first stage: receives messages and hands out their objects.

use std::sync::Arc;
use std::time::Duration;

use shelltrail_core::ObjectRef;
use shelltrail_core::notification::{self, Announcement, AnnouncementKind, Notification, NotificationError};
use shelltrail_core::sink::{
    FailedMessage, Failure, KeyEvent, KeyEventKind, MAX_BODY_BYTES, MAX_KNOWN_BODY_BYTES, RecordSink,
    RemovalKind,
};
use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::time::timeout;

use crate::activity::{self, Activity};
use crate::backoff;
use crate::breaker::{TURN, Ticket};
use crate::budget::Budget;
use crate::config::{Admission, PipelineConfig};
use crate::delivery::{Announced, Delivered, Opening, Outcome, Settled, Share};
use crate::fetch::Order;
use crate::lease::{Leases, MAX_BATCH};
use crate::record::{Recorder, Unreadable};
use crate::removals::{Note, Owed};
use crate::source::{Message, Queue, SourceError};
use crate::stop::Stop;
use crate::summary::{Counter, Progress};
use crate::turns::Turn;

/// The wait after the first failed receive; doubled with every further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// Ceiling of that wait.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The wait after an empty answer, in case the queue does not poll long.
const EMPTY_PAUSE: Duration = Duration::from_millis(100);

/// How long a stop waits for a receive that is on its way: what it brings can then be given back at once
/// instead of staying hidden until its visibility ends.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// How long one long poll of a drain waits.
const DRAIN_WAIT: Duration = Duration::from_secs(1);

/// The numbers of SQS are approximate, so one empty answer proves too little.
const EMPTY_ANSWERS: u32 = 2;

/// The pause between two looks at the queue.
const DRAIN_PAUSE: Duration = Duration::from_secs(1);

/// One receive loop.
#[derive(Debug)]
pub(crate) struct Poller<Q: ?Sized, R> {
    pub(crate) config: Arc<PipelineConfig>,
    pub(crate) visibility: Duration,
    pub(crate) queue: Arc<Q>,
    pub(crate) recorder: Recorder<R>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) stop: Stop,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) notes: mpsc::Sender<Note>,
    pub(crate) verdicts: mpsc::Sender<Settled>,
    /// Tells receive loops apart, so that their waits differ.
    pub(crate) number: usize,
    /// Whether it has to wait for others.
    pub(crate) turn: Turn,
}

impl<Q: Queue + ?Sized, R: RecordSink> Poller<Q, R> {
    /// Receives until the stop.
    pub(crate) async fn run(mut self) {
        let mut presence = self.activity.receiver();
        let mut failures = 0;
        while let Some((ticket, mut places)) = self.unless_stopped(self.begin(&mut presence)).await {
            if !self.turn.is_now() {
                // What waits for its turn must not keep a commit waiting, nor others from trying.
                drop((ticket, places));
                presence.set_quiet(true);
                tokio::select! {
                    biased;
                    () = self.stop.stopped() => return,
                    () = self.turn.wait() => continue,
                }
            }
            places.truncate(if ticket.is_some() { 1 } else { self.turn.at_most(places.len()) });
            let Some(received) = self.receive(places.len()).await else { return };
            match received {
                Ok(messages) => {
                    failures = 0;
                    self.turn.brought(!messages.is_empty());
                    self.progress.gauges().receive_succeeded();
                    presence.set_quiet(messages.is_empty());
                    if messages.is_empty() {
                        drop(places);
                        self.unless_stopped(tokio::time::sleep(EMPTY_PAUSE)).await;
                    } else {
                        self.hand_out_all(messages, places, ticket).await;
                    }
                }
                Err(error) => {
                    drop(places);
                    failures += 1;
                    self.progress.count(Counter::ReceiveErrors);
                    self.progress.gauges().receive_failed(error.reason);
                    tracing::warn!(reason = error.reason, failures, "cannot receive messages");
                    let seed = self.number.to_string();
                    let wait = backoff::delay(FIRST_BACKOFF, MAX_BACKOFF, failures, &seed);
                    self.unless_stopped(tokio::time::sleep(wait)).await;
                }
            }
        }
    }

    /// Waits until something may be received, and for its way out. An open breaker lets pass one message now and then.
    async fn begin(&self, presence: &mut activity::Receiver) -> (Option<Ticket>, Vec<OwnedPermit<Settled>>) {
        let breaker = &self.recorder.breaker;
        loop {
            if breaker.is_open() {
                // Nothing comes for now, so what is finished should not wait for more.
                presence.set_quiet(true);
            }
            let ticket = breaker.pass().await;
            let places = self.places(presence);
            let places = match ticket {
                None => places.await,
                // Those that are kept may hold all the room there is; then it is their turn.
                Some(_) => match timeout(TURN, places).await {
                    Ok(places) => places,
                    Err(_) => continue,
                },
            };
            // It may have opened while this one waited for room.
            if ticket.is_some() || !breaker.is_open() {
                return (ticket, places);
            }
        }
    }

    /// Waits until at least one message can be begun soon, and reserves its way out.
    async fn places(&self, presence: &mut activity::Receiver) -> Vec<OwnedPermit<Settled>> {
        self.budget.room().await;
        let _room = self.orders.reserve().await;
        let places = self.verdicts.clone();
        let first = match places.try_reserve_owned() {
            Ok(first) => first,
            Err(_) => {
                // Everything we may hold waits for a commit: let it come now.
                let was_quiet = presence.set_quiet(true);
                let first = self.verdicts.clone().reserve_owned().await;
                presence.set_quiet(was_quiet);
                first.expect("the acknowledging stage lives as long as there are senders")
            }
        };
        let mut places = vec![first];
        // One place among the orders is reserved here and counts as free.
        let free = self.orders.capacity() + 1;
        // No receiver keeps the others from receiving.
        let fair = self.config.max_held_messages / self.config.receivers;
        while places.len() < free.min(fair).min(MAX_BATCH) {
            match self.verdicts.clone().try_reserve_owned() {
                Ok(place) => places.push(place),
                Err(_) => break,
            }
        }
        places
    }

    /// One long poll; `None` if a stop came and the poll did not end soon after.
    async fn receive(&self, max: usize) -> Option<Result<Vec<Message>, SourceError>> {
        let wait = if self.config.drain { DRAIN_WAIT } else { self.config.receive_wait };
        let call = self.queue.receive(max, wait.min(self.config.receive_wait), self.visibility);
        let late = async {
            self.stop.stopped().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            biased;
            received = call => Some(received),
            () = late => None,
        }
    }

    async fn unless_stopped<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.stopped() => None,
            value = wait => Some(value),
        }
    }

    /// Opens all deliveries first, so that every lease is kept from its receipt on.
    async fn hand_out_all(
        &self,
        messages: Vec<Message>,
        mut places: Vec<OwnedPermit<Settled>>,
        ticket: Option<Ticket>,
    ) {
        let ticket = ticket.map(Arc::new);
        let mut opened = Vec::new();
        for message in messages {
            let place = match places.pop() {
                Some(place) => place,
                // The queue gave more than was asked for.
                None => self
                    .verdicts
                    .clone()
                    .reserve_owned()
                    .await
                    .expect("the acknowledging stage lives as long as there are senders"),
            };
            let delivered = Delivered {
                lease: self.leases.hold(&message),
                receipt: message.receipt.0.clone(),
                message: kept(&message, MAX_KNOWN_BODY_BYTES),
                retry_delay: self.config.retry_delay,
                max_retry_delay: self.config.max_retry_delay,
            };
            opened.push((Opening::new(delivered, place, Arc::clone(&self.progress)), message));
        }
        drop(places);
        for (opening, message) in opened {
            self.hand_out(opening, &message, ticket.as_ref()).await;
        }
    }

    async fn hand_out(&self, opening: Opening, message: &Message, ticket: Option<&Arc<Ticket>>) {
        match notification::parse(&message.body) {
            Ok(notification) => self.hand_out_records(&opening, message, notification, ticket).await,
            Err(error) => self.reject_message(&opening, message, error).await,
        }
        opening.all_handed_out();
    }

    async fn hand_out_records(
        &self,
        opening: &Opening,
        message: &Message,
        notification: Notification,
        ticket: Option<&Arc<Ticket>>,
    ) {
        for ignored in &notification.ignored {
            tracing::debug!(message = message.id, what = ?ignored.what, "nothing asked for");
            opening.share().settle(Outcome::Ignored);
        }
        for (position, rejected) in notification.rejected.into_iter().enumerate() {
            let key = format!("sqs-message/{}/{position}", message.id);
            self.fail(opening, message, key, rejected.reason, rejected.detail).await;
        }
        for announcement in notification.announcements {
            if announcement.backfill {
                self.progress.count(Counter::Backfilled);
            }
            match announcement.kind {
                AnnouncementKind::Removed(kind) => {
                    self.note(opening, message, announcement, (kind, ticket)).await;
                }
                AnnouncementKind::Created => {
                    let Announcement { object, size, sequencer, event_time: at, .. } = announcement;
                    let share = opening.share().of_write(Announced { sequencer, at });
                    self.order(object, size, share, ticket).await;
                }
                AnnouncementKind::RestoreCompleted => {
                    self.retry_restored(opening.share(), announcement, ticket).await;
                }
            }
        }
    }

    async fn order(
        &self,
        object: ObjectRef,
        size: Option<u64>,
        mut share: Share,
        ticket: Option<&Arc<Ticket>>,
    ) {
        if let Some(ticket) = ticket {
            share.be_probe(Arc::clone(ticket));
        }
        let order = Order { object, size, share, underway: self.activity.underway() };
        if let Err(mpsc::error::SendError(order)) = self.orders.send(order).await {
            order.share.settle(Outcome::Unstarted);
        }
    }

    /// A restored object is read if it was set aside as archived; others are none of our business.
    async fn retry_restored(&self, share: Share, announcement: Announcement, ticket: Option<&Arc<Ticket>>) {
        match self.recorder.is_archived(announcement.object.clone()).await {
            Ok(true) => self.order(announcement.object, announcement.size, share, ticket).await,
            Ok(false) => share.settle(Outcome::Ignored),
            Err(Unreadable) => share.settle(Outcome::Retry("failures-unreadable")),
        }
    }

    /// Hands a removal to the stage that writes it down. Whoever may send to the queue may name any bucket, so what is
    /// not read is not marked either.
    async fn note(
        &self,
        opening: &Opening,
        message: &Message,
        removed: Announcement,
        (kind, ticket): (RemovalKind, Option<&Arc<Ticket>>),
    ) {
        match self.config.admission(&removed.object) {
            Admission::Wanted => {}
            Admission::Ignored => return opening.share().settle(Outcome::Ignored),
            Admission::BucketNotAllowed => {
                let key = format!("sqs-message/{}", message.id);
                let detail = "a removal from a bucket that is not on the list of allowed buckets".to_owned();
                return self.fail(opening, message, key, "bucket_not_allowed", detail).await;
            }
        }
        let Announcement { object, sequencer, event_time: at, .. } = removed;
        let event = KeyEvent { object, sequencer, at, kind: KeyEventKind::Removed(kind) };
        let mut share = opening.share();
        if let Some(ticket) = ticket {
            share.be_probe(Arc::clone(ticket));
        }
        // If the stage has died, the note gives its message back by itself.
        let _ = self.notes.send(Note { event, owed: Owed::Removed(share) }).await;
    }

    async fn reject_message(&self, opening: &Opening, message: &Message, error: NotificationError) {
        let key = format!("sqs-message/{}", message.id);
        self.fail(opening, message, key, error.reason(), error.to_string()).await;
    }

    /// Records what cannot be read under the name of its message; there is no better one.
    async fn fail(
        &self,
        opening: &Opening,
        message: &Message,
        key: String,
        reason: &'static str,
        detail: String,
    ) {
        let share = opening.share();
        let object = ObjectRef { key, ..ObjectRef::default() };
        let failure = Failure {
            account: None,
            // All that there is.
            message: Some(kept(message, MAX_BODY_BYTES)),
            ..self.recorder.failure(object, &share, reason, detail)
        };
        share.settle(self.recorder.record(failure, reason).await);
    }
}

/// What is kept of a message.
fn kept(message: &Message, max_bytes: usize) -> FailedMessage {
    let Message { id, sent_at, receive_count, body, .. } = message;
    FailedMessage::keep(id, *sent_at, (*receive_count).max(1), body, max_bytes)
}

/// Ends a drain: stops receiving when the queue is empty and nothing is held.
pub(crate) async fn drained<Q: Queue + ?Sized>(queue: &Q, leases: &Leases, activity: &Activity) {
    let mut empty_in_a_row = 0;
    while empty_in_a_row < EMPTY_ANSWERS {
        tokio::time::sleep(DRAIN_PAUSE).await;
        let empty = leases.len() == 0 && activity.is_idle() && is_empty(queue).await;
        empty_in_a_row = if empty { empty_in_a_row + 1 } else { 0 };
    }
}

async fn is_empty<Q: Queue + ?Sized>(queue: &Q) -> bool {
    match queue.attributes().await {
        Ok(attributes) => attributes.visible + attributes.in_flight + attributes.delayed == 0,
        Err(error) => {
            tracing::warn!(reason = error.reason, "cannot ask how full the queue is");
            false
        }
    }
}
