//! What the receiver really sends: the sourcetable is filled from it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::Timestamp;
use crate::decode::rtcm::{Body, Descriptor, Message, Station};
use crate::decode::{Constellation, ubx};

/// Message types that are kept; further ones are served and not listed.
pub const MAX_TYPES: usize = 64;
/// Messages of one type that rate and size are taken from.
const RECENT: usize = 32;
/// A type of which nothing came for so many of its intervals, and for [`GONE_AFTER`], is listed no more.
const GONE_AFTER_INTERVALS: u32 = 5;
/// See [`GONE_AFTER_INTERVALS`]; on the stream's own time line.
const GONE_AFTER: Duration = Duration::from_secs(60);
/// What is kept of a name the receiver gives itself, characters.
const MODEL_CHARS: usize = 48;

/// One message type.
#[derive(Clone, Debug, Default)]
pub struct TypeFacts {
    /// When each of the last came, and its whole frame's length.
    recent: VecDeque<(Timestamp, usize)>,
    constellation: Option<Constellation>,
    bands: BTreeSet<&'static str>,
}

impl TypeFacts {
    /// Mean time between two; none before the second.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        let (first, last) = (self.recent.front()?, self.recent.back()?);
        let intervals = u32::try_from(self.recent.len().checked_sub(1)?).ok()?;
        last.0.saturating_sub(first.0).checked_div(intervals).filter(|interval| !interval.is_zero())
    }

    /// Bytes per second; none before the second.
    fn bytes_per_s(&self) -> Option<f64> {
        let bytes: usize = self.recent.iter().map(|(_, bytes)| bytes).sum();
        Some(bytes as f64 / self.recent.len() as f64 / self.interval()?.as_secs_f64())
    }

    fn is_gone(&self, now: Timestamp) -> bool {
        let since = self.recent.back().map_or(Duration::MAX, |(at, _)| now.saturating_sub(*at));
        let patience = self.interval().unwrap_or_default().saturating_mul(GONE_AFTER_INTERVALS);
        since > patience.max(GONE_AFTER)
    }
}

/// What is known of the stream.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    types: BTreeMap<u16, TypeFacts>,
    /// Of the last message, on the stream's own time line.
    now: Timestamp,
    /// Of the 1005 or 1006: degrees.
    position_deg: Option<(f64, f64)>,
    /// From MON-VER or 1033.
    model: Option<String>,
}

impl Facts {
    /// A whole RTCM frame of `bytes` bytes.
    pub fn rtcm(&mut self, received_at: Timestamp, bytes: usize, message: &Message) {
        self.now = self.now.max(received_at);
        match &message.body {
            Body::Station(Station { latitude_deg, longitude_deg, .. }) => {
                self.position_deg = Some((*latitude_deg, *longitude_deg));
            }
            Body::Descriptor(Descriptor { receiver: Some(name), .. }) if self.model.is_none() => {
                self.model = named(name);
            }
            _ => {}
        }
        let Some(number) = message.number else { return };
        if !self.types.contains_key(&number) && self.types.len() >= MAX_TYPES {
            return;
        }
        let facts = self.types.entry(number).or_default();
        // Messages of a new start don't make a rate with those before it.
        if facts.is_gone(received_at) {
            facts.recent.clear();
        }
        if facts.recent.len() >= RECENT {
            facts.recent.pop_front();
        }
        facts.recent.push_back((received_at, bytes));
        if let Body::Msm(msm) = &message.body {
            facts.constellation = Some(msm.constellation);
            facts.bands.extend(msm.signals.iter().filter_map(|signal| signal.band));
        }
    }

    /// What a u-blox says it is.
    pub fn version(&mut self, version: &ubx::MonVer) {
        let model = version.extension("MOD").and_then(named);
        self.model = model.or_else(|| self.model.take());
    }

    /// Another receiver may come.
    pub fn closed(&mut self) {
        self.model = None;
        for facts in self.types.values_mut() {
            facts.recent.clear();
        }
    }

    /// Types that are sent at present, of those `takes` wants, ascending.
    pub fn types(&self, takes: impl Fn(u16) -> bool) -> impl Iterator<Item = (u16, &TypeFacts)> {
        let present =
            self.types.iter().filter(move |(number, facts)| takes(**number) && !facts.is_gone(self.now));
        present.map(|(number, facts)| (*number, facts))
    }

    /// Satellite systems of these types, in the order sourcetables list them.
    pub fn systems(&self, takes: impl Fn(u16) -> bool) -> BTreeSet<Constellation> {
        self.types(takes)
            .filter_map(|(number, facts)| facts.constellation.or_else(|| legacy(number)))
            .collect()
    }

    /// 0 no carrier phases, 1 one frequency, 2 more.
    pub fn carriers(&self, takes: impl Fn(u16) -> bool) -> u8 {
        let mut most = 0;
        for (number, facts) in self.types(takes) {
            let many = facts.bands.iter().any(|band| !is_l1(band));
            most = most.max(match number {
                1003 | 1004 | 1011 | 1012 => 2,
                1001 | 1002 | 1009 | 1010 => 1,
                _ if facts.bands.is_empty() => 0,
                _ if many => 2,
                _ => 1,
            });
        }
        most
    }

    /// Bits per second of these types.
    pub fn bits_per_s(&self, takes: impl Fn(u16) -> bool) -> f64 {
        self.types(takes).filter_map(|(_, facts)| facts.bytes_per_s()).fold(0.0, |sum, rate| sum + rate) * 8.0
    }

    /// Latitude and longitude, degrees.
    #[must_use]
    pub fn position_deg(&self) -> Option<(f64, f64)> {
        self.position_deg
    }

    /// `ZED-F9P`.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}

fn named(text: &str) -> Option<String> {
    let name: String = text.trim().chars().filter(|c| (' '..='~').contains(c)).take(MODEL_CHARS).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// 1575.42 MHz and its neighbours.
fn is_l1(band: &str) -> bool {
    matches!(band, "L1" | "E1" | "B1I" | "B1C")
}

/// RTCM 3.0's observations of GPS and GLONASS.
fn legacy(number: u16) -> Option<Constellation> {
    match number {
        1001..=1004 => Some(Constellation::Gps),
        1009..=1012 => Some(Constellation::Glonass),
        _ => None,
    }
}
