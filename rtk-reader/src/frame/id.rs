//! Names of messages.

use std::fmt;

use super::{Frame, Protocol};

/// Longer NMEA addresses are cut, and those with the same beginning count as one: the longest we know of
/// (Quectel's `PQTMGEOFENCESTATUS`) has 18 characters.
pub const NMEA_ADDRESS_BYTES: usize = 32;

/// What a frame is, without decoding it. `Display` gives the usual name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageId {
    /// The address field, `GNGGA` or `PUBX`; ASCII, padded with zeros, cut at [`NMEA_ADDRESS_BYTES`].
    Nmea([u8; NMEA_ADDRESS_BYTES]),
    /// Class and id.
    Ubx(u8, u8),
    /// The message number (DF002); none in a frame shorter than twelve bits.
    Rtcm(Option<u16>),
}

impl MessageId {
    pub(super) fn of(frame: &Frame<'_>) -> Self {
        match frame.protocol {
            Protocol::Nmea => {
                let payload = frame.payload();
                let comma = payload.iter().take(NMEA_ADDRESS_BYTES).position(|&b| b == b',');
                Self::nmea(payload.get(..comma.unwrap_or(payload.len())).unwrap_or_default())
            }
            Protocol::Ubx => match frame.bytes {
                [_, _, class, id, ..] => Self::Ubx(*class, *id),
                _ => Self::Ubx(0, 0),
            },
            Protocol::Rtcm => match frame.payload() {
                [a, b, ..] => Self::Rtcm(Some(u16::from(*a) << 4 | u16::from(*b) >> 4)),
                _ => Self::Rtcm(None),
            },
        }
    }

    pub(super) fn nmea(text: &[u8]) -> Self {
        let mut address = [0; NMEA_ADDRESS_BYTES];
        for (to, from) in address.iter_mut().zip(text) {
            *to = *from;
        }
        Self::Nmea(address)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nmea(address) => {
                for &b in address.iter().take_while(|&&b| b != 0) {
                    write!(f, "{}", char::from(b))?;
                }
                Ok(())
            }
            Self::Ubx(class, id) => match ubx_name(*class, *id) {
                Some(name) => f.write_str(name),
                None => write!(f, "{class:02X}-{id:02X}"),
            },
            Self::Rtcm(Some(number)) => write!(f, "{number}"),
            Self::Rtcm(None) => f.write_str("-1"),
        }
    }
}

/// Names from the u-blox F9 interface description (UBX-22008968); others are told by their numbers.
fn ubx_name(class: u8, id: u8) -> Option<&'static str> {
    Some(match (class, id) {
        (0x01, 0x01) => "NAV-POSECEF",
        (0x01, 0x03) => "NAV-STATUS",
        (0x01, 0x04) => "NAV-DOP",
        (0x01, 0x07) => "NAV-PVT",
        (0x01, 0x13) => "NAV-HPPOSECEF",
        (0x01, 0x14) => "NAV-HPPOSLLH",
        (0x01, 0x20) => "NAV-TIMEGPS",
        (0x01, 0x22) => "NAV-CLOCK",
        (0x01, 0x30) => "NAV-SVINFO",
        (0x01, 0x35) => "NAV-SAT",
        (0x01, 0x3B) => "NAV-SVIN",
        (0x01, 0x3C) => "NAV-RELPOSNED",
        (0x01, 0x43) => "NAV-SIG",
        (0x01, 0x61) => "NAV-EOE",
        (0x02, 0x13) => "RXM-SFRBX",
        (0x02, 0x15) => "RXM-RAWX",
        (0x02, 0x32) => "RXM-RTCM",
        (0x05, 0x00) => "ACK-NAK",
        (0x05, 0x01) => "ACK-ACK",
        (0x06, 0x8A) => "CFG-VALSET",
        (0x06, 0x8B) => "CFG-VALGET",
        (0x06, 0x8C) => "CFG-VALDEL",
        (0x0A, 0x04) => "MON-VER",
        (0x0A, 0x36) => "MON-COMMS",
        (0x0A, 0x38) => "MON-RF",
        (0x27, 0x03) => "SEC-UNIQID",
        _ => return None,
    })
}
