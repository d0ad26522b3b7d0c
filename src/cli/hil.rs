//! The arguments of `hil`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use fixtures::geodesy::Geodetic;
use rtk_reader::receiver::{Item, KeyId, keys};

use crate::error::EXIT_CODES;

/// `hil`.
#[derive(Debug, Subcommand)]
pub enum Hil {
    /// Measure a receiver, or a virtual one, against limits, and keep the evidence
    Run(HilRun),
    /// List receivers, and the cases with their limits
    List(HilList),
    /// Write into the hardware map which receivers are plugged in
    Map(HilMap),
    /// Show a run again, or compare two
    Report(HilReport),
    /// Be a ZED-F9P on a pseudo-terminal, for any program to open
    Twin(Box<TwinArgs>),
}

/// Where receivers are told apart, and what people know of them.
const MAP: &str = "hil-map.toml";

/// `hil run`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct HilRun {
    /// The receiver's port; the one u-blox on USB when left out
    #[arg(long, value_name = "PORT", conflicts_with = "twin")]
    pub port: Option<PathBuf>,
    /// A virtual receiver of the bench's own, in a hurry
    #[arg(long)]
    pub twin: bool,
    /// Seed of the virtual receiver
    #[arg(long, default_value_t = 1, requires = "twin", value_name = "N")]
    pub seed: u64,
    /// Where the evidence goes; a folder named after the time, in `hil-runs`, when left out
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// A case to run; again for more, all when left out
    #[arg(long = "case", value_name = "NAME")]
    pub cases: Vec<String>,
    /// Limits that replace the built-in ones, and cases in quarantine, as TOML
    #[arg(long, value_name = "FILE")]
    pub limits: Option<PathBuf>,
    /// The hardware map: what receivers and their places offer
    #[arg(long, default_value = MAP, value_name = "FILE")]
    pub map: PathBuf,
    /// Watch the depot's memory and descriptors for so long, as 30s, 5m or 8h
    #[arg(long, value_parser = super::parse_some_duration, value_name = "TIME")]
    pub soak: Option<std::time::Duration>,
}

/// `hil list`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct HilList {
    /// Limits that replace the built-in ones
    #[arg(long, value_name = "FILE")]
    pub limits: Option<PathBuf>,
    /// The hardware map
    #[arg(long, default_value = MAP, value_name = "FILE")]
    pub map: PathBuf,
}

/// `hil map`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct HilMap {
    /// A port to ask; again for more, all u-blox on USB when left out
    #[arg(long = "port", value_name = "PORT")]
    pub ports: Vec<PathBuf>,
    /// The file to write; what people wrote in it stays
    #[arg(long, default_value = MAP, value_name = "FILE")]
    pub map: PathBuf,
}

/// `hil report`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct HilReport {
    /// A run: its folder, or its record.json
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// A second run, to compare the first with
    #[arg(value_name = "RUN")]
    pub with: Option<PathBuf>,
    /// Write a page of it, too: one file, nothing from the network
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// What follows the options.
const ORDERS: &str = "\
The pseudo-terminal's name is printed, alone on a line, to standard output. While it runs, a line on standard input
does something to the receiver, until `end NAME` or `end` (all of it):
    unplug [drain] [other-name]   pulled out, its host first reading all; comes back under another name
    power-off                     without power
    silence, garbage, stuck       sends nothing, random bytes, its last epoch again and again
    loss PPM, slow PERCENT, delay MS
                                  loses bytes; every byte takes longer (UARTs) or comes later
    truncate                      the next frame is cut off
    antenna-open                  the antenna is unscrewed
    at-change N FAULT             one of these begins by itself with the Nth change of its configuration from now on";

/// `hil twin`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("{ORDERS}\n\n{EXIT_CODES}"))]
pub struct TwinArgs {
    /// A link that leads to the pseudo-terminal for as long as it is plugged in, whatever its name then is
    #[arg(long, value_name = "PATH")]
    pub port_link: Option<PathBuf>,
    /// Seed of everything that is drawn
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Which of its ports it is
    #[arg(long, default_value = "usb", value_name = "PORT")]
    pub port_kind: PortArg,
    /// The speed that is configured for the UART; 38400 when left out
    #[arg(long, value_parser = baud, value_name = "BAUD")]
    pub baud: Option<u64>,
    /// A base that surveys itself in, for at least so many seconds and until it is so many metres sure; RTCM (1005, MSM7,
    /// 1230), NAV-PVT, NAV-SVIN and NAV-SAT go out of the port
    #[arg(long, value_parser = survey, num_args = 0..=1, default_missing_value = "60,2", value_name = "SECONDS,METRES")]
    pub survey: Option<Survey>,
    /// A base that was told where it is: degrees, degrees, metres above the ellipsoid; the same messages
    #[arg(long, value_parser = place, conflicts_with = "survey", allow_hyphen_values = true, value_name = "LAT,LON,H")]
    pub base_at: Option<Geodetic>,
    /// Where the antenna truly is; at --base-at, or in Bern, when left out
    #[arg(long, value_parser = place, allow_hyphen_values = true, value_name = "LAT,LON,H")]
    pub place: Option<Geodetic>,
    /// An item of its configuration that is saved in its flash, as CFG-RATE-MEAS=200 or 0x30210001=200; again for more
    #[arg(long = "set", value_parser = item, value_name = "KEY=VALUE")]
    pub items: Vec<Item>,
    /// Seconds from a cold start to its first fix
    #[arg(long, default_value_t = 24.0, value_parser = first_fix, value_name = "SECONDS")]
    pub first_fix_s: f64,
    /// Without a back-up battery: power off is a cold start, and loses what is saved in BBR
    #[arg(long)]
    pub no_battery: bool,
}

