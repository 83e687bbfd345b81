//! Commands of ours that the user may copy, and names of values as words.

use serde::Serialize;
use shelltrail_core::sanitize::printable;

/// A word as a POSIX shell takes it. What is not printable is written as `$'…'`, which bash, zsh and ksh understand.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if printable(word) == word && !word.contains('\'') {
        return format!("'{word}'");
    }
    let mut text = String::from("$'");
    for c in word.chars() {
        let mut buffer = [0; 4];
        let shown: &str = c.encode_utf8(&mut buffer);
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            c if c.is_ascii_control() => text += &format!("\\x{:02x}", u32::from(c)),
            c if printable(shown) == shown => text.push(c),
            c => text += &format!("\\U{:08x}", u32::from(c)),
        }
    }
    text.push('\'');
    text
}

/// A command line of these words.
#[must_use]
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The name of a value in the JSON.
#[must_use]
pub fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// The name of a value in the JSON, as words.
#[must_use]
pub fn words(value: &impl Serialize) -> String {
    name(value).replace('_', " ")
}

/// A number and its noun.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    match (number, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "entry") => format!("{number} entries"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell_and_the_terminal() {
        for (word, expected) in [
            ("alice-0f@3", "alice-0f@3"),
            ("", "''"),
            ("a b;$(id)", "'a b;$(id)'"),
            ("it's", "$'it\\'s'"),
            ("a\x1b]0;x\x07\u{202e}", "$'a\\x1b]0;x\\x07\\U0000202e'"),
            ("日本", "'日本'"),
        ] {
            assert_eq!(quoted(word), expected);
            assert_eq!(printable(&quoted(word)), quoted(word));
        }
    }
}
