//! The cases, one in each file. Most measure in the observation that all share; those that ask what the depot makes of
//! the receiver run one and look at it from outside.

mod arp;
mod config_kept;
mod epochs;
mod first_fix;
mod line;
mod position;
mod rtcm;
mod sky;
mod stream;
mod survey_in;

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
    config_kept::CASE,
    first_fix::HOT,
    first_fix::COLD,
    survey_in::CASE,
];
