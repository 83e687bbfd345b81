//! The words of the query language: operators that stand alone, and names in front of a colon.

use std::ops::Range;

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

/// Names that other tools have for our fields, and that hardly stand in a transcript.
const OTHER_NAMES: [(&str, Field); 4] =
    [("command", Field::Cmd), ("output", Field::Out), ("since", Field::After), ("until", Field::Before)];

/// Names that people give to our fields and that transcripts hold as well: `chown user:group`, `Host: x`.
const COMMON_NAMES: [(&str, Field); 18] = [
    ("user", Field::Principal),
    ("username", Field::Principal),
    ("actor", Field::Principal),
    ("instance", Field::Target),
    ("instance_id", Field::Target),
    ("host", Field::Target),
    ("hostname", Field::Target),
    ("node", Field::Target),
    ("acct", Field::Account),
    ("account_id", Field::Account),
    ("session_id", Field::Session),
    ("aws_region", Field::Region),
    ("stdout", Field::Out),
    ("from", Field::After),
    ("date", Field::Ended),
    ("time", Field::Ended),
    ("type", Field::Kind),
    ("prog", Field::Program),
];

/// A word that looks like `field:value` and is none, so that it is a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoField {
    /// The name in front of the colon.
    pub name: String,
    /// Where the name and the colon stand.
    pub span: Range<usize>,
    /// The field that may be meant.
    pub meant: Option<Field>,
}

/// The name in front of a colon where a word begins that is the name of no field, if somebody may take it for one: any
/// name at the begin of a text, in the middle of it one that people give to a field.
pub fn no_field_at(text: &str, at: usize, begins: bool) -> Option<NoField> {
    let rest = &text[at..];
    let len = rest.bytes().take_while(|byte| byte.is_ascii_lowercase() || *byte == b'_').count();
    let (name, value) = (&rest[..len], rest[len..].strip_prefix(':')?);
    let has_value = value.chars().next().is_some_and(|c| !c.is_ascii_whitespace());
    if len < 2 || !has_value || value.starts_with("//") || Field::from_name(name).is_some() {
        return None;
    }
    let meant = COMMON_NAMES.into_iter().find(|(other, _)| *other == name).map(|(_, field)| field);
    (begins || meant.is_some()).then(|| NoField { name: name.to_owned(), span: at..at + len + 1, meant })
}

/// The word of a text without quotes that somebody may take for a field.
#[must_use]
pub fn no_field_in(text: &str) -> Option<NoField> {
    let begin = text.len() - text.trim_ascii_start().len();
    let words = text[begin..].match_indices(|c: char| c.is_ascii_whitespace()).map(|(at, _)| begin + at + 1);
    std::iter::once(begin).chain(words).find_map(|at| no_field_at(text, at, at == begin))
}

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
