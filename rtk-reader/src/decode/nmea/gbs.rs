//! GBS: satellite fault detection.
//!
//! ```text
//!         1         2   3   4   5 6 7 8 9 10
//! $GNGBS,003956.00,2.3,3.5,4.0, , , , , , *55
//! ```
//!
//! Fields 9 and 10, system and signal id, came with NMEA 4.10.

use serde::Serialize;

use super::{Fields, Reason, TimeOfDay};

/// Satellite fault detection.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gbs {
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// Expected error, metres.
    pub latitude_error_m: Option<f64>,
    /// Metres.
    pub longitude_error_m: Option<f64>,
    /// Metres.
    pub altitude_error_m: Option<f64>,
    /// Most likely failed satellite, as numbered by the sentence.
    pub failed_satellite: Option<u16>,
    /// Probability of missed detection.
    pub probability: Option<f64>,
    /// Estimate of its bias, metres.
    pub bias_m: Option<f64>,
    /// Standard deviation of that, metres.
    pub bias_sigma_m: Option<f64>,
    /// NMEA 4.11.
    pub system_id: Option<u8>,
    /// NMEA 4.11.
    pub signal_id: Option<u8>,
}

impl Gbs {
    pub(super) fn read(data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 8)?;
        Ok(Self {
            time: f.time()?,
            latitude_error_m: f.number()?,
            longitude_error_m: f.number()?,
            altitude_error_m: f.number()?,
            failed_satellite: f.integer()?,
            probability: f.number()?,
            bias_m: f.number()?,
            bias_sigma_m: f.number()?,
            system_id: f.hex_digit()?,
            signal_id: f.hex_digit()?,
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
        let expected = Gbs {
            time: Some(TimeOfDay { hour: 0, minute: 39, second: 56.0 }),
            latitude_error_m: Some(2.3),
            longitude_error_m: Some(3.5),
            altitude_error_m: Some(4.0),
            ..Gbs::default()
        };
        assert_eq!(body("GNGBS,003956.00,2.3,3.5,4.0,,,,,,"), Body::Gbs(expected));
    }

    #[test]
    fn reads_a_failed_satellite() {
        let Body::Gbs(gbs) = body("GNGBS,003956.00,2.3,3.5,4.0,82,0.1,-21.4,3.8,2,1") else {
            panic!("not a GBS")
        };
        assert_eq!((gbs.failed_satellite, gbs.bias_m), (Some(82), Some(-21.4)));
        assert_eq!((gbs.system_id, gbs.signal_id), (Some(2), Some(1)));
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GNGBS,003956.00,2.3,3.5,4.0,,,,,12,"),
            "field 9: expected one hexadecimal digit, found \"12\""
        );
    }
}
