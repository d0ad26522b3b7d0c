//! The wire in, the wire out: HTTP and WebSocket text.

mod properties;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use wire::discovery::Rover;

use super::*;

/// A machine, its clock and everything that came out.
struct Bench {
    codec: Codec,
    now: Timestamp,
    out: Vec<(Timestamp, Output)>,
}

const START: Timestamp = Duration::from_secs(1_700_000_000);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Bench {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self { codec: machine(&config), now: START, out: Vec::new() }
    }

    /// What comes out at once.
    fn handle(&mut self, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.codec.handle(self.now, input, &mut out);
        self.out.extend(out.iter().cloned().map(|output| (self.now, output)));
        out
    }

    fn connect(&mut self, conn: ConnId, query: &str) -> Vec<Output> {
        self.handle(Input::Open { conn, path: CONSOLES.to_owned(), query: query.to_owned() })
    }

    fn http(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (method, path, body) = (method.to_owned(), path.to_owned(), body.to_owned());
        let out = self.handle(Input::Http {
            id: 7,
            method,
            path,
            query: String::new(),
            body,
            idempotency_key: None,
        });
        match out.as_slice() {
            [Output::Http { id: 7, status, body, .. }, ..] => (*status, body.clone()),
            other => panic!("not one answer: {other:?}"),
        }
    }

    fn register(&mut self, id: &str) {
        let body = json!({ "id": id, "name": id, "address": "10.0.0.1:4850" }).to_string();
        assert_eq!(self.http("POST", "/register", &body), (200, r#"{"ok":true}"#.to_owned()));
    }

    fn beat(&mut self, id: &str, body: &str) -> u16 {
        self.http("POST", &format!("/heartbeat/{id}"), body).0
    }

    fn rovers(&mut self) -> Vec<Rover> {
        serde_json::from_str(&self.http("GET", "/rovers", "").1).unwrap()
    }

    /// Time passes, and every time-out fires when it wants to.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.codec.next_timeout().filter(|&at| at <= end) {
            self.now = at.max(self.now);
            let mut out = Vec::new();
            self.codec.handle_timeout(self.now, &mut out);
            self.out.extend(out.into_iter().map(|output| (self.now, output)));
            let next = self.codec.next_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a time-out that doesn't go away");
        }
        self.now = end;
    }

    /// Times and texts of what was published at a path.
    fn published(&self, at_path: &str) -> Vec<(Timestamp, &str)> {
        let published = self.out.iter().filter_map(|(at, output)| match output {
            Output::Publish { path, text, .. } if path == at_path => Some((*at, text.as_str())),
            _ => None,
        });
        published.collect()
    }
}

fn sent(out: &[Output]) -> &str {
    match out.iter().find(|output| matches!(output, Output::Send { .. })) {
        Some(Output::Send { text, .. }) => text,
        _ => panic!("no frame: {out:?}"),
    }
}

#[test]
fn a_console_gets_all_rovers_on_connect_and_on_each_change() {
    let mut bench = Bench::new();
    insta::assert_snapshot!(sent(&bench.connect(1, "")), @r#"{"type":"rovers","data":[]}"#);
    bench.register("bvr-02");
    bench.register("bvr-01");
    assert_eq!(bench.published(CONSOLES), [], "not at once");
    bench.pass(ms(300));
    let [.., (at, Output::Publish { path, text, key })] = bench.out.as_slice() else { panic!() };
    assert_eq!((*at, path.as_str(), *key), (START + ms(10), "/ws", Some(ROVERS_KEY)));
    insta::assert_snapshot!(text.as_str(), @r#"{"type":"rovers","data":[{"id":"bvr-01","name":"bvr-01","address":"10.0.0.1:4850","videoAddress":"10.0.0.1:4851","online":true,"batteryVoltage":0.0,"lastPose":{"x":0.0,"y":0.0,"theta":0.0},"mode":0,"lastSeen":1700000000000},{"id":"bvr-02","name":"bvr-02","address":"10.0.0.1:4850","videoAddress":"10.0.0.1:4851","online":true,"batteryVoltage":0.0,"lastPose":{"x":0.0,"y":0.0,"theta":0.0},"mode":0,"lastSeen":1700000000000}]}"#);
    let text = text.clone();
    assert_eq!(sent(&bench.connect(2, "")), text.as_str());
    assert_eq!(sent(&bench.handle(Input::Lagged { conn: 1 })), text.as_str());
    let frame: wire::discovery::RoversFrame = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&frame).unwrap(), text.as_str(), "as wire would write it");
    assert_eq!(bench.rovers(), frame.data);
    assert_eq!(bench.codec.state(), serde_json::to_value(&frame.data).unwrap());
    assert_eq!(bench.published(CONSOLES).len(), 1, "two changes, one list");
}

