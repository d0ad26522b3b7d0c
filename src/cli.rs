//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rtk_reader::source::Rate;

use crate::commands::gnss::monitor::has_page;
pub use crate::commands::session::args::Session;
use crate::error::EXIT_CODES;

mod caster;
pub mod configure;
mod convert;
mod hil;
mod limits;
mod monitor;
mod play;
mod record;
mod replay;
pub use self::hil::{Hil, HilList, HilMap, HilReport, HilRun, PortArg, TwinArgs};
pub use caster::{Cast, CasterArgs, Hash};
pub use convert::Convert;
pub use limits::LimitArgs;
pub use monitor::Monitor;
pub use play::Play;
pub use record::RecordProxy;
pub use replay::{Level, MessageFormat, Replay, Review, Update};

/// The base of a rover fleet: an RTK base receiver's status and corrections, recorded and replayed to the bit.
#[derive(Debug, Parser)]
#[command(name = "depot", version, after_long_help = EXIT_CODES, after_help = "--help lists the exit codes.")]
pub struct Cli {
    /// What to log, as `info`, `debug` or `gps_status=debug,warn`; to standard error
    #[arg(long, global = true, env = "DEPOT_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// TOML file of settings; its keys are the flags' names
    #[arg(long, global = true, env = "DEPOT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// What to log; nothing where a page fills the terminal, which a line would tear.
    pub fn log_filter(&self) -> &str {
        let page = matches!(self.command, Command::Gnss(Gnss::Monitor(_))) && has_page();
        if page { "off" } else { &self.log }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the depot: read a receiver or a capture, listen to rovers, tell consoles, record
    Up(Up),
    /// Run one service alone
    #[command(subcommand)]
    Serve(Serve),
    /// Run the depot on a made-up base receiver, record it, and at the end replay the recording
    Demo(Demo),
    /// Record what goes between clients and WebSocket or HTTP services that aren't the depot's, from between them
    Record(RecordProxy),
    /// Replay recordings and compare every output, to the bit
    Replay(Replay),
    /// Stand in for the services with a recording, for a console without a rover or receiver
    Play(Play),
    /// Look into recordings, cut, convert, redact, recover and shrink them
    #[command(subcommand)]
    Session(Session),
    /// Work with a receiver or a capture of one
    #[command(subcommand)]
    Gnss(Gnss),
    /// Work with the bench: receivers on hardware, and a virtual one
    #[command(subcommand)]
    Hil(Hil),
    /// Print the settings in force and where each comes from
    Config(Up),
}

/// One service alone.
#[derive(Debug, Subcommand)]
pub enum Serve {
    /// The base receiver's status, for consoles
    GpsStatus(Up),
    /// Which rovers there are, for consoles, and their recorded sessions
    Discovery(Up),
    /// Zones, missions and tasks: what the rovers are to do
    Dispatch(Up),
}

/// The settings of `up`, `serve` and `demo`. Each is a flag, an environment variable and a key of `--config`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Up {
    /// Where the receiver's bytes come from: a device, `auto` (the one u-blox on USB), a capture file,
    /// tcp://HOST:PORT, - (standard input), feed (`depot gnss feed` on another machine; whoever reaches the port may), or
    /// scenario[:seed=1,rate=1,…] (made up)
    #[arg(long, env = "DEPOT_GNSS", default_value = "auto", value_name = "SOURCE")]
    pub gnss: String,
    #[command(flatten)]
    pub source: SourceArgs,
    /// Record everything that happens into this MCAP file; one of that name is moved aside first
    #[arg(long, env = "DEPOT_RECORD", value_name = "FILE")]
    pub record: Option<PathBuf>,
    #[command(flatten)]
    pub recording: RecordingArgs,
    /// Where the depot keeps what it must not lose; made when first needed
    #[arg(long, env = "DEPOT_DATA", default_value = "depot-data", value_name = "DIR")]
    pub data: PathBuf,
    /// Address to listen on; 0.0.0.0 for every network
    #[arg(long, env = "DEPOT_HOST", default_value = "127.0.0.1", value_name = "ADDR")]
    pub host: IpAddr,
    /// Port of gps-status; 0 for any free one
    #[arg(long, env = "DEPOT_GPS_STATUS_PORT", default_value_t = gps_status::PORT, value_name = "PORT")]
    pub gps_status_port: u16,
    /// Port of discovery; 0 for any free one
    #[arg(long, env = "DEPOT_DISCOVERY_PORT", default_value_t = discovery::PORT, value_name = "PORT")]
    pub discovery_port: u16,
    /// Port of dispatch; 0 for any free one
    #[arg(long, env = "DEPOT_DISPATCH_PORT", default_value_t = dispatch::PORT, value_name = "PORT")]
    pub dispatch_port: u16,
    /// Where dispatch keeps zones, missions and tasks: `sqlite:FILE` (a relative one is in --data, made when it
    /// isn't there), `sqlite::memory:` (nowhere), or `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(long, env = "DEPOT_DATABASE", default_value = "sqlite:dispatch.db", value_name = "URL")]
    pub database: String,
    #[command(flatten)]
    pub caster: CasterArgs,
    #[command(flatten)]
    pub rovers: RoverArgs,
    /// Where the rovers' recorded sessions are; `sessions` in --data when left out
    #[arg(long, env = "DEPOT_SESSIONS_DIR", value_name = "DIR")]
    pub sessions_dir: Option<PathBuf>,
    /// Origin of a web console that may connect, as `https://console.example`; again for more. Loopback
    /// origins always may
    #[arg(long, env = "DEPOT_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// Seconds that clients have to take their leave at shutdown
    #[arg(long, env = "DEPOT_SHUTDOWN_S", default_value_t = 5, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub shutdown_s: u64,
    /// Write this file when all listen: their addresses, as JSON
    #[arg(long, env = "DEPOT_READY_FILE", value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// Seed of everything that is drawn
    #[arg(long, env = "DEPOT_SEED", default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

/// What dispatch expects of rovers.
#[derive(Clone, Copy, Debug, Args)]
pub struct RoverArgs {
    /// Seconds that a rover's WebSocket may take to confirm a task; then it counts as dead and the task is sent
    /// again when the rover is back
    #[arg(long, env = "DEPOT_DELIVERY_S", default_value_t = 10, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub delivery_s: u64,
    /// Seconds that a rover which registers without saying what it holds may take to report, before it is sent
    /// the rest of its task
    #[arg(long, env = "DEPOT_RESUME_AFTER_S", default_value_t = 60, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub resume_after_s: u64,
    /// Seconds without a connection after which a rover's task fails
    #[arg(long, env = "DEPOT_ROVER_LOST_AFTER_S", default_value_t = 300, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub rover_lost_after_s: u64,
    /// Days after which an ended task is forgotten
    #[arg(long, env = "DEPOT_KEEP_TASKS_DAYS", default_value_t = 90, value_name = "DAYS",
        value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub keep_tasks_days: u64,
}

/// How a recording is kept.
#[derive(Clone, Debug, Args)]
pub struct RecordingArgs {
    /// Keep the last minutes in memory, as 10m, and write them beside the recording (or into --data) at an error in
    /// the log, a SIGUSR1 or an operator's POST /recording/dump
    #[arg(long, env = "DEPOT_RING", value_parser = parse_some_duration, value_name = "TIME")]
    pub ring: Option<std::time::Duration>,
    /// What the ring may hold in memory, bytes; beyond it the oldest is forgotten
    #[arg(long, env = "DEPOT_RING_BYTES", default_value_t = ::replay::recorder::RING_BYTES, value_name = "BYTES")]
    pub ring_bytes: usize,
    /// Go on in another file when one has so many bytes: NAME.0001.mcap, NAME.0002.mcap…
    #[arg(long, env = "DEPOT_ROTATE_BYTES", requires = "record", value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    pub rotate_bytes: Option<u64>,
    /// Go on in another file after so long, as 1h
    #[arg(long, env = "DEPOT_ROTATE_EVERY", requires = "record", value_parser = parse_some_duration, value_name = "TIME")]
    pub rotate_every: Option<std::time::Duration>,
    /// Of the files made by --rotate-bytes or --rotate-every keep the last N, remove the others
    #[arg(long, env = "DEPOT_ROTATE_KEEP", requires = "record", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rotate_keep: Option<u64>,
    /// Have the system put the recording on the disk that often, as 5s: a power cut costs no more. Never by itself
    /// when left out
    #[arg(long, env = "DEPOT_RECORD_SYNC", requires = "record", value_parser = parse_some_duration, value_name = "TIME")]
    pub record_sync: Option<std::time::Duration>,
    /// Listen for an operator on this port of 127.0.0.1 (0 for any free one): GET /recording, POST /recording/start,
    /// /recording/stop, /recording/dump. Without it nobody can
    #[arg(long, env = "DEPOT_OPERATOR_PORT", value_name = "PORT")]
    pub operator_port: Option<u16>,
}

/// How a source is read.
#[derive(Clone, Debug, Args)]
pub struct SourceArgs {
    /// Baud rate of a serial port; found by trying when left out
    #[arg(long, env = "DEPOT_BAUD", value_name = "BAUD")]
    pub baud: Option<u32>,
    /// Write nothing to a serial port: by default a u-blox is asked for what it doesn't say by itself (model,
    /// antenna, survey-in, satellites)
    #[arg(long, env = "DEPOT_NO_POLL", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_poll: bool,
    /// How fast a capture is played: 1 as it was received, N times that, or max
    #[arg(long, env = "DEPOT_RATE", default_value = "1", value_parser = parse_rate, value_name = "1|N|max")]
    pub rate: Rate,
    /// End with exit code 0 when the capture ends, instead of playing it again
    #[arg(long, env = "DEPOT_ONCE", value_parser = clap::builder::BoolishValueParser::new())]
    pub once: bool,
}

/// `demo`: `up` with other defaults for `--gnss` and `--database`.
#[derive(Debug, Args)]
#[command(
    mut_arg("gnss", |arg| arg.default_value("scenario")),
    mut_arg("database", |arg| arg.default_value("sqlite::memory:")),
    after_long_help = EXIT_CODES
)]
pub struct Demo {
    /// End after so long, as 30s, 5m or 1h; on Ctrl-C otherwise
    #[arg(long = "for", env = "DEPOT_FOR", value_parser = parse_duration, value_name = "TIME")]
    pub for_: Option<std::time::Duration>,
    /// Simulated rovers that connect and drive missions; 0 for none
    #[arg(long, env = "DEPOT_ROVERS", default_value_t = 3, value_name = "N",
        value_parser = clap::value_parser!(u16).range(0..=100))]
    pub rovers: u16,
    #[command(flatten)]
    pub up: Up,
}

