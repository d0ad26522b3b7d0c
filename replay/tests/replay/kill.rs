//! kill -9 at any moment loses nothing older than 250 ms.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::Timestamp;
use kit::tap::Body;
use replay::player::{Options, replay};
use replay::recorder::Recorder;
use replay::report::Outcome;
use replay::session::Session;

use crate::toy::{Fault, Shell, about, factory};

const CHILD_FILE: &str = "DEPOT_REPLAY_TEST_CHILD_FILE";
/// A machine too busy to run a thread for 100 ms may break the promise once; a broken recorder always does.
const ATTEMPTS: usize = 4;
const PROMISE: Duration = Duration::from_millis(250);

#[test]
fn a_kill_loses_nothing_older_than_250_ms() {
    let mut lost = Vec::new();
    while lost.len() < ATTEMPTS && lost.last().is_none_or(|age| *age > PROMISE) {
        lost.push(oldest_lost());
    }
    assert!(lost.last().is_some_and(|age| *age <= PROMISE), "lost {lost:?}");
}

/// Kills a recording child; how old the oldest event was, at the kill, that isn't in the file.
fn oldest_lost() -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.mcap");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--nocapture"])
        .env(CHILD_FILE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut times: Vec<Timestamp> = lines
        .filter_map(|line| line.strip_prefix("event ").and_then(|ns| ns.parse().ok()))
        .map(Duration::from_nanos)
        .take(700)
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let killed_at = times.pop().unwrap();
    let session = Session::open(&path).unwrap();
    let last = session.events().unwrap().map_while(Result::ok).map(|event| event.at).max().unwrap();
    let report = replay(&session, &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!((report.outcome(), report.differences), (Outcome::Lossy, 0), "{report}");
    assert!(report.inputs > 100);
    let oldest_lost = times.into_iter().find(|at| *at > last);
    oldest_lost.map_or(Duration::ZERO, |at| killed_at.saturating_sub(at))
}

/// Not a test by itself: records an event each millisecond and tells its time, until it is killed.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD_FILE) else { return };
    let clock = Clock::start();
    let (_recorder, tap) = Recorder::create(Path::new(&path), &about(), clock).unwrap();
    let mut shell = Shell::start(&tap, "toy", clock.now());
    let (_never, ticks) = mpsc::channel::<()>();
    for n in 0..100_000_u64 {
        let at = clock.now();
        shell.input(
            at.saturating_sub(shell.now).as_millis() as u64,
            crate::toy::bytes(n.to_le_bytes().into()),
        );
        tap.of("toy").record(shell.now, Body::Session(kit::tap::SessionEvent::Pong { conn: n }));
        let mut out = std::io::stdout().lock();
        writeln!(out, "event {}", shell.now.as_nanos()).and_then(|()| out.flush()).unwrap();
        drop(out);
        let _ = ticks.recv_timeout(Duration::from_millis(1));
    }
}
