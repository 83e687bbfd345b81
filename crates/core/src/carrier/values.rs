//! JSON values one after the other, with or without newlines between them.

use serde_json::Deserializer;

use super::events::{Kind, Value};
use super::streams::Streams;
use crate::session::Span;

/// What an object may cost in bytes of values that turn out to be damaged, as a multiple of its size. A value that
/// never closes is read to the end of the object before that is known.
const MAX_DAMAGED_READS: usize = 4;

/// Where reading goes on after a damaged value.
const STARTS: [&[u8]; 3] = [b"{\"messageType\"", b"{\"eventVersion\"", b"\n{"];

/// Reads all values from `start`; what is none goes to the text.
pub(super) fn read(bytes: &[u8], start: usize, streams: &mut Streams) {
    let mut pos = start;
    let mut starts = Starts { next: [Some(0); STARTS.len()] };
    let mut patience = bytes.len().saturating_mul(MAX_DAMAGED_READS);
    loop {
        pos += bytes[pos..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let rest = &bytes[pos..];
        if rest.is_empty() {
            return;
        }
        let mut values = Deserializer::from_slice(rest).into_iter::<Value>();
        let end = match values.next() {
            Some(Ok(value)) => {
                let end = pos + values.byte_offset();
                if !take(value.kind(), span(pos, end), streams) {
                    streams.text(span(pos, end));
                }
                end
            }
            Some(Err(error)) => {
                let read = bytes_read(rest, &error);
                let end = match patience.checked_sub(read) {
                    Some(left) => {
                        patience = left;
                        starts.after(bytes, pos)
                    }
                    None => bytes.len(),
                };
                streams.text(span(pos, end));
                end
            }
            None => return,
        };
        pos = end;
    }
}

/// Hands the events of a value on; `false` if it holds none that are known.
fn take(kind: Kind, span: Span, streams: &mut Streams) -> bool {
    match kind {
        Kind::Agent(event) => streams.agent(None, None, event, None, span),
        Kind::Record(record) => {
            for event in record.events {
                let (owner, stream) = (record.owner, record.stream.as_deref());
                match Value::of_message(&event.message) {
                    Some(lines) => streams.agent(owner, stream, lines, Some(&event), span),
                    None => streams.message(owner, stream, &event, span),
                }
            }
        }
        Kind::Control => {}
        Kind::Other => return false,
    }
    true
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u64, end: end as u64 }
}

/// How much of the bytes was read until the error.
fn bytes_read(bytes: &[u8], error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return bytes.len();
    }
    let line = match error.line().saturating_sub(1) {
        0 => 0,
        lines => memchr::memchr_iter(b'\n', bytes).nth(lines - 1).map_or(0, |newline| newline + 1),
    };
    line.saturating_add(error.column()).min(bytes.len())
}

/// The next place of each of [`STARTS`]; each part of the object is searched once.
struct Starts {
    next: [Option<usize>; STARTS.len()],
}

impl Starts {
    /// The first beginning of a value after `pos`, or the end.
    fn after(&mut self, bytes: &[u8], pos: usize) -> usize {
        for (next, start) in self.next.iter_mut().zip(STARTS) {
            if next.is_some_and(|at| at <= pos) {
                let found = bytes.get(pos + 1..).and_then(|rest| memchr::memmem::find(rest, start));
                *next = found.map(|at| pos + 1 + at);
            }
        }
        self.next.iter().flatten().copied().min().unwrap_or(bytes.len())
    }
}
