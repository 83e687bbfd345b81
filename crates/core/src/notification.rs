//! Notifications of S3, in every envelope in which they reach a queue.
//!
//! A message body comes from S3 itself, from S3 through SNS, from EventBridge, or from EventBridge
//! through SNS; the envelope is recognised for each message. Fields that are not known are ignored at
//! every level, as AWS adds some without notice, and of a field that stands twice the last one counts.
//! Every record of a message ends in exactly one of the three lists of a [`Notification`]. What a record
//! says is a hint of whoever could write to the queue, never a proof.

mod compose;
mod record;

use jiff::Timestamp;
use serde_json::Value;

use crate::object::ObjectRef;
use crate::sequencer::Sequencer;
use crate::sink::RemovalKind;

pub use compose::created;

/// What one message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// Objects of which something is told, in the order of the message.
    pub announcements: Vec<Announcement>,
    /// Records, and whole messages, that ask for nothing. They are counted.
    pub ignored: Vec<Ignored>,
    /// Records that cannot be read. They do not stop the others of their message.
    pub rejected: Vec<Rejected>,
}

/// One object of which something is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The object: bucket always known, key decoded. Of a delete marker the version is that of the marker. The version
    /// `null` is none, but where it is deleted it is named, so that no other version is taken for deleted.
    pub object: ObjectRef,
    /// Size in bytes as announced; absent is not zero.
    pub size: Option<u64>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The order of writes and deletes of one key.
    pub sequencer: Option<Sequencer>,
    /// When S3 finished the request; too coarse for ordering.
    pub event_time: Option<Timestamp>,
    /// Whether `shelltrail backfill --enqueue` wrote it, and no event ([`BACKFILL_CONFIGURATION`]).
    pub backfill: bool,
    /// What happened.
    pub kind: AnnouncementKind,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnouncementKind {
    /// It was written, by whatever operation.
    Created,
    /// It was deleted or has expired, or a delete marker hides it.
    Removed(RemovalKind),
    /// It can be read again after it was archived.
    RestoreCompleted,
}

/// Something that asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// What it is.
    pub what: IgnoredKind,
}

/// Why something asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IgnoredKind {
    /// The probe that S3 sends when a notification is configured.
    TestEvent,
    /// SNS asks whether a subscription is wanted, or tells that it ended. Its address is never opened.
    SubscriptionConfirmation,
    /// A `Records` array without records.
    EmptyRecords,
    /// An event that changes no content, one that is not known, or one of another service; with its
    /// name, cut to [`MAX_QUOTED_BYTES`].
    OtherEvent(String),
    /// A folder as consoles make them: a key that ends in `/`, without content.
    FolderPlaceholder,
    /// An object beside transcripts ([`crate::layout::is_companion`]).
    Companion,
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// A short stable word: `bad_key_encoding`, `unsupported_event_version`, `missing_field`.
    pub reason: &'static str,
    /// Which record, and what it holds, cut to [`MAX_QUOTED_BYTES`]; hostile text.
    pub detail: String,
}

/// A message of which no record can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// It is not a JSON object, or is nested deeper than serde_json reads (128 levels).
    #[error("read a notification as a JSON object")]
    NotJson,
    /// It lies in more than [`MAX_SNS_ENVELOPES`] envelopes of SNS.
    #[error("unwrap a notification from more than {MAX_SNS_ENVELOPES} envelopes of SNS")]
    NestedTooDeep,
    /// No envelope is recognised.
    #[error("recognise the envelope of a notification")]
    UnknownEnvelope,
}

impl NotificationError {
    /// A short stable word for failure lists.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NestedTooDeep => "nested_too_deep",
            Self::UnknownEnvelope => "unknown_envelope",
        }
    }
}

/// The `configurationId` of the notifications that a backfill writes: it marks them, so that a worker counts
/// them apart and their times are not taken for the lag of events.
pub const BACKFILL_CONFIGURATION: &str = "shelltrail-backfill";

/// How many envelopes of SNS are unwrapped: one topic may feed another.
pub const MAX_SNS_ENVELOPES: usize = 2;

