//! Peers that are many, odd, or slow.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;

use kit::clock::Clock;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::serving::{Dispatch, ask, id};

/// Twenty starts at once are one task.
const STARTS: usize = 20;
/// A frame over the size limit, and twice that.
const TOO_LARGE: usize = 256 << 10;

#[test]
fn twenty_starts_at_once_are_one_task() {
    let depot = Dispatch::new();
    let _rover = depot.rover("bvr-01");
    let missions = [depot.mission(3, Some("bvr-01")), depot.mission(3, None)];
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..STARTS)
            .map(|n| {
                let path = format!("/missions/{}/start", missions[n % 2]);
                let address = &depot.address;
                scope.spawn(move || ask(address, "POST", &path, &[], "").expect("an answer"))
            })
            .collect();
        asking.into_iter().map(|asking| asking.join().expect("no panic")).collect()
    });
    let mut statuses = BTreeMap::new();
    for answer in &answers {
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(201, 1), (409, STARTS - 1)]));
    assert_eq!(depot.get("/tasks").as_array().map(Vec::len), Some(1));
}

#[test]
fn the_newest_socket_of_a_rover_wins() {
    let depot = Dispatch::new();
    let mission = depot.mission(3, None);
    let mut console = depot.open("/ws/console");
    let mut older = depot.rover("bvr-01");
    let task = depot.made(&format!("/missions/{mission}/start"), &Value::Null)["id"].clone();
    older.until(|frame| frame["type"] == "task");
    let mut newer = depot.open("/ws");
    newer.say(&json!({ "type": "register", "rover_id": "bvr-01", "task_id": task }));
    assert!(older.end().is_some(), "the old one is closed");
    newer.say(&json!({ "type": "progress", "task_id": task, "progress": 33, "waypoint": 1 }));
    console.until(|frame| frame["task"]["waypoint"] == 1);
    assert_eq!(depot.get("/health")["connected_rovers"], 1, "its end changes nothing");
    newer.say(&json!({ "type": "register", "rover_id": "bvr-02" }));
    assert_eq!(newer.next().expect("an answer")["type"], "error", "one socket speaks for one rover");
    newer.say(&json!({ "type": "complete", "task_id": task, "laps": 0 }));
    console.until(|frame| frame["task"]["status"] == "done");
}

#[test]
fn odd_frames_end_no_session_and_large_ones_do() {
    let depot = Dispatch::new();
    for path in ["/ws", "/ws/console"] {
        let mut socket = depot.open(path);
        if path == "/ws/console" {
            socket.until(|frame| frame["type"] == "snapshot");
        }
        for odd in [Message::binary(vec![1, 2, 3]), Message::text("hello"), Message::text("{\"type\":")] {
            socket.send(odd);
            let told = socket.next().expect("an answer");
            assert!(told["type"] == "error" && told["message"].is_string(), "{told}");
        }
        socket.send(Message::text(" ".repeat(TOO_LARGE)));
        assert_eq!(socket.end(), Some(1009), "{path}");
    }
    let mut unknown = depot.open("/ws");
    unknown.say(&json!({ "type": "complete", "task_id": "00000000-0000-4000-8000-000000000000" }));
    assert_eq!(unknown.next().expect("an answer")["type"], "error", "not registered");
    assert_eq!(ask(&depot.address, "GET", "/ws", &[], "").map(|answer| answer.status), Some(426));
    assert_eq!(depot.get("/health")["status"], "ok");
}

#[test]
fn a_console_may_ask_for_batches_or_for_the_newest() {
    let depot = Dispatch::new();
    let mut batches = depot.open("/ws/console?batch_ms=100");
    let mut newest = depot.open("/ws/console?min_interval_ms=50");
    let zone = depot.made("/zones", &json!({ "name": "0" }));
    let path = format!("/zones/{}", id(&zone));
    for n in 1..=20 {
        assert_eq!(depot.ask("PUT", &path, &json!({ "name": n.to_string() })).status, 200);
    }
    let (mut told, mut last) = (0, Value::Null);
    while last["zone"]["name"] != "20" {
        let batch = batches.next().expect("a batch");
        let batch = batch.as_array().expect("an array");
        told += batch.iter().filter(|frame| frame["type"] == "zone_update").count();
        last = batch.last().expect("none is empty").clone();
    }
    assert_eq!(told, 21, "batches leave nothing out");
    // The burst's middle may be missing, its end may not.
    newest.until(|frame| frame["zone"]["name"] == "20");
    for bad in ["batch_ms=x", "min_interval_ms=-1"] {
        assert!(
            super::serving::Socket::open(&depot.address, &format!("/ws/console?{bad}")).is_none(),
            "{bad}"
        );
    }
}

/// Peers that read nothing: consoles with a small window, and a rover.
#[test]
fn nobody_waits_for_those_who_do_not_read() {
    let depot = Dispatch::new();
    let clock = Clock::start();
    let deaf: Vec<TcpStream> = (0..20)
        .map(|n| {
            let mut tcp = TcpStream::connect(&depot.address).expect("it listens");
            let path = if n == 0 { "/ws" } else { "/ws/console" };
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            tcp.write_all(head.as_bytes()).expect("it reads");
            tcp
        })
        .collect();
    let mut console = depot.open("/ws/console");
    let zone = depot.made("/zones", &json!({ "name": "Yard" }));
    let path = format!("/zones/{}", id(&zone));
    // Some 300 kB each: beyond what a kernel keeps for those who don't read.
    let waypoints: Vec<_> = (0..9_000).map(|x| json!({ "x": x, "y": 0.123_456_789 })).collect();
    let mut waits = Vec::new();
    for n in 1..=15 {
        let name = n.to_string();
        assert_eq!(depot.ask("PUT", &path, &json!({ "name": name, "waypoints": waypoints })).status, 200);
        let asked = clock.now();
        assert_eq!(depot.get("/health")["status"], "ok");
        waits.push(clock.now() - asked);
        console.until(|frame| frame["zone"]["name"] == *name);
    }
    waits.sort_unstable();
    // On a machine that does much else at the time.
    assert!(waits[waits.len() * 9 / 10].as_millis() < 1000, "{waits:?}");
    drop(deaf);
}
