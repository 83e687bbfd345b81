//! What became of the object behind a stored session since it was stored: removed from its bucket, overwritten.
//!
//! Neither the order of delivery nor the order in which things were stored means anything. Events of a key are ordered by
//! their sequencers; where these do not tell, times of S3 do: when a request was finished, and when an object was last
//! modified (of a multipart upload: when it was begun). Versions name what is deleted for good, whatever the order.

use std::cmp::Ordering;

use jiff::Timestamp;
use shelltrail_core::Sequencer;
use shelltrail_core::session::{Marks, SourceDeleted};
use shelltrail_core::sink::{KeyEventKind, RemovalKind};

use crate::block::SessionMeta;
use crate::removals::StoredEvent;

/// The name of the version that objects have which were written while a bucket had no versions.
const NULL_VERSION: &str = "null";

/// One time that a content was written under its key.
#[derive(Clone, Debug)]
struct Written<'a> {
    version: Option<&'a str>,
    sequencer: Option<&'a Sequencer>,
    at: Option<Timestamp>,
}

/// Judges a session by the events of its key and by the other contents of the key that are stored.
pub(crate) fn marks(session: &SessionMeta, events: &[StoredEvent], others: &[&SessionMeta]) -> Marks {
    Marks {
        source_deleted: source_deleted(session, events),
        overwritten: overwritten(session, events, others),
        contents: others.len() as u64 + 1,
    }
}

/// It is removed if every write of its content is. A delete marker counts more than a permanent delete: behind it a version
/// is still there.
fn source_deleted(session: &SessionMeta, events: &[StoredEvent]) -> Option<SourceDeleted> {
    let mut told: Option<SourceDeleted> = None;
    for write in writes(session, events) {
        let (kind, at) = removal_of(&write, events)?;
        let is_earlier = told.is_some_and(|told| (kind.is_marker(), at) < (told.kind.is_marker(), told.at));
        if !is_earlier {
            told = Some(SourceDeleted { at, kind });
        }
    }
    told
}

fn removal_of(write: &Written<'_>, events: &[StoredEvent]) -> Option<(RemovalKind, Option<Timestamp>)> {
    let mut found = None;
    for event in events {
        let KeyEventKind::Removed(kind) = event.kind else { continue };
        let removes = match event.version.as_deref() {
            _ if kind.is_marker() => !is_marker_deleted(event, events) && is_later(event, write),
            // A bucket without versions.
            None => is_later(event, write),
            Some(NULL_VERSION) => write.version.is_none() && is_later(event, write),
            Some(version) => write.version == Some(version),
        };
        // What is deleted for good is gone, marker or not; of several removals the first one did it.
        let rank = |kind: RemovalKind, at: Option<Timestamp>| (kind.is_marker(), at.is_none(), at);
        if removes && found.is_none_or(|(other, at)| rank(kind, event.at) < rank(other, at)) {
            found = Some((kind, event.at));
        }
    }
    found
}

/// A delete marker is a version itself; where that is deleted, the key is back.
fn is_marker_deleted(marker: &StoredEvent, events: &[StoredEvent]) -> bool {
    events.iter().any(|event| {
        let deletes = event.kind == KeyEventKind::Removed(RemovalKind::Deleted)
            || event.kind == KeyEventKind::Removed(RemovalKind::Expired);
        deletes
            && event.version.is_some()
            && event.version == marker.version
            && order(event.sequencer.as_ref(), marker.sequencer.as_ref()) != Some(Ordering::Less)
    })
}

/// Whether a removal came after a write. If nothing tells, it did: nobody removes what was not written.
fn is_later(removal: &StoredEvent, write: &Written<'_>) -> bool {
    match order(removal.sequencer.as_ref(), write.sequencer) {
        Some(order) => order == Ordering::Greater,
        None => match (removal.at, write.at) {
            (Some(removed), Some(written)) => removed >= written,
            _ => true,
        },
    }
}

/// Two events with one sequencer are one event, and a removal is no write: then it tells nothing.
fn order(a: Option<&Sequencer>, b: Option<&Sequencer>) -> Option<Ordering> {
    a?.order(b?).filter(|order| *order != Ordering::Equal)
}

fn overwritten(session: &SessionMeta, events: &[StoredEvent], others: &[&SessionMeta]) -> Option<bool> {
    let mine: Vec<Written<'_>> = writes(session, events).collect();
    let is_later = |other: &SessionMeta| {
        let theirs: Vec<Written<'_>> = writes(other, events).collect();
        is_last(&theirs, &mine)
    };
    let is_earlier = |other: &SessionMeta| {
        let theirs: Vec<Written<'_>> = writes(other, events).collect();
        is_last(&mine, &theirs)
    };
    // Of a key that was overwritten often, most contents meet a newer one soon.
    if others.iter().any(|other| is_later(other)) {
        return Some(true);
    }
    others.iter().all(|other| is_earlier(other)).then_some(false)
}

/// Whether one of these writes came after all of the others.
fn is_last(these: &[Written<'_>], others: &[Written<'_>]) -> bool {
    these.iter().any(|write| others.iter().all(|other| write_order(write, other) == Some(Ordering::Greater)))
}

fn write_order(a: &Written<'_>, b: &Written<'_>) -> Option<Ordering> {
    let by_time = || Some(a.at?.cmp(&b.at?)).filter(|order| *order != Ordering::Equal);
    order(a.sequencer, b.sequencer).or_else(by_time)
}

/// Every time that the content of a session was written, as far as it was told.
fn writes<'a>(
    session: &'a SessionMeta,
    events: &'a [StoredEvent],
) -> impl Iterator<Item = Written<'a>> + use<'a> {
    let version = |version: &'a Option<String>| version.as_deref().filter(|&version| version != NULL_VERSION);
    let first = Written {
        version: version(&session.object.version),
        sequencer: session.sequencer.as_ref(),
        at: session.last_modified,
    };
    let again = events.iter().filter(|event| {
        event.kind == KeyEventKind::WrittenAgain && event.etag.is_some() && event.etag == session.object.etag
    });
    let again = again.map(move |event| Written {
        version: version(&event.version),
        sequencer: event.sequencer.as_ref(),
        at: event.at,
    });
    std::iter::once(first).chain(again)
}

#[cfg(test)]
mod tests;
