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
    Get,
    List,
    Decrypt,
    Contains,
    Build,
    Commit,
    RecordFailure,
    ClearFailure,
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
    random: Option<Random>,
}

#[derive(Clone, Copy, Debug)]
struct Random {
    seed: u64,
    per_mille: u64,
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

    /// Lets a share of all calls fail, half of them after their effect.
    pub fn fail_at_random(&self, seed: u64, per_mille: u64) {
        self.state().random = Some(Random { seed, per_mille });
    }

    /// Ends all failures and revives the process.
    pub fn recover(&self) {
        let mut state = self.state();
        state.crash = None;
        state.random = None;
        state.failing.clear();
        self.0.crashed.send_replace(false);
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
        match state.crash {
            Some((at, after)) if at == number => return if after { Fate::CrashAfter } else { Fate::Crash },
            // Between the call that crashes and the moment its crash is told.
            Some((at, _)) if at < number => return Fate::Dead,
            _ => {}
        }
        if let Some((left, fate)) = state.failing.get_mut(&call).filter(|(left, _)| *left > 0) {
            *left -= 1;
            return *fate;
        }
        match state.random {
            Some(Random { seed, per_mille }) => {
                let draw = mixed(seed ^ mixed(number));
                match (draw % 1000 < per_mille, draw & (1 << 40) == 0) {
                    (false, _) => Fate::Go,
                    (true, true) => Fate::Fail,
                    (true, false) => Fate::FailAfter,
                }
            }
            None => Fate::Go,
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
