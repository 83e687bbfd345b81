//! A folder that cannot be listed is a failure of its own, and the rest goes on.

use std::fs;
use std::path::{Path, PathBuf};

use shelltrail_core::sink::{Failure, RecordSink};

use super::*;
use crate::folder::tests::{Folder, bury};

/// A folder with one below it that cannot be listed until its path is short enough.
fn folder_with_a_buried_one() -> (Folder, PathBuf) {
    let root = Folder::new("backfill");
    for name in ["111122223333/a.log", "z.log"] {
        root.write(name, name.as_bytes());
    }
    fs::create_dir_all(root.path().join("none")).unwrap();
    bury(&root, "deep", &["1.log", "2.log"]);
    let top = root.path().join("deep");
    (root, top)
}

async fn index_folder(world: &World, root: &Path, selection: Selection) -> Report {
    let World { keys, sink, progress, .. } = world.restarted();
    let origin = Origin::folder(LocalFolder::new(root)).select(selection);
    let report = backfill_with_report(config(), origin, keys, sink, Stop::never(), progress).await.unwrap();
    assert!(report.tally.adds_up() && report.ended && report.settled, "{report:?}");
    report
}

#[tokio::test]
async fn a_folder_that_cannot_be_listed_is_a_failure_of_its_own_until_it_can() {
    let (root, top) = folder_with_a_buried_one();
    let world = World::new();
    for indexed in [2, 0] {
        let report = index_folder(&world, root.path(), Selection::default()).await;
        let tally = report.tally;
        assert_eq!((tally.seen, tally.indexed, tally.already_indexed), (3, indexed, 2 - indexed));
        assert_eq!((tally.failed, report.is_complete()), (1, false));
        let failures = world.sink.failures();
        let [failure] = &failures[..] else { panic!("{failures:?}") };
        assert_eq!(failure.reason, "folder-not-listed");
        assert!(failure.object.key.starts_with("deep/") && failure.object.key.ends_with('/'));
        assert!(failure.detail.contains("list the folder"), "{failure:?}");
    }
    // What is wanted may lie there, unless its name says otherwise.
    for (prefix, failed) in [("deep/", 1), ("deep/ddd", 1), ("z", 0)] {
        let selection = Selection { prefixes: vec![prefix.to_owned()], ..Selection::default() };
        let report = index_folder(&world, root.path(), selection).await;
        assert_eq!(report.tally.failed, failed, "{prefix}");
    }
    // Nearer to the root it can be listed. Under its old name it is not there any more, and nobody can tell.
    let entry = world.sink.failures().remove(0).object;
    let name = "d".repeat(250);
    let mut levels = entry.key.matches('/').count() - 1;
    while levels > 3 {
        let lower = top.join([name.as_str(); 2].join("/"));
        fs::rename(&lower, root.path().join("aside")).unwrap();
        fs::remove_dir_all(top.join(&name)).unwrap();
        fs::rename(root.path().join("aside"), top.join(&name)).unwrap();
        levels -= 1;
    }
    let report = index_folder(&world, root.path(), Selection::default()).await;
    assert_eq!((report.tally.indexed, report.is_complete()), (2, true), "{report:?}");
}

#[tokio::test]
async fn a_folder_that_is_listed_again_is_no_failure_any_more() {
    let root = Folder::new("backfill");
    root.write("a/b/c.log", b"text");
    root.write("ab/c.log", b"text");
    fs::create_dir_all(root.path().join("none")).unwrap();
    let world = World::new();
    let named = |key: &str| Failure {
        object: ObjectRef { key: key.to_owned(), ..ObjectRef::default() },
        account: None,
        reason: "folder-not-listed".to_owned(),
        detail: String::new(),
        attempts: 0,
        failed_at: jiff::Timestamp::UNIX_EPOCH,
        size: None,
        sequencer: None,
        message: None,
    };
    for key in ["a/", "a/b/", "none/", "b/", "a"] {
        world.sink.record_failure(&named(key)).unwrap();
    }
    let report = index_folder(&world, root.path(), Selection::default()).await;
    assert_eq!((report.tally.seen, report.tally.indexed), (2, 2));
    let left: Vec<_> = world.sink.failures().into_iter().map(|failure| failure.object.key).collect();
    assert_eq!(left, ["a", "b/"], "what was not listed is left as it was");
}
