//! GPS time, the calendar, and times of a day or week put where they belong.

/// Ticks of a second.
const TICKS_PER_S: i64 = 10_000_000;
const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;
/// From 1970-01-01 to 1980-01-06, when GPS time began.
const GPS_EPOCH_DAYS: i64 = 3_657;

/// GPS time ahead of UTC from the start of each day (IERS Bulletin C); before the first, 13 s.
const LEAP_SECONDS: [((u16, u8, u8), i64); 5] =
    [((2006, 1, 1), 14), ((2009, 1, 1), 15), ((2012, 7, 1), 16), ((2015, 7, 1), 17), ((2017, 1, 1), 18)];
const LEAP_SECONDS_BEFORE: i64 = 13;

/// GPS time ahead of BeiDou's, seconds (BDS-SIS-ICD B1I, 3.3).
pub(super) const GPS_AHEAD_OF_BEIDOU_S: i64 = 14;
/// BeiDou's week 0 is this week of GPS.
pub(super) const BEIDOU_WEEK: i64 = 1_356;
/// Galileo's week 0 is this week of GPS.
pub(super) const GALILEO_WEEK: i64 = 1_024;
/// Moscow ahead of UTC, seconds (GLONASS ICD L1/L2, 3.3.3).
pub(super) const MOSCOW_AHEAD_OF_UTC_S: i64 = 3 * 3_600;

/// An instant in GPS time, to 100 ns: the resolution of a RINEX epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GpsTime {
    /// Since 1980-01-06T00:00:00.
    ticks: i64,
}

/// Calendar date and time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    /// 1 to 366
    pub(super) day_of_year: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    /// Ten millionths of a second.
    pub(super) ticks: i64,
}

impl GpsTime {
    /// Week (since 1980, not modulo 1024) and seconds of it, which may be outside of it.
    #[must_use]
    pub fn of_week(week: i64, seconds: f64) -> Self {
        let ticks = (seconds * TICKS_PER_S as f64).round() as i64;
        Self { ticks: week.saturating_mul(WEEK_S * TICKS_PER_S).saturating_add(ticks) }
    }

    /// A UTC date and time of day, within the calendar; none if there is no such day, or none of GPS.
    #[must_use]
    pub fn of_utc(date: (u16, u8, u8), seconds_of_day: f64) -> Option<Self> {
        let days = days(date)?;
        let leap_s = LEAP_SECONDS.iter().rev().find(|(from, _)| date >= *from);
        let seconds = seconds_of_day + leap_s.map_or(LEAP_SECONDS_BEFORE, |(_, leap_s)| *leap_s) as f64;
        let midnight = Self { ticks: (days - GPS_EPOCH_DAYS) * DAY_S * TICKS_PER_S };
        (days >= GPS_EPOCH_DAYS && (0.0..=DAY_S as f64 + 1.0).contains(&seconds_of_day))
            .then(|| midnight.plus_s(seconds))
    }

    /// Time since the Unix epoch, in UTC.
    #[must_use]
    pub fn of_unix(time: crate::Timestamp) -> Self {
        let ticks = i64::try_from(time.as_nanos() / 100).unwrap_or(i64::MAX);
        let utc = Self { ticks: ticks.saturating_sub(GPS_EPOCH_DAYS * DAY_S * TICKS_PER_S) };
        utc.plus_s(utc.leap_seconds() as f64)
    }

    /// Weeks since 1980.
    #[must_use]
    pub fn week(self) -> i64 {
        self.ticks.div_euclid(WEEK_S * TICKS_PER_S)
    }

    /// Seconds since the start of a week, negative before it.
    pub(super) fn seconds_of_week(self, week: i64) -> f64 {
        self.ticks.saturating_sub(week.saturating_mul(WEEK_S * TICKS_PER_S)) as f64 / TICKS_PER_S as f64
    }

    /// Later by so much.
    pub(super) fn plus_s(self, seconds: f64) -> Self {
        Self { ticks: self.ticks.saturating_add((seconds * TICKS_PER_S as f64).round() as i64) }
    }

