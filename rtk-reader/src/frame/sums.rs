//! UBX checksums of long candidates, without adding up the same bytes for each.

use super::checksum::Fletcher;

/// Prefix sums are kept at every multiple of this many bytes of the stream.
const BLOCK_BYTES: u64 = 64;
/// Enough for the longest UBX candidate at any alignment.
const BLOCKS: usize = 1032;
/// Shorter candidates are added up directly.
const LONG_BYTES: usize = 1024;

/// Sums over the stream up to recent block boundaries.
///
/// A stream of `B5 62` with long lengths makes every sixth byte start a candidate of up to 65,535 bytes.
/// From prefix sums each costs at most two partial blocks, however long it claims to be. Bytes at a
/// position of the stream never change, so what was added up once stays right; the oldest boundaries are
/// overwritten, and a candidate from before them starts the sums anew.
#[derive(Debug)]
pub(super) struct PrefixSums {
    /// The sums up to boundary `n` are at `n % BLOCKS`.
    at: Box<[Fletcher; BLOCKS]>,
    /// First and last boundary whose sums are known.
    first: u64,
    last: u64,
}

impl PrefixSums {
    pub const BYTES: usize = BLOCKS * size_of::<Fletcher>();

    pub fn new() -> Self {
        Self { at: Box::new([Fletcher::default(); BLOCKS]), first: 0, last: 0 }
    }

    /// The sums over `bytes`, which stand at `offset` in the stream.
    #[inline]
    pub fn over(&mut self, offset: u64, bytes: &[u8]) -> Fletcher {
        if bytes.len() < LONG_BYTES { Fletcher::of(bytes) } else { self.over_long(offset, bytes) }
    }

    fn over_long(&mut self, offset: u64, bytes: &[u8]) -> Fletcher {
        let lead = offset.next_multiple_of(BLOCK_BYTES) - offset;
        let (lead, rest) = bytes.split_at(usize::try_from(lead).unwrap_or(0).min(bytes.len()));
        let (blocks, tail) = rest.as_chunks::<{ BLOCK_BYTES as usize }>();
        let first = offset.div_ceil(BLOCK_BYTES);
        let count = blocks.len() as u64;

        if first < self.first || first > self.last {
            (self.first, self.last) = (first, first);
            self.at[slot(first)] = Fletcher::default();
        }
        let known = usize::try_from(self.last - first).unwrap_or(usize::MAX);
        for block in blocks.iter().skip(known) {
            let sum = self.at[slot(self.last)].then(Fletcher::of(block), BLOCK_BYTES);
            self.last += 1;
            self.at[slot(self.last)] = sum;
        }
        self.first = self.first.max((self.last + 1).saturating_sub(BLOCKS as u64));

        let inner = count * BLOCK_BYTES;
        let whole = self.at[slot(first + count)].since(self.at[slot(first)], inner);
        Fletcher::of(lead).then(whole, inner).then(Fletcher::of(tail), tail.len() as u64)
    }
}

fn slot(boundary: u64) -> usize {
    usize::try_from(boundary % BLOCKS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn sums_from_prefixes_are_the_plain_ones(
            seed: u8,
            start in 0..100_000_u64,
            ranges in prop::collection::vec((0..140_000_usize, 0..65_540_usize), 1..20),
        ) {
            let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 ^ seed).collect();
            let mut sums = PrefixSums::new();
            for (from, len) in ranges {
                let part = bytes.get(from..from + len).unwrap_or_default();
                prop_assert_eq!(sums.over(start + from as u64, part), Fletcher::of(part));
            }
        }
    }
}
