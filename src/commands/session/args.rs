//! The command line of `depot session`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use replay::tools::redact::Rule;
use replay::tools::{Only, Selection};

use crate::cli::{MessageFormat, Review, parse_duration};
use crate::error::EXIT_CODES;

/// `session`.
#[derive(Debug, Subcommand)]
pub enum Session {
    /// Tell what is in a recording: services, times, counts, gaps, damage, and how far it can be replayed
    Info(Info),
    /// Print a recording's events, a line each
    Cat(Cat),
    /// Compare two recordings, event by event, times and numbers aside
    Diff(Diff),
    /// Write part of a recording
    Cut(Cut),
    /// Write a recording without secrets, names, places: each replaced by the same pseudonym everywhere
    Redact(Redact),
    /// Make a whole recording of one that is cut off or damaged, and tell what was lost
    Recover(Recover),
    /// Write the parts of one recording (--rotate-bytes, --rotate-every) as one file
    Join(Join),
    /// Convert from and to JSON lines and HAR, and to the receiver's raw bytes
    Convert(Convert),
    /// Go through what `depot replay --update=new` proposes: accept, reject or skip each session
    Review(Review),
    /// Find the fewest inputs of a failing recording that still fail in the same way
    Shrink(Shrink),
}

/// Which recording.
#[derive(Debug, Args)]
pub struct Input {
    /// A recording; or the parts of one, or the folder they are in
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Where a new file goes.
#[derive(Debug, Args)]
pub struct Out {
    /// The file to write; it appears when it is whole
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    /// Overwrite a file of that name
    #[arg(long)]
    pub force: bool,
}

/// Which events.
#[derive(Debug, Args)]
pub struct Part {
    /// Not before this, from the first event on, as 90s, 5m or 1h
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    pub from: Option<Duration>,
    /// Not after this, from the first event on
    #[arg(long, value_parser = parse_duration, value_name = "TIME")]
    pub until: Option<Duration>,
    /// Only of this service (gps-status), connection (3), or connection of a service (gps-status/3)
    #[arg(long, value_parser = parse_only, value_name = "SERVICE|CONN")]
    pub only: Option<Only>,
}

impl Part {
    /// For the tools.
    pub fn selection(&self) -> Selection {
        Selection { from: self.from, until: self.until, only: self.only.clone() }
    }
}

fn parse_only(text: &str) -> Result<Only, String> {
    text.parse().map_err(|_| "a service, a connection's number, or SERVICE/NUMBER".to_owned())
}

fn parse_path(text: &str) -> Result<Rule, String> {
    Rule::path(text).map_err(|error| error.to_string())
}

/// `session info`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Info {
    #[command(flatten)]
    pub input: Input,
    /// As text, or as one JSON object
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub message_format: MessageFormat,
}

/// `session cat`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Cat {
    #[command(flatten)]
    pub input: Input,
    #[command(flatten)]
    pub part: Part,
    /// As text, long lines cut, or whole as JSON lines
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub message_format: MessageFormat,
}

/// `session diff`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Diff {
    /// A recording, or the folder with its parts
    #[arg(value_name = "A")]
    pub a: PathBuf,
    /// Another
    #[arg(value_name = "B")]
    pub b: PathBuf,
    /// As text, or as one JSON object
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub message_format: MessageFormat,
}

/// `session cut`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Cut {
    #[command(flatten)]
    pub input: Input,
    #[command(flatten)]
    pub part: Part,
    #[command(flatten)]
    pub out: Out,
}

/// `session redact`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Redact {
    #[command(flatten)]
    pub input: Input,
    #[command(flatten)]
    pub out: Out,
    /// Replace places: latitude, longitude, altitude, polygons…
    #[arg(long)]
    pub positions: bool,
    /// Replace what people and rovers are called: name, title, operator…
    #[arg(long)]
    pub names: bool,
    /// Replace what identifies something: id, roverId, serial…
    #[arg(long)]
    pub ids: bool,
    /// Replace where something is reached: peers' addresses, origins, host, url…; and leave out the source
    #[arg(long)]
    pub addresses: bool,
    /// Replace passwords, tokens and their like
    #[arg(long)]
    pub secrets: bool,
    /// Replace what is at this place in any JSON: `$.data.name`, `$.rovers[*].id`, `$..serial`; again for more
    #[arg(long = "path", value_parser = parse_path, value_name = "PATH")]
    pub paths: Vec<Rule>,
    /// Leave out the receiver's raw bytes, in which nothing can be replaced; what is left can't be replayed
    #[arg(long, conflicts_with = "keep_stream")]
    pub drop_stream: bool,
    /// Keep the receiver's raw bytes as they are, positions and all
    #[arg(long)]
    pub keep_stream: bool,
}

/// `session recover`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Recover {
    /// The damaged recording; it isn't changed
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub out: Out,
    /// As text, or as one JSON object
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub message_format: MessageFormat,
}

/// `session join`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Join {
    #[command(flatten)]
    pub input: Input,
    #[command(flatten)]
    pub out: Out,
}

/// What `session convert` converts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A session
    Mcap,
    /// JSON lines, without a loss
    Jsonl,
    /// HTTP and WebSockets as HAR 1.2
    Har,
    /// The receiver's bytes
    Raw,
}

/// `session convert`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Convert {
    /// A recording (or its parts, or their folder), JSON lines (.jsonl) or HAR (.har)
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub out: Out,
    /// What to make; by the output's name when left out (.mcap, .jsonl, .har, raw otherwise)
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub to: Option<Format>,
    #[command(flatten)]
    pub part: Part,
}

/// `session shrink`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Shrink {
    /// A recording that `depot replay` finds a difference in
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub out: Out,
    /// What the search may take, as 30s or 5m; then the smallest found so far is written
    #[arg(long, default_value = "60s", value_parser = parse_duration, value_name = "TIME")]
    pub budget: Duration,
}
