//! NAV-SAT (01 35): satellites.
//!
//! | offset | field | unit |
//! |---|---|---|
//! | 0 | iTOW | ms |
//! | 5 | numSvs | |
//! | 8 + 12n | gnssId, svId | |
//! | 10 + 12n | cno | dB-Hz |
//! | 11 + 12n | elev | degrees, beyond ±90 unknown |
//! | 12 + 12n | azim | degrees, beyond 0 to 360 unknown |
//! | 14 + 12n | prRes | 0.1 m |
//! | 16 + 12n | flags: bits 2..0 qualityInd, bit 3 svUsed, bits 5..4 health | |

use serde::Serialize;
use ublox::{
    UbxProtocol,
    proto27::{PacketRef, Proto27},
};

use super::{Reason, numbering};
use crate::decode::SatelliteId;

/// Satellites.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSat {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// At most 255.
    pub satellites: Vec<NavSatSatellite>,
}

/// One satellite of NAV-SAT.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavSatSatellite {
    /// Which; none for an unknown gnssId.
    pub id: Option<SatelliteId>,
    /// As sent.
    pub gnss_id: u8,
    /// As sent.
    pub sv_id: u8,
    /// dB-Hz; 0 not tracked.
    pub cn0_dbhz: u8,
    /// Degrees, -90 to 90; none if unknown.
    pub elevation_deg: Option<i8>,
    /// Degrees, 0 to 360; none if unknown.
    pub azimuth_deg: Option<i16>,
    /// Pseudorange residual, metres.
    pub residual_m: f64,
    /// 0 none … 7 code and carrier locked.
    pub quality: u8,
    /// In the navigation solution.
    pub used: bool,
    /// 0 unknown, 1 healthy, 2 unhealthy.
    pub health: u8,
}

/// Bytes before the satellites, and of each.
const LAYOUT: (usize, usize) = (8, 12);

impl NavSat {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        Reason::check_blocks(payload, LAYOUT, payload.get(5).copied())?;
        let Ok(PacketRef::NavSat(p)) = Proto27::match_packet(0x01, 0x35, payload) else {
            return Err(Reason::Length { expected: LAYOUT.0, found: payload.len() });
        };
        let satellites = p.svs().map(|sv| {
            let flags = sv.flags_raw();
            NavSatSatellite {
                id: numbering::satellite(sv.gnss_id(), sv.sv_id()),
                gnss_id: sv.gnss_id(),
                sv_id: sv.sv_id(),
                cn0_dbhz: sv.cno(),
                elevation_deg: Some(sv.elev()).filter(|degrees| (-90..=90).contains(degrees)),
                azimuth_deg: Some(sv.azim()).filter(|degrees| (0..=360).contains(degrees)),
                residual_m: f64::from(sv.pr_res()) / 10.0,
                quality: (flags & 7) as u8,
                used: flags & 1 << 3 != 0,
                health: (flags >> 4 & 3) as u8,
            }
        });
        Ok(Self { itow_ms: p.itow(), satellites: satellites.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };
    use super::*;

    /// A satellite of a capture, and one made up that the receiver doesn't know.
    const SAT: &str = "08e4a603010200000003182e5400e9ff1c09000006ff00a50000000001000000";

    #[test]
    fn reads() {
        let tracked = NavSatSatellite {
            id: Some(SatelliteId { constellation: crate::decode::Constellation::Gps, number: 3 }),
            gnss_id: 0,
            sv_id: 3,
            cn0_dbhz: 24,
            elevation_deg: Some(46),
            azimuth_deg: Some(84),
            residual_m: -2.3,
            quality: 4,
            used: true,
            health: 1,
        };
        let unknown = NavSatSatellite {
            id: None,
            gnss_id: 6,
            sv_id: 255,
            cn0_dbhz: 0,
            elevation_deg: None,
            azimuth_deg: Some(0),
            residual_m: 0.0,
            quality: 1,
            used: false,
            health: 0,
        };
        let expected = NavSat { itow_ms: 61_269_000, satellites: vec![tracked, unknown] };
        assert_eq!(packet(0x01, 0x35, SAT), Packet::NavSat(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x01, 0x35, &SAT[..54]), "expected 2 blocks of 12 bytes, found 19 bytes");
        assert_eq!(reason(0x01, 0x35, &SAT[..6]), "expected a payload of at least 8 bytes, found 3");
    }
}
