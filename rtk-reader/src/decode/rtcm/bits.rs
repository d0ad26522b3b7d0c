//! The one bit reader of all messages.

use super::Error;

/// The widest field read at once: what a window of eight bytes holds at any bit offset.
const WIDEST_BITS: u32 = 57;

/// Reads fields one after another, most significant bit first.
///
/// Past the end it reads zeros and goes on counting: a message's fields are read in a row, and [`Bits::end`]
/// says once whether they were all there. Nothing here can fail or panic in between.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    /// Starts at the bit `position`.
    pub(super) fn new(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    /// An unsigned field (`uint`, `bit(n)`).
    pub(super) fn unsigned(&mut self, width: u32) -> u64 {
        let start = self.skip(width as usize);
        self.unsigned_at(start, width)
    }

    /// A two's complement field (`int`).
    pub(super) fn signed(&mut self, width: u32) -> i64 {
        let start = self.skip(width as usize);
        self.signed_at(start, width)
    }

    /// A sign-magnitude field (`intS`): the first bit is the sign, the rest the amount; GLONASS keeps its own
    /// format in message 1020.
    pub(super) fn sign_magnitude(&mut self, width: u32) -> i64 {
        let negative = self.flag();
        let amount = self.unsigned(width - 1).cast_signed();
        if negative { -amount } else { amount }
    }

    /// A one-bit field.
    pub(super) fn flag(&mut self) -> bool {
        self.unsigned(1) != 0
    }

    /// Unsigned, at most eight bits wide.
    pub(super) fn u8(&mut self, width: u32) -> u8 {
        debug_assert!(width <= u8::BITS);
        self.unsigned(width) as u8
    }

    /// Unsigned, at most 16 bits wide.
    pub(super) fn u16(&mut self, width: u32) -> u16 {
        debug_assert!(width <= u16::BITS);
        self.unsigned(width) as u16
    }

    /// Unsigned, at most 32 bits wide.
    pub(super) fn u32(&mut self, width: u32) -> u32 {
        debug_assert!(width <= u32::BITS);
        self.unsigned(width) as u32
    }

    /// A mask of 0 to 64 bits, its first bit the highest of the result.
    pub(super) fn mask(&mut self, width: u32) -> u64 {
        debug_assert!(width <= u64::BITS);
        let high = width.min(32);
        let low = width.saturating_sub(32);
        let mut mask = 0;
        if high > 0 {
            mask |= self.unsigned(high) << (64 - high);
        }
        if low > 0 {
            mask |= self.unsigned(low) << (32 - low);
        }
        mask
    }

    /// Passes over a field or a column of them; where it began.
    pub(super) fn skip(&mut self, width: usize) -> usize {
        let start = self.position;
        self.position += width;
        start
    }

    /// An unsigned field anywhere.
    pub(super) fn unsigned_at(&self, position: usize, width: u32) -> u64 {
        debug_assert!((1..=WIDEST_BITS).contains(&width));
        (self.window(position / 8) << (position % 8)) >> (u64::BITS - width)
    }

    /// A two's complement field anywhere.
    pub(super) fn signed_at(&self, position: usize, width: u32) -> i64 {
        debug_assert!((1..=WIDEST_BITS).contains(&width));
        (self.window(position / 8) << (position % 8)).cast_signed() >> (u64::BITS - width)
    }

    /// Whether all that was read was there.
    pub(super) fn end(&self) -> Result<(), Error> {
        let found_bits = self.bytes.len() * 8;
        if self.position > found_bits {
            return Err(Error::Short { expected_bits: self.position, found_bits });
        }
        Ok(())
    }

    fn window(&self, first: usize) -> u64 {
        let rest = self.bytes.get(first..).unwrap_or_default();
        if let Some(window) = rest.first_chunk() {
            return u64::from_be_bytes(*window);
        }
        let mut window = [0; 8];
        for (to, from) in window.iter_mut().zip(rest) {
            *to = *from;
        }
        u64::from_be_bytes(window)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_kind_of_field() {
        let mut bits = Bits::new(&[0b1010_0011, 0b1111_1111, 0b0000_0001], 0);
        assert_eq!(bits.u8(3), 0b101);
        assert!(!bits.flag());
        assert_eq!(bits.signed(6), 0b00_1111);
        assert_eq!(bits.signed(5), -1);
        assert_eq!(bits.sign_magnitude(9), -1);
        assert_eq!(bits.end(), Ok(()));
    }

    #[test]
    fn reads_zeros_past_the_end_and_tells() {
        let mut bits = Bits::new(&[0xFF], 4);
        assert_eq!(bits.unsigned(12), 0xF00);
        assert_eq!(bits.mask(64), 0);
        assert_eq!(bits.end(), Err(Error::Short { expected_bits: 80, found_bits: 8 }));
    }

    #[test]
    fn minus_zero_is_zero() {
        assert_eq!(Bits::new(&[0b1000_0000], 0).sign_magnitude(8), 0);
        assert_eq!(Bits::new(&[0b1111_1111], 0).sign_magnitude(8), -127);
    }

    proptest! {
        /// The reader against the definition: bit by bit.
        #[test]
        fn agrees_with_one_bit_at_a_time(
            bytes in prop::collection::vec(any::<u8>(), 0..40), position in 0usize..340, width in 1u32..=57,
        ) {
            let bit = |at: usize| bytes.get(at / 8).is_some_and(|b| b >> (7 - at % 8) & 1 == 1);
            let expected =
                (0..width as usize).fold(0u64, |value, i| value << 1 | u64::from(bit(position + i)));
            let bits = Bits::new(&bytes, 0);
            prop_assert_eq!(bits.unsigned_at(position, width), expected);
            let sign = if bit(position) { -1i64 << (width - 1) << 1 } else { 0 };
            prop_assert_eq!(bits.signed_at(position, width), sign | expected.cast_signed());
        }

        /// A mask's first bit is the highest, whatever its width.
        #[test]
        fn a_mask_is_left_aligned(mask: u64, width in 0u32..=64) {
            let bytes = mask.to_be_bytes();
            let kept = if width == 0 { 0 } else { mask >> (64 - width) << (64 - width) };
            prop_assert_eq!(Bits::new(&bytes, 0).mask(width), kept);
        }
    }
}
