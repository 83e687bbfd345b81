//! A backfill as messages: workers do the rest, and the queue spreads it over all of them.

use std::sync::Arc;

use serde_json::json;
use shelltrail_core::form;
use shelltrail_core::notification::BACKFILL_CONFIGURATION;

use super::Origin;
use super::books::{Bookmark, Books};
use super::tally::Tally;
use super::walk::{Known, Looked, Standing, Walk};
use crate::backoff;
use crate::config::PipelineConfig;
use crate::lease::MAX_BATCH;
use crate::pipeline::IngestError;
use crate::source::{ListedObject, MAX_SEND_BYTES, ObjectStore, Queue, SendError};
use crate::stop::Stop;
use crate::workers::blocking;

/// Most bytes of one message: the size that S3's own have at most (events.md §6.6), which every queue for them takes.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Most objects of one message. A message is done when all of them are, and live work waits for one message at most.
const MAX_RECORDS: usize = 20;

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// The account, earlier runs of the same backfill included.
    pub tally: Tally,
    /// Messages of this run.
    pub messages: u64,
    /// Whether the whole source was listed, or as much as the limit allows.
    pub ended: bool,
}

/// Sends what is not known to be indexed to a queue, as notifications in the form of S3 that a worker tells from
/// real ones, until `stop`.
///
/// Archived objects are sent too: the worker lists them among the failures. A key with two readings is sent in the
/// first one.
///
/// # Errors
/// The source cannot be listed, the index cannot be read, or the queue takes nothing.
pub async fn enqueue<S: ObjectStore + ?Sized, Q: Queue + ?Sized>(
    config: PipelineConfig,
    mut origin: Origin<S>,
    known: Option<Arc<dyn Known>>,
    queue: Arc<Q>,
    stop: Stop,
) -> Result<Sent, IngestError> {
    let config = Arc::new(config.usable());
    let bookmark = origin.bookmark.take().filter(|_| !origin.selection.newest_first);
    let mut walk = origin.walk(Arc::clone(&config), known, stop.clone());
    let books = Arc::clone(&walk.books);
    let mut sender = Sender { config, queue, messages: 0 };
    let (mut settled, mut gapless) = (books.earlier(), true);
    while let Some(page) = walk.next().await? {
        let tally = sender.send_page(&page, &stop).await?;
        books.add(&tally);
        gapless &= page.whole && tally.failed == 0 && tally.unstarted == 0;
        if gapless {
            settled = settled.plus(&tally);
            keep(bookmark.clone(), page.after, settled).await;
        }
    }
    let ended = finished(&walk, &books, &stop);
    Ok(Sent { tally: books.tally(), messages: sender.messages, ended })
}

fn finished(walk: &Walk, books: &Books, stop: &Stop) -> bool {
    walk.is_limited() || !stop.is_stopped() && books.tally().unstarted == 0
}

async fn keep(bookmark: Option<Arc<dyn Bookmark>>, after: super::Cursor, settled: Tally) {
    let Some(bookmark) = bookmark else { return };
    match blocking(move || bookmark.keep(&after, &settled)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "cannot keep the place of a backfill"),
        Err(panicked) => tracing::error!(error = %panicked, "cannot keep the place of a backfill"),
    }
}

struct Sender<Q: ?Sized> {
    config: Arc<PipelineConfig>,
    queue: Arc<Q>,
    messages: u64,
}

/// A message and how many objects it announces.
struct Letter {
    body: String,
    objects: u64,
}

impl<Q: Queue + ?Sized> Sender<Q> {
    async fn send_page(&mut self, page: &Looked, stop: &Stop) -> Result<Tally, IngestError> {
        let mut tally = Tally { seen: page.objects.len() as u64, ..Tally::default() };
        let mut records = Vec::new();
        for (listed, standing) in &page.objects {
            match (listed.unreadable, standing) {
                (Some(_), _) => tally.failed += 1,
                (None, Standing::Stored) => tally.already_indexed += 1,
                (None, _) => match record(listed) {
                    Some(record) => records.push(record),
                    None => {
                        tracing::warn!(
                            "a list names what cannot be announced: it lies in no bucket, or its name is too long"
                        );
                        tally.failed += 1;
                    }
                },
            }
        }
        let mut letters = letters(records);
        while !letters.is_empty() {
            if stop.is_stopped() {
                tally.unstarted += letters.iter().map(|letter| letter.objects).sum::<u64>();
                return Ok(tally);
            }
            let (mut count, mut bytes) = (0, 0);
            while let Some(letter) = letters.get(count)
                && count < MAX_BATCH
                && bytes + letter.body.len() <= MAX_SEND_BYTES
            {
                bytes += letter.body.len();
                count += 1;
            }
            let rest = letters.split_off(count);
            let batch = std::mem::replace(&mut letters, rest);
            self.send_batch(batch, &mut tally, stop).await?;
        }
        Ok(tally)
    }

