//! What was told of objects after they were stored in their bucket.

use std::path::Path;

use serde::Serialize;
use tantivy::SegmentReader;

use super::commit::Commit;
use super::{Found, Report, files};
use crate::partition::{PartitionError, tantivy_error};
use crate::removals;
use crate::root::IndexRoot;

/// What `removals/` holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RemovalsReport {
    /// tantivy segments.
    pub segments: u64,
    /// Files whose checksum was compared.
    pub files: u64,
    /// Events in the segments that can be read; each was held to its columns.
    pub events: u64,
    /// Bytes of columns.
    pub index_bytes: u64,
    /// Whether any of it is damaged: which objects were deleted or written again is not known.
    pub damaged: bool,
}

/// Checks the removals.
pub(super) fn check(root: &IndexRoot, report: &mut Report) {
    let dir = root.removals_dir();
    let mut found = Found::default();
    if let Err(error) = look(&dir, &mut found) {
        found.fault("the commit", &error);
    }
    report.removals = RemovalsReport {
        segments: found.report.segments,
        files: found.report.files,
        events: found.report.records,
        index_bytes: found.report.index_bytes,
        damaged: !found.damage.is_empty(),
    };
    for (findings, of_removals) in
        [(&mut report.damage, found.damage), (&mut report.unchecked, found.unchecked)]
    {
        findings.extend(of_removals.into_iter().map(|mut finding| {
            finding.partition = None;
            finding.what.insert_str(0, "removals: ");
            finding
        }));
    }
    report.leftovers.extend(found.leftovers);
}

fn look(dir: &Path, found: &mut Found) -> Result<(), PartitionError> {
    if !removals::exist(dir)? {
        files::of_removals(dir, None, found);
        return Ok(());
    }
    let commit = Commit::take(dir)?;
    found.report.segments = commit.meta.segments.len() as u64;
    let damaged = commit.damaged_segments("", found);
    for meta in &commit.meta.segments {
        let id = meta.id().uuid_string();
        // tantivy may panic on what is not as it wrote it.
        if damaged.contains(&id) {
            continue;
        }
        let reader = SegmentReader::open(&commit.index.segment(meta.clone()));
        let events = reader.map_err(tantivy_error("open")).and_then(|reader| removals::verify(&reader));
        match events {
            Ok(events) => found.report.records += events,
            Err(error) => found.fault(&format!("segment {id}"), &error),
        }
    }
    files::of_removals(dir, Some(&commit.meta), found);
    Ok(())
}
