//! dispatch's core between a store that is a list of changes, sockets that only carry, and consoles that listen.

use std::{collections::BTreeMap, time::Duration};

use dispatch::core::{
    Command, Config, Core, Effect,
    ledger::{Change, Ledger},
    request::{Answer, Write},
};
use serde_json::Value;
use uuid::Uuid;
use wire::dispatch::{
    FromRover, Mission, MissionPatch, NewMission, NewZone, Patch, Schedule, ToRover, Trigger, Waypoint,
    ZoneType,
};

use super::reference::{Model, Report, Request, Told};

/// 2026-03-01T00:00:00Z.
const START: Duration = Duration::from_secs(1_772_323_200);
const GUEST: u64 = 1;
const SLOW: u64 = 2;

/// Since [`START`].
pub fn seconds(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().unwrap().as_second() - START.as_secs().cast_signed()
}

pub fn name(rover: usize) -> String {
    format!("rover-{rover}")
}

pub struct Sut {
    pub core: Core,
    pub now: Duration,
    offset_ms: i64,
    store: Vec<Change>,
    committing: Option<(u64, Vec<Change>)>,
    /// Commits are answered at once with this; none leaves them waiting.
    pub commits: Option<bool>,
    /// The rovers' sockets.
    pub conns: Vec<Option<u64>>,
    opened: u64,
    /// Closed by the core, which hasn't been told that they are.
    closed: Vec<u64>,
    /// Pings on them that weren't answered.
    pings: Vec<Vec<u64>>,
    pub answers: BTreeMap<u64, Answer>,
    asked: u64,
    /// What was asked since the answers were last cleared.
    pub writes: BTreeMap<u64, Write>,
    /// Frames for rovers, and for sockets that are no rover's.
    pub told: Vec<(usize, Told)>,
    pub strangers_told: usize,
    /// A console that listens all the time, an old one that is always too slow, and one that comes and goes.
    pub listener: Console,
    pub slow: Console,
    pub guest: Console,
}

impl Sut {
    pub fn new(rovers: usize) -> Self {
        Self {
            core: Core::new(Config::default(), 1, START, 0, Ledger::default()),
            now: START,
            offset_ms: 0,
            store: Vec::new(),
            committing: None,
            commits: Some(true),
            conns: vec![None; rovers],
            opened: 0,
            closed: Vec::new(),
            pings: vec![Vec::new(); rovers],
            answers: BTreeMap::new(),
            asked: 0,
            writes: BTreeMap::new(),
            told: Vec::new(),
            strangers_told: 0,
            listener: Console::default(),
            slow: Console::default(),
            guest: Console::default(),
        }
    }

    pub fn give(&mut self, command: Command) {
        let pending = self.committing.is_some() && !matches!(command, Command::Committed { .. });
        let mut out = Vec::new();
        self.core.handle(self.now, command, &mut out);
        for effect in out {
            // Rule 1. What comes after a commit in one answer of the core would be told before it, too.
            let waits = pending || self.committing.is_some();
            match effect {
                Effect::Commit { batch, changes } => {
                    assert!(self.committing.replace((batch, changes)).is_none(), "one commit at a time");
                }
                Effect::Answer(id, answer) => {
                    assert!(!waits || answer.status >= 400, "{} before its commit", answer.status);
                    assert!(self.answers.insert(id, answer).is_none(), "one answer to a request");
                }
                Effect::ToRover(conn, frame) => {
                    assert!(!waits || matches!(frame, ToRover::Error { .. }), "{frame:?} before its commit");
                    self.carry(conn, frame);
                }
                Effect::Ping(conn, token) => {
                    if let Some(rover) = self.rover_of(conn) {
                        self.pings[rover].push(token);
                    }
                }
                Effect::Close(conn, ..) => {
                    self.closed.push(conn);
                    if let Some(rover) = self.rover_of(conn) {
                        self.conns[rover] = None;
                    }
                }
                Effect::Publish { text, .. } => {
                    assert!(!waits, "{text} before its commit");
                    self.listener.hear(&text);
                }
                Effect::ToConsole { conn: SLOW, text, .. } => {
                    self.slow.learn(&serde_json::from_str(&text).unwrap());
                }
                Effect::ToConsole { text, .. } => self.guest.hear(&text),
            }
        }
        if let Some(ok) = self.commits {
            self.settle_commit(ok);
        }
    }

