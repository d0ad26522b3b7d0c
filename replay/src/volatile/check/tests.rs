use super::*;
use proptest::prelude::*;
use serde_json::json;

const RULES: &str = r#"
[[rule]]
select = "$..id"
kind = "uuid"
[[rule]]
select = "$..name"
kind = "id"
[[rule]]
select = "$.at"
kind = "unix_ms"
[[rule]]
select = "$.since"
kind = "rfc3339"
[[rule]]
select = "$.n"
kind = "seq"
[[rule]]
select = "$.lat"
kind = "number"
tolerance = 0.5
[[rule]]
select = "$.free"
kind = "ignore"
[[rule]]
service = "other"
message = "never"
select = "$.x"
kind = "ignore"
"#;

fn rules() -> Rules {
    Rules::parse(RULES, "r.toml").unwrap()
}

fn moment() -> Moment<'static> {
    let at = Timestamp::from_millis(10_000);
    Moment { service: "toy", message: "m", peer: "1", recorded_at: at, found_at: at }
}

/// What the last of some pairs is told as.
fn told(pairs: &[(Value, Value)]) -> String {
    let rules = rules();
    let mut checker = Checker::new(&rules);
    checker.begin(Timestamp::from_millis(5_000), Timestamp::from_millis(5_000));
    let mut last = None;
    for (expected, found) in pairs {
        assert!(last.is_none(), "{last:?}");
        last = checker.texts(moment(), &expected.to_string(), &found.to_string());
    }
    let show = |m: Mismatch| {
        format!(
            "{} expected {} found {}",
            m.path,
            m.expected.unwrap_or_default(),
            m.found.unwrap_or_default()
        )
    };
    match last {
        None => "same".to_owned(),
        Some(Breach::Different(mismatch)) => format!("different {}", show(mismatch)),
        Some(Breach::Inconsistent(mismatch)) => format!("inconsistent {}", show(mismatch)),
    }
}

fn uuid(n: u64) -> String {
    format!("00000000-0000-4000-8000-{n:012x}")
}

#[test]
fn ids_are_one_to_one() {
    let pair =
        |a: u64, b: u64| (json!({ "data": [{ "id": uuid(a) }] }), json!({ "data": [{ "id": uuid(b) }] }));
    assert_eq!(told(&[pair(1, 8), pair(2, 9), pair(1, 8)]), "same");
    let (eight, one) = (uuid(8), uuid(1));
    assert_eq!(
        told(&[pair(1, 8), pair(1, 9)]),
        format!(
            "inconsistent $.data[0].id expected \"{eight}\", as \"{one}\" was before found \"{}\"",
            uuid(9)
        )
    );
    assert!(told(&[pair(1, 8), pair(2, 8)]).contains(&format!("another than for \"{one}\"")));
    let odd = told(&[(json!({ "id": uuid(1) }), json!({ "id": "7" }))]);
    assert_eq!(odd, "inconsistent $.id expected a UUID found \"7\"");
    assert!(told(&[(json!({ "id": null }), json!({ "id": uuid(1) }))]).starts_with("different $.id"));
    assert!(told(&[(json!({ "id": uuid(1) }), json!({ "id": null }))]).starts_with("different $.id"));
    assert!(told(&[(json!({ "id": uuid(1) }), json!({}))]).starts_with("different $.id"));
    // The recorded one isn't what the rule says: compared as it stands.
    assert_eq!(told(&[(json!({ "id": "x" }), json!({ "id": "x" }))]), "same");
    assert!(told(&[(json!({ "id": "x" }), json!({ "id": uuid(1) }))]).starts_with("different"));
    // A UUID is not any other name.
    assert_eq!(told(&[pair(1, 8), (json!({ "name": uuid(1) }), json!({ "name": uuid(3) }))]), "same");
}

