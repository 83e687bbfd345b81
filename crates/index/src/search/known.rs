//! What is known not to be in the index: objects that failed, and backfills that did not end.
//!
//! It is read before the partitions are opened. The other way round an object could be indexed, and taken off its list,
//! between the two: then it would be in neither, and a "no" without it would call itself complete.

use std::collections::BTreeMap;

use shelltrail_core::AccountId;

use crate::failures::{self, UNREADABLE};
use crate::root::IndexRoot;
use crate::search::answer::{Coverage, with_causes};

/// As it was when the index was opened.
pub struct Known {
    backfills: Result<Vec<String>, String>,
    failures: Result<Failed, String>,
}

/// How many objects failed, by account and reason.
struct Failed {
    by_account: BTreeMap<(Option<AccountId>, String), u64>,
    /// Entries that cannot be read.
    unreadable: u64,
}

impl Known {
    /// Reads the lists of a root. One that cannot be read is told with every answer.
    pub fn read(root: &IndexRoot) -> Self {
        let failures = failures::list(&root.failures_dir()).map(|list| {
            let mut by_account = BTreeMap::new();
            for failure in list.failures {
                *by_account.entry((failure.account, failure.reason)).or_default() += 1;
            }
            Failed { by_account, unreadable: list.unreadable.len() as u64 }
        });
        Self {
            backfills: root.unfinished_backfills().map_err(|error| with_causes(&error)),
            failures: failures.map_err(|error| with_causes(&error)),
        }
    }

    /// Adds what concerns some accounts.
    pub fn tell(&self, coverage: &mut Coverage, concerns: impl Fn(Option<&AccountId>) -> bool) {
        match &self.backfills {
            Ok(sources) => coverage.unfinished_backfills.clone_from(sources),
            Err(reason) => drop(coverage.failed_partitions.insert("backfills".to_owned(), reason.clone())),
        }
        match &self.failures {
            Ok(failed) => {
                for ((account, reason), count) in &failed.by_account {
                    if concerns(account.as_ref()) {
                        *coverage.not_indexed.entry(reason.clone()).or_default() += count;
                    }
                }
                if failed.unreadable > 0 {
                    coverage.not_indexed.insert(UNREADABLE.to_owned(), failed.unreadable);
                }
            }
            Err(reason) => drop(coverage.failed_partitions.insert("failures".to_owned(), reason.clone())),
        }
    }
}
