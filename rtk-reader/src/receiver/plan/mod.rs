//! What a base or a rover needs: keys and values.

mod load;
mod position;

use std::collections::BTreeMap;

use super::{Item, KeyId, Output, Port, Snapshot, keys};
use crate::frame::Protocol;

pub use load::{Load, REFUSE_PERCENT, WARN_PERCENT};
pub use position::{Position, PositionError};

/// Where a base is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// It finds out.
    SurveyIn {
        /// Seconds at least.
        duration_s: u32,
        /// In 0.1 mm; it goes on until it is as good as this.
        accuracy_tenth_mm: u32,
    },
    /// It is known.
    Fixed {
        /// Of the antenna's reference point.
        position: Position,
        /// 3D, in 0.1 mm.
        accuracy_tenth_mm: u32,
    },
}

/// What a base is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// Where it is.
    pub place: Place,
    /// 4 or 7.
    pub msm: Msm,
    /// Whose observations it sends.
    pub systems: Vec<System>,
    /// Position of the ARP (1005) and GLONASS biases (1230) come every so many epochs.
    pub station_every: u8,
    /// What both kinds have in common.
    pub common: Common,
}

/// What a rover is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Rover {
    /// CFG-NAVSPG-DYNMODEL.
    pub dynamics: u8,
    /// NMEA goes out, too.
    pub nmea: bool,
    /// What both kinds have in common.
    pub common: Common,
}

/// What bases and rovers have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Common {
    /// The receiver's port that we are on: what the depot needs to see goes there.
    pub ours: Port,
    /// Where corrections go out (base) or come in (rover).
    pub corrections: Port,
    /// Milliseconds from one epoch to the next.
    pub epoch_ms: u16,
    /// New speed of the port of corrections, if it has one.
    pub baud: Option<u32>,
}

/// How much an MSM carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their numbers")]
pub enum Msm {
    Msm4,
    Msm7,
}

/// Systems a ZED-F9P makes MSM of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "their names")]
pub enum System {
    Gps,
    Glonass,
    Galileo,
    Beidou,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gps, Self::Glonass, Self::Galileo, Self::Beidou];

    fn msm(self, msm: Msm) -> Output {
        let tens = match self {
            Self::Gps => 1070,
            Self::Glonass => 1080,
            Self::Galileo => 1090,
            Self::Beidou => 1120,
        };
        Output::Rtcm(tens + if msm == Msm::Msm4 { 4 } else { 7 }, 0)
    }
}

/// Why a plan can't be made for a receiver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A key the plan can't do without.
    #[error(
        "{model} with {firmware} has no {key:?}: it can't be set up as that; choose another receiver or firmware"
    )]
    NotKnown {
        /// As it says.
        model: String,
        /// As it says.
        firmware: String,
        /// The first of them.
        key: KeyId,
    },
    /// More than the line can carry.
    #[error("{0}")]
    Overload(Load),
    /// There is nothing to keep.
    #[error("there is no surveyed position to keep: {0}")]
    NotSurveyed(NotSurveyed),
    /// How we are connected can't be told.
    #[error(
        "I can't tell which of the receiver's ports this is: say --port-of-receiver uart1, uart2, usb, i2c or spi"
    )]
    WhichPort,
    /// A speed for a port that has none.
    #[error("{0} has no baud rate to set")]
    NoBaud(Port),
}

/// Why a survey-in has nothing to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSurveyed {
    /// Still running.
    Running {
        /// Seconds.
        duration_s: u32,
        /// Millimetres.
        accuracy_mm: u64,
    },
    /// Never begun.
    Never,
    /// The receiver has a position it was given.
    Fixed,
}

impl std::fmt::Display for NotSurveyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Running { duration_s, accuracy_mm } => write!(
                f,
                "its survey-in is still running, {duration_s} s so far and good to {}.{:03} m; wait for its end",
                accuracy_mm / 1000,
                accuracy_mm % 1000
            ),
            Self::Never => f.write_str("no survey-in is running or done; begin one with `base --survey-in`"),
            Self::Fixed => {
                f.write_str("the receiver has a fixed position already, see `depot gnss configure show`")
            }
        }
    }
}

