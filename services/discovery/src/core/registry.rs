//! Who is known, and who of them is online.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kit::machine::Timestamp;
use wire::discovery::{Heartbeat, Pose, Register};

use super::address;

/// A rover is online while its last registration or heartbeat is younger than this.
pub const ONLINE_FOR: Duration = Duration::from_secs(10);
/// Rovers known at one time. A further one takes the place of the one not heard of for the longest: those that
/// are gone first.
pub const MAX_ROVERS: usize = 10_000;

/// A rover's id, shared by all that lists it.
pub type RoverId = Arc<str>;

/// What is known of one rover.
#[derive(Clone, Debug)]
pub struct Known {
    /// As registered.
    pub name: String,
    /// As registered.
    pub address: String,
    /// As registered, or made from the address.
    pub video_address: String,
    /// Heard of within [`ONLINE_FOR`].
    pub online: bool,
    /// Volts.
    pub battery_v: f64,
    /// In the map frame.
    pub pose: Pose,
    /// See [`wire::discovery::MODE_MAX`].
    pub mode: u8,
    /// When it was last heard of.
    pub seen: Timestamp,
    /// Fields that may have changed since consoles were last told.
    pub touched: Fields,
    /// Equal versions of a rover are equal rovers.
    pub version: u64,
}

/// A set of a rover's fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields(u8);

impl Fields {
    /// `name`
    pub const NAME: Self = Self(1);
    /// `address`
    pub const ADDRESS: Self = Self(2);
    /// `videoAddress`
    pub const VIDEO_ADDRESS: Self = Self(4);
    /// `online`
    pub const ONLINE: Self = Self(8);
    /// `batteryVoltage`
    pub const BATTERY: Self = Self(16);
    /// `lastPose`
    pub const POSE: Self = Self(32);
    /// `mode`
    pub const MODE: Self = Self(64);
    /// `lastSeen`
    pub const LAST_SEEN: Self = Self(128);
    /// Every one.
    pub const ALL: Self = Self(255);

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The value, if this field is in the set.
    pub fn pick<T>(self, field: Self, value: impl FnOnce() -> T) -> Option<T> {
        (self.0 & field.0 != 0).then(value)
    }
}

/// The rovers.
#[derive(Debug)]
pub struct Registry {
    max_rovers: usize,
    rovers: BTreeMap<RoverId, Known>,
    /// When each was last heard of: those online, and those gone. All of the gone were heard of before any
    /// that is online.
    online: BTreeSet<(Timestamp, RoverId)>,
    gone: BTreeSet<(Timestamp, RoverId)>,
    /// Those with touched fields.
    touched: BTreeSet<RoverId>,
    /// Those forgotten since consoles were last told.
    removed: BTreeSet<RoverId>,
    /// More were forgotten than are noted in `removed`.
    removed_more: bool,
    version: u64,
}

/// What has changed since consoles were last told.
#[derive(Debug, Default)]
pub struct Touched {
    /// Known rovers with their touched fields.
    pub changed: Vec<(RoverId, Fields)>,
    /// No longer known.
    pub removed: Vec<RoverId>,
    /// Not all that was forgotten could be noted: only the whole list tells it.
    pub incomplete: bool,
}

impl Registry {
    /// One that knows nobody.
    #[must_use]
    pub fn new(max_rovers: usize) -> Self {
        Self {
            max_rovers: max_rovers.clamp(1, MAX_ROVERS),
            rovers: BTreeMap::new(),
            online: BTreeSet::new(),
            gone: BTreeSet::new(),
            touched: BTreeSet::new(),
            removed: BTreeSet::new(),
            removed_more: false,
            version: 0,
        }
    }

    /// By id.
    pub fn iter(&self) -> impl Iterator<Item = (&RoverId, &Known)> {
        self.rovers.iter()
    }

