//! Blocks: the clear text of a session as it lies in a pack.
//!
//! A session is a run of one or more blocks, cut between records at about [`TARGET_TEXT_BYTES`] of
//! text, so that reading one hit in a huge session costs one block. Each block stands for itself:
//!
//! ```text
//! header (40 bytes, little-endian)
//!   magic "STB2" · stored u32 · meta clear u32 · text clear u32 · first seq u32 · records u32
//!   blocks of the session u32 · zero u32 · distance back to the session's first block u64
//! body   one zstd frame with checksum:
//!   text   command and output of each record, one after the other, UTF-8
//!   meta   the session's header and the records' fields, as postcard writes them: fields in order, enums by
//!          number, so that both may only grow at their ends
//! ```
//!
//! Meta and text share a frame because a frame of its own costs a small part more than its content does.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shelltrail_core::session::Span;
use shelltrail_core::{
    AccountId, Boundary, CommandRecord, Confidence, Defect, Flag, ObjectRef, Origin, Reason, Sequencer,
    Session, SessionKind, Status, TimeSource, TranscriptId,
};

use crate::record_view::RecordView;

/// Text per block, unless one record alone is larger. Showing a hit costs one block, so smaller blocks make faster
/// answers and larger packs: 8 KiB takes a third more than 1 MiB (benches/README.md).
pub const TARGET_TEXT_BYTES: usize = 8 << 10;
/// Size of the fixed header.
pub const HEADER_BYTES: usize = 40;

const MAGIC: [u8; 4] = *b"STB2";
/// Level 3 takes a fifth more instructions and saves one byte in a hundred (benches/README.md).
const ZSTD_LEVEL: i32 = 2;
/// No block claims more clear bytes than this; a damaged header must not make us reserve memory.
const MAX_CLEAR_BYTES: u32 = 1 << 30;

/// A block that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The header is not one of ours.
    #[error("no block begins here")]
    NotABlock,
    /// A stored part does not inflate to what the header announces, or is not what it should be.
    #[error("the block is damaged: {0}")]
    Damaged(&'static str),
    /// The index says that a record is here which is not.
    #[error("the block does not hold record {0}; the index and its packs do not belong together")]
    NoSuchRecord(u32),
    /// The record is larger than a block can be.
    #[error("a record of {0} bytes does not fit into a block")]
    TooLarge(usize),
}

/// The fixed header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    stored: u32,
    meta_clear: u32,
    text_clear: u32,
    /// `seq` of the first record.
    pub first_seq: u32,
    /// How many records the block holds.
    pub records: u32,
    /// How many blocks the session has.
    pub blocks: u32,
    /// How many bytes before this block the session's first block begins.
    pub back: u64,
}

impl BlockHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// [`BlockError::NotABlock`] if the magic or a size is wrong.
    pub fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Self, BlockError> {
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let header = Self {
            stored: u32_at(4),
            meta_clear: u32_at(8),
            text_clear: u32_at(12),
            first_seq: u32_at(16),
            records: u32_at(20),
            blocks: u32_at(24),
            back: u64::from_le_bytes(std::array::from_fn(|i| bytes[32 + i])),
        };
        let sizes = [header.stored, header.meta_clear, header.text_clear];
        if bytes[..4] != MAGIC || sizes.iter().any(|&size| size > MAX_CLEAR_BYTES) {
            return Err(BlockError::NotABlock);
        }
        Ok(header)
    }

    fn write(&self, out: &mut [u8]) {
        out[..4].copy_from_slice(&MAGIC);
        let numbers =
            [self.stored, self.meta_clear, self.text_clear, self.first_seq, self.records, self.blocks, 0];
        for (i, number) in numbers.into_iter().enumerate() {
            out[4 + 4 * i..8 + 4 * i].copy_from_slice(&number.to_le_bytes());
        }
        out[32..40].copy_from_slice(&self.back.to_le_bytes());
    }

    /// Stored size of the body, which follows the header.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.stored as usize
    }
}

