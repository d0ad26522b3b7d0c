//! A rover in the field, as far as dispatch and discovery can see it.

use dispatch::SERVICE as DISPATCH;
use kit::machine::ConnId;
use serde_json::{Value, json};

use super::stage::Stage;

pub struct Rover {
    name: &'static str,
    pub conn: Option<ConnId>,
    holds: Option<Held>,
    /// Made while there was no connection.
    unsent: Vec<Value>,
}

struct Held {
    task_id: String,
    waypoints: usize,
    next: usize,
}

impl Rover {
    pub const fn new(name: &'static str) -> Self {
        Self { name, conn: None, holds: None, unsent: Vec::new() }
    }

    /// Connects, says who it is and what it holds, and then what it had no connection for.
    pub fn connects(&mut self, stage: &mut Stage) {
        let conn = stage.opens(DISPATCH, "/ws", "");
        self.conn = Some(conn);
        let task_id = self.holds.as_ref().map(|held| &held.task_id);
        let register = json!({ "type": "register", "rover_id": self.name, "task_id": task_id });
        stage.says(DISPATCH, conn, &register.to_string());
        for report in std::mem::take(&mut self.unsent) {
            stage.says(DISPATCH, conn, &report.to_string());
        }
    }

    /// Its connection dies.
    pub fn is_cut(&mut self, stage: &mut Stage) {
        self.listens(stage);
        if let Some(conn) = self.conn.take() {
            stage.leaves(DISPATCH, conn, None);
        }
    }

    /// Reads what it was sent.
    pub fn listens(&mut self, stage: &mut Stage) {
        let Some(conn) = self.conn else { return };
        for frame in stage.told(DISPATCH, conn) {
            let task_id = frame["task_id"].as_str().unwrap_or_default().to_owned();
            match frame["type"].as_str() {
                Some("task") => {
                    let waypoints = frame["zone"]["waypoints"].as_array().expect("waypoints").len();
                    self.holds = Some(Held { task_id, waypoints, next: 0 });
                }
                Some("cancel") => drop(self.holds.take_if(|held| held.task_id == task_id)),
                _ => {}
            }
        }
        if !stage.is_open(DISPATCH, conn) {
            self.conn = None;
        }
    }

    /// Reaches the next waypoint of its task, or its end, and reports it.
    pub fn drives(&mut self, stage: &mut Stage) {
        self.listens(stage);
        let Some(held) = &mut self.holds else { return };
        let task_id = held.task_id.clone();
        let report = if held.next < held.waypoints {
            let waypoint = held.next;
            held.next += 1;
            let progress = waypoint * 100 / held.waypoints;
            json!({ "type": "progress", "task_id": task_id, "progress": progress, "waypoint": waypoint, "lap": 0 })
        } else {
            self.holds = None;
            json!({ "type": "complete", "task_id": task_id, "laps": 1 })
        };
        match self.conn {
            Some(conn) => stage.says(DISPATCH, conn, &report.to_string()),
            None => self.unsent.push(report),
        }
    }

    pub fn has_task(&self) -> bool {
        self.holds.is_some()
    }

    /// It can't go on.
    pub fn fails(&mut self, stage: &mut Stage, error: &str) {
        self.listens(stage);
        if let (Some(held), Some(conn)) = (self.holds.take(), self.conn) {
            let failed = json!({ "type": "failed", "task_id": held.task_id, "error": error });
            stage.says(DISPATCH, conn, &failed.to_string());
        }
    }

    /// Tells discovery where it is.
    pub fn registers(&self, stage: &mut Stage) {
        let address = format!("http://{}.example:4850", self.name);
        let body = json!({ "id": self.name, "name": self.name.to_uppercase(), "address": address });
        stage.asks(discovery::SERVICE, "POST /register", &body.to_string());
    }

    /// And that it is still there.
    pub fn beats(&self, stage: &mut Stage, x_m: f64) {
        let body =
            json!({ "mode": 3, "battery_voltage": 48.5, "pose": { "x": x_m, "y": 0.0, "theta": 0.0 } });
        stage.asks(discovery::SERVICE, &format!("POST /heartbeat/{}", self.name), &body.to_string());
    }
}
