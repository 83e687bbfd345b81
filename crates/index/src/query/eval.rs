//! Whether a query is true of a record, by its texts and what is stored with them.

use shelltrail_core::AccountId;

use crate::block::SessionMeta;
use crate::query::{Fact, Identifier, Part, Query, TextLeaf};
use crate::record_view::RecordView;

/// True, false, or unknown because something is not known of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }

    /// What is unknown may be so, and no record may be hidden for that.
    pub(crate) fn admits(self) -> bool {
        self != Self::False
    }
}

/// What is asked.
pub(crate) struct Answerable<'a> {
    pub(crate) session: &'a SessionMeta,
    /// Without it, what is asked of a record is unknown.
    pub(crate) record: Option<RecordView<'a>>,
}

impl Query {
    /// Whether it is true.
    pub(crate) fn truth(&self, of: &Answerable<'_>) -> Truth {
        match self {
            Self::All => Truth::True,
            Self::And(queries) => fold(queries, of, Truth::True, Truth::False, Truth::min),
            Self::Or(queries) => fold(queries, of, Truth::False, Truth::True, Truth::max),
            Self::Not(query) => query.truth(of).not(),
            Self::Text(leaf) => {
                of.record.as_ref().map_or(Truth::Unknown, |record| Truth::of(leaf.is_in(record)))
            }
            Self::Is(leaf) => leaf.fact.truth(of),
        }
    }

    /// Whether texts have to be read to decide it.
    fn reads(&self) -> bool {
        match self {
            Self::All | Self::Is(_) => false,
            Self::And(queries) | Self::Or(queries) => queries.iter().any(Self::reads),
            Self::Not(query) => query.reads(),
            Self::Text(_) => true,
        }
    }
}

/// Joins the truths of some queries, those that are cheap to tell first, until one decides.
fn fold(
    queries: &[Query],
    of: &Answerable<'_>,
    begin: Truth,
    end: Truth,
    join: fn(Truth, Truth) -> Truth,
) -> Truth {
    let mut truth = begin;
    for reads in [false, true] {
        for query in queries.iter().filter(|query| query.reads() == reads) {
            truth = join(truth, query.truth(of));
            if truth == end {
                return truth;
            }
        }
    }
    truth
}

impl TextLeaf {
    fn is_in(&self, record: &RecordView<'_>) -> bool {
        let sent = record.command_as_sent.is_some();
        let parts = Part::ALL.into_iter().filter(|part| self.within.covers(*part, sent));
        parts.filter_map(|part| record.text(part)).any(|text| self.pattern.is_in(&text))
    }
}

impl Fact {
    fn truth(&self, of: &Answerable<'_>) -> Truth {
        let session = of.session;
        let of_record = |is_so: &dyn Fn(&RecordView<'_>) -> bool| {
            of.record.as_ref().map_or(Truth::Unknown, |record| Truth::of(is_so(record)))
        };
        match self {
            Self::Identifier(name, glob) => {
                let matches =
                    |value: Option<&str>| Truth::of(value.is_some_and(|value| glob.is_match(value)));
                let among = |values: &[String]| values.iter().any(|value| glob.is_match(value));
                match name {
                    Identifier::Account => matches(session.account.as_ref().map(AccountId::as_str)),
                    Identifier::Region => matches(session.region.as_deref()),
                    Identifier::Principal => matches(session.principal.as_deref()),
                    Identifier::Target => matches(session.target.as_deref()),
                    Identifier::Session => matches(Some(&session.session)),
                    Identifier::Program => of_record(&|record| among(record.programs)),
                    Identifier::Context => of_record(&|record| among(record.context)),
                }
            }
            Self::Kind(kind) => Truth::of(session.kind == *kind),
            Self::Bytes(numbers) => Truth::of(numbers.contain(session.bytes)),
            Self::Records(numbers) => Truth::of(numbers.contain(session.record_count)),
            Self::Ended(times) => match session.ended_at {
                Some(at) => Truth::of(times.contain(at.as_millisecond())),
                None => Truth::Unknown,
            },
            Self::Status(status) => of_record(&|record| record.status == Some(*status)),
            Self::Flag(flag) => of_record(&|record| record.flags.contains(flag)),
            Self::Confidence(values) => of_record(&|record| values.contains(&record.confidence)),
            Self::Origin(origin) => of_record(&|record| record.origin == *origin),
            Self::Record(numbers) => of_record(&|record| numbers.contain(u64::from(record.seq))),
        }
    }
}
