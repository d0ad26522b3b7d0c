//! The time in the stream: what the messages say of it, as one line that only moves forward.
//!
//! Several clocks run in a stream: GPS time of week in UBX and MSM, BeiDou time 14 s behind it, UTC in NMEA
//! and three hours before GLONASS. Their offsets (leap seconds) needn't be known: a clock is taken to say
//! "now" the first time it is seen, and afterwards counts by its differences.

use std::time::Duration;

use crate::frame::{Frame, MessageId};

/// A step forward longer than this is a pause in the recording (or a jump of the clock) …
pub const MAX_GAP: Duration = Duration::from_secs(60);

/// … and is played as this.
pub const GAP_PLAYED: Duration = Duration::from_secs(1);

/// A clock may step back so far and is only late; further is a new recording behind the old one, or a clock
/// that was set, and is played as [`GAP_PLAYED`] too.
pub const BACK_TOLERANCE: Duration = Duration::from_secs(1);

const DAY_MS: i64 = 86_400_000;
const WEEK_MS: i64 = 7 * DAY_MS;

/// One clock each for UBX, NMEA, and the systems of RTCM in the order of their MSM numbers.
const CLOCKS: usize = 9;
const UBX: usize = 0;
const NMEA: usize = 1;
const RTCM_GPS: usize = 2;
const RTCM_GLONASS: usize = 3;

/// A clock's time, as a frame tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    clock: usize,
    /// Of the clock's day or week.
    at_ms: i64,
    period_ms: i64,
}

impl Reading {
    /// The time in a frame, if it has one. Reads that field alone.
    pub(super) fn of(frame: &Frame<'_>) -> Option<Self> {
        match frame.id() {
            MessageId::Ubx(0x01, id) => ubx_nav(id, frame.payload()),
            MessageId::Ubx(..) => None,
            MessageId::Nmea(_) => nmea(frame.payload()),
            MessageId::Rtcm(number) => rtcm(number?, frame.payload()),
        }
    }
}

/// iTOW, milliseconds: first in most UBX-NAV messages, behind a version and three reserved bytes in the newer
/// ones (u-blox F9 HPG 1.32 interface description, section 3.15).
fn ubx_nav(id: u8, payload: &[u8]) -> Option<Reading> {
    let at = match id {
        0x01..=0x07 | 0x11 | 0x12 | 0x20..=0x26 | 0x30 | 0x32 | 0x34 | 0x35 | 0x43 | 0x60 | 0x61 => 0,
        0x13 | 0x14 | 0x3B | 0x3C => 4,
        _ => return None,
    };
    let (itow, _) = payload.get(at..)?.split_first_chunk::<4>()?;
    let at_ms = i64::from(u32::from_le_bytes(*itow));
    (at_ms < WEEK_MS).then_some(Reading { clock: UBX, at_ms, period_ms: WEEK_MS })
}

/// hhmmss.sss of GGA, RMC, GNS, ZDA, GST, GBS (field 1) and GLL (field 5), NMEA 0183 4.11.
fn nmea(payload: &[u8]) -> Option<Reading> {
    let mut fields = payload.split(|&b| b == b',');
    let field = match fields.next()?.get(2..)? {
        b"GGA" | b"RMC" | b"GNS" | b"ZDA" | b"GST" | b"GBS" => fields.next()?,
        b"GLL" => fields.nth(4)?,
        _ => return None,
    };
    let digits = |at: usize| -> Option<i64> {
        let (tens, ones) = (field.get(at)?, field.get(at + 1)?);
        (tens.is_ascii_digit() && ones.is_ascii_digit())
            .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let (hour, minute, second) = (digits(0)?, digits(2)?, digits(4)?);
    let fraction = field.get(6..)?.strip_prefix(b".").unwrap_or_default();
    let millis = (0..3).fold(0, |ms, at| {
        let digit = fraction.get(at).filter(|b| b.is_ascii_digit()).map_or(0, |b| i64::from(b - b'0'));
        ms * 10 + digit
    });
    // 60 is a leap second.
    (hour < 24 && minute < 60 && second <= 60).then(|| {
        let at_ms = ((hour * 60 + minute) * 60 + second) * 1000 + millis;
        Reading { clock: NMEA, at_ms: at_ms % DAY_MS, period_ms: DAY_MS }
    })
}

/// The epoch behind number and station (RTCM 10403.3, tables 3.5-1, 3.5-9 and 3.5-78): 30 bits of
/// milliseconds of the system's week; GLONASS observations 27 bits of its day, as MSM behind the day of week.
fn rtcm(number: u16, payload: &[u8]) -> Option<Reading> {
    let (head, _) = payload.split_first_chunk::<8>()?;
    let bits = u64::from_be_bytes(*head);
    let field = |from: u32, length: u32| -> Option<i64> { i64::try_from(bits << from >> (64 - length)).ok() };
    let (clock, at_ms, period_ms) = match number {
        1001..=1004 => (RTCM_GPS, field(24, 30)?, WEEK_MS),
        1009..=1012 => (RTCM_GLONASS, field(24, 27)?, DAY_MS),
        1081..=1087 => (RTCM_GLONASS, field(27, 27)?, DAY_MS),
        1071..=1077 | 1091..=1097 | 1101..=1107 | 1111..=1117 | 1121..=1127 | 1131..=1137 => {
            (RTCM_GPS + usize::from((number - 1071) / 10), field(24, 30)?, WEEK_MS)
        }
        _ => return None,
    };
    // The last second of a GLONASS day may be a leap second.
    (at_ms < period_ms + 1000).then_some(Reading { clock, at_ms: at_ms % period_ms, period_ms })
}

/// Where the stream is: time since its start, as its frames tell it.
#[derive(Clone, Debug, Default)]
pub struct StreamTime {
    now_us: i64,
    clocks: [Option<Seen>; CLOCKS],
    /// Pauses count as long as they were, however long.
    measuring: bool,
}

/// What a clock said last, and when that was in the stream.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at_ms: i64,
    stream_us: i64,
}