    /// From another time to this.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.ticks.saturating_sub(earlier.ticks) as f64 / TICKS_PER_S as f64
    }

    /// The time nearest to this that is so many seconds of a period (a day, a week) that began with GPS time.
    fn nearest(self, seconds: f64, period_s: i64) -> Self {
        let (period, at) = (period_s * TICKS_PER_S, (seconds * TICKS_PER_S as f64).round() as i64);
        let ahead = at.saturating_sub(self.ticks).rem_euclid(period);
        let step = if ahead > period / 2 { ahead - period } else { ahead };
        Self { ticks: self.ticks.saturating_add(step) }
    }

    /// The nearest time of this second of the GPS (and Galileo) week.
    pub(super) fn nearest_of_week(self, seconds: f64) -> Self {
        self.nearest(seconds, WEEK_S)
    }

    /// The nearest time of this second of the Moscow day; of the week where the day (0 Sunday) is known.
    pub(super) fn nearest_of_moscow(self, day: Option<u8>, seconds: f64) -> Self {
        let utc_s = seconds - MOSCOW_AHEAD_OF_UTC_S as f64 + self.leap_seconds() as f64;
        match day {
            Some(day) => self.nearest(utc_s + f64::from(day) * DAY_S as f64, WEEK_S),
            None => self.nearest(utc_s, DAY_S),
        }
    }

    /// The week, as sent modulo something, that is nearest.
    pub(super) fn nearest_week(self, sent: i64, modulo: i64) -> i64 {
        let ahead = (sent - self.week()).rem_euclid(modulo);
        self.week() + if ahead > modulo / 2 { ahead - modulo } else { ahead }
    }

    /// Of GPS time from UTC then.
    #[must_use]
    pub fn leap_seconds(self) -> i64 {
        let begun = |(date, leap_s): &&((u16, u8, u8), i64)| {
            let from = days(*date).unwrap_or_default() - GPS_EPOCH_DAYS;
            self.ticks >= (from * DAY_S + leap_s) * TICKS_PER_S
        };
        LEAP_SECONDS.iter().rev().find(begun).map_or(LEAP_SECONDS_BEFORE, |(_, leap_s)| *leap_s)
    }

    /// The calendar in GPS time.
    pub(super) fn civil(self) -> Civil {
        let days = self.ticks.div_euclid(DAY_S * TICKS_PER_S);
        let of_day = self.ticks.rem_euclid(DAY_S * TICKS_PER_S);
        let (year, month, day) = date(days + GPS_EPOCH_DAYS);
        let seconds = of_day / TICKS_PER_S;
        Civil {
            year,
            month,
            day,
            day_of_year: days + GPS_EPOCH_DAYS - days_before(year) + 1,
            hour: seconds / 3_600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            ticks: of_day % TICKS_PER_S,
        }
    }

    /// The calendar in UTC.
    pub(super) fn utc(self) -> Civil {
        self.plus_s(-(self.leap_seconds() as f64)).civil()
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// From 1970-01-01 to the first of a year.
fn days_before(year: i64) -> i64 {
    let before = year - 1;
    // 719162 days are before 1970 in the calendar run backwards to year 1.
    before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 719_162
}

/// From 1970-01-01; none if there is no such day.
fn days((year, month, day): (u16, u8, u8)) -> Option<i64> {
    let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
    if !(1..=12).contains(&month) || !(1..=month_days(year, month)).contains(&day) {
        return None;
    }
    Some(days_before(year) + (1..month).map(|month| month_days(year, month)).sum::<i64>() + day - 1)
}

fn date(days: i64) -> (i64, i64, i64) {
    // A year is 365.2425 days on average; the estimate is at most one off.
    let mut year = 1970 + days * 400 / 146_097;
    while days_before(year) > days {
        year -= 1;
    }
    while days_before(year + 1) <= days {
        year += 1;
    }
    let (mut month, mut rest) = (1, days - days_before(year));
    while rest >= month_days(year, month) {
        rest -= month_days(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(date: (u16, u8, u8), seconds: f64) -> GpsTime {
        GpsTime::of_utc(date, seconds).expect("a day")
    }

    /// The epochs of two captures: 2022-02-08 08:41:59 UTC is second 204137 of its week, and 2025-04-04
    /// 23:14:08 UTC second 515666 of week 2360.
    #[test]
    fn utc_is_a_week_and_its_seconds() {
        let time = utc((2022, 2, 8), 31_319.0);
        assert_eq!((time.week(), time.seconds_of_week(time.week())), (2196, 204_137.0));
        let time = utc((2025, 4, 4), 83_648.0);
        assert_eq!((time.week(), time.seconds_of_week(2360)), (2360, 515_666.0));
        let civil = time.utc();
        assert_eq!((civil.year, civil.month, civil.day, civil.day_of_year), (2025, 4, 4, 94));
        assert_eq!((civil.hour, civil.minute, civil.second, civil.ticks), (23, 14, 8, 0));
    }

    #[test]
    fn days_that_are_none_are_none() {
        for date in [(2025, 2, 29), (2025, 0, 1), (2025, 13, 1), (2025, 4, 31), (2025, 4, 0), (1979, 12, 31)]
        {
            assert_eq!(GpsTime::of_utc(date, 0.0), None, "{date:?}");
        }
        assert!(GpsTime::of_utc((2024, 2, 29), 0.0).is_some());
        assert_eq!(GpsTime::of_utc((2024, 2, 29), 90_000.0), None);
    }

    #[test]
    fn the_calendar_goes_there_and_back_day_by_day() {
        let mut expected = (1980, 1, 6);
        for days in 0..60_000 {
            let civil = GpsTime { ticks: days * DAY_S * TICKS_PER_S }.civil();
            assert_eq!((civil.year, civil.month, civil.day), expected);
            let next = (expected.0, expected.1, expected.2 + 1);
            expected = match next {
                (year, 12, 32) => (year + 1, 1, 1),
                (year, month, day) if day > month_days(year, month) => (year, month + 1, 1),
                next => next,
            };
        }
    }

    #[test]
    fn leap_seconds_of_their_time() {
        assert_eq!(utc((2005, 12, 31), 86_399.0).leap_seconds(), 13);
        assert_eq!(utc((2006, 1, 1), 0.0).leap_seconds(), 14);
        assert_eq!(utc((2016, 12, 31), 86_399.0).leap_seconds(), 17);
        assert_eq!(utc((2017, 1, 1), 0.0).leap_seconds(), 18);
    }

    #[test]
    fn the_nearest_time_of_a_week_or_day() {
        let sunday = GpsTime::of_week(2360, 1.0);
        assert_eq!(sunday.nearest_of_week(604_799.0), GpsTime::of_week(2359, 604_799.0));
        assert_eq!(sunday.nearest_of_week(2.0), GpsTime::of_week(2360, 2.0));
        // Moscow's midnight is 21:00:18 in GPS time.
        let evening = GpsTime::of_week(2360, 21.0 * 3600.0);
        assert_eq!(evening.nearest_of_moscow(None, 0.0), GpsTime::of_week(2360, 75_618.0));
        assert_eq!(evening.nearest_of_moscow(Some(1), 0.0), GpsTime::of_week(2360, 75_618.0));
        assert_eq!(evening.nearest_week(2360 % 1024, 1024), 2360);
        assert_eq!(evening.nearest_week(1023, 1024), 2047);
    }
}
