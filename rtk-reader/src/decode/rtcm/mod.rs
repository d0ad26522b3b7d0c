//! RTCM 3 messages, after RTCM 10403.3; one message family per file.
//!
//! All of them are read by one bit reader of our own, not by the crate `rtcm-rs` 0.11, for what was found
//! when it was tried on each (`tests/decode_rtcm/rtcm_rs.rs` holds on to the first four):
//!
//! - MSM: one signal it doesn't know makes the whole message `Corrupt`, so a station that switches a new
//!   signal on would look silent; so does a message without satellites, which is what a base sends that sees
//!   none. One that claims more than 64 cells overflows its shifts, a panic wherever overflow is checked.
//! - 1007, 1008, 1033: a string over 31 bytes makes the message `Corrupt`, though its length field allows 255.
//! - 1230: it doesn't pass over the reserved bits before the mask, and every bias is wrong.
//! - It decodes frames, not payloads, and computes the CRC our framer has just checked once more.
//! - MSM needs a bit reader anyway. With it a message is one line per field, which is what mapping the
//!   crate's types to ours would be, too.
//!
//! It is the independent peer of the tests instead: every message it accepts must say the same.

mod biases;
mod bits;
mod descriptor;
mod ephemeris;
mod geodesy;
mod msm;
mod station;

use serde::{Serialize, Serializer};

pub use biases::GlonassBiases;
pub use descriptor::Descriptor;
pub use ephemeris::{
    BeidouEphemeris, Clock, Ephemeris, EphemerisFields, GalileoFnavEphemeris, GalileoInavEphemeris,
    GlonassEphemeris, GpsEphemeris, Orbit,
};
pub use geodesy::{Geodetic, geodetic};
pub use msm::{MAX_CELLS, Msm, MsmSignal};
pub use station::Station;

use bits::Bits;

/// Bits of the message number (DF002), which every message begins with.
const NUMBER_BITS: usize = 12;

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
        /// What was expected and what was found; a sentence in JSON.
        reason: Error,
    },
}

/// How a payload contradicts the format of its message number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It ends before its last field. A longer one is fine: later versions of a message append to it.
    #[error(
        "the message needs {expected_bits} bits and has {found_bits}: its sender cuts it off, \
         look for another firmware there"
    )]
    Short {
        /// What the fields read so far need, the message number included.
        expected_bits: usize,
        /// What the payload holds.
        found_bits: usize,
    },
    /// An MSM's cell mask would be wider than the standard allows.
    #[error(
        "{satellites} satellites with {signals} signals make more than {MAX_CELLS} cells: \
         its sender must split such an epoch into several messages"
    )]
    Cells {
        /// In the satellite mask.
        satellites: u32,
        /// In the signal mask.
        signals: u32,
    },
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Decodes what stands between header and CRC.
#[must_use]
pub fn decode(payload: &[u8]) -> Message {
    let number = match payload {
        [a, b, ..] => Some(u16::from(*a) << 4 | u16::from(*b) >> 4),
        _ => None,
    };
    let body = match number.and_then(|number| known(number, Bits::new(payload, NUMBER_BITS))) {
        Some(Ok(body)) => body,
        Some(Err(reason)) => Body::Malformed { reason },
        None => Body::Unknown { length: payload.len() },
    };
    Message { number, body }
}

/// The body of a message we decode; none for the others.
fn known(number: u16, bits: Bits<'_>) -> Option<Result<Body, Error>> {
    Some(match number {
        1005 => station::decode(bits, false).map(Body::Station),
        1006 => station::decode(bits, true).map(Body::Station),
        1007 | 1008 | 1033 => descriptor::decode(number, bits).map(Body::Descriptor),
        1019 => ephemeris::gps(bits).map(Body::Ephemeris),
        1020 => ephemeris::glonass(bits).map(Body::Ephemeris),
        1042 => ephemeris::beidou(bits).map(Body::Ephemeris),
        1045 => ephemeris::galileo_fnav(bits).map(Body::Ephemeris),
        1046 => ephemeris::galileo_inav(bits).map(Body::Ephemeris),
        1230 => biases::decode(bits).map(Body::GlonassBiases),
        _ => {
            let (constellation, level) = msm::kind(number)?;
            msm::decode(constellation, level, bits).map(Body::Msm)
        }
    })
}

#[cfg(test)]
mod bit_writer;
#[cfg(test)]
mod tests;
