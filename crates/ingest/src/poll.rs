//! The first stage: receives messages and hands out their objects.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shelltrail_core::ObjectRef;
use shelltrail_core::notification::{self, AnnouncementKind, Notification, NotificationError};
use shelltrail_core::sink::{Failure, RecordSink};
use tokio::sync::mpsc::{self, OwnedPermit};

use crate::activity::{self, Activity};
use crate::backoff;
use crate::budget::Budget;
use crate::config::PipelineConfig;
use crate::delivery::{Delivered, Opening, Outcome, Settled};
use crate::fetch::Order;
use crate::lease::{Leases, MAX_BATCH};
use crate::record::Recorder;
use crate::source::{Message, Queue, SourceError};
use crate::stop::Stop;
use crate::summary::{Counter, Progress};

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
    pub(crate) verdicts: mpsc::Sender<Settled>,
    /// Tells receive loops apart, so that their waits differ.
    pub(crate) number: usize,
}

impl<Q: Queue + ?Sized, R: RecordSink> Poller<Q, R> {
    /// Receives until the stop.
    pub(crate) async fn run(self) {
        let mut presence = self.activity.receiver();
        let mut failures = 0;
        while let Some(places) = self.unless_stopped(self.places(&mut presence)).await {
            let Some(received) = self.receive(places.len()).await else { return };
            match received {
                Ok(messages) => {
                    failures = 0;
                    presence.set_quiet(messages.is_empty());
                    if messages.is_empty() {
                        drop(places);
                        self.unless_stopped(tokio::time::sleep(EMPTY_PAUSE)).await;
                    } else {
                        self.hand_out_all(messages, places).await;
                    }
                }
                Err(error) => {
                    drop(places);
                    failures += 1;
                    self.progress.count(Counter::ReceiveErrors);
                    tracing::warn!(reason = error.reason, failures, "cannot receive messages");
                    let seed = self.number.to_string();
                    let wait = backoff::delay(FIRST_BACKOFF, MAX_BACKOFF, failures, &seed);
                    self.unless_stopped(tokio::time::sleep(wait)).await;
                }
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
    async fn hand_out_all(&self, messages: Vec<Message>, mut places: Vec<OwnedPermit<Settled>>) {
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
                receive_count: message.receive_count.max(1),
                retry_delay: self.config.retry_delay,
                max_retry_delay: self.config.max_retry_delay,
            };
            opened.push((Opening::new(delivered, place, Arc::clone(&self.progress)), message));
        }
        drop(places);
        for (opening, message) in opened {
            self.hand_out(opening, &message).await;
        }
    }

    async fn hand_out(&self, opening: Opening, message: &Message) {
        match notification::parse(&message.body) {
            Ok(notification) => self.hand_out_records(&opening, message, notification).await,
            Err(error) => self.reject_message(&opening, message, error).await,
        }
        opening.all_handed_out();
    }

    async fn hand_out_records(&self, opening: &Opening, message: &Message, notification: Notification) {
        for ignored in &notification.ignored {
            tracing::debug!(message = message.id, what = ?ignored.what, "nothing asked for");
            opening.share().settle(Outcome::Ignored);
        }
        for (position, rejected) in notification.rejected.into_iter().enumerate() {
            let key = format!("sqs-message/{}/{position}", message.id);
            self.fail(opening, message, key, rejected.reason, rejected.detail).await;
        }
        for announcement in notification.announcements {
            let share = opening.share();
            match announcement.kind {
                AnnouncementKind::Removed => share.settle(Outcome::Removed),
                AnnouncementKind::Created | AnnouncementKind::RestoreCompleted => {
                    let underway = self.activity.underway();
                    let (object, size) = (announcement.object, announcement.size);
                    let order = Order { object, size, share, underway };
                    if let Err(mpsc::error::SendError(order)) = self.orders.send(order).await {
                        order.share.settle(Outcome::Unstarted);
                    }
                }
            }
        }
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
        let failure = Failure {
            object: ObjectRef { key, ..ObjectRef::default() },
            account: None,
            reason: reason.to_owned(),
            detail,
            attempts: message.receive_count,
            failed_at: Timestamp::now(),
        };
        self.recorder.record(failure).await;
        share.settle(Outcome::Failed(reason));
    }
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
