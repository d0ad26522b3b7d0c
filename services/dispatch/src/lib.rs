//! dispatch: zones, missions and tasks of a rover fleet. It never loses a task and never lies to a console:
//! what is told has been committed, and what was committed survives a power cut.
//!
//! - [`core`]: what dispatch decides, pure.
//! - [`codec`] maps the wire (HTTP, WebSocket text) and the store's word to the core and back; live shell and
//!   replay build the same one with [`machine`].
//! - [`store`]: where it is kept, all of a commit or nothing: SQLite, one file, or PostgreSQL.
//! - [`routes`] is the shell.
//!
//! # How a commit goes
//!
//! The machine asks for a commit by an output and is told of its fate by an input, so both are on the record:
//!
//! 1. The core decides what waits and makes a batch. [`core::Effect::Commit`] becomes `Output::Commit`, the
//!    changes as JSON. The runner hands it to the store's keeper and goes on; it never waits.
//! 2. The keeper's thread writes, and tells the runner. That is `Input::Store`, stamped and recorded like any
//!    other; at most one commit is under way, so the order of inputs says everything.
//! 3. The core releases what was to be told, or undoes the batch.
//!
//! A replay compares commits like any other output: a core that would write something else than it did is a
//! difference.

pub mod codec;
pub mod config;
pub mod core;
pub mod routes;
pub mod store;

pub use codec::{Codec, machine};
pub use config::Config;

/// The service's name in logs and recordings.
pub const SERVICE: &str = "dispatch";

/// The port rovers and consoles in the field know it by.
pub const PORT: u16 = 4890;
