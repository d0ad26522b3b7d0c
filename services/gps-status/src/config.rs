//! What a machine is built from; kept in a recording's start, so that a replay builds the same.

use serde::{Deserialize, Serialize};

/// The configuration of the machine (not of its shell: addresses and limits change nothing it decides).
///
/// A key that a recording lacks has its default; one that is unknown here is ignored, so that recordings
/// outlive the versions that made them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Who owns the receiver.
    pub source: Source,
}

/// Where the receiver's bytes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// This process reads them; `/feed` is refused.
    #[default]
    Local,
    /// A reader on another machine sends them to `/feed`.
    Feed,
}
