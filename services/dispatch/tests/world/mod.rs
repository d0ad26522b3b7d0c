//! dispatch's core with everything around it made up: a store that keeps a list of changes, rovers that drive,
//! and a judge that looks at every effect.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by tests, which fail by panicking")]

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use dispatch::core::{
    Command, Config, Core, Effect,
    ledger::{Change, Ledger},
    request::{Answer, Write},
};
use serde_json::Value;
use uuid::Uuid;
use wire::dispatch::{
    FiringOutcome, FromRover, NewMission, NewZone, Patch, Schedule, Task, TaskStatus, ToRover, Waypoint,
    ZoneType,
};

/// 2026-03-01T00:00:00Z.
pub const START: Duration = Duration::from_secs(1_772_323_200);

/// A rover as protocol.md says they are. Waypoint `n` of every zone here has `x = n`.
#[derive(Debug, Default)]
pub struct Rover {
    pub conn: Option<u64>,
    /// Task, what it was sent, index of the waypoint it drives to, laps.
    pub holds: Option<(Uuid, Vec<Waypoint>, bool, usize, u32)>,
    /// Reports made without a connection.
    pub unsent: VecDeque<FromRover>,
    /// Pings it hasn't answered.
    pub pings: Vec<u64>,
    /// Everything it was told.
    pub told: Vec<ToRover>,
}

#[derive(Debug)]
pub struct World {
    pub core: Core,
    pub now: Duration,
    pub offset_ms: i64,
    /// What was committed.
    pub store: Vec<Change>,
    /// The model: tasks as the store has them.
    pub tasks: BTreeMap<Uuid, Task>,
    pub committing: Option<(u64, Vec<Change>)>,
    /// Commits are answered at once with this; none leaves them waiting.
    pub commits: Option<bool>,
    pub rovers: BTreeMap<String, Rover>,
    pub answers: BTreeMap<u64, Answer>,
    pub asked: u64,
    pub published: Vec<Value>,
    pub closed: Vec<u64>,
    /// Waypoints a rover has really driven, by task: the number of each in the order of driving.
    pub driven: BTreeMap<Uuid, u64>,
    /// Waypoints of each task's zone.
    pub lengths: BTreeMap<Uuid, u64>,
    pub firings: BTreeMap<Uuid, String>,
    conns: u64,
    seed: u64,
}

impl World {
    pub fn new() -> Self {
        Self {
            core: Core::new(Config::default(), 1, START, 0, Ledger::default()),
            now: START,
            offset_ms: 0,
            store: Vec::new(),
            tasks: BTreeMap::new(),
            committing: None,
            commits: Some(true),
            rovers: BTreeMap::new(),
            answers: BTreeMap::new(),
            asked: 0,
            published: Vec::new(),
            closed: Vec::new(),
            driven: BTreeMap::new(),
            lengths: BTreeMap::new(),
            firings: BTreeMap::new(),
            conns: 0,
            seed: 1,
        }
    }

    pub fn give(&mut self, command: Command) {
        let mut out = Vec::new();
        self.core.handle(self.now, command, &mut out);
        for effect in out {
            self.carry_out(effect);
        }
        if let (Some(ok), Some(_)) = (self.commits, &self.committing) {
            self.commit(ok);
        }
    }

    /// Asks, and returns the request's number.
    pub fn ask(&mut self, write: Write) -> u64 {
        self.asked += 1;
        self.give(Command::Write { id: self.asked, key: None, write });
        self.asked
    }

    /// Asks, and returns the answer to it.
    pub fn answer(&mut self, write: Write) -> (u16, Value) {
        let id = self.ask(write);
        let answer = &self.answers[&id];
        (answer.status, serde_json::from_str(&answer.body).unwrap_or_else(|_| answer.body.clone().into()))
    }

    pub fn zone(&mut self, waypoints: u32) -> Uuid {
        let waypoint = |n| Waypoint { x: f64::from(n), y: 0.0, theta: None };
        let (status, zone) = self.answer(Write::NewZone(NewZone {
            name: "Yard".to_owned(),
            zone_type: ZoneType::Route,
            waypoints: (0..waypoints).map(waypoint).collect(),
            polygon: None,
            map_id: None,
        }));
        assert_eq!(status, 201, "{zone}");
        zone["id"].as_str().unwrap().parse().unwrap()
    }

    /// Asks for a zone and doesn't wait for the answer.
    pub fn zone_later(&mut self) {
        let new = r#"{"name":"Later"}"#;
        self.ask(Write::NewZone(serde_json::from_str(new).unwrap()));
    }

    pub fn mission(&mut self, zone_id: Uuid, rover: Option<&str>, schedule: Schedule) -> Uuid {
        let (name, rover_id) = ("Round".to_owned(), rover.map(str::to_owned));
        let new = NewMission { name, zone_id, rover_id, schedule, enabled: true };
        let (status, mission) = self.answer(Write::NewMission(new));
        assert_eq!(status, 201, "{mission}");
        mission["id"].as_str().unwrap().parse().unwrap()
    }

