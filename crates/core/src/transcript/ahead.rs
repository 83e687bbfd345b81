//! Commands typed ahead in a shell that leaves the echo to the kernel.
//!
//! Such a shell shows no prompt before them: their lines stand in the output of the command that was running, and later
//! each prompt is followed at once by the output of one of them (`reading`). Nothing proves it; that there are as many lines
//! as prompts with text that is no command is the sign (`queue`, `evidence`).

mod evidence;
mod queue;
mod reading;
mod torn;

use self::evidence::{is_output, is_plausible};
use self::queue::{Unfinished, Way, explain};
use self::reading::{Reading, Sign};
use self::torn::typed_part;
use super::command::Command;
use super::prompt::{self, Proof, Reader};
use super::shows::{prints_commands, shows_lines, shows_text};
use super::syntax::looks_like_command;
use crate::session::{Boundary, Confidence, Reason, Status};
use crate::terminal::page::{Mark, Page};

/// Longest row that is looked at to tell whether more of them are.
const MAX_ROW_BYTES: usize = 1024;

/// Most rows with a margin in a row that are taken for a text.
const MAX_MARGINS: usize = 64;

/// How many steps may be taken to explain prompts, in all and for each command.
const EFFORT: usize = 1 << 20;
const EFFORT_OF_COMMAND: usize = 64;

/// Gives prompts that are followed by output the commands typed ahead for them.
pub(crate) fn assign(page: &Page, commands: Vec<Command>) -> Vec<Command> {
    let mut done: Vec<Command> = Vec::with_capacity(commands.len());
    // The text before the first prompt is what a profile typed; afterwards it is the output of a command.
    let mut from = 0;
    let mut effort = EFFORT + EFFORT_OF_COMMAND * commands.len();
    let mut rest = commands.into_iter();
    while let Some(first) = rest.as_slice().first() {
        // Rows with a margin are those of a text that is shown, if what stands around them is explained without them.
        let next = rest.as_slice().iter().take(MAX_MARGINS).find(|next| !has_margin(next)).unwrap_or(first);
        let looks = may_be_output(next) || follows_typed(page, from, done.last(), next);
        let found =
            if looks { typed_ahead(page, from, done.last(), rest.as_slice(), &mut effort) } else { None };
        if let Some((more, end)) = found {
            done.extend(more);
            let used = rest.as_slice().partition_point(|command| command.text < end);
            rest.by_ref().take(used).for_each(drop);
        } else {
            let next = rest.next().filter(|next| !next.glued);
            done.extend(next.map(|next| without_signs(page, next)));
        }
        from = done.last().map_or(from, |last| last.after);
    }
    done
}

/// The commands that were typed ahead of the next prompts, and where what is left of the others begins.
fn typed_ahead(
    page: &Page,
    from: usize,
    before: Option<&Command>,
    commands: &[Command],
    effort: &mut usize,
) -> Option<(Vec<Command>, usize)> {
    let own = commands.iter().take(MAX_MARGINS).find(|next| !has_margin(next))?.prompt.as_deref()?;
    // What a program prints behind the sign may have been taken for more of it.
    // So may the prompts for more of the line before.
    let last = before.filter(|before| before.is_line()).and_then(|before| before.prompt.as_deref());
    let last = last.filter(|prompt| own.starts_with(prompt) || own.starts_with("> "));
    let unit = unit_of(last.unwrap_or(own));
    if unit.trim_end() == ">" {
        return None;
    }
    let bare = prompt::proof(unit) == Proof::Bare;
    let shows = before.map_or(0, |before| match before.command.as_str() {
        command if names_another(command) => 5,
        // What stands behind it in a pipeline shows what it prints.
        command if shows_text(first_of_pipeline(command)) && !talks_of_itself(command) => 5,
        command if shows_lines(first_of_pipeline(command)) || prints_commands(command) => 3,
        _ => 0,
    });
    let mut reading = Reading::new(page, unit, before, from, commands);
    let way = explain(&mut reading, bare, before.map_or("", |before| &before.command), shows, effort)?;
    Some(write(page, commands, &reading, &way))
}

