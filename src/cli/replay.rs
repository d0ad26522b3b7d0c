//! The arguments of `replay`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use replay::select::Shard;

use crate::error::EXIT_CODES;

/// What follows the exit codes.
const SEVERAL: &str = "\
Of several sessions the worst code is told: 6, then 100, 1, 2, 5, 10, 9, 4, 3. A shard without a session of its
own is no failure.";

/// `replay`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("{EXIT_CODES}\n\n{SEVERAL}"))]
pub struct Replay {
    /// Recordings, folders of them (all *.mcap below), or quoted globs as 'fixtures/**/*.mcap'
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Sessions at once; as many as there are cores when left out
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Begin no other session after one that isn't as recorded
    #[arg(long)]
    pub fail_fast: bool,
    /// Replay only one of n shares, as 2/8; which, is a matter of a session's content alone
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// For people, or one JSON object per line (documented in docs/replay.md)
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub message_format: MessageFormat,
    /// Mask what the built-in rules call volatile, too, besides depot-volatile.toml beside the sessions
    #[arg(long, conflicts_with = "exact")]
    pub masked: bool,
    /// Mask nothing, whatever depot-volatile.toml says
    #[arg(long)]
    pub exact: bool,
    /// Run each session once, without the proof that it is deterministic
    #[arg(long)]
    pub once: bool,
    /// Write a JUnit XML report, too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a page with time lines and differences, too
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Take what the services do now into the sessions that aren't as recorded: `accept` at once, or `new` as
    /// FILE.new beside them, for `depot session review`
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "accept")]
    pub update: Option<Update>,
    /// With --update: in a CI, too, and of recordings that can't be replayed to their end what can
    #[arg(long, requires = "update")]
    pub force: bool,
}

/// `session review`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Review {
    /// Sessions, or folders of them
    #[arg(default_value = ".", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// What becomes of new behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Update {
    /// In the session's place.
    Accept,
    /// Beside it.
    New,
}

/// How results are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    /// Sentences.
    Human,
    /// Lines of JSON.
    Json,
}
