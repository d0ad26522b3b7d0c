//! discovery: what rovers say, `GET /rovers`, `GET /health`, `GET /api/sessions` and the frames of `/ws`.
//!
//! A console that connects to `/ws` hears [`RoversFrame`]: all rovers, on connect and on each change. One that
//! connects to `/ws?delta=1` hears a [`RoversSnapshot`] and then a [`RoversDelta`] for each change. A delta's
//! `seq` is one more than that of the frame before; to apply it, each object of `changed` is laid over the
//! rover of its id (a rover not known yet comes with all its fields), and each id of `removed` is taken away.
//! A console that lagged is sent a snapshot again, and so may any be at any time.

use serde::{Deserialize, Serialize};

/// The highest [`Rover::mode`]: 0 disabled, 1 idle, 2 teleop, 3 autonomous, 4 e-stop, 5 fault.
pub const MODE_MAX: u8 = 5;

/// The body of `POST /register`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Register {
    /// A free string that stays the rover's.
    pub id: String,
    /// For people.
    pub name: String,
    /// Where consoles reach the rover.
    pub address: String,
    /// Where its video is; left out, `address` with port 4850 replaced by 4851.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_address: Option<String>,
    /// What it measures; an absent field keeps the last known value.
    #[serde(flatten)]
    pub state: Heartbeat,
}

/// The body of `POST /heartbeat/{id}`; an absent field keeps its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Volts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery_voltage: Option<f64>,
    /// See [`MODE_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u8>,
    /// In the map frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pose: Option<Pose>,
}

/// A pose in the map frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Metres.
    pub x: f64,
    /// Metres.
    pub y: f64,
    /// Radians.
    pub theta: f64,
}

/// `{"ok":true}`: the answer to a registration or heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Always true.
    pub ok: bool,
}

/// `{"error":…}`: the answer to what is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// One sentence for a person.
    pub error: String,
}

/// `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Always `ok`: the service answers.
    pub status: String,
    /// Rovers known, online or not.
    pub rovers: usize,
}

/// A rover, as consoles show it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rover {
    /// As registered.
    pub id: String,
    /// As registered.
    pub name: String,
    /// As registered.
    pub address: String,
    /// As registered, or made from the address.
    pub video_address: String,
    /// It registered or beat within the last 10 s.
    pub online: bool,
    /// Volts, as last told; 0 before that.
    pub battery_voltage: f64,
    /// As last told; 0, 0, 0 before that.
    pub last_pose: Pose,
    /// As last told, see [`MODE_MAX`]; 0 before that.
    pub mode: u8,
    /// Unix milliseconds of the last registration or heartbeat.
    pub last_seen: u64,
}

/// All rovers, by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "rovers")]
pub struct RoversFrame {
    /// All of them, never a part.
    pub data: Vec<Rover>,
}

/// `?delta=1`: where the changes start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "rovers_snapshot")]
pub struct RoversSnapshot {
    /// The next delta's is one more.
    pub seq: u64,
    /// All rovers, by id.
    pub data: Vec<Rover>,
}

/// `?delta=1`: what has changed since the frame before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "rovers_delta")]
pub struct RoversDelta {
    /// One more than the frame before.
    pub seq: u64,
    /// By id.
    pub changed: Vec<RoverChange>,
    /// Ids of rovers that were forgotten.
    pub removed: Vec<String>,
}

/// The fields of a [`Rover`] that may have changed; the others are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the fields are those of Rover")]
pub struct RoverChange {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery_voltage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_pose: Option<Pose>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<u64>,
}

/// `metadata.json` of a recorded session, as rovers write it; `GET /api/sessions` passes it on with what
/// [`Session`] adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionMetadata {
    /// The rover's name for the session.
    pub session_id: String,
    /// Whose it is.
    pub rover_id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; null while it lasts.
    pub ended_at: Option<String>,
    /// Seconds.
    pub duration_secs: f64,
    /// Null without a position.
    pub gps_bounds: Option<GpsBounds>,
    /// How many.
    pub lidar_frames: u64,
    /// How many.
    pub camera_frames: u64,
    /// How many.
    pub pose_samples: u64,
    /// `session.rrd`
    pub session_file: String,
}

/// Degrees, WGS 84.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct GpsBounds {
    pub min_lat: f64,
    pub max_lat: f64,
    pub min_lon: f64,
    pub max_lon: f64,
}

/// One session of [`Sessions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// What the rover wrote, with whatever a newer rover adds.
    #[serde(flatten)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// The folder: `GET /api/sessions/{rover_id}/{session_dir}/{file}`.
    pub session_dir: String,
    /// What can be fetched from it: `session.rrd`, `session.mcap`; by name.
    #[serde(default)]
    pub files: Vec<String>,
}

/// `GET /api/sessions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// Newest first.
    pub sessions: Vec<Session>,
    /// There are more than are listed; ask for one rover's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}
