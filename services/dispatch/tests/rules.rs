//! The rules one by one, as a reader of the contract would try them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod world;

use std::time::Duration;

use dispatch::core::{
    Command, Effect,
    request::{Filter, Page, Read, Write},
};
use serde_json::{Value, json};
use uuid::Uuid;
use wire::dispatch::{FromRover, MissionPatch, Patch, Schedule, TaskStatus, ToRover, Trigger, ZonePatch};
use world::{START, World};

/// A zone of so many waypoints, a mission of it for anyone.
fn ready(waypoints: u32, looped: bool) -> (World, Uuid) {
    let mut world = World::new();
    let zone = world.zone(waypoints);
    let mission = world.mission(zone, None, Schedule { looped, ..Schedule::default() });
    (world, mission)
}

fn read(world: &mut World, read: Read) -> (Value, Option<u64>) {
    let mut out = Vec::new();
    world.core.handle(world.now, Command::Read { id: 0, read }, &mut out);
    let Some(Effect::Answer(0, answer)) = out.pop() else { panic!("no answer: {out:?}") };
    (serde_json::from_str(&answer.body).unwrap(), answer.next)
}

fn said(world: &mut World, conn: u64, frame: FromRover) -> Vec<Effect> {
    let mut out = Vec::new();
    world.core.handle(world.now, Command::RoverSaid(conn, frame), &mut out);
    out
}

/// The waypoints of the last task frame.
fn sent(world: &World, rover: &str) -> Vec<u32> {
    match world.told(rover).last() {
        Some(ToRover::Task { zone, .. }) => zone.waypoints.iter().map(|w| w.x as u32).collect(),
        other => panic!("no task but {other:?}"),
    }
}

#[test]
fn nothing_is_told_before_it_is_committed() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", true);
    world.commits = None;
    let id = world.ask(Write::Start { mission, queue: false });
    let published = world.published.len();
    assert!(!world.answers.contains_key(&id) && world.told("a").is_empty());
    assert_eq!(read(&mut world, Read::Tasks(Filter::default(), Page::default())).0, json!([]));
    world.commit(true);
    assert_eq!(world.answers[&id].status, 201);
    assert!(matches!(world.told("a"), [ToRover::Task { .. }]));
    assert!(world.published.len() > published);
}

#[test]
fn a_failed_commit_is_503_and_changes_nothing() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", true);
    world.commits = Some(false);
    let published = world.published.len();
    let (status, sentence) = world.start(mission);
    assert_eq!((status, world.published.len()), (503, published));
    insta::assert_snapshot!(sentence.as_str().unwrap(), @"The change could not be saved and was not made; try again in a moment.");
    assert!(world.told("a").is_empty() && world.tasks.is_empty());
    world.commits = Some(true);
    assert_eq!(world.start(mission).0, 201);
}

#[test]
fn what_a_rover_reported_is_kept_when_the_store_is_back() {
    let (mut world, mission) = ready(1, false);
    world.connect("a", true);
    world.start(mission);
    world.pong("a");
    world.commits = Some(false);
    world.drive("a");
    world.drive("a");
    assert_eq!(world.only_task().status, TaskStatus::Assigned);
    world.commits = Some(true);
    world.advance(Duration::from_secs(2));
    assert_eq!(world.only_task().status, TaskStatus::Done);
}

#[test]
fn of_twenty_starts_at_once_one_wins() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", true);
    world.commits = None;
    let asked: Vec<_> = (0..20).map(|_| world.ask(Write::Start { mission, queue: false })).collect();
    while world.committing.is_some() {
        world.commit(true);
    }
    let mut found: Vec<_> = asked.iter().map(|id| world.answers[id].status).collect();
    found.sort_unstable();
    assert_eq!(found[..2], [201, 409]);
    assert_eq!(found[19], 409);
}

#[test]
fn the_newest_socket_speaks_and_for_one_rover_only() {
    let (mut world, mission) = ready(2, false);
    let old = world.connect("a", true);
    let new = world.connect("a", true);
    assert_eq!(world.closed, [old]);
    world.give(Command::RoverClosed(old));
    assert_eq!(world.start(mission).0, 201, "the end of the old socket changed nothing");
    let register = FromRover::Register { rover_id: "b".to_owned(), task_id: Patch::Absent };
    let found = said(&mut world, new, register);
    let [Effect::ToRover(_, ToRover::Error { message })] = &found[..] else { panic!("{found:?}") };
    insta::assert_snapshot!(message, @"This connection speaks for rover a and can't for another.");
}

