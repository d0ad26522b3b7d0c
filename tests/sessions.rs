//! The sessions of `fixtures/sessions`: recorded once, replayed for ever.
//!
//! The files are not made anew when the code changes: that today's depot reads them and does to the bit what
//! they say is the test. Where a change of behaviour is wanted, this writes them again:
//!
//!     DEPOT_WRITE_SESSIONS=1 cargo test --test depot sessions
//!
//! and the snapshots beside show what it means for a console.

use std::path::{Path, PathBuf};

use replay::format::Kind;
use replay::machines;
use replay::player::{Options, replay};
use replay::report::Outcome;
use replay::session::Session;

mod meaning;
mod scripts;
mod stage;

use scripts::SCRIPTS;

/// A file in git is for ever; one larger than this wants a shorter story.
const MAX_FILE_BYTES: u64 = 300_000;

/// Where the sessions lie.
pub fn folder() -> PathBuf {
    crate::support::root().join("fixtures/sessions")
}

#[test]
fn every_kept_session_replays_to_the_bit() {
    if std::env::var_os("DEPOT_WRITE_SESSIONS").is_some_and(|value| !value.is_empty()) {
        write();
    }
    let names = names();
    for script in SCRIPTS {
        assert!(names.iter().any(|name| name == script.name), "{} is not kept", script.name);
    }
    for name in names {
        let path = folder().join(format!("{name}.mcap"));
        let size_bytes = std::fs::metadata(&path).expect("it was listed").len();
        assert!(size_bytes <= MAX_FILE_BYTES, "{name} has {size_bytes} bytes");
        let session = Session::open(&path).expect("a session");
        let report = replay(&session, &machines::build, Options::default()).expect("it can be replayed");
        assert_eq!(report.outcome(), Outcome::Same, "{name}\n{report}");
        assert_eq!((report.differences, report.digests.len()), (0, 2));
        assert_eq!(report.digests.first(), report.digests.last(), "{name}: one digest");
        insta::assert_snapshot!(name.clone(), meaning::of(&session, &report));
    }
}

/// Else a kept session could not be made again, and a change of it would say nothing.
#[test]
fn a_script_makes_the_same_session_each_time() {
    let script = SCRIPTS.last().expect("there is one");
    assert!(script.play() == script.play(), "{} differs from itself", script.name);
}

/// Yesterday's file must be readable whatever is in it; only a gap is in none, because it ends a replay.
#[test]
fn kept_sessions_hold_every_kind_of_event() {
    let mut kinds: Vec<Kind> = Vec::new();
    for name in names() {
        let session = Session::open(&folder().join(format!("{name}.mcap"))).expect("a session");
        let events = session.events().expect("it can be opened again");
        kinds.extend(events.map(|event| Kind::of(&event.expect("undamaged").body)));
        kinds.sort();
        kinds.dedup();
    }
    let rare = [Kind::Gap, Kind::InStore, Kind::OutStore];
    assert_eq!(kinds, Kind::ALL.into_iter().filter(|kind| !rare.contains(kind)).collect::<Vec<_>>());
}

/// Each session says what it is there for.
#[test]
fn every_kept_session_is_explained() {
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("fixtures/sessions/README.md");
    for name in names() {
        assert!(
            readme.contains(&format!("`{name}.mcap`")),
            "README.md doesn't say what {name}.mcap protects"
        );
    }
}

/// Without `.mcap`, in order.
fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("fixtures/sessions");
    let paths = files.map(|file| file.expect("it can be listed").path());
    let sessions = paths.filter(|path| path.extension().is_some_and(|extension| extension == "mcap"));
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = sessions.filter_map(stem).collect();
    names.sort();
    names
}

fn write() {
    for script in SCRIPTS {
        let path: &Path = &folder().join(format!("{}.mcap", script.name));
        std::fs::write(path, script.play()).expect("fixtures/sessions can be written");
    }
}
