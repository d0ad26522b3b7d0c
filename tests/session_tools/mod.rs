//! `depot session …`, rings, parts and the operator's port, with the real program.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::running::Running;
use crate::support::{depot, root, stderr, stdout, until};

/// Runs `depot session` in a folder to its end.
fn session(folder: &Path, args: &[&str]) -> Output {
    depot().current_dir(folder).arg("session").args(args).output().expect("depot runs")
}

fn replay(folder: &Path, file: &str) -> Output {
    depot().current_dir(folder).args(["replay", file]).output().expect("depot runs")
}

/// A folder with a good recording in it: `base.mcap`.
fn stage() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = root().join("fixtures/sessions/v1/base-survey-in.mcap");
    std::fs::copy(kept, folder.path().join("base.mcap")).expect("it is kept");
    folder
}

fn recordings(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
        .filter(|path| path.extension().is_some_and(|extension| extension == "mcap"))
        .collect();
    files.sort();
    files
}

#[test]
fn info_and_cat_tell_people_and_programs() {
    let folder = stage();
    let info = session(folder.path(), &["info", "base.mcap", "--message-format", "json"]);
    let info: Value = serde_json::from_str(&stdout(&info)).expect("JSON");
    assert_eq!((&info["events"], &info["format_version"]), (&1458.into(), &"1".into()), "{info}");
    assert_eq!(info["channels"]["/gps-status/out/ws"]["events"], 92, "{info}");
    assert_eq!(info["replay"], "whole, at core level", "{info}");
    let lines = session(
        folder.path(),
        &["cat", "base.mcap", "--from", "10s", "--until", "11s", "--only", "gps-status/1"],
    );
    let lines = stdout(&lines);
    assert!(lines.lines().count() > 0 && lines.lines().all(|line| line.contains("connection 1 ")), "{lines}");
    let none = session(folder.path(), &["cat", "base.mcap", "--only", "gps-status/77"]);
    assert!(
        none.status.code() == Some(4) && stderr(&none).contains("nothing of base.mcap"),
        "{}",
        stderr(&none)
    );
    let all = session(folder.path(), &["cat", "base.mcap", "--message-format", "json"]);
    let all = stdout(&all);
    assert_eq!(all.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), 1458);
}

#[test]
fn two_recordings_are_compared() {
    let folder = stage();
    let same = session(folder.path(), &["diff", "base.mcap", "base.mcap"]);
    assert_eq!(
        (same.status.code(), stdout(&same).as_str()),
        (Some(0), "1316 events the same, 0 different\n")
    );
    let other = root().join("fixtures/sessions/v1/receiver-unplugged.mcap");
    let differs = session(folder.path(), &["diff", "base.mcap", &other.display().to_string()]);
    assert_eq!(differs.status.code(), Some(100), "{}", stderr(&differs));
}

#[test]
fn what_is_made_replays_and_nothing_is_overwritten() {
    let folder = stage();
    let at = folder.path();
    for (args, file) in [
        (&["cut", "base.mcap", "--only", "gps-status", "-o", "cut.mcap"] as &[&str], "cut.mcap"),
        (&["convert", "base.mcap", "-o", "base.jsonl"], ""),
        (&["convert", "base.jsonl", "-o", "back.mcap"], "back.mcap"),
        (&["convert", "base.mcap", "-o", "base.har"], ""),
        (&["convert", "base.mcap", "-o", "base.ubx"], ""),
        (&["recover", "base.mcap", "-o", "whole.mcap"], "whole.mcap"),
    ] {
        let made = session(at, args);
        assert_eq!(made.status.code(), Some(0), "{args:?}: {}", stderr(&made));
        if !file.is_empty() {
            let replayed = replay(at, file);
            assert_eq!(replayed.status.code(), Some(0), "{args:?}: {}", stdout(&replayed));
        }
        let again = session(at, args);
        assert_eq!(again.status.code(), Some(2), "{args:?}: {}", stderr(&again));
        assert!(stderr(&again).contains("is there already; name another file, or overwrite it with --force"));
    }
    let raw = std::fs::metadata(at.join("base.ubx")).expect("it was made").len();
    assert_eq!(raw, 141_890);
    let over = session(at, &["cut", "base.mcap", "-o", "base.mcap", "--force"]);
    assert_eq!(over.status.code(), Some(2), "{}", stderr(&over));
    let passes = session(at, &["shrink", "base.mcap", "-o", "small.mcap"]);
    assert_eq!(passes.status.code(), Some(4), "{}", stderr(&passes));
    assert!(!at.join("small.mcap").exists());
}

