//! Where the lines of each prompt stand, so that the next and the last one are found without reading all between.

use std::borrow::Cow;

use foldhash::HashMap;

use super::openings::opening;
use super::prompt::{self, Proof};
use super::syntax;
use crate::terminal::page::{Mark, MarkKind, Page};

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 4 * 1024;

/// Most lines of a prompt that are asked whether commands stand behind it.
const MAX_LINES: usize = 50;

/// How often another prompt may stand between those of a shell that is looked for.
const MAX_TURNS: usize = 16;

/// Least lines of a prompt that proves nothing by itself.
const MIN_LINES: usize = 2;

/// Least share of them, in percent, with a known command behind it.
const COMMANDS_PERCENT: usize = 40;

/// The marks of a page by the key of their first possible prompt; all of them rise.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    lines: HashMap<String, Vec<usize>>,
    edits: Vec<usize>,
}

impl Turns {
    /// Finds the lines of all prompts.
    pub(crate) fn of(page: &Page) -> Self {
        let mut turns = Self::default();
        for (index, mark) in page.marks.iter().enumerate() {
            if matches!(mark.kind, MarkKind::Edit(_)) {
                turns.edits.push(index);
            } else if let Some((prompt, _)) = cut_first(&text_of(page, mark)) {
                turns.lines.entry(prompt::key(prompt)).or_default().push(index);
            }
        }
        turns
    }

    /// Whether, from mark `from` on, the last line with the prompt `inner` before `outer`, or any edit, comes back leaves
    /// the inner shell. If that was `opened` for sure, what only looks as if the outer one came back may stand between.
    pub(crate) fn leaves_before(
        &self,
        page: &Page,
        from: usize,
        inner: &str,
        outer: Option<&str>,
        opened: bool,
    ) -> bool {
        let mut start = from;
        for _ in 0..if opened { MAX_TURNS } else { 1 } {
            let (lines, end) = self.until_outer(start, inner, outer);
            let Some(&last) = lines.last() else { return false };
            // With ^D, the prompt of the outer shell may stand right behind that of the inner one.
            let glued = |typed: &str| {
                let typed = typed.strip_prefix("^D").unwrap_or(typed);
                cut_first(typed).is_some_and(|(prompt, _)| {
                    prompt::proof(prompt) >= Proof::Path
                        && outer.is_some_and(|outer| prompt::has_key(prompt, outer))
                })
            };
            // Where lines were typed ahead, the prompt may stand several times.
            let own = format!("{} ", inner.trim());
            let leaves = |typed: &str| {
                let (mut typed, mut met) = (typed.trim_start(), false);
                while let Some(rest) = typed.strip_prefix(own.trim_end()) {
                    (typed, met) = (rest.trim_start(), true);
                }
                // Signs alone may be printed by anything.
                syntax::leaves(typed.trim()) && (!typed.trim().is_empty() || !met)
            };
            if typed(page, last, |typed| leaves(typed) || glued(typed))
                || page.marks.get(end).is_some_and(|mark| ends_input(page, mark.text, inner))
            {
                return true;
            }
            // The shell that it opens marks its edits.
            let nests = |typed: &str| opening(typed.trim()).is_some();
            if opened && self.is_edit(end) && are_commands(page, lines) && typed(page, last, nests) {
                return true;
            }
            match outer.and_then(|outer| self.goes_on(page, lines, end, inner, outer)) {
                Some(next) => start = next,
                None => return false,
            }
        }
        false
    }

    /// Where the prompt `inner`, whose `lines` are those of commands, stands again behind `end`, if no shell with the prompt
    /// `outer` came back there: one line that looks like its prompt is output, and a shell with the same prompt that was
    /// opened is left.
    fn goes_on(&self, page: &Page, lines: &[usize], end: usize, inner: &str, outer: &str) -> Option<usize> {
        if self.is_edit(end) || !are_commands(page, lines) {
            return None;
        }
        let next = self.next(inner, end)?;
        let others = self.lines_of(outer);
        let others = &others[others.partition_point(|&index| index < end)..];
        let others = &others[..others.partition_point(|&index| index < next)];
        let left = |&last: &usize| typed(page, last, |typed| syntax::leaves(typed.trim()));
        let edits = self.edits.partition_point(|&index| index < end)
            < self.edits.partition_point(|&index| index < next);
        (!edits && (others.len() == 1 || others.last().is_some_and(left))).then_some(next)
    }

