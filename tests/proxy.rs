//! The recording proxy between real sockets: what goes through, what is recorded, what is not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do the services it makes up")]

mod endings;
mod program;
mod secrets;
mod stage;
mod tls;
mod upstreams;
mod websocket;
