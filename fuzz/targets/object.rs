//! Any object under any kind of key gives sessions, or an error: transcripts, the carriers of CloudWatch Logs, and what
//! is no session.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/core/tests/shared/mod.rs"]
mod shared;

/// Keys of the kinds of objects that reach a bucket.
const KEYS: [&str; 5] = [
    "session/111122223333/eu-west-1/alice-05ba181f37a0fb8d2.log",
    "session/111122223333/eu-west-1/Standard_Stream/stderr",
    "exportedlogs/0a1b2c3d-1111-4222-8333-444455556666/alice-05ba181f37a0fb8d2/000000.gz",
    "firehose/2026/11/20/21/ssm-1-2026-11-20-21-02-14-0a1b2c3d-1111-4222-8333-444455556666",
    "runcommand/0a1b2c3d-1111-4222-8333-444455556666/i-0123456789abcdef0/awsrunShellScript/0.awsrunShellScript/stdout",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, body)) = bytes.split_first() else { return };
    let key = KEYS[usize::from(first) % KEYS.len()];
    let Ok((sessions, bytes)) = shared::sessions(key, body) else { return };
    for session in sessions {
        shared::check_records(&session.records, bytes, &|| format!("{key}: {}", body.escape_ascii()));
    }
});
