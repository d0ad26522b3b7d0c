//! NMEA 0183 (to 4.11) sentences. (Types; the decoding is to be written, one sentence per file.)

use serde::Serialize;

use super::{Constellation, SatelliteId};

/// A decoded sentence with its talker.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sentence {
    /// `GN`, `GP`…; empty for a proprietary sentence.
    pub talker: String,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// What a sentence says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "each is its sentence; the fields are documented there")]
pub enum Body {
    Gga(Gga),
    Rmc(Rmc),
    Gsa(Gsa),
    Gsv(Gsv),
    Gns(Gns),
    Gst(Gst),
    Vtg(Vtg),
    Gll(Gll),
    Zda(Zda),
    Gbs(Gbs),
    Txt(Txt),
    /// A sentence we don't decode.
    Unknown {
        address: String,
    },
    /// A sentence we do, whose fields contradict its format.
    Malformed {
        address: String,
        reason: String,
    },
}

/// Time of day, UTC.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct TimeOfDay {
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: u8,
    /// 0 to 60.999
    pub second: f64,
}

/// Calendar date, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Date {
    /// Four digits.
    pub year: u16,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
}

/// Fix data.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gga {
    /// UTC of the position.
    pub time: Option<TimeOfDay>,
    /// Degrees, north positive.
    pub latitude_deg: Option<f64>,
    /// Degrees, east positive.
    pub longitude_deg: Option<f64>,
    /// Field 6, 0 to 8; 0 if empty.
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
    /// Reference station, 0 to 4095.
    pub station_id: Option<u16>,
}

/// Recommended minimum.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Rmc {
    /// UTC of the position.
    pub time: Option<TimeOfDay>,
    /// UTC date.
    pub date: Option<Date>,
    /// `A`: true; `V`: false.
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

/// Satellites used and dilution of precision.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gsa {
    /// `M` or `A`.
    pub selection: Option<char>,
    /// 1 none, 2 2D, 3 3D.
    pub fix: u8,
    /// Satellites used, as numbered by the sentence, mapped to systems.
    pub satellites: Vec<SatelliteId>,
    /// Position dilution of precision.
    pub pdop: Option<f64>,
    /// Horizontal.
    pub hdop: Option<f64>,
    /// Vertical.
    pub vdop: Option<f64>,
    /// NMEA 4.11 GNSS system id: 1 GPS, 2 GLONASS, 3 Galileo, 4 BeiDou, 5 QZSS, 6 NavIC.
    pub system_id: Option<u8>,
}

/// Satellites in view: one sentence of a group.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gsv {
    /// Sentences in the group.
    pub sentences: u8,
    /// This one's number, from 1.
    pub sentence: u8,
    /// Satellites in view of this talker (and signal).
    pub in_view: u8,
    /// At most four.
    pub satellites: Vec<GsvSatellite>,
    /// NMEA 4.11 signal id (hex digit), of the talker's system.
    pub signal_id: Option<u8>,
    /// Band of the signal id, `L1`, `E5b`…; none without a known id.
    pub band: Option<&'static str>,
}

/// One satellite of a GSV.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GsvSatellite {
    /// Which.
    pub id: SatelliteId,
    /// Degrees.
    pub elevation_deg: Option<f64>,
    /// Degrees from north.
    pub azimuth_deg: Option<f64>,
    /// dB-Hz; none when not tracked.
    pub cn0_dbhz: Option<f64>,
}

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
    pub modes: String,
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
    /// Reference station.
    pub station_id: Option<u16>,
    /// Navigational status (NMEA 4.1).
    pub nav_status: Option<char>,
}

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

/// Geographic position.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Gll {
    /// Degrees, north positive.
    pub latitude_deg: Option<f64>,
    /// Degrees, east positive.
    pub longitude_deg: Option<f64>,
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// `A`: true; `V`: false.
    pub valid: bool,
    /// Mode indicator.
    pub mode: Option<char>,
}

/// Time and date.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Zda {
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// UTC date.
    pub date: Option<Date>,
    /// Local zone, minutes to add to UTC; the standard's sign is kept.
    pub zone_minutes: Option<i16>,
}

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

/// Text transmission.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Txt {
    /// Sentences in the message.
    pub sentences: u8,
    /// This one's number, from 1.
    pub sentence: u8,
    /// u-blox: 0 error, 1 warning, 2 notice, 7 user.
    pub identifier: u8,
    /// As sent.
    pub text: String,
}

/// Decodes what stands between `$` and `*`.
#[must_use]
pub fn decode(payload: &[u8]) -> Sentence {
    let address: String = payload.iter().take_while(|&&b| b != b',').map(|&b| char::from(b)).collect();
    let _ = Constellation::Gps;
    Sentence { talker: String::new(), body: Body::Unknown { address } }
}
