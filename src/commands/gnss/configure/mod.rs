//! `depot gnss configure …`: what a u-blox has set, and setting it.

mod change;
mod diff;
mod show;
mod talk;

use std::path::PathBuf;
use std::process::ExitCode;

use kit::clock::Clock;
use rtk_reader::receiver::plan::{self, Base, Common, Place, PlanError, Rover};
use rtk_reader::receiver::{KeyId, message::Layer};
use rtk_reader::receiver::{Port, ReadError, Reading, Report, SavedError, Snapshot, answer_time};
use rtk_reader::source::{Spec, SpecError};

use crate::cli::configure::{self, CommonArgs, Configure, LAYERS, PortArgs};
use crate::error::Error;
use talk::Talk;

/// Why a receiver isn't set up.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// It could not be read.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// It can't be set up like that.
    #[error("{0}")]
    Plan(#[from] PlanError),
    /// Not what was wanted, and how it is now.
    #[error("{report}; what it had before stands in {}", before.display())]
    Failed {
        /// What came of it.
        report: Box<Report>,
        /// The configuration before.
        before: PathBuf,
    },
    /// A file isn't a configuration.
    #[error("{} can't be used: {source}", path.display())]
    Saved {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Box<SavedError>,
    },
    /// A configuration of another kind of receiver.
    #[error("{} is the configuration of a {saved}, and this is a {found}: it would not fit", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// Its receiver.
        saved: String,
        /// This one.
        found: String,
    },
    /// It would cut us off.
    #[error(
        "{key:?} would be switched off on the port we are talking over: connect to another of its ports for that"
    )]
    CutsOff {
        /// The flag.
        key: KeyId,
    },
    /// Not a serial port.
    #[error("a receiver is set up over a serial port: name its device with --gnss, or `auto`")]
    NotAPort,
}

impl ConfigureError {
    /// For the program's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Read(ReadError::NoAnswer | ReadError::TooOld { .. }) | Self::Saved { .. } => 9,
            Self::Plan(_) | Self::OtherModel { .. } | Self::CutsOff { .. } | Self::NotAPort => 2,
            Self::Read(_) | Self::Failed { .. } => 1,
        }
    }
}

/// Does what is asked.
pub async fn run(what: Configure) -> Result<ExitCode, Error> {
    match what {
        Configure::Base(args) => base(args).await,
        Configure::Rover(args) => rover(args).await,
        Configure::Show(args) => show::run(args).await,
        Configure::Diff(args) => diff::run(args).await,
        Configure::Restore(args) => change::restore(args).await,
    }
}

async fn base(args: configure::Base) -> Result<ExitCode, Error> {
    let place = |receiver: Option<&Snapshot>| {
        let fixed = |position| Place::Fixed { position, accuracy_tenth_mm: args.accuracy };
        match (args.survey_in, args.fixed.or(args.fixed_ecef), receiver) {
            (Some(survey_in), _, _) => Ok(Place::SurveyIn {
                duration_s: survey_in.duration_s,
                accuracy_tenth_mm: survey_in.accuracy_tenth_mm,
            }),
            (None, Some(position), _) => Ok(fixed(position)),
            (None, None, Some(receiver)) => plan::surveyed(receiver),
            (None, None, None) => plan::surveyed(&Snapshot::default()),
        }
    };
    let plan = |receiver: Option<&Snapshot>, common| {
        Ok(Base {
            place: place(receiver)?,
            msm: args.msm,
            systems: args.systems.iter().copied().map(Into::into).collect(),
            station_every: args.station_every,
            common,
        }
        .plan())
    };
    change::set_up(&args.common, args.keep_surveyed, plan).await
}

async fn rover(args: configure::Rover) -> Result<ExitCode, Error> {
    let (dynamics, nmea) = (args.dynamics.number(), !args.no_nmea);
    change::set_up(&args.common, false, |_, common| Ok(Rover { dynamics, nmea, common }.plan())).await
}

/// What the command line says of ports, once ours is known.
fn common(args: &CommonArgs, ours: Port) -> Result<Common, ConfigureError> {
    let corrections = args.corrections_port.unwrap_or(ours);
    if args.set_baud.is_some() && corrections.baud_key().is_none() {
        return Err(PlanError::NoBaud(corrections).into());
    }
    Ok(Common { ours, corrections, epoch_ms: args.epoch, baud: args.set_baud })
}

/// Opens the receiver's port.
async fn open(args: &PortArgs, clock: Clock) -> Result<Talk, Error> {
    let path = match Spec::parse(&args.gnss) {
        Ok(Spec::Auto) => None,
        Ok(Spec::Path(path)) if !path.is_file() => Some(path),
        Ok(_) | Err(SpecError::UnknownScheme { .. }) => return Err(ConfigureError::NotAPort.into()),
        Err(error) => return Err(error.into()),
    };
    Talk::open(path, args.baud, clock).await
}

/// Reads who it is and layers. A receiver that is heard and doesn't answer may be heard at the wrong speed.
async fn read(talk: &mut Talk, layers: &[Layer], survey_in: bool) -> Result<Snapshot, Error> {
    match read_once(talk, layers, survey_in).await {
        Err(Error::Configure(ConfigureError::Read(ReadError::NoAnswer)))
            if !talk.is_on_usb() && talk.find_by_asking().await? =>
        {
            read_once(talk, layers, survey_in).await
        }
        result => result,
    }
}

async fn read_once(talk: &mut Talk, layers: &[Layer], survey_in: bool) -> Result<Snapshot, Error> {
    let mut reading = Reading::new(talk.now(), answer_time(talk.baud()), layers, survey_in);
    talk.hold(&mut reading).await;
    match reading.result() {
        Some(Ok(snapshot)) => Ok(snapshot.clone()),
        Some(Err(error)) => Err(ConfigureError::from(error.clone()).into()),
        None => Err(ConfigureError::from(ReadError::PortLost).into()),
    }
}

/// Reads all that was ever set.
async fn read_all(talk: &mut Talk, survey_in: bool) -> Result<Snapshot, Error> {
    read(talk, &LAYERS, survey_in).await
}

/// The receiver's port that we are on.
fn our_port(args: &PortArgs, talk: &Talk, receiver: &Snapshot) -> Result<Port, ConfigureError> {
    match args.port_of_receiver {
        Some(port) => Ok(port),
        None => Ok(plan::our_port(receiver, talk.is_on_usb(), talk.baud())?),
    }
}

/// A configuration in a file.
fn saved(path: &PathBuf) -> Result<Snapshot, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
    let saved = rtk_reader::receiver::read_saved(&text);
    Ok(saved.map_err(|error| ConfigureError::Saved { path: path.clone(), source: Box::new(error) })?)
}
