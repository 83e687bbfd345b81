//! Commands typed ahead in a shell that leaves the echo to the kernel.
//!
//! Such a shell shows no prompt before them: their lines stand in the output of the command that was running, and later
//! each prompt is followed at once by the output of one of them. Nothing proves it; a prompt followed by text that is
//! no command, as often as lines were typed ahead, is the sign.

use super::command::Command;
use super::prompt::{self, Proof, Reader};
use super::syntax::{Scan, leaves, looks_like_command};
use super::words::{Words, last_command};
use crate::session::{Boundary, Confidence, Reason, Status};
use crate::terminal::page::Page;

/// Most lines typed ahead of one prompt.
const MAX_AHEAD: usize = 64;

/// Most bytes of output that are searched for lines typed ahead.
const MAX_SEARCH_BYTES: usize = 8 * 1024;

/// Commands that show text in which command lines may stand. Behind them only what is surely output
/// tells that a prompt was there for a line typed ahead.
const SHOW_LINES: [&str; 26] = [
    "alias", "awk", "bat", "cat", "crontab", "cut", "diff", "egrep", "fgrep", "find", "grep", "head",
    "history", "last", "ls", "more", "nl", "printenv", "ps", "sed", "sort", "strings", "tac", "type",
    "which", "zcat",
];

/// Commands that print nothing unless they fail.
const SILENT: [&str; 16] = [
    "cd", "chmod", "chown", "cp", "export", "kill", "ln", "mkdir", "mv", "rm", "rmdir", "set", "sleep",
    "touch", "unalias", "unset",
];

/// What must tell that a prompt was there for a line typed ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// That what stands behind it is no known command.
    Nothing,
    /// That it is surely output.
    Output,
    /// That it is what the line says.
    Echo,
}

/// A prompt, and what stood behind it.
struct Slot {
    index: usize,
    /// How many prompts stand before this one on the same line.
    place: usize,
    shown: String,
}

/// Gives prompts that are followed by output the commands typed ahead for them.
pub(crate) fn assign(page: &Page, commands: Vec<Command>) -> Vec<Command> {
    let mut done: Vec<Command> = Vec::with_capacity(commands.len());
    let mut rest = commands.into_iter();
    // The text before the first prompt is what a profile typed; afterwards it is the output of a command.
    let mut from = 0;
    while let Some(next) = rest.as_slice().first() {
        let output = page.text.get(from..next.text).unwrap_or_default();
        if let Some((typed, slots)) = typed_ahead(output, done.last(), rest.as_slice()) {
            let last = slots.last().map_or(0, |slot| slot.index);
            let remaining = replace(&rest.as_slice()[..=last], &typed, &slots, &mut done);
            // What is left of the last line is looked at as a line of its own.
            let used = last + usize::from(remaining.is_none());
            rest.by_ref().take(used).for_each(drop);
            if let (Some(command), Some(line)) = (remaining, rest.as_mut_slice().first_mut()) {
                *line = command;
            }
            from = done.last().map_or(0, |command| command.after);
        } else {
            from = next.after;
            done.extend(rest.next());
        }
    }
    done
}

