//! The rows of a command of irb, each with a prompt of its own. Its editor, reline, paints all of them once more when the last
//! one is submitted.

use super::{Cutter, MAX_SEARCH_BYTES};
use crate::terminal::page::Mark;
use crate::transcript::prompt::{self, Irb};

/// Most rows of such a command.
const MAX_ROWS: usize = 64;

impl Cutter<'_> {
    /// Where the rows above the last one begin in the text and in the source, and what they show; `mark` is where the last one
    /// begins, with this prompt.
    pub(super) fn rows_above(&self, prompt: &str, mark: &Mark) -> Option<(usize, usize, String)> {
        let Irb { name, number, .. } = prompt::irb(prompt)?;
        let text = mark.text;
        let from =
            self.commands.last().map_or(0, |last| last.after).max(text.saturating_sub(MAX_SEARCH_BYTES));
        let above = self.page.text.get(from..text)?.strip_suffix(b"\n")?;
        let (mut typed, mut start, mut number) = (Vec::new(), text, number);
        for row in above.rsplit(|&byte| byte == b'\n').take(MAX_ROWS) {
            let line = prompt::text_of(row);
            let Some(irb) = prompt::irb(&line) else { break };
            if !irb.open || irb.name != name || irb.number + 1 != number {
                break;
            }
            number = irb.number;
            start -= row.len() + 1;
            typed.push(line[irb.length..].trim_end().to_owned() + "\n");
        }
        typed.reverse();
        // The last prompt with that number is the one that was painted once more.
        let from = self.commands.last().map_or(0, |last| last.source);
        let from = from.max(mark.source.saturating_sub(MAX_ROWS * MAX_SEARCH_BYTES)).min(mark.source);
        let first = format!("{name}:{number:03}");
        let painted = memchr::memmem::rfind(&self.source[from..mark.source], first.as_bytes());
        let source = painted.map_or(mark.source, |at| from + at);
        (!typed.is_empty()).then(|| (start, source, typed.concat()))
    }

    /// Takes the rows below a command whose prompts ask for more of it.
    pub(super) fn take_rows_below(&mut self) {
        let Some(last) = self.commands.last_mut().filter(|last| last.submitted) else { return };
        let Some(Irb { name, mut number, .. }) = last.prompt.as_deref().and_then(prompt::irb) else { return };
        let rest = &self.page.text[last.after..];
        let rest = &rest[..rest.len().min(MAX_SEARCH_BYTES)];
        for row in rest.split_inclusive(|&byte| byte == b'\n').take(MAX_ROWS) {
            let line = prompt::text_of(row);
            let Some(irb) = prompt::irb(&line) else { break };
            number += 1;
            if !irb.open || irb.name != name || irb.number != number {
                break;
            }
            last.command.push('\n');
            last.command.push_str(line[irb.length..].trim_end());
            last.after += row.len();
        }
    }
}
