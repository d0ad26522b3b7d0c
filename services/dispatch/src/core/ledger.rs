//! What must survive a power cut: zones, missions, tasks, and answers to be given again.
//!
//! A ledger changes by [`Change`]s only. The same changes applied in the same order make the same ledger,
//! here and in the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;
use wire::dispatch::{Mission, TaskStatus, Zone};

use super::task::TaskRow;

/// A zone as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneRow {
    /// Counts zones; the order in which they were made.
    pub no: u64,
    /// As consoles are told.
    pub zone: Zone,
}

/// A mission as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissionRow {
    /// Counts missions; the order in which they were made.
    pub no: u64,
    /// As consoles are told.
    pub mission: Mission,
    /// When it starts by itself, Unix milliseconds; none if it doesn't.
    pub due_ms: Option<i64>,
}

/// The answer to a request with an Idempotency-Key, to be given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The key.
    pub key: String,
    /// What was asked, to tell a repetition from another request with the same key.
    pub request: String,
    /// HTTP status.
    pub status: u16,
    /// HTTP body.
    pub body: String,
    /// When it was given, Unix milliseconds.
    pub at_ms: i64,
}

/// One change of the ledger; a commit is a list of them, all or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A zone is made or edited.
    Zone(Arc<ZoneRow>),
    /// A zone is deleted.
    ZoneGone {
        /// The zone.
        id: Uuid,
    },
    /// A mission is made, edited or fires.
    Mission(Arc<MissionRow>),
    /// A mission is deleted.
    MissionGone {
        /// The mission.
        id: Uuid,
    },
    /// A task is made.
    NewTask(Arc<TaskRow>),
    /// A task that was `from` moves on.
    Task {
        /// Its status before; the store refuses the change if it has another.
        from: TaskStatus,
        /// As it is then. Its route, which never changes but for going when it ends, isn't written with it.
        #[serde(serialize_with = "without_route")]
        row: Arc<TaskRow>,
    },
    /// An ended task is old enough to be forgotten.
    TaskGone {
        /// The task.
        id: Uuid,
    },
    /// An answer is kept.
    Answer(Arc<KeptAnswer>),
    /// An answer is old enough to be forgotten.
    AnswerGone {
        /// Its key.
        key: String,
    },
}

fn without_route<S: Serializer>(row: &Arc<TaskRow>, serializer: S) -> Result<S::Ok, S::Error> {
    TaskRow { route: Arc::default(), ..row.as_ref().clone() }.serialize(serializer)
}

impl Change {
    /// Waypoints and corners in it that are told or kept.
    #[must_use]
    pub fn points(&self) -> usize {
        match self {
            Self::Zone(row) => row.points(),
            Self::NewTask(row) => row.route.waypoints.len(),
            _ => 0,
        }
    }
}

impl ZoneRow {
    /// Waypoints and corners.
    #[must_use]
    pub fn points(&self) -> usize {
        self.zone.waypoints.len().saturating_add(self.zone.polygon.as_ref().map_or(0, Vec::len))
    }
}

/// Rows by number (oldest first) and by id.
#[derive(Clone, Debug)]
pub struct Table<R> {
    rows: BTreeMap<u64, Arc<R>>,
    numbers: BTreeMap<Uuid, u64>,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), numbers: BTreeMap::new() }
    }
}

impl<R: PartialEq> PartialEq for Table<R> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

