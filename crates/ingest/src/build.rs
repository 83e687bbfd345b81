//! Builds the pieces of one partition into one batch, and finds the one that makes the build panic.

use std::error::Error;
use std::sync::Arc;

use shelltrail_core::ObjectRef;
use shelltrail_core::Session;
use shelltrail_core::decode;
use shelltrail_core::ids::Partition;
use shelltrail_core::sink::{RecordSink, SinkError};

use crate::claim::Claim;
use crate::config::PipelineConfig;
use crate::fault::Fault;
use crate::fetch::Piece;
use crate::gauges::{Busy, Lane};
use crate::record::Recorder;
use crate::workers::{Panicked, Workers, caught, computing};

/// The sink could not build a batch.
const REFUSED: &str = "index-build";

/// So many objects in a row that cannot be built by themselves, and the sink refuses everything.
const REFUSALS: usize = 3;

/// Builds batches.
#[derive(Debug)]
pub(crate) struct Builder<R> {
    pub(crate) recorder: Recorder<R>,
    pub(crate) workers: Arc<Workers>,
}

impl<R> Clone for Builder<R> {
    fn clone(&self) -> Self {
        Self { recorder: self.recorder.clone(), workers: Arc::clone(&self.workers) }
    }
}

/// An object in a built batch; its clear bytes are gone, its claim waits for the commit.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) claim: Claim,
    pub(crate) announced: ObjectRef,
    pub(crate) object: ObjectRef,
    pub(crate) stored_bytes: u64,
    pub(crate) clear_bytes: u64,
    pub(crate) records: u64,
}

/// What became of one build.
#[derive(Debug)]
pub(crate) struct Built<B> {
    /// Batches with their members; more than one if a panic forced single builds.
    pub(crate) batches: Vec<(B, Vec<Member>)>,
    /// Whether the sink refused one of them.
    pub(crate) failed: bool,
}

/// One call of the sink: its batch, and the records of every session it took.
type Attempt<B> = Result<Result<(B, Vec<u64>), SinkError>, Panicked>;

impl<R: RecordSink> Builder<R> {
    /// Builds one batch. Members of a failed build are given back.
    pub(crate) async fn build(self, partition: Partition, pieces: Vec<Piece>) -> Built<R::Batch> {
        let lane = self.workers.build_lanes().acquire().await.expect("the semaphore is never closed");
        let _busy = Busy::begin(&self.recorder.progress, Lane::Build);
        let mut built = Built { batches: Vec::new(), failed: false };
        let (pieces, attempt) = self.attempt(&partition, pieces).await;
        match attempt {
            Ok(Ok(batch)) => {
                self.recorder.breaker.wrote(REFUSED);
                self.add(&mut built, pieces, batch).await;
            }
            Ok(Err(error)) => {
                tracing::error!(
                    error = &error as &dyn Error,
                    sessions = pieces.len(),
                    "cannot build a batch"
                );
                built.failed = true;
                let fault = Fault::of_sink(REFUSED, &error);
                if fault.reason != REFUSED {
                    // A disk without room refuses every one of them.
                    self.refuse(pieces, fault).await;
                } else if pieces.len() == 1 {
                    self.refuse(pieces, fault.of_one()).await;
                } else {
                    self.build_each(&partition, pieces, &mut built).await;
                }
            }
            Err(Panicked) => self.build_each(&partition, pieces, &mut built).await,
        }
        drop(lane);
        built
    }

    /// Builds pieces one by one, and so finds those that cannot be built.
    async fn build_each(&self, partition: &Partition, pieces: Vec<Piece>, built: &mut Built<R::Batch>) {
        let (mut refused, mut fault) = (Vec::new(), None);
        for piece in pieces {
            // It refuses everything: no need to ask about all of them.
            if built.batches.is_empty() && refused.len() >= REFUSALS {
                refused.push(piece);
                continue;
            }
            let (mut pieces, attempt) = self.attempt(partition, vec![piece]).await;
            match attempt {
                Ok(Ok(batch)) => self.add(built, pieces, batch).await,
                Ok(Err(error)) => {
                    built.failed = true;
                    fault = Some(Fault::of_sink(REFUSED, &error));
                    refused.append(&mut pieces);
                }
                Err(panicked) => {
                    for Piece { announced, claim, .. } in pieces {
                        self.recorder.fail(announced, claim, "panic", panicked.to_string()).await;
                    }
                }
            }
        }
        if let Some(fault) = fault {
            // Where others could be built, those that could not are to blame.
            let fault = if built.batches.is_empty() { fault } else { fault.of_object() };
            self.refuse(refused, fault).await;
        }
    }

