//! ZDA: time and date.
//!
//! ```text
//!         1         2  3  4    5  6
//! $GNZDA,003956.00,12,04,2019,00,00*7C
//! ```
//!
//! The date and the zone are read by the `nmea` crate; the time is ours, since the crate refuses second 60.

use serde::Serialize;

use nmea::{NmeaSentence, SentenceType, sentences::parse_zda};

use super::{Date, Fields, Reason, TimeOfDay};

/// Time and date.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Zda {
    /// UTC.
    pub time: Option<TimeOfDay>,
    /// UTC date.
    pub date: Option<Date>,
    /// Local zone, minutes to add to UTC; the standard's sign is kept.
    pub zone_minutes: Option<i16>,
}

impl Zda {
    pub(super) fn read(data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 6)?;
        let time = f.time()?;
        let refused = || Reason::Format { expected: "hhmmss.ss,dd,mm,yyyy,hh,mm", found: data.into() };
        let without_time = data.find(',').and_then(|comma| data.get(comma..)).ok_or_else(refused)?;
        // The checksum is the framer's matter: the crate's sentence parsers don't look at it.
        let sentence =
            NmeaSentence { talker_id: "", message_id: SentenceType::ZDA, data: without_time, checksum: 0 };
        let zda = parse_zda(sentence).map_err(|_| refused())?;
        let date = match (zda.year, zda.month, zda.day) {
            (Some(year), Some(month), Some(day)) => Some(Date { year, month, day }),
            _ => None,
        };
        let zone_minutes = zda
            .local_zone_hours
            .map(|hours| i16::from(hours) * 60 + i16::from(zda.local_zone_minutes.unwrap_or(0)));
        Ok(Self { time, date, zone_minutes })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Body,
        tests::{body, reason},
    };
    use super::*;

    #[test]
    fn reads() {
        let expected = Zda {
            time: Some(TimeOfDay { hour: 0, minute: 39, second: 56.0 }),
            date: Some(Date { year: 2019, month: 4, day: 12 }),
            zone_minutes: Some(0),
        };
        assert_eq!(body("GNZDA,003956.00,12,04,2019,00,00"), Body::Zda(expected));
    }

    #[test]
    fn reads_leap_seconds_zones_and_nothing() {
        let zda = |sentence| match body(sentence) {
            Body::Zda(zda) => zda,
            other => panic!("{other:?}"),
        };
        let leap = zda("GNZDA,235960.00,31,12,2016,-05,30");
        assert_eq!(leap.time.map(|time| time.second), Some(60.0));
        assert_eq!(leap.zone_minutes, Some(-330));
        assert_eq!(zda("GNZDA,,,,,00,00"), Zda { zone_minutes: Some(0), ..Zda::default() });
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GNZDA,003956.00,32,04,2019,00,00"),
            "expected hhmmss.ss,dd,mm,yyyy,hh,mm, found \"003956.00,32,04,2019,00,00\""
        );
    }
}
