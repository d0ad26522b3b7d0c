//! protocol.md's examples, and what must be refused, through the machine.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use kit::machine::{Input, Machine, Output, StoreEvent};
use serde_json::{Value, json};

use super::{Codec, machine};
use crate::Config;

/// 2026-03-01T00:00:00Z.
const START: Duration = Duration::from_secs(1_772_323_200);

struct Bench {
    machine: Codec,
    now: Duration,
    /// What the next commits come to.
    store: Option<Result<(), String>>,
    committed: Vec<Value>,
    requests: u64,
}

struct Answered {
    status: u16,
    body: String,
    link: Option<String>,
}

impl Bench {
    /// With an empty store.
    fn open() -> Self {
        let mut bench = Self::standing_by();
        bench.store(StoreEvent::Opened { changes: "[]".to_owned() });
        bench
    }

    fn standing_by() -> Self {
        let machine = machine(&Config::default(), 1);
        Self { machine, now: START, store: Some(Ok(())), committed: Vec::new(), requests: 0 }
    }

    /// And every commit that follows from it.
    fn handle(&mut self, input: Input) -> Vec<Output> {
        self.now += Duration::from_millis(1);
        let mut all = Vec::new();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut out = Vec::new();
            self.machine.handle(self.now, input, &mut out);
            for output in out {
                if let (Output::Commit { batch, changes }, Some(fate)) = (&output, &self.store) {
                    let event = StoreEvent::Committed { batch: *batch, error: fate.clone().err() };
                    inputs.push(Input::Store { event });
                    self.committed.push(serde_json::from_str(changes).unwrap());
                }
                all.push(output);
            }
        }
        all
    }

    fn store(&mut self, event: StoreEvent) -> Vec<Output> {
        self.handle(Input::Store { event })
    }

    fn ask(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        body: &str,
        key: Option<&str>,
    ) -> Option<Answered> {
        self.requests += 1;
        let wanted = self.requests;
        let out = self.handle(Input::Http {
            id: wanted,
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            body: body.to_owned(),
            idempotency_key: key.map(str::to_owned),
        });
        out.into_iter().find_map(|output| match output {
            Output::Http { id, status, body, link } if id == wanted => Some(Answered { status, body, link }),
            _ => None,
        })
    }

    fn http(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let answer = self.ask(method, path, query, body, None).unwrap();
        (answer.status, answer.body)
    }

    /// What is made or found, which must go well.
    fn get(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let (status, body) = self.http(method, path, &body.to_string());
        assert!(status < 300, "{status} {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn connect(&mut self, conn: u64, path: &str) -> Vec<Output> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.handle(Input::Open { conn, path: path.to_owned(), query: query.to_owned() })
    }

    fn say(&mut self, conn: u64, text: &str) -> Vec<Output> {
        self.handle(Input::Text { conn, text: text.into() })
    }

    fn mission(&mut self, waypoints: usize) -> Value {
        let waypoints: Vec<Value> = (0..waypoints).map(|n| json!({ "x": n, "y": 0.5 })).collect();
        let zone = self.get("POST", "/zones", &json!({ "name": "Yard", "waypoints": waypoints }));
        self.get("POST", "/missions", &json!({ "name": "Round", "zoneId": zone["id"] }))
    }

    /// A rover that has registered and holds nothing.
    fn rover(&mut self, conn: u64, id: &str) {
        self.connect(conn, "/ws");
        self.say(conn, &json!({ "type": "register", "rover_id": id, "task_id": null }).to_string());
    }

    fn start(&mut self, mission: &Value) -> (Value, Vec<Output>) {
        self.requests += 1;
        let path = format!("/missions/{}/start", mission["id"].as_str().unwrap());
        let (method, query, body) = ("POST".to_owned(), String::new(), String::new());
        let out =
            self.handle(Input::Http { id: self.requests, method, path, query, body, idempotency_key: None });
        let answer = out.iter().find_map(|output| match output {
            Output::Http { status: 201, body, .. } => serde_json::from_str(body).ok(),
            _ => None,
        });
        (answer.expect("started"), out)
    }
}

/// Texts for one connection, and for all consoles.
fn texts(out: &[Output]) -> Vec<Value> {
    out.iter()
        .filter_map(|output| match output {
            Output::Send { text, .. } | Output::Publish { text, .. } => serde_json::from_str(text).ok(),
            _ => None,
        })
        .collect()
}

