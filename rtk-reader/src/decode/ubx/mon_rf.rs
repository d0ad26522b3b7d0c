//! MON-RF (0A 38): RF information.
//!
//! | offset | field |
//! |---|---|
//! | 1 | nBlocks |
//! | 4 + 24n | blockId |
//! | 5 + 24n | flags: bits 1..0 jammingState |
//! | 6 + 24n | antStatus |
//! | 7 + 24n | antPower |
//! | 16 + 24n | noisePerMS |
//! | 18 + 24n | agcCnt |
//! | 20 + 24n | jamInd |
//!
//! A ZED-F9R with HPS 1.30 sends blocks of 20 bytes, which no description we know has. Its captures show the
//! noise and the AGC in the same places, no antPower, and in its place a value that moves as jamInd does;
//! the two offset and magnitude pairs end the block.

use serde::Serialize;

use super::{Bytes, Reason};

/// RF information.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonRf {
    /// One per RF block.
    pub blocks: Vec<MonRfBlock>,
}

/// One RF block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MonRfBlock {
    /// 0 L1, 1 L2 or L5.
    pub block_id: u8,
    /// 0 unknown, 1 ok, 2 warning, 3 critical.
    pub jamming_state: u8,
    /// 0 init, 1 don't know, 2 ok, 3 short, 4 open.
    pub antenna_status: u8,
    /// 0 off, 1 on, 2 don't know.
    pub antenna_power: u8,
    /// Noise level.
    pub noise_per_ms: u16,
    /// AGC monitor, 0 to 8191.
    pub agc_count: u16,
    /// CW jamming, 0 to 255.
    pub jamming_indicator: u8,
}

/// Bytes before the blocks, and of each.
const LAYOUT: (usize, usize) = (4, 24);
/// The same of the short layout.
const SHORT_LAYOUT: (usize, usize) = (4, 20);

impl MonRf {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        let announced = payload.get(1).copied();
        let (layout, read): (_, fn(&[u8]) -> MonRfBlock) =
            match Reason::check_blocks(payload, SHORT_LAYOUT, announced) {
                Ok(()) => (SHORT_LAYOUT, MonRfBlock::read_short),
                Err(_) => (LAYOUT, MonRfBlock::read),
            };
        Reason::check_blocks(payload, layout, announced)?;
        let blocks = payload.get(layout.0..).unwrap_or_default().chunks(layout.1).map(read);
        Ok(Self { blocks: blocks.collect() })
    }
}

impl MonRfBlock {
    fn read(block: &[u8]) -> Self {
        let mut b = Bytes::new(block);
        let (block_id, flags, antenna_status, antenna_power) = (b.u8(), b.u8(), b.u8(), b.u8());
        // The result of the power-on self test and four reserved bytes.
        b.skip(8);
        Self {
            block_id,
            jamming_state: flags & 3,
            antenna_status,
            antenna_power,
            noise_per_ms: b.u16(),
            agc_count: b.u16(),
            jamming_indicator: b.u8(),
        }
    }

    fn read_short(block: &[u8]) -> Self {
        let mut b = Bytes::new(block);
        let (block_id, flags, antenna_status, jamming_indicator) = (b.u8(), b.u8(), b.u8(), b.u8());
        b.skip(8);
        Self {
            block_id,
            jamming_state: flags & 3,
            antenna_status,
            antenna_power: ANTENNA_POWER_UNKNOWN,
            noise_per_ms: b.u16(),
            agc_count: b.u16(),
            jamming_indicator,
        }
    }
}

/// "Don't know" of antPower.
const ANTENNA_POWER_UNKNOWN: u8 = 2;

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };
    use super::*;

    /// Made after the interface description.
    const RF: &str = concat!(
        "00020000",
        "00010201 00000000 00000000 4500 3213 13 95 16 95 01 000000",
        "01000402 00000000 00000000 2700 9114 0d a9 0b a5 00 000000"
    );
    /// Of a ZED-F9R (HPS 1.30).
    const SHORT: &str = concat!(
        "00020000",
        "0001020f 00000000 00000000 4500 3213 13951695",
        "0101020a 00000000 00000000 2700 9114 0da90ba5"
    );

    #[test]
    fn reads() {
        let l1 = MonRfBlock {
            block_id: 0,
            jamming_state: 1,
            antenna_status: 2,
            antenna_power: 1,
            noise_per_ms: 69,
            agc_count: 4914,
            jamming_indicator: 0x13,
        };
        let l2 = MonRfBlock {
            block_id: 1,
            jamming_state: 0,
            antenna_status: 4,
            antenna_power: 2,
            noise_per_ms: 39,
            agc_count: 5265,
            jamming_indicator: 0x0D,
        };
        assert_eq!(packet(0x0A, 0x38, RF), Packet::MonRf(MonRf { blocks: vec![l1, l2] }));
    }

    #[test]
    fn reads_the_short_layout() {
        let Packet::MonRf(rf) = packet(0x0A, 0x38, SHORT) else { panic!("not a MON-RF") };
        let read: Vec<_> = rf.blocks.iter().map(|b| (b.agc_count, b.jamming_indicator)).collect();
        assert_eq!(read, [(4914, 15), (5265, 10)]);
        assert!(rf.blocks.iter().all(|b| b.antenna_power == ANTENNA_POWER_UNKNOWN));
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason(0x0A, 0x38, "00020000 0001020f 00000000"),
            "expected 2 blocks of 24 bytes, found 8 bytes"
        );
    }
}
