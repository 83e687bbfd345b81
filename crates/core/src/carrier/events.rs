//! The JSON that CloudWatch Logs and the agent write, as far as it is used.
//!
//! Nothing of unbounded length is kept piece by piece: lines go into one text as they are read.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use crate::ids::AccountId;

/// Most events of one record of a subscription. CloudWatch Logs keeps such a record below 1 MiB.
const MAX_EVENTS: usize = 100_000;
/// Longest name of a session, a stream or a node. AWS allows 96, 512 and 256.
const MAX_NAME_BYTES: usize = 1024;

/// A value of an object: a record of a subscription, or an event of the agent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Value {
    message_type: Option<String>,
    owner: Option<String>,
    log_stream: Option<String>,
    log_events: Option<LogEvents>,
    event_version: Option<String>,
    event_time: Option<String>,
    aws_region: Option<String>,
    target: Option<Target>,
    user_identity: Option<UserIdentity>,
    session_id: Option<String>,
    session_data: Option<Lines>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Target {
    id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct UserIdentity {
    arn: Option<String>,
}

/// One event of a record.
#[derive(Debug, Deserialize)]
pub(super) struct LogEvent {
    /// Its identity, the same at every delivery.
    #[serde(default)]
    pub id: Option<String>,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub timestamp: Option<i64>,
    /// An event of the agent as JSON, or lines of a transcript.
    pub message: String,
}

/// What a value turns out to be.
#[derive(Debug)]
pub(super) enum Kind {
    /// Lines of one session.
    Agent(AgentEvent),
    /// Events of one log stream.
    Record(Record),
    /// CloudWatch Logs tried whether the destination can be reached.
    Control,
    /// Something else.
    Other,
}

/// Lines that the agent streamed.
#[derive(Debug)]
pub(super) struct AgentEvent {
    pub account: Option<AccountId>,
    pub region: Option<String>,
    pub session: Option<String>,
    pub target: Option<String>,
    pub at: Option<Timestamp>,
    /// Each line with a newline.
    pub lines: Vec<u8>,
}

/// A record of a subscription.
#[derive(Debug)]
pub(super) struct Record {
    pub owner: Option<AccountId>,
    pub stream: Option<String>,
    pub events: Vec<LogEvent>,
}

impl Value {
    /// Reads the message of an event as an event of the agent.
    pub(super) fn of_message(message: &str) -> Option<AgentEvent> {
        if !message.trim_start().starts_with('{') {
            return None;
        }
        match serde_json::from_str::<Self>(message).ok()?.kind() {
            Kind::Agent(event) => Some(event),
            _ => None,
        }
    }

    pub(super) fn kind(self) -> Kind {
        match (self.message_type.as_deref(), self.log_events, self.session_data) {
            (Some("CONTROL_MESSAGE"), ..) => Kind::Control,
            (Some(_), Some(events), _) => Kind::Record(Record {
                owner: self.owner.and_then(|owner| owner.parse().ok()),
                stream: self.log_stream.and_then(name),
                events: events.0,
            }),
            (None, _, Some(lines)) if self.event_version.is_some() || self.session_id.is_some() => {
                Kind::Agent(AgentEvent {
                    account: self.user_identity.and_then(|user| account_in_arn(&user.arn?)),
                    region: self.aws_region.and_then(name),
                    session: self.session_id.and_then(name),
                    target: self.target.and_then(|target| target.id).and_then(name),
                    at: self.event_time.and_then(|time| time.parse().ok()),
                    lines: lines.0,
                })
            }
            _ => Kind::Other,
        }
    }
}

/// The account in `arn:partition:service:region:account:…`.
fn account_in_arn(arn: &str) -> Option<AccountId> {
    arn.split(':').nth(4)?.parse().ok()
}

fn name(text: String) -> Option<String> {
    (!text.is_empty() && text.len() <= MAX_NAME_BYTES).then_some(text)
}

#[derive(Debug, Default)]
struct LogEvents(Vec<LogEvent>);

impl<'de> Deserialize<'de> for LogEvents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = LogEvents;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("events")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<LogEvents, A::Error> {
                let mut all = Vec::new();
                while let Some(event) = events.next_element()? {
                    if all.len() == MAX_EVENTS {
                        return Err(A::Error::custom("too many events"));
                    }
                    all.push(event);
                }
                Ok(LogEvents(all))
            }
        }
        deserializer.deserialize_seq(All)
    }
}

/// The lines of an event, each with a newline.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Lines;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("lines")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut lines: A) -> Result<Lines, A::Error> {
                let mut text = Vec::new();
                while lines.next_element_seed(Append(&mut text))?.is_some() {}
                Ok(Lines(text))
            }
        }
        deserializer.deserialize_seq(All)
    }
}

/// Appends a string to a text.
struct Append<'t>(&'t mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Append<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line")
    }

    fn visit_str<E: Error>(self, line: &str) -> Result<(), E> {
        self.0.extend_from_slice(line.as_bytes());
        self.0.push(b'\n');
        Ok(())
    }
}
