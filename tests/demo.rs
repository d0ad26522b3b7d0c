//! The demonstration's simulated rovers, as a console sees them.

#![cfg(unix)]

use std::fs::{File, read_to_string};
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, Message, stream::MaybeTlsStream};

use crate::support::running::{PATIENCE, Running};
use crate::support::{depot, until};

/// What is waited for is among so many frames.
const FRAMES: usize = 1000;

fn demo(folder: &std::path::Path, rovers: &str) -> (Running, Value) {
    let mut command: Command = depot();
    command.current_dir(folder).stdout(File::create(folder.join("out")).expect("a file"));
    command.args(["demo", "--gps-status-port", "0", "--ready-file", "ready.json", "--rovers", rovers]);
    let running = Running::start(&mut command);
    let ready = folder.join("ready.json");
    assert!(until(|| read_to_string(&ready).is_ok_and(|text| text.contains("dispatch"))), "it listens");
    let services = serde_json::from_str(&read_to_string(&ready).expect("it is there")).expect("JSON");
    (running, services)
}

#[test]
fn simulated_rovers_drive_their_missions_and_all_of_it_replays() {
    let folder = tempfile::tempdir().expect("a folder");
    let (demo, services) = demo(folder.path(), "3");
    let address = services["dispatch"].as_str().expect("an address").replace("http://", "ws://");
    let (mut socket, _) = tungstenite::connect(format!("{address}/ws/console")).expect("a console");
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    }
    let under_way = (0..FRAMES).any(|_| match socket.read().expect("it goes on") {
        Message::Text(text) => {
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            let task = &frame["task"];
            task["roverId"] == "sim-01" && task["status"] == "active"
        }
        _ => false,
    });
    assert!(under_way, "a rover reaches its first waypoint");
    demo.signal(Signal::SIGINT);
    let (status, said) = demo.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("complains") && !said.contains("takes no mission"), "{said}");
    let out = read_to_string(folder.path().join("out")).expect("it is there");
    assert!(out.contains("rovers     3 known, 3 online\n"), "{out}");
    assert!(out.contains("3 zones, 3 missions"), "{out}");
    assert!(out.ends_with(", 0 differences\n"), "{out}");
}

#[test]
fn a_demonstration_without_rovers_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (demo, _) = demo(folder.path(), "0");
    demo.signal(Signal::SIGTERM);
    assert_eq!(demo.end().0.code(), Some(0));
    let out = read_to_string(folder.path().join("out")).expect("it is there");
    assert!(out.contains("rovers     0 known") && out.contains("0 zones, 0 missions"), "{out}");
}
