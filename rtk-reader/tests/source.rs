//! Sources, from outside: real captures, pseudo-terminals, sockets.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test's helpers are a test too")]

#[path = "source/capture.rs"]
mod capture;
#[path = "source/common.rs"]
mod common;
#[cfg(target_os = "linux")]
#[path = "source/line.rs"]
mod line;
#[path = "source/play.rs"]
mod play;
#[cfg(target_os = "linux")]
#[path = "source/polls.rs"]
mod polls;
#[cfg(target_os = "linux")]
#[path = "source/ports.rs"]
mod ports;
#[path = "source/recording.rs"]
mod recording;
#[cfg(target_os = "linux")]
#[path = "source/serial.rs"]
mod serial;
#[path = "source/tags.rs"]
mod tags;
#[path = "source/tcp.rs"]
mod tcp;
