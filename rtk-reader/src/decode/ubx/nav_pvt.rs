//! NAV-PVT (01 07): navigation position, velocity, time.
//!
//! | offset | field | unit |
//! |---|---|---|
//! | 0 | iTOW | ms |
//! | 4 | year, month, day, hour, min, sec | |
//! | 11 | valid: bit 0 date, bit 1 time | |
//! | 16 | nano | ns |
//! | 20 | fixType | |
//! | 21 | flags: bit 0 gnssFixOK, bit 1 diffSoln, bits 7..6 carrSoln | |
//! | 23 | numSV | |
//! | 24, 28 | lon, lat | 1e-7 degrees |
//! | 32, 36 | height, hMSL | mm |
//! | 40, 44 | hAcc, vAcc | mm |
//! | 60 | gSpeed | mm/s |
//! | 76 | pDOP | 0.01 |
//!
//! The last 8 of the 92 bytes came with protocol 15; a u-blox 7 sends 84.

use serde::Serialize;
use ublox::{
    UbxProtocol,
    proto27::{PacketRef, Proto27},
};

use super::Reason;

/// Navigation position, velocity, time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NavPvt {
    /// GPS time of week, milliseconds.
    pub itow_ms: u32,
    /// UTC.
    pub year: u16,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: u8,
    /// 0 to 60
    pub second: u8,
    /// Fraction of the second, nanoseconds, may be negative.
    pub second_fraction_ns: i32,
    /// Date is valid.
    pub date_valid: bool,
    /// Time of day is valid.
    pub time_valid: bool,
    /// 0 none, 1 dead reckoning, 2 2D, 3 3D, 4 combined, 5 time only.
    pub fix_type: u8,
    /// Within the accuracy limits (gnssFixOK).
    pub fix_ok: bool,
    /// Differential corrections applied.
    pub differential: bool,
    /// 0 none, 1 float, 2 fixed (carrSoln).
    pub carrier_solution: u8,
    /// Used.
    pub satellites_used: u8,
    /// Degrees.
    pub longitude_deg: f64,
    /// Degrees.
    pub latitude_deg: f64,
    /// Metres above the ellipsoid.
    pub height_m: f64,
    /// Metres above mean sea level.
    pub altitude_m: f64,
    /// Metres.
    pub horizontal_accuracy_m: f64,
    /// Metres.
    pub vertical_accuracy_m: f64,
    /// Metres per second over ground.
    pub ground_speed_mps: f64,
    /// Position dilution of precision.
    pub pdop: f64,
}

/// Bytes of the payload.
const LENGTH: usize = 92;
/// Bytes of it before protocol 15.
const OLD_LENGTH: usize = 84;

impl NavPvt {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        let mut whole = [0; LENGTH];
        if let Some(start) = whole.get_mut(..payload.len())
            && payload.len() == OLD_LENGTH
        {
            start.copy_from_slice(payload);
            return Self::read(&whole);
        }
        let Ok(PacketRef::NavPvt(p)) = Proto27::match_packet(0x01, 0x07, payload) else {
            return Err(Reason::Length { expected: LENGTH, found: payload.len() });
        };
        let (valid, flags) = (p.valid_raw(), p.flags_raw());
        Ok(Self {
            itow_ms: p.itow(),
            year: p.year(),
            month: p.month(),
            day: p.day(),
            hour: p.hour(),
            minute: p.min(),
            second: p.sec(),
            second_fraction_ns: p.nanosec(),
            date_valid: valid & 1 != 0,
            time_valid: valid & 2 != 0,
            fix_type: p.fix_type_raw(),
            fix_ok: flags & 1 != 0,
            differential: flags & 2 != 0,
            carrier_solution: flags >> 6,
            satellites_used: p.num_satellites(),
            // Divided, not multiplied by 1e-7 as the crate does: the quotient is the nearest f64.
            longitude_deg: f64::from(p.longitude_raw()) / 1e7,
            latitude_deg: f64::from(p.latitude_raw()) / 1e7,
            height_m: f64::from(p.height_above_ellipsoid_raw()) / 1e3,
            altitude_m: f64::from(p.height_msl_raw()) / 1e3,
            horizontal_accuracy_m: f64::from(p.horizontal_accuracy_raw()) / 1e3,
            vertical_accuracy_m: f64::from(p.vertical_accuracy_raw()) / 1e3,
            ground_speed_mps: f64::from(p.ground_speed_2d_raw()) / 1e3,
            pdop: f64::from(p.pdop_raw()) / 1e2,
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

    const PVT: &str = concat!(
        "08b56221e5070c040b223b371a0000003c7bfaff0303ea1ad928aafedceedb1f30640100cda60000",
        "d305000011080000f9ffffff040000000900000008000000000000000301000080a8120165000000",
        "ee134f2f0000000000000000"
    );

    #[test]
    fn reads() {
        let expected = NavPvt {
            itow_ms: 560_117_000,
            year: 2021,
            month: 12,
            day: 4,
            hour: 11,
            minute: 34,
            second: 59,
            second_fraction_ns: -361_668,
            date_valid: true,
            time_valid: true,
            fix_type: 3,
            fix_ok: true,
            differential: true,
            carrier_solution: 0,
            satellites_used: 26,
            longitude_deg: -2.240_285_5,
            latitude_deg: 53.450_722_8,
            height_m: 91.184,
            altitude_m: 42.701,
            horizontal_accuracy_m: 1.491,
            vertical_accuracy_m: 2.065,
            ground_speed_mps: 0.008,
            pdop: 1.01,
        };
        assert_eq!(packet(0x01, 0x07, PVT), Packet::NavPvt(expected));
    }

    #[test]
    fn reads_the_short_form() {
        assert_eq!(packet(0x01, 0x07, &PVT[..2 * OLD_LENGTH]), packet(0x01, 0x07, PVT));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x01, 0x07, &PVT[2..]), "expected a payload of 92 bytes, found 91");
    }
}
