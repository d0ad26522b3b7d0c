//! The messages that read, set and delete configuration, from both ends: what a host asks and what a receiver
//! answers, to payloads and back.
//!
//! | message | payload |
//! |---|---|
//! | CFG-VALSET (06 8A) | version 0 or 1, layers, transaction (version 1), reserved; keys with values |
//! | CFG-VALGET (06 8B) | asked: version 0, layer, position; keys. Answered: version 1, layer, position; keys with values |
//! | CFG-VALDEL (06 8C) | version 0 or 1, layers, transaction (version 1), reserved; keys |
//! | CFG-RST (06 04) | bits of what to forget, kind of reset, reserved; it has no answer |
//! | ACK-ACK, ACK-NAK (05 01, 05 00) | class and id of the message it answers |
//! | a poll | none: it asks for the message of its class and id |
//!
//! (u-blox F9 HPG 1.32 interface description UBX-22008968, "UBX-CFG", "UBX-ACK".) A receiver answers a VALGET
//! with the values and then ACK-ACK, or with ACK-NAK alone. Frames and what is answered are as
//! [`decode::ubx`](crate::decode::ubx) reads them.

use serde::Serialize;

use super::KeyId;
use crate::{
    decode::ubx::{self, CfgItem, CfgValget, Packet},
    frame::{Frame, Protocol, encode},
};

/// The most keys in a message; a receiver refuses more, and so do we.
pub const MAX_KEYS: usize = 64;

const CFG: u8 = 0x06;
const RST: u8 = 0x04;
const VALSET: u8 = 0x8A;
const VALGET: u8 = 0x8B;
const VALDEL: u8 = 0x8C;
/// Bytes before keys in VALSET, VALGET and VALDEL.
const HEADER: usize = 4;

/// Where a value is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// In force now, lost with the power.
    Ram,
    /// Memory on the back-up battery, if there is one.
    Bbr,
    /// For ever.
    Flash,
    /// What the firmware has; can't be changed.
    Default,
}

impl Layer {
    /// As it is sent in CFG-VALGET.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Ram => 0,
            Self::Bbr => 1,
            Self::Flash => 2,
            Self::Default => 7,
        }
    }

    /// The layer of a number in CFG-VALGET.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        [Self::Ram, Self::Bbr, Self::Flash, Self::Default].into_iter().find(|layer| layer.number() == number)
    }
}

/// For people.
impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ram => "RAM",
            Self::Bbr => "BBR",
            Self::Flash => "flash",
            Self::Default => "default",
        })
    }
}

/// Where values are written to or deleted from: the bits of CFG-VALSET and CFG-VALDEL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layers(pub u8);

impl Layers {
    /// RAM alone.
    pub const RAM: Self = Self(1);
    /// Memory on the back-up battery.
    pub const BBR: Self = Self(2);
    /// Flash.
    pub const FLASH: Self = Self(4);
    /// Both that outlive a start.
    pub const SAVED: Self = Self(6);

    /// The layer is one of them.
    #[must_use]
    pub fn has(self, layer: Layer) -> bool {
        let bit = match layer {
            Layer::Ram => Self::RAM,
            Layer::Bbr => Self::BBR,
            Layer::Flash => Self::FLASH,
            Layer::Default => return false,
        };
        self.0 & bit.0 != 0
    }

    /// The one that a layer is; none for the defaults.
    #[must_use]
    pub fn only(layer: Layer) -> Option<Self> {
        [Self::RAM, Self::BBR, Self::FLASH].into_iter().find(|layers| layers.has(layer))
    }
}

/// `RAM`, `BBR and flash`
impl std::fmt::Display for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        for layer in [Layer::Ram, Layer::Bbr, Layer::Flash].into_iter().filter(|layer| self.has(*layer)) {
            write!(f, "{separator}{layer}")?;
            separator = " and ";
        }
        Ok(())
    }
}

/// The part a message has in a transaction: several messages that take effect together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transaction {
    /// It takes effect at once; one that was begun is cancelled. Sent as version 0.
    #[default]
    None,
    /// Begins one, or begins it anew.
    Start,
    /// Goes on.
    Ongoing,
    /// All of it takes effect.
    Apply,
}

impl Transaction {
    fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Start => 1,
            Self::Ongoing => 2,
            Self::Apply => 3,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        [Self::None, Self::Start, Self::Ongoing, Self::Apply].into_iter().find(|one| one.number() == number)
    }
}

/// A key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Its id; one that names no size can't be sent with a value.
    pub key: KeyId,
    /// Little-endian and zero-extended; only as many bytes of it count as the key has.
    pub value: u64,
}

