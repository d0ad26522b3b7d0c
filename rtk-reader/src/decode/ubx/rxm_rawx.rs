//! RXM-RAWX (02 15): the raw measurements of an epoch.
//!
//! | offset | field | unit |
//! |---|---|---|
//! | 0 | rcvTow | s, a double |
//! | 8 | week | GPS, not modulo |
//! | 10 | leapS | s |
//! | 11 | numMeas | |
//! | 12 | recStat: bit 0 leap seconds known, bit 1 clock reset | |
//! | 16 + 32n | prMes | m, a double |
//! | 24 + 32n | cpMes | cycles, a double |
//! | 32 + 32n | doMes | Hz, a float |
//! | 36 + 32n | gnssId, svId, sigId, freqId (GLONASS channel + 7) | |
//! | 40 + 32n | locktime | ms, at most 64500 |
//! | 42 + 32n | cno | dB-Hz |
//! | 46 + 32n | trkStat: bit 0 prValid, bit 1 cpValid, bit 2 half cycle resolved | |

use serde::Serialize;

use super::{Bytes, Reason, numbering};
use crate::decode::{Constellation, SatelliteId};

/// Raw measurements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RxmRawx {
    /// When they were taken, by the receiver's clock, seconds of the GPS week.
    pub time_of_week_s: f64,
    /// GPS week since 1980.
    pub week: u16,
    /// Of GPS time from UTC; none before the receiver knows it.
    pub leap_seconds: Option<i8>,
    /// The receiver's clock was set: every phase begins anew.
    pub clock_reset: bool,
    /// At most 255.
    pub measurements: Vec<RxmRawxMeasurement>,
}

/// One signal of RXM-RAWX.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RxmRawxMeasurement {
    /// Which satellite; none for an unknown gnssId.
    pub satellite: Option<SatelliteId>,
    /// RINEX 3 observation code without its first letter; none if the signal is unknown.
    pub code: Option<&'static str>,
    /// GLONASS frequency channel, −7 to 6; none for the others.
    pub glonass_channel: Option<i8>,
    /// Metres; none when not valid.
    pub pseudorange_m: Option<f64>,
    /// Cycles; none when not valid.
    pub phase_cycles: Option<f64>,
    /// Hz, positive when the satellite comes nearer.
    pub doppler_hz: Option<f64>,
    /// Locked without interruption for so long, at most 64500 ms.
    pub lock_ms: u16,
    /// dB-Hz
    pub cn0_dbhz: u8,
    /// The half cycle of the phase isn't known.
    pub half_cycle: bool,
}

/// Bytes before the measurements, and of each.
const LAYOUT: (usize, usize) = (16, 32);

impl RxmRawx {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        Reason::check_blocks(payload, LAYOUT, payload.get(11).copied())?;
        let mut b = Bytes::at_least(payload, LAYOUT.0)?;
        let (time_of_week_s, week, leap_s) = (f64::from_bits(b.unsigned(8)), b.u16(), b.i8());
        let (count, status) = (b.u8(), b.u8());
        b.skip(3);
        Ok(Self {
            time_of_week_s,
            week,
            leap_seconds: (status & 1 != 0).then_some(leap_s),
            clock_reset: status & 2 != 0,
            measurements: (0..count).map(|_| RxmRawxMeasurement::read(&mut b)).collect(),
        })
    }
}

impl RxmRawxMeasurement {
    fn read(b: &mut Bytes<'_>) -> Self {
        let (pseudorange_m, phase_cycles) = (f64::from_bits(b.unsigned(8)), f64::from_bits(b.unsigned(8)));
        let doppler_hz = f64::from(f32::from_bits(b.u32()));
        let (gnss_id, sv_id, sig_id, freq_id) = (b.u8(), b.u8(), b.u8(), b.u8());
        let (lock_ms, cn0_dbhz) = (b.u16(), b.u8());
        b.skip(3);
        let tracking = b.u8();
        b.skip(1);
        let satellite = numbering::satellite(gnss_id, sv_id);
        let is_glonass = satellite.is_some_and(|id| id.constellation == Constellation::Glonass);
        let finite = |valid: bool, value: f64| Some(value).filter(|value| valid && value.is_finite());
        Self {
            satellite,
            code: numbering::code(gnss_id, sig_id),
            glonass_channel: (is_glonass && freq_id <= 13).then(|| freq_id.cast_signed() - 7),
            pseudorange_m: finite(tracking & 1 != 0, pseudorange_m),
            phase_cycles: finite(tracking & 2 != 0, phase_cycles),
            doppler_hz: finite(true, doppler_hz),
            lock_ms,
            cn0_dbhz,
            half_cycle: tracking & 4 == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Packet, decode, testing::reason};
    use super::*;

    /// One GLONASS measurement, R05 on channel +1 of L1.
    fn payload() -> Vec<u8> {
        let mut payload = 515_666.006_f64.to_le_bytes().to_vec();
        payload.extend_from_slice(&2360u16.to_le_bytes());
        payload.extend_from_slice(&[18, 1, 1, 1, 0, 0]);
        payload.extend_from_slice(&19_540_938.564_f64.to_le_bytes());
        payload.extend_from_slice(&104_457_586.705_f64.to_le_bytes());
        payload.extend_from_slice(&276.5_f32.to_le_bytes());
        payload.extend_from_slice(&[6, 5, 0, 8, 0xF4, 0xFB, 53, 1, 2, 3, 0b0111, 0]);
        payload
    }

    #[test]
    fn reads() {
        let measurement = RxmRawxMeasurement {
            satellite: Some(SatelliteId { constellation: Constellation::Glonass, number: 5 }),
            code: Some("1C"),
            glonass_channel: Some(1),
            pseudorange_m: Some(19_540_938.564),
            phase_cycles: Some(104_457_586.705),
            doppler_hz: Some(276.5),
            lock_ms: 64_500,
            cn0_dbhz: 53,
            half_cycle: false,
        };
        let expected = RxmRawx {
            time_of_week_s: 515_666.006,
            week: 2360,
            leap_seconds: Some(18),
            clock_reset: false,
            measurements: vec![measurement],
        };
        assert_eq!(decode(0x02, 0x15, &payload()), Packet::RxmRawx(expected));
    }

    #[test]
    fn what_is_not_valid_is_not_there() {
        let mut payload = payload();
        payload[46] = 0;
        payload[32..36].copy_from_slice(&f32::NAN.to_le_bytes());
        let Packet::RxmRawx(rawx) = decode(0x02, 0x15, &payload) else { panic!("not RAWX") };
        let measurement = &rawx.measurements[0];
        assert_eq!((measurement.pseudorange_m, measurement.phase_cycles), (None, None));
        assert_eq!((measurement.doppler_hz, measurement.half_cycle), (None, true));
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x02, 0x15, "00"), "expected a payload of at least 16 bytes, found 1");
        let header_of_two = "0000000000000000 3809 12 02 01 01 0000";
        assert_eq!(reason(0x02, 0x15, header_of_two), "expected 2 blocks of 32 bytes, found 0 bytes");
    }
}
