//! A queue with the visibility, receive counts and redrive of SQS, on tokio's clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use shelltrail_core::ObjectRef;
use tokio::sync::watch;
use tokio::time::Instant;

use super::script::{Call, Script};
use super::{failure, injected};
use crate::source::{EntryError, Message, Queue, QueueAttributes, Receipt, SourceError, SourceErrorKind};

const MAX_HIDDEN: Duration = Duration::from_secs(12 * 60 * 60);

/// A queue in memory.
#[derive(Debug)]
pub struct MemoryQueue {
    script: Script,
    visibility: Duration,
    max_receive_count: Option<u32>,
    change_latency: Duration,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    sent: u64,
    messages: Vec<Stored>,
    dead_letters: Vec<DeadLetter>,
    extensions: Vec<Duration>,
    changing: Vec<Receipt>,
    overlaps: u64,
    most_asked: usize,
}

#[derive(Debug)]
struct Stored {
    id: String,
    body: String,
    receive_count: u32,
    received_at: Option<Instant>,
    visible_at: Instant,
}

/// A message that was received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message ID.
    pub id: String,
    /// The body.
    pub body: String,
}

impl MemoryQueue {
    /// An empty queue with a visibility timeout of 30 s and redrive after 1,000 receives.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self {
            script,
            visibility: Duration::from_secs(30),
            max_receive_count: Some(1000),
            change_latency: Duration::ZERO,
            state: Mutex::default(),
            changed: watch::Sender::default(),
        }
    }

    /// Sets the visibility timeout.
    #[must_use]
    pub fn with_visibility(self, visibility: Duration) -> Self {
        Self { visibility, ..self }
    }

    /// Sets after how many receives a message is moved to the dead letters.
    #[must_use]
    pub fn with_max_receive_count(self, max_receive_count: u32) -> Self {
        Self { max_receive_count: Some(max_receive_count), ..self }
    }

    /// Lets every change of visibility take this long.
    #[must_use]
    pub fn with_change_latency(self, change_latency: Duration) -> Self {
        Self { change_latency, ..self }
    }

    /// Sends a message and returns its ID.
    pub fn send(&self, body: impl Into<String>) -> String {
        let mut state = self.state();
        let id = format!("message-{}", state.sent);
        state.sent += 1;
        state.messages.push(Stored {
            id: id.clone(),
            body: body.into(),
            receive_count: 0,
            received_at: None,
            visible_at: Instant::now(),
        });
        drop(state);
        self.changed.send_replace(());
        id
    }

    /// How many messages are in the queue, hidden or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().messages.len()
    }

    /// Whether no message is left, hidden or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages can be received right now.
    #[must_use]
    pub fn visible(&self) -> usize {
        let now = Instant::now();
        self.state().messages.iter().filter(|message| message.visible_at <= now).count()
    }

    /// How often every message left was received, in the order of sending.
    #[must_use]
    pub fn receive_counts(&self) -> Vec<u32> {
        self.state().messages.iter().map(|message| message.receive_count).collect()
    }

    /// The messages that were received too often.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.state().dead_letters.clone()
    }

    /// The visibility of every change made so far.
    #[must_use]
    pub fn visibility_changes(&self) -> Vec<Duration> {
        self.state().extensions.clone()
    }

    /// How often the visibility of a message was changed while another change was on its way.
    #[must_use]
    pub fn overlapping_changes(&self) -> u64 {
        self.state().overlaps
    }

    /// The most messages that one receive asked for.
    #[must_use]
    pub fn most_asked(&self) -> usize {
        self.state().most_asked
    }

    /// Lets every hidden message come back now, as if its visibility had ended.
    pub fn expire_all(&self) {
        let now = Instant::now();
        self.state().messages.iter_mut().for_each(|message| message.visible_at = now);
        self.changed.send_replace(());
    }

    fn take(&self, max: usize, visibility: Duration) -> Vec<Message> {
        let now = Instant::now();
        let mut state = self.state();
        state.most_asked = state.most_asked.max(max);
        let State { messages, dead_letters, .. } = &mut *state;
        let limit = self.max_receive_count.unwrap_or(u32::MAX);
        messages.retain(|message| {
            let dead = message.visible_at <= now && message.receive_count >= limit;
            if dead {
                dead_letters.push(DeadLetter { id: message.id.clone(), body: message.body.clone() });
            }
            !dead
        });
        let mut taken = Vec::new();
        for message in messages.iter_mut().filter(|message| message.visible_at <= now).take(max) {
            message.receive_count += 1;
            message.received_at = Some(now);
            message.visible_at = now + visibility;
            taken.push(Message {
                id: message.id.clone(),
                receipt: message.receipt(),
                body: message.body.clone(),
                receive_count: message.receive_count,
                sent_at: None,
            });
        }
        taken
    }

    fn begin_change(&self, receipts: &[(Receipt, Duration)]) {
        let mut state = self.state();
        for (receipt, _) in receipts {
            state.overlaps += u64::from(state.changing.contains(receipt));
            state.changing.push(receipt.clone());
        }
    }

    fn next_visible_at(&self) -> Option<Instant> {
        self.state().messages.iter().map(|message| message.visible_at).min()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    /// Another one for every receive.
    fn receipt(&self) -> Receipt {
        Receipt(format!("{}#{}", self.id, self.receive_count))
    }

    fn change(&mut self, hidden: Duration) -> Result<(), EntryError> {
        let now = Instant::now();
        let allowed = self.received_at.is_some_and(|at| now + hidden <= at + MAX_HIDDEN);
        if self.visible_at <= now || !allowed {
            return Err(EntryError::LeaseLost);
        }
        self.visible_at = now + hidden;
        Ok(())
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn attributes(&self) -> Result<QueueAttributes, SourceError> {
        let effect = || {
            let visible = self.visible() as u64;
            Ok(QueueAttributes {
                visibility: self.visibility,
                visible,
                in_flight: self.len() as u64 - visible,
                delayed: 0,
                max_receive_count: self.max_receive_count,
            })
        };
        self.script.play(Call::Attributes, || injected(Call::Attributes), effect).await
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, SourceError> {
        if !(1..=10).contains(&max) {
            return Err(failure(SourceErrorKind::Invalid, "batch-size", Call::Receive, "1 to 10"));
        }
        let until = Instant::now() + wait;
        let mut changed = self.changed.subscribe();
        loop {
            let next = self.next_visible_at().unwrap_or(until);
            if next <= Instant::now() || until <= Instant::now() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep_until(next.min(until)) => {}
                _ = changed.changed() => {}
            }
        }
        let effect = || Ok(self.take(max, visibility));
        self.script.play(Call::Receive, || injected(Call::Receive), effect).await
    }

    async fn change_visibility(
        &self,
        receipts: &[(Receipt, Duration)],
    ) -> Result<Vec<Result<(), EntryError>>, SourceError> {
        let effect = || {
            batch(receipts.len(), Call::ChangeVisibility)?;
            let mut state = self.state();
            let State { messages, extensions, .. } = &mut *state;
            let answers = receipts.iter().map(|(receipt, hidden)| {
                extensions.push(*hidden);
                let found = messages.iter_mut().find(|message| message.receipt() == *receipt);
                found.map_or(Err(EntryError::LeaseLost), |message| message.change(*hidden))
            });
            Ok(answers.collect())
        };
        let call = Call::ChangeVisibility;
        self.begin_change(receipts);
        if !self.change_latency.is_zero() {
            tokio::time::sleep(self.change_latency).await;
        }
        self.state().changing.retain(|receipt| receipts.iter().all(|(other, _)| other != receipt));
        let answers = self.script.play(call, || injected(call), effect).await;
        self.changed.send_replace(());
        answers
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Result<(), EntryError>>, SourceError> {
        let effect = || {
            batch(receipts.len(), Call::Delete)?;
            let mut state = self.state();
            let answers = receipts.iter().map(|receipt| {
                let found = state.messages.iter().position(|message| message.receipt() == *receipt);
                found.map(|position| drop(state.messages.remove(position))).ok_or(EntryError::LeaseLost)
            });
            Ok(answers.collect())
        };
        self.script.play(Call::Delete, || injected(Call::Delete), effect).await
    }
}

fn batch(entries: usize, call: Call) -> Result<(), SourceError> {
    match entries {
        1..=10 => Ok(()),
        _ => Err(failure(SourceErrorKind::Invalid, "batch-size", call, "1 to 10")),
    }
}

/// The body of a notification that these objects were created. Keys must need no encoding.
#[must_use]
pub fn created(objects: &[(ObjectRef, u64)]) -> String {
    let records: Vec<String> = objects
        .iter()
        .map(|(object, size)| record("ObjectCreated:Put", object, &format!(r#""size":{size},"#)))
        .collect();
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

/// The body of a notification that an object was removed. Its key must need no encoding.
#[must_use]
pub fn removed(object: &ObjectRef) -> String {
    format!(r#"{{"Records":[{}]}}"#, record("ObjectRemoved:Delete", object, ""))
}

fn record(name: &str, object: &ObjectRef, size: &str) -> String {
    let ObjectRef { bucket, key, version, etag } = object;
    let bucket = bucket.as_deref().unwrap_or_default();
    let field = |name: &str, value: &Option<String>| match value {
        Some(value) => format!(r#""{name}":"{value}","#),
        None => String::new(),
    };
    format!(
        r#"{{"eventVersion":"2.5","eventSource":"aws:s3","awsRegion":"eu-west-1","eventTime":"2026-03-04T09:15:27.412Z","eventName":"{name}","s3":{{"bucket":{{"name":"{bucket}"}},"object":{{{size}{}{}"key":"{key}","sequencer":"00"}}}}}}"#,
        field("eTag", etag),
        field("versionId", version),
    )
}
