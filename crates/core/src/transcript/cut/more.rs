//! Lines that continue the last command.

use std::borrow::Cow;

use super::{Cutter, MAX_SEARCH_BYTES, MAX_UNPROMPTED_LINES, text_of};
use crate::session::{Confidence, Reason, Status};
use crate::terminal::page::Edit;
use crate::transcript::edit::continuation_len;
use crate::transcript::interruption::{likely_interruption, state_notice};
use crate::transcript::printed;
use crate::transcript::programs::Grammar;
use crate::transcript::prompt::{self, Reader, last_line};
use crate::transcript::syntax;

/// Most texts of background programs in one line.
const MAX_INTERRUPTIONS: usize = 8;

/// Most lines, and most bytes, between a line and the prompt for more of it.
const MAX_GAP_LINES: usize = 4;
const MAX_GAP_BYTES: usize = 1024;

impl Cutter<'_> {
    /// Whether a prompt that asks for more follows the last command without output in between.
    pub(super) fn continues(&mut self, text: usize, prompt: &str, marked: bool) -> bool {
        let Some(last) = self.commands.last() else { return false };
        let adjacent = self
            .page
            .text
            .get(last.after..text)
            .is_some_and(|gap| gap.iter().all(|&byte| byte == b'\n') || is_refused_reference(gap));
        if !adjacent || last.dropped {
            return false;
        }
        let Some(before) = last.prompt.as_deref() else { return false };
        let quoted = prompt::is_dollar_quoted(prompt, before);
        if !quoted && !prompt::is_continuation(prompt) {
            return false;
        }
        if let Some(irb) = prompt::irb(prompt) {
            let lines = 1 + memchr::memchr_iter(b'\n', last.command.as_bytes()).count();
            return prompt::irb(before).is_some_and(|first| {
                !first.open && first.name == irb.name && first.number.saturating_add(lines) == irb.number
            });
        }
        if matches!(last.status, Status::Aborted | Status::Eof) {
            return false;
        }
        if quoted {
            return true;
        }
        if before.trim() == prompt.trim() {
            return self.is_open();
        }
        match prompt.trim() {
            // Python asks for more with its own.
            ">" if before.trim() == ">>>" => false,
            ">" if !marked => self.is_open(),
            ">>" => before.contains("PS ") || (marked && before.trim() == ">"),
            "More?" => prompt::key(before) == "cmd>",
            "..." => matches!(before.trim(), ">>>" | ">"),
            // Words alone leave nothing open: a program asks.
            ">" if Grammar::behind(before) == Grammar::Unix
                && syntax::opens_nothing(prompt::last_line(&last.command)) =>
            {
                self.is_open()
            }
            // The shells that name what is open mark their edits; clients need no mark.
            _ => marked || prompt::reader(before) == Reader::Program,
        }
    }

    /// Whether a prompt is that of the last command, with lines above its last one that are made like the lines there, or stand below a
    /// command that is complete: it asks for the next one, whatever its last line is.
    pub(super) fn is_whole_prompt(&mut self, prompt: &str) -> bool {
        let Some((upper, line)) = prompt.rsplit_once('\n') else { return false };
        let last = self.commands.last().and_then(|last| last.prompt.as_deref()?.rsplit_once('\n'));
        let Some((last_upper, _)) = last.filter(|(_, last_line)| *last_line == line) else { return false };
        prompt::shape(upper) == prompt::shape(last_upper) || !self.is_open()
    }

    /// What stands between the last command, which is not complete, and the prompt for more of it: the shell tells that a job has
    /// ended, or repeats each line that it reads (`set -v`).
    pub(super) fn gap_before_more(&mut self, text: usize, prompt: &str) -> Option<Vec<String>> {
        let own = self.current.as_ref().is_some_and(|current| current.text.trim() == ">");
        if own || prompt.trim() != ">" {
            return None;
        }
        let last = self.commands.last()?;
        if last.is_line() || last.dropped || last.prompt.is_none() || last.status != Status::Executed {
            return None;
        }
        let gap = self.page.text.get(last.after..text).filter(|gap| gap.len() <= MAX_GAP_BYTES)?;
        let lines = prompt::text_of(gap);
        let lines: Vec<String> = lines.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
        let typed = last_line(&last.command).trim_end();
        let told = |line: &String| line.trim_end() == typed || state_notice(line) == Some(0);
        let few = (1..=MAX_GAP_LINES).contains(&lines.len());
        (few && lines.iter().all(told) && self.is_open()).then_some(lines)
    }

    /// Whether the shell would ask for another line of the last command.
    pub(super) fn is_open(&mut self) -> bool {
        let Some(last) = self.commands.last() else { return false };
        // The shells of Windows have another grammar, and ask for more with prompts of their own.
        if last.prompt.as_deref().is_some_and(|prompt| Grammar::behind(prompt) != Grammar::Unix) {
            return false;
        }
        let rest = last.command.get(self.scanned..).unwrap_or_default();
        if !rest.is_empty() {
            self.open.feed(if self.scanned > 0 { rest.strip_prefix('\n').unwrap_or(rest) } else { rest });
            self.scanned = last.command.len();
        }
        self.open.is_open()
    }

    /// Adds a line to the last command.
    pub(super) fn extend(&mut self, typed: &str, between: &[String], after: usize, aborted: bool) {
        self.expectation = None;
        self.note_quotes(typed);
        let Some(last) = self.commands.last_mut() else { return };
        last.command.push('\n');
        last.command.push_str(typed);
        last.between.extend_from_slice(between);
        last.after = after;
        if aborted {
            last.status = Status::Aborted;
        }
    }

    /// Whether an edit asks for more of the last command with a prompt of an unknown form: the command is not complete,
    /// and this is not the prompt of the next one.
    pub(super) fn asks_for_more(&mut self, text: usize, prompt: Option<&str>) -> bool {
        let Some(last) = self.commands.last() else { return false };
        let marked = !last.is_line() && !last.dropped && last.status == Status::Executed;
        if !marked || last.after != text || !self.is_open() {
            return false;
        }
        let Some(last) = self.commands.last() else { return false };
        // The last line of a prompt of several may be the one that asks for more.
        let whole = last.prompt.as_deref().and_then(|prompt| prompt.rsplit_once('\n'));
        if whole.is_some_and(|(_, line)| prompt == Some(line)) {
            return true;
        }
        let Some(current) = &self.current else { return false };
        let line = prompt.and_then(|prompt| prompt.lines().last()).unwrap_or_default();
        // Within a quoted text anything can look like a prompt, but it does not start like the one that is current.
        let alike = |one: char, other: char| one == other || (one.is_ascii_digit() && other.is_ascii_digit());
        let starts = line.chars().zip(current.text.chars()).take(2).all(|(one, other)| alike(one, other));
        if line.is_empty() {
            return true;
        }
        // A field that tells how the last command ended may stand in front of all.
        let field =
            |before: &str| !before.contains(|sign: char| sign.is_alphabetic() || "'\"=<>$".contains(sign));
        let who = prompt::user_and_host(&current.text);
        let same = prompt::user_and_host(line)
            .is_some_and(|found| Some(found) == who && line.split(found).next().is_some_and(field));
        !same && (!starts || self.prompts.key(line) != current.key)
    }

    /// Adds the lines of an edit, whose prompt has no known form, to the last command.
    pub(super) fn extend_edit(&mut self, edit: &Edit, text: usize, aborted: bool) {
        let Some((first, more)) = edit.lines.split_first() else { return };
        let told = first.prompt_end.filter(|&end| first.text.is_char_boundary(end));
        let start = told.unwrap_or_else(|| continuation_len(&first.text));
        let mut typed = first.text[start..].trim_end().to_owned();
        for line in more {
            typed.push('\n');
            typed.push_str(line.text.trim_end());
        }
        typed.truncate(typed.trim_end().len());
        let typed = if aborted { typed.strip_suffix("^C").unwrap_or(&typed) } else { &typed };
        // Only signs are not worth keeping.
        let asked = first.text[..start].trim();
        let kept = asked.contains(char::is_alphanumeric).then(|| asked.to_owned());
        let between: Vec<String> = edit.cleared.iter().cloned().chain(kept).collect();
        self.extend(typed, &between, text, aborted);
    }

    /// Takes the lines that complete the last command, if the shell asked for them without a prompt.
    pub(super) fn take_unprompted(&mut self) {
        let Some(last) = self.commands.last() else { return };
        let shell = last.status == Status::Executed && !last.dropped;
        if !shell || !self.is_open() {
            return;
        }
        let (Some(last), Some(current)) = (self.commands.last_mut(), &self.current) else { return };
        let rest = self.page.text.get(last.after..).unwrap_or_default();
        let prompt = current.text.trim_end().as_bytes();
        let mut scan = self.open.clone();
        let mut length = 0;
        // A sign alone begins comments as well.
        let comments = prompt == b"#";
        for (at, line) in rest.split_inclusive(|&byte| byte == b'\n').take(MAX_UNPROMPTED_LINES).enumerate() {
            let asked = length == 0
                && prompt::ends(&prompt::text_of(line)).first().is_some_and(|&end| {
                    prompt::is_continuation(&prompt::text_of(&line[..end.min(line.len())]))
                });
            let begins = line.starts_with(prompt) && !(comments && scan.is_in_here_document());
            let broken = line.trim_ascii_end().ends_with(b"^C");
            if line.len() > MAX_SEARCH_BYTES || begins || asked || broken {
                return;
            }
            // The last row may have no newline of its own; behind it the shell asks for all of them, and Enter submits it later.
            let signs = b"> ".repeat(at + 1);
            let own = line.strip_suffix(b"\n").and_then(|line| line.strip_suffix(&signs[..]));
            let (line, asked) = own.map_or((line, 0), |own| (own, signs.len() + 1));
            length += line.len();
            scan.feed(prompt::text_of(line).trim_end_matches('\n'));
            if !scan.is_open() {
                let typed = without_sign(&text_of(&prompt::text_of(&rest[..length]))).into_owned();
                last.command.push('\n');
                last.command.push_str(typed.trim_end());
                last.after += length + asked;
                last.doubt(Confidence::Low, Reason::LookAlike);
                self.open = scan;
                self.scanned = last.command.len();
                return self.note_quotes(&typed);
            }
            if asked > 0 {
                return;
            }
        }
    }

    /// Takes out of a line that was edited without marks what a background program printed into it: a text that its command
    /// says, or the shell's notice of its end, up to the end of the row. The next row goes on where the line was. `after`
    /// is where the output starts.
    pub(super) fn take_interruptions(&mut self, typed: &mut String, after: &mut usize) -> Vec<String> {
        let mut taken = Vec::new();
        if let Some((rest, text)) = printed::without_open(typed, &mut self.background) {
            *typed = rest;
            taken.push(text);
        }
        while taken.len() < MAX_INTERRUPTIONS {
            let rest = self.page.text.get(*after..).unwrap_or_default();
            let Some(at) = likely_interruption(typed, &self.background) else { break };
            let Some(length) = memchr::memchr(b'\n', rest) else { break };
            let row = prompt::text_of(&rest[..length.min(MAX_SEARCH_BYTES)]);
            let next = text_of(&row);
            let said = typed[at..].trim();
            let prompt = self.current.as_ref().map_or("", |current| current.text.trim_end());
            // Then it was the command that said so.
            let printed = next.trim() == said || (!prompt.is_empty() && next.starts_with(prompt));
            if length > MAX_SEARCH_BYTES || printed {
                break;
            }
            taken.push(said.to_owned());
            typed.truncate(at);
            typed.push_str(&next);
            *after += length + 1;
        }
        typed.truncate(typed.trim_end().len());
        taken
    }
}

/// Rows without the sign that all of them begin with: a prompt for more lines that has no known form.
fn without_sign(rows: &str) -> Cow<'_, str> {
    let sign = &rows[..continuation_len(rows)];
    let lines = rows.trim_end_matches('\n').lines();
    if sign.is_empty()
        || sign.contains('\n')
        || lines.clone().count() < 2
        || !lines.clone().all(|line| line.starts_with(sign.trim_end()))
    {
        return Cow::Borrowed(rows);
    }
    let bare = lines.map(|line| line.strip_prefix(sign).unwrap_or_default());
    Cow::Owned(bare.collect::<Vec<_>>().join("\n"))
}

/// Whether an output is nothing but what a shell says of a reference to its history that leads nowhere: it asks for the same
/// line again.
fn is_refused_reference(output: &[u8]) -> bool {
    let line = output.strip_suffix(b"\n").unwrap_or(output);
    line.len() <= MAX_SEARCH_BYTES
        && line.ends_with(b": event not found")
        && memchr::memchr(b'\n', line).is_none()
}
