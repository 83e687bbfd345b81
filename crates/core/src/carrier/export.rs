//! Files of an export task: each message with its time in front.
//!
//! A message of the streaming agent is one line of JSON. Otherwise a message is many lines of a transcript, and only
//! its first line has the time; a program may have printed lines that begin alike.

use jiff::Timestamp;

use super::events::{LogEvent, Value};
use super::streams::Streams;
use crate::session::Span;

/// `2026-11-20T21:02:14.000Z `, fraction and all; some tools leave the fraction out.
const TIME_BYTES: std::ops::RangeInclusive<usize> = 20..=30;

/// Reads a file from `start`.
pub(super) fn read(bytes: &[u8], start: usize, stream: &str, streams: &mut Streams) {
    let mut pos = start;
    let mut message: Option<Message> = None;
    while pos < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[pos..]).map_or(bytes.len(), |at| pos + at + 1);
        let timed = time(&bytes[pos..end]);
        let begins = timed.filter(|(time, length)| {
            let json = bytes[pos + length..end].starts_with(b"{\"eventVersion\"");
            // Messages of a transcript are sent when the session has ended: what was printed in it is older.
            json || message.as_ref().is_none_or(|before| before.json || *time >= before.time)
        });
        match (begins, &mut message) {
            (Some((time, length)), _) => {
                let json = bytes[pos + length..end].starts_with(b"{");
                let next = Message { time, start: pos, text: pos + length, end, json };
                if let Some(before) = message.replace(next) {
                    before.take(bytes, stream, streams);
                }
            }
            (None, Some(message)) => message.end = end,
            (None, None) => streams.text(Span { start: pos as u64, end: end as u64 }),
        }
        pos = end;
    }
    if let Some(last) = message {
        last.take(bytes, stream, streams);
    }
}

/// The time in front of a line, and where the message begins.
pub(super) fn time(line: &[u8]) -> Option<(Timestamp, usize)> {
    let head = &line[..line.len().min(TIME_BYTES.end() + 1)];
    let length = memchr::memchr(b' ', head).filter(|length| TIME_BYTES.contains(length))?;
    let text = std::str::from_utf8(&head[..length]).ok()?;
    let shape = text.as_bytes()[10] == b'T' && text.ends_with('Z');
    shape.then(|| text.parse().ok())?.map(|time| (time, length + 1))
}

struct Message {
    time: Timestamp,
    start: usize,
    text: usize,
    end: usize,
    json: bool,
}

impl Message {
    fn take(self, bytes: &[u8], stream: &str, streams: &mut Streams) {
        let span = Span { start: self.start as u64, end: self.end as u64 };
        let text = &bytes[self.text..self.end];
        if self.json
            && let Ok(message) = std::str::from_utf8(text)
            && let Some(lines) = Value::of_message(message)
        {
            let event =
                LogEvent { id: None, timestamp: Some(self.time.as_millisecond()), message: String::new() };
            streams.agent(None, Some(stream), lines, Some(&event), span);
        } else if self.json && memchr::memmem::find(text, b"\"sessionData\"").is_some() {
            streams.text(span);
        } else {
            streams.lines(None, Some(stream), text, self.time, span);
        }
    }
}