/// A line without the signs that stand before a known command: hardly anybody types them, so something else has printed them. Where
/// the shell says that it knows no such command, they were typed.
fn without_signs(page: &Page, mut command: Command) -> Command {
    let Some(unit) = command.prompt.as_deref().filter(|_| waits(&command)) else { return command };
    // That of root begins comments.
    let bare = prompt::proof(unit) == Proof::Bare && !unit.starts_with('#');
    if !bare || !command.command.starts_with(unit) {
        return command;
    }
    let mut typed = command.command.as_str();
    while let Some(rest) = typed.strip_prefix(unit) {
        typed = rest;
    }
    let below = page.text.get(command.after..).unwrap_or_default();
    let below = &below[..memchr::memchr(b'\n', below).unwrap_or(below.len()).min(MAX_ROW_BYTES)];
    let refused = memchr::memmem::find(below, b"not found").is_some();
    if looks_like_command(typed) && !refused {
        command.command = typed.to_owned();
        command.doubt(Confidence::Low, Reason::PromptInLine);
    }
    command
}

/// The commands of a way to explain the signs, and where what is left begins.
fn write(page: &Page, found: &[Command], reading: &Reading<'_>, way: &Way) -> (Vec<Command>, usize) {
    let (template, signs) = (&found[0], &reading.signs);
    let mut commands = Vec::with_capacity(way.lines.len() + 1);
    for (place, (&line, sign)) in way.lines.iter().zip(signs).enumerate() {
        let mut command = at_sign(page, template, sign);
        reading.lines[line].text.trim_start().clone_into(&mut command.command);
        command.dropped = command.command.is_empty();
        command.after = if sign.shares { signs[place + 1].at } else { sign.end };
        if !sign.shown.is_empty() {
            command.between.push(sign.shown.clone());
        }
        let Some(opened) = &sign.opened else {
            commands.push(command);
            continue;
        };
        command.after = opened.at;
        commands.push(command);
        let Some((prompt, typed)) = opened.command.clone() else { return (commands, opened.at) };
        let mut behind = at_sign(page, template, sign);
        behind.source += opened.at - behind.text;
        behind.text = opened.at;
        behind.prompt = Some(prompt);
        behind.dropped = typed.is_empty();
        behind.command = typed;
        behind.status = Status::Executed;
        behind.boundary = Boundary::Prompt;
        behind.reason = Some(Reason::PromptInLine);
        commands.push(behind);
    }
    let Some(closing) = signs.get(way.lines.len()) else {
        let end = signs.last().map_or(0, |sign| sign.end);
        return (commands, end);
    };
    // A command of its own row is read as it was found.
    if way.unfinished == Unfinished::No && closing.at == closing.row {
        return (commands, closing.at);
    }
    let mut command = at_sign(page, template, closing);
    match way.unfinished {
        Unfinished::No => {
            command.reason = Some(Reason::PromptInLine);
            command.boundary = Boundary::Prompt;
        }
        Unfinished::Head => {
            let head = signs.iter().map(|sign| sign.head.trim_start()).find(|head| !head.is_empty());
            command.command = head.unwrap_or_default().to_owned();
        }
        Unfinished::Line(line) => {
            let row = reading.lines[line].text.trim_start();
            let below = page.text[closing.end..].split(|&byte| byte == b'\n').next().unwrap_or_default();
            let below = prompt::text_of(below);
            let shown: Vec<&str> = signs.iter().map(|sign| sign.shown.as_str()).chain([&*below]).collect();
            command.command = typed_part(row, reading.before, &shown).trim_end().to_owned();
        }
    }
    command.command.push_str(&closing.shown);
    // It may go on in the next rows.
    let row = found.binary_search_by_key(&closing.row, |command| command.text).map(|at| &found[at]);
    if let Some((first, more)) = row.ok().and_then(|row| row.command.split_once('\n'))
        && first.ends_with(&closing.shown)
    {
        command.command.push('\n');
        command.command.push_str(more);
        command.after = row.map_or(command.after, |row| row.after);
    }
    command.command.truncate(command.command.trim_end().len());
    command.dropped = command.command.is_empty();
    command.status = if closing.newline { Status::Executed } else { Status::Unsubmitted };
    command.submitted = closing.newline;
    commands.push(command);
    let end = commands.last().map_or(closing.end, |last| last.after);
    (commands, end)
}