#[test]
fn ids_in_sentences_are_ids_like_any_others() {
    let text = |one: u64| json!({ "error": format!("Täsk {} not found", uuid(one)) });
    let pair = |one, other| (text(one), text(other));
    assert_eq!(told(&[pair(1, 8), (json!({ "id": uuid(1) }), json!({ "id": uuid(8) })), pair(1, 8)]), "same");
    let (one, eight) = (uuid(1), uuid(8));
    assert_eq!(
        told(&[(json!({ "id": one }), json!({ "id": eight })), pair(1, 9)]),
        format!(
            "inconsistent $.error expected Täsk <uuid> not found with \"{eight}\", as \"{one}\" was before found \"Täsk {} not found\"",
            uuid(9)
        )
    );
    assert!(told(&[pair(1, 8), pair(2, 8)]).contains(&format!("another than for \"{one}\"")));
    // The words around them are compared, and a UUID alone is what a rule says it is.
    let gone = json!({ "error": format!("Task {eight} gone") });
    assert!(told(&[(text(1), gone)]).starts_with("different $.error"));
    assert!(told(&[(json!({ "other": one }), json!({ "other": eight }))]).starts_with("different $.other"));
    let rules = rules();
    let mut checker = Checker::new(&rules);
    let sentence = |n| format!("no {} here", uuid(n));
    assert!(checker.texts(moment(), &sentence(1), &sentence(8)).is_none());
    assert!(matches!(checker.texts(moment(), &sentence(1), &sentence(9)), Some(Breach::Inconsistent(_))));
    for message in [text(1).to_string(), sentence(1)] {
        let other = message.replace(&one, &eight);
        let masked = checker.masked("toy", "m", &message).unwrap();
        assert!(masked.contains("<uuid>") && !masked.contains(&one), "{masked}");
        assert_eq!(Some(masked), checker.masked("toy", "m", &other));
        assert_eq!(checker.pairs("toy", "m", &message, &other), [(Kind::Uuid, one.clone(), eight.clone())]);
        let known = |name: &str| (name == one).then(|| "known".to_owned());
        assert!(checker.masked_but("toy", "m", &message, &known).unwrap().contains(" known "));
    }
}

#[test]
fn times_lie_within_the_session_and_do_not_run_backwards() {
    let pair = |a: i64, b: i64| (json!({ "at": a }), json!({ "at": b }));
    assert_eq!(told(&[pair(6_000, 6_500), pair(7_000, 6_500)]), "same");
    let back = told(&[pair(6_000, 6_500), pair(7_000, 6_400)]);
    assert_eq!(
        back,
        "inconsistent $.at expected a time not before the last one there, 1970-01-01T00:00:06.500Z found 6400"
    );
    assert_eq!(told(&[pair(7_000, 6_500), pair(6_000, 6_400)]), "same", "the recorded one did as well");
    assert!(told(&[pair(6_000, 3_000)]).contains("a time within the session, 1970-01-01T00:00:05.000Z to"));
    assert!(told(&[pair(6_000, 12_000)]).starts_with("inconsistent"));
    assert_eq!(told(&[pair(1_000, 2_000)]), "same", "before the recorded session, too");
    let text = |a: &str, b: &str| (json!({ "since": a }), json!({ "since": b }));
    assert_eq!(told(&[text("1970-01-01T00:00:06Z", "1970-01-01T01:00:07.5+01:00")]), "same");
    assert!(told(&[text("1970-01-01T00:00:06Z", "soon")]).contains("expected an RFC 3339 time found"));
}

#[test]
fn numbers_count_as_the_recorded_do_or_are_near() {
    let pair = |a: i64, b: i64| (json!({ "n": a }), json!({ "n": b }));
    assert_eq!(told(&[pair(5, 105), pair(7, 107), pair(0, 3), pair(1, 4)]), "same");
    assert_eq!(told(&[pair(5, 105), pair(7, 108)]), "inconsistent $.n expected 107 found 108");
    assert_eq!(told(&[pair(5, 105), pair(0, 106)]), "inconsistent $.n expected less than 105 found 106");
    assert_eq!(
        told(&[pair(i64::MIN, i64::MAX), pair(i64::MAX, i64::MIN)]).split(' ').next(),
        Some("inconsistent")
    );
    let near = |a: f64, b: f64| (json!({ "lat": a }), json!({ "lat": b }));
    assert_eq!(told(&[near(1.0, 1.5), near(1.0, 0.5)]), "same");
    assert_eq!(told(&[near(1.0, 1.6)]), "inconsistent $.lat expected 1 ± 0.5 found 1.6");
}

