//! Runs of printable text: where they end, and whether a reader has to look at what is in them.

use super::block::{BLOCK, Block, Kind};

/// The number of bytes before the next byte that is not printable text.
#[inline]
pub(crate) fn text_len(bytes: &[u8]) -> usize {
    let (blocks, last) = bytes.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        let specials = specials(Block::new(block));
        if specials != 0 {
            return index * BLOCK + specials.trailing_zeros() as usize;
        }
    }
    let specials = specials(Block::of_part(last));
    blocks.len() * BLOCK + last.len().min(specials.trailing_zeros() as usize)
}

/// Appends the text before the next byte that is not printable to `out`. Returns its length, and whether one of its
/// bytes is a suspect: so much can be said without reading the text again.
#[inline]
pub(crate) fn copy_run(bytes: &[u8], out: &mut Vec<u8>, suspects: impl Fn(Block) -> Kind) -> (usize, bool) {
    let start = out.len();
    let (blocks, last) = bytes.as_chunks::<BLOCK>();
    let mut met = 0;
    for bytes in blocks {
        let block = Block::new(bytes);
        let specials = specials(block);
        // A block of known size is copied without a call; what is too much is taken away again.
        out.extend_from_slice(bytes);
        if specials != 0 {
            // The bits below the lowest one.
            met |= suspects(block).bits() & (specials - 1) & !specials;
            out.truncate(out.len() - BLOCK + specials.trailing_zeros() as usize);
            return (out.len() - start, met != 0);
        }
        met |= suspects(block).bits();
    }
    let block = Block::of_part(last);
    let specials = specials(block);
    let length = last.len().min(specials.trailing_zeros() as usize);
    out.extend_from_slice(&last[..length]);
    let behind = u32::MAX.checked_shl(length as u32).unwrap_or(0);
    (out.len() - start, (met | suspects(block).bits() & !behind) != 0)
}

/// Which bytes are neither printable nor a tab.
#[inline]
fn specials(block: Block) -> u32 {
    block.is_up_to(0x1f).and_not(block.is(b'\t')).or(block.is(0x7f)).bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_special(byte: u8) -> bool {
        (byte < 0x20 && byte != b'\t') || byte == 0x7f
    }

    #[test]
    fn a_run_ends_at_the_first_special_byte_wherever_it_stands() {
        for special in (0..=u8::MAX).filter(|&byte| is_special(byte)) {
            for before in [b' ', b'\t', b'~', 0x80, 0xff] {
                for length in 0..70 {
                    let mut bytes = vec![before; length];
                    bytes.push(special);
                    bytes.extend([before, special, b' ']);
                    assert_eq!(text_len(&bytes), length, "{special:#x} behind {length} times {before:#x}");
                }
            }
        }
    }

    #[test]
    fn no_printable_byte_ends_a_run() {
        let printable: Vec<u8> = (0..=u8::MAX).filter(|&byte| !is_special(byte)).collect();
        for start in 0..printable.len() {
            let (behind, first) = (&printable[..start], &printable[start..]);
            assert_eq!(text_len(&[first, behind].concat()), printable.len());
        }
    }

    #[test]
    fn a_run_is_copied_and_a_suspect_in_it_is_never_missed() {
        for length in 1..100 {
            for place in 0..length {
                let mut bytes = vec![b'a'; length];
                bytes[place] = b'#';
                bytes.extend_from_slice(b"\nbehind");
                let mut out = b"before".to_vec();
                assert_eq!(copy_run(&bytes, &mut out, |block| block.is(b'#')), (length, true));
                assert_eq!(out, [b"before", &bytes[..length]].concat());
            }
        }
        assert_eq!(copy_run(b"no suspect\n", &mut Vec::new(), |block| block.is(b'#')), (10, false));
    }
}
