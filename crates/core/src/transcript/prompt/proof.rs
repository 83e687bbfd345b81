//! How much the text of a prompt alone proves.

use super::super::windows::prompt as windows;
use super::names::user_and_host;
use super::same::without_status;
use super::{Reader, SEPARATOR, reader, trimmed};

/// Most blanks within a prompt that proves anything.
const MAX_PROMPT_BLANKS: usize = 6;

/// Longest word that may be a prompt, and longest if it may be the name of a host: those of EC2 have up to 56 characters.
const MAX_WORD_BYTES: usize = 40;
const MAX_HOST_BYTES: usize = 64;

/// Longest line that leads to the sign of a prompt.
const MAX_EDGE_BYTES: usize = 4 * '\u{2500}'.len_utf8();

/// How much the text of a prompt alone proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Proof {
    /// It could be any text.
    None,
    /// One word and an ending.
    Word,
    /// Nothing but an ending.
    Bare,
    /// A path among few words.
    Path,
    /// User and host, a shell and its version, a path, an interpreter.
    Strict,
}

/// The same of the first prompt of a transcript, whatever it tells at its start. Later such a line may be what somebody has
/// printed to hide the commands behind it.
pub(crate) fn proof_of_first(prompt: &str) -> Proof {
    proof(without_status(trimmed(prompt)))
}

/// Tells how much the text of a prompt proves.
pub(crate) fn proof(prompt: &str) -> Proof {
    let prompt = trimmed(prompt);
    let Some(ending) = prompt.chars().next_back() else { return Proof::None };
    let before = &prompt[..prompt.len() - ending.len_utf8()];
    let body = trimmed(before);
    // A sign made of two characters.
    let body = if ending == '>' { trimmed(body.strip_suffix('|').unwrap_or(body)) } else { body };
    // Nobody types these, and no text ends its words with them.
    if ending == SEPARATOR && body.contains(SEPARATOR) {
        return Proof::Path;
    }
    let blanks = body.bytes().filter(|&byte| byte == b' ').count();
    if blanks > MAX_PROMPT_BLANKS {
        return Proof::None;
    }
    if body.is_empty() {
        return Proof::Bare;
    }
    if ending == '?' {
        return Proof::None;
    }
    if is_corner(body, ending) {
        return Proof::Path;
    }
    if reader(prompt) == Reader::Program {
        return Proof::Strict;
    }
    // Each of these needs a byte that most texts do not have.
    let has = |wanted: fn(u8) -> bool| body.bytes().fold(false, |any, byte| any | wanted(byte));
    if blanks > 1 && has(|byte| byte == b']') && has_process(body) {
        return Proof::None;
    }
    let version = has(|byte| byte == b'-')
        && body.split_once('-').is_some_and(|(shell, version)| {
            matches!(shell, "sh" | "bash" | "ash" | "ksh" | "mksh" | "zsh" | "dash")
                && version.starts_with(|character: char| character.is_ascii_digit())
        });
    if version || (ending == '>' && windows::key(body).is_some()) {
        return Proof::Strict;
    }
    if has(|byte| byte == b'\\') && is_unexpanded(body) {
        return Proof::Strict;
    }
    if has(|byte| byte == b'@')
        && let Some(who) = user_and_host(body)
        && !body.contains(['`', ';'])
        && !(body.contains(['"', '\'']) && up_to_path(body, who).contains(['"', '\'']))
        && !has_pipe(body)
    {
        return Proof::Strict;
    }
    // Some leave no blank between the name of the user and the directory.
    let path = |word: &str| word.starts_with(['/', '~']) || word.contains("~/");
    if blanks <= 3
        && has(|byte| (byte == b'/') | (byte == b'~'))
        && body.split([' ', ':']).any(path)
        && !body.contains(['"', '\'', ';', '|', '$', '=', '<', '>'])
    {
        return Proof::Path;
    }
    // More blanks than one stand between the columns of a table.
    let is_cell = before.ends_with("  ");
    let is_host =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'~' | b'@');
    let is_short =
        body.len() <= MAX_WORD_BYTES || (body.len() <= MAX_HOST_BYTES && body.bytes().all(is_host));
    if blanks == 0 && !is_cell && is_short && body.chars().any(char::is_alphanumeric) {
        Proof::Word
    } else {
        Proof::None
    }
}

/// Whether a text begins as a line of a log does, with the program and its process: `bash[991]: `.
fn has_process(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), b"]: ").is_some_and(|end| {
        let before = text[..end].trim_end_matches(|digit: char| digit.is_ascii_digit());
        let name = before.strip_suffix('[').filter(|_| before.len() < end);
        name.is_some_and(|name| name.ends_with(|last: char| last.is_ascii_alphanumeric()))
    })
}

/// A prompt up to the path behind user and host, whose names may have any sign.
fn up_to_path<'b>(body: &'b str, who: &str) -> &'b str {
    let end = body.find(who).map_or(body.len(), |at| at + who.len());
    if body[end..].starts_with(":/") || body[end..].starts_with(":~") { &body[..end] } else { body }
}

/// Whether a text holds the sign of a pipe, and not one between the fields of a prompt, which stand in brackets.
fn has_pipe(body: &str) -> bool {
    let (mut open, mut last) = (false, ' ');
    // A sign for which no bracket has closed yet.
    let mut pending = false;
    for character in body.chars() {
        match character {
            '(' | '[' => open = true,
            ')' | ']' => (open, pending) = (false, false),
            ' ' if last == '|' => return true,
            ' ' => open &= pending,
            '|' if !open || last == '|' => return true,
            '|' => pending = true,
            _ => {}
        }
        last = character;
    }
    pending
}

/// Whether a prompt is the corner of a frame whose upper line stands above it, or a line that leads from the edge to its sign.
fn is_corner(body: &str, ending: char) -> bool {
    let edge = || {
        !ending.is_ascii() && body.chars().all(|shown| shown == '\u{2500}') && body.len() <= MAX_EDGE_BYTES
    };
    (body.starts_with(['└', '╰', '╚']) && body.chars().all(|shown| matches!(shown, '\u{2500}'..='\u{257f}')))
        || edge()
}

/// Whether a prompt shows the escapes that only another shell knows: dash prints the `PS1` that bash left to it as it is.
fn is_unexpanded(body: &str) -> bool {
    let escapes = ["\\u", "\\h", "\\H", "\\w", "\\W"];
    escapes.iter().any(|escape| body.contains(escape))
        && !body.contains(['"', '\'', '`', ';', '|', '=', '<', '>'])
}