/// What a host tells a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// CFG-VALSET.
    Set {
        /// Where to.
        layers: Layers,
        /// Its part in one.
        transaction: Transaction,
        /// At most [`MAX_KEYS`].
        items: Vec<Item>,
    },
    /// CFG-VALGET.
    Get {
        /// Where from.
        layer: Layer,
        /// How many of the values to skip: an answer holds [`MAX_KEYS`] of them.
        position: u16,
        /// At most [`MAX_KEYS`]; wildcards are allowed.
        keys: Vec<KeyId>,
    },
    /// CFG-VALDEL.
    Delete {
        /// Where from: BBR or flash or both.
        layers: Layers,
        /// Its part in one.
        transaction: Transaction,
        /// At most [`MAX_KEYS`]; wildcards are allowed.
        keys: Vec<KeyId>,
    },
    /// CFG-RST: has no answer.
    Reset {
        /// What to forget: 0 nothing (hot), 1 ephemerides (warm), `FFFF` all (cold).
        forget: u16,
        /// 0 hardware at once, 1 software, 2 only GNSS, 4 hardware after a shutdown, 8 GNSS stop, 9 GNSS start.
        mode: u8,
    },
    /// Asks for the message of this class and id.
    Poll {
        /// Class.
        class: u8,
        /// Id.
        id: u8,
    },
}

/// Why a frame is no request to configure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Its class and id have another purpose.
    #[error("{0:02X}-{1:02X} is not a request that configures")]
    NotARequest(u8, u8),
    /// The payload ends within its header, a key or a value.
    #[error("expected a payload of {expected} bytes or more, found {found}")]
    Cut {
        /// Bytes.
        expected: usize,
        /// Bytes.
        found: usize,
    },
    /// A version, layer or transaction that isn't known.
    #[error("{field} can't be {found}")]
    Unknown {
        /// `version`, `layer`, `transaction`.
        field: &'static str,
        /// As sent.
        found: u8,
    },
    /// More keys than a message may have.
    #[error("expected at most {MAX_KEYS} keys, found {0}")]
    TooManyKeys(usize),
    /// A key with a value whose id doesn't say how long that is.
    #[error("expected a key that says the size of its value, found {0}")]
    NoSize(KeyId),
}

impl Request {
    /// Class and id of its message: those an ACK names.
    #[must_use]
    pub fn message(&self) -> (u8, u8) {
        match self {
            Self::Set { .. } => (CFG, VALSET),
            Self::Get { .. } => (CFG, VALGET),
            Self::Delete { .. } => (CFG, VALDEL),
            Self::Reset { .. } => (CFG, RST),
            Self::Poll { class, id } => (*class, *id),
        }
    }

    /// The whole UBX frame.
    ///
    /// # Errors
    /// [`RequestError::TooManyKeys`], or [`RequestError::NoSize`] for a value of a key that says no size.
    pub fn frame(&self) -> Result<Vec<u8>, RequestError> {
        let (class, id) = self.message();
        let payload = self.payload()?;
        // At most 4 + 64 × 12 bytes: it always fits.
        Ok(encode::ubx(class, id, &payload).unwrap_or_default())
    }

    fn payload(&self) -> Result<Vec<u8>, RequestError> {
        let versioned = |layers: &Layers, transaction: &Transaction| {
            let number = transaction.number();
            vec![u8::from(number != 0), layers.0, number, 0]
        };
        match self {
            Self::Set { layers, transaction, items } => {
                let mut payload = versioned(layers, transaction);
                write_items(&mut payload, items)?;
                Ok(payload)
            }
            Self::Get { layer, position, keys } => {
                let mut payload = vec![0, layer.number()];
                payload.extend(position.to_le_bytes());
                write_keys(&mut payload, keys)?;
                Ok(payload)
            }
            Self::Delete { layers, transaction, keys } => {
                let mut payload = versioned(layers, transaction);
                write_keys(&mut payload, keys)?;
                Ok(payload)
            }
            Self::Reset { forget, mode } => {
                let [low, high] = forget.to_le_bytes();
                Ok(vec![low, high, *mode, 0])
            }
            Self::Poll { .. } => Ok(Vec::new()),
        }
    }

    /// Reads a UBX frame as a receiver does.
    ///
    /// # Errors
    /// [`RequestError`]: whoever plays a receiver answers a CFG message with ACK-NAK then.
    pub fn read(frame: &Frame<'_>) -> Result<Self, RequestError> {
        let (class, id) = match (frame.protocol, frame.bytes) {
            (Protocol::Ubx, [_, _, class, id, ..]) => (*class, *id),
            _ => return Err(RequestError::NotARequest(0, 0)),
        };
        Self::read_payload(class, id, frame.payload())
    }

    /// Reads a message by its class, id and payload.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_payload(class: u8, id: u8, payload: &[u8]) -> Result<Self, RequestError> {
        if payload.is_empty() {
            return Ok(Self::Poll { class, id });
        }
        let not = RequestError::NotARequest(class, id);
        if class != CFG || !matches!(id, VALSET | VALGET | VALDEL | RST) {
            return Err(not);
        }
        let Some((&[a, b, c, d], rest)) = payload.split_first_chunk::<HEADER>() else {
            return Err(RequestError::Cut { expected: HEADER, found: payload.len() });
        };
        let transaction = || match a {
            0 => Ok(Transaction::None),
            1 => Transaction::of_number(c).ok_or(RequestError::Unknown { field: "transaction", found: c }),
            _ => Err(RequestError::Unknown { field: "version", found: a }),
        };
        match id {
            VALSET => {
                Ok(Self::Set { layers: Layers(b), transaction: transaction()?, items: read_items(rest)? })
            }
            VALGET if a != 0 => Err(RequestError::Unknown { field: "version", found: a }),
            VALGET => {
                let layer = Layer::of_number(b).ok_or(RequestError::Unknown { field: "layer", found: b })?;
                Ok(Self::Get { layer, position: u16::from_le_bytes([c, d]), keys: read_keys(rest)? })
            }
            VALDEL => {
                Ok(Self::Delete { layers: Layers(b), transaction: transaction()?, keys: read_keys(rest)? })
            }
            RST => Ok(Self::Reset { forget: u16::from_le_bytes([a, b]), mode: c }),
            _ => Err(not),
        }
    }
}

