//! Recording and replaying with the real program, from a shell's point of view.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::{Output as Out, Timestamp};
use kit::tap::{Body, SessionEvent, Write};
use nix::sys::signal::Signal;
use replay::format::Kind;
use replay::session::{Recorded, Session};

use crate::support::{capture, depot, skip, stderr, stdout};

mod bad_files;
mod disk;
mod running;

use running::{Console, Running};

/// Surveyed in after a second and a half at twenty times real time.
const BASE: &str = "scenario:seed=3,survey=20,accuracy=3";

/// Runs `depot` in a folder to its end.
fn run(folder: &Path, args: &[&str]) -> Output {
    depot().current_dir(folder).args(args).output().expect("depot runs")
}

/// The wire is what is recorded: all that a console got, and nothing else.
#[tokio::test]
async fn what_a_console_saw_is_recorded_and_replays() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::up(folder.path(), &["--gnss", BASE, "--rate", "20", "--record", "base.mcap"]);
    let mut console = Console::connect(&running.consoles, Clock::start()).await;
    console.until(|_, status| status.rtcm_messages.iter().any(|message| message.number == 1077)).await;
    running.signal(Signal::SIGTERM);
    assert_eq!(console.closed().await, 1001);
    let (code, log) = running.ended();
    assert_eq!(code, Some(0), "{log}");

    let replayed = run(folder.path(), &["replay", "base.mcap"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    assert!(stdout(&replayed).ends_with(" × real time), 0 differences\n"), "{}", stdout(&replayed));
    let events = events(&folder.path().join("base.mcap"));
    let seen: Vec<&str> = console.frames.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(seen, sent(&events, 1), "what the console got is what is recorded as sent");
}

/// A machine too busy to run a thread for 100 ms may break the promise once; a broken recorder always does.
const ATTEMPTS: usize = 4;
/// What a kill may cost.
const PROMISE: Duration = Duration::from_millis(250);
/// Between two pieces of the receiver's stream at twenty times real time, and the way to the machine.
const QUIET: Duration = Duration::from_millis(100);

/// Judged from outside: every frame that a console had for 250 ms at the kill is in the file; and the file's
/// last event is no older than that, but for the time in which nothing happened.
#[tokio::test]
async fn a_kill_costs_no_more_than_250_ms() {
    let mut lost = Vec::new();
    while lost.len() < ATTEMPTS
        && lost.last().is_none_or(|(frame, last)| *frame > PROMISE || *last > PROMISE + QUIET)
    {
        lost.push(kill().await);
    }
    let best = lost.last().expect("one attempt");
    assert!(
        best.0 <= PROMISE && best.1 <= PROMISE + QUIET,
        "(oldest frame lost, age of the last event): {lost:?}"
    );
}

/// Kills a depot that records: the age of the oldest frame lost, and of the last event kept.
async fn kill() -> (Duration, Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let running = Running::up(folder.path(), &["--gnss", BASE, "--rate", "20", "--record", "base.mcap"]);
    let clock = Clock::start();
    let mut console = Console::connect(&running.consoles, clock).await;
    console.until(|frames, _| frames >= 10).await;
    running.signal(Signal::SIGKILL);
    let killed_at = clock.now();
    assert_eq!(running.ended().0, None);

    let replayed = run(folder.path(), &["replay", "base.mcap"]);
    let out = stdout(&replayed);
    assert_eq!(replayed.status.code(), Some(3), "{out}{}", stderr(&replayed));
    let first = out.lines().next().unwrap_or_default();
    assert!(first.starts_with("the recording is cut off at byte ") && first.ends_with(" events"), "{out}");
    assert!(out.contains(", 0 differences\n"), "{out}");
    let events = events(&folder.path().join("base.mcap"));
    assert!(events.len() > 20, "the prefix was replayed: {} events", events.len());
    let last_at = events.last().map_or(Timestamp::ZERO, |event| event.at);
    let kept: Vec<&str> = told(&events).map(|(_, text)| text).collect();
    let oldest_lost = console.frames.iter().find(|(_, text)| !kept.contains(&text.as_str()));
    let age = |at: Timestamp| killed_at.saturating_sub(at);
    (oldest_lost.map_or(Duration::ZERO, |(at, _)| age(*at)), age(last_at))
}

/// The README's way: a surveyed-in F9P base, as fast as it can be taken.
#[test]
fn a_real_base_is_recorded_and_replays() {
    let Some(capture) = capture("pygnssutils/pygpsdata-rtcm3.log") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), &capture.display().to_string(), "base.mcap");
    let replayed = run(folder.path(), &["replay", "base.mcap"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stdout(&replayed));
    assert!(stdout(&replayed).ends_with(", 0 differences\n"), "{}", stdout(&replayed));
    let events = events(&folder.path().join("base.mcap"));
    let Some(Body::End(status)) = events.last().map(|event| &event.body) else { panic!("it has no end") };
    assert_eq!(status["surveyIn"]["valid"], true, "{status}");
    let rtcm = status["rtcmMessages"].as_array().expect("a list").iter();
    let counts: Vec<_> = rtcm.map(|message| (message["type"].as_u64(), message["count"].as_u64())).collect();
    // As in COUNTS.json.
    let types = [1005, 1077, 1087, 1097, 1127, 1230, 4072];
    assert_eq!(counts, types.map(|number| (Some(number), Some(158))), "{status}");
}

