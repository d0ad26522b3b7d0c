//! Runs in words: one as a table, two side by side.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Verdict;
use super::record::{CaseRecord, Measurement, Record};

/// A measurement in a line: `interval_p99/1077 1012.0 ms (at most 1500.0 ms) PASS`.
#[must_use]
pub fn line(measurement: &Measurement) -> String {
    let value = measurement.unit.show(measurement.value);
    match &measurement.limit {
        Some(limit) => format!("{} {value} ({}) {}", measurement.key(), limit.text(), measurement.verdict),
        None => format!("{} {value}", measurement.key()),
    }
}

/// The measurements that are beyond their limits, a line each.
#[must_use]
pub fn beyond(case: &CaseRecord) -> Vec<String> {
    case.measurements.iter().filter(|m| m.verdict == Verdict::Fail).map(line).collect()
}

/// What stands behind a case's verdict, in a few words.
#[must_use]
pub fn gist(case: &CaseRecord) -> String {
    let mut text = match (&case.reason, case.verdict) {
        (Some(reason), _) => reason.clone(),
        (None, Verdict::Fail | Verdict::Marginal) => {
            let lines = case.measurements.iter().filter(|m| m.verdict == case.verdict).map(line);
            lines.collect::<Vec<_>>().join("; ")
        }
        _ => {
            let first = case.measurements.iter().take(3);
            first.map(|m| format!("{} {}", m.key(), m.unit.show(m.value))).collect::<Vec<_>>().join(", ")
        }
    };
    // A String takes whatever is written to it, here and below.
    if let Some(entry) = &case.quarantine {
        let _ = write!(text, " [in quarantine until {}: {}]", entry.until, entry.reason);
    }
    if let Some(error) = &case.first_error {
        let _ = write!(text, " [tried twice, the first time: {error}]");
    }
    text
}

/// The head of a run: what, where, when, with what result.
#[must_use]
pub fn head(record: &Record) -> String {
    let receiver = record.receiver.as_ref().map_or_else(
        || "no receiver".to_owned(),
        |r| {
            let twin = if r.twin { "virtual " } else { "" };
            let chip = r.chip_id.as_deref().unwrap_or("unknown chip");
            format!("{twin}{} {} ({chip}) on {}", r.model, r.firmware, r.port)
        },
    );
    format!(
        "{} at {}: {receiver}, {}, {:.0} s",
        record.verdict, record.station, record.started_at, record.took_s
    )
}

/// One run as a table.
#[must_use]
pub fn table(record: &Record) -> String {
    let mut text = head(record) + "\n";
    if let Some(error) = &record.error {
        let _ = writeln!(text, "ERROR    {error}");
    }
    for case in &record.cases {
        let _ = writeln!(text, "{:8} {:18} {}", case.verdict, case.name, gist(case));
    }
    text
}

/// A measurement of two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair<'a> {
    /// The case.
    pub case: &'a str,
    /// `interval_p99/1077`
    pub key: String,
    /// None where only the second run has it.
    pub before: Option<&'a Measurement>,
    /// None where only the first run has it.
    pub after: Option<&'a Measurement>,
}

impl Pair<'_> {
    /// By how much it has changed, percent of what it was; none without both, or of nothing.
    #[must_use]
    pub fn change_percent(&self) -> Option<f64> {
        let (before, after) = (self.before?, self.after?);
        let same = before.unit == after.unit && before.value != 0.0;
        same.then(|| 100.0 * (after.value - before.value) / before.value.abs())
    }
}

/// The measurements of two runs side by side, in the second's order, then what only the first has.
#[must_use]
pub fn pairs<'a>(before: &'a Record, after: &'a Record) -> Vec<Pair<'a>> {
    let mut old: BTreeMap<(&str, String), &Measurement> = measurements(before).collect();
    let mut pairs: Vec<Pair<'_>> = measurements(after)
        .map(|((case, key), after)| {
            let before = old.remove(&(case, key.clone()));
            Pair { case, key, before, after: Some(after) }
        })
        .collect();
    let left = old.into_iter();
    pairs.extend(left.map(|((case, key), m)| Pair { case, key, before: Some(m), after: None }));
    pairs
}

fn measurements(record: &Record) -> impl Iterator<Item = ((&str, String), &Measurement)> {
    record.cases.iter().flat_map(|case| case.measurements.iter().map(|m| ((case.name.as_str(), m.key()), m)))
}

/// Verdicts that changed: case, before, after.
#[must_use]
pub fn changed<'a>(
    before: &'a Record,
    after: &'a Record,
) -> Vec<(&'a str, Option<Verdict>, Option<Verdict>)> {
    let verdict = |record: &Record, name: &str| {
        record.cases.iter().find(|case| case.name == name).map(|case| case.verdict)
    };
    let mut names: Vec<&str> = after.cases.iter().map(|case| case.name.as_str()).collect();
    names.extend(before.cases.iter().map(|c| c.name.as_str()).filter(|n| verdict(after, n).is_none()));
    let both = names.into_iter().map(|name| (name, verdict(before, name), verdict(after, name)));
    both.filter(|(_, a, b)| a != b).collect()
}

