//! The fewest inputs that still fail.

use kit::machine::{Input, Output};
use kit::tap::Body;
use replay::player::{Options, replay};
use replay::report::{DifferenceKind, Outcome};
use replay::session::Session;
use replay::shrink::{self, Budget, ShrinkError, Shrunk, Trial};

use crate::toy::{self, Fault, factory};

/// No clock has a say: a slow machine finds what a fast one does.
const BUDGET: Budget = Budget::Trials(10_000);

fn shrunk(fault: Fault) -> Shrunk {
    let session = toy::session(toy::recorded(6));
    shrink::shrink(&session, &*factory(fault), BUDGET).unwrap_or_else(|error| panic!("{fault:?}: {error}"))
}

/// The inputs that are left, wake-ups aside.
fn inputs(shrunk: &Shrunk) -> Vec<String> {
    let session = Session::from_bytes(shrunk.bytes.clone()).unwrap();
    let inputs = session.events().unwrap().map(Result::unwrap).filter_map(|event| match event.body {
        Body::In(Input::Timer) => Some("timer".to_owned()),
        Body::In(Input::Text { text, .. }) => Some(text.to_string()),
        Body::In(Input::Open { conn, .. }) => Some(format!("open {conn}")),
        Body::In(Input::Http { path, .. }) => Some(path),
        Body::In(input) => Some(format!("{input:?}")),
        _ => None,
    });
    inputs.collect()
}

#[test]
fn what_is_left_is_what_the_fault_needs() {
    for (fault, kind, left) in [
        // The third text is counted wrong: three texts, each after its connection's opening.
        (
            Fault::Count,
            DifferenceKind::Different,
            &["open 1", "text 1", "timer", "open 2", "text 2", "timer", "open 3", "text 3"] as &[&str],
        ),
        (Fault::Mute, DifferenceKind::Missing, &["/count"]),
        (Fault::Swap, DifferenceKind::Reordered, &["open 1"]),
        // The state is wrong whatever was fed.
        (Fault::State, DifferenceKind::EndState, &[]),
    ] {
        let shrunk = shrunk(fault);
        assert_eq!(shrunk.kind, Some(kind), "{fault:?}");
        assert_eq!(inputs(&shrunk), left, "{fault:?}: {shrunk}");
        assert!(!shrunk.stopped);
    }
}

#[test]
fn a_shrunk_session_fails_alike_and_only_there() {
    for fault in [
        Fault::Count,
        Fault::Mute,
        Fault::Twice,
        Fault::Swap,
        Fault::Later,
        Fault::Eager,
        Fault::Panic,
        Fault::State,
    ] {
        let whole = toy::session(toy::recorded(6));
        let before = replay(&whole, &*factory(fault), Options::default()).unwrap();
        let shrunk = shrunk(fault);
        let smaller = Session::from_bytes(shrunk.bytes.clone()).unwrap();
        let after = replay(&smaller, &*factory(fault), Options::default()).unwrap();
        let (before, first) = (before.first.unwrap(), after.first.as_ref().unwrap());
        assert_eq!((first.kind, &first.service), (before.kind, &before.service), "{fault:?}");
        if fault != Fault::Later && fault != Fault::Eager {
            assert_eq!(after.differences, 1, "{fault:?}: {after}");
            assert_eq!(first.mismatch.path, before.mismatch.path, "{fault:?}");
        }
        assert_eq!(after.outcome(), Outcome::Differs, "{fault:?}");
        assert!(shrunk.inputs < shrunk.inputs_before, "{fault:?}: {shrunk}");
    }
}

#[test]
fn what_the_right_program_says_is_kept_where_it_is_wrong() {
    let shrunk = shrunk(Fault::Count);
    let session = Session::from_bytes(shrunk.bytes.clone()).unwrap();
    // The fault is gone: what was recorded is what comes.
    let replayed = replay(&session, &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!(replayed.differences, 0, "{replayed}");
    // To the bit, in the order of keys in which it was said: no other text has ever been recorded.
    let said = |session: &Session| {
        let texts = session.events().unwrap().map(Result::unwrap).filter_map(|event| match event.body {
            Body::Out(Output::Send { text, .. }) if text.as_str().contains("text 3") => {
                Some(text.to_string())
            }
            _ => None,
        });
        texts.last().unwrap()
    };
    let at = |text: &str| text.split_once("\"at\"").unwrap().0.to_owned();
    assert_eq!(at(&said(&session)), at(&said(&toy::session(toy::recorded(6)))));
    assert_eq!(session.about().notes["shrunk_to"], "another value at $.count");
}

#[test]
fn a_session_that_passes_is_not_shrunk() {
    let session = toy::session(toy::recorded(2));
    let error = shrink::shrink(&session, &*factory(Fault::None), BUDGET).unwrap_err();
    assert!(matches!(error, ShrinkError::Passes { .. }), "{error}");
}

#[test]
fn without_a_budget_the_whole_is_written() {
    let session = toy::session(toy::recorded(6));
    let shrunk = shrink::shrink(&session, &*factory(Fault::Count), Budget::Trials(0)).unwrap();
    assert!(shrunk.stopped && shrunk.trials == 0, "{shrunk}");
    let again = Session::from_bytes(shrunk.bytes).unwrap();
    let replayed = replay(&again, &*factory(Fault::Count), Options::default()).unwrap();
    assert_eq!(replayed.outcome(), Outcome::Differs);
}

#[test]
fn an_invariant_of_ones_own() {
    let session = toy::session(toy::recorded(6));
    let twice_published = |trial: &Trial| {
        let all = trial.fed.iter().flat_map(|fed| &fed.outputs);
        all.filter(|output| matches!(output, Output::Publish { .. })).count() >= 2
    };
    let shrunk =
        shrink::shrink_by(&session, "toy", &*factory(Fault::None), BUDGET, &twice_published).unwrap();
    // Two changes, far enough apart, and something later before which the second is told.
    let left = inputs(&shrunk);
    assert_eq!(left.iter().filter(|input| *input == "timer").count(), 2, "{left:?}");
    assert!(left.len() <= 5, "{left:?}");
    let smaller = Session::from_bytes(shrunk.bytes).unwrap();
    let replayed = replay(&smaller, &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!((replayed.differences, replayed.outcome()), (0, Outcome::Same), "{replayed}");
}
