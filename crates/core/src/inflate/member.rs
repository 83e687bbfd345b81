//! One gzip member or Zstandard frame, read from memory.

#![allow(clippy::disallowed_types)] // who reads from a member has the ceiling

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::session::Defect;

/// Gzip with the only compression method there is, deflate (RFC 1952, section 2.3.1).
pub(super) const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// A Zstandard frame (RFC 8878, section 3.1.1).
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A skippable frame, apart from the low half of its first byte (RFC 8878, section 3.1.2).
const SKIPPABLE_MAGIC: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];

/// Largest window of a Zstandard frame, the limit of the reference decoder; `--long=31` may exceed it, and
/// such a frame counts as damaged.
pub const MAX_WINDOW_BYTES: u64 = 1 << WINDOW_LOG;
const WINDOW_LOG: u32 = 27;

/// A compression that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Format {
    /// Recognises a compressed body by its first bytes.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&GZIP_MAGIC) {
            return Some(Self::Gzip);
        }
        (bytes.starts_with(&ZSTD_MAGIC) || skips_to_zstd(bytes)).then_some(Self::Zstd)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Where the member after a damaged one begins; empty if that is not known. `damaged` begins with the damaged
    /// one, `behind` is what its decoder had not used.
    pub(super) fn behind_damage<'a>(self, damaged: &'a [u8], behind: &'a [u8]) -> &'a [u8] {
        match self {
            // Gzip tells its length nowhere: only what is wrong at the very end leaves the place.
            Self::Gzip if behind.starts_with(&GZIP_MAGIC) => behind,
            Self::Gzip => &[],
            // A frame can be measured by the headers of its blocks.
            Self::Zstd => match zstd::zstd_safe::find_frame_compressed_size(damaged) {
                Ok(bytes) => damaged.get(bytes..).unwrap_or_default(),
                Err(_) => &[],
            },
        }
    }

    /// Whether a member follows, or as much of it as there is.
    pub(super) fn may_begin(self, bytes: &[u8]) -> bool {
        let begins = |magic: &[u8]| magic.starts_with(&bytes[..bytes.len().min(magic.len())]);
        match self {
            Self::Gzip => begins(&GZIP_MAGIC),
            Self::Zstd => begins(&ZSTD_MAGIC) || is_skippable(bytes),
        }
    }

    pub(super) fn truncated(self) -> Defect {
        match self {
            Self::Gzip => Defect::GzipTruncated,
            Self::Zstd => Defect::ZstdTruncated,
        }
    }

    pub(super) fn damaged(self) -> Defect {
        match self {
            Self::Gzip => Defect::GzipDamaged,
            Self::Zstd => Defect::ZstdDamaged,
        }
    }

    pub(super) fn trailing_bytes(self) -> Defect {
        match self {
            Self::Gzip => Defect::GzipTrailingBytes,
            Self::Zstd => Defect::ZstdTrailingBytes,
        }
    }
}

fn is_skippable(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|&[first, rest @ ..]: &[u8; 4]| {
        first & 0xf0 == SKIPPABLE_MAGIC[0] && rest == SKIPPABLE_MAGIC[1..]
    })
}

/// Parallel writers begin with a skippable frame. Its magic alone might be anything.
fn skips_to_zstd(bytes: &[u8]) -> bool {
    const HEADER_BYTES: usize = 8;
    let Some(&[_, _, _, _, a, b, c, d]) = bytes.first_chunk::<HEADER_BYTES>() else { return false };
    let content_bytes = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    let frame = bytes.get(HEADER_BYTES.saturating_add(content_bytes)..);
    is_skippable(bytes) && frame.is_some_and(|frame| frame.starts_with(&ZSTD_MAGIC))
}

/// A member that is being read.
pub(super) enum Member<'a> {
    /// The decoder refuses header fields of more than 64 KiB.
    Gzip(Box<GzDecoder<&'a [u8]>>),
    Zstd(ZstdDecoder<'static, &'a [u8]>),
    /// No decoder could be set up.
    Broken(&'a [u8]),
}

impl<'a> Member<'a> {
    /// The member at the beginning of `compressed`.
    pub(super) fn new(format: Format, compressed: &'a [u8]) -> Self {
        match format {
            Format::Gzip => Self::Gzip(Box::new(GzDecoder::new(compressed))),
            Format::Zstd => match zstd_decoder(compressed) {
                Ok(decoder) => Self::Zstd(decoder),
                Err(_) => Self::Broken(compressed),
            },
        }
    }

    /// Goes on with another member of the same format. Setting up a decoder of gzip costs more than reading a small
    /// member, so it is kept.
    pub(super) fn restart(&mut self, compressed: &'a [u8]) {
        match self {
            Self::Gzip(decoder) => drop(decoder.reset(compressed)),
            Self::Zstd(_) | Self::Broken(_) => *self = Self::new(Format::Zstd, compressed),
        }
    }

    /// Appends at most `max` bytes; none at the end of the member. What came before an error stays.
    pub(super) fn read_some(&mut self, clear: &mut Vec<u8>, max: u64) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.take(max).read_to_end(clear),
            Self::Zstd(decoder) => decoder.take(max).read_to_end(clear),
            Self::Broken(_) => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    /// What follows the bytes that were used so far.
    pub(super) fn rest(&self) -> &'a [u8] {
        match self {
            Self::Gzip(decoder) => decoder.get_ref(),
            Self::Zstd(decoder) => decoder.get_ref(),
            Self::Broken(rest) => rest,
        }
    }
}

fn zstd_decoder(compressed: &[u8]) -> io::Result<ZstdDecoder<'static, &[u8]>> {
    let mut decoder = ZstdDecoder::with_buffer(compressed)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder.single_frame())
}
