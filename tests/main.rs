//! The whole program, from outside: what crosses more than one crate.

mod caster;
mod cli;
mod demo;
mod discovery;
mod dispatch;
#[cfg(unix)]
mod hil_gpsd;
#[cfg(unix)]
mod hil_tools;
mod house;
mod mutations;
mod play;
mod proxy;
mod recording;
mod replaying;
mod session_tools;
mod sessions;
mod support;
mod wire;
