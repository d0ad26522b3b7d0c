//! `depot gnss …` on captures, recordings and ports.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{capture, depot, root, skip, stderr, stdout};

/// In a folder.
fn run(folder: &Path, args: &[&str]) -> Output {
    depot()
        .current_dir(folder)
        .args(["--log", "error"])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("depot runs")
}

fn ok(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    stdout(&output)
}

/// Forty seconds of a made-up base, through its survey-in, as a capture with tags.
fn scenario(folder: &Path) {
    ok(
        folder,
        &[
            "gnss",
            "record",
            "base.ubx",
            "--gnss",
            "scenario:seed=7,duration=40,survey=20",
            "--rate",
            "max",
            "--once",
        ],
    );
}

#[test]
fn a_summary_has_the_counts_of_an_independent_scan() {
    let Some(folder) = capture("COUNTS.json").and_then(|path| path.parent().map(Path::to_owned)) else {
        return;
    };
    let text = fs::read_to_string(folder.join("COUNTS.json")).expect("readable");
    let expected: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("JSON");
    assert!(expected.len() > 20, "{}", expected.len());
    for (name, counts) in &expected {
        let output = run(&folder, &["gnss", "summary", "--json", name]);
        let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        for (key, value) in counts.as_object().expect("an object") {
            assert_eq!(&summary[key], value, "{key} of {name}");
        }
        if counts["bytes"].as_object().is_some_and(serde_json::Map::is_empty) {
            // Counted, and told that it is none.
            assert_eq!(output.status.code(), Some(9), "{name}: {}", stderr(&output));
            continue;
        }
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        // Every message is a line, and every line is JSON.
        let decoded = ok(&folder, &["gnss", "decode", name]);
        let frames: u64 = ["nmea", "ubx", "rtcm"]
            .iter()
            .flat_map(|p| counts[p].as_object())
            .flat_map(|m| m.values())
            .filter_map(Value::as_u64)
            .sum();
        assert_eq!(decoded.lines().count() as u64, frames, "{name}");
        for line in decoded.lines() {
            assert!(
                serde_json::from_str::<Value>(line).is_ok_and(|line| line["offset"].is_u64()),
                "{name}: {line}"
            );
        }
    }
}

#[test]
fn a_summary_as_a_table() {
    let folder = tempfile::tempdir().expect("a folder");
    scenario(folder.path());
    assert_snapshot!(ok(folder.path(), &["gnss", "summary", "base.ubx"]));
}

#[test]
fn what_is_damaged_is_used_as_far_as_it_can_be_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    scenario(folder.path());
    let mut bytes = fs::read(folder.path().join("base.ubx")).expect("written");
    // One bit of a frame in the middle, and a frame cut off at each end.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    let cut = &bytes[3..bytes.len() - 3];
    fs::write(folder.path().join("cut.ubx"), cut).expect("written");
    let frames = |name: &str| ok(folder.path(), &["gnss", "decode", name]).lines().count();
    assert_eq!(frames("cut.ubx"), frames("base.ubx") - 3);
    let summary: Value =
        serde_json::from_str(&ok(folder.path(), &["gnss", "summary", "--json", "cut.ubx"])).expect("JSON");
    assert_eq!(summary["unframed_runs"], 3, "{summary:#}");
    assert!(summary["unframed_bytes"].as_u64().is_some_and(|bytes| bytes > 10), "{summary:#}");
    // A person who decodes is told too.
    let output =
        depot().current_dir(folder.path()).args(["gnss", "decode", "cut.ubx"]).output().expect("depot runs");
    assert!(stderr(&output).contains("some of the input is in no good frame"), "{}", stderr(&output));
}

#[test]
fn a_recording_is_a_capture_too_and_a_damaged_one_is_told_after_what_could_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    scenario(folder.path());
    // Two seconds: the recorder writes what it has four times in each.
    ok(
        folder.path(),
        &[
            "up",
            "--gps-status-port",
            "0",
            "--gnss",
            "base.ubx",
            "--rate",
            "20",
            "--once",
            "--record",
            "base.mcap",
        ],
    );
    let decoded = ok(folder.path(), &["gnss", "decode", "base.ubx"]);
    assert_eq!(ok(folder.path(), &["gnss", "decode", "base.mcap"]), decoded);
    let (raw, recorded) = (
        ok(folder.path(), &["gnss", "summary", "--json", "base.ubx"]),
        ok(folder.path(), &["gnss", "summary", "--json", "base.mcap"]),
    );
    assert_eq!(raw, recorded);

    let bytes = fs::read(folder.path().join("base.mcap")).expect("written");
    fs::write(folder.path().join("cut.mcap"), &bytes[..bytes.len() * 2 / 3]).expect("written");
    for args in [
        ["gnss", "decode", "cut.mcap"].as_slice(),
        &["gnss", "summary", "cut.mcap"],
        &[
            "up",
            "--gps-status-port",
            "0",
            "--rate",
            "max",
            "--once",
            "--gnss",
            "cut.mcap",
            "--record",
            "again.mcap",
        ],
    ] {
        let output = run(folder.path(), args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
        assert!(said.starts_with("depot: cut.mcap is damaged: ") && said.lines().count() == 1, "{said}");
        assert!(
            said.contains("the file breaks off at byte")
                && said.contains("messages of the receiver were read"),
            "{said}"
        );
        if args[0] == "gnss" {
            assert!(!output.stdout.is_empty(), "{args:?} used nothing of it");
        }
    }
    let some = stdout(&run(folder.path(), &["gnss", "decode", "cut.mcap"]));
    assert!(decoded.starts_with(&some) && some.lines().count() > 100, "{} lines", some.lines().count());
}

