//! `?batch_ms` and `?min_interval_ms`: how a connection asked to be paced. Pure.
//!
//! The middle of a burst may be dropped, never its end: a held frame leaves only by being sent, or by a
//! newer one of its key taking its place. Frames without a key keep their order, and those with one keep
//! theirs; an answer may overtake a state.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    mem,
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;

use crate::{machine::Timestamp, outbox::OutFrame};

/// Frames held back for one connection; at the bound the interval is cut short, nothing is lost.
pub const HELD_FRAMES: usize = 1024;
/// Bytes held back for one connection; at the bound the interval is cut short, nothing is lost.
pub const HELD_BYTES: usize = 1 << 20;
/// A JSON array is closed before a message that would make it longer, and another one begun.
pub const ARRAY_BYTES: usize = 1 << 20;
/// Longest interval a client may ask for, milliseconds; more is refused.
pub const MAX_INTERVAL_MS: u64 = 60_000;
/// Characters of a refused value that are repeated to the client; the rest is left out.
const SHOWN_CHARS: usize = 40;

/// What a connection asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// `?batch_ms=N`: a JSON array of the messages of each interval.
    pub batch: Option<Duration>,
    /// `?min_interval_ms=N`: the newest state of each key, at most that often. What has no key (an answer, an
    /// error) doesn't wait for that.
    pub min_interval: Option<Duration>,
}

/// A pace that can't be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaceError {
    /// Not a number, or out of range.
    #[error("{name} must be a whole number of milliseconds from 1 to {MAX_INTERVAL_MS}, not {found:?}")]
    Value {
        /// The parameter.
        name: PaceName,
        /// What stood there, shortened.
        found: String,
    },
    /// The same parameter more than once.
    #[error("{name} must be given once, not several times")]
    Repeated {
        /// The parameter.
        name: PaceName,
    },
}

/// A query parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaceName {
    /// `batch_ms`
    Batch,
    /// `min_interval_ms`
    MinInterval,
}

impl Display for PaceName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Batch => "batch_ms",
            Self::MinInterval => "min_interval_ms",
        })
    }
}

impl Pace {
    /// From the raw query without `?`. Parameters of others are ignored.
    ///
    /// # Errors
    /// When a value is not a whole number from 1 to 60000, or is given twice.
    pub fn from_query(query: &str) -> Result<Self, PaceError> {
        let mut pace = Self::default();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, place) = match key {
                "batch_ms" => (PaceName::Batch, &mut pace.batch),
                "min_interval_ms" => (PaceName::MinInterval, &mut pace.min_interval),
                _ => continue,
            };
            if place.replace(interval(name, value)?).is_some() {
                return Err(PaceError::Repeated { name });
            }
        }
        Ok(pace)
    }

    /// Nothing was asked for: frames go as they come.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn interval(name: PaceName, value: &str) -> Result<Duration, PaceError> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    match value.parse::<u64>() {
        Ok(ms @ 1..=MAX_INTERVAL_MS) if digits => Ok(Duration::from_millis(ms)),
        _ => Err(PaceError::Value { name, found: value.chars().take(SHOWN_CHARS).collect() }),
    }
}

/// Frames that leave together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// In order.
    pub frames: Vec<OutFrame>,
    /// As JSON arrays.
    pub batch: bool,
}

/// Holds frames back as a [`Pace`] asks.
#[derive(Debug)]
pub struct Pacer {
    limiter: Option<Limiter>,
    batcher: Option<Batcher>,
}

impl Pacer {
    /// One that holds nothing yet.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self { limiter: pace.min_interval.map(Limiter::new), batcher: pace.batch.map(Batcher::new) }
    }

    /// Takes a frame. Ask [`due`](Self::due) afterwards.
    pub fn push(&mut self, frame: OutFrame, now: Timestamp) {
        match (&mut self.limiter, &mut self.batcher) {
            (Some(limiter), _) => limiter.push(frame),
            (None, Some(batcher)) => batcher.push(frame, now),
            // Without either there is nothing to hold it for.
            (None, None) => self.limiter.insert(Limiter::new(Duration::ZERO)).push(frame),
        }
    }

    /// When [`take`](Self::take) wants to be called next; zero for at once.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let limiter = self.limiter.as_ref().and_then(Limiter::due);
        let batcher = self.batcher.as_ref().and_then(Batcher::due);
        limiter.into_iter().chain(batcher).min()
    }

    /// What is due at `now`.
    pub fn take(&mut self, now: Timestamp) -> Option<Burst> {
        if let Some(limiter) = &mut self.limiter
            && limiter.due().is_some_and(|due| due <= now)
        {
            let frames = limiter.take_due(now);
            let Some(batcher) = &mut self.batcher else { return Some(Burst { frames, batch: false }) };
            for frame in frames {
                batcher.push(frame, now);
            }
        }
        let batcher = self.batcher.as_mut()?;
        batcher.due().is_some_and(|due| due <= now).then(|| Burst { frames: batcher.take(), batch: true })
    }

    /// All that is held, due or not: before a close.
    pub fn finish(&mut self, now: Timestamp) -> Option<Burst> {
        let mut frames = self.batcher.as_mut().map(Batcher::take).unwrap_or_default();
        frames.extend(self.limiter.iter_mut().flat_map(|limiter| limiter.take(now)));
        (!frames.is_empty()).then_some(Burst { frames, batch: self.batcher.is_some() })
    }
}

