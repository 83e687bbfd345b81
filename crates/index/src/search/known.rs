//! What is known not to be in the index: objects that failed, and backfills that did not end.
//!
//! It is read before the partitions are opened. The other way round an object could be indexed, and taken off its list,
//! between the two: then it would be in neither, and a "no" without it would call itself complete. For the same reason the
//! backfills come first: an object that one of them gives up is listed as failed before its note goes.

use std::collections::BTreeMap;

use shelltrail_core::AccountId;
use shelltrail_core::layout::KeyLayout;
use shelltrail_core::sink::Failure;

use crate::failures::{self, UNREADABLE};
use crate::root::IndexRoot;
use crate::search::answer::{Coverage, with_causes};

/// Names of the files that hold what one command printed.
const OF_ONE_COMMAND: [&str; 2] = ["stdout", "stderr"];

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
        Self::read_in_turn(root, || {})
    }

    /// The same; `between` is called between the two lists.
    fn read_in_turn(root: &IndexRoot, between: impl FnOnce()) -> Self {
        let backfills = root.unfinished_backfills().map_err(|error| with_causes(&error));
        between();
        let failures = failures::list(&root.failures_dir()).map(|list| {
            let mut by_account = BTreeMap::new();
            for failure in list.failures {
                *by_account.entry((account_of(&failure), failure.reason)).or_default() += 1;
            }
            Failed { by_account, unreadable: list.unreadable.len() as u64 }
        });
        Self { backfills, failures: failures.map_err(|error| with_causes(&error)) }
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

/// The account whose sessions alone an object can hold. Nobody has looked into what failed, and what CloudWatch Logs
/// delivers holds sessions of any account, below whatever key; but not under the name of a session.
fn account_of(failure: &Failure) -> Option<AccountId> {
    let place = KeyLayout::default().locate(&failure.object.key);
    let is_of_one = place.principal.is_some() || OF_ONE_COMMAND.contains(&place.session.as_str());
    failure.account.filter(|_| is_of_one)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::Timestamp;
    use shelltrail_core::ObjectRef;

    use super::*;
    use crate::failures::FailureWriter;

    fn failure(key: &str) -> Failure {
        Failure {
            object: ObjectRef { bucket: Some("b".into()), key: key.to_owned(), version: None, etag: None },
            account: KeyLayout::default().locate(key).account,
            reason: "kms-denied".to_owned(),
            detail: String::new(),
            attempts: 1,
            failed_at: Timestamp::UNIX_EPOCH,
            size: None,
            sequencer: None,
            message: None,
        }
    }

    fn told(known: &Known) -> Coverage {
        let mut coverage = Coverage::default();
        known.tell(&mut coverage, |_| true);
        coverage
    }

    #[test]
    fn what_a_backfill_gives_up_while_we_look_is_in_one_of_the_lists() {
        let dir = tempfile::tempdir().unwrap();
        let (root, _lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
        let note = root.begin_backfill("s3://bucket/ssm", "").unwrap();
        let known = Known::read_in_turn(&root, || {
            FailureWriter::new(root.failures_dir()).record(&failure("k")).unwrap();
            note.end().unwrap();
        });
        assert!(!told(&known).is_complete());
    }

    #[test]
    fn a_failed_object_that_may_hold_sessions_of_many_accounts_concerns_all() {
        for (key, concerns_others) in [
            ("ssm/111122223333/alice-05ba181f37a0fb8d2.log", false),
            ("ssm/111122223333/alice-rcgmuq6yl72ww5dg2r3gpt5l3f.log.gz", false),
            ("out/111122223333/5c9a/i-0123456789abcdef0/awsrunShellScript/0.x/stdout", false),
            ("firehose/111122223333/2026/11/20/stream-1-2026-11-20-10-00-00-5c9a", true),
            ("exports/111122223333/5c9a/ssm-sessions/000000.gz", true),
            ("ssm/alice-05ba181f37a0fb8d2.log", true),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let (root, _lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
            FailureWriter::new(root.failures_dir()).record(&failure(key)).unwrap();
            let mut coverage = Coverage::default();
            let asked: AccountId = "444455556666".parse().unwrap();
            Known::read(&root).tell(&mut coverage, |account| account.is_none_or(|account| *account == asked));
            assert_eq!(!coverage.is_complete(), concerns_others, "{key}");
        }
    }

    #[test]
    fn a_list_of_failures_that_is_not_there_makes_no_answer_complete() {
        let dir = tempfile::tempdir().unwrap();
        let (root, _lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
        assert!(told(&Known::read(&root)).is_complete());
        std::fs::remove_dir(root.failures_dir()).unwrap();
        let coverage = told(&Known::read(&root));
        assert!(coverage.failed_partitions["failures"].contains("failures"), "{coverage:?}");
        assert!(!coverage.is_complete());
    }
}
