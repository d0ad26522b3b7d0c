//! Why a sentence is malformed.

use serde::{Serialize, Serializer};

use super::Ascii;

/// What a sentence's format expects and what was found instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A byte that no sentence may hold.
    #[error("expected ASCII, found byte 0x{found:02X}")]
    NotAscii {
        /// The first such byte.
        found: u8,
    },
    /// The sentence is cut short.
    #[error("expected at least {expected} fields, found {found}")]
    TooFewFields {
        /// Fields after the address in the oldest version of the standard we read.
        expected: usize,
        /// Fields after the address.
        found: usize,
    },
    /// A list is longer than the standard allows, or ends in the middle of an entry.
    #[error("expected {expected}, found {found} fields behind the header")]
    List {
        /// What the list may be.
        expected: &'static str,
        /// Fields of the list.
        found: usize,
    },
    /// A field isn't what it should be.
    #[error("field {index}: expected {expected}, found \"{found}\"")]
    Field {
        /// From 1, after the address.
        index: u8,
        /// What it should be.
        expected: &'static str,
        /// Its first characters.
        found: Ascii<16>,
    },
    /// The `nmea` crate, which reads this sentence, refuses it without saying where.
    #[error("expected {expected}, found \"{found}\"")]
    Format {
        /// The layout.
        expected: &'static str,
        /// The first characters after the address.
        found: Ascii<40>,
    },
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
