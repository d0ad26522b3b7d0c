//! What a replay found, for programs: one JSON object per line.
//!
//! Every object has `version`, [`VERSION`], and `type`: `difference` (those that are told of a session, before
//! it), `session` (each session once), `note`, `warning`, and as the last line `summary`. New members may come in any
//! version; one that changes its meaning raises the number.

use serde::Serialize;
use serde_json::json;

use crate::finding::DifferenceKind;
use crate::report::{Difference, Outcome, Report, utc};
use crate::suite::{Done, Summary, exit_code};

/// Of the shape of the lines.
pub const VERSION: u32 = 1;

/// The lines of one session, each with its newline.
#[must_use]
pub fn session(done: &Done) -> String {
    let name = done.selected.path.display().to_string();
    let mut lines = String::new();
    if let Ok(report) = &done.result {
        report.list.iter().for_each(|difference| push(&mut lines, &told(&name, difference)));
    }
    let error = done.result.as_ref().err().map(ToString::to_string);
    push(
        &mut lines,
        &Line {
            version: VERSION,
            r#type: "session",
            session: &name,
            outcome: done.result.as_ref().map_or("failed", |report| outcome(report.outcome())),
            exit_code: exit_code(&done.result),
            error,
            report: done.result.as_ref().ok().map(figures),
        },
    );
    lines
}

/// A line about something that was done.
#[must_use]
pub fn note(text: &str) -> String {
    let mut line = String::new();
    push(&mut line, &json!({ "version": VERSION, "type": "note", "text": text }));
    line
}

/// A warning's line.
#[must_use]
pub fn warning(text: &str) -> String {
    let mut line = String::new();
    push(&mut line, &json!({ "version": VERSION, "type": "warning", "text": text }));
    line
}

/// The last line.
#[must_use]
pub fn summary(summary: &Summary, exit_code: u8) -> String {
    let mut line = String::new();
    push(
        &mut line,
        &json!({
            "version": VERSION, "type": "summary", "exit_code": exit_code,
            "sessions": summary.sessions(), "same": summary.same, "differ": summary.differ,
            "lossy": summary.lossy, "not_deterministic": summary.not_deterministic, "failed": summary.failed,
            "not_begun": summary.not_begun, "inputs": summary.inputs, "outputs": summary.outputs,
            "differences": summary.differences, "recorded_s": summary.recorded.as_secs_f64(),
            "elapsed_s": summary.elapsed.as_secs_f64(),
        }),
    );
    line
}

/// `same`, `differs`, `lossy` or `not_deterministic`.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Same => "same",
        Outcome::Differs => "differs",
        Outcome::Lossy => "lossy",
        Outcome::NotDeterministic => "not_deterministic",
    }
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    r#type: &'static str,
    session: &'a str,
    outcome: &'static str,
    exit_code: u8,
    /// Why it wasn't replayed.
    error: Option<String>,
    #[serde(flatten)]
    report: Option<Figures<'a>>,
}

#[derive(Serialize)]
struct Figures<'a> {
    inputs: u64,
    outputs: u64,
    recorded_s: f64,
    elapsed_s: f64,
    differences: u64,
    /// How many of each sort.
    kinds: &'a std::collections::BTreeMap<DifferenceKind, u64>,
    /// Why it was replayed only in part.
    lossy: Option<String>,
    notes: &'a [String],
    recorded_by: &'a [String],
    digests: &'a [String],
}

fn figures(report: &Report) -> Figures<'_> {
    Figures {
        inputs: report.inputs,
        outputs: report.outputs,
        recorded_s: report.recorded.as_secs_f64(),
        elapsed_s: report.elapsed.as_secs_f64(),
        differences: report.differences,
        kinds: &report.kinds,
        lossy: report.lossy.as_ref().map(ToString::to_string),
        notes: &report.notes,
        recorded_by: &report.versions,
        digests: &report.digests,
    }
}

fn told(session: &str, difference: &Difference) -> serde_json::Value {
    json!({
        "version": VERSION, "type": "difference", "session": session, "kind": difference.kind,
        "event": difference.seq, "at": utc(difference.at), "since_start_s": difference.since_start.as_secs_f64(),
        "service": difference.service, "peer": difference.peer.as_ref().map(ToString::to_string),
        "path": difference.mismatch.path, "expected": difference.mismatch.expected,
        "found": difference.mismatch.found,
    })
}

fn push(lines: &mut String, line: &impl Serialize) {
    // Nothing in them is what JSON can't hold.
    lines.push_str(&serde_json::to_string(line).unwrap_or_default());
    lines.push('\n');
}
