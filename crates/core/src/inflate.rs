//! Gzip and Zstandard, recognised by content and inflated within bounds.
//!
//! Transcripts are stored as they are, but pipelines compress them, name them anything, concatenate
//! them and break off. What can be read is kept, what is odd about it is told, and what could not be read
//! is counted. Nothing compressed is ever handed on as if it were text.

mod member;
mod single;

use std::io;

use crate::session::Defect;
use member::{Format, Member};

/// A body that cannot be turned into clear bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// The clear bytes, or those of a layer below them, are more than the limit.
    #[error("inflate to at most {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The clear bytes, or those of a layer below them, are too many times the bytes of the object.
    #[error(
        "inflate to at most {max_ratio} times {compressed_bytes} bytes (checked beyond {} MiB): a higher \
         `worker.max_inflate_ratio` lets it pass, if it is honest",
        RATIO_FLOOR_BYTES >> 20
    )]
    Ratio {
        /// [`InflateLimits::max_ratio`].
        max_ratio: u64,
        /// Size of the object.
        compressed_bytes: u64,
    },
    /// The compressed stream is damaged or cut before its first clear byte.
    #[error("inflate a damaged {0} stream, of which nothing can be read")]
    Corrupt(&'static str),
    /// More layers of compression than [`MAX_LAYERS`].
    #[error("inflate more than {MAX_LAYERS} layers of compression")]
    TooManyLayers,
    /// A compression that is not read here.
    #[error("inflate {0}, which is not supported: store the object plain, as gzip or as zstd")]
    Unsupported(&'static str),
}

impl InflateError {
    /// A short stable word for failure lists.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::Ratio { .. } => "inflate-ratio",
            Self::Corrupt("gzip") => "gzip-corrupt",
            Self::Corrupt(_) => "zstd-corrupt",
            Self::TooManyLayers => "nested-compression",
            Self::Unsupported(_) => "compression-unsupported",
        }
    }
}

/// How often a body may be compressed: a pipeline that compresses what was compressed before makes two.
pub const MAX_LAYERS: usize = 2;

/// Clear bytes up to which no ratio is too high. Screens full of one character are honest, and small.
pub const RATIO_FLOOR_BYTES: u64 = 32 << 20;

/// Bounds on what inflating may cost.
///
/// While one object is inflated, its compressed bytes, the clear bytes and, between two layers, the bytes
/// of the layer below are held: at most three times `max_bytes`, if the object itself has no more. The decoder of
/// Zstandard uses up to [`MAX_WINDOW_BYTES`] besides, but no more than it has inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InflateLimits {
    /// Most bytes of the result, and of every layer on the way.
    pub max_bytes: u64,
    /// How many times the bytes of the object the result and every layer may have, where they are more than
    /// [`RATIO_FLOOR_BYTES`]. Real sessions have 2 to 50, the worst of our fixtures 520 as gzip and 1,150 as
    /// zstd (70 KB each); one layer of gzip cannot exceed 1,032.
    pub max_ratio: u64,
}

impl InflateLimits {
    /// The default of [`InflateLimits::max_ratio`].
    pub const MAX_RATIO: u64 = 1_000;
}

impl From<u64> for InflateLimits {
    /// The given `max_bytes` and the default ratio.
    fn from(max_bytes: u64) -> Self {
        Self { max_bytes, max_ratio: Self::MAX_RATIO }
    }
}

pub use member::MAX_WINDOW_BYTES;

/// A body in the clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inflated {
    /// What could be read.
    pub bytes: Vec<u8>,
    /// Why that may not be all.
    pub defects: Vec<Defect>,
    /// Compressed bytes that were set aside: those behind damage, and those that follow the last member.
    pub unread_bytes: u64,
}

/// Inflates gzip and Zstandard, all members or frames and at most [`MAX_LAYERS`] layers; other bytes come
/// back as they are.
///
/// A stream that breaks off or is damaged keeps what came before, with a defect that says so
/// ([`Defect::GzipTruncated`], [`Defect::GzipDamaged`] and their like for Zstandard). After damage that is
/// found at the end of a member (a wrong checksum) the next member is read. Bytes that follow the last
/// member are left out, with [`Defect::GzipTrailingBytes`].
///
/// # Errors
/// One per variant of [`InflateError`].
pub fn inflate(body: Vec<u8>, limits: InflateLimits) -> Result<Inflated, InflateError> {
    let ceiling = Ceiling::new(body.len() as u64, limits);
    let mut inflated = Inflated { bytes: body, ..Inflated::default() };
    let mut layers = 0;
    while let Some(format) = Format::of(&inflated.bytes) {
        if layers == MAX_LAYERS {
            return Err(InflateError::TooManyLayers);
        }
        layers += 1;
        let layer = inflate_layer(format, &inflated.bytes, &ceiling)?;
        inflated.bytes = layer.bytes;
        inflated.unread_bytes += layer.unread_bytes;
        for defect in layer.defects {
            if !inflated.defects.contains(&defect) {
                inflated.defects.push(defect);
            }
        }
    }
    if let Some(name) = unsupported(&inflated.bytes) {
        return Err(InflateError::Unsupported(name));
    }
    if inflated.bytes.len() as u64 > limits.max_bytes {
        return Err(InflateError::TooLarge { max_bytes: limits.max_bytes });
    }
    Ok(inflated)
}

/// How many clear bytes one layer may have.
#[derive(Debug)]
struct Ceiling {
    bytes: u64,
    beyond: InflateError,
}

