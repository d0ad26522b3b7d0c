//! RXM-SFRBX (02 13): a subframe of a satellite's navigation message, as it was broadcast.
//!
//! | offset | field |
//! |---|---|
//! | 0 | gnssId, svId, sigId, freqId |
//! | 4 | numWords |
//! | 5 | channel, version, reserved |
//! | 8 + 4n | words; of GPS L1 C/A 30 bits each, the lowest six parity |

use serde::Serialize;

use super::{Bytes, Reason, numbering};
use crate::decode::SatelliteId;

/// A subframe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RxmSfrbx {
    /// Whose; none for an unknown gnssId.
    pub satellite: Option<SatelliteId>,
    /// As sent.
    pub sig_id: u8,
    /// At most 255; their meaning depends on system and signal.
    pub words: Vec<u32>,
}

/// Bytes before the words, and of each.
const LAYOUT: (usize, usize) = (8, 4);

impl RxmSfrbx {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        Reason::check_blocks(payload, LAYOUT, payload.get(4).copied())?;
        let mut b = Bytes::at_least(payload, LAYOUT.0)?;
        let (gnss_id, sv_id, sig_id) = (b.u8(), b.u8(), b.u8());
        b.skip(1);
        let count = b.u8();
        b.skip(3);
        let words = (0..count).map(|_| b.u32()).collect();
        Ok(Self { satellite: numbering::satellite(gnss_id, sv_id), sig_id, words })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };
    use super::*;
    use crate::decode::Constellation;

    #[test]
    fn reads() {
        let expected = RxmSfrbx {
            satellite: Some(SatelliteId { constellation: Constellation::Gps, number: 5 }),
            sig_id: 0,
            words: vec![0x22C0_0001, 2],
        };
        let found = packet(0x02, 0x13, "00 05 00 00 02 01 02 00 0100c022 02000000");
        assert_eq!(found, Packet::RxmSfrbx(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x02, 0x13, "0005000002010200"), "expected 2 blocks of 4 bytes, found 0 bytes");
    }
}
