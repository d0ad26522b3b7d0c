//! discovery: which rovers there are and which of them are online, told to consoles; and their recordings.
//!
//! - [`core`] decides: who is known, who is online, who is forgotten, and when consoles are told. It has no
//!   clock and no JSON in it.
//! - [`codec`] maps the wire (HTTP, WebSocket text) to the core and back; live shell and replay build the same
//!   one with [`machine`].
//! - [`routes`] is the shell: axum routes, and the recorded sessions, which are files and no state of a machine.
//!
//! What is promised to a console: every change within 300 ms, never more than four publications a second
//! however many rovers beat, the last state always; and that a rover goes offline, once.

pub mod codec;
pub mod config;
pub mod core;
pub mod routes;

pub use codec::{Codec, machine};
pub use config::Config;

/// The service's name in logs and recordings.
pub const SERVICE: &str = "discovery";

/// The port rovers and consoles in the field know it by.
pub const PORT: u16 = 4860;
