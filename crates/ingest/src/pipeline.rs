//! Wires the stages and stops them in order.
//!
//! ```text
//! queue -> poll -> fetch -> write -> ack -> queue
//! ```
//!
//! Each stage ends when the one before it has ended and handed over its last: a stop has to reach the
//! first two only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use shelltrail_core::sink::{RecordSink, SinkError};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};

use crate::ack::Acker;
use crate::activity::Activity;
use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::build::Builder;
use crate::claim::Claims;
use crate::config::PipelineConfig;
use crate::fetch::{Fetcher, Order};
use crate::lease::{Leases, MAX_BATCH};
use crate::poll::{Poller, drained};
use crate::probe::Prober;
use crate::read::Reader;
use crate::record::Recorder;
use crate::removals;
use crate::setup;
use crate::source::{KeyService, ObjectStore, Queue, SourceError};
use crate::stop::{Stop, StopHandle};
use crate::summary::{Progress, Summary};
use crate::turns::Turns;
use crate::workers::Workers;
use crate::write::Writer;

/// Opened transcripts that may wait for the writer to look at them.
const PIECES: usize = 4;

/// The pipeline could not begin or go on. Messages it held were given back, or their visibility ends.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The queue could not be asked how it is set up.
    #[error("ask how the queue is set up")]
    Queue(#[source] SourceError),
    /// Messages would come back before a heartbeat can be sent.
    #[error("work with a visibility timeout of {0:?}, which is not between 10 seconds and 12 hours")]
    Visibility(Duration),
    /// The messages of a backfill could not be sent.
    #[error("send messages")]
    Send(#[source] SourceError),
    /// The index could not be read.
    #[error("read the index")]
    Index(#[source] SinkError),
    /// The objects could not be listed.
    #[error("list the objects")]
    List(#[source] SourceError),
    /// Nothing could be worked on for as long as there is patience.
    #[error(
        "go on after {patience:?} of {reason}: {detail}; start it again when that is mended, nothing is lost"
    )]
    Environment {
        /// The reason of the last failure, as in the list of failures.
        reason: &'static str,
        /// What was attempted and what came back; hostile text.
        detail: String,
        /// How long it lasted ([`PipelineConfig::breaker_patience`]).
        patience: Duration,
    },
    /// A part of the pipeline panicked.
    #[error("run the {stage} stage, which panicked")]
    Stage {
        /// Which part.
        stage: &'static str,
    },
}

/// Takes notifications from a queue and indexes what they announce, until `stop`, or until the queue is
/// empty if the configuration says `drain`.
///
/// A message is deleted after a commit that holds all its objects, never before. Dropping the future is
/// as safe as a crash: what was not committed is not deleted and comes again.
///
/// # Errors
/// See [`IngestError`]. Counters up to the error are in `progress`.
pub async fn run<Q, S, K, R>(
    config: PipelineConfig,
    queue: Arc<Q>,
    store: Arc<S>,
    keys: Arc<K>,
    sink: Arc<R>,
    stop: Stop,
    progress: Arc<Progress>,
) -> Result<Summary, IngestError>
where
    Q: Queue + ?Sized,
    S: ObjectStore + ?Sized,
    K: KeyService + ?Sized,
    R: RecordSink,
{
    run_with_backfill(config, queue, None, store, keys, sink, stop, progress).await
}

/// As [`run`], with a second queue for backfills: it is asked, for one message at a time, only while the last poll
/// of every receiver of the first queue brought nothing.
///
/// # Errors
/// As [`run`].
#[allow(clippy::too_many_arguments)] // those of `run`, and one
pub async fn run_with_backfill<Q, S, K, R>(
    config: PipelineConfig,
    queue: Arc<Q>,
    backfill_queue: Option<Arc<Q>>,
    store: Arc<S>,
    keys: Arc<K>,
    sink: Arc<R>,
    stop: Stop,
    progress: Arc<Progress>,
) -> Result<Summary, IngestError>
where
    Q: Queue + ?Sized,
    S: ObjectStore + ?Sized,
    K: KeyService + ?Sized,
    R: RecordSink,
{
    let mut config = config.usable();
    let mut queues = Vec::new();
    for queue in std::iter::once(queue).chain(backfill_queue) {
        let attributes = queue.attributes().await.map_err(IngestError::Queue)?;
        let visibility = setup::visibility(&config, &attributes)?;
        setup::doubts(&config, &attributes).iter().for_each(|doubt| tracing::warn!("{doubt}"));
        // The queue that gives up first says how often anything is tried.
        config.max_attempts = setup::max_attempts(&config, &attributes);
        queues.push((queue, visibility));
    }
    let config = Arc::new(config);
    let (halt, halted) = Stop::new();
    let activity = Activity::new(config.receivers + queues.len() - 1);
    let turns = Turns::new();
    let mut stages = Stages::begin(&config, store, keys, sink, &activity, &halt, &progress);
    let mut background = JoinSet::new();
    let mut drains = JoinSet::new();
    for (place, (queue, visibility)) in queues.into_iter().enumerate() {
        let leases = Leases::new(visibility, Arc::clone(&progress));
        let (verdicts, verdicts_out) = mpsc::channel(config.max_held_messages);
        let receivers = if place == 0 { config.receivers } else { 1 };
        for number in 0..receivers {
            let poller = Poller {
                config: Arc::clone(&config),
                visibility,
                queue: Arc::clone(&queue),
                recorder: stages.recorder.clone(),
                leases: Arc::clone(&leases),
                budget: Arc::clone(&stages.budget),
                activity: Arc::clone(&activity),
                progress: Arc::clone(&progress),
                stop: halted.clone(),
                orders: stages.orders.clone(),
                notes: stages.notes.clone(),
                verdicts: verdicts.clone(),
                number: place * config.receivers + number,
                turn: if place == 0 { turns.live() } else { turns.backfill() },
            };
            stages.spawn("poll", async move {
                poller.run().await;
                Ok(())
            });
        }
        let acker =
            Acker { queue: Arc::clone(&queue), leases: Arc::clone(&leases), progress: Arc::clone(&progress) };
        stages.spawn("ack", async move {
            acker.run(verdicts_out).await;
            Ok(())
        });
        if config.drain {
            let (queue, leases, activity) = (Arc::clone(&queue), Arc::clone(&leases), Arc::clone(&activity));
            drains.spawn(async move { drained(&*queue, &leases, &activity).await });
        }
        background.spawn(leases.keep(queue));
    }
    if config.drain {
        let halt = halt.clone();
        background.spawn(async move {
            drains.join_all().await;
            halt.stop();
        });
    }
    pass_on(&mut background, stop, halt);
    stages.finish().await?;
    Ok(progress.summary())
}

/// Passes a stop from outside on to the stages.
pub(crate) fn pass_on(background: &mut JoinSet<()>, stop: Stop, halt: StopHandle) {
    background.spawn(async move {
        stop.stopped().await;
        halt.stop();
    });
}

/// The running stages. Dropped, they are aborted.
pub(crate) struct Stages<R> {
    running: JoinSet<Result<(), IngestError>>,
    names: HashMap<Id, &'static str>,
    /// The way in, for whoever brings objects.
    pub(crate) orders: mpsc::Sender<Order>,
    /// The way in for what happened to objects that need not be read.
    pub(crate) notes: mpsc::Sender<removals::Note>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) recorder: Recorder<R>,
}

