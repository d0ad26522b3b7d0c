//! VTG: course and speed over ground.
//!
//! ```text
//!        1 2 3 4 5     6 7     8 9
//! $GNVTG, ,T, ,M,0.013,N,0.024,K,D*3C
//! ```

use serde::Serialize;

use super::{Fields, Reason};

/// Course and speed over ground.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Vtg {
    /// Degrees true.
    pub course_deg: Option<f64>,
    /// Degrees magnetic.
    pub course_magnetic_deg: Option<f64>,
    /// Knots.
    pub speed_knots: Option<f64>,
    /// Kilometres per hour.
    pub speed_kmh: Option<f64>,
    /// Mode indicator.
    pub mode: Option<char>,
}

impl Vtg {
    pub(super) fn read(data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 8)?;
        Ok(Self {
            course_deg: f.number_with_unit()?,
            course_magnetic_deg: f.number_with_unit()?,
            speed_knots: f.number_with_unit()?,
            speed_kmh: f.number_with_unit()?,
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
        let expected = Vtg {
            course_deg: None,
            course_magnetic_deg: None,
            speed_knots: Some(0.013),
            speed_kmh: Some(0.024),
            mode: Some('D'),
        };
        assert_eq!(body("GNVTG,,T,,M,0.013,N,0.024,K,D"), Body::Vtg(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GNVTG,,T,,M,fast,N,0.024,K,D"),
            "field 5: expected a decimal number, found \"fast\""
        );
    }
}
