//! A part of a session.

use replay::player::{Plan, replay_planned};
use replay::report::{DifferenceKind, Outcome, Report};
use replay::window::Window;

use crate::toy::{Fault, factory, recorded, session};

/// Four rounds of 181 ms, `from`, `until` and `only` as on the command line.
fn part(fault: Fault, from: &str, until: &str, only: &str) -> Report {
    let some = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    let only = (!only.is_empty()).then(|| only.parse().unwrap());
    let window = Window { from: some(from), until: some(until), only };
    let plan = Plan { window: &window, tell: 100, ..Plan::default() };
    replay_planned(&session(recorded(4)), &*factory(fault), &plan).unwrap()
}

#[test]
fn only_what_lies_in_the_part_is_told() {
    // Two requests in each round go unanswered, 156 and 161 ms after its beginning.
    for (from, until, count) in [
        ("", "", 8),
        ("0.5", "", 4),
        ("520ms", "", 3),
        ("", "0.5s", 4),
        ("0.3", "0.5", 2),
        ("2026-09-21T14:13:20.645Z", "", 3),
        ("9", "", 0),
    ] {
        let report = part(Fault::Mute, from, until, "");
        assert_eq!(
            (report.differences, report.list.len()),
            (count, count as usize),
            "{from} {until}: {report}"
        );
        assert!(report.list.iter().all(|difference| difference.kind == DifferenceKind::Missing));
        assert!(report.lossy.is_none(), "it was asked for");
    }
    // The state at the end is not in a part that ends before.
    assert_eq!(part(Fault::State, "0.1", "", "").differences, 1);
    assert_eq!(part(Fault::State, "0.1", "0.4", "").outcome(), Outcome::Same);
}

#[test]
fn only_one_connection_is_told_of() {
    assert_eq!(part(Fault::Mute, "", "", "2").differences, 0);
    assert_eq!(part(Fault::Mute, "", "", "toy").differences, 8);
    assert_eq!(part(Fault::Mute, "", "", "other").differences, 0);
    // What is published is told to whoever is connected then.
    assert_eq!(part(Fault::Twice, "", "", "").differences, 4);
    for only in ["2", "toy/4"] {
        assert_eq!(part(Fault::Twice, "", "", only).differences, 1, "{only}");
        assert_eq!(part(Fault::Swap, "", "", only).differences, 1, "{only}");
    }
    assert_eq!(part(Fault::Twice, "", "", "other/4").differences, 0);
}
