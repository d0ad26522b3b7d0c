//! dispatch with rovers that speak for themselves: the simulated ones of `fixtures` share no type with it, and
//! nothing but JSON goes between the two. A day in the field, in simulated time, on a seed: connections break,
//! frames are lost with them, rovers' programs start again.

use std::collections::BTreeMap;
use std::time::Duration;

use dispatch::{Config, config::GATHER_MS, machine};
use fixtures::{
    rng::Rng,
    rover::{self, Model, Rover, Setup, drive::Pose},
};
use kit::machine::{Input, Machine, Output, StoreEvent};
use serde_json::{Value, json};

const ROVERS: usize = 3;
const WAYPOINTS: u64 = 6;
/// 2026-03-01T00:00:00Z.
const START: Duration = Duration::from_secs(1_772_323_200);
/// Trouble begins no later than that; then everything settles.
const TROUBLED: Duration = Duration::from_secs(900);
const SETTLED: Duration = Duration::from_secs(1_800);

struct Link {
    rover: Rover,
    conn: Option<u64>,
    offline_until: Duration,
    /// Nothing comes through, and nobody has noticed.
    dying: bool,
}

struct Field {
    machine: dispatch::Codec,
    now: Duration,
    rng: Rng,
    links: Vec<Link>,
    conns: u64,
    asked: u64,
    answers: BTreeMap<u64, (u16, Value)>,
    commits: u64,
    /// Each task as consoles were told last.
    tasks: BTreeMap<String, Value>,
    complaints: Vec<String>,
}

