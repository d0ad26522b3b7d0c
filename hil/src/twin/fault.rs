//! What can be done to a receiver on the bench.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A fault, from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is pulled out; it ends with being plugged in again. Over USB it loses its power with it.
    Unplug {
        /// Its host has read what it had sent before.
        drain: bool,
        /// It comes back under another name.
        other_name: bool,
    },
    /// It loses its power, and nothing else.
    PowerOff,
    /// It sends nothing.
    Silence,
    /// It sends random bytes for what it should.
    Garbage,
    /// Bytes are lost.
    Loss {
        /// So many of a million.
        ppm: u32,
    },
    /// Every byte takes longer.
    Slow {
        /// Percent of its time, from 100.
        percent: u32,
    },
    /// Every byte comes later.
    Delay {
        /// By so much.
        by: Duration,
    },
    /// It repeats its last epoch and answers nothing.
    Stuck,
    /// One frame, the next, is cut off; over when that has happened.
    Truncate,
    /// The antenna is unscrewed.
    AntennaOpen,
}

/// A fault's name; a fault that goes on is replaced by another of its name, and ended by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of the faults")]
pub enum FaultName {
    Unplug,
    PowerOff,
    Silence,
    Garbage,
    Loss,
    Slow,
    Delay,
    Stuck,
    Truncate,
    AntennaOpen,
}

/// A fault that this receiver can't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault} is unsupported: {reason}")]
pub struct Unsupported {
    /// Which.
    pub fault: FaultName,
    /// In words for whoever reads why a case was skipped.
    pub reason: &'static str,
}

/// Why a fault didn't begin or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// It can't.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// Nobody is there to do it.
    #[error("the receiver is gone: the virtual receiver has ended")]
    Gone,
}

/// Whoever does something to a receiver.
pub trait Faults {
    /// Whether it can have the fault.
    ///
    /// # Errors
    /// With the reason why not: the case is skipped with it.
    fn supports(&self, fault: FaultName) -> Result<(), Unsupported>;

    /// The fault begins; when this returns, it has.
    ///
    /// # Errors
    /// [`FaultError`].
    fn begin(&self, fault: Fault) -> Result<(), FaultError>;

    /// The fault ends; nothing if it didn't go on.
    ///
    /// # Errors
    /// [`FaultError`].
    fn end(&self, fault: FaultName) -> Result<(), FaultError>;
}

/// A real receiver, to which nothing can be done by a program.
#[derive(Clone, Copy, Debug)]
pub struct Hardware;

impl Faults for Hardware {
    fn supports(&self, fault: FaultName) -> Result<(), Unsupported> {
        let reason = match fault {
            FaultName::Unplug => "a real receiver is unplugged by hand",
            FaultName::PowerOff => "nothing here switches a real receiver's power",
            FaultName::AntennaOpen => "a real antenna is unscrewed by hand",
            _ => "a real receiver's line can't be disturbed by a program",
        };
        Err(Unsupported { fault, reason })
    }

    fn begin(&self, fault: Fault) -> Result<(), FaultError> {
        Ok(self.supports(fault.name())?)
    }

    fn end(&self, fault: FaultName) -> Result<(), FaultError> {
        Ok(self.supports(fault)?)
    }
}

impl FaultName {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Unplug,
        Self::PowerOff,
        Self::Silence,
        Self::Garbage,
        Self::Loss,
        Self::Slow,
        Self::Delay,
        Self::Stuck,
        Self::Truncate,
        Self::AntennaOpen,
    ];

    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unplug => "unplug",
            Self::PowerOff => "power-off",
            Self::Silence => "silence",
            Self::Garbage => "garbage",
            Self::Loss => "loss",
            Self::Slow => "slow",
            Self::Delay => "delay",
            Self::Stuck => "stuck",
            Self::Truncate => "truncate",
            Self::AntennaOpen => "antenna-open",
        }
    }
}

impl fmt::Display for FaultName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Fault {
    /// Its name.
    #[must_use]
    pub fn name(self) -> FaultName {
        match self {
            Self::Unplug { .. } => FaultName::Unplug,
            Self::PowerOff => FaultName::PowerOff,
            Self::Silence => FaultName::Silence,
            Self::Garbage => FaultName::Garbage,
            Self::Loss { .. } => FaultName::Loss,
            Self::Slow { .. } => FaultName::Slow,
            Self::Delay { .. } => FaultName::Delay,
            Self::Stuck => FaultName::Stuck,
            Self::Truncate => FaultName::Truncate,
            Self::AntennaOpen => FaultName::AntennaOpen,
        }
    }
}

/// A line that tells what is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It begins.
    Begin(Fault),
    /// It begins with the so manieth change of the receiver's configuration from now on.
    AtChange(u32, Fault),
    /// It ends.
    End(FaultName),
    /// All end.
    EndAll,
}

/// A line that tells nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{found}\" is no order; there are {ORDERS}")]
pub struct NoOrder {
    /// The line.
    pub found: String,
}

/// What a line can say.
pub const ORDERS: &str = "unplug [drain] [other-name], power-off, silence, garbage, loss PPM, slow PERCENT, delay MS, \
                          stuck, truncate, antenna-open; at-change N and one of these; end NAME; end";

impl FromStr for Order {
    type Err = NoOrder;

    fn from_str(line: &str) -> Result<Self, NoOrder> {
        let no_order = || NoOrder { found: line.to_owned() };
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| word.parse::<u32>().map_err(|_| no_order());
        let named =
            |word: &str| FaultName::ALL.into_iter().find(|name| name.word() == word).ok_or_else(no_order);
        let fault = match words.as_slice() {
            ["end"] => return Ok(Self::EndAll),
            ["end", name] => return Ok(Self::End(named(name)?)),
            ["at-change", count, fault @ ..] => match fault.join(" ").parse() {
                Ok(Self::Begin(fault)) => return Ok(Self::AtChange(number(count)?, fault)),
                _ => return Err(no_order()),
            },
            ["unplug", how @ ..] if how.iter().all(|word| ["drain", "other-name"].contains(word)) => {
                Fault::Unplug { drain: how.contains(&"drain"), other_name: how.contains(&"other-name") }
            }
            ["power-off"] => Fault::PowerOff,
            ["silence"] => Fault::Silence,
            ["garbage"] => Fault::Garbage,
            ["loss", ppm] => Fault::Loss { ppm: number(ppm)? },
            ["slow", percent] => Fault::Slow { percent: number(percent)? },
            ["delay", ms] => Fault::Delay { by: Duration::from_millis(number(ms)?.into()) },
            ["stuck"] => Fault::Stuck,
            ["truncate"] => Fault::Truncate,
            ["antenna-open"] => Fault::AntennaOpen,
            _ => return Err(no_order()),
        };
        Ok(Self::Begin(fault))
    }
}
