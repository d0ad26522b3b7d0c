//! RTCM 3 message types: how many, how regular.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kit::machine::Timestamp;
use wire::gps_status::RtcmMessage;

/// Types that are listed; messages of further types are counted together.
pub const TYPES: usize = 64;
/// Intervals that mean and jitter are taken over; an older one is forgotten.
pub const INTERVALS: usize = 32;

/// Messages of one type that follow each other faster are one burst (the ephemerides of all satellites, say):
/// an interval runs from burst to burst. No receiver sends epochs that fast.
const BURST_GAP: Duration = Duration::from_millis(20);

/// When a burst began, and its newest message came.
#[derive(Clone, Copy, Debug)]
struct Burst {
    first: Timestamp,
    last: Timestamp,
}

/// The RTCM 3 messages of a stream.
#[derive(Debug, Default)]
pub struct Rtcm {
    types: BTreeMap<u16, Type>,
    other: u64,
}

#[derive(Debug, Default)]
struct Type {
    count: u64,
    last_seen_ms: u64,
    burst: Option<Burst>,
    intervals_ms: VecDeque<f64>,
}

impl Rtcm {
    /// A message came: `received_at` on the stream's own time line, `seen_ms` on consoles'.
    pub fn seen(&mut self, number: u16, received_at: Timestamp, seen_ms: u64) {
        if self.types.len() >= TYPES && !self.types.contains_key(&number) {
            self.other = self.other.saturating_add(1);
            return;
        }
        let entry = self.types.entry(number).or_default();
        entry.count = entry.count.saturating_add(1);
        entry.last_seen_ms = seen_ms;
        let new = Burst { first: received_at, last: received_at };
        if let Some(before) = entry.burst.replace(new) {
            if received_at.saturating_sub(before.last) < BURST_GAP {
                entry.burst = Some(Burst { first: before.first, last: received_at });
                return;
            }
            let interval = received_at.saturating_sub(before.first);
            if entry.intervals_ms.len() >= INTERVALS {
                entry.intervals_ms.pop_front();
            }
            entry.intervals_ms.push_back(interval.as_secs_f64() * 1e3);
        }
    }

    /// The stream was interrupted: the time it was away is no interval.
    pub fn interrupted(&mut self) {
        for entry in self.types.values_mut() {
            entry.burst = None;
        }
    }

    /// Messages of types beyond [`TYPES`].
    pub fn other(&self) -> u64 {
        self.other
    }

    /// By number.
    pub fn status(&self) -> Vec<RtcmMessage> {
        let told = |(&number, entry): (&u16, &Type)| RtcmMessage {
            number,
            count: entry.count,
            last_seen: entry.last_seen_ms,
            interval_ms: mean(entry.intervals_ms.iter().copied()).map(tenths),
            jitter_ms: (entry.intervals_ms.len() >= 2).then(|| deviation(&entry.intervals_ms)).map(tenths),
        };
        self.types.iter().map(told).collect()
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = u32::try_from(values.len()).ok().filter(|&count| count > 0)?;
    Some(values.sum::<f64>() / f64::from(count))
}

fn deviation(values: &VecDeque<f64>) -> f64 {
    let centre = mean(values.iter().copied()).unwrap_or_default();
    mean(values.iter().map(|value| (value - centre).powi(2))).unwrap_or_default().sqrt()
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_counts_each_message_and_one_interval() {
        let mut rtcm = Rtcm::default();
        for epoch_s in 0..3 {
            for n in 0..10 {
                rtcm.seen(1019, Duration::from_millis(epoch_s * 30_000 + n * 6), 0);
            }
        }
        assert_eq!(rtcm.status()[0].count, 30);
        assert_eq!(rtcm.status()[0].interval_ms, Some(30_000.0));
        assert_eq!(rtcm.status()[0].jitter_ms, Some(0.0));
    }

    #[test]
    fn interval_and_jitter_are_of_the_last_32() {
        let mut rtcm = Rtcm::default();
        let mut at = Duration::ZERO;
        let mut tell = |rtcm: &mut Rtcm, step_ms| {
            at += Duration::from_millis(step_ms);
            rtcm.seen(1005, at, 7);
        };
        tell(&mut rtcm, 0);
        assert_eq!((rtcm.status()[0].interval_ms, rtcm.status()[0].jitter_ms), (None, None));
        tell(&mut rtcm, 990);
        assert_eq!((rtcm.status()[0].interval_ms, rtcm.status()[0].jitter_ms), (Some(990.0), None));
        tell(&mut rtcm, 1_010);
        assert_eq!((rtcm.status()[0].interval_ms, rtcm.status()[0].jitter_ms), (Some(1_000.0), Some(10.0)));
        rtcm.interrupted();
        tell(&mut rtcm, 3_600_000);
        assert_eq!(rtcm.status()[0].interval_ms, Some(1_000.0), "an interruption is no interval");
        for _ in 0..INTERVALS {
            tell(&mut rtcm, 200);
        }
        assert_eq!((rtcm.status()[0].interval_ms, rtcm.status()[0].jitter_ms), (Some(200.0), Some(0.0)));
        assert_eq!((rtcm.status()[0].count, rtcm.status()[0].last_seen), (4 + INTERVALS as u64, 7));
    }

    #[test]
    fn the_list_is_bounded_and_what_is_beyond_is_counted() {
        let mut rtcm = Rtcm::default();
        for number in (0..100).rev() {
            rtcm.seen(number, Duration::ZERO, 0);
        }
        rtcm.seen(99, Duration::ZERO, 0);
        assert_eq!((rtcm.status().len(), rtcm.other()), (TYPES, 36));
        assert_eq!((rtcm.status()[63].number, rtcm.status()[63].count), (99, 2));
    }
}
