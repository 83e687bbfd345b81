//! Lists of completions that a line editor without marks prints below the line.

use super::{Cutter, MAX_SEARCH_BYTES};
use crate::session::{Boundary, Confidence, Reason, Status};
use crate::terminal::page::{Mark, MarkKind};
use crate::terminal::token::{Csi, Token, token_at};
use crate::transcript::command::Command;
use crate::transcript::prompt;

/// Most lines above the last one of a prompt that are looked for below a list.
const MAX_UPPER_LINES: usize = 4;

/// Most rows of a list that are looked at.
const MAX_ROWS: usize = 100;

impl Cutter<'_> {
    /// A line editor without marks prints the prompt again below a list of completions, and the line as it was: then the
    /// line above was not submitted. What was typed afterwards may have changed all of it: then it has a record.
    pub(super) fn after_completion(&mut self, mut command: Command) -> Command {
        let Some(last) = self.commands.last() else { return command };
        let typed = last.command.as_str();
        if typed.is_empty() || last.boundary != Boundary::Prompt {
            return command;
        }
        let list = self.page.text.get(last.after..command.text).unwrap_or_default();
        let blank = typed.bytes().rposition(|byte| matches!(byte, b' ' | b'/' | b'=' | b':'));
        let word = &typed[blank.map_or(0, |at| at + 1)..];
        // Behind a blank, all that may stand there is listed.
        let line = self.page.text.get(last.text..last.after).unwrap_or_default();
        let open = last.bell
            && self.rang_last(last)
            && line.trim_ascii_end().len() + 1 < line.len()
            && command
                .command
                .strip_prefix(typed)
                .is_some_and(|more| more.is_empty() || more.starts_with(' '))
            && are_cells(prompt::text_of(list).as_ref());
        // Nearly no output begins so.
        let named = last.bell || !word.is_empty();
        let repeated = is_listed_again(&last.between, prompt::text_of(list).as_ref());
        if !open
            && !repeated
            && (!named
                || !(list.trim_ascii_start().starts_with(word.as_bytes())
                    || list.starts_with(b"Display all")))
        {
            return command;
        }
        let again = || command.command.starts_with(typed) || self.begins_with(&command, typed);
        let key = |command: &Command| command.prompt.as_deref().map(prompt::key);
        if !again() || key(last) != key(&command) {
            return command;
        }
        let list = self.without_uppers(prompt::text_of(list).as_ref(), last.text).to_owned();
        let mut entries = list.split_whitespace();
        let listed = if last.bell || repeated {
            open || repeated
                || list.starts_with("Display all")
                || entries.next().is_some_and(|first| first.starts_with(word))
        } else {
            // Without a bell, all of the list must go on with the word, and the line with one of them or with something
            // else instead.
            let same = command.command.strip_prefix(typed);
            let more = same.is_none_or(|more| more.starts_with(char::is_alphanumeric));
            list.len() <= MAX_SEARCH_BYTES
                && more
                && !word.is_empty()
                && entries.clone().count() > 1
                && entries.all(|entry| entry.starts_with(word))
        };
        if !listed {
            return command;
        }
        if !command.command.starts_with(typed) || repeated {
            // The line that follows does not tell what stood in this one, or a program prints such a list.
            if let Some(last) = self.commands.last_mut() {
                last.status = Status::Unsubmitted;
                last.doubt(Confidence::Low, Reason::LookAlike);
            }
            if repeated {
                command.between = list.lines().map(str::to_owned).collect();
            }
            return command;
        }
        command.text = last.text;
        command.source = last.source;
        command.between = list.lines().map(str::to_owned).collect();
        self.commands.pop();
        command
    }

    /// Whether the next edit shows all that was typed in this one.
    pub(super) fn stands_again(&self, typed: &str) -> bool {
        let Some(Mark { kind: MarkKind::Edit(next), .. }) = self.page.marks.get(self.index + 1) else {
            return false;
        };
        next.lines.iter().any(|line| line.text.contains(typed))
    }

    /// Whether the bell was the last thing that was sent before the newline of a line.
    fn rang_last(&self, command: &Command) -> bool {
        let rest = self.source.get(command.source..).unwrap_or_default();
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(0)];
        line.iter().rev().find(|&&byte| byte != b'\r') == Some(&0x07)
    }

    /// Whether the line of a command showed `typed` behind its prompt before anything was edited.
    fn begins_with(&self, command: &Command, typed: &str) -> bool {
        let prompt = command.prompt.as_deref().map(prompt::last_line).unwrap_or_default();
        let wanted = prompt.len() + typed.len();
        if !command.is_line() || wanted > MAX_SEARCH_BYTES || prompt.is_empty() {
            return false;
        }
        let mut shown = Vec::with_capacity(wanted);
        let mut at = command.source;
        while let Some((token, next)) = token_at(self.source, at) {
            match token {
                Token::Text(text) => shown.extend_from_slice(text),
                Token::Csi(Csi { command: b'm', .. })
                | Token::Csi(Csi { marker: 1.., .. })
                | Token::Osc(_) => {}
                // The pager of the list stood on this row.
                Token::Control(b'\r') if !shown.starts_with(prompt.as_bytes()) => shown.clear(),
                Token::Csi(Csi { command: b'K', .. }) if shown.is_empty() => {}
                _ => break,
            }
            if shown.len() >= wanted || next > command.source + MAX_SEARCH_BYTES {
                break;
            }
            at = next;
        }
        shown.strip_prefix(prompt.as_bytes()).is_some_and(|shown| shown.starts_with(typed.as_bytes()))
    }

    /// A list without the lines at its end that belong to the prompt below: they stand above the line at `text` as well.
    fn without_uppers<'l>(&self, list: &'l str, text: usize) -> &'l str {
        let near = &self.page.text[text.saturating_sub(MAX_SEARCH_BYTES)..text];
        let above = prompt::text_of(near);
        let mut above = above.lines().rev().take(MAX_UPPER_LINES);
        let mut list = list.trim_end_matches('\n');
        while let Some(line) = above.next()
            && let start = list.rfind('\n').map_or(0, |at| at + 1)
            && start > 0
            && is_same_line(line, &list[start..])
        {
            list = list[..start].trim_end_matches('\n');
        }
        list
    }
}

/// Whether a list is the one that was shown before. Each of its cells is padded, which tells it from what `ls` prints.
fn is_listed_again(shown: &[String], list: &str) -> bool {
    list.trim_end_matches('\n').ends_with("  ") && list.lines().eq(shown.iter().map(String::as_str))
}

/// Whether a text is cells with blanks between, most of which are one word: the names of files seldom have blanks.
fn are_cells(list: &str) -> bool {
    let cells = list.lines().take(MAX_ROWS).flat_map(|row| row.split("  ")).map(str::trim);
    let (mut all, mut words) = (0, 0);
    for cell in cells.filter(|cell| !cell.is_empty()) {
        all += 1;
        words += usize::from(!cell.contains(' '));
    }
    all > 0 && words * 2 > all
}

/// Whether two lines are the same but for their figures.
fn is_same_line(one: &str, other: &str) -> bool {
    let sign = |sign: char| if sign.is_ascii_digit() { '0' } else { sign };
    one.trim_end().chars().map(sign).eq(other.trim_end().chars().map(sign))
}
