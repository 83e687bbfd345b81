//! What "the same letter" means when case is ignored: the one definition for tokens and for matching.
//!
//! A character folds to its lower case if that is a single character (Unicode `Lowercase_Mapping`),
//! else to itself. Characters map one to one, so if a text contains a literal, the folded text
//! contains the folded literal; the index relies on that.

use std::borrow::Cow;

/// Folds one character.
#[must_use]
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

/// Folds a text. Byte lengths may change outside ASCII.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        }
    } else {
        Cow::Owned(fold_runs(text))
    }
}

/// Folds a text that is not all ASCII. Most of it is, so that is folded a run at a time.
fn fold_runs(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = if first.is_ascii() { ascii_len(rest) } else { first.len_utf8() };
        let (head, tail) = rest.split_at(run);
        if first.is_ascii() {
            let from = folded.len();
            folded.push_str(head);
            folded[from..].make_ascii_lowercase();
        } else {
            folded.push(fold_char(first));
        }
        rest = tail;
    }
    folded
}

/// How many bytes at the beginning are ASCII; the standard library looks at many bytes at a time only where it is asked
/// about all of them.
fn ascii_len(text: &str) -> usize {
    const CHUNK: usize = 64;
    let bytes = text.as_bytes();
    let ascii = bytes.chunks(CHUNK).take_while(|chunk| chunk.is_ascii()).map(<[u8]>::len).sum::<usize>();
    let rest = bytes[ascii..].iter().take(CHUNK);
    ascii + rest.take_while(|byte| byte.is_ascii()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_character_folds_to_one_character() {
        assert_eq!(fold("ÄRGER \u{2126} \u{212a} İ ẞ"), "ärger ω k İ ß");
        assert_eq!(fold("plain text"), "plain text");
        let mixed = "● Active: ÄB├─É EN\u{130}D ß";
        assert_eq!(fold(mixed), mixed.chars().map(fold_char).collect::<String>());
    }

    #[test]
    fn the_border_of_a_run_is_found_wherever_it_is() {
        for border in 0..200 {
            let text = format!("{}\u{c4}{}", "A".repeat(border), "B".repeat(70));
            assert_eq!(fold(&text), text.chars().map(fold_char).collect::<String>(), "{border}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for c in '\0'..=char::MAX {
            assert_eq!(fold_char(fold_char(c)), fold_char(c), "{c:?}");
        }
    }
}
