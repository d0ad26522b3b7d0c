//! Changes as rows and rows as changes, the same for every database.

use std::error::Error;

use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;
use wire::dispatch::{Task, TaskStatus};

use super::StoreError;
use crate::core::{
    ledger::{Change, KeptAnswer, MissionRow, ZoneRow},
    task::TaskRow,
};

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Bool(bool),
    Text(String),
}

/// A statement that writes one change. Parameters are `$1`, `$2`…
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    Zone,
    ZoneGone,
    Mission,
    MissionGone,
    NewTask,
    MoveTask,
    TaskGone,
    Answer,
    AnswerGone,
}

impl Statement {
    pub(super) const ALL: [Self; 9] = [
        Self::Zone,
        Self::ZoneGone,
        Self::Mission,
        Self::MissionGone,
        Self::NewTask,
        Self::MoveTask,
        Self::TaskGone,
        Self::Answer,
        Self::AnswerGone,
    ];

    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Zone => {
                "INSERT INTO zones (no, id, body) VALUES ($1, $2, $3) \
                 ON CONFLICT (no) DO UPDATE SET body = excluded.body WHERE zones.id = excluded.id"
            }
            Self::ZoneGone => "DELETE FROM zones WHERE id = $1",
            Self::Mission => {
                "INSERT INTO missions (no, id, body, due_ms) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (no) DO UPDATE SET body = excluded.body, due_ms = excluded.due_ms \
                 WHERE missions.id = excluded.id"
            }
            Self::MissionGone => "DELETE FROM missions WHERE id = $1",
            Self::NewTask => {
                "INSERT INTO tasks (no, id, mission_id, zone_id, rover_id, status, progress, waypoint, lap, \
                 error, created_at, started_at, ended_at, ended_ms, route, proven, sent, cancel_owed) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
            }
            // A route of ten thousand waypoints is not written again with each of them: it only goes when the
            // task ends.
            Self::MoveTask => {
                "UPDATE tasks SET rover_id = $4, status = $5, progress = $6, waypoint = $7, lap = $8, \
                 error = $9, started_at = $10, ended_at = $11, ended_ms = $12, proven = $13, sent = $14, \
                 cancel_owed = $15, route = CASE WHEN CAST($12 AS BIGINT) IS NULL THEN route END \
                 WHERE no = $1 AND id = $2 AND status = $3 AND rover_id IN ('', $4)"
            }
            Self::TaskGone => "DELETE FROM tasks WHERE id = $1 AND status IN ('done', 'failed', 'cancelled')",
            Self::Answer => {
                "INSERT INTO answers (key, request, status, body, at_ms) VALUES ($1, $2, $3, $4, $5)"
            }
            Self::AnswerGone => "DELETE FROM answers WHERE key = $1",
        }
    }
}

/// A change, ready to be written.
#[derive(Debug)]
pub(super) struct Written {
    pub statement: Statement,
    pub values: Vec<Value>,
    /// What and which: exactly one row of it has to change.
    guard: Option<(&'static str, String)>,
}

impl Written {
    pub(super) fn new(change: &Change) -> Result<Self, StoreError> {
        use Statement as S;
        let gone = |id: &Uuid| vec![id.to_string().into()];
        let (statement, values, guard) = match change {
            Change::Zone(row) => {
                let id = row.zone.id.to_string();
                (S::Zone, vec![row.no.into(), id.clone().into(), json(&row.zone).into()], Some(("zone", id)))
            }
            Change::ZoneGone { id } => (S::ZoneGone, gone(id), Some(("zone", id.to_string()))),
            Change::Mission(row) => {
                let id = row.mission.id.to_string();
                let body = json(&row.mission).into();
                let values = vec![row.no.into(), id.clone().into(), body, row.due_ms.into()];
                (S::Mission, values, Some(("mission", id)))
            }
            Change::MissionGone { id } => (S::MissionGone, gone(id), Some(("mission", id.to_string()))),
            Change::NewTask(row) => (S::NewTask, new_task(row), Some(("task", row.id().to_string()))),
            Change::Task { from, row } => {
                (S::MoveTask, move_task(*from, row), Some(("task", row.id().to_string())))
            }
            Change::TaskGone { id } => (S::TaskGone, gone(id), Some(("task", id.to_string()))),
            Change::Answer(row) => {
                let (key, request, body) = (row.key.clone(), row.request.clone(), row.body.clone());
                let status = i64::from(row.status).into();
                (S::Answer, vec![key.into(), request.into(), status, body.into(), row.at_ms.into()], None)
            }
            Change::AnswerGone { key } => (S::AnswerGone, vec![key.clone().into()], None),
        };
        if values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0'))) {
            return Err(StoreError::Nul);
        }
        Ok(Self { statement, values, guard })
    }

    /// Whether so many changed rows are right.
    pub(super) fn changed(&self, rows: u64) -> Result<(), StoreError> {
        match &self.guard {
            Some((what, id)) if rows != 1 => Err(StoreError::Guard { what, id: id.clone() }),
            _ => Ok(()),
        }
    }
}

fn new_task(row: &TaskRow) -> Vec<Value> {
    let t = &row.task;
    let route = t.status.is_open().then(|| json(row.route.as_ref()));
    vec![
        row.no.into(),
        t.id.to_string().into(),
        t.mission_id.to_string().into(),
        row.zone_id.to_string().into(),
        t.rover_id.clone().into(),
        status(t.status).into(),
        i64::from(t.progress).into(),
        i64::from(t.waypoint).into(),
        i64::from(t.lap).into(),
        t.error.clone().into(),
        t.created_at.clone().into(),
        t.started_at.clone().into(),
        t.ended_at.clone().into(),
        row.ended_ms.into(),
        route.into(),
        row.proven.as_ref().map(json).into(),
        row.sent.as_ref().map(json).into(),
        Value::Bool(row.cancel_owed),
    ]
}

