//! Recordings in parts, rings, and what an operator may ask.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kit::clock::Clock;
use kit::tap::{Body, Tap};
use replay::player::{Options, replay};
use replay::recorder::{Control, ControlError, Plan, Recorder, RingLimits, Rotate};
use replay::report::{Lossy, Outcome};
use replay::select;
use replay::session::Session;
use replay::tools::series::Series;
use replay::tools::{OutFile, ToolError, info};

use crate::toy::{self, Fault, Shell, bytes, factory};

fn start(plan: &Plan) -> (Recorder, Control, Tap) {
    Recorder::start(plan, &toy::about(), Clock::start()).unwrap()
}

fn ring(folder: &Path, span_s: u64, bytes: usize) -> Plan {
    let ring = Some(RingLimits { span: Duration::from_secs(span_s), bytes });
    Plan { ring, folder: folder.to_owned(), ..Plan::default() }
}

/// Noise, so that a file grows; told in full before it returns.
fn noise(shell: &mut Shell, control: &Control, rounds: u32) {
    for n in 0..rounds {
        let data =
            (0..20_000_u32).map(|i| (i.wrapping_mul(2_654_435_761).rotate_left(n + 7) >> 13) as u8).collect();
        shell.input(100, bytes(data));
        // An answer says that all before was taken.
        control.state().unwrap();
    }
}

fn mcaps(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn lossy(path: &Path) -> (Outcome, Option<Lossy>) {
    let report = replay(&Session::open(path).unwrap(), &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!(report.differences, 0, "{report}");
    (report.outcome(), report.lossy)
}

#[test]
fn parts_are_one_recording_together_and_sessions_alone() {
    let folder = tempfile::tempdir().unwrap();
    let rotate = Rotate { bytes: Some(60_000), ..Rotate::default() };
    let plan = Plan { file: Some(folder.path().join("base.mcap")), rotate, ..Plan::default() };
    let (recorder, control, tap) = start(&plan);
    let mut shell = Shell::start(&tap, "toy", toy::epoch());
    shell.live(2);
    noise(&mut shell, &control, 20);
    shell.end();
    drop(tap);
    let summary = recorder.finish().unwrap();
    let parts = mcaps(folder.path());
    assert!(parts.len() > 3, "{parts:?}");
    assert!(parts[1].ends_with("base.0002.mcap"), "{parts:?}");
    // Alone: the first has no end; each other begins in mid-life.
    assert!(matches!(lossy(&parts[0]), (Outcome::Lossy, Some(Lossy::NoEnd { .. }))));
    for part in &parts[1..] {
        assert!(matches!(lossy(part), (Outcome::Lossy, Some(Lossy::MidLife { .. }))));
        let told = info::info(&Series::open(std::slice::from_ref(part)).unwrap()).unwrap();
        assert!(told.replay.starts_with("not at core level: it begins in mid-life"), "{told}");
        assert!(told.notes.contains_key("continues"), "{told}");
    }
    // Together, as a folder: all of it.
    let series = Series::open(&[folder.path().to_owned()]).unwrap();
    let told = info::info(&series).unwrap();
    assert_eq!(
        (told.events, told.lost, told.replay.as_str()),
        (summary.events, 0, "whole, at core level"),
        "{told}"
    );
    let joined = folder.path().join("joined.mcap");
    series.join(OutFile::create(&joined, false, &parts).unwrap()).unwrap();
    assert_eq!(lossy(&joined).0, Outcome::Same);
    // One of them missing.
    let some = [parts[0].clone(), parts[2].clone()];
    assert!(matches!(Series::open(&some), Err(ToolError::NotASeries { .. })));
}

#[test]
fn parts_replay_as_one_session_as_far_as_they_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let (file, inside) = (folder.path().join("base.mcap"), folder.path().join("inside"));
    let rotate = Rotate { bytes: Some(60_000), ..Rotate::default() };
    let plan = Plan { file: Some(file.clone()), rotate, ..Plan::default() };
    let (recorder, control, tap) = start(&plan);
    let mut shell = Shell::start(&tap, "toy", toy::epoch());
    shell.live(2);
    noise(&mut shell, &control, 20);
    shell.end();
    drop(tap);
    recorder.finish().unwrap();
    let parts = mcaps(folder.path());
    fs::create_dir(&inside).unwrap();
    // A session beside it, and a copy of a part, are nothing of it.
    fs::write(folder.path().join("other.mcap"), toy::recorded(1)).unwrap();
    let replayed = |paths: &[PathBuf]| -> Vec<(Outcome, String)> {
        let each = select::sessions(paths).unwrap();
        each.iter()
            .map(|selected| {
                let session = selected.open().unwrap();
                let report = replay(&session, &*factory(Fault::None), Options::default()).unwrap();
                assert_eq!(report.differences, 0, "{report}");
                (report.outcome(), report.lossy.map(|lossy| lossy.to_string()).unwrap_or_default())
            })
            .collect()
    };
    let whole = (Outcome::Same, String::new());
    assert_eq!(replayed(&[folder.path().to_owned()]), [whole.clone(), whole.clone()]);
    assert_eq!(replayed(&[folder.path().join("base.*.mcap")]), vec![whole.clone()]);
    // A shell's expansion, in whatever order, and the name that was given to `--record`.
    assert_eq!(replayed(&parts.iter().rev().cloned().collect::<Vec<_>>()), vec![whole.clone()]);
    assert_eq!(replayed(std::slice::from_ref(&file)), [whole]);
    let named = Session::open_named(&file).unwrap();
    assert_eq!(replay(&named, &*factory(Fault::None), Options::default()).unwrap().outcome(), Outcome::Same);
    assert!(Session::open_named(&folder.path().join("none.mcap")).is_err());
    // One that is missing is named, and what follows isn't made up.
    let away = inside.join("third");
    fs::rename(&parts[2], &away).unwrap();
    let [(outcome, why)] = &replayed(std::slice::from_ref(&file))[..] else { panic!() };
    assert_eq!(*outcome, Outcome::Lossy);
    assert!(why.contains("base.0003.mcap is missing, after"), "{why}");
    fs::rename(&away, &parts[2]).unwrap();
    // A damage is told with its file.
    let bytes = fs::read(&parts[1]).unwrap();
    fs::write(&parts[1], &bytes[..bytes.len() / 2]).unwrap();
    let [(_, why)] = &replayed(std::slice::from_ref(&file))[..] else { panic!() };
    assert!(why.contains("base.0002.mcap: the recording is cut off at byte"), "{why}");
    fs::write(&parts[1], &bytes).unwrap();
    // Without its beginning it begins in mid-life, alone or with others.
    for some in [&parts[1..2], &parts[1..]] {
        let [(outcome, why)] = &replayed(some)[..] else { panic!() };
        assert!(*outcome == Outcome::Lossy && why.contains("begins in mid-life"), "{why}");
    }
}

#[test]
fn only_so_many_parts_are_kept_and_an_earlier_series_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let rotate = Rotate { every: Some(Duration::from_millis(500)), keep: Some(2), bytes: None };
    let plan = Plan { file: Some(folder.path().join("base.mcap")), rotate, ..Plan::default() };
    for moved in [false, true] {
        let (recorder, control, tap) = start(&plan);
        assert_eq!(recorder.moved_aside().is_some(), moved);
        let mut shell = Shell::start(&tap, "toy", toy::epoch());
        noise(&mut shell, &control, 24);
        shell.end();
        drop(tap);
        recorder.finish().unwrap();
    }
    let names: Vec<String> = mcaps(folder.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["base-1.0004.mcap", "base-1.0005.mcap", "base.0004.mcap", "base.0005.mcap"]);
}