/// Messages the depot shows a receiver's state from, and every how many epochs each comes.
const SEEN: [(Output, u8); 5] = [
    (Output::Ubx(0x01, 0x07), 1), // NAV-PVT
    (Output::Ubx(0x01, 0x3B), 1), // NAV-SVIN
    (Output::Ubx(0x01, 0x35), 1), // NAV-SAT
    (Output::Ubx(0x01, 0x43), 5), // NAV-SIG
    (Output::Ubx(0x0A, 0x38), 5), // MON-RF
];

/// What else of a rover.
const ROVER_SEEN: [(Output, u8); 3] = [
    (Output::Ubx(0x01, 0x14), 1), // NAV-HPPOSLLH
    (Output::Ubx(0x01, 0x3C), 1), // NAV-RELPOSNED
    (Output::Ubx(0x02, 0x32), 1), // RXM-RTCM
];

/// The sentences a rover gives, those of a receiver from its maker; the satellites in view, the most of all bytes,
/// less often.
const SENTENCES: [(&str, u8); 6] = [("GGA", 1), ("GLL", 1), ("GSA", 1), ("GSV", 5), ("RMC", 1), ("VTG", 1)];

const TMODE_MODE: KeyId = KeyId(0x2003_0001);
const SVIN_MIN_DUR: KeyId = KeyId(0x4003_0010);
const SVIN_ACC_LIMIT: KeyId = KeyId(0x4003_0011);
const FIXED_POS_ACC: KeyId = KeyId(0x4003_000F);
const DYNMODEL: KeyId = KeyId(0x2011_0021);
const RATE_MEAS: KeyId = KeyId(0x3021_0001);
const RATE_NAV: KeyId = KeyId(0x3021_0002);
const DGNSSMODE: KeyId = KeyId(0x2014_0011);

/// Keys and values, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    values: BTreeMap<KeyId, u64>,
}

impl Base {
    /// The keys of it.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        match self.place {
            Place::SurveyIn { duration_s, accuracy_tenth_mm } => {
                plan.set(TMODE_MODE, 1);
                plan.set(SVIN_MIN_DUR, u64::from(duration_s));
                plan.set(SVIN_ACC_LIMIT, u64::from(accuracy_tenth_mm));
            }
            Place::Fixed { position, accuracy_tenth_mm } => {
                plan.set(TMODE_MODE, 2);
                plan.set(FIXED_POS_ACC, u64::from(accuracy_tenth_mm));
                plan.values.extend(position.items().into_iter().map(|item| (item.key, item.value)));
            }
        }
        // A base stands still.
        plan.set(DYNMODEL, 2);
        let port = self.common.corrections;
        plan.common(&self.common);
        plan.rate(Output::Rtcm(1005, 0), port, self.station_every);
        let glonass = self.systems.contains(&System::Glonass);
        plan.rate(Output::Rtcm(1230, 0), port, if glonass { self.station_every } else { 0 });
        for system in System::ALL {
            for msm in [Msm::Msm4, Msm::Msm7] {
                let wanted = msm == self.msm && self.systems.contains(&system);
                plan.rate(system.msm(msm), port, u8::from(wanted));
            }
        }
        for subtype in 0..2 {
            plan.rate(Output::Rtcm(4072, subtype), port, 0);
        }
        plan.set(port.gives(Protocol::Rtcm), 1);
        plan.set(port.gives(Protocol::Nmea), 0);
        plan.set(self.common.ours.gives(Protocol::Nmea), 0);
        plan
    }
}

impl Rover {
    /// The keys of it.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        plan.set(TMODE_MODE, 0);
        plan.set(DYNMODEL, u64::from(self.dynamics));
        plan.set(DGNSSMODE, 3);
        plan.common(&self.common);
        let (ours, port) = (self.common.ours, self.common.corrections);
        plan.set(port.takes(Protocol::Rtcm), 1);
        plan.set(port.gives(Protocol::Rtcm), 0);
        plan.set(ours.gives(Protocol::Nmea), u64::from(self.nmea));
        for (output, every) in ROVER_SEEN {
            plan.rate(output, ours, every);
        }
        if self.nmea {
            for (sentence, every) in SENTENCES {
                plan.rate(Output::Nmea(sentence), ours, every);
            }
        }
        plan
    }
}

impl Plan {
    fn set(&mut self, key: KeyId, value: u64) {
        self.values.insert(key, value);
    }

    fn rate(&mut self, output: Output, port: Port, every: u8) {
        if let Some(key) = keys::rate(output, port) {
            self.set(key, u64::from(every));
        }
    }

