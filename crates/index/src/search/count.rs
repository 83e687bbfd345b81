//! How many, by what, and how widely spread.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shelltrail_core::{AccountId, TranscriptId};

use crate::block::SessionMeta;
use crate::candidates::What;
use crate::query::{Query, name_of};
use crate::record_view::RecordView;
use crate::search::Searcher;
use crate::search::answer::{Coverage, SearchOptions};
use crate::search::run::Run;

/// Most groups of one answer; records of further values are counted in [`Counts::ungrouped`].
pub const MAX_GROUPS: usize = 1_000_000;

/// What records are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the fields are those of a session and its records
pub enum By {
    Account,
    Region,
    Principal,
    Target,
    Session,
    Kind,
    /// The day (UTC) on which the session ended.
    Day,
    /// The whole command.
    Command,
    /// Each program that the command names, once.
    Program,
    /// Each shell or program in which the line was typed, once.
    Context,
    Status,
    /// Each flag.
    Flag,
    Confidence,
    Origin,
}

impl By {
    /// All of them, in the order in which help lists them.
    pub const ALL: [Self; 14] = [
        Self::Account,
        Self::Region,
        Self::Principal,
        Self::Target,
        Self::Session,
        Self::Kind,
        Self::Day,
        Self::Command,
        Self::Program,
        Self::Context,
        Self::Status,
        Self::Flag,
        Self::Confidence,
        Self::Origin,
    ];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Region => "region",
            Self::Principal => "principal",
            Self::Target => "target",
            Self::Session => "session",
            Self::Kind => "kind",
            Self::Day => "day",
            Self::Command => "command",
            Self::Program => "program",
            Self::Context => "context",
            Self::Status => "status",
            Self::Flag => "flag",
            Self::Confidence => "confidence",
            Self::Origin => "origin",
        }
    }

    /// The values of a record; an unknown one is a value of its own.
    fn values(self, session: &SessionMeta, record: &RecordView<'_>) -> Vec<Option<String>> {
        let each = |values: &[String]| {
            let mut values: Vec<Option<String>> = values.iter().cloned().map(Some).collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        match self {
            Self::Account => vec![session.account.as_ref().map(|account| account.as_str().to_owned())],
            Self::Region => vec![session.region.clone()],
            Self::Principal => vec![session.principal.clone()],
            Self::Target => vec![session.target.clone()],
            Self::Session => vec![Some(session.session.clone())],
            Self::Kind => vec![Some(name_of(&session.kind))],
            Self::Day => {
                vec![session.ended_at.map(|at| at.to_zoned(TimeZone::UTC).date().to_string())]
            }
            Self::Command => vec![record.command.map(str::to_owned)],
            Self::Program => each(record.programs),
            Self::Context => each(record.context),
            Self::Status => vec![record.status.as_ref().map(name_of)],
            Self::Flag => record.flags.iter().map(|flag| Some(name_of(flag))).collect(),
            Self::Confidence => vec![Some(name_of(&record.confidence))],
            Self::Origin => vec![Some(name_of(&record.origin))],
        }
    }
}

/// Records that share a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountGroup {
    /// The value; `None` for the records of which it is unknown.
    pub value: Option<String>,
    /// How many records.
    pub records: u64,
    /// In how many sessions.
    pub sessions: u64,
    /// The end of the first of these sessions; `None` if none is known.
    pub first_seen: Option<Timestamp>,
    /// The end of the last of these sessions.
    pub last_seen: Option<Timestamp>,
    /// How many records in each account; `None` for the unknown one.
    pub accounts: BTreeMap<Option<AccountId>, u64>,
    /// The session that was counted last: sessions come one after the other.
    last: Option<TranscriptId>,
}

/// How many records a query is true of.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// All of them.
    pub records: u64,
    /// The sessions that they are in.
    pub sessions: u64,
    /// Those of these sessions whose end is unknown.
    pub sessions_of_unknown_end: u64,
    /// By value: the most frequent first, then by value, the unknown one last. Empty if nothing was asked for.
    pub groups: Vec<CountGroup>,
    /// Records that have a value beyond `MAX_GROUPS`.
    pub ungrouped: u64,
    /// What was seen, and what was not. A count of a part is one of that part.
    pub coverage: Coverage,
}

impl Counts {
    /// Puts the rarest value first; among equals the order stays that of the values.
    pub fn rarest_first(&mut self) {
        self.groups.sort_by(|a, b| a.records.cmp(&b.records).then_with(|| order(a).cmp(&order(b))));
    }
}

fn order(group: &CountGroup) -> (bool, &Option<String>) {
    (group.value.is_none(), &group.value)
}

impl Searcher {
    /// Counts the records that a query is true of, in groups if told so. Limit and cursor do not matter.
    #[must_use]
    pub fn count(&self, query: &Query, by: Option<By>, options: &SearchOptions) -> Counts {
        let options = SearchOptions { limit: usize::MAX, cursor: None, deadline: options.deadline };
        let mut run = Run::begin(self, query, What::Records, &options);
        let mut counts = Counts::default();
        let mut groups: BTreeMap<Option<String>, CountGroup> = BTreeMap::new();
        let mut last = None;
        run.until(options.limit, false, |_, _, block, seqs| {
            let session = &block.session;
            if !seqs.is_empty() && last != Some(session.id) {
                last = Some(session.id);
                counts.sessions += 1;
                counts.sessions_of_unknown_end += u64::from(session.ended_at.is_none());
            }
            counts.records += seqs.len() as u64;
            let Some(by) = by else { return 0 };
            for record in seqs.iter().filter_map(|seq| block.view(*seq)) {
                for value in by.values(session, &record) {
                    if groups.len() < MAX_GROUPS || groups.contains_key(&value) {
                        groups.entry(value.clone()).or_insert_with(|| CountGroup::new(value)).add(session);
                    } else {
                        counts.ungrouped += 1;
                    }
                }
            }
            0
        });
        counts.groups = groups.into_values().collect();
        counts.groups.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| order(a).cmp(&order(b))));
        counts.coverage = run.end();
        counts
    }
}

impl CountGroup {
    fn new(value: Option<String>) -> Self {
        let (records, sessions, accounts) = (0, 0, BTreeMap::new());
        Self { value, records, sessions, first_seen: None, last_seen: None, accounts, last: None }
    }

    fn add(&mut self, session: &SessionMeta) {
        self.records += 1;
        if self.last != Some(session.id) {
            self.last = Some(session.id);
            self.sessions += 1;
        }
        if let Some(at) = session.ended_at {
            self.first_seen = Some(self.first_seen.map_or(at, |first| first.min(at)));
            self.last_seen = Some(self.last_seen.map_or(at, |last| last.max(at)));
        }
        *self.accounts.entry(session.account).or_default() += 1;
    }
}
