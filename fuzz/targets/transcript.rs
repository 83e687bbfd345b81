//! Any bytes give records that keep the promises of the parser.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/core/tests/shared/mod.rs"]
mod shared;

fuzz_target!(|bytes: &[u8]| {
    shared::check(bytes, "");
});
