//! Cases whose failure is known: for a reason, and until a day.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::value::Datetime;

use super::Verdict;

/// As it is written: `[[quarantine]]` of a limits file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) case: String,
    reason: String,
    until: Datetime,
}

/// A case whose failure doesn't fail the run, but shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Which.
    pub case: String,
    /// Why it fails; never empty.
    pub reason: String,
    /// The last day on which that holds, in UTC.
    pub until: Day,
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Day {
    /// 2026
    pub year: i16,
    /// 1 to 12
    pub month: i8,
    /// 1 to 31
    pub day: i8,
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuarantineError {
    /// Nobody says why.
    #[error("the entry for {case} has an empty reason; say why it fails")]
    NoReason {
        /// The case.
        case: String,
    },
    /// Not a day.
    #[error("the entry for {case} ends {found}; a day belongs there, as 2026-12-31, without quotes")]
    NotADay {
        /// The case.
        case: String,
        /// What stands there.
        found: String,
    },
}

/// What a quarantine makes of a verdict.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<'a> {
    /// No entry, or nothing to excuse.
    None,
    /// The failure is shown and doesn't count.
    Excused(&'a Quarantine),
    /// The entry is over: the failure counts, and so does the entry.
    Expired(&'a Quarantine),
}

impl Quarantine {
    pub(super) fn new(entry: Entry) -> Result<Self, QuarantineError> {
        let Entry { case, reason, until } = entry;
        if reason.trim().is_empty() {
            return Err(QuarantineError::NoReason { case });
        }
        let (Some(date), None) = (until.date, until.time) else {
            return Err(QuarantineError::NotADay { case, found: until.to_string() });
        };
        // The parser has checked that month and day are there.
        let small = |n: u8| i8::try_from(n).unwrap_or(i8::MAX);
        let year = i16::try_from(date.year).unwrap_or(i16::MAX);
        Ok(Self { case, reason, until: Day { year, month: small(date.month), day: small(date.day) } })
    }
}

/// What the entries make of a case's verdict on a day. An entry that is over is never silent: the case itself gets
/// [`Verdict::Error`] until somebody removes or renews it.
#[must_use]
pub fn effect<'a>(entries: &'a [Quarantine], case: &str, verdict: Verdict, today: Day) -> Effect<'a> {
    let Some(entry) = entries.iter().rev().find(|entry| entry.case == case) else { return Effect::None };
    match verdict {
        _ if entry.until < today => Effect::Expired(entry),
        Verdict::Fail | Verdict::Error => Effect::Excused(entry),
        _ => Effect::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Quarantine, QuarantineError> {
        Quarantine::new(toml::from_str(text).expect("an entry"))
    }

    fn day(year: i16, month: i8, day: i8) -> Day {
        Day { year, month, day }
    }

    #[test]
    fn it_holds_through_its_last_day() {
        let text = "case = 'line'\nreason = 'long cable'\nuntil = 2026-11-30";
        let entries = [parse(text).unwrap()];
        let on = |verdict, today| effect(&entries, "line", verdict, today);
        assert_eq!(on(Verdict::Fail, day(2026, 11, 30)), Effect::Excused(&entries[0]));
        assert_eq!(on(Verdict::Error, day(2025, 12, 1)), Effect::Excused(&entries[0]));
        assert_eq!(on(Verdict::Pass, day(2026, 11, 30)), Effect::None);
        assert_eq!(on(Verdict::Pass, day(2026, 12, 1)), Effect::Expired(&entries[0]));
        assert_eq!(effect(&entries, "sky", Verdict::Fail, day(2026, 1, 1)), Effect::None);
    }

    #[test]
    fn an_entry_says_why_and_until_when() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(
            error("case = 'line'\nreason = ' '\nuntil = 2026-11-30"),
            "the entry for line has an empty reason; say why it fails"
        );
        assert_eq!(
            error("case = 'line'\nreason = 'x'\nuntil = 12:00:00"),
            "the entry for line ends 12:00:00; a day belongs there, as 2026-12-31, without quotes"
        );
        assert!(toml::from_str::<Entry>("case = 'line'\nreason = 'x'").is_err(), "an expiry date is a must");
    }
}