impl StreamTime {
    /// At the start of a stream that is played: nobody waits longer than [`MAX_GAP`] for what comes next.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At the start of a stream that is measured: a clock's step forward is taken at its word, up to half of
    /// its period (12 hours for those that say the time of day, half a week for those of the week). A longer
    /// one can't be told from a step back, which is [`GAP_PLAYED`] here too.
    #[must_use]
    pub fn measuring() -> Self {
        Self { measuring: true, ..Self::default() }
    }

    /// Takes the time a frame tells, if it tells one; returns where the stream is then.
    pub fn at(&mut self, frame: &Frame<'_>) -> Duration {
        if let Some(reading) = Reading::of(frame) {
            self.observe(reading);
        }
        self.now()
    }

    /// Since the stream's start.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.now_us.unsigned_abs())
    }

    /// Where a reading takes the stream; the same as now if it is not ahead.
    pub(super) fn observe(&mut self, reading: Reading) {
        let Some(seen) = self.clocks.get(reading.clock).copied().flatten() else {
            return self.see(reading, self.now_us);
        };
        let period = reading.period_ms;
        let forward = (reading.at_ms - seen.at_ms).rem_euclid(period);
        let step_us = if forward > period / 2 { forward - period } else { forward }.saturating_mul(1000);
        let stream_us = seen.stream_us.saturating_add(step_us);
        let paused = !self.measuring && stream_us.saturating_sub(self.now_us) > micros(MAX_GAP);
        if step_us < -micros(BACK_TOLERANCE) || paused {
            self.pass(GAP_PLAYED);
            // Every clock jumps with this one; each is taken at its word anew.
            self.clocks = Default::default();
            self.see(reading, self.now_us);
        } else if step_us > 0 {
            self.see(reading, stream_us);
            self.now_us = self.now_us.max(stream_us);
        }
    }

    /// Moves on without a clock.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now_us = self.now_us.saturating_add(micros(time));
    }

    fn see(&mut self, reading: Reading, stream_us: i64) {
        if let Some(clock) = self.clocks.get_mut(reading.clock) {
            *clock = Some(Seen { at_ms: reading.at_ms, stream_us });
        }
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Protocol;

    fn read(protocol: Protocol, bytes: &[u8]) -> Option<Reading> {
        Reading::of(&Frame { protocol, bytes, received_at: Duration::ZERO, offset: 0 })
    }

    fn utc(text: &str) -> Reading {
        read(Protocol::Nmea, format!("$GNRMC,{text},A,,,,,,,,,*00\r\n").as_bytes()).expect("a time")
    }

    fn itow(at_ms: u32) -> Reading {
        let frame = [&[0xB5, 0x62, 0x01, 0x07, 92, 0][..], &at_ms.to_le_bytes(), &[0; 90]].concat();
        read(Protocol::Ubx, &frame).expect("a time")
    }

    /// Milliseconds of the stream after each reading.
    fn line(readings: impl IntoIterator<Item = Reading>) -> Vec<u128> {
        line_of(StreamTime::new(), readings)
    }

    fn line_of(mut time: StreamTime, readings: impl IntoIterator<Item = Reading>) -> Vec<u128> {
        let at = |reading| {
            time.observe(reading);
            time.now().as_millis()
        };
        readings.into_iter().map(at).collect()
    }

    #[test]
    fn times_are_read_where_the_standards_put_them() {
        assert_eq!(utc("235959.25"), Reading { clock: NMEA, at_ms: 86_399_250, period_ms: DAY_MS });
        let gll = read(Protocol::Nmea, b"$GPGLL,4717.1,N,00833.9,E,092321.00,A,A*60\r\n").unwrap();
        assert_eq!(gll.at_ms, 33_801_000);
        assert_eq!(itow(123_456).at_ms, 123_456);
        // 1077, station 1, 604,799,000 ms.
        let head = (1077u64 << 52) | (1 << 40) | (604_799_000 << 10);
        let frame = [&[0xD3, 0, 8][..], &head.to_be_bytes(), &[0; 3]].concat();
        assert_eq!(read(Protocol::Rtcm, &frame).unwrap().at_ms, 604_799_000);
        // 1087, station 1, Tuesday, 86,399,000 ms.
        let head = (1087u64 << 52) | (1 << 40) | (2 << 37) | (86_399_000 << 10);
        let frame = [&[0xD3, 0, 8][..], &head.to_be_bytes(), &[0; 3]].concat();
        let glonass = read(Protocol::Rtcm, &frame).unwrap();
        assert_eq!(glonass, Reading { clock: RTCM_GLONASS, at_ms: 86_399_000, period_ms: DAY_MS });
    }

    #[test]
    fn what_has_no_time_has_none() {
        for line in [
            "$GNGGA,,,,,,0*00\r\n",
            "$GNGGA,12*00\r\n",
            "$GNGGA,996199*00\r\n",
            "$GNGSV,1*00\r\n",
            "$G*00\r\n",
        ] {
            assert_eq!(read(Protocol::Nmea, line.as_bytes()), None, "{line}");
        }
        assert_eq!(read(Protocol::Ubx, &[0xB5, 0x62, 0x01, 0x07, 2, 0, 1, 2, 9, 9]), None);
        assert_eq!(read(Protocol::Rtcm, &[0xD3, 0, 2, 0x43, 0x50, 0, 0, 0]), None);
    }

    #[test]
    fn midnight_and_the_end_of_the_week_are_a_second_like_any() {
        assert_eq!(
            line(["235958.00", "235959.00", "000000.00", "000000.50"].map(utc)),
            [0, 1000, 2000, 2500]
        );
        assert_eq!(line([604_799_000, 0, 1000].map(itow)), [0, 1000, 2000]);
    }

    #[test]
    fn clocks_with_leap_seconds_between_them_agree() {
        let readings =
            [itow(18_000), utc("000000.00"), itow(19_000), utc("000001.00"), utc("000002.00"), itow(20_000)];
        assert_eq!(line(readings), [0, 0, 1000, 1000, 2000, 2000]);
    }

    #[test]
    fn gaps_and_jumps_are_played_as_a_second() {
        assert_eq!(line([0, 60_000, 120_001, 121_001].map(itow)), [0, 60_000, 61_000, 62_000]);
        // A second recording behind the first, told by both clocks.
        let again =
            [itow(10_000), utc("000010.00"), itow(5_000), utc("000005.00"), itow(6_000), utc("000006.00")];
        assert_eq!(line(again), [0, 0, 1000, 1000, 2000, 2000]);
    }

    #[test]
    fn a_pause_is_measured_as_long_as_it_was() {
        let measured = |readings: &[Reading]| line_of(StreamTime::measuring(), readings.iter().copied());
        assert_eq!(measured(&[0, 100_000, 101_000].map(itow)), [0, 100_000, 101_000]);
        // Two hours over midnight, told by both clocks.
        let readings = [
            itow(86_400_000),
            utc("235959.00"),
            itow(93_600_000),
            utc("015959.00"),
            itow(93_601_000),
            utc("020000.00"),
        ];
        assert_eq!(measured(&readings), [0, 0, 7_200_000, 7_200_000, 7_201_000, 7_201_000]);
        // Half a day forward is the most that UTC alone can tell; beyond it, a new recording.
        assert_eq!(measured(&["000000.00", "120000.00"].map(utc)), [0, 43_200_000]);
        assert_eq!(measured(&["000000.00", "120001.00", "120002.00"].map(utc)), [0, 1000, 2000]);
    }

    #[test]
    fn a_clock_that_is_late_holds_nothing_up_and_turns_nothing_back() {
        assert_eq!(line([itow(1000), itow(2000), itow(1500), itow(3000)]), [0, 1000, 1000, 2000]);
        // Seen for the first time an epoch late, then silent longer than a gap while the other goes on.
        let mut readings = vec![itow(0), utc("000000.00")];
        readings.extend((1..=100).map(|s| itow(s * 1000)));
        readings.push(utc("000140.00"));
        assert_eq!(line(readings).last(), Some(&100_000));
    }
}
