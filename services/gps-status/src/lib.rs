//! gps-status: a receiver's bytes reduced to one status, and told to consoles.
//!
//! - [`core`] decides: what the receiver's messages say about position, mode, corrections and sky, how long
//!   that holds, and when consoles are to be told. It has no clock and no JSON in it.
//! - [`codec`] maps the wire (bytes, HTTP, WebSocket text) to the core and back; live shell and replay
//!   build the same one with [`machine`].
//! - [`stream`] turns what a source of bytes tells into the machine's input.
//!
//! What is promised to a console: a change within 50 ms, never more than ten frames a second, the last state
//! always; no position that is older than three seconds, and none at all of a receiver that is gone.

pub mod codec;
pub mod config;
pub mod core;
pub mod stream;

pub use codec::{Codec, machine};
pub use config::{Config, Source};

/// The service's name in logs and recordings.
pub const SERVICE: &str = "gps-status";

/// The port consoles in the field know it by.
pub const PORT: u16 = 4880;