#[test]
fn a_failing_recording_shrinks_to_one_that_fails_alike() {
    let folder = stage();
    let at = folder.path();
    assert!(session(at, &["convert", "base.mcap", "-o", "base.jsonl"]).status.success());
    let lines = std::fs::read_to_string(at.join("base.jsonl")).expect("it was made");
    // As if an earlier program had said another mode at first.
    let says = r#"\"mode\":\"base\""#;
    let place = lines.find(says).expect("it says so");
    let wrong = format!("{}{}{}", &lines[..place], r#"\"mode\":\"rover\""#, &lines[place + says.len()..]);
    std::fs::write(at.join("wrong.jsonl"), wrong).expect("written");
    assert!(session(at, &["convert", "wrong.jsonl", "-o", "wrong.mcap"]).status.success());
    let fails = replay(at, "wrong.mcap");
    assert_eq!(fails.status.code(), Some(100), "{}", stdout(&fails));
    let shrunk = session(at, &["shrink", "wrong.mcap", "-o", "small.mcap", "--budget", "10s"]);
    assert_eq!(shrunk.status.code(), Some(0), "{}", stderr(&shrunk));
    let still = replay(at, "small.mcap");
    assert_eq!(still.status.code(), Some(100), "{}", stdout(&still));
    assert!(stdout(&still).contains("mode"), "{}", stdout(&still));
    let info = session(at, &["info", "small.mcap", "--message-format", "json"]);
    let info: Value = serde_json::from_str(&stdout(&info)).expect("JSON");
    assert!(info["events"].as_u64().is_some_and(|events| events < 700), "{}\n{info}", stdout(&shrunk));
}

#[test]
fn a_redacted_recording_has_no_position_left() {
    let folder = stage();
    let refused = session(folder.path(), &["redact", "base.mcap", "-o", "it.mcap", "--positions"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--drop-stream"), "{}", stderr(&refused));
    let done =
        session(folder.path(), &["redact", "base.mcap", "-o", "it.mcap", "--positions", "--drop-stream"]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let text = stdout(&session(folder.path(), &["cat", "it.mcap", "--message-format", "json"]));
    assert!(text.contains("latitude") && !text.contains("46.94"), "a latitude is left");
}

/// A depot that runs at twenty times real time.
fn up(folder: &Path, args: &[&str]) -> Running {
    let mut command = depot();
    command
        .current_dir(folder)
        .args(["up", "--gnss", "scenario:seed=3,survey=20,accuracy=3", "--rate", "20"])
        .args(["--gps-status-port", "0", "--discovery-port", "0"])
        .args(args)
        .stdout(Stdio::null());
    Running::start(&mut command)
}

/// One request to the operator's port: the status and the body.
fn ask(address: &str, request: &str, header: &str) -> (u16, Value) {
    let mut socket = TcpStream::connect(address).expect("it listens");
    let request = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{header}\r\n");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    (status, serde_json::from_str(body).expect("JSON"))
}

#[test]
fn an_operator_records_and_writes_the_ring() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = up(folder.path(), &["--ring", "1m", "--data", "kept", "--operator-port", "0"]);
    let line = running.hear("the operator's port listens");
    let (_, address) = line.split_once("http://").expect("its address");
    let address = address.split('/').next().expect("an address").to_owned();
    let get = || ask(&address, "GET /recording", "").1;
    assert!(until(|| get()["ring"]["events"].as_u64().is_some_and(|events| events > 100)));
    assert_eq!(ask(&address, "POST /recording/start", "Origin: http://localhost\r\n").0, 403);
    assert_eq!(ask(&address, "POST /recording/stop", "").0, 409);
    let (status, begun) = ask(&address, "POST /recording/start", "");
    assert_eq!(status, 200, "{begun}");
    assert_eq!(ask(&address, "POST /recording/start", "").0, 409);
    assert!(until(|| get()["recording"]["events"].as_u64().is_some_and(|events| events > 50)));
    let (status, ended) = ask(&address, "POST /recording/stop", "");
    assert_eq!((status, &ended["file"], &ended["lost"]), (200, &begun["file"], &0.into()), "{ended}");
    let (status, dumped) = ask(&address, "POST /recording/dump", "");
    assert_eq!(status, 200, "{dumped}");
    running.signal(Signal::SIGUSR1);
    running.hear("trigger=\"SIGUSR1\"");
    running.signal(Signal::SIGTERM);
    let (status, log) = running.end();
    assert_eq!(status.code(), Some(0), "{log}");

    let kept = folder.path().join("kept");
    assert_eq!((recordings(&kept, "recording-").len(), recordings(&kept, "ring-").len()), (1, 2));
    // The ring has forgotten nothing; what the operator began has no beginning.
    let ring = replay(folder.path(), dumped["file"].as_str().expect("a name"));
    assert!(ring.status.code() == Some(3) && stdout(&ring).contains(" has no end"), "{}", stdout(&ring));
    let recording = replay(folder.path(), begun["file"].as_str().expect("a name"));
    assert!(recording.status.code() == Some(3) && stdout(&recording).contains("begins in mid-life: "));
    assert!(stdout(&recording).contains(", 0 differences"), "{}", stdout(&recording));
}

#[test]
fn a_killed_depot_leaves_parts_that_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let args =
        ["--record", "base.mcap", "--rotate-bytes", "50000", "--rotate-keep", "20", "--record-sync", "1s"];
    let mut running = up(folder.path(), &args);
    running.hear("listens");
    assert!(until(|| recordings(folder.path(), "base.").len() >= 4));
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().0.code(), None);
    let parts = recordings(folder.path(), "base.");
    let names: Vec<String> = parts.iter().map(|part| part.display().to_string()).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let joined = session(folder.path(), &[&["join"], &*all, &["-o", "joined"]].concat());
    // Its last part is cut off, and all before that is there.
    assert_eq!(joined.status.code(), Some(3), "{}{}", stdout(&joined), stderr(&joined));
    assert!(stdout(&joined).contains("the recording is cut off at byte "), "{}", stdout(&joined));
    let replayed = replay(folder.path(), "joined");
    assert!(stdout(&replayed).contains(", 0 differences"), "{}", stdout(&replayed));
    assert_eq!(replayed.status.code(), Some(3));
    let last = all.last().expect("a part");
    let saved = session(folder.path(), &["recover", last, "-o", "saved.mcap"]);
    assert_eq!(saved.status.code(), Some(3), "{}", stderr(&saved));
    assert!(stdout(&saved).contains("what was recorded after "), "{}", stdout(&saved));
    assert_eq!(session(folder.path(), &["info", "saved.mcap"]).status.code(), Some(0));
}
