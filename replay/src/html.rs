//! What a replay found, as one HTML file: no script, nothing from the network, in light and dark.
//!
//! For each session a time line with a row for each connection, and its differences: recorded and found side by
//! side, what led to it, and the receiver's status at that moment. However large the sessions are, the file is
//! bounded: a time line has a fixed number of columns, and what isn't shown is said.

use std::fmt::Write as _;

use serde_json::Value;

use crate::compare::{self, Item, Pair};
use crate::markup::escaped;
use crate::message::outcome;
use crate::report::{Difference, Report, counted, utc};
use crate::session::Session;
use crate::suite::{Done, Summary};

mod timeline;
use timeline::Timeline;

/// Differences of a session that are shown.
pub const MAX_DIFFERENCES: usize = 50;
/// When the page has so many bytes, further sessions have a line each.
pub const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;
/// Lines of an output that are shown.
const MAX_LINES: usize = 300;

/// Collects the sessions.
#[derive(Debug, Default)]
pub struct Html {
    sessions: String,
    count: u64,
    /// Sessions that have only a line.
    shortened: u64,
}

impl Html {
    /// One session; it is read again for its time line.
    pub fn add(&mut self, done: &Done) {
        self.count = self.count.saturating_add(1);
        let (n, name) = (self.count, escaped(&done.selected.path.display().to_string()));
        let verdict = match &done.result {
            Ok(report) => outcome(report.outcome()),
            Err(_) => "failed",
        };
        let word = verdict.replace('_', " ");
        self.put(format_args!(
            "<section><h2 id=\"s{n}\">{name} <span class=\"{verdict}\">{word}</span></h2>\n"
        ));
        match &done.result {
            Err(error) => self.paragraph("failed", &error.to_string()),
            Ok(report) => self.report(n, report, done),
        }
        self.sessions.push_str("</section>\n");
    }

    /// The whole page.
    #[must_use]
    pub fn document(&self, summary: &Summary) -> String {
        let shortened = match self.shortened {
            0 => String::new(),
            n => format!(
                "<p class=\"dim\">The page is full: of {} only the figures are shown.</p>\n",
                counted(n, "session")
            ),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>depot replay</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>depot replay</h1>\n<p>{}</p>\n{shortened}{}</body>\n</html>\n",
            include_str!("html.css"),
            escaped(&summary.to_string()),
            self.sessions
        )
    }

    fn report(&mut self, n: u64, report: &Report, done: &Done) {
        let mut figures = format!(
            "{}, {}, {:.1} s, {}",
            counted(report.inputs, "input"),
            counted(report.outputs, "output"),
            report.recorded.as_secs_f64(),
            counted(report.differences, "difference")
        );
        if report.differences > 0 {
            figures = format!("{figures}: {}", report.sorts());
        }
        self.paragraph("", &figures);
        report.notes.iter().for_each(|note| self.paragraph("dim", note));
        if let Some(lossy) = &report.lossy {
            self.paragraph("lossy", &lossy.to_string());
        }
        if self.sessions.len() > MAX_PAGE_BYTES {
            self.shortened = self.shortened.saturating_add(1);
            return;
        }
        let shown = report.list.get(..MAX_DIFFERENCES.min(report.list.len())).unwrap_or_default();
        if let Ok(session) = Session::open(&done.selected.path) {
            let timeline = Timeline::of(&session, report.recorded);
            self.put(format_args!("{}", timeline.svg(n, shown)));
        }
        for (d, difference) in shown.iter().enumerate() {
            self.difference(n, d, difference);
        }
        let hidden = report.differences.saturating_sub(shown.len() as u64);
        if hidden > 0 {
            self.paragraph("dim", &format!("{} more not shown.", counted(hidden, "difference")));
        }
    }

