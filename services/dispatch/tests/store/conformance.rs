//! What holds for every store.

use std::time::Duration;

use dispatch::{
    core::{
        Command,
        ledger::{Change, KeptAnswer, Ledger},
        request::Write,
        task::TaskRow,
    },
    store::{CommitError, Store},
};
use proptest::{prelude::*, test_runner::TestRunner};
use uuid::Uuid;
use wire::dispatch::{FromRover, NewZone, Schedule, TaskStatus, Trigger, Waypoint, ZoneType};

use crate::world::World;

/// Opens a store: the same one each time, from nothing the first time.
pub type Opener<'a> = &'a dyn Fn() -> Box<dyn Store>;

/// A day in the life: every kind of change but the forgetting of old tasks.
pub fn day() -> World {
    let mut world = World::new();
    let zone = world.zone(3);
    let cron = Some("*/5 * * * *".to_owned());
    world.mission(zone, None, Schedule { trigger: Trigger::Cron, cron, ..Schedule::default() });
    let looped = world.mission(zone, Some("b"), Schedule { looped: true, ..Schedule::default() });
    for rover in ["a", "b"] {
        world.connect(rover, true);
    }
    world.start(looped);
    for _ in 0..40 {
        for rover in ["a", "b"] {
            world.pong(rover);
            world.drive(rover);
        }
        world.advance(Duration::from_secs(20));
    }
    world.reboot("b");
    world.connect("b", true);
    world.disconnect("a");
    world.answer(Write::Stop(looped));
    let unused = world.zone(1);
    world.answer(Write::DeleteZone(unused));
    let key = Some("key".to_owned());
    world.give(Command::Write { id: 1_000, key, write: Write::Start { mission: looped, queue: true } });
    world
}

/// What it holds, read anew.
pub fn held(open: Opener<'_>) -> Ledger {
    Ledger::from_changes(&open().open().unwrap())
}

/// `one` and `other` are two stores.
pub fn conforms(one: Opener<'_>, other: Opener<'_>) {
    keeps_all_or_nothing(one);
    forgets(one);
    takes_what_the_core_may_say(other);
}

fn keeps_all_or_nothing(open: Opener<'_>) {
    let world = day();
    assert!(world.store.len() > 50);
    let mut store = open();
    assert!(store.open().unwrap().is_empty());
    for (batch, changes) in (1..).zip(world.store.chunks(7)) {
        store.commit(batch, changes).unwrap();
        store.check().unwrap();
    }
    let last = world.store.chunks(7).len() as u64;
    assert_eq!(store.resume().unwrap(), last, "the last batch can be looked up");
    drop(store);
    let kept = world.core.kept();
    assert_eq!(&held(open), kept, "what is read was written");

    let mut store = open();
    store.open().unwrap();
    assert_eq!(store.resume().unwrap(), 0, "batches are counted anew");
    let zone = kept.zones.oldest().next().unwrap();
    let mut renamed = zone.as_ref().clone();
    renamed.zone.name = "half of a commit".to_owned();
    for (batch, (what, change)) in (1..).zip(refused(&world)) {
        let error = store.commit(batch, &[Change::Zone(renamed.clone().into()), change]).unwrap_err();
        assert!(matches!(error, CommitError::Refused(_)), "{what}: {error:?}");
        assert_eq!(store.resume().unwrap(), 0, "{what}: its number isn't kept either");
    }
    drop(store);
    assert_eq!(&held(open), kept, "all or nothing");
}

/// What must never be asked, and is refused by the database itself.
fn refused(world: &World) -> Vec<(&'static str, Change)> {
    let kept = world.core.kept();
    let held = kept.open_tasks().next().expect("an open task").as_ref().clone();
    let moved = |from, row: &TaskRow| Change::Task { from, row: row.clone().into() };
    let with = |edit: &dyn Fn(&mut TaskRow)| {
        let mut row = held.clone();
        edit(&mut row);
        row
    };
    let second = with(&|row| (row.no, row.task.id) = (9_999, Uuid::nil()));
    let nobodys = with(&|row| {
        (row.no, row.task.id) = (9_999, Uuid::nil());
        row.task.rover_id.clear();
    });
    let ended = world.tasks.values().find(|task| !task.status.is_open()).expect("an ended task");
    let mut again = kept.tasks.get(ended.id).unwrap().as_ref().clone();
    again.task.status = TaskStatus::Active;
    let now = held.task.status;
    let zone = kept.zones.oldest().next().unwrap();
    let mut other = zone.as_ref().clone();
    other.zone.id = Uuid::nil();
    vec![
        ("a second open task", Change::NewTask(second.into())),
        ("a task made twice", Change::NewTask(held.clone().into())),
        ("an assigned task of nobody", Change::NewTask(nobodys.into())),
        ("another status than expected", moved(TaskStatus::Pending, &held)),
        ("another rover", moved(now, &with(&|row| row.task.rover_id = "stranger".to_owned()))),
        ("back to waiting", moved(now, &with(&|row| row.task.status = TaskStatus::Pending))),
        ("more than all of it", moved(now, &with(&|row| row.task.progress = 101))),
        ("a NUL", moved(now, &with(&|row| row.task.error = Some("a\0b".to_owned())))),
        ("an ended task", moved(ended.status, &again)),
        ("an open task forgotten", Change::TaskGone { id: held.id() }),
        ("nothing deleted", Change::ZoneGone { id: Uuid::nil() }),
        ("no mission deleted", Change::MissionGone { id: Uuid::nil() }),
        ("a zone in another's place", Change::Zone(other.into())),
    ]
}

