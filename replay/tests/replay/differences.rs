use kit::machine::{Input, Output};
use kit::tap::Body;
use replay::machines;
use replay::player::{Options, ReplayError, replay};
use replay::report::{DifferenceKind, Outcome, Report};
use replay::writer::SessionWriter;

use crate::toy::{self, Fault, Shell, epoch, factory, record, recorded, session};

fn replayed(fault: Fault) -> Report {
    replay(&session(recorded(4)), &*factory(fault), Options::default()).unwrap()
}

fn first(report: &Report) -> (DifferenceKind, String) {
    let first = report.first.as_ref().unwrap();
    (first.kind, first.mismatch.path.clone())
}

#[test]
fn a_changed_answer_is_shown_with_its_place_and_history() {
    let report = replayed(Fault::Count);
    assert_eq!(report.outcome().exit_code(), 100);
    assert_eq!(report.differences, 1);
    let text = report.to_string();
    let told: Vec<&str> = text.lines().filter(|line| !line.contains(" inputs, ")).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    an output differs: +0.365 s (2026-09-21T14:13:20.488Z), toy, connection 3
      at        $.count
      expected  3
      found     4
      before it, in this service:
        +0.363 s  #41  in ws    connection 3 open /ws
        +0.363 s  #42  out ws   connection 3 {"conn":3,"type":"hello"}
        +0.363 s  #43  out ws   connection 3 {"data":{"bytes":60,"count":2},"type":"toy"}
        +0.363 s  #44  session  connection 3 pinged
        +0.365 s  #45  in ws    connection 3 text 3
    recorded by depot 0.0.9, replayed by 0.1.0
    If the new behaviour is wanted, accept it with --update; if not, the frames above lead to the change that broke it.
    "#);
    assert!(text.contains("40 inputs, 28 outputs, 0.7 s in "), "{text}");
}

#[test]
fn missing_extra_and_reordered_are_told_apart() {
    let mute = replayed(Fault::Mute);
    assert_eq!((first(&mute).0, mute.differences), (DifferenceKind::Missing, 8));
    assert!(mute.first.unwrap().mismatch.expected.unwrap().starts_with("out http request 1 200 {"));
    let twice = replayed(Fault::Twice);
    assert_eq!((first(&twice).0, twice.differences), (DifferenceKind::Extra, 4));
    assert_eq!(twice.first.as_ref().unwrap().mismatch.expected, None);
    let swap = replayed(Fault::Swap);
    assert_eq!((first(&swap).0, swap.differences), (DifferenceKind::Reordered, 4));
    for report in [twice, swap] {
        assert_eq!(report.outcome(), Outcome::Differs);
        assert!(report.first.unwrap().before.len() <= 5);
    }
}

