//! A person at a console: makes zones and missions, starts, stops, cancels, edits, deletes; asks again when no answer
//! came, with the same key; and looks at each answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;
use wire::dispatch::{Mission, Task, Zone};

use crate::{
    console::id,
    net::ask,
    stage::{Dice, Seen, Shared, value},
};

/// How often a request without an answer is made again.
const TRIES: u32 = 30;

pub struct Operator {
    pub stage: Shared,
    pub dice: Dice,
    pub asked: u64,
}

impl Operator {
    /// The answer that came in the end. A 503 changed nothing, or is looked after by the key.
    async fn ask(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.asked += 1;
        let key = if method == "POST" { format!("key-{}", self.asked) } else { String::new() };
        for _ in 0..TRIES {
            self.stage.note("operator", &format!("> {method} {path} {body}"));
            match ask(method, path, &key, &body).await {
                Some((503, sentence)) => {
                    self.stage.note("operator", &format!("< 503 {sentence}"));
                    assert!(path == "/health" || sentence.ends_with('.'), "a sentence: {sentence}");
                }
                Some((status, body)) => {
                    self.stage.note("operator", &format!("< {status} {body}"));
                    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
                    if method != "GET" && matches!(status, 200 | 201) {
                        self.judge(&body);
                    }
                    return (status, body);
                }
                None => self.stage.note("operator", "no answer"),
            }
            sleep(self.dice.ms(200, 900)).await;
        }
        panic!("{method} {path} is never answered");
    }

    /// What is answered has been committed.
    fn judge(&self, body: &Value) {
        let stage = self.stage.lock();
        let (task, mission, zone): (Option<Task>, Option<Mission>, Option<Zone>) = (
            serde_json::from_value(body.clone()).ok(),
            serde_json::from_value(body.clone()).ok(),
            serde_json::from_value(body.clone()).ok(),
        );
        let committed = task.is_some_and(|task| stage.disk.has_had(&task))
            || mission.is_some_and(|mission| stage.disk.has_had(&mission))
            || zone.is_some_and(|zone| stage.disk.has_had(&zone));
        assert!(committed, "answered before it was committed: {body}");
    }

    async fn made(&mut self, path: &str, body: Value) -> Uuid {
        let (status, made) = self.ask("POST", path, body).await;
        assert_eq!(status, 201, "{made}");
        id(&made)
    }

    /// Zones of 1 to 6 waypoints, and missions for each rover and for any.
    pub async fn prepare(&mut self, rovers: &[&str]) -> Vec<Uuid> {
        let mut missions = Vec::new();
        for (n, rover) in rovers.iter().map(|rover| json!(rover)).chain([Value::Null]).enumerate() {
            let points = 2 + self.dice.roll(5);
            let points: Vec<_> = (0..points).map(|x| json!({ "x": x, "y": 0 })).collect();
            let zone = self.made("/zones", json!({ "name": format!("Zone {n}"), "waypoints": points })).await;
            let schedule = json!({ "loop": n % 3 == 1 });
            let body = json!({ "name": "Round", "zoneId": zone, "roverId": rover, "schedule": schedule });
            missions.push(self.made("/missions", body).await);
        }
        missions
    }

    /// One thing that a person does.
    pub async fn act(&mut self, missions: &[Uuid]) {
        let mission = missions[self.dice.roll(missions.len() as u64) as usize];
        match self.dice.roll(16) {
            0..=5 => {
                let (status, body) =
                    self.ask("POST", &format!("/missions/{mission}/start"), Value::Null).await;
                assert!(matches!(status, 201 | 409), "{status} {body}");
            }
            6..=8 => {
                let (status, body) =
                    self.ask("POST", &format!("/missions/{mission}/start?queue=true"), Value::Null).await;
                assert!(matches!(status, 201 | 409), "{status} {body}");
            }
            9 => {
                let (status, body) =
                    self.ask("POST", &format!("/missions/{mission}/stop"), Value::Null).await;
                assert!(matches!(status, 200 | 404), "{status} {body}");
            }
            10 => {
                let (_, tasks) = self.ask("GET", "/tasks?limit=3", Value::Null).await;
                if let Some(task) = tasks.as_array().and_then(|tasks| tasks.last()).map(id) {
                    let (status, body) =
                        self.ask("POST", &format!("/tasks/{task}/cancel"), Value::Null).await;
                    assert!(matches!(status, 200 | 404), "{status} {body}");
                }
            }
            11..=12 => {
                let name = format!("Round {}", self.asked);
                let (status, body) =
                    self.ask("PUT", &format!("/missions/{mission}"), json!({ "name": name })).await;
                assert_eq!(status, 200, "{body}");
            }
            13 => {
                let zone = self.made("/zones", json!({ "name": "Short-lived" })).await;
                let (status, body) = self.ask("DELETE", &format!("/zones/{zone}"), Value::Null).await;
                // Asked again because the answer was lost: then it is gone.
                assert!(matches!(status, 204 | 404), "{status} {body}");
            }
            _ => {
                let (status, _) = self.ask("GET", "/health", Value::Null).await;
                assert_eq!(status, 200);
            }
        }
    }

    /// Stops what goes on for ever, and waits until everything that is under way is done.
    pub async fn wind_up(&mut self, missions: &[Uuid]) {
        for mission in missions {
            for _ in 0..50 {
                let (_, loops) = self.ask("GET", &format!("/missions/{mission}"), Value::Null).await;
                let path = format!("/missions/{mission}/stop");
                if loops["schedule"]["loop"] != true || self.ask("POST", &path, Value::Null).await.0 == 404 {
                    break;
                }
            }
        }
        for _ in 0..120 {
            if self.stage.lock().disk.ledger.open_tasks().next().is_none() {
                return;
            }
            sleep(self.dice.ms(900, 1_000)).await;
        }
        let stage = self.stage.lock();
        let open: Vec<_> = stage.disk.ledger.open_tasks().map(|row| &row.task).collect();
        panic!("these never end: {open:#?}");
    }

    /// HTTP, the disk and every console agree.
    pub async fn compare(&mut self, rovers: &[&str]) {
        let (_, health) = self.ask("GET", "/health", Value::Null).await;
        assert_eq!(health["connected_rovers"], rovers.len(), "all are back");
        let connected: BTreeMap<_, _> = rovers.iter().map(|rover| ((*rover).to_owned(), None)).collect();
        let kept = Seen::of(&self.stage.lock().disk, connected);
        for (path, rows) in [("/zones", &kept.zones), ("/missions", &kept.missions)] {
            let (_, body) = self.ask("GET", path, Value::Null).await;
            let told: BTreeMap<_, _> =
                body.as_array().expect("a list").iter().map(|row| (id(row), row.clone())).collect();
            assert_eq!(&told, rows, "{path}");
        }
        let (_, tasks) = self.ask("GET", "/tasks?limit=1000", Value::Null).await;
        let stage = self.stage.lock();
        let told: Vec<Value> = tasks.as_array().expect("a list").clone();
        let rows: Vec<Value> = stage.disk.ledger.tasks.newest(None).map(|row| value(&row.task)).collect();
        assert_eq!(told, rows);
        assert_eq!(stage.consoles.len(), 3);
        for (name, seen) in &stage.consoles {
            assert_eq!(seen.shown(), kept, "{name}");
        }
    }
}
