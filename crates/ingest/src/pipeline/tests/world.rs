//! Everything a pipeline needs, in memory.

use std::sync::Arc;
use std::time::Duration;

use shelltrail_core::ObjectRef;

use crate::fakes::{MemoryKeys, MemoryQueue, MemorySink, MemoryStore, Script, created};
use crate::{IngestError, Lane, PipelineConfig, Progress, Stop, Summary, run};

pub(crate) const BUCKET: &str = "transcripts";

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) keys: Arc<MemoryKeys>,
    pub(crate) sink: Arc<MemorySink>,
    pub(crate) progress: Arc<Progress>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|queue| queue, |store| store)
    }

    pub(crate) fn with(
        queue: impl FnOnce(MemoryQueue) -> MemoryQueue,
        store: impl FnOnce(MemoryStore) -> MemoryStore,
    ) -> Self {
        let script = Script::new();
        Self {
            queue: Arc::new(queue(MemoryQueue::new(script.clone()))),
            store: Arc::new(store(MemoryStore::new(script.clone()))),
            keys: Arc::new(MemoryKeys::new(script.clone())),
            sink: Arc::new(MemorySink::new(script.clone())),
            progress: Arc::new(Progress::new()),
            script,
        }
    }

    /// Stores a transcript of the account and announces it.
    pub(crate) fn add(&self, account: u64, name: &str) -> ObjectRef {
        let object = self.put(account, name);
        self.announce(&[&object]);
        object
    }

    pub(crate) fn put(&self, account: u64, name: &str) -> ObjectRef {
        self.store.put(BUCKET, &key(account, name), format!("$ echo {name}\r\n{name}\r\n"))
    }

    /// Sends one message about objects.
    pub(crate) fn announce(&self, objects: &[&ObjectRef]) -> String {
        let objects: Vec<_> = objects.iter().map(|object| ((*object).clone(), 40)).collect();
        self.queue.send(created(&objects))
    }

    /// Runs until the queue is empty, and checks what must hold after every run.
    pub(crate) async fn drain(&self, config: PipelineConfig) -> Summary {
        let config = PipelineConfig { drain: true, ..config };
        self.run(config, Stop::never()).await.unwrap()
    }

    pub(crate) async fn run(&self, config: PipelineConfig, stop: Stop) -> Result<Summary, IngestError> {
        let Self { queue, store, keys, sink, progress, .. } = self.clone();
        let result = run(config, queue, store, keys, sink, stop, progress).await;
        let summary = self.progress.summary();
        assert!(summary.adds_up(), "{summary:#?}");
        assert_eq!(self.sink.doubles(), 0, "{summary:#?}");
        if result.is_ok() {
            self.assert_at_rest(&summary);
        }
        result
    }

    /// What is told of a pipeline agrees with what it did, and nothing is left in it.
    fn assert_at_rest(&self, summary: &Summary) {
        let gauges = self.progress.gauges();
        assert_eq!((gauges.held_messages(), self.progress.in_flight_bytes()), (0, 0));
        for lane in Lane::ALL {
            assert_eq!(gauges.lane(lane).running, 0, "{lane:?}");
        }
        assert_eq!(gauges.lane(Lane::Commit).took.count, summary.commits + summary.commit_failures);
        // What was read instead of the announced, or restored, has no event whose time says anything of it.
        assert!(gauges.lag().count <= summary.indexed, "{} of {}", gauges.lag().count, summary.indexed);
        assert_eq!(gauges.retried_by_reason().values().sum::<u64>(), summary.retried);
        assert_eq!(gauges.receive_errors_by_reason().values().sum::<u64>(), summary.receive_errors);
    }

    /// The same outside world, seen by a new process.
    pub(crate) fn restarted(&self) -> Self {
        self.script.recover();
        Self { progress: Arc::new(Progress::new()), ..self.clone() }
    }
}

pub(crate) fn key(account: u64, name: &str) -> String {
    format!("ssm/{account:012}/{name}.log")
}

/// One message after the other, unless a test wants more.
pub(crate) fn config() -> PipelineConfig {
    PipelineConfig { workers: 2, receivers: 1, max_fetches: 16, ..PipelineConfig::default() }
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