#[test]
fn a_report_that_is_none_of_its_business_is_an_error() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", true);
    let stranger = world.connect("b", true);
    world.start(mission);
    let task_id = world.only_task().id;
    world.give(Command::RoverOpened(99));
    for conn in [99, stranger] {
        let found = said(&mut world, conn, FromRover::Complete { task_id, laps: 0 });
        assert!(matches!(found[..], [Effect::ToRover(_, ToRover::Error { .. })]), "{found:?}");
    }
    world.answer(Write::Cancel(task_id));
    let own = world.rovers["a"].conn.unwrap();
    let found = said(&mut world, own, FromRover::Complete { task_id, laps: 0 });
    assert!(
        matches!(
            found[..],
            [Effect::ToRover(_, ToRover::Error { .. }), Effect::ToRover(_, ToRover::Cancel { .. })]
        ),
        "{found:?}"
    );
    assert_eq!(world.only_task().status, TaskStatus::Cancelled);
}

#[test]
fn without_a_pong_the_socket_is_dead_and_the_task_sent_again() {
    let (mut world, mission) = ready(2, false);
    let conn = world.connect("a", false);
    world.start(mission);
    world.advance(Duration::from_millis(9_999));
    assert!(world.rovers["a"].conn.is_some());
    world.advance(Duration::from_millis(1));
    assert!(world.rovers["a"].conn.is_none(), "{conn} was closed");
    world.connect("a", false);
    assert_eq!(world.told("a").len(), 2);
    world.pong("a");
    world.disconnect("a");
    world.connect("a", false);
    assert_eq!(world.told("a").len(), 2, "it has it: it is given time to report");
}

#[test]
fn a_rover_that_is_silent_gets_the_rest_and_counts_anew() {
    let (mut world, mission) = ready(4, false);
    world.connect("a", false);
    world.start(mission);
    world.pong("a");
    world.drive("a");
    world.drive("a");
    world.reboot("a");
    world.connect("a", false);
    world.advance(Duration::from_secs(59));
    assert_eq!(world.told("a").len(), 1);
    world.advance(Duration::from_secs(1));
    assert_eq!(sent(&world, "a"), [2, 3]);
    world.pong("a");
    world.drive("a");
    let task = world.only_task();
    assert_eq!((task.waypoint, task.progress, task.status), (2, 50, TaskStatus::Active));
    world.drive("a");
    world.drive("a");
    assert_eq!(world.only_task().status, TaskStatus::Done);
}

#[test]
fn a_loop_is_rotated_and_its_laps_are_mapped_back() {
    let (mut world, mission) = ready(3, true);
    world.connect("a", false);
    world.start(mission);
    world.pong("a");
    for _ in 0..4 {
        world.drive("a");
    }
    assert_eq!((world.only_task().lap, world.only_task().waypoint), (1, 0));
    world.reboot("a");
    world.connect("a", true);
    assert_eq!(sent(&world, "a"), [1, 2, 0], "it says that it holds none: at once");
    world.pong("a");
    for expected in [(1, 1), (1, 2), (2, 0), (2, 1)] {
        world.drive("a");
        assert_eq!((world.only_task().lap, world.only_task().waypoint), expected);
    }
}

#[test]
fn a_rover_that_kept_driving_is_sent_nothing() {
    let (mut world, mission) = ready(4, false);
    world.connect("a", false);
    world.start(mission);
    world.pong("a");
    world.drive("a");
    world.disconnect("a");
    world.drive("a");
    world.connect("a", false);
    world.advance(Duration::from_secs(200));
    assert_eq!((world.told("a").len(), world.only_task().waypoint), (1, 1));
    world.disconnect("a");
    world.connect("a", true);
    world.advance(Duration::from_secs(200));
    assert_eq!(world.told("a").len(), 1);
}

#[test]
fn all_driven_and_only_the_word_of_it_lost_is_done() {
    let (mut world, mission) = ready(1, false);
    world.connect("a", true);
    world.start(mission);
    world.pong("a");
    world.drive("a");
    world.reboot("a");
    world.connect("a", true);
    assert_eq!(world.only_task().status, TaskStatus::Done);
}

