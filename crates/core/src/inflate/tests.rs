use std::io::Write;

use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use super::*;

use super::member::{GZIP_MAGIC, ZSTD_MAGIC};
use super::single::reserve;

const MIB: u64 = 1 << 20;

/// The text and the defects, with the default ratio.
fn inflate(bytes: Vec<u8>, max_bytes: u64) -> Result<(Vec<u8>, Vec<Defect>), InflateError> {
    super::inflate(bytes, max_bytes.into()).map(|inflated| (inflated.bytes, inflated.defects))
}

fn gzip(clear: &[u8]) -> Vec<u8> {
    gzip_named(clear, "")
}

fn gzip_named(clear: &[u8], name: &str) -> Vec<u8> {
    let mut builder = GzBuilder::new();
    if !name.is_empty() {
        builder = builder.filename(name);
    }
    let mut encoder = builder.write(Vec::new(), Compression::best());
    encoder.write_all(clear).unwrap();
    encoder.finish().unwrap()
}

fn zstd(clear: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(clear).unwrap();
    encoder.finish().unwrap()
}

type Compress = fn(&[u8]) -> Vec<u8>;

/// Every format and a function that compresses a member.
fn formats() -> [(Format, Compress); 2] {
    [(Format::Gzip, gzip), (Format::Zstd, zstd)]
}

/// Text that compresses, but not so far that half of the stream holds nothing.
fn transcript() -> Vec<u8> {
    (0..300u32)
        .flat_map(|i| format!("line {} of output\r\n", i.wrapping_mul(2_654_435_761)).into_bytes())
        .collect()
}

fn concat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn what_is_not_gzip_comes_back_unchanged() {
    for plain in [&b""[..], b"$ id\r\n", b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x07", b"\x28\xb5\x2f"] {
        assert_eq!(inflate(plain.to_vec(), MIB), Ok((plain.to_vec(), vec![])));
    }
}

#[test]
fn members_are_joined() {
    let two = concat(&[&gzip(&[b'A'; 1000]), &gzip(&[b'B'; 1000])]);
    let (clear, defects) = inflate(two, MIB).unwrap();
    assert_eq!((clear.len(), defects), (2000, vec![]));
    assert!(clear.starts_with(b"AA") && clear.ends_with(b"BB"));
    let around_nothing = concat(&[&gzip(b""), &gzip(b"x"), &gzip(b"")]);
    assert_eq!(inflate(around_nothing, MIB), Ok((b"x".to_vec(), vec![])));
    assert_eq!(inflate(gzip(b""), MIB), Ok((vec![], vec![])));
}

#[test]
fn a_stream_that_breaks_off_keeps_what_came_before() {
    let clear = transcript();
    let whole = gzip(&clear);
    let (kept, defects) = inflate(whole[..whole.len() / 2].to_vec(), MIB).unwrap();
    assert_eq!(defects, [Defect::GzipTruncated]);
    assert!(kept.len() > clear.len() / 4 && clear.starts_with(&kept), "{}", kept.len());
    // Without its trailer the text is complete, but nobody vouches for it.
    assert_eq!(inflate(whole[..whole.len() - 1].to_vec(), MIB), Ok((clear, vec![Defect::GzipTruncated])));
    let second = concat(&[&gzip(b"first"), &gzip(b"second")[..4]]);
    assert_eq!(inflate(second, MIB), Ok((b"first".to_vec(), vec![Defect::GzipTruncated])));
    let magic_only = concat(&[&gzip(b"first"), b"\x1f"]);
    assert_eq!(inflate(magic_only, MIB), Ok((b"first".to_vec(), vec![Defect::GzipTruncated])));
}

#[test]
fn a_stream_that_breaks_off_before_any_text_is_corrupt() {
    let whole = gzip(&transcript());
    for length in 3..=10 {
        assert_eq!(inflate(whole[..length].to_vec(), MIB), Err(InflateError::Corrupt("gzip")), "{length}");
    }
    let empty = gzip(b"");
    assert_eq!(inflate(empty[..empty.len() - 1].to_vec(), MIB), Err(InflateError::Corrupt("gzip")));
}

#[test]
fn bytes_after_the_last_member_are_left_out() {
    for trailing in [&[0xd7; 16][..], &[0], &[0; 512], b"$ id\r\n", b"\x1f\x8b\x07"] {
        let bytes = concat(&[&gzip(b"text"), trailing]);
        assert_eq!(inflate(bytes, MIB), Ok((b"text".to_vec(), vec![Defect::GzipTrailingBytes])));
    }
}

