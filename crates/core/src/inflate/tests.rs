use std::io::Write;

use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;

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
        assert_eq!(inflate(whole[..length].to_vec(), MIB), Err(InflateError::Corrupt), "{length}");
    }
    let empty = gzip(b"");
    assert_eq!(inflate(empty[..empty.len() - 1].to_vec(), MIB), Err(InflateError::Corrupt));
}

#[test]
fn bytes_after_the_last_member_are_left_out() {
    for trailing in [&[0xd7; 16][..], &[0], &[0; 512], b"$ id\r\n", b"\x1f\x8b\x07"] {
        let bytes = concat(&[&gzip(b"text"), trailing]);
        assert_eq!(inflate(bytes, MIB), Ok((b"text".to_vec(), vec![Defect::GzipTrailingBytes])));
    }
}

#[test]
fn damage_is_found() {
    let whole = gzip(&transcript());
    for (what, at) in
        [("deflate data", whole.len() / 2), ("checksum", whole.len() - 8), ("length", whole.len() - 4)]
    {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        assert_eq!(inflate(damaged, MIB), Err(InflateError::Corrupt), "{what}");
    }
    let mut reserved_flag = whole;
    reserved_flag[3] |= 0x80;
    assert_eq!(inflate(reserved_flag, MIB), Err(InflateError::Corrupt));
}

#[test]
fn a_header_field_is_bounded() {
    let ordinary = gzip_named(b"text", &"n".repeat(60_000));
    assert_eq!(inflate(ordinary, MIB), Ok((b"text".to_vec(), vec![])));
    for name_bytes in [70_000, 1 << 23] {
        let huge = gzip_named(b"text", &"n".repeat(name_bytes));
        assert_eq!(inflate(huge, MIB), Err(InflateError::Corrupt), "{name_bytes}");
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
fn zstd_is_named_and_never_handed_on() {
    let frame = b"\x28\xb5\x2f\xfd\x20\x04\x21\x00\x00text".to_vec();
    for bytes in [frame.clone(), gzip(&frame)] {
        let error = inflate(bytes, MIB).unwrap_err();
        assert_eq!((&error, error.reason()), (&InflateError::Unsupported("zstd"), "zstd-unsupported"));
    }
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer_within_the_limit(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
        magic in any::<bool>(),
    ) {
        if magic {
            bytes.splice(0..0, GZIP_MAGIC);
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
            prop_assert!(text == clear || text == bytes || defects == [Defect::GzipTruncated]);
        }
    }

    #[test]
    fn what_was_compressed_comes_back(clear in proptest::collection::vec(any::<u8>(), 0..5000)) {
        prop_assume!(!clear.starts_with(&GZIP_MAGIC) && !clear.starts_with(&ZSTD_MAGIC));
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
    let text = b"$ ls\r\r\nsome output\r\r\n".repeat(50);
    let whole = member(&text);
    assert_eq!(inflate_single_member(&whole, 1 << 20).as_deref(), Some(text.as_slice()), "the ordinary case");
    let twice = [whole.clone(), whole.clone()].concat();
    let with_garbage = [whole.as_slice(), b"garbage!"].concat();
    for layer in [&twice, &with_garbage, &whole[..whole.len() - 1].to_vec(), &member(b"")] {
        if let Some(clear) = inflate_single_member(layer, 1 << 20) {
            assert_eq!(inflate_members(layer, 1 << 20), Ok((clear, None)), "{layer:?}");
        }
    }
    // Garbage that repeats the trailer passes for the end of the member, and loses nothing.
    let with_trailer = [whole.as_slice(), &whole[whole.len() - 8..]].concat();
    assert_eq!(inflate_single_member(&with_trailer, 1 << 20).unwrap(), text);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x21;
        if let Some(clear) = inflate_single_member(&damaged, 1 << 20) {
            assert_eq!(inflate_members(&damaged, 1 << 20), Ok((clear, None)), "byte {at}");
        }
    }
    assert_eq!(inflate_single_member(&whole, 10), None, "larger than the limit");
}
