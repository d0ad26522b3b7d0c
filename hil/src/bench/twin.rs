//! The bench's own virtual receiver: a base in a hurry, with everything a case can ask for. Touches threads.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};

use fixtures::scenario::Mode;
use rtk_reader::Timestamp;
use rtk_reader::receiver::{Item, Port};

use super::BenchError;
use super::case::Fault;
use super::clock::Clock;
use super::map::{Fixtures, KnownPoint};
use crate::twin::{self, Character, Control, FaultName, Faults, Options, PortKind, Sent, StartKind};

/// The line's speed: the first that is tried, and room for all that a base says.
const BAUD: u32 = 115_200;
/// Pieces of its stream that wait for a case that measures when they left; what comes when so many wait is lost to it.
const SENT: usize = 16 * 1024;

/// A virtual receiver that runs; dropped, it is unplugged for good.
#[derive(Debug)]
pub struct Twin {
    twin: twin::Twin,
    control: Control,
    sent: Receiver<Sent>,
    place: KnownPoint,
    // Last: the link in it goes when the twin is gone.
    _folder: tempfile::TempDir,
}

impl Twin {
    /// Plugs one in.
    ///
    /// # Errors
    /// A system that gives no pseudo-terminal.
    pub fn start(seed: u64) -> Result<Self, BenchError> {
        let folder = tempfile::Builder::new().prefix("depot-hil-").tempdir().map_err(BenchError::Twin)?;
        let quick = Character { seed, ..Character::quick() };
        let at = quick.place;
        let fixed = Mode::Fixed { ecef_m: at.to_ecef(), accuracy_m: 0.01 };
        let kind = PortKind::Uart1;
        let mut character = quick.as_base(Port::Uart1, fixed);
        // It was in use before; and a fix takes longer than an epoch, so that its loss shows.
        character.first_start = StartKind::Hot;
        character.hot_first_fix = std::time::Duration::from_millis(1_800);
        character.cold_first_fix = std::time::Duration::from_millis(3_500);
        let baud = Port::Uart1.baud_key();
        character.saved.extend(baud.map(|key| Item { key, value: u64::from(BAUD) }));
        let (tap, sent) = sync_channel(SENT);
        let options = Options { character, kind, link: Some(folder.path().join("receiver")) };
        let twin = twin::Twin::start_tapped(options, Some(tap))
            .map_err(|error| BenchError::Twin(std::io::Error::other(error)))?;
        let control = twin.control();
        let place = KnownPoint {
            latitude_deg: at.latitude_deg,
            longitude_deg: at.longitude_deg,
            height_m: at.height_m,
        };
        Ok(Self { twin, control, sent, place, _folder: folder })
    }

    /// The name to open: a link that always leads to it.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.twin.path()
    }

    /// What its place offers: everything.
    #[must_use]
    pub fn fixtures(&self) -> Fixtures {
        Fixtures { open_sky: true, known_point: Some(self.place), power_cycle: Vec::new() }
    }

    /// Whether it can have a fault.
    ///
    /// # Errors
    /// The reason why not.
    pub fn can(&self, fault: Fault) -> Result<(), String> {
        self.control.supports(name(fault)).map_err(|unsupported| unsupported.to_string())
    }

    /// Pulls it out. Returns when that was.
    ///
    /// # Errors
    /// A twin that has ended.
    pub fn unplug(&self, clock: Clock) -> Result<Timestamp, BenchError> {
        self.begin(twin::Fault::Unplug { drain: false, other_name: false })?;
        Ok(clock.now())
    }

    /// Plugs it in again. Returns when that was.
    ///
    /// # Errors
    /// A twin that has ended.
    pub fn replug(&self, clock: Clock) -> Result<Timestamp, BenchError> {
        self.end(FaultName::Unplug)?;
        Ok(clock.now())
    }

    /// Takes its power and gives it back.
    ///
    /// # Errors
    /// A twin that has ended.
    pub fn power_cycle(&self) -> Result<(), BenchError> {
        self.begin(twin::Fault::PowerOff)?;
        self.end(FaultName::PowerOff)
    }

    /// Makes it say nothing, or speak again.
    ///
    /// # Errors
    /// A twin that has ended.
    pub fn silence(&self, silent: bool) -> Result<(), BenchError> {
        if silent { self.begin(twin::Fault::Silence) } else { self.end(FaultName::Silence) }
    }

    /// Takes its antenna off, or puts it on again.
    ///
    /// # Errors
    /// A twin that has ended.
    pub fn antenna_open(&self, open: bool) -> Result<(), BenchError> {
        if open { self.begin(twin::Fault::AntennaOpen) } else { self.end(FaultName::AntennaOpen) }
    }

    /// What left it since this was asked last.
    pub fn sent(&mut self) -> Vec<Sent> {
        self.sent.try_iter().collect()
    }

    fn begin(&self, fault: twin::Fault) -> Result<(), BenchError> {
        self.control.begin(fault).map_err(failed)
    }

    fn end(&self, fault: FaultName) -> Result<(), BenchError> {
        self.control.end(fault).map_err(failed)
    }
}

fn failed(error: twin::FaultError) -> BenchError {
    BenchError::Twin(std::io::Error::other(error))
}

fn name(fault: Fault) -> FaultName {
    match fault {
        Fault::Unplug => FaultName::Unplug,
        Fault::Silence => FaultName::Silence,
        Fault::AntennaOpen => FaultName::AntennaOpen,
        Fault::PowerCycle => FaultName::PowerOff,
    }
}
