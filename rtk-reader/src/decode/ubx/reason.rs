//! Why a packet is malformed.

use serde::{Serialize, Serializer};

/// What a message's format expects and what was found instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A payload of another length.
    #[error("expected a payload of {expected} bytes, found {found}")]
    Length {
        /// Bytes.
        expected: usize,
        /// Bytes.
        found: usize,
    },
    /// A payload that ends before its header does.
    #[error("expected a payload of at least {expected} bytes, found {found}")]
    TooShort {
        /// Bytes.
        expected: usize,
        /// Bytes.
        found: usize,
    },
    /// A payload that holds another number of blocks than it says, or a piece of one.
    #[error("expected {announced} blocks of {size} bytes, found {found} bytes")]
    Blocks {
        /// How many it says.
        announced: u8,
        /// Bytes of each.
        size: usize,
        /// Bytes behind the header.
        found: usize,
    },
    /// A payload that ends in the middle of a block.
    #[error("expected blocks of {size} bytes, found {found} bytes")]
    PartOfABlock {
        /// Bytes of each.
        size: usize,
        /// Bytes behind the header.
        found: usize,
    },
    /// A configuration item cut off.
    #[error("expected {expected} more bytes of a key or value, found {found}")]
    CutItem {
        /// Bytes.
        expected: usize,
        /// Bytes.
        found: usize,
    },
    /// A configuration key whose bits 30 to 28 name no size.
    #[error("expected a key of size code 1 to 5, found 0x{key:08X}")]
    KeySize {
        /// The key.
        key: u32,
    },
    /// More configuration items than a message may hold.
    #[error("expected at most {limit} items, found more")]
    TooManyItems {
        /// As many as may be.
        limit: usize,
    },
}

impl Reason {
    /// Is the payload a header and whole blocks (lengths in `layout`), as many as it says, if it says?
    pub(super) fn check_blocks(
        payload: &[u8],
        layout: (usize, usize),
        announced: Option<u8>,
    ) -> Result<(), Self> {
        let (header, size) = layout;
        let Some(found) = payload.len().checked_sub(header) else {
            return Err(Self::TooShort { expected: header, found: payload.len() });
        };
        match announced {
            Some(announced) if found != usize::from(announced) * size => {
                Err(Self::Blocks { announced, size, found })
            }
            None if found % size != 0 => Err(Self::PartOfABlock { size, found }),
            _ => Ok(()),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
