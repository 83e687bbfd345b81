//! The rows behind a command, read as the kernel showed them: lines that may have been typed while it ran, and signs, the
//! places where the shell asked for the next line.

use super::evidence::{is_output, is_plausible};
use crate::terminal::page::Page;
use crate::transcript::command::Command;
use crate::transcript::prompt::{self, Proof};
use crate::transcript::syntax::{Scan, looks_like_command};

/// Most bytes between two signs that are read from where they begin, and as many from where they end.
const MAX_GAP_BYTES: usize = 3 * 1024;

/// Most signs on a row.
const MAX_SIGNS_OF_ROW: usize = 128;

/// Most rows of a line that goes on.
const MAX_ROWS: usize = 64;

/// What the prompt for more of a line looks like.
const MORE: &str = "> ";

/// One or more rows that may have been typed ahead.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    /// How many signs stand before it.
    pub(super) signs: usize,
    /// The shell had not yet read all of the command before it: nothing ran that could have printed this.
    pub(super) sure: bool,
    /// Which row of all it begins in, and how many it has.
    pub(super) row: usize,
    pub(super) rows: usize,
}

impl Line {
    /// The row behind it.
    pub(super) fn next_row(&self) -> usize {
        self.row + self.rows
    }
}

/// A place where the shell asked for a line.
#[derive(Clone, Debug)]
pub(super) struct Sign {
    pub(super) prompt: String,
    /// Where it stands in the text of the page.
    pub(super) at: usize,
    /// Which row of all it stands in.
    pub(super) number: usize,
    /// Where its row begins there, and where the next one does.
    pub(super) row: usize,
    pub(super) end: usize,
    /// What stands behind it.
    pub(super) shown: String,
    /// What stands before the first sign of its row.
    pub(super) head: String,
    /// The same as for a line.
    pub(super) sure: bool,
    /// How often the shell asked for more of the line behind it.
    pub(super) more: usize,
    /// Another sign follows on the same row.
    pub(super) shares: bool,
    /// Its row ended with a newline.
    pub(super) newline: bool,
    /// Nothing stands behind it, and yet its line printed something.
    pub(super) answers: bool,
    /// The shell that was opened there.
    pub(super) opened: Option<Opened>,
}

/// A shell whose prompt stands behind the sign for the line that opened it.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    /// Where its prompt stands in the text of the page.
    pub(super) at: usize,
    /// The prompt, and what was typed behind it; none if that was found before.
    pub(super) command: Option<(String, String)>,
}

impl Sign {
    /// The prompt stands there once more: nothing was printed, and nothing typed.
    pub(super) fn again(&self) -> bool {
        self.shares && self.shown.is_empty()
    }
}

