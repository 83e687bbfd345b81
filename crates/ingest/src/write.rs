//! The third stage: gathers transcripts by partition, builds batches, commits them.
//!
//! Batches are built side by side, commits happen one at a time, and gathering goes on meanwhile: what a commit
//! takes along is built and committed by a task of its own. A commit is due by age, by size, by the number of
//! messages that wait for it, when nothing else is to be done, and at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use shelltrail_core::ObjectRef;
use shelltrail_core::ids::Partition;
use shelltrail_core::sink::RecordSink;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::activity::{Activity, Underway};
use crate::budget::Budget;
use crate::build::{Builder, Built, Member};
use crate::config::PipelineConfig;
use crate::delivery::Outcome;
use crate::fault::{Fault, Part};
use crate::fetch::{Pace, Piece};
use crate::gauges::{Busy, Lane};
use crate::proof;
use crate::record::{Recorder, clear_all};
use crate::summary::{Counter, Progress};
use crate::workers::blocking;

/// The stage.
#[derive(Debug)]
pub(crate) struct Writer<R: RecordSink> {
    pub(crate) config: Arc<PipelineConfig>,
    pub(crate) builder: Builder<R>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) progress: Arc<Progress>,
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
    /// What the next commit takes along, built or being built.
    builds: JoinSet<Built<B>>,
    built: Vec<(B, Vec<Member>)>,
    /// Clear bytes of batches that are built or being built.
    begun_bytes: u64,
    /// Objects of messages.
    from_queue: usize,
    first_at: Option<Instant>,
    /// The commit before it, and the builds that it waits for.
    commit: JoinSet<()>,
}

/// Why gathering paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    CommitDue,
    End,
}

impl<R: RecordSink> Writer<R> {
    /// Works until no piece can come any more and everything is committed or given back. What the sink refuses is
    /// given back as well, and the breaker sees to it that not much more comes.
    pub(crate) async fn run(self, mut pieces: mpsc::Receiver<(Piece, Underway)>) {
        let mut state = State::new();
        let mut pause = Pause::CommitDue;
        while pause != Pause::End {
            pause = self.gather(&mut state, &mut pieces).await;
            self.begin_commit(&mut state).await;
        }
        finish_commit(&mut state).await;
    }

    async fn gather(
        &self,
        state: &mut State<R::Batch>,
        pieces: &mut mpsc::Receiver<(Piece, Underway)>,
    ) -> Pause {
        loop {
            self.build_full_groups(state);
            let many = state.from_queue >= self.config.max_held_messages.div_ceil(2);
            if many || state.begun_bytes >= self.config.commit_bytes {
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
                        self.take(state, piece);
                        drop(underway);
                    }
                    None => return Pause::End,
                },
                Some(ended) = state.builds.join_next() => collect(&mut state.built, ended.ok(), &self.progress),
                Some(_) = state.commit.join_next() => {}
                () = due => return Pause::CommitDue,
                () = self.activity.idle(), if begun.is_some() => return Pause::CommitDue,
                () = self.budget.pressure(state.reserved_bytes), if can_make_room => self.build_largest(state),
            }
        }
    }

    fn take(&self, state: &mut State<R::Batch>, piece: Piece) {
        if self.builder.recorder.breaker.refuses_writes() && piece.claim.ticket().is_none() {
            return self.refuse(piece);
        }
        let alone = matches!(piece.pace, Pace::Alone(_));
        let partition = piece.partition.clone();
        state.first_at.get_or_insert_with(Instant::now);
        if alone {
            // Nothing else is read before it is built.
            state.begun_bytes += piece.transcript.bytes.len() as u64;
            state.builds.spawn(self.builder.clone().build(partition, vec![piece]));
        } else {
            state.add(partition, piece);
        }
    }

    /// Gives an object back that cannot be written just now.
    fn refuse(&self, piece: Piece) {
        self.builder.recorder.end_start_soon(&piece.claim);
        for share in piece.claim.into_shares() {
            self.builder.recorder.keep(piece.announced.clone(), share, Fault::held_back());
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
            let refused = self.builder.recorder.breaker.refuses_writes();
            let keeps = |piece: &Piece| !refused || piece.claim.ticket().is_some();
            let (pieces, others): (Vec<Piece>, Vec<Piece>) = group.pieces.into_iter().partition(keeps);
            others.into_iter().for_each(|piece| self.refuse(piece));
            if !pieces.is_empty() {
                state.begun_bytes += group.clear_bytes;
                state.builds.spawn(self.builder.clone().build(partition, pieces));
            }
        }
    }

    /// Builds all that is left and commits it, after the commit before it.
    async fn begin_commit(&self, state: &mut State<R::Batch>) {
        while let Some(partition) = state.groups.keys().next().cloned() {
            self.build(state, partition);
        }
        finish_commit(state).await;
        let (builds, built) = (std::mem::take(&mut state.builds), std::mem::take(&mut state.built));
        (state.first_at, state.from_queue, state.begun_bytes) = (None, 0, 0);
        if !(builds.is_empty() && built.is_empty()) {
            let recorder = self.builder.recorder.clone();
            state.commit.spawn(build_and_commit(recorder, builds, built));
        }
    }
}

