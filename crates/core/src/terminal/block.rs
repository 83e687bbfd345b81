//! Bytes of a kind, looked for in blocks.
//!
//! Most bytes of a transcript are of none of the kinds that are looked for. So they are compared a block at a time, with
//! the vectors that every processor of the architecture has.

use wide::u8x32;

/// How many bytes are looked at at once.
pub(crate) const BLOCK: usize = 32;

/// Bytes that stand one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block(u8x32);

impl Block {
    #[inline]
    pub(crate) fn new(bytes: &[u8; BLOCK]) -> Self {
        Self(u8x32::new(*bytes))
    }

    /// The last bytes of something, and zeros behind them.
    #[inline]
    pub(crate) fn of_part(bytes: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        block[..bytes.len()].copy_from_slice(bytes);
        Self::new(&block)
    }

    /// Which bytes are `byte`.
    #[inline]
    pub(crate) fn is(self, byte: u8) -> Kind {
        Kind(self.0.simd_eq(u8x32::splat(byte)))
    }

    /// Which bytes are at most `last`.
    #[inline]
    pub(crate) fn is_up_to(self, last: u8) -> Kind {
        Kind(self.0.min(u8x32::splat(last)).simd_eq(self.0))
    }

    /// Which bytes are `first`, `last`, or between them.
    #[inline]
    pub(crate) fn is_within(self, first: u8, last: u8) -> Kind {
        Self(self.0 - u8x32::splat(first)).is_up_to(last - first)
    }

    /// Which bytes are letters or digits of ASCII.
    #[inline]
    pub(crate) fn is_alphanumeric(self) -> Kind {
        let small = Self(self.0 | u8x32::splat(0x20));
        self.is_within(b'0', b'9').or(small.is_within(b'a', b'z'))
    }

    /// Which bytes are the same in both.
    #[inline]
    pub(crate) fn same(self, other: Self) -> Kind {
        Kind(self.0.simd_eq(other.0))
    }

    /// Which bytes are not ASCII.
    #[inline]
    pub(crate) fn is_foreign(self) -> Kind {
        // The highest bit of each byte is what counts.
        Kind(self.0)
    }
}

/// Which bytes of a block are of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind(u8x32);

impl Kind {
    #[inline]
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub(crate) fn and_not(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// A bit for each byte, the lowest for the first one.
    #[inline]
    pub(crate) fn bits(self) -> u32 {
        self.0.to_bitmask()
    }
}

/// Whether one of `bytes` is of a kind. A block that is not full ends with zeros, which must not be.
#[inline]
pub(crate) fn any(bytes: &[u8], kind: impl Fn(Block) -> Kind) -> bool {
    let (blocks, last) = bytes.as_chunks::<BLOCK>();
    blocks.iter().any(|block| kind(Block::new(block)).bits() != 0)
        || (!last.is_empty() && kind(Block::of_part(last)).bits() != 0)
}

/// Which of the first 128 bytes are of each of some kinds that zeros are not of: a bit for each, the lowest for the first
/// one.
#[inline]
pub(crate) fn bits<const N: usize>(bytes: &[u8], kinds: impl Fn(Block) -> [Kind; N]) -> [u128; N] {
    let mut all = [0; N];
    for (index, part) in bytes.chunks(BLOCK).take(u128::BITS as usize / BLOCK).enumerate() {
        let block = part.try_into().map_or_else(|_| Block::of_part(part), Block::new);
        for (all, kind) in all.iter_mut().zip(kinds(block)) {
            *all |= u128::from(kind.bits()) << (index * BLOCK);
        }
    }
    all
}

/// Where bytes of a kind stand that zeros are not of.
#[inline]
pub(crate) fn places(bytes: &[u8], kind: impl Fn(Block) -> Kind) -> impl Iterator<Item = usize> {
    let (blocks, last) = bytes.as_chunks::<BLOCK>();
    let full = blocks.iter().map(Block::new);
    let part = (!last.is_empty()).then(|| Block::of_part(last));
    let bits =
        move |(index, block)| set_bits(kind(block).bits().into()).map(move |place| index * BLOCK + place);
    full.chain(part).enumerate().flat_map(bits)
}

/// The places of the bits that are set.
#[inline]
pub(crate) fn set_bits(mut bits: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (place < u128::BITS).then_some(place as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<u8> {
        // Not a number of full blocks.
        (1..=u8::MAX).chain(1..20).collect()
    }

    fn found(kind: impl Fn(Block) -> Kind, wanted: impl Fn(u8) -> bool) {
        for from in 0..BLOCK {
            let bytes = &all()[from..];
            let places: Vec<usize> = places(bytes, &kind).collect();
            let wanted: Vec<usize> = (0..bytes.len()).filter(|&at| wanted(bytes[at])).collect();
            assert_eq!(places, wanted, "from {from}");
            assert_eq!(any(bytes, &kind), !wanted.is_empty());
            let near = wanted.iter().copied().take_while(|&at| at < 128);
            let [bits, none] = bits(bytes, |block| [kind(block), block.is(0xff).and_not(block.is(0xff))]);
            assert_eq!((set_bits(bits).collect::<Vec<_>>(), none), (near.collect::<Vec<_>>(), 0));
        }
    }

    #[test]
    fn bytes_of_a_kind_are_found_wherever_they_stand() {
        found(|block| block.is(b'x'), |byte| byte == b'x');
        found(|block| block.is_within(b'#', b'%'), |byte| (b'#'..=b'%').contains(&byte));
        found(|block| block.is_within(1, 0xff), |_| true);
        found(|block| block.is_up_to(0x1f).and_not(block.is(0)), |byte| byte < 0x20);
        found(Block::is_alphanumeric, |byte| byte.is_ascii_alphanumeric());
        found(Block::is_foreign, |byte| !byte.is_ascii());
        found(|block| block.is(b'a').or(block.is_foreign()), |byte| byte == b'a' || byte >= 0x80);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert!(!any(b"abc", |block| block.is(b'x')));
        assert_eq!(places(b"", |block| block.is(b'x')).count(), 0);
    }
}
