//! Whether an index is what its commits say. Reads, and changes nothing; a writer may be at work.
//!
//! Of each partition the last commit is taken (its files stay readable though a merge removes their names), and held to
//! the files: the checksums of the segments, the length of the packs, the first block of each session. The deep check
//! decodes every block and holds it to the documents.

mod commit;
mod files;
mod removals;
mod sessions;
mod text;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;
use shelltrail_core::{Partition, TranscriptId};

use crate::block::SessionMeta;
use crate::partition::PartitionIndex;
use crate::root::{IndexRoot, RootError};

pub use files::Leftover;
pub use removals::RemovalsReport;

/// Most transcripts that are named; those beyond are counted.
pub const MAX_AFFECTED: usize = 10_000;

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Version of the layout on disk.
    pub schema: u32,
    /// Whether every block was decoded.
    pub deep: bool,
    /// Whether a process was writing; then files that belong to no commit are not listed, for they may be its.
    pub being_written: bool,
    /// The partitions that hold something, by name.
    pub partitions: Vec<PartitionReport>,
    /// What is damaged. Empty: the index is sound.
    pub damage: Vec<Finding>,
    /// What could not be looked at, for want of rights.
    pub unchecked: Vec<Finding>,
    /// Transcripts whose records are lost or cannot be read, as far as that is known.
    pub affected: Vec<Affected>,
    /// How many there are beyond [`MAX_AFFECTED`].
    pub affected_more: u64,
    /// Files that belong to nothing; `compact` removes those that are ours.
    pub leftovers: Vec<Leftover>,
    /// What `removals/` holds.
    pub removals: RemovalsReport,
    /// Notes in `failures/` and `backfills/` that can be read.
    pub notes: u64,
}

/// What a partition holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PartitionReport {
    /// Its name.
    pub partition: String,
    /// tantivy segments.
    pub segments: u64,
    /// Files whose checksum was compared.
    pub files: u64,
    /// Stored transcripts in the segments that can be read.
    pub sessions: u64,
    /// Their records.
    pub records: u64,
    /// Bytes of terms and columns.
    pub index_bytes: u64,
    /// Committed bytes of text.
    pub pack_bytes: u64,
    /// Blocks that were decoded; a deep check decodes all.
    pub blocks: u64,
    /// Committed bytes that are no session's: batches that were given up. Known to a deep check.
    pub unclaimed_bytes: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The partition, or nothing if it is about the whole index.
    pub partition: Option<String>,
    /// What is wrong, with the file.
    pub what: String,
}

/// A transcript that is hit by damage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Affected {
    /// The partition.
    pub partition: String,
    /// Its identity.
    pub transcript: String,
    /// Its session ID, if it can be read; from the terms of its document where no block of it can.
    pub session: Option<String>,
    /// Its account, likewise.
    pub account: Option<String>,
    /// The bucket of its object, if it can be read.
    pub bucket: Option<String>,
    /// The key of its object, if it can be read.
    pub key: Option<String>,
    /// The version of its object, if it has one and it can be read.
    pub version: Option<String>,
}

impl Report {
    /// Whether all was looked at and nothing is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.unchecked.is_empty()
    }
}

/// What was found in one partition.
#[derive(Debug, Default)]
struct Found {
    report: PartitionReport,
    damage: Vec<Finding>,
    unchecked: Vec<Finding>,
    affected: Vec<Affected>,
    leftovers: Vec<Leftover>,
    /// The identities of its sessions.
    ids: Vec<TranscriptId>,
}

impl Found {
    fn new(partition: &Partition) -> Self {
        let report = PartitionReport { partition: partition.to_string(), ..PartitionReport::default() };
        Self { report, ..Self::default() }
    }

    /// Notes an error: as damage, unless it is about rights.
    fn fault(&mut self, place: &str, error: &(dyn std::error::Error + 'static)) {
        let what = format!("{place}: {}", crate::search::with_causes(error));
        let finding = Finding { partition: Some(self.report.partition.clone()), what };
        if is_about_rights(error) { self.unchecked.push(finding) } else { self.damage.push(finding) }
    }

    fn damaged(&mut self, what: impl Into<String>) {
        self.damage.push(Finding { partition: Some(self.report.partition.clone()), what: what.into() });
    }

    fn affected(&mut self, transcript: String, session: Option<&SessionMeta>) {
        let object = session.map(|session| &session.object);
        self.affected.push(Affected {
            partition: self.report.partition.clone(),
            transcript,
            session: session.map(|session| session.session.clone()),
            account: session.and_then(|session| Some(session.account?.to_string())),
            bucket: object.and_then(|object| object.bucket.clone()),
            key: object.map(|object| object.key.clone()),
            version: object.and_then(|object| object.version.clone()),
        });
    }
}

fn is_about_rights(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if kind_of(error) == Some(io::ErrorKind::PermissionDenied) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What the system said. tantivy keeps its answers in fields that are no sources.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    use tantivy::TantivyError;
    use tantivy::directory::error::{LockError, OpenReadError};
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some(error.kind());
    }
    if let Some(OpenReadError::IoError { io_error, .. }) = error.downcast_ref::<OpenReadError>() {
        return Some(io_error.kind());
    }
    let tantivy = error.downcast_ref::<TantivyError>();
    match tantivy.or_else(|| error.downcast_ref::<Box<TantivyError>>().map(|error| &**error))? {
        TantivyError::IoError(error) | TantivyError::LockFailure(LockError::IoError(error), _) => {
            Some(error.kind())
        }
        _ => None,
    }
}

/// Checks an index.
///
/// # Errors
/// There is no index root here that this program understands, or it cannot be listed.
pub fn check(path: &Path, deep: bool) -> Result<Report, RootError> {
    let root = IndexRoot::open(path)?;
    let listed = root.listed_partitions()?;
    let partitions = root.partitions()?;
    let found: Vec<Found> =
        partitions.par_iter().map(|partition| sessions::check(&root, partition, deep)).collect();
    let mut report = Report {
        schema: root.manifest().schema,
        deep,
        being_written: root.is_being_written(),
        ..Report::default()
    };
    let mut ids = Vec::new();
    for part in found {
        ids.extend(part.ids.iter().map(|id| (*id, part.report.partition.clone())));
        report.damage.extend(part.damage);
        report.unchecked.extend(part.unchecked);
        report.affected.extend(part.affected);
        report.leftovers.extend(part.leftovers);
        report.partitions.push(part.report);
    }
    for partition in listed {
        if let Ok(false) = PartitionIndex::exists(&root.partition_dir(&partition)) {
            let what = root.missing(&partition).to_string();
            report.damage.push(Finding { partition: Some(partition.to_string()), what });
        }
    }
    if deep {
        doubles(ids, &mut report);
    }
    removals::check(&root, &mut report);
    files::notes(&root, &mut report);
    if report.being_written {
        report.leftovers.clear();
    } else {
        files::strangers(&root, &mut report);
    }
    report.affected.sort();
    report.affected.dedup();
    report.affected_more = report.affected.len().saturating_sub(MAX_AFFECTED) as u64;
    report.affected.truncate(MAX_AFFECTED);
    report.leftovers.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(report)
}

/// An identity stands for one stored transcript in the whole index.
fn doubles(ids: Vec<(TranscriptId, String)>, report: &mut Report) {
    let mut partitions: BTreeMap<TranscriptId, String> = BTreeMap::new();
    for (id, partition) in ids {
        if let Some(other) = partitions.insert(id, partition.clone()) {
            let what = format!("transcript {id} is stored twice, in partitions {other} and {partition}");
            report.damage.push(Finding { partition: Some(partition), what });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
