//! Gathers the events of an object by session.

use std::collections::HashMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::events::{AgentEvent, LogEvent};
use crate::ids::AccountId;
use crate::session::Span;

/// Most sessions of one object. Firehose closes an object at 128 MiB or 15 minutes, whatever comes first.
const MAX_SESSIONS: usize = 10_000;

/// The sessions of an object, in pieces.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// In the order in which they appear.
    pub list: Vec<Stream>,
    /// Parts of the object that belong to none, in order and apart.
    pub text: Vec<Span>,
    /// There were more than [`MAX_SESSIONS`].
    pub too_many: bool,
    places: HashMap<StreamKey, usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct StreamKey {
    account: Option<AccountId>,
    name: Option<String>,
    streamed: bool,
}

/// One session.
#[derive(Debug)]
pub(super) struct Stream {
    pub account: Option<AccountId>,
    /// The session ID, or the log stream, which is named like it.
    pub name: Option<String>,
    /// The agent sent lines while the session ran, stripped; otherwise the transcript as it was afterwards.
    pub streamed: bool,
    pub region: Option<String>,
    pub target: Option<String>,
    pub text: Vec<u8>,
    pub events: Vec<Event>,
}

/// A stretch of the text of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// Where it begins and ends in the text.
    pub start: usize,
    pub end: usize,
    /// When the lines were recorded.
    pub at: Option<Timestamp>,
    /// What orders events: milliseconds since 1970.
    pub order: i64,
    /// A digest of the identity that CloudWatch Logs gave it.
    pub id: Option<u64>,
    /// The part of the object that carried it.
    pub span: Span,
}

impl Streams {
    /// Adds lines that the agent streamed.
    pub(super) fn agent(
        &mut self,
        owner: Option<AccountId>,
        log_stream: Option<&str>,
        event: AgentEvent,
        log: Option<&LogEvent>,
        span: Span,
    ) {
        let sent = log.and_then(|log| log.timestamp).and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let name = event.session.or_else(|| log_stream.map(str::to_owned));
        let key = StreamKey { account: owner.or(event.account), name, streamed: true };
        let Some(stream) = self.stream(key, span) else { return };
        stream.region = stream.region.take().or(event.region);
        stream.target = stream.target.take().or(event.target);
        stream.push(&event.lines, event.at.or(sent), sent.or(event.at), log, span);
    }

    /// Adds an event that is a part of a transcript.
    pub(super) fn message(
        &mut self,
        owner: Option<AccountId>,
        log_stream: Option<&str>,
        log: &LogEvent,
        span: Span,
    ) {
        let sent = log.timestamp.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let key = StreamKey { account: owner, name: log_stream.map(str::to_owned), streamed: false };
        let Some(stream) = self.stream(key, span) else { return };
        stream.push(log.message.as_bytes(), sent, sent, Some(log), span);
    }

    /// Adds lines of a transcript.
    pub(super) fn lines(
        &mut self,
        owner: Option<AccountId>,
        log_stream: Option<&str>,
        text: &[u8],
        sent: Timestamp,
        span: Span,
    ) {
        let key = StreamKey { account: owner, name: log_stream.map(str::to_owned), streamed: false };
        let Some(stream) = self.stream(key, span) else { return };
        stream.push(text, Some(sent), Some(sent), None, span);
    }

    /// Keeps a part of the object that belongs to no session.
    pub(super) fn text(&mut self, span: Span) {
        match self.text.last_mut() {
            Some(last) if last.end >= span.start => last.end = last.end.max(span.end),
            _ => self.text.push(span),
        }
    }

    fn stream(&mut self, key: StreamKey, span: Span) -> Option<&mut Stream> {
        let at = match self.places.get(&key) {
            Some(&at) => at,
            None if self.list.len() == MAX_SESSIONS => {
                self.too_many = true;
                self.text(span);
                return None;
            }
            None => {
                let StreamKey { account, name, streamed } = key.clone();
                let (text, events) = (Vec::new(), Vec::new());
                self.list.push(Stream { account, name, streamed, region: None, target: None, text, events });
                self.places.insert(key, self.list.len() - 1);
                self.list.len() - 1
            }
        };
        self.list.get_mut(at)
    }
}

impl Stream {
    fn push(
        &mut self,
        lines: &[u8],
        at: Option<Timestamp>,
        sent: Option<Timestamp>,
        log: Option<&LogEvent>,
        span: Span,
    ) {
        let start = self.text.len();
        self.text.extend_from_slice(lines);
        if lines.last().is_some_and(|&byte| byte != b'\n') {
            self.text.push(b'\n');
        }
        // What has no time stays behind what it was found behind.
        let before = self.events.last().map_or(i64::MIN, |event| event.order);
        let order = sent.map_or(before, Timestamp::as_millisecond);
        let id = log.and_then(|log| log.id.as_deref()).map(|id| digest(&[id.as_bytes()]));
        self.events.push(Event { start, end: self.text.len(), at, order, id, span });
    }
}

/// Eight bytes of SHA-256.
pub(super) fn digest(fields: &[&[u8]]) -> u64 {
    let mut hasher = Sha256::new();
    for field in fields {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field);
    }
    let &first: &[u8; 8] = hasher.finalize().first_chunk().expect("a digest has 32 bytes");
    u64::from_be_bytes(first)
}