/// Two runs as a table: what changed its verdict, then all measurements.
#[must_use]
pub fn compared(before: &Record, after: &Record) -> String {
    let mut text = format!("before: {}\nafter:  {}\n\n", head(before), head(after));
    let word = |verdict: Option<Verdict>| verdict.map_or("none", Verdict::word);
    let changes = changed(before, after);
    for (case, a, b) in &changes {
        let _ = writeln!(text, "{case}: {} before, {} after", word(*a), word(*b));
    }
    if changes.is_empty() {
        text.push_str("no verdict changed\n");
    }
    let _ = writeln!(
        text,
        "\n{:18} {:26} {:>14} {:>14} {:>9}",
        "case", "measurement", "before", "after", "change"
    );
    let shown = |m: Option<&Measurement>| m.map_or_else(|| "-".to_owned(), |m| m.unit.show(m.value));
    for pair in pairs(before, after) {
        let change = pair.change_percent().map_or_else(String::new, |percent| format!("{percent:+.1} %"));
        let _ = writeln!(
            text,
            "{:18} {:26} {:>14} {:>14} {change:>9}",
            pair.case,
            pair.key,
            shown(pair.before),
            shown(pair.after)
        );
    }
    text
}

#[cfg(test)]
pub(super) mod testing {
    use super::super::limits::Limit;
    use super::super::quarantine::{Day, Quarantine};
    use super::super::record::{FORM, ReceiverRecord};
    use super::super::{Record, Unit};
    use super::*;

    fn case(
        name: &str,
        verdict: Verdict,
        reason: Option<&str>,
        measurements: Vec<Measurement>,
    ) -> CaseRecord {
        CaseRecord {
            name: name.into(),
            verdict,
            reason: reason.map(Into::into),
            first_error: None,
            took_s: 1.25,
            measurements,
            quarantine: None,
        }
    }

    fn measured(name: &str, of: Option<&str>, value: f64, unit: Unit, max: Option<f64>) -> Measurement {
        let limit = max.map(|max| Limit { unit, min: None, max: Some(max), marginal: max / 10.0 });
        let verdict = limit.map_or(Verdict::Pass, |limit| limit.judge(value));
        Measurement { name: name.into(), of: of.map(Into::into), value, unit, limit, verdict }
    }

    /// A run with one of everything.
    pub fn record() -> Record {
        let load = measured("load", None, 75.0, Unit::Percent, Some(80.0));
        let rtcm = measured("interval_p99", Some("1077"), 2500.0, Unit::Milliseconds, Some(1500.0));
        let mut known = case(
            "position",
            Verdict::Fail,
            None,
            vec![measured("error", None, 3.5, Unit::Metres, Some(2.0))],
        );
        let until = Day { year: 2026, month: 12, day: 31 };
        known.quarantine = Some(Quarantine { case: "position".into(), reason: "a new mount".into(), until });
        let mut error = case("sky", Verdict::Error, Some("no NAV-SAT came within 5.0 s; ask & see"), vec![]);
        error.first_error = Some("the same".into());
        Record {
            form: FORM,
            version: "0.1.0".into(),
            station: "bench-1".into(),
            git_revision: Some("abc123".into()),
            started_at: "2026-11-24T00:00:00Z".into(),
            took_s: 42.5,
            verdict: Verdict::Error,
            error: None,
            receiver: Some(ReceiverRecord {
                port: "/dev/serial/by-id/usb-1".into(),
                twin: false,
                model: "ZED-F9P".into(),
                firmware: "HPG 1.32".into(),
                protocol: Some("27.31".into()),
                chip_id: Some("e7a30f9c51".into()),
                baud: None,
                station_id: Some(0),
            }),
            cases: vec![
                case("line", Verdict::Marginal, None, vec![load]),
                case("rtcm", Verdict::Fail, None, vec![rtcm]),
                known,
                error,
                case("soak", Verdict::Skip, Some("no --soak was given"), vec![]),
            ],
            files: vec!["record.json".into()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::record;
    use super::*;

    #[test]
    fn a_run_as_a_table() {
        insta::assert_snapshot!(table(&record()), @r#"
        ERROR at bench-1: ZED-F9P HPG 1.32 (e7a30f9c51) on /dev/serial/by-id/usb-1, 2026-11-24T00:00:00Z, 42 s
        MARGINAL line               load 75.0 % (at most 80.0 %) MARGINAL
        FAIL     rtcm               interval_p99/1077 2500.0 ms (at most 1500.0 ms) FAIL
        FAIL     position           error 3.5000 m (at most 2.0000 m) FAIL [in quarantine until 2026-12-31: a new mount]
        ERROR    sky                no NAV-SAT came within 5.0 s; ask & see [tried twice, the first time: the same]
        SKIP     soak               no --soak was given
        "#);
    }

    #[test]
    fn two_runs_side_by_side() {
        let (before, mut after) = (record(), record());
        after.cases[1].measurements[0].value = 1000.0;
        after.cases[1].measurements[0].verdict = Verdict::Pass;
        after.cases[1].verdict = Verdict::Pass;
        after.cases.remove(0);
        insta::assert_snapshot!(compared(&before, &after), @r#"
        before: ERROR at bench-1: ZED-F9P HPG 1.32 (e7a30f9c51) on /dev/serial/by-id/usb-1, 2026-11-24T00:00:00Z, 42 s
        after:  ERROR at bench-1: ZED-F9P HPG 1.32 (e7a30f9c51) on /dev/serial/by-id/usb-1, 2026-11-24T00:00:00Z, 42 s

        rtcm: FAIL before, PASS after
        line: MARGINAL before, none after

        case               measurement                        before          after    change
        rtcm               interval_p99/1077               2500.0 ms      1000.0 ms   -60.0 %
        position           error                            3.5000 m       3.5000 m    +0.0 %
        line               load                               75.0 %              -
        "#);
        assert!(compared(&before, &before).contains("no verdict changed"));
    }

    #[test]
    fn a_record_reads_back_as_it_was() {
        let record = record();
        let text = serde_json::to_string_pretty(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
