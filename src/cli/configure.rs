//! `gnss configure`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use rtk_reader::receiver::plan::{Msm, Position, System};
use rtk_reader::receiver::{Port, message::Layer};

use super::{parse_duration, parse_some_duration};
use crate::error::EXIT_CODES;

/// `gnss configure`.
#[derive(Debug, Subcommand)]
pub enum Configure {
    /// Make it a base: where it is, and the corrections it sends
    Base(Base),
    /// Make it a rover: corrections in, positions out
    Rover(Rover),
    /// Say what it has set
    Show(Show),
    /// Say what isn't saved or not as it came from its maker, or what differs from a saved configuration
    Diff(Diff),
    /// Put back all that a saved configuration holds
    Restore(Restore),
}

/// The receiver's port.
#[derive(Clone, Debug, Args)]
pub struct PortArgs {
    /// The serial port, or `auto` (the one u-blox on USB)
    #[arg(long, env = "DEPOT_GNSS", default_value = "auto", value_name = "PORT")]
    pub gnss: String,
    /// Baud rate of the port; found by trying when left out
    #[arg(long, env = "DEPOT_BAUD", value_name = "BAUD")]
    pub baud: Option<u32>,
    /// Which of the receiver's ports we are connected to; told by USB or by the speed when left out
    #[arg(long, value_parser = parse_port, value_name = "usb|uart1|uart2|i2c|spi")]
    pub port_of_receiver: Option<Port>,
}

/// How a change is made.
#[derive(Clone, Debug, Args)]
pub struct ChangeArgs {
    /// Print the keys and change nothing; with --port-of-receiver no receiver is needed
    #[arg(long)]
    pub dry_run: bool,
    /// Where what was set before is kept, below receivers/
    #[arg(long, env = "DEPOT_DATA", default_value = "depot-data", value_name = "DIR")]
    pub data: PathBuf,
}

/// What bases and rovers have in common.
#[derive(Clone, Debug, Args)]
pub struct CommonArgs {
    #[command(flatten)]
    pub port: PortArgs,
    /// The receiver's port for corrections, where that is another than ours
    #[arg(long, value_parser = parse_port, value_name = "usb|uart1|uart2|i2c|spi")]
    pub corrections_port: Option<Port>,
    /// New speed of the port for corrections
    #[arg(long, value_parser = clap::value_parser!(u32).range(9600..=921_600), value_name = "BAUD")]
    pub set_baud: Option<u32>,
    /// From one epoch to the next, as 1s or 0.2s
    #[arg(long, default_value = "1s", value_parser = parse_epoch, value_name = "TIME")]
    pub epoch: u16,
    /// The line's load is reckoned with so many satellites in view
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(4..=120), value_name = "N")]
    pub satellites: u32,
    #[command(flatten)]
    pub change: ChangeArgs,
}

/// `gnss configure base`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES, group = clap::ArgGroup::new("place").required(true))]
pub struct Base {
    /// Survey its position in: at least so long and until it is so accurate in metres, as 5m,2.0
    #[arg(long, group = "place", value_parser = parse_survey_in, value_name = "TIME,METRES")]
    pub survey_in: Option<SurveyIn>,
    /// The antenna is here: degrees and metres above the ellipsoid, to 1e-9 deg and 0.1 mm
    #[arg(long, group = "place", allow_hyphen_values = true, value_parser = Position::parse_llh, value_name = "LAT,LON,HEIGHT")]
    pub fixed: Option<Position>,
    /// The antenna is here: Earth-centred metres, to 0.1 mm
    #[arg(long, group = "place", allow_hyphen_values = true, value_parser = Position::parse_ecef, value_name = "X,Y,Z")]
    pub fixed_ecef: Option<Position>,
    /// The position that a finished survey-in has found becomes its fixed one
    #[arg(long, group = "place")]
    pub keep_surveyed: bool,
    /// How accurate a fixed position is, metres
    #[arg(long, default_value = "0.01", value_parser = parse_tenth_mm, value_name = "METRES")]
    pub accuracy: u32,
    /// Observations as MSM4 or, with finer resolution and Doppler, MSM7
    #[arg(long, default_value = "4", value_parser = parse_msm, value_name = "4|7")]
    pub msm: Msm,
    /// Of which systems
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "gps,glonass,galileo,beidou",
        value_name = "SYSTEM,…"
    )]
    pub systems: Vec<SystemArg>,
    /// The base's position (1005) and GLONASS biases (1230) come every so many epochs
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..), value_name = "N")]
    pub station_every: u8,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// `gnss configure rover`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Rover {
    /// How it moves
    #[arg(long, value_enum, default_value_t = Dynamics::Pedestrian)]
    pub dynamics: Dynamics,
    /// UBX alone, no NMEA sentences
    #[arg(long)]
    pub no_nmea: bool,
    #[command(flatten)]
    pub common: CommonArgs,
}