    pub fn start(&mut self, mission: Uuid) -> (u16, Value) {
        self.answer(Write::Start { mission, queue: false })
    }

    /// Settles the commit that is awaited, if one is.
    pub fn commit(&mut self, ok: bool) {
        let Some((batch, changes)) = self.committing.take() else { return };
        if ok {
            self.keep(changes);
        }
        self.give(Command::Committed { batch, ok });
    }

    fn keep(&mut self, changes: Vec<Change>) {
        for change in &changes {
            match change {
                Change::NewTask(row) => {
                    assert!(self.tasks.insert(row.id(), row.task.clone()).is_none(), "a task is made once");
                    self.lengths.insert(row.id(), row.route.waypoints.len() as u64);
                }
                Change::Task { from, row } => self.moved(*from, &row.task),
                Change::Mission(row) => {
                    if let Some(firing) = &row.mission.last_firing {
                        let last = self.firings.insert(row.mission.id, firing.at.clone());
                        let ms = |at: &str| at.parse::<jiff::Timestamp>().unwrap().as_millisecond();
                        // Fired by a clock that was wrong by an hour, it counts for nothing. The cron
                        // expressions here come true every few minutes.
                        let again = last.map(|last| ms(&last) - ms(&firing.at)).filter(|ms| *ms > 0);
                        assert!(again.is_none_or(|ms| ms > 3_400_000), "a firing is not repeated");
                        assert!(firing.outcome != FiringOutcome::Started || !row.mission.id.is_nil());
                    }
                }
                _ => {}
            }
        }
        self.store.extend(changes);
        let mut held: Vec<&str> =
            self.tasks.values().filter(|t| t.status.is_held()).map(|t| t.rover_id.as_str()).collect();
        let count = held.len();
        held.sort_unstable();
        held.dedup();
        assert_eq!(held.len(), count, "one rover, one open task");
    }

