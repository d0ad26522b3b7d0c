//! The bench's clock. The only place of this crate that reads one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rtk_reader::Timestamp;

/// The time line of a run: the system's time at its start, carried on by the monotonic clock, as the depot's own is.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Instant,
    anchor_unix: Timestamp,
}

impl Clock {
    /// Reads the system clock once.
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    #[must_use]
    pub fn start() -> Self {
        let anchor_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: Instant::now(), anchor_unix }
    }

    /// Now; never runs backwards.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.anchor_unix + self.anchor.elapsed()
    }

    /// An instant of the same monotonic clock on this time line.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Timestamp {
        match instant.checked_duration_since(self.anchor) {
            Some(since) => self.anchor_unix + since,
            None => self.anchor_unix.saturating_sub(self.anchor.saturating_duration_since(instant)),
        }
    }

    /// What is left until a time.
    #[must_use]
    pub fn until(&self, at: Timestamp) -> Duration {
        at.saturating_sub(self.now())
    }

    /// Since a time, seconds.
    #[must_use]
    pub fn since_s(&self, at: Timestamp) -> f64 {
        self.now().saturating_sub(at).as_secs_f64()
    }
}