    fn common(&mut self, common: &Common) {
        let Common { ours, corrections, epoch_ms, baud } = *common;
        self.set(RATE_MEAS, u64::from(epoch_ms));
        self.set(RATE_NAV, 1);
        for port in [ours, corrections] {
            self.set(port.enabled_key(), 1);
        }
        if corrections != ours {
            self.set(corrections.gives(Protocol::Ubx), 0);
        }
        // We talk over it: never without.
        self.set(ours.takes(Protocol::Ubx), 1);
        self.set(ours.gives(Protocol::Ubx), 1);
        for (output, every) in SEEN {
            self.rate(output, ours, every);
        }
        if let (Some(key), Some(baud)) = (corrections.baud_key(), baud) {
            self.set(key, u64::from(baud));
        }
    }

    /// In the order of their ids.
    pub fn items(&self) -> impl Iterator<Item = Item> {
        self.values.iter().map(|(key, value)| Item { key: *key, value: *value })
    }

    /// What of it this receiver can be told; what it doesn't know and would be switched off is left out.
    ///
    /// # Errors
    /// [`PlanError::NotKnown`] for a key it needs.
    pub fn for_receiver(&self, receiver: &Snapshot) -> Result<Vec<Item>, PlanError> {
        let mut items: Vec<Item> = self.items().collect();
        items.retain(|item| item.value != 0 || receiver.ram.contains_key(&item.key));
        match items.iter().find(|item| !receiver.ram.contains_key(&item.key)) {
            Some(item) => Err(PlanError::NotKnown {
                model: receiver.model.clone(),
                firmware: receiver.firmware.clone(),
                key: item.key,
            }),
            None => Ok(items),
        }
    }

    /// The line load of a port when this is set on a receiver that has set what `now` has.
    #[must_use]
    pub fn load(&self, port: Port, satellites: u32, now: &super::Values) -> Option<Load> {
        let mut values = now.clone();
        values.extend(&self.values);
        Load::of(port, satellites, &values)
    }
}

/// The position that a finished survey-in has found, and how good it is in 0.1 mm.
///
/// # Errors
/// [`PlanError::NotSurveyed`] says what there is instead.
pub fn surveyed(receiver: &Snapshot) -> Result<Place, PlanError> {
    let not = |why| Err(PlanError::NotSurveyed(why));
    if receiver.ram.get(&TMODE_MODE) == Some(&2) {
        return not(NotSurveyed::Fixed);
    }
    match &receiver.survey_in {
        Some(found) if found.valid && !found.active => {
            // Sent in whole 0.1 mm.
            #[expect(clippy::cast_possible_truncation, reason = "under 2^31 cm")]
            let tenth_mm = found.mean_ecef_m.map(|m| (m * 1e4).round() as i64);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "was a u32 of 0.1 mm"
            )]
            let accuracy_tenth_mm = (found.mean_accuracy_m * 1e4).round() as u32;
            let position = Position::Ecef { tenth_mm };
            Ok(Place::Fixed { position, accuracy_tenth_mm })
        }
        Some(found) if found.active => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "was a u32 of 0.1 mm"
            )]
            let accuracy_mm = (found.mean_accuracy_m * 1e3).round() as u64;
            not(NotSurveyed::Running { duration_s: found.duration_s, accuracy_mm })
        }
        _ => not(NotSurveyed::Never),
    }
}

/// The receiver's port that we are on: its USB, or the UART that has our speed and lets UBX in and out.
///
/// # Errors
/// [`PlanError::WhichPort`] if both have or none has.
pub fn our_port(receiver: &Snapshot, on_usb: bool, baud: Option<u32>) -> Result<Port, PlanError> {
    if on_usb {
        return Ok(Port::Usb);
    }
    let is = |key: KeyId, value: u64| receiver.ram.get(&key) == Some(&value);
    let fits = |port: &Port| {
        let speed = port.baud_key().zip(baud).is_some_and(|(key, baud)| is(key, u64::from(baud)));
        speed
            && is(port.enabled_key(), 1)
            && is(port.takes(Protocol::Ubx), 1)
            && is(port.gives(Protocol::Ubx), 1)
    };
    let fitting: Vec<Port> = [Port::Uart1, Port::Uart2].into_iter().filter(fits).collect();
    match fitting.as_slice() {
        [port] => Ok(*port),
        _ => Err(PlanError::WhichPort),
    }
}
