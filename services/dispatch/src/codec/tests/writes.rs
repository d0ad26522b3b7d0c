//! What consoles and programs write, large and odd.

use super::*;

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
