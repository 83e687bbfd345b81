//! Commands typed ahead in a shell that leaves the echo to the kernel.
//!
//! Such a shell shows no prompt before them: their lines stand in the output of the command that was running, and later
//! each prompt is followed at once by the output of one of them. Nothing proves it; a prompt followed by text that is
//! no command, as often as lines were typed ahead, is the sign.

mod evidence;

use foldhash::HashMap;

use self::evidence::{Match, compare, is_output, is_plausible, is_surely_output};
use super::command::Command;
use super::prompt::{self, Proof, Reader};
use super::shows::{shows_lines, shows_text};
use super::syntax::{Scan, looks_like_command};
use crate::session::{Boundary, Confidence, Reason, Status};
use crate::terminal::page::Page;

/// Most lines typed ahead of one prompt.
const MAX_AHEAD: usize = 64;

/// Most bytes of output that are searched for lines typed ahead.
const MAX_SEARCH_BYTES: usize = 8 * 1024;

/// How much of what is shown behind a prompt is searched for the next one, and how often that may look like it.
const MAX_GLUED_BYTES: usize = 1024;
const MAX_GLUED_PLACES: usize = 8;

/// So many prompts with what is surely output prove that lines were typed ahead of prompts that are more than a sign.
const MIN_PROOFS: usize = 2;

/// A prompt, and what stood behind it.
struct Slot {
    index: usize,
    /// How many prompts stand before this one on the same line.
    place: usize,
    shown: String,
    /// The prompt stands there once more, or was left with Enter: a line was typed ahead for it in any case.
    again: bool,
    /// What was shown did not end with a newline: the next prompt in it.
    glued: Option<Glued>,
}

/// A prompt that stands in what is shown behind another one.
struct Glued {
    /// Where it begins.
    at: usize,
    /// The prompt, if it is that of a shell that was opened.
    prompt: Option<String>,
    /// What was typed at it.
    typed: String,
}

impl Slot {
    /// A prompt at which a line that was typed ahead was submitted.
    fn entered(index: usize) -> Self {
        Self { index, place: 0, shown: String::new(), again: true, glued: None }
    }

    fn compare(&self, line: &str) -> Match {
        let found = compare(line, &self.shown, self.again);
        // Nobody types the prompt.
        if self.glued.is_some() && found > Match::None { found.max(Match::Output) } else { found }
    }
}

/// Gives prompts that are followed by output the commands typed ahead for them.
pub(crate) fn assign(page: &Page, commands: Vec<Command>) -> Vec<Command> {
    let mut done: Vec<Command> = Vec::with_capacity(commands.len());
    let (commands, mut whole) = unfolded(commands);
    let mut rest = commands.into_iter();
    // The text before the first prompt is what a profile typed; afterwards it is the output of a command.
    let mut from = 0;
    while let Some(next) = rest.as_slice().first() {
        let output = page.text.get(from..next.text).unwrap_or_default();
        let ahead = typed_ahead(output, done.last(), rest.as_slice());
        if let Some((typed, slots)) = ahead.or_else(|| typed_late(output, done.last(), rest.as_slice())) {
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
            let next = rest.next().map(|next| whole.remove(&next.source).unwrap_or(next));
            let next = next.filter(|next| !next.glued);
            from = next.as_ref().map_or(from, |next| next.after);
            done.extend(next);
        }
    }
    done
}

/// Takes prompts that stand more than once on a line for one, with the others and what stands between in front of what was
/// typed: each of them may have had a line of its own. Also returns those commands as they were, by their place in the source.
fn unfolded(mut commands: Vec<Command>) -> (Vec<Command>, HashMap<usize, Command>) {
    let mut whole = HashMap::default();
    for command in commands.iter_mut().filter(|command| waits(command)) {
        let Some(prompt) = &command.prompt else { continue };
        // The last sign of nearly every prompt is its only one.
        let sign = prompt.trim_end().bytes().last().unwrap_or_default();
        if memchr::memchr_iter(sign, prompt.as_bytes()).count() < 2 {
            continue;
        }
        let Some(&end) = prompt::ends(prompt).first() else { continue };
        let (unit, more) = prompt.split_at(end);
        if end < prompt.len() && unit.trim_end().len() > 2 && more.ends_with(unit) {
            let (unit, typed) = (unit.to_owned(), more.to_owned() + &command.command);
            whole.insert(command.source, command.clone());
            (command.prompt, command.command) = (Some(unit), typed);
            command.dropped = false;
        }
    }
    (commands, whole)
}

