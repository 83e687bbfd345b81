//! What the exit code says.

use std::process::ExitCode;

/// How a command ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: there are hits, or the work is done.
    Done,
    /// 1: nothing found, and everything in scope was searched.
    NothingFound,
    /// 2: usage or failure.
    Failed,
    /// 3: finished, and something was not searched or not indexed; stderr says what.
    Incomplete,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => 0,
            Exit::NothingFound => 1,
            Exit::Failed => 2,
            Exit::Incomplete => 3,
        }
        .into()
    }
}