#[test]
fn a_young_ring_replays_whole_and_an_old_one_says_that_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, control, tap) = start(&ring(folder.path(), 2, 1 << 30));
    let mut shell = Shell::start(&tap, "toy", toy::epoch());
    shell.live(2);
    control.state().unwrap();
    let young = control.dump("a test").unwrap();
    assert_eq!(young.events, toy::events(2).len() as u64 - 1);
    // It goes on: there is no end. But all is as recorded.
    assert!(matches!(lossy(&young.file), (Outcome::Lossy, Some(Lossy::NoEnd { .. }))));
    noise(&mut shell, &control, 40);
    let old = control.dump("a test").unwrap();
    assert_ne!(old.file, young.file);
    assert!(matches!(lossy(&old.file), (Outcome::Lossy, Some(Lossy::MidLife { .. }))));
    let session = Session::open(&old.file).unwrap();
    let events: Vec<_> = session.events().unwrap().map(Result::unwrap).collect();
    assert!(matches!(events[0].body, Body::Start(_)) && matches!(events[1].body, Body::Gap(_)));
    let (first, last) = (&events[2], events.last().unwrap());
    assert!(last.at - first.at <= Duration::from_secs(2) && last.at - first.at > Duration::from_millis(1500));
    assert_eq!(session.about().notes["trigger"], "a test");
    drop((shell, tap));
    recorder.finish().unwrap();
}

#[test]
fn a_ring_is_bounded_by_bytes_too() {
    let folder = tempfile::tempdir().unwrap();
    let (_recorder, control, tap) = start(&ring(folder.path(), 3600, 200_000));
    let mut shell = Shell::start(&tap, "toy", toy::epoch());
    noise(&mut shell, &control, 50);
    let (events, bytes) = control.state().unwrap().ring.unwrap();
    assert!(bytes <= 200_000 && events < 30 && events > 3, "{events} {bytes}");
}

#[test]
fn an_alarm_writes_the_ring_once() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, control, tap) = start(&ring(folder.path(), 10, 1 << 20));
    let mut shell = Shell::start(&tap, "toy", toy::epoch());
    shell.live(1);
    for _ in 0..5 {
        control.alarm();
        control.state().unwrap();
    }
    // One more by hand: it waits for nothing but says so if the alarm's is still being written.
    let by_hand = loop {
        match control.dump("a test") {
            Err(ControlError::Dumping) => {}
            dumped => break dumped.unwrap(),
        }
    };
    assert!(by_hand.file.exists());
    let written = mcaps(folder.path());
    assert_eq!(written.len(), 2, "{written:?}");
    drop((shell, tap));
    recorder.finish().unwrap();
}

#[test]
fn an_operator_starts_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { folder: folder.path().to_owned(), ..Plan::default() };
    let (recorder, control, tap) = start(&plan);
    assert!(matches!(control.stop(), Err(ControlError::NotRecording)));
    assert!(matches!(control.dump("a test"), Err(ControlError::NoRing)));
    let mut shell = Shell::start(&tap, "toy", toy::epoch());
    shell.live(1);
    control.state().unwrap();
    let file = control.start().unwrap();
    assert!(matches!(control.start(), Err(ControlError::Recording { .. })));
    shell.live(1);
    control.state().unwrap();
    let (stopped, summary) = control.stop().unwrap();
    assert_eq!((&stopped, summary.events), (&file, 19));
    assert!(matches!(lossy(&file), (Outcome::Lossy, Some(Lossy::MidLife { .. }))));
    shell.live(1);
    drop((shell, tap));
    assert_eq!(recorder.finish().unwrap(), summary);
    assert!(matches!(control.state(), Err(ControlError::Gone)));
}