    /// Rule 3, and that no waypoint is claimed that wasn't driven.
    fn moved(&mut self, from: TaskStatus, task: &Task) {
        let old = self.tasks.insert(task.id, task.clone()).expect("a task that was made");
        assert_eq!(old.status, from, "the guard is right");
        assert!(old.status.is_open() || old == *task, "what has ended changes no more: {old:?} to {task:?}");
        assert!(old.status <= task.status, "forward only: {old:?} to {task:?}");
        assert!((old.lap, old.waypoint) <= (task.lap, task.waypoint), "{old:?} to {task:?}");
        assert!(task.progress <= 100 && u64::from(task.waypoint) < self.lengths[&task.id]);
        if task.status == TaskStatus::Active {
            let claimed = u64::from(task.lap) * self.lengths[&task.id] + u64::from(task.waypoint) + 1;
            let driven = self.driven.get(&task.id).copied().unwrap_or(0);
            assert!(claimed <= driven, "{claimed} waypoints claimed, {driven} driven: {task:?}");
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Commit { batch, changes } => {
                assert!(self.committing.replace((batch, changes)).is_none(), "one commit at a time");
            }
            Effect::Answer(id, answer) => {
                self.check_told(&answer);
                assert!(self.answers.insert(id, answer).is_none(), "one answer to a request");
            }
            Effect::ToRover(conn, frame) => {
                if let Some((name, rover)) = self.rovers.iter_mut().find(|(_, r)| r.conn == Some(conn)) {
                    if let ToRover::Task { task_id, zone, .. } = &frame {
                        let task = &self.tasks[task_id];
                        assert!(task.status.is_held() && task.rover_id == *name, "committed, then sent");
                        let driven = self.driven.get(task_id).copied().unwrap_or(0);
                        let first = zone.waypoints[0].x as u64;
                        let skipped = !zone.looped && first > driven;
                        assert!(!skipped, "waypoint {first} is sent first, {driven} were driven");
                        rover.holds = Some((*task_id, zone.waypoints.clone(), zone.looped, 0, 0));
                    }
                    if let (ToRover::Cancel { task_id }, Some((held, ..))) = (&frame, &rover.holds)
                        && held == task_id
                    {
                        assert!(!self.tasks[task_id].status.is_open(), "only what has ended is cancelled");
                        rover.holds = None;
                    }
                    rover.told.push(frame);
                }
            }
            Effect::Ping(conn, token) => {
                if let Some(rover) = self.rovers.values_mut().find(|r| r.conn == Some(conn)) {
                    rover.pings.push(token);
                }
            }
            Effect::Close(conn, ..) => self.closed.push(conn),
            Effect::Publish { text, .. } => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["type"] == "task_update" {
                    let told: Task = serde_json::from_value(frame["task"].clone()).unwrap();
                    // The newest first: it is nearly always one of the last commit's.
                    let known = self.store.iter().rev().any(|change| match change {
                        Change::NewTask(row) | Change::Task { row, .. } => row.task == told,
                        _ => false,
                    });
                    assert!(known, "committed, then published");
                }
                if let Some(last) = self.published.last() {
                    assert_eq!(frame["seq"].as_u64(), last["seq"].as_u64().map(|seq| seq + 1));
                }
                self.published.push(frame);
            }
            Effect::ToConsole { .. } => {}
        }
    }

    /// An answer about a task says what the store has, or had.
    fn check_told(&self, answer: &Answer) {
        if let (200 | 201, Ok(told)) = (answer.status, serde_json::from_str::<Task>(&answer.body)) {
            assert!(self.tasks.contains_key(&told.id), "committed, then answered");
        }
    }

    // What rovers do.

    pub fn connect(&mut self, name: &str, says: bool) -> u64 {
        self.conns += 1;
        let conn = self.conns;
        let rover = self.rovers.entry(name.to_owned()).or_default();
        rover.conn = Some(conn);
        rover.pings.clear();
        let held = rover.holds.as_ref().map_or(Patch::Null, |(id, ..)| Patch::Value(*id));
        let unsent: Vec<_> = rover.unsent.drain(..).collect();
        let task_id = if says { held } else { Patch::Absent };
        self.give(Command::RoverOpened(conn));
        self.give(Command::RoverSaid(conn, FromRover::Register { rover_id: name.to_owned(), task_id }));
        for report in unsent {
            self.give(Command::RoverSaid(conn, report));
        }
        conn
    }

    /// The connection ends, and dispatch notices.
    pub fn disconnect(&mut self, name: &str) {
        let rover = self.rovers.entry(name.to_owned()).or_default();
        rover.pings.clear();
        if let Some(conn) = rover.conn.take() {
            self.give(Command::RoverClosed(conn));
        }
    }

    /// The rover's own program ends and starts again.
    pub fn reboot(&mut self, name: &str) {
        self.disconnect(name);
        let rover = self.rovers.entry(name.to_owned()).or_default();
        rover.holds = None;
        rover.unsent.clear();
    }

    /// Answers what it was pinged with.
    pub fn pong(&mut self, name: &str) {
        let Some(rover) = self.rovers.get_mut(name) else { return };
        let Some(conn) = rover.conn else { return };
        for token in std::mem::take(&mut rover.pings) {
            self.give(Command::Pong(conn, token));
        }
    }

    /// Reaches the next waypoint and reports it, or that it is done.
    pub fn drive(&mut self, name: &str) {
        let Some(rover) = self.rovers.get_mut(name) else { return };
        let Some((task_id, waypoints, looped, next, lap)) = &mut rover.holds else { return };
        let (task_id, count) = (*task_id, waypoints.len());
        if *looped && *next == count {
            (*next, *lap) = (0, *lap + 1);
        }
        let report = if let Some(reached) = waypoints.get(*next) {
            let (at, laps) = (*next, *lap);
            *next += 1;
            let (total, x) = (self.lengths[&task_id], reached.x as u64);
            let driven = self.driven.entry(task_id).or_insert(0);
            // Driving on counts; driving again what was driven doesn't.
            if *driven % total == x {
                *driven += 1;
            }
            let (progress, waypoint) = (at as f64 * 100.0 / count as f64, at as i64);
            FromRover::Progress { task_id, progress, waypoint, lap: laps }
        } else {
            let laps = *lap;
            rover.holds = None;
            FromRover::Complete { task_id, laps }
        };
        match rover.conn {
            Some(conn) => self.give(Command::RoverSaid(conn, report)),
            None if rover.unsent.len() < 32 => rover.unsent.push_back(report),
            None => {}
        }
    }

    // What happens to everything.

    pub fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        for _ in 0..10_000 {
            match self.core.next_timeout().filter(|at| *at <= until) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.give(Command::Wake);
                }
                None => {
                    self.now = until;
                    return self.drop_closed();
                }
            }
        }
        panic!("the core wants to be woken again and again");
    }

    /// Rovers notice that they were closed.
    fn drop_closed(&mut self) {
        let closed = std::mem::take(&mut self.closed);
        let names: Vec<String> = self.rovers.keys().cloned().collect();
        for name in names {
            if self.rovers[&name].conn.is_some_and(|conn| closed.contains(&conn)) {
                self.disconnect(&name);
            }
        }
    }

    /// kill -9 and a new start: what was being committed is kept or not.
    pub fn restart(&mut self, kept: bool) {
        if let Some((_, changes)) = self.committing.take()
            && kept
        {
            self.keep(changes);
        }
        self.seed += 1;
        self.now += Duration::from_secs(1);
        self.published.clear();
        self.core = Core::new(
            Config::default(),
            self.seed,
            self.now,
            self.offset_ms,
            Ledger::from_changes(&self.store),
        );
        for rover in self.rovers.values_mut() {
            rover.conn = None;
            rover.pings.clear();
        }
        self.give(Command::Wake);
    }

    pub fn told(&self, name: &str) -> &[ToRover] {
        &self.rovers[name].told
    }

    pub fn only_task(&self) -> &Task {
        assert_eq!(self.tasks.len(), 1);
        self.tasks.values().next().unwrap()
    }
}
