//! Rovers and their tasks.

use discovery::SERVICE as DISCOVERY;
use dispatch::SERVICE as DISPATCH;
use serde_json::{Value, json};

use crate::sessions::rover::Rover;
use crate::sessions::stage::Stage;

/// Rovers say that they are there so often, milliseconds.
const BEAT_MS: u64 = 2_000;

/// Three rovers, a mission each, from start to done; one is blocked and fails. Consoles on both services, one of
/// which comes in the middle; requests that can't be met.
pub fn mission_with_three_rovers() -> Stage {
    let mut s = Stage::new(&[DISCOVERY, DISPATCH], None);
    s.until(200);
    s.opens(DISPATCH, "/ws/console", "");
    s.opens(DISCOVERY, "/ws", "");
    s.opens(DISCOVERY, "/ws", "delta=1");
    let mut rovers = [Rover::new("bvr-01"), Rover::new("bvr-02"), Rover::new("bvr-03")];
    let zone = makes(&mut s, "POST /zones", &zone("Yard", 4));
    let missions = ["bvr-01", "bvr-02", "bvr-03"].map(|rover| mission(&mut s, &zone, Some(rover)));
    assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{}/start", missions[0]), "").0, 409);
    for rover in &mut rovers {
        s.after(100);
        rover.registers(&mut s);
        rover.connects(&mut s);
    }
    for mission in &missions {
        assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{mission}/start"), "").0, 201);
    }
    assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{}/start", missions[1]), "").0, 409);
    for round in 0..5_u32 {
        s.after(BEAT_MS);
        for (n, rover) in rovers.iter_mut().enumerate() {
            rover.beats(&mut s, f64::from(round));
            s.after(70);
            match (n, round) {
                (2, 2) => rover.fails(&mut s, "blocked"),
                _ => rover.drives(&mut s),
            }
        }
        if round == 2 {
            s.opens(DISPATCH, "/ws/console", "");
            s.asks(DISPATCH, "GET /tasks?status=active", "");
        }
    }
    assert!(rovers.iter().all(|rover| !rover.has_task()));
    s.after(100);
    s.asks(DISPATCH, "GET /tasks", "");
    s.asks(DISPATCH, "GET /health", "");
    s.asks(DISCOVERY, "GET /rovers", "");
    s.after(500);
    s
}

/// A rover's connection dies in the middle of its task. It drives on, is told offline, comes back after 14 s with
/// what it did meanwhile, and goes on with the task it has. Another was restarted, and starts its task again.
pub fn rover_lost_and_found() -> Stage {
    let mut s = Stage::new(&[DISCOVERY, DISPATCH], None);
    s.until(100);
    s.opens(DISPATCH, "/ws/console", "");
    s.opens(DISCOVERY, "/ws", "");
    let zone = makes(&mut s, "POST /zones", &zone("Yard", 5));
    let mut rovers = [Rover::new("bvr-01"), Rover::new("bvr-02")];
    for rover in &mut rovers {
        rover.registers(&mut s);
        rover.connects(&mut s);
    }
    for rover in ["bvr-01", "bvr-02"] {
        let mission = mission(&mut s, &zone, Some(rover));
        assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{mission}/start"), "").0, 201);
    }
    let [lost, restarted] = &mut rovers;
    drives(&mut s, &mut [lost, restarted], 2);
    s.after(300);
    lost.is_cut(&mut s);
    restarted.is_cut(&mut s);
    *restarted = Rover::new("bvr-02");
    for round in 0..7 {
        s.after(BEAT_MS);
        if round == 3 {
            lost.drives(&mut s);
        }
    }
    lost.registers(&mut s);
    lost.connects(&mut s);
    restarted.registers(&mut s);
    restarted.connects(&mut s);
    s.after(100);
    drives(&mut s, &mut [lost, restarted], 6);
    assert!(!lost.has_task() && !restarted.has_task());
    s.asks(DISPATCH, "GET /tasks", "");
    s.after(500);
    s
}

