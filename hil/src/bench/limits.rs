//! What is good, in numbers with units: a TOML file.
//!
//! ```toml
//! [limits.line.load]
//! unit = "%"
//! max = 80
//! marginal = 10        # from 70 % on somebody should look
//!
//! [limits.rtcm."interval_p99/1230"]   # of one message; "interval_p99" is for all others
//! unit = "ms"
//! max = 5500
//!
//! [[quarantine]]
//! case = "position"
//! reason = "the antenna waits for its new mount"
//! until = 2026-12-31
//! ```
//!
//! A limit belongs to a measurement of a case; its unit must be the measurement's. What a file of one's own says of a
//! measurement replaces what is built in for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::quarantine::{self, Quarantine};
use super::{Unit, Verdict};

/// What the bench takes for good if nobody says otherwise.
const BUILT_IN: &str = include_str!("limits.toml");

/// A larger limits file isn't one.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Bounds of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Of all three.
    pub unit: Unit,
    /// Below it is FAIL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Above it is FAIL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// What is within the limits but nearer to one than this is MARGINAL; 0 for nothing.
    pub marginal: f64,
}

impl Limit {
    /// Judges a value in the limit's own unit.
    #[must_use]
    pub fn judge(&self, value: f64) -> Verdict {
        let room = [self.min.map(|min| value - min), self.max.map(|max| max - value)];
        match room.into_iter().flatten().min_by(f64::total_cmp) {
            None => Verdict::Pass,
            // Also what is no number.
            Some(room) if room.is_nan() || room < 0.0 => Verdict::Fail,
            Some(room) if room < self.marginal => Verdict::Marginal,
            Some(_) => Verdict::Pass,
        }
    }

    /// `2.00 s to 30.00 s`, `at most 80.0 %`.
    #[must_use]
    pub fn text(&self) -> String {
        let show = |value| self.unit.show(value);
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{} to {}", show(min), show(max)),
            (Some(min), None) => format!("at least {}", show(min)),
            (None, Some(max)) => format!("at most {}", show(max)),
            (None, None) => String::new(),
        }
    }
}

/// All limits in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// By case, then by measurement (`interval_p99`, `interval_p99/1230`).
    limits: BTreeMap<String, BTreeMap<String, Limit>>,
    /// Cases whose failure is known.
    pub quarantine: Vec<Quarantine>,
}

/// What is wrong with a limits file.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// It can't be read.
    #[error("could not read the limits {}: {source}; check --limits", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It isn't TOML, or has other keys than it may.
    #[error("the limits {file} can't be read: {message}")]
    Syntax {
        /// Which file.
        file: String,
        /// What the parser says, in one line.
        message: String,
    },
    /// A case that isn't there.
    #[error("the limits {file} name a case {case}; the cases are {}", known.join(", "))]
    UnknownCase {
        /// Which file.
        file: String,
        /// As named.
        case: String,
        /// All there are.
        known: Vec<&'static str>,
    },
    /// A measurement that isn't there.
    #[error("the limits {file} name {case}.{measure}; {case} measures {}", known.join(", "))]
    UnknownMeasure {
        /// Which file.
        file: String,
        /// The case.
        case: String,
        /// As named.
        measure: String,
        /// All of the case.
        known: Vec<&'static str>,
    },
    /// A unit that the measurement isn't in.
    #[error("the limits {file} give {case}.{measure} in {found}; it is measured in {expected}")]
    Unit {
        /// Which file.
        file: String,
        /// The case.
        case: String,
        /// The measurement.
        measure: String,
        /// What belongs there.
        expected: Unit,
        /// What stands there.
        found: String,
    },
    /// A limit that nothing, or everything, meets.
    #[error(
        "the limits {file} bound {case}.{measure} {how}; give min, max or both, min below max, marginal not below 0"
    )]
    Senseless {
        /// Which file.
        file: String,
        /// The case.
        case: String,
        /// The measurement.
        measure: String,
        /// What makes no sense.
        how: &'static str,
    },
    /// An entry of the quarantine.
    #[error("the limits {file} have a quarantine that can't be used: {source}")]
    Quarantine {
        /// Which file.
        file: String,
        /// Why.
        #[source]
        source: quarantine::QuarantineError,
    },
}

/// A limits file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    limits: BTreeMap<String, BTreeMap<String, Bounds>>,
    #[serde(default)]
    quarantine: Vec<quarantine::Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    unit: String,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(default)]
    marginal: f64,
}

