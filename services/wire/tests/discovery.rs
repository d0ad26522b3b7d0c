//! The JSON of discovery as rovers and consoles in the field know it: what is written, letter by letter, and
//! that what was written yesterday is still read.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use wire::discovery::{
    Accepted, GpsBounds, Health, Heartbeat, Pose, Refused, Register, Rover, RoverChange, RoversDelta,
    RoversFrame, RoversSnapshot, Session, SessionMetadata, Sessions,
};

/// As written; read again, it is the same.
fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
    text
}

fn rover() -> Rover {
    Rover {
        id: "bvr-01".to_owned(),
        name: "Beaver 1".to_owned(),
        address: "10.0.0.21:4850".to_owned(),
        video_address: "10.0.0.21:4851".to_owned(),
        online: true,
        battery_voltage: 47.25,
        last_pose: Pose { x: 1.5, y: -2.0, theta: 1.57 },
        mode: 3,
        last_seen: 1_644_309_873_021,
    }
}

#[test]
fn what_a_rover_says() {
    let pose = Pose { x: 1.5, y: -2.0, theta: 1.57 };
    let state = Heartbeat { battery_voltage: Some(47.25), mode: Some(1), pose: Some(pose) };
    let register = Register {
        id: "bvr-01".to_owned(),
        name: "Beaver 1".to_owned(),
        address: "10.0.0.21:4850".to_owned(),
        video_address: Some("10.0.0.21:4851".to_owned()),
        state,
    };
    insta::assert_snapshot!(there_and_back(&register), @r#"{"id":"bvr-01","name":"Beaver 1","address":"10.0.0.21:4850","video_address":"10.0.0.21:4851","battery_voltage":47.25,"mode":1,"pose":{"x":1.5,"y":-2.0,"theta":1.57}}"#);
    let least = Register { video_address: None, state: Heartbeat::default(), ..register };
    insta::assert_snapshot!(there_and_back(&least), @r#"{"id":"bvr-01","name":"Beaver 1","address":"10.0.0.21:4850"}"#);
    insta::assert_snapshot!(there_and_back(&state), @r#"{"battery_voltage":47.25,"mode":1,"pose":{"x":1.5,"y":-2.0,"theta":1.57}}"#);
    insta::assert_snapshot!(there_and_back(&Heartbeat::default()), @"{}");
}

#[test]
fn what_a_rover_is_answered() {
    insta::assert_snapshot!(there_and_back(&Accepted { ok: true }), @r#"{"ok":true}"#);
    let refused = Refused { error: "Rover not found".to_owned() };
    insta::assert_snapshot!(there_and_back(&refused), @r#"{"error":"Rover not found"}"#);
}

#[test]
fn health() {
    let health = Health { status: "ok".to_owned(), rovers: 3 };
    insta::assert_snapshot!(there_and_back(&health), @r#"{"status":"ok","rovers":3}"#);
}

#[test]
fn the_frames_of_a_console() {
    let frame = RoversFrame { data: vec![rover()] };
    insta::assert_snapshot!(there_and_back(&frame), @r#"{"type":"rovers","data":[{"id":"bvr-01","name":"Beaver 1","address":"10.0.0.21:4850","videoAddress":"10.0.0.21:4851","online":true,"batteryVoltage":47.25,"lastPose":{"x":1.5,"y":-2.0,"theta":1.57},"mode":3,"lastSeen":1644309873021}]}"#);
    let snapshot = RoversSnapshot { seq: 7, data: vec![] };
    insta::assert_snapshot!(there_and_back(&snapshot), @r#"{"type":"rovers_snapshot","seq":7,"data":[]}"#);
    let change = RoverChange { id: "bvr-01".to_owned(), online: Some(false), ..RoverChange::default() };
    let delta = RoversDelta { seq: 8, changed: vec![change], removed: vec!["bvr-02".to_owned()] };
    insta::assert_snapshot!(there_and_back(&delta), @r#"{"type":"rovers_delta","seq":8,"changed":[{"id":"bvr-01","online":false}],"removed":["bvr-02"]}"#);
}

#[test]
fn a_change_names_its_fields_as_a_rover_does() {
    let rover = serde_json::to_value(rover()).unwrap();
    let change: RoverChange = serde_json::from_value(rover.clone()).unwrap();
    assert_eq!(serde_json::to_value(change).unwrap(), rover);
}

#[test]
fn sessions() {
    let metadata = SessionMetadata {
        session_id: "0f7a".to_owned(),
        rover_id: "bvr-01".to_owned(),
        started_at: "2026-02-08T08:44:33Z".to_owned(),
        ended_at: None,
        duration_secs: 61.5,
        gps_bounds: Some(GpsBounds { min_lat: 32.0, max_lat: 32.5, min_lon: 34.0, max_lon: 34.5 }),
        lidar_frames: 610,
        camera_frames: 1830,
        pose_samples: 6100,
        session_file: "session.rrd".to_owned(),
    };
    there_and_back(&metadata);
    let serde_json::Value::Object(metadata) = serde_json::to_value(metadata).unwrap() else { panic!() };
    let session = Session {
        metadata,
        session_dir: "20260208-084433".to_owned(),
        files: vec!["session.mcap".to_owned(), "session.rrd".to_owned()],
    };
    let sessions = Sessions { sessions: vec![session], truncated: false };
    there_and_back(&sessions);
    insta::assert_json_snapshot!(sessions, @r#"{
  "sessions": [
    {
      "camera_frames": 1830,
      "duration_secs": 61.5,
      "ended_at": null,
      "gps_bounds": {
        "max_lat": 32.5,
        "max_lon": 34.5,
        "min_lat": 32.0,
        "min_lon": 34.0
      },
      "lidar_frames": 610,
      "pose_samples": 6100,
      "rover_id": "bvr-01",
      "session_file": "session.rrd",
      "session_id": "0f7a",
      "started_at": "2026-02-08T08:44:33Z",
      "session_dir": "20260208-084433",
      "files": [
        "session.mcap",
        "session.rrd"
      ]
    }
  ]
}"#);
    let contract = json!({ "sessions": [{ "session_id": "a", "session_dir": "b" }] });
    assert_eq!(serde_json::from_value::<Sessions>(contract).unwrap().sessions[0].session_dir, "b");
}
