//! What a session means: how much happened, what was out of the ordinary, how it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use kit::machine::Timestamp;
use kit::tap::Body;
use serde_json::Value;

use super::end_state;
use super::lines::{anomaly, subject, told};
use super::names::Names;
use crate::format::Kind;
use crate::report::Report;
use crate::session::Session;

/// Anomalies that are told one by one; beyond it they are only counted.
const MAX_ANOMALIES: usize = 200;

/// Subjects whose last word is told.
const MAX_SUBJECTS: usize = 100;

/// A session in lines that a person can judge: what is compared bit by bit elsewhere says little when it changes.
///
/// Ids are numbered and times are since the start, so that another seed or another day means the same.
///
/// # Errors
/// The file can't be opened any more.
pub fn meaning(session: &Session, report: &Report) -> io::Result<String> {
    let mut text = String::new();
    // Writing to a String can't fail.
    for (key, note) in &session.about().notes {
        let _ = writeln!(text, "{key}: {note}");
    }
    let (inputs, outputs) = (report.inputs, report.outputs);
    let _ = writeln!(text, "{inputs} inputs, {outputs} outputs, {:.1} s", report.recorded.as_secs_f64());
    if let Some(lossy) = &report.lossy {
        let _ = writeln!(text, "in part: {lossy}");
    }
    let mut seen: Option<Seen> = None;
    for event in session.events()?.map_while(Result::ok) {
        seen.get_or_insert_with(|| Seen::new(event.at)).take(event.at, &event.service, event.body);
    }
    if let Some(seen) = seen {
        seen.write(&mut text);
    }
    Ok(text)
}

struct Seen {
    start: Timestamp,
    names: Names,
    /// By service, then by what.
    counts: BTreeMap<(Arc<str>, String), u64>,
    anomalies: Vec<String>,
    more_anomalies: u64,
    running: BTreeSet<Arc<str>>,
    /// What clients were told last of each subject, in the order in which they first heard of it.
    last_words: Vec<((Arc<str>, String), Value)>,
    ends: Vec<(Timestamp, Arc<str>, Value)>,
}

impl Seen {
    const fn new(start: Timestamp) -> Self {
        Self {
            start,
            names: Names::new(start),
            counts: BTreeMap::new(),
            anomalies: Vec::new(),
            more_anomalies: 0,
            running: BTreeSet::new(),
            last_words: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn take(&mut self, at: Timestamp, service: &Arc<str>, body: Body) {
        let what = match told(&body) {
            Some(told) => format!("{} {told}", Kind::of(&body).name()),
            None => Kind::of(&body).name().to_owned(),
        };
        let count = self.counts.entry((service.clone(), what)).or_default();
        *count = count.saturating_add(1);
        let killed = matches!(body, Body::Start(_)) && !self.running.insert(service.clone());
        let killed = killed.then(|| "starts again, and had no end".to_owned());
        if let Some(anomaly) = killed.or_else(|| anomaly(&body)) {
            let line = format!("+{:07.3} s  {service}: {}", self.since(at), self.names.text(&anomaly));
            if self.anomalies.len() < MAX_ANOMALIES {
                self.anomalies.push(line);
            } else {
                self.more_anomalies = self.more_anomalies.saturating_add(1);
            }
        }
        if let Some((subject, frame)) = subject(&body) {
            let key = (service.clone(), subject);
            let room = self.last_words.len() < MAX_SUBJECTS;
            match self.last_words.iter_mut().find(|(known, _)| *known == key) {
                Some((_, last)) => *last = frame,
                None if room => self.last_words.push((key, frame)),
                None => {}
            }
        }
        if let Body::End(mut state) = body {
            self.running.remove(service);
            end_state::condense(&mut state);
            self.names.value(&mut state);
            self.ends.push((at, service.clone(), state));
        }
    }

    fn since(&self, at: Timestamp) -> f64 {
        at.saturating_sub(self.start).as_secs_f64()
    }

    fn write(mut self, text: &mut String) {
        let mut last = None;
        for ((service, what), count) in &self.counts {
            if last != Some(service) {
                let _ = writeln!(text, "\n{service}");
                last = Some(service);
            }
            let _ = writeln!(text, "  {count:>5}  {what}");
        }
        let _ = writeln!(text, "\nout of the ordinary");
        for line in &self.anomalies {
            let _ = writeln!(text, "  {line}");
        }
        if self.more_anomalies > 0 {
            let _ = writeln!(text, "  and {} more", self.more_anomalies);
        }
        if !self.last_words.is_empty() {
            let _ = writeln!(text, "\ntold last");
        }
        for ((service, _), mut frame) in std::mem::take(&mut self.last_words) {
            self.names.value(&mut frame);
            let _ = writeln!(text, "  {service}: {frame}");
        }
        for (at, service, state) in &self.ends {
            let pretty = serde_json::to_string_pretty(state).unwrap_or_default();
            let _ = writeln!(text, "\n{service} ends at +{:07.3} s\n{pretty}", self.since(*at));
        }
    }
}
