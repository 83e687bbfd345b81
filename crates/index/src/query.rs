//! What may be asked: the query language, and the tree that it and the flags of the command are built into.
//!
//! A [`Query`] is true, false or unknown of a record: a session whose end is unknown may have ended at any time, so
//! neither `after:2026-01-01` nor `NOT after:2026-01-01` is false of it. What is not false is an answer. Identifiers are
//! not treated so: a session without an account is in no account, so `account:*` is false of it.
//!
//! Queries are joined as trees ([`Query::and`]), never as text: nothing that stands in one part can change another.

mod account_scope;
mod eval;
mod fact;
mod field;
mod glob;
pub mod limits;
mod look_alike;
mod need;
mod parse;
mod pattern;
mod text;
mod words;

use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use shelltrail_core::AccountId;

pub(crate) use account_scope::Account;
pub(crate) use eval::Answerable;
pub(crate) use fact::{CONFIDENCES, FLAGS, ORIGIN_VALUES as ORIGINS, name_of};
pub use fact::{Fact, Identifier, Numbers, Times, time};
pub use field::Field;
pub use glob::Glob;
pub(crate) use need::Need;
pub use parse::{Options, parse};
pub use pattern::{Case, Pattern, PatternOptions};
pub use text::{Matches, Part, Within};
pub use words::{NoField, no_field_in};

/// A question about one record and its session.
#[derive(Clone, Debug)]
pub enum Query {
    /// Every record.
    All,
    /// All of these; of none, every record.
    And(Vec<Query>),
    /// Any of these; of none, no record.
    Or(Vec<Query>),
    /// Not this.
    Not(Box<Query>),
    /// A text of the record matches.
    Text(TextLeaf),
    /// Something else is so of the record or its session.
    Is(FactLeaf),
}

/// A pattern, and the texts that it is looked for in.
#[derive(Clone, Debug)]
pub struct TextLeaf {
    /// Which texts.
    pub within: Within,
    /// What they must contain.
    pub pattern: Pattern,
    /// Where in the query it was written; `None` for a flag.
    pub span: Option<Range<usize>>,
}

/// A fact about a record or its session.
#[derive(Clone, Debug)]
pub struct FactLeaf {
    /// The fact.
    pub fact: Fact,
    /// Where in the query it was written; `None` for a flag.
    pub span: Option<Range<usize>>,
}

/// Why a query cannot be asked, and where in it that is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the query, or of the value of a flag, that are wrong; perhaps empty, at its end.
    pub span: Range<usize>,
    /// What to write instead.
    pub hint: Option<String>,
}

impl QueryError {
    pub(crate) fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), span, hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same error about a text that begins this far into another.
    pub(crate) fn moved(self, by: usize) -> Self {
        Self { span: self.span.start + by..self.span.end + by, ..self }
    }
}

impl Query {
    /// A literal as it was typed, in smart case, in commands and outputs.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self::text(Within::Any, Pattern::literal(text))
    }

    /// A pattern in some texts.
    #[must_use]
    pub fn text(within: Within, pattern: Pattern) -> Self {
        Self::Text(TextLeaf { within, pattern, span: None })
    }

    /// A fact.
    #[must_use]
    pub fn is(fact: Fact) -> Self {
        Self::Is(FactLeaf { fact, span: None })
    }

    /// A field and its value as it would stand behind the colon of `field:`. A flag of the command calls this, and
    /// gets the same errors, whose spans count in the value. Fields of texts take a literal here, as typed.
    ///
    /// # Errors
    /// The value makes no sense for the field.
    pub fn field(field: Field, value: &str, options: &Options) -> Result<Self, QueryError> {
        match field.within() {
            Some(within) => Ok(Self::text(within, Pattern::new(value, &options.pattern())?)),
            None => Ok(Self::is(Fact::parse(field, value, options.now)?)),
        }
    }

    /// Sessions of one account.
    #[must_use]
    pub fn account(account: &AccountId) -> Self {
        Self::is(Fact::Identifier(Identifier::Account, Glob::exactly(account.as_str())))
    }

    /// Sessions with this ID, to the letter.
    #[must_use]
    pub fn session(id: &str) -> Self {
        Self::is(Fact::Identifier(Identifier::Session, Glob::exactly(id)))
    }

    /// Sessions that ended at `from` or later and before `until`, or at an unknown time.
    #[must_use]
    pub fn ended(from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self::is(Fact::Ended(Times::new(from, until)))
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, query) | (query, Self::All) => query,
            (Self::And(mut all), Self::And(more)) => {
                all.extend(more);
                Self::And(all)
            }
            (Self::And(mut all), query) => {
                all.push(query);
                Self::And(all)
            }
            (query, Self::And(mut all)) => {
                all.insert(0, query);
                Self::And(all)
            }
            (one, other) => Self::And(vec![one, other]),
        }
    }

    /// Whether ranges that must all hold leave anything; parsing has asked that of each part by itself.
    ///
    /// # Errors
    /// They exclude each other. The place is that of the second one, if it was written.
    pub fn check_ranges(&self) -> Result<(), QueryError> {
        if let Self::And(queries) = self { parse::possible(queries) } else { Ok(()) }
    }

    /// Any of these; the values of one flag.
    #[must_use]
    pub fn any_of(queries: impl IntoIterator<Item = Self>) -> Self {
        let mut queries: Vec<Self> = queries.into_iter().collect();
        if queries.len() == 1 { queries.remove(0) } else { Self::Or(queries) }
    }

    /// The opposite.
    #[must_use]
    #[allow(clippy::should_implement_trait)] // `!query` would read as if it could be computed at once
    pub fn not(self) -> Self {
        match self {
            Self::Not(query) => *query,
            query => Self::Not(Box::new(query)),
        }
    }

    /// Whether it asks about the sessions alone: then it is true of all records of a session, or of none.
    #[must_use]
    pub fn is_about_sessions(&self) -> bool {
        match self {
            Self::All => true,
            Self::And(queries) | Self::Or(queries) => queries.iter().all(Self::is_about_sessions),
            Self::Not(query) => query.is_about_sessions(),
            Self::Text(_) => false,
            Self::Is(leaf) => leaf.fact.is_about_sessions(),
        }
    }

    /// Whether any part asks when a session ended: then sessions whose end is unknown are kept, and a reader should be
    /// told.
    #[must_use]
    pub fn asks_for_times(&self) -> bool {
        match self {
            Self::All | Self::Text(_) => false,
            Self::And(queries) | Self::Or(queries) => queries.iter().any(Self::asks_for_times),
            Self::Not(query) => query.asks_for_times(),
            Self::Is(leaf) => matches!(leaf.fact, Fact::Ended(_)),
        }
    }
}

/// As it would have to be written to be parsed to the same tree, for explanations and tests.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, queries: &[Query], joint: &str| {
            f.write_str("(")?;
            for (at, query) in queries.iter().enumerate() {
                if at > 0 {
                    write!(f, " {joint} ")?;
                }
                query.fmt(f)?;
            }
            f.write_str(")")
        };
        match self {
            Self::All => f.write_str("ALL"),
            Self::And(queries) => list(f, queries, "AND"),
            Self::Or(queries) => list(f, queries, "OR"),
            Self::Not(query) => write!(f, "NOT {query}"),
            Self::Text(leaf) => write!(f, "{}:{}", leaf.within.field().name(), leaf.pattern),
            Self::Is(leaf) => leaf.fact.fmt(f),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
