//! The wire contract's rows and frames, each as it stands there.

use serde_json::{Value, json};

use super::serving::{Answer, Dispatch, id};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
const JSON: Option<&str> = Some("application/json");
const SENTENCE: Option<&str> = Some("text/plain; charset=utf-8");

/// An object's keys, in order of the alphabet.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn is_refused(answer: &Answer, status: u16) {
    assert_eq!((answer.status, answer.header("content-type")), (status, SENTENCE), "{answer:?}");
    let body = &answer.body;
    let sentence = body.ends_with('.') && body.starts_with(|c: char| c.is_uppercase() || c == '"');
    assert!(sentence && !body.contains('\n'), "one sentence for a person: {body}");
}

const ZONE: [&str; 8] = ["createdAt", "id", "mapId", "name", "polygon", "updatedAt", "waypoints", "zoneType"];
const MISSION: [&str; 8] =
    ["createdAt", "enabled", "id", "name", "roverId", "schedule", "updatedAt", "zoneId"];
const TASK: [&str; 11] = [
    "createdAt",
    "endedAt",
    "error",
    "id",
    "lap",
    "missionId",
    "progress",
    "roverId",
    "startedAt",
    "status",
    "waypoint",
];

#[test]
fn zones() {
    let depot = Dispatch::new();
    let first = depot.ask("POST", "/zones", &json!({ "name": "Yard" }));
    assert_eq!((first.status, first.header("content-type")), (201, JSON));
    let first = first.json();
    assert_eq!(keys(&first), ZONE);
    assert_eq!((&first["zoneType"], &first["waypoints"]), (&json!("route"), &json!([])));
    assert_eq!((&first["polygon"], &first["mapId"]), (&Value::Null, &Value::Null));
    let at = first["createdAt"].as_str().expect("a time");
    assert!(at.ends_with('Z') && at.contains('T') && first["updatedAt"] == at, "RFC 3339 UTC: {at}");
    let given = json!({
        "name": "Field", "zoneType": "polygon", "waypoints": [{"x": 0.0, "y": 1.5, "theta": 1.57}, {"x": 2.0, "y": 0.0}],
        "polygon": [{"lat": 47.1, "lon": 8.5}], "mapId": "m1", "nobodyKnows": [1]
    });
    let second = depot.made("/zones", &given);
    for key in ["name", "zoneType", "waypoints", "polygon", "mapId"] {
        assert_eq!(second[key], given[key]);
    }
    depot.made("/zones", &json!({ "name": "Dot", "zoneType": "point" }));
    let names: Vec<Value> =
        depot.get("/zones").as_array().expect("an array").iter().map(|zone| zone["name"].clone()).collect();
    assert_eq!(names, ["Dot", "Field", "Yard"], "newest first");

    let path = format!("/zones/{}", id(&second));
    assert_eq!(depot.get(&path), second);
    let put = depot.ask("PUT", &path, &json!({ "name": "Meadow" }));
    assert_eq!((put.status, put.header("content-type")), (200, JSON));
    for key in ["id", "zoneType", "waypoints", "polygon", "mapId", "createdAt"] {
        assert_eq!(put.json()[key], second[key], "absent fields keep their value");
    }
    assert_eq!((&put.json()["name"], &depot.get(&path)), (&json!("Meadow"), &put.json()));
    let gone = depot.ask("DELETE", &path, &Value::Null);
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    for (method, body) in [("GET", Value::Null), ("PUT", json!({})), ("DELETE", Value::Null)] {
        is_refused(&depot.ask(method, &path, &body), 404);
    }
    is_refused(&depot.ask("POST", "/zones", &json!({ "zoneType": "route" })), 400);
    assert_eq!(depot.ask("GET", "/nothing", &Value::Null).status, 404);
    is_refused(&depot.ask("PATCH", "/zones", &Value::Null), 405);
    let large = depot.ask_with("POST", "/zones", &[], &format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20)));
    assert_eq!((large.status, large.header("content-type")), (413, SENTENCE), "{large:?}");
    assert_eq!(depot.get("/zones").as_array().map(Vec::len), Some(2), "what is refused changes nothing");
}

