//! Prompts whose last line is empty, where a shell marks its edits: the command stands in the second line of each.

use foldhash::{HashMap, HashSet};

use super::edit::Parts;
use super::prompt;
use super::syntax;
use crate::terminal::page::{Edit, MarkKind, Page};

/// Least edits that begin with the same line.
const MIN_EDITS: usize = 3;

/// Least share, in percent, of them that have anything below: nothing may have been entered.
const MIN_BELOW_PERCENT: usize = 75;

/// Least share, in percent, of them that have a known command below.
const MIN_PERCENT: usize = 40;

/// Most bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 256;

/// The lines with which edits begin that have nothing else in their first line.
#[derive(Debug, Default)]
pub(crate) struct EmptyLines {
    forms: HashSet<String>,
}

impl EmptyLines {
    /// Looks for lines with which edits begin again and again, nearly always with a command below. A line that may hold a
    /// prompt and a command must begin most edits.
    pub(crate) fn learn(page: &Page) -> Self {
        let edits = page.marks.iter().filter_map(|mark| match &mark.kind {
            MarkKind::Edit(edit) => Some(&**edit),
            MarkKind::Line(_) => None,
        });
        // Nearly all edits have one line, and the one that the newline began.
        let has_two = |edit: &&Edit| edit.lines.len() > 2;
        if edits.clone().filter(has_two).nth(MIN_EDITS - 1).is_none() {
            return Self::default();
        }
        let mut counts: HashMap<String, (usize, usize, usize)> = HashMap::default();
        let mut all = 0;
        for edit in edits {
            all += 1;
            let Some(form) = first_form(edit) else { continue };
            let first = first(edit);
            let below = edit.lines.get(first + 1).map_or("", |line| line.text.as_str());
            let count = counts.entry(form).or_default();
            count.0 += usize::from(!below.trim().is_empty() || edit.lines.len() > first + 2);
            count.1 += 1;
            count.2 += usize::from(syntax::looks_like_command(below));
        }
        let forms = counts.into_iter().filter(|(form, (below, edits, commands))| {
            *below >= MIN_EDITS
                && *below * 100 >= *edits * MIN_BELOW_PERCENT
                && *commands * 100 >= *below * MIN_PERCENT
                && (*below * 2 > all || prompt::ends(form).is_empty())
        });
        Self { forms: forms.map(|(form, _)| form).collect() }
    }

    /// Whether there is no such line.
    pub(crate) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Takes an edit apart, if it begins with such a line. Below a list of completions the line stands once more.
    pub(crate) fn split(&self, edit: &Edit) -> Option<Parts> {
        if self.forms.is_empty() || !self.forms.contains(&first_form(edit)?) {
            return None;
        }
        let first = first(edit);
        let prompt = edit.lines[first].text.trim_end();
        let last = edit.lines.iter().rposition(|line| line.text.trim_end() == prompt).unwrap_or(first);
        let mut between = edit.cleared.clone();
        between.extend(edit.lines[first..last].iter().skip(1).map(|line| line.text.trim_end().to_owned()));
        let mut command: Vec<String> =
            edit.lines[last + 1..].iter().map(|line| line.text.trim_end().to_owned()).collect();
        while command.len() > 1 && command.last().is_some_and(String::is_empty) {
            command.pop();
        }
        Some(Parts { prompt: prompt.to_owned(), command, between, ..Parts::default() })
    }
}

/// The first line of an edit that is not blank, or the first one.
fn first(edit: &Edit) -> usize {
    edit.lines.iter().position(|line| !line.text.trim().is_empty()).unwrap_or(0)
}

/// The first line of an edit, without what changes in prompts: figures and directories.
fn first_form(edit: &Edit) -> Option<String> {
    let [line, _, ..] = edit.lines.get(first(edit)..)? else { return None };
    if edit.painted
        || line.prompt_end.is_some()
        || line.text.len() > MAX_LINE_BYTES
        || line.text.trim().is_empty()
    {
        return None;
    }
    let mut form = String::new();
    for word in line.text.trim_end().split_inclusive([' ', '[', ']', '(', ')']) {
        if word.contains(['/', '~']) {
            form.push('*');
            form.extend(word.chars().next_back().filter(|last| " ])".contains(*last)));
        } else {
            form.extend(word.chars().map(|shown| if shown.is_ascii_digit() { '0' } else { shown }));
        }
    }
    Some(form)
}
