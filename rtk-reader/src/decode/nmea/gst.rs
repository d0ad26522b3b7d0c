//! GST: pseudorange error statistics.
//!
//! ```text
//!         1         2  3    4    5  6     7     8
//! $GNGST,231408.00,32,0.19,0.12,97,0.049,0.078,0.088*43
//! ```

use serde::Serialize;

use super::{Fields, Reason, TimeOfDay};

/// Pseudorange error statistics.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gst {
    /// UTC of the position.
    pub time: Option<TimeOfDay>,
    /// RMS of the range residuals, metres.
    pub range_rms_m: Option<f64>,
    /// Error ellipse, metres and degrees from north.
    pub semi_major_m: Option<f64>,
    /// Metres.
    pub semi_minor_m: Option<f64>,
    /// Degrees from true north.
    pub orientation_deg: Option<f64>,
    /// One sigma, metres.
    pub latitude_error_m: Option<f64>,
    /// One sigma, metres.
    pub longitude_error_m: Option<f64>,
    /// One sigma, metres.
    pub altitude_error_m: Option<f64>,
}

impl Gst {
    pub(super) fn read(data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 8)?;
        Ok(Self {
            time: f.time()?,
            range_rms_m: f.number()?,
            semi_major_m: f.number()?,
            semi_minor_m: f.number()?,
            orientation_deg: f.number()?,
            latitude_error_m: f.number()?,
            longitude_error_m: f.number()?,
            altitude_error_m: f.number()?,
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
        let expected = Gst {
            time: Some(TimeOfDay { hour: 23, minute: 14, second: 8.0 }),
            range_rms_m: Some(32.0),
            semi_major_m: Some(0.19),
            semi_minor_m: Some(0.12),
            orientation_deg: Some(97.0),
            latitude_error_m: Some(0.049),
            longitude_error_m: Some(0.078),
            altitude_error_m: Some(0.088),
        };
        assert_eq!(body("GNGST,231408.00,32,0.19,0.12,97,0.049,0.078,0.088"), Body::Gst(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GNGST,231408.00,nan,0.19,0.12,97,0.049,0.078,0.088"),
            "field 2: expected a decimal number, found \"nan\""
        );
    }
}
