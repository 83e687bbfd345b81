//! The outside world of the worker, in this process and as far away as AWS, and meters at its doors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use shelltrail_core::sink::{Failure, KeyEvent, RecordSink, SinkError, Write};
use shelltrail_core::{AccountId, ObjectRef, Partition, Session, TranscriptId};
use shelltrail_index::{LocalSink, local};
use shelltrail_ingest::PipelineConfig;
use shelltrail_ingest::fakes::MemoryQueue;
use shelltrail_ingest::source::{
    EntryError, ListedObject, Message, ObjectStore, Queue, QueueAttributes, Receipt, SendError, SourceError,
    SourceErrorKind, StoredObject,
};

/// The least and the most that a request takes.
const DELAY_MILLIS: (u64, u64) = (20, 60);
/// How often the meters are read.
const SAMPLE: Duration = Duration::from_millis(5);

/// Delays by the number of the request: spread evenly, and the same in every run.
#[derive(Clone, Debug, Default)]
pub struct Delay(Arc<AtomicU64>);

impl Delay {
    async fn pass(&self) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        // Multiples of the golden ratio fill an interval evenly.
        let share = (number as f64 * 0.618_033_988_749_895).fract();
        let (least, most) = DELAY_MILLIS;
        let micros = 1000.0 * (least as f64 + share * (most - least) as f64);
        tokio::time::sleep(Duration::from_micros(micros as u64)).await;
    }
}

/// How many calls of each kind are on their way right now.
#[derive(Debug, Default)]
pub struct Meters {
    gets: AtomicU64,
    receives: AtomicU64,
    deletes: AtomicU64,
    builds: AtomicU64,
    commits: AtomicU64,
    received: AtomicU64,
    receipts: AtomicU64,
    last_delete: Mutex<Option<Instant>>,
}

impl Meters {
    /// When the last delete was answered.
    pub fn last_delete(&self) -> Option<Instant> {
        *self.last_delete.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a call until dropped.
struct Underway<'m>(&'m AtomicU64);

impl<'m> Underway<'m> {
    fn begin(meter: &'m AtomicU64) -> Self {
        meter.fetch_add(1, Ordering::Relaxed);
        Self(meter)
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the time was spent, from the first receive to the last delete.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shares {
    /// Of the fetch slots, how many waited for an answer of S3, on average.
    pub store: f64,
    /// Of the receive loops, how many waited for an answer of SQS that brought messages.
    pub receive: f64,
    /// Messages in an answer that had any.
    pub per_receive: f64,
    /// Of the delete calls allowed at once, how many were on their way.
    pub delete: f64,
    /// Of the time, in how much a batch was being built or committed.
    pub index: f64,
    /// The rest: the index waited for transcripts.
    pub index_idle: f64,
}

/// A thread that reads the meters.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<[u64; 5]>,
    meters: Arc<Meters>,
    slots: [f64; 3],
}

/// Most delete calls of the worker at once (`ingest::ack`).
const DELETE_CALLS: f64 = 16.0;

/// Begins to read the meters.
pub fn watch(meters: Arc<Meters>, config: &PipelineConfig) -> Watch {
    let stop = Arc::new(AtomicBool::new(false));
    let slots = [config.max_fetches as f64, config.receivers as f64, DELETE_CALLS];
    let (ended, read) = (Arc::clone(&stop), Arc::clone(&meters));
    let thread = std::thread::spawn(move || {
        let mut sums = [0; 5];
        let mut at_last_delete = (None, sums);
        while !ended.load(Ordering::Relaxed) {
            std::thread::sleep(SAMPLE);
            let number = |meter: &AtomicU64| meter.load(Ordering::Relaxed);
            let busy = number(&read.builds) + number(&read.commits) > 0;
            let sample =
                [1, number(&read.gets), number(&read.receives), number(&read.deletes), u64::from(busy)];
            sums.iter_mut().zip(sample).for_each(|(sum, new)| *sum += new);
            if read.last_delete() != at_last_delete.0 {
                at_last_delete = (read.last_delete(), sums);
            }
        }
        at_last_delete.1
    });
    Watch { stop, thread, meters, slots }
}

impl Watch {
    /// Ends reading.
    pub fn end(self) -> Shares {
        self.stop.store(true, Ordering::Relaxed);
        let [samples, gets, receives, deletes, busy] = self.thread.join().unwrap_or_default();
        let mean = |sum: u64| sum as f64 / samples.max(1) as f64;
        let [fetches, receivers, calls] = self.slots;
        let number = |meter: &AtomicU64| meter.load(Ordering::Relaxed) as f64;
        Shares {
            store: mean(gets) / fetches,
            receive: mean(receives) / receivers,
            per_receive: number(&self.meters.received) / number(&self.meters.receipts).max(1.0),
            delete: mean(deletes) / calls,
            index: mean(busy),
            index_idle: 1.0 - mean(busy),
        }
    }
}

/// The queue of the fakes, far away.
#[derive(Debug)]
pub struct RemoteQueue {
    pub queue: MemoryQueue,
    pub delay: Delay,
    pub meters: Arc<Meters>,
}

#[async_trait]
impl Queue for RemoteQueue {
    async fn attributes(&self) -> Result<QueueAttributes, SourceError> {
        self.delay.pass().await;
        self.queue.attributes().await
    }

    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, SourceError> {
        let _underway = Underway::begin(&self.meters.receives);
        self.delay.pass().await;
        let messages = self.queue.receive(max, wait, visibility).await?;
        if !messages.is_empty() {
            self.meters.receipts.fetch_add(1, Ordering::Relaxed);
            self.meters.received.fetch_add(messages.len() as u64, Ordering::Relaxed);
        }
        Ok(messages)
    }

