//! Setting a u-blox receiver up: its configuration keys and the messages that read, set and delete them.
//!
//! From generation 9 on a u-blox is configured by keys of 32 bits with a value each, in layers: RAM is in force
//! now, BBR and flash come back after a start, and the defaults are below all of them (u-blox F9 HPG 1.32
//! interface description UBX-22008968, "Configuration interface").
//!
//! Everything here is pure: whoever holds the port reads and writes, and time is an argument.

pub mod change;
pub mod keys;
mod link;
pub mod message;
pub mod plan;
mod reading;
mod saved;

pub use change::{Change, Report, Target};
pub use keys::{Key, KeyId, Kind, Output, Port};
pub use link::{Conversation, Do, TRIES, answer_time};
pub use message::{Answer, Item, Layer, Layers, Request, Transaction};
pub use reading::{MAX_PAGES, ReadError, Reading, Snapshot, Values};
pub use saved::{SavedError, read_saved, write_saved};
