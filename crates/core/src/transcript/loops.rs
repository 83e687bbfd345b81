//! Prompts of tools that read commands of their own and are started by a command that does not tell it, such as `make db`: one
//! command's output, in which rows begin alike and the last of them leaves the tool.

use super::command::Command;
use super::discovery::{Discovery, MAX_TEXT_BYTES};
use super::levels::{Level, MAX_LEVELS};
use super::openings::shows_container;
use super::prompt::{self, Reader};
use super::shows::{shows_lines, shows_text};
use super::signs::signs;
use super::syntax;
use crate::session::Status;
use crate::terminal::page::Page;

/// How much of the end of an output is searched for the row that leaves the tool, and how many rows may stand below it.
const MAX_TAIL_BYTES: usize = 512;
const MAX_ROWS_BELOW: usize = 4;

/// Longest command that may start such a tool.
const MAX_COMMAND_BYTES: usize = 1024;

/// Least rows that begin with the prompt.
const MIN_ROWS: usize = 2;

/// Least share, in percent, of the rows that begin with the first sign of a prompt and with all of it.
const WHOLE_PERCENT: usize = 80;

/// Looks for such prompts in the outputs of commands.
pub(crate) fn loops(page: &Page, commands: &[Command]) -> Vec<Level> {
    let mut levels = Vec::new();
    let mut budget = MAX_TEXT_BYTES;
    for (index, command) in commands.iter().enumerate() {
        let next = commands.get(index + 1);
        let output = command.output(page, next);
        let runs = command.status == Status::Executed && command.submitted && !command.dropped;
        if !runs || output.len() > budget || !may_be_left(output) {
            continue;
        }
        let line = &command.command;
        if shows_container(line) || shows_text(line) || shows_lines(line) || line.len() > MAX_COMMAND_BYTES {
            continue;
        }
        budget -= output.len();
        // A command may say it itself, to print it.
        let looped = looped(&prompt::text_of(output)).filter(|(prompt, _)| !line.contains(prompt.trim()));
        let Some((prompt, reader)) = looped else { continue };
        let end = next.map_or(usize::MAX, |next| next.source);
        levels.push(Level::new(command.source..end, Discovery::Key(prompt::key(&prompt)), reader));
        if levels.len() == MAX_LEVELS {
            break;
        }
    }
    levels
}

/// Whether one of the last rows ends with a word that leaves a program. Nearly no output does.
fn may_be_left(output: &[u8]) -> bool {
    let tail = &output[output.len().saturating_sub(MAX_TAIL_BYTES)..];
    let mut rows = tail.trim_ascii_end().rsplit(|&byte| byte == b'\n').take(MAX_ROWS_BELOW + 1);
    rows.any(|row| {
        let row = row.trim_ascii_end();
        let word = memchr::memrchr(b' ', row).map(|at| &row[at + 1..]);
        word.and_then(|word| std::str::from_utf8(word).ok()).is_some_and(is_farewell)
    })
}

/// Whether a word leaves a program.
fn is_farewell(word: &str) -> bool {
    !word.is_empty() && (syntax::leaves(word) || matches!(word, "end" | "^C" | "^D"))
}

/// The prompt of an output that is left at the end, and who reads behind it.
fn looped(text: &str) -> Option<(String, Reader)> {
    let rows: Vec<&str> = text.lines().collect();
    let (last, farewell) = rows.iter().enumerate().rev().take(MAX_ROWS_BELOW + 1).find_map(|(at, row)| {
        let (_, word) = row.trim_end().rsplit_once(' ')?;
        is_farewell(word).then_some((at, row.trim_end().len() - word.len()))
    })?;
    let line = rows[last];
    let behind = |start: &str| -> Vec<&str> {
        let start = start.trim_end();
        rows[..=last].iter().filter_map(|row| row.strip_prefix(start)).map(str::trim).collect()
    };
    // All of it stands before the word, but for blanks.
    let ends = signs(line, 0).filter(|&end| end <= farewell && !line[..end].trim().is_empty());
    let starts: Vec<(&str, Vec<&str>)> = ends.map(|end| (&line[..end], behind(&line[..end]))).collect();
    let most = starts.iter().map(|(_, rests)| rests.len()).max()?;
    let whole = |(_, rests): &&(&str, Vec<&str>)| {
        rests.len() >= MIN_ROWS && rests.len() * 100 >= most * WHOLE_PERCENT
    };
    let (start, rests) = starts.iter().rev().find(whole)?;
    // Nothing else stands before the word that leaves.
    let leaves = rests.last().is_some_and(|rest| is_farewell(rest));
    let differ = rests.iter().any(|rest| *rest != rests[0]);
    let words = rests.iter().any(|rest| rest.contains(' ') && rest.contains(char::is_alphabetic));
    let known = rests.iter().filter(|rest| syntax::looks_like_command(rest)).count();
    let shell = known * 2 >= rests.len() && prompt::reader(start) == Reader::Shell;
    (leaves && differ && words)
        .then(|| ((*start).to_owned(), if shell { Reader::Shell } else { Reader::Program }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_left_at_its_end() {
        let prompt = |text: &str| looped(text).map(|(prompt, _)| prompt);
        assert_eq!(prompt("up\n>> list tables\n- users\n>> drop it\n>> exit\nbye\n").as_deref(), Some(">> "));
        let asked = "db\n>>> Enter command:  create table x\nok\n>>> Enter command: exit";
        assert_eq!(prompt(asked).as_deref(), Some(">>> Enter command: "));
        assert_eq!(prompt("> get a\n1\n> set a 2\n> ^C\n").as_deref(), Some("> "));
    }

    #[test]
    fn other_output_is_no_loop() {
        for output in [
            "[INFO] loading x\n[INFO] loading y\n[INFO] done\n",
            // No word that leaves.
            "> one two\n> three\n> four\n",
            // It does not stand alone behind the prompt.
            "warn: do a\nwarn: do b\nwarn: please exit\n",
            // A menu.
            "Choice: 1\nChoice: 2\nChoice: q\n",
            // What follows goes on too long.
            "> a b\n> exit\n1\n2\n3\n4\n5\n6\n",
        ] {
            assert_eq!(looped(output).map(|(prompt, _)| prompt), None, "{output}");
        }
    }
}
