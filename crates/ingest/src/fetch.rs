//! The second stage: claims, reads and opens objects, many at once.

mod pace;
mod patience;

use std::cmp::Ordering;
use std::sync::Arc;

use shelltrail_core::carrier::Carrier;
use shelltrail_core::decode::{self, Transcript};
use shelltrail_core::envelope::{DataKey, Envelope};
use shelltrail_core::ids::{Partition, TranscriptId};
use shelltrail_core::inflate::InflateLimits;
use shelltrail_core::object::Fetched;
use shelltrail_core::sink::{KeyEvent, KeyEventKind, RecordSink, Write};
use shelltrail_core::{ObjectRef, Sequencer};
use tokio::sync::{RwLock, mpsc};
use tokio::task::JoinSet;

pub(crate) use self::pace::Pace;
use self::pace::SUSPECTED;
use crate::activity::{Activity, Underway};
use crate::budget::Reservation;
use crate::claim::{Claim, Claims};
use crate::config::{Admission, PipelineConfig};
use crate::delivery::{Outcome, Share};
use crate::fair::{Bytes, Line, Turn};
use crate::fault::{Fault, Part, chain};
use crate::gauges::{Busy, Lane};
use crate::proof::Stored;
use crate::read::{Read, Reader, UnlockError};
use crate::record::{Recorder, Unreadable};
use crate::removals::{Note, Owed};
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
    pub(crate) pace: Pace,
    /// What its account holds of the byte budget.
    #[allow(dead_code)]
    pub(crate) bytes: Bytes,
}

/// Turns orders into pieces.
#[derive(Debug)]
pub(crate) struct Fetcher<S: ?Sized, K: ?Sized, R> {
    pub(crate) config: Arc<PipelineConfig>,
    pub(crate) reader: Reader<S, K>,
    pub(crate) recorder: Recorder<R>,
    pub(crate) claims: Arc<Claims>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) stop: Stop,
    pub(crate) pieces: mpsc::Sender<(Piece, Underway)>,
    pub(crate) notes: mpsc::Sender<Note>,
    /// Taken for reading by every object in work, for writing by one that is worked on alone.
    pub(crate) gate: Arc<RwLock<()>>,
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
    Failed {
        reason: &'static str,
        detail: String,
    },
    Fault(Fault),
}

