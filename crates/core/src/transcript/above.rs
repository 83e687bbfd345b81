//! Lines of a prompt that stand above the one that is typed at, in edits that are marked.
//!
//! An editor ends them with a return of its own, as it ends the lines of a command that is recalled or pasted. Few commands
//! have several lines, so where nearly all edits begin with such lines they are the prompt's. Where only some do, another shell
//! has that prompt: they begin like no edit that has one line.

use foldhash::HashSet;

use super::prompt;
use crate::terminal::page::{Edit, MarkKind, Page};
use crate::terminal::screen::Logical;

/// Share of edits, in percent, that must begin with such lines, or show a prompt below them.
const MIN_PERCENT: usize = 80;

/// Least edits with such lines.
const MIN_EDITS: usize = 2;

/// How many lines of the prompts stand above the last one.
#[derive(Debug, Default)]
pub(super) struct Above {
    /// In each edit.
    all: usize,
    /// In those that begin like none with one line.
    some: usize,
    /// How edits with one line begin.
    alone: HashSet<String>,
}

impl Above {
    pub(super) fn learn(page: &Page) -> Self {
        let edits = page.marks.iter().filter_map(|mark| match &mark.kind {
            MarkKind::Edit(edit) if edit.newline && !edit.painted => Some(&**edit),
            _ => None,
        });
        let (with, without): (Vec<&Edit>, Vec<&Edit>) = edits.partition(|edit| edit.above > 0);
        let least = |edits: &[&Edit]| edits.iter().map(|edit| edit.above).min().unwrap_or(0);
        if with.len() < MIN_EDITS {
            return Self::default();
        }
        if with.len() * 100 >= (with.len() + without.len()) * MIN_PERCENT {
            return Self { all: least(&with), ..Self::default() };
        }
        let alone: HashSet<String> = without.iter().map(|edit| start(edit)).collect();
        let others: Vec<&Edit> = with.into_iter().filter(|edit| !alone.contains(&start(edit))).collect();
        let some = least(&others);
        let shows = |edit: &&&Edit| edit.lines.get(some).is_some_and(|line| prompt_len(line) > 0);
        let shown = others.iter().filter(shows).count();
        if others.len() < MIN_EDITS || shown * 100 < others.len() * MIN_PERCENT {
            return Self::default();
        }
        Self { all: 0, some, alone }
    }

    /// How many lines of an edit these are.
    pub(super) fn of(&self, edit: &Edit) -> usize {
        let above = if self.some > 0 && edit.above >= self.some && !self.alone.contains(&start(edit)) {
            self.some
        } else {
            self.all
        };
        above.min(edit.above).min(edit.lines.len().saturating_sub(1))
    }
}

/// What an edit begins with, up to the first sign that ends prompts.
fn start(edit: &Edit) -> String {
    let first = edit.lines.iter().find(|line| !line.text.trim().is_empty());
    first.map_or_else(String::new, |line| prompt::key(&line.text[..prompt_len(line)]))
}

/// How long the prompt of a line may be, at least.
fn prompt_len(line: &Logical) -> usize {
    let told = line.prompt_end.filter(|&end| line.text.is_char_boundary(end));
    told.or_else(|| prompt::ends(&line.text).first().copied()).unwrap_or(0)
}
