//! Where two sessions differ: event by event, per service and kind, times and numbers aside.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use kit::machine::Timestamp;
use kit::tap::{Body, SessionEvent};
use serde::Serialize;
use serde_json::Value;

use super::ToolError;
use super::series::Series;
use crate::diff::{self, short};
use crate::format::{self, Kind};
use crate::frame;
use crate::session::{Problem, Recorded};

/// Differing pairs that are told; the rest is only counted.
pub const MAX_TOLD: usize = 10;
/// Events of one session that wait for their partners in the other. With more, the longer is told as extra.
const MAX_WAITING: usize = 1 << 17;

/// How two sessions differ.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Diff {
    /// Pairs that are the same.
    pub same: u64,
    /// Pairs that aren't, and events without a partner.
    pub different: u64,
    /// The first of them.
    pub first: Vec<Pair>,
    /// By topic: events in the one and in the other, where the numbers differ.
    pub counts: BTreeMap<String, (u64, u64)>,
    /// What stopped the reading of either.
    pub problems: Vec<String>,
}

/// Two events that should be one.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// `/gps-status/out/ws`.
    pub topic: String,
    /// Which of its topic, from 1.
    pub nth: u64,
    /// In the first session: number, seconds since its first event, and its content in a line.
    pub a: Option<(u64, f64, String)>,
    /// In the second.
    pub b: Option<(u64, f64, String)>,
    /// Where they differ, if both are there.
    pub path: Option<String>,
    /// What is there in the first.
    pub expected: Option<String>,
    /// What is there in the second.
    pub found: Option<String>,
}

#[derive(Default)]
struct Topic {
    a: VecDeque<(u64, Duration, Body)>,
    b: VecDeque<(u64, Duration, Body)>,
    counts: (u64, u64),
    pairs: u64,
}

/// Compares the nth event of each topic of one session with the nth of the same in the other.
///
/// # Errors
/// A session can't be read.
pub fn diff(a: &Series, b: &Series) -> Result<Diff, ToolError> {
    let mut diff = Diff::default();
    let mut topics: BTreeMap<String, Topic> = BTreeMap::new();
    let (mut first_a, mut first_b) = (None, None);
    let (mut problem_a, mut problem_b) = (None, None);
    {
        let mut events_a = super::good(a.events()?, &mut problem_a).filter(comparable);
        let mut events_b = super::good(b.events()?, &mut problem_b).filter(comparable);
        let mut waiting = 0;
        loop {
            let (next_a, next_b) = (events_a.next(), events_b.next());
            if next_a.is_none() && next_b.is_none() || waiting > MAX_WAITING {
                break;
            }
            if let Some(event) = next_a {
                take(&mut topics, event, &mut first_a, true, &mut diff);
            }
            if let Some(event) = next_b {
                take(&mut topics, event, &mut first_b, false, &mut diff);
            }
            waiting = topics.values().map(|topic| topic.a.len().max(topic.b.len())).sum();
        }
    }
    for (name, mut topic) in topics {
        if topic.counts.0 != topic.counts.1 {
            diff.counts.insert(name.clone(), topic.counts);
        }
        while let Some((nth, a, b)) = pair(&mut topic, true) {
            compare(&name, nth, a, b, &mut diff);
        }
    }
    diff.problems = [problem_a, problem_b].iter().flatten().map(Problem::to_string).collect();
    Ok(diff)
}

/// What depends on the peer's socket alone is not compared.
fn comparable(event: &Recorded) -> bool {
    !matches!(
        event.body,
        Body::Session(SessionEvent::Written { .. } | SessionEvent::Sent { .. } | SessionEvent::Peer { .. })
    )
}

fn take(
    topics: &mut BTreeMap<String, Topic>,
    event: Recorded,
    first: &mut Option<Timestamp>,
    is_a: bool,
    diff: &mut Diff,
) {
    let since = event.at.saturating_sub(*first.get_or_insert(event.at));
    let name = Kind::of(&event.body).topic(&event.service);
    let topic = topics.entry(name.clone()).or_default();
    let event = (event.seq, since, event.body);
    if is_a {
        topic.counts.0 += 1;
        topic.a.push_back(event);
    } else {
        topic.counts.1 += 1;
        topic.b.push_back(event);
    }
    while let Some((nth, a, b)) = pair(topic, false) {
        compare(&name, nth, a, b, diff);
    }
}

type Side = Option<(u64, Duration, Body)>;

fn pair(topic: &mut Topic, ended: bool) -> Option<(u64, Side, Side)> {
    let both = !topic.a.is_empty() && !topic.b.is_empty();
    let either = !topic.a.is_empty() || !topic.b.is_empty();
    (both || ended && either).then(|| {
        topic.pairs += 1;
        (topic.pairs, topic.a.pop_front(), topic.b.pop_front())
    })
}

fn compare(topic: &str, nth: u64, a: Side, b: Side, diff: &mut Diff) {
    let mismatch = match (&a, &b) {
        (Some((_, _, a)), Some((_, _, b))) => match bodies(a, b) {
            None => {
                diff.same += 1;
                return;
            }
            mismatch => mismatch,
        },
        _ => None,
    };
    diff.different += 1;
    if diff.first.len() >= MAX_TOLD {
        return;
    }
    let told = |side: Side| side.map(|(seq, since, body)| (seq, since.as_secs_f64(), frame::body(&body)));
    let (path, expected, found) =
        mismatch.map_or((None, None, None), |m| (Some(m.path), m.expected, m.found));
    diff.first.push(Pair { topic: topic.to_owned(), nth, a: told(a), b: told(b), path, expected, found });
}

/// Where two events differ.
fn bodies(a: &Body, b: &Body) -> Option<diff::Mismatch> {
    if let (Body::Out(a), Body::Out(b)) = (a, b) {
        return diff::outputs(a, b);
    }
    let json = |body: &Body| -> Value {
        let mut json = Vec::new();
        let encoded = format::encode(body, &mut json).ok();
        encoded.and_then(|()| serde_json::from_slice(&json).ok()).unwrap_or_default()
    };
    let mismatch = diff::values(&json(a), &json(b))?;
    // A text that is JSON has a place of its own.
    match (a, b) {
        (
            Body::In(kit::machine::Input::Text { conn, text }),
            Body::In(kit::machine::Input::Text { conn: conn_b, text: text_b }),
        ) if conn == conn_b => diff::texts(text, text_b),
        _ => Some(mismatch),
    }
}

impl Diff {
    /// Nothing differs, and all could be read.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.different == 0
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pair in &self.first {
            writeln!(
                f,
                "{} number {}{}",
                pair.topic,
                pair.nth,
                pair.path.as_ref().map_or(String::new(), |path| format!(", at {}", short(path)))
            )?;
            for (side, name, value) in [(&pair.a, "a", &pair.expected), (&pair.b, "b", &pair.found)] {
                match (side, value) {
                    (Some((seq, since_s, _)), Some(value)) => {
                        writeln!(f, "  {name}  #{seq} +{since_s:.3} s  {value}")?;
                    }
                    (Some((seq, since_s, text)), None) => {
                        writeln!(f, "  {name}  #{seq} +{since_s:.3} s  {text}")?;
                    }
                    (None, _) => writeln!(f, "  {name}  (nothing)")?,
                }
            }
        }
        for (topic, (a, b)) in &self.counts {
            writeln!(f, "{topic}: {a} events in a, {b} in b")?;
        }
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        write!(f, "{} events the same, {} different", self.same, self.different)
    }
}
