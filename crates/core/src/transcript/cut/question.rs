//! Questions of a program that reads its answers with a line editor, such as `read -e -p` in a script.

use super::Cutter;
use crate::session::Status;
use crate::transcript::command::Command;
use crate::transcript::expect::Expectation;
use crate::transcript::prompt::{self, Proof, Reader};

impl Cutter<'_> {
    /// Whether an edit with this prompt answers a program: it asks as no shell does, another shell marks its edits, and that one is
    /// back later. `false` behind a command that may have brought another shell.
    pub(super) fn is_question(&self, prompt: &str) -> bool {
        // The last line at a prompt of a shell.
        let ran = |last: &&Command| last.status == Status::Executed && last.prompt.is_some();
        let last = if asks(prompt) { self.commands.iter().rev().find(ran) } else { None };
        let Some(last) = last.filter(|last| !last.dropped) else { return false };
        let expectation = Expectation::after(&last.command);
        let Some(current) = self.current.as_ref().filter(|current| current.marked) else { return false };
        let returns = current.last.is_some_and(|last| last > self.index);
        if !returns || current.proof < Proof::Bare || asks(&current.text) {
            return false;
        }
        !(expectation.opens || expectation.brings || expectation.leaves)
    }
}

/// Whether a prompt is a question, or a sign that asks for more.
fn asks(prompt: &str) -> bool {
    if prompt::reader(prompt) == Reader::Program {
        return false;
    }
    let prompt = prompt.trim();
    let place = prompt.contains(['@', '/', '~', '\\', '$', '%']);
    let question = prompt.ends_with([':', '?']) || prompt.starts_with("? ");
    matches!(prompt, ">" | "#?") || (question && !place) || offers(prompt) || prompt::last_line(prompt) == "?"
}

/// Whether a question offers its answers: `Continue? [y/N]`.
pub(super) fn offers(prompt: &str) -> bool {
    let offered = prompt.trim().strip_suffix(']').and_then(|prompt| prompt.rsplit_once('['));
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    offered.is_some_and(|(before, words)| {
        before.trim_end().ends_with('?') && words.contains('/') && words.split('/').all(word)
    })
}
