//! What dispatch has committed, and what may be said because of it.

use std::collections::{BTreeMap, BTreeSet};

use dispatch::core::ledger::Change;
use kit::machine::StoreEvent;
use serde_json::Value;
use wire::dispatch::Task;

use super::judge::Verdict;

/// The store as it is known from outside.
#[derive(Default)]
pub struct Kept {
    tasks: BTreeMap<String, Task>,
    /// Every zone, mission and task as it ever was committed.
    ever: BTreeSet<String>,
    under_way: Option<(u64, Vec<Change>)>,
    /// Told, and not yet opened.
    loading: Vec<Change>,
}

impl Kept {
    pub const fn is_committing(&self) -> bool {
        self.under_way.is_some()
    }

    /// The machine asks for a commit.
    pub fn asked(&mut self, batch: u64, changes: &str) -> Verdict {
        let changes = read(changes)?;
        match self.under_way.replace((batch, changes)) {
            Some((earlier, _)) => Err(format!("commit {batch} is asked for while {earlier} is under way")),
            None => Ok(()),
        }
    }

    /// The machine is told of one.
    pub fn told(&mut self, event: &StoreEvent) -> Verdict {
        match event {
            StoreEvent::Loading { changes } => {
                self.loading.extend(read(changes)?);
                Ok(())
            }
            StoreEvent::Opened { changes } => {
                let mut all = std::mem::take(&mut self.loading);
                all.extend(read(changes)?);
                *self = Self::default();
                all.iter().try_for_each(|change| self.keep(change))
            }
            StoreEvent::Committed { batch, error } => {
                let changes = self.under_way.take_if(|(under_way, _)| under_way == batch);
                match (changes, error) {
                    (Some((_, changes)), None) => changes.iter().try_for_each(|change| self.keep(change)),
                    _ => Ok(()),
                }
            }
            StoreEvent::Lost { .. } => {
                (self.under_way, self.loading) = (None, Vec::new());
                Ok(())
            }
            StoreEvent::Away { .. } | StoreEvent::Back => Ok(()),
        }
    }

    /// A request is answered.
    pub fn answered(&self, status: u16, body: &str) -> Verdict {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let is_row = value.get("createdAt").is_some() && value.get("id").is_some();
        let known = !(200..300).contains(&status) || !is_row || self.ever.contains(&value.to_string());
        if known { Ok(()) } else { Err(format!("answered before it is committed: {body}")) }
    }

    /// Consoles are told.
    pub fn published(&self, text: &str) -> Verdict {
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let row = ["task", "zone", "mission"].iter().find_map(|name| frame.get(name));
        match row.filter(|row| row.is_object()) {
            Some(row) if !self.ever.contains(&row.to_string()) => {
                Err(format!("published before it is committed: {text}"))
            }
            _ => Ok(()),
        }
    }

    /// A rover is sent something, whatever its names are.
    pub fn sent(&self, rovers: &BTreeSet<String>, text: &str) -> Verdict {
        let frame: Value = serde_json::from_str(text).unwrap_or_default();
        let task = frame["task_id"].as_str().and_then(|id| self.tasks.get(id));
        let is_its = |task: &Task| task.status.is_held() && rovers.contains(&task.rover_id);
        match (frame["type"].as_str(), task) {
            (Some("task"), Some(task)) if is_its(task) => Ok(()),
            (Some("task"), task) => Err(format!("{rovers:?} is sent {text}, and committed is {task:?}")),
            (Some("cancel"), Some(task)) if is_its(task) && rovers.len() == 1 => {
                Err(format!("a rover is to leave a task that it holds: {task:?}"))
            }
            _ => Ok(()),
        }
    }

    fn keep(&mut self, change: &Change) -> Verdict {
        match change {
            Change::Zone(row) => self.remember(&row.zone),
            Change::Mission(row) => self.remember(&row.mission),
            Change::NewTask(row) | Change::Task { row, .. } => self.task(&row.task)?,
            Change::TaskGone { id } => drop(self.tasks.remove(&id.to_string())),
            _ => {}
        }
        Ok(())
    }

    /// Forward only, and one open task for each rover.
    fn task(&mut self, task: &Task) -> Verdict {
        self.remember(task);
        if let Some(old) = self.tasks.insert(task.id.to_string(), task.clone()) {
            let ended = !old.status.is_open() && old != *task;
            let back = (old.lap, old.waypoint) > (task.lap, task.waypoint) || old.status > task.status;
            if ended || back {
                return Err(format!("{old:?} becomes {task:?}"));
            }
        }
        let same = |other: &&Task| other.status.is_held() && other.rover_id == task.rover_id;
        match self.tasks.values().filter(same).count() {
            0 | 1 => Ok(()),
            open => Err(format!("{} has {open} open tasks", task.rover_id)),
        }
    }

    fn remember(&mut self, row: &impl serde::Serialize) {
        let value = serde_json::to_value(row).expect("a row is JSON");
        self.ever.insert(value.to_string());
    }
}

fn read(changes: &str) -> Result<Vec<Change>, String> {
    serde_json::from_str(changes).map_err(|error| format!("changes that can't be read: {error}: {changes}"))
}
