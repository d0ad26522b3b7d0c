//! The JSON of dispatch as rovers and consoles in the field know it: what is written, letter by letter, and
//! that what they send is read.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use insta::assert_snapshot;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use uuid::Uuid;
use wire::dispatch::*;

const ID: Uuid = Uuid::from_u128(0x0b6d_1f6e_9c35_4c5b_8a44_1a2b_3c4d_5e6f);
const AT: &str = "2026-03-01T09:30:00.000Z";

/// As written; read again, it is the same.
fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    text
}

fn from_rover(text: &str) -> FromRover {
    serde_json::from_str(text).unwrap()
}

fn task() -> Task {
    Task {
        id: ID,
        mission_id: ID,
        rover_id: "bvr-01".to_owned(),
        status: TaskStatus::Active,
        progress: 75,
        waypoint: 3,
        lap: 0,
        error: None,
        created_at: AT.to_owned(),
        started_at: Some(AT.to_owned()),
        ended_at: None,
    }
}

fn zone() -> Zone {
    Zone {
        id: ID,
        name: "Yard".to_owned(),
        zone_type: ZoneType::Route,
        waypoints: vec![
            Waypoint { x: 0.0, y: 0.0, theta: Some(1.57) },
            Waypoint { x: 2.5, y: -1.0, theta: None },
        ],
        polygon: None,
        map_id: None,
        created_at: AT.to_owned(),
        updated_at: AT.to_owned(),
    }
}

fn mission() -> Mission {
    Mission {
        id: ID,
        name: "Morning".to_owned(),
        zone_id: ID,
        rover_id: None,
        schedule: Schedule::default(),
        enabled: true,
        created_at: AT.to_owned(),
        updated_at: AT.to_owned(),
        last_firing: None,
    }
}

