//! GNS: fix data of several systems.
//!
//! ```text
//!         1         2          3 4           5 6    7  8    9    10   11 12 13
//! $GNGNS,090802.00,5327.03976,N,00214.41006,W,AANN,04,4.39,23.0,48.5,  ,  ,V*3D
//! ```

use serde::Serialize;

use super::{Ascii, Fields, Reason, TimeOfDay};

/// Fix data of several systems.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gns {
    /// UTC of the position.
    pub time: Option<TimeOfDay>,
    /// Degrees, north positive.
    pub latitude_deg: Option<f64>,
    /// Degrees, east positive.
    pub longitude_deg: Option<f64>,
    /// One mode letter per system, in the order GPS, GLONASS, Galileo, BeiDou, QZSS, NavIC.
    pub modes: Ascii<8>,
    /// Used.
    pub satellites_used: Option<u8>,
    /// Horizontal dilution of precision.
    pub hdop: Option<f64>,
    /// Metres above mean sea level.
    pub altitude_m: Option<f64>,
    /// Geoid above the ellipsoid, metres.
    pub geoid_separation_m: Option<f64>,
    /// Age of differential corrections, seconds.
    pub correction_age_s: Option<f64>,
    /// Reference station; none if what stands there is no number of one.
    pub station_id: Option<u16>,
    /// Navigational status (NMEA 4.1).
    pub nav_status: Option<char>,
}

impl Gns {
    pub(super) fn read(data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 12)?;
        Ok(Self {
            time: f.time()?,
            latitude_deg: f.latitude()?,
            longitude_deg: f.longitude()?,
            modes: f.text().into(),
            satellites_used: f.satellites()?,
            hdop: f.number()?,
            altitude_m: f.number()?,
            geoid_separation_m: f.number()?,
            correction_age_s: f.number()?,
            station_id: f.station(),
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
        let read = body("GNGNS,090802.00,5327.03976,N,00214.41006,W,AANN,04,4.39,23.0,48.5,,,V");
        let expected = Gns {
            time: Some(TimeOfDay { hour: 9, minute: 8, second: 2.0 }),
            latitude_deg: Some(53.0 + 27.03976 / 60.0),
            longitude_deg: Some(-(2.0 + 14.41006 / 60.0)),
            modes: "AANN".into(),
            satellites_used: Some(4),
            hdop: Some(4.39),
            altitude_m: Some(23.0),
            geoid_separation_m: Some(48.5),
            correction_age_s: None,
            station_id: None,
            nav_status: Some('V'),
        };
        assert_eq!(read, Body::Gns(expected));
    }

    #[test]
    fn one_odd_field_does_not_lose_the_fix() {
        let Body::Gns(gns) =
            body("GNGNS,090802.00,5327.03976,N,00214.41006,W,RRNN,999,4.39,23.0,48.5,1.0,TSTR,V")
        else {
            panic!("not a GNS")
        };
        assert_eq!((gns.satellites_used, gns.station_id, gns.nav_status), (None, None, Some('V')));
        assert_eq!((gns.altitude_m, gns.correction_age_s), (Some(23.0), Some(1.0)));
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GNGNS,090802.00,5327.03976,N,00214.41006,W,AANN,four,4.39,23.0,48.5,,,V"),
            "field 7: expected a whole number, found \"four\""
        );
    }
}
