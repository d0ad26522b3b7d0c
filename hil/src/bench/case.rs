//! What a case is.

use std::fmt;
use std::pin::Pin;

use super::{BenchError, Unit, stage::Stage};

/// One case: a small file of [`cases`](super::cases).
#[derive(Clone, Copy)]
pub struct Case {
    /// `first_fix_cold`: its name on the command line, in limits files and in records. It stays.
    pub name: &'static str,
    /// One line for a person.
    pub about: &'static str,
    /// What it measures, in the order in which it is shown.
    pub measures: &'static [Measure],
    /// What it can't do without; what is missing is the reason for a SKIP.
    pub needs: &'static [Need],
    /// Measures.
    pub run: for<'a> fn(&'a mut Stage) -> Running<'a>,
}

/// A case that runs.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Outcome, BenchError>> + Send + 'a>>;

/// What a case measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// `interval_p99`
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// One line for a person.
    pub about: &'static str,
}

/// What a case needs of receiver, place and command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing over the antenna: fixture `open_sky`.
    OpenSky,
    /// A point measured by somebody else: fixture `known_point`.
    KnownPoint,
    /// A line with a speed, not the receiver's own USB.
    Line,
    /// Something must be done to the receiver that its hands can do.
    Fault(Fault),
    /// `--soak`.
    Soak,
}

/// What hands must be able to do to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Take it away, and bring it back.
    Unplug,
    /// Make it say nothing while it stays plugged in.
    Silence,
    /// Take the antenna off.
    AntennaOpen,
    /// Take its power away, and give it back.
    PowerCycle,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unplug => "unplug",
            Self::Silence => "silence",
            Self::AntennaOpen => "antenna_open",
            Self::PowerCycle => "power_cycle",
        })
    }
}

/// What came of a case that did its work.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Numbers.
    Measured(Vec<Measured>),
    /// It found that it can't be measured here, and why.
    Skipped(String),
}

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// As announced in [`Case::measures`].
    pub name: &'static str,
    /// Of which part: a message number, a band.
    pub of: Option<String>,
    /// In the announced unit.
    pub value: f64,
}

impl Measured {
    /// Of the whole.
    #[must_use]
    pub fn new(name: &'static str, value: f64) -> Self {
        Self { name, of: None, value }
    }

    /// Of a part.
    #[must_use]
    pub fn of(name: &'static str, part: impl fmt::Display, value: f64) -> Self {
        Self { name, of: Some(part.to_string()), value }
    }

    /// 1 if something came about, 0 if not.
    #[must_use]
    pub fn yes(name: &'static str, came_about: bool) -> Self {
        Self::new(name, f64::from(u8::from(came_about)))
    }
}

impl Measure {
    /// Announces a measurement.
    #[must_use]
    pub const fn new(name: &'static str, unit: Unit, about: &'static str) -> Self {
        Self { name, unit, about }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}
