//! The words of the query language: operators that stand alone, and names in front of a colon.

use crate::query::{Field, QueryError};

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    And,
    Or,
    Not,
}

impl Word {
    pub fn name(self) -> &'static str {
        match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Not => "NOT",
        }
    }
}

/// Names that other tools have for our fields.
const OTHER_NAMES: [(&str, Field); 4] =
    [("command", Field::Cmd), ("output", Field::Out), ("since", Field::After), ("until", Field::Before)];

/// The operator that stands alone at the beginning of a word.
pub fn word_at(text: &str, at: usize, in_group: bool) -> Option<Word> {
    [Word::And, Word::Or, Word::Not].into_iter().find(|word| {
        text[at..].strip_prefix(word.name()).is_some_and(|rest| {
            rest.chars().next().is_none_or(|c| c.is_ascii_whitespace() || (c == ')' && in_group))
        })
    })
}

/// The field whose name begins a word, and where its value begins; an error if the name looks misspelt.
pub fn field_at(text: &str, at: usize) -> Option<Result<(Field, usize), QueryError>> {
    let rest = &text[at..];
    let len = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (name, value) = (&rest[..len], rest[len..].strip_prefix(':')?);
    let span = at..at + len + 1;
    if let Some(field) = Field::from_name(name) {
        return Some(Ok((field, span.end)));
    }
    // `find: no such file`, `http://x` and `C:\x` are texts.
    let has_value = value.chars().next().is_some_and(|c| !c.is_ascii_whitespace());
    if !has_value || value.starts_with("//") {
        return None;
    }
    let meant = meant(&name.to_ascii_lowercase())?;
    Some(Err(QueryError::new(format!("there is no field `{name}:`"), span)
        .hint(format!("did you mean `{}:`? To search for the text, put it in quotes", meant.name()))))
}

/// The field that a misspelt name means: people rarely get the first letter wrong.
fn meant(name: &str) -> Option<Field> {
    if let Some((_, field)) = OTHER_NAMES.into_iter().find(|(other, _)| *other == name) {
        return Some(field);
    }
    Field::ALL.into_iter().find(|field| {
        let known = field.name();
        name.len() > 1 && known.as_bytes().first() == name.as_bytes().first() && is_one_edit(known, name)
    })
}

/// Whether one letter more, less, other, or one pair of letters swapped makes one of the other.
fn is_one_edit(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let head = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (a, b) = (&one[head..], &other[head..]);
    match (a, b) {
        ([], []) => true,
        ([x, y, a @ ..], [v, w, b @ ..]) if x == w && y == v && a == b => true,
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        (a, [_, b @ ..]) if a == b => true,
        ([_, a @ ..], b) if a == b => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_edit() {
        for (one, other, expected) in [
            ("account", "acount", true),
            ("account", "accountt", true),
            ("account", "acconut", true),
            ("account", "accoumt", true),
            ("account", "account", true),
            ("account", "acct", false),
            ("cmd", "c", false),
            ("out", "port", false),
        ] {
            assert_eq!(is_one_edit(one, other), expected, "{one} {other}");
        }
    }
}
