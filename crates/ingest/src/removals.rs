//! A stage beside the road from fetch to write: what happened to objects that need not be read is gathered, written down
//! together, and only then settled.

use std::sync::Arc;
use std::time::Duration;

use shelltrail_core::ObjectRef;
use shelltrail_core::sink::{KeyEvent, RecordSink};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::breaker::Ticket;
use crate::claim::Claim;
use crate::delivery::{Outcome, Share};
use crate::fault::{Fault, Part};
use crate::proof::Stored;
use crate::record::Recorder;
use crate::workers::blocking;

/// Most events that are written down together; a lifecycle rule removes a day's objects at once.
pub(crate) const MAX_BATCH: usize = 1_024;

/// How long an event waits for others to share its commit.
const LINGER: Duration = Duration::from_millis(500);

/// Why a message is given back whose event could not be written down.
const NOT_RECORDED: &str = "removal-not-recorded";

/// Something to be written down, and what is owed until it is.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) event: KeyEvent,
    pub(crate) owed: Owed,
}

/// Who waits for a note. Dropped, it gives its message back.
#[derive(Debug)]
pub(crate) enum Owed {
    /// The announcement of a removal.
    Removed(Share),
    /// The announcement of a content that is stored and was written again.
    Stored(Claim, Stored),
}

impl Owed {
    fn ticket(&self) -> Option<&Ticket> {
        match self {
            Self::Removed(share) => share.ticket(),
            Self::Stored(claim, _) => claim.ticket(),
        }
    }

    fn settle(self) {
        match self {
            Self::Removed(share) => share.settle(Outcome::Removed),
            Self::Stored(claim, stored) => claim.settle(Outcome::AlreadyIndexed(stored)),
        }
    }

    /// Gives the message back: a removal needs nothing of the breaker but its end.
    async fn fail<R: RecordSink>(self, recorder: &Recorder<R>, object: ObjectRef, fault: Fault) {
        match self {
            Self::Stored(claim, _) => recorder.fault(object, claim, fault).await,
            Self::Removed(share) => {
                let is_open = recorder.breaker.fail(&object, &fault, share.ticket());
                let outcome =
                    if is_open { Outcome::HeldBack(fault.reason) } else { Outcome::Retry(fault.reason) };
                share.settle(outcome);
            }
        }
    }
}

/// Works until nobody can send a note any more.
pub(crate) async fn run<R: RecordSink>(recorder: Recorder<R>, mut notes: mpsc::Receiver<Note>) {
    let mut batch = Vec::new();
    while notes.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let until = Instant::now() + LINGER;
        while batch.len() < MAX_BATCH {
            let room = MAX_BATCH - batch.len();
            match timeout_at(until, notes.recv_many(&mut batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        record(&recorder, std::mem::take(&mut batch)).await;
    }
}

async fn record<R: RecordSink>(recorder: &Recorder<R>, batch: Vec<Note>) {
    let (events, owed): (Vec<KeyEvent>, Vec<Owed>) =
        batch.into_iter().map(|note| (note.event, note.owed)).unzip();
    let sink = Arc::clone(&recorder.sink);
    let objects: Vec<ObjectRef> = events.iter().map(|event| event.object.clone()).collect();
    let fault = match blocking(move || sink.record_key_events(&events)).await {
        Ok(Ok(())) => {
            recorder.breaker.wrote(NOT_RECORDED);
            for (object, owed) in objects.iter().zip(owed) {
                if owed.ticket().is_some() {
                    recorder.breaker.succeed(Part::Writing, object, owed.ticket());
                }
                owed.settle();
            }
            return;
        }
        Ok(Err(error)) => Fault::of_sink(NOT_RECORDED, &error),
        Err(panicked) => Fault::of_writing(NOT_RECORDED, panicked.to_string()),
    };
    tracing::error!(reason = fault.reason, events = owed.len(), "cannot write removals down");
    for (object, owed) in objects.into_iter().zip(owed) {
        owed.fail(recorder, object, fault.clone()).await;
    }
}
