//! What is in a session.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use kit::machine::{Input, StreamEvent, Timestamp};
use kit::tap::Body;
use serde::Serialize;

use super::series::Series;
use super::{ToolError, conn_of};
use crate::format::{self, Kind};
use crate::report::utc;

/// Gaps that are listed; the rest is only counted.
pub const MAX_GAPS: usize = 100;

/// A session's contents in figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Info {
    /// The files, in the order of their parts.
    pub files: Vec<String>,
    /// Of all files.
    pub bytes: u64,
    /// Of the first file.
    pub format_version: String,
    /// The program that wrote it.
    pub version: String,
    /// What it says of itself.
    pub notes: BTreeMap<String, String>,
    /// First and last event, RFC 3339.
    pub began: Option<String>,
    /// See `began`.
    pub ended: Option<String>,
    /// From the first event to the last.
    pub duration_s: f64,
    /// Without gaps.
    pub events: u64,
    /// By topic.
    pub channels: BTreeMap<String, Channel>,
    /// By service.
    pub services: BTreeMap<String, Service>,
    /// Places where events are missing.
    pub gaps: Vec<Gap>,
    /// Events missing in all.
    pub lost: u64,
    /// Where and why it can't be read further.
    pub damage: Option<String>,
    /// How far it can be replayed at core level, in a sentence.
    pub replay: String,
}

/// One kind of event of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Channel {
    /// Events.
    pub events: u64,
    /// Of their bodies, as JSON.
    pub bytes: u64,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Service {
    /// Of the program that ran it; none if its start isn't in the session.
    pub version: Option<String>,
    /// How often it started.
    pub starts: u64,
    /// How often it ended in order.
    pub ends: u64,
    /// WebSocket connections.
    pub connections: u64,
    /// HTTP requests.
    pub requests: u64,
    /// Bytes of the receiver's.
    pub stream_bytes: u64,
}

/// Events are missing here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gap {
    /// From the first event on.
    pub after_s: f64,
    /// The number of the last one missing.
    pub event: u64,
    /// How many.
    pub lost: u64,
}

/// Reads a session whole.
///
/// # Errors
/// It can't be read; a damage is part of the [`Info`].
pub fn info(series: &Series) -> Result<Info, ToolError> {
    let about = series.about();
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let mut info = Info {
        files: series.paths().iter().map(|path| path.display().to_string()).collect(),
        bytes: series.paths().iter().map(|path| bytes(path)).sum(),
        format_version: series.format_version().to_string(),
        version: about.version,
        notes: about.notes,
        ..Info::default()
    };
    let mut conns = BTreeSet::new();
    let (mut first, mut last) = (None, Timestamp::ZERO);
    // When it is, and whether inputs stand before it.
    let (mut first_gap, mut inputs) = (None, false);
    let mut problem = None;
    let mut json = Vec::new();
    for event in super::good(series.events()?, &mut problem) {
        let first_at = *first.get_or_insert(event.at);
        last = event.at.max(last);
        let since = event.at.saturating_sub(first_at);
        if let Body::Gap(lost) = event.body {
            info.lost = info.lost.saturating_add(lost);
            first_gap.get_or_insert((since, inputs));
            if info.gaps.len() < MAX_GAPS {
                info.gaps.push(Gap { after_s: since.as_secs_f64(), event: event.seq, lost });
            }
            continue;
        }
        inputs |= matches!(event.body, Body::In(_));
        info.events += 1;
        json.clear();
        let length = format::encode(&event.body, &mut json).map_or(0, |()| json.len());
        let channel = info.channels.entry(Kind::of(&event.body).topic(&event.service)).or_default();
        channel.events += 1;
        channel.bytes += length as u64;
        if !info.services.contains_key(&*event.service) {
            info.services.insert(event.service.to_string(), Service::default());
        }
        let Some(service) = info.services.get_mut(&*event.service) else { continue };
        count(service, &event.body);
        if let Some(conn) = conn_of(&event.body)
            && conns.insert((event.service.clone(), conn))
        {
            service.connections += 1;
        }
    }
    info.began = first.map(utc);
    info.ended = first.map(|_| utc(last));
    info.duration_s = last.saturating_sub(first.unwrap_or(last)).as_secs_f64();
    info.damage = problem.map(|problem| problem.to_string());
    info.replay = replayable(&info, first_gap);
    Ok(info)
}

fn count(service: &mut Service, body: &Body) {
    match body {
        Body::Start(start) => {
            service.starts += 1;
            service.version = Some(start.version.clone());
        }
        Body::End(_) => service.ends += 1,
        Body::In(Input::Http { .. }) => service.requests += 1,
        Body::In(Input::Stream { event: StreamEvent::Bytes { bytes, .. } }) => {
            service.stream_bytes += bytes.len() as u64;
        }
        _ => {}
    }
}

fn replayable(info: &Info, first_gap: Option<(Duration, bool)>) -> String {
    let without: Vec<&str> = info
        .services
        .iter()
        .filter(|(_, service)| service.starts == 0)
        .map(|(name, _)| name.as_str())
        .collect();
    let starts = info.services.values().any(|service| service.starts > 0);
    match (starts, first_gap) {
        (false, _) => "not at core level: no service's start is in it".to_owned(),
        (true, Some((_, false))) => {
            "not at core level: it begins in mid-life, and the services' states at that moment aren't known; it can be read and converted".to_owned()
        }
        (true, Some((at, true))) => {
            format!("at core level up to the gap at +{:.3} s", at.as_secs_f64())
        }
        (true, _) if info.damage.is_some() => "at core level up to the damage".to_owned(),
        (true, _) if !without.is_empty() => {
            format!("at core level, without {}: its start isn't in it", without.join(", "))
        }
        (true, _) if info.services.values().any(|service| service.ends < service.starts) => {
            "at core level; a service has no end in it".to_owned()
        }
        (true, _) => "whole, at core level".to_owned(),
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "file       {file}")?;
        }
        writeln!(f, "size       {} bytes", self.bytes)?;
        writeln!(f, "format     {}, written by depot {}", self.format_version, self.version)?;
        for (name, value) in &self.notes {
            writeln!(f, "note       {name} = {value}")?;
        }
        if let (Some(began), Some(ended)) = (&self.began, &self.ended) {
            writeln!(f, "time       {began} to {ended}, {:.3} s", self.duration_s)?;
        }
        writeln!(f, "events     {}", self.events)?;
        for (topic, Channel { events, bytes }) in &self.channels {
            writeln!(f, "           {events:>10}  {bytes:>12} bytes  {topic}")?;
        }
        for (name, service) in &self.services {
            let version = service.version.as_ref().map_or_else(
                || "its start isn't in it".to_owned(),
                |version| format!("depot {version}, {} starts, {} ends", service.starts, service.ends),
            );
            writeln!(
                f,
                "service    {name}: {version}, {} connections, {} requests, {} bytes of the receiver",
                service.connections, service.requests, service.stream_bytes
            )?;
        }
        for Gap { after_s, event, lost } in &self.gaps {
            writeln!(f, "gap        +{after_s:.3} s: {lost} events are missing up to event {event}")?;
        }
        if self.gaps.len() == MAX_GAPS {
            writeln!(f, "gap        … {} events are missing in all", self.lost)?;
        }
        if let Some(damage) = &self.damage {
            writeln!(f, "damage     {damage}")?;
        }
        writeln!(f, "replay     {}", self.replay)
    }
}
