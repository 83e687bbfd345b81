//! Builds the pieces of one partition into one batch, and finds the one that makes the build panic.

use std::sync::Arc;

use shelltrail_core::ObjectRef;
use shelltrail_core::Session;
use shelltrail_core::decode;
use shelltrail_core::ids::Partition;
use shelltrail_core::sink::{RecordSink, SinkError};

use crate::claim::Claim;
use crate::config::PipelineConfig;
use crate::fetch::Piece;
use crate::record::Recorder;
use crate::workers::{Panicked, Workers, caught, computing};

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
    /// The last error of the sink.
    pub(crate) error: Option<SinkError>,
}

/// One call of the sink: its batch, and the records of every session it took.
type Attempt<B> = Result<Result<(B, Vec<u64>), SinkError>, Panicked>;

impl<R: RecordSink> Builder<R> {
    /// Builds one batch. Members of a failed build are given back.
    pub(crate) async fn build(self, partition: Partition, pieces: Vec<Piece>) -> Built<R::Batch> {
        let lane = self.workers.build_lanes().acquire().await.expect("the semaphore is never closed");
        let mut built = Built { batches: Vec::new(), error: None };
        let (pieces, attempt) = self.attempt(&partition, pieces).await;
        match attempt {
            Ok(result) => self.add(&mut built, pieces, result).await,
            Err(Panicked) => {
                for piece in pieces {
                    self.build_alone(&partition, piece, &mut built).await;
                }
            }
        }
        drop(lane);
        built
    }

    async fn build_alone(&self, partition: &Partition, piece: Piece, built: &mut Built<R::Batch>) {
        let (pieces, attempt) = self.attempt(partition, vec![piece]).await;
        match attempt {
            Ok(result) => self.add(built, pieces, result).await,
            Err(panicked) => {
                for Piece { announced, claim, .. } in pieces {
                    self.recorder.fail(announced, claim, "panic", panicked.to_string()).await;
                }
            }
        }
    }

    async fn attempt(&self, partition: &Partition, pieces: Vec<Piece>) -> (Vec<Piece>, Attempt<R::Batch>) {
        let (config, sink) = (Arc::clone(&self.recorder.config), Arc::clone(&self.recorder.sink));
        let partition = partition.clone();
        let work = move || {
            let attempt = caught(|| {
                let mut sessions = Sessions::new(&pieces, &config);
                let batch = sink.build(&partition, &mut sessions)?;
                Ok((batch, sessions.records))
            });
            (pieces, attempt)
        };
        computing(work).await.expect("the panics of a build are caught inside")
    }

    async fn add(
        &self,
        built: &mut Built<R::Batch>,
        pieces: Vec<Piece>,
        result: Result<(R::Batch, Vec<u64>), SinkError>,
    ) {
        let (batch, records) = match result {
            Ok((batch, records)) => (Some(batch), records),
            Err(error) => {
                tracing::error!(%error, sessions = pieces.len(), "cannot build a batch");
                built.error = Some(error);
                (None, Vec::new())
            }
        };
        let mut records = records.into_iter();
        let mut members = Vec::new();
        for piece in pieces {
            match records.next() {
                Some(records) => members.push(piece.into_member(records)),
                // The sink has not even looked at it, so no batch can hold it.
                None => self.recorder.give_back(piece.announced, piece.claim, "build").await,
            }
        }
        built.batches.extend(batch.map(|batch| (batch, members)));
    }
}

/// The sessions of pieces, one piece parsed at a time: when the sink asks for its first session.
#[derive(Debug)]
struct Sessions<'p> {
    pieces: std::slice::Iter<'p, Piece>,
    config: &'p PipelineConfig,
    /// What the sink has not yet taken of the last piece.
    waiting: std::vec::IntoIter<Session>,
    /// Records of the last piece.
    parsed: u64,
    /// The records of every piece whose sessions were all taken.
    records: Vec<u64>,
}

impl<'p> Sessions<'p> {
    fn new(pieces: &'p [Piece], config: &'p PipelineConfig) -> Self {
        let (pieces, waiting) = (pieces.iter(), Vec::new().into_iter());
        Self { pieces, config, waiting, parsed: 0, records: Vec::new() }
    }
}

impl Iterator for Sessions<'_> {
    type Item = Session;

    fn next(&mut self) -> Option<Session> {
        if self.waiting.len() == 0 {
            let piece = self.pieces.next()?;
            let PipelineConfig { layout, parse_limits, .. } = self.config;
            let sessions = decode::sessions(&piece.transcript, layout, parse_limits);
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