/// Reads rows of a page from sign to sign.
pub(super) struct Reading<'a> {
    page: &'a Page,
    /// The prompt, and what is the same wherever it stands.
    unit: &'a str,
    key: String,
    /// The commands that were found there.
    commands: &'a [Command],
    /// Where the next row begins.
    at: usize,
    rows: usize,
    /// The command that was typed last, and how often the shell will ask for more of it.
    pub(super) before: &'a str,
    open_rows: usize,
    /// What was typed before a sign that stands in a later row.
    head: Option<(String, bool)>,
    pub(super) lines: Vec<Line>,
    pub(super) signs: Vec<Sign>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        page: &'a Page,
        unit: &'a str,
        before: Option<&'a Command>,
        from: usize,
        commands: &'a [Command],
    ) -> Self {
        let open_rows = before.map_or(0, |before| {
            let rows = page.text.get(before.text..before.after).unwrap_or_default();
            let asked = memchr::memmem::find_iter(rows, b"\n> ").count();
            memchr::memchr_iter(b'\n', before.command.as_bytes()).count().saturating_sub(asked)
        });
        let before = before.map_or("", |before| before.command.as_str());
        Self {
            page,
            unit,
            key: prompt::key(unit),
            commands,
            at: from,
            rows: 0,
            before,
            open_rows,
            head: None,
            lines: Vec::new(),
            signs: Vec::new(),
        }
    }

    /// Whether a full-screen program painted the next row; then goes behind all that it painted.
    fn skip_painted(&mut self) -> bool {
        let painted = &self.page.painted[self.page.painted.partition_point(|range| range.end <= self.at)..];
        let Some(range) = painted.first().filter(|range| range.contains(&self.at)) else { return false };
        self.at = range.end;
        self.rows += 2;
        true
    }

    /// Reads the signs of the next row that has any. `false` if there is none.
    pub(super) fn next(&mut self, may_be_line: impl Fn(&str) -> bool) -> bool {
        let start = self.at;
        // A line that is not complete, and what it leaves open.
        let mut open: Option<(Line, Scan)> = None;
        while self.at < self.page.text.len() {
            if self.at - start > MAX_GAP_BYTES && !self.skip_to_next_command() {
                return false;
            }
            if self.skip_painted() {
                continue;
            }
            let asks = self.open_rows > 0 && self.signs.is_empty() && self.stands_here(MORE);
            let unit = if asks { Some(self.unit) } else { self.unit_of_row() };
            let Some(unit) = unit else { return false };
            let rest = &self.page.text[self.at..];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (row, end) = (self.at, self.at + length + usize::from(length < rest.len()));
            if length > MAX_GAP_BYTES {
                self.at = end;
                continue;
            }
            let text = prompt::text_of(&rest[..length]);
            self.at = end;
            self.rows += 1;
            let asked = self.more_of_before(&text);
            if self.take_signs(row, end, &text, unit, asked) {
                return true;
            }
            if asked.is_some() {
                self.lines.extend(open.take().map(|(line, _)| line));
                continue;
            }
            let text = text.trim_end();
            let (mut line, mut scan) = match open.take() {
                Some((mut line, scan)) => {
                    line.text.push('\n');
                    line.text.push_str(text);
                    line.rows += 1;
                    (line, scan)
                }
                None if may_be_line(text.trim_start()) => {
                    let signs = self.signs.len();
                    let line = Line { text: text.to_owned(), signs, sure: false, row: self.rows, rows: 1 };
                    (line, Scan::default())
                }
                None => continue,
            };
            scan.feed(text);
            if scan.is_open() && line.rows < MAX_ROWS && looks_like_command(line.text.trim_start()) {
                open = Some((line, scan));
            } else {
                line.text.truncate(line.text.trim_end().len());
                self.lines.push(line);
            }
        }
        false
    }

    /// Whether a text stands at the start of the next row.
    fn stands_here(&self, text: &str) -> bool {
        self.page.text[self.at..].starts_with(text.as_bytes())
    }

    /// Where the prompts for more of the command that was typed last end in a row, or the start of that command where the shell shows
    /// it (`set -x`). What stands before was typed ahead.
    fn more_of_before(&mut self, text: &str) -> Option<usize> {
        if !self.signs.is_empty() || self.head.is_some() || self.before.is_empty() {
            return None;
        }
        if self.open_rows > 0 {
            let more = MORE.repeat(self.open_rows);
            let at = text.find(&more).filter(|&at| at == 0 || is_plausible(text[..at].trim_start()))?;
            self.lines.iter_mut().for_each(|line| line.sure = true);
            self.head = Some((text[..at].to_owned(), true));
            return Some(at + more.len());
        }
        let head = text.strip_suffix(self.before)?.strip_suffix("+ ")?;
        let likely = !head.is_empty() && looks_like_command(head);
        self.head = likely.then(|| (head.to_owned(), false));
        likely.then_some(text.len())
    }

    /// Goes on shortly before the next command that was found. `false` if there is none.
    fn skip_to_next_command(&mut self) -> bool {
        let next = self.commands.partition_point(|command| command.text < self.at);
        let Some(next) = self.commands.get(next) else { return false };
        let near = next.text.saturating_sub(MAX_GAP_BYTES);
        if near > self.at {
            let newline = memchr::memchr(b'\n', &self.page.text[near..next.text]);
            self.at = newline.map_or(next.text, |newline| near + newline + 1);
        }
        true
    }

    /// The command that was found at this place.
    fn command_at(&self, at: usize) -> Option<&'a Command> {
        let found = self.commands.partition_point(|command| command.text < at);
        self.commands.get(found).filter(|command| command.text == at)
    }

    /// The prompt that the next row may begin with; none if it is that of another shell.
    fn unit_of_row(&self) -> Option<&'a str> {
        let found = self.command_at(self.at).filter(|command| !super::has_margin(command));
        let Some(command) = found else { return Some(self.unit) };
        let text = command.prompt.as_deref().filter(|_| super::waits(command))?;
        if text.starts_with(self.unit) {
            return Some(self.unit);
        }
        let own = super::unit_of(text);
        prompt::has_key(own, &self.key).then_some(own)
    }

    /// Takes the signs of a row, if it has any.
    fn take_signs(&mut self, row: usize, end: usize, text: &str, unit: &str, asked: Option<usize>) -> bool {
        // Lossy text may be longer than its bytes.
        if text.len() > end - row {
            return false;
        }
        let comment = unit.starts_with('#') && self.command_at(row).is_none();
        let first = asked.unwrap_or(0);
        let begins = text[first..].starts_with(unit) && (first > 0 || !comment);
        let first = if begins { Some(first) } else { self.sign_in(row, text, unit, first) };
        let Some(first) = first else { return false };
        let (head, sure) = self.head.take().unwrap_or_else(|| (text[..first].to_owned(), false));
        let newline = self.page.text[..end].ends_with(b"\n") && end > row;
        let mut at = first;
        let mut signs = 0;
        loop {
            let mut shown = &text[at + unit.len()..];
            let mut more = 0;
            while let Some(rest) = shown.strip_prefix(MORE).filter(|_| unit != MORE) {
                shown = rest;
                more += 1;
            }
            let offset = text.len() - shown.len();
            let next = match shown.starts_with(unit) {
                true => Some(offset),
                false => self.sign_in(row, text, unit, offset),
            };
            let next = next.filter(|_| signs < MAX_SIGNS_OF_ROW);
            let shown = next.map_or(shown, |next| &text[offset..next]);
            let opened = if next.is_none() { self.opened(shown, row, row + offset, unit) } else { None };
            let shown = if opened.is_some() { "" } else { shown };
            let answers = next.is_none() && newline && shown.is_empty() && self.answers(row, unit);
            self.signs.push(Sign {
                answers,
                prompt: unit.to_owned(),
                at: row + at,
                number: self.rows,
                row,
                end,
                shown: shown.trim_end().to_owned(),
                head: if signs == 0 { head.clone() } else { String::new() },
                sure: sure && signs == 0,
                more,
                shares: next.is_some(),
                newline,
                opened,
            });
            signs += 1;
            let Some(next) = next else { return true };
            at = next;
        }
    }

    /// Whether what stands in the next row is neither a prompt nor what stands above this one, as the first lines of prompts do.
    fn answers(&self, row: usize, unit: &str) -> bool {
        let rest = &self.page.text[self.at..];
        let next = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len()).min(MAX_GAP_BYTES)];
        let above = self.page.text[..row].strip_suffix(b"\n").unwrap_or_default();
        let above = &above[memchr::memrchr(b'\n', above).map_or(0, |at| at + 1)..];
        !next.is_empty() && !next.starts_with(unit.as_bytes()) && !next.starts_with(b"[") && next != above
    }

    /// Where the prompt stands within a row behind `from`: with a command, nothing, or itself once more behind it.
    fn sign_in(&self, row: usize, text: &str, unit: &str, from: usize) -> Option<usize> {
        let places = memchr::memmem::find_iter(&text.as_bytes()[from..], unit.as_bytes());
        let mut places = places.map(|at| from + at).take(MAX_SIGNS_OF_ROW);
        let before = &text[from..];
        places.find(|&at| {
            let behind = &text[at + unit.len()..];
            let own = at > from && !before[..at - from].trim_start().is_empty();
            own && (self.command_at(row + at).is_some()
                || behind.is_empty()
                || behind.starts_with(unit)
                || (from > 0 && looks_like_command(behind) && !looks_like_command(before))
                || (from == 0 && is_unfinished(&text[..at]) && is_output(behind)))
        })
    }

    /// The prompt of a shell that a line typed ahead has opened, such as `sudo -i` of a profile: it stands right behind the one
    /// that waited for that line, and alone before the next command.
    fn opened(&self, shown: &str, row: usize, at: usize, unit: &str) -> Option<Opened> {
        let next = self.commands.partition_point(|command| command.text <= row);
        let command = self.commands.get(next)?;
        let own = command.prompt.as_deref().filter(|own| own.trim_end() != unit.trim_end())?;
        if command.text == at {
            return Some(Opened { at, command: None });
        }
        if prompt::proof(own) < Proof::Path {
            return None;
        }
        let key = prompt::key(own);
        let end = prompt::ends(shown).iter().copied().find(|&end| prompt::has_key(&shown[..end], &key))?;
        let (prompt, typed) = shown.split_at(end);
        Some(Opened { at, command: Some((prompt.to_owned(), typed.trim().to_owned())) })
    }
}

/// Whether a row begins with a command that may go on.
pub(super) fn is_unfinished(head: &str) -> bool {
    !head.ends_with([' ', '=', '"', '\'']) && looks_like_command(head)
}
