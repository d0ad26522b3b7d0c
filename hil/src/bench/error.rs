//! Why the bench couldn't do its work.

use std::path::PathBuf;

use rtk_reader::source::{Holder, SourceError};

use super::limits::LimitsError;
use super::map::MapError;

/// What makes a verdict ERROR: one sentence that says what happened and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The limits can't be used.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// The hardware map can't be used.
    #[error(transparent)]
    Map(#[from] MapError),
    /// Evidence is never written over.
    #[error("{} has the evidence of another run; name another folder with --out", folder.display())]
    NotEmpty {
        /// As asked for.
        folder: PathBuf,
    },
    /// No such case.
    #[error("there is no case {name}; the cases are {}", known.join(", "))]
    UnknownCase {
        /// As asked for.
        name: String,
        /// All there are.
        known: Vec<&'static str>,
    },
    /// Another bench has the receiver.
    #[error("another bench has {}: {holder}; wait for its end, or stop it", port.display())]
    Held {
        /// The receiver's port.
        port: PathBuf,
        /// Who.
        holder: Holder,
    },
    /// The port can't be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The port was there and is there no more.
    #[error("{} was lost while the bench used it; check cable and power, and run the case again", port.display())]
    PortLost {
        /// Which.
        port: PathBuf,
    },
    /// It doesn't answer what every u-blox does.
    #[error(
        "what is on {} doesn't answer UBX-MON-VER; the bench is for a u-blox {}: connect one, or let its port take UBX in",
        port.display(), super::link::MODEL
    )]
    NotUblox {
        /// Which port.
        port: PathBuf,
    },
    /// A u-blox, but not one that the cases are made for.
    #[error("{} is a {model}, and the bench is for a {}; name another with --port", port.display(), super::link::MODEL)]
    OtherKind {
        /// Which port.
        port: PathBuf,
        /// What it calls itself.
        model: String,
    },
    /// A question without an answer.
    #[error(
        "the receiver didn't answer {question} within {waited_s:.1} s; is its output on this port switched on?"
    )]
    NoAnswer {
        /// What was asked.
        question: String,
        /// How long it was waited for, seconds.
        waited_s: f64,
    },
    /// Nothing of a kind came that a case needs.
    #[error("no {what} came within {waited_s:.1} s; {advice}")]
    Nothing {
        /// What was waited for.
        what: &'static str,
        /// How long, seconds.
        waited_s: f64,
        /// What to do.
        advice: &'static str,
    },
    /// The receiver refused a setting.
    #[error("the receiver refused {what}; check that its firmware knows the keys")]
    Refused {
        /// What it was told.
        what: String,
    },
    /// The depot that a case started is of no use.
    #[error("the depot under test {what}; its log is {}", log.display())]
    Depot {
        /// What it did.
        what: String,
        /// Where its log is.
        log: PathBuf,
    },
    /// A measurement that is no number.
    #[error("{case} measured {name} as {value}, which is no number: a defect of the case, please report it")]
    NotANumber {
        /// The case.
        case: &'static str,
        /// The measurement.
        name: &'static str,
        /// What it says.
        value: f64,
    },
    /// A measurement the case didn't announce.
    #[error("{case} measured {name}, which it doesn't announce: a defect of the case, please report it")]
    NotAnnounced {
        /// The case.
        case: &'static str,
        /// The measurement.
        name: &'static str,
    },
    /// A case that doesn't come to its end.
    #[error("{case} took longer than {limit_s:.0} s and was given up")]
    TooLong {
        /// The case.
        case: &'static str,
        /// Its time, seconds.
        limit_s: f64,
    },
    /// The command of a fixture failed.
    #[error("the fixture's command `{command}` failed: {why}; run it by hand, and correct it in the map")]
    Fixture {
        /// As in the map.
        command: String,
        /// What it said.
        why: String,
    },
    /// A file of the evidence.
    #[error("could not {doing} {}: {source}", path.display())]
    File {
        /// `create`, `read`, `write`.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A record that another version wrote, or nobody.
    #[error("{} is no record of the bench: {source}", path.display())]
    NotARecord {
        /// Which.
        path: PathBuf,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// Somebody stopped it.
    #[error(
        "the bench was stopped; a case that had changed the receiver has not put it back: start the receiver anew"
    )]
    Interrupted,
    /// The twin.
    #[error("the virtual receiver failed: {0}")]
    Twin(std::io::Error),
}

impl BenchError {
    /// Shorthand for [`BenchError::File`].
    pub fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
