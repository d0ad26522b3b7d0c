//! The time line a recording or a tagged file is played on.

use std::time::Duration;

use super::super::stream_time::{GAP_PLAYED, MAX_GAP};

/// Receive times as offsets that only grow, without long pauses.
#[derive(Debug, Default)]
pub(super) struct Line {
    received: Option<Duration>,
    logged: Option<Duration>,
    /// Passed for events since the last bytes: part of the pause before the next ones.
    ahead: Duration,
    offset: Duration,
}

impl Line {
    /// The time line begins before the first bytes.
    pub(super) fn starting_at(time: Duration) -> Self {
        Self { received: Some(time), ..Self::default() }
    }

    /// Bytes received at `time`.
    pub(super) fn at(&mut self, time: Duration) -> Duration {
        let passed = since(self.received.replace(time), time);
        let ahead = std::mem::take(&mut self.ahead);
        self.pass(passed.saturating_sub(ahead))
    }

    /// Bytes received at `time` and recorded at `logged`. The two clocks needn't agree: a capture is recorded
    /// faster than it was received, a feed with the clock of another machine.
    pub(super) fn recorded(&mut self, time: Duration, logged: Duration) -> Duration {
        self.logged = Some(logged);
        self.at(time)
    }

    /// Something else happened, recorded at `logged`.
    pub(super) fn event(&mut self, logged: Duration) -> Duration {
        let passed = since(self.logged.replace(logged), logged);
        self.ahead += passed;
        self.pass(passed)
    }

    /// Time passes that nobody measured.
    pub(super) fn pass(&mut self, time: Duration) -> Duration {
        self.offset = self.offset.saturating_add(time);
        self.offset
    }
}

/// What is played of the time between.
fn since(last: Option<Duration>, time: Duration) -> Duration {
    let passed = last.map_or(Duration::ZERO, |last| time.saturating_sub(last));
    if passed > MAX_GAP { GAP_PLAYED } else { passed }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_happens_in_a_pause_is_part_of_it() {
        let mut line = Line::default();
        assert_eq!(line.recorded(100 * SECOND, 500 * SECOND), Duration::ZERO);
        assert_eq!(line.event(505 * SECOND), 5 * SECOND);
        assert_eq!(line.event(509 * SECOND), 9 * SECOND);
        assert_eq!(line.recorded(110 * SECOND, 510 * SECOND), 10 * SECOND);
        assert_eq!(line.recorded(111 * SECOND, 511 * SECOND), 11 * SECOND);
    }

    #[test]
    fn a_pause_is_short_however_it_is_told() {
        let mut line = Line::default();
        line.recorded(100 * SECOND, 500 * SECOND);
        assert_eq!(line.event(510 * SECOND), 10 * SECOND);
        assert_eq!(line.event(9000 * SECOND), 11 * SECOND);
        assert_eq!(line.recorded(8700 * SECOND, 9001 * SECOND), 11 * SECOND);
        assert_eq!(line.recorded(8701 * SECOND, 9002 * SECOND), 12 * SECOND);
    }

    #[test]
    fn a_capture_recorded_in_no_time_keeps_its_own() {
        let mut line = Line::default();
        line.recorded(100 * SECOND, SECOND);
        assert_eq!(line.event(SECOND), Duration::ZERO);
        assert_eq!(line.recorded(130 * SECOND, SECOND), 30 * SECOND);
    }
}
