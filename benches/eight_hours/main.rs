//! A working day, verified: `cargo bench --bench eight_hours [-- HOURS RUNS]`.
//!
//! Eight hours of a whole depot (a 1 Hz base, ten rovers with their tasks, four consoles on every service), made in
//! virtual time by the machines themselves and written as `depot up --record` writes it, a chunk at least every
//! 150 ms. Then `depot replay` as users run it: both runs, every output compared, the digests of the two held
//! against each other. `DEPOT_BENCH_KEEP=FILE` keeps the session. And a minute of the same depot, a thousand times: all runs must have one digest.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its report, and fails by panicking"
)]

#[allow(dead_code, reason = "what the kept sessions are made with")]
#[path = "../../tests/sessions/rover.rs"]
mod rover;
#[allow(dead_code, reason = "what the kept sessions are made with")]
#[path = "../../tests/sessions/service.rs"]
mod service;
#[allow(dead_code, reason = "what the kept sessions are made with")]
#[path = "../../tests/sessions/stage.rs"]
mod stage;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use discovery::SERVICE as DISCOVERY;
use dispatch::SERVICE as DISPATCH;
use gps_status::SERVICE as GPS;
use kit::clock::Clock;
use kit::machine::ConnId;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use replay::machines;
use replay::player::{Options, replay};
use replay::recorder::FLUSH_INTERVAL;
use replay::report::Outcome;
use replay::session::Session;
use serde_json::{Value, json};

use rover::Rover;
use stage::Stage;

const HOURS: f64 = 8.0;
/// Of a session of [`SHORT_S`].
const RUNS: usize = 1_000;
const SHORT_S: u64 = 60;
/// Of `depot replay`; the fastest and the median are told.
const REPLAYS: usize = 5;
const ROVERS: [&str; 10] =
    ["bvr-01", "bvr-02", "bvr-03", "bvr-04", "bvr-05", "bvr-06", "bvr-07", "bvr-08", "bvr-09", "bvr-10"];
const CONSOLES: usize = 4;
/// Each rover says so often that it is there.
const BEAT_S: u64 = 2;
/// And reaches a waypoint so often.
const WAYPOINT_S: u64 = 10;
const WAYPOINTS: u32 = 60;
/// A port is read so often, and what came meanwhile is one input.
const READ_INTERVAL: Duration = Duration::from_millis(10);
/// Each connection is pinged so often.
const PING_S: u64 = 30;

fn main() {
    if !env::args().any(|arg| arg == "--bench") {
        return println!("measures only when asked to: cargo bench --bench eight_hours");
    }
    let mut args = env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let hours = args.next().map_or(HOURS, |arg| arg.parse().unwrap());
    let runs = args.next().map_or(RUNS, |arg| arg.parse().unwrap());
    let clock = Clock::start();
    let begun = clock.now();
    let folder = tempfile::tempdir().unwrap();
    let file = env::var_os("DEPOT_BENCH_KEEP").map_or(folder.path().join("day.mcap"), Into::into);
    let duration = Duration::from_secs_f64(hours * 3600.0);
    fs::write(&file, day(duration.as_secs())).unwrap();
    let bytes = fs::metadata(&file).unwrap().len();
    let made = clock.now() - begun;
    let session = Session::open(&file).unwrap();
    let events = session.events().unwrap().map(Result::unwrap).count();
    println!(
        "{hours} h: {events} events, {:.1} MB (made in {:.1} s)",
        bytes as f64 / 1e6,
        made.as_secs_f64()
    );
    verify(&file, &clock);
    thousand(runs, &clock);
}

/// `depot replay`, some times.
fn verify(file: &Path, clock: &Clock) {
    let mut took = Vec::new();
    for _ in 0..REPLAYS {
        let (begun, cpu) = (clock.now(), children_s());
        let output = Command::new(env!("CARGO_BIN_EXE_depot")).arg("replay").arg(file).output().unwrap();
        let elapsed = clock.now() - begun;
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        took.push((elapsed, children_s() - cpu, said));
    }
    took.sort_unstable_by_key(|(elapsed, ..)| *elapsed);
    for (which, (elapsed, cpu_s, said)) in [("fastest", &took[0]), ("median", &took[REPLAYS / 2])] {
        let text = said.lines().next().unwrap_or_default();
        println!(
            "depot replay, {which} of {REPLAYS}: {:.2} s, {cpu_s:.2} s CPU; {text}",
            elapsed.as_secs_f64()
        );
    }
}

/// One digest from so many runs.
fn thousand(runs: usize, clock: &Clock) {
    let session = Session::from_bytes(day(SHORT_S)).unwrap();
    let (begun, mut digests, mut inputs) = (clock.now(), BTreeSet::new(), 0);
    for _ in 0..runs {
        let report = replay(&session, &machines::build, Options { twice: false }).unwrap();
        assert_eq!(report.outcome(), Outcome::Same, "{report}");
        inputs = report.inputs;
        digests.extend(report.digests);
    }
    let elapsed = clock.now() - begun;
    println!(
        "{SHORT_S} s, {inputs} inputs, {runs} runs on one core in {elapsed:.1?}: {} digest(s)",
        digests.len()
    );
    assert_eq!(digests.len(), 1);
}

/// User and system time of the processes waited for.
fn children_s() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
}

/// So much of it; the file.
fn day(seconds: u64) -> Vec<u8> {
    let receiver = format!("scenario:seed=8,survey=60,accuracy=2,duration={seconds}");
    let mut s = Stage::new(&[DISCOVERY, DISPATCH, GPS], Some(&receiver));
    s = s.flushing(FLUSH_INTERVAL).reading(READ_INTERVAL);
    s.until(200);
    let mut consoles: Vec<(&str, ConnId)> = Vec::new();
    for _ in 0..CONSOLES {
        for (service, path, query) in
            [(GPS, "/ws", ""), (DISCOVERY, "/ws", "delta=1"), (DISPATCH, "/ws/console", "")]
        {
            consoles.push((service, s.opens(service, path, query)));
        }
    }
    let waypoints: Vec<Value> = (0..WAYPOINTS).map(|n| json!({ "x": f64::from(n), "y": 0.5 })).collect();
    let zone = makes(&mut s, "POST /zones", &json!({ "name": "Yard", "waypoints": waypoints }));
    let mut rovers = Vec::new();
    for name in ROVERS {
        let mut rover = Rover::new(name);
        rover.registers(&mut s);
        rover.connects(&mut s);
        let mission = json!({ "name": format!("{name}'s"), "zoneId": zone, "roverId": name });
        rovers.push((rover, makes(&mut s, "POST /missions", &mission)));
    }
    for second in 1..seconds.saturating_sub(1) {
        for (n, (rover, mission)) in (0..).zip(&mut rovers) {
            s.until(second * 1000 + n * 73);
            if (second + n).is_multiple_of(BEAT_S) {
                rover.beats(&mut s, second as f64 / 10.0);
            }
            if (second + n).is_multiple_of(WAYPOINT_S) {
                rover.listens(&mut s);
                if rover.has_task() {
                    rover.drives(&mut s);
                } else {
                    s.asks(DISPATCH, &format!("POST /missions/{mission}/start"), "");
                }
            }
        }
        for (n, (service, conn)) in (0..).zip(&consoles) {
            s.told(service, *conn);
            if (second + n).is_multiple_of(PING_S) {
                s.pinged(service, *conn);
            }
        }
    }
    s.finish()
}

/// Made and committed; its id.
fn makes(s: &mut Stage, call: &str, body: &Value) -> String {
    let (status, made) = s.gets(DISPATCH, call, &body.to_string());
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}
