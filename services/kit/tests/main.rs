//! The kit as a service uses it: real sockets, a toy machine, and clients good and bad.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test's helper fails by panicking")]

mod connections;
mod console;
mod harness;
mod heartbeat;
mod http;
mod keeping;
mod outbox;
mod pace;
mod pacing;
mod pings;
mod refusals;
mod replay;
mod shutdown;
mod stall;
mod toy;
mod unread;
