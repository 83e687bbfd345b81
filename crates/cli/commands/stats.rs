//! `search --stats`: what the hits have in common, on stderr.

use std::collections::BTreeMap;

use jiff::Timestamp;
use shelltrail_core::sanitize::printable;
use shelltrail_index::Hit;

use crate::words::{count, name};

/// Most values of one kind that are named.
const MAX_NAMED: usize = 5;

/// Counts over the hits of an answer.
#[derive(Debug, Default)]
pub struct Stats {
    hits: u64,
    sessions: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    counts: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

impl Stats {
    /// Counts.
    #[must_use]
    pub fn of(hits: &[Hit]) -> Self {
        let mut stats = Self { hits: hits.len() as u64, ..Self::default() };
        let mut last_place = None;
        for hit in hits {
            let (session, record) = (hit.session(), hit.record());
            if last_place != Some(&hit.place) {
                stats.sessions += 1;
                last_place = Some(&hit.place);
            }
            if let Some(at) = session.ended_at {
                stats.first = Some(stats.first.map_or(at, |first| first.min(at)));
                stats.last = Some(stats.last.map_or(at, |last| last.max(at)));
            }
            let unknown = || "unknown".to_owned();
            stats.add("accounts", session.account.map_or_else(unknown, |account| account.to_string()));
            stats.add("principals", session.principal.clone().unwrap_or_else(unknown));
            stats.add("targets", session.target.clone().unwrap_or_else(unknown));
            stats.add("status", record.status.as_ref().map_or_else(|| "none".to_owned(), name));
            stats.add("confidence", name(&record.confidence));
            for flag in &record.flags {
                stats.add("flags", name(flag));
            }
        }
        stats
    }

    fn add(&mut self, what: &'static str, value: String) {
        *self.counts.entry(what).or_default().entry(value).or_default() += 1;
    }

    /// Prints them.
    pub fn report(&self, more: bool) {
        let part = if more { ", of the hits shown" } else { "" };
        eprintln!("shelltrail: {} in {}{part}", count(self.hits, "hit"), count(self.sessions, "session"));
        if let (Some(first), Some(last)) = (self.first, self.last) {
            eprintln!("shelltrail: from {first} to {last}");
        }
        for (what, values) in &self.counts {
            let mut most: Vec<(&String, &u64)> = values.iter().collect();
            most.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
            let mut named: Vec<String> = most
                .iter()
                .take(MAX_NAMED)
                .map(|(value, count)| format!("{} {count}", printable(value)))
                .collect();
            if most.len() > MAX_NAMED {
                named.push(format!("{} more", most.len() - MAX_NAMED));
            }
            eprintln!("shelltrail: {what}: {}", named.join(", "));
        }
    }
}
