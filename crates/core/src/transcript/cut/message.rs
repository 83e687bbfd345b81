//! What a background program says as soon as it runs: it stands behind the prompt that the shell has just printed, and what
//! is typed then on a row of its own, without a prompt.

use super::{Cutter, MAX_SEARCH_BYTES, text_of};
use crate::transcript::command::Command;
use crate::transcript::interruption::{common_end, start_of_end};
use crate::transcript::prompt;
use crate::transcript::syntax::looks_like_command;

/// Most commands that are asked whether they left one in the background.
const MAX_COMMANDS: usize = 8;

/// Least words of a message that comes again.
const MIN_WORDS: usize = 3;

/// Most rows of a message.
const MAX_ROWS: usize = 8;

impl Cutter<'_> {
    /// Whether what stands behind the prompt is what the background program of the last line said, and no command: it begins
    /// like a sentence or a log.
    pub(super) fn is_message(&self, typed: &str) -> bool {
        let first = typed.split(' ').next().unwrap_or_default();
        let sentence = first.starts_with(|sign: char| sign.is_ascii_uppercase() || sign == '[')
            && !first.contains('=')
            && !matches!(first, "[" | "[[");
        // Options are typed; an arrow is not one.
        let option = |word: &str| word.starts_with('-') && !word.starts_with("->") && word.len() > 1;
        !typed.split(' ').any(option)
            && (sentence || first.ends_with(':'))
            && typed.split(' ').filter(|word| !word.is_empty()).nth(2).is_some()
            && self.commands.last().is_some_and(|last| !last.dropped && is_background(last))
            && !looks_like_command(typed)
    }

    /// Takes out of a line what a background program prints into it again and again: each row ends alike but for its figures,
    /// and the first one that does not is the rest of the line.
    pub(super) fn take_repeated(
        &self,
        typed: &mut String,
        after: &mut usize,
        taken: &mut Vec<String>,
    ) -> bool {
        if !self.commands.iter().rev().take(MAX_COMMANDS).any(is_background) {
            return false;
        }
        let rest = self.page.text.get(*after..).unwrap_or_default();
        let mut rows =
            rest.split_inclusive(|&byte| byte == b'\n').take(MAX_ROWS).take_while(|row| row.ends_with(b"\n"));
        let mut at = *after;
        let mut next = || {
            let row = rows.next().filter(|row| row.len() < MAX_SEARCH_BYTES)?;
            at += row.len();
            Some((text_of(&prompt::text_of(row)).trim_end_matches('\n').to_owned(), at))
        };
        let Some((second, end)) = next() else { return false };
        let Some(message) = common_end(&[typed, &second]).map(str::to_owned) else { return false };
        let Some(cut) = start_of_end(typed, &message) else { return false };
        // What a program shows of its arguments is the same to the last figure.
        let words = message.split(' ').filter(|word| !word.is_empty()).count();
        // A word apart may belong to the line.
        let apart = typed[..cut].ends_with(' ') && message.starts_with(char::is_alphabetic);
        if words < MIN_WORDS || apart || second.ends_with(&typed[cut..]) {
            return false;
        }
        let mut line = typed[..cut].to_owned();
        let mut found = vec![typed[cut..].to_owned()];
        let (mut row, mut end) = (second, end);
        while let Some(cut) = start_of_end(&row, &message) {
            line.push_str(&row[..cut]);
            found.push(row[cut..].to_owned());
            let Some(more) = next() else { return false };
            (row, end) = more;
        }
        let prompt = self.current.as_ref().map_or("", |current| current.text.trim_end());
        if !prompt.is_empty() && row.starts_with(prompt) {
            return false;
        }
        line.push_str(row.trim_end());
        (*typed, *after, *taken) = (line, end, found);
        true
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
            // Where Enter was all, the prompt comes back at once.
            let rest = self.page.text.get(at..).unwrap_or_default();
            let entered = row.trim().is_empty();
            if entered && !(prompt.is_empty() || rest.starts_with(prompt.as_bytes())) {
                break;
            }
            if entered || looks_like_command(&row) {
                row.trim_end().clone_into(typed);
                *after = at;
                return taken;
            }
            taken.push(row);
        }
        Vec::new()
    }
}

/// Whether the shell did not wait for a command.
fn is_background(command: &Command) -> bool {
    command.command.trim_end().ends_with('&')
}