impl Field {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let links = (0..ROVERS).map(|number| {
            let id = format!("bvr-{number:02}");
            let setup = Setup {
                name: id.clone(),
                address: format!("{id}.local:4850"),
                model: if rng.chance(0.5) { Model::Newer } else { Model::Older },
                speed_mps: 1.0,
                pose: Pose::default(),
                seed: rng.next_u64(),
                id,
            };
            Link { rover: Rover::new(setup, START), conn: None, offline_until: START, dying: false }
        });
        let links = links.collect();
        let mut field = Self {
            machine: machine(&Config { gather_ms: GATHER_MS, ..Config::default() }, seed),
            now: START,
            rng,
            links,
            conns: 0,
            asked: 0,
            answers: BTreeMap::new(),
            commits: 0,
            tasks: BTreeMap::new(),
            complaints: Vec::new(),
        };
        field.give(Input::Store { event: StoreEvent::Opened { changes: "[]".to_owned() } });
        field
    }

    fn give(&mut self, input: Input) {
        let mut out = Vec::new();
        self.machine.handle(self.now, input, &mut out);
        self.carry_out(out);
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Commit { batch, .. } => {
                    self.commits += 1;
                    self.give(Input::Store { event: StoreEvent::Committed { batch, error: None } });
                }
                Output::Http { id, status, body, .. } => {
                    self.answers.insert(id, (status, serde_json::from_str(&body).unwrap_or(Value::Null)));
                }
                Output::Publish { text, .. } => self.told(&serde_json::from_str(&text).expect("JSON")),
                Output::Send { conn, text, .. } => self.tell(conn, rover::Input::Text(text.to_string())),
                // What it was sent before has come.
                Output::Ping { conn, token } => {
                    if self.links.iter().any(|link| link.conn == Some(conn) && !link.dying) {
                        self.give(Input::Pong { conn, token });
                    }
                }
                Output::Close { conn, .. } => {
                    self.tell(conn, rover::Input::Closed);
                    self.lose(conn);
                }
                Output::Join { .. } => {}
            }
        }
    }

    /// Forward only, and within the zone.
    fn told(&mut self, frame: &Value) {
        let task = &frame["task"];
        let Some(id) = task["id"].as_str() else { return };
        let at = |task: &Value| (task["lap"].as_u64(), task["waypoint"].as_u64());
        if let Some(before) = self.tasks.insert(id.to_owned(), task.clone()) {
            assert!(at(&before) <= at(task), "{before} to {task}");
            assert!(before["endedAt"].is_null(), "{before} to {task}");
        }
        assert!(task["waypoint"].as_u64().is_some_and(|waypoint| waypoint < WAYPOINTS), "{task}");
    }

    fn tell(&mut self, conn: u64, input: rover::Input) {
        let number = self.links.iter().position(|link| link.conn == Some(conn));
        if let Some(number) = number.filter(|number| !self.links[*number].dying) {
            if input == rover::Input::Closed {
                self.links[number].conn = None;
            }
            self.happen(number, input);
        }
    }

    fn happen(&mut self, number: usize, input: rover::Input) {
        let mut out = Vec::new();
        self.links[number].rover.handle(self.now, input, &mut out);
        self.want(number, out);
    }

    fn want(&mut self, number: usize, outputs: Vec<rover::Output>) {
        for output in outputs {
            match output {
                rover::Output::Connect if self.links[number].offline_until > self.now => {
                    self.happen(number, rover::Input::Closed);
                }
                rover::Output::Connect => {
                    self.conns += 1;
                    let conn = self.conns;
                    (self.links[number].conn, self.links[number].dying) = (Some(conn), false);
                    self.give(Input::Open { conn, path: "/ws".to_owned(), query: String::new() });
                    self.happen(number, rover::Input::Opened);
                }
                rover::Output::Disconnect => {
                    let conn = self.links[number].conn.take();
                    conn.into_iter().for_each(|conn| self.lose(conn));
                }
                rover::Output::Send(text) => {
                    if let Some(conn) = self.links[number].conn.filter(|_| !self.links[number].dying) {
                        self.give(Input::Text { conn, text: text.into() });
                    }
                }
                rover::Output::Post { .. } => self.happen(number, rover::Input::Answered(Some(200))),
                rover::Output::Complain(complaint) => self.complaints.push(complaint),
            }
        }
    }

    fn lose(&mut self, conn: u64) {
        self.give(Input::Closed { conn, code: None });
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.asked += 1;
        let (method, path) = (method.to_owned(), path.to_owned());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (id, query) = (self.asked, String::new());
        self.give(Input::Http { id, method, path, query, body, idempotency_key: None });
        self.answers.remove(&id).expect("every request is answered")
    }

    /// Lets time pass until then.
    fn advance(&mut self, until: Duration) {
        loop {
            let rovers = self.links.iter().filter_map(|link| link.rover.next_timeout()).min();
            let machine = self.machine.next_timeout();
            let Some(next) = rovers.into_iter().chain(machine).min().filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            if machine.is_some_and(|at| at <= self.now) {
                let mut out = Vec::new();
                self.machine.handle_timeout(self.now, &mut out);
                self.carry_out(out);
            }
            for number in 0..ROVERS {
                let mut out = Vec::new();
                self.links[number].rover.handle_timeout(self.now, &mut out);
                self.want(number, out);
            }
        }
    }

    /// Something goes wrong with some rover: its program, or its connection. Then what either end says is lost
    /// for a while, until the rover notices; dispatch notices with it, or by itself, or when the rover is back.
    fn trouble(&mut self) {
        let number = self.rng.between(0, ROVERS);
        if self.rng.chance(0.3) {
            return self.happen(number, rover::Input::Restart);
        }
        self.links[number].dying = true;
        let unnoticed = Duration::from_secs(self.rng.between(0, 15) as u64);
        self.advance(self.now + unnoticed);
        let away = Duration::from_secs(self.rng.between(1, 90) as u64);
        self.links[number].offline_until = self.now + away;
        if let Some(conn) = self.links[number].conn.take() {
            self.happen(number, rover::Input::Closed);
            if self.rng.chance(0.5) {
                self.lose(conn);
            }
        }
    }
}

