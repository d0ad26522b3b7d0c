//! A run as JUnit XML, for a CI: one test case for each case.

use std::fmt::Write as _;

use super::plot::escaped;
use super::record::{CaseRecord, Record};
use super::{Verdict, compare};

/// The whole document. MARGINAL passes, and says so in its output; what is in quarantine is skipped, with what it
/// would have been.
#[must_use]
pub fn document(record: &Record) -> String {
    let count = |verdict| record.cases.iter().filter(|case| case.counts() == verdict).count();
    let broken = usize::from(record.error.is_some());
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"depot hil\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\" timestamp=\"{}\" hostname=\"{}\">\n",
        record.cases.len() + broken,
        count(Verdict::Fail),
        count(Verdict::Error) + broken,
        count(Verdict::Skip),
        record.took_s,
        escaped(&record.started_at),
        escaped(&record.station)
    );
    if let Some(error) = &record.error {
        let error = escaped(error);
        // A String takes whatever is written to it, here and below.
        let _ = writeln!(
            out,
            "  <testcase classname=\"depot hil\" name=\"bench\" time=\"0.000\">\n    <error message=\"{error}\"/>\n  </testcase>"
        );
    }
    for case in &record.cases {
        one(&mut out, case);
    }
    out + "</testsuite>\n"
}

fn one(out: &mut String, case: &CaseRecord) {
    let name = escaped(&case.name);
    let _ = writeln!(out, "  <testcase classname=\"depot hil\" name=\"{name}\" time=\"{:.3}\">", case.took_s);
    let reason = case.reason.clone().unwrap_or_default();
    let told = match (&case.quarantine, case.verdict) {
        (Some(entry), verdict) => {
            let message = format!("in quarantine until {}: {}; it is {verdict}", entry.until, entry.reason);
            Some(("skipped", message))
        }
        (None, Verdict::Skip) => Some(("skipped", reason)),
        (None, Verdict::Fail) => Some(("failure", compare::beyond(case).join("; "))),
        (None, Verdict::Error) => Some(("error", reason)),
        (None, Verdict::Pass | Verdict::Marginal) => None,
    };
    if let Some((element, message)) = told {
        let _ = writeln!(out, "    <{element} message=\"{}\"/>", escaped(&message));
    }
    let mut lines: Vec<String> = case.measurements.iter().map(compare::line).collect();
    lines.extend(case.first_error.iter().map(|error| format!("tried twice, the first time: {error}")));
    if !lines.is_empty() {
        let _ = writeln!(out, "    <system-out>{}</system-out>", escaped(&lines.join("\n")));
    }
    out.push_str("  </testcase>\n");
}

#[cfg(test)]
mod tests {
    use super::super::compare::testing::record;
    use super::*;

    #[test]
    fn a_parser_that_is_not_ours_reads_it() {
        let mut record = record();
        record.station = "bench <\"1\"> & \u{1b}[31m".into();
        record.error = Some("the port was lost & \"gone\"".into());
        let text = document(&record);
        let document = roxmltree::Document::parse(&text).unwrap();
        let suite = document.root_element();
        let attribute = |name| suite.attribute(name).unwrap().to_owned();
        assert_eq!(attribute("tests"), "6");
        assert_eq!(
            (attribute("failures"), attribute("errors"), attribute("skipped")),
            ("1".into(), "2".into(), "2".into())
        );
        let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
        assert_eq!(failure.parent().unwrap().attribute("name"), Some("rtcm"));
        assert!(failure.attribute("message").unwrap().starts_with("interval_p99/1077 2500.0 ms"));
    }
}
