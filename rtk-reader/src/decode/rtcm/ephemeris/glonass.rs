//! 1020: GLONASS, a state vector in sign-magnitude fields.

use serde::Serialize;

use super::{
    super::{Error, bits::Bits},
    Ephemeris, EphemerisFields,
    kepler::two_to,
};
use crate::decode::{Constellation, SatelliteId};

/// 1020 (RTCM 10403.3; fields as in the GLONASS ICD, L1 and L2). Times are Moscow's, UTC + 3 h.
///
/// What only GLONASS-M satellites send (`m_…`) means nothing unless `m_satellite_type` is 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GlonassEphemeris {
    /// DF040: frequency channel, −7 to 24.
    pub frequency_channel: i8,
    /// DF104, Cn: the almanac calls it good; means nothing without the next.
    pub almanac_healthy: bool,
    /// DF105: the one before is known.
    pub almanac_health_available: bool,
    /// DF106: how long until tb changes: 0 none, 1 30, 2 45, 3 60 minutes.
    pub p1: u8,
    /// DF107: when the frame began, seconds of the day.
    pub tk_s: u32,
    /// DF108, the highest bit of Bn: not good.
    pub bn_unhealthy: bool,
    /// DF109: tb is odd.
    pub p2: bool,
    /// DF112, DF115, DF118: x, y, z in PZ-90, kilometres.
    pub position_km: [f64; 3],
    /// DF111, DF114, DF117
    pub velocity_km_per_s: [f64; 3],
    /// DF113, DF116, DF119: of the Sun and the Moon.
    pub acceleration_km_per_s2: [f64; 3],
    /// DF120: five satellites in this almanac frame, not four.
    pub p3: bool,
    /// DF121: relative deviation of the carrier.
    pub gamma_n: f64,
    /// DF122: 0 to 3.
    pub m_p: u8,
    /// DF123, ln of the third string: not good.
    pub m_ln_third_unhealthy: bool,
    /// DF124: of the satellite's clock from GLONASS time.
    pub tau_n_s: f64,
    /// DF125: of L2 from L1.
    pub m_delta_tau_n_s: f64,
    /// DF126: age of the data, days.
    pub en_days: u8,
    /// DF127: the ephemeris is updated.
    pub m_p4: bool,
    /// DF128: accuracy, an index.
    pub m_ft: u8,
    /// DF129: day within four years.
    pub m_nt_days: u16,
    /// DF130: 0 GLONASS, 1 GLONASS-M.
    pub m_satellite_type: u8,
    /// DF131: the fields below are sent.
    pub additional_data_available: bool,
    /// DF132: day of tau_c within four years.
    pub na_days: u16,
    /// DF133: of GLONASS time from UTC (SU).
    pub tau_c_s: f64,
    /// DF134: four-year interval, 1 from 1996.
    pub m_n4: u8,
    /// DF135: of GPS time from GLONASS time.
    pub m_tau_gps_s: f64,
    /// DF136, ln of the fifth string: not good.
    pub m_ln_fifth_unhealthy: bool,
}

pub(in super::super) fn decode(mut bits: Bits<'_>) -> Result<Ephemeris, Error> {
    let satellite = SatelliteId { constellation: Constellation::Glonass, number: bits.u16(6) };
    let frequency_channel = bits.u8(5).cast_signed() - 7;
    let almanac_healthy = bits.flag();
    let almanac_health_available = bits.flag();
    let p1 = bits.u8(2);
    let tk_s = bits.u32(5) * 3600 + bits.u32(6) * 60 + bits.u32(1) * 30;
    let bn_unhealthy = bits.flag();
    let p2 = bits.flag();
    let tb_s = bits.u32(7) * 15 * 60;
    let axes = [Axis::read(&mut bits), Axis::read(&mut bits), Axis::read(&mut bits)];
    let fields = GlonassEphemeris {
        frequency_channel,
        almanac_healthy,
        almanac_health_available,
        p1,
        tk_s,
        bn_unhealthy,
        p2,
        position_km: axes.map(|axis| axis.position_km),
        velocity_km_per_s: axes.map(|axis| axis.velocity_km_per_s),
        acceleration_km_per_s2: axes.map(|axis| axis.acceleration_km_per_s2),
        p3: bits.flag(),
        gamma_n: sign_magnitude(&mut bits, 11, -40),
        m_p: bits.u8(2),
        m_ln_third_unhealthy: bits.flag(),
        tau_n_s: sign_magnitude(&mut bits, 22, -30),
        m_delta_tau_n_s: sign_magnitude(&mut bits, 5, -30),
        en_days: bits.u8(5),
        m_p4: bits.flag(),
        m_ft: bits.u8(4),
        m_nt_days: bits.u16(11),
        m_satellite_type: bits.u8(2),
        additional_data_available: bits.flag(),
        na_days: bits.u16(11),
        tau_c_s: sign_magnitude(&mut bits, 32, -31),
        m_n4: bits.u8(5),
        m_tau_gps_s: sign_magnitude(&mut bits, 22, -30),
        m_ln_fifth_unhealthy: bits.flag(),
    };
    bits.end()?;
    let m_unhealthy = fields.m_satellite_type == 1 && fields.m_ln_third_unhealthy;
    Ok(Ephemeris {
        satellite,
        week: None,
        issue: None,
        reference_time_s: tb_s,
        healthy: !fields.bn_unhealthy && !m_unhealthy,
        fields: EphemerisFields::Glonass(Box::new(fields)),
    })
}

#[derive(Clone, Copy)]
struct Axis {
    velocity_km_per_s: f64,
    position_km: f64,
    acceleration_km_per_s2: f64,
}

impl Axis {
    fn read(bits: &mut Bits<'_>) -> Self {
        Self {
            velocity_km_per_s: sign_magnitude(bits, 24, -20),
            position_km: sign_magnitude(bits, 27, -11),
            acceleration_km_per_s2: sign_magnitude(bits, 5, -30),
        }
    }
}

fn sign_magnitude(bits: &mut Bits<'_>, width: u32, exponent: i32) -> f64 {
    bits.sign_magnitude(width) as f64 * two_to(exponent)
}