#[test]
fn what_is_ignored_may_be_missing_and_all_else_is_compared() {
    assert_eq!(told(&[(json!({ "free": 1, "b": 2 }), json!({ "b": 2 }))]), "same");
    assert_eq!(
        told(&[(json!({ "b": 2 }), json!({ "free": [1], "b": 3 }))]),
        "different $.b expected 2 found 3"
    );
    assert!(told(&[(json!([1, 2]), json!([1]))]).starts_with("different $[1]"));
    let rules = rules();
    let mut checker = Checker::new(&rules);
    assert!(checker.texts(moment(), "not JSON", "not JSON").is_none());
    assert!(checker.texts(moment(), "not JSON", "nor this").is_some());
    checker.texts(moment(), r#"{"free":1}"#, "{}");
    assert_eq!(
        checker.used().iter().copied().collect::<Vec<_>>(),
        [6],
        "and the last rule is about nothing here"
    );
    assert_eq!(
        checker.masked("toy", "m", r#"{"free":1,"n":[1],"id":"x"}"#).unwrap(),
        r#"{"id":"x","n":[1]}"#
    );
}

/// Consoles' messages: which of a few things, when, its number.
fn messages() -> impl Strategy<Value = Vec<(u8, u16)>> {
    proptest::collection::vec((0_u8..6, 0_u16..500), 1..40)
}

fn session(messages: &[(u8, u16)], id: impl Fn(u8) -> u64, shift_ms: u64) -> Vec<(Timestamp, Value)> {
    let mut at = 5_000 + shift_ms;
    let message = |(n, (thing, wait)): (usize, &(u8, u16))| {
        at += u64::from(*wait);
        let since = crate::report::utc(Timestamp::from_millis(at));
        let body = json!({
            "type": "m", "at": at, "since": since, "n": n as u64 + shift_ms / 7,
            "data": { "id": uuid(id(*thing)), "thing": "a" },
        });
        (Timestamp::from_millis(at), body)
    };
    messages.iter().enumerate().map(message).collect()
}

fn compare(recorded: &[(Timestamp, Value)], found: &[(Timestamp, Value)], shift_ms: u64) -> Option<Breach> {
    let rules = rules();
    let mut checker = Checker::new(&rules);
    checker.begin(Timestamp::from_millis(5_000), Timestamp::from_millis(5_000 + shift_ms));
    recorded.iter().zip(found).find_map(|((recorded_at, expected), (found_at, found))| {
        let moment = Moment { recorded_at: *recorded_at, found_at: *found_at, ..moment() };
        let (expected, found) = (expected.to_string(), found.to_string());
        assert_eq!(checker.masked("toy", "m", &expected), checker.masked("toy", "m", &found));
        checker.texts(moment, &expected, &found)
    })
}

proptest! {
    #[test]
    fn a_session_with_other_ids_at_another_time_is_the_same(
        messages in messages(), names in Just((100_u64..106).collect::<Vec<_>>()).prop_shuffle(), shift_ms in 0_u64..1_000_000_000,
    ) {
        let recorded = session(&messages, u64::from, 0);
        let found = session(&messages, |thing| names[usize::from(thing)], shift_ms);
        prop_assert_eq!(compare(&recorded, &found, shift_ms), None);
    }

    #[test]
    fn a_name_that_is_not_kept_is_found(messages in messages(), at in any::<prop::sample::Index>()) {
        let recorded = session(&messages, u64::from, 0);
        let mut found = session(&messages, |thing| 100 + u64::from(thing), 0);
        let at = at.index(messages.len());
        let thing = messages[at].0;
        // Another name than its own, and that of something else if this is the only one of its kind.
        found[at].1["data"]["id"] = json!(uuid(100 + u64::from((thing + 1) % 6)));
        let others = messages.iter().enumerate().filter(|(n, _)| *n != at);
        let seen = others.clone().any(|(_, (other, _))| *other == thing || *other == (thing + 1) % 6);
        prop_assert_eq!(compare(&recorded, &found, 0).is_some(), seen);
    }

    #[test]
    fn no_text_panics(expected in ".{0,60}", found in ".{0,60}") {
        let rules = rules();
        let mut checker = Checker::new(&rules);
        prop_assert_eq!(checker.texts(moment(), &expected, &found).is_none(), expected == found || {
            let json = |text: &str| serde_json::from_str::<Value>(text).ok();
            json(&expected).is_some() && json(&expected) == json(&found)
        });
    }
}
