//! A rover as protocol.md says they are: it drives on whatever happens to its connection, connects again by itself,
//! and starts what it is sent at its first waypoint. Waypoint `n` of every zone here has `x = n`.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;
use wire::dispatch::{FromRover, Patch, ToRover, Waypoint};

use crate::{
    net::{PATIENCE, Socket, connect},
    stage::{Dice, Shared},
};

/// Reports that are kept without a connection.
const UNSENT: usize = 32;
/// Without a word or a ping for so long it connects again.
const SILENCE: Duration = Duration::from_secs(10);

struct Held {
    task: Uuid,
    waypoints: Vec<Waypoint>,
    looped: bool,
    /// Index of the waypoint it drives to.
    next: usize,
    lap: u32,
}

pub struct Rover {
    stage: Shared,
    name: &'static str,
    /// A newer one: says what it holds.
    says: bool,
    dice: Dice,
    held: Option<Held>,
    unsent: VecDeque<FromRover>,
    /// When it reaches its next waypoint.
    reaches: Duration,
    /// What it said it holds when it registered.
    said: Option<Uuid>,
    /// Tasks it reported on since.
    reported: BTreeSet<Uuid>,
}

impl Rover {
    pub fn new(stage: Shared, name: &'static str, says: bool, seed: u64) -> Self {
        let now_ms = turmoil::sim_elapsed().unwrap_or_default().as_millis();
        let dice = Dice::new(seed ^ u64::try_from(now_ms).unwrap_or_default());
        let unsent = VecDeque::new();
        Self {
            stage,
            name,
            says,
            dice,
            held: None,
            unsent,
            reaches: Duration::ZERO,
            said: None,
            reported: BTreeSet::new(),
        }
    }

    /// Drives until its host crashes; its program then has forgotten everything.
    pub async fn run(mut self) -> turmoil::Result {
        loop {
            if let Some(socket) = connect("/ws").await {
                let ended = self.session(socket).await;
                self.stage.note(self.name, if ended.is_some() { "closed" } else { "broken" });
            }
            let again = turmoil::elapsed() + self.dice.ms(300, 700);
            while turmoil::elapsed() < again {
                let reaches = self.reaches.max(turmoil::elapsed());
                if self.held.is_none() || reaches >= again {
                    sleep(again.saturating_sub(turmoil::elapsed())).await;
                    break;
                }
                sleep(reaches.saturating_sub(turmoil::elapsed())).await;
                if let Some(report) = self.drive()
                    && self.unsent.len() < UNSENT
                {
                    self.unsent.push_back(report);
                }
            }
        }
    }

    /// None when the connection broke.
    async fn session(&mut self, mut socket: Socket) -> Option<()> {
        self.reported.clear();
        self.said = self.held.as_ref().map(|held| held.task);
        let task_id = match self.said {
            _ if !self.says => Patch::Absent,
            Some(task) => Patch::Value(task),
            None => Patch::Null,
        };
        let rover_id = self.name.to_owned();
        self.say(&mut socket, &FromRover::Register { rover_id, task_id }).await?;
        while let Some(report) = self.unsent.pop_front() {
            self.say(&mut socket, &report).await?;
        }
        loop {
            let reaches = match self.held {
                Some(_) => self.reaches.saturating_sub(turmoil::elapsed()),
                None => Duration::MAX,
            };
            tokio::select! {
                biased;
                frame = timeout(SILENCE, socket.next()) => match frame.ok()?? {
                    Ok(Message::Text(text)) => self.hear(&text),
                    // Its library answers.
                    Ok(Message::Ping(_)) => timeout(PATIENCE, socket.flush()).await.ok()?.ok()?,
                    Ok(Message::Close(_)) => return Some(()),
                    Ok(_) => {}
                    Err(_) => return None,
                },
                () = sleep(reaches) => {
                    if let Some(report) = self.drive() {
                        self.say(&mut socket, &report).await?;
                    }
                }
            }
        }
    }

