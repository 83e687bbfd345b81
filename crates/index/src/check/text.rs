//! The packs of a partition: whether every session that is named has its text.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Found;
use super::sessions::{Listed, is_committed};
use crate::block::SessionMeta;
use crate::block_cache::BlockCache;
use crate::pack::{BlockAt, PackError, PackLengths, PackReader, pack_path};

/// Compares the lengths of the packs with the commit; whether all is there.
pub(super) fn lengths(packs: &Path, lengths: &PackLengths, found: &mut Found) -> bool {
    let mut is_whole = true;
    for (pack, &committed) in (0..).zip(&lengths.0) {
        let path = pack_path(packs, pack);
        match fs::metadata(&path) {
            Ok(meta) if meta.len() >= committed => continue,
            Ok(meta) => {
                let found_bytes = meta.len();
                found.fault("text", &PackError::Short { path, found: found_bytes, committed });
            }
            Err(_) if committed == 0 => continue,
            Err(source) => found.fault("text", &PackError::Io { action: "open", path, source }),
        }
        is_whole = false;
    }
    is_whole
}

/// Reads what the sessions say is there: the header of their first block, or all blocks.
pub(super) fn check(
    packs: &Path,
    lengths: &PackLengths,
    sessions: &[Listed],
    deep: bool,
    may_count: bool,
    found: &mut Found,
) {
    let reader = PackReader::new(packs, BlockCache::new());
    let mut claimed = 0;
    let mut end = BlockAt { pack: 0, offset: 0 };
    for session in sessions {
        if session.at < end {
            found.damaged(format!("transcript {}: its text lies in that of another", session.transcript));
            found.affected(session.transcript.clone(), None);
            continue;
        }
        match one(&reader, lengths, session, deep, found) {
            Ok(next) => {
                claimed += next - session.at.offset;
                end = BlockAt { pack: session.at.pack, offset: next };
            }
            Err(what) => {
                match what {
                    Wrong::Pack(error) => found.fault(&format!("transcript {}", session.transcript), &error),
                    Wrong::Said(what) => found.damaged(format!("transcript {}: {what}", session.transcript)),
                }
                let meta = any_meta(&reader, session);
                found.affected(session.transcript.clone(), meta.as_ref());
            }
        }
    }
    if deep && may_count && found.damage.is_empty() {
        found.report.unclaimed_bytes = found.report.pack_bytes.saturating_sub(claimed);
    }
}

enum Wrong {
    Pack(PackError),
    Said(String),
}

impl From<PackError> for Wrong {
    fn from(error: PackError) -> Self {
        Self::Pack(error)
    }
}

/// Checks a session, and tells where its text ends as far as it was read.
fn one(
    reader: &PackReader,
    lengths: &PackLengths,
    session: &Listed,
    deep: bool,
    found: &mut Found,
) -> Result<u64, Wrong> {
    if !is_committed(session.at, lengths) {
        return Err(Wrong::Said(format!(
            "its text is at byte {} of pack {}, beyond what was committed",
            session.at.offset, session.at.pack
        )));
    }
    if !deep {
        let header = reader.header(session.at)?;
        if header.back != 0 || header.first_seq != 0 || header.blocks == 0 {
            return Err(Wrong::Said("its text does not begin where its document says".to_owned()));
        }
        return Ok(session.at.offset);
    }
    let mut at = session.at;
    let (mut seq, mut blocks, mut read) = (0u32, 1, 0);
    while read < blocks {
        if !is_committed(at, lengths) {
            return Err(Wrong::Said("its text goes beyond what was committed".to_owned()));
        }
        let (header, block, next) = reader.whole(at)?;
        found.report.blocks += 1;
        if read == 0 {
            blocks = header.blocks;
        }
        let is_next = header.back == at.offset - session.at.offset
            && header.blocks == blocks
            && (header.first_seq == seq || header.records == 0);
        if !is_next || block.session.id.to_string() != session.transcript {
            return Err(Wrong::Said(format!(
                "the block at byte {} of pack {} is not its own",
                at.offset, at.pack
            )));
        }
        let named = session.blocks.iter().skip(seq as usize).take(header.records as usize);
        if named.clone().count() != header.records as usize
            || named.clone().any(|&offset| offset != at.offset)
        {
            return Err(Wrong::Said(format!(
                "the documents of its records do not name the block at byte {}",
                at.offset
            )));
        }
        seq += header.records;
        at.offset = next;
        read += 1;
    }
    if seq as usize != session.blocks.len() {
        return Err(Wrong::Said(format!(
            "it has {} records in the index and {seq} in the packs",
            session.blocks.len()
        )));
    }
    if !is_committed(BlockAt { pack: at.pack, offset: at.offset - 1 }, lengths) {
        return Err(Wrong::Said("its text goes beyond what was committed".to_owned()));
    }
    Ok(at.offset)
}

/// What any block of a session that can be read says of it.
fn any_meta(reader: &PackReader, session: &Listed) -> Option<SessionMeta> {
    let places: BTreeSet<u64> = session.blocks.iter().copied().chain([session.at.offset]).collect();
    let places = places.into_iter().map(|offset| BlockAt { pack: session.at.pack, offset });
    let mut metas = places.filter_map(|at| Some(reader.whole(at).ok()?.1.session));
    metas.find(|meta| meta.id.to_string() == session.transcript)
}

/// Names the sessions in the packs that no document names: where segments cannot be read, these may be lost. Without
/// lengths the whole files are read.
pub(super) fn name_all(
    packs: &Path,
    lengths: Option<&PackLengths>,
    known: &BTreeSet<BlockAt>,
    found: &mut Found,
) {
    let reader = PackReader::new(packs, BlockCache::new());
    for pack in 0.. {
        let Ok(file) = fs::metadata(pack_path(packs, pack)) else { break };
        let committed = lengths.map(|lengths| lengths.0.get(pack as usize).copied().unwrap_or(0));
        let length = committed.map_or(file.len(), |committed| committed.min(file.len()));
        let mut at = BlockAt { pack, offset: 0 };
        while at.offset < length {
            match reader.whole(at) {
                Ok((header, block, next)) => {
                    if header.back == 0 && !known.contains(&at) {
                        found.affected(block.session.id.to_string(), Some(&block.session));
                    }
                    at.offset = next;
                }
                // Behind a block that cannot be read the next one begins where its header says, if that can be read.
                Err(_) => match reader.header(at) {
                    Ok(header) => at.offset += (crate::block::HEADER_BYTES + header.body_bytes()) as u64,
                    Err(_) => {
                        let path = pack_path(packs, pack);
                        let rest = length - at.offset;
                        found.damaged(format!(
                            "{rest} bytes of {} from byte {} on cannot be read: more transcripts than are named may be lost",
                            path.display(),
                            at.offset
                        ));
                        break;
                    }
                },
            }
        }
    }
}