#[test]
fn an_earlier_recording_is_moved_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in [1, 2] {
        let gnss = format!("scenario:seed={seed},duration={seed}");
        let recorded = record(folder.path(), &gnss, "base.mcap");
        let moved = stderr(&recorded).contains("moved aside earlier=base-1.mcap");
        assert_eq!(moved, seed == 2, "{}", stderr(&recorded));
    }
    let replayed = run(folder.path(), &["replay", "base-1.mcap", "base.mcap"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    let out = stdout(&replayed);
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        matches!(lines[..], [first, second, _] if first.starts_with("base-1.mcap: ") && second.starts_with("base.mcap: ")),
        "{out}"
    );
    assert!(lines.iter().take(2).all(|line| line.ends_with(", 0 differences")), "{out}");
    assert!(lines[2].starts_with("2 sessions: 2 as recorded; "), "{out}");
    let source =
        |file| Session::open(&folder.path().join(file)).expect("a session").about().notes["source"].clone();
    assert_eq!(
        [source("base-1.mcap"), source("base.mcap")],
        ["scenario:seed=1,duration=1", "scenario:seed=2,duration=2"]
    );
}

#[test]
fn one_bad_file_among_several_stops_none() {
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), "scenario:duration=1", "base.mcap");
    let replayed = run(folder.path(), &["replay", "nowhere.mcap", "base.mcap"]);
    assert_eq!(replayed.status.code(), Some(4));
    let out = stdout(&replayed);
    assert!(
        out.starts_with("nowhere.mcap: not replayed\nbase.mcap: ")
            && out.contains("0 differences\n2 sessions: 1 as recorded, 1 not replayed; "),
        "{out}"
    );
}

#[test]
fn a_demo_replays_what_it_recorded_and_keeps_the_last_of_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    for named in [&["--record", "mine.mcap"] as &[&str], &[], &[]] {
        let demo = ["demo", "--for", "1s", "--rate", "20", "--gps-status-port", "0"];
        let demo = run(folder.path(), &[&demo, named].concat());
        assert_eq!(demo.status.code(), Some(0), "{}", stderr(&demo));
        let out = stdout(&demo);
        assert!(
            out.contains("\nReplaying what was recorded:\n") && out.ends_with(", 0 differences\n"),
            "{out}"
        );
    }
    assert!(!events(&folder.path().join("depot-data/demo.mcap")).is_empty());
    assert!(folder.path().join("mine.mcap").exists());
    let kept = std::fs::read_dir(folder.path().join("depot-data")).expect("it is there");
    assert_eq!(kept.count(), 1);
}

/// Counts by schema and topic, after every body has been decoded.
const PYTHON: &str = r#"
import collections, json, sys
from mcap.reader import make_reader
reader = make_reader(open(sys.argv[1], "rb"), validate_crcs=True)
counts = collections.Counter()
for schema, channel, message in reader.iter_messages():
    assert (schema.encoding, channel.message_encoding) == ("jsonschema", "json")
    assert json.loads(schema.data)["type"] == "object"
    body = json.loads(message.data)
    assert isinstance(body, dict), body
    counts[f"{schema.name} {channel.topic}"] += 1
assert sum(counts.values()) == reader.get_summary().statistics.message_count
print(json.dumps(counts))
"#;

/// A reader that is not ours.
#[test]
fn pythons_mcap_reads_what_the_program_wrote() {
    let python = |args: &[&str]| Command::new("python3").args(args).output();
    if !python(&["-c", "import mcap"]).is_ok_and(|output| output.status.success()) {
        return skip("python3 with the package mcap is not installed");
    }
    let folder = tempfile::tempdir().expect("a folder");
    record(folder.path(), "scenario:duration=10", "base.mcap");
    let path = folder.path().join("base.mcap");
    let listed = python(&["-c", PYTHON, &path.display().to_string()]).expect("it ran before");
    assert!(listed.status.success(), "{}", stderr(&listed));
    let listed: BTreeMap<String, u64> =
        serde_json::from_slice(&listed.stdout).expect("the script prints JSON");
    let mut ours = BTreeMap::new();
    for event in events(&path) {
        let kind = Kind::of(&event.body);
        *ours.entry(format!("{} {}", kind.schema_name(), kind.topic(&event.service))).or_insert(0) += 1;
    }
    assert_eq!(listed, ours);
    for expected in [
        "depot.start /gps-status/start",
        "depot.in.stream /gps-status/in/stream",
        "depot.end /gps-status/end",
    ] {
        assert!(listed.contains_key(expected), "{listed:?}");
    }
}

/// A whole scenario, as fast as it goes.
fn record(folder: &Path, gnss: &str, file: &str) -> Output {
    let args = ["up", "--gnss", gnss, "--rate", "max", "--once", "--gps-status-port", "0", "--record", file];
    let recorded = run(folder, &args);
    assert_eq!(recorded.status.code(), Some(0), "{}", stderr(&recorded));
    recorded
}

/// What can be read of a recording.
fn events(path: &Path) -> Vec<Recorded> {
    let session = Session::open(path).expect("a session");
    session.events().expect("it can be opened again").map_while(Result::ok).collect()
}

/// Numbers and texts of the frames a service gave out.
fn told(events: &[Recorded]) -> impl Iterator<Item = (u64, &str)> {
    events.iter().filter_map(|event| match &event.body {
        Body::Out(Out::Send { text, .. } | Out::Publish { text, .. }) => Some((event.seq, text.as_str())),
        _ => None,
    })
}

/// The frames that one connection was written, as the session loop recorded it.
fn sent(events: &[Recorded], to: u64) -> Vec<&str> {
    let texts: BTreeMap<u64, &str> = told(events).collect();
    let writes = events.iter().filter_map(|event| match &event.body {
        Body::Session(SessionEvent::Written { writes, .. }) => Some(writes),
        _ => None,
    });
    let frames = writes.flatten().filter(|write| write.is_to(to)).flat_map(Write::numbers);
    frames.map(|seq| *texts.get(&seq).expect("a frame that was written was given out")).collect()
}