/// The lines at the start of `output`, which the command `before` printed, that were typed ahead of the prompts that follow
/// it, and those prompts.
fn typed_ahead(
    output: &[u8],
    before: Option<&Command>,
    commands: &[Command],
) -> Option<(Vec<String>, Vec<Slot>)> {
    let next = commands.first()?;
    // The last line was not yet submitted when the prompt came.
    let unfinished = next.glued && output.last().is_some_and(|&byte| byte != b'\n');
    if unfinished && is_entered(next) {
        let typed = last_line(output);
        // It may be what the command printed, too.
        let likely = is_bare(next) && looks_like_command(&typed);
        return likely.then(|| (vec![typed], vec![Slot::entered(0)]));
    }
    let output = &output[..output.len().min(MAX_SEARCH_BYTES)];
    // An empty line was typed ahead only if a prompt has nothing behind it.
    let empty = output.iter().take_while(|&&byte| byte == b'\n').count();
    if empty > 0 && !stands_again(next) {
        return None;
    }
    let first = &output[empty..];
    let first = memchr::memchr(b'\n', first).map_or(first, |end| &first[..end]);
    let first = prompt::text_of(first.trim_ascii_start());
    if first.is_empty() {
        return None;
    }
    let is_comment = first.starts_with('#');
    // Most output begins with no such line.
    if !(is_comment
        || looks_like_command(first.trim_end())
        || ((unfinished || may_be_output(next)) && is_plausible(&first)))
        || !waits(next)
    {
        return None;
    }
    // A text that is shown has comments of its own.
    let shows_lines = before.is_some_and(|before| shows_lines(&before.command));
    let is_command = |line: &str| looks_like_command(line) || (!shows_lines && line.starts_with('#'));
    if is_comment && shows_lines {
        return None;
    }
    // A longer prompt is mostly that of a line editor, which prints such a line again: what it shows must prove it.
    let proves = !is_bare(next);
    if proves && shows_lines && !first.starts_with("echo ") {
        return None;
    }
    let wanted = match before {
        _ if proves => Match::Output,
        Some(before) if shows_lines && shows_text(&before.command) => Match::Output,
        _ if shows_lines => Match::Word,
        _ => Match::Possible,
    };
    let text = prompt::text_of(output);
    let mut slots = slots(commands, MAX_AHEAD);
    let may_be_empty = slots.iter().any(|slot| slot.again);
    let lines = commands_at_start(&text, |line| match line.trim_start() {
        "" => may_be_empty,
        line => is_command(line) || is_plausible(line),
    });
    // It is submitted where the others have run.
    let entered = slots.last().map_or(0, |slot| slot.index + 1);
    if unfinished && slots.len() + 1 == lines.len() && commands.get(entered).is_some_and(is_entered) {
        slots.push(Slot::entered(entered));
    }
    let matches: Vec<Match> = lines.iter().zip(&slots).map(|(line, slot)| slot.compare(line)).collect();
    let known = lines.iter().take_while(|line| is_command(line.trim_start())).count();
    // Behind others that go together one word is enough.
    let fits = |(at, (line, found)): &(usize, (&String, &Match))| {
        let least = if *at > 0 { wanted.min(Match::Word) } else { wanted };
        **found == Match::Certain || (**found >= least && is_command(line.trim_start()))
    };
    let by_looks = lines.iter().zip(&matches).enumerate().take_while(fits).count();
    let by_output = matches.iter().take_while(|found| **found >= Match::Output).count();
    let certain = |count: usize| matches[..count].contains(&Match::Certain);
    let output = matches[..by_looks].iter().filter(|found| **found >= Match::Output).count();
    let proven = !proves || certain(by_looks) || output >= MIN_PROOFS;
    // Of several lines some may be output.
    let count = if by_looks >= known.clamp(1, 2) && proven {
        by_looks
    } else if certain(by_output)
        || (!proves && lines[..by_output].iter().any(|line| looks_like_command(line)))
    {
        // As many as there are prompts with what is surely output, whatever the lines look like.
        by_output
    } else {
        0
    };
    let typed = lines.into_iter().take(count).collect();
    (count > 0).then(|| (typed, slots.into_iter().take(count).collect()))
}

/// The lines at the end of `output` that were typed when the command had begun to print: as many as there are prompts that are
/// followed by what these lines print.
fn typed_late(
    output: &[u8],
    before: Option<&Command>,
    commands: &[Command],
) -> Option<(Vec<String>, Vec<Slot>)> {
    let next = commands.first()?;
    if !output.ends_with(b"\n") || !waits(next) || !may_be_output(next) {
        return None;
    }
    if before.is_none_or(|before| shows_lines(&before.command)) {
        return None;
    }
    let text = prompt::text_of(&output[output.len().saturating_sub(MAX_SEARCH_BYTES)..]);
    let plausible = text.lines().rev().map(str::trim).take_while(|line| is_plausible(line));
    let mut lines: Vec<&str> = plausible.take(MAX_AHEAD).collect();
    // The command may go on to print between them.
    let known: Vec<&str> =
        text.lines().map(str::trim).filter(|line| looks_like_command(line)).take(MAX_AHEAD).collect();
    let slots = slots(commands, lines.len().max(known.len()) + 1);
    lines.truncate(slots.len());
    lines.reverse();
    let fit = |lines: &[&str]| {
        let fits = |(line, slot): (&&str, &Slot)| match slot.compare(line) {
            Match::Certain => true,
            // Nobody types what stands behind the prompt, which is not so for all that may be output.
            Match::Output => looks_like_command(line) && is_surely_output(&slot.shown),
            _ => false,
        };
        lines.len() == slots.len()
            && lines.iter().any(|line| looks_like_command(line))
            && lines.iter().zip(&slots).all(fits)
    };
    let typed = [lines, known].into_iter().find(|lines| fit(lines))?;
    Some((typed.into_iter().map(str::to_owned).collect(), slots))
}

