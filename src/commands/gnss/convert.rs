//! `depot gnss convert FILE…`: RINEX 3 observation and navigation files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kit::clock::Clock;
use rtk_reader::decode::{Message, decode};
use rtk_reader::frame::{Counts, Frame, Framer};
use rtk_reader::rinex::{Contents, Dating, GpsTime, Labels, LeftOut, Survey};
use tracing::{info, warn};

use super::{
    input::{name, read_all},
    print,
};
use crate::cli::Convert;
use crate::error::Error;

/// Why a capture can't be converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// It is read more than once.
    #[error("a capture is read three times to be converted, which standard input can't be; name a file")]
    StandardInput,
    /// Nobody in it knows the week.
    #[error(
        "{path} doesn't say when it was taken: no UBX NAV-PVT or RXM-RAWX, no RMC or ZDA, no ephemeris of Galileo or \
         BeiDou; name the day with --date, as --date 2026-01-05"
    )]
    NoDate {
        /// Which.
        path: String,
    },
    /// Not what is asked for.
    #[error("{path} has nothing to convert: {missing} in its {messages} messages")]
    Nothing {
        /// Which.
        path: String,
        /// What it would have to have.
        missing: &'static str,
        /// Good frames.
        messages: u64,
    },
}

impl ConvertError {
    /// See [`EXIT_CODES`](crate::error::EXIT_CODES).
    pub fn code(&self) -> u8 {
        match self {
            Self::StandardInput | Self::NoDate { .. } => 2,
            Self::Nothing { .. } => 4,
        }
    }
}

/// Converts every capture, and prints the names of the files made.
pub fn run(args: &Convert) -> Result<ExitCode, Error> {
    let labels = Labels {
        marker: args.marker.clone(),
        program: format!("depot {}", env!("CARGO_PKG_VERSION")),
        made_at: GpsTime::of_unix(Clock::start().now()),
    };
    for path in &args.files {
        convert(args, path, &labels)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn convert(args: &Convert, path: &Path, labels: &Labels) -> Result<(), Error> {
    if path == Path::new("-") {
        return Err(ConvertError::StandardInput.into());
    }
    let (contents, counts, damage) = survey(args, path)?;
    let (obs, nav) = (args.obs || !args.nav, args.nav || !args.obs);
    let missing = match (obs && contents.epochs() > 0, nav && contents.ephemerides() > 0) {
        (true, _) | (_, true) => None,
        _ if !nav => Some("no RTCM MSM 4 to 7 (1074 to 1137) and no UBX RXM-RAWX"),
        _ if !obs => Some("no ephemeris (1019, 1020, 1042, 1045, 1046, or of GPS in UBX RXM-SFRBX)"),
        _ => Some(
            "no RTCM MSM 4 to 7 (1074 to 1137), no UBX RXM-RAWX, no ephemeris (1019, 1020, 1042, 1045, 1046, or of GPS in UBX RXM-SFRBX)",
        ),
    };
    if let Some(missing) = missing {
        let path = name(path);
        return Err(ConvertError::Nothing { path, missing, messages: counts.frames() }.into());
    }
    if counts.unframed_bytes > 0 {
        let (bytes, bad_checksums) = (counts.unframed_bytes, counts.bad_checksums());
        warn!(bytes, bad_checksums, "some of the input is in no good frame, and in no file");
    }
    if let Some(file) = contents.observation_name(labels).filter(|_| obs) {
        let file = args.out.join(file);
        let left_out = write(&file, |out| write_observations(out, &file, path, &contents, labels))?;
        told(left_out);
        info!(epochs = contents.epochs(), file = %file.display(), "observations");
        print(&format!("{}\n", file.display()))?;
    }
    if let Some(file) = contents.navigation_name(labels).filter(|_| nav) {
        let file = args.out.join(file);
        let text = contents.navigation_file(labels);
        write(&file, |out| out.write_all(text.as_bytes()).map_err(Error::file("write", &file)))?;
        if contents.ephemerides_left_out() > 0 {
            warn!(left_out = contents.ephemerides_left_out(), "ephemerides of no satellite, or too many");
        }
        info!(ephemerides = contents.ephemerides(), file = %file.display(), "navigation");
        print(&format!("{}\n", file.display()))?;
    }
    damage.map_or(Ok(()), Err)
}

/// The readings before the first line can be written.
fn survey(args: &Convert, path: &Path) -> Result<(Contents, Counts, Option<Error>), Error> {
    let mut dating = Dating::default();
    let mut undated = args.date.is_none();
    if undated {
        read(path, |message| {
            undated = undated && dating.add(message);
            Ok(undated)
        })?;
    }
    let given = args.date.map(|day| day.noon);
    let date = given.or_else(|| dating.date());
    // Without a date there may still be nothing that needs one; that is said first.
    let mut survey = Survey::new(date.unwrap_or_else(|| GpsTime::of_week(0, 0.0)));
    let (counts, input_bytes, damage) = read(path, |message| {
        survey.add(message);
        Ok(true)
    })?;
    if counts.frames() == 0 {
        return Err(Error::NotGnss { path: name(path), bytes: input_bytes });
    }
    let contents = survey.finish();
    if date.is_none() && (contents.epochs() > 0 || contents.ephemerides() > 0) {
        return Err(ConvertError::NoDate { path: name(path) }.into());
    }
    Ok((contents, counts, damage))
}

/// Every message of a capture, until `take` has enough.
fn read(
    path: &Path,
    mut take: impl FnMut(&Message) -> Result<bool, Error>,
) -> Result<(Counts, u64, Option<Error>), Error> {
    let (mut framer, mut going) = (Framer::new(), Ok(true));
    let mut each = |frame: &Frame<'_>| {
        if matches!(going, Ok(true)) {
            going = take(&decode(frame));
        }
        matches!(going, Ok(true))
    };
    let input = read_all(path, |bytes| {
        let mut goes_on = true;
        framer.push(Default::default(), bytes, &mut |frame| goes_on = each(&frame));
        Ok(goes_on)
    })?;
    framer.finish(&mut |frame| {
        each(&frame);
    });
    going?;
    Ok((*framer.counts(), input.bytes, input.damage))
}

/// A new file; what fails leaves none behind.
fn write<T>(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<T, Error>) -> Result<T, Error> {
    let file = File::create_new(path).map_err(Error::file("create", path))?;
    let mut out = BufWriter::new(file);
    let filled = fill(&mut out).and_then(|value| {
        out.flush().map_err(Error::file("write", path))?;
        Ok(value)
    });
    if filled.is_err() {
        let _ = std::fs::remove_file(path);
    }
    filled
}

fn write_observations(
    out: &mut BufWriter<File>,
    file: &PathBuf,
    path: &Path,
    contents: &Contents,
    labels: &Labels,
) -> Result<LeftOut, Error> {
    let mut lines = contents.observation_header(labels);
    let Some(mut rows) = contents.rows() else { return Ok(LeftOut::default()) };
    read(path, |message| {
        rows.add(message, &mut lines);
        if !lines.is_empty() {
            out.write_all(lines.as_bytes()).map_err(Error::file("write", file))?;
            lines.clear();
        }
        Ok(true)
    })?;
    let left_out = rows.finish(&mut lines);
    out.write_all(lines.as_bytes()).map_err(Error::file("write", file))?;
    Ok(left_out)
}

/// What is in the capture and not in the file is said.
fn told(left_out: LeftOut) {
    let LeftOut { late, other_station, no_time, unknown_signals, no_channel } = left_out;
    if left_out != LeftOut::default() {
        warn!(late, other_station, no_time, unknown_signals, no_channel, "left out of the observations");
    }
}
