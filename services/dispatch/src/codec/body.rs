//! What bodies and frames look like, for the sentence that says where one doesn't.

use kit::shape::{self, Field, Shape, may, must};
use serde::de::DeserializeOwned;
use wire::dispatch::{FromRover, MissionPatch, NewMission, NewZone, ZonePatch};

const POINT: Shape =
    Shape::Object(&[must("x", Shape::Number), must("y", Shape::Number), may("theta", Shape::Number)]);
const CORNER: Shape = Shape::Object(&[must("lat", Shape::Number), must("lon", Shape::Number)]);
const ZONE_TYPE: Field = may("zoneType", Shape::Word(&["route", "polygon", "point"]));
const WAYPOINTS: Field = may("waypoints", Shape::List(&POINT));
const POLYGON: Field = may("polygon", Shape::List(&CORNER));
const MAP: Field = may("mapId", Shape::Text);
const ROVER: Field = may("roverId", Shape::Text);
const ENABLED: Field = may("enabled", Shape::Flag);
const SCHEDULE: Field = may(
    "schedule",
    Shape::Object(&[
        may("trigger", Shape::Word(&["manual", "once", "cron"])),
        may("cron", Shape::Text),
        may("timezone", Shape::Text),
        may("at", Shape::Text),
        may("loop", Shape::Flag),
    ]),
);
const NEW_ZONE: Shape = Shape::Object(&[must("name", Shape::Text), ZONE_TYPE, WAYPOINTS, POLYGON, MAP]);
const ZONE_PATCH: Shape = Shape::Object(&[may("name", Shape::Text), ZONE_TYPE, WAYPOINTS, POLYGON, MAP]);
const NEW_MISSION: Shape =
    Shape::Object(&[must("name", Shape::Text), must("zoneId", Shape::Uuid), ROVER, SCHEDULE, ENABLED]);
const MISSION_PATCH: Shape =
    Shape::Object(&[may("name", Shape::Text), may("zoneId", Shape::Uuid), ROVER, SCHEDULE, ENABLED]);

const TASK: Field = must("task_id", Shape::Uuid);
const LAPS_MAX: u64 = u32::MAX as u64;
const KINDS: &[&str] = &["register", "progress", "complete", "failed"];
const FRAME: Shape = Shape::Object(&[must("type", Shape::Word(KINDS))]);
const REGISTER: Shape = Shape::Object(&[must("rover_id", Shape::Text), may("task_id", Shape::Uuid)]);
const PROGRESS: Shape = Shape::Object(&[
    TASK,
    must("progress", Shape::Number),
    must("waypoint", Shape::Whole { min: i64::MIN, max: i64::MAX as u64 }),
    may("lap", Shape::Whole { min: 0, max: LAPS_MAX }),
]);
const COMPLETE: Shape = Shape::Object(&[TASK, may("laps", Shape::Whole { min: 0, max: LAPS_MAX })]);
const FAILED: Shape = Shape::Object(&[TASK, must("error", Shape::Text)]);

/// A body that can be told to be wrong.
pub trait Body: DeserializeOwned {
    /// What it looks like.
    const SHAPE: &'static Shape;
}

impl Body for NewZone {
    const SHAPE: &'static Shape = &NEW_ZONE;
}

impl Body for ZonePatch {
    const SHAPE: &'static Shape = &ZONE_PATCH;
}

impl Body for NewMission {
    const SHAPE: &'static Shape = &NEW_MISSION;
}

impl Body for MissionPatch {
    const SHAPE: &'static Shape = &MISSION_PATCH;
}

/// Reads a request's body.
///
/// # Errors
/// One sentence that says what is wrong with it.
pub fn read<B: Body>(text: &str) -> Result<B, String> {
    if shape::is_too_deep(text) {
        return Err(format!("The body is nested deeper than {} levels.", shape::MAX_DEPTH));
    }
    let body = serde_json::from_str(text).map_err(|error| shape::explain("body", text, B::SHAPE, &error))?;
    shape::misfit("body", text, B::SHAPE).map_or(Ok(body), Err)
}

/// Reads what a rover says.
///
/// # Errors
/// One sentence that says what is wrong with it.
pub fn frame(text: &str) -> Result<FromRover, String> {
    if shape::is_too_deep(text) {
        return Err(format!("The frame is nested deeper than {} levels.", shape::MAX_DEPTH));
    }
    serde_json::from_str(text).map_err(|error| {
        #[derive(serde::Deserialize)]
        struct Tag {
            r#type: String,
        }
        let kind = serde_json::from_str::<Tag>(text).map(|tag| tag.r#type);
        let shape = match kind.as_deref() {
            Ok("register") => &REGISTER,
            Ok("progress") => &PROGRESS,
            Ok("complete") => &COMPLETE,
            Ok("failed") => &FAILED,
            _ => &FRAME,
        };
        shape::explain("frame", text, shape, &error)
    })
}