    /// The store's word on the commit that waits.
    pub fn settle_commit(&mut self, ok: bool) {
        let Some((batch, changes)) = self.committing.take() else { return };
        if ok {
            self.store.extend(changes);
        }
        self.give(Command::Committed { batch, ok });
    }

    fn rover_of(&self, conn: u64) -> Option<usize> {
        self.conns.iter().position(|known| *known == Some(conn))
    }

    fn carry(&mut self, conn: u64, frame: ToRover) {
        let Some(rover) = self.rover_of(conn) else {
            self.strangers_told += 1;
            return;
        };
        let told = match frame {
            ToRover::Error { .. } => Told::Error,
            ToRover::Cancel { task_id } => Told::Cancel(self.task_no(task_id)),
            ToRover::Task { task_id, zone, .. } => {
                let xs: Vec<u64> = zone.waypoints.iter().map(|waypoint| waypoint.x as u64).collect();
                let route = &self.core.kept().tasks.get(task_id).unwrap().route;
                let points = route.waypoints.len() as u64;
                let end = if zone.looped { xs[0] + points } else { points };
                assert!(
                    xs.iter().copied().eq((xs[0]..end).map(|x| x % points)),
                    "the rest, in order: {xs:?}"
                );
                Told::Task { task: self.task_no(task_id), start: xs[0] }
            }
        };
        self.told.push((rover, told));
    }

    // The model's numbers and the core's ids.

    fn task_no(&self, id: Uuid) -> usize {
        usize::try_from(self.core.kept().tasks.get(id).unwrap().no).unwrap() - 1
    }

    fn task_id(&self, task: usize) -> Uuid {
        self.core.kept().tasks.oldest().nth(task).map_or(Uuid::nil(), |row| row.id())
    }

    /// Deleted ones keep their place in what was committed.
    fn made(&self, nth: usize, made: impl Fn(&Change) -> Option<Uuid>) -> Uuid {
        let mut ids: Vec<Uuid> = Vec::new();
        for id in self.store.iter().filter_map(made) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.get(nth).copied().unwrap_or_default()
    }

    fn zone_id(&self, nth: usize) -> Uuid {
        self.made(nth, |change| match change {
            Change::Zone(row) => Some(row.zone.id),
            _ => None,
        })
    }

    fn mission_id(&self, nth: usize) -> Uuid {
        self.made(nth, |change| match change {
            Change::Mission(row) => Some(row.mission.id),
            _ => None,
        })
    }

    // What is asked and said.

    /// Asks, each time with an Idempotency-Key of its own.
    pub fn ask(&mut self, request: Request) {
        let write = match request {
            Request::NewZone { points } => Write::NewZone(NewZone {
                name: "Yard".to_owned(),
                zone_type: ZoneType::Route,
                waypoints: (0..points).map(|x| Waypoint { x: x as f64, y: 0.0, theta: None }).collect(),
                polygon: None,
                map_id: None,
            }),
            Request::DeleteZone(zone) => Write::DeleteZone(self.zone_id(zone)),
            Request::NewMission { zone, rover, looped, cron } => Write::NewMission(NewMission {
                name: "Round".to_owned(),
                zone_id: self.zone_id(zone),
                rover_id: rover.map(name),
                schedule: Schedule {
                    trigger: if cron { Trigger::Cron } else { Trigger::Manual },
                    cron: cron.then(|| "*/2 * * * *".to_owned()),
                    looped,
                    ..Schedule::default()
                },
                enabled: true,
            }),
            Request::Enable(mission, enabled) => {
                let patch = MissionPatch { enabled: Some(enabled), ..MissionPatch::default() };
                Write::EditMission(self.mission_id(mission), patch)
            }
            Request::DeleteMission(mission) => Write::DeleteMission(self.mission_id(mission)),
            Request::Start { mission, queue } => Write::Start { mission: self.mission_id(mission), queue },
            Request::Stop(mission) => Write::Stop(self.mission_id(mission)),
            Request::Cancel(task) => Write::Cancel(self.task_id(task)),
        };
        self.asked += 1;
        self.writes.insert(self.asked, write.clone());
        self.give(Command::Write { id: self.asked, key: Some(self.asked.to_string()), write });
    }

