//! Objects in client-side envelopes: opened with their key, or a failure, never indexed as they are.

use super::world::{BUCKET, World, config, key};
use crate::fakes::Call;
use crate::source::SourceErrorKind;

/// The bytes 0 to 31 as data key, 100 to 111 as IV; AES-256-GCM by the Python package `cryptography` 48.
pub(crate) const SEALED: &[u8] = b"\x6c\x3b\xbb\x05\x11\x86\x76\xed\x5b\x03\x33\x8d\xbe\x68\x60\x8e\x27\xa3\x6a\x6f\xef\x61\xf9\x62\xeb\x3c\x64\x2c\xf3\x28\x6e\xf3\xa7\x9f\x74\xf8\x1e\xaf\x68";
const IV: &str = "ZGVmZ2hpamtsbW5v";
const CLEAR_BYTES: u64 = 23;

pub(crate) const WRAPPED: &[u8] = b"wrapped data key";
const WRAPPED_BASE64: &str = "d3JhcHBlZCBkYXRhIGtleQ==";
const ALGORITHM: &str = "AES/GCM/NoPadding";
const CONTEXT: &str = r#"{"aws:x-amz-cek-alg":"AES/GCM/NoPadding"}"#;

pub(crate) fn metadata() -> Vec<(&'static str, &'static str)> {
    vec![
        ("x-amz-key-v2", WRAPPED_BASE64),
        ("x-amz-iv", IV),
        ("x-amz-cek-alg", ALGORITHM),
        ("x-amz-wrap-alg", "kms+context"),
        ("x-amz-matdesc", CONTEXT),
        ("x-amz-tag-len", "128"),
    ]
}

pub(crate) fn context() -> [(&'static str, &'static str); 1] {
    [("aws:x-amz-cek-alg", ALGORITHM)]
}

fn world() -> World {
    let world = World::with(|queue| queue.with_max_receive_count(4), |store| store);
    let data_key: Vec<u8> = (0..32).collect();
    world.keys.insert(WRAPPED, &context(), &data_key);
    world
}

/// Stores and announces a sealed object.
fn add(world: &World, body: &[u8], metadata: &[(&str, &str)]) {
    let object = world.store.put_with(BUCKET, &key(1, "sealed"), body, metadata);
    world.announce(&[&object]);
}

#[tokio::test(start_paused = true)]
async fn an_envelope_is_opened_with_its_key() {
    let world = world();
    add(&world, SEALED, &metadata());
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.bytes_clear), (1, CLEAR_BYTES), "{:?}", summary.failures);
    assert_eq!(world.script.count(Call::Decrypt), 1);
    assert_eq!(world.script.count(Call::Get), 1, "no instruction file is looked for");
}

#[tokio::test(start_paused = true)]
async fn an_instruction_file_is_read_where_metadata_point_to_it() {
    let world = world();
    let fields: Vec<String> = metadata().iter().map(|(name, value)| format!("{name:?}:{value:?}")).collect();
    let instruction = format!("{{{}}}", fields.join(","));
    world.store.put(BUCKET, &(key(1, "sealed") + ".instruction"), instruction);
    add(&world, SEALED, &[("x-amz-unencrypted-content-length", "23")]);
    let summary = world.drain(config()).await;
    assert_eq!((summary.indexed, summary.bytes_clear), (1, CLEAR_BYTES), "{:?}", summary.failures);
}

#[tokio::test(start_paused = true)]
async fn a_missing_instruction_file_is_a_failure() {
    let world = world();
    add(&world, SEALED, &[("x-amz-unencrypted-content-length", "23")]);
    let summary = world.drain(config()).await;
    assert_eq!(summary.failed_by_reason["not-encrypted-or-instruction-missing"], 1);
    assert_eq!((summary.deleted, world.sink.failures().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_tampered_envelope_is_a_failure_and_never_indexed() {
    let mut body = SEALED.to_vec();
    body[3] ^= 1;
    let other_key = [("x-amz-key-v2", "b3RoZXI=")];
    let replaced = |with: &[(&'static str, &'static str)]| {
        let kept = metadata().into_iter().filter(|(name, _)| with.iter().all(|(other, _)| other != name));
        kept.chain(with.iter().copied()).collect::<Vec<_>>()
    };
    for (body, metadata, reason) in [
        (body.as_slice(), metadata(), "authentication"),
        (SEALED, replaced(&other_key), "envelope-damaged"),
        (SEALED, replaced(&[("x-amz-cek-alg", "AES/CBC/PKCS5Padding")]), "algorithm-mismatch"),
    ] {
        let world = world();
        add(&world, body, &metadata);
        let summary = world.drain(config()).await;
        assert_eq!(summary.failed_by_reason.get(reason), Some(&1), "{:?}", summary.failures);
        assert_eq!((summary.indexed, summary.deleted), (0, 1));
        let failure = &world.sink.failures()[0];
        assert_eq!((failure.reason.as_str(), failure.attempts), (reason, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_key_service_is_asked_again_and_a_denied_key_is_a_failure() {
    let world = world();
    add(&world, SEALED, &metadata());
    world.keys.fail_next(SourceErrorKind::Throttled, "throttled-kms", 2);
    let summary = world.drain(config()).await;
    assert_eq!((summary.retried, summary.indexed, summary.failed), (2, 1, 0));

    for (kind, looks) in [(SourceErrorKind::Denied, 3), (SourceErrorKind::NotFound, 1)] {
        let world = self::world();
        add(&world, SEALED, &metadata());
        world.keys.fail_next(kind, "kms-denied", 100);
        let summary = world.drain(config()).await;
        assert_eq!((summary.failed_by_reason["kms-denied"], summary.gone), (1, 0));
        assert_eq!((summary.received, summary.deleted), (looks, 1));
    }
}
