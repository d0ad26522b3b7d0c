//! The rules under any interleaving of requests, frames, disconnects, restarts, clock steps and failed
//! commits. The judge is in `world`: it looks at every commit and every effect.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod world;

use std::{collections::BTreeMap, time::Duration};

use dispatch::core::{Command, Effect, request::Write};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;
use wire::dispatch::{FromRover, Schedule, Task, TaskStatus, Trigger};
use world::World;

const ROVERS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Start {
        mission: usize,
        queue: bool,
    },
    Stop(usize),
    Cancel(usize),
    Connect {
        rover: usize,
        says: bool,
    },
    Disconnect(usize),
    Reboot(usize),
    Drive(usize),
    Pong(usize),
    /// A report about any task from any socket, registered or not.
    Meddle {
        conn: u64,
        task: usize,
        how: u8,
    },
    Advance(u64),
    Clock(i64),
    /// From now on commits wait, succeed or fail.
    Commits(Option<bool>),
    Settle(bool),
    Restart {
        kept: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let rover = 0..ROVERS.len();
    prop_oneof![
        3 => (0..4usize, any::<bool>()).prop_map(|(mission, queue)| Step::Start { mission, queue }),
        1 => (0..4usize).prop_map(Step::Stop),
        1 => (0..4usize).prop_map(Step::Cancel),
        4 => (rover.clone(), any::<bool>()).prop_map(|(rover, says)| Step::Connect { rover, says }),
        2 => rover.clone().prop_map(Step::Disconnect),
        1 => rover.clone().prop_map(Step::Reboot),
        8 => rover.clone().prop_map(Step::Drive),
        6 => rover.prop_map(Step::Pong),
        1 => (0..20u64, 0..4usize, any::<u8>()).prop_map(|(conn, task, how)| Step::Meddle { conn, task, how }),
        3 => prop_oneof![0..1_000u64, 9_000..11_000u64, 59_000..62_000u64, 290_000..310_000u64]
            .prop_map(Step::Advance),
        1 => (-100_000_000..100_000_000i64).prop_map(Step::Clock),
        1 => prop_oneof![Just(None), Just(Some(true)), Just(Some(true)), Just(Some(false))]
            .prop_map(Step::Commits),
        3 => any::<bool>().prop_map(Step::Settle),
        1 => any::<bool>().prop_map(|kept| Step::Restart { kept }),
    ]
}

struct Run {
    world: World,
    missions: Vec<Uuid>,
}

impl Run {
    fn new() -> Self {
        let mut world = World::new();
        let zone = world.zone(4);
        let looped = Schedule { looped: true, ..Schedule::default() };
        let cron =
            Schedule { trigger: Trigger::Cron, cron: Some("*/2 * * * *".to_owned()), ..Schedule::default() };
        let once = Schedule { trigger: Trigger::Once, ..Schedule::default() };
        let missions = vec![
            world.mission(zone, Some("a"), Schedule::default()),
            world.mission(zone, None, looped),
            world.mission(zone, None, cron),
            world.mission(zone, None, once),
        ];
        Self { world, missions }
    }

    fn take(&mut self, step: Step) {
        let world = &mut self.world;
        match step {
            Step::Start { mission, queue } => {
                world.ask(Write::Start { mission: self.missions[mission], queue });
            }
            Step::Stop(mission) => drop(world.ask(Write::Stop(self.missions[mission]))),
            Step::Cancel(task) => {
                if let Some(id) = world.tasks.keys().nth(task).copied() {
                    world.ask(Write::Cancel(id));
                }
            }
            Step::Connect { rover, says } => drop(world.connect(ROVERS[rover], says)),
            Step::Disconnect(rover) => world.disconnect(ROVERS[rover]),
            Step::Reboot(rover) => world.reboot(ROVERS[rover]),
            Step::Drive(rover) => world.drive(ROVERS[rover]),
            Step::Pong(rover) => world.pong(ROVERS[rover]),
            Step::Meddle { conn, task, how } => {
                let owns = |task: &Task| world.rovers.get(&task.rover_id).and_then(|r| r.conn) == Some(conn);
                let mut tasks = world.tasks.values().filter(|task| !task.status.is_open() || !owns(task));
                let task_id = tasks.nth(task).map_or(Uuid::nil(), |task| task.id);
                let frame = match how % 3 {
                    0 => FromRover::Progress { task_id, progress: 1e9, waypoint: i64::from(how), lap: 9 },
                    1 => FromRover::Complete { task_id, laps: u32::MAX },
                    _ => FromRover::Failed { task_id, error: "\0".repeat(2_000) },
                };
                let before = world.tasks.get(&task_id).cloned();
                let failed = world.commits == Some(false) || world.committing.is_some();
                world.give(Command::RoverSaid(conn, frame));
                if !failed {
                    assert_eq!(world.tasks.get(&task_id), before.as_ref(), "it is none of its business");
                }
            }
            Step::Advance(ms) => world.advance(Duration::from_millis(ms)),
            Step::Clock(offset_ms) => {
                world.offset_ms = offset_ms;
                world.give(Command::Clock(offset_ms));
            }
            Step::Commits(commits) => world.commits = commits,
            Step::Settle(ok) => world.commit(ok),
            Step::Restart { kept } => world.restart(kept),
        }
    }

