//! What any store must do, what SQLite's file and PostgreSQL's server must be, and what their keeper tells.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod conformance;
mod keeper;
mod kept;
mod postgres;
mod proxy;
mod server;
mod sqlite;
#[path = "../world/mod.rs"]
mod world;
