//! What a console knows by what it was told.

use std::collections::BTreeMap;

use serde_json::Value;

use super::judge::Verdict;

/// As the wire contract says a console reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The last whole state: a status, or all rovers.
    state: Option<Value>,
    /// discovery's, by id, where changes are told.
    rovers: BTreeMap<String, Value>,
    /// Of the last `rovers_delta` or `rovers_snapshot`.
    seq: Option<u64>,
    /// dispatch's: what each connected rover does.
    connected: BTreeMap<String, Value>,
    open_tasks: BTreeMap<String, Value>,
}

impl View {
    /// Takes one frame.
    pub fn hear(&mut self, text: &str) -> Verdict {
        let frame: Value = serde_json::from_str(text).map_err(|error| format!("{text}: {error}"))?;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match frame["type"].as_str() {
            Some("gps_status" | "rovers") => self.state = Some(frame["data"].clone()),
            Some("rovers_snapshot") => {
                let rovers = frame["data"].as_array().ok_or("a snapshot without rovers")?;
                self.rovers = rovers.iter().map(|rover| (word(&rover["id"]), rover.clone())).collect();
                self.seq = frame["seq"].as_u64();
            }
            Some("rovers_delta") => {
                let seq = frame["seq"].as_u64();
                if seq != self.seq.map(|seq| seq + 1) {
                    return Err(format!("delta {seq:?} follows {:?}", self.seq));
                }
                self.seq = seq;
                for change in frame["changed"].as_array().ok_or("a delta without changes")? {
                    let rover = self.rovers.entry(word(&change["id"])).or_insert_with(|| change.clone());
                    for (name, value) in change.as_object().ok_or("a change that is no object")? {
                        rover[name] = value.clone();
                    }
                }
                for id in frame["removed"].as_array().ok_or("a delta without removals")? {
                    self.rovers.remove(&word(id));
                }
            }
            Some("rover_update") => {
                let rover = word(&frame["rover_id"]);
                match frame["connected"].as_bool() {
                    Some(true) => drop(self.connected.insert(rover, frame["task_id"].clone())),
                    _ => drop(self.connected.remove(&rover)),
                }
            }
            Some("task_update") => {
                let task = &frame["task"];
                let open = matches!(task["status"].as_str(), Some("pending" | "assigned" | "active"));
                match open {
                    true => drop(self.open_tasks.insert(word(&task["id"]), task.clone())),
                    false => drop(self.open_tasks.remove(&word(&task["id"]))),
                }
            }
            _ => {}
        }
        Ok(())
    }
}
