//! A single whole gzip member, the ordinary case, inflated at twice the speed.

use std::cell::RefCell;

use libdeflater::Decompressor;

use super::member::GZIP_MAGIC;

/// Text of terminals shrinks to a tenth; the announced size is believed up to twice that when memory
/// is reserved.
const MAX_RESERVED_RATIO: usize = 20;

/// Inflates a layer that is a single whole member: libdeflate works on whole buffers, while flate2 can stop
/// anywhere and keep what came before.
///
/// `None` says nothing about the layer but that it must be read the other way. libdeflate does not tell where
/// the member ended, so three things must agree before its word is taken: nothing after the beginning looks
/// like another member, and the last eight bytes of the layer are checksum and length of just these bytes.
pub(super) fn inflate(compressed: &[u8], max_bytes: u64) -> Option<Vec<u8>> {
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

/// How much memory to reserve: the size that the last member announces in its last four bytes, as far
/// as it is believable.
pub(super) fn reserve(compressed: &[u8], max_bytes: u64) -> usize {
    let announced = compressed.last_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes));
    let believable = compressed.len().saturating_mul(MAX_RESERVED_RATIO);
    let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    usize::try_from(announced).unwrap_or(usize::MAX).min(believable).min(max_bytes)
}
