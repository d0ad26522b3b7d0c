//! Recorder, session file and player together, on a service made for the purpose.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod damage;
mod differences;
mod files;
mod gps_status;
mod kill;
mod peer;
mod ring;
mod round_trip;
mod shrink;
mod tools;
mod toy;
mod updating;
mod volatile;
mod window;