/// Whether Enter alone was pressed at a prompt.
fn is_entered(command: &Command) -> bool {
    waits(command) && command.submitted && command.command.is_empty()
}

/// What stands in the last line of an output.
fn last_line(output: &[u8]) -> String {
    let start = memchr::memrchr(b'\n', output).map_or(0, |at| at + 1);
    prompt::text_of(&output[start..]).into_owned()
}

/// Whether what stands behind a prompt may be output, or another prompt.
fn may_be_output(command: &Command) -> bool {
    stands_again(command) || is_output(&command.command)
}

/// The commands that a text begins with, up to the first line that is none.
fn commands_at_start(text: &str, is_command: impl Fn(&str) -> bool) -> Vec<String> {
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

/// The prompts in a row that are followed by something that is no command, so many at most.
fn slots(commands: &[Command], most: usize) -> Vec<Slot> {
    let mut slots = Vec::new();
    for (index, command) in commands.iter().enumerate() {
        let Some(prompt) = command.prompt.as_deref().map(str::trim_end) else { break };
        if !waits(command) {
            break;
        }
        let mut rest = command.command.as_str();
        let mut place = 0;
        while slots.len() < most
            && let Some(more) =
                rest.strip_prefix(prompt).filter(|more| more.is_empty() || more.starts_with(' '))
        {
            slots.push(Slot { place, ..Slot::entered(index) });
            place += 1;
            rest = more.trim_start();
        }
        // The prompts for the further lines of a command.
        rest = rest.trim_start_matches("> ");
        if slots.len() == most || looks_like_command(rest) {
            break;
        }
        // A prompt that waits, and one at which Enter was pressed, belong to no command typed ahead.
        if rest.is_empty() && (command.submitted || command.status == Status::Unsubmitted) {
            break;
        }
        let glued = glued(rest, prompt).or_else(|| opened(rest, prompt, commands.get(index + 1)?));
        let shown = glued.as_ref().map_or(rest, |glued| &rest[..glued.at]).to_owned();
        let ends = glued.is_some();
        slots.push(Slot { index, place, shown, again: false, glued });
        if ends || slots.len() == most {
            break;
        }
    }
    slots
}

/// Whether the prompt of a command stands there once more, with nothing in between.
fn stands_again(command: &Command) -> bool {
    command.prompt.as_deref().is_some_and(|prompt| command.command.starts_with(prompt.trim_end()))
}

/// Where in what is shown behind a prompt it stands once more, with a command behind it, and that command.
fn glued(shown: &str, prompt: &str) -> Option<Glued> {
    let near = &shown[..shown.floor_char_boundary(MAX_GLUED_BYTES)];
    let places = near.match_indices(prompt).take(MAX_GLUED_PLACES);
    places.filter(|(at, _)| *at > 0).find_map(|(at, _)| {
        let typed = at + prompt.len() + 1;
        let begins = near.get(typed..).filter(|_| near[..typed].ends_with(' '));
        let glued = || Glued { at, prompt: None, typed: shown[typed..].to_owned() };
        begins.is_some_and(looks_like_command).then(glued)
    })
}

/// The prompt of a shell that a line typed ahead has opened, such as `sudo -i` of a profile: it stands right behind the one that
/// waited for that line, and alone before the `next` command.
fn opened(shown: &str, prompt: &str, next: &Command) -> Option<Glued> {
    let own =
        next.prompt.as_deref().filter(|own| own.trim_end() != prompt && prompt::proof(own) >= Proof::Path)?;
    let key = prompt::key(own);
    let end = prompt::ends(shown).iter().copied().find(|&end| prompt::has_key(&shown[..end], &key))?;
    let typed = shown[end..].trim_start().to_owned();
    Some(Glued { at: 0, prompt: Some(shown[..end].to_owned()), typed })
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
        text.trim_start().clone_into(&mut command.command);
        command.status = Status::EchoOnly;
        command.doubt(Confidence::Low, Reason::TypedAhead);
        command.boundary = Boundary::Echo;
        command.dropped = command.command.is_empty();
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
        if let Some(Glued { at, prompt, typed }) = &slot.glued {
            let start = slot.place * prompt_bytes + prompt_bytes + at;
            command.after = source.text + start;
            let mut behind = source.clone();
            behind.text += start;
            behind.source += start;
            behind.command.clone_from(typed);
            if prompt.is_some() {
                behind.prompt.clone_from(prompt);
            }
            behind.dropped = typed.is_empty();
            behind.doubt(Confidence::Low, Reason::PromptInLine);
            remaining = Some(behind);
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