    async fn say(&mut self, socket: &mut Socket, frame: &FromRover) -> Option<()> {
        if let FromRover::Progress { task_id, .. } | FromRover::Complete { task_id, .. } = frame {
            self.reported.insert(*task_id);
        }
        let text = serde_json::to_string(frame).expect("JSON");
        self.stage.note(self.name, &format!("> {text}"));
        timeout(PATIENCE, socket.send(Message::text(text))).await.ok()?.ok()
    }

    fn hear(&mut self, text: &str) {
        self.stage.note(self.name, &format!("< {text}"));
        match serde_json::from_str(text).expect("a frame of the contract") {
            ToRover::Task { task_id, zone, .. } => {
                self.judge(task_id, &zone.waypoints, zone.looped);
                self.held = Some(Held {
                    task: task_id,
                    waypoints: zone.waypoints,
                    looped: zone.looped,
                    next: 0,
                    lap: 0,
                });
                self.reaches = turmoil::elapsed() + self.dice.ms(200, 500);
            }
            ToRover::Cancel { task_id } => {
                if self.held.as_ref().is_some_and(|held| held.task == task_id) {
                    let stage = self.stage.lock();
                    let row = stage.disk.ledger.tasks.get(task_id).expect("a task that is called off");
                    let open = row.task.status.is_open() && row.task.rover_id == self.name;
                    assert!(!open, "{} is told to drop its open task", self.name);
                    drop(stage);
                    self.held = None;
                }
            }
            ToRover::Error { .. } => {}
        }
    }

    /// A task that it is sent has been committed to be its, skips nothing, repeats nothing that is known to be driven,
    /// and isn't what it is known to hold.
    fn judge(&self, task: Uuid, waypoints: &[Waypoint], looped: bool) {
        let stage = self.stage.lock();
        let row = stage.disk.ledger.tasks.get(task).expect("committed, then sent");
        assert_eq!(row.task.rover_id, self.name, "of task {task}");
        let driven = stage.driven.get(&task).copied().unwrap_or(0);
        let first = waypoints.first().map_or(0, |waypoint| waypoint.x as u64);
        assert!(looped || first <= driven, "waypoint {first} is sent first, {driven} were driven");
        if row.task.status.is_open() && !self.reported.contains(&task) {
            let to_go = row.to_go().map(|at| u64::from(at.waypoint));
            assert_eq!(Some(first), to_go, "first of what {} is sent of {:?}", self.name, row.task);
        }
        let holds = self.held.as_ref().is_some_and(|held| held.task == task);
        let known = self.says && self.said == Some(task);
        assert!(!(holds && known), "{} said that it holds task {task}, and is sent it again", self.name);
    }

    /// Reaches the next waypoint, or finds that there is none.
    fn drive(&mut self) -> Option<FromRover> {
        if turmoil::elapsed() < self.reaches {
            return None;
        }
        self.reaches = turmoil::elapsed() + self.dice.ms(200, 500);
        let Held { task, waypoints, looped, next, lap } = self.held.as_mut()?;
        let (task_id, count) = (*task, waypoints.len());
        if *looped && *next == count {
            (*next, *lap) = (0, *lap + 1);
        }
        let Some(reached) = waypoints.get(*next) else {
            let laps = *lap;
            self.held = None;
            return Some(FromRover::Complete { task_id, laps });
        };
        let (at, laps) = (*next, *lap);
        *next += 1;
        let mut stage = self.stage.lock();
        let x = reached.x as u64;
        let driven = stage.driven.entry(task_id).or_insert(0);
        let count_all = if *looped { count as u64 } else { u64::MAX };
        // Driving on counts; driving again what was driven doesn't.
        if *driven % count_all == x {
            *driven += 1;
        } else {
            assert!(*looped || x < *driven, "{} skips to {x} after {driven}", self.name);
        }
        let progress = at as f64 * 100.0 / count as f64;
        Some(FromRover::Progress { task_id, progress, waypoint: i64::try_from(at).ok()?, lap: laps })
    }
}
