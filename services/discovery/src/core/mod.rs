//! What discovery decides: registrations and heartbeats in, a list of rovers out, and when it is to be told.
//!
//! | what | until |
//! |---|---|
//! | online | 10 s after the last registration or heartbeat |
//! | name, addresses | the rover registers with others |
//! | battery, pose, mode | the rover tells others; a registration without them keeps them |
//! | the rover itself | [`MAX_ROVERS`] others were heard of since |

mod address;
pub mod publisher;
pub mod registry;

use kit::machine::Timestamp;
use wire::discovery::{Heartbeat, Register, Rover, RoverChange};

pub use self::registry::MAX_ROVERS;
use self::{
    publisher::Publisher,
    registry::{Known, Registry, RoverId, Touched},
};

/// The state of the service.
#[derive(Debug)]
pub struct Core {
    offset_ms: i64,
    registry: Registry,
    publisher: Publisher,
}

/// What has changed since the changes were last taken.
#[derive(Debug, Default)]
pub struct Changes {
    /// By id.
    pub changed: Vec<RoverChange>,
    /// By id.
    pub removed: Vec<String>,
    /// Some changes aren't here: only the whole list tells them.
    pub incomplete: bool,
}

impl Core {
    /// One that knows no rover, and never more than so many.
    #[must_use]
    pub fn new(max_rovers: usize) -> Self {
        Self { offset_ms: 0, registry: Registry::new(max_rovers), publisher: Publisher::default() }
    }

    /// A rover says who it is.
    pub fn register(&mut self, now: Timestamp, register: Register) {
        self.registry.register(now, register);
        self.publisher.change(now);
    }

    /// A rover says that it is there. Whether it is known.
    pub fn heartbeat(&mut self, now: Timestamp, id: &str, state: &Heartbeat) -> bool {
        let known = self.registry.heartbeat(now, id, state);
        if known {
            self.publisher.change(now);
        }
        known
    }

    /// Milliseconds to add to a [`Timestamp`] to get Unix time, from now on.
    pub fn clock_offset(&mut self, now: Timestamp, offset_ms: i64) {
        if offset_ms != self.offset_ms {
            self.offset_ms = offset_ms;
            self.registry.touch_last_seen();
            self.publisher.change(now);
        }
    }

    /// Lets go of what no longer holds at `now`, which is never before that of an earlier call.
    pub fn advance(&mut self, now: Timestamp) {
        if self.registry.expire(now) {
            self.publisher.change(now);
        }
    }

    /// When [`advance`](Self::advance) or [`publish`](Self::publish) will have something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        [self.publisher.due(), self.registry.next_timeout()].into_iter().flatten().min()
    }

    /// Whether consoles are to be told now; asked once, it counts as told.
    pub fn publish(&mut self, now: Timestamp) -> bool {
        self.publisher.take(now)
    }

    /// The service is about to stop: what has changed is due now.
    pub fn last_call(&mut self) {
        self.publisher.last_call();
    }

    /// Counts changes: as long as it stays, so do all rovers.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.registry.version()
    }

    /// How many rovers are known.
    #[must_use]
    pub fn count(&self) -> usize {
        self.registry.count()
    }

    /// The rovers by id, each with its own version: as long as that stays, so does the rover.
    pub fn rovers(&self) -> impl Iterator<Item = (&RoverId, u64)> {
        self.registry.iter().map(|(id, known)| (id, known.version))
    }

    /// One rover, as of the last call with a time.
    #[must_use]
    pub fn rover(&self, id: &str) -> Option<Rover> {
        let known = self.registry.get(id)?;
        Some(Rover {
            id: id.to_owned(),
            name: known.name.clone(),
            address: known.address.clone(),
            video_address: known.video_address.clone(),
            online: known.online,
            battery_voltage: known.battery_v,
            last_pose: known.pose,
            mode: known.mode,
            last_seen: self.unix_ms(known.seen),
        })
    }

    /// What has changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        let Touched { changed, removed, incomplete } = self.registry.take_touched();
        let changed = changed
            .into_iter()
            .filter_map(|(id, fields)| Some(self.change(&id, fields, self.registry.get(&id)?)))
            .collect();
        Changes { changed, removed: removed.iter().map(|id| id.as_ref().to_owned()).collect(), incomplete }
    }

    fn change(&self, id: &str, fields: registry::Fields, known: &Known) -> RoverChange {
        use registry::Fields;
        RoverChange {
            id: id.to_owned(),
            name: fields.pick(Fields::NAME, || known.name.clone()),
            address: fields.pick(Fields::ADDRESS, || known.address.clone()),
            video_address: fields.pick(Fields::VIDEO_ADDRESS, || known.video_address.clone()),
            online: fields.pick(Fields::ONLINE, || known.online),
            battery_voltage: fields.pick(Fields::BATTERY, || known.battery_v),
            last_pose: fields.pick(Fields::POSE, || known.pose),
            mode: fields.pick(Fields::MODE, || known.mode),
            last_seen: fields.pick(Fields::LAST_SEEN, || self.unix_ms(known.seen)),
        }
    }

    fn unix_ms(&self, at: Timestamp) -> u64 {
        u64::try_from(at.as_millis()).unwrap_or(u64::MAX).saturating_add_signed(self.offset_ms)
    }
}