    async fn refuse(&self, pieces: Vec<Piece>, fault: Fault) {
        for Piece { announced, claim, .. } in pieces {
            // Where the first build panicked, some were not built by themselves; the process outlived them all the same.
            let marked = claim.marked();
            self.recorder.fault(announced, claim, fault.clone()).await;
            self.recorder.end_start(marked).await;
        }
    }

    async fn attempt(&self, partition: &Partition, pieces: Vec<Piece>) -> (Vec<Piece>, Attempt<R::Batch>) {
        let (config, sink) = (Arc::clone(&self.recorder.config), Arc::clone(&self.recorder.sink));
        let (recorder, partition) = (self.recorder.clone(), partition.clone());
        let work = move || {
            let attempt = caught(|| {
                let (begin, end) = (
                    |piece: &Piece| recorder.resume_start(piece.claim.marked()),
                    |piece: &Piece| recorder.end_light_start(piece.claim.marked()),
                );
                let mut sessions = Sessions::new(&pieces, &config, (&begin, &end));
                let batch = sink.build(&partition, &mut sessions)?;
                Ok((batch, sessions.records))
            });
            let outlived = pieces.iter().filter_map(|piece| piece.claim.marked());
            // The process has outlived them, unless they are about to be built again one by one; a mark of a backfill is
            // made anew for that.
            let is_over = attempt.is_ok() || pieces.len() == 1;
            let over = outlived.filter(|marked| is_over || marked.is_light);
            over.for_each(|marked| recorder.end_start_here(&marked.id));
            (pieces, attempt)
        };
        computing(work).await.expect("the panics of a build are caught inside")
    }

    async fn add(&self, built: &mut Built<R::Batch>, pieces: Vec<Piece>, batch: (R::Batch, Vec<u64>)) {
        let (batch, records) = batch;
        let mut records = records.into_iter();
        let (mut members, mut missed) = (Vec::new(), Vec::new());
        for piece in pieces {
            match records.next() {
                Some(records) => members.push(piece.into_member(records)),
                None => missed.push(piece),
            }
        }
        // The sink has not even looked at them, so no batch can hold them.
        let fault = Fault::of_writing(REFUSED, "the sink did not take the session".to_owned());
        self.refuse(missed, fault).await;
        built.batches.push((batch, members));
    }
}

/// Whoever is told of a piece.
type Told<'p> = &'p dyn Fn(&Piece);

/// The sessions of pieces, one piece parsed at a time: when the sink asks for its first session.
struct Sessions<'p> {
    pieces: std::slice::Iter<'p, Piece>,
    config: &'p PipelineConfig,
    /// What the sink has not yet taken of the last piece.
    waiting: std::vec::IntoIter<Session>,
    /// Records of the last piece.
    parsed: u64,
    /// The records of every piece whose sessions were all taken.
    records: Vec<u64>,
    /// The last piece, and whom to tell that one is begun and that the sink has taken all of it.
    last: Option<&'p Piece>,
    begin: Told<'p>,
    end: Told<'p>,
}

impl<'p> Sessions<'p> {
    fn new(pieces: &'p [Piece], config: &'p PipelineConfig, (begin, end): (Told<'p>, Told<'p>)) -> Self {
        let (pieces, waiting) = (pieces.iter(), Vec::new().into_iter());
        Self { pieces, config, waiting, parsed: 0, records: Vec::new(), last: None, begin, end }
    }
}

impl Iterator for Sessions<'_> {
    type Item = Session;

    fn next(&mut self) -> Option<Session> {
        if self.waiting.len() == 0 {
            self.last.take().into_iter().for_each(self.end);
            let piece = self.pieces.next()?;
            (self.begin)(piece);
            self.last = Some(piece);
            let PipelineConfig { layout, parse_limits, .. } = self.config;
            let mut sessions = decode::sessions(&piece.transcript, layout, parse_limits);
            if let Some(announced) = piece.claim.announced() {
                sessions.iter_mut().for_each(|session| session.sequencer.clone_from(&announced.sequencer));
            }
            self.parsed = sessions.iter().map(|session| session.records.len() as u64).sum();
            self.waiting = sessions.into_iter();
        }
        let session = self.waiting.next();
        if self.waiting.len() == 0 {
            self.records.push(self.parsed);
        }
        session
    }
}

impl Piece {
    fn into_member(self, records: u64) -> Member {
        let Piece { transcript, announced, stored_bytes, claim, .. } = self;
        let clear_bytes = transcript.bytes.len() as u64;
        Member { claim, announced, object: transcript.object, stored_bytes, clear_bytes, records }
    }
}
