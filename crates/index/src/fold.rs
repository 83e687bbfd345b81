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
        Cow::Owned(text.chars().map(fold_char).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_character_folds_to_one_character() {
        assert_eq!(fold("ÄRGER \u{2126} \u{212a} İ ẞ"), "ärger ω k İ ß");
        assert_eq!(fold("plain text"), "plain text");
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for c in '\0'..=char::MAX {
            assert_eq!(fold_char(fold_char(c)), fold_char(c), "{c:?}");
        }
    }
}