/// The meta part: everything of a session but its text.
#[derive(Clone, Debug, Deserialize)]
struct BlockMeta {
    /// The session.
    session: SessionMeta,
    /// First seq, blocks and distance back, as in the header: there they have no checksum.
    links: (u32, u32, u64),
    /// The records of this block.
    records: Vec<RecordMeta>,
}

/// A session without its records.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)] // the fields are those of shelltrail_core::Session
pub struct SessionMeta {
    pub kind: SessionKind,
    pub id: TranscriptId,
    pub object: ObjectRef,
    pub account: Option<AccountId>,
    pub region: Option<String>,
    pub session: String,
    pub principal: Option<String>,
    pub target: Option<String>,
    pub ended_at: Option<Timestamp>,
    pub time_source: Option<TimeSource>,
    pub bytes: u64,
    pub unread_bytes: u64,
    pub record_count: u64,
    pub defects: Vec<Defect>,
    pub sequencer: Option<Sequencer>,
    pub last_modified: Option<Timestamp>,
}

impl SessionMeta {
    /// What is stored of a session beside its records.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self {
            kind: session.kind,
            id: session.id,
            object: session.object.clone(),
            account: session.account,
            region: session.region.clone(),
            session: session.session.clone(),
            principal: session.principal.clone(),
            target: session.target.clone(),
            ended_at: session.ended_at,
            time_source: session.time_source,
            bytes: session.bytes,
            unread_bytes: session.unread_bytes,
            record_count: session.records.len() as u64,
            defects: session.defects.clone(),
            sequencer: session.sequencer.clone(),
            last_modified: session.last_modified,
        }
    }

    /// The session as the rest of the program knows it, without records.
    #[must_use]
    pub fn to_session(&self) -> Session {
        let SessionMeta { id, object, account, region, session, principal, target, .. } = self.clone();
        Session {
            kind: self.kind,
            id,
            object,
            account,
            region,
            session,
            principal,
            target,
            ended_at: self.ended_at,
            time_source: self.time_source,
            bytes: self.bytes,
            unread_bytes: self.unread_bytes,
            records: Vec::new(),
            defects: self.defects.clone(),
            sequencer: self.sequencer.clone(),
            last_modified: self.last_modified,
        }
    }
}

/// A record without its command and its output, which lie in the text: read with texts `T`, lists of flags `F` and of
/// texts `L` of its own, written with those of the record.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RecordMeta<T = String, F = Vec<Flag>, L = Vec<String>> {
    /// Bytes of the command; `None` if there is none.
    command_bytes: Option<u32>,
    output_bytes: u32,
    prompt: Option<T>,
    status: Option<Status>,
    confidence: Confidence,
    boundary: Boundary,
    span: Span,
    reason: Option<Reason>,
    flags: F,
    context: L,
    origin: Origin,
    command_as_sent: Option<T>,
    output_as_sent: Option<T>,
    expanded: Option<T>,
    here_documents: L,
    programs: L,
    at: Option<Timestamp>,
}

/// As it is written.
type RecordMetaOf<'a> = RecordMeta<&'a str, &'a [Flag], &'a [String]>;

impl<'a> RecordMetaOf<'a> {
    fn of(record: &'a CommandRecord) -> Result<Self, BlockError> {
        let fits = |text: &str| u32::try_from(text.len()).map_err(|_| BlockError::TooLarge(text.len()));
        let CommandRecord {
            seq: _,
            command,
            output,
            prompt,
            status,
            confidence,
            boundary,
            span,
            reason,
            flags,
            context,
            origin,
            command_as_sent,
            output_as_sent,
            expanded,
            here_documents,
            programs,
            at,
        } = record;
        Ok(Self {
            command_bytes: command.as_deref().map(fits).transpose()?,
            output_bytes: fits(output)?,
            prompt: prompt.as_deref(),
            status: *status,
            confidence: *confidence,
            boundary: *boundary,
            span: *span,
            reason: *reason,
            flags,
            context,
            origin: *origin,
            command_as_sent: command_as_sent.as_deref(),
            output_as_sent: output_as_sent.as_deref(),
            expanded: expanded.as_deref(),
            here_documents,
            programs,
            at: *at,
        })
    }
}

