//! What a replay found, for people and for the shell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use kit::machine::Timestamp;

use crate::diff::Mismatch;
pub use crate::finding::{DifferenceKind, Whole};
pub use crate::frame::Peer;
use crate::session::Problem;

/// Exit code: the tool itself failed; see [`crate::player::ReplayError::exit_code`].
pub const TOOL_ERROR: u8 = 1;
/// Exit code: what was asked for makes no sense, a file of rules included.
pub const USAGE: u8 = 2;
/// Exit code: there is no such file, or nothing was selected.
pub const NOT_FOUND: u8 = 4;
/// Exit code: the file may not be read.
pub const NOT_PERMITTED: u8 = 5;
/// Exit code: the file is something else than a recording.
pub const NOT_A_RECORDING: u8 = 9;
/// Exit code: the recording is of a format this program doesn't know yet.
pub const NEWER_FORMAT: u8 = 10;

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything as recorded.
    Same,
    /// Something else than recorded.
    Differs,
    /// Everything as recorded, as far as the recording can be read.
    Lossy,
    /// Two runs did different things.
    NotDeterministic,
}

impl Outcome {
    /// The process's exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Same => 0,
            Self::Lossy => 3,
            Self::NotDeterministic => 6,
            Self::Differs => 100,
        }
    }
}

/// A replay's result. Displays as what a person should read.
#[derive(Debug)]
pub struct Report {
    /// The file's name.
    pub session: String,
    /// The version of the program that recorded it.
    pub recorded_by: String,
    /// Of the programs that ran the services, where other than that: each once.
    pub versions: Vec<String>,
    /// What a person should know besides: settings of another version.
    pub notes: Vec<String>,
    /// Inputs fed.
    pub inputs: u64,
    /// Outputs that came.
    pub outputs: u64,
    /// From the first to the last event.
    pub recorded: Duration,
    /// It took so long, all runs.
    pub elapsed: Duration,
    /// How many there are.
    pub differences: u64,
    /// How many of each sort.
    pub kinds: BTreeMap<DifferenceKind, u64>,
    /// The first of them in the recording.
    pub first: Option<Difference>,
    /// The first and those after it, as many as [`crate::player::Plan::tell`] asked for.
    pub list: Vec<Difference>,
    /// Why the recording wasn't replayed to its end.
    pub lossy: Option<Lossy>,
    /// Something of it was to be compared: the plan's window has an event of it.
    pub selected: bool,
    /// The rules of the plan, by their place, that selected a value.
    pub used_rules: BTreeSet<usize>,
    /// SHA-256 over all outputs and states, in hexadecimal, of each run; none where live services were heard.
    pub digests: Vec<String>,
}

/// Where a replay isn't what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In what way.
    pub kind: DifferenceKind,
    /// When, on the recorded time line.
    pub at: Timestamp,
    /// When, from the first event on.
    pub since_start: Duration,
    /// Events before this number led to it.
    pub seq: u64,
    /// The service.
    pub service: String,
    /// The connection or request, if it is about one.
    pub peer: Option<Peer>,
    /// The place in the frame, what was recorded and what came.
    pub mismatch: Mismatch,
    /// Both outputs, or states, whole; none if it is about neither.
    pub whole: Option<Whole>,
    /// The service's last events before it.
    pub before: Vec<Frame>,
    /// The last `gps_status` that was told before it, where more than the first difference was asked for.
    pub gnss: Option<String>,
}

/// A recorded event, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number.
    pub seq: u64,
    /// From the first event on.
    pub since_start: Duration,
    /// In one line.
    pub text: String,
}