/// The lines at the start of `output`, which the command `before` printed, that were typed ahead of the prompts that follow
/// it, and those prompts.
fn typed_ahead(
    output: &[u8],
    before: Option<&Command>,
    commands: &[Command],
) -> Option<(Vec<String>, Vec<Slot>)> {
    let output = &output[..output.len().min(MAX_SEARCH_BYTES)];
    let first = memchr::memchr(b'\n', output).map_or(output, |end| &output[..end]);
    let first = prompt::text_of(first);
    let next = commands.first()?;
    if first.is_empty() {
        return None;
    }
    let by_looks = looks_like_command(first.trim_end());
    let by_count = || is_output(&next.command) && is_plausible(&first);
    // Most output begins with no such line.
    if !(by_looks || by_count()) {
        return None;
    }
    // A longer prompt is mostly that of a line editor, which prints such a line again: what it shows must prove it.
    let wanted = match is_bare(next) {
        false if first.starts_with("echo ") && waits(next) => Wanted::Echo,
        false => return None,
        true if before.is_some_and(shows_lines) => Wanted::Output,
        true => Wanted::Nothing,
    };
    let text = prompt::text_of(output);
    if by_looks {
        let mut typed = commands_at_start(&text, looks_like_command);
        let mut slots = slots(commands, typed.len());
        // Of several lines some may be output.
        let least = typed.len().min(2);
        while typed.len() >= least.max(1) {
            slots.truncate(typed.len());
            if slots.len() == typed.len() && fits(&typed, &slots, wanted) {
                return Some((typed, slots));
            }
            typed.pop();
        }
    }
    if wanted == Wanted::Echo {
        return None;
    }
    // Where what is surely output stands behind several prompts, there were as many lines, whatever they look like.
    let mut slots = slots(commands, MAX_AHEAD);
    slots.truncate(slots.iter().take_while(|slot| is_output(&slot.shown)).count());
    let mut typed = commands_at_start(&text, is_plausible);
    let count = slots.len().min(typed.len());
    slots.truncate(count);
    typed.truncate(count);
    let known = typed.iter().any(|command| looks_like_command(command));
    (known && fits(&typed, &slots, Wanted::Output)).then_some((typed, slots))
}

/// The commands that a text begins with, up to the first line that is none.
fn commands_at_start(text: &str, is_command: fn(&str) -> bool) -> Vec<String> {
    let mut typed: Vec<String> = Vec::new();
    // The command that goes on in the next line.
    let mut open: Option<(String, Scan)> = None;
    for line in text.lines().take(MAX_AHEAD).map(str::trim_end) {
        let (command, mut scan) = match open.take() {
            Some((command, scan)) => (command + "\n" + line, scan),
            None if is_command(line) => (line.to_owned(), Scan::default()),
            None => break,
        };
        scan.feed(line);
        if scan.is_open() { open = Some((command, scan)) } else { typed.push(command) }
    }
    typed
}

/// Whether a line may be a command whose program is not known.
fn is_plausible(line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-+=".contains(&byte);
    looks_like_command(line)
        || (first.starts_with(|first: char| first.is_ascii_lowercase() || "./_".contains(first))
            && first.bytes().all(named)
            && !line.contains("  ")
            && !line.contains(": "))
}

/// Up to `count` prompts in a row that are followed by something that is no command.
fn slots(commands: &[Command], count: usize) -> Vec<Slot> {
    let mut slots = Vec::new();
    for (index, command) in commands.iter().enumerate() {
        let Some(prompt) = command.prompt.as_deref().map(str::trim_end) else { break };
        if !waits(command) {
            break;
        }
        let mut rest = command.command.as_str();
        let mut place = 0;
        while slots.len() < count
            && let Some(more) =
                rest.strip_prefix(prompt).filter(|more| more.is_empty() || more.starts_with(' '))
        {
            slots.push(Slot { index, place, shown: String::new() });
            place += 1;
            rest = more.trim_start();
        }
        // The prompts for the further lines of a command.
        rest = rest.trim_start_matches("> ");
        if slots.len() == count || looks_like_command(rest) {
            break;
        }
        // A prompt that waits, and one at which Enter was pressed, belong to no command typed ahead.
        if rest.is_empty() && (command.submitted || command.status == Status::Unsubmitted) {
            break;
        }
        slots.push(Slot { index, place, shown: rest.to_owned() });
        if slots.len() == count {
            break;
        }
    }
    slots
}

/// Whether no line typed ahead is known to print something else than what is shown.
fn fits(typed: &[String], slots: &[Slot], wanted: Wanted) -> bool {
    typed.iter().zip(slots).all(|(command, slot)| match command.strip_prefix("echo ") {
        Some(text) if text.chars().all(|character| character.is_alphanumeric() || character == ' ') => {
            slot.shown.split_whitespace().eq(text.split_whitespace())
        }
        _ if wanted == Wanted::Echo => false,
        _ if is_silent(command) => slot.shown.is_empty() || slot.shown.contains(": "),
        _ => wanted == Wanted::Nothing || is_output(&slot.shown),
    })
}

