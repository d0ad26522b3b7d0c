//! kill -9, again and again, under load; each time on the same file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Sender, channel};

use fixtures::rng::Rng;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::serving::{Dispatch, Socket, ask, id};
use crate::support::running::PATIENCE;

const ROUNDS: u64 = 4;
const ASKERS: u64 = 3;
const ROVERS: [&str; 2] = ["bvr-01", "bvr-02"];

/// Something that its asker, or a rover, was told.
enum Told {
    Made { list: &'static str, body: Value },
    Cancelled(String),
    Sent { rover: &'static str, task: String },
}

#[derive(Default)]
struct Known {
    /// By list and id, as it was made.
    made: BTreeMap<(&'static str, String), Value>,
    cancelled: BTreeSet<String>,
    sent: BTreeSet<(&'static str, String)>,
}

impl Known {
    fn take(&mut self, told: Told) {
        match told {
            Told::Made { list, body } => {
                let again = self.made.insert((list, id(&body)), body);
                assert!(again.is_none(), "an id is given once: {again:?}");
            }
            Told::Cancelled(task) => drop(self.cancelled.insert(task)),
            Told::Sent { rover, task } => drop(self.sent.insert((rover, task))),
        }
    }

    /// All of it is there.
    fn compare(&self, depot: &Dispatch) {
        let mut found = BTreeMap::new();
        for list in ["/zones", "/missions", "/tasks"] {
            for row in depot.get(&format!("{list}?limit=10000")).as_array().expect("a list") {
                assert!(found.insert((list, id(row)), row.clone()).is_none(), "listed once");
            }
        }
        for ((list, id), made) in &self.made {
            let row = found.get(&(*list, id.clone())).unwrap_or_else(|| panic!("{list}: {made} is gone"));
            if *list == "/tasks" {
                assert_eq!(row["missionId"], made["missionId"]);
            } else {
                assert_eq!(row, made);
            }
        }
        for task in &self.cancelled {
            assert_eq!(found[&("/tasks", task.clone())]["status"], "cancelled");
        }
        for (rover, task) in &self.sent {
            assert_eq!(found[&("/tasks", task.clone())]["roverId"], *rover, "committed, then sent");
        }
        let mut busy = BTreeSet::new();
        for ((list, _), row) in &found {
            // Nothing is there by half.
            let (key, of) =
                if *list == "/missions" { ("zoneId", "/zones") } else { ("missionId", "/missions") };
            assert!(
                *list == "/zones" || found.contains_key(&(of, row[key].as_str().expect("an id").to_owned()))
            );
            if matches!(row["status"].as_str(), Some("assigned" | "active")) {
                assert!(busy.insert(row["roverId"].to_string()), "two open tasks of {}", row["roverId"]);
            }
        }
    }
}

/// Makes zones and missions, starts and cancels, until there is nobody to ask.
fn keep_asking(address: &str, mut rng: Rng, told: &Sender<Told>) {
    let (mut missions, mut tasks) = (Vec::new(), Vec::new());
    for n in 0.. {
        let (path, list, body) = match n % 4 {
            0 => (
                "/zones".to_owned(),
                "/zones",
                json!({ "name": n.to_string(), "waypoints": [{"x": 0, "y": 0}, {"x": 1, "y": 0}] }),
            ),
            1 => {
                let Some(Some(Value::Array(zones))) = ask(address, "GET", "/zones?limit=1", &[], "")
                    .map(|answer| serde_json::from_str(&answer.body).ok())
                else {
                    return;
                };
                ("/missions".to_owned(), "/missions", json!({ "name": "Round", "zoneId": zones[0]["id"] }))
            }
            2 if !missions.is_empty() => {
                let mission: &String = &missions[rng.between(0, missions.len())];
                (format!("/missions/{mission}/start?queue=true"), "/tasks", Value::Null)
            }
            3 if !tasks.is_empty() && n % 3 == 0 => {
                let task: &String = &tasks[rng.between(0, tasks.len())];
                (format!("/tasks/{task}/cancel"), "", Value::Null)
            }
            _ => continue,
        };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let Some(answer) = ask(address, "POST", &path, &[], &body) else { return };
        let made = match answer.status {
            200 | 201 => serde_json::from_str::<Value>(&answer.body).expect("JSON"),
            404 | 409 => continue,
            status => panic!("{path}: {status} {}", answer.body),
        };
        match list {
            "/missions" => missions.push(id(&made)),
            "/tasks" => tasks.push(id(&made)),
            _ => {}
        }
        let told_of =
            if list.is_empty() { Told::Cancelled(id(&made)) } else { Told::Made { list, body: made } };
        if told.send(told_of).is_err() {
            return;
        }
    }
}

/// Drives what it is sent until its connection ends. Of a program that has just started: it holds nothing.
fn keep_driving(address: &str, rover: &'static str, told: &Sender<Told>) {
    let Some(mut socket) = Socket::open(address, "/ws") else { return };
    socket.try_say(&json!({ "type": "register", "rover_id": rover, "task_id": null }));
    while let Some(frame) = socket.next() {
        let task = frame["task_id"].clone();
        if frame["type"] != "task" {
            continue;
        }
        let _ = told.send(Told::Sent { rover, task: task.as_str().expect("an id").to_owned() });
        let count = frame["zone"]["waypoints"].as_array().expect("waypoints").len();
        for n in 0..count {
            socket.try_say(&json!({ "type": "progress", "task_id": task, "progress": n * 100 / count, "waypoint": n, "lap": 0 }));
        }
        socket.try_say(&json!({ "type": "complete", "task_id": task, "laps": 0 }));
    }
}

#[test]
fn every_answered_request_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rng = Rng::new(23);
    let mut known = Known::default();
    for round in 0..ROUNDS {
        let depot = Dispatch::on("sqlite:fleet.db", folder.path(), &[]);
        known.compare(&depot);
        let (sender, told) = channel();
        std::thread::scope(|scope| {
            for n in 0..ASKERS {
                let (address, sender, rng) = (&depot.address, sender.clone(), Rng::new(round * ASKERS + n));
                scope.spawn(move || keep_asking(address, rng, &sender));
            }
            for rover in ROVERS {
                let (address, sender) = (&depot.address, sender.clone());
                scope.spawn(move || keep_driving(address, rover, &sender));
            }
            drop(sender);
            for _ in 0..rng.between(20, 170) {
                known.take(told.recv_timeout(PATIENCE).expect("they go on"));
            }
            depot.program.signal(Signal::SIGKILL);
            // What was answered before, and not looked at yet.
            told.iter().for_each(|told| known.take(told));
        });
    }
    // Their rovers are back: everything open is settled.
    let depot = Dispatch::on("sqlite:fleet.db", folder.path(), &[]);
    known.compare(&depot);
    assert!(known.made.len() > 50 && !known.sent.is_empty(), "{} made", known.made.len());
    let (sender, _told) = channel();
    std::thread::scope(|scope| {
        for rover in ROVERS {
            let (address, sender) = (&depot.address, sender.clone());
            scope.spawn(move || keep_driving(address, rover, &sender));
        }
        let open = || {
            let of = |status| depot.get(&format!("/tasks?status={status}")).as_array().map_or(0, Vec::len);
            of("pending") + of("assigned") + of("active")
        };
        let settled = crate::support::until(|| open() == 0);
        depot.program.signal(Signal::SIGTERM);
        assert!(settled, "open tasks are settled when their rovers return");
    });
}
