//! The only place that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::machine::Timestamp;

/// The time line of a process: the system's time at its start, carried on by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Instant,
    anchor_unix: Timestamp,
    /// Carried on by the runtime, whose time a test may have made up.
    simulated: bool,
}

impl Clock {
    /// Reads the system clock once.
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    #[must_use]
    pub fn start() -> Self {
        let anchor_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: Instant::now(), anchor_unix, simulated: false }
    }

    /// A time line that is at `unix` now and carried on by the runtime's time, which a test may have paused; the
    /// system clock has no part in it. Only within that runtime.
    #[must_use]
    pub fn simulated(unix: Timestamp) -> Self {
        Self { anchor: runtime_now(), anchor_unix: unix, simulated: true }
    }

    /// Now, on the time line. Never runs backwards, whatever the system clock does.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = if self.simulated {
            runtime_now().saturating_duration_since(self.anchor)
        } else {
            self.anchor.elapsed()
        };
        self.anchor_unix + elapsed
    }

    /// The instant of a point on the time line, to sleep until.
    #[must_use]
    pub fn instant(&self, at: Timestamp) -> Instant {
        self.anchor + at.saturating_sub(self.anchor_unix)
    }

    /// How far the system clock is from the time line now, in milliseconds: it was stepped.
    #[expect(clippy::disallowed_methods, reason = "the one place that may")]
    #[must_use]
    pub fn offset_ms(&self) -> i64 {
        if self.simulated {
            return 0;
        }
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = |t: Timestamp| i64::try_from(t.as_millis()).unwrap_or(i64::MAX);
        ms(system) - ms(self.now())
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that may")]
fn runtime_now() -> Instant {
    tokio::time::Instant::now().into_std()
}