/// A command at a sign, without its text.
fn at_sign(page: &Page, template: &Command, sign: &Sign) -> Command {
    let mark = page.marks.partition_point(|mark| mark.text <= sign.row).checked_sub(1);
    let mark = mark.and_then(|mark| page.marks.get(mark));
    let source = mark.map_or(template.source, |Mark { text, source, .. }| source + (sign.at - text));
    Command {
        text: sign.at,
        after: sign.end,
        source,
        prompt: Some(sign.prompt.clone()),
        status: Status::EchoOnly,
        confidence: Confidence::Low,
        reason: Some(Reason::TypedAhead),
        boundary: Boundary::Echo,
        submitted: true,
        context: template.context.clone(),
        ..Command::nothing()
    }
}

/// The prompt, if it stands there several times in a row.
fn unit_of(prompt: &str) -> &str {
    // The last sign of nearly every prompt is its only one.
    let sign = prompt.trim_end().bytes().last().unwrap_or_default();
    if memchr::memchr_iter(sign, prompt.as_bytes()).count() < 2 {
        return prompt;
    }
    let end = prompt::ends(prompt).first().copied().unwrap_or(prompt.len());
    let (unit, more) = prompt.split_at(end);
    if more.ends_with(unit) { unit } else { prompt }
}

/// Whether git tells what it did, and shows no text.
fn talks_of_itself(command: &str) -> bool {
    let quiet = [
        "add", "checkout", "clone", "commit", "fetch", "pull", "push", "rebase", "reset", "status", "switch",
    ];
    let mut words = command.split_whitespace();
    words.next() == Some("git") && words.next().is_some_and(|word| quiet.contains(&word))
}

/// A command without what its last pipeline makes of its output.
fn first_of_pipeline(command: &str) -> &str {
    let start = command.rfind([';', '&', '\n']).unwrap_or(0);
    command[start..].find('|').map_or(command, |end| &command[..start + end])
}

/// Whether the shell itself prints the command that a line stands for: another one of the session, or a job.
fn names_another(command: &str) -> bool {
    command.contains('!') || ["fg", "bg", "%"].iter().any(|start| command.starts_with(start))
}

/// Whether what stands behind a prompt may be output, or another prompt. Nearly always it is a command.
fn may_be_output(command: &Command) -> bool {
    let typed = command.command.as_str();
    if !waits(command) || (looks_like_command(typed) && !command.glued && !stands_again(command)) {
        return false;
    }
    // Behind more than a sign a program that is not known is more likely.
    command.glued
        || typed.is_empty()
        || stands_again(command)
        || is_bare(command)
        || is_output(typed)
        || !is_plausible(typed)
}

/// Whether the prompt of a command stands several times before it.
fn stands_again(command: &Command) -> bool {
    command
        .prompt
        .as_deref()
        .is_some_and(|prompt| unit_of(prompt).len() < prompt.len() || command.command.starts_with(prompt))
}

fn is_bare(command: &Command) -> bool {
    command.prompt.as_deref().is_some_and(|prompt| prompt::proof(unit_of(prompt)) == Proof::Bare)
}

/// Whether the prompt of a command begins with blanks.
fn has_margin(command: &Command) -> bool {
    command.prompt.as_deref().is_some_and(|prompt| prompt.starts_with(' '))
}

/// Whether the row below a command looks like one, or the shell had not read all of that command when its last row was typed, at the
/// prompt of the `next` one.
fn follows_typed(page: &Page, from: usize, before: Option<&Command>, next: &Command) -> bool {
    let Some(before) = before.filter(|before| before.boundary == Boundary::Prompt && waits(next)) else {
        return false;
    };
    if before.command.contains('\n') {
        return true;
    }
    // Before a longer prompt with a command no other sign stands within a row.
    if looks_like_command(&next.command) && !is_bare(next) {
        return false;
    }
    let rest = &page.text[from..];
    let row = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len()).min(MAX_ROW_BYTES)];
    std::str::from_utf8(row).is_ok_and(looks_like_command)
}

/// Whether a command may be what a line typed ahead printed: the prompt of a shell was recognised by its text.
fn waits(command: &Command) -> bool {
    command.boundary == Boundary::Prompt
        && command.status != Status::ProgramInput
        && command
            .prompt
            .as_deref()
            .is_some_and(|prompt| prompt::reader(prompt) == Reader::Shell && prompt.trim_end() != ">")
}
