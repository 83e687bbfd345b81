//! What a worker or a backfill tells whoever operates it while it runs: metrics, health, a line per minute.

mod exposition;
mod listen;
mod metrics;
mod minute;
mod ready;
mod server;
mod surroundings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use shelltrail_ingest::source::Queue;
use shelltrail_ingest::{PipelineConfig, Progress, Stop};
use tokio::task::JoinSet;

pub use listen::{Door, Listen, open};
use surroundings::Surroundings;

/// How often queue and disk are looked at: much more often than anybody is alarmed, and 4 requests a minute cost nothing.
const LOOK_PERIOD: Duration = Duration::from_secs(15);

/// Everything that is told of one run.
#[derive(Debug)]
struct Ops {
    started_at: Timestamp,
    progress: Arc<Progress>,
    pipeline: PipelineConfig,
    /// Index root.
    index: PathBuf,
    /// A backfill has no queue.
    has_queue: bool,
    stop: Stop,
    surroundings: Surroundings,
}

/// Tells until dropped.
#[derive(Debug)]
pub struct Telling {
    _tasks: JoinSet<()>,
}

/// Begins to tell. Must be called inside the runtime.
///
/// # Errors
/// The listener cannot be used by the runtime.
pub fn begin(
    door: Option<Door>,
    progress: Arc<Progress>,
    pipeline: &PipelineConfig,
    index: PathBuf,
    queue: Option<Arc<dyn Queue>>,
    stop: Stop,
) -> anyhow::Result<Telling> {
    let ops = Arc::new(Ops {
        started_at: Timestamp::now(),
        progress,
        pipeline: pipeline.clone(),
        index,
        has_queue: queue.is_some(),
        stop,
        surroundings: Surroundings::default(),
    });
    let mut tasks = JoinSet::new();
    if let Some(door) = door {
        tasks.spawn(server::serve(door.listener()?, Arc::clone(&ops)));
    }
    if let Some(queue) = queue {
        tasks.spawn(surroundings::watch_queue(Arc::clone(&ops), queue));
    }
    tasks.spawn(surroundings::watch_index(Arc::clone(&ops)));
    tasks.spawn(minute::tell(ops));
    Ok(Telling { _tasks: tasks })
}
