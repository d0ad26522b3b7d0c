//! NAV-HPPOSLLH (01 14): high precision position.
//!
//! | offset | field | unit |
//! |---|---|---|
//! | 3 | flags: bit 0 invalidLlh | |
//! | 4 | iTOW | ms |
//! | 8, 12 | lon, lat | 1e-7 degrees |
//! | 16, 20 | height, hMSL | mm |
//! | 24, 25 | lonHp, latHp | 1e-9 degrees |
//! | 26, 27 | heightHp, hMSLHp | 0.1 mm |
//! | 28, 32 | hAcc, vAcc | 0.1 mm |
//!
//! The crate reads the fields rightly, but adds metres to millimetres where it puts the halves of a height
//! together: the sums are ours.

use serde::Serialize;
use ublox::{
    UbxProtocol,
    proto27::{PacketRef, Proto27},
};

use super::Reason;

/// High precision position.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavHpposllh {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// The position is invalid.
    pub invalid: bool,
    /// Degrees, 1e-9 resolution.
    pub longitude_deg: f64,
    /// Degrees, 1e-9 resolution.
    pub latitude_deg: f64,
    /// Metres above the ellipsoid, 0.1 mm resolution.
    pub height_m: f64,
    /// Metres above mean sea level.
    pub altitude_m: f64,
    /// Metres.
    pub horizontal_accuracy_m: f64,
    /// Metres.
    pub vertical_accuracy_m: f64,
}

/// Bytes of the payload.
const LENGTH: usize = 36;

impl NavHpposllh {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        let Ok(PacketRef::NavHpPosLlh(p)) = Proto27::match_packet(0x01, 0x14, payload) else {
            return Err(Reason::Length { expected: LENGTH, found: payload.len() });
        };
        // Whole steps of the finer unit first: below 2^53 and so exact.
        let degrees = |coarse: i32, fine: i8| (f64::from(coarse) * 100.0 + f64::from(fine)) / 1e9;
        let metres = |mm: i32, tenth_mm: i8| (f64::from(mm) * 10.0 + f64::from(tenth_mm)) / 1e4;
        Ok(Self {
            itow_ms: p.itow(),
            invalid: p.flags_raw() & 1 != 0,
            longitude_deg: degrees(p.lon_degrees_raw(), p.lon_hp_degrees_raw()),
            latitude_deg: degrees(p.lat_degrees_raw(), p.lat_hp_degrees_raw()),
            height_m: metres(p.height_meters_raw(), p.height_hp_meters_raw()),
            altitude_m: metres(p.height_msl_raw(), p.height_hp_msl_raw()),
            horizontal_accuracy_m: f64::from(p.horizontal_accuracy_raw()) / 1e4,
            vertical_accuracy_m: f64::from(p.vertical_accuracy_raw()) / 1e4,
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

    const HPPOSLLH: &str = "00000000f8e9b9097041a0652ca5a7e49a7200009c6b0000d81504fdf030020000f60100";

    #[test]
    fn reads() {
        let expected = NavHpposllh {
            itow_ms: 163_179_000,
            invalid: false,
            longitude_deg: 170.500_132_76,
            latitude_deg: -45.877_525_179,
            height_m: 29.338_4,
            altitude_m: 27.547_7,
            horizontal_accuracy_m: 14.36,
            vertical_accuracy_m: 12.851_2,
        };
        assert_eq!(packet(0x01, 0x14, HPPOSLLH), Packet::NavHpposllh(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x01, 0x14, &HPPOSLLH[..70]), "expected a payload of 36 bytes, found 35");
    }
}
