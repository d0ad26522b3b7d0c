//! RMC: recommended minimum.
//!
//! ```text
//!         1         2 3           4 5            6 7     8 9      10 11 12 13
//! $GNRMC,014500.00,A,4404.1306024,N,12118.8446777,W,0.013, ,231221, , , D,V*04
//! ```

use serde::Serialize;

use super::{Date, Fields, Reason, TimeOfDay};

/// Recommended minimum.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Rmc {
    /// UTC of the position.
    pub time: Option<TimeOfDay>,
    /// UTC date.
    pub date: Option<Date>,
    /// `A`: true; `V` or nothing: false.
    pub valid: bool,
    /// Degrees, north positive.
    pub latitude_deg: Option<f64>,
    /// Degrees, east positive.
    pub longitude_deg: Option<f64>,
    /// Knots over ground.
    pub speed_knots: Option<f64>,
    /// Course over ground, degrees true.
    pub course_deg: Option<f64>,
    /// Mode indicator (NMEA 2.3): `A D E F M N P R S`.
    pub mode: Option<char>,
    /// Navigational status (NMEA 4.1): `S C U V`.
    pub nav_status: Option<char>,
}

impl Rmc {
    pub(super) fn read(data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 9)?;
        let time = f.time()?;
        let valid = f.validity()?;
        let latitude_deg = f.latitude()?;
        let longitude_deg = f.longitude()?;
        let speed_knots = f.number()?;
        let course_deg = f.number()?;
        let date = f.date()?;
        // Magnetic variation and its side.
        f.skip();
        f.skip();
        Ok(Self {
            time,
            date,
            valid,
            latitude_deg,
            longitude_deg,
            speed_knots,
            course_deg,
            mode: f.letter()?,
            nav_status: f.letter()?,
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
        let read = body("GNRMC,014500.00,A,4404.1306024,N,12118.8446777,W,0.013,,231221,,,D,V");
        let expected = Rmc {
            time: Some(TimeOfDay { hour: 1, minute: 45, second: 0.0 }),
            date: Some(Date { year: 2021, month: 12, day: 23 }),
            valid: true,
            latitude_deg: Some(44.0 + 4.130_602_4 / 60.0),
            longitude_deg: Some(-(121.0 + 18.844_677_7 / 60.0)),
            speed_knots: Some(0.013),
            course_deg: None,
            mode: Some('D'),
            nav_status: Some('V'),
        };
        assert_eq!(read, Body::Rmc(expected));
    }

    #[test]
    fn reads_the_form_before_version_2_3() {
        let Body::Rmc(rmc) = body("GPRMC,193221.00,A,2037.7279,N,08704.0848,W,00.1,201.8,231207,01,W") else {
            panic!("not an RMC")
        };
        assert_eq!((rmc.course_deg, rmc.mode, rmc.nav_status), (Some(201.8), None, None));
    }

    #[test]
    fn nothing_is_not_valid() {
        let Body::Rmc(rmc) = body("GNRMC,,,,,,,,,,,,N") else { panic!("not an RMC") };
        assert_eq!(rmc, Rmc { mode: Some('N'), ..Rmc::default() });
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GNRMC,014500.00,A,4404.1306024,N,12118.8446777,W,0.013,,231321,,,D,V"),
            "field 9: expected a date ddmmyy, found \"231321\""
        );
        assert_eq!(reason("GNRMC,,X,,,,,,,,,,N"), "field 2: expected A or V, found \"X\"");
    }
}
