//! SQLite: one file in the data directory, made on first start.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode, Row, Transaction, TransactionBehavior, params};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;
use wire::dispatch::{Task, TaskStatus};

use super::{Store, StoreError};
use crate::core::{
    ledger::{Change, KeptAnswer, MissionRow, ZoneRow},
    task::TaskRow,
};

/// What brings a file from one version to the next; `user_version` counts those it has had.
const MIGRATIONS: &[&str] = &[include_str!("0001_first.sql")];
/// How long a process that is just ending may take to let go of the file.
const LET_GO: Duration = Duration::from_millis(500);
/// Prepared statements that are kept; there are fewer.
const STATEMENTS: usize = 32;

/// The file, which no other process can use meanwhile.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Opens the file, makes it if there is none, and brings it to this program's version.
    ///
    /// # Errors
    /// It can't be opened, another process has it, it is none of ours, or a newer program wrote it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        let mut connection = Connection::open(path).map_err(|cause| open_error(&name, cause))?;
        prepare(&connection).map_err(|cause| open_error(&name, cause))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        migrate(&mut connection, &name)?;
        Ok(Self { connection })
    }
}

impl Store for Sqlite {
    fn load(&mut self) -> Result<Vec<Change>, StoreError> {
        let mut changes = Vec::new();
        let all = |sql: &str, read: Reader, changes: &mut Vec<Change>| {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                changes.push(read(row)?);
            }
            Ok::<_, StoreError>(())
        };
        all("SELECT no, body FROM zones ORDER BY no", zone, &mut changes)?;
        all("SELECT no, body, due_ms FROM missions ORDER BY no", mission, &mut changes)?;
        all("SELECT * FROM tasks ORDER BY no", task, &mut changes)?;
        all("SELECT * FROM answers ORDER BY at_ms, key", answer, &mut changes)?;
        Ok(changes)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            keep(&transaction, change)?;
        }
        // A transaction that is dropped is rolled back.
        Ok(transaction.commit()?)
    }
}

/// Exclusive: a second process would answer from a state that is no longer true.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(LET_GO)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")
}

fn open_error(path: &str, cause: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { path },
        _ => StoreError::Open { path, cause },
    }
}

fn migrate(connection: &mut Connection, path: &str) -> Result<(), StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|cause| open_error(path, cause))?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let had = usize::try_from(found).unwrap_or(0);
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for migration in MIGRATIONS.iter().skip(had) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

fn keep(transaction: &Transaction<'_>, change: &Change) -> Result<(), StoreError> {
    let execute =
        |sql: &str, values: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.execute(values);
    match change {
        Change::Zone(row) => {
            let sql = "INSERT INTO zones (no, id, body) VALUES (?1, ?2, ?3) \
                       ON CONFLICT (no) DO UPDATE SET body = excluded.body WHERE id = excluded.id";
            let done = execute(sql, params![row.no, text(row.zone.id), json(&row.zone)])?;
            one(done, "zone", row.zone.id)
        }
        Change::Mission(row) => {
            let sql = "INSERT INTO missions (no, id, body, due_ms) VALUES (?1, ?2, ?3, ?4) \
                       ON CONFLICT (no) DO UPDATE SET body = excluded.body, due_ms = excluded.due_ms \
                       WHERE id = excluded.id";
            let id = row.mission.id;
            let done = execute(sql, params![row.no, text(id), json(&row.mission), row.due_ms])?;
            one(done, "mission", id)
        }
        Change::ZoneGone { id } => {
            one(execute("DELETE FROM zones WHERE id = ?1", params![text(*id)])?, "zone", *id)
        }
        Change::MissionGone { id } => {
            one(execute("DELETE FROM missions WHERE id = ?1", params![text(*id)])?, "mission", *id)
        }
        Change::NewTask(row) => one(new_task(transaction, row)?, "task", row.id()),
        Change::Task { from, row } => one(move_task(transaction, *from, row)?, "task", row.id()),
        Change::TaskGone { id } => {
            let sql = "DELETE FROM tasks WHERE id = ?1 AND status IN ('done', 'failed', 'cancelled')";
            one(execute(sql, params![text(*id)])?, "task", *id)
        }
        Change::Answer(row) => {
            let sql = "INSERT INTO answers (key, request, status, body, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
            execute(sql, params![row.key, row.request, row.status, row.body, row.at_ms])?;
            Ok(())
        }
        Change::AnswerGone { key } => {
            execute("DELETE FROM answers WHERE key = ?1", params![key])?;
            Ok(())
        }
    }
}

