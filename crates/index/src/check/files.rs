//! Files that belong to nothing, and notes that cannot be read.

use std::fs;
use std::path::Path;

use serde::Serialize;
use shelltrail_core::Partition;
use tantivy::IndexMeta;

use super::{Finding, Found, Report};
use crate::directory::{META, names_in};
use crate::pack::{PackLengths, pack_path, packs_beyond};
use crate::root::{ENTRIES, IndexRoot};

/// A file that belongs to nothing, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Its path.
    pub path: String,
    /// How much of it belongs to nothing.
    pub bytes: u64,
    /// What it is.
    pub what: &'static str,
}

fn leftover(path: &Path, what: &'static str) -> Leftover {
    let bytes = fs::metadata(path).map_or(0, |meta| meta.len());
    Leftover { path: path.display().to_string(), bytes, what }
}

/// What lies in a partition to which nothing was ever committed.
pub(super) fn of_no_commit(dir: &Path, found: &mut Found) {
    let names = names_in(&dir.join("tantivy")).unwrap_or_default();
    let paths = names.iter().map(|name| dir.join("tantivy").join(name));
    found.leftovers.extend(paths.map(|path| leftover(&path, "of a commit that was never made")));
}

/// What lies in a partition and is not of its commit.
pub(super) fn of_partition(dir: &Path, meta: &IndexMeta, lengths: &PackLengths, found: &mut Found) {
    let (tantivy, packs) = (dir.join("tantivy"), dir.join("packs"));
    let known = meta.list_segment_files();
    for name in names_in(&tantivy).unwrap_or_default() {
        if !known.contains(&name) && name != Path::new(META) {
            found.leftovers.push(leftover(&tantivy.join(name), "of no segment"));
        }
    }
    for (pack, &committed) in (0..).zip(&lengths.0) {
        let mut tail = leftover(&pack_path(&packs, pack), "behind the last commit");
        tail.bytes = tail.bytes.saturating_sub(committed);
        found.leftovers.extend((tail.bytes > 0).then_some(tail));
    }
    let beyond = packs_beyond(&packs, lengths).unwrap_or_default();
    found.leftovers.extend(beyond.iter().map(|path| leftover(path, "a pack of no commit")));
    found.leftovers.extend(others(dir, |name| ["tantivy", "packs"].contains(&name)));
    found.leftovers.extend(others(&packs, |name| name.ends_with(".pack")));
}

/// What lies among the removals and is not of their commit.
pub(super) fn of_removals(dir: &Path, meta: Option<&IndexMeta>, found: &mut Found) {
    let known = meta.map(IndexMeta::list_segment_files).unwrap_or_default();
    for name in names_in(dir).unwrap_or_default() {
        if !known.contains(&name) && name != Path::new(META) {
            found.leftovers.push(leftover(&dir.join(name), "of no segment"));
        }
    }
}

/// What lies in the root, or among the partitions, and is not ours.
pub(super) fn strangers(root: &IndexRoot, report: &mut Report) {
    let digits = root.manifest().partition_digits;
    report.leftovers.extend(others(root.path(), |name| ENTRIES.contains(&name)));
    report
        .leftovers
        .extend(others(&root.partitions_dir(), |name| Partition::from_name(name, digits).is_some()));
    for dir in [root.failures_dir(), root.backfills_dir()] {
        let asides = others(&dir, |name| !name.ends_with(".tmp"));
        report.leftovers.extend(asides);
    }
}

fn others(dir: &Path, is_ours: impl Fn(&str) -> bool) -> Vec<Leftover> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let strange = entries.filter(|entry| !entry.file_name().to_str().is_some_and(&is_ours));
    strange
        .map(|entry| {
            let path = entry.path();
            let is_aside = path.extension().is_some_and(|extension| extension == "tmp");
            leftover(&path, if is_aside { "not finished" } else { "not ours" })
        })
        .collect()
}

/// Reads the notes of failures and backfills: each must be a JSON object.
pub(super) fn notes(root: &IndexRoot, report: &mut Report) {
    for dir in [root.failures_dir(), root.backfills_dir()] {
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                let what = format!("list {}: {error}", dir.display());
                report.unchecked.push(Finding { partition: None, what });
                continue;
            }
            Ok(entries) => entries,
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match fs::read(&path) {
                Ok(json) if serde_json::from_slice::<serde_json::Map<_, _>>(&json).is_ok() => {
                    report.notes += 1
                }
                // It was taken back while we looked.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    let what = format!("read {}: {error}", path.display());
                    report.unchecked.push(Finding { partition: None, what });
                }
                Ok(_) => {
                    let what = format!(
                        "{} is no note; what it told of is not known: remove it and backfill what may be missing",
                        path.display()
                    );
                    report.damage.push(Finding { partition: None, what });
                }
            }
        }
    }
}
