//! discovery as a person runs it: alone, recorded, and replayed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{depot, stderr, stdout};

/// A service that takes longer to start has failed to.
const PATIENCE: Duration = Duration::from_secs(30);

struct Depot(Child);

impl Depot {
    fn start(folder: &Path, args: &[&str]) -> (Self, serde_json::Value) {
        let mut command = depot();
        command.current_dir(folder).args(args).args(["--ready-file", "ready", "--record", "all.mcap"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("depot runs");
        let mut depot = Self(child);
        let clock = kit::clock::Clock::start();
        let started = clock.now();
        let ready = loop {
            if let Ok(text) = fs::read_to_string(folder.join("ready")) {
                break serde_json::from_str(&text).expect("all of it at once");
            }
            assert!(depot.0.try_wait().expect("a child").is_none(), "depot has ended");
            assert!(clock.now() - started < PATIENCE, "depot does not get ready");
            std::thread::yield_now();
        };
        (depot, ready)
    }

    fn stop(mut self) -> (Option<i32>, String) {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGINT).expect("it runs");
        let status = self.0.wait().expect("it ends");
        let mut out = String::new();
        self.0.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        (status.code(), out)
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn ask(base: &serde_json::Value, method: &str, path: &str, body: &str) -> String {
    let address = base.as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
    let mut tcp = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    write!(
        tcp,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("sent");
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).expect("an answer");
    answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
}

fn replayed(folder: &Path) -> (Option<i32>, String) {
    let output = depot().current_dir(folder).args(["replay", "all.mcap"]).output().expect("depot runs");
    (output.status.code(), stdout(&output) + &stderr(&output))
}

#[test]
fn alone_recorded_and_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let session = folder.path().join("recorded/bvr-01/20260101-000000");
    fs::create_dir_all(&session).expect("a folder");
    fs::write(session.join("metadata.json"), r#"{"started_at":"2026-01-01T00:00:00Z"}"#).expect("written");
    fs::write(session.join("session.rrd"), "a recording").expect("written");
    let args = ["serve", "discovery", "--discovery-port", "0", "--sessions-dir", "recorded"];
    let (depot, ready) = Depot::start(folder.path(), &args);
    assert_eq!(ready.as_object().expect("an object").len(), 1, "alone");
    let base = &ready["discovery"];
    let rover = r#"{"id":"bvr-01","name":"Beaver","address":"10.0.0.21:4850"}"#;
    assert_eq!(ask(base, "POST", "/heartbeat/bvr-01", "{}"), r#"{"error":"Rover not found"}"#);
    assert_eq!(ask(base, "POST", "/register", rover), r#"{"ok":true}"#);
    assert_eq!(ask(base, "POST", "/heartbeat/bvr-01", r#"{"mode":1}"#), r#"{"ok":true}"#);
    assert!(ask(base, "GET", "/rovers", "").contains(r#""mode":1"#));
    assert!(ask(base, "GET", "/api/sessions", "").contains(r#""session_dir":"20260101-000000""#));
    assert_eq!(ask(base, "GET", "/api/sessions/bvr-01/20260101-000000/session.rrd", ""), "a recording");
    assert_eq!(depot.stop(), (Some(0), "rovers     1 known, 1 online\n".to_owned()));
    let (code, report) = replayed(folder.path());
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("0 differences"), "{report}");
}

#[test]
fn the_depot_runs_both_and_replays_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = ["up", "--gnss", "scenario", "--discovery-port", "0", "--gps-status-port", "0"];
    let (depot, ready) = Depot::start(folder.path(), &args);
    let rover = r#"{"id":"bvr-01","name":"Beaver","address":"10.0.0.21:4850"}"#;
    assert_eq!(ask(&ready["discovery"], "POST", "/register", rover), r#"{"ok":true}"#);
    assert!(ask(&ready["gps-status"], "GET", "/health", "").starts_with(r#"{"status":"ok""#));
    assert_eq!(ask(&ready["discovery"], "GET", "/health", ""), r#"{"status":"ok","rovers":1}"#);
    let (code, out) = depot.stop();
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("receiver ") && out.contains("rovers     1 known"), "{out}");
    let (code, report) = replayed(folder.path());
    assert_eq!(code, Some(0), "{report}");
}
