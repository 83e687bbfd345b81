use std::fs;
use std::path::{Path, PathBuf};

use shelltrail_core::Session;
use shelltrail_core::sink::{KeyEvent, KeyEventKind, RecordSink, RemovalKind};

use super::*;
use crate::{IndexRoot, LocalSink, samples};

/// An index with two partitions; the sessions, each commit a segment.
fn index() -> (tempfile::TempDir, Vec<Session>) {
    let dir = tempfile::tempdir().unwrap();
    let (root, lock) = IndexRoot::open_for_writing(dir.path(), Some(1)).unwrap();
    let sink = LocalSink::new(root, lock);
    let long = "a line of some length\n".repeat(1200);
    let sessions: Vec<Session> = [("1", "111122223333"), ("2", "111122223333"), ("3", "444455556666")]
        .map(|(name, account)| {
            let name = format!("user{name}-05ba181f37a0fb8d2");
            samples::in_account(&name, account, &[("id", "uid=0"), ("cat x", &long), ("w", &long)])
        })
        .into();
    for session in &sessions {
        let partition = sink.partition(session.account.as_ref());
        let batch = sink.build(&partition, &mut std::iter::once(session.clone())).unwrap();
        sink.commit(vec![batch]).unwrap();
    }
    (dir, sessions)
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    paths.sort();
    paths
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

fn keys(report: &Report) -> Vec<&str> {
    report.affected.iter().filter_map(|affected| affected.key.as_deref()).collect()
}

#[test]
fn a_sound_index_is_sound_also_beside_its_writer() {
    let (dir, sessions) = index();
    for deep in [false, true] {
        let report = check(dir.path(), deep).unwrap();
        assert!(report.is_sound() && report.leftovers.is_empty() && !report.being_written, "{report:#?}");
        assert_eq!(report.partitions.iter().map(|part| part.sessions).sum::<u64>(), 3);
        assert_eq!(report.partitions.iter().map(|part| part.records).sum::<u64>(), 9);
        assert_eq!(report.partitions.iter().map(|part| part.blocks).sum::<u64>() >= 9, deep);
    }
    let (root, lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
    let sink = LocalSink::new(root, lock);
    let other = samples::session("other-05ba181f37a0fb8d2", &[("id", "uid=0")]);
    let partition = sink.partition(other.account.as_ref());
    let batch = sink.build(&partition, &mut std::iter::once(other)).unwrap();
    let report = check(dir.path(), true).unwrap();
    assert!(report.is_sound() && report.being_written && report.leftovers.is_empty(), "{report:#?}");
    drop((batch, sink));
    let report = check(dir.path(), true).unwrap();
    assert!(report.is_sound() && !report.leftovers.is_empty(), "the batch was never committed: {report:#?}");
    assert_eq!(sessions.len(), 3);
}

#[test]
fn any_byte_of_a_segment_that_changed_is_found() {
    for extension in ["term", "idx", "fast", "store", "pos", "fieldnorm"] {
        let (dir, sessions) = index();
        let tantivy = dir.path().join("partitions/4/tantivy");
        for path in files(&tantivy, extension) {
            let whole = fs::read(&path).unwrap();
            for at in [0, whole.len() / 2, whole.len() - 1] {
                flip(&path, at);
                let report = check(dir.path(), false).unwrap();
                assert!(!report.damage.is_empty(), "{} byte {at}", path.display());
                assert!(report.damage[0].what.contains(extension), "{report:#?}");
                assert_eq!(keys(&report), [sessions[2].object.key.as_str()], "{report:#?}");
                assert_eq!(report.affected[0].bucket.as_deref(), Some("transcripts"));
                fs::write(&path, &whole).unwrap();
            }
            fs::remove_file(&path).unwrap();
            let report = check(dir.path(), false).unwrap();
            assert_eq!(keys(&report), [sessions[2].object.key.as_str()], "{report:#?}");
            fs::write(&path, &whole).unwrap();
        }
        assert!(check(dir.path(), true).unwrap().is_sound());
    }
}

#[test]
fn a_pack_that_changed_is_found_and_names_whom_it_hits() {
    let (dir, sessions) = index();
    let pack = dir.path().join("partitions/1/packs/00000000.pack");
    let whole = fs::read(&pack).unwrap();
    // Text in the middle of the second session: lengths are right, the deep check reads it.
    flip(&pack, whole.len() - 100);
    assert!(check(dir.path(), false).unwrap().is_sound());
    let report = check(dir.path(), true).unwrap();
    assert_eq!(keys(&report), [sessions[1].object.key.as_str()], "{report:#?}");
    fs::write(&pack, &whole).unwrap();
    // The first header of the first session.
    flip(&pack, 0);
    for deep in [false, true] {
        let report = check(dir.path(), deep).unwrap();
        assert_eq!(keys(&report), [sessions[0].object.key.as_str()], "{report:#?}");
    }
    fs::write(&pack, &whole[..whole.len() - 1]).unwrap();
    let report = check(dir.path(), true).unwrap();
    assert!(report.damage.iter().any(|damage| damage.what.contains("were committed")), "{report:#?}");
    assert_eq!(keys(&report), [sessions[1].object.key.as_str()], "{report:#?}");
    fs::remove_file(&pack).unwrap();
    let report = check(dir.path(), false).unwrap();
    let named: std::collections::BTreeSet<_> =
        report.affected.iter().map(|one| (one.session.as_deref(), one.account.as_deref())).collect();
    let all = sessions[..2].iter().map(|session| (Some(session.session.as_str()), Some("111122223333")));
    assert_eq!(named, all.collect(), "{report:#?}");
}

#[test]
fn a_commit_that_is_gone_is_told_and_nobody_goes_on_without_it() {
    let (dir, sessions) = index();
    let meta = dir.path().join("partitions/1/tantivy/meta.json");
    let whole = fs::read(&meta).unwrap();
    fs::write(&meta, "{").unwrap();
    let report = check(dir.path(), false).unwrap();
    assert_eq!((report.damage.len(), report.affected.len()), (1, 2), "{report:#?}");
    fs::remove_file(&meta).unwrap();
    let report = check(dir.path(), true).unwrap();
    assert!(report.damage[0].what.contains("meta.json"), "{report:#?}");
    let mut named = keys(&report);
    named.sort_unstable();
    assert_eq!(named, [&sessions[0], &sessions[1]].map(|session| session.object.key.as_str()));
    // A writer would begin the partition anew, and a search would not miss it.
    let (root, lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
    let sink = LocalSink::new(root, lock);
    let partition = sink.partition(sessions[0].account.as_ref());
    assert!(sink.contains(&partition, &sessions[0].id).is_err());
    assert!(sink.build(&partition, &mut std::iter::once(sessions[0].clone())).is_err());
    let searcher = crate::Searcher::open(dir.path()).unwrap();
    let answer = searcher.search(&crate::Query::literal("uid=0"), &crate::SearchOptions::default());
    assert!(!answer.coverage.failed_partitions.is_empty());
    drop(sink);
    fs::write(&meta, &whole).unwrap();
    assert!(check(dir.path(), true).unwrap().is_sound());
}

#[test]
fn a_transcript_in_two_partitions_is_found() {
    let (dir, sessions) = index();
    let (root, lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
    let sink = LocalSink::new(root, lock);
    let unplaced = sink.partition(None);
    let batch = sink.build(&unplaced, &mut std::iter::once(sessions[0].clone())).unwrap();
    sink.commit(vec![batch]).unwrap();
    drop(sink);
    assert!(check(dir.path(), false).unwrap().is_sound(), "each partition is");
    let report = check(dir.path(), true).unwrap();
    assert!(report.damage[0].what.contains("stored twice"), "{report:#?}");
}

#[test]
fn leftovers_are_named_and_are_no_damage() {
    let (dir, _) = index();
    let part = dir.path().join("partitions/1");
    let mut pack = fs::read(part.join("packs/00000000.pack")).unwrap();
    pack.extend([7; 100]);
    fs::write(part.join("packs/00000000.pack"), pack).unwrap();
    for name in [
        "partitions/1/packs/00000007.pack",
        "partitions/1/tantivy/0123.fast",
        "partitions/1/tantivy/meta.tmp",
        "failures/x.tmp",
        "shelltrail.tmp",
        "notes of somebody",
        "partitions/lost+found",
    ] {
        fs::write(dir.path().join(name), "12345").unwrap();
    }
    let report = check(dir.path(), true).unwrap();
    assert!(report.is_sound(), "{report:#?}");
    assert_eq!(report.leftovers.len(), 8, "{report:#?}");
    assert_eq!(report.leftovers.iter().map(|leftover| leftover.bytes).sum::<u64>(), 100 + 7 * 5);
    let (root, lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
    let one = root.partitions().unwrap().remove(0);
    let done = crate::compact::compact(&root, &lock, &one);
    assert_eq!((done.error, done.segments), (None, (2, 1)));
    assert_eq!(crate::compact::remove_unfinished(&root, &lock).unwrap(), 10);
    drop(lock);
    let report = check(dir.path(), true).unwrap();
    let left: Vec<_> = report.leftovers.iter().map(|leftover| leftover.what).collect();
    assert_eq!(left, ["not ours"; 2], "{report:#?}");
}

#[test]
fn a_note_that_is_none_is_damage() {
    let (dir, _) = index();
    fs::write(dir.path().join("failures/0.json"), r#"{"reason": "x"}"#).unwrap();
    assert_eq!(check(dir.path(), false).unwrap().notes, 1);
    fs::write(dir.path().join("failures/1.json"), "{").unwrap();
    let report = check(dir.path(), false).unwrap();
    assert_eq!((report.damage.len(), report.notes), (1, 1));
}

/// An index that was told of removals, some of them in commits of their own.
fn with_removals() -> (tempfile::TempDir, PathBuf) {
    let (dir, sessions) = index();
    let (root, lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
    let removals = root.removals_dir();
    let sink = LocalSink::new(root, lock);
    for session in &sessions {
        let kind = KeyEventKind::Removed(RemovalKind::Deleted);
        let (object, at) = (session.object.clone(), None);
        sink.record_key_events(&[KeyEvent { object, sequencer: None, at, kind }]).unwrap();
    }
    drop(sink);
    (dir, removals)
}

#[test]
fn removals_are_looked_into() {
    let (dir, removals) = with_removals();
    let report = check(dir.path(), false).unwrap();
    assert!(report.is_sound() && report.leftovers.is_empty(), "{report:#?}");
    assert_eq!((report.removals.events, report.removals.segments), (3, 3));
    // A byte of a column, a file of a segment, the commit: each is found, and told of no partition.
    for path in files(&removals, "fast") {
        let whole = fs::read(&path).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            flip(&path, at);
            let report = check(dir.path(), false).unwrap();
            assert!(report.removals.damaged && report.removals.events == 2, "{report:#?}");
            assert_eq!(report.damage[0].partition, None);
            assert!(report.damage[0].what.starts_with("removals: file "), "{report:#?}");
            fs::write(&path, &whole).unwrap();
        }
        fs::remove_file(&path).unwrap();
        assert!(check(dir.path(), false).unwrap().removals.damaged);
        fs::write(&path, &whole).unwrap();
    }
    let meta = removals.join("meta.json");
    let whole = fs::read(&meta).unwrap();
    fs::write(&meta, "{").unwrap();
    assert!(check(dir.path(), false).unwrap().removals.damaged);
    fs::remove_file(&meta).unwrap();
    let report = check(dir.path(), false).unwrap();
    assert!(report.damage[0].what.contains("--reconcile"), "the way out: {report:#?}");
    // Nobody begins anew beside what is there, and an answer says that marks are missing.
    let (root, lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
    let sink = LocalSink::new(root, lock);
    let again = KeyEvent {
        object: samples::session("a-05ba181f37a0fb8d2", &[]).object,
        sequencer: None,
        at: None,
        kind: KeyEventKind::WrittenAgain,
    };
    assert!(sink.record_key_events(std::slice::from_ref(&again)).is_err());
    assert!(crate::inventory::inventory(dir.path()).unwrap().unreadable_partitions.contains_key("removals"));
    fs::write(&meta, &whole).unwrap();
    sink.record_key_events(&[again]).unwrap();
    drop(sink);
    assert_eq!(check(dir.path(), true).unwrap().removals.events, 4);
}

#[test]
fn what_a_crash_left_among_the_removals_is_told_and_removed() {
    let (dir, removals) = with_removals();
    for name in ["0123.fast", "meta.tmp"] {
        fs::write(removals.join(name), "12345").unwrap();
    }
    let report = check(dir.path(), false).unwrap();
    assert!(report.is_sound() && report.leftovers.len() == 2, "{report:#?}");
    let (root, lock) = IndexRoot::open_for_writing(dir.path(), None).unwrap();
    assert_eq!(crate::compact::remove_unfinished(&root, &lock).unwrap(), 10);
    drop(lock);
    assert!(check(dir.path(), false).unwrap().leftovers.is_empty());
}