    /// Everything works again: then every task comes to its end.
    fn heal(&mut self) {
        let world = &mut self.world;
        world.commits = Some(true);
        world.commit(true);
        world.advance(Duration::from_secs(2));
        for mission in &self.missions {
            world.ask(Write::EditMission(
                *mission,
                wire::dispatch::MissionPatch { enabled: Some(false), ..Default::default() },
            ));
        }
        for _ in 0..2 {
            for rover in ROVERS {
                world.disconnect(rover);
                world.connect(rover, false);
                world.pong(rover);
            }
            world.advance(Duration::from_secs(61));
        }
        world.ask(Write::Stop(self.missions[1]));
        for _ in 0..400 {
            if !world.tasks.values().any(|task| task.status.is_open()) {
                return;
            }
            for rover in ROVERS {
                if world.rovers[rover].conn.is_none() {
                    world.connect(rover, true);
                }
                world.pong(rover);
                world.drive(rover);
            }
            world.advance(Duration::from_secs(1));
        }
        let open: Vec<_> = world.tasks.values().filter(|task| task.status.is_open()).collect();
        assert!(open.is_empty(), "{open:#?}");
    }

    /// A console that heard every change knows what one that connects now is told.
    fn consoles_agree(&mut self) {
        let mut heard = (BTreeMap::new(), BTreeMap::new());
        let mut told = (BTreeMap::new(), BTreeMap::new());
        let mut out = Vec::new();
        self.world.core.handle(self.world.now, Command::ConsoleLagged(0), &mut out);
        let snapshot = out.into_iter().filter_map(|effect| match effect {
            Effect::ToConsole { text, .. } => serde_json::from_str(&text).ok(),
            _ => None,
        });
        listen(&mut told, snapshot);
        listen(&mut heard, self.world.published.iter().cloned());
        assert_eq!(told.0, heard.0, "rovers");
        heard.1.retain(|id, _| told.1.contains_key(id));
        for (id, task) in &heard.1 {
            assert_eq!(told.1.get(id), Some(task));
        }
    }
}

type Known = (BTreeMap<String, Value>, BTreeMap<String, Value>);

fn listen(known: &mut Known, frames: impl Iterator<Item = Value>) {
    for mut frame in frames {
        frame.as_object_mut().unwrap().remove("seq");
        match frame["type"].as_str().unwrap() {
            "rover_update" => {
                let rover = frame["rover_id"].as_str().unwrap().to_owned();
                if frame["connected"] == true {
                    known.0.insert(rover, frame);
                } else {
                    known.0.remove(&rover);
                }
            }
            "task_update" => {
                let status = frame["task"]["status"].as_str().unwrap();
                let id = frame["task"]["id"].as_str().unwrap().to_owned();
                if ["pending", "assigned", "active"].contains(&status) {
                    known.1.insert(id, frame);
                } else {
                    known.1.remove(&id);
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn the_rules_hold(steps in prop::collection::vec(step(), 1..120)) {
        let mut run = Run::new();
        for step in steps {
            run.take(step);
        }
        run.heal();
        run.consoles_agree();
        let restarted = dispatch::core::ledger::Ledger::from_changes(&run.world.store);
        prop_assert_eq!(&restarted, run.world.core.kept());
        let done = run.world.tasks.values().filter(|task| task.status == TaskStatus::Done);
        for task in done {
            prop_assert_eq!(task.progress, 100);
        }
    }
}
