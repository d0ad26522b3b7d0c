//! 1045 and 1046: Galileo, F/NAV (from E5a) and I/NAV (from E1 and E5b).

use serde::Serialize;

use super::{
    super::{Error, bits::Bits},
    Clock, Ephemeris, EphemerisFields, Orbit,
    kepler::scaled,
};
use crate::decode::{Constellation, SatelliteId};

/// 1045 (RTCM 10403.3; fields as in the Galileo OS-SIS-ICD).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GalileoFnavEphemeris {
    /// DF291: of E1 and E5a, an index.
    pub sisa_index: u8,
    /// DF292
    pub idot_semicircles_per_s: f64,
    /// DF293 to DF296
    pub clock: Clock,
    /// DF297 to DF311
    pub orbit: Orbit,
    /// DF312: E1 to E5a.
    pub bgd_e5a_s: f64,
    /// DF314: 0 good, 1 out of service, 2 will be, 3 in test.
    pub e5a_health: u8,
    /// DF315: working without guarantee.
    pub e5a_data_invalid: bool,
}

/// 1046 (RTCM 10403.3; fields as in the Galileo OS-SIS-ICD).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GalileoInavEphemeris {
    /// DF286: of E1 and E5b, an index.
    pub sisa_index: u8,
    /// DF292
    pub idot_semicircles_per_s: f64,
    /// DF293 to DF296
    pub clock: Clock,
    /// DF297 to DF311
    pub orbit: Orbit,
    /// DF312: E1 to E5a.
    pub bgd_e5a_s: f64,
    /// DF313: E1 to E5b.
    pub bgd_e5b_s: f64,
    /// DF316: 0 good, 1 out of service, 2 will be, 3 in test.
    pub e5b_health: u8,
    /// DF317: working without guarantee.
    pub e5b_data_invalid: bool,
    /// DF287: 0 good, 1 out of service, 2 will be, 3 in test.
    pub e1b_health: u8,
    /// DF288: working without guarantee.
    pub e1b_data_invalid: bool,
}

pub(in super::super) fn fnav(mut bits: Bits<'_>) -> Result<Ephemeris, Error> {
    let common = Common::read(&mut bits);
    let fields = GalileoFnavEphemeris {
        sisa_index: common.sisa_index,
        idot_semicircles_per_s: common.idot_semicircles_per_s,
        clock: common.clock,
        orbit: common.orbit,
        bgd_e5a_s: bgd_s(&mut bits),
        e5a_health: bits.u8(2),
        e5a_data_invalid: bits.flag(),
    };
    bits.end()?;
    Ok(Ephemeris {
        satellite: common.satellite,
        week: Some(common.week),
        issue: Some(common.iodnav),
        reference_time_s: fields.orbit.toe_s,
        healthy: fields.e5a_health == 0 && !fields.e5a_data_invalid,
        fields: EphemerisFields::GalileoFnav(Box::new(fields)),
    })
}

pub(in super::super) fn inav(mut bits: Bits<'_>) -> Result<Ephemeris, Error> {
    let common = Common::read(&mut bits);
    let fields = GalileoInavEphemeris {
        sisa_index: common.sisa_index,
        idot_semicircles_per_s: common.idot_semicircles_per_s,
        clock: common.clock,
        orbit: common.orbit,
        bgd_e5a_s: bgd_s(&mut bits),
        bgd_e5b_s: bgd_s(&mut bits),
        e5b_health: bits.u8(2),
        e5b_data_invalid: bits.flag(),
        e1b_health: bits.u8(2),
        e1b_data_invalid: bits.flag(),
    };
    bits.end()?;
    Ok(Ephemeris {
        satellite: common.satellite,
        week: Some(common.week),
        issue: Some(common.iodnav),
        reference_time_s: fields.orbit.toe_s,
        healthy: fields.e5b_health == 0
            && !fields.e5b_data_invalid
            && fields.e1b_health == 0
            && !fields.e1b_data_invalid,
        fields: EphemerisFields::GalileoInav(Box::new(fields)),
    })
}

/// What both begin with.
struct Common {
    satellite: SatelliteId,
    week: u16,
    iodnav: u16,
    sisa_index: u8,
    idot_semicircles_per_s: f64,
    clock: Clock,
    orbit: Orbit,
}

impl Common {
    fn read(bits: &mut Bits<'_>) -> Self {
        Self {
            satellite: SatelliteId { constellation: Constellation::Galileo, number: bits.u16(6) },
            week: bits.u16(12),
            iodnav: bits.u16(10),
            sisa_index: bits.u8(8),
            idot_semicircles_per_s: scaled(bits, (14, -43)),
            clock: Clock::read(bits, (14, 60), (6, -59), (21, -46), (31, -34)),
            orbit: Orbit::read(bits, (14, 60), (16, -5), (16, -29)),
        }
    }
}

fn bgd_s(bits: &mut Bits<'_>) -> f64 {
    scaled(bits, (10, -32))
}
