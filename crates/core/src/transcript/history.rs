//! What a shell made of references to its history: it prints the line that it runs before it runs it.

use super::command::Command;
use super::prompt;
use super::settle::is_upper_prompt;
use crate::session::Status;
use crate::terminal::page::Page;

/// Longest line that a reference may become.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// What a shell prints when a reference leads nowhere.
const FAILURES: [&str; 5] =
    ["event not found", "substitution failed", "bad word specifier", "no previous substitution", "not found"];

/// Fills in what was expanded.
pub(crate) fn assign(page: &Page, commands: &mut [Command]) {
    // The last command that ran.
    let mut last = None;
    for index in 0..commands.len() {
        let (head, rest) = commands.split_at_mut(index + 1);
        let (before, command) = head.split_at_mut(index);
        let command = &mut command[0];
        if command.dropped || !matches!(command.status, Status::Executed | Status::EchoOnly) {
            continue;
        }
        let earlier = last.replace(index);
        let before = earlier.map_or("", |last: usize| {
            let last: &Command = &before[last];
            last.expanded.as_ref().unwrap_or(&last.command)
        });
        if let Some((start, end)) = references(&command.command) {
            let output = command.output(page, rest.first());
            let next = rest.first().filter(|next| next.boundary == command.boundary && !next.dropped);
            let shows_nothing =
                output.iter().all(u8::is_ascii_whitespace) || is_upper_prompt(command, output, page);
            if shows_nothing
                && next
                    .is_some_and(|next| is_shown_first(&command.command, start, end, &next.command, before))
            {
                command.status = Status::Unsubmitted;
                last = earlier;
                continue;
            }
            let line = output.split(|&byte| byte == b'\n').next().unwrap_or_default();
            let line = prompt::text_of(&line[..line.len().min(MAX_LINE_BYTES)]);
            if fits(&command.command, start, end, line.trim_end(), before) {
                command.expanded = Some(line.trim_end().to_owned());
            }
        }
    }
}

/// From where to where references stand in a line; `None` if it has none.
fn references(line: &str) -> Option<(usize, usize)> {
    // Nearly every line has neither of the signs.
    memchr::memchr2(b'!', b'^', line.as_bytes())?;
    if line.len() > MAX_LINE_BYTES || line.contains('\n') {
        return None;
    }
    if line.starts_with('^') && line[1..].contains('^') {
        return Some((0, line.len()));
    }
    let mut quoted = false;
    let mut found = None;
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' => quoted = !quoted,
            '\\' => drop(characters.next()),
            '!' if !quoted => {
                let next = characters.peek().map_or(' ', |(_, next)| *next);
                if !matches!(next, ' ' | '\t' | '=' | '(' | '"' | '~') {
                    let length = line[at + 1..]
                        .find(|character: char| character.is_whitespace() || ";|&\"')".contains(character))
                        .unwrap_or(line.len() - at - 1);
                    let start = found.map_or(at, |(start, _)| start);
                    found = Some((start, at + 1 + length));
                }
            }
            _ => {}
        }
    }
    found
}

/// Whether the shell put what became of a line with references into the next line to be edited, instead of running it: it
/// does so if `histverify` is set.
fn is_shown_first(line: &str, start: usize, end: usize, next: &str, before: &str) -> bool {
    let (head, reference) = (&line[..start], &line[start..end]);
    let Some(inner) = next.strip_prefix(head).filter(|_| !next.contains(reference) && !before.is_empty())
    else {
        return false;
    };
    let Some(event) = reference.strip_prefix('!') else {
        let mut parts = reference[1..].split('^');
        let (old, new) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        return !old.is_empty() && before.contains(old) && inner.starts_with(&before.replacen(old, new, 1));
    };
    let words = || before.split_whitespace();
    match event.chars().next() {
        Some('!') if event.len() == 1 => inner.starts_with(before),
        Some('!') => words().next().is_some_and(|word| inner.starts_with(word)),
        Some('$') => words().next_back().is_some_and(|word| inner.starts_with(word)),
        Some('^' | '*') => words().nth(1).is_some_and(|word| inner.starts_with(word)),
        Some(first) if first.is_alphabetic() => {
            inner.starts_with(event.split(':').next().unwrap_or_default())
        }
        _ => false,
    }
}

/// Whether `shown` may be what became of a line with references from `start` to `end`, after the command `before`.
fn fits(line: &str, start: usize, end: usize, shown: &str, before: &str) -> bool {
    if shown.is_empty() || shown == line || FAILURES.iter().any(|failure| shown.contains(failure)) {
        return false;
    }
    let (head, reference, tail) = (&line[..start], &line[start..end], &line[end..]);
    if shown.contains(reference) || shown.len() < head.len() + tail.len() {
        return false;
    }
    if !shown.starts_with(head) || !shown.ends_with(tail) {
        return false;
    }
    let inner = &shown[head.len()..shown.len() - tail.len()];
    let Some(event) = reference.strip_prefix('!') else {
        // A quick substitution keeps all of the last command but what it replaces.
        let mut parts = reference[1..].split('^');
        let (old, new) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        return before.is_empty() || before.replacen(old, new, 1) == shown;
    };
    match event.chars().next() {
        Some('!' | '$' | '^' | '*' | ':') if reference.len() <= 2 && !before.is_empty() => {
            before.ends_with(inner) || before.contains(inner)
        }
        Some(first) if first.is_alphabetic() => {
            let word = event.split([':', '!']).next().unwrap_or_default();
            event.contains([':', '!']) || inner.starts_with(word)
        }
        _ => true,
    }
}