impl RecordMeta {
    fn to_record(&self, seq: u32, command: Option<&str>, output: &str) -> CommandRecord {
        let meta = self.clone();
        CommandRecord {
            seq,
            command: command.map(str::to_owned),
            output: output.to_owned(),
            prompt: meta.prompt,
            status: meta.status,
            confidence: meta.confidence,
            boundary: meta.boundary,
            span: meta.span,
            reason: meta.reason,
            flags: meta.flags,
            context: meta.context.into(),
            origin: meta.origin,
            command_as_sent: meta.command_as_sent,
            output_as_sent: meta.output_as_sent,
            expanded: meta.expanded,
            here_documents: meta.here_documents,
            programs: meta.programs,
            at: meta.at,
        }
    }
}

/// One decoded block.
#[derive(Clone, Debug)]
pub struct Block {
    /// Its session.
    pub session: SessionMeta,
    /// `seq` of the first record.
    pub first_seq: u32,
    /// As [`BlockHeader::back`].
    pub back: u64,
    /// The text part.
    text: String,
    /// Records, and where the command of each begins in `text`.
    records: Vec<(RecordMeta, usize)>,
}

impl Block {
    /// Decodes the body that follows the header.
    ///
    /// # Errors
    /// [`BlockError::Damaged`] with what is wrong.
    pub fn decode(header: &BlockHeader, body: &[u8]) -> Result<Self, BlockError> {
        let clear = u64::from(header.meta_clear) + u64::from(header.text_clear);
        let clear = usize::try_from(clear).map_err(|_| BlockError::Damaged("it is larger than memory"))?;
        let mut text = inflate(body, clear)?;
        let meta = text.split_off(header.text_clear as usize);
        let text = String::from_utf8(text).map_err(|_| BlockError::Damaged("its text is not UTF-8"))?;
        let BlockMeta { session, links, records } = postcard::from_bytes(&meta)
            .map_err(|_| BlockError::Damaged("its meta part is not what it should be"))?;
        if links != (header.first_seq, header.blocks, header.back) || records.len() != header.records as usize
        {
            return Err(BlockError::Damaged("its header is not what it should be"));
        }
        let mut end = 0;
        let mut placed = Vec::with_capacity(records.len());
        for record in records {
            let start = end;
            let command_end = start + record.command_bytes.unwrap_or(0) as usize;
            end = command_end + record.output_bytes as usize;
            if text.get(start..command_end).is_none() || text.get(command_end..end).is_none() {
                return Err(BlockError::Damaged("its records exceed its text"));
            }
            placed.push((record, start));
        }
        Ok(Self { session, first_seq: header.first_seq, back: header.back, text, records: placed })
    }

    /// How many records the block holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Size of the text part.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether it holds none, as the block of an empty session does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether the record with this `seq` is in the block.
    #[must_use]
    pub fn holds(&self, seq: u32) -> bool {
        seq.checked_sub(self.first_seq).is_some_and(|at| (at as usize) < self.records.len())
    }

    /// The `seq` of each record.
    pub fn seqs(&self) -> impl Iterator<Item = u32> {
        (self.first_seq..).take(self.records.len())
    }

    /// What a query may ask of a record.
    pub(crate) fn view(&self, seq: u32) -> Option<RecordView<'_>> {
        let (meta, command, output) = self.find(seq)?;
        Some(RecordView {
            seq,
            command,
            output,
            command_as_sent: meta.command_as_sent.as_deref(),
            output_as_sent: meta.output_as_sent.as_deref(),
            expanded: meta.expanded.as_deref(),
            prompt: meta.prompt.as_deref(),
            status: meta.status,
            confidence: meta.confidence,
            flags: &meta.flags,
            context: &meta.context,
            programs: &meta.programs,
            origin: meta.origin,
        })
    }

    /// A record.
    #[must_use]
    pub fn record(&self, seq: u32) -> Option<CommandRecord> {
        let (meta, command, output) = self.find(seq)?;
        Some(meta.to_record(seq, command, output))
    }

    /// A record with its command and its output.
    fn find(&self, seq: u32) -> Option<(&RecordMeta, Option<&str>, &str)> {
        let at = seq.checked_sub(self.first_seq)?;
        let (meta, start) = self.records.get(at as usize)?;
        let command_end = start + meta.command_bytes.unwrap_or(0) as usize;
        let output = &self.text[command_end..command_end + meta.output_bytes as usize];
        Some((meta, meta.command_bytes.map(|_| &self.text[*start..command_end]), output))
    }
}

