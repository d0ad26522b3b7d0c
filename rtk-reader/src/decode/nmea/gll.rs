//! GLL: geographic position.
//!
//! ```text
//!         1          2 3           4 5         6 7
//! $GNGLL,4552.65403,S,17030.00668,E,003956.00,A,A*6C
//! ```

use serde::Serialize;

use super::{Fields, Reason, TimeOfDay};

/// Geographic position.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gll {
    /// Degrees, north positive.
    pub latitude_deg: Option<f64>,
    /// Degrees, east positive.
    pub longitude_deg: Option<f64>,
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// `A`: true; `V` or nothing: false.
    pub valid: bool,
    /// Mode indicator.
    pub mode: Option<char>,
}

impl Gll {
    pub(super) fn read(data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 6)?;
        Ok(Self {
            latitude_deg: f.latitude()?,
            longitude_deg: f.longitude()?,
            time: f.time()?,
            valid: f.validity()?,
            mode: f.letter()?,
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
        let expected = Gll {
            latitude_deg: Some(-(45.0 + 52.65403 / 60.0)),
            longitude_deg: Some(170.0 + 30.00668 / 60.0),
            time: Some(TimeOfDay { hour: 0, minute: 39, second: 56.0 }),
            valid: true,
            mode: Some('A'),
        };
        assert_eq!(body("GNGLL,4552.65403,S,17030.00668,E,003956.00,A,A"), Body::Gll(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GNGLL,9052.65403,S,17030.00668,E,003956.00,A,A"),
            "field 1: expected a latitude ddmm.mm up to 90 degrees, found \"9052.65403\""
        );
    }
}
