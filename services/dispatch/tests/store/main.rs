//! What any store must do, what SQLite's file and PostgreSQL's server must be, and what their keeper tells.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking, and say what they skip"
)]

mod conformance;
mod faults;
mod keeper;
mod kept;
mod postgres;
mod proxy;
mod server;
mod sqlite;
#[path = "../world/mod.rs"]
mod world;