#[test]
fn a_rover_gone_for_five_minutes_is_lost_and_learns_of_it() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", false);
    world.start(mission);
    world.pong("a");
    world.disconnect("a");
    world.advance(Duration::from_secs(299));
    assert!(world.only_task().status.is_open());
    world.restart(false);
    world.advance(Duration::from_secs(300));
    let task = world.only_task().clone();
    assert_eq!(task.status, TaskStatus::Failed);
    insta::assert_snapshot!(task.error.unwrap(), @"Rover a has been gone for 300 s and was given up.");
    world.restart(false);
    world.connect("a", false);
    assert_eq!(world.told("a").last(), Some(&ToRover::Cancel { task_id: task.id }));
    world.disconnect("a");
    world.connect("a", false);
    assert_eq!(world.told("a").len(), 3, "until its pong proves that it came");
    world.pong("a");
    world.disconnect("a");
    world.connect("a", false);
    assert_eq!(world.told("a").len(), 3);
}

#[test]
fn a_key_gives_the_same_answer_again() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", true);
    let mut ask = |id, write| {
        let key = Some("k-1".to_owned());
        world.give(Command::Write { id, key, write });
        world.answers[&id].clone()
    };
    let first = ask(101, Write::Start { mission, queue: false });
    assert_eq!((first.status, &ask(102, Write::Start { mission, queue: false })), (201, &first));
    assert_eq!(ask(103, Write::Start { mission, queue: true }).status, 422);
    world.restart(false);
    let key = Some("k-1".to_owned());
    world.give(Command::Write { id: 104, key, write: Write::Start { mission, queue: false } });
    assert_eq!(world.answers[&104], first);
    assert_eq!(world.tasks.len(), 1);
}

#[test]
fn missions_are_refused_with_a_sentence() {
    let (mut world, mission) = ready(2, false);
    let (_, sentence) = world.start(mission);
    insta::assert_snapshot!(sentence.as_str().unwrap(), @"No rover is free.");
    world.connect("a", true);
    let empty = world.zone(0);
    let nowhere = world.mission(empty, None, Schedule::default());
    let (status, sentence) = world.start(nowhere);
    assert_eq!(status, 409);
    insta::assert_snapshot!(sentence.as_str().unwrap(), @r#"Zone "Yard" has no waypoints to drive; add some first."#);
    let off = MissionPatch { enabled: Some(false), ..MissionPatch::default() };
    assert_eq!(world.answer(Write::EditMission(mission, off)).0, 200);
    assert_eq!(world.start(mission).0, 409);
    let (status, _) = world
        .answer(Write::EditZone(empty, ZonePatch { name: Some("a\0b".to_owned()), ..ZonePatch::default() }));
    assert_eq!(status, 400);
    assert_eq!(world.start(Uuid::nil()).0, 404);
    assert_eq!(world.answer(Write::Stop(mission)).0, 404);
}

#[test]
fn what_is_in_use_stays() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", true);
    let (_, task) = world.start(mission);
    let zone = read(&mut world, Read::Zones(Page::default())).0[0]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.answer(Write::DeleteMission(mission)).0, 409);
    assert_eq!(world.answer(Write::DeleteZone(zone)).0, 409);
    let (status, stopped) = world.answer(Write::Stop(mission));
    assert_eq!((status, &stopped["id"], &stopped["status"]), (200, &task["id"], &json!("cancelled")));
    assert_eq!(world.answer(Write::DeleteMission(mission)).0, 204);
    assert_eq!(world.answer(Write::DeleteZone(zone)).0, 204);
    let types: Vec<_> = world.published.iter().rev().take(2).map(|f| f["type"].clone()).collect();
    assert_eq!(types, ["zone_deleted", "mission_deleted"]);
}

#[test]
fn a_queued_start_waits_oldest_first() {
    let (mut world, mission) = ready(1, false);
    let queued: Vec<_> = (0..2).map(|_| world.answer(Write::Start { mission, queue: true })).collect();
    assert!(queued.iter().all(|(status, task)| *status == 201 && task["status"] == "pending"));
    world.connect("a", true);
    let status = |world: &World, n: usize| {
        let id: Uuid = queued[n].1["id"].as_str().unwrap().parse().unwrap();
        world.tasks[&id].status
    };
    assert_eq!((status(&world, 0), status(&world, 1)), (TaskStatus::Assigned, TaskStatus::Pending));
    world.pong("a");
    world.drive("a");
    world.drive("a");
    assert_eq!((status(&world, 0), status(&world, 1)), (TaskStatus::Done, TaskStatus::Assigned));
}

