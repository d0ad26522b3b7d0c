//! What everybody in a simulation shares: the disk that outlives the service, what rovers really drove, the
//! transcript, and the judge who looks at each of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use dispatch::core::{
    ledger::{Change, Ledger},
    task::TaskRow,
};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use wire::dispatch::ToConsole;

/// 2026-03-01T00:00:00Z, where a simulation begins.
pub const START: Duration = Duration::from_secs(1_772_323_200);

/// Draws from a seed: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of `0..sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll(to - from))
    }
}

/// What is left when the power goes.
#[derive(Default)]
pub struct Disk {
    pub ledger: Ledger,
    answers: Vec<Change>,
    /// Every zone, mission and task as it was at some time, and every answer to be given again.
    versions: BTreeSet<String>,
    /// Commits are kept and told of; later ones fail, or lose the store.
    pub trouble: bool,
}

impl Disk {
    /// Keeps a commit as a database would: all, and only what fits.
    pub fn keep(&mut self, changes: &str) {
        let changes: Vec<Change> = serde_json::from_str(changes).expect("changes");
        for change in changes {
            let change = self.guarded(change);
            match &change {
                Change::Zone(row) => self.remember(&row.zone),
                Change::Mission(row) => self.remember(&row.mission),
                Change::NewTask(row) | Change::Task { row, .. } => self.remember(&row.task),
                Change::Answer(_) => self.answers.push(change.clone()),
                _ => {}
            }
            self.ledger.apply(&change);
        }
        let mut busy = BTreeSet::new();
        for row in self.ledger.open_tasks().filter(|row| row.task.status.is_held()) {
            assert!(busy.insert(&row.task.rover_id), "two open tasks of {}", row.task.rover_id);
        }
    }

    /// A task that moves on has the status it is said to have, and keeps its route.
    fn guarded(&self, change: Change) -> Change {
        match change {
            Change::Task { from, row } => {
                let before = self.ledger.tasks.get(row.id()).expect("a task that moves on is there");
                assert_eq!(before.task.status, from, "of task {}", row.id());
                assert!(from.is_open() || row.task.status == from, "an ended task stays so");
                let route = if row.task.status.is_open() { before.route.clone() } else { Arc::default() };
                Change::Task { from, row: Arc::new(TaskRow { route, ..row.as_ref().clone() }) }
            }
            Change::NewTask(row) => {
                assert!(self.ledger.tasks.get(row.id()).is_none(), "an id is given once");
                Change::NewTask(row)
            }
            change => change,
        }
    }

    fn remember(&mut self, made: &impl Serialize) {
        self.versions.insert(serde_json::to_string(made).expect("JSON"));
    }

    /// Whether it was committed at some time.
    pub fn has_had(&self, made: &impl Serialize) -> bool {
        self.versions.contains(&serde_json::to_string(made).expect("JSON"))
    }

    /// As a store that is opened tells it.
    pub fn changes(&self) -> String {
        let Ledger { zones, missions, tasks, .. } = &self.ledger;
        let zones = zones.oldest().cloned().map(Change::Zone);
        let missions = missions.oldest().cloned().map(Change::Mission);
        let tasks = tasks.oldest().cloned().map(Change::NewTask);
        let all: Vec<Change> =
            zones.chain(missions).chain(tasks).chain(self.answers.iter().cloned()).collect();
        serde_json::to_string(&all).expect("JSON")
    }
}

#[derive(Default)]
pub struct Stage {
    pub disk: Disk,
    /// Waypoints of each task that its rover really drove, laps counted on.
    pub driven: BTreeMap<Uuid, u64>,
    /// A console's folded state, by its name.
    pub consoles: BTreeMap<&'static str, Seen>,
    /// Commits that came to nothing, and stores that were lost.
    pub failures: u64,
    pub transcript: Vec<String>,
}

#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Stage>>);

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().expect("nobody failed")
    }

    /// Writes a line of the transcript.
    pub fn note(&self, who: &str, what: &str) {
        let at_ms = turmoil::sim_elapsed().unwrap_or_default().as_micros();
        self.lock().transcript.push(format!("{at_ms} {who} {what}"));
    }
}

/// What a console shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    pub rovers: BTreeMap<String, Option<Uuid>>,
    /// The open ones.
    pub tasks: BTreeMap<Uuid, Value>,
    pub zones: BTreeMap<Uuid, Value>,
    pub missions: BTreeMap<Uuid, Value>,
    pub seq: u64,
    /// Told since the last snapshot began: of rovers and tasks.
    fresh: (BTreeSet<String>, BTreeSet<Uuid>),
    /// Of the frames last told.
    in_whole: bool,
    pub snapshots: u64,
    pub frames: u64,
}

impl Seen {
    /// A new connection: of a whole state that was cut off, nothing is counted on.
    pub fn begin(&mut self) {
        self.in_whole = false;
    }

    /// Takes a frame. Of a change, whether it is the next one. Rows of a whole state have no number.
    pub fn take(&mut self, message: ToConsole, seq: u64) -> bool {
        self.frames += 1;
        let is_end = matches!(message, ToConsole::Snapshot { .. });
        if (seq == 0 || is_end) && !self.in_whole {
            self.fresh = Default::default();
        }
        let next = seq == 0 || is_end || (!self.in_whole && seq == self.seq + 1);
        self.in_whole = seq == 0;
        if seq != 0 {
            self.seq = seq;
        }
        match message {
            ToConsole::TaskUpdate { task } => {
                self.fresh.1.insert(task.id);
                if task.status.is_open() {
                    self.tasks.insert(task.id, value(&task));
                } else {
                    self.tasks.remove(&task.id);
                }
            }
            ToConsole::RoverUpdate { rover_id, connected, task_id } => {
                self.fresh.0.insert(rover_id.clone());
                if connected {
                    self.rovers.insert(rover_id, task_id);
                } else {
                    self.rovers.remove(&rover_id);
                }
            }
            ToConsole::ZoneUpdate { zone } => drop(self.zones.insert(zone.id, value(&zone))),
            ToConsole::MissionUpdate { mission } => drop(self.missions.insert(mission.id, value(&mission))),
            ToConsole::ZoneDeleted { zone_id } => drop(self.zones.remove(&zone_id)),
            ToConsole::MissionDeleted { mission_id } => drop(self.missions.remove(&mission_id)),
            ToConsole::Snapshot { .. } => {
                let (rovers, tasks) = &self.fresh;
                self.rovers.retain(|rover, _| rovers.contains(rover));
                self.tasks.retain(|task, _| tasks.contains(task));
                self.snapshots += 1;
            }
        }
        next
    }

    /// As the disk has it; `rovers` are those that are connected.
    pub fn of(disk: &Disk, rovers: BTreeMap<String, Option<Uuid>>) -> Self {
        let Ledger { zones, missions, .. } = &disk.ledger;
        Self {
            rovers,
            tasks: disk.ledger.open_tasks().map(|row| (row.id(), value(&row.task))).collect(),
            zones: zones.oldest().map(|row| (row.zone.id, value(&row.zone))).collect(),
            missions: missions.oldest().map(|row| (row.mission.id, value(&row.mission))).collect(),
            ..Self::default()
        }
    }

    /// Without what only the console itself needs.
    pub fn shown(&self) -> Self {
        let Self { rovers, tasks, zones, missions, .. } = self.clone();
        Self { rovers, tasks, zones, missions, ..Self::default() }
    }
}

pub fn value(made: &impl Serialize) -> Value {
    serde_json::to_value(made).expect("JSON")
}
