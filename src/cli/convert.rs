//! `gnss convert`.

use std::path::PathBuf;

use clap::Args;
use rtk_reader::rinex::GpsTime;

use crate::error::EXIT_CODES;

/// `gnss convert`.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub struct Convert {
    /// Capture or recording (MCAP); each makes files of its own
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Folder the RINEX files are written to, under their RINEX 3 names; no file is overwritten
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
    /// Observations only; both kinds when left out
    #[arg(long)]
    pub obs: bool,
    /// Ephemerides only; both kinds when left out
    #[arg(long)]
    pub nav: bool,
    /// The marker's name; one of nine letters and digits, as BERN00CHE, begins the files' names, of others the first four
    #[arg(long, value_name = "NAME", default_value = "DEPOT")]
    pub marker: String,
    /// The day a capture was taken, give or take three days, as 2026-01-05: for one that doesn't say
    #[arg(long, value_name = "DAY")]
    pub date: Option<Day>,
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Its middle.
    pub noon: GpsTime,
}

impl std::str::FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SAYS: &str = "a day is year, month and day, as 2026-01-05";
        let mut parts = text.split('-');
        let (Some(year), Some(month), Some(day), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SAYS);
        };
        let (Ok(year), Ok(month), Ok(day)) = (year.parse(), month.parse(), day.parse()) else {
            return Err(SAYS);
        };
        let noon = GpsTime::of_utc((year, month, day), 43_200.0);
        noon.map(|noon| Self { noon }).ok_or("there is no such day in GPS time, which began on 1980-01-06")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        assert!("2026-01-05".parse::<Day>().is_ok());
        for bad in ["", "2026", "2026-13-01", "2026-02-29", "1979-01-01", "26-01-05", "2026-01-05-1", "today"]
        {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }
}
