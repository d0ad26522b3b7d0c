//! What a machine is built from; kept in a recording's start, so that a replay builds the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::core;

/// The configuration of the machine (not of its shell: addresses and the database change nothing it decides).
///
/// A key that a recording lacks has its default; one that is unknown here is ignored, so that recordings
/// outlive the versions that made them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Milliseconds that a rover's pong may take after a task frame; without one its socket is dead.
    pub delivery_within_ms: u64,
    /// Milliseconds that a rover which doesn't say what it holds may take to report.
    pub resume_after_ms: u64,
    /// Milliseconds without a socket after which a rover's task fails.
    pub rover_lost_after_ms: u64,
    /// Milliseconds after which an ended task is forgotten.
    pub keep_tasks_for_ms: u64,
    /// Milliseconds that rovers' reports wait for others after a commit; 0 for none.
    pub gather_ms: u64,
}

/// What is best where a hundred consoles listen to a hundred rovers: a tenth of the writes for a delay that
/// nobody sees.
pub const GATHER_MS: u64 = 10;

impl Default for Config {
    fn default() -> Self {
        let core::Config { delivery_within, resume_after, rover_lost_after, keep_tasks_for, gather } =
            core::Config::default();
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            delivery_within_ms: ms(delivery_within),
            resume_after_ms: ms(resume_after),
            rover_lost_after_ms: ms(rover_lost_after),
            keep_tasks_for_ms: ms(keep_tasks_for),
            gather_ms: ms(gather),
        }
    }
}

impl Config {
    /// As the core has it.
    #[must_use]
    pub fn core(&self) -> core::Config {
        core::Config {
            delivery_within: Duration::from_millis(self.delivery_within_ms),
            resume_after: Duration::from_millis(self.resume_after_ms),
            rover_lost_after: Duration::from_millis(self.rover_lost_after_ms),
            keep_tasks_for: Duration::from_millis(self.keep_tasks_for_ms),
            gather: Duration::from_millis(self.gather_ms),
        }
    }
}
