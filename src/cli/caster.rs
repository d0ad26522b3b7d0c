//! Settings of the NTRIP caster, and `depot gnss cast` and `depot gnss hash`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;
use rtk_reader::caster::core::{Mountpoint, PushTarget, parse_ecef, parse_list};
use rtk_reader::caster::{DEFAULT_MOUNTPOINT, PORT};

use super::SourceArgs;
use crate::error::EXIT_CODES;

/// What goes out, to whom.
#[derive(Clone, Debug, Args)]
pub struct CasterArgs {
    /// Port of the NTRIP caster; 0 for any free one
    #[arg(long, env = "DEPOT_NTRIP_PORT", default_value_t = PORT, value_name = "PORT")]
    pub ntrip_port: u16,
    /// Run no NTRIP caster
    #[arg(long, env = "DEPOT_NO_NTRIP", value_parser = clap::builder::BoolishValueParser::new())]
    pub no_ntrip: bool,
    /// A mountpoint of the caster: NAME for all messages, NAME=1005,1077 for some; again for more
    #[arg(long, env = "DEPOT_MOUNTPOINT", default_value = DEFAULT_MOUNTPOINT, value_parser = mountpoints,
        value_name = "NAME[=TYPES]")]
    pub mountpoint: Vec<Mountpoints>,
    /// TOML file of the users that may have corrections, with hashes of `depot gnss hash`; without it everybody may
    #[arg(long, env = "DEPOT_NTRIP_USERS", value_name = "FILE")]
    pub ntrip_users: Option<PathBuf>,
    /// Host that the sourcetable names; the address that is listened on when left out
    #[arg(long, env = "DEPOT_NTRIP_HOST", default_value = "", value_name = "HOST")]
    pub ntrip_host: String,
    /// Place that the sourcetable names
    #[arg(long, env = "DEPOT_NTRIP_NAME", default_value = "", value_name = "TEXT")]
    pub ntrip_name: String,
    /// Operator that the sourcetable names
    #[arg(long, env = "DEPOT_NTRIP_OPERATOR", default_value = "", value_name = "TEXT")]
    pub ntrip_operator: String,
    /// Country that the sourcetable names, three letters
    #[arg(long, env = "DEPOT_NTRIP_COUNTRY", default_value = "", value_name = "ABC")]
    pub ntrip_country: String,
    /// Connections the caster bears at once; more are answered 503
    #[arg(long, env = "DEPOT_NTRIP_MAX_CLIENTS", default_value_t = 4096, value_name = "N")]
    pub ntrip_max_clients: usize,
    /// The same, of one address
    #[arg(long, env = "DEPOT_NTRIP_MAX_PER_ADDRESS", default_value_t = 1024, value_name = "N")]
    pub ntrip_max_per_address: usize,
    /// Where the base is, as LATITUDE,LONGITUDE,HEIGHT in degrees and metres over the WGS 84 ellipsoid: no corrections
    /// go out while it says otherwise. When left out, where it first says that it is
    #[arg(long, env = "DEPOT_BASE_POSITION", value_parser = parse_ecef, allow_hyphen_values = true,
        value_name = "LAT,LON,HEIGHT")]
    pub base_position: Option<EcefM>,
    /// How far the base's position may be from there, metres
    #[arg(long, env = "DEPOT_BASE_MOVED_M", default_value_t = rtk_reader::caster::core::ARP_LIMIT_M,
        value_parser = metres, value_name = "METRES")]
    pub base_moved_m: f64,
    /// Push the first mountpoint to an outside caster, as ntrip://USER:PASSWORD@HOST:2101/MOUNTPOINT (?rev=1 for an
    /// old one); again for more
    #[arg(long, env = "DEPOT_PUSH", value_delimiter = ',', value_name = "URL")]
    pub push: Vec<PushTarget>,
    /// Port on which every byte of the receiver is served as it comes, without a password; 0 for any free one. None
    /// when left out
    #[arg(long, env = "DEPOT_RAW_PORT", value_name = "PORT")]
    pub raw_port: Option<u16>,
}

/// Earth-centred, earth-fixed: x, y, z in metres.
pub type EcefM = [f64; 3];

/// Of one `--mountpoint`: the configuration file and the environment may name several in one text.
#[derive(Clone, Debug)]
pub struct Mountpoints(pub Vec<Mountpoint>);

fn mountpoints(text: &str) -> Result<Mountpoints, rtk_reader::caster::core::MountpointError> {
    parse_list(text).map(Mountpoints)
}

fn metres(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(metres) if (0.001..=1e6).contains(&metres) => Ok(metres),
        _ => Err("a distance is from 0.001 to 1000000 metres".into()),
    }
}

/// `gnss cast`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Cast {
    /// Where the receiver's bytes come from, as --gnss of `depot up`
    #[arg(env = "DEPOT_GNSS", default_value = "auto", value_name = "SOURCE")]
    pub gnss: String,
    #[command(flatten)]
    pub source: SourceArgs,
    /// Address to listen on; 0.0.0.0 for every network
    #[arg(long, env = "DEPOT_HOST", default_value = "127.0.0.1", value_name = "ADDR")]
    pub host: IpAddr,
    #[command(flatten)]
    pub caster: CasterArgs,
    /// Seconds that clients have at shutdown to take what is left
    #[arg(long, env = "DEPOT_SHUTDOWN_S", default_value_t = 5, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub shutdown_s: u64,
    /// Write this file when all listen: their addresses, as JSON
    #[arg(long, env = "DEPOT_READY_FILE", value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// End after so long, as 30s, 5m or 1h; on Ctrl-C otherwise
    #[arg(long = "for", value_parser = super::parse_duration, value_name = "TIME")]
    pub for_: Option<std::time::Duration>,
}

/// `gnss hash`.
#[derive(Debug, Args)]
pub struct Hash {
    /// The user; prints what belongs in the file of --ntrip-users. Without it the hash alone is printed
    #[arg(value_name = "USER")]
    pub user: Option<String>,
}