    /// One rover.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Known> {
        self.rovers.get(id)
    }

    /// How many are known.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rovers.len()
    }

    /// Counts changes: as long as it stays, so does everything here.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A rover that is known keeps what it doesn't say.
    pub fn register(&mut self, now: Timestamp, register: Register) {
        let Register { id, name, address, video_address, state } = register;
        let video_address = video_address.unwrap_or_else(|| address::video(&address));
        match self.rovers.get_mut(id.as_str()) {
            Some(known) => {
                for (field, value, told) in [
                    (Fields::NAME, &mut known.name, name),
                    (Fields::ADDRESS, &mut known.address, address),
                    (Fields::VIDEO_ADDRESS, &mut known.video_address, video_address),
                ] {
                    if *value != told {
                        *value = told;
                        known.touched.add(field);
                    }
                }
            }
            None => self.add(now, &id, name, address, video_address),
        }
        self.heartbeat(now, &id, &state);
    }

    /// Whether the rover is known; if so, it is online.
    pub fn heartbeat(&mut self, now: Timestamp, id: &str, state: &Heartbeat) -> bool {
        let Some((id, known)) = self.rovers.get_key_value(id).map(|(id, known)| (id.clone(), known)) else {
            return false;
        };
        let list = if known.online { &mut self.online } else { &mut self.gone };
        list.remove(&(known.seen, id.clone()));
        self.online.insert((now, id.clone()));
        self.change(&id, |known| {
            known.beat(now, state);
        });
        true
    }

    /// Whether anyone has just gone offline.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let mut expired = false;
        while self.next_timeout().is_some_and(|due| due <= now) {
            let Some((seen, id)) = self.online.pop_first() else { break };
            self.change(&id, |known| {
                known.online = false;
                known.touched.add(Fields::ONLINE);
            });
            self.gone.insert((seen, id));
            expired = true;
        }
        expired
    }

    /// When the next rover goes offline.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.online.first().map(|(seen, _)| seen.saturating_add(ONLINE_FOR))
    }

    /// What all show of the time is another.
    pub fn touch_last_seen(&mut self) {
        let ids: Vec<RoverId> = self.rovers.keys().cloned().collect();
        for id in &ids {
            self.change(id, |known| known.touched.add(Fields::LAST_SEEN));
        }
    }

    /// What has changed since the last call.
    pub fn take_touched(&mut self) -> Touched {
        let mut changed = Vec::with_capacity(self.touched.len());
        for id in std::mem::take(&mut self.touched) {
            if let Some(known) = self.rovers.get_mut(&id) {
                changed.push((id, std::mem::take(&mut known.touched)));
            }
        }
        // Who was forgotten and has come back is told with all its fields instead.
        let removed = std::mem::take(&mut self.removed).into_iter();
        let removed = removed.filter(|id| !self.rovers.contains_key(id)).collect();
        Touched { changed, removed, incomplete: std::mem::take(&mut self.removed_more) }
    }

    fn add(&mut self, now: Timestamp, id: &str, name: String, address: String, video_address: String) {
        while self.rovers.len() >= self.max_rovers && self.forget_longest_gone() {}
        let id = RoverId::from(id);
        let known = Known {
            name,
            address,
            video_address,
            online: true,
            battery_v: 0.0,
            pose: Pose::default(),
            mode: 0,
            seen: now,
            touched: Fields::ALL,
            version: 0,
        };
        self.online.insert((now, id.clone()));
        self.rovers.insert(id, known);
    }

    fn forget_longest_gone(&mut self) -> bool {
        let Some((_, id)) = self.gone.pop_first().or_else(|| self.online.pop_first()) else { return false };
        self.rovers.remove(&id);
        self.touched.remove(&id);
        if self.removed.len() < self.max_rovers {
            self.removed.insert(id);
        } else {
            self.removed_more = true;
        }
        self.version += 1;
        true
    }

    fn change(&mut self, id: &RoverId, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.rovers.get_mut(id) {
            change(known);
            self.version += 1;
            known.version = self.version;
            self.touched.insert(id.clone());
        }
    }
}

impl Known {
    fn beat(&mut self, now: Timestamp, state: &Heartbeat) {
        if !self.online {
            self.online = true;
            self.touched.add(Fields::ONLINE);
        }
        self.seen = now;
        self.touched.add(Fields::LAST_SEEN);
        if let Some(volts) = state.battery_voltage.filter(|volts| *volts != self.battery_v) {
            self.battery_v = volts;
            self.touched.add(Fields::BATTERY);
        }
        if let Some(pose) = state.pose.filter(|pose| *pose != self.pose) {
            self.pose = pose;
            self.touched.add(Fields::POSE);
        }
        if let Some(mode) = state.mode.filter(|mode| *mode != self.mode) {
            self.mode = mode;
            self.touched.add(Fields::MODE);
        }
    }
}
