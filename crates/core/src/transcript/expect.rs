//! What the last command lets one expect of the prompt that comes next. Many lines of its output may be asked whether
//! they are that prompt, so the answers are found once per command.

use super::openings::{only_prints, opening, restyles};
use super::syntax;
use super::windows::prompt::brought_by;

/// Commands that change what prompts show: the directory, or the state of a repository.
const MOVING: [&str; 8] = ["cd", "pushd", "popd", "git", "z", "j", "..", "USE"];

/// What a command lets one expect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expectation {
    /// It leaves the shell.
    pub leaves: bool,
    /// It opens a shell or a program that has a prompt, or changes the prompt.
    pub opens: bool,
    /// It opens a shell or a program.
    pub nests: bool,
    /// It may bring a prompt of its own.
    pub brings: bool,
    /// It may change the words of the prompt.
    pub moves: bool,
    /// It only prints.
    pub prints: bool,
    /// It is the only command of its line: the other end of a pipe may bring a prompt.
    pub alone: bool,
}

impl Expectation {
    /// Looks at the last command; without one, at the empty text.
    pub(crate) fn after(command: &str) -> Self {
        let nests = opening(command).is_some();
        let opens = nests || restyles(command) || is_logger(command) || brought_by(command);
        let leaves = syntax::leaves(command);
        Self {
            leaves,
            opens,
            nests,
            brings: opens || (syntax::brings_prompt(command) && !is_fed(command)),
            moves: command
                .as_bytes()
                .split(|byte| matches!(byte, b' ' | b';' | b'&' | b'|' | b'\n'))
                .any(|word| MOVING.iter().any(|moving| moving.as_bytes() == word)),
            prints: !opens && !leaves && only_prints(command),
            alone: memchr::memchr3(b'|', b';', b'&', command.as_bytes()).is_none(),
        }
    }
}

/// Whether a here-document is what the command reads: then it asks nobody.
fn is_fed(command: &str) -> bool {
    command.split_once('\n').is_some_and(|(first, _)| first.contains("<<"))
}

/// Whether this is the program with which agents print a transcript.
pub(crate) fn is_logger(command: &str) -> bool {
    let names = |name: &str| memchr::memmem::find(command.as_bytes(), name.as_bytes()).is_some();
    command.len() > "ssm-session-logger ipcTempFile".len()
        && names("ssm-session-logger")
        && names("ipcTempFile")
}
