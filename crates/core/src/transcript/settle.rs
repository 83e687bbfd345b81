//! What became of each line, now that it is known what follows.

use super::command::Command;
use super::context::says_left;
use super::prompt;
use super::syntax;
use super::words::last_command;
use crate::session::{Boundary, Confidence, Reason, Status};
use crate::terminal::page::Page;

/// Most bytes of an output that are looked at for the words of a shell that was left.
const MAX_LEFT_BYTES: usize = 64;

/// Longest text of the lines of a prompt above its last one.
const MAX_UPPER_BYTES: usize = 256;

/// Decides what became of lines at prompts, by what was printed behind them.
pub(crate) fn settle(page: &Page, commands: &mut [Command]) {
    let mut blind = false;
    for index in 0..commands.len() {
        let (commands, rest) = commands.split_at_mut(index + 1);
        let next = rest.first();
        let command = &mut commands[index];
        let output = command.output(page, next);
        if blind || command.raw {
            blind = stays_blind(command, output);
        }
        if command.boundary == Boundary::Prompt && !command.blind {
            settle_line(command, next, output, page);
        }
        if is_broken_off(command, output) {
            command.status = Status::Aborted;
        }
        blind = blind || (!command.dropped && !command.blind && turns_echo_off(&command.command));
    }
}

fn settle_line(command: &mut Command, next: Option<&Command>, output: &[u8], page: &Page) {
    let silent = output.iter().all(u8::is_ascii_whitespace);
    if let Some(typed) = command.command.strip_suffix("^C")
        && (silent
            || typed.is_empty()
            || is_upper_prompt(command, output, page)
            || is_told_again(command, output, page))
        && command.status != Status::Unsubmitted
    {
        // What runs may print such a text as well.
        let told = !silent && !typed.is_empty() && !is_upper_prompt(command, output, page);
        command.command = typed.trim_end().to_owned();
        command.status = Status::Aborted;
        command.dropped = command.command.is_empty();
        if told {
            command.doubt(Confidence::Low, Reason::LookAlike);
        }
    } else if command.dropped && command.status == Status::Executed {
        let text = prompt::text_of(&output[..output.len().min(MAX_LEFT_BYTES)]);
        let left = matches!(text.trim(), "exit" | "logout");
        if left || (silent && gives_way(command, next, output, page)) {
            command.status = Status::Eof;
            command.dropped = false;
        }
    } else if silent
        && syntax::FAREWELLS.contains(&command.command.trim())
        && gives_way(command, next, output, page)
    {
        command.between.insert(0, std::mem::take(&mut command.command));
        command.status = Status::Eof;
    }
}

/// Whether what stands behind a line stood in front of its prompt as well, but for its figures: what a shell runs before each
/// prompt has printed it.
fn is_told_again(command: &Command, output: &[u8], page: &Page) -> bool {
    // Who types the sign by hand has the shell take it for a comment.
    if output.len() > MAX_UPPER_BYTES || command.command.contains('#') {
        return false;
    }
    let before = &page.text[command.text.saturating_sub(2 * MAX_UPPER_BYTES)..command.text];
    without_figures(before).ends_with(&without_figures(output))
}

/// A text with one sign for each number.
fn without_figures(text: &[u8]) -> Vec<u8> {
    let figures = text.chunk_by(|one, other| one.is_ascii_digit() && other.is_ascii_digit());
    figures.map(|run| if run[0].is_ascii_digit() { b'0' } else { run[0] }).collect()
}

/// Whether python says that a line was broken off: it neither ends the line nor shows the key.
fn is_broken_off(command: &Command, output: &[u8]) -> bool {
    command.status == Status::ProgramInput && output.trim_ascii() == b"KeyboardInterrupt"
}

/// Whether what stands behind a command are the lines of the next prompt above its last one, as they stand above its own.
pub(super) fn is_upper_prompt(command: &Command, output: &[u8], page: &Page) -> bool {
    output.len() <= MAX_UPPER_BYTES
        && page.text.get(..command.text).is_some_and(|before| before.ends_with(output))
}

/// Whether another prompt follows, or nothing at all.
fn gives_way(command: &Command, next: Option<&Command>, output: &[u8], page: &Page) -> bool {
    let key = |command: &Command| command.prompt.as_deref().map(prompt::key);
    match next {
        Some(next) => key(next) != key(command),
        None => command.after + output.len() == page.text.len(),
    }
}

/// Whether the terminal still shows nothing of what is typed. Then a prompt was answered, but not visibly, and what
/// stands behind it is output.
fn stays_blind(command: &mut Command, output: &[u8]) -> bool {
    let empty = command.command.trim().is_empty();
    if command.is_line() && !empty {
        if command.status == Status::Unsubmitted || syntax::looks_like_command(&command.command) {
            return false;
        }
        command.between.insert(0, std::mem::take(&mut command.command));
    } else if !empty || says_left(output) {
        return false;
    }
    let last = output.is_empty() && command.between.is_empty();
    command.blind = !last;
    command.dropped = true;
    command.doubt(Confidence::Low, Reason::LookAlike);
    true
}

/// Whether a command makes the terminal show no typing, and does not undo it.
fn turns_echo_off(command: &str) -> bool {
    if memchr::memmem::find(command.as_bytes(), b"stty").is_none() {
        return false;
    }
    let last = command.rsplit([';', '\n', '&']).find(|part| part.contains("stty") || part.contains("reset"));
    let words = last_command(last.unwrap_or_default());
    words.first().is_some_and(|word| word == "stty")
        && words.iter().any(|word| word == "-echo" || word == "raw")
}
