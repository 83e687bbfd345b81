//! A sink that keeps sessions in memory and watches over the promises made to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shelltrail_core::ObjectRef;
use shelltrail_core::ids::{AccountId, Partition, TranscriptId};
use shelltrail_core::session::Session;
use shelltrail_core::sink::{Failure, KeyEvent, RecordSink, SinkError, Write};

use super::script::{Call, Script};

/// Keeps sessions by identity.
#[derive(Debug)]
pub struct MemorySink {
    script: Script,
    state: Mutex<State>,
}

/// Sessions of one partition that wait for their commit.
#[derive(Debug)]
pub struct MemoryBatch {
    partition: Partition,
    sessions: Vec<Session>,
}

#[derive(Debug, Default)]
struct State {
    sessions: BTreeMap<TranscriptId, (Partition, Session)>,
    failures: BTreeMap<ObjectRef, Failure>,
    key_events: Vec<KeyEvent>,
    /// Keys whose sessions make a build panic.
    poison: BTreeSet<String>,
    /// Keys whose sessions end the process.
    deadly: BTreeSet<String>,
    /// Keys whose sessions the sink refuses.
    refused: BTreeSet<String>,
    full: bool,
    /// Starts without an end.
    starts: BTreeMap<TranscriptId, u32>,
    starts_of_backfills: BTreeMap<TranscriptId, Light>,
    partitions_before_failure: Option<usize>,
    build_time: Duration,
    batches: Vec<usize>,
    commits: u64,
    doubles: u64,
}

/// A mark of a backfill.
#[derive(Debug)]
struct Light {
    /// The process that wrote it.
    life: u64,
    /// Starts of earlier processes, the first not counted.
    earlier: Option<u32>,
    running: u32,
}

impl Light {
    /// As another process finds it.
    fn seen_in(&mut self, life: u64) -> &mut Self {
        if self.life != life {
            if self.running > 0 {
                self.earlier = Some(self.earlier.map_or(0, |starts| starts + 1));
            }
            (self.running, self.life) = (0, life);
        }
        self
    }
}