#[test]
fn a_rover_registers_three_ways() {
    let bvr = |task_id| FromRover::Register { rover_id: "bvr-01".to_owned(), task_id };
    assert_eq!(from_rover(r#"{"type":"register","rover_id":"bvr-01"}"#), bvr(Patch::Absent));
    assert_eq!(from_rover(r#"{"type":"register","rover_id":"bvr-01","task_id":null}"#), bvr(Patch::Null));
    let held = format!(r#"{{"type":"register","rover_id":"bvr-01","task_id":"{ID}"}}"#);
    assert_eq!(from_rover(&held), bvr(Patch::Value(ID)));
    for task_id in [Patch::Absent, Patch::Null, Patch::Value(ID)] {
        there_and_back(&bvr(task_id));
    }
}

#[test]
fn a_rover_reports() {
    assert_eq!(
        from_rover(&format!(r#"{{"type":"progress","task_id":"{ID}","progress":75,"waypoint":3,"lap":0}}"#)),
        FromRover::Progress { task_id: ID, progress: 75.0, waypoint: 3, lap: 0 }
    );
    assert_eq!(
        from_rover(&format!(r#"{{"type":"progress","task_id":"{ID}","progress":12.5,"waypoint":1}}"#)),
        FromRover::Progress { task_id: ID, progress: 12.5, waypoint: 1, lap: 0 }
    );
    assert_eq!(
        from_rover(&format!(r#"{{"type":"complete","task_id":"{ID}","laps":1}}"#)),
        FromRover::Complete { task_id: ID, laps: 1 }
    );
    assert_eq!(
        from_rover(&format!(r#"{{"type":"complete","task_id":"{ID}"}}"#)),
        FromRover::Complete { task_id: ID, laps: 0 }
    );
    assert_eq!(
        from_rover(&format!(r#"{{"type":"failed","task_id":"{ID}","error":"blocked","extra":[1]}}"#)),
        FromRover::Failed { task_id: ID, error: "blocked".to_owned() }
    );
}

#[test]
fn what_makes_no_sense_is_not_read() {
    for lap in ["18446744073709551616", "-1", "4294967296", "\"1\""] {
        let text =
            format!(r#"{{"type":"progress","task_id":"{ID}","progress":75,"waypoint":3,"lap":{lap}}}"#);
        assert!(serde_json::from_str::<FromRover>(&text).is_err(), "{text}");
    }
    for text in [r#"{"type":"dance"}"#, r#"{"rover_id":"bvr-01"}"#, "[]", r#"{"type":"register"}"#] {
        assert!(serde_json::from_str::<FromRover>(text).is_err(), "{text}");
    }
}

#[test]
fn a_rover_is_told() {
    let waypoints = vec![Waypoint { x: 0.0, y: 0.0, theta: Some(1.57) }];
    let zone = TaskZone { waypoints, looped: false };
    assert_snapshot!(
        there_and_back(&ToRover::Task { task_id: ID, mission_id: ID, zone }),
        @r#"{"type":"task","task_id":"0b6d1f6e-9c35-4c5b-8a44-1a2b3c4d5e6f","mission_id":"0b6d1f6e-9c35-4c5b-8a44-1a2b3c4d5e6f","zone":{"waypoints":[{"x":0.0,"y":0.0,"theta":1.57}],"loop":false}}"#
    );
    assert_snapshot!(
        there_and_back(&ToRover::Cancel { task_id: ID }),
        @r#"{"type":"cancel","task_id":"0b6d1f6e-9c35-4c5b-8a44-1a2b3c4d5e6f"}"#
    );
    assert_snapshot!(
        there_and_back(&ToRover::Error { message: "Register first.".to_owned() }),
        @r#"{"type":"error","message":"Register first."}"#
    );
}

#[test]
fn a_console_is_told() {
    let frame = |message| there_and_back(&ConsoleFrame { message, seq: 7 });
    assert_snapshot!(frame(ToConsole::TaskUpdate { task: task() }));
    assert_snapshot!(
        frame(ToConsole::RoverUpdate { rover_id: "bvr-01".to_owned(), connected: true, task_id: None }),
        @r#"{"type":"rover_update","rover_id":"bvr-01","connected":true,"task_id":null,"seq":7}"#
    );
    assert_snapshot!(frame(ToConsole::ZoneUpdate { zone: zone() }));
    assert_snapshot!(frame(ToConsole::MissionUpdate { mission: mission() }));
    assert_snapshot!(
        frame(ToConsole::ZoneDeleted { zone_id: ID }),
        @r#"{"type":"zone_deleted","zone_id":"0b6d1f6e-9c35-4c5b-8a44-1a2b3c4d5e6f","seq":7}"#
    );
    assert_snapshot!(
        frame(ToConsole::MissionDeleted { mission_id: ID }),
        @r#"{"type":"mission_deleted","mission_id":"0b6d1f6e-9c35-4c5b-8a44-1a2b3c4d5e6f","seq":7}"#
    );
    assert_snapshot!(
        frame(ToConsole::Snapshot { epoch: 1_772_357_400_000 }),
        @r#"{"type":"snapshot","epoch":1772357400000,"seq":7}"#
    );
}

#[test]
fn creating_needs_little() {
    let zone: NewZone = serde_json::from_value(json!({"name": "Yard"})).unwrap();
    assert_eq!((zone.zone_type, zone.waypoints.len(), zone.polygon), (ZoneType::Route, 0, None));
    let mission: NewMission = serde_json::from_value(json!({"name": "Morning", "zoneId": ID})).unwrap();
    assert_eq!(mission.schedule, Schedule { trigger: Trigger::Manual, looped: false, ..Schedule::default() });
    assert!(mission.enabled && mission.rover_id.is_none());
    let cron = json!({"trigger": "cron", "cron": "0 6 * * 1-5", "timezone": "Europe/Berlin", "loop": true});
    let schedule: Schedule = serde_json::from_value(cron.clone()).unwrap();
    assert_eq!(serde_json::to_value(&schedule).unwrap(), cron);
    assert_snapshot!(there_and_back(&Schedule::default()), @r#"{"trigger":"manual","loop":false}"#);
}

#[test]
fn a_put_keeps_what_it_leaves_out_and_unsets_what_is_null() {
    let held = || Some("bvr-01".to_owned());
    let patch = |text: &str| serde_json::from_str::<MissionPatch>(text).unwrap().rover_id.over(held());
    assert_eq!(patch("{}"), held());
    assert_eq!(patch(r#"{"roverId":null}"#), None);
    assert_eq!(patch(r#"{"roverId":"bvr-02"}"#).as_deref(), Some("bvr-02"));
    assert_snapshot!(there_and_back(&MissionPatch::default()), @"{}");
    let unset = MissionPatch { rover_id: Patch::Null, ..MissionPatch::default() };
    assert_snapshot!(there_and_back(&unset), @r#"{"roverId":null}"#);
    assert_snapshot!(there_and_back(&ZonePatch::default()), @"{}");
}

#[test]
fn health_is_snake_case() {
    let health = Health { status: "ok".to_owned(), connected_rovers: 2 };
    assert_snapshot!(there_and_back(&health), @r#"{"status":"ok","connected_rovers":2}"#);
}
