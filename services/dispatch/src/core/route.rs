//! What a task drives, and where on it a rover is.
//!
//! A rover counts waypoints and laps from the first waypoint of what it was *sent*. A task counts from the
//! first waypoint of its zone. They differ when a rover was sent only the rest.

use serde::{Deserialize, Serialize};
use wire::dispatch::{TaskZone, Waypoint};

/// A waypoint of a task's zone in a lap of it. The order is the order of driving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Position {
    /// Laps completed before it.
    pub lap: u32,
    /// Index in the zone.
    pub waypoint: u32,
}

/// The zone's waypoints as they were when the task was made: later edits don't reach a running task.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Route {
    /// In order.
    pub waypoints: Vec<Waypoint>,
    /// After the last comes the first.
    pub looped: bool,
}

impl Route {
    fn len(&self) -> u32 {
        u32::try_from(self.waypoints.len()).unwrap_or(u32::MAX)
    }

    /// Where to go once `reached` is; none after the last.
    #[must_use]
    pub fn after(&self, reached: Position) -> Option<Position> {
        let next = reached.waypoint.saturating_add(1);
        if next < self.len() {
            Some(Position { waypoint: next, ..reached })
        } else if self.looped {
            Some(Position { lap: reached.lap.saturating_add(1), waypoint: 0 })
        } else {
            None
        }
    }

    /// What a rover is sent to drive from `from` on: the rest, a loop rotated to start there.
    #[must_use]
    pub fn from(&self, from: Position) -> TaskZone {
        let at = self.waypoints.len().min(from.waypoint as usize);
        let (before, rest) = self.waypoints.split_at(at);
        let mut waypoints = rest.to_vec();
        if self.looped {
            waypoints.extend_from_slice(before);
        }
        TaskZone { waypoints, looped: self.looped }
    }

    /// What a rover that was sent what starts at `from` means by its own counts. A waypoint outside of what
    /// it was sent is held to it, and what isn't a loop has no laps.
    #[must_use]
    pub fn locate(&self, from: Position, lap: u32, waypoint: i64) -> Position {
        let sent = if self.looped { self.len() } else { self.len().saturating_sub(from.waypoint) };
        let last = i64::from(sent.saturating_sub(1));
        let steps = u32::try_from(waypoint.clamp(0, last)).unwrap_or(0);
        let ahead = from.waypoint.saturating_add(steps);
        let wraps = u32::from(self.looped && ahead >= self.len());
        Position {
            lap: if self.looped { from.lap.saturating_add(lap).saturating_add(wraps) } else { from.lap },
            waypoint: if wraps == 1 { ahead - self.len() } else { ahead },
        }
    }

    /// Percent of waypoints before this one, as rovers count.
    #[must_use]
    pub fn percent(&self, at: Position) -> u8 {
        let percent = u64::from(at.waypoint) * 100 / u64::from(self.len().max(1));
        u8::try_from(percent.min(100)).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn route(len: u32, looped: bool) -> Route {
        let waypoint = |i| Waypoint { x: f64::from(i), y: 0.0, theta: None };
        Route { waypoints: (0..len).map(waypoint).collect(), looped }
    }

    #[test]
    fn counts_beyond_what_was_sent_are_held_to_it() {
        let plain = route(3, false);
        let from = Position { lap: 0, waypoint: 1 };
        assert_eq!(plain.locate(from, 0, i64::MAX), Position { lap: 0, waypoint: 2 });
        assert_eq!(plain.locate(from, 0, i64::MIN), from);
        assert_eq!(plain.locate(from, u32::MAX, 0).lap, 0);
        assert_eq!(route(3, true).locate(from, u32::MAX, 0).lap, u32::MAX);
        assert_eq!(plain.percent(Position { lap: 0, waypoint: 2 }), 66);
    }

    proptest! {
        /// Whatever is sent, driving it step by step visits exactly what `after` says, and its counts say so.
        #[test]
        fn the_rest_is_driven_in_the_order_of_the_whole(
            len in 1u32..7, looped: bool, from_lap in 0u32..3, at in 0u32..7, steps in 0u32..20,
        ) {
            let whole = route(len, looped);
            let from = Position { lap: from_lap, waypoint: at % len };
            let sent = whole.from(from);
            let count = u32::try_from(sent.waypoints.len()).unwrap();
            let mut expected = Some(from);
            for step in 0..steps {
                if !looped && step >= count {
                    prop_assert_eq!(expected, None);
                    break;
                }
                let found = whole.locate(from, step / count, i64::from(step % count));
                prop_assert_eq!(Some(found), expected);
                let driven = sent.waypoints[(step % count) as usize];
                prop_assert_eq!(driven, whole.waypoints[found.waypoint as usize]);
                expected = whole.after(found);
            }
        }
    }
}