/// How much of a hostile text is kept for counters and failure lists; a key has at most 1,024 bytes.
pub const MAX_QUOTED_BYTES: usize = 1024;

/// Reads the body of a message (Amazon S3 user guide, "Event message structure" and "EventBridge event
/// message structure"; Amazon SNS developer guide, "HTTP/HTTPS notification JSON format").
///
/// # Errors
/// The message as a whole cannot be read. A record that cannot be read is no error, but an entry of
/// [`Notification::rejected`].
pub fn parse(body: &str) -> Result<Notification, NotificationError> {
    let mut message = read_object(body)?;
    let mut envelopes = 0;
    while let Some(inner) = inside_sns(&message) {
        if envelopes == MAX_SNS_ENVELOPES {
            return Err(NotificationError::NestedTooDeep);
        }
        envelopes += 1;
        message = read_object(inner)?;
    }
    let mut notification = Notification::default();
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    if matches!(text("Type"), Some("SubscriptionConfirmation" | "UnsubscribeConfirmation")) {
        notification.ignore(IgnoredKind::SubscriptionConfirmation);
    } else if text("Event") == Some("s3:TestEvent") {
        notification.ignore(IgnoredKind::TestEvent);
    } else if let Some(records) = message.get("Records").and_then(Value::as_array) {
        if records.is_empty() {
            notification.ignore(IgnoredKind::EmptyRecords);
        }
        for (position, record) in records.iter().enumerate() {
            notification.add(position, record::native(record));
        }
    } else if text("source") == Some("aws.s3") && message.get("detail").is_some_and(Value::is_object) {
        notification.add(0, record::event_bridge(&message));
    } else {
        return Err(NotificationError::UnknownEnvelope);
    }
    Ok(notification)
}

/// Names the envelopes in which a notification came, from the outside in: `s3`, `eventbridge`, `sns+s3`,
/// `sns+sns+eventbridge`, …; `None` if none is recognised.
#[must_use]
pub fn envelope(body: &str) -> Option<&'static str> {
    let mut message = read_object(body).ok()?;
    let mut envelopes = 0;
    while let Some(inner) = inside_sns(&message).filter(|_| envelopes < MAX_SNS_ENVELOPES) {
        envelopes += 1;
        message = read_object(inner).ok()?;
    }
    let native = message.get("Records").is_some_and(Value::is_array)
        || message.get("Event").and_then(Value::as_str) == Some("s3:TestEvent");
    let event_bridge = message.get("source").and_then(Value::as_str) == Some("aws.s3");
    Some(match (envelopes, native, event_bridge) {
        (0, true, _) => "s3",
        (1, true, _) => "sns+s3",
        (_, true, _) => "sns+sns+s3",
        (0, _, true) => "eventbridge",
        (1, _, true) => "sns+eventbridge",
        (_, _, true) => "sns+sns+eventbridge",
        _ => return None,
    })
}

impl Notification {
    fn ignore(&mut self, what: IgnoredKind) {
        self.ignored.push(Ignored { what });
    }

    fn add(&mut self, position: usize, outcome: record::Outcome) {
        match outcome {
            Ok(record::Told::Announcement(announcement)) => self.announcements.push(announcement),
            Ok(record::Told::Nothing(what)) => self.ignore(what),
            Err(unreadable) => self.rejected.push(Rejected {
                reason: unreadable.reason,
                detail: format!("record {position}: {}", quote(&unreadable.detail)),
            }),
        }
    }
}

fn read_object(body: &str) -> Result<Value, NotificationError> {
    let value: Value = serde_json::from_str(body).map_err(|_| NotificationError::NotJson)?;
    if value.is_object() { Ok(value) } else { Err(NotificationError::NotJson) }
}

/// The message inside an envelope of SNS.
fn inside_sns(message: &Value) -> Option<&str> {
    message.get("TopicArn")?;
    (message.get("Type")?.as_str()? == "Notification").then_some(message.get("Message")?.as_str()?)
}

fn quote(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_QUOTED_BYTES)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
