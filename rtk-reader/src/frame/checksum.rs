//! The three checksums of the stream, and fast forms of them for whole frames.

use crc::{CRC_24_LTE_A, Crc, Table};

/// CRC-24Q has the polynomial 0x1864CFB, starts at zero and is neither reflected nor inverted (RTCM 10403.3,
/// section 4.2); the catalogue of parametrised CRCs knows that as CRC-24/LTE-A.
static CRC_24Q: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_24_LTE_A);

/// CRC-24Q of an RTCM 3 frame's header and payload; zero over a whole frame with its CRC.
#[must_use]
pub fn crc24q(bytes: &[u8]) -> u32 {
    CRC_24Q.checksum(bytes)
}

/// CK_A and CK_B over a UBX frame's class, id, length and payload: 8-bit Fletcher (u-blox F9 interface
/// description UBX-22008968, section 3.4).
#[must_use]
pub fn ubx_checksum(bytes: &[u8]) -> [u8; 2] {
    let Fletcher { a, b } = Fletcher::of(bytes);
    [a, b]
}

/// XOR of the characters between an NMEA sentence's `$` and `*`, both excluded (NMEA 0183, section 5.3).
#[must_use]
pub fn nmea_checksum(bytes: &[u8]) -> u8 {
    let (words, rest) = bytes.as_chunks::<8>();
    let folded = words.iter().fold(0, |sum, word| sum ^ u64::from_le_bytes(*word));
    fold_bytes(folded) ^ rest.iter().fold(0, |sum, b| sum ^ b)
}

/// [`nmea_checksum`], or none if a byte isn't printable ASCII (0x20 to 0x7E).
pub(super) fn printable_checksum(bytes: &[u8]) -> Option<u8> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    // A byte below 0x20 borrows into its high bit, 0x7F carries into it, the rest have it set. What a bad
    // byte does to its neighbour makes no good one of it, and without a bad byte nothing carries.
    let (words, rest) = bytes.as_chunks::<8>();
    let (mut sum, mut bad) = (0, 0);
    for word in words {
        let word = u64::from_le_bytes(*word);
        sum ^= word;
        bad |= word | word.wrapping_sub(ONES * 0x20) | word.wrapping_add(ONES);
    }
    let (mut rest_sum, mut rest_bad) = (0, false);
    for &b in rest {
        rest_sum ^= b;
        rest_bad |= !is_printable(b);
    }
    (bad & HIGH_BITS == 0 && !rest_bad).then(|| fold_bytes(sum) ^ rest_sum)
}

fn is_printable(b: u8) -> bool {
    (0x20..=0x7E).contains(&b)
}

fn fold_bytes(word: u64) -> u8 {
    word.to_le_bytes().iter().fold(0, |sum, b| sum ^ b)
}

/// The two sums of UBX over some bytes, modulo 256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fletcher {
    /// Sum of the bytes.
    pub a: u8,
    /// Sum of `a` after each byte.
    pub b: u8,
}

impl Fletcher {
    pub fn of(bytes: &[u8]) -> Self {
        // Sixteen interleaved sums, which compilers turn into vector instructions. The byte in lane l of block
        // k of K counts 16 (K - k) - l times in `b`, and a lane's own `b` has counted it K - k times.
        const LANES: usize = 16;
        let (blocks, rest) = bytes.as_chunks::<LANES>();
        let (mut a, mut b) = ([0_u8; LANES], [0_u8; LANES]);
        for block in blocks {
            for lane in 0..LANES {
                a[lane] = a[lane].wrapping_add(block[lane]);
                b[lane] = b[lane].wrapping_add(a[lane]);
            }
        }
        let mut sum = Self::default();
        for (lane, (&a, &b)) in (0_u8..).zip(a.iter().zip(&b)) {
            sum.a = sum.a.wrapping_add(a);
            sum.b = sum.b.wrapping_add(b.wrapping_mul(LANES as u8)).wrapping_sub(a.wrapping_mul(lane));
        }
        for &byte in rest {
            sum.a = sum.a.wrapping_add(byte);
            sum.b = sum.b.wrapping_add(sum.a);
        }
        sum
    }

    /// The sums over these bytes and then `len` more, whose own sums are `next`.
    pub fn then(self, next: Self, len: u64) -> Self {
        Self {
            a: self.a.wrapping_add(next.a),
            b: self.b.wrapping_add(self.a.wrapping_mul(low_byte(len))).wrapping_add(next.b),
        }
    }

    /// The inverse of [`then`](Self::then): what `len` bytes added, if `before` were the sums without them.
    pub fn since(self, before: Self, len: u64) -> Self {
        Self {
            a: self.a.wrapping_sub(before.a),
            b: self.b.wrapping_sub(before.b).wrapping_sub(before.a.wrapping_mul(low_byte(len))),
        }
    }
}

fn low_byte(n: u64) -> u8 {
    n.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn crc24q_has_the_check_value_and_residue_of_the_standard() {
        assert_eq!(crc24q(b"123456789"), 0xCD_E703);
        // RTCM 10403.3, section 4.2: the frame of a 1005 message, CRC last.
        let frame = b"\xD3\x00\x13\x3E\xD7\xD3\x02\x02\x98\x0E\xDE\xEF\x34\xB4\xBD\x62\xAC\x09\x41\x98\x6F\x33\x36\x0B\x98";
        assert_eq!(crc24q(frame), 0);
        assert_eq!(crc24q(&frame[..22]), 0x36_0B98);
    }

    #[test]
    fn ubx_and_nmea_sums_of_known_frames() {
        // The poll of MON-VER; a sentence with an empty fix.
        assert_eq!(ubx_checksum(&[0x0A, 0x04, 0, 0]), [0x0E, 0x34]);
        assert_eq!(nmea_checksum(b"GNGLL,,,,,,V,N"), 0x7A);
    }

    fn fletcher_by_the_book(bytes: &[u8]) -> Fletcher {
        bytes.iter().fold(Fletcher::default(), |Fletcher { a, b }, &byte| {
            let a = a.wrapping_add(byte);
            Fletcher { a, b: b.wrapping_add(a) }
        })
    }

    proptest! {
        #[test]
        fn fast_sums_are_the_plain_ones(bytes in prop::collection::vec(any::<u8>(), 0..600), cut in 0..600_usize) {
            let whole = Fletcher::of(&bytes);
            prop_assert_eq!(whole, fletcher_by_the_book(&bytes));
            let (x, y) = bytes.split_at(cut.min(bytes.len()));
            let len = y.len() as u64;
            prop_assert_eq!(Fletcher::of(x).then(Fletcher::of(y), len), whole);
            prop_assert_eq!(whole.since(Fletcher::of(x), len), Fletcher::of(y));
            prop_assert_eq!(nmea_checksum(&bytes), bytes.iter().fold(0, |x, b| x ^ b));
        }

        #[test]
        fn printable_means_every_byte(mut bytes in prop::collection::vec(0x20..0x7F_u8, 1..90), at in 0..90_usize, b: u8) {
            prop_assert_eq!(printable_checksum(&bytes), Some(nmea_checksum(&bytes)));
            let at = at % bytes.len();
            bytes[at] = b;
            prop_assert_eq!(printable_checksum(&bytes).is_some(), (0x20..0x7F).contains(&b));
        }
    }
}