/// A task is cancelled while its rover has no connection. Another mission can't have the rover meanwhile. When it
/// is back it says that it holds the task, and is told to leave it; what it reported of it changes nothing.
pub fn cancel_during_reconnect() -> Stage {
    let mut s = Stage::new(&[DISPATCH], None);
    s.until(100);
    s.opens(DISPATCH, "/ws/console", "");
    let zone = makes(&mut s, "POST /zones", &zone("Yard", 6));
    let mut rover = Rover::new("bvr-01");
    rover.connects(&mut s);
    let mission = mission(&mut s, &zone, Some("bvr-01"));
    let (_, task) = s.gets(DISPATCH, &format!("POST /missions/{mission}/start"), "");
    let task = task["id"].as_str().expect("a task").to_owned();
    drives(&mut s, &mut [&mut rover], 2);
    rover.is_cut(&mut s);
    s.after(1_000);
    assert_eq!(s.gets(DISPATCH, &format!("POST /tasks/{task}/cancel"), "").0, 200);
    assert_eq!(s.gets(DISPATCH, &format!("POST /tasks/{task}/cancel"), "").0, 404);
    assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{mission}/start"), "").0, 409);
    rover.drives(&mut s);
    s.after(4_000);
    rover.connects(&mut s);
    s.after(200);
    rover.listens(&mut s);
    assert!(!rover.has_task(), "it was told to leave it");
    // The same once more, and this time it is back before the commit.
    let (status, task) = s.gets(DISPATCH, &format!("POST /missions/{mission}/start"), "");
    assert_eq!(status, 201);
    drives(&mut s, &mut [&mut rover], 1);
    rover.is_cut(&mut s);
    s.after(500);
    let task = task["id"].as_str().expect("a task").to_owned();
    s.asks(DISPATCH, &format!("POST /tasks/{task}/cancel"), "");
    rover.connects(&mut s);
    s.after(500);
    rover.listens(&mut s);
    assert!(!rover.has_task(), "it was told to leave it");
    s.asks(DISPATCH, "GET /tasks", "");
    s.after(500);
    s
}

/// Consoles that stop reading while tasks run, and read again: each gets the whole state, and what follows.
pub fn console_lags() -> Stage {
    let mut s = Stage::new(&[DISCOVERY, DISPATCH], None);
    s.until(100);
    let lists = [s.opens(DISCOVERY, "/ws", ""), s.opens(DISCOVERY, "/ws", "delta=1")];
    let console = s.opens(DISPATCH, "/ws/console", "");
    s.opens(DISPATCH, "/ws/console", "batch_ms=100");
    let zone = makes(&mut s, "POST /zones", &zone("Yard", 3));
    let mut rovers = [Rover::new("bvr-01"), Rover::new("bvr-02")];
    for rover in &mut rovers {
        rover.registers(&mut s);
        rover.connects(&mut s);
    }
    let first = mission(&mut s, &zone, Some("bvr-01"));
    assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{first}/start"), "").0, 201);
    s.stalls(DISPATCH, console);
    lists.into_iter().for_each(|list| s.stalls(DISCOVERY, list));
    let second = mission(&mut s, &zone, Some("bvr-02"));
    assert_eq!(s.gets(DISPATCH, &format!("POST /missions/{second}/start"), "").0, 201);
    let [one, two] = &mut rovers;
    drives(&mut s, &mut [one], 4);
    drives(&mut s, &mut [two], 2);
    s.reads_again(DISPATCH, console);
    lists.into_iter().for_each(|list| s.reads_again(DISCOVERY, list));
    drives(&mut s, &mut [one, two], 1);
    // It asks for what it missed, and for more than is remembered.
    let task = &s.told(DISPATCH, console);
    let seq = task.last().and_then(|frame| frame["seq"].as_u64()).expect("a number");
    s.leaves(DISPATCH, console, Some(1000));
    drives(&mut s, &mut [two], 1);
    s.opens(DISPATCH, "/ws/console", &format!("since={seq}"));
    s.opens(DISPATCH, "/ws/console", "since=1");
    s.after(500);
    s
}

/// Each rover reaches so many waypoints, one every two seconds.
pub fn drives(s: &mut Stage, rovers: &mut [&mut Rover], waypoints: u64) {
    for _ in 0..waypoints {
        s.after(BEAT_MS);
        for rover in &mut *rovers {
            rover.drives(s);
        }
    }
    s.after(100);
}

/// A zone of so many waypoints in a row.
pub fn zone(name: &str, waypoints: u32) -> Value {
    let waypoints: Vec<Value> = (0..waypoints).map(|n| json!({ "x": f64::from(n), "y": 0.0 })).collect();
    json!({ "name": name, "waypoints": waypoints })
}

/// Made and committed; returns its id.
pub fn makes(s: &mut Stage, call: &str, body: &Value) -> String {
    let (status, made) = s.gets(DISPATCH, call, &body.to_string());
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().expect("an id").to_owned()
}

pub fn mission(s: &mut Stage, zone: &str, rover: Option<&str>) -> String {
    makes(s, "POST /missions", &json!({ "name": "Round", "zoneId": zone, "roverId": rover }))
}