/// The newest of each key, in the order of the newest, and all keyless ones, which leave at once.
#[derive(Debug)]
struct Limiter {
    interval: Duration,
    keyless: BTreeMap<u64, OutFrame>,
    held: BTreeMap<u64, OutFrame>,
    place_of_key: BTreeMap<u64, u64>,
    places: u64,
    bytes: usize,
    last: Option<Timestamp>,
}

impl Limiter {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            keyless: BTreeMap::new(),
            held: BTreeMap::new(),
            place_of_key: BTreeMap::new(),
            places: 0,
            bytes: 0,
            last: None,
        }
    }

    fn push(&mut self, frame: OutFrame) {
        self.places += 1;
        let Some(key) = frame.key else {
            self.keyless.insert(self.places, frame);
            return;
        };
        let older = self.place_of_key.insert(key, self.places);
        if let Some(older) = older.and_then(|place| self.held.remove(&place)) {
            self.bytes -= older.text.len();
        }
        self.bytes += frame.text.len();
        self.held.insert(self.places, frame);
    }

    fn due(&self) -> Option<Timestamp> {
        if self.keyless.is_empty() { self.state_due() } else { Some(Timestamp::ZERO) }
    }

    fn state_due(&self) -> Option<Timestamp> {
        if self.held.is_empty() {
            return None;
        }
        let full = self.held.len() >= HELD_FRAMES || self.bytes >= HELD_BYTES;
        Some(self.last.filter(|_| !full).map_or(Timestamp::ZERO, |last| last + self.interval))
    }

    fn take_due(&mut self, now: Timestamp) -> Vec<OutFrame> {
        if self.state_due().is_some_and(|due| due <= now) {
            return self.take(now);
        }
        mem::take(&mut self.keyless).into_values().collect()
    }

    fn take(&mut self, now: Timestamp) -> Vec<OutFrame> {
        self.place_of_key.clear();
        self.bytes = 0;
        self.last = Some(now);
        let mut frames = mem::take(&mut self.keyless);
        frames.append(&mut self.held);
        frames.into_values().collect()
    }
}

/// Everything from the first message of an interval to its end.
#[derive(Debug)]
struct Batcher {
    interval: Duration,
    held: Vec<OutFrame>,
    bytes: usize,
    opened: Timestamp,
}

impl Batcher {
    fn new(interval: Duration) -> Self {
        Self { interval, held: Vec::new(), bytes: 0, opened: Timestamp::ZERO }
    }

    fn push(&mut self, frame: OutFrame, now: Timestamp) {
        if self.held.is_empty() {
            self.opened = now;
        }
        self.bytes += frame.text.len();
        self.held.push(frame);
    }

    fn due(&self) -> Option<Timestamp> {
        if self.held.is_empty() {
            return None;
        }
        let full = self.held.len() >= HELD_FRAMES || self.bytes >= HELD_BYTES;
        Some(if full { Timestamp::ZERO } else { self.opened + self.interval })
    }

    fn take(&mut self) -> Vec<OutFrame> {
        self.bytes = 0;
        mem::take(&mut self.held)
    }
}

/// Writes messages as JSON arrays of at most [`ARRAY_BYTES`] (or one message), with the numbers of the
/// frames in each.
#[must_use]
pub fn arrays(frames: &[OutFrame]) -> Vec<(Utf8Bytes, Vec<u64>)> {
    let mut done = Vec::new();
    let mut text = String::new();
    let mut seqs = Vec::new();
    for frame in frames {
        if !text.is_empty() && text.len() + frame.text.len() + 2 > ARRAY_BYTES {
            text.push(']');
            done.push((Utf8Bytes::from(mem::take(&mut text)), mem::take(&mut seqs)));
        }
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(&frame.text);
        seqs.push(frame.seq);
    }
    if !text.is_empty() {
        text.push(']');
        done.push((Utf8Bytes::from(text), seqs));
    }
    done
}
