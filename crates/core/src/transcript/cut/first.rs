//! Whether a prompt may be the first one of a transcript: nothing before it tells that.

use super::{Cutter, MAX_LINES_AHEAD, MAX_SEARCH_BYTES};
use crate::terminal::page::{Mark, MarkKind};
use crate::transcript::prompt::{self, Proof};
use crate::transcript::signs::signs;
use crate::transcript::syntax;

/// Least words of a comment before the first prompt.
const MIN_SENTENCE_WORDS: usize = 3;

/// How much of the end of a prompt is looked for, and in how much of the text behind it.
const MAX_END_BYTES: usize = 6;
const MAX_REST_BYTES: usize = 64 * 1024;

/// Most lines before the first prompt that are looked at to tell whether they are a banner.
const MAX_BANNER_LINES: usize = 50;

/// Whether the text before the first prompt stands in a block of code of a document in Markdown, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct CodeBlock {
    at: usize,
    is_open: bool,
}

impl CodeBlock {
    /// Reads on up to `end`, where a line begins.
    fn is_open_at(&mut self, text: &[u8], end: usize) -> bool {
        let unread = text.get(self.at..end).unwrap_or_default();
        let fences = memchr::memmem::find_iter(unread, b"```").map(|at| self.at + at);
        let fences = fences.filter(|&at| at == 0 || text[at - 1] == b'\n').count();
        self.is_open ^= fences % 2 == 1;
        self.at = end;
        self.is_open
    }
}

impl Cutter<'_> {
    /// Whether this may be the first prompt of the transcript.
    pub(super) fn may_be_first(&mut self, prompt: &str, proof: Proof, count: usize) -> bool {
        let MarkKind::Line(line) = &self.page.marks[self.index].kind else { return false };
        let start = self.page.marks[self.index].text;
        let (before, rest) = self.page.text.split_at(start);
        let rest = &rest[..rest.len().min(MAX_REST_BYTES)];
        let blank = before.iter().all(u8::is_ascii_whitespace);
        // A margin is that of a text which is shown.
        let margin = prompt.starts_with("  ") && !blank && count < 2;
        let fits = match proof {
            _ if margin => false,
            Proof::Strict => prompt.ends_with(' ') || count > 2 || line.end - start == prompt.len(),
            Proof::Path => blank || count > 2 || (count > 1 && ends_with_prompt(&self.page.text, prompt)),
            Proof::Bare if prompt.starts_with('#') && self.comes_before_commands(prompt) => false,
            Proof::Bare => {
                let foreign = !prompt.is_ascii() && count > 1;
                blank
                    || (count > 1 && is_place(before))
                    || (count > 1 && self.stands_below_alike(prompt))
                    || foreign
                    || (count > 2 && prompt.starts_with('$'))
                    || are_commands(before)
                    || (count > 1 && ends_with_prompt(&self.page.text, prompt))
            }
            Proof::Word => (count > 2 || (blank && (count > 1 || line.bell))) && !self.is_banner(prompt),
            Proof::None => false,
        };
        fits && !is_secondary(prompt, before, rest) && !self.code_block.is_open_at(&self.page.text, start)
    }

    /// Whether the lines with this sign are comments before the commands of another shell, as in a demonstration: none of them
    /// shows a known command, and one of a later prompt does.
    fn comes_before_commands(&self, sign: &str) -> bool {
        let marks = self.page.marks.iter().skip(self.index).take(MAX_BANNER_LINES);
        let lines = marks.filter_map(|mark| match &mark.kind {
            MarkKind::Line(line) if line.newline => {
                Some(&self.page.text[mark.text..line.end.min(mark.text + MAX_SEARCH_BYTES)])
            }
            _ => None,
        });
        let mut other = false;
        for line in lines {
            let text = prompt::text_of(line);
            let Some(&end) = prompt::ends(&text).first() else { continue };
            let (start, typed) = text.split_at(end);
            let command = syntax::looks_like_command(typed.trim_end());
            // A comment is a sentence; what is typed for a program of one's own is shorter.
            let sentence = typed.split(' ').filter(|word| !word.is_empty()).count() >= MIN_SENTENCE_WORDS;
            if start == sign && !other && (command || !sentence) {
                return false;
            }
            other |= start != sign && command && prompt::proof(start) == Proof::Bare;
        }
        other
    }

    /// Whether a sign stands below a line that tells a directory, and comes back below one like it: a prompt of two lines.
    fn stands_below_alike(&self, prompt: &str) -> bool {
        let above = |mark: &Mark| {
            let before = self.page.text[..mark.text].strip_suffix(b"\n")?;
            let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
            let line = &before[start.max(before.len().saturating_sub(MAX_SEARCH_BYTES))..];
            let text = prompt::text_of(line);
            let place = text.split(' ').any(|word| word.starts_with(['~', '/']));
            // What changes is mostly its end: how the last command ended.
            let first = text.split(' ').next().unwrap_or_default().to_owned();
            (place && !text.starts_with(prompt)).then_some(first)
        };
        let own = self.page.marks.get(self.index).and_then(above);
        let alike =
            |mark: &&Mark| self.page.text[mark.text..].starts_with(prompt.as_bytes()) && above(mark) == own;
        let sure = |mark: &Mark| {
            let text = prompt::text_of(
                &self.page.text[mark.text..][..MAX_SEARCH_BYTES.min(self.page.text.len() - mark.text)],
            );
            let line = text.lines().next().unwrap_or_default();
            prompt::ends(line).first().is_some_and(|&end| prompt::proof(&line[..end]) == Proof::Strict)
        };
        own.is_some()
            && !self.page.marks.iter().skip(self.index).take(MAX_BANNER_LINES).any(sure)
            && self.page.marks.iter().skip(self.index + 1).take(MAX_BANNER_LINES).filter(alike).count() > 0
    }

    /// Whether lines that begin with a word and a sign are what is printed before the first prompt: none of them shows a known
    /// command before a line that is surely one of a shell, and none comes again behind it.
    fn is_banner(&self, prompt: &str) -> bool {
        let key = prompt::key(prompt);
        let last = self.seen.get(&key).map_or(self.index, |seen| seen.1);
        for (index, mark) in self.page.marks.iter().enumerate().skip(self.index).take(MAX_BANNER_LINES) {
            let MarkKind::Line(line) = &mark.kind else { return false };
            let text =
                prompt::text_of(&self.page.text[mark.text..line.end.min(mark.text + MAX_SEARCH_BYTES)]);
            let Some(&end) = prompt::ends(&text).first() else { continue };
            let (start, typed) = text.split_at(end);
            match prompt::proof(start) {
                // This one will be taken for the first prompt.
                Proof::Strict if start.ends_with(' ') => return last < index,
                Proof::Word if syntax::looks_like_command(typed) && prompt::has_key(start, &key) => {
                    return false;
                }
                _ => {}
            }
        }
        false
    }
}

