//! CFG-VALGET (06 8B): configuration items, asked for (keys) and answered (keys with values).
//!
//! | offset | field |
//! |---|---|
//! | 0 | version: 0 poll, 1 answer |
//! | 1 | layer |
//! | 2 | position |
//! | 4 … | keys of 4 bytes, in an answer each followed by its value of 1 to 8 bytes |
//!
//! (The `ublox` crate ends at the first key it doesn't know, and panics at values it doesn't expect.)

use serde::Serialize;

use super::{Bytes, Reason};

/// Configuration items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CfgValget {
    /// 0 poll, 1 answer.
    pub version: u8,
    /// 0 RAM, 1 BBR, 2 flash, 7 default.
    pub layer: u8,
    /// Items skipped before the first.
    pub position: u16,
    /// At most 64; in a poll the values are absent.
    pub items: Vec<CfgItem>,
}

/// One key and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CfgItem {
    /// Key id: bits 30..28 are the size.
    pub key: u32,
    /// Little-endian, zero-extended; none in a poll.
    pub value: Option<u64>,
}

/// Bytes before the items.
const HEADER: usize = 4;
/// The interface description's limit; a message with more contradicts it.
const MAX_ITEMS: usize = 64;

impl CfgValget {
    pub(super) fn read(payload: &[u8]) -> Result<Self, Reason> {
        let mut b = Bytes::at_least(payload, HEADER)?;
        let (version, layer, position) = (b.u8(), b.u8(), b.u16());
        let mut items = Vec::new();
        while !b.is_empty() {
            if items.len() == MAX_ITEMS {
                return Err(Reason::TooManyItems { limit: MAX_ITEMS });
            }
            items.push(CfgItem::read(&mut b, version != 0)?);
        }
        Ok(Self { version, layer, position, items })
    }
}

impl CfgItem {
    fn read(b: &mut Bytes<'_>, with_value: bool) -> Result<Self, Reason> {
        b.require(4)?;
        let key = b.u32();
        if !with_value {
            return Ok(Self { key, value: None });
        }
        let size = value_bytes(key).ok_or(Reason::KeySize { key })?;
        b.require(size)?;
        Ok(Self { key, value: Some(b.unsigned(size)) })
    }
}

/// Bytes of a key's value: its size code names one bit (in a byte), 1, 2, 4 or 8 bytes.
pub(crate) fn value_bytes(key: u32) -> Option<usize> {
    match key >> 28 & 7 {
        1 | 2 => Some(1),
        3 => Some(2),
        4 => Some(4),
        5 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Packet,
        testing::{packet, reason},
    };
    use super::*;

    /// The first items of an answer in a capture.
    const ANSWER: &str = "010080050200a4400060e3160300a44000b0710b";

    #[test]
    fn reads_an_answer() {
        let items = vec![
            CfgItem { key: 0x40A4_0002, value: Some(0x16E3_6000) },
            CfgItem { key: 0x40A4_0003, value: Some(0x0B71_B000) },
        ];
        let expected = CfgValget { version: 1, layer: 0, position: 1408, items };
        assert_eq!(packet(0x06, 0x8B, ANSWER), Packet::CfgValget(expected));
    }

    #[test]
    fn reads_a_poll() {
        let items = vec![CfgItem { key: 0x0FFF_0000, value: None }];
        let expected = CfgValget { version: 0, layer: 1, position: 0, items };
        assert_eq!(packet(0x06, 0x8B, "000100000000ff0f"), Packet::CfgValget(expected));
    }

    #[test]
    fn reads_values_of_every_size() {
        let answer =
            "01000000 01001110 01 02003120 02 03005130 0300 04005240 04000000 05006550 0500000000000080";
        let Packet::CfgValget(valget) = packet(0x06, 0x8B, answer) else { panic!("not a CFG-VALGET") };
        let values: Vec<_> = valget.items.iter().filter_map(|item| item.value).collect();
        assert_eq!(values, [1, 2, 3, 4, 0x8000_0000_0000_0005]);
    }

    #[test]
    fn refuses() {
        assert_eq!(reason(0x06, 0x8B, &ANSWER[..38]), "expected 4 more bytes of a key or value, found 3");
        assert_eq!(
            reason(0x06, 0x8B, "01000000020034000000"),
            "expected a key of size code 1 to 5, found 0x00340002"
        );
        let many = format!("00000000{}", "02003440".repeat(MAX_ITEMS + 1));
        assert_eq!(reason(0x06, 0x8B, &many), "expected at most 64 items, found more");
    }
}
