//! What a background command prints, as far as it says so: it may stand in the middle of the next line that is typed.

use std::collections::VecDeque;

/// Stands for the value of a variable in such a text.
pub(super) const VALUE: char = '\0';

/// Stands behind a text without a newline: what is typed goes on behind it, in the same row.
const OPEN: char = '\u{1}';

/// Stands behind a text that goes on with something that is not known.
pub(super) const MORE: char = '\u{2}';

/// Least bytes of a text by which it is known again.
const MIN_BYTES: usize = 4;

/// What the parts of a command that run in the background may print: its words and quoted texts.
pub(crate) fn background_texts(command: &str) -> Vec<String> {
    if memchr::memchr(b'&', command.as_bytes()).is_none() {
        return Vec::new();
    }
    let background = command.contains("& ") || command.trim_end().ends_with('&');
    if !background || command.contains("&&") && !command.trim_end().ends_with('&') {
        return Vec::new();
    }
    let quoted = command.split(['"', '\'']).skip(1).step_by(2);
    let spoken =
        command.split(['(', ')', ';', '&', '|']).filter_map(|part| part.trim().strip_prefix("echo "));
    let open: Vec<String> = open_texts(command).collect();
    let others = quoted.chain(spoken).filter_map(said).filter(|text| !is_open(&open, text));
    others.chain(open.iter().cloned()).collect()
}

/// What of a text is shown as it is written: its start, or what stands behind the value of its first variable, with
/// [`VALUE`] between.
fn said(text: &str) -> Option<String> {
    let mut parts = text.split(['%', '$', '\\', '"', '\'']);
    let start = parts.next()?;
    if start.trim().len() >= MIN_BYTES {
        return Some(with_more(start.to_owned(), parts.next()));
    }
    let rest =
        parts.next()?.trim_start_matches(|name: char| name.is_ascii_alphanumeric() || "_{}".contains(name));
    (!start.trim().is_empty() && rest.trim().len() >= MIN_BYTES)
        .then(|| with_more(format!("{start}{VALUE}{rest}"), parts.next()))
}

/// Notes behind a text whether something follows it.
fn with_more(mut text: String, rest: Option<&str>) -> String {
    text.extend(rest.is_some_and(|rest| !rest.is_empty()).then_some(MORE));
    text
}

/// The texts that `printf` and `echo -n` say so in a command; each ends with [`OPEN`].
fn open_texts(command: &str) -> impl Iterator<Item = String> {
    command.split(['(', ')', ';', '&', '|']).filter_map(|part| {
        let part = part.trim();
        let said = part.strip_prefix("printf ").or_else(|| part.strip_prefix("echo -n "))?.trim();
        let said = match said.as_bytes() {
            [b'"', .., b'"'] | [b'\'', .., b'\''] => &said[1..said.len() - 1],
            _ => said,
        };
        let plain = said.len() >= MIN_BYTES && !said.contains(['%', '$', '\\', '"', '\'', '`', OPEN]);
        plain.then(|| format!("{said}{OPEN}"))
    })
}

/// Whether one of these texts is the whole of `text`.
fn is_open(open: &[String], text: &str) -> bool {
    open.iter().any(|open| open.strip_suffix(OPEN) == Some(text))
}

/// Takes such a text out of a line: the line without it, and the text, which is printed once. Where it stands as words of
/// its own it may be typed.
pub(crate) fn without_open(line: &str, background: &mut VecDeque<String>) -> Option<(String, String)> {
    let (index, found) = background.iter().enumerate().find_map(|(index, text)| {
        let text = text.strip_suffix(OPEN)?;
        let at = line.find(text)?;
        let (before, after) = (&line[..at], &line[at + text.len()..]);
        let apart = |blank: Option<char>| blank.is_none_or(|blank| blank == ' ');
        let typed = (apart(before.chars().next_back()) && apart(after.chars().next()))
            || before.ends_with(['"', '\'']);
        (!typed).then(|| (index, (format!("{before}{after}"), text.to_owned())))
    })?;
    background.remove(index);
    Some(found)
}