    /// Sends until every letter is taken, refused, or was tried as often as the configuration says. A stop ends the
    /// waiting between two tries.
    async fn send_batch(
        &mut self,
        mut open: Vec<Letter>,
        tally: &mut Tally,
        stop: &Stop,
    ) -> Result<(), IngestError> {
        let mut attempt = 1;
        loop {
            let bodies: Vec<String> = open.iter().map(|letter| letter.body.clone()).collect();
            let last = attempt >= self.config.backfill_attempts;
            match self.queue.send(&bodies).await {
                Ok(answers) => {
                    let mut again = Vec::new();
                    let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
                    for (letter, answer) in open.into_iter().zip(answers) {
                        match answer {
                            Some(Ok(())) => {
                                self.messages += 1;
                                tally.enqueued += letter.objects;
                            }
                            Some(Err(SendError::Refused(error))) => {
                                tracing::warn!(error, "the queue refuses a message");
                                tally.failed += letter.objects;
                            }
                            Some(Err(SendError::Retry(_))) | None => again.push(letter),
                        }
                    }
                    open = again;
                    if open.is_empty() {
                        return Ok(());
                    }
                    if last {
                        tally.failed += open.iter().map(|letter| letter.objects).sum::<u64>();
                        return Ok(());
                    }
                }
                Err(error) if error.kind.is_transient() && !last => {
                    tracing::warn!(reason = error.reason, attempt, "cannot send messages");
                }
                Err(error) => return Err(IngestError::Send(error)),
            }
            let (delay, max_delay) = (self.config.retry_delay, self.config.max_retry_delay);
            tokio::select! {
                biased;
                () = stop.stopped() => {
                    tally.unstarted += open.iter().map(|letter| letter.objects).sum::<u64>();
                    return Ok(());
                }
                () = tokio::time::sleep(backoff::delay(delay, max_delay, attempt, "send")) => {}
            }
            attempt += 1;
        }
    }
}

/// What a message has beside its records.
const AROUND: usize = r#"{"Records":[]}"#.len();

/// As many records in a message as there may be.
fn letters(records: Vec<String>) -> Vec<Letter> {
    let mut letters = Vec::new();
    let mut group: Vec<String> = Vec::new();
    let mut bytes = AROUND;
    let close = |group: &mut Vec<String>, letters: &mut Vec<Letter>| {
        if !group.is_empty() {
            let body = format!(r#"{{"Records":[{}]}}"#, group.join(","));
            letters.push(Letter { body, objects: group.len() as u64 });
            group.clear();
        }
    };
    for record in records {
        if group.len() == MAX_RECORDS || bytes + record.len() + 1 > MAX_MESSAGE_BYTES {
            close(&mut group, &mut letters);
            bytes = AROUND;
        }
        bytes += record.len() + 1;
        group.push(record);
    }
    close(&mut group, &mut letters);
    letters
}

/// A record as S3 writes it, marked as ours; `None` for what lies in no bucket. There is no sequencer, as no listing
/// tells one. Nor is there one of what is longer than any name in S3, which a list may have: no queue would take it.
fn record(listed: &ListedObject) -> Option<String> {
    let bucket = listed.object.bucket.as_ref().filter(|bucket| !bucket.is_empty())?;
    let mut object = json!({ "key": form::encode(&listed.object.key) });
    let mut set = |name: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            object[name] = value;
        }
    };
    set("size", listed.size.map(Into::into));
    set("eTag", listed.object.etag.clone().map(Into::into));
    set("versionId", listed.object.version.clone().map(Into::into));
    let mut record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": BACKFILL_CONFIGURATION,
            "bucket": { "name": bucket },
            "object": object,
        },
    });
    if let Some(at) = listed.last_modified {
        record["eventTime"] = at.to_string().into();
    }
    Some(record.to_string()).filter(|record| AROUND + record.len() < MAX_MESSAGE_BYTES)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
