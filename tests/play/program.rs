//! `depot play` and `depot replay --level wire`, from outside.

use std::process::Output;

use crate::support::{depot, root, stderr};

pub const SESSION: &str = "fixtures/sessions/base-survey-in.mcap";

fn run(args: &[&str]) -> (Option<i32>, String) {
    let output: Output = depot().current_dir(root()).args(args).output().unwrap();
    (output.status.code(), stderr(&output))
}

#[test]
fn a_play_ends_with_its_recording() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    let ready = ready.to_str().unwrap();
    let (code, said) =
        run(&["play", SESSION, "--gps-status-port", "0", "--rate", "1000", "--ready-file", ready]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("gps-status is stood in for"), "{said}");
    let (code, said) = run(&["play", "Cargo.toml"]);
    assert_eq!(code, Some(9), "{said}");
    let (code, said) = run(&["play", SESSION, "--rate", "0"]);
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn clients_need_a_service() {
    let (code, said) = run(&["replay", "--level", "wire", SESSION]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--url"), "{said}");
    let (code, said) = run(&["replay", "--url", "gps-status=https://127.0.0.1:1", SESSION]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("write SERVICE=URL"), "{said}");
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, said) = run(&["replay", "--url", &format!("gps-status=http://{free}"), SESSION]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("gps-status can't be reached at http://127.0.0.1:"), "{said}");
    let (code, said) = run(&["replay", "--url", &format!("dispatch=http://{free}"), SESSION]);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("has no client of dispatch that could be played"), "{said}");
    let (code, said) = run(&["replay", "--from", "noon", SESSION]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = run(&["replay", "--from", "5s", "--until", "40s", "--only", "1", SESSION]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&["replay", "--from", "10s", "--until", "20s", "--only", "1", SESSION]);
    assert_eq!(code, Some(4), "{said}");
}

#[test]
fn what_begins_in_mid_life_stands_in_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("part.mcap");
    let part = part.to_str().unwrap();
    let (code, said) = run(&["session", "cut", SESSION, "-o", part, "--from", "20s"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&["play", part, "--gps-status-port", "0"]);
    assert!(code == Some(3) && said.contains("begins in mid-life"), "{said}");
}
