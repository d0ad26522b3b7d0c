//! Sessions with values that differ from run to run.

use kit::machine::Output;
use kit::tap::Body;
use replay::player::{Plan, replay_planned};
use replay::report::{DifferenceKind, Report};
use replay::session::Session;
use replay::volatile::Rules;
use replay::writer::SessionWriter;

use crate::toy::{Fault, factory, recorded, session};

/// The toy's session as if it had been recorded with other counts.
fn with_texts(change: impl Fn(usize, &str) -> String) -> Session {
    let original = session(recorded(4));
    let mut bytes = Vec::new();
    let mut writer = SessionWriter::new(&mut bytes, original.about()).unwrap();
    let mut n = 0;
    for event in original.events().unwrap().map(Result::unwrap) {
        let body = match event.body {
            Body::Out(Output::Send { conn, text, key }) => {
                n += 1;
                Body::Out(Output::Send { conn, text: change(n, &text).into(), key })
            }
            body => body,
        };
        writer.write(event.seq, event.at, &event.service, &body).unwrap();
    }
    writer.finish().unwrap();
    session(bytes)
}

fn replayed(session: &Session, rules: &str) -> Report {
    let rules = Rules::parse(rules, "r.toml").unwrap();
    let plan = Plan { rules: Some(&rules), tell: 100, ..Plan::default() };
    replay_planned(session, &*factory(Fault::None), &plan).unwrap()
}

const DRAWN: &str = "[[rule]]\nselect = \"$.drawn\"\nkind = \"id\"\n";

#[test]
fn a_masked_value_may_differ_and_must_be_consistent() {
    let renamed = with_texts(|_, text| text.replace("\"drawn\":0", "\"drawn\":77"));
    let exact = replayed(&renamed, "");
    assert_eq!((exact.differences, exact.kinds.get(&DifferenceKind::Different)), (4, Some(&4)));
    let masked = replayed(&renamed, DRAWN);
    assert_eq!(masked.differences, 0, "{masked}");
    assert_eq!(masked.used_rules.len(), 1);
    // One id more than the machine draws.
    let torn = with_texts(|n, text| {
        text.replace("\"drawn\":0", if n > 6 { "\"drawn\":78" } else { "\"drawn\":77" })
    });
    let report = replayed(&torn, DRAWN);
    assert_eq!(report.kinds.get(&DifferenceKind::Inconsistent), Some(&report.differences), "{report}");
    let first = report.first.unwrap();
    assert_eq!((first.kind, first.mismatch.path.as_str()), (DifferenceKind::Inconsistent, "$.drawn"));
    assert!(first.whole.unwrap().recorded.unwrap().contains("\"drawn\":78"));
    // What isn't masked is compared all the same.
    let other =
        with_texts(|_, text| text.replace("\"drawn\":0", "\"drawn\":7").replace("text 2", "text two"));
    let report = replayed(&other, DRAWN);
    assert_eq!((report.differences, report.first.unwrap().mismatch.path.as_str()), (1, "$.echo"));
}

#[test]
fn answers_are_named_by_their_request() {
    let rule = |message: &str| {
        format!("[[rule]]\nmessage = \"{message}\"\nselect = \"$.count\"\nkind = \"number\"\ntolerance = 0\n")
    };
    let same = session(recorded(4));
    assert_eq!(replayed(&same, &rule("GET /count")).used_rules.len(), 1);
    assert_eq!(replayed(&same, &rule("GET /*")).used_rules.len(), 1);
    assert_eq!(replayed(&same, &rule("POST /count")).used_rules.len(), 0);
    assert_eq!(replayed(&same, &rule("state")).used_rules.len(), 1);
    assert_eq!(replayed(&same, "").used_rules.len(), 0);
}