/// Waits for builds and commits them with what is built already.
async fn build_and_commit<R: RecordSink>(
    recorder: Recorder<R>,
    mut builds: JoinSet<Built<R::Batch>>,
    mut built: Vec<(R::Batch, Vec<Member>)>,
) {
    while let Some(ended) = builds.join_next().await {
        collect(&mut built, ended.ok(), &recorder.progress);
    }
    if !built.is_empty() {
        commit(recorder, built).await;
    }
}

/// A build that died as a whole has given its members back by dropping them.
fn collect<B>(built: &mut Vec<(B, Vec<Member>)>, ended: Option<Built<B>>, progress: &Progress) {
    let Some(ended) = ended else { return };
    built.extend(ended.batches);
    if ended.failed {
        progress.count(Counter::BuildFailures);
    }
}

async fn finish_commit<B>(state: &mut State<B>) {
    // A commit that died as a whole has given its members back by dropping them.
    while state.commit.join_next().await.is_some() {}
}

/// Commits batches, then says so to everything that waits for them. On failure all is given back.
async fn commit<R: RecordSink>(recorder: Recorder<R>, built: Vec<(R::Batch, Vec<Member>)>) {
    let (batches, members): (Vec<R::Batch>, Vec<Vec<Member>>) = built.into_iter().unzip();
    let members: Vec<Member> = members.into_iter().flatten().collect();
    let objects: Vec<ObjectPair> =
        members.iter().map(|member| (member.announced.clone(), member.object.clone())).collect();
    let (sink, progress) = (Arc::clone(&recorder.sink), Arc::clone(&recorder.progress));
    let busy = Busy::begin(&progress, Lane::Commit);
    let committed = blocking(move || {
        let committed = proof::commit(&*sink, batches)?;
        for (announced, read) in &objects {
            clear_all(&*sink, std::iter::once(announced).chain((announced != read).then_some(read)));
        }
        Ok(committed)
    });
    let committed = committed.await;
    drop(busy);
    progress.gauges().commit_ended(matches!(committed, Ok(Ok(_))));
    let fault = match committed {
        Ok(Ok(committed)) => {
            progress.count(Counter::Commits);
            for member in members {
                recorder.breaker.succeed(Part::Writing, &member.announced, member.claim.ticket());
                progress.add(Counter::BytesStored, member.stored_bytes);
                progress.add(Counter::BytesClear, member.clear_bytes);
                progress.add(Counter::Records, member.records);
                member.claim.settle(Outcome::Indexed(committed));
            }
            return;
        }
        Ok(Err(error)) => Fault::of_sink("index-commit", &error),
        Err(panicked) => Fault::of_writing("index-commit", panicked.to_string()),
    };
    tracing::error!(error = fault.detail, objects = members.len(), "a commit failed");
    progress.count(Counter::CommitFailures);
    for member in members {
        recorder.fault(member.announced, member.claim, fault.clone()).await;
    }
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
            from_queue: 0,
            first_at: None,
            commit: JoinSet::new(),
        }
    }

    fn add(&mut self, partition: Partition, piece: Piece) {
        self.from_queue += usize::from(!piece.claim.is_backfill());
        let group = self.groups.entry(partition).or_default();
        let reserved_bytes = piece.reservation.bytes();
        group.clear_bytes += piece.transcript.bytes.len() as u64;
        group.reserved_bytes += reserved_bytes;
        self.reserved_bytes += reserved_bytes;
        group.pieces.push(piece);
    }
}