/// Whether a prompt asks for more of the line above it, which leaves something open.
fn is_secondary(prompt: &str, before: &[u8], rest: &[u8]) -> bool {
    if prompt.trim() != ">" {
        return false;
    }
    let near = &before[before.len().saturating_sub(MAX_SEARCH_BYTES)..];
    let text = prompt::text_of(near.strip_suffix(b"\n").unwrap_or(near));
    let line = prompt::last_line(&text);
    let is_open = |end: usize| {
        let mut scan = syntax::Scan::default();
        scan.feed(&line[end..]);
        // The end of a prompt comes back, that of a message does not.
        let near = &line[line.floor_char_boundary(end.saturating_sub(MAX_END_BYTES))..end];
        let again = || memchr::memmem::find_iter(rest, near.as_bytes()).next().is_some();
        syntax::looks_like_command(&line[end..]) && scan.is_open() && again()
    };
    signs(line, 0).any(is_open)
}

/// Whether a text is the name of a directory alone, as it stands above the sign in prompts of two lines.
fn is_place(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    (text.starts_with(b"/") || text.starts_with(b"~")) && !text.iter().any(u8::is_ascii_whitespace)
}

/// Whether all lines look like commands typed before the first prompt came.
fn are_commands(text: &[u8]) -> bool {
    let text = prompt::text_of(&text[..text.len().min(MAX_SEARCH_BYTES)]);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.clone().count() <= MAX_LINES_AHEAD && lines.all(syntax::looks_like_command)
}

/// Whether the last line with text starts with a prompt.
fn ends_with_prompt(text: &[u8], prompt: &str) -> bool {
    let tail = prompt::text_of(&text[text.len().saturating_sub(512)..]);
    let last = tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    last.starts_with(prompt.trim_end())
}
