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
        // Size code: one bit (in a byte), 1, 2, 4 or 8 bytes.
        let size = match key >> 28 & 7 {
            1 | 2 => 1,
            3 => 2,
            4 => 4,
            5 => 8,
            _ => return Err(Reason::KeySize { key }),
        };
        b.require(size)?;
        Ok(Self { key, value: Some(b.unsigned(size)) })
    }
}