impl MemorySink {
    /// An empty sink. Partitions are named by the first two digits of the account.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self { script, state: Mutex::default() }
    }

    /// Lets every build take this long, on the clock of the wall.
    pub fn slow_down_builds(&self, duration: Duration) {
        self.state().build_time = duration;
    }

    /// The committed sessions.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.state().sessions.values().map(|(_, session)| session.clone()).collect()
    }

    /// The keys of the committed sessions, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> =
            self.state().sessions.values().map(|(_, session)| session.object.key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    /// The partition of every committed session.
    #[must_use]
    pub fn partitions(&self) -> Vec<Partition> {
        self.state().sessions.values().map(|(partition, _)| partition.clone()).collect()
    }

    /// The failures written down, in the order of their objects.
    #[must_use]
    pub fn failures(&self) -> Vec<Failure> {
        self.state().failures.values().cloned().collect()
    }

    /// What was written down of keys, in that order.
    #[must_use]
    pub fn key_events(&self) -> Vec<KeyEvent> {
        self.state().key_events.clone()
    }

    /// How many commits worked.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.state().commits
    }

    /// How many sessions every batch had that was built so far.
    #[must_use]
    pub fn batches(&self) -> Vec<usize> {
        self.state().batches.clone()
    }

    /// How often a commit held a session twice, or one that was stored already, or a batch held one of
    /// another partition. Always 0 if the pipeline keeps its promises.
    #[must_use]
    pub fn doubles(&self) -> u64 {
        self.state().doubles
    }

    /// Makes every build panic that meets a session of this key.
    pub fn panic_on(&self, key: &str) {
        self.state().poison.insert(key.to_owned());
    }

    /// Lets the process die in every build that meets a session of this key.
    pub fn die_on(&self, key: &str) {
        self.state().deadly.insert(key.to_owned());
    }

    /// Ends [`MemorySink::die_on`].
    pub fn spare(&self, key: &str) {
        self.state().deadly.remove(key);
    }

    /// Makes every build fail that meets a session of this key.
    pub fn refuse(&self, key: &str) {
        self.state().refused.insert(key.to_owned());
    }

    /// Fills the disk, or frees it again: until then nothing can be written.
    pub fn fill_disk(&self, full: bool) {
        self.state().full = full;
    }

    /// An error if the disk is full.
    fn room(&self, action: &'static str) -> Result<(), SinkError> {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        match self.state().full {
            true => Err(SinkError { action, partition: "-".to_owned(), source: full.into() }),
            false => Ok(()),
        }
    }

    /// How many objects are marked as begun.
    #[must_use]
    pub fn marked(&self) -> usize {
        let state = self.state();
        state.starts.len() + state.starts_of_backfills.len()
    }

    /// Lets the next commit fail after it has stored so many batches.
    pub fn fail_commit_after(&self, batches: usize) {
        self.state().partitions_before_failure = Some(batches);
    }

    fn store(&self, batches: Vec<MemoryBatch>) -> Result<(), SinkError> {
        let mut state = self.state();
        let mut seen = BTreeSet::new();
        for batch in &batches {
            for session in &batch.sessions {
                // Sessions of objects that name their accounts lie where those without an account do.
                let places = [self.partition(session.account.as_ref()), self.partition(None)];
                let misplaced = !places.contains(&batch.partition);
                let repeated = state.sessions.contains_key(&session.id) || !seen.insert(session.id);
                if misplaced || repeated {
                    state.doubles += 1;
                }
            }
        }
        let stored = state.partitions_before_failure.take();
        for batch in batches.into_iter().take(stored.unwrap_or(usize::MAX)) {
            for session in batch.sessions {
                state.sessions.entry(session.id).or_insert((batch.partition.clone(), session));
            }
        }
        if stored.is_some() {
            return Err(error("commit"));
        }
        state.commits += 1;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A build that panics on purpose does so without the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(action: &'static str) -> SinkError {
    SinkError { action, partition: "-".to_owned(), source: "as the script says".into() }
}

impl RecordSink for MemorySink {
    type Batch = MemoryBatch;

    fn partition(&self, account: Option<&AccountId>) -> Partition {
        Partition::of(account, 2)
    }

    fn contains(&self, partition: &Partition, id: &TranscriptId) -> Result<bool, SinkError> {
        let effect = || Ok(self.state().sessions.get(id).is_some_and(|(stored, _)| stored == partition));
        self.script.play_blocking(Call::Contains, || error("read"), effect)
    }

    fn build(
        &self,
        partition: &Partition,
        sessions: &mut dyn Iterator<Item = Session>,
    ) -> Result<MemoryBatch, SinkError> {
        let (poison, deadly, refused, build_time) = {
            let state = self.state();
            (state.poison.clone(), state.deadly.clone(), state.refused.clone(), state.build_time)
        };
        std::thread::sleep(build_time);
        let effect = || {
            let mut built = Vec::new();
            for session in sessions {
                if deadly.contains(&session.object.key) {
                    self.script.crash();
                    return Err(error("build"));
                }
                if refused.contains(&session.object.key) {
                    return Err(error("build"));
                }
                assert!(!poison.contains(&session.object.key), "a session that the test has poisoned");
                built.push(session);
            }
            self.state().batches.push(built.len());
            Ok(MemoryBatch { partition: partition.clone(), sessions: built })
        };
        self.script.play_blocking(Call::Build, || error("build"), effect)
    }

    fn commit(&self, batches: Vec<MemoryBatch>) -> Result<(), SinkError> {
        self.script.play_blocking(
            Call::Commit,
            || error("commit"),
            || {
                self.room("commit")?;
                self.store(batches)
            },
        )
    }

    fn record_failure(&self, failure: &Failure) -> Result<(), SinkError> {
        let effect = || {
            self.room("record a failure in")?;
            self.state().failures.insert(failure.object.clone(), failure.clone());
            Ok(())
        };
        self.script.play_blocking(Call::RecordFailure, || error("record a failure in"), effect)
    }

    fn clear_failure(&self, object: &ObjectRef) -> Result<(), SinkError> {
        let effect = || {
            self.state().failures.remove(object);
            Ok(())
        };
        self.script.play_blocking(Call::ClearFailure, || error("clear a failure of"), effect)
    }

    fn failure(&self, object: &ObjectRef) -> Result<Option<Failure>, SinkError> {
        let effect = || Ok(self.state().failures.get(object).cloned());
        self.script.play_blocking(Call::Failure, || error("read a failure of"), effect)
    }

    fn record_key_events(&self, events: &[KeyEvent]) -> Result<(), SinkError> {
        let effect = || {
            self.state().key_events.extend_from_slice(events);
            Ok(())
        };
        self.script.play_blocking(Call::RecordKeyEvents, || error("record removals in"), effect)
    }

    fn write_of(&self, partition: &Partition, id: &TranscriptId) -> Result<Option<Write>, SinkError> {
        let effect = || {
            let state = self.state();
            let found = state.sessions.get(id).filter(|(stored, _)| stored == partition);
            Ok(found.map(|(_, session)| Write {
                version: session.object.version.clone(),
                sequencer: session.sequencer.clone(),
            }))
        };
        self.script.play_blocking(Call::WriteOf, || error("read"), effect)
    }

    fn open_starts(&self, id: &TranscriptId) -> Result<u32, SinkError> {
        let (life, mut state) = (self.script.life(), self.state());
        let of_backfills =
            state.starts_of_backfills.get_mut(id).and_then(|light| light.seen_in(life).earlier);
        Ok(state.starts.get(id).copied().unwrap_or(0) + of_backfills.unwrap_or(0))
    }

    fn note_start_of_backfill(&self, id: &TranscriptId) -> Result<(), SinkError> {
        let life = self.script.life();
        let effect = || {
            let new = Light { life, earlier: None, running: 0 };
            self.state().starts_of_backfills.entry(*id).or_insert(new).seen_in(life).running += 1;
            Ok(())
        };
        self.script.play_blocking(Call::NoteStart, || error("mark a start in"), effect)
    }

    fn note_pause_of_backfill(&self, id: &TranscriptId) -> Result<(), SinkError> {
        let life = self.script.life();
        let effect = || {
            let mut state = self.state();
            let Some(light) = state.starts_of_backfills.get_mut(id) else { return Ok(()) };
            let light = light.seen_in(life);
            light.running = light.running.saturating_sub(1);
            if light.running == 0 && light.earlier.is_none() {
                state.starts_of_backfills.remove(id);
            }
            Ok(())
        };
        self.script.play_blocking(Call::NotePause, || error("change a mark in"), effect)
    }

    fn note_start(&self, id: &TranscriptId, _attempts: u32) -> Result<(), SinkError> {
        let effect = || {
            *self.state().starts.entry(*id).or_default() += 1;
            Ok(())
        };
        self.script.play_blocking(Call::NoteStart, || error("mark a start in"), effect)
    }

    fn note_end(&self, id: &TranscriptId) -> Result<(), SinkError> {
        let effect = || {
            let mut state = self.state();
            state.starts.remove(id);
            if let Some(light) = state.starts_of_backfills.get_mut(id) {
                light.running = light.running.saturating_sub(1);
                if light.running == 0 {
                    state.starts_of_backfills.remove(id);
                }
            }
            Ok(())
        };
        self.script.play_blocking(Call::NoteEnd, || error("remove a mark of"), effect)
    }
}
