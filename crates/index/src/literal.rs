//! A literal that a text must contain, and what that says about the text's terms.
//!
//! Smart case, as in ripgrep: a literal without upper-case letters ignores case, any upper-case letter
//! makes it exact.

use std::ops::Range;

use memchr::memmem::Finder;

use crate::fold::{fold, fold_char};
use crate::query::Case;
use crate::tokens::{MAX_FRAGMENT_BYTES, WINDOW_BYTES, dotted_number, is_dropped, is_word, terms};

/// A literal to look for.
#[derive(Clone, Debug)]
pub struct Literal {
    needle: String,
    ignore_case: bool,
    finder: Finder<'static>,
}

/// A condition on the terms of every text that contains the literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// This term is there.
    Exact(String),
    /// A term that begins with this is there.
    Prefix(String),
    /// A term that ends with this is there.
    Suffix(String),
    /// A term that contains this is there.
    Infix(String),
}

impl Literal {
    /// Takes a literal as the user typed it, without surrounding quotes, in smart case. It must not be empty.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::with(text, Case::Smart)
    }

    /// Takes a literal as the user typed it. It must not be empty.
    #[must_use]
    pub fn with(text: &str, case: Case) -> Self {
        let ignore_case = match case {
            Case::Smart => !text.chars().any(char::is_uppercase),
            Case::Ignore => true,
            Case::Exact => false,
        };
        let needle = if ignore_case { fold(text).into_owned() } else { text.to_owned() };
        let finder = Finder::new(needle.as_bytes()).into_owned();
        Self { needle, ignore_case, finder }
    }

    /// Whether the text contains the literal: the definition that every faster way must equal.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        // Folding leaves what is folded as it is, so a folded needle that stands in the text as it is stands in the
        // folded text too. Most of what is found stands there in lower case, and to fold a text costs far more than
        // to search it.
        self.finder.find(text.as_bytes()).is_some()
            || self.ignore_case && self.finder.find(fold(text).as_bytes()).is_some()
    }

    /// Whether case does not count: then it is looked for in folded texts.
    #[must_use]
    pub fn ignores_case(&self) -> bool {
        self.ignore_case
    }

    /// The first occurrence at or after `at` in a text that is folded if case does not count.
    #[must_use]
    pub fn find_folded(&self, text: &str, at: usize) -> Option<Range<usize>> {
        let start = at + self.finder.find(text.as_bytes().get(at..)?)?;
        Some(start..start + self.needle.len())
    }

    /// Byte ranges of the occurrences in a text, left to right, not overlapping.
    #[must_use]
    pub fn matches_in(&self, text: &str) -> Vec<Range<usize>> {
        if !self.ignore_case || text.is_ascii() {
            let folded = if self.ignore_case { fold(text) } else { text.into() };
            let starts = self.finder.find_iter(folded.as_bytes());
            return starts.map(|start| start..start + self.needle.len()).collect();
        }
        // Folding changed byte offsets: remember where each folded byte came from.
        let mut folded = String::with_capacity(text.len());
        let mut origin = Vec::with_capacity(text.len() + 1);
        for (start, c) in text.char_indices() {
            folded.push(fold_char(c));
            origin.resize(folded.len(), start);
        }
        origin.push(text.len());
        let starts = self.finder.find_iter(folded.as_bytes());
        starts.map(|start| origin[start]..origin[start + self.needle.len()]).collect()
    }

    /// Conditions that the terms of every text containing this literal fulfil; possibly none.
    ///
    /// They are necessary, not sufficient: the text decides.
    #[must_use]
    pub fn conditions(&self) -> Vec<Condition> {
        conditions(&fold(&self.needle))
    }
}

/// Conditions that the terms of every text fulfil whose folded form contains this folded text; possibly none.
pub(crate) fn conditions(folded: &str) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (start, word) in runs(folded, is_word) {
        let open_left = start == 0;
        let open_right = start + word.len() == folded.len();
        if is_dropped(word) {
            continue;
        }
        match (open_left, open_right) {
            (false, false) => conditions.extend(terms(word).into_iter().map(Condition::Exact)),
            (true, false) => conditions.push(Condition::Suffix(tail(word).to_owned())),
            (false, true) => conditions.push(Condition::Prefix(head(word).to_owned())),
            (true, true) => conditions.push(Condition::Infix(head(word).to_owned())),
        }
    }
    // A dotted number may go on beyond any border of the literal's run that is not a digit or dot.
    let numbers = runs(folded, |c| c.is_ascii_digit() || c == '.');
    for (_, run) in numbers {
        if let Some(number) = dotted_number(run) {
            conditions.push(Condition::Infix(head(number).to_owned()));
        }
    }
    conditions
}

