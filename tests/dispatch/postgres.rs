//! Two on one PostgreSQL, and a recording of a day on which the database failed.

#[allow(dead_code, clippy::unwrap_used, clippy::print_stderr, reason = "helpers of the store's own tests")]
#[path = "../../services/dispatch/tests/store/server.rs"]
mod server;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::serving::Dispatch;
use crate::support::{depot, stderr, stdout, until};

/// What the contract gives a takeover.
const TAKEOVER_S: u64 = 5;

fn status(depot: &Dispatch, path: &str) -> u16 {
    depot.ask("GET", path, &Value::Null).status
}

#[test]
fn the_second_takes_over() {
    let Some(server) = server::shared() else { return };
    let database = server.database();
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = Dispatch::on(&database.url(), folder.path(), &[]);
    let mission = first.mission(3, None);
    let mut rover = first.rover("bvr-01");
    let task = first.made(&format!("/missions/{mission}/start"), &Value::Null)["id"].clone();
    rover.until(|frame| frame["type"] == "task");

    let mut made = Vec::new();
    for _ in 0..2 {
        let second = Dispatch::started(&database.url(), folder.path(), &[]);
        assert_eq!((status(&second, "/readyz"), status(&second, "/livez")), (503, 200));
        let refused = second.ask("POST", "/zones", &json!({ "name": "Yard" }));
        assert!(refused.status == 503 && refused.body.ends_with('.'), "{refused:?}");
        for path in ["/ws", "/ws/console"] {
            assert_eq!(second.open(path).end(), Some(1013), "{path}");
        }
        for n in 0..20 {
            made.push(first.made("/zones", &json!({ "name": n.to_string() })));
        }
        let clock = kit::clock::Clock::start();
        let killed = clock.now();
        first.program.signal(Signal::SIGKILL);
        assert!(second.is_ready_in_time());
        let took = clock.now() - killed;
        assert!(took.as_secs() < TAKEOVER_S, "{took:?}");
        let zones = second.get("/zones?limit=1000").as_array().expect("a list").clone();
        assert!(made.iter().all(|zone| zones.contains(zone)), "everything answered is there");
        assert_eq!(zones.len(), made.len() + 1);
        first = second;
    }
    let mut console = first.open("/ws/console");
    let mut rover = first.open("/ws");
    rover.say(&json!({ "type": "register", "rover_id": "bvr-01", "task_id": task }));
    rover.say(&json!({ "type": "complete", "task_id": task, "laps": 0 }));
    console.until(|frame| frame["task"]["id"] == task && frame["task"]["status"] == "done");
}

#[test]
fn a_day_of_failures_replays() {
    let Some(_) = server::shared() else { return };
    // One of its own: it is stopped.
    let server: &'static server::Server = Box::leak(Box::new(server::Server::start().expect("another")));
    let database = server.database();
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("day.mcap");
    let recording = recording.to_str().expect("text");
    let dispatch = Dispatch::on(&database.url(), folder.path(), &["--record", recording]);
    let mission = dispatch.mission(3, None);
    let mut rover = dispatch.rover("bvr-01");
    let task = dispatch.made(&format!("/missions/{mission}/start"), &Value::Null)["id"].clone();
    rover.until(|frame| frame["type"] == "task");
    rover.say(&json!({ "type": "progress", "task_id": task, "progress": 33, "waypoint": 1 }));

    // Commits that fail.
    database.run("ALTER TABLE dispatch.zones RENAME TO mislaid");
    for _ in 0..3 {
        let refused = dispatch.ask("POST", "/zones", &json!({ "name": "Yard" }));
        assert!(refused.status == 503 && refused.body.ends_with('.'), "{refused:?}");
        assert!(!refused.body.contains("zones"), "not in the database's words: {refused:?}");
    }
    database.run("ALTER TABLE dispatch.mislaid RENAME TO zones");
    assert!(until(|| dispatch.ask("POST", "/zones", &json!({ "name": "Yard" })).status == 201));

    // Lost, and opened again.
    server.down("immediate");
    assert!(until(|| status(&dispatch, "/readyz") == 503));
    assert_eq!(rover.end(), Some(1013), "lost");
    assert!(server.up());
    assert!(dispatch.is_ready_in_time(), "opened again");
    let mut console = dispatch.open("/ws/console");
    let mut rover = dispatch.open("/ws");
    rover.say(&json!({ "type": "register", "rover_id": "bvr-01", "task_id": task }));
    rover.say(&json!({ "type": "complete", "task_id": task, "laps": 0 }));
    console.until(|frame| frame["task"]["id"] == task && frame["task"]["status"] == "done");
    dispatch.program.signal(Signal::SIGTERM);
    dispatch.program.end();

    let replayed = depot().args(["replay", recording]).output().expect("depot runs");
    let report = stdout(&replayed) + &stderr(&replayed);
    assert_eq!(replayed.status.code(), Some(0), "{report}");
    assert!(report.contains("0 differences"), "{report}");
}