/// Texts of every kind, the longest route, the largest batch.
fn takes_what_the_core_may_say(open: Opener<'_>) {
    let mut store = open();
    store.open().unwrap();
    let mut world = World::new();
    let rover = "🛰️ Rövér \u{2028}\u{fffd}\u{10ffff}'\";--";
    let (status, zone) = world.answer(Write::NewZone(NewZone {
        name: "Hof \"nördlich\" \\ 中庭".to_owned(),
        zone_type: ZoneType::Route,
        waypoints: (0..10_000)
            .map(|n| Waypoint { x: f64::from(n) / 3.0, y: -1e-300, theta: Some(0.1 + 0.2) })
            .collect(),
        polygon: None,
        map_id: Some("🗺".repeat(200)),
    }));
    assert_eq!(status, 201, "{zone}");
    let zone: Uuid = zone["id"].as_str().unwrap().parse().unwrap();
    let mission = world.mission(zone, Some(rover), Schedule::default());
    let conn = world.connect(rover, true);
    let (_, task) = world.start(mission);
    let task_id: Uuid = task["id"].as_str().unwrap().parse().unwrap();
    let error = format!("stuck\0 at \u{1b}[31m{}", "äöü€😀".repeat(1_000));
    world.give(Command::RoverSaid(conn, FromRover::Failed { task_id, error }));
    assert_eq!(world.only_task().status, TaskStatus::Failed);
    let answer = |n: u32| KeptAnswer {
        key: format!("bulk {n}"),
        request: "r".repeat(64),
        status: 201,
        body: "x".repeat(2_000),
        at_ms: i64::from(n) - 100,
    };
    let bulk = (0..2_000).map(|n| Change::Answer(answer(n).into()));
    let mut batch = world.store.clone();
    batch.extend(bulk);
    store.commit(1, &batch).unwrap();
    drop(store);
    assert_eq!(held(open), Ledger::from_changes(&batch));
}

fn forgets(open: Opener<'_>) {
    let mut store = open();
    let mut ledger = Ledger::from_changes(&store.open().unwrap());
    let ended: Vec<Uuid> =
        ledger.tasks.oldest().filter(|row| !row.task.status.is_open()).map(|row| row.id()).collect();
    assert!(!ended.is_empty());
    let mut changes: Vec<Change> = ended.into_iter().map(|id| Change::TaskGone { id }).collect();
    changes.push(Change::AnswerGone { key: "key".to_owned() });
    changes.push(Change::AnswerGone { key: "never was".to_owned() });
    store.commit(1, &changes).unwrap();
    for change in &changes {
        ledger.apply(change);
    }
    drop(store);
    assert_eq!(held(open), ledger);
}

/// Whatever is asked and reported, in batches of any size: the store holds what the core believes.
pub fn any_history_is_kept(cases: u32, fresh: &dyn Fn() -> Box<dyn Store>) {
    let step = (0..8u8, 0..3usize, any::<bool>());
    let histories = (proptest::collection::vec(step, 1..60), 1..20usize);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&histories, |(steps, size)| {
            let mut world = World::new();
            let zone = world.zone(2);
            let schedule = |looped| Schedule { looped, ..Schedule::default() };
            let missions = [
                world.mission(zone, None, schedule(false)),
                world.mission(zone, Some("a"), schedule(true)),
                world.mission(zone, Some("b"), schedule(false)),
            ];
            let rovers = ["a", "b", "c"];
            for (what, which, flag) in steps {
                let (mission, rover) = (missions[which], rovers[which]);
                match what {
                    0 => drop(world.ask(Write::Start { mission, queue: flag })),
                    1 => drop(world.ask(Write::Stop(mission))),
                    2 => drop(world.connect(rover, flag)),
                    3 => world.disconnect(rover),
                    4 => world.reboot(rover),
                    5 => world.advance(Duration::from_secs(if flag { 30 } else { 400 })),
                    _ => {
                        world.pong(rover);
                        world.drive(rover);
                    }
                }
            }
            let mut store = fresh();
            store.open().unwrap();
            for (batch, changes) in (1..).zip(world.store.chunks(size)) {
                store.commit(batch, changes).unwrap();
            }
            prop_assert_eq!(&Ledger::from_changes(&store.open().unwrap()), world.core.kept());
            Ok(())
        })
        .unwrap();
}

/// As the keeper is given them, and gives them.
#[test]
fn a_move_is_written_without_its_route() {
    let world = day();
    let moves = world.store.iter().filter(|change| matches!(change, Change::Task { .. }));
    let mut routes = 0;
    for change in moves {
        let Change::Task { row, .. } = change else { continue };
        routes += usize::from(!row.route.waypoints.is_empty());
        let text = serde_json::to_string(change).unwrap();
        assert!(!text.contains("route"), "{text}");
        let Change::Task { row: parsed, .. } = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        assert_eq!(TaskRow { route: row.route.clone(), ..parsed.as_ref().clone() }, **row);
    }
    assert!(routes > 0, "some had one");
    let made = world.store.iter().find(|change| matches!(change, Change::NewTask(_))).unwrap();
    let text = serde_json::to_string(made).unwrap();
    assert_eq!(&serde_json::from_str::<Change>(&text).unwrap(), made);
    assert!(text.contains("route"), "{text}");
}