fn move_task(from: TaskStatus, row: &TaskRow) -> Vec<Value> {
    let t = &row.task;
    vec![
        row.no.into(),
        t.id.to_string().into(),
        status(from).into(),
        t.rover_id.clone().into(),
        status(t.status).into(),
        i64::from(t.progress).into(),
        i64::from(t.waypoint).into(),
        i64::from(t.lap).into(),
        t.error.clone().into(),
        t.started_at.clone().into(),
        t.ended_at.clone().into(),
        row.ended_ms.into(),
        row.proven.as_ref().map(json).into(),
        row.sent.as_ref().map(json).into(),
        Value::Bool(row.cancel_owed),
    ]
}

/// As whoever couldn't read it words it.
pub(super) type Unreadable = Box<dyn Error + Send + Sync>;

/// A row that was read, its columns by number from 0.
pub(super) trait Columns {
    fn int(&self, column: usize) -> Result<Option<i64>, Unreadable>;
    fn bool(&self, column: usize) -> Result<bool, Unreadable>;
    fn text(&self, column: usize) -> Result<Option<String>, Unreadable>;
}

/// A table, and what is read of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Table {
    Zones,
    Missions,
    Tasks,
    Answers,
}

impl Table {
    /// In the order in which their rows are to be applied.
    pub(super) const ALL: [Self; 4] = [Self::Zones, Self::Missions, Self::Tasks, Self::Answers];

    /// All its rows, in the order in which they are to be applied.
    pub(super) const fn sql(self) -> &'static str {
        match self {
            Self::Zones => "SELECT no, body FROM zones ORDER BY no",
            Self::Missions => "SELECT no, body, due_ms FROM missions ORDER BY no",
            Self::Tasks => {
                "SELECT no, id, mission_id, zone_id, rover_id, status, progress, waypoint, lap, error, \
                 created_at, started_at, ended_at, ended_ms, route, proven, sent, cancel_owed \
                 FROM tasks ORDER BY no"
            }
            Self::Answers => "SELECT key, request, status, body, at_ms FROM answers ORDER BY at_ms, key",
        }
    }

    pub(super) fn read(self, row: &impl Columns) -> Result<Change, StoreError> {
        let (what, read) = match self {
            Self::Zones => ("zone", zone(row)),
            Self::Missions => ("mission", mission(row)),
            Self::Tasks => ("task", task(row)),
            Self::Answers => ("kept answer", answer(row)),
        };
        read.map_err(|cause| StoreError::Row { what, cause })
    }
}

fn zone(row: &impl Columns) -> Result<Change, Unreadable> {
    Ok(Change::Zone(ZoneRow { no: number(row, 0)?, zone: parsed(&text(row, 1)?)? }.into()))
}

fn mission(row: &impl Columns) -> Result<Change, Unreadable> {
    let row = MissionRow { no: number(row, 0)?, mission: parsed(&text(row, 1)?)?, due_ms: row.int(2)? };
    Ok(Change::Mission(row.into()))
}

fn task(row: &impl Columns) -> Result<Change, Unreadable> {
    let task = Task {
        id: text(row, 1)?.parse()?,
        mission_id: text(row, 2)?.parse()?,
        rover_id: text(row, 4)?,
        status: serde_json::from_value(text(row, 5)?.into())?,
        progress: number(row, 6)?,
        waypoint: number(row, 7)?,
        lap: number(row, 8)?,
        error: row.text(9)?,
        created_at: text(row, 10)?,
        started_at: row.text(11)?,
        ended_at: row.text(12)?,
    };
    let row = TaskRow {
        no: number(row, 0)?,
        task,
        zone_id: text(row, 3)?.parse()?,
        route: row.text(14)?.map(|text| parsed(&text)).transpose()?.unwrap_or_default(),
        proven: row.text(15)?.map(|text| parsed(&text)).transpose()?,
        sent: row.text(16)?.map(|text| parsed(&text)).transpose()?,
        cancel_owed: row.bool(17)?,
        ended_ms: row.int(13)?,
    };
    Ok(Change::NewTask(row.into()))
}

fn answer(row: &impl Columns) -> Result<Change, Unreadable> {
    let answer = KeptAnswer {
        key: text(row, 0)?,
        request: text(row, 1)?,
        status: number(row, 2)?,
        body: text(row, 3)?,
        at_ms: number(row, 4)?,
    };
    Ok(Change::Answer(answer.into()))
}

fn text(row: &impl Columns, column: usize) -> Result<String, Unreadable> {
    Ok(row.text(column)?.ok_or("a text is missing")?)
}

fn number<T>(row: &impl Columns, column: usize) -> Result<T, Unreadable>
where
    T: TryFrom<i64>,
    T::Error: Error + Send + Sync + 'static,
{
    Ok(T::try_from(row.int(column)?.ok_or("a number is missing")?)?)
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    Ok(serde_json::from_str(text)?)
}

/// As on the wire; the wire's names are the database's.
fn status(status: TaskStatus) -> String {
    json(&status).trim_matches('"').to_owned()
}

fn json(value: &impl Serialize) -> String {
    // Serialising these types can't fail; an empty text would be refused on reading.
    serde_json::to_string(value).unwrap_or_default()
}

impl From<u64> for Value {
    /// Rows are counted from 1: no count comes near the end.
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
