//! The third stage: gathers transcripts by partition, builds batches, commits them.
//!
//! Batches are built side by side, commits happen one at a time, and gathering goes on meanwhile. A commit
//! is due by age, by size, when nothing else is to be done, and at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use shelltrail_core::ObjectRef;
use shelltrail_core::ids::Partition;
use shelltrail_core::sink::{RecordSink, SinkError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::activity::{Activity, Underway};
use crate::budget::Budget;
use crate::build::{Builder, Built, Member};
use crate::config::PipelineConfig;
use crate::delivery::Outcome;
use crate::fetch::Piece;
use crate::pipeline::IngestError;
use crate::proof;
use crate::record::{Recorder, clear_all};
use crate::stop::StopHandle;
use crate::summary::{Counter, Progress};
use crate::workers::{Panicked, blocking};

/// The stage.
#[derive(Debug)]
pub(crate) struct Writer<R: RecordSink> {
    pub(crate) config: Arc<PipelineConfig>,
    pub(crate) builder: Builder<R>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) progress: Arc<Progress>,
    /// Stops the pipeline when the sink fails for good.
    pub(crate) halt: StopHandle,
}

/// Transcripts of one partition that wait for their build.
#[derive(Debug, Default)]
struct Group {
    pieces: Vec<Piece>,
    clear_bytes: u64,
    reserved_bytes: u64,
}

/// The uncommitted.
#[derive(Debug)]
struct State<B> {
    groups: BTreeMap<Partition, Group>,
    reserved_bytes: u64,
    builds: JoinSet<Built<B>>,
    built: Vec<(B, Vec<Member>)>,
    /// Clear bytes of batches that are built or being built.
    begun_bytes: u64,
    build_error: Option<SinkError>,
    first_at: Option<Instant>,
    commit: JoinSet<Result<(), CommitError>>,
    failures_in_a_row: u32,
    fatal: Option<IngestError>,
}

/// A commit made nothing durable that we know of.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    #[error(transparent)]
    Sink(SinkError),
    #[error(transparent)]
    Panicked(Panicked),
}

/// Why gathering paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    CommitDue,
    End,
}

impl<R: RecordSink> Writer<R> {
    /// Works until no piece can come any more and everything is committed or given back.
    ///
    /// # Errors
    /// The sink failed [`PipelineConfig::max_commit_failures`] times in a row.
    pub(crate) async fn run(self, mut pieces: mpsc::Receiver<(Piece, Underway)>) -> Result<(), IngestError> {
        let mut state = State::new();
        let mut pause = Pause::CommitDue;
        while pause != Pause::End {
            pause = self.gather(&mut state, &mut pieces).await;
            self.finish_builds(&mut state).await;
            self.begin_commit(&mut state).await;
        }
        self.finish_commit(&mut state).await;
        state.fatal.map_or(Ok(()), Err)
    }

    async fn gather(
        &self,
        state: &mut State<R::Batch>,
        pieces: &mut mpsc::Receiver<(Piece, Underway)>,
    ) -> Pause {
        loop {
            self.build_full_groups(state);
            if state.begun_bytes >= self.config.commit_bytes {
                return Pause::CommitDue;
            }
            let begun = state.first_at;
            let due = async {
                match begun {
                    Some(first_at) => tokio::time::sleep_until(first_at + self.config.commit_age).await,
                    None => std::future::pending().await,
                }
            };
            let can_make_room = !state.groups.is_empty() && state.builds.is_empty();
            tokio::select! {
                piece = pieces.recv() => match piece {
                    Some((piece, underway)) => {
                        match state.fatal {
                            None => state.take(piece),
                            Some(_) => {
                                self.builder.recorder.give_back(piece.announced, piece.claim, "commit").await;
                            }
                        }
                        drop(underway);
                    }
                    None => return Pause::End,
                },
                Some(built) = state.builds.join_next() => self.collect(state, built.ok()),
                Some(done) = state.commit.join_next() => self.note(state, done.ok()),
                () = due => return Pause::CommitDue,
                () = self.activity.idle(), if begun.is_some() => return Pause::CommitDue,
                () = self.budget.pressure(state.reserved_bytes), if can_make_room => self.build_largest(state),
            }
        }
    }

    /// Builds every group that is large enough, and the largest ones while all together hold half of the
    /// budget.
    fn build_full_groups(&self, state: &mut State<R::Batch>) {
        let full: Vec<Partition> = state
            .groups
            .iter()
            .filter(|(_, group)| group.clear_bytes >= self.config.batch_bytes)
            .map(|(partition, _)| partition.clone())
            .collect();
        for partition in full {
            self.build(state, partition);
        }
        while !state.groups.is_empty() && state.reserved_bytes >= self.config.in_flight_bytes / 2 {
            self.build_largest(state);
        }
    }

    fn build_largest(&self, state: &mut State<R::Batch>) {
        let largest = state.groups.iter().max_by_key(|(_, group)| group.reserved_bytes);
        if let Some(partition) = largest.map(|(partition, _)| partition.clone()) {
            self.build(state, partition);
        }
    }