#[test]
fn a_mission_from_start_to_done() {
    let mut bench = Bench::open();
    let mission = bench.mission(4);
    bench.rover(1, "bvr-01");
    bench.connect(2, "/ws/console");
    let (task, out) = bench.start(&mission);
    let id = task["id"].as_str().unwrap().to_owned();
    let order: Vec<&str> = out.iter().map(kind).collect();
    // One commit, and then everything that follows from it.
    insta::assert_debug_snapshot!(order, @r#"[
    "commit",
    "publish",
    "answer",
    "publish",
    "send",
    "ping",
]"#);
    let sent = texts(&out).into_iter().find(|text| text["type"] == "task").unwrap();
    assert_eq!(sent["task_id"], task["id"]);
    assert_eq!(sent["mission_id"], mission["id"]);
    let waypoints: Vec<Value> = (0..4).map(|n| json!({ "x": f64::from(n), "y": 0.5 })).collect();
    assert_eq!(sent["zone"], json!({ "waypoints": waypoints, "loop": false }));
    let Some(Output::Ping { conn: 1, token }) =
        out.iter().find(|output| matches!(output, Output::Ping { .. }))
    else {
        panic!("no ping follows the task");
    };
    bench.handle(Input::Pong { conn: 1, token: *token });
    let said = format!(r#"{{"type":"progress","task_id":"{id}","progress":75,"waypoint":3,"lap":0}}"#);
    let told = texts(&bench.say(1, &said));
    let update = told.iter().find(|text| text["type"] == "task_update").unwrap();
    assert_eq!(
        (&update["task"]["status"], &update["task"]["progress"], &update["task"]["waypoint"]),
        (&json!("active"), &json!(75), &json!(3))
    );
    let told = texts(&bench.say(1, &format!(r#"{{"type":"complete","task_id":"{id}"}}"#)));
    assert!(told.iter().any(|text| text["task"]["status"] == "done"), "{told:?}");
    let (status, body) = bench.http("GET", &format!("/tasks/{id}"), "");
    let task: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &task["progress"], &task["error"]), (200, &json!(100), &Value::Null));
    assert_eq!(bench.http("GET", "/health", "").1, r#"{"status":"ok","connected_rovers":1}"#);
}

fn kind(output: &Output) -> &'static str {
    match output {
        Output::Http { .. } => "answer",
        Output::Send { .. } => "send",
        Output::Publish { .. } => "publish",
        Output::Ping { .. } => "ping",
        Output::Commit { .. } => "commit",
        Output::Close { .. } => "close",
        Output::Join { .. } => "join",
    }
}

#[test]
fn requests_are_answered_as_the_contract_says() {
    let mut bench = Bench::open();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let mission = bench.mission(1);
    let (id, zone) = (mission["id"].as_str().unwrap(), mission["zoneId"].as_str().unwrap());
    let deep = format!(r#"{{"name":"n","more":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    let million = format!(r#"{{"name":"n","waypoints":[{}]}}"#, vec![r#"{"x":1,"y":2}"#; 10_001].join(","));
    let asked: &[(&str, &str, &str)] = &[
        ("GET", "/livez", ""),
        ("GET", "/readyz", ""),
        ("GET", "/health", ""),
        ("GET", "/zones/7", ""),
        ("GET", &format!("/zones/{nobody}"), ""),
        ("DELETE", &format!("/missions/{nobody}"), ""),
        ("POST", &format!("/missions/{nobody}/start"), ""),
        ("POST", &format!("/missions/{id}/start"), ""),
        ("POST", &format!("/missions/{id}/stop"), ""),
        ("POST", &format!("/tasks/{nobody}/cancel"), ""),
        ("GET", "/tasks", ""),
        ("GET", "/tasks?status=&rover_id=&mission_id=", ""),
        ("GET", "/tasks?status=lost", ""),
        ("GET", "/tasks?mission_id=x", ""),
        ("GET", "/zones?limit=0", ""),
        ("GET", "/zones?cursor=x", ""),
        ("PATCH", "/zones", ""),
        ("POST", "/tasks", ""),
        ("GET", &format!("/tasks/{nobody}/cancel"), ""),
        ("GET", "/", ""),
        ("POST", "/zones", ""),
        ("POST", "/zones", "[]"),
        ("POST", "/zones", r#"{"waypoints":[]}"#),
        ("POST", "/zones", r#"{"name":""}"#),
        ("POST", "/zones", r#"{"name":"a\u0000b"}"#),
        ("POST", "/zones", r#"{"name":"n","zoneType":"circle"}"#),
        ("POST", "/zones", r#"{"name":"n","waypoints":[{"x":1,"y":2},{"x":1}]}"#),
        ("POST", "/zones", r#"{"name":"n","waypoints":[{"x":1e999,"y":2}]}"#),
        ("POST", "/zones", &deep),
        ("POST", "/zones", &million),
        ("POST", "/missions", r#"{"name":"n"}"#),
        ("POST", "/missions", &format!(r#"{{"name":"n","zoneId":"{nobody}"}}"#)),
        (
            "POST",
            "/missions",
            &format!(r#"{{"name":"n","zoneId":"{zone}","schedule":{{"trigger":"daily"}}}}"#),
        ),
        (
            "POST",
            "/missions",
            &format!(
                r#"{{"name":"n","zoneId":"{zone}","schedule":{{"trigger":"cron","cron":"61 * * * *"}}}}"#
            ),
        ),
        ("PUT", &format!("/missions/{id}"), r#"{"enabled":"no"}"#),
        ("PUT", &format!("/missions/{id}"), r#"{"enabled":false}"#),
        ("POST", &format!("/missions/{id}/start"), ""),
    ];
    let told: Vec<String> = asked
        .iter()
        .map(|(method, path, body)| {
            let (status, answer) = bench.http(method, path, body);
            let shown: String = body.chars().take(60).collect();
            let line = format!("{method} {path} {shown} -> {status} {answer}");
            let line = line.replace(nobody, "NOBODY").replace(id, "MISSION").replace(zone, "ZONE");
            line.split("\"createdAt\"").next().unwrap_or_default().to_owned()
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"GET /livez  -> 200 {"status":"ok"}
GET /readyz  -> 200 {"status":"ok"}
GET /health  -> 200 {"status":"ok","connected_rovers":0}
GET /zones/7  -> 404 There is no zone of that id; an id is a UUID.
GET /zones/NOBODY  -> 404 There is no zone NOBODY.
DELETE /missions/NOBODY  -> 404 There is no mission NOBODY.
POST /missions/NOBODY/start  -> 404 There is no mission NOBODY.
POST /missions/MISSION/start  -> 409 No rover is free.
POST /missions/MISSION/stop  -> 404 Mission "Round" has no active task.
POST /tasks/NOBODY/cancel  -> 404 There is no task NOBODY.
GET /tasks  -> 200 []
GET /tasks?status=&rover_id=&mission_id=  -> 200 []
GET /tasks?status=lost  -> 400 A status is pending, assigned, active, done, failed or cancelled.
GET /tasks?mission_id=x  -> 400 The mission_id must be a UUID.
GET /zones?limit=0  -> 400 The limit is a whole number from 1 to 10000.
GET /zones?cursor=x  -> 400 The cursor isn't one of ours; take it from the Link header of the list's part before.
PATCH /zones  -> 405 Only GET or POST is answered here.
POST /tasks  -> 405 Only GET is answered here.
GET /tasks/NOBODY/cancel  -> 405 Only POST is answered here.
GET /  -> 404 There is nothing at this address.
POST /zones  -> 400 The body is empty; JSON belongs there.
POST /zones [] -> 400 The body must be an object, not a list.
POST /zones {"waypoints":[]} -> 400 The field name is missing.
POST /zones {"name":""} -> 400 The name must have 1 to 200 characters; it has 0.
POST /zones {"name":"a\u0000b"} -> 400 The name may not contain control characters.
POST /zones {"name":"n","zoneType":"circle"} -> 400 The field zoneType must be "route", "polygon" or "point", not another text.
POST /zones {"name":"n","waypoints":[{"x":1,"y":2},{"x":1}]} -> 400 The field waypoints[1].y is missing.
POST /zones {"name":"n","waypoints":[{"x":1e999,"y":2}]} -> 400 The body isn't JSON that can be read, from line 1 column 35 on.
POST /zones {"name":"n","more":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ -> 400 The body is nested deeper than 64 levels.
POST /zones {"name":"n","waypoints":[{"x":1,"y":2},{"x":1,"y":2},{"x":1, -> 400 A zone may have at most 10000 waypoints; this one has 10001.
POST /missions {"name":"n"} -> 400 The field zoneId is missing.
POST /missions {"name":"n","zoneId":"NOBODY"} -> 400 There is no zone NOBODY; create it first or choose another.
POST /missions {"name":"n","zoneId":"ZONE", -> 400 The field schedule.trigger must be "manual", "once" or "cron", not another text.
POST /missions {"name":"n","zoneId":"ZONE", -> 400 "61 * * * *" is not a cron expression of five or six fields that ever comes true.
PUT /missions/MISSION {"enabled":"no"} -> 400 The field enabled must be true or false, not a text.
PUT /missions/MISSION {"enabled":false} -> 200 {"id":"MISSION","name":"Round","zoneId":"ZONE","roverId":null,"schedule":{"trigger":"manual","loop":false},"enabled":false,
POST /missions/MISSION/start  -> 409 Mission "Round" is disabled; enable it first."#);
}

#[test]
fn what_a_rover_says_wrong_is_told_and_the_socket_stays() {
    let mut bench = Bench::open();
    let mission = bench.mission(2);
    bench.rover(1, "bvr-01");
    bench.connect(2, "/ws");
    let (task, _) = bench.start(&mission);
    let id = task["id"].as_str().unwrap().to_owned();
    let frames = [
        "hello".to_owned(),
        "[]".to_owned(),
        r#"{"type":"telemetry"}"#.to_owned(),
        r#"{"type":"register"}"#.to_owned(),
        r#"{"type":"register","rover_id":"bvr-02"}"#.to_owned(),
        r#"{"type":"register","rover_id":"bvr-01","task_id":"x"}"#.to_owned(),
        format!(r#"{{"type":"progress","task_id":"{id}","progress":"1","waypoint":0}}"#),
        format!(
            r#"{{"type":"progress","task_id":"{id}","progress":1,"waypoint":0,"lap":12345678901234567890}}"#
        ),
        format!(r#"{{"type":"complete","task_id":"{id}","laps":-1}}"#),
        format!(r#"{{"type":"failed","task_id":"{id}"}}"#),
        format!("{{\"type\":\"failed\",\"a\":{}", "[".repeat(100)),
        r#"{"type":"complete","task_id":"00000000-0000-4000-8000-000000000000"}"#.to_owned(),
    ];
    let mut told = Vec::new();
    for frame in &frames {
        let out = bench.say(1, frame);
        assert!(!out.iter().any(|output| matches!(output, Output::Close { .. } | Output::Commit { .. })));
        let texts = texts(&out);
        assert_eq!((texts.len(), &texts[0]["type"]), (1, &json!("error")), "{frame}");
        told.push(texts[0]["message"].as_str().unwrap().to_owned());
    }
    let unregistered = texts(&bench.say(2, &format!(r#"{{"type":"complete","task_id":"{id}"}}"#)));
    told.push(unregistered[0]["message"].as_str().unwrap().to_owned());
    insta::assert_snapshot!(told.join("\n"), @r#"The frame isn't JSON that can be read, from line 1 column 1 on.
The frame must be an object, not a list.
The field type must be "register", "progress", "complete" or "failed", not another text.
The field rover_id is missing.
This connection speaks for rover bvr-01 and can't for another.
The field task_id must be an id (a UUID), not another text.
The field progress must be a number, not a text.
The field lap must be a whole number from 0 to 4294967295, not another number.
The field laps must be a whole number from 0 to 4294967295, not another number.
The field error is missing.
The frame is nested deeper than 64 levels.
There is no task 00000000-0000-4000-8000-000000000000.
Register before reporting; the report was not used."#);
    assert_eq!(bench.http("GET", "/health", "").1, r#"{"status":"ok","connected_rovers":1}"#);
}

#[test]
fn a_failed_commit_is_a_503_and_changes_nothing() {
    let mut bench = Bench::open();
    bench.connect(2, "/ws/console");
    bench.store = Some(Err("no space left".to_owned()));
    let before = bench.machine.state();
    let (status, sentence) = bench.http("POST", "/zones", r#"{"name":"Yard"}"#);
    assert_eq!((status, sentence.ends_with('.')), (503, true), "{sentence}");
    assert_eq!(bench.machine.state(), before);
    assert_eq!(bench.http("GET", "/zones", ""), (200, "[]".to_owned()));
}

#[test]
fn nothing_is_told_before_its_commit() {
    let mut bench = Bench::open();
    bench.connect(2, "/ws/console");
    bench.store = None;
    assert!(bench.ask("POST", "/zones", "", r#"{"name":"Yard"}"#, None).is_none());
    assert_eq!(bench.http("GET", "/zones", ""), (200, "[]".to_owned()));
    let out = bench.store(StoreEvent::Committed { batch: 1, error: None });
    assert_eq!(out.iter().map(kind).collect::<Vec<_>>(), ["publish", "answer"]);
}

#[test]
fn without_its_store_it_stands_by() {
    let mut bench = Bench::standing_by();
    let refused = bench.connect(1, "/ws");
    assert!(matches!(refused.as_slice(), [Output::Close { conn: 1, code: 1013, .. }]), "{refused:?}");
    assert!(bench.say(1, "hello").is_empty());
    assert_eq!(bench.http("GET", "/livez", "").0, 200);
    assert_eq!(
        bench.http("GET", "/health", ""),
        (503, r#"{"status":"standby","connected_rovers":0}"#.to_owned())
    );
    for (method, path) in [("GET", "/readyz"), ("GET", "/zones"), ("POST", "/missions/x/start")] {
        let (status, sentence) = bench.http(method, path, "");
        assert!(status == 503 || status == 404, "{path}: {status} {sentence}");
    }
    bench.store(StoreEvent::Opened { changes: "[]".to_owned() });
    assert_eq!(bench.http("GET", "/readyz", "").0, 200);
    bench.rover(3, "bvr-01");
    bench.connect(4, "/ws/console");

    // Away: what is known is told, what can't be kept is refused.
    bench.store(StoreEvent::Away { reason: "the database does not answer".to_owned() });
    bench.store = Some(Err("away".to_owned()));
    assert_eq!(
        bench.http("GET", "/readyz", ""),
        (503, "This dispatch can't be used now: the database does not answer.".to_owned())
    );
    assert_eq!(bench.http("GET", "/zones", "").0, 200);
    // At once: a commit that is still to come would make what its asker was told isn't made.
    bench.store = None;
    assert_eq!(bench.http("POST", "/zones", r#"{"name":"Yard"}"#).0, 503);
    bench.store(StoreEvent::Back);
    bench.store = Some(Ok(()));
    assert_eq!(bench.http("POST", "/zones", r#"{"name":"Yard"}"#).0, 201);

    // Lost with a commit under way: nobody knows what became of it, and nobody is told that they do.
    bench.store = None;
    assert!(bench.ask("POST", "/zones", "", r#"{"name":"Hall"}"#, None).is_none());
    let out = bench.store(StoreEvent::Lost { reason: "another dispatch has it".to_owned() });
    assert_eq!(out.iter().map(kind).collect::<Vec<_>>(), ["answer", "close", "close"]);
    assert!(bench.handle(Input::Closed { conn: 3, code: None }).is_empty());

    // And with what the other one made of it: one zone, told in two parts.
    let kept = bench.committed.last().unwrap().to_string();
    assert!(bench.store(StoreEvent::Loading { changes: kept }).is_empty());
    assert_eq!(bench.http("GET", "/readyz", "").0, 503);
    bench.store(StoreEvent::Opened { changes: "[]".to_owned() });
    let (_, zones) = bench.http("GET", "/zones", "");
    assert_eq!(serde_json::from_str::<Vec<Value>>(&zones).unwrap().len(), 1);
}

#[test]
fn a_key_is_answered_twice_and_done_once() {
    let mut bench = Bench::open();
    let ask = |bench: &mut Bench, body: &str| {
        let answer = bench.ask("POST", "/zones", "", body, Some("k 1")).unwrap();
        (answer.status, answer.body)
    };
    let first = ask(&mut bench, r#"{"name":"Yard"}"#);
    assert_eq!(first.0, 201);
    assert_eq!(ask(&mut bench, r#"{ "name": "Yard" }"#), first);
    assert_eq!(ask(&mut bench, r#"{"name":"Hall"}"#).0, 422);
    assert_eq!(bench.get("GET", "/zones", &Value::Null).as_array().unwrap().len(), 1);
}

#[test]
fn a_list_goes_on_where_its_link_says() {
    let mut bench = Bench::open();
    for n in 0..5 {
        bench.get("POST", "/zones", &json!({ "name": format!("Zone {n}") }));
    }
    let mut query = "limit=2&x=1".to_owned();
    let mut names = Vec::new();
    loop {
        let answer = bench.ask("GET", "/zones", &query, "", None).unwrap();
        let zones: Vec<Value> = serde_json::from_str(&answer.body).unwrap();
        names.push(zones.iter().map(|zone| zone["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        let Some(link) = answer.link else { break };
        let target = link.strip_prefix("</zones?").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        target.clone_into(&mut query);
    }
    assert_eq!(names, [vec!["Zone 4", "Zone 3"], vec!["Zone 2", "Zone 1"], vec!["Zone 0"]]);
}

#[test]
fn a_console_hears_everything_and_says_nothing() {
    let mut bench = Bench::open();
    bench.rover(1, "bvr-01");
    let whole = texts(&bench.connect(2, "/ws/console"));
    assert_eq!(whole[0]["type"], "rover_update");
    assert_eq!((&whole[0]["connected"], &whole[0]["task_id"]), (&json!(true), &Value::Null));
    let end = whole.last().unwrap();
    assert_eq!(end["type"], "snapshot");
    let mission = bench.mission(1);
    let missed = texts(&bench.connect(3, &format!("/ws/console?since={}", end["seq"])));
    let types: Vec<&str> = missed.iter().map(|text| text["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["zone_update", "mission_update"]);
    let path = format!("/missions/{}", mission["id"].as_str().unwrap());
    let out = bench.ask("DELETE", &path, "", "", None).unwrap();
    assert_eq!((out.status, out.body.as_str()), (204, ""));
    assert!(bench.say(2, r#"{"type":"hello"}"#).is_empty());
    assert_eq!(texts(&bench.say(2, "hello"))[0]["type"], "error");
    let again = texts(&bench.handle(Input::Lagged { conn: 2 }));
    assert_eq!(again.last().unwrap()["type"], "snapshot");
}

#[test]
fn a_rover_that_takes_too_little_registers_again() {
    let mut bench = Bench::open();
    let mission = bench.mission(2);
    bench.rover(1, "bvr-01");
    let (task, _) = bench.start(&mission);
    let out = bench.handle(Input::Lagged { conn: 1 });
    assert!(out.iter().any(|output| matches!(output, Output::Close { conn: 1, code: 1013, .. })));
    bench.connect(2, "/ws");
    let out = bench.say(2, r#"{"type":"register","rover_id":"bvr-01"}"#);
    // Never proven to have come, so it is sent again at once.
    let sent = texts(&out).into_iter().find(|text| text["type"] == "task").unwrap();
    assert_eq!(sent["task_id"], task["id"]);
}

#[test]
fn an_older_console_writes_back_what_it_knows() {
    let mut bench = Bench::open();
    let zone = bench.get("POST", "/zones", &json!({ "name": "Yard", "waypoints": [{ "x": 0, "y": 0 }] }));
    let schedule = json!({ "trigger": "once", "at": "2027-01-01T06:00:00Z", "loop": false });
    let new = json!({ "name": "Later", "zoneId": zone["id"], "schedule": schedule });
    let made = bench.get("POST", "/missions", &new);
    let known = json!({
        "name": "Later", "zoneId": zone["id"], "roverId": "", "enabled": true,
        "schedule": { "trigger": "once", "cron": "", "loop": false }
    });
    let path = format!("/missions/{}", made["id"].as_str().unwrap());
    let edited = bench.get("PUT", &path, &known);
    assert_eq!((&edited["schedule"]["at"], &edited["roverId"]), (&schedule["at"], &Value::Null));
    assert_eq!(bench.get("GET", "/tasks", &Value::Null), json!([]), "it isn't 2027");
}

#[test]
fn a_list_and_a_commit_end_before_they_are_huge() {
    let mut bench = Bench::open();
    let waypoints = vec![json!({ "x": 1234.5, "y": 2345.5, "theta": 1.5 }); 10_000];
    let zone = json!({ "name": "Large", "waypoints": waypoints }).to_string();
    bench.store = None;
    // One is under way, the others wait for it.
    for _ in 0..30 {
        assert!(bench.ask("POST", "/zones", "", &zone, None).is_none());
    }
    for batch in 1..=9 {
        let out = bench.store(StoreEvent::Committed { batch, error: None });
        let told = out.iter().filter(|output| matches!(output, Output::Publish { .. })).count();
        assert!(told <= 4, "{told} large zones at once");
    }
    assert!(!bench.machine.is_busy());
    let whole = bench.ask("GET", "/zones", "", "", None).unwrap();
    assert!(whole.body.len() < 10 << 20 && whole.link.is_some());
    let zones: Vec<Value> = serde_json::from_str(&whole.body).unwrap();
    assert!((10..30).contains(&zones.len()));
}

/// A list is no object, though serde would fill the fields in order.
#[test]
fn a_list_is_no_zone() {
    let mut bench = Bench::open();
    for body in [r#"["by list"]"#, r#"{"name":"n","waypoints":[[1,2]]}"#] {
        assert_eq!(bench.http("POST", "/zones", body).0, 400, "{body}");
    }
}
