//! Ids from a seed, so that a replay makes the same.

use uuid::{Builder, Uuid};

/// Makes random (version 4) UUIDs from a seed; the shell draws the seed.
///
/// SplitMix64 (Steele, Lea, Flood 2014): every seed gives a full period, and a UUID takes two draws.
#[derive(Clone, Debug)]
pub struct Ids(u64);

impl Ids {
    /// The sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next id.
    pub fn draw(&mut self) -> Uuid {
        let (high, low) = (self.word(), self.word());
        Builder::from_random_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes()).into_uuid()
    }

    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