/// Maximal runs of characters with a property, with their byte offsets.
fn runs(text: &str, property: impl Fn(char) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(&property)?;
        let len = text[start..].find(|c| !property(c)).unwrap_or(text.len() - start);
        rest = start + len;
        Some((start, &text[start..rest]))
    })
}

/// The longest beginning that stands whole in some window, or in a term of ordinary length.
fn head(run: &str) -> &str {
    if run.len() <= MAX_FRAGMENT_BYTES { run } else { &run[..run.floor_char_boundary(MAX_FRAGMENT_BYTES)] }
}

/// The longest end that stands whole at the end of the last window, or of a term of ordinary length.
fn tail(run: &str) -> &str {
    if run.len() <= MAX_FRAGMENT_BYTES {
        run
    } else {
        &run[run.ceil_char_boundary(run.len() - MAX_FRAGMENT_BYTES)..]
    }
}

const _: () = assert!(MAX_FRAGMENT_BYTES <= WINDOW_BYTES);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(condition: &Condition, terms: &[String]) -> bool {
        terms.iter().any(|term| match condition {
            Condition::Exact(t) => term == t,
            Condition::Prefix(t) => term.starts_with(t.as_str()),
            Condition::Suffix(t) => term.ends_with(t.as_str()),
            Condition::Infix(t) => term.contains(t.as_str()),
        })
    }

    #[test]
    fn conditions_of_shell_text() {
        let conditions = |text: &str| Literal::new(text).conditions();
        assert_eq!(conditions("kubectl"), [Condition::Infix("kubectl".into())]);
        assert_eq!(conditions("2>&1"), []);
        assert_eq!(
            conditions(">& /dev/tcp/10.0.0.1/4444"),
            [
                Condition::Exact("dev".into()),
                Condition::Exact("tcp".into()),
                Condition::Prefix("4444".into()),
                Condition::Infix("10.0.0.1".into()),
            ]
        );
        assert_eq!(
            conditions("l -s h"),
            [Condition::Suffix("l".into()), Condition::Exact("s".into()), Condition::Prefix("h".into())]
        );
    }

    #[test]
    fn smart_case() {
        assert!(Literal::new("sudo").is_in("SUDO"));
        assert!(!Literal::new("Sudo").is_in("sudo"));
        assert!(Literal::new("größe").is_in("GRÖSSE GRÖẞE größe"));
        assert_eq!(Literal::new("k x").matches_in("a\u{212a} X k x"), [1..6, 7..10]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// The heart of exactness: wherever a literal stands, its conditions hold.
        #[test]
        fn conditions_hold_wherever_the_literal_stands(
            text in "([a-cA-C0-9./ äÄ\u{212a}ſ日-]{0,12}|[a-b0-9]{20,140}|[0-9.]{0,90}){0,6}",
            from in 0usize..200,
            len in 1usize..150,
        ) {
            let text = format!("{text}.");
            let from = text.floor_char_boundary(from % text.len());
            let to = text.ceil_char_boundary((from + len).min(text.len()));
            let literal = Literal::new(&text[from..to]);
            prop_assert!(literal.is_in(&text));
            prop_assert!(literal.matches_in(&text).iter().all(|m| text.get(m.clone()).is_some()));
            prop_assert!(!literal.matches_in(&text).is_empty());
            let terms = terms(&text);
            for condition in literal.conditions() {
                prop_assert!(holds(&condition, &terms), "{condition:?} in {terms:?}");
            }
        }

        /// The text is searched as it is first; that must change no answer.
        #[test]
        fn looking_at_the_text_as_it_is_changes_no_answer(
            text in "[a-cA-C \u{c4}\u{e4}\u{212a}k\u{130}i]{0,40}",
            needle in "[a-cA-C \u{c4}\u{e4}\u{212a}k\u{130}i]{1,3}",
        ) {
            let folded = fold(&text).contains(&*fold(&needle));
            prop_assert_eq!(Literal::with(&needle, Case::Ignore).is_in(&text), folded);
        }
    }
}