    /// Asks again what was done, with the same keys: the answers are the same, and nothing is done.
    pub fn ask_again(&mut self) {
        let (answers, committed) = (std::mem::take(&mut self.answers), self.store.len());
        let done = answers.iter().filter(|(_, answer)| answer.status < 400);
        for (id, answer) in done {
            let (key, write) = (Some(id.to_string()), self.writes[id].clone());
            self.give(Command::Write { id: *id, key, write });
            assert_eq!(self.answers.get(id), Some(answer));
        }
        assert_eq!(self.store.len(), committed, "what was asked again was not done again");
        self.answers = answers;
    }

    pub fn open(&mut self) -> u64 {
        self.opened += 1;
        self.give(Command::RoverOpened(self.opened));
        self.opened
    }

    pub fn connect(&mut self, rover: usize, says: bool, drives: Option<usize>) {
        let conn = self.open();
        let task_id = match drives {
            _ if !says => Patch::Absent,
            None => Patch::Null,
            Some(task) => Patch::Value(self.task_id(task)),
        };
        self.conns[rover] = Some(conn);
        self.pings[rover].clear();
        self.give(Command::RoverSaid(conn, FromRover::Register { rover_id: name(rover), task_id }));
    }

    pub fn disconnect(&mut self, rover: usize) {
        if let Some(conn) = self.conns[rover].take() {
            self.give(Command::RoverClosed(conn));
        }
    }

    /// A report in the rover's own counts.
    pub fn report(&mut self, conn: u64, report: Report) {
        let frame = match report {
            Report::Progress { task, start, n } => {
                let (task_id, route) = (self.task_id(task), self.core.kept().tasks.oldest().nth(task));
                let (points, looped) =
                    route.map_or((1, false), |row| (row.route.waypoints.len() as u64, row.route.looped));
                let sent = if looped { points } else { points.saturating_sub(start) }.max(1);
                let (lap, waypoint) = (n / sent, n % sent);
                let progress = waypoint as f64 * 100.0 / sent as f64;
                let (lap, waypoint) = (u32::try_from(lap).unwrap(), waypoint.cast_signed());
                FromRover::Progress { task_id, progress, waypoint, lap }
            }
            Report::Complete { task } => FromRover::Complete { task_id: self.task_id(task), laps: 1 },
            Report::Failed { task } => {
                FromRover::Failed { task_id: self.task_id(task), error: "blocked".to_owned() }
            }
        };
        self.give(Command::RoverSaid(conn, frame));
    }

    /// The sockets that the core closed have closed.
    pub fn hang_up(&mut self) {
        for conn in std::mem::take(&mut self.closed) {
            self.give(Command::RoverClosed(conn));
        }
    }

    pub fn pong(&mut self, rover: usize) {
        for token in std::mem::take(&mut self.pings[rover]) {
            if let Some(conn) = self.conns[rover] {
                self.give(Command::Pong(conn, token));
            }
        }
    }

