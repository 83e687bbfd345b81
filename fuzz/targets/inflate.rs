//! Any bytes inflate to at most the limit, and what is not compressed stays as it is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shelltrail_core::inflate::inflate;

const MAX_BYTES: u64 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let Ok(inflated) = inflate(bytes.to_vec(), MAX_BYTES.into()) else { return };
    assert!(inflated.bytes.len() as u64 <= MAX_BYTES, "{} bytes", inflated.bytes.len());
    let first = bytes.first().copied().unwrap_or_default();
    if !(first == 0x1f || first == 0x28 || first & 0xf0 == 0x50) {
        assert_eq!(inflated.bytes, bytes);
    }
});
