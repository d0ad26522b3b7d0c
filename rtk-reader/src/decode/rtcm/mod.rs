//! RTCM 3 messages, after RTCM 10403.3. (Types; the decoding is to be written, one family per file.)

use serde::Serialize;

use super::{Constellation, SatelliteId};

/// A decoded message with its number (DF002).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// None in a frame shorter than twelve bits.
    pub number: Option<u16>,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    /// 1005, 1006
    Station(Station),
    /// 1007, 1008, 1033
    Descriptor(Descriptor),
    /// 1074 to 1137: MSM 4 to 7 of every constellation
    Msm(Msm),
    /// 1019, 1020, 1042, 1045, 1046
    Ephemeris(Ephemeris),
    /// 1230
    GlonassBiases(GlonassBiases),
    /// A message we count but don't decode.
    Unknown {
        /// Bytes.
        length: usize,
    },
    /// A message we do, whose payload contradicts its format.
    Malformed {
        /// What was expected and what was found.
        reason: String,
    },
}

/// 1005, 1006: the antenna reference point.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Station {
    /// DF003
    pub station_id: u16,
    /// DF025 to DF027, metres, 0.1 mm resolution.
    pub ecef_m: [f64; 3],
    /// WGS 84, degrees.
    pub latitude_deg: f64,
    /// WGS 84, degrees.
    pub longitude_deg: f64,
    /// Metres above the ellipsoid.
    pub height_m: f64,
    /// DF028, metres; 1006 only.
    pub antenna_height_m: Option<f64>,
}

/// 1007, 1008, 1033.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Descriptor {
    /// DF003
    pub station_id: u16,
    /// DF030
    pub antenna: String,
    /// DF031
    pub antenna_setup_id: u8,
    /// DF033; 1008 and 1033
    pub antenna_serial: Option<String>,
    /// DF228; 1033
    pub receiver: Option<String>,
    /// DF230; 1033
    pub firmware: Option<String>,
    /// DF232; 1033
    pub receiver_serial: Option<String>,
}

/// MSM 4 to 7.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Msm {
    /// From the number.
    pub constellation: Constellation,
    /// 4 to 7.
    pub level: u8,
    /// DF003
    pub station_id: u16,
    /// The epoch field as sent: milliseconds of the GPS, Galileo, BeiDou… week; GLONASS: milliseconds of the
    /// Moscow day.
    pub epoch_ms: u32,
    /// GLONASS day of week, 0 Sunday … 6, 7 unknown; none for the others.
    pub glonass_day: Option<u8>,
    /// DF393: more messages of this epoch follow.
    pub multiple: bool,
    /// In mask order.
    pub satellites: Vec<SatelliteId>,
    /// Satellite by satellite, signals in mask order.
    pub signals: Vec<MsmSignal>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MsmSignal {
    /// The satellite.
    pub satellite: SatelliteId,
    /// RINEX 3 observation code without its first letter, `1C`, `2X`; none if the signal number is unknown.
    pub code: Option<&'static str>,
    /// The signal number in the mask, 1 to 32.
    pub signal: u8,
    /// `L1`, `E5b`…; none if unknown.
    pub band: Option<&'static str>,
    /// dB-Hz; none when not available.
    pub cn0_dbhz: Option<f64>,
    /// Pseudorange, metres; none when not available.
    pub pseudorange_m: Option<f64>,
    /// Phase range, metres; none when not available.
    pub phaserange_m: Option<f64>,
    /// Phase range rate, metres per second; MSM 5 and 7.
    pub phaserange_rate_mps: Option<f64>,
    /// Lock time indicator as sent (DF402 or DF407).
    pub lock_indicator: u16,
    /// DF420
    pub half_cycle: bool,
}

/// 1019, 1020, 1042, 1045, 1046: the fields a base's operator asks for; the whole set under `fields`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ephemeris {
    /// Whose.
    pub satellite: SatelliteId,
    /// Week as sent; none for GLONASS.
    pub week: Option<u16>,
    /// IODE, IODnav, AODE; none for GLONASS (`tb` is its key).
    pub issue: Option<u16>,
    /// Reference time of the ephemeris, seconds of the week; GLONASS: tb, seconds of the Moscow day.
    pub reference_time_s: u32,
    /// Usable according to its own health bits.
    pub healthy: bool,
    /// Every field, named as the standard does, in its units.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// 1230
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GlonassBiases {
    /// DF003
    pub station_id: u16,
    /// DF421: the biases are applied.
    pub aligned: bool,
    /// Metres: L1 C/A, L1 P, L2 C/A, L2 P; none where masked out.
    pub biases_m: [Option<f64>; 4],
}

/// Decodes what stands between header and CRC.
#[must_use]
pub fn decode(payload: &[u8]) -> Message {
    let _ = Constellation::Gps;
    let number = payload.get(..2).map(|b| u16::from(b[0]) << 4 | u16::from(b[1]) >> 4);
    Message { number, body: Body::Unknown { length: payload.len() } }
}
