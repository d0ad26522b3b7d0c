//! What a replay found, as one HTML file: no script, nothing from the network, in light and dark.
//!
//! For each session a time line with a row for each connection, and its differences: recorded and found side by
//! side, what led to it, and the receiver's status at that moment. However large the sessions are, the file is
//! bounded: a time line has a fixed number of columns, and what isn't shown is said.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::compare::{self, Item, Pair};
use crate::markup::escaped;
use crate::message::outcome;
use crate::report::{Difference, Report, counted, utc};
use crate::suite::{Done, Summary};

mod timeline;
use timeline::Timeline;

/// Differences of a session that are shown.
pub const MAX_DIFFERENCES: usize = 50;
/// When the page has so many bytes, further sessions have a line each.
pub const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;
/// Lines of an output that are compared.
const MAX_LINES: usize = 300;
/// Lines shown before and after one that differs.
const CONTEXT_LINES: usize = 4;

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
        if let Ok(session) = done.selected.open() {
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
        if whole != crate::report::Whole::default() {
            let shown = |value: &Option<String>| escaped(value.as_deref().unwrap_or("(nothing)"));
            let (expected, found) = (shown(&difference.mismatch.expected), shown(&difference.mismatch.found));
            self.put(format_args!(
                "<dl><div><dt>expected</dt><dd><code>{expected}</code></dd></div><div><dt>found</dt><dd><code>{found}</code></dd></div></dl>\n"
            ));
        }
        self.put(format_args!(
            "<div class=\"pair\"><div>recorded<pre>{left}</pre></div><div>found<pre>{right}</pre></div></div>\n"
        ));
        let status = difference.gnss.as_deref().map(status);
        let status =
            status.unwrap_or_else(|| "<p class=\"dim\">no status was told before it</p>\n".to_owned());
        self.put(format_args!("<p class=\"dim\">the receiver, as it was told last</p>\n{status}"));
        self.sessions.push_str("<p class=\"dim\">before it, in this service</p>\n<pre>");
        for frame in &difference.before {
            let text = escaped(&frame.text);
            self.put(format_args!("+{:.3} s  #{}  {text}\n", frame.since_start.as_secs_f64(), frame.seq));
        }
        self.sessions.push_str("</pre>\n</details>\n");
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

/// Both as HTML, line beside line; those that the other hasn't are marked, and long stretches in which both are
/// the same are left out, so that what differs is seen without a search.
fn marked(recorded: &[String], found: &[String]) -> (String, String) {
    let rows = rows(recorded, found);
    let (mut left, mut right) = (String::new(), String::new());
    let near = |at: usize| {
        let around = at.saturating_sub(CONTEXT_LINES)..=at.saturating_add(CONTEXT_LINES);
        rows.get(*around.start()..rows.len().min(around.end().saturating_add(1)))
            .is_some_and(|rows| rows.iter().any(|row| !row.same))
    };
    let mut hidden = 0_u64;
    for (at, row) in rows.iter().enumerate() {
        if !near(at) {
            hidden = hidden.saturating_add(1);
            continue;
        }
        leave_out(&mut hidden, &mut left, &mut right);
        for (pane, line) in [(&mut left, row.recorded), (&mut right, row.found)] {
            let line = line.map(|line| escaped(line));
            match line {
                Some(line) if row.same => *pane += &format!("{line}\n"),
                Some(line) => *pane += &format!("<mark>{line}</mark>\n"),
                None => pane.push('\n'),
            }
        }
    }
    leave_out(&mut hidden, &mut left, &mut right);
    let nothing =
        |pane: String, lines: &[String]| if lines.is_empty() { "(nothing)".to_owned() } else { pane };
    (nothing(left, recorded), nothing(right, found))
}

fn leave_out(hidden: &mut u64, left: &mut String, right: &mut String) {
    if *hidden > 0 {
        let line = format!("<i>… {} alike</i>\n", counted(*hidden, "line"));
        left.push_str(&line);
        right.push_str(&line);
    }
    *hidden = 0;
}

/// A line of each version, side by side.
struct Row<'a> {
    recorded: Option<&'a String>,
    found: Option<&'a String>,
    same: bool,
}

fn rows<'a>(recorded: &'a [String], found: &'a [String]) -> Vec<Row<'a>> {
    let item = |line: &String| Item { stream: String::new(), kind: String::new(), content: line.clone() };
    let items = |lines: &[String]| lines.iter().map(item).collect::<Vec<_>>();
    let pairs = compare::align(&items(recorded), &items(found));
    let same = pairs.iter().filter_map(|pair| match pair {
        Pair::Same { .. } => pair.recorded().zip(pair.found()),
        _ => None,
    });
    let (mut rows, mut left, mut right) = (Vec::new(), 0, 0);
    let ends = [(recorded.len(), found.len())];
    for (n, m) in same.collect::<BTreeSet<_>>().into_iter().chain(ends) {
        // Until the next line that both have.
        while left < n || right < m {
            let row = |lines: &'a [String], at: &mut usize, end: usize| {
                let line = (*at < end).then(|| lines.get(*at)).flatten();
                *at = at.saturating_add(1).min(end);
                line
            };
            rows.push(Row {
                recorded: row(recorded, &mut left, n),
                found: row(found, &mut right, m),
                same: false,
            });
        }
        if let (Some(one), Some(other)) = (recorded.get(n), found.get(m)) {
            rows.push(Row { recorded: Some(one), found: Some(other), same: true });
        }
        (left, right) = (n.saturating_add(1), m.saturating_add(1));
    }
    rows
}

/// A `gps_status`' members, those that are not lists; an object's beside each other.
fn status(text: &str) -> String {
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    let members = frame.get("data").and_then(Value::as_object).into_iter().flatten();
    let is_shown = |value: &Value| !value.is_array() && !value.is_null();
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let shown = members.filter(|(_, value)| is_shown(value)).map(|(name, value)| {
        let value = match value.as_object() {
            Some(inner) => {
                let inner = inner.iter().filter(|(_, value)| is_shown(value));
                inner.map(|(name, value)| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", ")
            }
            None => plain(value),
        };
        format!("<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), escaped(&value))
    });
    format!("<dl>{}</dl>\n", shown.collect::<String>())
}
