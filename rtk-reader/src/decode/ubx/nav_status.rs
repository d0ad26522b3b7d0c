//! NAV-STATUS (01 03): receiver navigation status.
//!
//! | offset | field | unit |
//! |---|---|---|
//! | 0 | iTOW | ms |
//! | 4 | gpsFix | |
//! | 5 | flags: bit 0 gpsFixOk, bit 1 diffSoln | |
//! | 7 | flags2: bits 4..3 spoofDetState, bits 7..6 carrSoln | |
//! | 8 | ttff | ms |
//! | 12 | msss | ms |

use serde::Serialize;
use ublox::{
    UbxProtocol,
    proto27::{PacketRef, Proto27},
};

use super::Reason;

/// Receiver navigation status.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavStatus {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// As in [`NavPvt::fix_type`](super::NavPvt::fix_type).
    pub fix_type: u8,
    /// Within the accuracy limits.
    pub fix_ok: bool,
    /// Differential corrections applied.
    pub differential: bool,
    /// 0 none, 1 float, 2 fixed.
    pub carrier_solution: u8,
    /// 0 none, 1 indicated, 2 spoofing, 3 multiple.
    pub spoofing: u8,
    /// Time to first fix, milliseconds.
    pub ttff_ms: u32,
    /// Since start-up, milliseconds.
    pub uptime_ms: u32,
}

/// Bytes of the payload.
const LENGTH: usize = 16;

impl NavStatus {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        let Ok(PacketRef::NavStatus(p)) = Proto27::match_packet(0x01, 0x03, payload) else {
            return Err(Reason::Length { expected: LENGTH, found: payload.len() });
        };
        let (flags, flags2) = (p.flags_raw(), p.flags2_raw());
        Ok(Self {
            itow_ms: p.itow(),
            fix_type: p.fix_type_raw(),
            fix_ok: flags & 1 != 0,
            differential: flags & 2 != 0,
            carrier_solution: flags2 >> 6,
            spoofing: flags2 >> 3 & 3,
            ttff_ms: p.time_to_first_fix(),
            uptime_ms: p.uptime_ms(),
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

    const STATUS: &str = "08b5622103df0008385b00002bba9e00";

    #[test]
    fn reads() {
        let expected = NavStatus {
            itow_ms: 560_117_000,
            fix_type: 3,
            fix_ok: true,
            differential: true,
            carrier_solution: 0,
            spoofing: 1,
            ttff_ms: 23_352,
            uptime_ms: 10_402_347,
        };
        assert_eq!(packet(0x01, 0x03, STATUS), Packet::NavStatus(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x01, 0x03, "08"), "expected a payload of 16 bytes, found 1");
    }
}