impl<S, K, R> Fetcher<S, K, R>
where
    S: ObjectStore + ?Sized,
    K: KeyService + ?Sized,
    R: RecordSink,
{
    /// Works until no order can come any more, nor one that is tried `again`. A stop settles what was not begun and
    /// finishes the rest, as far as it comes to its end within [`PipelineConfig::stop_grace`].
    pub(crate) async fn run(self, mut orders: mpsc::Receiver<Order>, mut again: mpsc::Receiver<Order>) {
        let fetcher = Arc::new(self);
        let (config, breaker) = (&fetcher.config, &fetcher.recorder.breaker);
        let party = |order: &Order| config.layout.locate(&order.object.key).account;
        let mut line = Line::new(config.max_fetches, config.in_flight_bytes);
        let mut freed = line.freed();
        let mut running = JoinSet::new();
        let (mut more, mut more_again) = (true, true);
        while more || more_again || line.len() > 0 || !running.is_empty() {
            freed.mark_unchanged();
            // Objects of a backfill wait here while nothing can be read; messages are given back.
            let shut = breaker.is_open() && line.is_of_backfill();
            while !shut
                && running.len() < config.max_fetches
                && let Some(turn) = line.next()
            {
                running.spawn(Arc::clone(&fetcher).handle(turn));
            }
            let room = line.len() < config.max_fetches
                || line.len() < config.max_waiting && line.is_crowded_by_one();
            tokio::select! {
                biased;
                () = fetcher.stop.stopped() => break,
                Some(_) = running.join_next() => {}
                order = again.recv(), if more_again => match order {
                    // A probe waits for nobody.
                    Some(order) if order.share.ticket().is_some() => {
                        let turn = line.at_once(party(&order), order);
                        running.spawn(Arc::clone(&fetcher).handle(turn));
                    }
                    Some(order) => line.push(party(&order), order),
                    None => more_again = false,
                },
                order = orders.recv(), if more && room => match order {
                    Some(order) => line.push(party(&order), order),
                    None => more = false,
                },
                _ = freed.changed(), if line.len() > 0 => {}
                ticket = breaker.pass(), if shut => {
                    if let Some(ticket) = ticket
                        && let Some(mut turn) = line.next()
                    {
                        turn.order.share.be_probe(Arc::new(ticket));
                        running.spawn(Arc::clone(&fetcher).handle(turn));
                    }
                }
            }
        }
        fetcher.end(orders, again, line, running).await;
    }

    /// Gives back what was not begun, once nobody receives any more: else we would receive it ourselves. Then waits for
    /// what was begun.
    async fn end(
        &self,
        mut orders: mpsc::Receiver<Order>,
        mut again: mpsc::Receiver<Order>,
        mut line: Line,
        mut running: JoinSet<()>,
    ) {
        let mut waiting: Vec<Order> = line.drain().collect();
        loop {
            tokio::select! {
                biased;
                Some(order) = orders.recv() => waiting.push(order),
                Some(order) = again.recv() => waiting.push(order),
                () = self.activity.ended() => break,
            }
        }
        orders.close();
        again.close();
        for order in waiting {
            order.share.settle(Outcome::Unstarted);
        }
        for mut left in [orders, again] {
            while let Some(order) = left.recv().await {
                order.share.settle(Outcome::Unstarted);
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn handle(self: Arc<Self>, turn: Turn) {
        let _busy = Busy::begin(&self.recorder.progress, Lane::Fetch);
        let Turn { order, slot, bytes } = turn;
        let Order { mut object, size, mut share, underway } = order;
        share.describe(size);
        let other_key = share.other_key();
        if self.recorder.breaker.is_open() && share.ticket().is_none() && !share.is_backfill() {
            return self.recorder.hold_back(object, share);
        }
        let Some(mut claim) = self.claims.claim(object.transcript_id(), share) else { return };
        let mut obtained = self.obtain_in_time(&object, size, &mut claim).await;
        if let (Err(End::Gone), Some(other_key)) = (&obtained, other_key) {
            self.recorder.progress.count(Counter::OtherKeys);
            self.recorder.end_start(claim.marked()).await;
            object.key = other_key;
            obtained = self.obtain_in_time(&object, size, &mut claim).await;
        }
        match obtained {
            Ok(Obtained { transcript, reservation, stored_bytes, pace }) => {
                self.recorder.breaker.succeed(Part::Reading, &object, claim.ticket());
                let partition = self.partition(&object, transcript.carrier);
                let (announced, kept) = (object, pace);
                let (pace, usual) = match kept {
                    Pace::Usual(guard) => {
                        // From here it waits among many, until it is parsed.
                        self.recorder.pause_start(claim.marked());
                        (Pace::Usual(None), guard)
                    }
                    alone @ Pace::Alone(_) => (alone, None),
                };
                let piece =
                    Piece { transcript, partition, announced, stored_bytes, claim, reservation, pace, bytes };
                // The writer outlives all senders; if it died, the piece gives its message back by itself.
                let _ = self.pieces.send((piece, underway)).await;
                drop(usual);
            }
            Err(end) => self.conclude(object, claim, end).await,
        }
        drop(slot);
    }

    async fn obtain_in_time(
        &self,
        object: &ObjectRef,
        size: Option<u64>,
        claim: &mut Claim,
    ) -> Result<Obtained, End> {
        tokio::select! {
            biased;
            () = self.out_of_time() => Err(End::Unstarted),
            obtained = self.obtain(object, size, claim) => obtained,
        }
    }

    /// Waits until a stop has left no time for reading.
    async fn out_of_time(&self) {
        self.stop.stopped().await;
        tokio::time::sleep(self.config.stop_grace).await;
        // Whoever still receives would only receive it again.
        self.activity.ended().await;
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
        let is_backfill = claim.is_backfill();
        if let Some(id) = claim.id() {
            self.end_if_stored(object, id).await?;
        }
        let mut pace = match claim.id() {
            _ if is_backfill => self.pace_of_backfill(claim, object, size).await.inspect_err(|end| {
                if matches!(end, End::Failed { .. }) {
                    self.reader.store.pass_over(object);
                }
            })?,
            Some(id) => self.pace(claim, id, None).await?,
            None => self.beside_others().await,
        };
        pace.allows(&self.config, size)?;
        let Read { stored, reservation, superseded } = self.read_patiently(object, size, claim).await?;
        let id = identity(object, &stored.object, &stored.body)?;
        if superseded {
            self.recorder.progress.count(Counter::Superseded);
            claim.forget_announced();
        }
        // What was looked up before was another identity, or none was known.
        let is_new = claim.id() != Some(id);
        if is_new {
            if !is_backfill {
                self.recorder.end_start(claim.marked()).await;
            }
            if !claim.rebind(id) {
                return Err(End::Parked);
            }
            if !is_backfill {
                pace = self.pace(claim, id, Some(pace)).await?;
            }
        }
        pace.allows(&self.config, Some(stored.body.len() as u64))?;
        let envelope = self.unlock_patiently(object, &stored, claim).await?;
        self.open(object, (stored, envelope), id, reservation, is_new, pace).await
    }

    /// Decrypts and inflates; before that looks an identity up that is known only since the read.
    async fn open(
        &self,
        announced: &ObjectRef,
        (stored, envelope): (StoredObject, Option<(Envelope, DataKey)>),
        id: TranscriptId,
        reservation: Reservation,
        look_up: bool,
        pace: Pace,
    ) -> Result<Obtained, End> {
        let StoredObject { object, metadata, last_modified, body } = stored;
        let fetched = Fetched { object, id, metadata, last_modified, body };
        let limits = InflateLimits {
            max_bytes: pace.max_bytes(&self.config),
            max_ratio: self.config.max_inflate_ratio,
        };
        let look_up = look_up.then(|| (self.recorder.clone(), self.possible(announced), announced.clone()));
        let mut sealed = Box::new(Sealed { fetched, envelope, limits, look_up, reservation });
        loop {
            sealed.reservation.room_to_grow().await;
            let progress = Arc::clone(&self.recorder.progress);
            let inflate = move || {
                let _busy = Busy::begin(&progress, Lane::Inflate);
                sealed.open()
            };
            match self.workers.decoding().run(inflate).await {
                Ok(Ok(opened)) => return Ok(Obtained { pace, ..opened? }),
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

    /// A content that is stored and announced again is a duplicate, unless it was written again: then what was told of
    /// its removal may say nothing any more, and the message is owed until that is written down.
    async fn conclude_stored(&self, object: ObjectRef, claim: Claim, stored: Stored) {
        let announced = claim.announced().cloned().unwrap_or_default();
        let (Some(id), Some(sequencer)) = (claim.id(), announced.sequencer) else {
            return claim.settle(Outcome::AlreadyIndexed(stored));
        };
        match self.recorder.write_of(self.possible(&object), id).await {
            Ok(Some(write)) if is_another_write(&object, &sequencer, &write) => {
                let (sequencer, kind) = (Some(sequencer), KeyEventKind::WrittenAgain);
                let event = KeyEvent { object, sequencer, at: announced.at, kind };
                // If the stage has died, the note gives its message back by itself.
                let _ = self.notes.send(Note { event, owed: Owed::Stored(claim, stored) }).await;
            }
            Ok(_) => claim.settle(Outcome::AlreadyIndexed(stored)),
            Err(Unreadable) => self.recorder.fault(object, claim, Fault::unreadable_index()).await,
        }
    }

    async fn conclude(&self, object: ObjectRef, claim: Claim, end: End) {
        let (marked, is_backfill) = (claim.marked(), claim.is_backfill());
        match end {
            End::Parked => {}
            End::Stored(stored) => {
                // The commit that was said to have failed has made it durable.
                if claim.share().is_some_and(Share::was_kept) {
                    self.recorder.breaker.succeed(Part::Writing, &object, claim.ticket());
                }
                self.recorder.breaker.answered(claim.ticket());
                self.conclude_stored(object, claim, stored).await;
            }
            // Stores other than S3 may list an object before they can read it.
            End::Gone if claim.attempts() == 1 => claim.settle(Outcome::Retry("gone")),
            End::Gone => {
                self.recorder.clear(object).await;
                claim.settle(Outcome::Gone);
            }
            End::Ignored => claim.settle(Outcome::Ignored),
            End::Unstarted => claim.settle(Outcome::Unstarted),
            End::Fault(fault) => self.recorder.fault(object, claim, fault).await,
            End::Failed { reason, detail } => {
                let is_written_down = self.recorder.fail(object, claim, reason, detail).await;
                if reason == SUSPECTED && (!is_written_down || is_backfill) {
                    // The marks are all that is known of it, or keep the next backfill from it.
                    return;
                }
            }
        }
        // Not before its failure is written down, or it would come again as if nothing had been.
        self.recorder.end_start(marked).await;
    }
}

#[derive(Debug)]
struct Obtained {
    transcript: Transcript,
    reservation: Reservation,
    stored_bytes: u64,
    pace: Pace,
}

/// An object that is read and not yet inflated.
struct Sealed<R> {
    fetched: Fetched,
    envelope: Option<(Envelope, DataKey)>,
    limits: InflateLimits,
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
        let Self { fetched, envelope, limits, look_up, mut reservation } = self;
        if let Some((recorder, partitions, announced)) = look_up {
            ended(recorder.look_up_here(&partitions, &fetched.id, &announced))?;
        }
        let stored_bytes = fetched.body.len() as u64;
        let transcript =
            decode::open(fetched, envelope, limits).map_err(|error| End::failed(error.reason(), &error))?;
        reservation.resize(transcript.bytes.len() as u64);
        Ok(Obtained { transcript, reservation, stored_bytes, pace: Pace::Usual(None) })
    }
}

fn is_another_write(object: &ObjectRef, sequencer: &Sequencer, stored: &Write) -> bool {
    match &stored.sequencer {
        // Two sequencers that cannot be compared do not make two writes of one version.
        Some(_) if object.version.is_some() && object.version == stored.version => false,
        Some(known) => known.order(sequencer) != Some(Ordering::Equal),
        None => true,
    }
}

/// What a look-up means for an order: only where nothing is stored does it go on.
fn ended(looked_up: Result<Option<Stored>, Unreadable>) -> Result<(), End> {
    match looked_up {
        Ok(None) => Ok(()),
        Ok(Some(stored)) => Err(End::Stored(stored)),
        Err(Unreadable) => Err(End::Fault(Fault::unreadable_index())),
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
        Self::Failed { reason, detail: chain(error) }
    }
}

impl From<SourceError> for End {
    fn from(error: SourceError) -> Self {
        match error.kind {
            SourceErrorKind::NotFound => Self::Gone,
            _ => Self::Fault(error.into()),
        }
    }
}

impl From<UnlockError> for End {
    fn from(error: UnlockError) -> Self {
        match error {
            UnlockError::Source(error) => Self::Fault(error.into()),
            UnlockError::Never { reason, detail } => Self::Failed { reason, detail },
        }
    }
}
