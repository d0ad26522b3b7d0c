//! Checked frames to values, one message family per file.
//!
//! Decoding never fails: what isn't known is `Unknown`, what contradicts its own
//! format is `Malformed` with the reason. Both are values; the stream goes on.
//!
//! # Names of bands
//!
//! NMEA, UBX and RTCM number signals each in their own way; here a band is named once, by its carrier, and
//! the names are the same whichever protocol told of it:
//!
//! | system | bands and carriers in MHz |
//! |---|---|
//! | GPS | `L1` 1575.42, `L2` 1227.60, `L5` 1176.45 |
//! | GLONASS | `L1` 1602 + k·0.5625, `L2` 1246 + k·0.4375 |
//! | Galileo | `E1` 1575.42, `E5a` 1176.45, `E5b` 1207.14, `E6` 1278.75; both halves of E5 in one: `E5` |
//! | BeiDou | `B1I` 1561.098, `B1C` 1575.42, `B2a` 1176.45, `B2I` 1207.14, `B3I` 1268.52; of BeiDou 3 on the carrier of B2I: `B2b`; B2a and B2b in one: `B2` |
//! | QZSS | `L1` 1575.42, `L2` 1227.60, `L5` 1176.45, `L6` 1278.75 |
//! | SBAS | `L1` 1575.42, `L5` 1176.45 |
//! | NavIC | `L5` 1176.45, `S` 2492.028, `L1` 1575.42 |
//!
//! The component (I or Q, data or pilot) and the code do not change the name: `B1I` is B1Q's band, too.

mod json;
pub mod nmea;
pub mod rtcm;
pub mod ubx;

use std::fmt;

use serde::Serialize;

use crate::frame::{Frame, Protocol};

pub use json::write_json;

use json::Json;

/// A decoded frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "protocol", rename_all = "lowercase")]
pub enum Message {
    /// NMEA 0183.
    Nmea(nmea::Sentence),
    /// u-blox UBX.
    Ubx(ubx::Packet),
    /// RTCM 3.
    Rtcm(rtcm::Message),
}

/// Decodes a frame.
#[must_use]
pub fn decode(frame: &Frame<'_>) -> Message {
    match frame.protocol {
        Protocol::Nmea => Message::Nmea(nmea::decode(frame.payload())),
        Protocol::Ubx => {
            let (class, id) = match frame.bytes {
                [_, _, class, id, ..] => (*class, *id),
                _ => (0, 0),
            };
            Message::Ubx(ubx::decode(class, id, frame.payload()))
        }
        Protocol::Rtcm => Message::Rtcm(rtcm::decode(frame.payload())),
    }
}

impl Message {
    /// Appends the fields of the message's JSON object and its closing brace, the text [`Serialize`] gives
    /// behind the opening one. The caller opens it, and may put fields of its own in front.
    pub fn write_json_fields(&self, out: &mut Vec<u8>) {
        // Our keys are strings and a vector takes everything: there is no message that can't be written.
        let _: fmt::Result = match self {
            Self::Nmea(sentence) => {
                out.extend_from_slice(b"\"protocol\":\"nmea\",\"talker\":");
                let talker = sentence.talker.serialize(Json::new(out));
                talker.and_then(|()| sentence.body.serialize(Json::continuing(out)))
            }
            Self::Ubx(packet) => {
                out.extend_from_slice(b"\"protocol\":\"ubx\"");
                packet.serialize(Json::continuing(out))
            }
            Self::Rtcm(message) => {
                out.extend_from_slice(b"\"protocol\":\"rtcm\",\"number\":");
                let number = message.number.serialize(Json::new(out));
                number.and_then(|()| message.body.serialize(Json::continuing(out)))
            }
        };
    }
}

/// In JSON a satellite is its name, `"G05"`: there are dozens in a message, and it is what people say.
impl Serialize for SatelliteId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name() {
            Some(name) => serializer.serialize_str(name),
            None => serializer.collect_str(self),
        }
    }
}

/// Satellite systems, with the letters RINEX gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Constellation {
    /// G
    Gps,
    /// R
    Glonass,
    /// E
    Galileo,
    /// C
    Beidou,
    /// J
    Qzss,
    /// S
    Sbas,
    /// I
    Navic,
}

impl Constellation {
    /// The letter RINEX gives it.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Gps => 'G',
            Self::Glonass => 'R',
            Self::Galileo => 'E',
            Self::Beidou => 'C',
            Self::Qzss => 'J',
            Self::Sbas => 'S',
            Self::Navic => 'I',
        }
    }
}

/// A satellite: its system and its number there, as RINEX counts (QZSS from 1, SBAS PRN − 100).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SatelliteId {
    /// The system.
    pub constellation: Constellation,
    /// The number.
    pub number: u16,
}

impl SatelliteId {
    /// Its name without the cost of formatting it, for numbers of two digits: all that satellites have.
    fn name(self) -> Option<&'static str> {
        NAMES.get(self.constellation as usize)?.get(usize::from(self.number)).copied()
    }
}

static NAMES: [[&str; 100]; 7] = {
    static BYTES: [[[u8; 3]; 100]; 7] = {
        let mut all = [[[0; 3]; 100]; 7];
        let mut i = 0;
        while i < 700 {
            let (system, number) = (i / 100, i % 100);
            all[system][number] =
                [b"GRECJSI"[system], b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
            i += 1;
        }
        all
    };
    let mut all = [[""; 100]; 7];
    let mut i = 0;
    while i < 700 {
        if let Ok(name) = str::from_utf8(&BYTES[i / 100][i % 100]) {
            all[i / 100][i % 100] = name;
        }
        i += 1;
    }
    all
};

/// As in RINEX: `G05`, `S31`.
impl fmt::Display for SatelliteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:02}", self.constellation.letter(), self.number)
    }
}
