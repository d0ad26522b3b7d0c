//! What any store must do, and what SQLite's file must be.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod world;

use std::{path::Path, sync::mpsc, time::Duration};

use dispatch::{
    core::{
        ledger::{Change, Ledger},
        request::Write,
    },
    store::{Store, StoreError, sqlite::Sqlite, writer::Writer},
};
use tempfile::tempdir;
use wire::dispatch::{Schedule, TaskStatus, Trigger};
use world::World;

/// A day in the life: every kind of change but the forgetting of old tasks.
fn day() -> World {
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
    world.give(dispatch::core::Command::Write {
        id: 1_000,
        key,
        write: Write::Start { mission: looped, queue: true },
    });
    world
}

/// Every store, from nothing. `open` opens the same one each time.
fn conforms(open: &dyn Fn() -> Box<dyn Store>) {
    let world = day();
    assert!(world.store.len() > 50);
    let mut store = open();
    assert!(store.load().unwrap().is_empty());
    for changes in world.store.chunks(7) {
        store.commit(changes).unwrap();
    }
    drop(store);
    let mut store = open();
    assert_eq!(&Ledger::from_changes(&store.load().unwrap()), world.core.kept(), "what is read was written");

    let held = world.core.kept().open_tasks().next().expect("an open task").as_ref().clone();
    let moved = |from, row: &dispatch::core::task::TaskRow| Change::Task { from, row: row.clone().into() };
    let mut second = held.clone();
    (second.no, second.task.id) = (9_999, uuid::Uuid::nil());
    let mut foreign = held.clone();
    foreign.task.rover_id = "stranger".to_owned();
    let ended = world.tasks.values().find(|task| !task.status.is_open()).expect("an ended task");
    let mut again = world.core.kept().tasks.get(ended.id).unwrap().as_ref().clone();
    again.task.status = TaskStatus::Active;
    let refused = [
        ("a second open task", Change::NewTask(second.into())),
        ("another status than expected", moved(TaskStatus::Pending, &held)),
        ("another rover", moved(held.task.status, &foreign)),
        ("an ended task", moved(ended.status, &again)),
        ("a task that is open forgotten", Change::TaskGone { id: held.id() }),
        ("nothing deleted", Change::ZoneGone { id: uuid::Uuid::nil() }),
    ];
    let zone = world.core.kept().zones.oldest().next().unwrap();
    let mut renamed = zone.as_ref().clone();
    renamed.zone.name = "half of a commit".to_owned();
    for (what, change) in refused {
        assert!(store.commit(&[Change::Zone(renamed.clone().into()), change]).is_err(), "{what}");
        assert_eq!(
            &Ledger::from_changes(&store.load().unwrap()),
            world.core.kept(),
            "{what}: all or nothing"
        );
    }
    let gone = Change::TaskGone { id: ended.id };
    store.commit(&[gone, Change::AnswerGone { key: "key".to_owned() }]).unwrap();
}

fn sqlite(path: &Path) -> Box<dyn Store> {
    Box::new(Sqlite::open(path).unwrap())
}

#[test]
fn sqlite_conforms() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("dispatch.db");
    conforms(&|| sqlite(&path));
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("dispatch.db");
    drop(sqlite(&path));
    let file = rusqlite::Connection::open(&path).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    let error = Sqlite::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    let text = error.to_string().replace(&path.display().to_string(), "FILE");
    insta::assert_snapshot!(text, @"the database FILE has version 99 and this depot knows versions up to 1; use the newer depot that wrote it, or another file");
    let file = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn one_process_at_a_time() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("dispatch.db");
    let first = sqlite(&path);
    assert!(matches!(Sqlite::open(&path), Err(StoreError::InUse { .. })));
    drop(first);
    drop(sqlite(&path));
}

#[test]
fn a_file_that_cannot_be_is_told() {
    let folder = tempdir().unwrap();
    assert!(matches!(Sqlite::open(&folder.path().join("no/such/folder.db")), Err(StoreError::Open { .. })));
    let noise = folder.path().join("noise.db");
    std::fs::write(&noise, "this is no database, it is a sentence".repeat(100)).unwrap();
    assert!(matches!(Sqlite::open(&noise), Err(StoreError::Open { .. })));
}

#[test]
fn the_writer_tells_what_became_of_every_commit() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("dispatch.db");
    let world = day();
    let writer = Writer::spawn(sqlite(&path)).unwrap();
    let (done, told) = mpsc::channel();
    for changes in world.store.chunks(50) {
        let done = done.clone();
        writer.commit(changes.to_vec(), Box::new(move |result| done.send(result.is_ok()).unwrap()));
        assert!(told.recv().unwrap());
    }
    writer.commit(world.store.clone(), Box::new(move |result| done.send(result.is_ok()).unwrap()));
    drop(writer);
    assert_eq!(told.recv(), Ok(false), "the same again is refused, and finished before the end");
    assert_eq!(&Ledger::from_changes(&sqlite(&path).load().unwrap()), world.core.kept());
}
