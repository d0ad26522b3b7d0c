//! When a mission starts by itself.

use std::str::FromStr;

use croner::parser::{CronParser, Seconds, Year};
use jiff::{Timestamp, tz::TimeZone};
use wire::dispatch::{Mission, Schedule, Trigger};

use super::problem::{Problem, shortened};

/// A scheduled start this late is missed: told, and not made up for.
pub const MISSED_AFTER_MS: i64 = 60_000;
/// A firing that the clock puts so little ahead was before the clock stepped back, and is not repeated. One that
/// is further ahead tells that the clock was wrong, and counts for nothing.
pub const STEPPED_BACK_MS: i64 = 3_600_000;
/// Characters of an expression, a zone's name or a time; longer ones are refused.
const TEXT_CHARS: usize = 100;

/// Whether a schedule makes sense.
///
/// # Errors
/// A sentence about the member that doesn't.
pub fn check(schedule: &Schedule) -> Result<(), Problem> {
    if schedule.trigger == Trigger::Cron && schedule.cron.is_none() {
        return Err(Problem::NoCron);
    }
    if let Some(at) = &schedule.at {
        instant(at)?;
    }
    if let Some(name) = &schedule.timezone {
        timezone(name)?;
    }
    // Of another trigger it is what a form had in it, and means nothing.
    if schedule.trigger == Trigger::Cron { next_cron(schedule, 0).map(drop) } else { Ok(()) }
}

/// When a mission that was just written is due, Unix milliseconds; none if it never starts by itself.
///
/// # Errors
/// As [`check`].
pub fn due(mission: &Mission, now_ms: i64) -> Result<Option<i64>, Problem> {
    if !mission.enabled {
        return Ok(None);
    }
    match mission.schedule.trigger {
        Trigger::Manual => Ok(None),
        Trigger::Once => match &mission.schedule.at {
            Some(at) => instant(at).map(Some),
            None => Ok(Some(now_ms)),
        },
        Trigger::Cron => next_cron(&mission.schedule, now_ms).map(Some),
    }
}

/// When a mission that was due at `due_ms` is due now that the clock may have been stepped back; never later.
#[must_use]
pub fn due_again(mission: &Mission, due_ms: i64, now_ms: i64) -> i64 {
    match mission.schedule.trigger {
        Trigger::Once if mission.schedule.at.is_none() => due_ms.min(now_ms),
        Trigger::Cron => {
            let last = mission.last_firing.as_ref().and_then(|firing| instant(&firing.at).ok());
            let last = last.filter(|last| last.saturating_sub(now_ms) <= STEPPED_BACK_MS).unwrap_or(now_ms);
            next_cron(&mission.schedule, last.max(now_ms)).map_or(due_ms, |next| next.min(due_ms))
        }
        Trigger::Once | Trigger::Manual => due_ms,
    }
}

/// The first time after `after_ms` at which a cron schedule fires, Unix milliseconds.
///
/// # Errors
/// As [`check`].
pub fn next_cron(schedule: &Schedule, after_ms: i64) -> Result<i64, Problem> {
    let expression = schedule.cron.as_deref().ok_or(Problem::NoCron)?;
    let bad = || Problem::BadCron { expression: shortened(expression, TEXT_CHARS) };
    let fields = expression.split_whitespace().count();
    if !(5..=6).contains(&fields) || expression.chars().count() > TEXT_CHARS {
        return Err(bad());
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = parser.parse(expression).map_err(|_| bad())?;
    let zone = schedule.timezone.as_deref().map_or(Ok(TimeZone::UTC), timezone)?;
    let after = Timestamp::from_millisecond(after_ms).map_err(|_| bad())?.to_zoned(zone);
    let next = cron.find_next_occurrence(&after, false).map_err(|_| bad())?;
    Ok(next.timestamp().as_millisecond())
}

/// RFC 3339 in UTC, to the millisecond; times beyond the calendar are its end.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    let end = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    format!("{:.3}", Timestamp::from_millisecond(ms).unwrap_or(end))
}

fn instant(text: &str) -> Result<i64, Problem> {
    let bad = || Problem::BadTime { text: shortened(text, TEXT_CHARS) };
    Timestamp::from_str(text).map(Timestamp::as_millisecond).map_err(|_| bad())
}

fn timezone(name: &str) -> Result<TimeZone, Problem> {
    TimeZone::get(name).map_err(|_| Problem::BadTimezone { name: shortened(name, TEXT_CHARS) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(expression: &str, timezone: Option<&str>) -> Schedule {
        let (cron, timezone) = (Some(expression.to_owned()), timezone.map(str::to_owned));
        Schedule { trigger: Trigger::Cron, cron, timezone, ..Schedule::default() }
    }

    fn next(schedule: &Schedule, after: &str) -> String {
        rfc3339(next_cron(schedule, instant(after).unwrap()).unwrap())
    }

    #[test]
    fn five_fields_six_fields_and_a_time_zone() {
        assert_eq!(next(&cron("30 6 * * 1-5", None), "2026-03-01T00:00:00Z"), "2026-03-02T06:30:00.000Z");
        assert_eq!(next(&cron("*/10 * * * * *", None), "2026-03-01T00:00:00Z"), "2026-03-01T00:00:10.000Z");
        let berlin = cron("0 6 * * *", Some("Europe/Berlin"));
        assert_eq!(next(&berlin, "2026-03-28T12:00:00Z"), "2026-03-29T04:00:00.000Z");
        assert_eq!(next(&berlin, "2026-03-27T12:00:00Z"), "2026-03-28T05:00:00.000Z");
    }

    /// 02:30 doesn't exist on the last Sunday of March in Berlin and comes twice on that of October.
    #[test]
    fn a_day_with_an_hour_less_or_more_has_one_firing_at_most() {
        let berlin = cron("30 2 * * *", Some("Europe/Berlin"));
        let autumn = next(&berlin, "2026-10-24T12:00:00Z");
        assert_eq!(autumn, "2026-10-25T00:30:00.000Z");
        assert_eq!(next(&berlin, &autumn), "2026-10-26T01:30:00.000Z");
        assert!(next(&berlin, "2026-03-28T12:00:00Z").as_str() < "2026-03-30T01:00:00.000Z");
    }

    #[test]
    fn nonsense_is_refused() {
        for expression in
            ["", "* * * *", "* * * * * * *", "61 * * * *", "a b c d e", "0 0 31 2 *", "@daily", "* * * * \0"]
        {
            let found = check(&cron(expression, None));
            assert!(matches!(found, Err(Problem::BadCron { .. })), "{expression:?}: {found:?}");
        }
        assert!(matches!(check(&cron("* * * * *", Some("Mars/Base"))), Err(Problem::BadTimezone { .. })));
        assert_eq!(check(&Schedule { trigger: Trigger::Cron, ..Schedule::default() }), Err(Problem::NoCron));
        for at in ["tomorrow", "2026-03-01", "2026-03-01T09:30:00"] {
            let once = Schedule { trigger: Trigger::Once, at: Some(at.to_owned()), ..Schedule::default() };
            assert!(matches!(check(&once), Err(Problem::BadTime { .. })), "{at}");
        }
    }
}
