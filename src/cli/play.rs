//! The arguments of `play`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use replay::window::When;

use crate::error::EXIT_CODES;

/// What follows the options.
const KEYS: &str = "\
On a terminal: space pauses and goes on, the arrows to the sides jump 10 s, those up and down a minute, q ends.
POST /play/pause, /play/resume and /play/seek?to=TIME on any of the ports pause, go on and jump; GET /play says
where the recording is.";

/// `play`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("{KEYS}\n\n{EXIT_CODES}"))]
pub struct Play {
    /// The recording
    #[arg(value_name = "SESSION")]
    pub session: PathBuf,
    /// Address to listen on; 0.0.0.0 for every network
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDR")]
    pub listen: IpAddr,
    /// Added to the services' own ports
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub port_offset: u16,
    /// Port of gps-status; 0 for any free one
    #[arg(long, env = "DEPOT_GPS_STATUS_PORT", value_name = "PORT")]
    pub gps_status_port: Option<u16>,
    /// Port of discovery; 0 for any free one
    #[arg(long, env = "DEPOT_DISCOVERY_PORT", value_name = "PORT")]
    pub discovery_port: Option<u16>,
    /// Port of dispatch; 0 for any free one
    #[arg(long, env = "DEPOT_DISPATCH_PORT", value_name = "PORT")]
    pub dispatch_port: Option<u16>,
    /// Times as fast as recorded
    #[arg(long, default_value_t = 1.0, value_parser = rate, value_name = "N")]
    pub rate: f64,
    /// Begin again at the end, instead of ending
    #[arg(long)]
    pub r#loop: bool,
    /// Begin there, as 90s or 2m after the start, or 2026-01-05T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<When>,
    /// Begin standing still
    #[arg(long)]
    pub paused: bool,
    /// Origin of a web console that may connect; again for more. Loopback origins always may
    #[arg(long, env = "DEPOT_ALLOW_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// Write this file when all listen: their addresses, as JSON
    #[arg(long, env = "DEPOT_READY_FILE", value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.trim_end_matches(['x', '×']).parse::<f64>() {
        Ok(times) if (0.001..=1e6).contains(&times) => Ok(times),
        _ => Err("a rate is a number from 0.001 to 1000000".to_owned()),
    }
}
