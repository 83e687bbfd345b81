//! A queue with the visibility, receive counts and redrive of SQS, on tokio's clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use shelltrail_core::ObjectRef;
use tokio::sync::watch;
use tokio::time::Instant;

use super::script::{Call, EntryFate, Script};
use super::{failure, injected};
use crate::source::{
    EntryError, MAX_SEND_BYTES, Message, Queue, QueueAttributes, Receipt, SendError, SourceError,
    SourceErrorKind,
};

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
    messages: BTreeMap<u64, Stored>,
    /// Those that can be received; the first sent comes first.
    visible: BTreeSet<u64>,
    /// When each of the others can.
    hidden: BTreeSet<(Instant, u64)>,
    dead_letters: Vec<DeadLetter>,
    extensions: Vec<Duration>,
    changing: Vec<Receipt>,
    overlaps: u64,
    most_asked: usize,
    failing_sends: Vec<(usize, SendError)>,
}

#[derive(Debug)]
struct Stored {
    number: u64,
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
        let (number, visible_at) = (state.sent, Instant::now());
        let id = format!("message-{number}");
        state.sent += 1;
        state.visible.insert(number);
        let stored = Stored { number, body: body.into(), receive_count: 0, received_at: None, visible_at };
        state.messages.insert(number, stored);
        drop(state);
        self.changed.send_replace(());
        id
    }

    /// Lets these entries of the next batch that is sent through the trait fail, by their positions.
    pub fn fail_sends(&self, entries: Vec<(usize, SendError)>) {
        self.state().failing_sends = entries;
    }

    /// The bodies of all messages, in the order of sending.
    #[must_use]
    pub fn bodies(&self) -> Vec<String> {
        self.state().messages.values().map(|message| message.body.clone()).collect()
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
        let mut state = self.state();
        state.show(Instant::now());
        state.visible.len()
    }

    /// How often every message left was received, in the order of sending.
    #[must_use]
    pub fn receive_counts(&self) -> Vec<u32> {
        self.state().messages.values().map(|message| message.receive_count).collect()
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
        let mut state = self.state();
        let numbers: Vec<u64> = state.messages.keys().copied().collect();
        numbers.into_iter().for_each(|number| state.hide(number, now));
        drop(state);
        self.changed.send_replace(());
    }

    fn take(&self, max: usize, visibility: Duration) -> Vec<Message> {
        let now = Instant::now();
        let mut state = self.state();
        state.most_asked = state.most_asked.max(max);
        let limit = self.max_receive_count.unwrap_or(u32::MAX);
        let mut taken = Vec::new();
        state.show(now);
        while taken.len() < max {
            let Some(number) = state.visible.first().copied() else { break };
            state.hide(number, now + visibility);
            let Some(message) = state.messages.get_mut(&number) else { continue };
            if message.receive_count >= limit {
                state.bury(number);
                continue;
            }
            message.receive_count += 1;
            message.received_at = Some(now);
            taken.push(Message {
                id: message.id(),
                receipt: message.receipt(),
                body: message.body.clone(),
                receive_count: message.receive_count,
                sent_at: None,
            });
        }
        taken
    }

    /// One entry of a batch call, as the script says.
    fn entry(
        &self,
        state: &mut State,
        receipt: &Receipt,
        effect: impl FnOnce(&mut State) -> Result<(), EntryError>,
    ) -> Result<(), EntryError> {
        let fate = self.script.entry_fate();
        if matches!(fate, EntryFate::Go | EntryFate::FailAfter) {
            let answer = effect(state);
            return if fate == EntryFate::Go {
                answer
            } else {
                Err(EntryError::Retry("injected".to_owned()))
            };
        }
        if fate == EntryFate::Fail {
            return Err(EntryError::Retry("injected".to_owned()));
        }
        if let Some(number) = state.number(receipt) {
            state.hide(number, Instant::now());
        }
        Err(EntryError::LeaseLost)
    }

    fn begin_change(&self, receipts: &[(Receipt, Duration)]) {
        let mut state = self.state();
        for (receipt, _) in receipts {
            state.overlaps += u64::from(state.changing.contains(receipt));
            state.changing.push(receipt.clone());
        }
    }

    fn next_visible_at(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut state = self.state();
        state.show(now);
        if state.visible.is_empty() { state.hidden.first().map(|(at, _)| *at) } else { Some(now) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets those be received whose time has come.
    fn show(&mut self, now: Instant) {
        while let Some((at, number)) = self.hidden.first().copied().filter(|(at, _)| *at <= now) {
            self.hidden.remove(&(at, number));
            self.visible.insert(number);
        }
    }

    /// Lets a message be received from then on.
    fn hide(&mut self, number: u64, until: Instant) {
        if let Some(message) = self.messages.get_mut(&number) {
            self.visible.remove(&number);
            self.hidden.remove(&(message.visible_at, number));
            message.visible_at = until;
            self.hidden.insert((until, number));
        }
    }

    fn remove(&mut self, number: u64) -> Option<Stored> {
        let message = self.messages.remove(&number)?;
        self.visible.remove(&number);
        self.hidden.remove(&(message.visible_at, number));
        Some(message)
    }

    fn bury(&mut self, number: u64) {
        if let Some(message) = self.remove(number) {
            self.dead_letters.push(DeadLetter { id: message.id(), body: message.body });
        }
    }

    /// The number of the message of which this is the latest receipt.
    fn number(&self, receipt: &Receipt) -> Option<u64> {
        let (number, _) = receipt.0.strip_prefix("message-")?.split_once('#')?;
        let message = self.messages.get(&number.parse().ok()?)?;
        (message.receipt() == *receipt).then_some(message.number)
    }

    fn change(&mut self, receipt: &Receipt, hidden: Duration) -> Result<(), EntryError> {
        let now = Instant::now();
        let number = self.number(receipt).ok_or(EntryError::LeaseLost)?;
        let message = self.messages.get(&number).ok_or(EntryError::LeaseLost)?;
        let allowed = message.received_at.is_some_and(|at| now + hidden <= at + MAX_HIDDEN);
        if message.visible_at <= now || !allowed {
            return Err(EntryError::LeaseLost);
        }
        self.hide(number, now + hidden);
        Ok(())
    }
}

impl Stored {
    fn id(&self) -> String {
        format!("message-{}", self.number)
    }

    /// Another one for every receive.
    fn receipt(&self) -> Receipt {
        Receipt(format!("message-{}#{}", self.number, self.receive_count))
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
                ..QueueAttributes::default()
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
            let answers = receipts.iter().map(|(receipt, hidden)| {
                state.extensions.push(*hidden);
                self.entry(&mut state, receipt, |state| state.change(receipt, *hidden))
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
                self.entry(&mut state, receipt, |state| {
                    let found = state.number(receipt).and_then(|number| state.remove(number));
                    found.map(drop).ok_or(EntryError::LeaseLost)
                })
            });
            Ok(answers.collect())
        };
        self.script.play(Call::Delete, || injected(Call::Delete), effect).await
    }

    async fn send(&self, bodies: &[String]) -> Result<Vec<Result<(), SendError>>, SourceError> {
        let effect = || {
            batch(bodies.len(), Call::Send)?;
            if bodies.iter().map(String::len).sum::<usize>() > MAX_SEND_BYTES {
                return Err(failure(SourceErrorKind::Invalid, "batch-size", Call::Send, "too many bytes"));
            }
            let failing = std::mem::take(&mut self.state().failing_sends);
            let answers = bodies.iter().enumerate().map(|(position, body)| {
                match failing.iter().find(|(at, _)| *at == position) {
                    Some((_, error)) => Err(error.clone()),
                    None => {
                        Self::send(self, body.clone());
                        Ok(())
                    }
                }
            });
            Ok(answers.collect())
        };
        self.script.play(Call::Send, || injected(Call::Send), effect).await
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

/// The body of a notification of any event of S3, which stands at this place among the events of its key and happened so
/// many seconds after the others here. Its key must need no encoding.
#[must_use]
pub fn event(name: &str, object: &ObjectRef, sequencer: &str, seconds: u32) -> String {
    let record = record(name, object, "");
    let record = record.replace(r#""sequencer":"00""#, &format!(r#""sequencer":"{sequencer}""#));
    let at = format!("09:{:02}:{:02}", 20 + seconds / 60, seconds % 60);
    format!(r#"{{"Records":[{}]}}"#, record.replace("09:15:27", &at))
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
