//! GGA: fix data.
//!
//! ```text
//!         1         2          3 4           5 6 7  8    9    10 11  12 13  14
//! $GNGGA,003956.00,4552.65403,S,17030.00668,E,1,12,0.64,14.2,M,1.8,M,   ,    *56
//! ```

use serde::Serialize;

use super::{Fields, Reason, TimeOfDay};

/// Fix data.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gga {
    /// UTC of the position.
    pub time: Option<TimeOfDay>,
    /// Degrees, north positive.
    pub latitude_deg: Option<f64>,
    /// Degrees, east positive.
    pub longitude_deg: Option<f64>,
    /// Field 6, 0 to 8, and 9 from NovAtel for a fix with SBAS; 0 if empty.
    pub quality: u8,
    /// Used; at most 12 in strict NMEA, more from u-blox.
    pub satellites_used: Option<u8>,
    /// Horizontal dilution of precision.
    pub hdop: Option<f64>,
    /// Metres above mean sea level.
    pub altitude_m: Option<f64>,
    /// Geoid above the ellipsoid, metres.
    pub geoid_separation_m: Option<f64>,
    /// Age of differential corrections, seconds.
    pub correction_age_s: Option<f64>,
    /// Reference station, 0 to 4095; none if what stands there is no such number.
    pub station_id: Option<u16>,
}

impl Gga {
    pub(super) fn read(data: &str) -> Result<Self, Reason> {
        // The station, the last field, is left off by some.
        let mut f = Fields::new(data, 13)?;
        Ok(Self {
            time: f.time()?,
            latitude_deg: f.latitude()?,
            longitude_deg: f.longitude()?,
            quality: f.quality()?,
            satellites_used: f.satellites()?,
            hdop: f.number()?,
            altitude_m: f.number_with_unit()?,
            geoid_separation_m: f.number_with_unit()?,
            correction_age_s: f.number()?,
            station_id: f.station(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Body,
        tests::{body, reason},
    };
    use super::*;

    #[test]
    fn reads() {
        let read = body("GNGGA,231408.00,4503.94632,N,00739.54368,E,5,12,0.82,257.4,M,47.2,M,0.0,0041");
        let expected = Gga {
            time: Some(TimeOfDay { hour: 23, minute: 14, second: 8.0 }),
            latitude_deg: Some(45.0 + 3.94632 / 60.0),
            longitude_deg: Some(7.0 + 39.54368 / 60.0),
            quality: 5,
            satellites_used: Some(12),
            hdop: Some(0.82),
            altitude_m: Some(257.4),
            geoid_separation_m: Some(47.2),
            correction_age_s: Some(0.0),
            station_id: Some(41),
        };
        assert_eq!(read, Body::Gga(expected));
    }

    #[test]
    fn without_a_fix_all_is_empty() {
        assert_eq!(
            body("GNGGA,,,,,,0,00,99.99,,,,,,"),
            Body::Gga(Gga { satellites_used: Some(0), hdop: Some(99.99), ..Gga::default() })
        );
    }

    #[test]
    fn one_odd_field_does_not_lose_the_fix() {
        let read = |quality: &str, satellites: &str, end: &str| {
            let start = "GNGGA,231408.00,4503.94632,N,00739.54368,E";
            match body(&format!("{start},{quality},{satellites},0.82,257.4,M,47.2,M,{end}")) {
                Body::Gga(gga) => {
                    assert!(gga.latitude_deg.is_some() && gga.altitude_m == Some(257.4));
                    (gga.quality, gga.satellites_used, gga.correction_age_s, gga.station_id)
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(read("5", "12", "1.0,TSTR"), (5, Some(12), Some(1.0), None));
        assert_eq!(read("5", "12", "1.0,70000"), (5, Some(12), Some(1.0), None));
        assert_eq!(read("5", "12", "1.0"), (5, Some(12), Some(1.0), None));
        assert_eq!(read("9", "12", ",0120"), (9, Some(12), None, Some(120)));
        assert_eq!(read("5", "300", ","), (5, None, None, None));
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GPGGA,|19322|1.00,2037.72792,N,08704.08478,W,1,04,1.7,-30.40,M,-13.9,M,,"),
            "field 1: expected a time hhmmss.ss, found \"|19322|1.00\""
        );
        assert_eq!(
            reason("GNGGA,231408.00,4503.94632,X,00739.54368,E,5,12,0.82,257.4,M,47.2,M,0.0,0041"),
            "field 3: expected N or S, found \"X\""
        );
        assert_eq!(reason("GNGGA,231408.00,4503.94632,N"), "expected at least 13 fields, found 3");
    }
}
