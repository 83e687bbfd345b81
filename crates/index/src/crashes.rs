//! What a crash, a power loss or a full disk leaves of an index, at every step of its life.
//!
//! A story (an index is made, filled, told of removals, merged, compacted) is told once with a journal of its steps. A model of a disk
//! replays the journal, and for each step writes down what may be left if the power fails there ([`model::Loss`]).
//! Each of these must be an index that lost nothing that was acknowledged.

mod full;
mod merges;
mod model;
mod order;
mod power;

use std::collections::HashSet;
use std::path::Path;

use shelltrail_core::sink::{Failure, KeyEvent, KeyEventKind, RecordSink, RemovalKind, SinkError};
use shelltrail_core::{Partition, Session};
use tempfile::TempDir;

use crate::check::{Report, check};
use crate::compact::compact;
use crate::disk::faults::Watch;
use crate::local::Batch;
use crate::removals::RemovalReader;
use crate::schema::key_column;
use crate::{IndexRoot, LocalSink, merge, samples};

/// Sessions of a story.
const SESSIONS: usize = 4;

/// How many steps lie between two that are tried; all are with `SHELLTRAIL_EVERY_STEP=1`, which takes minutes.
fn stride(usual: usize) -> usize {
    if std::env::var_os("SHELLTRAIL_EVERY_STEP").is_some() { 1 } else { usual }
}

/// A disk of memory where there is one: nothing here asks whether the machine keeps its word.
fn fast_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn open(index: &Path) -> Result<LocalSink, crate::RootError> {
    let (root, lock) = IndexRoot::open_for_writing(index, Some(1))?;
    Ok(LocalSink::new(root, lock))
}

fn sessions() -> Vec<Session> {
    let account = |i: usize| if i % 3 == 2 { "none" } else { "111122223333" };
    (0..SESSIONS)
        .map(|i| {
            let name = format!("user{i}-05ba181f37a0fb8d2");
            // One has several blocks.
            let output = format!("marker {i} ").repeat(if i == 1 { 950 } else { 20 });
            samples::in_account(&name, account(i), &[("id", "uid=0"), ("cat x", &output), ("w", &output)])
        })
        .collect()
}

fn partition_of(sink: &LocalSink, session: &Session) -> Partition {
    sink.partition(session.account.as_ref())
}

fn put(sink: &LocalSink, session: &Session) -> Result<Batch, SinkError> {
    sink.build(&partition_of(sink, session), &mut std::iter::once(session.clone()))
}

fn store(sink: &LocalSink, session: &Session) -> Result<(), SinkError> {
    sink.commit(vec![put(sink, session)?])
}

fn is_stored(sink: &LocalSink, session: &Session) -> bool {
    sink.contains(&partition_of(sink, session), &session.id).unwrap()
}

/// Whether the object of this session is deleted afterwards.
fn is_removed(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// Writes down that the object of a session was deleted, if it is one of those.
fn tell_removal(sink: &LocalSink, number: usize, session: &Session) -> Result<(), SinkError> {
    if !is_removed(number) {
        return Ok(());
    }
    sink.record_key_events(&[KeyEvent {
        object: session.object.clone(),
        sequencer: "00AB".parse().ok(),
        at: Some(jiff::Timestamp::UNIX_EPOCH),
        kind: KeyEventKind::Removed(RemovalKind::Deleted),
    }])
}

/// Whether the objects of these sessions that were deleted are known to be.
fn are_told(index: &Path, sessions: &[Session]) -> bool {
    let root = IndexRoot::open(index).unwrap();
    let removed = sessions.iter().enumerate().filter(|(number, _)| is_removed(*number));
    let wanted: HashSet<u64> =
        removed.filter_map(|(_, session)| session.object.key_hash()).map(key_column).collect();
    match RemovalReader::open(&root.removals_dir()).unwrap() {
        Some(reader) => reader.find(&wanted).unwrap().len() == wanted.len(),
        None => wanted.is_empty(),
    }
}

/// Merges what can be merged, as the merger would.
fn merge_all(sink: &LocalSink) -> Result<(), crate::partition::PartitionError> {
    for partition in sink.root().partitions().unwrap() {
        if let Some(open) = sink.open_partition(&partition) {
            open.merge(merge::fewest)?;
        }
    }
    Ok(())
}

fn failure(session: &Session) -> Failure {
    Failure {
        object: session.object.clone(),
        account: session.account,
        reason: "kms-denied".into(),
        detail: "no".into(),
        attempts: 1,
        failed_at: jiff::Timestamp::UNIX_EPOCH,
        size: None,
        sequencer: None,
        message: None,
    }
}

/// The story; what is acknowledged is noted in the journal.
fn tell(index: &Path, watch: &Watch) {
    let sessions = sessions();
    let sink = open(index).unwrap();
    for (i, session) in sessions.iter().enumerate() {
        if i == 1 {
            // A batch that is given up, and an object that fails and is indexed after all.
            drop(put(&sink, session).unwrap());
            sink.record_failure(&failure(session)).unwrap();
        }
        store(&sink, session).unwrap();
        tell_removal(&sink, i, session).unwrap();
        watch.acknowledged(i + 1);
        if i == 1 {
            sink.clear_failure(&session.object).unwrap();
        }
        if i == 2 {
            merge_all(&sink).unwrap();
        }
    }
    drop(sink);
    let (root, lock) = IndexRoot::open_for_writing(index, None).unwrap();
    for partition in root.partitions().unwrap() {
        assert_eq!(compact(&root, &lock, &partition).error, None);
    }
}

/// Nothing is damaged, and nothing is stored twice.
#[track_caller]
fn assert_sound(index: &Path) -> Report {
    let report = check(index, true).unwrap();
    assert!(report.is_sound(), "{report:#?}");
    report
}

/// An index that a crash has left: what was acknowledged is there, the rest can be done again. `told` of the sessions
/// were acknowledged as removed.
#[track_caller]
fn assert_survived(index: &Path, acknowledged: usize, told: usize, case: &str) {
    match check(index, true) {
        Ok(report) => assert!(report.is_sound(), "{case}: {report:#?}"),
        Err(crate::RootError::NoIndex(_)) => assert_eq!(acknowledged, 0, "{case}"),
        Err(error) => panic!("{case}: {error}"),
    }
    let sink = open(index).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    let sessions = sessions();
    assert!(are_told(index, &sessions[..told]), "{case}: a removal is lost");
    for (i, session) in sessions.iter().enumerate() {
        let stored = is_stored(&sink, session);
        assert!(stored || i >= acknowledged, "{case}: session {i} is lost");
        if !stored {
            store(&sink, session).unwrap_or_else(|error| panic!("{case}: {error:?}"));
        }
        if i >= told {
            tell_removal(&sink, i, session).unwrap_or_else(|error| panic!("{case}: {error:?}"));
        }
    }
    assert!(are_told(index, &sessions), "{case}");
    assert!(sessions.iter().all(|session| is_stored(&sink, session)), "{case}");
    merge_all(&sink).unwrap();
    drop(sink);
    let report = assert_sound(index);
    let stored: u64 = report.partitions.iter().map(|part| part.sessions).sum();
    assert_eq!(stored, SESSIONS as u64, "{case}");
}
