//! An NTRIP caster: the receiver's RTCM 3 frames, unchanged and whole, to rovers.
//!
//! `core` decides, and is pure: what a client asks, what it is answered, what the sourcetable says, which frames
//! go where, and whether any may go out at all (the gate). Around it stands a shell of one task for the
//! receiver's bytes and one for each client:
//!
//! - A frame is copied once, into a burst that all clients of a mountpoint share.
//! - Nobody waits for a client. A burst goes into a client's socket whole or not at all, so that whoever is too
//!   slow is cut between two frames.

pub mod core;

mod client;
mod config;
mod hub;
mod outlet;
mod push;
mod raw;
mod report;
mod server;

/// The port NTRIP has at IANA.
pub const PORT: u16 = 2101;

pub use config::{Config, DEFAULT_MOUNTPOINT, Limits};
pub use hub::Now;
pub use report::{ClientReport, CorrectionsReport, MAX_LISTED, PushReport, Report};
pub use server::{REFRESH_EVERY, REPORT_EVERY, Running, start};
