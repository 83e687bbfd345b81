//! One partition: its commit, its segments, and which sessions they name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use shelltrail_core::{Partition, TranscriptId};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, Index, SegmentReader, TERMINATED, Term};

use super::commit::Commit;
use super::{Affected, Found, files, text};
use crate::docset::Docs;
use crate::pack::{BlockAt, PackLengths};
use crate::partition::{CommitPayload, PartitionError, PartitionIndex, tantivy_error};
use crate::root::IndexRoot;
use crate::schema::{self, SESSION, column};
use crate::sessions::Sessions;

/// A session as its documents tell of it.
pub(super) struct Listed {
    pub(super) transcript: String,
    pub(super) at: BlockAt,
    /// The block of each of its records.
    pub(super) blocks: Vec<u64>,
}

/// The last commit of a partition.
struct Snapshot {
    commit: Commit,
    payload: CommitPayload,
}

impl Snapshot {
    fn take(dir: &Path) -> Result<Option<Self>, PartitionError> {
        if !PartitionIndex::exists(dir)? {
            return Ok(None);
        }
        let commit = Commit::take(&dir.join("tantivy"))?;
        schema::register(&commit.index);
        let payload = match &commit.meta.payload {
            None => CommitPayload::default(),
            Some(payload) => serde_json::from_str(payload).map_err(|_| PartitionError::BadPayload)?,
        };
        Ok(Some(Self { commit, payload }))
    }
}

/// Checks a partition.
pub(super) fn check(root: &IndexRoot, partition: &Partition, deep: bool) -> Found {
    let mut found = Found::new(partition);
    let dir = root.partition_dir(partition);
    let snapshot = match Snapshot::take(&dir) {
        Ok(Some(snapshot)) => snapshot,
        Ok(None) => {
            files::of_no_commit(&dir, &mut found);
            return found;
        }
        Err(error) => {
            found.fault("the commit", &error);
            // What is lost is told as far as the packs tell it.
            text::name_all(&dir.join("packs"), None, &BTreeSet::new(), &mut found);
            return found;
        }
    };
    let lengths = &snapshot.payload.packs;
    let Commit { index, meta: commit, .. } = &snapshot.commit;
    found.report.segments = commit.segments.len() as u64;
    found.report.pack_bytes = lengths.0.iter().sum();
    let damaged = snapshot.commit.damaged_segments("tantivy/", &mut found);
    let is_whole = text::lengths(&dir.join("packs"), lengths, &mut found);
    let mut sessions = Vec::new();
    let mut unlisted = false;
    for meta in &commit.segments {
        let id = meta.id().uuid_string();
        // tantivy may panic on what is not as it wrote it.
        let listed = match damaged.contains(&id) {
            true => Err(None),
            false => list(index, meta).map_err(Some),
        };
        match listed {
            Ok(listed) => sessions.extend(listed),
            Err(error) => {
                unlisted = true;
                if let Some(error) = error {
                    found.fault(&format!("segment {id}"), &error);
                }
            }
        }
    }
    sessions.sort_by_key(|session: &Listed| session.at);
    found.report.sessions = sessions.len() as u64;
    found.report.records = sessions.iter().map(|session| session.blocks.len() as u64).sum();
    found.ids.extend(sessions.iter().filter_map(|session| session.transcript.parse::<TranscriptId>().ok()));
    text::check(&dir.join("packs"), lengths, &sessions, deep, !unlisted && is_whole, &mut found);
    for meta in &commit.segments {
        if !damaged.contains(&meta.id().uuid_string()) {
            // What cannot be named stays without a name; that it is damaged is known.
            let _ = name(index, meta, &mut found.affected);
        }
    }
    if unlisted {
        let known = sessions.iter().map(|session| session.at).collect();
        text::name_all(&dir.join("packs"), Some(lengths), &known, &mut found);
    }
    files::of_partition(&dir, commit, lengths, &mut found);
    found
}

