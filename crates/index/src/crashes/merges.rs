//! Merges beside commits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shelltrail_core::Session;
use shelltrail_core::sink::RecordSink;

use super::{assert_sound, fast_dir, is_stored, open, partition_of, put, store};
use crate::disk::faults::{ENOSPC, Fault, Watch};
use crate::{Query, SearchOptions, Searcher, merge, samples};

fn many(count: usize) -> Vec<Session> {
    let session = |i| {
        let name = format!("user{i}-05ba181f37a0fb8d2");
        let texts = [("id", "uid=0"), ("cat x", "marker"), ("w", "load")];
        samples::session(&name, &texts[..1 + i % 3])
    };
    (0..count).map(session).collect()
}

fn segments(sink: &crate::LocalSink, session: &Session) -> usize {
    let open = sink.open_partition(&partition_of(sink, session)).unwrap();
    open.index.reload().unwrap();
    open.index.searcher().segment_readers().len()
}

#[test]
fn many_commits_are_merged_behind_them_and_keep_their_order() {
    let dir = fast_dir();
    let sink = open(&dir.path().join("index")).unwrap();
    let sessions = many(100);
    for session in &sessions {
        store(&sink, session).unwrap();
        assert!(is_stored(&sink, session));
    }
    sink.finish_merges();
    assert!(sessions.iter().all(|session| is_stored(&sink, session)));
    let left = segments(&sink, &sessions[0]);
    assert!(left < 8, "{left}");
    drop(sink);
    // The deep check holds every document of a record to its block: the order is that of the sessions.
    let report = assert_sound(&dir.path().join("index"));
    assert_eq!(report.partitions[0].sessions, 100);
    assert!(report.leftovers.is_empty(), "{:?}", report.leftovers);
    let searcher = Searcher::open(&dir.path().join("index")).unwrap();
    let found =
        searcher.search(&Query::literal("uid=0"), &SearchOptions { limit: 1000, ..Default::default() });
    assert_eq!(found.hits.len(), 100);
}

#[test]
fn closing_stops_a_merge_and_loses_nothing() {
    let dir = fast_dir();
    let index = dir.path().join("index");
    let sessions = many(60);
    for part in sessions.chunks(10) {
        let sink = open(&index).unwrap();
        part.iter().for_each(|session| store(&sink, session).unwrap());
        drop(sink);
        assert_sound(&index);
    }
    let sink = open(&index).unwrap();
    assert!(sessions.iter().all(|session| is_stored(&sink, session)));
}

#[test]
fn a_merge_that_fails_leaves_all_as_it_was_and_is_done_later() {
    let sessions = many(7);
    for at in 0..200 {
        let dir = fast_dir();
        let index = dir.path().join("index");
        let sink = open(&index).unwrap();
        // Fewer than the merger takes up by itself.
        sessions[..4].iter().for_each(|session| store(&sink, session).unwrap());
        let partition = sink.open_partition(&partition_of(&sink, &sessions[0])).unwrap();
        let watch = Watch::new(dir.path());
        watch.fail(Some(Fault { at, errno: ENOSPC, once: false }));
        let merged = partition.merge(merge::fewest);
        let hits = watch.hits();
        watch.fail(None);
        drop(watch);
        if hits == 0 {
            assert!(merged.is_ok() && at > 10, "{at} {merged:?}");
            return;
        }
        sessions[4..].iter().for_each(|session| store(&sink, session).unwrap());
        partition.merge(merge::fewest).unwrap();
        assert!(sessions.iter().all(|session| is_stored(&sink, session)), "{at}");
        assert_eq!(segments(&sink, &sessions[0]), 1, "{at}");
        drop((partition, sink));
        let report = assert_sound(&index);
        assert_eq!(report.partitions[0].sessions, 7, "{at}");
        assert!(report.leftovers.is_empty(), "{at}: {:?}", report.leftovers);
    }
    panic!("a merge has no end");
}

/// Merges run while batches are built and committed, many times over; and somebody checks the index all the while.
#[test]
fn commits_beside_merges_lose_nothing_and_a_check_beside_them_finds_nothing() {
    let dir = fast_dir();
    let index = dir.path().join("index");
    let sink = Arc::new(open(&index).unwrap());
    let sessions = many(200);
    let (first, second) = sessions.split_at(100);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let checker = scope.spawn(|| {
            let (mut checks, mut stored) = (0, 0);
            while !is_done.load(Ordering::Acquire) {
                let report = assert_sound(&index);
                let now = report.partitions.first().map_or(0, |part| part.sessions);
                assert!(now >= stored && report.being_written, "{stored} {report:#?}");
                (checks, stored) = (checks + 1, now);
            }
            checks
        });
        let writers: Vec<_> = [first, second]
            .into_iter()
            .map(|part| {
                let sink = Arc::clone(&sink);
                scope.spawn(move || {
                    for pair in part.chunks(2) {
                        let batches = pair.iter().map(|session| put(&sink, session).unwrap()).collect();
                        sink.commit(batches).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        sink.finish_merges();
        is_done.store(true, Ordering::Release);
        assert!(checker.join().unwrap() > 0);
    });
    assert!(sessions.iter().all(|session| is_stored(&sink, session)));
    drop(sink);
    let report = assert_sound(&index);
    assert_eq!((report.partitions[0].sessions, report.partitions[0].unclaimed_bytes), (200, 0));
}