/// Why a recording is replayed only in part.
#[derive(Debug, thiserror::Error)]
pub enum Lossy {
    /// It can't be read further.
    #[error("{0}")]
    File(#[from] Problem),
    /// Its writer was too slow.
    #[error("the recording has a gap: {lost} events were lost at event {seq}, +{:.3} s", at.as_secs_f64())]
    Gap {
        /// Events lost.
        lost: u64,
        /// From the first event on.
        at: Duration,
        /// The last number lost.
        seq: u64,
    },
    /// It begins with a gap.
    #[error(
        "the recording begins in mid-life: {lost} events before event {} are not in it, so the services' states aren't known; it can be read and converted, not replayed",
        seq.saturating_add(1)
    )]
    MidLife {
        /// Events that are in another file, or in none.
        lost: u64,
        /// The last number lost.
        seq: u64,
    },
    /// A service is recorded that this program doesn't have.
    #[error("{problem}; the other services were replayed without it")]
    Unknown {
        /// Which, and what to do.
        problem: String,
    },
    /// An event of a service that wasn't started.
    #[error("event {seq} is of {service}, whose start is not in the recording")]
    NoStart {
        /// The service.
        service: String,
        /// The event.
        seq: u64,
    },
    /// The file is whole, and a service in it didn't end in order.
    #[error("the recording of {service} has no end: it crashed, or went on when the recorder had stopped")]
    NoEnd {
        /// The service.
        service: String,
    },
    /// A live service said nothing any more.
    #[error("the live service fell silent: nothing from event {seq} on was played")]
    Silent {
        /// The first input that wasn't sent.
        seq: u64,
    },
    /// A service's recorded receiver has nowhere to be played.
    #[error(
        "{service} was skipped: the recording has a receiver's bytes, and the live one doesn't take them at /feed; start it with --gnss feed"
    )]
    NoFeed {
        /// The service.
        service: String,
    },
    /// Time ran backwards in a service.
    #[error("event {seq} of {service} is older than the one before it")]
    Backwards {
        /// The service.
        service: String,
        /// The event.
        seq: u64,
    },
}

