//! A suite of the kept sessions, as a crate's test program would run it.

use std::path::Path;

use kit::machine::Machine;
use kit::tap::Start;

use super::*;
use crate::machines::{self, BuildError};
use crate::report::DifferenceKind;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/sessions");

fn suite(pattern: &'static str, factory: &'static Factory<'static>) -> Suite {
    Suite { pattern, root: KEPT, target: option_env!("CARGO_TARGET_TMPDIR"), factory, holds: |_, _| () }
}

/// Draws other ids than the recorded dispatch did.
fn another_seed(service: &str, start: &Start) -> Result<Box<dyn Machine>, BuildError> {
    machines::build(service, &Start { seed: start.seed.wrapping_add(1), ..start.clone() })
}

fn selected(pattern: &str) -> Selected {
    select::sessions(&[Path::new(KEPT).join(pattern)]).unwrap().swap_remove(0)
}

#[test]
fn a_session_is_a_test_under_its_path() {
    let names = |pattern| -> Vec<String> {
        trials(suite(pattern, &machines::build)).iter().map(|trial| trial.name().to_owned()).collect()
    };
    for pattern in [".", "**/*.mcap"] {
        let names = names(pattern);
        assert!(names.contains(&"commit-fails".to_owned()), "{names:?}");
        assert!(names.contains(&"v1/base-survey-in".to_owned()), "{names:?}");
    }
    assert_eq!(names("commit-fails.mcap"), ["commit-fails"]);
}

#[test]
fn a_suite_of_nothing_fails() {
    for pattern in ["none*.mcap", "a***"] {
        let trials = trials(suite(pattern, &machines::build));
        assert_eq!(trials.len(), 1);
        let arguments = Arguments { logfile: Some("/dev/null".to_owned()), ..Arguments::default() };
        let conclusion = libtest_mimic::run(&arguments, trials);
        assert_eq!((conclusion.num_failed, conclusion.num_passed), (1, 0), "{pattern}");
    }
}

#[test]
fn what_is_as_recorded_passes() {
    let suite = suite("commit-fails.mcap", &machines::build);
    assert!(check(suite, "commit-fails", &selected("commit-fails.mcap")).is_ok());
}

#[test]
fn a_difference_leaves_its_report_the_seeds_and_a_smaller_session() {
    let suite = suite("commit-fails.mcap", &another_seed);
    let failed = check(suite, "seed-commit-fails", &selected("commit-fails.mcap")).unwrap_err();
    let told = failed.message().unwrap();
    assert!(told.contains("commit-fails.mcap"), "{told}");
    assert!(told.contains("\nseeds: dispatch 1\n"), "{told}");
    let path = told.rsplit_once(": ").map(|(_, path)| Path::new(path.trim())).unwrap();
    assert!(path.ends_with("shrunk/seed-commit-fails.mcap"), "{told}");
    let smaller = Session::open(path).unwrap();
    let again = crate::player::replay(&smaller, &another_seed, Options::default()).unwrap();
    assert_eq!((again.outcome(), again.first.unwrap().kind), (Outcome::Differs, DifferenceKind::Different));
    assert!(again.inputs <= 3, "{} inputs are left", again.inputs);
}

/// Ids are numbered and times are since the start.
#[test]
fn a_meaning_holds_neither_ids_nor_dates() {
    let session = Session::open(&Path::new(KEPT).join("commit-fails.mcap")).unwrap();
    let report = crate::player::replay(&session, &machines::build, Options { twice: false }).unwrap();
    let meant = meaning(&session, &report).unwrap();
    assert!(meant.contains("commit 3 failed: the disk is full"), "{meant}");
    assert!(meant.contains(r#""id":"id-1""#) && !meant.contains("2026-"), "{meant}");
}