/// Encodes a session as its run of blocks, and tells for each record the offset of its block in the run.
///
/// # Errors
/// [`BlockError::TooLarge`] if one record exceeds the limit of a block.
pub fn encode(session: &Session) -> Result<(Vec<u8>, Vec<u64>), BlockError> {
    let session_meta = SessionMeta::of(session);
    // It stands in every block: fields are written in order, so it can be written once.
    let session_meta = to_bytes(&session_meta, Vec::new())?;
    let groups = group(&session.records);
    let blocks = u32::try_from(groups.len()).unwrap_or(u32::MAX);
    let mut run = Vec::new();
    let mut body = Vec::new();
    let mut offsets = Vec::with_capacity(session.records.len());
    for records in groups {
        let at = run.len();
        offsets.extend(std::iter::repeat_n(at as u64, records.len()));
        body.clear();
        body = encode_block(&session_meta, records, blocks, body, &mut run)?;
    }
    Ok((run, offsets))
}

/// Cuts the records into groups of about [`TARGET_TEXT_BYTES`]; at least one, perhaps empty.
fn group(records: &[CommandRecord]) -> Vec<&[CommandRecord]> {
    let mut groups = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, record) in records.iter().enumerate() {
        let others = [&record.command, &record.command_as_sent, &record.output_as_sent];
        let others = others.into_iter().flatten().map(String::len).sum::<usize>();
        let size = record.output.len() + others;
        if at > start && bytes + size > TARGET_TEXT_BYTES {
            groups.push(&records[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    groups.push(&records[start..]);
    groups
}

/// Appends a block to the run; gives the buffer of its body back.
fn encode_block(
    session_meta: &[u8],
    records: &[CommandRecord],
    blocks: u32,
    mut body: Vec<u8>,
    run: &mut Vec<u8>,
) -> Result<Vec<u8>, BlockError> {
    let at = run.len();
    let first_seq = records.first().map_or(0, |record| record.seq);
    let back = at as u64;
    let metas = records.iter().map(RecordMetaOf::of).collect::<Result<Vec<_>, _>>()?;
    for record in records {
        body.extend_from_slice(record.command.as_deref().unwrap_or_default().as_bytes());
        body.extend_from_slice(record.output.as_bytes());
    }
    let text_clear = clear_size(body.len())?;
    body.extend_from_slice(session_meta);
    let body = to_bytes(&((first_seq, blocks, back), metas), body)?;
    run.resize(at + HEADER_BYTES, 0);
    let header = BlockHeader {
        stored: deflate(&body, run)?,
        meta_clear: clear_size(body.len())? - text_clear,
        text_clear,
        first_seq,
        records: u32::try_from(records.len()).map_err(|_| BlockError::TooLarge(body.len()))?,
        blocks,
        back,
    };
    header.write(&mut run[at..at + HEADER_BYTES]);
    Ok(body)
}

/// Appends a value as postcard writes it.
fn to_bytes(value: &impl Serialize, bytes: Vec<u8>) -> Result<Vec<u8>, BlockError> {
    postcard::to_extend(value, bytes).map_err(|_| BlockError::Damaged("its meta part cannot be written"))
}

fn clear_size(bytes: usize) -> Result<u32, BlockError> {
    match u32::try_from(bytes) {
        Ok(size) if size <= MAX_CLEAR_BYTES => Ok(size),
        _ => Err(BlockError::TooLarge(bytes)),
    }
}

/// Appends `bytes` as one zstd frame and returns the size of the frame.
fn deflate(bytes: &[u8], out: &mut Vec<u8>) -> Result<u32, BlockError> {
    thread_local! {
        // A compression context is a megabyte of tables: one per thread, not one per block.
        static COMPRESSOR: std::cell::RefCell<Option<zstd::bulk::Compressor<'static>>> = const { std::cell::RefCell::new(None) };
    }
    let before = out.len();
    out.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
    let mut end = std::io::Cursor::new(std::mem::take(out));
    end.set_position(before as u64);
    let written = COMPRESSOR.with_borrow_mut(|slot| -> std::io::Result<usize> {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => {
                let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
                compressor.include_checksum(true)?;
                slot.insert(compressor)
            }
        };
        compressor.compress_to_buffer(bytes, &mut end)
    });
    *out = end.into_inner();
    clear_size(written.map_err(|_| BlockError::TooLarge(bytes.len()))?)
}

fn inflate(frame: &[u8], clear: usize) -> Result<Vec<u8>, BlockError> {
    thread_local! {
        static DECOMPRESSOR: std::cell::RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { std::cell::RefCell::new(None) };
    }
    let bytes = DECOMPRESSOR.with_borrow_mut(|slot| -> std::io::Result<Vec<u8>> {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(zstd::bulk::Decompressor::new()?),
        };
        decompressor.decompress(frame, clear)
    });
    match bytes {
        Ok(bytes) if bytes.len() == clear => Ok(bytes),
        Ok(_) => Err(BlockError::Damaged("a part has another size than announced")),
        Err(_) => Err(BlockError::Damaged("a part does not inflate or its checksum is wrong")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::samples;

    fn read(run: &[u8], at: usize) -> Result<Block, BlockError> {
        let header = BlockHeader::read(run[at..at + HEADER_BYTES].try_into().unwrap())?;
        Block::decode(&header, &run[at + HEADER_BYTES..at + HEADER_BYTES + header.body_bytes()])
    }

    #[test]
    fn a_session_comes_back_as_it_went_in() {
        let session = samples::session("alice-05ba181f37a0fb8d2", &[("id", "uid=0"), ("ls /tmp", "")]);
        let (run, offsets) = encode(&session).unwrap();
        assert_eq!(offsets, [0, 0]);
        let block = read(&run, 0).unwrap();
        let records: Vec<_> = block.seqs().filter_map(|seq| block.record(seq)).collect();
        assert_eq!(records, session.records);
        assert_eq!(block.session.id, session.id);
    }

    #[test]
    fn a_large_session_is_cut_between_records() {
        let output = "x".repeat(TARGET_TEXT_BYTES / 2);
        let commands: Vec<_> = (0..5).map(|_| ("cat", output.as_str())).collect();
        let session = samples::session("alice-05ba181f37a0fb8d2", &commands);
        let (run, offsets) = encode(&session).unwrap();
        let mut starts = offsets.clone();
        starts.dedup();
        assert!(starts.len() > 1);
        for (seq, &at) in offsets.iter().enumerate() {
            let block = read(&run, at as usize).unwrap();
            assert_eq!(block.record(seq as u32).unwrap(), session.records[seq]);
        }
    }

    #[test]
    fn an_empty_session_has_one_block() {
        let (run, offsets) = encode(&samples::session("alice-05ba181f37a0fb8d2", &[])).unwrap();
        assert!(offsets.is_empty());
        assert!(read(&run, 0).unwrap().is_empty());
    }

    #[test]
    fn no_damaged_byte_goes_unnoticed_in_meta_or_text() {
        let session = samples::session("alice-05ba181f37a0fb8d2", &[("id", &"uid=0 ".repeat(50))]);
        let (run, _) = encode(&session).unwrap();
        let whole = read(&run, 0).unwrap().record(0);
        for at in 0..run.len() {
            let mut damaged = run.clone();
            damaged[at] ^= 0x10;
            let is_padding = (28..32).contains(&at);
            let read = BlockHeader::read(damaged[..HEADER_BYTES].try_into().unwrap()).and_then(|h| {
                Block::decode(&h, damaged.get(HEADER_BYTES..HEADER_BYTES + h.body_bytes()).unwrap_or(&[]))
            });
            // A few bits of a zstd frame have no meaning; what counts is that nothing else is read.
            assert!(is_padding || read.is_err() || read.unwrap().record(0) == whole, "byte {at}");
        }
    }
}