#[test]
fn schedules_fire_skip_and_miss() {
    let mut world = World::new();
    let zone = world.zone(1);
    let cron = Some("*/10 * * * *".to_owned());
    let every = Schedule { trigger: Trigger::Cron, cron, ..Schedule::default() };
    let mission = world.mission(zone, None, every);
    let firing = |world: &mut World| {
        let firing = read(world, Read::Mission(mission)).0["lastFiring"].clone();
        (firing["at"].as_str().unwrap_or("").to_owned(), firing["outcome"].as_str().unwrap_or("").to_owned())
    };
    let was = |at: &str, outcome: &str| (format!("2026-03-01T{at}.000Z"), outcome.to_owned());
    world.advance(Duration::from_secs(600));
    assert_eq!(firing(&mut world), was("00:10:00", "started"));
    world.advance(Duration::from_secs(600));
    assert_eq!(firing(&mut world), was("00:20:00", "skipped"));
    world.now = START + Duration::from_secs(4_000);
    world.restart(false);
    assert_eq!(firing(&mut world), was("00:30:00", "missed"));
    assert_eq!(world.tasks.len(), 1);
    world.advance(Duration::from_secs(300));
    assert_eq!(firing(&mut world), was("01:10:00", "skipped"));
}

#[test]
fn once_fires_once() {
    let mut world = World::new();
    let zone = world.zone(1);
    let at = Some("2026-03-01T02:00:30+01:00".to_owned());
    let later = Schedule { trigger: Trigger::Once, at, ..Schedule::default() };
    let later = world.mission(zone, None, later);
    let now = world.mission(zone, None, Schedule { trigger: Trigger::Once, ..Schedule::default() });
    assert_eq!(world.tasks.len(), 1);
    assert_eq!(world.only_task().mission_id, now);
    assert_eq!(read(&mut world, Read::Mission(now)).0["enabled"], false);
    world.advance(Duration::from_secs(3_629));
    assert_eq!(world.tasks.len(), 1);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.tasks.len(), 2);
    assert_eq!(read(&mut world, Read::Mission(later)).0["enabled"], false);
}

#[test]
fn what_has_ended_is_kept_for_ninety_days() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", true);
    world.start(mission);
    world.advance(Duration::from_secs(8));
    let id = world.only_task().id;
    world.answer(Write::Cancel(id));
    world.pong("a");
    world.advance(Duration::from_secs(90 * 24 * 3600 - 3600));
    assert_eq!(read(&mut world, Read::Task(id)).0["status"], "cancelled");
    world.advance(Duration::from_secs(2 * 3600));
    assert_eq!(read(&mut world, Read::Tasks(Filter::default(), Page::default())).0, json!([]));
}

#[test]
fn lists_go_on_where_they_ended() {
    let mut world = World::new();
    let zones: Vec<_> = (0..5).map(|n| world.zone(n).to_string()).collect();
    let mut found = Vec::new();
    let mut page = Page { limit: Some(2), cursor: None };
    loop {
        let (part, next) = read(&mut world, Read::Zones(page));
        found.extend(part.as_array().unwrap().iter().map(|zone| zone["id"].as_str().unwrap().to_owned()));
        let Some(next) = next else { break };
        page.cursor = Some(next);
    }
    assert!(found.iter().eq(zones.iter().rev()), "newest first");
}

