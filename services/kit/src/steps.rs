//! When to look at the system clock, and whether it was stepped. Pure.

use std::time::Duration;

use crate::machine::Timestamp;

/// Looked at no more often, however many inputs come.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// Looked at no less often, even if nothing comes.
const AT_LEAST_EVERY: Duration = Duration::from_secs(10);
/// A smaller difference than this is no step, milliseconds: reading two clocks takes time, and they drift.
const STEP_MS: u64 = 100;

/// Notices steps of the system clock against the time line.
#[derive(Debug)]
pub(crate) struct StepWatch {
    checked: Timestamp,
    told_offset_ms: i64,
}

impl StepWatch {
    /// The time line starts as the system clock's own.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { checked: now, told_offset_ms: 0 }
    }

    /// When to call [`check`](Self::check) if nothing else happens.
    pub(crate) fn latest_check(&self) -> Timestamp {
        self.checked + AT_LEAST_EVERY
    }

    /// The new offset, if the clock was stepped since the last one told.
    pub(crate) fn check(&mut self, now: Timestamp, offset_ms: impl FnOnce() -> i64) -> Option<i64> {
        if now < self.checked + AT_MOST_EVERY {
            return None;
        }
        self.checked = now;
        let offset_ms = offset_ms();
        (offset_ms.abs_diff(self.told_offset_ms) > STEP_MS).then(|| {
            self.told_offset_ms = offset_ms;
            offset_ms
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Duration::from_secs(1_700_000_000);

    fn at(s: u64) -> Timestamp {
        START + Duration::from_secs(s)
    }

    #[test]
    fn a_step_is_told_once_and_its_return_too() {
        let mut watch = StepWatch::new(START);
        assert_eq!(watch.check(at(1), || 100), None, "within tolerance");
        assert_eq!(watch.check(at(2), || -3_600_000), Some(-3_600_000));
        assert_eq!(watch.check(at(3), || -3_600_040), None, "the same step");
        assert_eq!(watch.check(at(4), || 0), Some(0), "stepped back");
    }

    #[test]
    fn slow_drift_is_told_when_it_adds_up() {
        let mut watch = StepWatch::new(START);
        assert_eq!(watch.check(at(1), || 60), None);
        assert_eq!(watch.check(at(2), || 101), Some(101));
    }

    #[test]
    fn the_clock_is_not_read_more_than_once_a_second() {
        let mut watch = StepWatch::new(START);
        assert_eq!(watch.check(START + Duration::from_millis(999), || panic!("read too early")), None);
        assert_eq!(watch.latest_check(), at(10));
        assert_eq!(watch.check(at(4), || i64::MIN), Some(i64::MIN), "no overflow");
        assert_eq!(watch.latest_check(), at(14));
    }
}
