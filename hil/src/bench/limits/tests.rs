use proptest::prelude::*;

use super::super::cases;
use super::*;

fn add(text: &str) -> Result<Limits, LimitsError> {
    let mut limits = Limits::built_in(cases::ALL)?;
    limits.add("mine.toml", text, cases::ALL)?;
    Ok(limits)
}

fn error(text: &str) -> String {
    add(text).unwrap_err().to_string()
}

#[test]
fn what_is_built_in_is_sound_and_every_case_has_a_limit() {
    let limits = Limits::built_in(cases::ALL).unwrap();
    for case in cases::ALL {
        assert!(limits.of_case(case.name).count() > 0, "{} can't fail", case.name);
    }
}

#[test]
fn a_file_replaces_what_it_names_and_nothing_else() {
    let limits = add("[limits.line.load]\nunit = '%'\nmax = 50\n[limits.rtcm.'interval_p99/1230']\nunit = 'ms'\nmax = 5500").unwrap();
    assert_eq!(limits.of("line", "load", None).unwrap().max, Some(50.0));
    assert_eq!(limits.of("line", "load", None).unwrap().marginal, 0.0);
    assert_eq!(limits.of("line", "found_in", None).unwrap().max, Some(30.0));
    assert_eq!(limits.of("rtcm", "interval_p99", Some("1230")).unwrap().max, Some(5500.0));
    assert_eq!(limits.of("rtcm", "interval_p99", Some("1077")).unwrap().max, Some(11_000.0));
    assert_eq!(limits.of("rtcm", "gap_in_intervals", Some("1077")).unwrap().max, Some(1.8));
    assert_eq!(limits.of("line", "baud", None), None);
}

#[test]
fn what_is_wrong_is_told_in_a_sentence() {
    insta::assert_snapshot!(error("[limits.line.load]\nunit = 's'\nmax = 80"), @"the limits mine.toml give line.load in s; it is measured in %");
    insta::assert_snapshot!(error("[limits.lines.load]\nunit = '%'\nmax = 80"), @"the limits mine.toml name a case lines; the cases are line, stream, rtcm, epochs, sky, position, arp, websocket_latency, ntrip_latency, silence, antenna_open, unplug, replug, soak, wrong_baud, session_replays, config_kept, first_fix_hot, first_fix_cold, survey_in");
    insta::assert_snapshot!(error("[limits.line.laod]\nunit = '%'\nmax = 80"), @"the limits mine.toml name line.laod; line measures baud, found_in, bytes, load");
    insta::assert_snapshot!(error("[limits.line.load]\nunit = '%'\nmaximum = 80"), @"the limits mine.toml can't be read: line 3: unknown field `maximum`, expected one of `unit`, `min`, `max`, `marginal`");
    insta::assert_snapshot!(error("[limits.line.load]\nmax = 80"), @"the limits mine.toml can't be read: line 1: missing field `unit`");
    insta::assert_snapshot!(error("[limits.line.load]\nunit = '%'"), @"the limits mine.toml bound line.load by nothing; give min, max or both, min below max, marginal not below 0");
    insta::assert_snapshot!(error("[limits.line.load]\nunit = '%'\nmin = 90\nmax = 80"), @"the limits mine.toml bound line.load so that nothing can meet them; give min, max or both, min below max, marginal not below 0");
    insta::assert_snapshot!(error("[limits.line.load]\nunit = '%'\nmax = nan"), @"the limits mine.toml bound line.load by what is no number; give min, max or both, min below max, marginal not below 0");
    insta::assert_snapshot!(error("[limits.line.load]\nunit = '%'\nmax = 80\nmarginal = -1"), @"the limits mine.toml bound line.load with a negative margin; give min, max or both, min below max, marginal not below 0");
    insta::assert_snapshot!(error("[[quarantine]]\ncase = 'sky'\nreason = ''\nuntil = 2026-12-31"), @"the limits mine.toml have a quarantine that can't be used: the entry for sky has an empty reason; say why it fails");
    insta::assert_snapshot!(error("[[quarantine]]\ncase = 'skies'\nreason = 'x'\nuntil = 2026-12-31"), @"the limits mine.toml name a case skies; the cases are line, stream, rtcm, epochs, sky, position, arp, websocket_latency, ntrip_latency, silence, antenna_open, unplug, replug, soak, wrong_baud, session_replays, config_kept, first_fix_hot, first_fix_cold, survey_in");
    insta::assert_snapshot!(error("not toml"), @"the limits mine.toml can't be read: line 1: key with no value, expected `=`");
    let missing = Limits::load(Some(Path::new("/no/such/limits.toml")), cases::ALL).unwrap_err().to_string();
    insta::assert_snapshot!(missing, @"could not read the limits /no/such/limits.toml: No such file or directory (os error 2); check --limits");
}

#[test]
fn a_margin_is_within_the_limits() {
    let limit = Limit { unit: Unit::Seconds, min: Some(2.0), max: Some(10.0), marginal: 1.0 };
    let verdicts =
        [1.9, 2.0, 2.9, 3.0, 9.0, 9.5, 10.0, 10.1, f64::NAN].map(|value| limit.judge(value).word());
    assert_eq!(
        verdicts,
        ["FAIL", "MARGINAL", "MARGINAL", "PASS", "PASS", "MARGINAL", "MARGINAL", "FAIL", "FAIL"]
    );
    assert_eq!(limit.text(), "2.00 s to 10.00 s");
}

proptest! {
    #[test]
    fn better_is_never_judged_worse(max in -1e6..1e6f64, marginal in 0.0..1e3f64, a in -1e7..1e7f64, b in -1e7..1e7f64) {
        let limit = Limit { unit: Unit::Seconds, min: None, max: Some(max), marginal };
        prop_assert!(limit.judge(a.min(b)) <= limit.judge(a.max(b)));
        prop_assert_eq!(limit.judge(a) == Verdict::Fail, a > max);
    }

    #[test]
    fn whatever_the_file_it_is_read_or_refused(text in "\\PC{0,200}") {
        if let Err(error) = add(&text) {
            prop_assert!(!error.to_string().contains('\n'), "{}", error);
        }
    }
}