    fn difference(&mut self, n: u64, d: usize, difference: &Difference) {
        let since = difference.since_start.as_secs_f64();
        let peer = difference.peer.as_ref().map(|peer| format!(", {peer}")).unwrap_or_default();
        let head =
            escaped(&format!("{}: +{since:.3} s, {}{peer}", difference.kind.described(), difference.service));
        let open = if d == 0 { " open" } else { "" };
        let (path, at) = (escaped(&difference.mismatch.path), utc(difference.at));
        self.put(format_args!(
            "<details id=\"s{n}d{d}\"{open}><summary>{head}</summary>\n<p class=\"dim\">{at}, before event {}, at <code>{path}</code></p>\n",
            difference.seq
        ));
        let whole = difference.whole.clone().unwrap_or_default();
        let pane = |text: &Option<String>, short: &Option<String>| {
            text.as_ref().or(short.as_ref()).map(|text| lines(text)).unwrap_or_default()
        };
        let recorded = pane(&whole.recorded, &difference.mismatch.expected);
        let found = pane(&whole.found, &difference.mismatch.found);
        let (left, right) = marked(&recorded, &found);
        self.put(format_args!(
            "<div class=\"pair\"><div>recorded<pre>{left}</pre></div><div>found<pre>{right}</pre></div></div>\n"
        ));
        if whole != crate::report::Whole::default() {
            let shown = |value: &Option<String>| escaped(value.as_deref().unwrap_or("(nothing)"));
            let (expected, found) = (shown(&difference.mismatch.expected), shown(&difference.mismatch.found));
            self.put(format_args!(
                "<dl><div><dt>expected</dt><dd><code>{expected}</code></dd></div><div><dt>found</dt><dd><code>{found}</code></dd></div></dl>\n"
            ));
        }
        self.sessions.push_str("<p class=\"dim\">before it, in this service</p>\n<pre>");
        for frame in &difference.before {
            let text = escaped(&frame.text);
            self.put(format_args!("+{:.3} s  #{}  {text}\n", frame.since_start.as_secs_f64(), frame.seq));
        }
        self.sessions.push_str("</pre>\n");
        let status = difference.gnss.as_deref().map(status);
        let status =
            status.unwrap_or_else(|| "<p class=\"dim\">no status was told before it</p>\n".to_owned());
        self.put(format_args!(
            "<p class=\"dim\">the receiver, as it was told last</p>\n{status}</details>\n"
        ));
    }

    fn paragraph(&mut self, class: &str, text: &str) {
        let text = escaped(text);
        self.put(format_args!("<p class=\"{class}\">{text}</p>\n"));
    }

    fn put(&mut self, text: std::fmt::Arguments) {
        // A String takes whatever is written to it.
        let _ = self.sessions.write_fmt(text);
    }
}

/// A text as lines: JSON one member each.
fn lines(text: &str) -> Vec<String> {
    let pretty = serde_json::from_str::<Value>(text).and_then(|value| serde_json::to_string_pretty(&value));
    let text = pretty.unwrap_or_else(|_| text.to_owned());
    let mut lines: Vec<String> = text.lines().take(MAX_LINES).map(str::to_owned).collect();
    let more = text.lines().count().saturating_sub(MAX_LINES);
    if more > 0 {
        lines.push(format!("… {more} more lines"));
    }
    lines
}

/// Both as HTML; the lines that the other hasn't are marked.
fn marked(recorded: &[String], found: &[String]) -> (String, String) {
    let item = |line: &String| Item { stream: String::new(), kind: String::new(), content: line.clone() };
    let items = |lines: &[String]| lines.iter().map(item).collect::<Vec<_>>();
    let pairs = compare::align(&items(recorded), &items(found));
    let same = |place: fn(Pair) -> Option<usize>| {
        let same = pairs.iter().filter(|pair| matches!(pair, Pair::Same { .. }));
        same.filter_map(|pair| place(*pair)).collect::<std::collections::BTreeSet<_>>()
    };
    let pane = |lines: &[String], same: &std::collections::BTreeSet<usize>| {
        let line = |(n, line): (usize, &String)| {
            let line = escaped(line);
            if same.contains(&n) { format!("{line}\n") } else { format!("<mark>{line}</mark>\n") }
        };
        lines.iter().enumerate().map(line).collect::<String>()
    };
    let nothing = |pane: String| if pane.is_empty() { "(nothing)".to_owned() } else { pane };
    (nothing(pane(recorded, &same(Pair::recorded))), nothing(pane(found, &same(Pair::found))))
}

/// A `gps_status`' members, those that are not lists.
fn status(text: &str) -> String {
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    let members = frame.get("data").and_then(Value::as_object).into_iter().flatten();
    let shown = members.filter(|(_, value)| !value.is_array() && !value.is_null()).map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), escaped(&value))
    });
    format!("<dl>{}</dl>\n", shown.collect::<String>())
}
