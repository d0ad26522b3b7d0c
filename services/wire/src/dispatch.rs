//! dispatch: zones, missions and tasks over HTTP, and the frames of `/ws` (rovers) and `/ws/console`.
//!
//! HTTP bodies and the values in frames are camelCase; the top level of every frame and everything rovers
//! send is snake_case.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A member of a `PUT` body (or a frame) where leaving it out, `null` and a value mean three things.
///
/// The field needs `#[serde(default, skip_serializing_if = "Patch::is_absent")]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Left out: what is there stays.
    #[default]
    Absent,
    /// `null`: what is there is unset.
    Null,
    /// A new value.
    Value(T),
}

impl<T> Patch<T> {
    /// Left out.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// What holds after the patch, where `held` held before.
    #[must_use]
    pub fn over(self, held: Option<T>) -> Option<T> {
        match self {
            Self::Absent => held,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(d)?.map_or(Self::Null, Self::Value))
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent | Self::Null => s.serialize_none(),
            Self::Value(value) => value.serialize(s),
        }
    }
}

/// What a zone's geometry means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneType {
    /// Waypoints, driven in order.
    #[default]
    Route,
    /// An area.
    Polygon,
    /// One place.
    Point,
}

/// A place to drive to, in the map frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waypoint {
    /// Metres.
    pub x: f64,
    /// Metres.
    pub y: f64,
    /// Heading on arrival, radians; left out where any will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theta: Option<f64>,
}

/// A corner of a polygon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatLon {
    /// Degrees, WGS 84, north positive.
    pub lat: f64,
    /// Degrees, WGS 84, east positive.
    pub lon: f64,
}

/// Where rovers drive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Zone {
    /// Given by dispatch.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// See [`ZoneType`].
    pub zone_type: ZoneType,
    /// In the order they are driven.
    pub waypoints: Vec<Waypoint>,
    /// Corners, where there is an area.
    pub polygon: Option<Vec<LatLon>>,
    /// The map the waypoints are on.
    pub map_id: Option<String>,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC.
    pub updated_at: String,
}

/// Body of `POST /zones`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewZone {
    /// As in [`Zone`], and so are the others.
    pub name: String,
    #[serde(default, deserialize_with = "null_is_absent")]
    #[expect(missing_docs, reason = "as in Zone")]
    pub zone_type: ZoneType,
    #[serde(default, deserialize_with = "null_is_absent")]
    #[expect(missing_docs, reason = "as in Zone")]
    pub waypoints: Vec<Waypoint>,
    #[serde(default)]
    #[expect(missing_docs, reason = "as in Zone")]
    pub polygon: Option<Vec<LatLon>>,
    #[serde(default)]
    #[expect(missing_docs, reason = "as in Zone")]
    pub map_id: Option<String>,
}

/// Body of `PUT /zones/{id}`: what is left out stays.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "as in Zone")]
pub struct ZonePatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_type: Option<ZoneType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waypoints: Option<Vec<Waypoint>>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub polygon: Patch<Vec<LatLon>>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub map_id: Patch<String>,
}

/// What starts a mission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// `POST /missions/{id}/start`.
    #[default]
    Manual,
    /// Once, at [`Schedule::at`] or as soon as a rover is free.
    Once,
    /// Whenever [`Schedule::cron`] says.
    Cron,
}

/// When and how a mission runs.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// See [`Trigger`].
    #[serde(deserialize_with = "null_is_absent")]
    pub trigger: Trigger,
    /// Five fields (minute, hour, day of month, month, day of week) or six (seconds first).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// IANA name of the time zone `cron` is read in, `Europe/Berlin`; UTC where left out. An addition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// RFC 3339, for [`Trigger::Once`]. An addition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// After the last waypoint the rover goes on with the first.
    #[serde(rename = "loop", deserialize_with = "null_is_absent")]
    pub looped: bool,
}

/// A zone to be driven, by whom and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mission {
    /// Given by dispatch.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// The zone.
    pub zone_id: Uuid,
    /// The rover that drives it; null for any that is free.
    pub rover_id: Option<String>,
    /// See [`Schedule`].
    pub schedule: Schedule,
    /// A disabled mission can't be started and doesn't fire.
    pub enabled: bool,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC.
    pub updated_at: String,
    /// What became of the last scheduled start; left out before the first. An addition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_firing: Option<Firing>,
}

/// A scheduled start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// When it was due, RFC 3339 UTC.
    pub at: String,
    /// What became of it.
    pub outcome: FiringOutcome,
    /// One sentence for a person.
    pub message: String,
}

/// What became of a scheduled start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FiringOutcome {
    /// A task waits for its rover or has it.
    Started,
    /// The last run was still open, or the zone can't be driven.
    Skipped,
    /// Nobody was there to start it; it is not made up for.
    Missed,
}