fn new_task(transaction: &Transaction<'_>, row: &TaskRow) -> rusqlite::Result<usize> {
    let t = &row.task;
    let sql = "INSERT INTO tasks (no, id, mission_id, zone_id, rover_id, status, progress, waypoint, lap, \
               error, created_at, started_at, ended_at, ended_ms, route, proven, sent, cancel_owed) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    transaction.prepare_cached(sql)?.execute(params![
        row.no,
        text(t.id),
        text(t.mission_id),
        text(row.zone_id),
        t.rover_id,
        status(t.status),
        t.progress,
        t.waypoint,
        t.lap,
        t.error,
        t.created_at,
        t.started_at,
        t.ended_at,
        row.ended_ms,
        route(row),
        row.proven.as_ref().map(json),
        row.sent.as_ref().map(json),
        row.cancel_owed,
    ])
}

/// A route of ten thousand waypoints is not written again with each of them: it only goes when the task ends.
fn move_task(transaction: &Transaction<'_>, from: TaskStatus, row: &TaskRow) -> rusqlite::Result<usize> {
    let t = &row.task;
    let sql = "UPDATE tasks SET rover_id = ?4, status = ?5, progress = ?6, waypoint = ?7, lap = ?8, \
               error = ?9, started_at = ?10, ended_at = ?11, ended_ms = ?12, proven = ?13, sent = ?14, \
               cancel_owed = ?15, route = CASE WHEN ?12 IS NULL THEN route END \
               WHERE no = ?1 AND id = ?2 AND status = ?3 AND rover_id IN ('', ?4)";
    transaction.prepare_cached(sql)?.execute(params![
        row.no,
        text(t.id),
        status(from),
        t.rover_id,
        status(t.status),
        t.progress,
        t.waypoint,
        t.lap,
        t.error,
        t.started_at,
        t.ended_at,
        row.ended_ms,
        row.proven.as_ref().map(json),
        row.sent.as_ref().map(json),
        row.cancel_owed,
    ])
}

fn one(rows: usize, what: &'static str, id: Uuid) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Guard { what, id: text(id) }) }
}

type Reader = fn(&Row<'_>) -> Result<Change, StoreError>;

fn zone(row: &Row<'_>) -> Result<Change, StoreError> {
    let zone = parsed("zone", &row.get::<_, String>("body")?)?;
    Ok(Change::Zone(ZoneRow { no: row.get("no")?, zone }.into()))
}

fn mission(row: &Row<'_>) -> Result<Change, StoreError> {
    let mission = parsed("mission", &row.get::<_, String>("body")?)?;
    Ok(Change::Mission(MissionRow { no: row.get("no")?, mission, due_ms: row.get("due_ms")? }.into()))
}

fn task(row: &Row<'_>) -> Result<Change, StoreError> {
    let id = |column: &str| parsed_text::<Uuid>(row.get(column)?);
    let task = Task {
        id: id("id")?,
        mission_id: id("mission_id")?,
        rover_id: row.get("rover_id")?,
        status: parsed_text(row.get("status")?)?,
        progress: row.get("progress")?,
        waypoint: row.get("waypoint")?,
        lap: row.get("lap")?,
        error: row.get("error")?,
        created_at: row.get("created_at")?,
        started_at: row.get("started_at")?,
        ended_at: row.get("ended_at")?,
    };
    let maybe = |column: &str| row.get::<_, Option<String>>(column);
    let position = |text: Option<String>| text.map(|text| parsed("task", &text)).transpose();
    let route = maybe("route")?.map(|text| parsed("task", &text)).transpose()?;
    Ok(Change::NewTask(
        TaskRow {
            no: row.get("no")?,
            task,
            zone_id: id("zone_id")?,
            route: route.unwrap_or_default(),
            proven: position(maybe("proven")?)?,
            sent: position(maybe("sent")?)?,
            cancel_owed: row.get("cancel_owed")?,
            ended_ms: row.get("ended_ms")?,
        }
        .into(),
    ))
}

fn answer(row: &Row<'_>) -> Result<Change, StoreError> {
    let answer = KeptAnswer {
        key: row.get("key")?,
        request: row.get("request")?,
        status: row.get("status")?,
        body: row.get("body")?,
        at_ms: row.get("at_ms")?,
    };
    Ok(Change::Answer(answer.into()))
}

fn route(row: &TaskRow) -> Option<String> {
    row.task.status.is_open().then(|| json(row.route.as_ref()))
}

fn text(id: Uuid) -> String {
    id.to_string()
}

/// As on the wire; the wire's names are the database's.
fn status(status: TaskStatus) -> String {
    json(&status).trim_matches('"').to_owned()
}

fn json(value: &impl Serialize) -> String {
    // Serialising these types can't fail; an empty text would be refused on reading.
    serde_json::to_string(value).unwrap_or_default()
}

fn parsed<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|cause| StoreError::Row { what, cause })
}

fn parsed_text<T: DeserializeOwned>(text: String) -> Result<T, StoreError> {
    serde_json::from_value(text.into()).map_err(|cause| StoreError::Row { what: "task", cause })
}
