//! The order of the writes, as ARCHITECTURE.md claims it.

use std::path::Path;

use super::model::Disk;
use super::{fast_dir, tell};
use crate::disk::faults::{Step, Watch};

#[test]
fn bytes_come_before_names_and_all_before_the_acknowledgement() {
    let dir = fast_dir();
    let watch = Watch::new(dir.path());
    tell(&dir.path().join("index"), &watch);
    let mut disk = Disk::new();
    let (mut commits, mut acknowledged) = (0, 0);
    let is_meta = |path: &Path| path.file_name().is_some_and(|name| name == "meta.json");
    let is_tantivys = |dir: &Path| dir.ends_with("tantivy") || dir.ends_with("removals");
    for step in watch.steps() {
        match &step {
            // meta.json names its segments: all that lies in the partition must be durable first, text and terms.
            Step::Rename(from, to) if is_meta(to) => {
                commits += 1;
                let dir = to.parent().unwrap();
                let partition = if dir.ends_with("tantivy") { dir.parent().unwrap() } else { dir };
                let mut endangered = disk.endangered(partition);
                // The name under which it was written aside is given up now.
                endangered.retain(|path| path != from);
                assert!(endangered.is_empty(), "{endangered:?}");
            }
            // What is removed is named by a meta.json that is not durable any more.
            Step::Remove(path) if path.parent().is_some_and(is_tantivys) => {
                assert!(disk.endangered(&path.parent().unwrap().join("meta.json")).is_empty());
            }
            Step::Acknowledged(_) => {
                acknowledged += 1;
                let metas = disk.endangered(Path::new("index")).into_iter().filter(|path| is_meta(path));
                assert_eq!(metas.count(), 0);
            }
            _ => {}
        }
        disk.apply(&step);
    }
    assert!(commits > 9 && acknowledged == super::SESSIONS, "{commits} {acknowledged}");
}
