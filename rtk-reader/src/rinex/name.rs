//! RINEX 3 long file names (RINEX 3.04, table A1): `DEPO00XXX_S_20250942314_01M_01S_MO.rnx`.

use std::collections::BTreeSet;

use crate::decode::Constellation;

use super::{
    epochs::Source,
    time::{Civil, GpsTime},
};

/// Minutes of an hour and of a day.
const HOUR_MIN: f64 = 60.0;
const DAY_MIN: f64 = 1_440.0;

/// Site, monument, receiver and country; nine characters. A name of nine letters and digits is taken as it is;
/// of another its first four, receiver 00 at monument 0 of a country that isn't known.
fn site(marker: &str) -> String {
    let marker: String =
        marker.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
    if marker.len() == 9 { marker } else { format!("{marker:0<4.4}00XXX") }
}

fn start(marker: &str, source: Option<Source>, at: GpsTime) -> String {
    let Civil { year, day_of_year, hour, minute, .. } = at.civil();
    let from = if source == Some(Source::Rawx) { 'R' } else { 'S' };
    format!("{}_{from}_{year:04}{day_of_year:03}{hour:02}{minute:02}", site(marker))
}

/// The name of an observation file.
pub(super) fn of_observations(
    marker: &str,
    source: Source,
    (first, last): (GpsTime, GpsTime),
    interval_s: Option<f64>,
    system: &str,
) -> String {
    let start = start(marker, Some(source), first);
    let minutes = (last.seconds_since(first) + interval_s.unwrap_or(1.0)) / 60.0;
    let (period, frequency) = (period(minutes), interval_s.map_or_else(|| "00U".to_owned(), frequency));
    format!("{start}_{period}_{frequency}_{}O.rnx", letter(system))
}

/// The name of a navigation file.
pub(super) fn of_navigation(
    marker: &str,
    source: Option<Source>,
    at: GpsTime,
    minutes: f64,
    system: &str,
) -> String {
    format!("{}_{}_{}N.rnx", start(marker, source, at), period(minutes), letter(system))
}

/// What a file is of, as a header says it.
pub(super) fn system(systems: impl Iterator<Item = Constellation>) -> &'static str {
    let systems: BTreeSet<Constellation> = systems.collect();
    match (systems.first(), systems.len()) {
        (Some(Constellation::Gps), 1) => "G: GPS",
        (Some(Constellation::Glonass), 1) => "R: GLONASS",
        (Some(Constellation::Galileo), 1) => "E: GALILEO",
        (Some(Constellation::Beidou), 1) => "C: BDS",
        (Some(Constellation::Qzss), 1) => "J: QZSS",
        (Some(Constellation::Sbas), 1) => "S: SBAS",
        (Some(Constellation::Navic), 1) => "I: IRNSS",
        _ => "M: MIXED",
    }
}

fn letter(system: &str) -> &str {
    system.get(..1).unwrap_or("M")
}

/// Rounded up to whole minutes, hours or days, whichever has two digits.
fn period(minutes: f64) -> String {
    let two_digits = |of: f64, unit: char| {
        let count = (minutes / of - 1e-9).ceil().max(1.0);
        (count < 100.0).then(|| format!("{count:02}{unit}"))
    };
    two_digits(1.0, 'M')
        .or_else(|| two_digits(HOUR_MIN, 'H'))
        .or_else(|| two_digits(DAY_MIN, 'D'))
        .unwrap_or_else(|| "00U".to_owned())
}

fn frequency(interval_s: f64) -> String {
    let (count, unit) = match interval_s {
        s if s < 0.01 => (0.0, 'U'),
        s if s < 0.999 => ((1.0 / s).round(), 'Z'),
        s if s < 99.5 => (s.round(), 'S'),
        s if s < 99.5 * 60.0 => ((s / 60.0).round(), 'M'),
        _ => (0.0, 'U'),
    };
    format!("{count:02}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let at = GpsTime::of_utc((2025, 4, 4), 83_648.0).expect("a day");
        let name = |marker, seconds, interval_s| {
            of_observations(marker, Source::Msm, (at, at.plus_s(seconds)), interval_s, "M: MIXED")
        };
        assert_eq!(name("depot", 29.0, Some(1.0)), "DEPO00XXX_S_20250942314_01M_01S_MO.rnx");
        assert_eq!(name("bern01che", 3_599.0, Some(1.0)), "BERN01CHE_S_20250942314_60M_01S_MO.rnx");
        assert_eq!(name("a/..", 86_399.5, Some(0.5)), "A00000XXX_S_20250942314_24H_02Z_MO.rnx");
        assert_eq!(name("", 0.0, None), "000000XXX_S_20250942314_01M_00U_MO.rnx");
        assert_eq!(name("x", 99.0 * 3600.0, Some(30.0)), "X00000XXX_S_20250942314_05D_30S_MO.rnx");
        let name = of_navigation("depot", Some(Source::Rawx), at, 61.0, "G: GPS");
        assert_eq!(name, "DEPO00XXX_R_20250942314_61M_GN.rnx");
    }
}