    /// Whether, from mark `from` on until the prompt `outer`, or any edit, comes back, the prompt `inner` is used as one: it
    /// comes again, known commands stand behind it, and no text stands between that is more of a prompt.
    pub(crate) fn is_used(&self, page: &Page, from: usize, inner: &str, outer: Option<&str>) -> bool {
        let (lines, end) = self.until_outer(from, inner, outer);
        // What is told before the prompt of the inner shell may come again as well. What that shell opens has prompts of its own,
        // and is left to it.
        let mut opened = false;
        let marks = page.marks.iter().enumerate().skip(from).take(MAX_LINES);
        for (index, mark) in marks.take_while(|&(index, _)| index < end) {
            let text = text_of(page, mark);
            match cut_first(&text) {
                Some((prompt, typed)) if prompt::has_key(prompt, inner) => {
                    opened = opening(typed.trim()).is_some()
                        && self.next(inner, index + 1).is_some_and(|next| next < end);
                }
                Some((prompt, _)) if prompt::proof(prompt) > Proof::Word && !opened => return false,
                _ => {}
            }
        }
        lines.len() >= MIN_LINES && are_commands(page, lines)
    }

    /// Whether, from mark `from` on, the last line with the prompt `outer` before `inner` comes back opens something, or `inner`
    /// does not come back.
    pub(crate) fn enters_again(&self, page: &Page, from: usize, inner: &str, outer: &str) -> bool {
        let Some(next) = self.next(inner, from) else { return true };
        let lines = self.lines_of(outer);
        let last = lines[..lines.partition_point(|&index| index < next)].last();
        last.is_some_and(|&last| last >= from && typed(page, last, |typed| opening(typed.trim()).is_some()))
    }

    fn is_edit(&self, mark: usize) -> bool {
        self.edits.binary_search(&mark).is_ok()
    }

    /// The lines of a prompt.
    fn lines_of(&self, key: &str) -> &[usize] {
        self.lines.get(key).map_or(&[], Vec::as_slice)
    }

    /// The last of them.
    pub(crate) fn last(&self, key: &str) -> Option<usize> {
        self.lines_of(key).last().copied()
    }

    /// The first of them from a mark on.
    fn next(&self, key: &str, from: usize) -> Option<usize> {
        let lines = self.lines_of(key);
        lines.get(lines.partition_point(|&index| index < from)).copied()
    }

    /// The marks with the prompt `inner` from `from` on, until the prompt `outer` or any edit comes back, and the mark where
    /// that happens.
    fn until_outer(&self, from: usize, inner: &str, outer: Option<&str>) -> (&[usize], usize) {
        let outer = outer.and_then(|outer| self.next(outer, from));
        let edit = self.edits.get(self.edits.partition_point(|&index| index < from)).copied();
        let end = [edit, outer].into_iter().flatten().min().unwrap_or(usize::MAX);
        let inner = self.lines_of(inner);
        let range = inner.partition_point(|&index| index < from)..inner.partition_point(|&index| index < end);
        (&inner[range], end)
    }
}

/// Whether known commands stand behind the prompts of many of these lines.
fn are_commands(page: &Page, lines: &[usize]) -> bool {
    let lines = &lines[..lines.len().min(MAX_LINES)];
    let commands = lines.iter().filter(|&&index| typed(page, index, syntax::looks_like_command)).count();
    commands * 100 >= lines.len() * COMMANDS_PERCENT
}

/// Whether what stands behind the prompt of a line is of some kind.
fn typed(page: &Page, index: usize, is: impl Fn(&str) -> bool) -> bool {
    let text = text_of(page, &page.marks[index]);
    cut_first(&text).is_some_and(|(_, typed)| is(typed))
}

/// Whether the last line before `end` ends with the prompt `key`, behind whatever output, at which ^D was pressed.
fn ends_input(page: &Page, end: usize, key: &str) -> bool {
    let before = page.text[..end].trim_ascii_end();
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1).max(end.saturating_sub(MAX_LINE_BYTES));
    let Some(line) = before.get(start..).and_then(|line| line.strip_suffix(b"^D")) else { return false };
    let line = prompt::text_of(line);
    line.rsplit("  ").next().is_some_and(|tail| tail.trim_end().split(' ').next_back() == Some(key))
}

fn text_of<'a>(page: &'a Page, mark: &Mark) -> Cow<'a, str> {
    let end = if let MarkKind::Line(line) = &mark.kind { line.end } else { mark.text };
    prompt::text_of(&page.text[mark.text..end.min(mark.text + MAX_LINE_BYTES)])
}

/// The first possible prompt of a line, and the rest.
fn cut_first(line: &str) -> Option<(&str, &str)> {
    prompt::ends(line).first().map(|&end| line.split_at(end))
}
