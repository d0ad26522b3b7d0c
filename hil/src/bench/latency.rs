//! From a byte that leaves the receiver to whoever is told of it. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use rtk_reader::Timestamp;
use rtk_reader::frame::{Framer, MessageId, Protocol};
use wire::gps_status::GpsStatus;

use super::stats;

/// A frame that somebody was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The whole frame.
    pub bytes: Vec<u8>,
}

/// RTCM frames as they left the receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Departures {
    frames: Vec<Seen>,
}

impl Departures {
    /// Of pieces of the stream and when each left: a frame has left when its last byte has.
    #[must_use]
    pub fn of<'a>(pieces: impl IntoIterator<Item = (Timestamp, &'a [u8])>) -> Self {
        let mut framer = Framer::new();
        let mut frames = Vec::new();
        for (at, bytes) in pieces {
            framer.push(at, bytes, &mut |frame| {
                if frame.protocol == Protocol::Rtcm {
                    frames.push(Seen { at: frame.received_at, bytes: frame.bytes.to_vec() });
                }
            });
        }
        Self { frames }
    }

    /// Milliseconds from leaving to being seen, of frames that left once only: a 1005 is always the same and tells
    /// nothing.
    #[must_use]
    pub fn to_frames(&self, seen: &[Seen]) -> Vec<f64> {
        let mut left: BTreeMap<&[u8], Option<Timestamp>> = BTreeMap::new();
        for frame in &self.frames {
            left.entry(&frame.bytes).and_modify(|at| *at = None).or_insert(Some(frame.at));
        }
        let passed = |seen: &Seen| {
            let left = left.get(seen.bytes.as_slice()).copied().flatten()?;
            Some(ms(seen.at.checked_sub(left)?))
        };
        seen.iter().filter_map(passed).collect()
    }

    /// Milliseconds from leaving to being counted in a status. A status says when it heard the last message of each type;
    /// of those between the last such time and this one, each was told with it.
    #[must_use]
    pub fn to_statuses(&self, statuses: &[(Timestamp, GpsStatus)]) -> Vec<f64> {
        let mut left: BTreeMap<u16, Vec<Timestamp>> = BTreeMap::new();
        for frame in &self.frames {
            if let Some(number) = number(frame) {
                left.entry(number).or_default().push(frame.at);
            }
        }
        let of_type = |(number, left): (&u16, &Vec<Timestamp>)| told_in(*number, left, statuses);
        left.iter().flat_map(of_type).collect()
    }
}

/// Of one type, what left at these times.
fn told_in(number: u16, left: &[Timestamp], statuses: &[(Timestamp, GpsStatus)]) -> Vec<f64> {
    let mut heard_before: Option<Timestamp> = None;
    let mut latencies = Vec::new();
    for (at, status) in statuses {
        let Some(message) = status.rtcm_messages.iter().find(|message| message.number == number) else {
            continue;
        };
        // Whole milliseconds: what left within this one was heard in it.
        let heard = Timestamp::from_millis(message.last_seen.saturating_add(1));
        if let Some(before) = heard_before.filter(|before| *before < heard) {
            let told = left.iter().filter(|left| (before..heard).contains(*left));
            latencies.extend(told.filter_map(|left| Some(ms(at.checked_sub(*left)?))));
        }
        heard_before = Some(heard_before.map_or(heard, |before| before.max(heard)));
    }
    latencies
}

fn number(frame: &Seen) -> Option<u16> {
    let frame = rtk_reader::frame::Frame {
        protocol: Protocol::Rtcm,
        bytes: &frame.bytes,
        received_at: frame.at,
        offset: 0,
    };
    match frame.id() {
        MessageId::Rtcm(number) => number,
        _ => None,
    }
}

/// The same where nobody knows when a byte left: from the millisecond in which the depot heard a message, as its status
/// tells, to the first status that tells it.
#[must_use]
pub fn from_heard_to_statuses(statuses: &[(Timestamp, GpsStatus)]) -> Vec<f64> {
    let mut told: BTreeMap<u16, u64> = BTreeMap::new();
    let mut latencies = Vec::new();
    for (at, status) in statuses {
        for message in &status.rtcm_messages {
            match told.insert(message.number, message.last_seen) {
                Some(before) if before < message.last_seen => {
                    latencies.push(ms(at.saturating_sub(Timestamp::from_millis(message.last_seen))));
                }
                _ => {}
            }
        }
    }
    latencies
}

