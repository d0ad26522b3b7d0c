//! The configuration keys that the project sets, and those that a person meets at a ZED-F9P base or rover.
//!
//! Sources: u-blox F9 HPG 1.32 interface description (UBX-22008968), "Configuration reference"; names, ids and
//! types were checked against the database of pyubx2 (`ubxtypes_configdb.py`), scales and units against gpsd's
//! `ubxtool`. That HPG 1.32 has each of them, a test shows on a capture of all keys of one. A default is given
//! where one of these sources or that capture tells it.
//!
//! A receiver has about 1,500 keys; most of them have no name here. They are read, saved and restored like the
//! others: the id alone tells the size of a value.

mod plain;
mod rates;
mod values;

use std::fmt;

use serde::{Serialize, Serializer};

pub use rates::{Output, Port};
pub use values::value_name;

use crate::decode::ubx::cfg_value_bytes;

/// A key's 32 bits: the size of its value in bits 30 to 28, its group in bits 27 to 16, its item in the rest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

impl KeyId {
    /// In a request to read or delete: every key of every group, as u-center asks for it.
    pub const ALL: Self = Self(0x0FFF_0000);

    /// Bytes of its value: 1, 2, 4 or 8; none if the id names no size, as a wildcard may.
    #[must_use]
    pub fn value_bytes(self) -> Option<usize> {
        cfg_value_bytes(self.0)
    }

    /// 12 bits.
    #[must_use]
    pub fn group(self) -> u16 {
        // Twelve bits fit.
        u16::try_from(self.0 >> 16 & 0xFFF).unwrap_or_default()
    }

    /// In a request: every key of a group.
    #[must_use]
    pub fn all_of(group: u16) -> Self {
        Self(u32::from(group & 0xFFF) << 16 | 0xFFFF)
    }

    /// It stands for several keys: of a group (item `FFFF`), or all (group `FFF`, whatever the item).
    #[must_use]
    pub fn is_wildcard(self) -> bool {
        self.group() == 0xFFF || self.0 & 0xFFFF == 0xFFFF
    }

    /// As a request's key, it asks for that one.
    #[must_use]
    pub fn asks_for(self, other: Self) -> bool {
        if !self.is_wildcard() {
            return self == other;
        }
        self.group() == 0xFFF || self.group() == other.group()
    }

    /// What is known of it; none for a key without a name here.
    #[must_use]
    pub fn key(self) -> Option<Key> {
        by_id(self)
    }
}

/// `0x40520001`
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key() {
            Some(key) => write!(f, "{} {}", self, key.name),
            None => write!(f, "{self}"),
        }
    }
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// Its 32 bits.
    pub id: KeyId,
    /// As the interface description has it.
    pub name: Name,
    /// How its value is to be read.
    pub kind: Kind,
    /// What one step of its value is, in `unit`.
    pub scale: f64,
    /// Empty for flags, enumerations and plain counts.
    pub unit: &'static str,
    /// Of HPG 1.32, as its bytes, little-endian and zero-extended; none where it isn't known here.
    pub default: Option<u64>,
}

impl Key {
    /// The value of its bytes (little-endian, zero-extended) as a number, with its sign and without its scale.
    #[must_use]
    pub fn number(&self, raw: u64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "values of 8 bytes are bit fields; nobody counts with them"
        )]
        match self.kind {
            Kind::R4 => f64::from(f32::from_bits(u32::try_from(raw & 0xFFFF_FFFF).unwrap_or_default())),
            Kind::R8 => f64::from_bits(raw),
            _ => match self.signed(raw) {
                Some(signed) => signed as f64,
                None => raw as f64,
            },
        }
    }

    /// For a kind with a sign, the value with it.
    fn signed(&self, raw: u64) -> Option<i64> {
        let bits = match self.kind {
            Kind::I1 => 8,
            Kind::I2 => 16,
            Kind::I4 => 32,
            _ => return None,
        };
        let shift = 64 - bits;
        Some((raw << shift).cast_signed() >> shift)
    }

    /// The value of its bytes for people: `survey-in`, `38400 Bd`, `5 m`, `on`, `0x7`.
    #[must_use]
    pub fn text(&self, raw: u64) -> String {
        if let Some(name) = value_name(self.id, raw) {
            return name.to_owned();
        }
        match self.kind {
            Kind::L => (if raw == 0 { "off" } else { "on" }).to_owned(),
            Kind::X1 | Kind::X2 | Kind::X4 | Kind::X8 => format!("0x{raw:x}"),
            _ if self.unit.is_empty() => self.number(raw).to_string(),
            _ => {
                // By division where the scale is a power of ten below one, so that 0.1 mm times 3 is 0.3.
                let number = self.number(raw);
                let scaled =
                    if self.scale < 1.0 { number / (1.0 / self.scale).round() } else { number * self.scale };
                format!("{scaled} {}", self.unit)
            }
        }
    }
}

/// How the bytes of a value are to be read, as the interface description abbreviates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(
    missing_docs,
    reason = "U unsigned, I signed, X bits, E enumeration, R real, with the bytes; L a flag in one byte"
)]
pub enum Kind {
    L,
    U1,
    U2,
    U4,
    U8,
    I1,
    I2,
    I4,
    X1,
    X2,
    X4,
    X8,
    E1,
    R4,
    R8,
}

impl Kind {
    /// Bytes of a value.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::L | Self::U1 | Self::I1 | Self::X1 | Self::E1 => 1,
            Self::U2 | Self::I2 | Self::X2 => 2,
            Self::U4 | Self::I4 | Self::X4 | Self::R4 => 4,
            Self::U8 | Self::X8 | Self::R8 => 8,
        }
    }
}

/// A key's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `CFG-TMODE-MODE`
    Whole(&'static str),
    /// The rate of a message on a port: `CFG-MSGOUT-UBX_NAV_PVT_USB` is `UBX_NAV_PVT` on USB.
    Rate(&'static str, Port),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(name) => f.write_str(name),
            Self::Rate(message, port) => write!(f, "CFG-MSGOUT-{message}_{}", port.suffix()),
        }
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Every key with a name here, in no particular order.
pub fn all() -> impl Iterator<Item = Key> {
    plain::PLAIN.iter().copied().chain(rates::all())
}

/// The key of an id.
#[must_use]
pub fn by_id(id: KeyId) -> Option<Key> {
    all().find(|key| key.id == id)
}

/// The key of a name: as u-blox writes it or with underscores throughout, in capitals or not.
#[must_use]
pub fn by_name(name: &str) -> Option<Key> {
    let plain = |c: u8| if c == b'-' { b'_' } else { c.to_ascii_uppercase() };
    let wanted: Vec<u8> = name.bytes().map(plain).collect();
    all().find(|key| key.name.to_string().bytes().map(plain).eq(wanted.iter().copied()))
}

/// The key that sets how often a message goes out of a port: every so many epochs, 0 for never.
#[must_use]
pub fn rate(output: Output, port: Port) -> Option<KeyId> {
    rates::key_of(output, port)
}

/// Which message's rate on which port a key sets.
#[must_use]
pub fn rated(id: KeyId) -> Option<(Output, Port)> {
    rates::output_of(id)
}