/// `gnss`.
#[derive(Debug, Subcommand)]
pub enum Gnss {
    /// List the serial ports that are plugged in
    Ports(Ports),
    /// Print every message as a JSON line
    Decode(Decode),
    /// Count messages, rates, gaps and errors
    Summary(Summary),
    /// Make RINEX 3 observation and navigation files
    Convert(Convert),
    /// Write a receiver's raw bytes to a file, with RTKLIB time tags beside it
    Record(Record),
    /// Watch whether corrections go out, or which link from antenna to client is broken
    Monitor(Monitor),
    /// Stream a receiver to a gps-status on another machine
    Feed(Feed),
    /// Set a u-blox receiver up as a base or rover, and see what it has set
    #[command(subcommand)]
    Configure(configure::Configure),
    /// Serve a receiver's corrections to rovers: the NTRIP caster of `depot up`, alone
    Cast(Box<Cast>),
    /// Make the hash of a password on standard input, for the users of the caster
    Hash(Hash),
}

/// `gnss ports`.
#[derive(Debug, Args)]
pub struct Ports {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `gnss decode`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Decode {
    /// Capture or recording (MCAP), or - for a capture on standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `gnss summary`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Summary {
    /// Capture or recording (MCAP), or - for a capture on standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `gnss record`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Record {
    /// The file to write; FILE.tag is written beside it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// As in `depot up`
    #[arg(long, env = "DEPOT_GNSS", default_value = "auto", value_name = "SOURCE")]
    pub gnss: String,
    #[command(flatten)]
    pub source: SourceArgs,
    /// End after so long, as 30s, 5m or 1h; on Ctrl-C otherwise
    #[arg(long = "for", value_parser = parse_duration, value_name = "TIME")]
    pub for_: Option<std::time::Duration>,
}

/// `gnss feed`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Feed {
    /// The service, as `http://depot.local:4880`; started with --gnss feed
    #[arg(long, env = "DEPOT_FEED_TO", value_name = "URL")]
    pub to: String,
    /// As in `depot up`
    #[arg(long, env = "DEPOT_GNSS", default_value = "auto", value_name = "SOURCE")]
    pub gnss: String,
    #[command(flatten)]
    pub source: SourceArgs,
}