#[test]
fn a_damaged_stream_keeps_what_came_before_the_damage() {
    let clear = transcript();
    let whole = gzip(&clear);
    let mut unread = 0;
    for part in 5..10 {
        let mut damaged = whole.clone();
        let at = damaged.len() * part / 11;
        damaged[at..at + 20].fill(0xff);
        let kept = super::inflate(damaged, MIB.into()).unwrap();
        assert_eq!(kept.defects, [Defect::GzipDamaged]);
        let common = kept.bytes.iter().zip(&clear).take_while(|(kept, clear)| kept == clear).count();
        assert!(common > clear.len() * (part - 2) / 11, "{common} of {} bytes", clear.len());
        assert!(kept.unread_bytes < (whole.len() - at) as u64, "{}", kept.unread_bytes);
        unread += kept.unread_bytes;
    }
    assert!(unread > 0, "some of the damage is found on the way");
    // The text is there, but nobody vouches for it.
    for at in [whole.len() - 8, whole.len() - 4] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let kept = super::inflate(damaged, MIB.into()).unwrap();
        assert_eq!(
            (kept.bytes, kept.defects, kept.unread_bytes),
            (clear.clone(), vec![Defect::GzipDamaged], 0)
        );
    }
    let mut reserved_flag = whole;
    reserved_flag[3] |= 0x80;
    assert_eq!(inflate(reserved_flag, MIB), Err(InflateError::Corrupt("gzip")));
}

#[test]
fn a_member_behind_a_wrong_checksum_is_read() {
    for (format, compress) in formats() {
        let mut first = compress(b"first ");
        let at = first.len() - 2;
        first[at] ^= 1;
        let bytes = concat(&[&first, &compress(b"second"), &compress(b" third")]);
        assert_eq!(inflate(bytes, MIB), Ok((b"first second third".to_vec(), vec![format.damaged()])));
    }
}

#[test]
fn a_damaged_member_does_not_hide_those_before_it() {
    for (format, compress) in formats() {
        let good = compress(b"first");
        let mut bad = compress(&transcript());
        // Behind the magic: a reserved flag of gzip, a reserved bit of zstd.
        bad[if format == Format::Gzip { 3 } else { 4 }] = 0xff;
        let bytes = concat(&[&good, &bad]);
        let kept = super::inflate(bytes, MIB.into()).unwrap();
        assert_eq!((kept.bytes, kept.defects), (b"first".to_vec(), vec![format.damaged()]));
        assert_eq!(kept.unread_bytes, bad.len() as u64);
    }
}

#[test]
fn a_header_field_is_bounded() {
    let ordinary = gzip_named(b"text", &"n".repeat(60_000));
    assert_eq!(inflate(ordinary, MIB), Ok((b"text".to_vec(), vec![])));
    for name_bytes in [70_000, 1 << 23] {
        let huge = gzip_named(b"text", &"n".repeat(name_bytes));
        assert_eq!(inflate(huge, MIB), Err(InflateError::Corrupt("gzip")), "{name_bytes}");
    }
}

#[test]
fn the_limit_counts_clear_bytes_and_is_exact() {
    let over = Err(InflateError::TooLarge { max_bytes: 1000 });
    assert_eq!(inflate(vec![b'A'; 1000], 1000).unwrap().0.len(), 1000);
    assert_eq!(inflate(vec![b'A'; 1001], 1000), over);
    assert_eq!(inflate(gzip(&[b'A'; 1000]), 1000).unwrap().0.len(), 1000);
    assert_eq!(inflate(gzip(&[b'A'; 1001]), 1000), over);
    assert_eq!(inflate(concat(&[&gzip(&[b'A'; 1000]), &gzip(b"")]), 1000).unwrap().0.len(), 1000);
    assert_eq!(inflate(concat(&[&gzip(&[b'A'; 1000]), &gzip(b"B")]), 1000), over);
    assert_eq!(inflate(gzip(b"A"), 0), Err(InflateError::TooLarge { max_bytes: 0 }));
    assert_eq!(inflate(gzip(b"A"), u64::MAX).unwrap().0, b"A");
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let bomb = gzip(&vec![0; 4 << 20]);
    assert!(bomb.len() < 5000, "{}", bomb.len());
    let twice = gzip(&bomb);
    assert!(twice.len() < 1000, "{}", twice.len());
    for bytes in [bomb, twice] {
        assert_eq!(inflate(bytes, MIB), Err(InflateError::TooLarge { max_bytes: MIB }));
    }
}

