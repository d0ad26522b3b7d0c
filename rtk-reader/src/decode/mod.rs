//! Checked frames to values, one message family per file.
//!
//! Decoding never fails: what isn't known is `Unknown`, what contradicts its own
//! format is `Malformed` with the reason. Both are values; the stream goes on.

pub mod nmea;
pub mod rtcm;
pub mod ubx;

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
        Protocol::Ubx => match frame.id() {
            crate::frame::MessageId::Ubx(class, id) => Message::Ubx(ubx::decode(class, id, frame.payload())),
            _ => unreachable!("a UBX frame has a UBX id"),
        },
        Protocol::Rtcm => Message::Rtcm(rtcm::decode(frame.payload())),
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

/// A satellite: its system and its number there, as RINEX counts (QZSS from 1, SBAS PRN − 100).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SatelliteId {
    /// The system.
    pub constellation: Constellation,
    /// The number.
    pub number: u16,
}