/// What str2str makes of our capture and its tags is the capture.
#[test]
fn what_is_recorded_is_played_by_rtklib_and_by_ourselves() {
    let folder = tempfile::tempdir().expect("a folder");
    scenario(folder.path());
    let bytes = fs::read(folder.path().join("base.ubx")).expect("written");
    let tags = fs::read(folder.path().join("base.ubx.tag")).expect("tags");
    assert!(bytes.len() > 50_000 && tags.len() > 1000, "{} and {} bytes", bytes.len(), tags.len());
    // Recording what is played gives the same bytes and times.
    ok(folder.path(), &["gnss", "record", "again.ubx", "--gnss", "base.ubx", "--rate", "max", "--once"]);
    assert_eq!(fs::read(folder.path().join("again.ubx")).expect("written"), bytes);
    let said =
        ok(folder.path(), &["up", "--gps-status-port", "0", "--gnss", "base.ubx", "--rate", "max", "--once"]);
    assert!(said.contains("survey-in  valid"), "{said}");

    // A hundred times as fast: forty seconds are not waited for.
    let str2str = Command::new("str2str")
        .current_dir(folder.path())
        .args(["-in", "file://base.ubx::T::x100", "-out", "file://copy.ubx"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut str2str) = str2str else { return skip("there is no str2str (Debian: rtklib)") };
    let copied = crate::support::until(|| {
        fs::read(folder.path().join("copy.ubx")).is_ok_and(|copy| copy.len() >= bytes.len())
    });
    // It waits for more for ever; on SIGKILL what it has written stays.
    let _ = str2str.kill();
    let _ = str2str.wait();
    assert!(
        copied,
        "str2str read {:?} bytes of {}",
        fs::metadata(folder.path().join("copy.ubx")).map(|m| m.len()),
        bytes.len()
    );
    assert_eq!(fs::read(folder.path().join("copy.ubx")).expect("written"), bytes);
}

#[cfg(unix)]
#[test]
fn a_port_is_recorded_to_the_byte() {
    use crate::support::receiver::{Receiver, gga};
    use crate::support::running::Running;

    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::new(None, |n| Some(gga(n)));
    let mut program = Running::start(depot().current_dir(folder.path()).args([
        "gnss",
        "record",
        "port.ubx",
        "--gnss",
        &receiver.name(),
    ]));
    program.hear("recording");
    let file = folder.path().join("port.ubx");
    assert!(crate::support::until(|| fs::metadata(&file).is_ok_and(|meta| meta.len() > 2000)));
    program.signal(nix::sys::signal::Signal::SIGTERM);
    let (status, said) = program.end();
    assert_eq!(status.code(), Some(0), "{said}");
    let bytes = fs::read(&file).expect("written");
    // As they were said, one after the other, from whichever was the first.
    let first = (0..100_000).find(|&n| bytes.starts_with(&gga(n))).expect("it begins with a sentence");
    let expected: Vec<u8> = (first..).flat_map(gga).take(bytes.len()).collect();
    assert!(bytes == expected, "bytes were lost or changed");
    assert!(folder.path().join("port.ubx.tag").exists());
}

#[test]
fn what_is_plugged_in() {
    let ports: Value = serde_json::from_str(&ok(root(), &["gnss", "ports", "--json"])).expect("JSON");
    let ports = ports.as_array().expect("a list");
    for port in ports {
        assert!(port["path"].as_str().is_some_and(|path| path.starts_with("/dev/")), "{port}");
    }
    let text = ok(root(), &["gnss", "ports"]);
    if ports.is_empty() {
        assert!(text.starts_with("no serial ports; is the receiver plugged in"), "{text}");
    } else {
        assert_eq!(text.lines().count(), ports.len());
    }
}
