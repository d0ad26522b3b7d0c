//! dispatch: zones, missions and tasks of a rover fleet. It never loses a task and never lies to a console:
//! what is told has been committed, and what was committed survives a power cut.
//!
//! - [`core`]: what dispatch decides, pure.
//! - [`store`]: where it is kept: SQLite, one file, or PostgreSQL.
//!
//! # How commits go through [`kit::machine`]
//!
//! A codec that makes [`core::Core`] a [`kit::machine::Machine`] is to follow these lines; it is not written
//! yet.
//!
//! The machine asks for a commit by an output and is told of it by an input, so that both are on the record
//! and a replay, which has no store, is fed the very outcomes of the day, failures and their timing included.
//!
//! - `Output::Commit { batch, changes }`: [`core::Effect::Commit`], its changes as JSON
//!   ([`core::ledger::Change`] serialises). The runner hands them to a [`store::keeper::Link`] and goes on;
//!   it never waits. A replay compares them like any other output: a core that would write something else
//!   than it did is a difference.
//! - `Input::Committed { batch, ok }`: [`core::Command::Committed`]. The writer's thread sends it through the
//!   runner's own queue, which stamps and records it. At most one commit is under way, so the order of inputs
//!   says everything.
//! - The ledger that was loaded is the state of the recording's start, as the list of changes that
//!   [`store::Store::open`] returned; [`core::Core::new`] with the recorded seed makes the same core of it.
//! - `Output::Ping { conn, token }` and `Input::Pong { conn, token }`: the token is the ping's payload, and
//!   the session loop sends it after every frame that was queued before, answering pongs of its own pings as
//!   it does today. A connection whose outbox overflowed must be ended, not emptied, if it is a rover's: its
//!   task frame would be lost in silence.
//! - `Input::Http` needs the `Idempotency-Key` header, `Output::Http` a `Link` header, for
//!   [`core::request::Answer::next`].
//!
//! A machine's errors are sentences, not JSON: [`core::request::Answer::body`] is sent as it is, as
//! `application/json` where the status is below 400 and as `text/plain` otherwise.

pub mod core;
pub mod store;
