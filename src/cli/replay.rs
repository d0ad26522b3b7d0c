//! The arguments of `replay`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use replay::select::Shard;
use replay::window::{Only, When};
use replay::wire::{self, Rate, Url};

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
    /// `core`: the machines alone, in virtual time. `wire`: the recorded clients speak with live services over
    /// sockets, and the built-in rules of volatile values hold
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "core",
        default_value_if("url", clap::builder::ArgPredicate::IsPresent, Some("wire"))
    )]
    pub level: Level,
    #[command(flatten)]
    pub wire: Wire,
    #[command(flatten)]
    pub part: Part,
    /// Write a JUnit XML report, too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a page with time lines and differences, too
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Take what the services do now into the sessions that aren't as recorded: `accept` at once, or `new` as
    /// FILE.new beside them, for `depot session review`
    #[arg(long, value_name = "HOW", conflicts_with = "url", num_args = 0..=1, require_equals = true, default_missing_value = "accept")]
    pub update: Option<Update>,
    /// With --update: in a CI, too, and of recordings that can't be replayed to their end what can
    #[arg(long, requires = "update")]
    pub force: bool,
}

/// How `--level wire` plays.
#[derive(Debug, Args)]
pub struct Wire {
    /// A live service, as dispatch=http://127.0.0.1:4890; again for more. Services without one aren't played
    #[arg(long, value_name = "SERVICE=URL", required_if_eq("level", "wire"), value_parser = wire::target)]
    pub url: Vec<(String, Url)>,
    /// 1 at the recorded distances, N times as fast, `asap` as soon as its causes are there, `lockstep` as soon
    /// as all that was told before has been told
    #[arg(long, value_name = "1|N|asap|lockstep", default_value = "lockstep", requires = "url")]
    pub rate: Rate,
    /// An answer that takes longer is missing
    #[arg(long, value_name = "TIME", default_value = "5s", requires = "url", value_parser = super::parse_duration)]
    pub answer_within: std::time::Duration,
}

/// Which part of the sessions.
#[derive(Debug, Args)]
pub struct Part {
    /// Compare from there on, as 90s or 2m after the start, or 2026-01-05T12:00:00Z; what is before is done and not
    /// compared
    #[arg(long, value_name = "TIME", conflicts_with = "update")]
    pub from: Option<When>,
    /// End there
    #[arg(long, value_name = "TIME", conflicts_with = "update")]
    pub until: Option<When>,
    /// Compare one service or connection, as dispatch, 3 or dispatch/3; at wire level, play only that
    #[arg(long, value_name = "CONN", conflicts_with = "update")]
    pub only: Option<Only>,
}

/// What is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Machines.
    Core,
    /// Clients.
    Wire,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Default)]
pub enum MessageFormat {
    /// Sentences.
    #[default]
    Human,
    /// Lines of JSON.
    Json,
}