/// The sessions of a segment.
fn list(index: &Index, meta: &tantivy::SegmentMeta) -> Result<Vec<Listed>, PartitionError> {
    let read = tantivy_error::<tantivy::TantivyError>;
    let reader = SegmentReader::open(&index.segment(meta.clone())).map_err(read("open"))?;
    let fields = schema::schema().1;
    let term = Term::from_field_text(fields.kind, SESSION);
    let inverted = reader.inverted_index(fields.kind).map_err(read("read"))?;
    let mut docs = Docs::none(reader.max_doc());
    if let Some(postings) =
        inverted.read_postings(&term, IndexRecordOption::Basic).map_err(tantivy_error("read"))?
    {
        docs.add(postings);
    }
    let records = reader.fast_fields().u64(column::RECORDS).map_err(read("read a column of"))?;
    let sessions = Sessions::read(&reader, &docs)?;
    let wrong = |source: &str| PartitionError::Order(source.to_owned());
    if reader.max_doc() > 0 && !docs.contains(0) {
        return Err(wrong("its first document is not that of a session"));
    }
    let mut listed = Vec::new();
    for session in sessions.from(0) {
        let transcript =
            sessions.transcript(session.transcript).map_err(|error| wrong(&error.to_string()))?;
        let range = session.records();
        if records.first(session.doc) != Some(u64::from(range.end - range.start)) {
            return Err(wrong(&format!(
                "session document {} says {:?} records and is followed by {}",
                session.doc,
                records.first(session.doc),
                range.end - range.start
            )));
        }
        let at = sessions.place(session, session.doc);
        let blocks = range.map(|doc| sessions.place(session, doc).offset).collect();
        listed.push(Listed { transcript, at, blocks });
    }
    Ok(listed)
}

/// Names transcripts by the terms of their session documents, where no block of them could be read. tantivy asks for the
/// documents of a term and not for the terms of a document, so this reads all session IDs of the segment.
fn name(index: &Index, meta: &tantivy::SegmentMeta, affected: &mut [Affected]) -> Result<(), PartitionError> {
    let read = tantivy_error::<tantivy::TantivyError>;
    let mut nameless: Vec<&mut Affected> = affected.iter_mut().filter(|one| one.session.is_none()).collect();
    if nameless.is_empty() {
        return Ok(());
    }
    let reader = SegmentReader::open(&index.segment(meta.clone())).map_err(read("open"))?;
    let fields = schema::schema().1;
    let transcripts = reader.inverted_index(fields.transcript).map_err(read("read"))?;
    let mut by_doc = BTreeMap::new();
    for one in &mut nameless {
        let term = Term::from_field_text(fields.transcript, &one.transcript);
        let postings =
            transcripts.read_postings(&term, IndexRecordOption::Basic).map_err(tantivy_error("read"))?;
        by_doc.extend(postings.map(|postings| (postings.doc(), &mut **one)));
    }
    for field in [fields.session, fields.account] {
        let inverted = reader.inverted_index(field).map_err(read("read"))?;
        let mut terms = inverted.terms().stream().map_err(tantivy_error("read"))?;
        while terms.advance() {
            let Ok(value) = std::str::from_utf8(terms.key()) else { continue };
            let postings = inverted.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic);
            let mut postings = postings.map_err(tantivy_error("read"))?;
            while postings.doc() != TERMINATED {
                if let Some(one) = by_doc.get_mut(&postings.doc()) {
                    let place = if field == fields.session { &mut one.session } else { &mut one.account };
                    *place = Some(value.to_owned());
                }
                postings.advance();
            }
        }
    }
    Ok(())
}

/// Whether a place lies in what is committed.
pub(super) fn is_committed(at: BlockAt, lengths: &PackLengths) -> bool {
    let length = usize::try_from(at.pack).ok().and_then(|pack| lengths.0.get(pack));
    length.is_some_and(|&length| at.offset < length)
}