#[test]
fn the_announced_size_reserves_no_more_than_is_believable() {
    let mut liar = gzip(b"text");
    let end = liar.len();
    liar[end - 4..].fill(0xff);
    assert_eq!(reserve(&liar, u64::MAX), 20 * end);
    assert_eq!(reserve(&liar, 7), 7);
    assert_eq!(reserve(&gzip(b"text"), u64::MAX), 4);
    assert_eq!(reserve(b"\x1f\x8b\x08", u64::MAX), 0);
}

#[test]
fn two_layers_are_inflated_and_a_third_is_refused() {
    let once = gzip(b"text");
    let twice = gzip(&once);
    let thrice = gzip(&twice);
    assert_eq!(inflate(twice.clone(), MIB), Ok((b"text".to_vec(), vec![])));
    assert_eq!(inflate(thrice, MIB), Err(InflateError::TooManyLayers));
    // The outer layer has trailing bytes, the inner one breaks off.
    let inner = gzip(&transcript());
    let both = concat(&[&gzip(&inner[..inner.len() - 2]), b"zz"]);
    let defects = inflate(both, MIB).unwrap().1;
    assert_eq!(defects, [Defect::GzipTrailingBytes, Defect::GzipTruncated]);
    let alike = concat(&[&gzip(&concat(&[&once, b"zz"])), b"zz"]);
    assert_eq!(inflate(alike, MIB), Ok((b"text".to_vec(), vec![Defect::GzipTrailingBytes])));
}

#[test]
fn zstd_is_read_like_gzip() {
    let clear = transcript();
    let (first, second) = clear.split_at(clear.len() / 3);
    let skippable = concat(&[b"\x5a\x2a\x4d\x18\x03\0\0\0abc"]);
    for bytes in [
        zstd(&clear),
        concat(&[&zstd(first), &zstd(b""), &skippable, &zstd(second)]),
        concat(&[&skippable, &zstd(&clear)]),
        gzip(&zstd(&clear)),
        zstd(&gzip(&clear)),
    ] {
        assert_eq!(inflate(bytes, MIB), Ok((clear.clone(), vec![])));
    }
    assert_eq!(inflate(zstd(b""), MIB), Ok((vec![], vec![])));
    // What only looks like a skippable frame is text.
    let text = concat(&[&skippable, b"text"]);
    assert_eq!(inflate(text.clone(), MIB), Ok((text, vec![])));
}

#[test]
fn zstd_that_breaks_off_or_goes_on_keeps_its_text() {
    // More than a block of zstd, which holds up to 128 KiB.
    let clear: Vec<u8> =
        (0..40_000u32).flat_map(|i| format!("{:08x}", i.wrapping_mul(2_654_435_761)).into_bytes()).collect();
    let whole = zstd(&clear);
    let (kept, defects) = inflate(whole[..whole.len() - 10].to_vec(), MIB).unwrap();
    assert_eq!(defects, [Defect::ZstdTruncated]);
    assert!(kept.len() > clear.len() / 3 && clear.starts_with(&kept), "{}", kept.len());
    let trailing = super::inflate(concat(&[&whole, b"garbage"]), MIB.into()).unwrap();
    assert_eq!((trailing.defects, trailing.unread_bytes), (vec![Defect::ZstdTrailingBytes], 7));
    assert_eq!(trailing.bytes, clear);
    let mut damaged = whole.clone();
    let at = damaged.len() - 100;
    damaged[at..].fill(0xff);
    let (kept, defects) = inflate(damaged, MIB).unwrap();
    assert_eq!(defects, [Defect::ZstdDamaged]);
    assert!(kept.len() > clear.len() / 3, "{}", kept.len());
    for length in [4, 5, 6, 8] {
        assert_eq!(inflate(whole[..length].to_vec(), MIB), Err(InflateError::Corrupt("zstd")), "{length}");
    }
}

#[test]
fn other_compressions_are_named_and_never_handed_on() {
    for (bytes, name) in [
        (&b"\xfd7zXZ\0\0\x04"[..], "xz"),
        (b"BZh91AY&SY....", "bzip2"),
        (b"\x04\x22\x4d\x18\x64", "LZ4"),
        (b"PK\x03\x04\x14", "ZIP"),
    ] {
        for bytes in [bytes.to_vec(), gzip(bytes), zstd(bytes)] {
            let error = inflate(bytes, MIB).unwrap_err();
            assert_eq!(
                (&error, error.reason()),
                (&InflateError::Unsupported(name), "compression-unsupported")
            );
        }
    }
    for text in [&b"BZh9 is how bzip2 begins\r\n"[..], b"PK"] {
        assert_eq!(inflate(text.to_vec(), MIB), Ok((text.to_vec(), vec![])));
    }
}

