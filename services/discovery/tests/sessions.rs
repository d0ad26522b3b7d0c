//! Recorded sessions: what is listed, what is served, and that there is no way out of their folder.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod support;

use std::{fs, os::unix::fs::symlink, path::Path};

use serde_json::{Value, json};
use support::{Answer, Service};

const RECORDING: &[u8] = b"0123456789";

fn session(folder: &Path, started_at: &str) {
    fs::create_dir_all(folder).unwrap();
    let metadata = json!({
        "session_id": folder.file_name().unwrap().to_str(), "rover_id": "bvr-01", "started_at": started_at,
        "ended_at": null, "duration_secs": 12.5, "gps_bounds": null, "lidar_frames": 1, "camera_frames": 2,
        "pose_samples": 3, "session_file": "session.rrd", "of_tomorrow": [1],
    });
    fs::write(folder.join("metadata.json"), metadata.to_string()).unwrap();
    fs::write(folder.join("session.rrd"), RECORDING).unwrap();
}

/// Two rovers' sessions, and beside them what must not be reached.
fn folders() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("sessions-dir");
    session(&root.join("bvr-01/20260101-000000"), "2026-01-01T00:00:00Z");
    session(&root.join("bvr-01/sessions/20260102-000000"), "2026-01-02T00:00:00.5+00:00");
    session(&root.join("bvr 02/20260102-000000"), "2026-01-02T00:00:00+00:00");
    fs::write(root.join("bvr 02/20260102-000000/session.mcap"), b"mcap").unwrap();
    fs::create_dir_all(root.join("bvr-01/unfinished")).unwrap();
    fs::write(root.join("bvr-01/unfinished/metadata.json"), "{").unwrap();
    fs::create_dir_all(root.join("bvr-01/bare")).unwrap();

    session(&folder.path().join("outside"), "2026-02-01T00:00:00Z");
    fs::write(folder.path().join("secret.rrd"), b"secret").unwrap();
    symlink(folder.path().join("outside"), root.join("bvr-01/linked")).unwrap();
    symlink(folder.path(), root.join("linked-rover")).unwrap();
    symlink("../../../secret.rrd", root.join("bvr-01/20260101-000000/linked.rrd")).unwrap();
    symlink("../../bvr 02/20260102-000000/session.mcap", root.join("bvr-01/20260101-000000/inside.mcap"))
        .unwrap();
    folder
}

async fn service(folder: &tempfile::TempDir) -> Service {
    Service::with_sessions(folder.path().join("sessions-dir")).await
}

fn listed(answer: &Answer) -> Vec<String> {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let sessions = answer.json()["sessions"].as_array().unwrap().clone();
    let name = |session: &Value| {
        format!("{} {}", session["started_at"], session["files"]).replace(['"', '[', ']'], "")
    };
    sessions.iter().map(name).collect()
}

