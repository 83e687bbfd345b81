//! The second stage: claims, reads and opens objects, many at once.

use std::sync::Arc;

use shelltrail_core::ObjectRef;
use shelltrail_core::carrier::Carrier;
use shelltrail_core::decode::{self, Transcript};
use shelltrail_core::envelope::{DataKey, Envelope};
use shelltrail_core::ids::{Partition, TranscriptId};
use shelltrail_core::object::Fetched;
use shelltrail_core::sink::RecordSink;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::activity::Underway;
use crate::backoff;
use crate::budget::Reservation;
use crate::claim::{Claim, Claims};
use crate::config::{Admission, PipelineConfig};
use crate::delivery::{Outcome, Share};
use crate::proof::Stored;
use crate::read::{Read, ReadError, Reader, UnlockError};
use crate::record::{Recorder, Unreadable};
use crate::source::{KeyService, ObjectStore, SourceError, SourceErrorKind, StoredObject};
use crate::stop::Stop;
use crate::summary::Counter;
use crate::workers::Workers;

/// An object to be indexed.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) object: ObjectRef,
    /// Stored bytes as announced: a hint.
    pub(crate) size: Option<u64>,
    pub(crate) share: Share,
    pub(crate) underway: Underway,
}

/// A transcript in the clear, on its way to the writer.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) transcript: Transcript,
    pub(crate) partition: Partition,
    /// The object as it was announced; failures are listed under this name.
    pub(crate) announced: ObjectRef,
    pub(crate) stored_bytes: u64,
    pub(crate) claim: Claim,
    pub(crate) reservation: Reservation,
}

/// Turns orders into pieces.
#[derive(Debug)]
pub(crate) struct Fetcher<S: ?Sized, K: ?Sized, R> {
    pub(crate) config: Arc<PipelineConfig>,
    pub(crate) reader: Reader<S, K>,
    pub(crate) recorder: Recorder<R>,
    pub(crate) claims: Arc<Claims>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) stop: Stop,
    pub(crate) pieces: mpsc::Sender<(Piece, Underway)>,
}

