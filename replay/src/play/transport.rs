//! Where a played session is: its time runs with the clock, at a rate, or stands still.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kit::machine::Timestamp;

/// The position of all services of a session, shared.
#[derive(Clone, Debug)]
pub struct Transport(Arc<Mutex<State>>);

#[derive(Clone, Copy, Debug)]
struct State {
    first: Timestamp,
    last: Timestamp,
    rate: f64,
    paused: bool,
    /// At `since` on the clock the session was at `at`.
    since: Timestamp,
    at: Timestamp,
    /// Counts the jumps.
    jumps: u64,
}

/// What a machine needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// On the recorded time line.
    pub at: Timestamp,
    /// Another than before: somebody has jumped there.
    pub jumps: u64,
}

/// What a person is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// On the recorded time line.
    pub at: Timestamp,
    /// From the session's start.
    pub since_start: Duration,
    /// The whole session.
    pub length: Duration,
    /// Times as fast as recorded.
    pub rate: f64,
    /// Whether it stands still.
    pub paused: bool,
}

impl Transport {
    /// At the first event, running from `now` on the clock.
    #[must_use]
    pub fn new(first: Timestamp, last: Timestamp, rate: f64, now: Timestamp) -> Self {
        let state = State { first, last, rate, paused: false, since: now, at: first, jumps: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Where it is.
    #[must_use]
    pub fn position(&self, now: Timestamp) -> Position {
        let state = self.state();
        Position { at: state.position(now), jumps: state.jumps }
    }

    /// When it will be there, on the clock; never while it stands still.
    #[must_use]
    pub fn when(&self, at: Timestamp) -> Option<Timestamp> {
        let state = self.state();
        let wait = at.saturating_sub(state.at).div_f64(state.rate);
        (!state.paused).then(|| state.since.saturating_add(wait))
    }

    /// The last event's time.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.state().last
    }

    /// The first event's time.
    #[must_use]
    pub fn first(&self) -> Timestamp {
        self.state().first
    }

    /// Stands still, or goes on.
    pub fn pause(&self, paused: bool, now: Timestamp) {
        let mut state = self.state();
        state.at = state.position(now);
        (state.since, state.paused) = (now, paused);
    }

    /// Jumps to a moment of the session.
    pub fn seek(&self, to: Timestamp, now: Timestamp) {
        let mut state = self.state();
        state.at = to.clamp(state.first, state.last);
        state.since = now;
        state.jumps = state.jumps.saturating_add(1);
    }

    /// For people.
    #[must_use]
    pub fn told(&self, now: Timestamp) -> Told {
        let state = self.state();
        let at = state.position(now);
        Told {
            at,
            since_start: at.saturating_sub(state.first),
            length: state.last.saturating_sub(state.first),
            rate: state.rate,
            paused: state.paused,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn position(&self, now: Timestamp) -> Timestamp {
        if self.paused {
            return self.at;
        }
        let passed = now.saturating_sub(self.since).as_secs_f64() * self.rate;
        let passed = Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX);
        self.at.saturating_add(passed).min(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(s: u64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    #[test]
    fn time_runs_stands_and_jumps() {
        let transport = Transport::new(s(100), s(200), 2.0, s(5000));
        assert_eq!(transport.position(s(5010)).at, s(120));
        assert_eq!(transport.when(s(150)), Some(s(5025)));
        transport.pause(true, s(5010));
        assert_eq!((transport.position(s(6000)).at, transport.when(s(150))), (s(120), None));
        transport.pause(false, s(6000));
        assert_eq!(transport.position(s(6005)), Position { at: s(130), jumps: 0 });
        transport.seek(s(110), s(6010));
        assert_eq!(transport.position(s(6010)), Position { at: s(110), jumps: 1 });
        assert_eq!(transport.position(s(9000)).at, s(200), "and not beyond the end");
        transport.seek(s(900), s(9000));
        assert_eq!(transport.told(s(9000)).since_start, s(100));
    }
}