#[tokio::test]
async fn sessions_are_listed_newest_first() {
    let folder = folders();
    let service = service(&folder).await;
    let all = service.get("/api/sessions").await;
    insta::assert_snapshot!(listed(&all).join("\n"), @r#"2026-01-02T00:00:00.5+00:00 session.rrd
2026-01-02T00:00:00+00:00 session.mcap,session.rrd
2026-01-01T00:00:00Z inside.mcap,session.rrd"#);
    insta::assert_snapshot!(all.json()["sessions"][0].to_string(), @r#"{"camera_frames":2,"duration_secs":12.5,"ended_at":null,"files":["session.rrd"],"gps_bounds":null,"lidar_frames":1,"of_tomorrow":[1],"pose_samples":3,"rover_id":"bvr-01","session_dir":"20260102-000000","session_file":"session.rrd","session_id":"20260102-000000","started_at":"2026-01-02T00:00:00.5+00:00"}"#);
    assert_eq!(all.json().get("truncated"), None);
    assert_eq!(listed(&service.get("/api/sessions?rover_id=").await).len(), 3);
    assert_eq!(listed(&service.get("/api/sessions?rover_id=bvr-01&x=1").await).len(), 2);
    assert_eq!(listed(&service.get("/api/sessions?rover_id=bvr%2002").await).len(), 1);
    for nothing in ["nobody", "..", "%2e%2e", "bvr-01/..", "linked-rover", "bvr-01%00", "%2F"] {
        let answer = service.get(&format!("/api/sessions?rover_id={nothing}")).await;
        assert_eq!(answer.text(), r#"{"sessions":[]}"#, "{nothing}");
    }
    assert_eq!(service.get("/api/sessions?rover_id=%ff").await.status, 400);
}

#[tokio::test]
async fn no_folder_is_no_session() {
    let service = Service::start().await;
    assert_eq!(service.get("/api/sessions").await.text(), r#"{"sessions":[]}"#);
    assert_eq!(service.get("/api/sessions/a/b/session.rrd").await.status, 404);
}

#[tokio::test]
async fn a_recording_is_served_whole_in_parts_and_under_conditions() {
    let folder = folders();
    let service = service(&folder).await;
    let path = "/api/sessions/bvr-01/20260102-000000/session.rrd";
    let whole = service.get(path).await;
    assert_eq!((whole.status, whole.body.as_slice()), (200, RECORDING));
    assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
    assert_eq!((whole.header("content-length"), whole.header("accept-ranges")), (Some("10"), Some("bytes")));
    let etag = whole.header("etag").unwrap().to_owned();
    let mcap = service.get("/api/sessions/bvr%2002/20260102-000000/session.mcap").await;
    assert_eq!((mcap.header("content-type"), mcap.text()), (Some("application/octet-stream"), "mcap"));

    let mut told = Vec::new();
    for (method, headers) in [
        ("HEAD", String::new()),
        ("HEAD", "Range: bytes=2-3\r\n".to_owned()),
        ("GET", "Range: bytes=2-3\r\n".to_owned()),
        ("GET", "Range: bytes=8-\r\n".to_owned()),
        ("GET", "Range: bytes=-3\r\n".to_owned()),
        ("GET", "Range: bytes=5-500\r\n".to_owned()),
        ("GET", "Range: bytes=10-\r\n".to_owned()),
        ("GET", "Range: bytes=1-2,4-5\r\n".to_owned()),
        ("GET", format!("Range: bytes=2-3\r\nIf-Range: {etag}\r\n")),
        ("GET", "Range: bytes=2-3\r\nIf-Range: \"older\"\r\n".to_owned()),
        ("GET", format!("If-None-Match: {etag}\r\n")),
        ("GET", "If-None-Match: \"older\"\r\n".to_owned()),
        ("POST", String::new()),
    ] {
        let answer = service.request(method, path, &headers, "").await;
        let headers = headers.trim().replace("\r\n", " ").replace(&etag, "<etag>");
        let range = answer.header("content-range").unwrap_or_default();
        let body = String::from_utf8_lossy(&answer.body);
        let told_as = format!("{method} {headers} => {} {range} {body}", answer.status);
        told.push(told_as.trim_end().to_owned());
    }
    insta::assert_snapshot!(told.join("\n"), @r#"HEAD  => 200
HEAD Range: bytes=2-3 => 200
GET Range: bytes=2-3 => 206 bytes 2-3/10 23
GET Range: bytes=8- => 206 bytes 8-9/10 89
GET Range: bytes=-3 => 206 bytes 7-9/10 789
GET Range: bytes=5-500 => 206 bytes 5-9/10 56789
GET Range: bytes=10- => 416 bytes */10
GET Range: bytes=1-2,4-5 => 200  0123456789
GET Range: bytes=2-3 If-Range: <etag> => 206 bytes 2-3/10 23
GET Range: bytes=2-3 If-Range: "older" => 200  0123456789
GET If-None-Match: <etag> => 304
GET If-None-Match: "older" => 200  0123456789
POST  => 405"#);

    fs::write(folder.path().join("sessions-dir/bvr-01/sessions/20260102-000000/session.rrd"), "another")
        .unwrap();
    let changed =
        service.request("GET", path, &format!("Range: bytes=2-3\r\nIf-Range: {etag}\r\n"), "").await;
    assert_eq!((changed.status, changed.text()), (200, "another"));
}

#[tokio::test]
async fn there_is_no_way_out_of_the_folder() {
    let folder = folders();
    let service = service(&folder).await;
    let good = "bvr-01/20260101-000000";
    assert_eq!(service.get(&format!("/api/sessions/{good}/session.rrd")).await.status, 200);
    assert_eq!(service.get(&format!("/api/sessions/{good}/inside.mcap")).await.text(), "mcap");
    for path in [
        "../outside/session.rrd".to_owned(),
        "../../secret.rrd".to_owned(),
        "bvr-01/../../outside/session.rrd".to_owned(),
        "..%2foutside/x/session.rrd".to_owned(),
        "bvr-01/..%2F..%2Foutside/session.rrd".to_owned(),
        "%2e%2e/outside/session.rrd".to_owned(),
        "%252e%252e/outside/session.rrd".to_owned(),
        "..%5coutside/x/session.rrd".to_owned(),
        "..\\outside/x/session.rrd".to_owned(),
        "bvr-01/linked/session.rrd".to_owned(),
        "linked-rover/outside/session.rrd".to_owned(),
        format!("{good}/linked.rrd"),
        format!("{good}/..%2f..%2f..%2f..%2fsecret.rrd"),
        format!("{good}/%2e%2e%2fsession.rrd"),
        format!("{good}/session.rrd%00"),
        format!("{good}/session.rrd%00.rrd"),
        format!("{good}/metadata.json"),
        format!("{good}/.rrd"),
        format!("{good}/"),
        format!("{good}/session.rrd/"),
        format!("{good}/%ff.rrd"),
        format!("{good}/{}.rrd", "x".repeat(5000)),
        format!("./{good}/session.rrd"),
        format!("/{good}/session.rrd"),
        "bvr-01/sessions/session.rrd".to_owned(),
        "bvr-01/unfinished/session.rrd".to_owned(),
        "%2fetc/passwd/session.rrd".to_owned(),
    ] {
        let answer = service.get(&format!("/api/sessions/{path}")).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.json()["error"].is_string(), "{path}");
    }
}
