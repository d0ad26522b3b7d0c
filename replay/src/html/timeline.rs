//! A session at a glance: a row for each connection, inputs above the line, outputs below.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use kit::machine::{Input, Output};
use kit::tap::Body;

use crate::frame::{Peer, input_peer, output_peer};
use crate::markup::escaped;
use crate::report::{Difference, counted};
use crate::session::Session;

/// Events that fall into one of these are one tick.
pub const COLUMNS: usize = 720;
/// Rows; connections that come later share the last.
const MAX_ROWS: usize = 40;
/// Pixels.
const ROW: usize = 22;
const LABELS: usize = 210;
/// Parts of the time line that are told apart.
const GRID: usize = 4;

pub struct Timeline {
    recorded: Duration,
    rows: BTreeMap<Name, Row>,
    events: u64,
}

/// Sorted as they are shown: by service, then what is about all, then the connections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    service: String,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Receiver,
    WakeUps,
    Store,
    Requests,
    Published(String),
    Connection(u64),
    Others,
}

#[derive(Default)]
struct Row {
    /// Events in each column.
    ins: BTreeMap<usize, u64>,
    outs: BTreeMap<usize, u64>,
    /// Of a connection.
    opened: Option<usize>,
    closed: Option<usize>,
}

impl Timeline {
    /// As far as the session can be read.
    pub fn of(session: &Session, recorded: Duration) -> Self {
        let mut timeline = Self { recorded, rows: BTreeMap::new(), events: 0 };
        let mut first_at = None;
        for event in session.events().into_iter().flatten().map_while(Result::ok) {
            timeline.events = timeline.events.saturating_add(1);
            let since = event.at.saturating_sub(*first_at.get_or_insert(event.at));
            let column = timeline.column(since);
            match &event.body {
                Body::In(input) => {
                    let what = input_peer(input).map_or_else(|| unpeered(input), |peer| what(&peer));
                    let row = timeline.row(&event.service, what);
                    count(&mut row.ins, column);
                    match input {
                        Input::Open { .. } => row.opened = Some(column),
                        Input::Closed { .. } => row.closed = Some(column),
                        _ => {}
                    }
                }
                Body::Out(output) => {
                    let row = timeline.row(&event.service, what(&output_peer(output)));
                    count(&mut row.outs, column);
                    if matches!(output, Output::Close { .. }) {
                        row.closed = Some(column);
                    }
                }
                _ => {}
            }
        }
        timeline
    }