/// Why an order yields no piece.
#[derive(Debug)]
enum End {
    Stored(Stored),
    /// Another holds the identity; all shares wait there.
    Parked,
    Gone,
    Ignored,
    Unstarted,
    Retry(&'static str),
    Failed {
        reason: &'static str,
        detail: String,
    },
}

impl<S, K, R> Fetcher<S, K, R>
where
    S: ObjectStore + ?Sized,
    K: KeyService + ?Sized,
    R: RecordSink,
{
    /// Works until no order can come any more. A stop settles what was not begun and finishes the rest.
    pub(crate) async fn run(self, mut orders: mpsc::Receiver<Order>) {
        let fetcher = Arc::new(self);
        let slots = Arc::new(Semaphore::new(fetcher.config.max_fetches));
        let mut running = JoinSet::new();
        loop {
            let next = async {
                let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
                (slot, orders.recv().await)
            };
            let (slot, order) = tokio::select! {
                biased;
                () = fetcher.stop.stopped() => break,
                next = next => next,
            };
            let Some(order) = order else { break };
            let fetcher = Arc::clone(&fetcher);
            running.spawn(async move {
                fetcher.handle(order).await;
                drop(slot);
            });
            while running.try_join_next().is_some() {}
        }
        orders.close();
        while let Some(order) = orders.recv().await {
            order.share.settle(Outcome::Unstarted);
        }
        while running.join_next().await.is_some() {}
    }

    async fn handle(&self, order: Order) {
        let Order { object, size, share, underway } = order;
        let Some(mut claim) = self.claims.claim(object.transcript_id(), share) else { return };
        match self.obtain(&object, size, &mut claim).await {
            Ok(Obtained { transcript, reservation, stored_bytes }) => {
                let partition = self.partition(&object, transcript.carrier);
                let announced = object;
                let piece = Piece { transcript, partition, announced, stored_bytes, claim, reservation };
                // The writer outlives all senders; if it died, the piece gives its message back by itself.
                let _ = self.pieces.send((piece, underway)).await;
            }
            Err(end) => self.conclude(object, claim, end).await,
        }
    }

    async fn obtain(
        &self,
        object: &ObjectRef,
        size: Option<u64>,
        claim: &mut Claim,
    ) -> Result<Obtained, End> {
        match self.config.admission(object) {
            Admission::Wanted => {}
            Admission::Ignored => return Err(End::Ignored),
            Admission::BucketNotAllowed => {
                let detail = "the bucket is not on the list of allowed buckets".to_owned();
                return Err(End::Failed { reason: "bucket_not_allowed", detail });
            }
        }
        if let Some(id) = claim.id() {
            self.end_if_stored(object, id).await?;
        }
        let Read { stored, reservation, superseded } = self.read_patiently(object, size, claim).await?;
        let id = identity(object, &stored.object, &stored.body)?;
        if superseded {
            self.recorder.progress.count(Counter::Superseded);
        }
        // What was looked up before was another identity, or none was known.
        let is_new = claim.id() != Some(id);
        if is_new && !claim.rebind(id) {
            return Err(End::Parked);
        }
        self.open(object, stored, id, reservation, is_new).await
    }

    /// Reads; a backfill repeats by itself what a queue would bring again.
    async fn read_patiently(
        &self,
        object: &ObjectRef,
        size: Option<u64>,
        claim: &Claim,
    ) -> Result<Read, End> {
        let mut attempt = 1;
        loop {
            let error = match self.reader.read(object, size, &self.stop).await {
                Ok(read) => return Ok(read),
                Err(ReadError::Stopped) => return Err(End::Unstarted),
                Err(ReadError::Source(error)) => error,
            };
            let patient = claim.is_backfill() && attempt < self.config.backfill_attempts;
            if !(patient && error.kind.is_transient()) {
                return Err(error.into());
            }
            let PipelineConfig { retry_delay, max_retry_delay, .. } = *self.config;
            let wait = backoff::delay(retry_delay, max_retry_delay, attempt, &object.key);
            tokio::select! {
                () = tokio::time::sleep(wait) => attempt += 1,
                () = self.stop.stopped() => return Err(End::Unstarted),
            }
        }
    }

    /// Decrypts and inflates; before that looks an identity up that is known only since the read.
    async fn open(
        &self,
        announced: &ObjectRef,
        stored: StoredObject,
        id: TranscriptId,
        reservation: Reservation,
        look_up: bool,
    ) -> Result<Obtained, End> {
        let envelope = self.reader.unlock(&stored).await?;
        let StoredObject { object, metadata, last_modified, body } = stored;
        let fetched = Fetched { object, id, metadata, last_modified, body };
        let max_bytes = self.config.max_object_bytes;
        let look_up = look_up.then(|| (self.recorder.clone(), self.possible(announced), announced.clone()));
        let mut sealed = Box::new(Sealed { fetched, envelope, max_bytes, look_up, reservation });
        loop {
            sealed.reservation.room_to_grow().await;
            match self.workers.decoding().run(move || sealed.open()).await {
                Ok(Ok(opened)) => return opened,
                Ok(Err(still_sealed)) => sealed = still_sealed,
                Err(panicked) => return Err(End::failed("panic", &panicked)),
            }
        }
    }

    async fn end_if_stored(&self, object: &ObjectRef, id: TranscriptId) -> Result<(), End> {
        ended(self.recorder.look_up(self.possible(object), id, object.clone()).await)
    }

    /// What the object holds is not known before it is read; its first session lies in one of these.
    fn possible(&self, object: &ObjectRef) -> Vec<Partition> {
        let mut partitions = vec![self.placed(object), self.recorder.sink.partition(None)];
        partitions.dedup();
        partitions
    }

    /// The partition of all sessions of an object: that of the account in its key, unless the object itself names
    /// accounts. Those may be many and any, and a search for one must know where to look.
    fn partition(&self, object: &ObjectRef, carrier: Carrier) -> Partition {
        if carrier.names_its_accounts() { self.recorder.sink.partition(None) } else { self.placed(object) }
    }

    fn placed(&self, object: &ObjectRef) -> Partition {
        self.recorder.sink.partition(self.config.layout.locate(&object.key).account.as_ref())
    }

    async fn conclude(&self, object: ObjectRef, claim: Claim, end: End) {
        match end {
            End::Parked => {}
            End::Stored(stored) => claim.settle(Outcome::AlreadyIndexed(stored)),
            // Stores other than S3 may list an object before they can read it.
            End::Gone if claim.attempts() == 1 => claim.settle(Outcome::Retry("gone")),
            End::Gone => {
                self.recorder.clear(object).await;
                claim.settle(Outcome::Gone);
            }
            End::Ignored => claim.settle(Outcome::Ignored),
            End::Unstarted => claim.settle(Outcome::Unstarted),
            End::Retry(reason) => self.recorder.give_back(object, claim, reason).await,
            End::Failed { reason, detail } => self.recorder.fail(object, claim, reason, detail).await,
        }
    }
}

#[derive(Debug)]
struct Obtained {
    transcript: Transcript,
    reservation: Reservation,
    stored_bytes: u64,
}

/// An object that is read and not yet inflated.
struct Sealed<R> {
    fetched: Fetched,
    envelope: Option<(Envelope, DataKey)>,
    max_bytes: u64,
    /// Where to look for an identity that is known only since the read.
    look_up: Option<(Recorder<R>, Vec<Partition>, ObjectRef)>,
    reservation: Reservation,
}

impl<R: RecordSink> Sealed<R> {
    /// Decrypts and inflates, unless others have taken the room since this one waited for it. Blocks.
    fn open(self: Box<Self>) -> Result<Result<Obtained, End>, Box<Self>> {
        if self.reservation.has_room_to_grow() { Ok(self.open_here()) } else { Err(self) }
    }

