//! Lock times to RINEX's loss-of-lock indicator.

use std::collections::BTreeMap;

use crate::decode::SatelliteId;

use super::time::GpsTime;

/// How long a signal has been locked, milliseconds: at least `.0`, and less than `.1` if that is known.
pub(super) type LockMs = (u64, Option<u64>);

/// What an indicator of MSM 4 or 5 (DF402, four bits) means: RTCM 10403.3, table 3.5-74.
fn coarse(indicator: u16) -> LockMs {
    let at = |indicator: u16| if indicator == 0 { 0 } else { 1u64 << (indicator + 4) };
    let indicator = indicator.min(15);
    (at(indicator), (indicator < 15).then(|| at(indicator + 1)))
}

/// What an indicator of MSM 6 or 7 (DF407, ten bits) means: RTCM 10403.3, table 3.5-75. From 64 on every 32
/// steps are twice as wide as those before; 704 is the last.
fn fine(indicator: u16) -> LockMs {
    let at = |indicator: u64| {
        if indicator < 64 {
            return indicator;
        }
        let doublings = indicator / 32 - 1;
        (indicator - 32 * doublings) << doublings
    };
    let indicator = u64::from(indicator.min(704));
    (at(indicator), (indicator < 704).then(|| at(indicator + 1)))
}

/// What an MSM's lock indicator means.
pub(super) fn of_msm(level: u8, indicator: u16) -> LockMs {
    if level < 6 { coarse(indicator) } else { fine(indicator) }
}

/// What the lock time of UBX RXM-RAWX means: it counts to 64500 ms and stays there.
pub(super) fn of_rawx(lock_ms: u16) -> LockMs {
    const MOST_MS: u64 = 64_500;
    let lock_ms = u64::from(lock_ms);
    (lock_ms, (lock_ms < MOST_MS).then_some(lock_ms + 1))
}

/// The signals' last lock times. As many as there are satellites and codes, some thousand at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks {
    last: BTreeMap<(SatelliteId, &'static str), (GpsTime, u64)>,
}

impl Locks {
    /// Whether the lock was lost since the signal was seen last; false for one seen for the first time.
    pub(super) fn lost(&mut self, signal: (SatelliteId, &'static str), at: GpsTime, lock: LockMs) -> bool {
        let (at_least_ms, below_ms) = lock;
        let Some((then, before_ms)) = self.last.insert(signal, (at, at_least_ms)) else { return false };
        let since_ms = at.seconds_since(then) * 1e3;
        at_least_ms < before_ms || below_ms.is_some_and(|below_ms| (below_ms as f64) < since_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Constellation;

    #[test]
    fn indicators_as_in_the_tables() {
        assert_eq!(coarse(0), (0, Some(32)));
        assert_eq!(coarse(1), (32, Some(64)));
        assert_eq!(coarse(14), (262_144, Some(524_288)));
        assert_eq!(coarse(15), (524_288, None));
        for (indicator, ms) in
            [(0, 0), (63, 63), (64, 64), (96, 128), (128, 256), (160, 512), (703, 66_060_288)]
        {
            assert_eq!(fine(indicator).0, ms, "{indicator}");
        }
        assert_eq!(fine(704), (67_108_864, None));
        assert_eq!(fine(1023), fine(704));
        // No gap and no overlap between the steps.
        assert!((0..704).all(|indicator| fine(indicator).1 == Some(fine(indicator + 1).0)));
    }

    #[test]
    fn a_lock_that_is_younger_than_the_pause_was_lost() {
        let signal = (SatelliteId { constellation: Constellation::Gps, number: 5 }, "1C");
        let at = |seconds| GpsTime::of_week(2360, seconds);
        let mut locks = Locks::default();
        assert!(!locks.lost(signal, at(0.0), (0, Some(32))), "nothing is known of before");
        assert!(!locks.lost(signal, at(1.0), (512, Some(1024))));
        assert!(locks.lost(signal, at(2.0), (256, Some(512))), "it began anew");
        assert!(locks.lost(signal, at(3.0), (256, Some(512))), "less than the second since");
        assert!(!locks.lost(signal, at(60.0), (524_288, None)));
    }
}
