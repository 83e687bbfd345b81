//! Prompts that a line editor prints inside of one edit, before each further line of a command: python's `... ` (since 3.13),
//! the `  > ` of JLine.

use super::prompt::{self, Reader};

/// The sign before a row that only goes on the one above (IPython).
const ROW: &str = "⋮";

/// Takes such prompts out of the lines of a command behind `prompt`. Where the line editor has the terminal `raw` and shows
/// them, a line without one is a row that goes on the one above, which ends with a backslash of the editor's own.
pub(crate) fn without_secondary(prompt: &str, raw: bool, command: &mut Vec<String>) {
    let columns = prompt.chars().count();
    let program = prompt::reader(prompt) == Reader::Program;
    let is_own = |line: &str| secondary_len(line, columns).filter(|_| program || line.starts_with("  "));
    let Some((_, below)) = command.split_first() else { return };
    if below.is_empty() || !program && columns < 4 {
        return;
    }
    let goes_on = |at: usize| raw && program && command[at - 1].ends_with('\\');
    let all = (1..command.len()).all(|at| is_own(&command[at]).is_some() || goes_on(at));
    if !all {
        return;
    }
    let mut lines: Vec<String> = Vec::with_capacity(command.len());
    for (at, line) in command.drain(..).enumerate() {
        match (is_own(&line), lines.last_mut()) {
            (Some(length), Some(last)) if line.trim_start().starts_with(ROW) => {
                last.push_str(&line[length..])
            }
            (Some(length), _) if at > 0 => lines.push(line[length..].to_owned()),
            (None, Some(last)) => {
                last.pop();
                last.push_str(&line);
            }
            _ => lines.push(line),
        }
    }
    while lines.len() > 1 && lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    *command = lines;
}

/// How long the prompt is that a line begins with, if it is as wide as that of the first line: blanks and a sign.
fn secondary_len(line: &str, columns: usize) -> Option<usize> {
    let length = line.char_indices().nth(columns).map_or(line.len(), |(at, _)| at);
    let prompt = line.get(..length)?;
    let sign = prompt.trim();
    let whole = prompt != line || line.chars().count() <= columns;
    (whole && is_sign(sign) && (prompt.ends_with(' ') || prompt == line)).then_some(length)
}

/// Whether these are the signs of such a prompt. One of words would be text of the line.
fn is_sign(prompt: &str) -> bool {
    !prompt.contains(char::is_alphanumeric)
        && (prompt::is_continuation(prompt) || matches!(prompt, "...:" | "|" | ROW))
}
