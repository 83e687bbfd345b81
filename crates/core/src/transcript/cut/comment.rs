//! Lines of a text that a command showed, at a prompt that is nothing but the sign of a comment.
//!
//! Byte for byte such a line is what a typed one would be. A line whose program is known, or which the shell answers, is
//! a command; of the others, sentences are comments where the lines around them are.

use super::Cutter;
use crate::session::Confidence;
use crate::terminal::page::{LineMark, Mark};
use crate::transcript::command::Command;
use crate::transcript::prompt;
use crate::transcript::shows::shows_text;
use crate::transcript::syntax::looks_like_command;

/// Most lines that are no commands for sure and are passed over to find the one that shows the text.
const MAX_PASSED: usize = 200;

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 512;

/// Least words of a sentence.
const MIN_WORDS: usize = 4;

/// How many of [`WORDS`] a sentence holds that does not begin with a capital letter.
const MIN_TELLING: usize = 2;

/// Least signs of the edge of a frame.
const MIN_EDGE: usize = 5;

/// Words that sentences hold and commands hardly.
const WORDS: [&str; 24] = [
    "are", "be", "by", "for", "from", "has", "have", "is", "it", "may", "must", "not", "of", "should",
    "that", "the", "these", "this", "was", "which", "will", "with", "you", "your",
];

impl Cutter<'_> {
    /// Whether a line that begins with the sign of a comment, and nothing else that makes a prompt, is a comment: below a
    /// command that shows a text, or in a frame of such signs.
    pub(super) fn is_comment(&mut self, mark: &Mark, line: LineMark, prompt: &str, typed: &str) -> bool {
        // Enter at the prompt leaves its blank.
        let current = self.current.as_ref().is_some_and(|current| current.text == "# ");
        if prompt == "#" && typed.is_empty() && current {
            return true;
        }
        if prompt != "# " || line.styled > 0 {
            self.below_comment = false;
            return false;
        }
        let above = self.text_above(mark);
        if looks_like_command(typed) {
            self.below_comment = is_tight(&above);
            return false;
        }
        let below = self.text_below(line);
        if typed.ends_with(" #") && (is_edge(&above) || mark.text == self.comment_end && mark.text > 0) {
            self.comment_end = line.end + 1;
            return true;
        }
        // What was taken for a command among comments may be one of them.
        let known = |command: &&Command| {
            let sure = command.confidence > Confidence::Low && looks_like_command(&command.command);
            !command.dropped && (sure || !command.is_line())
        };
        let mut before = self.commands.iter().rev().take(MAX_PASSED);
        let Some(last) = before.find(known).filter(|last| shows_text(&last.command)) else {
            self.below_comment = false;
            return false;
        };
        let after_comment = is_tight(&above) || (mark.text > 0 && mark.text == self.comment_end);
        let first = last.after == mark.text;
        let before_comment = is_tight(&below) || comment(&below).is_some_and(is_sentence);
        let comment = if typed.is_empty() {
            after_comment && before_comment
        } else {
            is_sentence(typed) && (after_comment || first || before_comment) && !below.ends_with("not found")
        };
        if comment {
            self.comment_end = line.end + 1;
        }
        self.below_comment = !comment && after_comment;
        comment
    }

    fn text_above(&self, mark: &Mark) -> String {
        let end = mark.text.saturating_sub(1);
        let start = memchr::memrchr(b'\n', &self.page.text[..end]).map_or(0, |at| at + 1);
        self.text_between(start, end)
    }

    fn text_below(&self, line: LineMark) -> String {
        let start = line.end + 1;
        let rest = self.page.text.get(start..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.text_between(start, start + length)
    }

    fn text_between(&self, start: usize, end: usize) -> String {
        let end = end.min(start.saturating_add(MAX_LINE_BYTES));
        prompt::text_of(self.page.text.get(start..end).unwrap_or_default()).into_owned()
    }
}

/// Whether a line is the edge of a frame of signs.
fn is_edge(line: &str) -> bool {
    let line = line.trim_end();
    line.len() >= MIN_EDGE && line.bytes().all(|byte| byte == b'#')
}

/// Whether a line begins with the sign and goes on without a blank: no prompt leaves it so. Programs number their steps so.
fn is_tight(line: &str) -> bool {
    line.strip_prefix('#')
        .is_some_and(|rest| !rest.starts_with(|next: char| next == ' ' || next.is_ascii_digit()))
}

/// What stands behind the sign and its blank.
fn comment(line: &str) -> Option<&str> {
    line.strip_prefix("# ")
}

/// Whether a text is a sentence.
fn is_sentence(typed: &str) -> bool {
    let words = || typed.split(' ').filter(|word| !word.is_empty());
    let plain =
        |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphabetic() || b",.;:'()/-".contains(&byte));
    let count = words().count();
    let first = words().next().unwrap_or_default();
    let capital = first.starts_with(|first: char| first.is_ascii_uppercase())
        && first.bytes().skip(1).all(|byte| byte.is_ascii_lowercase() || byte == b',');
    let telling = words().filter(|word| WORDS.contains(&word.trim_end_matches(['.', ',', ':']))).count();
    count >= MIN_WORDS
        && !typed.bytes().any(|byte| b";|&$<>`{}*=\"".contains(&byte))
        && !words().any(|word| word.starts_with('-') && word.len() > 1)
        && words().filter(plain).count() * 2 > count
        && telling >= if capital || typed.ends_with('.') { 1 } else { MIN_TELLING }
}
