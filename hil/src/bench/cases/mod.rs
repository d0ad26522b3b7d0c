//! The cases, one in each file. Most measure in the observation that all share; those that ask what the depot makes of
//! the receiver run one and look at it from outside.

mod antenna_open;
mod arp;
mod config_kept;
mod epochs;
mod first_fix;
mod latency;
mod line;
mod position;
mod replug;
mod rtcm;
mod session_replays;
mod silence;
mod sky;
mod soak;
mod stream;
mod survey_in;
mod unplug;
mod wrong_baud;

use super::case::Case;

/// All cases in the order in which they run: first what only listens, then what runs a depot, last what changes the
/// receiver (and puts it back as it was).
pub const ALL: &[Case] = &[
    line::CASE,
    stream::CASE,
    rtcm::CASE,
    epochs::CASE,
    sky::CASE,
    position::CASE,
    arp::CASE,
    latency::WEBSOCKET,
    latency::NTRIP,
    silence::CASE,
    antenna_open::CASE,
    unplug::CASE,
    replug::CASE,
    soak::CASE,
    wrong_baud::CASE,
    session_replays::CASE,
    config_kept::CASE,
    first_fix::HOT,
    first_fix::COLD,
    survey_in::CASE,
];