#[test]
fn deltas() {
    let mut bench = Bench::new();
    bench.register("bvr-01");
    let out = bench.connect(1, "x=1&delta=1");
    assert_eq!(out[0], Output::Join { conn: 1, path: DELTA_CONSOLES.to_owned() });
    insta::assert_snapshot!(sent(&out), @r#"{"type":"rovers_snapshot","seq":0,"data":[{"id":"bvr-01","name":"bvr-01","address":"10.0.0.1:4850","videoAddress":"10.0.0.1:4851","online":true,"batteryVoltage":0.0,"lastPose":{"x":0.0,"y":0.0,"theta":0.0},"mode":0,"lastSeen":1700000000000}]}"#);
    bench.pass(ms(1000));
    bench.beat("bvr-01", r#"{"battery_voltage":47.5}"#);
    bench.pass(ms(9000));
    bench.register("bvr-02");
    bench.pass(ms(5000));
    let told: Vec<&str> = bench.published(DELTA_CONSOLES).iter().map(|(_, text)| *text).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"{"type":"rovers_delta","seq":1,"changed":[{"id":"bvr-01","name":"bvr-01","address":"10.0.0.1:4850","videoAddress":"10.0.0.1:4851","online":true,"batteryVoltage":0.0,"lastPose":{"x":0.0,"y":0.0,"theta":0.0},"mode":0,"lastSeen":1700000000000}],"removed":[]}
{"type":"rovers_delta","seq":2,"changed":[{"id":"bvr-01","batteryVoltage":47.5,"lastSeen":1700000001000}],"removed":[]}
{"type":"rovers_delta","seq":3,"changed":[{"id":"bvr-02","name":"bvr-02","address":"10.0.0.1:4850","videoAddress":"10.0.0.1:4851","online":true,"batteryVoltage":0.0,"lastPose":{"x":0.0,"y":0.0,"theta":0.0},"mode":0,"lastSeen":1700000010000}],"removed":[]}
{"type":"rovers_delta","seq":4,"changed":[{"id":"bvr-01","online":false}],"removed":[]}"#);
    assert_eq!(bench.published(CONSOLES), [], "nobody listens");
    insta::assert_snapshot!(sent(&bench.handle(Input::Lagged { conn: 1 })), @r#"{"type":"rovers_snapshot","seq":4,"data":[{"id":"bvr-01","name":"bvr-01","address":"10.0.0.1:4850","videoAddress":"10.0.0.1:4851","online":false,"batteryVoltage":47.5,"lastPose":{"x":0.0,"y":0.0,"theta":0.0},"mode":0,"lastSeen":1700000001000},{"id":"bvr-02","name":"bvr-02","address":"10.0.0.1:4850","videoAddress":"10.0.0.1:4851","online":true,"batteryVoltage":0.0,"lastPose":{"x":0.0,"y":0.0,"theta":0.0},"mode":0,"lastSeen":1700000010000}]}"#);
    bench.handle(Input::Closed { conn: 1, code: None });
    bench.beat("bvr-01", "");
    bench.pass(ms(1000));
    assert_eq!(bench.published(DELTA_CONSOLES).len(), told_count(&bench), "nobody listens any more");
}

fn told_count(bench: &Bench) -> usize {
    usize::try_from(bench.codec.seq).unwrap()
}

#[test]
fn a_rover_goes_offline_once() {
    let mut bench = Bench::new();
    bench.connect(1, "");
    bench.register("a");
    bench.pass(ms(9_999));
    assert!(bench.rovers()[0].online);
    assert_eq!(bench.codec.next_timeout(), Some(START + ms(10_000)));
    bench.pass(ms(60_000));
    let told = bench.published(CONSOLES);
    let times: Vec<_> = told.iter().map(|(at, _)| *at - START).collect();
    assert_eq!(times, [ms(10), ms(10_010)]);
    assert!(told[1].1.contains(r#""online":false"#));
    assert_eq!(bench.codec.next_timeout(), None, "no tick");
    assert_eq!(bench.beat("a", ""), 200);
    assert!(bench.rovers()[0].online);
}

#[test]
fn what_a_rover_does_not_say_it_keeps() {
    let mut bench = Bench::new();
    bench.register("a");
    let pose = json!({ "x": 1.5, "y": -2.0, "theta": 0.5 });
    bench.beat("a", &json!({ "battery_voltage": 48.5, "mode": 3, "pose": pose }).to_string());
    bench.beat("a", &json!({ "mode": 2 }).to_string());
    bench.pass(ms(20_000));
    let again = json!({ "id": "a", "name": "New", "address": "b:4850", "video_address": "v" }).to_string();
    assert_eq!(bench.http("POST", "/register", &again).0, 200);
    let rover = json!({ "id": "a", "name": "New", "address": "b:4850", "videoAddress": "v", "online": true,
        "batteryVoltage": 48.5, "lastPose": pose, "mode": 2, "lastSeen": 1_700_000_020_000_u64 });
    assert_eq!(bench.codec.state(), json!([rover]));
    bench.register("a");
    assert_eq!(bench.rovers()[0].video_address, "10.0.0.1:4851", "that of the address again");
}

#[test]
fn http() {
    let mut bench = Bench::new();
    insta::assert_snapshot!(bench.http("GET", "/health", "").1, @r#"{"status":"ok","rovers":0}"#);
    bench.register("a/b c");
    let mut answers = Vec::new();
    for (method, path, body) in [
        ("GET", "/health", ""),
        ("HEAD", "/rovers", ""),
        ("GET", "/readyz", ""),
        ("POST", "/heartbeat/a/b c", ""),
        ("POST", "/heartbeat/nobody", r#"{"mode":1}"#),
        ("POST", "/heartbeat/nobody", "nonsense"),
        ("POST", "/heartbeat/", ""),
        ("POST", "/heartbeat/a/b c", "nonsense"),
        ("POST", "/register", r#"{"id":"x"}"#),
        ("POST", "/rovers", ""),
        ("GET", "/register", ""),
        ("GET", "/heartbeat/a", ""),
        ("GET", "/zones", ""),
    ] {
        let (status, answer) = bench.http(method, path, body);
        answers.push(format!("{method} {path} {status} {answer}"));
    }
    insta::assert_snapshot!(answers.join("\n"), @r#"GET /health 200 {"status":"ok","rovers":1}
HEAD /rovers 200 [{"id":"a/b c","name":"a/b c","address":"10.0.0.1:4850","videoAddress":"10.0.0.1:4851","online":true,"batteryVoltage":0.0,"lastPose":{"x":0.0,"y":0.0,"theta":0.0},"mode":0,"lastSeen":1700000000000}]
GET /readyz 200 {"status":"ok"}
POST /heartbeat/a/b c 200 {"ok":true}
POST /heartbeat/nobody 404 {"error":"Rover not found"}
POST /heartbeat/nobody 404 {"error":"Rover not found"}
POST /heartbeat/ 404 {"error":"Rover not found"}
POST /heartbeat/a/b c 400 {"error":"The body can't be read as JSON: expected ident at line 1 column 2."}
POST /register 400 {"error":"The field name is missing."}
POST /rovers 405 {"error":"Only GET is answered here."}
GET /register 405 {"error":"Only POST is answered here."}
GET /heartbeat/a 405 {"error":"Only POST is answered here."}
GET /zones 404 {"error":"Nothing is here: ask for /rovers or /health."}"#);
    assert_eq!(bench.rovers().len(), 1, "what is refused changes nothing");
}

#[test]
fn the_longest_gone_is_forgotten_first() {
    let mut bench = Bench::with(Config { max_rovers: 3 });
    bench.connect(1, "delta=1");
    for id in ["a", "b", "c"] {
        bench.register(id);
        bench.pass(ms(5_000));
    }
    bench.beat("a", "");
    bench.register("d");
    bench.pass(ms(1_000));
    let ids: Vec<String> = bench.rovers().into_iter().map(|rover| rover.id).collect();
    assert_eq!(ids, ["a", "c", "d"]);
    assert_eq!(bench.beat("b", ""), 404);
    let told: Value = serde_json::from_str(bench.published(DELTA_CONSOLES).last().unwrap().1).unwrap();
    assert_eq!(told["removed"], json!(["b"]));
    // More come and go at once than can be noted: the whole list is told.
    (0..20).for_each(|i| bench.register(&format!("x{i}")));
    bench.pass(ms(1_000));
    let told: Value = serde_json::from_str(bench.published(DELTA_CONSOLES).last().unwrap().1).unwrap();
    assert_eq!((&told["type"], told["data"].as_array().unwrap().len()), (&"rovers_snapshot".into(), 3));
    assert_eq!(told["seq"], told_count(&bench));
}

#[test]
fn a_step_of_the_clock_is_told() {
    let mut bench = Bench::new();
    bench.register("a");
    bench.pass(ms(1_000));
    bench.connect(1, "");
    bench.handle(Input::Clock { offset_ms: -3_600_000 });
    bench.pass(ms(500));
    assert_eq!(bench.rovers()[0].last_seen, 1_700_000_000_000 - 3_600_000);
    assert_eq!(bench.published(CONSOLES).len(), 1);
    bench.pass(ms(8_000));
    assert!(bench.rovers()[0].online, "timers don't notice");
}

#[test]
fn what_is_held_back_is_told_before_the_end() {
    let mut bench = Bench::new();
    bench.connect(1, "");
    bench.connect(2, "delta=1");
    bench.register("a");
    bench.pass(ms(10));
    bench.beat("a", r#"{"mode":3}"#);
    assert_eq!(bench.published(CONSOLES).len(), 1);
    bench.handle(Input::Stopping);
    assert!(bench.published(CONSOLES)[1].1.contains(r#""mode":3"#));
    insta::assert_snapshot!(bench.published(DELTA_CONSOLES)[1].1, @r#"{"type":"rovers_delta","seq":2,"changed":[{"id":"a","mode":3,"lastSeen":1700000000010}],"removed":[]}"#);
}

#[test]
fn a_console_may_say_what_it_likes_as_long_as_it_is_json() {
    let mut bench = Bench::new();
    bench.connect(1, "");
    let mut text = |conn, text: &str| bench.handle(Input::Text { conn, text: text.into() });
    assert_eq!(text(1, r#"{"type":"subscribe"}"#), []);
    let ErrorFrame { message } = serde_json::from_str(sent(&text(1, "{"))).unwrap();
    assert!(message.starts_with("this is not JSON: "), "{message}");
    assert_eq!(text(99, "{"), [], "nobody's");
    let out = bench.handle(Input::Open { conn: 2, path: "/nowhere".to_owned(), query: String::new() });
    assert!(matches!(out.as_slice(), [Output::Close { conn: 2, code: POLICY, .. }]));
    assert_eq!(bench.handle(Input::Lagged { conn: 2 }), []);
}

/// A frame over the shell's limit would end every console.
#[test]
fn the_longest_list_fits_a_frame() {
    let number = -f64::MIN_POSITIVE * 1.234_567_890_123_456_7;
    let rover = Rover {
        id: "\"".repeat(text::LABEL_BYTES),
        name: "\"".repeat(text::LABEL_BYTES),
        address: "x".repeat(text::ADDRESS_BYTES),
        video_address: "x".repeat(text::ADDRESS_BYTES),
        online: false,
        battery_voltage: number,
        last_pose: wire::discovery::Pose { x: number, y: number, theta: number },
        mode: wire::discovery::MODE_MAX,
        last_seen: u64::MAX,
    };
    let bytes = (json(&rover).len() + 1) * crate::core::MAX_ROVERS;
    let removed = (2 * text::LABEL_BYTES + 3) * crate::core::MAX_ROVERS;
    assert!(bytes + removed + 100 <= kit::outbox::MAX_FRAME_BYTES, "{bytes} + {removed}");
}

#[test]
fn the_configuration_survives_a_recording() {
    let config = Config { max_rovers: 7 };
    let kept = serde_json::to_string(&config).unwrap();
    insta::assert_snapshot!(kept, @r#"{"max_rovers":7}"#);
    assert_eq!(serde_json::from_str::<Config>(&kept).unwrap(), config);
    assert_eq!(serde_json::from_str::<Config>(r#"{"of_tomorrow":1}"#).unwrap(), Config::default());
    assert_eq!(Config::default().max_rovers, 10_000);
}

/// A console's own copy of the rovers, kept up by deltas.
#[derive(Default)]
struct Mirror {
    seq: Option<u64>,
    rovers: BTreeMap<String, Value>,
}

impl Mirror {
    fn take(&mut self, text: &str) {
        let frame: Value = serde_json::from_str(text).unwrap();
        let seq = frame["seq"].as_u64().unwrap();
        let rover_id = |rover: &Value| rover["id"].as_str().unwrap().to_owned();
        if frame["type"] == "rovers_snapshot" {
            let all = frame["data"].as_array().unwrap();
            self.rovers = all.iter().map(|rover| (rover_id(rover), rover.clone())).collect();
        } else {
            assert_eq!(self.seq.map(|seq| seq + 1), Some(seq), "no gap");
            for change in frame["changed"].as_array().unwrap() {
                let rover = self.rovers.entry(rover_id(change)).or_insert_with(|| json!({}));
                let fields = change.as_object().unwrap().clone();
                rover.as_object_mut().unwrap().extend(fields);
            }
            for id in frame["removed"].as_array().unwrap() {
                self.rovers.remove(id.as_str().unwrap());
            }
        }
        self.seq = Some(seq);
    }

    fn list(&self) -> Value {
        self.rovers.values().cloned().collect()
    }
}