/// Which of a receiver's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PortArg {
    Usb,
    Uart1,
    Uart2,
}

/// A survey-in's limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Survey {
    /// At least so long.
    pub seconds: u32,
    /// Until it is so sure.
    pub metres: f64,
}

fn baud(text: &str) -> Result<u64, String> {
    let rates = hil::twin::receiver::BAUD_RATES;
    let found = text.parse().ok().filter(|rate| rates.contains(rate));
    found.ok_or_else(|| format!("a ZED-F9P has {}", rates.map(|rate| rate.to_string()).join(", ")))
}

fn survey(text: &str) -> Result<Survey, String> {
    let says = || "seconds and metres, as 60,2".to_owned();
    let (seconds, metres) = text.split_once(',').ok_or_else(says)?;
    let (seconds, metres): (u32, f64) =
        (seconds.parse().map_err(|_| says())?, metres.parse().map_err(|_| says())?);
    if (0.001..=1_000.0).contains(&metres) { Ok(Survey { seconds, metres }) } else { Err(says()) }
}

fn place(text: &str) -> Result<Geodetic, String> {
    let says = || "latitude, longitude in degrees and height in metres, as 46.94809,7.44744,590".to_owned();
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let &[latitude_deg, longitude_deg, height_m] = numbers.map_err(|_| says())?.as_slice() else {
        return Err(says());
    };
    let fits = (-90.0..=90.0).contains(&latitude_deg)
        && (-180.0..=180.0).contains(&longitude_deg)
        && (-500.0..=9_000.0).contains(&height_m);
    if fits { Ok(Geodetic { latitude_deg, longitude_deg, height_m }) } else { Err(says()) }
}

fn item(text: &str) -> Result<Item, String> {
    let (name, value) = text.split_once('=').ok_or("a key and its value, as CFG-RATE-MEAS=200")?;
    let hexadecimal = name.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let key = hexadecimal.map(KeyId).or_else(|| keys::by_name(name).map(|key| key.id));
    let key = key.ok_or_else(|| format!("no key is called {name}; its number will do, as 0x30210001"))?;
    let bytes = key.value_bytes().ok_or_else(|| format!("{name} is no key that has a value"))?;
    let number = match value.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    };
    // Negative numbers are as long as the item.
    let bits = bytes as u32 * 8;
    let number = number.filter(|number| (-(1_i128 << (bits - 1))..1_i128 << bits).contains(number));
    let number =
        number.ok_or_else(|| format!("{name} is a whole number of {bits} bits, and {value} is none"))?;
    let item = Item { key, value: (number & ((1_i128 << bits) - 1)) as u64 };
    if hil::twin::receiver::takes(item) { Ok(item) } else { Err(format!("a ZED-F9P refuses {text}")) }
}

fn first_fix(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=3_600.0).contains(seconds));
    seconds.ok_or_else(|| "0 to 3600, in seconds".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_by_name_and_by_number() {
        let is = |key, value| Ok(Item { key: KeyId(key), value });
        assert_eq!(item("CFG-RATE-MEAS=200"), is(0x3021_0001, 200));
        assert_eq!(item("0x30210001=0xc8"), is(0x3021_0001, 200));
        assert_eq!(item("CFG-TMODE-ECEF_X=-1"), is(0x4003_0003, 0xFFFF_FFFF));
        for bad in [
            "",
            "x",
            "X=1",
            "0x1=1",
            "CFG-RATE-MEAS=x",
            "CFG-RATE-MEAS=1",
            "CFG-RATE-MEAS=70000",
            "0x30999999=1",
        ] {
            assert!(item(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn places_and_surveys() {
        assert!(place("-33.9,151.2,50").is_ok());
        assert_eq!(survey("60,2"), Ok(Survey { seconds: 60, metres: 2.0 }));
        for bad in ["", "1,2", "91,0,0", "0,0,1e9", "a,b,c", "nan,0,0"] {
            assert!(place(bad).is_err(), "{bad}");
        }
        for bad in ["60", "60,0", "-1,2", "60,nan"] {
            assert!(survey(bad).is_err(), "{bad}");
        }
        assert!(baud("115200").is_ok() && baud("100").is_err());
    }
}
