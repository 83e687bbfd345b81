//! Whole values of identifiers, with `*` for anything.

use std::fmt;

use crate::fold::fold;
use crate::query::QueryError;
use crate::query::limits::MAX_STARS;

/// A whole value, or the pieces that must stand in it in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// What stands before, between and behind the stars.
    pieces: Vec<String>,
    ignore_case: bool,
}

impl Glob {
    /// Exactly this value, case included; a star is a star.
    #[must_use]
    pub fn exactly(value: &str) -> Self {
        Self { pieces: vec![value.to_owned()], ignore_case: false }
    }

    /// Every value that begins with this, case included; a star is a star.
    #[must_use]
    pub fn beginning_with(prefix: &str) -> Self {
        Self { pieces: vec![prefix.to_owned(), String::new()], ignore_case: false }
    }

    /// A value as it was typed: `*` stands for anything, and a value without upper-case letters ignores case.
    ///
    /// # Errors
    /// There are more stars than [`MAX_STARS`].
    pub fn parse(value: &str) -> Result<Self, QueryError> {
        let ignore_case = value.chars().any(char::is_alphabetic) && !value.chars().any(char::is_uppercase);
        let folded = if ignore_case { fold(value) } else { value.into() };
        let pieces: Vec<String> = folded.split('*').map(str::to_owned).collect();
        if pieces.len() > MAX_STARS + 1 {
            let message = format!("the value has more than {MAX_STARS} stars");
            return Err(QueryError::new(message, 0..value.len()));
        }
        Ok(Self { pieces, ignore_case })
    }

    /// Whether a value matches.
    #[must_use]
    pub fn is_match(&self, value: &str) -> bool {
        let folded = if self.ignore_case { fold(value) } else { value.into() };
        let [first, between @ .., last] = &self.pieces[..] else {
            return self.pieces.first().is_some_and(|whole| *whole == *folded);
        };
        // Each piece is taken where it stands first: what is left is then as long as can be.
        let Some(rest) = folded.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        for piece in between {
            let Some(at) = rest.find(piece.as_str()) else { return false };
            rest = &rest[at + piece.len()..];
        }
        true
    }

    /// The value, if there is only one.
    #[must_use]
    pub fn only(&self) -> Option<&str> {
        match &self.pieces[..] {
            [only] if !self.ignore_case => Some(only),
            _ => None,
        }
    }

    /// What every value begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        if self.ignore_case { "" } else { self.pieces.first().map_or("", String::as_str) }
    }

    /// Whether a value can begin with these characters.
    #[must_use]
    pub fn may_begin_with(&self, prefix: &str) -> bool {
        match self.only() {
            Some(value) => value.starts_with(prefix),
            None => {
                let known = self.prefix();
                known.starts_with(prefix) || prefix.starts_with(known)
            }
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pieces.join("*"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (glob, value, expected) in [
            ("alice", "Alice", true),
            ("Alice", "alice", false),
            ("alice", "alice2", false),
            ("*", "", true),
            ("*", "x", true),
            ("a*", "ab", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*b*b*", "abcb", true),
            ("*b*b*", "abc", false),
            ("i-*9", "i-09-9", true),
            ("ÄR*", "är", false),
            ("är*", "ÄRger", true),
            ("1111*", "111122223333", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Glob::parse(glob).unwrap().is_match(value), expected, "{glob} {value}");
        }
        assert!(Glob::exactly("a*").is_match("a*") && !Glob::exactly("a*").is_match("ab"));
        assert!(
            Glob::parse(&"*".repeat(MAX_STARS)).is_ok() && Glob::parse(&"*".repeat(MAX_STARS + 1)).is_err()
        );
    }

    #[test]
    fn what_a_value_may_begin_with() {
        for (glob, prefix, expected) in [
            ("111122223333", "1", true),
            ("111122223333", "2", false),
            ("11*", "1", true),
            ("11*", "12", false),
            ("11*", "1111", true),
            ("*3", "2", true),
            ("alice", "A", true),
        ] {
            assert_eq!(Glob::parse(glob).unwrap().may_begin_with(prefix), expected, "{glob} {prefix}");
        }
    }
}
