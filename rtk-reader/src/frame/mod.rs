//! Bytes to checked frames.

mod framer;
mod id;

pub use framer::{Counts, Framer};
pub use id::MessageId;

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
