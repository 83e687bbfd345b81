//! Gzip, recognised by content and inflated within bounds.
//!
//! Transcripts are stored as they are, but pipelines compress them, name them anything, concatenate
//! them and break off. What can be read is kept and what is odd about it is told. Nothing compressed
//! is ever handed on as if it were text.

use std::cell::RefCell;
use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use libdeflater::Decompressor;

use crate::session::Defect;

/// A body that cannot be turned into clear bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// The clear bytes, or those of a layer below them, are more than the limit.
    #[error("inflate to at most {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The gzip stream is damaged: bad header, bad data, wrong checksum or length, or cut before its
    /// first clear byte.
    #[error("inflate a damaged gzip stream")]
    Corrupt,
    /// More gzip layers than [`MAX_LAYERS`].
    #[error("inflate more than {MAX_LAYERS} layers of gzip")]
    TooManyLayers,
    /// A compression that is not read here.
    #[error("inflate {0}, which is not supported")]
    Unsupported(&'static str),
}

impl InflateError {
    /// A short stable word for failure lists.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::Corrupt => "gzip-corrupt",
            Self::TooManyLayers => "gzip-layers",
            Self::Unsupported(_) => "zstd-unsupported",
        }
    }
}

/// How often a body may be gzipped: a pipeline that compresses what was compressed before makes two.
pub const MAX_LAYERS: usize = 2;

/// Gzip with the only compression method there is, deflate (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// A Zstandard frame (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Text of terminals shrinks to a tenth; the announced size is believed up to twice that when memory
/// is reserved.
const MAX_RESERVED_RATIO: usize = 20;

/// Inflates gzip, all members and at most [`MAX_LAYERS`] layers of it; other bytes come back as they are.
///
/// `max_bytes` bounds the result and every layer on the way. A stream that breaks off keeps what came
/// before, with [`Defect::GzipTruncated`]; bytes after the last member are left out, with
/// [`Defect::GzipTrailingBytes`].
///
/// # Errors
/// One per variant of [`InflateError`].
pub fn inflate(mut bytes: Vec<u8>, max_bytes: u64) -> Result<(Vec<u8>, Vec<Defect>), InflateError> {
    let mut defects = Vec::new();
    let mut layers = 0;
    while bytes.starts_with(&GZIP_MAGIC) {
        if layers == MAX_LAYERS {
            return Err(InflateError::TooManyLayers);
        }
        layers += 1;
        let (clear, defect) = inflate_layer(&bytes, max_bytes)?;
        defects.extend(defect.filter(|defect| !defects.contains(defect)));
        bytes = clear;
    }
    if bytes.starts_with(&ZSTD_MAGIC) {
        return Err(InflateError::Unsupported("zstd"));
    }
    if bytes.len() as u64 > max_bytes {
        return Err(InflateError::TooLarge { max_bytes });
    }
    Ok((bytes, defects))
}

/// Inflates one layer.
fn inflate_layer(compressed: &[u8], max_bytes: u64) -> Result<(Vec<u8>, Option<Defect>), InflateError> {
    match inflate_single_member(compressed, max_bytes) {
        Some(clear) => Ok((clear, None)),
        None => inflate_members(compressed, max_bytes),
    }
}

/// Inflates a layer that is a single whole member, the ordinary case, at twice the speed: libdeflate works on
/// whole buffers, while flate2 can stop anywhere and keep what came before.
///
/// `None` says nothing about the layer but that it must be read the other way. libdeflate does not tell where
/// the member ended, so three things must agree before its word is taken: nothing after the beginning looks
/// like another member, and the last eight bytes of the layer are checksum and length of just these bytes.
fn inflate_single_member(compressed: &[u8], max_bytes: u64) -> Option<Vec<u8>> {
    let &trailer: &[u8; 8] = compressed.last_chunk()?;
    let [c0, c1, c2, c3, l0, l1, l2, l3] = trailer;
    let announced = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).ok()?;
    let believable = reserve(compressed, max_bytes) == announced && has_plain_header(compressed);
    if !believable || memchr::memmem::find(&compressed[GZIP_MAGIC.len()..], &GZIP_MAGIC).is_some() {
        return None;
    }
    thread_local! {
        static DECOMPRESSOR: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    }
    let mut clear = vec![0; announced];
    let inflated = DECOMPRESSOR.with_borrow_mut(|d| d.gzip_decompress(compressed, &mut clear)).ok()?;
    let whole = inflated == announced && libdeflater::crc32(&clear) == u32::from_le_bytes([c0, c1, c2, c3]);
    whole.then_some(clear)
}

/// Whether the header has no field of unbounded length, apart from a short file name.
fn has_plain_header(compressed: &[u8]) -> bool {
    /// Where the fields begin, and the flag of the file name (RFC 1952, section 2.3).
    const FIXED_BYTES: usize = 10;
    const FNAME: u8 = 8;
    const MAX_NAME_BYTES: usize = 1024;
    match (compressed.get(3), compressed.get(FIXED_BYTES..)) {
        (Some(0), Some(_)) => true,
        (Some(&FNAME), Some(rest)) => memchr::memchr(0, &rest[..rest.len().min(MAX_NAME_BYTES)]).is_some(),
        _ => false,
    }
}

/// Inflates the members of one layer. At most one thing can be odd: after either nothing more is read.
fn inflate_members(compressed: &[u8], max_bytes: u64) -> Result<(Vec<u8>, Option<Defect>), InflateError> {
    let mut clear = Vec::with_capacity(reserve(compressed, max_bytes));
    // The decoder refuses header fields of more than 64 KiB. It is used for all members, as setting one
    // up costs more than reading a small member.
    let mut member = GzDecoder::new(compressed);
    loop {
        // One byte past the limit tells "as much as allowed" from "more".
        let left = max_bytes.saturating_sub(clear.len() as u64);
        let read = member.by_ref().take(left.saturating_add(1)).read_to_end(&mut clear);
        if clear.len() as u64 > max_bytes {
            return Err(InflateError::TooLarge { max_bytes });
        }
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !clear.is_empty() => {
                return Ok((clear, Some(Defect::GzipTruncated)));
            }
            Err(_) => return Err(InflateError::Corrupt),
        }
        let rest: &[u8] = member.get_ref();
        if rest.is_empty() {
            return Ok((clear, None));
        }
        if !rest.starts_with(&GZIP_MAGIC[..rest.len().min(GZIP_MAGIC.len())]) {
            return Ok((clear, Some(Defect::GzipTrailingBytes)));
        }
        member.reset(rest);
    }
}

/// How much memory to reserve: the size that the last member announces in its last four bytes, as far
/// as it is believable.
fn reserve(compressed: &[u8], max_bytes: u64) -> usize {
    let announced = compressed.last_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes));
    let believable = compressed.len().saturating_mul(MAX_RESERVED_RATIO);
    let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    usize::try_from(announced).unwrap_or(usize::MAX).min(believable).min(max_bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