/// Body of `POST /missions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "as in Mission")]
pub struct NewMission {
    pub name: String,
    pub zone_id: Uuid,
    #[serde(default)]
    pub rover_id: Option<String>,
    #[serde(default, deserialize_with = "null_is_absent")]
    pub schedule: Schedule,
    #[serde(default = "yes", deserialize_with = "null_is_yes")]
    pub enabled: bool,
}

const fn yes() -> bool {
    true
}

fn null_is_yes<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_else(yes))
}

/// Consoles write null for what they leave out.
fn null_is_absent<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// Body of `PUT /missions/{id}`: what is left out stays.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "as in Mission")]
pub struct MissionPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub rover_id: Patch<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Where a task is; it moves down this list only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Waits for its rover, or for any.
    Pending,
    /// A rover is to have it.
    Assigned,
    /// The rover has reached a waypoint.
    Active,
    /// Final.
    Done,
    /// Final.
    Failed,
    /// Final.
    Cancelled,
}

impl TaskStatus {
    /// Not yet final.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Assigned | Self::Active)
    }

    /// A rover has it or is to have it.
    #[must_use]
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Assigned | Self::Active)
    }
}

/// One run of a mission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Given by dispatch.
    pub id: Uuid,
    /// The mission it runs.
    pub mission_id: Uuid,
    /// The rover; empty while it waits for any.
    pub rover_id: String,
    /// See [`TaskStatus`].
    pub status: TaskStatus,
    /// Percent, 0 to 100, of the zone's waypoints.
    pub progress: u8,
    /// The zone's waypoint last reached.
    pub waypoint: u32,
    /// Laps completed.
    pub lap: u32,
    /// Why it failed, one sentence for a person.
    pub error: Option<String>,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC: the first waypoint was reached.
    pub started_at: Option<String>,
    /// RFC 3339 UTC.
    pub ended_at: Option<String>,
}

/// `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`: the service answers.
    pub status: String,
    /// Rovers with a socket that have registered.
    pub connected_rovers: usize,
}

/// What a rover says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromRover {
    /// First on every socket.
    Register {
        /// Any string.
        rover_id: String,
        /// The task it holds, null for none; older rovers don't say.
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        task_id: Patch<Uuid>,
    },
    /// A waypoint was reached.
    Progress {
        /// The task.
        task_id: Uuid,
        /// Percent of waypoints before this one.
        progress: f64,
        /// Index of the waypoint, from 0, in what the rover was sent.
        waypoint: i64,
        /// Laps completed since it was sent.
        #[serde(default, deserialize_with = "null_is_absent")]
        lap: u32,
    },
    /// Everything was driven.
    Complete {
        /// The task.
        task_id: Uuid,
        /// Laps completed since it was sent.
        #[serde(default, deserialize_with = "null_is_absent")]
        laps: u32,
    },
    /// It can't go on.
    Failed {
        /// The task.
        task_id: Uuid,
        /// Why, for a person.
        error: String,
    },
}

/// What a rover is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToRover {
    /// Drive this, from its first waypoint.
    Task {
        /// The task.
        task_id: Uuid,
        /// Its mission.
        mission_id: Uuid,
        /// What to drive.
        zone: TaskZone,
    },
    /// Stop driving it.
    Cancel {
        /// The task.
        task_id: Uuid,
    },
    /// The answer to a frame that makes no sense. The socket stays open.
    Error {
        /// One sentence for a person.
        message: String,
    },
}

/// What a task makes a rover drive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskZone {
    /// In order.
    pub waypoints: Vec<Waypoint>,
    /// After the last comes the first.
    #[serde(rename = "loop")]
    pub looped: bool,
}

/// What consoles are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToConsole {
    /// A task, whole.
    TaskUpdate {
        /// As it is now.
        task: Task,
    },
    /// A rover came, went, or has another task.
    RoverUpdate {
        /// The rover.
        rover_id: String,
        /// It has a socket and registered.
        connected: bool,
        /// Its open task.
        task_id: Option<Uuid>,
    },
    /// A zone, whole.
    ZoneUpdate {
        /// As it is now.
        zone: Zone,
    },
    /// A mission, whole.
    MissionUpdate {
        /// As it is now.
        mission: Mission,
    },
    /// A zone is gone. An addition.
    ZoneDeleted {
        /// The zone.
        zone_id: Uuid,
    },
    /// A mission is gone. An addition.
    MissionDeleted {
        /// The mission.
        mission_id: Uuid,
    },
    /// Ends the whole state that a console is given on connecting or after lagging: of rovers and open tasks, what
    /// was told before and not since is gone. Zones and missions are asked for over HTTP. An addition.
    Snapshot {
        /// Of the service's run: sequence numbers of different epochs don't compare.
        epoch: u64,
    },
}

/// A frame of `/ws/console`: a message and its place in the sequence. `seq` is an addition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsoleFrame {
    /// The message.
    #[serde(flatten)]
    pub message: ToConsole,
    /// Counts changes. In a whole state 0, but for [`ToConsole::Snapshot`] at its end, which has that of the last
    /// change. `?since=` takes it.
    pub seq: u64,
}
