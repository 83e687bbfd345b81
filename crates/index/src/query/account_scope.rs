//! Which accounts a query can be about at all: the partitions of the others are not opened.

use crate::query::{Fact, Identifier, Query};

/// What is known of the account of a session before anything is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Account<'a> {
    /// Nothing; there may be none.
    Any,
    /// It begins with these digits.
    BeginsWith(&'a str),
    /// It is this one.
    Is(&'a str),
}

impl Query {
    /// Whether a record of a session of such an account can be an answer.
    pub(crate) fn may_concern(&self, account: Account<'_>) -> bool {
        self.possible(account).0
    }

    /// Whether it can be true (or unknown), and whether it can be false.
    fn possible(&self, account: Account<'_>) -> (bool, bool) {
        let join = |queries: &[Self]| queries.iter().map(|query| query.possible(account)).collect::<Vec<_>>();
        match self {
            Self::All => (true, false),
            Self::And(queries) => {
                let of = join(queries);
                (of.iter().all(|of| of.0), of.iter().any(|of| of.1))
            }
            Self::Or(queries) => {
                let of = join(queries);
                (of.iter().any(|of| of.0), of.iter().all(|of| of.1))
            }
            Self::Not(query) => {
                let (possible, impossible) = query.possible(account);
                (impossible, possible)
            }
            Self::Is(leaf) => match (&leaf.fact, account) {
                (Fact::Identifier(Identifier::Account, glob), Account::BeginsWith(digits)) => {
                    (glob.may_begin_with(digits), true)
                }
                (Fact::Identifier(Identifier::Account, glob), Account::Is(account)) => {
                    let matches = glob.is_match(account);
                    (matches, !matches)
                }
                _ => (true, true),
            },
            Self::Text(_) => (true, true),
        }
    }
}
