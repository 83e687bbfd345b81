//! The disk is full, or says no, at every step; and then it has room again.

use std::path::Path;

use super::{
    SESSIONS, are_told, assert_sound, failure, fast_dir, is_stored, merge_all, open, put, sessions, store,
    stride, tell_removal,
};
use crate::IndexRoot;
use crate::LocalSink;
use crate::compact::{compact, remove_unfinished};
use crate::disk::faults::{EIO, ENOSPC, Fault, Watch};
use shelltrail_core::sink::RecordSink;

/// Tries until the disk has room again, which is after the second time that it was full.
fn persist<T, E: std::fmt::Debug>(watch: &Watch, case: &str, mut attempt: impl FnMut() -> Result<T, E>) -> T {
    for _ in 0..2 {
        if let Ok(done) = attempt() {
            return done;
        }
    }
    assert!(watch.hits() > 0, "{case}: something else is wrong");
    watch.fail(None);
    attempt().unwrap_or_else(|error| panic!("{case}: not recovered: {error:?}"))
}

/// Fills an index, in spite of a fault; all of it in one process.
fn fill(index: &Path, watch: &Watch, case: &str) {
    let sink: LocalSink = persist(watch, case, || open(index));
    for (i, session) in sessions().iter().enumerate() {
        if i == 1 {
            persist(watch, case, || sink.record_failure(&failure(session)));
            persist(watch, case, || put(&sink, session).map(drop));
        }
        persist(watch, case, || store(&sink, session));
        persist(watch, case, || tell_removal(&sink, i, session));
        assert!(persist(watch, case, || sink.contains(&super::partition_of(&sink, session), &session.id)));
        if i == 1 {
            persist(watch, case, || sink.clear_failure(&session.object));
        }
        if i == 2 {
            persist(watch, case, || merge_all(&sink));
        }
    }
    watch.fail(None);
    assert!(sessions().iter().all(|session| is_stored(&sink, session)), "{case}");
    assert!(are_told(index, &sessions()), "{case}");
}

/// Every `usual_stride`-th step fails, each in an index of its own.
fn recovers(errno: i32, once: bool, usual_stride: usize) {
    let dir = fast_dir();
    let watch = Watch::new(dir.path());
    fill(&dir.path().join("index"), &watch, "no fault");
    drop(watch);
    let dir = fast_dir();
    let watch = Watch::new(dir.path());
    watch.fail(Some(Fault { at: usize::MAX, errno, once: true }));
    let sink = open(&dir.path().join("index")).unwrap();
    for (i, session) in sessions().iter().enumerate() {
        store(&sink, session).unwrap();
        tell_removal(&sink, i, session).unwrap();
    }
    merge_all(&sink).unwrap();
    drop(sink);
    let steps = watch.begun();
    drop(watch);
    assert!(steps > 100, "{steps}");
    // The story has more steps than these; those behind its end are no fault at all.
    for at in (0..steps).step_by(stride(usual_stride)) {
        let case = format!("errno {errno} at step {at}");
        let dir = fast_dir();
        let index = dir.path().join("index");
        let watch = Watch::new(dir.path());
        watch.fail(Some(Fault { at, errno, once }));
        fill(&index, &watch, &case);
        let report = assert_sound(&index);
        let stored: u64 = report.partitions.iter().map(|part| part.sessions).sum();
        assert_eq!(stored, SESSIONS as u64, "{case}");
        // What was built and came to nothing is not kept in the packs.
        let unclaimed: u64 = report.partitions.iter().map(|part| part.unclaimed_bytes).sum();
        assert_eq!(unclaimed, 0, "{case}");
        drop(watch);
        let (root, lock) = IndexRoot::open_for_writing(&index, None).unwrap();
        remove_unfinished(&root, &lock).unwrap();
        for partition in root.partitions().unwrap() {
            assert_eq!(compact(&root, &lock, &partition).error, None, "{case}");
        }
        drop(lock);
        let report = assert_sound(&index);
        assert!(report.leftovers.is_empty(), "{case}: {:?}", report.leftovers);
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_is_recovered_from_without_a_restart() {
    recovers(ENOSPC, false, 2);
}

#[test]
fn a_disk_that_fails_for_a_while_is_recovered_from_without_a_restart() {
    recovers(EIO, false, 5);
}

#[test]
fn a_single_error_is_recovered_from() {
    recovers(EIO, true, 3);
}

/// What a build that failed has written takes no room.
#[test]
fn a_build_that_fails_leaves_no_file() {
    let session = &sessions()[1];
    for at in (0..200).step_by(stride(3)) {
        let dir = fast_dir();
        let index = dir.path().join("index");
        let sink = open(&index).unwrap();
        store(&sink, &sessions()[0]).unwrap();
        let watch = Watch::new(dir.path());
        watch.fail(Some(Fault { at, errno: ENOSPC, once: false }));
        if put(&sink, session).is_ok() {
            assert!(at > 10 && watch.hits() == 0, "{at}");
            return;
        }
        drop((watch, sink));
        let report = assert_sound(&index);
        assert!(report.leftovers.is_empty(), "{at}: {:?}", report.leftovers);
    }
    panic!("a build has no end");
}

/// After a sync that failed, nothing that was written before it is committed, whoever wrote it.
#[test]
fn text_that_a_failed_sync_may_have_lost_is_built_again() {
    let dir = fast_dir();
    let index = dir.path().join("index");
    let sink = open(&index).unwrap();
    let sessions = sessions();
    let (first, other) = (&sessions[0], &sessions[1]);
    let (batch, waits) = (put(&sink, first).unwrap(), put(&sink, other).unwrap());
    let watch = Watch::new(dir.path());
    watch.fail(Some(Fault { at: 0, errno: EIO, once: true }));
    sink.commit(vec![batch]).unwrap_err();
    assert_eq!(watch.hits(), 1);
    let error = sink.commit(vec![waits]).unwrap_err();
    assert!(format!("{error:?}").contains("LostText"), "{error:?}");
    for session in [first, other] {
        store(&sink, session).unwrap();
    }
    drop(sink);
    let report = assert_sound(&index);
    assert_eq!(report.partitions[0].unclaimed_bytes, 0, "{report:?}");
}
