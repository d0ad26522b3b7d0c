//! What every service's shell shares, so that a service itself is only a pure machine and its routes.
//!
//! - [`machine`]: the one contract between a pure service and everything that drives it, live or replayed.
//! - [`runner`]: the task that drives a machine: stamps inputs, records, carries outputs out.
//! - [`outbox`]: what waits for one WebSocket; a peer too slow for it is never waited for.
//! - [`pace`]: `?batch_ms` and `?min_interval_ms`.
//! - [`session`]: the loop of one WebSocket.
//! - [`web`]: routes that forward to a machine.
//! - [`serve`]: the listener, its connections and their orderly end.
//! - [`origin`]: which web pages may talk to a service.
//! - [`error`]: refusals, with one text for the client and one for the log.
//! - [`shape`]: what is wrong with a JSON text, in a sentence.
//! - [`shutdown`]: what Ctrl-C, SIGTERM and SIGHUP do.
//! - [`limits`]: what the system allows a process.
//! - [`tap`]: what the shell saw and did, handed to a recorder without ever waiting for it.
//! - [`proxied`]: what a recording proxy saw, for the tap.
//! - [`clock`]: the only place that reads a clock.

pub mod clock;
mod conns;
pub mod error;
mod handle;
pub mod limits;
mod line;
mod linger;
pub mod machine;
pub mod origin;
pub mod outbox;
mod outlet;
pub mod pace;
pub mod proxied;
mod quiet;
pub mod runner;
pub mod serve;
pub mod session;
pub mod shape;
pub mod shutdown;
mod steps;
pub mod tap;
pub mod web;
mod writer;
mod written;
