//! Lines of a text that a command showed, at a prompt that is nothing but the sign of a comment.
//!
//! Byte for byte such a line is what a typed one would be. What tells is the text behind the sign, and the lines around it.

use super::Cutter;
use crate::terminal::page::{LineMark, Mark, MarkKind};
use crate::transcript::openings::only_prints;
use crate::transcript::prompt;
use crate::transcript::syntax;

/// Most lines that are looked at behind such a line.
const MAX_LINES: usize = 200;

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 512;

/// So many lines that are no commands, one below the other: nobody types them all below a text.
const MIN_LINES: usize = 2;

/// Least words of a sentence.
const MIN_WORDS: usize = 4;

/// Words that sentences hold and commands do not.
const WORDS: [&str; 24] = [
    "a", "all", "an", "and", "are", "as", "be", "by", "can", "if", "in", "is", "it", "may", "must", "of",
    "or", "should", "that", "the", "this", "to", "with", "you",
];

/// Commands that are given sentences.
const TELLING: [&str; 8] = ["echo", "printf", "logger", "git", "wall", "write", "mail", "sendmail"];

impl Cutter<'_> {
    /// Whether a line that begins with the sign of a comment, and nothing else that makes a prompt, is a comment: below a
    /// command that shows a text, or in a frame of such signs.
    pub(super) fn is_comment(&mut self, mark: &Mark, line: LineMark, prompt: &str, typed: &str) -> bool {
        // Enter at the prompt leaves its blank.
        let current = self.current.as_ref().is_some_and(|current| current.text == "# ");
        if prompt == "#" && typed.is_empty() && current {
            return true;
        }
        let answered = typed.ends_with("not found") || typed.starts_with("# ");
        if prompt != "# " || line.styled > 0 || answered {
            return false;
        }
        if typed.ends_with(" #") && self.text_above(mark).is_some_and(|above| is_edge(above.as_bytes())) {
            return true;
        }
        // What was taken for a command among comments may be one of them.
        let doubted = std::mem::take(&mut self.below_comment);
        if !(doubted || self.shows_text()) || self.may_be_typed_ahead() {
            return false;
        }
        let above = self.text_above(mark).unwrap_or_default();
        let below = self.text_below(line).unwrap_or_default();
        let after_comment = is_tight(&above) || (mark.text > 0 && mark.text == self.comment_end);
        let within = after_comment && (is_tight(&below) || comment(&below).is_some_and(is_sentence));
        // A command that shows a text shows something.
        let first =
            self.commands.last().is_some_and(|last| last.after == mark.text && !last.dropped) && !doubted;
        let strange = || {
            !typed.is_empty()
                && is_strange(typed)
                && (first || after_comment || is_tight(&below) || self.is_paragraph(line))
        };
        let comment = within || is_sentence(typed) || strange();
        if comment {
            self.comment_end = line.end + 1;
        }
        self.below_comment = if comment { doubted } else { after_comment };
        comment
    }

    /// Whether more such lines follow with nothing between them.
    fn is_paragraph(&self, first: LineMark) -> bool {
        let mut end = first.end;
        let rest = self.page.marks.iter().skip(self.index + 1).take(MIN_LINES - 1);
        let next = |mark: &Mark| {
            let MarkKind::Line(line) = &mark.kind else { return false };
            let text = self.text_between(mark.text, line.end);
            mark.text == std::mem::replace(&mut end, line.end) + 1 && comment(&text).is_some_and(is_strange)
        };
        rest.map(next).filter(|next| *next).count() == MIN_LINES - 1
    }

    /// Whether the last command shows a text. Empty lines of comments pass for prompts at which nothing was typed.
    fn shows_text(&self) -> bool {
        let mut last = self.commands.iter().rev().take(MAX_LINES);
        last.find(|command| !command.dropped).is_some_and(|command| only_prints(&command.command))
    }

    /// Whether the output of the last command begins with a line that may be typed ahead: then what stands behind the next
    /// prompts is output.
    fn may_be_typed_ahead(&self) -> bool {
        let Some(last) = self.commands.last() else { return false };
        let rest = self.page.text.get(last.after..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        syntax::looks_like_command(&self.text_between(last.after, last.after + length))
    }

    fn text_above(&self, mark: &Mark) -> Option<String> {
        let end = mark.text.checked_sub(1)?;
        let start = memchr::memrchr(b'\n', &self.page.text[..end]).map_or(0, |at| at + 1);
        Some(self.text_between(start, end))
    }

    fn text_below(&self, line: LineMark) -> Option<String> {
        let start = line.end + 1;
        let rest = self.page.text.get(start..)?;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        Some(self.text_between(start, start + length))
    }

    fn text_between(&self, start: usize, end: usize) -> String {
        let end = end.min(start.saturating_add(MAX_LINE_BYTES));
        prompt::text_of(self.page.text.get(start..end).unwrap_or_default()).into_owned()
    }
}

/// Whether a line is the upper edge of a frame of signs, or a line within it.
fn is_edge(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.len() > 2 && line.starts_with(b"#") && line.ends_with(b"#")
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

/// Whether a text is no command that is known, or is one that would be given a sentence.
fn is_strange(typed: &str) -> bool {
    let path =
        typed.split(' ').next().filter(|path| path.starts_with('/') && !path.ends_with([':', ',', '.']));
    let runs = typed == ":" || path.is_some_and(|path| !typed[path.len()..].starts_with(" - "));
    (!syntax::looks_like_command(typed) && !runs) || is_sentence(typed)
}

/// Whether a text is a sentence.
fn is_sentence(typed: &str) -> bool {
    let mut words = typed.split(' ').filter(|word| !word.is_empty());
    let first = words.clone().next().unwrap_or_default();
    let plain =
        |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphabetic() || b",.;:'()/-".contains(&byte));
    let count = words.clone().count();
    let name = first.trim_end_matches([':', ',']);
    let capital = name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name[1..].bytes().all(|byte| byte.is_ascii_lowercase());
    count >= MIN_WORDS
        && !TELLING.contains(&first)
        && !typed.bytes().any(|byte| b";|&$<>`{}*=".contains(&byte))
        && !words.clone().any(|word| word.starts_with("--"))
        && words.clone().filter(plain).count() * 2 > count
        && (capital || words.any(|word| WORDS.contains(&word)))
}
