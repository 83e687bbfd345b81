//! Prompts of tools that read commands of their own and are started by a command that does not tell it, such as `make db`: one
//! command's output, in which rows begin alike and the last of them leaves the tool, or has nothing behind the prompt.

use super::command::Command;
use super::discovery::{Discovery, MAX_TEXT_BYTES};
use super::levels::{Level, MAX_LEVELS};
use super::openings::shows_container;
use super::prompt::{self, Proof, Reader};
use super::shows::{shows_lines, shows_text};
use super::signs::signs;
use super::syntax;
use crate::terminal::page::Page;

/// How much of the end of an output is searched for the row that leaves the tool, and how many rows may stand below it.
const MAX_TAIL_BYTES: usize = 512;
const MAX_ROWS_BELOW: usize = 2;

/// Longest prompt with nothing behind it.
const MAX_BARE_BYTES: usize = 64;

/// Longest word that leaves a program.
const MAX_WORD_BYTES: usize = 8;

/// Longest command that may start such a tool.
const MAX_COMMAND_BYTES: usize = 1024;

/// Least rows that begin with the prompt.
const MIN_ROWS: usize = 3;

/// Least share, in percent, of the rows that begin with the first sign of a prompt and with all of it.
const WHOLE_PERCENT: usize = 80;

/// Looks for such prompts in the outputs of commands.
pub(crate) fn loops(page: &Page, commands: &[Command]) -> Vec<Level> {
    let mut levels = Vec::new();
    let mut budget = MAX_TEXT_BYTES;
    for (index, command) in commands.iter().enumerate() {
        if !command.runs() || command.dropped {
            continue;
        }
        // The tool's prompt alone may pass for one of the shell.
        let own = command.prompt.as_deref().unwrap_or_default();
        let next =
            commands[index + 1..].iter().find(|next| next.is_record() || next.prompt.as_deref() == Some(own));
        let output = command.output(page, next);
        if output.len() > budget || !may_be_left(output) {
            continue;
        }
        let line = &command.command;
        if shows_container(line) || shows_text(line) || shows_lines(line) || line.len() > MAX_COMMAND_BYTES {
            continue;
        }
        budget -= output.len();
        // A command may say it itself, to print it.
        let text = prompt::text_of(output);
        let looped = looped(&text).filter(|found| !line.contains(found.prompt.trim()));
        let Some(Loop { prompt, left }) = looped else { continue };
        let end = next.map_or(usize::MAX, |next| next.source);
        // It may be a shell in a container.
        let shell = prompt::proof(&prompt) >= Proof::Path && prompt::reader(&prompt) == Reader::Shell;
        let reader = if shell { Reader::Shell } else { Reader::Program };
        let mut level = Level::new(command.source..end, Discovery::Key(prompt::key(&prompt)), reader);
        (level.sure, level.looped) = (left, true);
        levels.push(level);
        if levels.len() == MAX_LEVELS {
            break;
        }
    }
    levels
}

/// Whether one of the last rows ends with a word that leaves a program, or the last one with a sign. Nearly no output does.
fn may_be_left(output: &[u8]) -> bool {
    let mut rest = output[output.len().saturating_sub(MAX_TAIL_BYTES)..].trim_ascii_end();
    let last = &rest[memchr::memrchr(b'\n', rest).map_or(0, |at| at + 1)..];
    if last.len() <= MAX_BARE_BYTES
        && last.last().is_some_and(|sign| b">$#%:".contains(sign) || !sign.is_ascii())
    {
        return true;
    }
    for _ in 0..=MAX_ROWS_BELOW {
        let start = memchr::memrchr(b'\n', rest).map_or(0, |at| at + 1);
        let row = rest[start..].trim_ascii_end();
        // Words that leave a program are short.
        let near = &row[row.len().saturating_sub(MAX_WORD_BYTES + 1)..];
        let word = memchr::memrchr(b' ', near).map(|at| &near[at + 1..]);
        if word.and_then(|word| std::str::from_utf8(word).ok()).is_some_and(is_farewell) {
            return true;
        }
        rest = &rest[..start.saturating_sub(1)];
    }
    false
}

