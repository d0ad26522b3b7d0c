//! What every service's shell shares, so that a service itself is only a pure machine and its routes.
//!
//! - [`machine`]: the one contract between a pure service and everything that drives it, live or replayed.
//! - [`tap`]: what the shell saw and did, handed to a recorder without ever waiting for it.
//! - [`clock`]: the only place that reads a clock.

pub mod clock;
pub mod machine;
pub mod tap;