impl Report {
    /// What it came to. Machines that aren't deterministic prove nothing; a difference before a recording's
    /// damage is as real as any.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.digests.windows(2).any(|pair| pair.first() != pair.last()) {
            Outcome::NotDeterministic
        } else if self.differences > 0 {
            Outcome::Differs
        } else if self.lossy.is_some() {
            Outcome::Lossy
        } else {
            Outcome::Same
        }
    }

    /// `3 different, 1 missing`.
    #[must_use]
    pub fn sorts(&self) -> String {
        let sort = |(kind, count): (&DifferenceKind, &u64)| format!("{} {}", grouped(*count), kind.name());
        self.kinds.iter().map(sort).collect::<Vec<_>>().join(", ")
    }

    /// What to do now; one sentence.
    fn advice(&self) -> Option<&'static str> {
        // No machine of ours ran.
        let live = self.digests.is_empty();
        Some(match self.outcome() {
            Outcome::Same => return None,
            Outcome::Differs if live => {
                "If the live service is right, record the session again with it; if not, the frames above lead to what it does otherwise."
            }
            Outcome::Lossy if live => "What was played is as recorded; see above for what wasn't.",
            Outcome::Differs => {
                "If the new behaviour is wanted, accept it with --update; if not, the frames above lead to the change that broke it."
            }
            Outcome::Lossy if self.inputs == 0 => "Nothing of it could be compared.",
            Outcome::Lossy => {
                "Everything before that place is as recorded; record again for the rest, or get an undamaged copy."
            }
            Outcome::NotDeterministic => {
                "Look in the service's core for what isn't an argument: a clock, randomness, the order of a HashMap, global state."
            }
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(first) = &self.first {
            writeln!(f, "{first}")?;
        }
        if let Some(lossy) = &self.lossy {
            writeln!(f, "{lossy}")?;
        }
        if let (Outcome::NotDeterministic, [one, other, ..]) = (self.outcome(), &*self.digests) {
            writeln!(f, "two runs of the same session differ: digests {one} and {other}")?;
        }
        let ours = env!("CARGO_PKG_VERSION");
        let others: Vec<&str> = self.versions.iter().map(String::as_str).filter(|by| *by != ours).collect();
        if self.outcome() != Outcome::Same && !others.is_empty() {
            writeln!(f, "recorded by depot {}, replayed by {ours}", others.join(" and "))?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        let (inputs, outputs) = (counted(self.inputs, "input"), counted(self.outputs, "output"));
        let recorded = format!("{:.1} s", self.recorded.as_secs_f64());
        write!(
            f,
            "{inputs}, {outputs}, {recorded} in {}{}, {}",
            took(self.elapsed),
            times(self.recorded, self.elapsed),
            counted(self.differences, "difference")
        )?;
        if self.differences > 1 {
            write!(f, " ({})", self.sorts())?;
        }
        self.advice().map_or(Ok(()), |advice| write!(f, "\n{advice}"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.described();
        let (since, at) = (self.since_start.as_secs_f64(), utc(self.at));
        write!(f, "{kind}: +{since:.3} s ({at}), {}", self.service)?;
        if let Some(peer) = &self.peer {
            write!(f, ", {peer}")?;
        }
        let Mismatch { path, expected, found } = &self.mismatch;
        let nothing = "(nothing)";
        write!(f, "\n  at        {path}")?;
        write!(f, "\n  expected  {}", expected.as_deref().unwrap_or(nothing))?;
        write!(f, "\n  found     {}", found.as_deref().unwrap_or(nothing))?;
        write!(f, "\n  before it, in this service:")?;
        for frame in &self.before {
            write!(f, "\n    +{:.3} s  #{}  {}", frame.since_start.as_secs_f64(), frame.seq, frame.text)?;
        }
        Ok(())
    }
}

/// `1 input`, `1,234 inputs`.
#[must_use]
pub fn counted(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(n))
}

/// `1234567` as `1,234,567`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub(crate) fn took(elapsed: Duration) -> String {
    if elapsed >= Duration::from_secs(1) {
        format!("{:.1} s", elapsed.as_secs_f64())
    } else if elapsed >= Duration::from_millis(10) {
        format!("{} ms", elapsed.as_millis())
    } else {
        format!("{:.1} ms", elapsed.as_secs_f64() * 1e3)
    }
}

/// ` (13,000 × real time)`, to two digits: more would change from run to run.
fn times(recorded: Duration, elapsed: Duration) -> String {
    let Some(times) = recorded.as_micros().checked_div(elapsed.as_micros()) else {
        return String::new();
    };
    let mut times = u64::try_from(times).unwrap_or(u64::MAX);
    let mut scale = 1;
    while times >= 100 {
        times /= 10;
        scale *= 10;
    }
    if times == 0 { String::new() } else { format!(" ({} × real time)", grouped(times * scale)) }
}

/// RFC 3339, to the millisecond.
pub(crate) fn utc(at: Timestamp) -> String {
    let (days, second) = (at.as_secs() / 86_400, at.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second, ms) = (second / 3600, second / 60 % 60, second % 60, at.subsec_millis());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar. Years begin in March here, so
/// that the day that isn't always there is the last.
fn date(days: u64) -> (u64, u64, u64) {
    // From 0000-03-01, which begins a cycle of 400 years.
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + next_year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        for (secs, date) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(utc(Duration::from_secs(secs)), date);
        }
        // Neither the largest recorded time nor the largest there is overflows.
        assert_eq!(utc(Duration::from_nanos(u64::MAX)), "2554-07-21T23:34:33.709Z");
        utc(Duration::MAX);
    }

    #[test]
    fn the_line_of_success() {
        let mut report = Report {
            selected: true,
            session: "base.mcap".to_owned(),
            recorded_by: "0.1.0".to_owned(),
            versions: vec!["0.1.0".to_owned()],
            notes: Vec::new(),
            inputs: 1_234,
            outputs: 567,
            recorded: Duration::from_secs(158),
            elapsed: Duration::from_millis(12),
            differences: 0,
            kinds: BTreeMap::new(),
            first: None,
            list: Vec::new(),
            lossy: None,
            used_rules: BTreeSet::new(),
            digests: vec!["a".to_owned(), "a".to_owned()],
        };
        assert_eq!(
            report.to_string(),
            "1,234 inputs, 567 outputs, 158.0 s in 12 ms (13,000 × real time), 0 differences"
        );
        report.recorded = Duration::ZERO;
        report.elapsed = Duration::from_micros(432);
        (report.inputs, report.outputs) = (1_000_000, 1);
        assert_eq!(report.to_string(), "1,000,000 inputs, 1 output, 0.0 s in 0.4 ms, 0 differences");
        report.digests = vec!["a".to_owned(), "b".to_owned()];
        report.differences = 1;
        assert_eq!(report.outcome(), Outcome::NotDeterministic);
        report.digests.pop();
        assert_eq!(report.outcome().exit_code(), 100);
    }
}