fn parse_rate(text: &str) -> Result<Rate, String> {
    if text == "max" {
        return Ok(Rate::Max);
    }
    match text.trim_end_matches(['x', '×']).parse::<f64>() {
        Ok(times) if times.is_finite() && (0.001..=1e6).contains(&times) => Ok(Rate::Times(times)),
        _ => Err("a rate is a number from 0.001 to 1000000, or max".into()),
    }
}

/// A time as people write it.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let says = "a time is a number and s, m or h, as 30s";
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..split].parse().map_err(|_| says.to_string())?;
    let unit_s = match &text[split..] {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(says.into()),
    };
    std::time::Duration::try_from_secs_f64(number * unit_s).map_err(|_| says.into())
}

fn parse_some_duration(text: &str) -> Result<std::time::Duration, String> {
    let time = parse_duration(text)?;
    if time.is_zero() { Err("a time longer than nothing".into()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn rates_and_times() {
        assert_eq!(parse_rate("max"), Ok(Rate::Max));
        assert_eq!(parse_rate("10"), Ok(Rate::Times(10.0)));
        assert_eq!(parse_rate("10x"), Ok(Rate::Times(10.0)));
        for bad in ["", "0", "-1", "nan", "inf", "fast"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_duration("30s"), Ok(std::time::Duration::from_secs(30)));
        assert_eq!(parse_duration("0.5m"), Ok(std::time::Duration::from_secs(30)));
        for bad in ["", "s", "3d", "-3s", "nan"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