#[test]
fn a_console_is_given_what_it_missed_or_everything() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", true);
    let seq = world.published.last().unwrap()["seq"].as_u64().unwrap();
    world.start(mission);
    let mut welcome = |since| {
        let mut out = Vec::new();
        world.core.handle(world.now, Command::ConsoleOpened(7, since), &mut out);
        let frames = out.into_iter().map(|effect| match effect {
            Effect::ToConsole { conn: 7, text, .. } => serde_json::from_str::<Value>(&text).unwrap(),
            other => panic!("{other:?}"),
        });
        frames.map(|frame| frame["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(welcome(Some(seq)), ["task_update", "rover_update"]);
    assert_eq!(welcome(Some(seq + 2)), Vec::<String>::new());
    let whole = ["rover_update", "task_update", "snapshot"];
    for since in [None, Some(0), Some(u64::MAX), Some(seq + 3)] {
        assert_eq!(welcome(since), whole, "{since:?}");
    }
}

#[test]
fn a_rest_that_came_without_a_pong_is_known_by_the_claim() {
    let (mut world, mission) = ready(4, true);
    world.connect("a", true);
    world.start(mission);
    world.pong("a");
    world.drive("a");
    world.drive("a");
    world.reboot("a");
    world.connect("a", true);
    assert_eq!(sent(&world, "a"), [2, 3, 0, 1]);
    world.disconnect("a");
    world.connect("a", true);
    world.drive("a");
    assert_eq!(world.only_task().waypoint, 2);
    world.reboot("a");
    world.connect("a", true);
    assert_eq!(sent(&world, "a"), [3, 0, 1, 2], "2 is not driven again");
}

#[test]
fn an_end_that_crosses_the_task_is_told_to_the_rover() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", false);
    world.start(mission);
    world.disconnect("a");
    for _ in 0..3 {
        world.drive("a");
    }
    world.connect("a", false);
    let task_id = world.only_task().id;
    assert_eq!(world.only_task().status, TaskStatus::Done);
    assert!(matches!(world.told("a"), [.., ToRover::Task { .. }, ToRover::Cancel { .. }]));
    assert_eq!(world.told("a").last(), Some(&ToRover::Cancel { task_id }));
    assert_eq!(world.rovers["a"].holds, None);
}

#[test]
fn who_waits_comes_before_who_asks_now() {
    let (mut world, mission) = ready(1, false);
    world.connect("a", true);
    world.start(mission);
    world.pong("a");
    let (_, waits) = world.answer(Write::Start { mission, queue: true });
    world.drive("a");
    world.commits = None;
    world.zone_later();
    world.drive("a");
    let late = world.ask(Write::Start { mission, queue: false });
    world.commits = Some(true);
    world.commit(true);
    assert_eq!(world.answers[&late].status, 409);
    let waits: Uuid = waits["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.tasks[&waits].status, TaskStatus::Assigned);
}

#[test]
fn a_report_that_waits_for_a_commit_counts_as_given_in_time() {
    let (mut world, mission) = ready(4, false);
    world.connect("a", false);
    world.start(mission);
    world.pong("a");
    world.drive("a");
    world.disconnect("a");
    world.connect("a", false);
    world.commits = None;
    world.zone_later();
    world.drive("a");
    world.advance(Duration::from_secs(61));
    world.commits = Some(true);
    world.commit(true);
    assert_eq!((world.only_task().waypoint, world.told("a").len()), (1, 1));
}

#[test]
fn a_clock_that_was_wrong_takes_its_schedules_with_it() {
    let mut world = World::new();
    let zone = world.zone(1);
    let cron = Some("*/10 * * * *".to_owned());
    let every = Schedule { trigger: Trigger::Cron, cron, ..Schedule::default() };
    let mission = world.mission(zone, None, every);
    let at = |world: &mut World| {
        read(world, Read::Mission(mission)).0["lastFiring"]["at"].as_str().unwrap_or_default().to_owned()
    };
    world.advance(Duration::from_secs(600));
    assert_eq!(at(&mut world), "2026-03-01T00:10:00.000Z");
    let step = |world: &mut World, offset_ms| {
        world.offset_ms = offset_ms;
        world.give(Command::Clock(offset_ms));
    };
    step(&mut world, -300_000);
    world.advance(Duration::from_secs(600));
    assert_eq!(at(&mut world), "2026-03-01T00:10:00.000Z", "00:10 came again and was not repeated");
    world.advance(Duration::from_secs(300));
    assert_eq!(at(&mut world), "2026-03-01T00:20:00.000Z");
    step(&mut world, -86_400_000);
    world.advance(Duration::from_secs(1200));
    assert_eq!(at(&mut world), "2026-02-28T00:40:00.000Z", "not a day without a run");
}

#[test]
fn a_console_that_lagged_learns_what_is_no_more() {
    let (mut world, mission) = ready(2, false);
    world.connect("a", true);
    world.start(mission);
    world.answer(Write::Stop(mission));
    world.answer(Write::DeleteMission(mission));
    world.disconnect("a");
    let mut out = Vec::new();
    world.core.handle(world.now, Command::ConsoleLagged(7), &mut out);
    let told: Vec<Value> = out
        .into_iter()
        .map(|effect| match effect {
            Effect::ToConsole { conn: 7, text, .. } => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    let types: Vec<_> = told.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["zone_update", "task_update", "mission_deleted", "rover_update", "snapshot"]);
    assert_eq!((&told[1]["task"]["status"], &told[3]["connected"]), (&json!("cancelled"), &json!(false)));
}
