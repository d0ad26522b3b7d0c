//! What a machine is built from; kept in a recording's start, so that a replay builds the same.

use serde::{Deserialize, Serialize};

use crate::core::MAX_ROVERS;

/// The configuration of the machine (not of its shell: addresses and folders change nothing it decides).
///
/// A key that a recording lacks has its default; one that is unknown here is ignored, so that recordings
/// outlive the versions that made them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Rovers that are known at one time, at most [`MAX_ROVERS`].
    pub max_rovers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_rovers: MAX_ROVERS }
    }
}
