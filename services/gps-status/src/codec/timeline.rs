//! Two time lines: the machine's, and that of the receiver's bytes.

use kit::machine::Timestamp;

/// Maps the machine's time to the stream's.
///
/// Bytes carry the time they were received, by the clock of whoever received them: another machine, or a
/// capture played faster than it was made. On the stream's line that is told here, time runs as it does
/// between receptions; where the stamps step back (a feeder restarted, a capture looped) it stands still.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timeline {
    now: Timestamp,
    stamp: Timestamp,
    stream: Timestamp,
}

impl Timeline {
    /// Bytes stamped `received_at` came at `now`: the stream's time then.
    pub fn received(&mut self, now: Timestamp, received_at: Timestamp) -> Timestamp {
        self.stream = self.stream.saturating_add(received_at.saturating_sub(self.stamp));
        self.stamp = received_at;
        self.now = now;
        self.stream
    }

    /// The stream's time at `now`, if nothing more came. Later receptions are not before it.
    pub fn elapsed(&mut self, now: Timestamp) -> Timestamp {
        let elapsed = now.saturating_sub(self.now);
        self.stream = self.stream.saturating_add(elapsed);
        self.stamp = self.stamp.saturating_add(elapsed);
        self.now = self.now.max(now);
        self.stream
    }

    /// When the stream's time will be `stream`, if nothing more comes.
    pub fn when(&self, stream: Timestamp) -> Timestamp {
        self.now.saturating_add(stream.saturating_sub(self.stream)).max(self.now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ms(ms: u64) -> Timestamp {
        Duration::from_millis(ms)
    }

    #[test]
    fn time_runs_as_between_receptions_and_never_back() {
        let mut line = Timeline::default();
        assert_eq!(line.received(ms(9_000), ms(1_000)), ms(1_000));
        assert_eq!(line.received(ms(9_001), ms(1_500)), ms(1_500), "a capture played fast");
        assert_eq!(line.when(ms(1_800)), ms(9_301));
        assert_eq!(line.elapsed(ms(9_301)), ms(1_800));
        assert_eq!(line.received(ms(9_310), ms(1_790)), ms(1_800), "stamped before the time-out was noticed");
        assert_eq!(line.received(ms(9_320), ms(10)), ms(1_800), "looped");
        assert_eq!(line.received(ms(9_320), ms(30)), ms(1_820));
        assert_eq!(line.received(ms(9_320), Duration::MAX), Duration::MAX);
        assert_eq!(line.when(Duration::MAX), ms(9_320));
    }
}
