//! What a background program says as soon as it runs: it stands behind the prompt that the shell has just printed, and what
//! is typed then on a row of its own, without a prompt.

use super::{Cutter, MAX_SEARCH_BYTES, text_of};
use crate::transcript::command::Command;
use crate::transcript::prompt;
use crate::transcript::syntax::looks_like_command;

/// Most rows of a message.
const MAX_ROWS: usize = 8;

impl Cutter<'_> {
    /// Whether what stands behind the prompt is what the background program of the last line said, and no command: it begins
    /// like a sentence or a log.
    pub(super) fn is_message(&self, typed: &str) -> bool {
        let background = |last: &Command| !last.dropped && last.command.trim_end().ends_with('&');
        let first = typed.split(' ').next().unwrap_or_default();
        let sentence = first
            .starts_with(|sign: char| sign.is_ascii_uppercase() || sign == '[' && first.len() > 1)
            && !first.contains('=');
        (sentence || first.ends_with(':'))
            && typed.split(' ').filter(|word| !word.is_empty()).nth(2).is_some()
            && self.commands.last().is_some_and(background)
            && !looks_like_command(typed)
    }

    /// Takes such a message out of a line. What was typed stands on one of the next rows; an empty one, if all that was pressed
    /// was Enter. `after` is where the output starts.
    pub(super) fn take_message(&mut self, typed: &mut String, after: &mut usize) -> Vec<String> {
        let prompt = self.current.as_ref().map_or("", |current| current.text.trim_end());
        let (mut at, mut taken) = (*after, vec![typed.clone()]);
        while taken.len() < MAX_ROWS {
            let rest = self.page.text.get(at..).unwrap_or_default();
            let Some(length) = memchr::memchr(b'\n', rest).filter(|&length| length < MAX_SEARCH_BYTES) else {
                break;
            };
            let row = text_of(&prompt::text_of(&rest[..length])).into_owned();
            if !prompt.is_empty() && row.starts_with(prompt) {
                break;
            }
            at += length + 1;
            if row.trim().is_empty() || looks_like_command(&row) {
                row.trim_end().clone_into(typed);
                *after = at;
                return taken;
            }
            taken.push(row);
        }
        Vec::new()
    }
}
