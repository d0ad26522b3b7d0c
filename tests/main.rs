//! The whole program, from outside: what crosses more than one crate.

mod cli;
mod discovery;
mod house;
mod recording;
mod session_tools;
mod sessions;
mod support;