#[test]
fn a_ratio_is_refused_only_where_it_costs_something() {
    let limits = InflateLimits { max_bytes: 4 * RATIO_FLOOR_BYTES, max_ratio: 10 };
    let inflated = |clear_bytes: u64| {
        let bytes = zstd(&vec![b'y'; usize::try_from(clear_bytes).unwrap()]);
        let compressed_bytes = bytes.len() as u64;
        (super::inflate(bytes, limits), compressed_bytes)
    };
    assert_eq!(inflated(RATIO_FLOOR_BYTES).0.unwrap().bytes.len() as u64, RATIO_FLOOR_BYTES);
    let (refused, compressed_bytes) = inflated(RATIO_FLOOR_BYTES + 1);
    let error = refused.unwrap_err();
    assert_eq!(error, InflateError::Ratio { max_ratio: 10, compressed_bytes });
    assert_eq!(error.reason(), "inflate-ratio");
    assert!(error.to_string().contains("worker.max_inflate_ratio") && error.to_string().contains("32 MiB"));
    // What shrinks less than the ratio says is bounded by its size alone.
    assert_eq!(Ceiling::new(64 << 20, limits).bytes, limits.max_bytes);
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer_within_the_limit(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
        magic in 0..3,
    ) {
        match magic {
            0 => {}
            1 => drop(bytes.splice(0..0, GZIP_MAGIC)),
            _ => drop(bytes.splice(0..0, ZSTD_MAGIC)),
        }
        if let Ok((clear, _)) = inflate(bytes, 200) {
            prop_assert!(clear.len() <= 200);
        }
    }

    #[test]
    fn a_changed_byte_never_passes_for_other_text(at in 0..10_000usize, flip in 1..=255u8) {
        let clear = transcript();
        let mut bytes = gzip(&clear);
        let at = at % bytes.len();
        bytes[at] ^= flip;
        // The name, the time and the system in the header are not covered by the checksum, nor is the magic.
        if let Ok((text, defects)) = inflate(bytes.clone(), MIB) {
            prop_assert!(text == clear || text == bytes || defects == [Defect::GzipTruncated] || defects == [Defect::GzipDamaged]);
        }
    }

    #[test]
    fn what_was_compressed_comes_back(clear in proptest::collection::vec(any::<u8>(), 0..5000)) {
        prop_assume!(Format::of(&clear).is_none() && unsupported(&clear).is_none());
        prop_assert_eq!(inflate(zstd(&clear), MIB), Ok((clear.clone(), vec![])));
        prop_assert_eq!(inflate(gzip(&clear), MIB), Ok((clear, vec![])));
    }
}

/// The fast way must say the same as the thorough one, or nothing.
#[test]
fn the_two_ways_to_inflate_agree() {
    let member = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, text).unwrap();
        encoder.finish().unwrap()
    };
    let by_members = |layer: &[u8]| {
        let inflated = inflate_members(Format::Gzip, layer, &Ceiling::new(0, MIB.into())).unwrap();
        (inflated.bytes, inflated.defects)
    };
    let text = b"$ ls\r\r\nsome output\r\r\n".repeat(50);
    let whole = member(&text);
    assert_eq!(single::inflate(&whole, 1 << 20).as_deref(), Some(text.as_slice()), "the ordinary case");
    let twice = [whole.clone(), whole.clone()].concat();
    let with_garbage = [whole.as_slice(), b"garbage!"].concat();
    for layer in [&twice, &with_garbage, &whole[..whole.len() - 1].to_vec(), &member(b"")] {
        if let Some(clear) = single::inflate(layer, 1 << 20) {
            assert_eq!(by_members(layer), (clear, vec![]), "{layer:?}");
        }
    }
    // Garbage that repeats the trailer passes for the end of the member, and loses nothing.
    let with_trailer = [whole.as_slice(), &whole[whole.len() - 8..]].concat();
    assert_eq!(single::inflate(&with_trailer, 1 << 20).unwrap(), text);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x21;
        if let Some(clear) = single::inflate(&damaged, 1 << 20) {
            assert_eq!(by_members(&damaged), (clear, vec![]), "byte {at}");
        }
    }
    assert_eq!(single::inflate(&whole, 10), None, "larger than the limit");
}
