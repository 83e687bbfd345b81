//! Puts the events of a session in order, each line once.
//!
//! Events arrive out of order and twice: Firehose delivers at least once, and an agent that misses the answer to a
//! call sends its lines again, with a later time and perhaps more lines behind them.

use std::collections::HashSet;

use jiff::Timestamp;

use super::streams::{Event, Stream, digest};
use crate::session::Span;

/// How many events back a repetition begins at most: the agent sends four in a call.
const MAX_EVENTS_OF_CALL: usize = 4;
/// The fewest lines that are taken for sent again. A single line comes again by itself: an empty prompt, a dot.
const MIN_LINES_AGAIN: usize = 2;
/// How much later the agent sends again. After that it is more likely that somebody did the same once more.
const MAX_AGAIN_MS: i64 = 10_000;

/// The text of a session in order.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    pub text: Vec<u8>,
    pub marks: Vec<Mark>,
    /// Lines were left out that were there already.
    pub repeated: bool,
}

/// Where an event begins in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub start: usize,
    pub at: Option<Timestamp>,
    pub span: Span,
}

/// Orders a session.
pub(super) fn order(stream: &mut Stream) -> Ordered {
    let mut events = std::mem::take(&mut stream.events);
    let text = std::mem::take(&mut stream.text);
    // A stable sort: what has the same time stays in the order of the object.
    events.sort_by_key(|event| event.order);
    let mut ordered = Ordered { text: Vec::with_capacity(text.len()), ..Ordered::default() };
    let before = events.len();
    drop_same(&mut events, &text, stream.streamed);
    ordered.repeated = events.len() < before;
    let mut kept: Vec<(usize, i64)> = Vec::with_capacity(events.len());
    for at in 0..events.len() {
        if stream.streamed && events[at].start < events[at].end {
            ordered.repeated |= drop_again(&mut events[at..], &text, &kept, &ordered.text);
        }
        let event = events[at];
        if event.start == event.end {
            continue;
        }
        kept.push((ordered.text.len(), event.order));
        ordered.marks.push(Mark { start: ordered.text.len(), at: event.at, span: event.span });
        ordered.text.extend_from_slice(&text[event.start..event.end]);
    }
    ordered
}

/// Drops events that are the same event: equal in time, identity and text. Without an identity only the agent is known
/// to send no two such events: it sends once a second.
fn drop_same(events: &mut Vec<Event>, text: &[u8], streamed: bool) {
    let mut seen = HashSet::with_capacity(events.len());
    events.retain(|event| {
        let id = event.id.map(u64::to_be_bytes).unwrap_or_default();
        let time = event.at.map_or(i64::MIN, Timestamp::as_millisecond).to_be_bytes();
        let order = event.order.to_be_bytes();
        event.at.is_none()
            || (event.id.is_none() && !streamed)
            || seen.insert(digest(&[&id, &time, &order, &text[event.start..event.end]]))
    });
}

/// Cuts off the front of the coming events what is a repetition of all lines since one of the last events began.
fn drop_again(coming: &mut [Event], text: &[u8], kept: &[(usize, i64)], so_far: &[u8]) -> bool {
    let Some(first) = coming.first() else { return false };
    for &(start, order) in kept.iter().rev().take(MAX_EVENTS_OF_CALL) {
        let again = &so_far[start..];
        let late = first.order.saturating_sub(order) > MAX_AGAIN_MS;
        if !late && starts_with(coming, text, again) {
            let mut left = again.len();
            for event in coming.iter_mut() {
                let cut = left.min(event.end - event.start);
                event.start += cut;
                left -= cut;
            }
            return true;
        }
    }
    false
}

/// Whether the next events begin with these lines, which are enough to be no coincidence.
fn starts_with(coming: &[Event], text: &[u8], lines: &[u8]) -> bool {
    let mut left = lines;
    for event in coming.iter().take(MAX_EVENTS_OF_CALL) {
        let event = &text[event.start..event.end];
        let shorter = event.len().min(left.len());
        if event[..shorter] != left[..shorter] {
            return false;
        }
        left = &left[shorter..];
        if left.is_empty() {
            return memchr::memchr_iter(b'\n', lines).nth(MIN_LINES_AGAIN - 1).is_some();
        }
    }
    false
}
