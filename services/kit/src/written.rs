//! What sessions have written, gathered: who was sent which frames.
//!
//! A frame that a thousand consoles take is a thousand facts, and one event for each would cost a quarter of what
//! sending them does. So sessions note them here, and now and then all that was noted becomes one event, in which
//! a frame (or a run of frames) that many were written stands once, with all of them.

use std::mem;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::machine::{ConnId, Timestamp};

/// Different runs of frames that are gathered; one more, and what is there becomes an event first.
const MAX_RUNS: usize = 1_024;
/// Connections and frames that are gathered, counted in each run; one more, and what is there becomes an event
/// first.
const MAX_NUMBERS: usize = 65_536;
/// The latest runs among which one is sought that is the same. Sessions write much the same at the same time;
/// what is older stands twice.
const SOUGHT_RUNS: usize = 8;

/// Frames that some connections were written, to each in one piece and flushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Write {
    /// The connections, ascending: from, and up to and with.
    pub conns: Vec<(ConnId, ConnId)>,
    /// The numbers of the `Out` events that carried the frames, in the order written: from, and up to and with.
    pub frames: Vec<(u64, u64)>,
    /// As one JSON array (`?batch_ms`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
}

impl Write {
    /// Whether a connection was written this.
    #[must_use]
    pub fn is_to(&self, conn: ConnId) -> bool {
        self.conns.iter().any(|(first, last)| (*first..=*last).contains(&conn))
    }

    /// The frames' numbers. In a file they may be anything: take no more than there can be.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.frames.iter().flat_map(|(first, last)| *first..=*last)
    }
}

/// Numbers as they are stored in a [`Write`]: each that is one more than the one before continues its range.
#[must_use]
pub fn ranges(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

/// What the sessions of one service have written since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// Counts how often it was asked.
    turn: u64,
    /// When the first was written.
    since: Timestamp,
    runs: Vec<Run>,
    /// In all runs.
    numbers: usize,
}

#[derive(Debug)]
struct Run {
    frames: Vec<u64>,
    conns: Vec<ConnId>,
    batch: bool,
}

/// Where a session's last frames were noted: what it writes later must stand later.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    turn: u64,
    /// How many runs from the beginning it may no longer be put into.
    passed: usize,
}

impl Gathered {
    pub(crate) fn is_full(&self) -> bool {
        self.runs.len() >= MAX_RUNS || self.numbers >= MAX_NUMBERS
    }

    pub(crate) fn note(
        &mut self,
        now: Timestamp,
        conn: ConnId,
        place: &mut Place,
        frames: &[u64],
        batch: bool,
    ) {
        if self.runs.is_empty() {
            self.since = now;
        }
        if place.turn != self.turn {
            *place = Place { turn: self.turn, passed: 0 };
        }
        let sought = place.passed.max(self.runs.len().saturating_sub(SOUGHT_RUNS));
        let same = |run: &Run| run.batch == batch && run.frames == frames;
        let later = self.runs.get(sought..).unwrap_or_default();
        let found = later.iter().rposition(same).map_or(self.runs.len(), |n| sought + n);
        place.passed = found + 1;
        match self.runs.get_mut(found) {
            Some(run) => run.conns.push(conn),
            None => {
                self.numbers += frames.len();
                self.runs.push(Run { frames: frames.to_vec(), conns: vec![conn], batch });
            }
        }
        self.numbers += 1;
    }

    /// All of it, and when the first was written; it is empty then.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        if self.runs.is_empty() {
            return None;
        }
        self.turn += 1;
        self.numbers = 0;
        Some(Taken { since: self.since, runs: mem::take(&mut self.runs) })
    }
}

/// What was gathered, to be made an event of where nobody waits for it.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) since: Timestamp,
    runs: Vec<Run>,
}

impl Taken {
    pub(crate) fn into_writes(self) -> Vec<Write> {
        let write = |mut run: Run| {
            run.conns.sort_unstable();
            Write { conns: ranges(run.conns), frames: ranges(run.frames), batch: run.batch }
        };
        self.runs.into_iter().map(write).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn note(gathered: &mut Gathered, places: &mut BTreeMap<u64, Place>, conn: u64, frames: &[u64]) {
        let place = places.entry(conn).or_default();
        gathered.note(Timestamp::from_secs(conn), conn, place, frames, false);
    }

    #[test]
    fn what_many_were_written_stands_once() {
        let (mut gathered, mut places) = (Gathered::default(), BTreeMap::new());
        for conn in [3, 1, 2, 9] {
            note(&mut gathered, &mut places, conn, &[7, 8, 12]);
        }
        note(&mut gathered, &mut places, 1, &[13]);
        let taken = gathered.take().unwrap();
        assert_eq!(taken.since, Timestamp::from_secs(3));
        let json = serde_json::to_string(&taken.into_writes()).unwrap();
        insta::assert_snapshot!(json, @r#"[{"conns":[[1,3],[9,9]],"frames":[[7,8],[12,12]]},{"conns":[[1,1]],"frames":[[13,13]]}]"#);
        assert!(gathered.take().is_none());
    }

    #[test]
    fn it_is_full_before_it_is_large() {
        let (mut gathered, mut places) = (Gathered::default(), BTreeMap::new());
        let mut noted = 0;
        while !gathered.is_full() {
            noted += 1;
            note(&mut gathered, &mut places, noted, &[noted]);
        }
        assert_eq!((noted, gathered.numbers), (1_024, 2 * 1_024));
        gathered.take().unwrap();
        assert!(!gathered.is_full());
    }

    proptest! {
        /// Whoever writes what and whenever it is taken: each connection's frames are all there, in its order.
        #[test]
        fn nothing_is_lost_or_reordered(
            writes in proptest::collection::vec((1..6_u64, 1..4_u64, any::<bool>(), 0..8_u8), 0..200)
        ) {
            let (mut gathered, mut places) = (Gathered::default(), BTreeMap::<u64, Place>::new());
            let (mut expected, mut found) = (BTreeMap::<u64, Vec<_>>::new(), BTreeMap::<u64, Vec<_>>::new());
            let mut taken = |gathered: &mut Gathered| {
                for write in gathered.take().into_iter().flat_map(Taken::into_writes) {
                    for conn in 1..6_u64 {
                        if write.is_to(conn) {
                            let frames = write.numbers().map(|number| (number, write.batch));
                            found.entry(conn).or_default().extend(frames);
                        }
                    }
                }
            };
            for (conn, frame, batch, take) in writes {
                let frames = [frame, frame + 1];
                gathered.note(Timestamp::ZERO, conn, places.entry(conn).or_default(), &frames, batch);
                expected.entry(conn).or_default().extend(frames.map(|number| (number, batch)));
                if take == 0 {
                    taken(&mut gathered);
                }
            }
            taken(&mut gathered);
            prop_assert_eq!(found, expected);
        }
    }
}