    async fn change_visibility(
        &self,
        receipts: &[(Receipt, Duration)],
    ) -> Result<Vec<Result<(), EntryError>>, SourceError> {
        self.delay.pass().await;
        self.queue.change_visibility(receipts).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Result<(), EntryError>>, SourceError> {
        let _underway = Underway::begin(&self.meters.deletes);
        self.delay.pass().await;
        let answers = self.queue.delete(receipts).await;
        *self.meters.last_delete.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        answers
    }

    async fn send(&self, bodies: &[String]) -> Result<Vec<Result<(), SendError>>, SourceError> {
        self.delay.pass().await;
        Queue::send(&self.queue, bodies).await
    }
}

/// A bucket whose objects are files in the page cache, so that they do not count as memory of the worker.
#[derive(Debug)]
pub struct Bucket {
    pub files: PathBuf,
    pub delay: Delay,
    pub meters: Arc<Meters>,
}

/// The ETag of an object of the bucket: any text that belongs to it alone.
pub fn etag(key: &str, size: u64) -> String {
    TranscriptId::of_object("etag", key, &size.to_string()).to_string()
}

fn error(kind: SourceErrorKind, reason: &'static str, key: &str) -> SourceError {
    SourceError { kind, reason, action: "get".to_owned(), message: key.to_owned() }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn get(&self, object: &ObjectRef, max_bytes: u64) -> Result<StoredObject, SourceError> {
        let _underway = Underway::begin(&self.meters.gets);
        self.delay.pass().await;
        let failed = |_| error(SourceErrorKind::NotFound, "gone", &object.key);
        let body = std::fs::read(self.files.join(&object.key)).map_err(failed)?;
        if body.len() as u64 > max_bytes {
            return Err(error(SourceErrorKind::TooLarge, "too-large", &object.key));
        }
        let object = ObjectRef { etag: Some(etag(&object.key, body.len() as u64)), ..object.clone() };
        Ok(StoredObject { object, metadata: BTreeMap::new(), last_modified: None, body })
    }

    async fn list(&self, _: &str, _: &str, _: Option<&str>) -> Result<Vec<ListedObject>, SourceError> {
        Ok(Vec::new())
    }
}

/// The sink of the product with a meter at its door.
pub struct WatchedSink {
    pub sink: LocalSink,
    pub meters: Arc<Meters>,
}

impl RecordSink for WatchedSink {
    type Batch = local::Batch;

    fn partition(&self, account: Option<&AccountId>) -> Partition {
        self.sink.partition(account)
    }

    fn contains(&self, partition: &Partition, id: &TranscriptId) -> Result<bool, SinkError> {
        self.sink.contains(partition, id)
    }

    fn build(
        &self,
        partition: &Partition,
        sessions: &mut dyn Iterator<Item = Session>,
    ) -> Result<local::Batch, SinkError> {
        let _underway = Underway::begin(&self.meters.builds);
        self.sink.build(partition, sessions)
    }

    fn commit(&self, batches: Vec<local::Batch>) -> Result<(), SinkError> {
        let _underway = Underway::begin(&self.meters.commits);
        self.sink.commit(batches)
    }

    fn record_failure(&self, failure: &Failure) -> Result<(), SinkError> {
        self.sink.record_failure(failure)
    }

    fn clear_failure(&self, object: &ObjectRef) -> Result<(), SinkError> {
        self.sink.clear_failure(object)
    }

    fn failure(&self, object: &ObjectRef) -> Result<Option<Failure>, SinkError> {
        self.sink.failure(object)
    }

    fn record_key_events(&self, events: &[KeyEvent]) -> Result<(), SinkError> {
        self.sink.record_key_events(events)
    }

    fn write_of(&self, partition: &Partition, id: &TranscriptId) -> Result<Option<Write>, SinkError> {
        self.sink.write_of(partition, id)
    }

    fn open_starts(&self, id: &TranscriptId) -> Result<u32, SinkError> {
        self.sink.open_starts(id)
    }

    fn note_start(&self, id: &TranscriptId, attempts: u32) -> Result<(), SinkError> {
        self.sink.note_start(id, attempts)
    }

    fn note_start_of_backfill(&self, id: &TranscriptId) -> Result<(), SinkError> {
        self.sink.note_start_of_backfill(id)
    }

    fn note_pause_of_backfill(&self, id: &TranscriptId) -> Result<(), SinkError> {
        self.sink.note_pause_of_backfill(id)
    }

    fn note_end(&self, id: &TranscriptId) -> Result<(), SinkError> {
        self.sink.note_end(id)
    }
}
