//! 1019: GPS.

use serde::Serialize;

use super::{
    super::{Error, bits::Bits},
    Clock, Ephemeris, EphemerisFields, Orbit,
    kepler::scaled,
};
use crate::decode::{Constellation, SatelliteId};

/// 1019 (RTCM 10403.3; fields as in IS-GPS-200).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GpsEphemeris {
    /// DF077
    pub ura_index: u8,
    /// DF078: 0 reserved, 1 P, 2 C/A, 3 L2C.
    pub code_on_l2: u8,
    /// DF079
    pub idot_semicircles_per_s: f64,
    /// DF085
    pub iodc: u16,
    /// DF081 to DF084
    pub clock: Clock,
    /// DF086 to DF100
    pub orbit: Orbit,
    /// DF101
    pub tgd_s: f64,
    /// DF102: 0 all signals are good.
    pub health: u8,
    /// DF103: the L2 P(Y) navigation data is off.
    pub l2_p_data_off: bool,
    /// DF137: fit to more than four hours.
    pub long_fit_interval: bool,
}

pub(in super::super) fn decode(mut bits: Bits<'_>) -> Result<Ephemeris, Error> {
    let satellite = SatelliteId { constellation: Constellation::Gps, number: bits.u16(6) };
    let week = bits.u16(10);
    let ura_index = bits.u8(4);
    let code_on_l2 = bits.u8(2);
    let idot_semicircles_per_s = scaled(&mut bits, (14, -43));
    let iode = bits.u16(8);
    let clock = Clock::read(&mut bits, (16, 16), (8, -55), (16, -43), (22, -31));
    let iodc = bits.u16(10);
    let orbit = Orbit::read(&mut bits, (16, 16), (16, -5), (16, -29));
    let fields = GpsEphemeris {
        ura_index,
        code_on_l2,
        idot_semicircles_per_s,
        iodc,
        clock,
        orbit,
        tgd_s: scaled(&mut bits, (8, -31)),
        health: bits.u8(6),
        l2_p_data_off: bits.flag(),
        long_fit_interval: bits.flag(),
    };
    bits.end()?;
    Ok(Ephemeris {
        satellite,
        week: Some(week),
        issue: Some(iode),
        reference_time_s: fields.orbit.toe_s,
        healthy: fields.health == 0,
        fields: EphemerisFields::Gps(Box::new(fields)),
    })
}