/// What a receiver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// ACK-ACK or ACK-NAK.
    Ack {
        /// ACK-ACK.
        acknowledged: bool,
        /// Of the message answered.
        class: u8,
        /// Of the message answered.
        id: u8,
    },
    /// CFG-VALGET with values.
    Values {
        /// Where from.
        layer: Layer,
        /// As asked.
        position: u16,
        /// At most [`MAX_KEYS`].
        items: Vec<Item>,
    },
}

impl Answer {
    /// The answer in a frame; none if it is something else, which at a receiver is the rule.
    #[must_use]
    pub fn read(frame: &Frame<'_>) -> Option<Self> {
        let (class, id) = match (frame.protocol, frame.bytes) {
            (Protocol::Ubx, [_, _, class @ (0x05 | CFG), id, ..]) => (*class, *id),
            _ => return None,
        };
        match ubx::decode(class, id, frame.payload()) {
            Packet::Ack(ack) => {
                Some(Self::Ack { acknowledged: ack.acknowledged, class: ack.class, id: ack.id })
            }
            Packet::CfgValget(CfgValget { version: 1, layer, position, items }) => {
                let item = |item: CfgItem| Some(Item { key: KeyId(item.key), value: item.value? });
                let items = items.into_iter().filter_map(item).collect();
                Some(Self::Values { layer: Layer::of_number(layer)?, position, items })
            }
            _ => None,
        }
    }

    /// The whole UBX frame.
    ///
    /// # Errors
    /// As [`Request::frame`].
    pub fn frame(&self) -> Result<Vec<u8>, RequestError> {
        let (class, id, payload) = match self {
            Self::Ack { acknowledged, class, id } => (0x05, u8::from(*acknowledged), vec![*class, *id]),
            Self::Values { layer, position, items } => {
                let mut payload = vec![1, layer.number()];
                payload.extend(position.to_le_bytes());
                write_items(&mut payload, items)?;
                (CFG, VALGET, payload)
            }
        };
        Ok(encode::ubx(class, id, &payload).unwrap_or_default())
    }
}

fn write_items(payload: &mut Vec<u8>, items: &[Item]) -> Result<(), RequestError> {
    if items.len() > MAX_KEYS {
        return Err(RequestError::TooManyKeys(items.len()));
    }
    for item in items {
        let bytes = item.key.value_bytes().ok_or(RequestError::NoSize(item.key))?;
        payload.extend(item.key.0.to_le_bytes());
        payload.extend(item.value.to_le_bytes().into_iter().take(bytes));
    }
    Ok(())
}

fn write_keys(payload: &mut Vec<u8>, keys: &[KeyId]) -> Result<(), RequestError> {
    if keys.len() > MAX_KEYS {
        return Err(RequestError::TooManyKeys(keys.len()));
    }
    payload.extend(keys.iter().flat_map(|key| key.0.to_le_bytes()));
    Ok(())
}

fn read_items(mut rest: &[u8]) -> Result<Vec<Item>, RequestError> {
    let mut items = Vec::new();
    while let Some((key, behind)) = next_key(rest)? {
        let size = key.value_bytes().ok_or(RequestError::NoSize(key))?;
        let Some((value, behind)) = behind.split_at_checked(size) else {
            return Err(RequestError::Cut { expected: size, found: behind.len() });
        };
        if items.len() == MAX_KEYS {
            return Err(RequestError::TooManyKeys(MAX_KEYS + 1));
        }
        let value = value.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        items.push(Item { key, value });
        rest = behind;
    }
    Ok(items)
}

fn read_keys(mut rest: &[u8]) -> Result<Vec<KeyId>, RequestError> {
    let mut keys = Vec::new();
    while let Some((key, behind)) = next_key(rest)? {
        if keys.len() == MAX_KEYS {
            return Err(RequestError::TooManyKeys(rest.len() / 4 + MAX_KEYS));
        }
        keys.push(key);
        rest = behind;
    }
    Ok(keys)
}

fn next_key(rest: &[u8]) -> Result<Option<(KeyId, &[u8])>, RequestError> {
    if rest.is_empty() {
        return Ok(None);
    }
    match rest.split_first_chunk() {
        Some((key, behind)) => Ok(Some((KeyId(u32::from_le_bytes(*key)), behind))),
        None => Err(RequestError::Cut { expected: 4, found: rest.len() }),
    }
}
