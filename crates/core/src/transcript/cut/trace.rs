//! Commands that a shell shows before it runs them (`set -x`), behind a text that may look like a prompt (`PS4`).

use super::Cutter;
use crate::terminal::page::Mark;
use crate::transcript::prompt;

/// Most such texts that are remembered.
const MAX_TRACES: usize = 16;

/// Least letters of a command that tells by coming twice.
const MIN_COMMAND_BYTES: usize = 2;

impl Cutter<'_> {
    /// Whether a line that begins with `prompt` shows the command `typed` which was accepted in the line above, or belongs
    /// to a trace that did so before. A shell that was opened or left, or whose prompt may have changed, shows no trace.
    pub(super) fn is_traced(&mut self, mark: &Mark, prompt: &str, typed: &str) -> bool {
        let Some(last) = self.commands.last() else { return false };
        let again = last.after == mark.text
            && !last.dropped
            && last.command.len() >= MIN_COMMAND_BYTES
            && last.command == typed.trim();
        // This settles nearly all lines.
        if !again && self.traces.is_empty() {
            return false;
        }
        let Some(current) = &self.current else { return false };
        if current.text == prompt || prompt::has_key(prompt, &current.key) {
            return false;
        }
        let key = prompt::key(prompt);
        if self.traces.contains(&key) {
            return true;
        }
        if !again || self.known.contains(&key) || self.traces.len() >= MAX_TRACES {
            return false;
        }
        let expected = self.expectation_of_last();
        if expected.leaves || expected.brings || expected.moves {
            return false;
        }
        self.traces.insert(key);
        true
    }
}
