//! The whole program, from outside: what crosses more than one crate.

mod cli;
mod discovery;
mod dispatch;
mod house;
mod recording;
mod sessions;
mod support;