    fn open_here(self) -> Result<Obtained, End> {
        let Self { fetched, envelope, max_bytes, look_up, mut reservation } = self;
        if let Some((recorder, partitions, announced)) = look_up {
            ended(recorder.look_up_here(&partitions, &fetched.id, &announced))?;
        }
        let stored_bytes = fetched.body.len() as u64;
        let transcript = decode::open(fetched, envelope, max_bytes)
            .map_err(|error| End::failed(error.reason(), &error))?;
        reservation.resize(transcript.bytes.len() as u64);
        Ok(Obtained { transcript, reservation, stored_bytes })
    }
}

/// What a look-up means for an order: only where nothing is stored does it go on.
fn ended(looked_up: Result<Option<Stored>, Unreadable>) -> Result<(), End> {
    match looked_up {
        Ok(None) => Ok(()),
        Ok(Some(stored)) => Err(End::Stored(stored)),
        Err(Unreadable) => Err(End::Retry("index-unreadable")),
    }
}

/// The identity of what was read: by its place and ETag, or, outside S3, by its path and content.
fn identity(announced: &ObjectRef, read: &ObjectRef, body: &[u8]) -> Result<TranscriptId, End> {
    if announced.bucket.is_none() {
        return Ok(TranscriptId::of_file(&announced.key, body));
    }
    let etag = read.etag.clone().or_else(|| announced.etag.clone());
    let named = ObjectRef { etag, ..announced.clone() };
    named.transcript_id().ok_or_else(|| End::Failed {
        reason: "no-etag",
        detail: "neither the announcement nor the response tells an ETag".to_owned(),
    })
}

impl End {
    fn failed(reason: &'static str, error: &dyn std::error::Error) -> Self {
        let mut detail = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            detail.push_str(": ");
            detail.push_str(&error.to_string());
            cause = error.source();
        }
        Self::Failed { reason, detail }
    }
}

impl From<SourceError> for End {
    fn from(error: SourceError) -> Self {
        match error.kind {
            SourceErrorKind::NotFound => Self::Gone,
            // Overwritten faster than it could be read: next time it may hold still.
            SourceErrorKind::Replaced => Self::Retry("replaced"),
            kind if kind.is_transient() => Self::Retry(error.reason),
            _ => Self::failed(error.reason, &error),
        }
    }
}

impl From<UnlockError> for End {
    fn from(error: UnlockError) -> Self {
        match error {
            UnlockError::Later(reason) => Self::Retry(reason),
            UnlockError::Never { reason, detail } => Self::Failed { reason, detail },
        }
    }
}
