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

pub mod nmea;
pub mod rtcm;
pub mod ubx;

use std::fmt;

use serde::Serialize;

use crate::frame::{Frame, Protocol};

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
    /// Appends the message as one JSON value, the same text its [`Serialize`] gives and several times as fast
    /// where a stream is longest: an MSM's cells are written without serde.
    pub fn write_json(mut self, out: &mut Vec<u8>) {
        let signals = match &mut self {
            Self::Rtcm(message) => message.take_signals(),
            _ => Vec::new(),
        };
        let start = out.len();
        if serde_json::to_writer(&mut *out, &self).is_err() {
            // A vector takes everything and our keys are strings: there is no such case to lose a message in.
            out.truncate(start);
            return;
        }
        if !signals.is_empty() {
            // They are the last field, `"signals":[]}` until now.
            out.truncate(out.len() - 2);
            rtcm::write_signals(&signals, out);
            out.extend_from_slice(b"]}");
        }
    }
}

/// In JSON a satellite is its name, `"G05"`: there are dozens in a message, and it is what people say.
impl Serialize for SatelliteId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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

/// As in RINEX: `G05`, `S31`.
impl fmt::Display for SatelliteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:02}", self.constellation.letter(), self.number)
    }
}