/// The same to a rover: from the newest time at which the depot had heard a message of the frame's type.
#[must_use]
pub fn from_heard_to_frames(statuses: &[(Timestamp, GpsStatus)], seen: &[Seen]) -> Vec<f64> {
    let heard: Vec<(u16, Timestamp)> = statuses
        .iter()
        .flat_map(|(_, status)| &status.rtcm_messages)
        .map(|message| (message.number, Timestamp::from_millis(message.last_seen)))
        .collect();
    let passed = |frame: &Seen| {
        let number = number(frame)?;
        let of_type = heard.iter().filter(|(heard, at)| *heard == number && *at <= frame.at);
        of_type.map(|(_, at)| ms(frame.at.saturating_sub(*at))).min_by(f64::total_cmp)
    };
    seen.iter().filter_map(passed).collect()
}

/// The two that are measured; none of nothing.
#[must_use]
pub fn p50_and_p99(latencies_ms: &[f64]) -> Option<(f64, f64)> {
    Some((stats::percentile(latencies_ms, 0.5)?, stats::percentile(latencies_ms, 0.99)?))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use rtk_reader::frame::encode;
    use wire::gps_status::RtcmMessage;

    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    /// A made-up 1077 that differs from the next.
    fn frame(n: u8) -> Vec<u8> {
        encode::rtcm(&[0x43, 0x50, n, 0, 0, 0, 0, 0]).unwrap()
    }

    fn status(last_seen: Timestamp) -> GpsStatus {
        let last_seen = u64::try_from(last_seen.as_millis()).unwrap();
        let message = RtcmMessage { number: 1077, count: 1, last_seen, interval_ms: None, jitter_ms: None };
        GpsStatus { rtcm_messages: vec![message], ..GpsStatus::default() }
    }

    #[test]
    fn a_frame_has_left_with_its_last_byte_and_is_told_by_its_bytes() {
        let (a, b) = (frame(1), frame(2));
        let (first, rest) = a.split_at(5);
        let departures = Departures::of([(at(0), first), (at(3), rest), (at(10), b.as_slice())]);
        let seen = |ms, bytes: &[u8]| Seen { at: at(ms), bytes: bytes.to_vec() };
        let latencies = departures.to_frames(&[seen(5, &a), seen(17, &b), seen(18, b"other")]);
        assert_eq!(latencies, [2.0, 7.0]);
    }

    #[test]
    fn a_frame_that_left_twice_tells_nothing() {
        let a = frame(1);
        let departures = Departures::of([(at(0), a.as_slice()), (at(1000), a.as_slice())]);
        assert!(departures.to_frames(&[Seen { at: at(1002), bytes: a }]).is_empty());
    }

    #[test]
    fn what_one_status_tells_at_once_is_measured_message_by_message() {
        let frames = [frame(1), frame(2), frame(3)];
        let departures =
            Departures::of([(at(0), &frames[0][..]), (at(1000), &frames[1][..]), (at(2000), &frames[2][..])]);
        // The first is where it begins; the second is told late, with the third.
        let statuses = [(at(60), status(at(1))), (at(90), status(at(1))), (at(2050), status(at(2001)))];
        assert_eq!(departures.to_statuses(&statuses), [1050.0, 50.0]);
        assert_eq!(from_heard_to_statuses(&statuses), [49.0]);
        let seen = [Seen { at: at(4), bytes: frame(1) }, Seen { at: at(2003), bytes: frame(3) }];
        assert_eq!(from_heard_to_frames(&statuses, &seen), [3.0, 2.0]);
        assert_eq!(p50_and_p99(&[1.0, 2.0, 3.0]), Some((2.0, 3.0)));
        assert_eq!(p50_and_p99(&[]), None);
    }
}
