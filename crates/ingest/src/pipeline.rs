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
use crate::budget::Budget;
use crate::build::Builder;
use crate::claim::Claims;
use crate::config::PipelineConfig;
use crate::fetch::{Fetcher, Order};
use crate::lease::{Leases, MAX_BATCH};
use crate::poll::{Poller, drained};
use crate::read::Reader;
use crate::record::Recorder;
use crate::source::{KeyService, ObjectStore, Queue, SourceError};
use crate::stop::{Stop, StopHandle};
use crate::summary::{Progress, Summary};
use crate::workers::Workers;
use crate::write::Writer;

/// The shortest visibility that leaves time for heartbeats.
const MIN_VISIBILITY: Duration = Duration::from_secs(10);

/// The longest visibility (SQS API reference, `VisibilityTimeout`).
const MAX_VISIBILITY: Duration = Duration::from_secs(12 * 60 * 60);

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
    /// The objects could not be listed.
    #[error("list the objects")]
    List(#[source] SourceError),
    /// The sink failed again and again.
    #[error("write to the index, {rounds} times in a row")]
    Sink {
        /// How many rounds in a row.
        rounds: u32,
        /// The last error.
        #[source]
        source: SinkError,
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
    let config = Arc::new(config.usable());
    let visibility = visibility(&config, &*queue).await?;
    let (halt, halted) = Stop::new();
    let activity = Activity::new(config.receivers);
    let leases = Leases::new(visibility, Arc::clone(&progress));
    let (verdicts, verdicts_out) = mpsc::channel(config.max_held_messages);

    let mut stages = Stages::begin(&config, store, keys, sink, &activity, &halt, &progress);
    for number in 0..config.receivers {
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
            verdicts: verdicts.clone(),
            number,
        };
        stages.spawn("poll", async move {
            poller.run().await;
            Ok(())
        });
    }
    drop(verdicts);
    let acker =
        Acker { queue: Arc::clone(&queue), leases: Arc::clone(&leases), progress: Arc::clone(&progress) };
    stages.spawn("ack", async move {
        acker.run(verdicts_out).await;
        Ok(())
    });

    let mut background = JoinSet::new();
    if config.drain {
        let (queue, leases, halt) = (Arc::clone(&queue), Arc::clone(&leases), halt.clone());
        background.spawn(async move {
            drained(&*queue, &leases, &activity).await;
            halt.stop();
        });
    }
    background.spawn(leases.keep(queue));
    pass_on(&mut background, stop, halt);
    stages.finish().await?;
    Ok(progress.summary())
}

async fn visibility<Q: Queue + ?Sized>(config: &PipelineConfig, queue: &Q) -> Result<Duration, IngestError> {
    let attributes = queue.attributes().await.map_err(IngestError::Queue)?;
    let visibility = config.visibility.unwrap_or(attributes.visibility);
    if visibility != attributes.visibility {
        tracing::warn!(configured = ?visibility, queue = ?attributes.visibility, "visibility differs from the queue's");
    }
    if attributes.max_receive_count.is_none() {
        tracing::warn!("the queue has no redrive policy: what fails is received again and again");
    }
    if !(MIN_VISIBILITY..=MAX_VISIBILITY).contains(&visibility) {
        return Err(IngestError::Visibility(visibility));
    }
    Ok(visibility)
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
    pub(crate) budget: Arc<Budget>,
    pub(crate) recorder: Recorder<R>,
}

impl<R: RecordSink> Stages<R> {
    /// Starts fetch and write.
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
        let recorder = Recorder { config: Arc::clone(config), sink, progress: Arc::clone(progress) };
        // Room for what one receive brings, so that free places and fetch slots mean about the same.
        let (orders, orders_out) = mpsc::channel(config.max_fetches.max(MAX_BATCH));
        let (pieces, pieces_out) = mpsc::channel(PIECES);
        let fetcher = Fetcher {
            config: Arc::clone(config),
            reader: Reader { config: Arc::clone(config), store, keys, budget: Arc::clone(&budget) },
            recorder: recorder.clone(),
            claims: Claims::new(),
            workers: Arc::clone(&workers),
            stop: halt.view(),
            pieces,
        };
        let writer = Writer {
            config: Arc::clone(config),
            builder: Builder { recorder: recorder.clone(), workers },
            budget: Arc::clone(&budget),
            activity: Arc::clone(activity),
            progress: Arc::clone(progress),
            halt: halt.clone(),
        };
        let mut stages = Self { running: JoinSet::new(), names: HashMap::new(), orders, budget, recorder };
        stages.spawn("fetch", async move {
            fetcher.run(orders_out).await;
            Ok(())
        });
        stages.spawn("write", writer.run(pieces_out));
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
        let Self { mut running, names, orders, .. } = self;
        drop(orders);
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