impl<R: RecordSink> Stages<R> {
    /// Starts fetch and write, and what watches over them.
    pub(crate) fn begin<S, K>(
        config: &Arc<PipelineConfig>,
        store: Arc<S>,
        keys: Arc<K>,
        sink: Arc<R>,
        activity: &Arc<Activity>,
        halt: &StopHandle,
        progress: &Arc<Progress>,
    ) -> Self
    where
        S: ObjectStore + ?Sized,
        K: KeyService + ?Sized,
    {
        let budget = Budget::new(config.in_flight_bytes, Arc::clone(progress));
        let workers = Arc::new(Workers::new(config.workers));
        let breaker = Breaker::new(Arc::clone(progress));
        let recorder = Recorder::new(Arc::clone(config), sink, Arc::clone(progress), breaker);
        // Room for what every receiver may bring at once, or one would ask for less because another has just handed out;
        // further orders wait in the line of the fetch stage.
        let (orders, orders_out) = mpsc::channel(MAX_BATCH * config.receivers);
        let (again, again_out) = mpsc::channel(1);
        let (pieces, pieces_out) = mpsc::channel(PIECES);
        let (notes, notes_out) = mpsc::channel(removals::MAX_BATCH);
        let fetcher = Fetcher {
            config: Arc::clone(config),
            reader: Reader { config: Arc::clone(config), store, keys, budget: Arc::clone(&budget) },
            recorder: recorder.clone(),
            claims: Claims::new(),
            workers: Arc::clone(&workers),
            activity: Arc::clone(activity),
            stop: halt.view(),
            pieces,
            notes: notes.clone(),
            gate: Arc::default(),
        };
        let prober = Prober {
            recorder: recorder.clone(),
            activity: Arc::clone(activity),
            patience: config.drain.then_some(config.breaker_patience),
            again,
            stop: halt.view(),
            halt: halt.clone(),
        };
        let writer = Writer {
            config: Arc::clone(config),
            builder: Builder { recorder: recorder.clone(), workers },
            budget: Arc::clone(&budget),
            activity: Arc::clone(activity),
            progress: Arc::clone(progress),
        };
        let recording = removals::run(recorder.clone(), notes_out);
        let mut stages =
            Self { running: JoinSet::new(), names: HashMap::new(), orders, notes, budget, recorder };
        stages.spawn("fetch", async move {
            fetcher.run(orders_out, again_out).await;
            Ok(())
        });
        stages.spawn("write", async move {
            writer.run(pieces_out).await;
            Ok(())
        });
        stages.spawn("removals", async move {
            recording.await;
            Ok(())
        });
        stages.spawn("probe", prober.run());
        stages
    }

    /// Starts one more stage.
    pub(crate) fn spawn<F>(&mut self, stage: &'static str, work: F)
    where
        F: Future<Output = Result<(), IngestError>> + Send + 'static,
    {
        let handle = self.running.spawn(work);
        self.names.insert(handle.id(), stage);
    }

    /// Waits for all stages; the first error counts.
    ///
    /// # Errors
    /// A stage failed, or panicked, which ends the others at once.
    pub(crate) async fn finish(self) -> Result<(), IngestError> {
        let Self { mut running, names, orders, notes, .. } = self;
        drop((orders, notes));
        let mut outcome = Ok(());
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(result) => outcome = outcome.and(result),
                Err(error) => {
                    let stage = names.get(&error.id()).copied().unwrap_or("unknown");
                    return Err(IngestError::Stage { stage });
                }
            }
        }
        outcome
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
