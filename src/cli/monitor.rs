//! `gnss monitor`.

use clap::Args;

use super::SourceArgs;
use crate::error::EXIT_CODES;

/// What follows the options.
const KEYS: &str = "\
On a terminal: s shows the messages as they come, r records or stops, ? explains, q ends. Otherwise a line is printed
when the verdict changes, and every 30 s.";

/// `gnss monitor`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("{KEYS}\n\n{EXIT_CODES}"))]
pub struct Monitor {
    /// A device, `auto` (the one u-blox on USB), a capture file, tcp://HOST:PORT, - or scenario, as in `depot up`
    #[arg(value_name = "SOURCE", default_value = "auto", conflicts_with = "url")]
    pub gnss: String,
    /// A running depot's gps-status instead, as `http://depot.local:4880`
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The operator's port of that depot (`depot up --operator-port`), which r asks to record
    #[arg(long, value_name = "ADDR:PORT", requires = "url")]
    pub operator: Option<std::net::SocketAddr>,
    #[command(flatten)]
    pub source: SourceArgs,
}
