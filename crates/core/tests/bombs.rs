//! What inflating hostile objects costs in memory. The only test of its process, because what is measured is the
//! process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::io::Write;

use shelltrail_core::inflate::{InflateError, InflateLimits, Inflated, MAX_WINDOW_BYTES, inflate};

const MIB: u64 = 1 << 20;

/// A line of /proc/self/status, in bytes (proc_pid_status(5)).
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

/// How much memory `work` needed at its peak, beyond what the process had before.
fn cost_bytes(work: impl FnOnce()) -> u64 {
    // Sets the peak back to what is resident now (proc_pid_clear_refs(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS:");
    work();
    memory("VmHWM:").saturating_sub(before)
}

fn gzip(parts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    parts.for_each(|part| encoder.write_all(&part).unwrap());
    encoder.finish().unwrap()
}

/// Zstandard with the widest window that is read.
fn zstd(parts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(MAX_WINDOW_BYTES.ilog2()).unwrap();
    parts.for_each(|part| encoder.write_all(&part).unwrap());
    encoder.finish().unwrap()
}

/// A gzip member that never ends its zeros: each byte of the deflate stream is four matches of 258 bytes, after
/// what zlib 1.3 begins with (RFC 1951).
fn endless_gzip(clear_bytes: u64) -> Vec<u8> {
    let mut bomb = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff".to_vec();
    bomb.extend(b"\xed\xc1\x01\x0d\x00\x00\x00\xc2\xa0\xac\xef\x5f\xc2\x1c\x6e\x40\x01");
    bomb.resize(bomb.len() + usize::try_from(clear_bytes / (4 * 258)).unwrap(), 0);
    bomb
}

#[test]
fn a_bomb_costs_no_more_than_is_stated() {
    let zeros = |mib: usize| std::iter::repeat_n(vec![0; 1 << 20], mib);
    let max_bytes = 16 * MIB;
    let limits = InflateLimits { max_bytes, max_ratio: u64::MAX };
    // 1 GiB each in the clear; the members of the third are 1 MiB each.
    let gib = endless_gzip(1 << 30);
    let bombs = [
        gib.clone(),
        zstd(zeros(1024)),
        gzip(zeros(1)).repeat(1024),
        gzip(std::iter::once(gib.clone())),
        zstd(std::iter::once(gib)),
        gzip(std::iter::once(zstd(zeros(1024)))),
    ];
    assert!(max_bytes < MAX_WINDOW_BYTES, "of a window no more is used than was inflated");
    let stated = 4 * max_bytes;
    let mut worst = 0;
    for bomb in &bombs {
        assert!(bomb.len() as u64 <= 2 * MIB, "{}", bomb.len());
        let cost = cost_bytes(|| {
            assert_eq!(inflate(bomb.clone(), limits), Err(InflateError::TooLarge { max_bytes }));
        });
        assert!(cost <= stated, "{} MiB of {} MiB", cost / MIB, stated / MIB);
        worst = worst.max(cost);
    }
    // Text that is read to the end costs the same.
    for honest in [gzip(zeros(1)).repeat(16), zstd(zeros(16))] {
        let cost = cost_bytes(|| {
            let Inflated { bytes, defects, unread_bytes } = inflate(honest, limits).unwrap();
            assert_eq!((bytes.len() as u64, defects, unread_bytes), (max_bytes, vec![], 0));
        });
        assert!(cost <= stated, "{} MiB of {} MiB", cost / MIB, stated / MIB);
        worst = worst.max(cost);
    }
    assert!(worst >= max_bytes, "{} MiB of {} MiB: memory is measured", worst / MIB, stated / MIB);
    // The default ratio refuses what the size would let pass.
    let error = inflate(zstd(zeros(64)), InflateLimits::from(128 * MIB)).unwrap_err();
    assert_eq!(error.reason(), "inflate-ratio");
}
