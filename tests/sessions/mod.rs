//! The sessions of `fixtures/sessions`: recorded once, replayed for ever.
//!
//! That today's depot reads them and does to the bit what they say is the test (`each.rs`, one for each). They are
//! not made anew when the code changes. Where a change of behaviour is wanted, this writes them again:
//!
//!     DEPOT_WRITE_SESSIONS=1 cargo test --test depot sessions
//!
//! and the snapshots beside show what it means. Those in `v1` and `v2` were written by a depot that knew no later
//! format; they are never written again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Once;

use replay::format::{FORMAT_VERSION, Kind};
use replay::machines;
use replay::player::{Options, replay};
use replay::report::Outcome;
use replay::select;
use replay::session::Session;
use sha2::{Digest, Sha256};

mod rover;
mod scripts;
mod service;
mod stage;

use scripts::SCRIPTS;

/// A file in git is for ever; one larger than this wants a shorter story.
const MAX_FILE_BYTES: u64 = 300_000;

/// Files of a format that nothing writes any more, and their SHA-256.
const EARLIER: &[(&str, &str)] = &[
    ("v1/base-survey-in.mcap", "203ba501c726901ae4a73e74a065c97cba84f375874503861a0917f42deb717e"),
    ("v1/receiver-unplugged.mcap", "f85ed3926ad0df7e83e812a7ffad11b53263715ec1404a65217d95a2b4d2de5e"),
    ("v2/console-lags.mcap", "38ca374254ba0b678a1e2c716459001282466b056be93d823826d74bec704db5"),
    ("v2/dispatch-killed.mcap", "e83382d3195289b8e5076f86d1cee0315b99a169a948d16ca815c9f33736a51f"),
    ("v2/mission-three-rovers.mcap", "b4f5306b9bbc390cf80a7e80350895f57fd11227a1f8f73ec9815714269d5d31"),
];

/// Where the sessions lie.
pub fn folder() -> PathBuf {
    crate::support::root().join("fixtures/sessions")
}

/// Every kept session, written before if that is wanted.
pub fn kept() -> Vec<PathBuf> {
    static WRITTEN: Once = Once::new();
    if std::env::var_os("DEPOT_WRITE_SESSIONS").is_some_and(|value| !value.is_empty()) {
        WRITTEN.call_once(write);
    }
    let found = select::sessions(&[folder()]).expect("fixtures/sessions");
    found.into_iter().map(|selected| selected.path).collect()
}

#[test]
fn every_script_has_its_session() {
    let kept = kept();
    for script in SCRIPTS {
        let path = folder().join(format!("{}.mcap", script.name));
        assert!(kept.contains(&path), "{} is not kept", script.name);
        let size_bytes = std::fs::metadata(&path).expect("it is kept").len();
        assert!(size_bytes <= MAX_FILE_BYTES, "{} has {size_bytes} bytes", script.name);
    }
}

/// Else a kept session could not be made again, and a change of it would say nothing.
#[test]
fn a_script_makes_the_same_session_each_time() {
    for script in SCRIPTS {
        assert!(script.file() == script.file(), "{} differs from itself", script.name);
    }
}

/// A recording of every version of the format that was ever written replays to the bit, whatever is written today.
#[test]
fn every_format_version_replays() {
    let mut versions: BTreeMap<u32, u64> = BTreeMap::new();
    for path in kept() {
        let session = Session::open(&path).expect("a session");
        *versions.entry(session.format_version()).or_default() += 1;
        let name = path.display();
        let options = Options { twice: false };
        let report = replay(&session, &machines::build, options).expect("it can be replayed");
        assert!(matches!(report.outcome(), Outcome::Same | Outcome::Lossy), "{name}\n{report}");
        assert!(report.inputs > 0, "{name} holds no input");
    }
    let all: Vec<u32> = (1..=FORMAT_VERSION).collect();
    assert_eq!(versions.into_keys().collect::<Vec<_>>(), all, "a version has no recording");
}

/// Bytes that nothing can make again.
#[test]
fn earlier_formats_are_untouched() {
    for (name, expected) in EARLIER {
        let path = folder().join(name);
        let found = Sha256::digest(std::fs::read(&path).expect("it is kept"));
        let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&found, expected, "{name} was written again; take it from git");
        let session = Session::open(&path).expect("a session");
        assert!(session.format_version() < FORMAT_VERSION, "{name}");
    }
    let kept = kept().into_iter().filter(|path| path.parent() != Some(&folder())).count();
    assert_eq!(kept, EARLIER.len(), "each earlier session is listed");
}

/// Yesterday's file must be readable whatever is in it; only a gap is in none, because it ends a replay, and what a
/// proxy saw, which no machine is fed.
#[test]
fn kept_sessions_hold_every_kind_of_event() {
    let mut kinds: Vec<Kind> = Vec::new();
    for path in kept() {
        let session = Session::open(&path).expect("a session");
        let events = session.events().expect("it can be opened again");
        kinds.extend(events.map(|event| Kind::of(&event.expect("undamaged").body)));
        kinds.sort();
        kinds.dedup();
    }
    let rare = [Kind::Gap, Kind::ProxyHttp, Kind::ProxyWs, Kind::ProxyConn];
    assert_eq!(kinds, Kind::ALL.into_iter().filter(|kind| !rare.contains(kind)).collect::<Vec<_>>());
}

/// Each session says what it is there for.
#[test]
fn every_kept_session_is_explained() {
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("fixtures/sessions/README.md");
    for path in kept() {
        let name = path.strip_prefix(folder()).expect("it was found there").display().to_string();
        assert!(readme.contains(&format!("`{name}`")), "README.md doesn't say what {name} protects");
    }
}

fn write() {
    for script in SCRIPTS {
        let path: &Path = &folder().join(format!("{}.mcap", script.name));
        std::fs::write(path, script.file()).expect("fixtures/sessions can be written");
    }
}
