//! What a replay found, as JUnit XML for a CI: one test case for each session.
//!
//! A difference and machines that aren't deterministic are failures; a session that can't be replayed, or only
//! in part, is an error, because it proves less than it should.

use std::fmt::Write as _;

use crate::markup::escaped;
use crate::report::Outcome;
use crate::suite::{Done, Summary};

/// Collects the cases.
#[derive(Debug, Default)]
pub struct Junit {
    cases: String,
    failures: u64,
    errors: u64,
}

impl Junit {
    /// One session.
    pub fn add(&mut self, done: &Done) {
        let name = escaped(&done.selected.path.display().to_string());
        let (elapsed, verdict) = match &done.result {
            Err(error) => (0.0, Some(("error", "not replayed", error.to_string()))),
            Ok(report) => {
                let text = report.to_string();
                let verdict = match report.outcome() {
                    Outcome::Same => None,
                    Outcome::Differs => Some(("failure", "not as recorded", text)),
                    Outcome::NotDeterministic => Some(("failure", "not deterministic", text)),
                    Outcome::Lossy => Some(("error", "replayed in part", text)),
                };
                (report.elapsed.as_secs_f64(), verdict)
            }
        };
        // A String takes whatever is written to it.
        let _ = write!(
            self.cases,
            "  <testcase classname=\"depot replay\" name=\"{name}\" time=\"{elapsed:.3}\""
        );
        let Some((element, kind, text)) = verdict else {
            self.cases.push_str("/>\n");
            return;
        };
        let count = if element == "failure" { &mut self.failures } else { &mut self.errors };
        *count = count.saturating_add(1);
        let first = escaped(text.lines().next().unwrap_or_default());
        let text = escaped(&text);
        let _ = write!(
            self.cases,
            ">\n    <{element} type=\"{kind}\" message=\"{first}\">{text}</{element}>\n  </testcase>\n"
        );
    }

    /// The whole document.
    #[must_use]
    pub fn document(&self, summary: &Summary) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"depot replay\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">\n{}</testsuite>\n",
            summary.sessions(),
            self.failures,
            self.errors,
            summary.elapsed.as_secs_f64(),
            self.cases
        )
    }
}