    pub fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        for _ in 0..1_000 {
            match self.core.next_timeout().filter(|at| *at <= until) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.give(Command::Wake);
                }
                None => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("the core wants to be woken again and again");
    }

    pub fn set_clock(&mut self, offset: i64) {
        self.offset_ms = offset * 1_000;
        self.give(Command::Clock(self.offset_ms));
    }

    pub fn kept_missions(&self) -> impl Iterator<Item = &Mission> {
        self.core.kept().missions.oldest().map(|row| &row.mission)
    }

    /// kill -9 and a new start: what was being committed is kept or not.
    pub fn restart(&mut self, kept: bool) {
        if let Some((_, changes)) = self.committing.take().filter(|_| kept) {
            self.store.extend(changes);
        }
        self.now += Duration::from_secs(1);
        let ledger = Ledger::from_changes(&self.store);
        let seed = self.now.as_secs();
        self.core = Core::new(Config::default(), seed, self.now, self.offset_ms, ledger);
        self.conns.fill(None);
        self.closed.clear();
        // Consoles connect again, the listener as one that was never there.
        (self.listener, self.slow) = (Console::default(), Console::default());
        self.give(Command::Wake);
        self.resume();
        self.listener = self.guest.clone();
    }

    /// The guest connects again and is given what it missed; the slow one missed everything.
    pub fn resume(&mut self) {
        self.give(Command::ConsoleOpened(GUEST, Some(self.guest.seq)));
        self.give(Command::ConsoleLagged(SLOW));
    }

    /// What was committed, and nothing else, is what is so.
    pub fn check_ledger(&self) {
        assert_eq!(&Ledger::from_changes(&self.store), self.core.kept());
    }

    /// What the consoles know is what is so.
    pub fn check_consoles(&self, model: &Model) {
        let kept = self.core.kept();
        let tasks: BTreeMap<Uuid, Value> =
            kept.open_tasks().map(|row| (row.id(), serde_json::to_value(&row.task).unwrap())).collect();
        assert_eq!(self.listener.tasks, tasks, "open tasks");
        let connected = model.rovers.iter().enumerate().filter(|(_, rover)| rover.connected);
        let rovers: BTreeMap<String, Option<Uuid>> =
            connected.map(|(r, _)| (name(r), model.held_by(r).map(|task| self.task_id(task)))).collect();
        assert_eq!(self.listener.rovers, rovers, "connected rovers");
        assert_eq!(self.slow.tasks, tasks, "open tasks, of a console that always lags");
        assert_eq!(self.slow.rovers, rovers, "connected rovers, of a console that always lags");
    }
}

/// A console that folds what it hears, as `Snapshot` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Console {
    seq: u64,
    rovers: BTreeMap<String, Option<Uuid>>,
    tasks: BTreeMap<Uuid, Value>,
    /// Since the last snapshot began: those of sequence number 0.
    part: Option<Box<Console>>,
}

impl Console {
    fn hear(&mut self, text: &str) {
        let frame: Value = serde_json::from_str(text).unwrap();
        let seq = frame["seq"].as_u64().unwrap();
        if frame["type"] == "snapshot" {
            *self = self.part.take().map_or_else(Self::default, |part| *part);
        } else if seq == 0 {
            return self.part.get_or_insert_default().learn(&frame);
        } else {
            assert!(self.seq == 0 || seq == self.seq + 1, "{} and then {seq}", self.seq);
            self.learn(&frame);
        }
        self.seq = seq;
    }

    fn learn(&mut self, frame: &Value) {
        match frame["type"].as_str().unwrap() {
            "rover_update" => {
                let rover = frame["rover_id"].as_str().unwrap().to_owned();
                if frame["connected"] == true {
                    self.rovers.insert(rover, serde_json::from_value(frame["task_id"].clone()).unwrap());
                } else {
                    self.rovers.remove(&rover);
                }
            }
            "task_update" => {
                let id = serde_json::from_value(frame["task"]["id"].clone()).unwrap();
                if frame["task"]["endedAt"].is_null() {
                    self.tasks.insert(id, frame["task"].clone());
                } else {
                    self.tasks.remove(&id);
                }
            }
            _ => {}
        }
    }
}
