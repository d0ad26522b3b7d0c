//! The recording proxy between real sockets: what goes through, what is recorded, what is not.

mod endings;
mod program;
mod secrets;
mod stage;
mod upstreams;
mod websocket;
