//! Any bytes inflate to at most the limit, and what is no gzip stays as it is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shelltrail_core::inflate::inflate;

const MAX_BYTES: u64 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let Ok((clear, _)) = inflate(bytes.to_vec(), MAX_BYTES) else { return };
    if bytes.starts_with(b"\x1f\x8b") {
        assert!(clear.len() as u64 <= MAX_BYTES, "{} bytes", clear.len());
    } else {
        assert_eq!(clear, bytes);
    }
});