impl<R> Table<R> {
    /// The row with this id.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<&Arc<R>> {
        self.rows.get(self.numbers.get(&id)?)
    }

    /// Newest first, those older than row number `before`.
    pub fn newest(&self, before: Option<u64>) -> impl Iterator<Item = &Arc<R>> {
        self.rows.range(..before.unwrap_or(u64::MAX)).rev().map(|(_, row)| row)
    }

    /// Oldest first.
    pub fn oldest(&self) -> impl Iterator<Item = &Arc<R>> {
        self.rows.values()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of the next row.
    #[must_use]
    pub fn next_no(&self) -> u64 {
        self.rows.last_key_value().map_or(1, |(no, _)| no.saturating_add(1))
    }

    fn put(&mut self, no: u64, id: Uuid, row: &Arc<R>) {
        self.rows.insert(no, Arc::clone(row));
        self.numbers.insert(id, no);
    }

    fn remove(&mut self, id: Uuid) -> Option<Arc<R>> {
        self.rows.remove(&self.numbers.remove(&id)?)
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// All zones.
    pub zones: Table<ZoneRow>,
    /// All missions.
    pub missions: Table<MissionRow>,
    /// Open tasks, and ended ones until they are forgotten.
    pub tasks: Table<TaskRow>,
    /// Waypoints and corners of all zones.
    points: usize,
    answers: BTreeMap<String, Arc<KeptAnswer>>,
    /// Of their bodies.
    answers_bytes: usize,
    answers_by_age: BTreeSet<(i64, String)>,
    due: BTreeSet<(i64, Uuid)>,
    open: BTreeSet<u64>,
    held: BTreeMap<String, Uuid>,
    owed: BTreeMap<String, BTreeSet<Uuid>>,
}

impl Ledger {
    /// A ledger of these changes.
    #[must_use]
    pub fn from_changes<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut ledger = Self::default();
        for change in changes {
            ledger.apply(change);
        }
        ledger
    }

    /// Takes one change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Zone(row) => self.put_zone(row.zone.id, Some(row)),
            Change::ZoneGone { id } => self.put_zone(*id, None),
            Change::Mission(row) => self.put_mission(row.mission.id, Some(row)),
            Change::MissionGone { id } => self.put_mission(*id, None),
            Change::NewTask(row) | Change::Task { row, .. } => self.put_task(row.id(), Some(row)),
            Change::TaskGone { id } => self.put_task(*id, None),
            Change::Answer(answer) => self.put_answer(&answer.key, Some(answer)),
            Change::AnswerGone { key } => self.put_answer(key, None),
        }
    }

    /// Undoes a change: what it touched is again as in `before`.
    pub fn revert(&mut self, change: &Change, before: &Self) {
        match change {
            Change::Zone(row) => self.put_zone(row.zone.id, before.zones.get(row.zone.id)),
            Change::ZoneGone { id } => self.put_zone(*id, before.zones.get(*id)),
            Change::Mission(row) => self.put_mission(row.mission.id, before.missions.get(row.mission.id)),
            Change::MissionGone { id } => self.put_mission(*id, before.missions.get(*id)),
            Change::NewTask(row) | Change::Task { row, .. } => {
                self.put_task(row.id(), before.tasks.get(row.id()));
            }
            Change::TaskGone { id } => self.put_task(*id, before.tasks.get(*id)),
            Change::Answer(answer) => self.put_answer(&answer.key, before.answers.get(&answer.key)),
            Change::AnswerGone { key } => self.put_answer(key, before.answers.get(key)),
        }
    }

    /// Open tasks, oldest first.
    pub fn open_tasks(&self) -> impl Iterator<Item = &Arc<TaskRow>> {
        self.open.iter().filter_map(|no| self.tasks.rows.get(no))
    }

    /// Tasks that wait for a rover, oldest first.
    pub fn waiting_tasks(&self) -> impl Iterator<Item = &Arc<TaskRow>> {
        // Held tasks are as many as rovers, which are few.
        self.open_tasks().filter(|row| row.task.status == TaskStatus::Pending)
    }

    /// Whether any task waits for a rover, and how many.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.open.len().saturating_sub(self.held.len())
    }

    /// The rovers that have a task, or are to have it, with that task.
    pub fn held(&self) -> impl Iterator<Item = (&String, Uuid)> {
        self.held.iter().map(|(rover, id)| (rover, *id))
    }

    /// The open task of a rover.
    #[must_use]
    pub fn held_by(&self, rover: &str) -> Option<&Arc<TaskRow>> {
        self.tasks.get(*self.held.get(rover)?)
    }

    /// Ended tasks that the rover may still drive.
    pub fn owed_to(&self, rover: &str) -> impl Iterator<Item = Uuid> {
        self.owed.get(rover).into_iter().flatten().copied()
    }

    /// Open tasks of a mission, oldest first.
    pub fn runs_of(&self, mission: Uuid) -> impl Iterator<Item = &Arc<TaskRow>> {
        self.open_tasks().filter(move |row| row.task.mission_id == mission)
    }

    /// The mission that is due first, and when.
    #[must_use]
    pub fn first_due(&self) -> Option<(i64, &Arc<MissionRow>)> {
        let (at, id) = self.due.first()?;
        Some((*at, self.missions.get(*id)?))
    }

    /// Missions that are due after this time, and when.
    pub fn due_after(&self, ms: i64) -> impl Iterator<Item = (i64, &Arc<MissionRow>)> {
        let later = self.due.range((ms.saturating_add(1), Uuid::nil())..);
        later.filter_map(|(at, id)| Some((*at, self.missions.get(*id)?)))
    }

    /// Waypoints and corners of all zones.
    #[must_use]
    pub const fn points(&self) -> usize {
        self.points
    }

    /// Bytes of the bodies of all kept answers.
    #[must_use]
    pub const fn answers_bytes(&self) -> usize {
        self.answers_bytes
    }

    /// A kept answer.
    #[must_use]
    pub fn answer(&self, key: &str) -> Option<&Arc<KeptAnswer>> {
        self.answers.get(key)
    }

    /// The oldest kept answer, and how many there are.
    #[must_use]
    pub fn oldest_answer(&self) -> Option<(i64, &str, usize)> {
        self.answers_by_age.first().map(|(at, key)| (*at, key.as_str(), self.answers.len()))
    }

    fn put_zone(&mut self, id: Uuid, row: Option<&Arc<ZoneRow>>) {
        if let Some(old) = self.zones.remove(id) {
            self.points = self.points.saturating_sub(old.points());
        }
        if let Some(row) = row {
            self.points = self.points.saturating_add(row.points());
            self.zones.put(row.no, id, row);
        }
    }

    fn put_mission(&mut self, id: Uuid, row: Option<&Arc<MissionRow>>) {
        if let Some(due) = self.missions.remove(id).and_then(|old| old.due_ms) {
            self.due.remove(&(due, id));
        }
        if let Some(row) = row {
            self.due.extend(row.due_ms.map(|due| (due, id)));
            self.missions.put(row.no, id, row);
        }
    }

    fn put_task(&mut self, id: Uuid, row: Option<&Arc<TaskRow>>) {
        if let Some(old) = self.tasks.remove(id) {
            self.open.remove(&old.no);
            let rover = &old.task.rover_id;
            if self.held.get(rover) == Some(&id) {
                self.held.remove(rover);
            }
            if let Some(owed) = self.owed.get_mut(rover) {
                owed.remove(&id);
                if owed.is_empty() {
                    self.owed.remove(rover);
                }
            }
        }
        if let Some(row) = row {
            let rover = &row.task.rover_id;
            if row.task.status.is_open() {
                self.open.insert(row.no);
            }
            if row.task.status.is_held() {
                self.held.insert(rover.clone(), id);
            }
            if row.cancel_owed {
                self.owed.entry(rover.clone()).or_default().insert(id);
            }
            self.tasks.put(row.no, id, row);
        }
    }

    fn put_answer(&mut self, key: &str, answer: Option<&Arc<KeptAnswer>>) {
        if let Some(old) = self.answers.remove(key) {
            self.answers_bytes = self.answers_bytes.saturating_sub(old.body.len());
            self.answers_by_age.remove(&(old.at_ms, old.key.clone()));
        }
        if let Some(answer) = answer {
            self.answers_bytes = self.answers_bytes.saturating_add(answer.body.len());
            self.answers_by_age.insert((answer.at_ms, answer.key.clone()));
            self.answers.insert(answer.key.clone(), Arc::clone(answer));
        }
    }
}