fn id(made: (u16, Value)) -> String {
    assert_eq!(made.0, 201, "{}", made.1);
    made.1["id"].as_str().expect("an id").to_owned()
}

/// Zones and missions, one for each rover.
fn with_missions(seed: u64) -> (Field, Vec<String>) {
    let mut field = Field::new(seed);
    let waypoints: Vec<Value> = (0..WAYPOINTS).map(|n| json!({ "x": n * 10, "y": 0 })).collect();
    let zone = id(field.ask("POST", "/zones", &json!({ "name": "Yard", "waypoints": waypoints })));
    let missions = (0..ROVERS).map(|number| {
        let rover = format!("bvr-{number:02}");
        id(field.ask("POST", "/missions", &json!({ "name": rover, "zoneId": zone, "roverId": rover })))
    });
    let missions = missions.collect();
    field.advance(START + Duration::from_secs(5));
    (field, missions)
}

/// The tasks of a day, and what rovers complained of.
fn day(seed: u64) -> (Vec<Value>, Vec<String>) {
    let (mut field, missions) = with_missions(seed);
    while field.now < START + TROUBLED {
        for mission in &missions {
            // Refused while its rover is away or busy.
            let (status, answer) = field.ask("POST", &format!("/missions/{mission}/start"), &Value::Null);
            assert!(status == 201 || status == 409, "{status} {answer}");
        }
        field.advance(field.now + Duration::from_secs(20));
        field.trouble();
    }
    field.advance(START + SETTLED);
    (field.tasks.into_values().collect(), field.complaints)
}

#[test]
fn whatever_goes_wrong_in_the_field_every_task_comes_to_its_end() {
    for seed in 0..40 {
        let (tasks, complaints) = day(seed);
        assert!(tasks.len() >= ROVERS, "seed {seed}: {tasks:#?}");
        for task in &tasks {
            assert_eq!(
                (&task["status"], &task["progress"]),
                (&json!("done"), &json!(100)),
                "seed {seed}: {task}"
            );
        }
        // A report may cross with the end of its task, and nothing else goes wrong.
        let other: Vec<_> = complaints.iter().filter(|text| !text.ends_with("has already ended.")).collect();
        assert!(other.is_empty(), "seed {seed}: {other:?}");
    }
}

#[test]
fn the_same_seed_is_the_same_day() {
    assert_eq!(day(7), day(7));
}

#[test]
fn reports_soon_after_a_commit_are_committed_together() {
    let (mut field, missions) = with_missions(1);
    let tasks: Vec<String> = missions
        .iter()
        .map(|mission| id(field.ask("POST", &format!("/missions/{mission}/start"), &Value::Null)))
        .collect();
    field.advance(field.now + Duration::from_millis(20));
    let report = |field: &mut Field, number: usize, waypoint: u64| {
        let frame =
            json!({ "type": "progress", "task_id": tasks[number], "progress": 0, "waypoint": waypoint });
        let conn = field.links[number].conn.expect("it is connected");
        field.give(Input::Text { conn, text: frame.to_string().into() });
    };
    let before = field.commits;
    report(&mut field, 0, 0);
    assert_eq!(field.commits, before + 1, "after a quiet while at once");
    for number in 0..ROVERS {
        report(&mut field, number, 1);
    }
    assert_eq!(field.commits, before + 1, "then they wait");
    field.advance(field.now + Duration::from_millis(GATHER_MS));
    assert_eq!(field.commits, before + 2, "all of them together");
    report(&mut field, 1, 2);
    assert_eq!(field.commits, before + 2);
    field.ask("POST", "/zones", &json!({ "name": "Gate" }));
    assert_eq!(field.commits, before + 3, "a request doesn't wait, and takes them along");
    assert_eq!(field.tasks[&tasks[1]]["waypoint"], 2);
    report(&mut field, 2, 2);
    field.give(Input::Stopping);
    assert_eq!(field.tasks[&tasks[2]]["waypoint"], 2, "nothing is gathered at the end");
}