/// Whether a word leaves a program.
fn is_farewell(word: &str) -> bool {
    !word.is_empty() && (syntax::leaves(word) || matches!(word, "end" | "^C" | "^D"))
}

/// The prompt of an output in which a tool has read lines and was left at the end.
fn looped(text: &str) -> Option<Loop> {
    let rows: Vec<&str> = text.lines().collect();
    let left = left_by_word(&rows).map(|prompt| Loop { prompt, left: true });
    left.or_else(|| Some(Loop { prompt: left_bare(&rows)?, left: false }))
}

/// A tool that reads lines.
#[derive(Debug, PartialEq, Eq)]
struct Loop {
    prompt: String,
    /// It was left with a word for that.
    left: bool,
}

/// The prompt with which the last row begins, if a word stands behind it that leaves the tool.
fn left_by_word(rows: &[&str]) -> Option<String> {
    let (last, farewell) = rows.iter().enumerate().rev().take(MAX_ROWS_BELOW + 1).find_map(|(at, row)| {
        let (_, word) = row.trim_end().rsplit_once(' ')?;
        is_farewell(word).then_some((at, row.trim_end().len() - word.len()))
    })?;
    let line = rows[last];
    // The rows that begin with a prompt, and what stands behind it.
    let behind = |start: &str| -> Vec<(usize, &str)> {
        let start = start.trim_end();
        let rest = |(at, row): (usize, &&'_ str)| row.strip_prefix(start).map(|rest| (at, rest.len()));
        let found = rows[..=last].iter().enumerate().filter_map(rest);
        found.map(|(at, length)| (at, rows[at][rows[at].len() - length..].trim())).collect()
    };
    let ends = signs(line, 0).filter(|&end| end <= farewell && may_be_prompt(line[..end].trim()));
    let starts: Vec<(&str, Vec<(usize, &str)>)> =
        ends.map(|end| (&line[..end], behind(&line[..end]))).collect();
    let most = starts.iter().map(|(_, rests)| rests.len()).max()?;
    let whole = |(_, rests): &&(&str, Vec<(usize, &str)>)| {
        rests.len() >= MIN_ROWS && rests.len() * 100 >= most * WHOLE_PERCENT
    };
    let (start, rests) = starts.iter().rev().find(whole)?;
    // Nothing else stands before the word that leaves.
    let leaves = rests.last().is_some_and(|(_, rest)| is_farewell(rest));
    (leaves && are_lines_of_a_tool(rests)).then(|| (*start).to_owned())
}

/// The last row, if it is a prompt with nothing behind it: the tool was left with C-d, or the transcript ends there.
fn left_bare(rows: &[&str]) -> Option<String> {
    let (last, row) = rows.iter().enumerate().rev().find(|(_, row)| !row.trim().is_empty())?;
    let bare = *row;
    let start = row.trim_end();
    let asks = || start.to_ascii_lowercase().contains("passw");
    if start.len() > MAX_BARE_BYTES || !may_be_prompt(start) || asks() {
        return None;
    }
    let key = prompt::key(start);
    let behind = |at: usize| {
        let row = rows[at];
        let (prompt, typed) = row.split_at(signs(row, 0).find(|&end| prompt::has_key(&row[..end], &key))?);
        // The blank behind the sign is part of the prompt.
        let whole = prompt.ends_with(' ') == bare.ends_with(' ');
        (whole && !typed.trim().is_empty()).then(|| (at, typed.trim()))
    };
    let mut rests: Vec<(usize, &str)> = (0..last).filter_map(behind).collect();
    rests.push((last, ""));
    (rests.len() >= MIN_ROWS && are_lines_of_a_tool(&rests)).then(|| start.to_owned())
}

/// Whether what stands behind the prompts, with the numbers of the rows, has the looks of lines that a tool has read and answered.
fn are_lines_of_a_tool(rests: &[(usize, &str)]) -> bool {
    let typed: Vec<&str> = rests.iter().map(|&(_, rest)| rest).filter(|rest| !rest.is_empty()).collect();
    let differ = typed.iter().any(|rest| *rest != typed[0]);
    let words = typed.iter().any(|rest| rest.contains(' ') && rest.contains(char::is_alphabetic));
    // The rows of a list or a log stand together.
    let answered = rests.windows(2).filter(|rows| rows[1].0 > rows[0].0 + 1).count();
    differ && words && answered * 2 >= rests.len() - 1
}

/// Whether a text has the looks of a prompt, and not of a log, a list or a trace.
fn may_be_prompt(start: &str) -> bool {
    let Some(sign) = start.chars().next_back() else { return false };
    let body = start[..start.len() - sign.len_utf8()].trim_end();
    let begins = |first: char| first.is_alphabetic() || matches!(first, '>' | '(' | '~' | '/');
    if !start.starts_with(begins) && !body.is_empty() {
        return false;
    }
    match sign {
        // An arrow stands between two words.
        '>' => !body.ends_with('='),
        '$' | '#' | '%' => true,
        // One word before a colon is the level of a log, or what is told behind it.
        ':' => {
            let words = body.split(' ').filter(|word| word.contains(char::is_alphabetic)).count();
            words > 1
                && !body.contains(|sign: char| sign.is_ascii_digit() || matches!(sign, '[' | ']' | ':' | '='))
        }
        _ => prompt::is_foreign_ending(sign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_left_at_its_end() {
        let prompt = looped("up\n>> list tables\n- users\n>> drop it\nok\n>> exit\nbye\n");
        assert_eq!(prompt.map(|found| found.prompt).as_deref(), Some(">> "));
        let asked = "db\n>>> Enter command:  create table x\nok\n>>> Enter command: drop x\nok\n>>> Enter command: exit";
        assert_eq!(looped(asked).map(|found| found.prompt).as_deref(), Some(">>> Enter command: "));
        let prompt = looped("> get a\n1\n> set a 2\nok\n> ^C\n");
        assert_eq!(prompt.map(|found| found.prompt).as_deref(), Some("> "));
        // By C-d, from another directory.
        let prompt = looped("nst:/a> ll\nx\nnst:/a> cd b\nok\nnst:/a/b> \n");
        assert_eq!(prompt.map(|found| found.prompt).as_deref(), Some("nst:/a/b>"));
    }

    #[test]
    fn other_output_is_no_loop() {
        for output in [
            "[INFO] loading x\n[INFO] loading y\n[INFO] exit\n",
            "INFO: loading x\n1\nINFO: loading y\n2\nINFO: bye\n",
            "Nov 22 10:00:01 web app[12]: closing it\nx\nNov 22 10:00:01 web app[12]: bye\n",
            "+ git pull\nUpdating\n+ make all\ncc\n+ exit\n",
            "Usage:\n> connect HOST\n> drop TABLE\n> quit\n",
            "Waiting for db: not ready\nx\nWaiting for db: ^C\n",
            // No word that leaves.
            "> one two\n1\n> three\n2\n> four\n",
            // It does not stand alone behind the prompt.
            "> do a\n1\n> do b\n2\n> please exit\n",
            // A menu.
            "Your choice: 1\nx\nYour choice: 2\ny\nYour choice: q\n",
            // What follows goes on too long.
            "> a b\n1\n> exit\n1\n2\n3\n4\n5\n6\n",
            // Questions, the last without an answer.
            "Your choice: 1\nx\nYour choice: 2\ny\nYour choice: ",
            "Overwrite a? [y/n]: y\nok\nOverwrite b? [y/n]: n\nok\nOverwrite c? [y/n]: ",
            "1> a b\n2> c d\n3> ",
            // A list that is cut off.
            "Usage:\n> connect HOST\n> drop TABLE\n>",
        ] {
            assert_eq!(looped(output), None, "{output}");
        }
    }
}