#[test]
fn missions_and_tasks() {
    let depot = Dispatch::new();
    let zone =
        depot.made("/zones", &json!({ "name": "Yard", "waypoints": [{"x": 0, "y": 0}, {"x": 1, "y": 0}] }));
    let mission = depot.made("/missions", &json!({ "name": "Round", "zoneId": zone["id"] }));
    assert_eq!(keys(&mission), MISSION);
    assert_eq!(
        mission["schedule"],
        json!({ "trigger": "manual", "loop": false }),
        "as the field's consoles know it"
    );
    assert_eq!((&mission["enabled"], &mission["roverId"]), (&json!(true), &Value::Null));
    is_refused(&depot.ask("POST", "/missions", &json!({ "name": "R", "zoneId": NOBODY })), 400);
    let path = format!("/missions/{}", id(&mission));
    is_refused(&depot.ask("PUT", &path, &json!({ "zoneId": NOBODY })), 400);
    let put = depot.ask("PUT", &path, &json!({ "roverId": "bvr-01" }));
    assert_eq!(
        (put.status, &put.json()["roverId"], &put.json()["name"]),
        (200, &json!("bvr-01"), &json!("Round"))
    );

    let start = format!("{path}/start");
    is_refused(&depot.ask("POST", &format!("/missions/{NOBODY}/start"), &Value::Null), 404);
    // Its rover is not connected; the rover is busy; no rover is free.
    is_refused(&depot.ask("POST", &start, &Value::Null), 409);
    let mut rover = depot.rover("bvr-01");
    let task = depot.made(&start, &Value::Null);
    assert_eq!(keys(&task), TASK);
    assert_eq!((&task["missionId"], &task["roverId"]), (&mission["id"], &json!("bvr-01")));
    assert_eq!(
        (&task["status"], &task["progress"], &task["lap"]),
        (&json!("assigned"), &json!(0), &json!(0))
    );
    assert_eq!(
        (&task["startedAt"], &task["endedAt"], &task["error"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    is_refused(&depot.ask("POST", &start, &Value::Null), 409);
    let any = depot.made("/missions", &json!({ "name": "Any", "zoneId": zone["id"] }));
    is_refused(&depot.ask("POST", &format!("/missions/{}/start", id(&any)), &Value::Null), 409);

    let sent = rover.until(|frame| frame["type"] == "task");
    let zone_sent = json!({ "waypoints": [{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": 0.0}], "loop": false });
    assert_eq!(
        sent,
        json!({ "type": "task", "task_id": task["id"], "mission_id": mission["id"], "zone": zone_sent })
    );
    let stopped = depot.ask("POST", &format!("{path}/stop"), &Value::Null);
    assert_eq!(
        (stopped.status, &stopped.json()["status"], &stopped.json()["id"]),
        (200, &json!("cancelled"), &task["id"])
    );
    assert_eq!(rover.next(), Some(json!({ "type": "cancel", "task_id": task["id"] })));
    is_refused(&depot.ask("POST", &format!("{path}/stop"), &Value::Null), 404);
    let cancel = format!("/tasks/{}/cancel", id(&task));
    is_refused(&depot.ask("POST", &cancel, &Value::Null), 404);
    is_refused(&depot.ask("POST", &format!("/tasks/{NOBODY}/cancel"), &Value::Null), 404);
    assert_eq!(depot.get(&format!("/tasks/{}", id(&task)))["status"], "cancelled");

    let again = depot.made(&format!("/missions/{}/start", id(&any)), &Value::Null);
    let cancelled = depot.ask("POST", &format!("/tasks/{}/cancel", id(&again)), &Value::Null);
    assert_eq!((cancelled.status, &cancelled.json()["status"]), (200, &json!("cancelled")));
    let third = depot.made(&start, &Value::Null);
    let listed = |query: &str| -> Vec<String> {
        depot.get(&format!("/tasks{query}")).as_array().expect("an array").iter().map(id).collect()
    };
    assert_eq!(listed(""), [id(&third), id(&again), id(&task)], "newest first");
    assert_eq!(listed("?status=cancelled"), [id(&again), id(&task)]);
    assert_eq!(listed("?status=assigned&rover_id=bvr-01"), [id(&third)]);
    assert_eq!(
        listed(&format!("?mission_id={}&status=cancelled", id(&any))),
        [id(&again)],
        "filters combine"
    );
    assert_eq!(listed("?rover_id=bvr-02"), <[String; 0]>::default());
    is_refused(&depot.ask("DELETE", &path, &Value::Null), 409);
    depot.ask("POST", &format!("{path}/stop"), &Value::Null);
    assert_eq!(depot.ask("DELETE", &path, &Value::Null).status, 204);
    is_refused(&depot.ask("GET", &path, &Value::Null), 404);
    assert_eq!(depot.ask("GET", "/health", &Value::Null).body, r#"{"status":"ok","connected_rovers":1}"#);
}

#[test]
fn what_rovers_say() {
    let depot = Dispatch::new();
    let mission = depot.mission(4, None);
    let mut console = depot.open("/ws/console");
    let mut rover = depot.open("/ws");
    rover.say(&json!({ "type": "register", "rover_id": "bvr-01" }));
    let told = console.until(|frame| frame["type"] == "rover_update");
    let seq = &told["seq"];
    assert_eq!(
        told,
        json!({ "type": "rover_update", "rover_id": "bvr-01", "connected": true, "task_id": null, "seq": seq })
    );
    let start = format!("/missions/{mission}/start");
    let task = depot.made(&start, &Value::Null)["id"].clone();
    rover.until(|frame| frame["type"] == "task");

    // `lap` may be absent.
    rover.say(&json!({ "type": "progress", "task_id": task, "progress": 75, "waypoint": 3 }));
    let told = console.until(|frame| frame["task"]["status"] == "active");
    assert_eq!((&told["type"], &told["task"]["id"]), (&json!("task_update"), &task));
    assert_eq!((&told["task"]["progress"], &told["task"]["waypoint"]), (&json!(75), &json!(3)));
    assert!(told["task"]["startedAt"].is_string(), "{told}");
    let path = format!("/tasks/{}", task.as_str().expect("an id"));
    assert_eq!(depot.get(&path), told["task"], "committed before it is told");
    // Late; beyond its bounds; and `laps` absent.
    rover.say(&json!({ "type": "progress", "task_id": task, "progress": 25, "waypoint": 1, "lap": 0 }));
    rover.say(&json!({ "type": "complete", "task_id": task }));
    let told = console.until(|frame| frame["task"]["id"] == task);
    assert_eq!((&told["task"]["status"], &told["task"]["progress"]), (&json!("done"), &json!(100)));
    rover.say(&json!({ "type": "complete", "task_id": task, "laps": 1 }));
    // This rover has answered no ping yet, and so may have been sent a cancel when it was done, too.
    rover.until(|frame| frame["type"] == "error");
    assert_eq!(rover.next(), Some(json!({ "type": "cancel", "task_id": task })), "it has ended");

    let task = depot.made(&start, &Value::Null)["id"].clone();
    rover.until(|frame| frame["type"] == "task");
    rover.say(&json!({ "type": "failed", "task_id": task, "error": "blocked" }));
    let told = console.until(|frame| frame["task"]["status"] == "failed");
    assert_eq!(told["task"]["error"], "blocked");

    // What a new console is told: one rover_update for each, at once.
    let first = depot.open("/ws/console").next().expect("a frame");
    assert_eq!((&first["type"], &first["rover_id"]), (&json!("rover_update"), &json!("bvr-01")));
    drop(rover);
    console.until(|frame| frame["rover_id"] == "bvr-01" && frame["connected"] == false);
}

#[test]
fn what_consoles_are_told_of_zones_and_missions() {
    let depot = Dispatch::new();
    let mut console = depot.open("/ws/console");
    console.until(|frame| frame["type"] == "snapshot");
    let zone = depot.made("/zones", &json!({ "name": "Yard" }));
    let told = console.next().expect("a frame");
    assert_eq!((&told["type"], &told["zone"]), (&json!("zone_update"), &zone));
    let mission = depot.made("/missions", &json!({ "name": "Round", "zoneId": zone["id"] }));
    let told = console.next().expect("a frame");
    assert_eq!((&told["type"], &told["mission"]), (&json!("mission_update"), &mission));
    let since = told["seq"].clone();
    depot.ask("DELETE", &format!("/missions/{}", id(&mission)), &Value::Null);
    depot.ask("DELETE", &format!("/zones/{}", id(&zone)), &Value::Null);
    for (what, key, made) in [("mission_deleted", "mission_id", &mission), ("zone_deleted", "zone_id", &zone)]
    {
        let told = console.next().expect("a frame");
        assert_eq!((&told["type"], &told[key]), (&json!(what), &made["id"]));
    }
    let mut back = depot.open(&format!("/ws/console?since={since}"));
    let types: Vec<Value> = (0..2).map(|_| back.next().expect("a frame")["type"].clone()).collect();
    assert_eq!(types, ["mission_deleted", "zone_deleted"]);
}

#[test]
fn a_page_of_a_foreign_origin() {
    let args = ["--allow-origin", "https://console.example"];
    let depot = Dispatch::on("sqlite::memory:", std::path::Path::new("."), &args);
    let preflight = |origin: &str| {
        let headers = [
            &format!("Origin: {origin}"),
            "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: content-type",
        ];
        depot.ask_with("OPTIONS", "/missions", &headers, "")
    };
    let ours = preflight("https://console.example");
    assert_eq!(ours.status, 200);
    assert_eq!(ours.header("access-control-allow-origin"), Some("https://console.example"));
    assert!(
        ours.header("access-control-allow-methods").is_some_and(|methods| methods.contains("delete")),
        "{ours:?}"
    );
    assert!(
        ours.header("access-control-allow-headers").is_some_and(|all| all.contains("content-type")),
        "{ours:?}"
    );
    assert_eq!(preflight("https://stranger.example").header("access-control-allow-origin"), None);
    let zone = r#"{"name":"Yard"}"#;
    let theirs = depot.ask_with("POST", "/zones", &["Origin: https://stranger.example"], zone);
    assert_eq!((theirs.status, theirs.header("content-type")), (403, SENTENCE), "{theirs:?}");
    let ours = depot.ask_with("POST", "/zones", &["Origin: https://console.example"], zone);
    assert_eq!(
        (ours.status, ours.header("access-control-allow-origin")),
        (201, Some("https://console.example"))
    );
    // Addresses of this machine are the console's own, wherever it is served from.
    let local = depot.ask_with("GET", "/zones", &["Origin: http://localhost:5173"], "");
    assert_eq!(local.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(depot.get("/zones").as_array().map(Vec::len), Some(1));
}