    /// The picture; differences are links to where they are told, `#s1d0`.
    pub fn svg(&self, session: u64, differences: &[Difference]) -> String {
        let (width, height) = (LABELS + COLUMNS + 10, (self.rows.len() + 1) * ROW);
        let mut svg =
            format!("<figure><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"time line\">\n");
        self.grid(&mut svg);
        for (n, (name, row)) in self.rows.iter().enumerate() {
            let y = n * ROW + ROW / 2;
            let (left, label) = (LABELS, escaped(&label(name)));
            let opened = row.opened.map(|column| column + LABELS);
            if let Some(x) = opened {
                let end = row.closed.unwrap_or(COLUMNS) + LABELS;
                let (top, long, high) = (y - 9, end.saturating_sub(x).max(1), ROW - 4);
                put(
                    &mut svg,
                    format_args!(
                        "<rect class=\"life\" x=\"{x}\" y=\"{top}\" width=\"{long}\" height=\"{high}\"/>"
                    ),
                );
            }
            let end = LABELS + COLUMNS;
            put(
                &mut svg,
                format_args!(
                    "<text x=\"0\" y=\"{}\">{label}</text><path class=\"axis\" d=\"M{left} {y}H{end}\"/>",
                    y + 4
                ),
            );
            for (class, ticks, up) in [("i", &row.ins, true), ("o", &row.outs, false)] {
                let mut path = String::new();
                for (column, count) in ticks {
                    // The more, the longer: 3 pixels for one, 9 for sixty and more.
                    let long = (3 + count.ilog2() as usize).min(9);
                    let sign = if up { "-" } else { "" };
                    put(&mut path, format_args!("M{} {y}v{sign}{long}", column + LABELS));
                }
                if !path.is_empty() {
                    put(&mut svg, format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
                }
            }
            svg.push('\n');
        }
        self.markers(&mut svg, session, differences);
        let seconds = self.recorded.as_secs_f64();
        put(
            &mut svg,
            format_args!(
                "</svg><figcaption>{}; inputs above the line, outputs below, differences as triangles that lead to them. A tick is all events of {:.2} s.</figcaption></figure>\n",
                counted(self.events, "event"),
                seconds / COLUMNS as f64
            ),
        );
        svg
    }

    /// The time, four times between both ends.
    fn grid(&self, svg: &mut String) {
        let (bottom, seconds) = (self.rows.len() * ROW, self.recorded.as_secs_f64());
        for n in 0..=GRID {
            let (x, y) = (LABELS + COLUMNS * n / GRID, bottom + 14);
            let anchor = match n {
                0 => "start",
                GRID => "end",
                _ => "middle",
            };
            let at = seconds * n as f64 / GRID as f64;
            put(
                svg,
                format_args!(
                    "<path class=\"grid\" d=\"M{x} 0V{bottom}\"/><text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{at:.1} s</text>"
                ),
            );
        }
        svg.push('\n');
    }

    fn markers(&self, svg: &mut String, session: u64, differences: &[Difference]) {
        for (d, difference) in differences.iter().enumerate() {
            let what = difference.peer.as_ref().map_or(What::WakeUps, what);
            let name = Name { service: difference.service.clone(), what };
            let others = Name { service: String::new(), what: What::Others };
            let place = |name: &Name| self.rows.keys().position(|row| row == name);
            let same_service = || self.rows.keys().position(|row| row.service == difference.service);
            let row = place(&name).or_else(|| place(&others)).or_else(same_service).unwrap_or(0);
            let (x, y) = (self.column(difference.since_start) + LABELS, row * ROW + ROW / 2);
            let title = escaped(difference.kind.described());
            put(
                svg,
                format_args!(
                    "<a href=\"#s{session}d{d}\"><path class=\"d\" d=\"M{x} {y}l-5 -9h10z\"><title>{title}</title></path></a>\n"
                ),
            );
        }
    }

    fn column(&self, since: Duration) -> usize {
        let whole = self.recorded.as_nanos().max(1);
        let column = since.as_nanos().saturating_mul(COLUMNS as u128) / whole;
        usize::try_from(column).unwrap_or(COLUMNS).min(COLUMNS)
    }

    fn row(&mut self, service: &str, what: What) -> &mut Row {
        let name = Name { service: service.to_owned(), what };
        let full = self.rows.len() >= MAX_ROWS && !self.rows.contains_key(&name);
        let name = if full { Name { service: String::new(), what: What::Others } } else { name };
        self.rows.entry(name).or_default()
    }
}

fn count(ticks: &mut BTreeMap<usize, u64>, column: usize) {
    let tick = ticks.entry(column).or_default();
    *tick = tick.saturating_add(1);
}

fn what(peer: &Peer) -> What {
    match peer {
        Peer::Conn(conn) => What::Connection(*conn),
        Peer::Request(_) => What::Requests,
        Peer::Path(path) => What::Published(path.clone()),
        Peer::Store => What::Store,
    }
}

fn unpeered(input: &Input) -> What {
    match input {
        Input::Stream { .. } => What::Receiver,
        Input::Store { .. } => What::Store,
        _ => What::WakeUps,
    }
}

fn label(name: &Name) -> String {
    let what = match &name.what {
        What::Receiver => "receiver".to_owned(),
        What::WakeUps => "wake-ups".to_owned(),
        What::Store => "store".to_owned(),
        What::Requests => "requests".to_owned(),
        What::Published(path) => format!("all of {path}"),
        What::Connection(conn) => format!("connection {conn}"),
        What::Others => return "all others".to_owned(),
    };
    let label = format!("{}, {what}", name.service);
    // As much as there is room for.
    label.chars().take(34).collect()
}

fn put(text: &mut String, what: std::fmt::Arguments) {
    // A String takes whatever is written to it.
    let _ = text.write_fmt(what);
}
