//! RXM-RTCM (02 32): RTCM input status.
//!
//! | offset | field |
//! |---|---|
//! | 1 | flags: bit 0 crcFailed, bits 2..1 msgUsed |
//! | 2 | subType |
//! | 4 | refStation |
//! | 6 | msgType |

use serde::Serialize;
use ublox::{
    UbxProtocol,
    proto27::{PacketRef, Proto27},
};

use super::Reason;

/// RTCM input status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RxmRtcm {
    /// The message failed its CRC.
    pub crc_failed: bool,
    /// 0 unknown, 1 not used, 2 used.
    pub used: u8,
    /// 4072 subtype.
    pub subtype: u16,
    /// Reference station.
    pub station_id: u16,
    /// Message number.
    pub number: u16,
}

/// Bytes of the payload.
const LENGTH: usize = 8;

impl RxmRtcm {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        let Ok(PacketRef::RxmRtcm(p)) = Proto27::match_packet(0x02, 0x32, payload) else {
            return Err(Reason::Length { expected: LENGTH, found: payload.len() });
        };
        Ok(Self {
            crc_failed: p.flags() & 1 != 0,
            used: p.flags() >> 1 & 3,
            subtype: p.sub_type(),
            station_id: p.ref_station(),
            number: p.msg_type(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };
    use super::*;

    #[test]
    fn reads() {
        let expected = RxmRtcm { crc_failed: false, used: 0, subtype: 0, station_id: 0, number: 1230 };
        assert_eq!(packet(0x02, 0x32, "020000000000ce04"), Packet::RxmRtcm(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x02, 0x32, "020000000000ce"), "expected a payload of 8 bytes, found 7");
    }
}