    fn build(&self, state: &mut State<R::Batch>, partition: Partition) {
        if let Some(group) = state.groups.remove(&partition) {
            state.reserved_bytes -= group.reserved_bytes;
            state.begun_bytes += group.clear_bytes;
            state.builds.spawn(self.builder.clone().build(partition, group.pieces));
        }
    }

    /// A build that died as a whole has given its members back by dropping them.
    fn collect(&self, state: &mut State<R::Batch>, built: Option<Built<R::Batch>>) {
        let Some(built) = built else { return };
        state.built.extend(built.batches);
        if let Some(error) = built.error {
            self.progress.count(Counter::BuildFailures);
            state.build_error = Some(error);
        }
    }

    async fn finish_builds(&self, state: &mut State<R::Batch>) {
        while let Some(partition) = state.groups.keys().next().cloned() {
            self.build(state, partition);
        }
        while let Some(built) = state.builds.join_next().await {
            self.collect(state, built.ok());
        }
        state.first_at = None;
    }

    /// Commits what is built, after the commit before it.
    async fn begin_commit(&self, state: &mut State<R::Batch>) {
        self.finish_commit(state).await;
        let built = std::mem::take(&mut state.built);
        state.begun_bytes = 0;
        let build_error = state.build_error.take();
        if !built.is_empty() {
            state.commit.spawn(commit(self.builder.recorder.clone(), built));
        } else if let Some(error) = build_error {
            // A round in which nothing could be built counts like a failed commit.
            self.fail(state, CommitError::Sink(error));
        }
    }

    async fn finish_commit(&self, state: &mut State<R::Batch>) {
        while let Some(done) = state.commit.join_next().await {
            self.note(state, done.ok());
        }
    }

    fn note(&self, state: &mut State<R::Batch>, done: Option<Result<(), CommitError>>) {
        match done.unwrap_or(Err(CommitError::Panicked(Panicked))) {
            Ok(()) => state.failures_in_a_row = 0,
            Err(error) => {
                self.progress.count(Counter::CommitFailures);
                self.fail(state, error);
            }
        }
    }

    fn fail(&self, state: &mut State<R::Batch>, error: CommitError) {
        state.failures_in_a_row += 1;
        let rounds = state.failures_in_a_row;
        tracing::error!(%error, rounds, "a round of writing failed");
        if rounds >= self.config.max_commit_failures && state.fatal.is_none() {
            state.fatal = Some(match error {
                CommitError::Sink(source) => IngestError::Sink { rounds, source },
                CommitError::Panicked(_) => IngestError::Stage { stage: "commit" },
            });
            self.halt.stop();
        }
    }
}

/// Commits batches, then says so to everything that waits for them. On failure all is given back.
async fn commit<R: RecordSink>(
    recorder: Recorder<R>,
    built: Vec<(R::Batch, Vec<Member>)>,
) -> Result<(), CommitError> {
    let (batches, members): (Vec<R::Batch>, Vec<Vec<Member>>) = built.into_iter().unzip();
    let members: Vec<Member> = members.into_iter().flatten().collect();
    let objects: Vec<ObjectPair> =
        members.iter().map(|member| (member.announced.clone(), member.object.clone())).collect();
    let (sink, progress) = (Arc::clone(&recorder.sink), Arc::clone(&recorder.progress));
    let committed = blocking(move || {
        let committed = proof::commit(&*sink, batches)?;
        for (announced, read) in &objects {
            clear_all(&*sink, std::iter::once(announced).chain((announced != read).then_some(read)));
        }
        Ok(committed)
    });
    let error = match committed.await {
        Ok(Ok(committed)) => {
            progress.count(Counter::Commits);
            for member in members {
                progress.add(Counter::BytesStored, member.stored_bytes);
                progress.add(Counter::BytesClear, member.clear_bytes);
                progress.add(Counter::Records, member.records);
                member.claim.settle(Outcome::Indexed(committed));
            }
            return Ok(());
        }
        Ok(Err(error)) => CommitError::Sink(error),
        Err(panicked) => CommitError::Panicked(panicked),
    };
    for member in members {
        recorder.give_back(member.announced, member.claim, "commit").await;
    }
    Err(error)
}

/// An object as announced and as read.
type ObjectPair = (ObjectRef, ObjectRef);

impl<B: 'static> State<B> {
    fn new() -> Self {
        Self {
            groups: BTreeMap::new(),
            reserved_bytes: 0,
            builds: JoinSet::new(),
            built: Vec::new(),
            begun_bytes: 0,
            build_error: None,
            first_at: None,
            commit: JoinSet::new(),
            failures_in_a_row: 0,
            fatal: None,
        }
    }

    fn take(&mut self, piece: Piece) {
        self.first_at.get_or_insert_with(Instant::now);
        let group = self.groups.entry(piece.partition.clone()).or_default();
        let reserved_bytes = piece.reservation.bytes();
        group.clear_bytes += piece.transcript.bytes.len() as u64;
        group.reserved_bytes += reserved_bytes;
        self.reserved_bytes += reserved_bytes;
        group.pieces.push(piece);
    }
}
