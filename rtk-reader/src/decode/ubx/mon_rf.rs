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

impl MonRf {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        Reason::check_blocks(payload, LAYOUT, payload.get(1).copied())?;
        let blocks = payload.get(LAYOUT.0..).unwrap_or_default().chunks(LAYOUT.1).map(MonRfBlock::read);
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
}