impl Limits {
    /// Those that are built in.
    ///
    /// # Errors
    /// Only if what is built in is wrong, which a test excludes.
    pub fn built_in(cases: &[Case]) -> Result<Self, LimitsError> {
        let mut limits = Self::default();
        limits.add("built in", BUILT_IN, cases)?;
        Ok(limits)
    }

    /// Those that are built in, and over them those of a file.
    ///
    /// # Errors
    /// The first thing that is wrong with the file.
    pub fn load(path: Option<&Path>, cases: &[Case]) -> Result<Self, LimitsError> {
        let mut limits = Self::built_in(cases)?;
        if let Some(path) = path {
            let text = super::evidence::read_text(path, MAX_FILE_BYTES)
                .map_err(|source| LimitsError::Read { path: path.to_owned(), source })?;
            limits.add(&path.display().to_string(), &text, cases)?;
        }
        Ok(limits)
    }

    /// The limit of a measurement, of a part of it if it has one of its own.
    #[must_use]
    pub fn of(&self, case: &str, measure: &str, part: Option<&str>) -> Option<Limit> {
        let limits = self.limits.get(case)?;
        let special = part.and_then(|part| limits.get(&format!("{measure}/{part}")));
        special.or_else(|| limits.get(measure)).copied()
    }

    /// All of a case, by measurement.
    pub fn of_case(&self, case: &str) -> impl Iterator<Item = (&str, &Limit)> {
        self.limits.get(case).into_iter().flatten().map(|(name, limit)| (name.as_str(), limit))
    }

    fn add(&mut self, file: &str, text: &str, cases: &[Case]) -> Result<(), LimitsError> {
        let parsed: File = toml::from_str(text).map_err(|error| LimitsError::Syntax {
            file: file.to_owned(),
            message: one_line(&error, text),
        })?;
        for (name, measures) in parsed.limits {
            let case = known(cases, file, &name)?;
            for (measure, bounds) in measures {
                let limit = checked(case, file, &measure, &bounds)?;
                self.limits.entry(name.clone()).or_default().insert(measure, limit);
            }
        }
        for entry in parsed.quarantine {
            known(cases, file, &entry.case)?;
            let entry = Quarantine::new(entry)
                .map_err(|source| LimitsError::Quarantine { file: file.to_owned(), source })?;
            self.quarantine.push(entry);
        }
        Ok(())
    }
}

fn known<'a>(cases: &'a [Case], file: &str, name: &str) -> Result<&'a Case, LimitsError> {
    cases.iter().find(|case| case.name == name).ok_or_else(|| LimitsError::UnknownCase {
        file: file.to_owned(),
        case: name.to_owned(),
        known: cases.iter().map(|case| case.name).collect(),
    })
}

fn checked(case: &Case, file: &str, key: &str, bounds: &Bounds) -> Result<Limit, LimitsError> {
    let (file, case_name, measure) = (file.to_owned(), case.name.to_owned(), key.to_owned());
    let name = key.split_once('/').map_or(key, |(name, _)| name);
    let Some(announced) = case.measures.iter().find(|measure| measure.name == name) else {
        let known = case.measures.iter().map(|measure| measure.name).collect();
        return Err(LimitsError::UnknownMeasure { file, case: case_name, measure, known });
    };
    if bounds.unit != announced.unit.text() {
        let (expected, found) = (announced.unit, bounds.unit.clone());
        return Err(LimitsError::Unit { file, case: case_name, measure, expected, found });
    }
    let finite = [bounds.min, bounds.max, Some(bounds.marginal)].into_iter().flatten().all(f64::is_finite);
    let how = match (bounds.min, bounds.max) {
        (None, None) => Some("by nothing"),
        (Some(min), Some(max)) if min > max => Some("so that nothing can meet them"),
        _ if !finite => Some("by what is no number"),
        _ if bounds.marginal < 0.0 => Some("with a negative margin"),
        _ => None,
    };
    match how {
        Some(how) => Err(LimitsError::Senseless { file, case: case_name, measure, how }),
        None => {
            Ok(Limit { unit: announced.unit, min: bounds.min, max: bounds.max, marginal: bounds.marginal })
        }
    }
}

/// The parser's message without its picture of the line, and which line it is.
pub(super) fn one_line(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().replace('\n', " ");
    match error.span() {
        Some(span) => {
            let line = text.get(..span.start).unwrap_or(text).matches('\n').count() + 1;
            format!("line {line}: {message}")
        }
        None => message,
    }
}

#[cfg(test)]
mod tests;
