//! What other programs printed into a line while it was typed.

use std::collections::VecDeque;

use super::printed::{MORE, VALUE};

/// Fewest letters of such a text that is told by coming again.
const MIN_COMMON_LETTERS: usize = 4;

/// Longest such value.
const MAX_VALUE_BYTES: usize = 12;

/// Takes out of an edited text what background programs printed into it. `background` holds what they may print; `ended` says
/// that a newline ended the last line before it was submitted.
pub(crate) fn without_interruptions(
    command: &[String],
    foreign: &[bool],
    ended: bool,
    background: &VecDeque<String>,
) -> Option<(Vec<String>, Vec<String>)> {
    let last = command.len().saturating_sub(1);
    let rows: Vec<&str> = (0..command.len())
        .filter(|&index| foreign.get(index) == Some(&true) && index < last || ended && index == last)
        .map(|index| command[index].as_str())
        .collect();
    let common = common_end(&rows);
    let foreign = |index: usize| index < last && foreign.get(index) == Some(&true);
    // Several words are hardly typed so.
    let several: VecDeque<String> =
        background.iter().filter(|text| text.trim().contains(' ')).cloned().collect();
    let words = |line: &String| likely_interruption(line, &several);
    // What a program prints ends with its newline, so what was typed goes on in another row.
    let cut = |index: usize| match index {
        _ if index < last || ended => {
            let line = &command[index];
            let shared = common.and_then(|common| start_of_end(line, common));
            shared.or_else(|| interruption(line, background))
        }
        _ => state_notice(&command[index]).or_else(|| words(&command[index])),
    };
    // Nearly every command is whole.
    let whole = (0..command.len()).take_while(|&index| !foreign(index) && cut(index).is_none()).count();
    if whole == command.len() {
        return None;
    }
    let mut kept = command[..whole].to_vec();
    kept.push(String::new());
    let mut taken = Vec::new();
    for (index, line) in command.iter().enumerate().skip(whole) {
        // A line that something else ended is its output, apart from what was typed before.
        let cut = cut(index).or(if foreign(index) { Some(0) } else { None });
        if let Some(current) = kept.last_mut() {
            current.push_str(&line[..cut.unwrap_or(line.len())]);
        }
        match cut {
            Some(at) => taken.push(line[at..].to_owned()),
            None if index < last => kept.push(String::new()),
            None => {}
        }
    }
    Some((kept, taken))
}

/// What several rows that a program ended have in common at their ends: its lines are alike but for their numbers, and what
/// was typed before them is not.
pub(crate) fn common_end<'r>(rows: &[&'r str]) -> Option<&'r str> {
    let (first, others) = rows.split_first()?;
    let start = others.iter().map(|other| alike_from(first, other)).max()?;
    let common = &first[start..];
    let letters = common.bytes().filter(u8::is_ascii_alphabetic).count();
    (letters >= MIN_COMMON_LETTERS).then_some(common)
}

/// Where a line ends with a text, whatever the numbers in it.
pub(crate) fn start_of_end(line: &str, text: &str) -> Option<usize> {
    // From the line's view and from that of the text.
    (alike_from(text, line) == 0).then(|| alike_from(line, text))
}

/// From where on one line ends as another does, whatever the numbers in them.
fn alike_from(one: &str, other: &str) -> usize {
    let (mut ones, mut others) = (one.char_indices().rev().peekable(), other.chars().rev().peekable());
    let mut start = one.len();
    while let (Some(&(at, character)), Some(&another)) = (ones.peek(), others.peek()) {
        if character.is_ascii_digit() && another.is_ascii_digit() {
            while let Some((at, _)) = ones.next_if(|(_, digit)| digit.is_ascii_digit()) {
                start = at;
            }
            while others.next_if(char::is_ascii_digit).is_some() {}
        } else if character == another {
            start = at;
            ones.next();
            others.next();
        } else {
            break;
        }
    }
    start
}

/// Where a line that a newline ended holds what a background program printed into it: the notice of its end, or a text that
/// its command says. Where the text stands in quotes or as the argument of a command that is typed, it is typed.
fn interruption(line: &str, background: &VecDeque<String>) -> Option<usize> {
    let told = |text: &String| {
        let (at, rest) = told(line, text)?;
        let typed = line[..at].ends_with(['"', '\'']) && !rest.trim_end().is_empty();
        (!typed).then_some(at)
    };
    let told = background.iter().filter_map(told).min();
    [state_notice(line), told].into_iter().flatten().min()
}

/// The same where nothing but the text itself tells that it was printed: it ends the line, and is not one word that stands
/// alone there.
pub(crate) fn likely_interruption(line: &str, background: &VecDeque<String>) -> Option<usize> {
    let told = |text: &String| {
        let (at, rest) = told(line, text)?;
        let apart = |before: char| matches!(before, ' ' | '"' | '\'');
        let ends = text.ends_with(MORE) || rest.trim_end().is_empty();
        (ends && (text.trim().contains(' ') || !line[..at].ends_with(apart))).then_some(at)
    };
    let told = background.iter().filter_map(told).min();
    [state_notice(line), told].into_iter().flatten().min()
}

/// Where the text that a command says stands in a line, and what stands behind it.
fn told<'l>(line: &'l str, text: &str) -> Option<(usize, &'l str)> {
    let text = text.trim_end_matches(MORE);
    let (lead, text) = text.split_once(VALUE).unwrap_or(("", text));
    let (mut at, _) = line.rmatch_indices(text).next()?;
    let rest = &line[at + text.len()..];
    if !lead.is_empty() {
        let before = line[..at].trim_end_matches(|shown: char| shown.is_ascii_alphanumeric());
        at = before.strip_suffix(lead).filter(|_| at - before.len() <= MAX_VALUE_BYTES)?.len();
    }
    Some((at, rest))
}

/// Where a shell's notice about a background command starts in a line.
pub(crate) fn state_notice(line: &str) -> Option<usize> {
    const STATES: [&str; 8] =
        ["Done", "Exit", "Stopped", "Running", "Terminated", "Killed", "Hangup", "Interrupt"];
    memchr::memchr_iter(b'[', line.as_bytes()).find(|&at| {
        let rest = &line[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Some(rest) = rest[digits..].strip_prefix(']') else { return false };
        let state = rest.trim_start_matches(['+', '-', ' ']);
        digits > 0 && state.len() < rest.len() && STATES.iter().any(|name| state.starts_with(name))
    })
}