/// Whether nobody types such a line: it begins as no command does that sets no variable, or tells something behind a colon.
fn is_output(shown: &str) -> bool {
    let bytes = shown.as_bytes();
    let mut first = bytes.iter().take_while(|&&byte| byte != b' ');
    let begins = |first: &u8| !first.is_ascii_lowercase() && !b"./_~[(:{!\"'$\\<>".contains(first);
    let tells = || bytes.windows(2).any(|pair| pair == b": ");
    (bytes.first().is_none_or(begins) || tells()) && !first.any(|&byte| byte == b'=')
}

/// Whether a line prints nothing but what went wrong. A shell that was left prints no prompt any more.
fn is_silent(line: &str) -> bool {
    let alone = memchr::memchr3(b';', b'|', b'&', line.as_bytes()).is_none();
    // `cd -` and the options for that make them talk.
    let talks = |word: &str| word == "-" || (word.starts_with('-') && word.contains(['v', 'p']));
    let silent = |(first, rest): (&str, &str)| SILENT.contains(&first) && !rest.split(' ').any(talks);
    leaves(line) || (alone && line.split_once(' ').is_some_and(silent))
}

/// Whether what a command prints may be command lines.
fn shows_lines(command: &Command) -> bool {
    let words = last_command(&command.command);
    let mut words = Words::new(&words);
    let first = words.next();
    let name = if first == Some("sudo") { words.operand(&["-u"]) } else { first };
    name.is_some_and(|name| SHOW_LINES.contains(&name))
}

/// Writes the commands typed ahead to `done`; returns what stands behind their prompts on the last line, if anything.
fn replace(
    commands: &[Command],
    typed: &[String],
    slots: &[Slot],
    done: &mut Vec<Command>,
) -> Option<Command> {
    let mut remaining = None;
    for (position, (text, slot)) in typed.iter().zip(slots).enumerate() {
        let source = &commands[slot.index];
        let prompt_bytes = source.prompt.as_deref().map_or(0, str::len);
        let mut command = source.clone();
        command.text += slot.place * prompt_bytes;
        command.source += slot.place * prompt_bytes;
        command.command.clone_from(text);
        command.status = Status::EchoOnly;
        command.doubt(Confidence::Low, Reason::TypedAhead);
        command.boundary = Boundary::Echo;
        command.dropped = false;
        if !slot.shown.is_empty() {
            command.between.insert(0, slot.shown.clone());
        }
        let same_line = slots.get(position + 1).is_some_and(|next| next.index == slot.index);
        if same_line {
            command.after = command.text + prompt_bytes;
        }
        if position + 1 == slots.len() && slot.shown.is_empty() {
            remaining = rest_of_line(source, slot.place + 1, prompt_bytes);
            if remaining.is_some() {
                command.after = command.text + prompt_bytes;
            }
        }
        done.push(command);
    }
    remaining
}

/// The command behind the first `prompts` prompts of a line.
fn rest_of_line(source: &Command, prompts: usize, prompt_bytes: usize) -> Option<Command> {
    let prompt = source.prompt.as_deref()?.trim_end();
    let mut rest = source.command.as_str();
    for _ in 1..prompts {
        rest = rest.strip_prefix(prompt)?.trim_start();
    }
    let rest = rest.strip_prefix(prompt)?.trim_start();
    if rest.is_empty() {
        return None;
    }
    let mut command = source.clone();
    command.text += prompts * prompt_bytes;
    command.source += prompts * prompt_bytes;
    command.command = rest.to_owned();
    command.dropped = false;
    Some(command)
}

/// Whether a command may be what a line typed ahead printed: the prompt of a shell was recognised by its text.
fn waits(command: &Command) -> bool {
    command.boundary == Boundary::Prompt
        && command
            .prompt
            .as_deref()
            .is_some_and(|prompt| prompt::reader(prompt) == Reader::Shell && !prompt.starts_with('>'))
}

fn is_bare(command: &Command) -> bool {
    command.boundary == Boundary::Prompt
        && command
            .prompt
            .as_deref()
            .is_some_and(|prompt| prompt::proof(prompt) == Proof::Bare && !prompt.starts_with('>'))
}