impl Ceiling {
    fn new(compressed_bytes: u64, limits: InflateLimits) -> Self {
        let InflateLimits { max_bytes, max_ratio } = limits;
        let by_ratio = compressed_bytes.saturating_mul(max_ratio).max(RATIO_FLOOR_BYTES);
        if by_ratio < max_bytes {
            Self { bytes: by_ratio, beyond: InflateError::Ratio { max_ratio, compressed_bytes } }
        } else {
            Self { bytes: max_bytes, beyond: InflateError::TooLarge { max_bytes } }
        }
    }
}

/// Inflates one layer.
fn inflate_layer(format: Format, compressed: &[u8], ceiling: &Ceiling) -> Result<Inflated, InflateError> {
    if format == Format::Gzip
        && let Some(bytes) = single::inflate(compressed, ceiling.bytes)
    {
        return Ok(Inflated { bytes, ..Inflated::default() });
    }
    inflate_members(format, compressed, ceiling)
}

/// Clear bytes that are asked for at once. What a decoder finds out about damage costs it what it wrote in
/// the same call, and that is read again.
const STEP_BYTES: u64 = 64 * 1024;

/// Inflates the members of one layer.
fn inflate_members(format: Format, compressed: &[u8], ceiling: &Ceiling) -> Result<Inflated, InflateError> {
    let mut layer = Inflated::default();
    if format == Format::Gzip {
        layer.bytes.reserve(single::reserve(compressed, ceiling.bytes));
    }
    let mut rest = compressed;
    let mut member = Member::new(format, rest);
    loop {
        let start = layer.bytes.len();
        rest = match read_member(&mut member, &mut layer.bytes, ceiling)? {
            Ok(()) => member.rest(),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                layer.defects.push(format.truncated());
                break;
            }
            Err(_) => {
                let kept_up_to = salvage(format, rest, start, &mut layer.bytes, ceiling)?;
                let behind = kept_up_to.unwrap_or_else(|| member.rest());
                let next = format.behind_damage(rest, behind);
                // A member that gave nothing was not used at all.
                let unused = if layer.bytes.len() == start { rest } else { behind };
                layer.unread_bytes += unused.len().saturating_sub(next.len()) as u64;
                if !layer.defects.contains(&format.damaged()) {
                    layer.defects.push(format.damaged());
                }
                next
            }
        };
        if rest.is_empty() {
            break;
        }
        if !format.may_begin(rest) {
            layer.defects.push(format.trailing_bytes());
            layer.unread_bytes += rest.len() as u64;
            break;
        }
        member.restart(rest);
    }
    let is_damage = |defect: &Defect| *defect != format.trailing_bytes();
    if layer.bytes.is_empty() && layer.defects.iter().any(is_damage) {
        return Err(InflateError::Corrupt(format.name()));
    }
    Ok(layer)
}

/// Reads one member to its end. The outer error is of the whole body, the inner one of this member.
fn read_member(
    member: &mut Member<'_>,
    clear: &mut Vec<u8>,
    ceiling: &Ceiling,
) -> Result<io::Result<()>, InflateError> {
    loop {
        // One byte past the limit tells "as much as allowed" from "more".
        let left = ceiling.bytes.saturating_sub(clear.len() as u64).saturating_add(1);
        let read = member.read_some(clear, left.min(STEP_BYTES));
        if clear.len() as u64 > ceiling.bytes {
            return Err(ceiling.beyond.clone());
        }
        match read {
            Ok(0) => return Ok(Ok(())),
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Reads a damaged member a second time, up to the damage byte for byte, because the call that found it kept
/// nothing; returns what is behind the damage. `clear` holds what the member gave so far from `start`.
fn salvage<'a>(
    format: Format,
    compressed: &'a [u8],
    start: usize,
    clear: &mut Vec<u8>,
    ceiling: &Ceiling,
) -> Result<Option<&'a [u8]>, InflateError> {
    let mut member = Member::new(format, compressed);
    let mut known = clear.len() - start;
    let mut again = Vec::new();
    while known > 0 {
        again.clear();
        match member.read_some(&mut again, STEP_BYTES.min(known as u64)) {
            Ok(read) if read > 0 => known -= read,
            _ => return Ok(None),
        }
    }
    while let Ok(1..) = member.read_some(clear, 1) {
        if clear.len() as u64 > ceiling.bytes {
            return Err(ceiling.beyond.clone());
        }
    }
    Ok(Some(member.rest()))
}

/// Compressions that are told by their first bytes and not read.
fn unsupported(bytes: &[u8]) -> Option<&'static str> {
    /// Magic numbers: xz (xz-file-format, 2.1.1.1), bzip2 with the mark of its first block, an LZ4 frame
    /// (lz4_Frame_format), the local header of a ZIP file (APPNOTE 4.3.7).
    const MAGIC: [(&[u8], &str); 4] =
        [(b"\xfd7zXZ\0", "xz"), (b"BZh", "bzip2"), (b"\x04\x22\x4d\x18", "LZ4"), (b"PK\x03\x04", "ZIP")];
    const BZIP2_BLOCK: &[u8] = b"\x31\x41\x59\x26\x53\x59";
    let (_, name) = MAGIC.into_iter().find(|(magic, _)| bytes.starts_with(magic))?;
    // Three letters and a digit may be text.
    let is_text = name == "bzip2" && !bytes.get(4..).is_some_and(|rest| rest.starts_with(BZIP2_BLOCK));
    (!is_text).then_some(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
