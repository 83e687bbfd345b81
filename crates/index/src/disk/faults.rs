//! What tests do to the disk: a journal of every step below a directory, and errors at a step of their choice.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Kind;

/// `errno` of a full disk.
pub const ENOSPC: i32 = 28;
/// `errno` of a broken one.
pub const EIO: i32 = 5;

/// A step that was done; paths are relative to the directory that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    MakeDir(PathBuf),
    Create(PathBuf),
    Write(PathBuf, u64, Vec<u8>),
    SetLen(PathBuf, u64),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    /// What the test itself wrote down: so much is acknowledged.
    Acknowledged(usize),
}

/// Which steps fail.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The first of them, counted from 0.
    pub at: usize,
    /// The `errno`.
    pub errno: i32,
    /// Only this one, or all behind it that need what is missing, until the fault is taken away.
    pub once: bool,
}

#[derive(Default)]
struct State {
    steps: Vec<Step>,
    begun: usize,
    fault: Option<Fault>,
    hits: usize,
}

/// A directory whose steps are journaled, until dropped.
pub struct Watch {
    root: PathBuf,
    state: Arc<Mutex<State>>,
}

static WATCHED: Mutex<Vec<(PathBuf, Arc<Mutex<State>>)>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Watches a directory.
    pub fn new(root: &Path) -> Self {
        let state = Arc::new(Mutex::default());
        lock(&WATCHED).push((root.to_owned(), Arc::clone(&state)));
        Self { root: root.to_owned(), state }
    }

    /// Lets steps fail, or none any more; steps are counted from 0 again.
    pub fn fail(&self, fault: Option<Fault>) {
        let mut state = lock(&self.state);
        (state.fault, state.begun, state.hits) = (fault, 0, 0);
    }

    /// How many steps were begun since the last call of [`Watch::fail`].
    pub fn begun(&self) -> usize {
        lock(&self.state).begun
    }

    /// How many steps have failed since the last call of [`Watch::fail`].
    pub fn hits(&self) -> usize {
        lock(&self.state).hits
    }

    /// Writes down that so much is acknowledged.
    pub fn acknowledged(&self, count: usize) {
        lock(&self.state).steps.push(Step::Acknowledged(count));
    }

    /// The journal so far.
    pub fn steps(&self) -> Vec<Step> {
        lock(&self.state).steps.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&WATCHED).retain(|(root, _)| *root != self.root);
    }
}

fn watched(path: &Path) -> Option<(PathBuf, Arc<Mutex<State>>)> {
    lock(&WATCHED).iter().find(|(root, _)| path.starts_with(root)).cloned()
}

pub(super) fn step<T>(path: &Path, kind: Kind<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some((root, state)) = watched(path) else { return act() };
    {
        let mut state = lock(&state);
        let number = state.begun;
        state.begun += 1;
        let needs_space = !matches!(kind, Kind::Remove | Kind::SetLen(_) | Kind::SyncDir);
        let fails = |fault: &Fault| match fault.once {
            true => number == fault.at,
            false => number >= fault.at && (needs_space || fault.errno != ENOSPC),
        };
        if let Some(fault) = state.fault.filter(fails) {
            state.hits += 1;
            return Err(io::Error::from_raw_os_error(fault.errno));
        }
    }
    let done = act()?;
    lock(&state).steps.push(kind.at(path, &root));
    Ok(done)
}

/// What is left of a write that failed.
pub(super) fn tear(path: &Path, kind: Kind<'_>, act: impl FnOnce() -> io::Result<()>) {
    if let Some((root, state)) = watched(path) {
        act().unwrap();
        lock(&state).steps.push(kind.at(path, &root));
    }
}

impl Kind<'_> {
    fn at(&self, path: &Path, root: &Path) -> Step {
        let below = |path: &Path| path.strip_prefix(root).unwrap().to_owned();
        let path = below(path);
        match self {
            Self::MakeDir => Step::MakeDir(path),
            Self::Create => Step::Create(path),
            Self::Write(offset, bytes) => Step::Write(path, *offset, bytes.to_vec()),
            Self::SetLen(length) => Step::SetLen(path, *length),
            Self::Sync => Step::Sync(path),
            Self::RenameTo(to) => Step::Rename(path, below(to)),
            Self::Remove => Step::Remove(path),
            Self::SyncDir => Step::SyncDir(path),
        }
    }
}
