//! 1042: BeiDou.

use serde::Serialize;

use super::{
    super::{Error, bits::Bits},
    Clock, Ephemeris, EphemerisFields, Orbit,
    kepler::scaled,
};
use crate::decode::{Constellation, SatelliteId};

/// 1042 (RTCM 10403.3; fields as in the BDS-SIS-ICD B1I). Times are BeiDou's, 14 s behind GPS.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BeidouEphemeris {
    /// DF490
    pub ura_index: u8,
    /// DF491
    pub idot_semicircles_per_s: f64,
    /// DF497
    pub aodc: u8,
    /// DF493 to DF496
    pub clock: Clock,
    /// DF498 to DF512
    pub orbit: Orbit,
    /// DF513: B1I, resolution 0.1 ns.
    pub tgd1_s: f64,
    /// DF514: B2I, resolution 0.1 ns.
    pub tgd2_s: f64,
    /// DF515: the satellite says it is not good (SatH1).
    pub unhealthy: bool,
}

pub(in super::super) fn decode(mut bits: Bits<'_>) -> Result<Ephemeris, Error> {
    let satellite = SatelliteId { constellation: Constellation::Beidou, number: bits.u16(6) };
    let week = bits.u16(13);
    let ura_index = bits.u8(4);
    let idot_semicircles_per_s = scaled(&mut bits, (14, -43));
    let aode = bits.u16(5);
    let clock = Clock::read(&mut bits, (17, 8), (11, -66), (22, -50), (24, -33));
    let aodc = bits.u8(5);
    let orbit = Orbit::read(&mut bits, (17, 8), (18, -6), (18, -31));
    let fields = BeidouEphemeris {
        ura_index,
        idot_semicircles_per_s,
        aodc,
        clock,
        orbit,
        tgd1_s: tenth_nanoseconds_s(&mut bits),
        tgd2_s: tenth_nanoseconds_s(&mut bits),
        unhealthy: bits.flag(),
    };
    bits.end()?;
    Ok(Ephemeris {
        satellite,
        week: Some(week),
        issue: Some(aode),
        reference_time_s: fields.orbit.toe_s,
        healthy: !fields.unhealthy,
        fields: EphemerisFields::Beidou(Box::new(fields)),
    })
}

fn tenth_nanoseconds_s(bits: &mut Bits<'_>) -> f64 {
    bits.signed(10) as f64 / 1e10
}
