//! What the last command lets one expect of the prompt that comes next. Many lines of its output may be asked whether
//! they are that prompt, so the answers are found once per command.

use super::syntax;
use super::windows::prompt::brought_by;

/// What a command lets one expect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expectation {
    /// It leaves the shell.
    pub leaves: bool,
    /// It may bring a prompt of its own.
    pub brings: bool,
    /// It may change the words of the prompt.
    pub moves: bool,
}

impl Expectation {
    /// Looks at the last command; without one, at the empty text.
    pub(crate) fn after(command: &str) -> Self {
        Self {
            leaves: syntax::leaves(command),
            brings: syntax::brings_prompt(command) || is_logger(command) || brought_by(command),
            moves: ["cd", "pushd", "popd", "git"].iter().any(|word| command.starts_with(word)),
        }
    }
}

/// Whether this is the program with which agents print a transcript.
pub(crate) fn is_logger(command: &str) -> bool {
    command.contains("ssm-session-logger") && command.contains("ipcTempFile")
}