/// `gnss configure show`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Show {
    #[command(flatten)]
    pub port: PortArgs,
    /// Every key, not only what is worth knowing
    #[arg(long)]
    pub all: bool,
    /// As JSON, every key
    #[arg(long, conflicts_with = "all")]
    pub json: bool,
    /// Write it all into a file, for `restore` and `diff`
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// `gnss configure diff`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Diff {
    /// A saved configuration to compare with
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub port: PortArgs,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `gnss configure restore`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Restore {
    /// A configuration that `show --save` wrote, or any change before it began
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub port: PortArgs,
    #[command(flatten)]
    pub change: ChangeArgs,
}

/// How a rover moves: CFG-NAVSPG-DYNMODEL.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Dynamics {
    Portable,
    Pedestrian,
    Automotive,
    Sea,
}

impl Dynamics {
    /// The receiver's number of it.
    pub fn number(self) -> u8 {
        match self {
            Self::Portable => 0,
            Self::Pedestrian => 3,
            Self::Automotive => 4,
            Self::Sea => 5,
        }
    }
}

/// Satellite systems.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SystemArg {
    Gps,
    Glonass,
    Galileo,
    Beidou,
}

impl From<SystemArg> for System {
    fn from(arg: SystemArg) -> Self {
        match arg {
            SystemArg::Gps => Self::Gps,
            SystemArg::Glonass => Self::Glonass,
            SystemArg::Galileo => Self::Galileo,
            SystemArg::Beidou => Self::Beidou,
        }
    }
}

/// A survey-in's two conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurveyIn {
    /// Seconds.
    pub duration_s: u32,
    /// 0.1 mm.
    pub accuracy_tenth_mm: u32,
}

/// All layers, for reading.
pub const LAYERS: [Layer; 3] = [Layer::Ram, Layer::Bbr, Layer::Flash];

fn parse_port(text: &str) -> Result<Port, String> {
    let named = Port::ALL.into_iter().find(|port| port.suffix().eq_ignore_ascii_case(text));
    named.ok_or_else(|| "a receiver's port is usb, uart1, uart2, i2c or spi".into())
}

fn parse_msm(text: &str) -> Result<Msm, String> {
    match text {
        "4" => Ok(Msm::Msm4),
        "7" => Ok(Msm::Msm7),
        _ => Err("a ZED-F9P makes MSM 4 and 7".into()),
    }
}

fn parse_survey_in(text: &str) -> Result<SurveyIn, String> {
    let (duration, accuracy) = text.split_once(',').ok_or("a survey-in is TIME,METRES, as 5m,2.0")?;
    let seconds = parse_duration(duration)?.as_secs_f64().round();
    if !(1.0..=604_800.0).contains(&seconds) {
        return Err("a survey-in takes a second to a week".into());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a week")]
    Ok(SurveyIn { duration_s: seconds as u32, accuracy_tenth_mm: parse_tenth_mm(accuracy)? })
}

fn parse_tenth_mm(text: &str) -> Result<u32, String> {
    match text.trim().parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a kilometre")]
        Ok(metres) if (0.0001..=1000.0).contains(&metres) => Ok((metres * 1e4).round() as u32),
        _ => Err("an accuracy is from 0.0001 to 1000 metres".into()),
    }
}

fn parse_epoch(text: &str) -> Result<u16, String> {
    let time = parse_some_duration(text)?;
    match u16::try_from(time.as_millis()) {
        Ok(ms) if (50..=60_000).contains(&ms) => Ok(ms),
        _ => Err("an epoch is from 0.05s to 60s".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let survey_in = SurveyIn { duration_s: 300, accuracy_tenth_mm: 20_000 };
        assert_eq!(parse_survey_in("5m,2.0"), Ok(survey_in));
        for bad in ["5m", "0s,1", "8d,1", "5m,0", "5m,nan", ""] {
            assert!(parse_survey_in(bad).is_err(), "{bad}");
        }
        assert_eq!((parse_epoch("0.2s"), parse_port("UART2")), (Ok(200), Ok(Port::Uart2)));
        assert!(parse_epoch("10m").is_err() && parse_port("uart3").is_err() && parse_msm("5").is_err());
    }
}