#[test]
fn the_state_is_compared_at_both_ends() {
    let report = replayed(Fault::State);
    assert_eq!(first(&report), (DifferenceKind::EndState, "$.count".to_owned()));
    let (bytes, _) = record(|tap| {
        let start = kit::tap::Start {
            version: "0.0.9".to_owned(),
            seed: 0,
            config: serde_json::Value::Null,
            state: serde_json::json!({ "count": 1, "bytes": 0, "conns": [], "third": 0.0 }),
        };
        tap.of("toy").record(epoch(), Body::Start(start));
    });
    let report = replay(&session(bytes), &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!(first(&report), (DifferenceKind::StartState, "$.count".to_owned()));
}

#[test]
fn another_wake_up_is_a_difference() {
    let later = replayed(Fault::Later);
    assert_eq!(first(&later), (DifferenceKind::WakeUp, "the next wake-up".to_owned()));
    let mismatch = later.first.unwrap().mismatch;
    assert_eq!(mismatch.expected.as_deref(), Some("a wake-up now"));
    assert_eq!(mismatch.found.as_deref(), Some("2026-09-21T14:13:20.276Z"));
    let eager = replayed(Fault::Eager).first.unwrap();
    assert_eq!((eager.kind, eager.since_start.as_millis()), (DifferenceKind::WakeUp, 3));
    assert_eq!(eager.mismatch.expected.as_deref(), Some("none before this"));
}

#[test]
fn a_panic_is_a_difference() {
    let report = replayed(Fault::Panic);
    assert_eq!(first(&report).0, DifferenceKind::Panicked);
    assert_eq!(report.outcome(), Outcome::Differs);
    let first = report.first.unwrap();
    assert_eq!(first.mismatch.found.as_deref(), Some("count is 3"));
    assert!(first.before.last().unwrap().text.ends_with("text 3"), "{:?}", first.before);
}

#[test]
fn a_machine_that_draws_is_not_deterministic() {
    let report = replayed(Fault::Random);
    assert_eq!(report.outcome().exit_code(), 6);
    assert!(report.to_string().contains("two runs of the same session differ: digests "), "{report}");
    assert_eq!(first(&report), (DifferenceKind::Different, "$.drawn".to_owned()));
}

#[test]
fn outputs_after_the_last_input_count_too() {
    let mut events = toy::events(1);
    let timer = events.iter().rposition(|e| matches!(e.body, Body::In(Input::Timer))).unwrap();
    let end = events.pop().unwrap();
    events.truncate(timer + 1);
    events.push(end);
    let (bytes, _) = record(|tap| {
        let tap = tap.of("toy");
        events.into_iter().for_each(|event| {
            tap.record(event.at, event.body);
        });
    });
    let report = replay(&session(bytes), &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!(first(&report).0, DifferenceKind::Extra);
}

#[test]
fn a_service_without_an_end_is_no_success() {
    let told = |live: &dyn Fn(&kit::tap::Tap)| {
        let report = replay(&session(record(live).0), &*factory(Fault::None), Options::default()).unwrap();
        assert_eq!(report.outcome().exit_code(), 3, "{report}");
        assert_eq!(report.differences, 0, "{report}");
        report.to_string()
    };
    let crashed = |tap: &kit::tap::Tap| {
        Shell::start(tap, "toy-1", epoch()).end();
        let mut shell = Shell::start(tap, "toy-2", epoch());
        shell.live(2);
        // Amid its last input, whose output nobody saw.
        tap.of("toy-2").record(shell.now, Body::In(toy::http(9, "/count")));
    };
    let text = told(&crashed);
    assert!(text.starts_with("the recording of toy-2 has no end: "), "{text}");
    // Nor does it help to start again.
    let again = |tap: &kit::tap::Tap| {
        crashed(tap);
        let mut shell = Shell::start(tap, "toy-2", epoch());
        shell.live(1);
        shell.end();
    };
    let text = told(&again);
    assert!(text.starts_with("the recording of toy-2 has no end: "), "{text}");
}

#[test]
fn nothing_after_a_gap_is_compared() {
    let (bytes, _) = record(|tap| {
        let mut shell = Shell::start(tap, "toy", epoch());
        shell.live(2);
        tap.record(shell.now, Body::Gap(17));
        shell.live(2);
    });
    let report = replay(&session(bytes), &*factory(Fault::Count), Options::default()).unwrap();
    assert_eq!((report.outcome(), report.outcome().exit_code()), (Outcome::Lossy, 3));
    let text = report.to_string();
    assert!(text.contains("gap: 17 events were lost at event "), "{text}");
    assert!(text.contains(", +0.362 s"), "{text}");
}

#[test]
fn a_service_nobody_knows_is_an_error() {
    let (bytes, _) = record(|tap| {
        Shell::start(tap, "oracle", epoch());
    });
    let error = replay(&session(bytes.clone()), &*factory(Fault::None), Options::default()).unwrap_err();
    assert!(error.to_string().starts_with("the recording is of service oracle, written by depot 0.0.9;"));
    assert_eq!(error.exit_code(), 1);
    let error = replay(&session(bytes), &machines::build, Options { twice: false }).unwrap_err();
    assert!(matches!(error, ReplayError::Build(_)));
    let (empty, _) = record(|_| {});
    let error = replay(&session(empty), &*factory(Fault::None), Options::default()).unwrap_err();
    assert!(matches!(error, ReplayError::Empty { .. }));
}

/// The toy's session with its first publication recorded an input later, or earlier, than it comes.
fn moved(later: bool) -> Report {
    let original = session(recorded(2));
    let mut events: Vec<_> = original.events().unwrap().map(Result::unwrap).collect();
    let publish = |event: &replay::session::Recorded| matches!(event.body, Body::Out(Output::Publish { .. }));
    let at = events.iter().position(publish).unwrap();
    let event = events.remove(at);
    let input = |event: &replay::session::Recorded| matches!(event.body, Body::In(_));
    let to = if later {
        at + events[at..].iter().position(input).unwrap() + 1
    } else {
        // Before the wake-up that brings it.
        events[..at].iter().rposition(input).unwrap()
    };
    let neighbour = if later { to - 1 } else { to };
    let time = events[neighbour].at;
    events
        .insert(to, replay::session::Recorded { at: if later { time } else { event.at.min(time) }, ..event });
    let mut bytes = Vec::new();
    let mut writer = SessionWriter::new(&mut bytes, original.about()).unwrap();
    for (seq, event) in (1..).zip(events) {
        writer.write(seq, event.at, &event.service, &event.body).unwrap();
    }
    writer.finish().unwrap();
    replay(&session(bytes), &*factory(Fault::None), Options::default()).unwrap()
}

#[test]
fn late_and_early_are_neither_missing_nor_extra() {
    for (later, kind) in [(true, DifferenceKind::Early), (false, DifferenceKind::Late)] {
        let report = moved(later);
        assert_eq!(report.kinds.clone().into_iter().collect::<Vec<_>>(), [(kind, 1)], "{report}");
        let first = report.first.unwrap();
        assert_eq!(first.mismatch.path, "when");
        assert!(first.mismatch.expected.unwrap().contains("(event "));
        assert!(first.mismatch.found.unwrap().contains("(before event "));
    }
}

#[test]
fn a_service_this_program_does_not_know_is_passed_over() {
    let (bytes, _) = record(|tap| {
        let mut other = Shell::start(tap, "caster", epoch());
        let mut shell = Shell::start(tap, "toy", epoch());
        other.live(1);
        shell.live(1);
        other.end();
        shell.end();
    });
    let report = replay(&session(bytes), &*factory(Fault::None), Options::default()).unwrap();
    assert_eq!((report.outcome(), report.differences, report.inputs), (Outcome::Lossy, 0, 10), "{report}");
    let text = report.to_string();
    assert!(text.starts_with("the recording is of service caster, written by depot 0.0.9; "), "{text}");
    assert!(text.contains("the other services were replayed without it"), "{text}");
}

/// The count of each sort is told, and where the first is.
#[test]
fn sorts_of_differences_are_counted() {
    let report = replayed(Fault::Twice);
    assert!(report.to_string().contains(", 4 differences (4 extra)\n"), "{report}");
    assert_eq!(report.sorts(), "4 extra");
    assert_eq!(report.list.len(), 1, "no more was asked for");
}
