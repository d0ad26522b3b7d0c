//! The whole program, from outside: what crosses more than one crate.

mod cli;
mod discovery;
mod house;
mod play;
mod recording;
mod replaying;
mod sessions;
mod support;
mod wire;
