//! What is to happen at which call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Names a call that a fake answers.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Attributes,
    Receive,
    ChangeVisibility,
    Delete,
    Send,
    Get,
    List,
    Decrypt,
    Contains,
    Build,
    Commit,
    RecordFailure,
    ClearFailure,
    Failure,
    RecordKeyEvents,
    WriteOf,
    NoteStart,
    NotePause,
    NoteEnd,
}

/// Decides what becomes of calls. Clones share their state.
#[derive(Clone, Debug)]
pub struct Script(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    crashed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    calls: BTreeMap<Call, u64>,
    total: u64,
    failing: BTreeMap<Call, (u64, Fate)>,
    crash: Option<(u64, bool)>,
    crash_on: Option<(Call, bool)>,
    crashed_at: Option<(Call, bool)>,
    random: Option<Random>,
    entries: Option<Random>,
    entry: u64,
    life: u64,
}

#[derive(Clone, Copy, Debug)]
struct Random {
    seed: u64,
    per_mille: u64,
}

impl Random {
    /// A number for the call, if it is to fail.
    fn draw(self, number: u64) -> Option<u64> {
        let draw = mixed(self.seed ^ mixed(number));
        (draw % 1000 < self.per_mille).then_some(draw >> 40)
    }
}

/// What becomes of one entry of a batch call that works as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryFate {
    Go,
    /// Nothing happens to it, and the answer says that it is worth another try.
    Fail,
    /// The same answer, but it happens.
    FailAfter,
    /// The lease is over at once: somebody else may receive the message.
    Lose,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Go,
    /// Nothing happens, and the caller hears of a failure.
    Fail,
    /// It happens, but the caller hears of a failure.
    FailAfter,
    /// The caller dies before it happens.
    Crash,
    /// It happens, but the caller dies before it hears of it.
    CrashAfter,
    /// The caller is dead already.
    Dead,
}

impl Default for Script {
    fn default() -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), crashed: watch::Sender::new(false) }))
    }
}

impl Script {
    /// Every call works.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the next calls of this kind fail in a way that may pass.
    pub fn fail_next(&self, call: Call, times: u64) {
        self.state().failing.insert(call, (times, Fate::Fail));
    }

    /// Lets the next calls of this kind have their effect and fail all the same.
    pub fn fail_next_after_effect(&self, call: Call, times: u64) {
        self.state().failing.insert(call, (times, Fate::FailAfter));
    }

    /// Lets the process die at the call with this number, counted from 0 over all calls so far and to come,
    /// before or after the call has had its effect. From then on nothing has any effect.
    pub fn crash_at(&self, number: u64, after_effect: bool) {
        self.state().crash = Some((number, after_effect));
    }

    /// Lets the process die at the next call of this kind, before or after it has had its effect: whatever number the
    /// call has, which depends on threads.
    pub fn crash_on(&self, call: Call, after_effect: bool) {
        self.state().crash_on = Some((call, after_effect));
    }

    /// Lets the process die now.
    pub fn crash(&self) {
        self.0.crashed.send_replace(true);
    }

    /// Lets a share of all calls fail, half of them after their effect.
    pub fn fail_at_random(&self, seed: u64, per_mille: u64) {
        self.state().random = Some(Random { seed, per_mille });
    }

    /// Lets a share of the entries of batch calls fail: a third without, a third after their effect, a third by
    /// the loss of the lease.
    pub fn fail_entries_at_random(&self, seed: u64, per_mille: u64) {
        self.state().entries = Some(Random { seed, per_mille });
    }

    /// The call at which the process died, and whether after its effect.
    #[must_use]
    pub fn crashed_at(&self) -> Option<(Call, bool)> {
        self.state().crashed_at
    }

    /// Ends all failures and revives the process.
    pub fn recover(&self) {
        let mut state = self.state();
        (state.crash, state.crash_on) = (None, None);
        state.life += 1;
        state.random = None;
        state.entries = None;
        state.failing.clear();
        self.0.crashed.send_replace(false);
    }

    /// In which process the callers live: how often it was revived.
    pub(crate) fn life(&self) -> u64 {
        self.state().life
    }

    /// Waits for the crash. Whoever runs the pipeline drops it then.
    pub async fn crashed(&self) {
        let mut view = self.0.crashed.subscribe();
        view.wait_for(|crashed| *crashed).await.expect("self holds the sender of the channel");
    }

    /// How often this was called.
    #[must_use]
    pub fn count(&self, call: Call) -> u64 {
        self.state().calls.get(&call).copied().unwrap_or_default()
    }

    /// How often anything was called.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.state().total
    }

    /// Plays an asynchronous call. The dead never come back from it.
    pub(crate) async fn play<T, E>(
        &self,
        call: Call,
        injected: impl FnOnce() -> E,
        effect: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match self.fate(call) {
            Fate::Go => effect(),
            Fate::Fail => Err(injected()),
            Fate::FailAfter => {
                let _ = effect();
                Err(injected())
            }
            fate @ (Fate::Crash | Fate::CrashAfter | Fate::Dead) => {
                if fate == Fate::CrashAfter {
                    let _ = effect();
                }
                self.0.crashed.send_replace(true);
                std::future::pending().await
            }
        }
    }

    /// Plays a blocking call. The dead get an error, and nothing they do with it has any effect.
    pub(crate) fn play_blocking<T, E>(
        &self,
        call: Call,
        injected: impl FnOnce() -> E,
        effect: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match self.fate(call) {
            Fate::Go => effect(),
            Fate::Fail | Fate::Dead => Err(injected()),
            Fate::FailAfter => {
                let _ = effect();
                Err(injected())
            }
            fate @ (Fate::Crash | Fate::CrashAfter) => {
                if fate == Fate::CrashAfter {
                    let _ = effect();
                }
                self.0.crashed.send_replace(true);
                Err(injected())
            }
        }
    }

    fn fate(&self, call: Call) -> Fate {
        if *self.0.crashed.borrow() {
            return Fate::Dead;
        }
        let mut state = self.state();
        let number = state.total;
        state.total += 1;
        *state.calls.entry(call).or_default() += 1;
        if let Some((_, after)) = state.crash_on.take_if(|(on, _)| *on == call) {
            state.crash = Some((number, after));
        }
        match state.crash {
            Some((at, after)) if at == number => {
                state.crashed_at = Some((call, after));
                return if after { Fate::CrashAfter } else { Fate::Crash };
            }
            // Between the call that crashes and the moment its crash is told.
            Some((at, _)) if at < number => return Fate::Dead,
            _ => {}
        }
        if let Some((left, fate)) = state.failing.get_mut(&call).filter(|(left, _)| *left > 0) {
            *left -= 1;
            return *fate;
        }
        match state.random.and_then(|random| random.draw(number)) {
            None => Fate::Go,
            Some(draw) if draw % 2 == 0 => Fate::Fail,
            Some(_) => Fate::FailAfter,
        }
    }

    /// What becomes of the next entry of a batch call.
    pub(crate) fn entry_fate(&self) -> EntryFate {
        let mut state = self.state();
        let number = state.entry;
        state.entry += 1;
        match state.entries.and_then(|random| random.draw(number)) {
            None => EntryFate::Go,
            Some(draw) if draw % 3 == 0 => EntryFate::Fail,
            Some(draw) if draw % 3 == 1 => EntryFate::FailAfter,
            Some(_) => EntryFate::Lose,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One step of SplitMix64.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
