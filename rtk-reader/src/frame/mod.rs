//! Bytes to checked frames.
//!
//! [`Framer`] finds NMEA, UBX and RTCM 3 frames interleaved on one stream, whatever the chunks the stream
//! comes in and whatever stands between them. Its rules are those of a scan, byte by byte from the front:
//!
//! - RTCM 3: `D3`, six zero bits, ten bits of length, CRC-24Q right.
//! - UBX: `B5 62`, class, id, little-endian length, both checksum bytes right.
//! - NMEA: `$` or `!` to LF within [`NMEA_LINE_BYTES`], printable ASCII between (CR LF or LF stripped), `*hh`
//!   at the end and the XOR right.
//! - After a candidate that fails the scan goes on at its second byte.

mod candidate;
mod census;
pub mod checksum;
mod counts;
pub mod encode;
mod framer;
mod id;
mod marks;
mod scanner;
mod sums;

pub use candidate::{NMEA_LINE_BYTES, UBX_FRAME_BYTES};
pub use census::{Census, Summary};
pub use counts::Counts;
pub use framer::{FRAMER_BYTES, Framer, LOOK_AFTER};
pub use id::{MessageId, NMEA_ADDRESS_BYTES};

use crate::Timestamp;

/// The protocols that share the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// NMEA 0183 sentences, `$…*hh` CR LF.
    Nmea,
    /// u-blox UBX.
    Ubx,
    /// RTCM 10403 version 3.
    Rtcm,
}

/// One frame whose length and checksum are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which protocol.
    pub protocol: Protocol,
    /// The whole frame as received: from `$`, `B5 62` or `D3` to LF, CK_B or the CRC.
    pub bytes: &'a [u8],
    /// When its last byte was received.
    pub received_at: Timestamp,
    /// Position of its first byte in the stream.
    pub offset: u64,
}

impl<'a> Frame<'a> {
    /// What it is.
    #[must_use]
    pub fn id(&self) -> MessageId {
        MessageId::of(self)
    }

    /// What its protocol carries: between `$` and `*`; after class, id and length; after the RTCM header.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        let bytes = self.bytes;
        match self.protocol {
            Protocol::Nmea => {
                let star = bytes.iter().rposition(|&b| b == b'*').unwrap_or(bytes.len());
                bytes.get(1..star).unwrap_or_default()
            }
            Protocol::Ubx => bytes.get(6..bytes.len().saturating_sub(2)).unwrap_or_default(),
            Protocol::Rtcm => bytes.get(3..bytes.len().saturating_sub(3)).unwrap_or_default(),
        }
    }
}
