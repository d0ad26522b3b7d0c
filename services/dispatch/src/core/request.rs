//! What is asked over HTTP: reads, answered from what is committed, and writes, answered once they are.

use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use wire::dispatch::{Health, MissionPatch, NewMission, NewZone, TaskStatus, ZonePatch};

use super::{
    fleet::Fleet,
    ids::Ids,
    ledger::{Change, Ledger, Table},
    missions,
    problem::Problem,
    runs,
    task::Stamp,
    zones,
};

/// Tasks listed where no limit is given.
pub const TASKS_LISTED: usize = 100;
/// The most that is listed at once, whatever limit is given.
pub const LISTED: usize = 10_000;
/// Bytes after which a list ends, however few it has; its `Link` leads on.
pub const LIST_BYTES: usize = 8 << 20;

/// Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// `GET /health`
    Health,
    /// `GET /zones`
    Zones(Page),
    /// `GET /zones/{id}`
    Zone(Uuid),
    /// `GET /missions`
    Missions(Page),
    /// `GET /missions/{id}`
    Mission(Uuid),
    /// `GET /tasks`
    Tasks(Filter, Page),
    /// `GET /tasks/{id}`
    Task(Uuid),
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Page {
    /// At most so many; none for the list's own limit.
    pub limit: Option<usize>,
    /// [`Answer::next`] of the part before.
    pub cursor: Option<u64>,
}

/// Which tasks; members combine.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Filter {
    /// With this status.
    pub status: Option<TaskStatus>,
    /// Of this rover.
    pub rover_id: Option<String>,
    /// Of this mission.
    pub mission_id: Option<Uuid>,
}

/// Changes something, or is refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Write {
    /// `POST /zones`
    NewZone(NewZone),
    /// `PUT /zones/{id}`
    EditZone(Uuid, ZonePatch),
    /// `DELETE /zones/{id}`
    DeleteZone(Uuid),
    /// `POST /missions`
    NewMission(NewMission),
    /// `PUT /missions/{id}`
    EditMission(Uuid, MissionPatch),
    /// `DELETE /missions/{id}`
    DeleteMission(Uuid),
    /// `POST /missions/{id}/start`
    Start {
        /// The mission.
        mission: Uuid,
        /// `?queue=true`: wait for a rover rather than be refused.
        queue: bool,
    },
    /// `POST /missions/{id}/stop`
    Stop(Uuid),
    /// `POST /tasks/{id}/cancel`
    Cancel(Uuid),
}

impl Write {
    /// The same for the same request, and for no other.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON, or of an error a sentence for a person; empty for 204.
    pub body: String,
    /// Of a list that goes on: the cursor of the rest.
    pub next: Option<u64>,
}

impl Answer {
    /// A value.
    #[must_use]
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        Self { status, body: serde_json::to_string(value).unwrap_or_default(), next: None }
    }

    /// 204.
    #[must_use]
    pub const fn empty() -> Self {
        Self { status: 204, body: String::new(), next: None }
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Self { status: problem.status(), body: problem.to_string(), next: None }
    }
}

/// What a write is decided on.
pub struct Context<'a> {
    /// For people.
    pub at: &'a Stamp,
    /// As it will be once what was decided before is committed.
    pub ledger: &'a Ledger,
    /// Who is connected.
    pub fleet: &'a Fleet,
    /// New ids.
    pub ids: &'a mut Ids,
}

/// What is to be committed, and what is answered then.
pub type Decided = Result<(Vec<Change>, Answer), Problem>;

/// Decides a write.
///
/// # Errors
/// Why it is refused; then nothing changes.
pub fn decide(write: Write, ctx: &mut Context<'_>) -> Decided {
    match write {
        Write::NewZone(new) => zones::create(new, ctx),
        Write::EditZone(id, patch) => zones::edit(id, patch, ctx),
        Write::DeleteZone(id) => zones::delete(id, ctx),
        Write::NewMission(new) => missions::create(new, ctx),
        Write::EditMission(id, patch) => missions::edit(id, patch, ctx),
        Write::DeleteMission(id) => missions::delete(id, ctx),
        Write::Start { mission, queue } => runs::start(mission, queue, ctx),
        Write::Stop(mission) => runs::stop(mission, ctx),
        Write::Cancel(task) => runs::cancel(task, ctx),
    }
}

/// Answers a read.
#[must_use]
pub fn read(read: &Read, ledger: &Ledger, fleet: &Fleet) -> Answer {
    match read {
        Read::Health => {
            let connected_rovers = fleet.connected().count();
            Answer::json(200, &Health { status: "ok".to_owned(), connected_rovers })
        }
        Read::Zones(page) => list(&ledger.zones, *page, LISTED, |row| Some((row.no, &row.zone))),
        Read::Missions(page) => list(&ledger.missions, *page, LISTED, |row| Some((row.no, &row.mission))),
        Read::Tasks(filter, page) => list(&ledger.tasks, *page, TASKS_LISTED, |row| {
            let task = &row.task;
            let fits = filter.status.is_none_or(|status| task.status == status)
                && filter.rover_id.as_ref().is_none_or(|rover| task.rover_id == *rover)
                && filter.mission_id.is_none_or(|mission| task.mission_id == mission);
            fits.then_some((row.no, task))
        }),
        Read::Zone(id) => one("zone", *id, ledger.zones.get(*id).map(|row| &row.zone)),
        Read::Mission(id) => one("mission", *id, ledger.missions.get(*id).map(|row| &row.mission)),
        Read::Task(id) => one("task", *id, ledger.tasks.get(*id).map(|row| &row.task)),
    }
}

fn one(what: &'static str, id: Uuid, value: Option<&impl Serialize>) -> Answer {
    value.map_or_else(|| Problem::Unknown { what, id }.into(), |value| Answer::json(200, value))
}

fn list<'a, R, T: Serialize + 'a>(
    table: &'a Table<R>,
    page: Page,
    limit: usize,
    pick: impl Fn(&'a R) -> Option<(u64, &'a T)>,
) -> Answer {
    let limit = page.limit.unwrap_or(limit).clamp(1, LISTED);
    let mut rest = table.newest(page.cursor).filter_map(|row| pick(row)).peekable();
    let (mut body, mut last, mut listed) = ("[".to_owned(), None, 0);
    while listed < limit
        && body.len() < LIST_BYTES
        && let Some((no, value)) = rest.next()
    {
        if listed > 0 {
            body.push(',');
        }
        // Serialising these types can't fail.
        body.push_str(&serde_json::to_string(value).unwrap_or_default());
        (last, listed) = (Some(no), listed + 1);
    }
    body.push(']');
    Answer { status: 200, body, next: last.filter(|_| rest.peek().is_some()) }
}
