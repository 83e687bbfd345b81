//! Reads the command lines of cmd.exe.

use super::{Grammar, Reading, windows_base};

/// Reads one command line into `reading`.
pub(super) fn read(reading: &mut Reading, text: &str, depth: usize) {
    let mut list = false;
    for command in commands(text) {
        // The list of a loop runs nothing.
        if !std::mem::take(&mut list) {
            one(reading, command, depth);
        }
        let first = command.trim_start().get(..4).unwrap_or_default();
        list = first.eq_ignore_ascii_case("for ") && command.trim_end().to_ascii_lowercase().ends_with(" in");
    }
}

/// The commands between separators that are not quoted.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |character| {
        let separates = !quoted && !escaped && matches!(character, '&' | '|' | '\n' | '(' | ')');
        quoted ^= character == '"' && !escaped;
        quoted &= character != '\n';
        escaped = character == '^' && !escaped;
        separates
    })
}

/// The next word and what follows it. Quotes are no part of the word.
fn word(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',', ';', '=', '@']);
    let mut word = String::new();
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '^' if !quoted => {}
            ' ' | '\t' | ',' | ';' | '=' | '<' | '>' if !quoted => {
                // A switch may stand at the name without a blank, and so may a redirection.
                let rest = if at == 0 { &text[1..] } else { &text[at..] };
                return Some((word, rest));
            }
            _ => word.push(character),
        }
    }
    (!text.is_empty()).then_some((word, ""))
}

fn one(reading: &mut Reading, text: &str, depth: usize) {
    let mut rest = text;
    while let Some((first, behind)) = word(rest) {
        rest = behind;
        let lower = first.to_ascii_lowercase();
        match lower.as_str() {
            "" | "else" | "do" | "call" | "not" | "/i" | "/d" | "/b" | "/wait" | "/min" => {}
            "rem" | "goto" | "set" | "echo" | "exit" => return reading.name(&first),
            "if" => rest = condition(rest),
            // What a loop runs stands behind its list in brackets, which is a command of its own.
            "for" => return,
            "start" => {
                reading.name(&first);
                let title = rest.trim_start();
                if let Some(title) = title.strip_prefix('"') {
                    rest = title.split_once('"').map_or("", |(_, rest)| rest);
                }
            }
            _ if first.starts_with(':') => return,
            _ => {
                let name = name(&first);
                reading.name(name);
                return super::powershell::started(reading, name, rest, depth, Grammar::Cmd);
            }
        }
    }
}

/// The name in a first word: without the folder, and without a switch or a path that stands at it without a blank.
fn name(word: &str) -> &str {
    const GLUED: [&str; 11] =
        ["cd", "chdir", "md", "mkdir", "rd", "rmdir", "dir", "del", "type", "copy", "echo"];
    let word = word.split('/').next().unwrap_or(word);
    let head = word.split(['\\', '.', ':']).next().unwrap_or(word);
    if GLUED.iter().any(|glued| glued.eq_ignore_ascii_case(head)) { head } else { windows_base(word) }
}

/// What follows the condition of `if`.
fn condition(text: &str) -> &str {
    let text = text.trim_start();
    let Some((first, rest)) = word(text) else { return "" };
    match first.to_ascii_lowercase().as_str() {
        "not" | "/i" => condition(rest),
        "exist" | "defined" | "errorlevel" => word(rest).map_or("", |(_, rest)| rest),
        _ => {
            // Two sides, with `==` or a word between them.
            let Some((second, rest)) = word(rest.trim_start_matches([' ', '='])) else { return "" };
            let operator =
                matches!(second.to_ascii_lowercase().as_str(), "equ" | "neq" | "lss" | "leq" | "gtr" | "geq");
            if operator { word(rest).map_or("", |(_, rest)| rest) } else { rest }
        }
    }
}
