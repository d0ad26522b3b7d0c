//! HTTP and WebSockets of a session as HAR 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>), and back.
//!
//! Seen from the client, as browsers write it: a WebSocket is an entry with Chrome's `_webSocketMessages`
//! (`send` is what the client said; times in seconds since the Unix epoch). What HAR has no place for stands in
//! members named `_depot`: service, numbers, connection. A HAR holds no receiver, no timer, no start, no state:
//! a session made from one can be read, searched and played to a live service, not replayed at core level.

use std::collections::BTreeMap;
use std::io::Write;

use kit::machine::{ConnId, Input, Output, Timestamp};
use kit::tap::Body;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rewrite::{Rewriter, Written};
use super::series::Series;
use super::{OutFile, ToolError};
use crate::report::utc;
use crate::session::{Problem, Recorded};
use crate::writer::About;

mod proxied;
use proxied::Proxied;

/// Entries in one HAR file; a session with more is written up to there, and told to be cut.
pub const MAX_ENTRIES: usize = 1_000_000;
/// The service of a HAR that doesn't say.
const SERVICE: &str = "har";

/// What was written.
#[derive(Debug)]
pub struct Exported {
    /// Requests and connections.
    pub entries: u64,
    /// Frames of the connections.
    pub frames: u64,
    /// More entries than a HAR file holds were left out.
    pub left_out: u64,
    /// What stopped the reading.
    pub problem: Option<Problem>,
}

#[derive(Serialize)]
struct Entry {
    #[serde(rename = "startedDateTime")]
    started: String,
    time: f64,
    request: Value,
    response: Value,
    cache: Value,
    timings: Value,
    #[serde(rename = "_resourceType", skip_serializing_if = "Option::is_none")]
    resource: Option<&'static str>,
    #[serde(rename = "_webSocketMessages", skip_serializing_if = "Option::is_none")]
    frames: Option<Vec<Frame>>,
    #[serde(rename = "_depot")]
    depot: Depot,
}

#[derive(Serialize, Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    direction: String,
    time: f64,
    opcode: u8,
    data: String,
    #[serde(rename = "_depot", default, skip_serializing_if = "Option::is_none")]
    depot: Option<FrameOrigin>,
}

#[derive(Serialize, Deserialize)]
struct FrameOrigin {
    at_ns: u64,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Depot {
    service: String,
    at_ns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conn: Option<ConnId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// When it ended or was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
}

/// Writes a session's HTTP and WebSockets.
///
/// # Errors
/// See [`ToolError`].
pub fn export(series: &Series, mut out: OutFile) -> Result<Exported, ToolError> {
    let mut work = Work::default();
    let mut problem = None;
    for event in super::good(series.events()?, &mut problem) {
        work.take(event);
    }
    work.end_proxied();
    let frames =
        work.entries.iter().filter_map(|entry| entry.frames.as_ref()).map(|frames| frames.len() as u64).sum();
    let exported = Exported { entries: work.entries.len() as u64, frames, left_out: work.left_out, problem };
    if work.entries.is_empty() {
        return Err(ToolError::Nothing { name: series.name() });
    }
    let creator = json!({ "name": "depot", "version": env!("CARGO_PKG_VERSION") });
    let har = json!({ "log": { "version": "1.2", "creator": creator, "entries": work.entries } });
    let path = out.path().to_owned();
    let written =
        serde_json::to_writer(&mut out, &har).map_err(std::io::Error::from).and_then(|()| out.flush());
    written.map_err(|source| ToolError::Write { path, source })?;
    out.finish()?;
    Ok(exported)
}

#[derive(Default)]
struct Work {
    entries: Vec<Entry>,
    left_out: u64,
    /// Service and request to entry.
    requests: BTreeMap<(String, u64), usize>,
    /// Service and connection to entry and the paths it hears.
    conns: BTreeMap<(String, ConnId), (usize, String)>,
    proxies: Proxied,
}

impl Work {
    fn take(&mut self, Recorded { at, service, body, .. }: Recorded) {
        let service = service.to_string();
        match body {
            Body::In(Input::Http { id, method, path, query, body, idempotency_key }) => {
                let headers = idempotency_key.map(|key| ("Idempotency-Key", key));
                let request = request(&service, "http", &method, &path, &query, headers, Some(&body));
                let depot =
                    Depot { service: service.clone(), at_ns: ns(at), id: Some(id), ..Depot::default() };
                if let Some(entry) = self.entry(at, request, None, depot) {
                    self.requests.insert((service, id), entry);
                }
            }
            Body::Out(Output::Http { id, status, body, link }) => {
                let Some(entry) = self.requests.remove(&(service, id)) else { return };
                let Some(entry) = self.entries.get_mut(entry) else { return };
                let headers = link.map(|link| json!([{ "name": "Link", "value": link }]));
                entry.response = response(status, headers.unwrap_or(json!([])), &body);
                entry.end(at);
            }
            Body::In(Input::Open { conn, path, query }) => {
                let request = request(&service, "ws", "GET", &path, &query, None, None);
                let depot =
                    Depot { service: service.clone(), at_ns: ns(at), conn: Some(conn), ..Depot::default() };
                if let Some(entry) = self.entry(at, request, Some("websocket"), depot) {
                    self.conns.insert((service, conn), (entry, path));
                }
            }
            Body::In(Input::Text { conn, text }) => self.frame((service, conn), "send", at, &text),
            Body::Out(Output::Send { conn, text, .. }) => self.frame((service, conn), "receive", at, &text),
            Body::Out(Output::Publish { path, text, .. }) => {
                let hears = |((of, _), (_, hears)): &(&(String, ConnId), &(usize, String))| {
                    *of == service && **hears == path
                };
                let conns: Vec<ConnId> =
                    self.conns.iter().filter(hears).map(|((_, conn), _)| *conn).collect();
                for conn in conns {
                    self.frame((service.clone(), conn), "receive", at, &text);
                }
            }
            Body::Out(Output::Join { conn, path }) => {
                if let Some((_, hears)) = self.conns.get_mut(&(service, conn)) {
                    *hears = path;
                }
            }
            Body::In(Input::Closed { conn, code }) => {
                let Some((entry, _)) = self.conns.remove(&(service, conn)) else { return };
                if let Some(entry) = self.entries.get_mut(entry) {
                    entry.depot.code = code;
                    entry.end(at);
                }
            }
            Body::Proxy(event) => self.proxied(at, service, event),
            _ => {}
        }
    }

    fn entry(
        &mut self,
        at: Timestamp,
        request: Value,
        resource: Option<&'static str>,
        depot: Depot,
    ) -> Option<usize> {
        if self.entries.len() >= MAX_ENTRIES {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        let response = match resource {
            Some(_) => response(101, json!([]), ""),
            // Until there is one: what browsers write for a request without an answer.
            None => response(0, json!([]), ""),
        };
        let timings = json!({ "send": 0, "wait": 0, "receive": 0 });
        let frames = resource.map(|_| Vec::new());
        let cache = json!({});
        self.entries.push(Entry {
            started: utc(at),
            time: 0.0,
            request,
            response,
            cache,
            timings,
            resource,
            frames,
            depot,
        });
        Some(self.entries.len() - 1)
    }

    fn frame(&mut self, conn: (String, ConnId), direction: &str, at: Timestamp, text: &str) {
        let entry = self.conns.get(&conn).and_then(|(entry, _)| self.entries.get_mut(*entry));
        if let Some(frames) = entry.and_then(|entry| entry.frames.as_mut()) {
            let depot = Some(FrameOrigin { at_ns: ns(at) });
            let (direction, data) = (direction.to_owned(), text.to_owned());
            frames.push(Frame { direction, time: at.as_secs_f64(), opcode: 1, data, depot });
        }
    }
}

impl Entry {
    fn end(&mut self, at: Timestamp) {
        let since = at.saturating_sub(Timestamp::from_nanos(self.depot.at_ns));
        self.time = since.as_secs_f64() * 1e3;
        self.timings = json!({ "send": 0, "wait": self.time, "receive": 0 });
        self.depot.end_ns = Some(ns(at));
    }
}

fn request(
    service: &str,
    scheme: &str,
    method: &str,
    path: &str,
    query: &str,
    header: Option<(&str, String)>,
    body: Option<&str>,
) -> Value {
    let mark = if query.is_empty() { "" } else { "?" };
    let list: Vec<Value> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            json!({ "name": name, "value": value })
        })
        .collect();
    let headers: Vec<Value> =
        header.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let mut request = json!({
        "method": method,
        "url": format!("{scheme}://{service}.invalid{path}{mark}{query}"),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "queryString": list,
        "headersSize": -1,
        "bodySize": body.map_or(0, str::len),
    });
    if let (Some(body), Some(members)) = (body.filter(|body| !body.is_empty()), request.as_object_mut()) {
        members.insert("postData".to_owned(), json!({ "mimeType": "application/json", "text": body }));
    }
    request
}

fn response(status: u16, headers: Value, body: &str) -> Value {
    json!({
        "status": status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "content": { "size": body.len(), "mimeType": "application/json", "text": body },
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": body.len(),
    })
}

fn ns(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
}

/// Makes a session of a HAR file's text. Times that only HAR tells are kept to the millisecond.
///
/// # Errors
/// It isn't HAR 1.2.
pub fn import(name: &str, text: &str, out: OutFile) -> Result<Written, ToolError> {
    let bad = |why: String| ToolError::Har { name: name.to_owned(), why };
    let har: Value = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    let entries = har
        .pointer("/log/entries")
        .and_then(Value::as_array)
        .ok_or_else(|| bad("it has no log.entries".to_owned()))?;
    let mut events: Vec<(Timestamp, String, Body)> = Vec::new();
    let mut last = (0, 0);
    for (nth, entry) in entries.iter().enumerate() {
        read(entry, &mut last, &mut events).map_err(|why| bad(format!("entry {}: {why}", nth + 1)))?;
    }
    if events.is_empty() {
        return Err(ToolError::Nothing { name: name.to_owned() });
    }
    // Stable: what has one time stays in the order of the file.
    events.sort_by_key(|(at, _, _)| *at);
    let notes = [("source".to_owned(), "HAR".to_owned())].into();
    let mut writer = Rewriter::new(out, &About { version: env!("CARGO_PKG_VERSION").to_owned(), notes })?;
    for (seq, (at, service, body)) in events.into_iter().enumerate() {
        writer.put(super::event(seq as u64 + 1, at, &service, body))?;
    }
    writer.finish()
}

/// One entry; `last` counts connections and requests that have no number of ours.
fn read(
    entry: &Value,
    last: &mut (u64, u64),
    events: &mut Vec<(Timestamp, String, Body)>,
) -> Result<(), String> {
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
    let depot: Option<Depot> = entry.get("_depot").and_then(|depot| Depot::deserialize(depot).ok());
    let url = text("/request/url").ok_or("no request.url")?;
    let (scheme, rest) = url.split_once("://").ok_or("no scheme in request.url")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let service = match &depot {
        Some(depot) => depot.service.clone(),
        None => host.split(['.', ':']).next().filter(|name| !name.is_empty()).unwrap_or(SERVICE).to_owned(),
    };
    if service.contains('/') {
        return Err("a service's name has no slash".to_owned());
    }
    let began = match &depot {
        Some(depot) => Timestamp::from_nanos(depot.at_ns),
        None => time(text("/startedDateTime").ok_or("no startedDateTime")?)
            .ok_or("startedDateTime isn't RFC 3339")?,
    };
    let took_ms = entry.get("time").and_then(Value::as_f64).unwrap_or(0.0).clamp(0.0, 1e12);
    let ended = match depot.as_ref().and_then(|depot| depot.end_ns) {
        Some(end_ns) => Timestamp::from_nanos(end_ns),
        None => began.saturating_add(Timestamp::from_secs_f64(took_ms / 1e3)),
    };
    let (path, query) = (format!("/{path}"), query.to_owned());
    let mut add = |at, body| events.push((at, service.clone(), body));
    if let Some(frames) = entry.get("_webSocketMessages") {
        let frames = Vec::<Frame>::deserialize(frames).map_err(|error| error.to_string())?;
        last.0 += 1;
        let conn = depot.as_ref().and_then(|depot| depot.conn).unwrap_or(last.0);
        add(began, Body::In(Input::Open { conn, path, query }));
        for frame in frames.into_iter().filter(|frame| frame.opcode == 1) {
            let at = match frame.depot {
                Some(origin) => Timestamp::from_nanos(origin.at_ns),
                None => Timestamp::try_from_secs_f64(frame.time).map_err(|error| error.to_string())?,
            };
            let text = frame.data.into();
            add(
                at,
                match &*frame.direction {
                    "send" => Body::In(Input::Text { conn, text }),
                    _ => Body::Out(Output::Send { conn, text, key: None }),
                },
            );
        }
        if depot.as_ref().is_none_or(|depot| depot.end_ns.is_some()) {
            let code = depot.as_ref().and_then(|depot| depot.code);
            add(ended, Body::In(Input::Closed { conn, code }));
        }
        return Ok(());
    }
    if !matches!(scheme, "http" | "https") {
        return Ok(());
    }
    last.1 += 1;
    let id = depot.as_ref().and_then(|depot| depot.id).unwrap_or(last.1);
    let method = text("/request/method").unwrap_or("GET").to_owned();
    let body = text("/request/postData/text").unwrap_or_default().to_owned();
    let idempotency_key = header(entry, "/request/headers", "idempotency-key");
    add(began, Body::In(Input::Http { id, method, path, query, body, idempotency_key }));
    let status = entry.pointer("/response/status").and_then(Value::as_u64).unwrap_or(0);
    if let Some(status) = u16::try_from(status).ok().filter(|status| *status > 0) {
        let body = text("/response/content/text").unwrap_or_default().to_owned();
        let link = header(entry, "/response/headers", "link");
        add(ended, Body::Out(Output::Http { id, status, body, link }));
    }
    Ok(())
}

fn header(entry: &Value, list: &str, name: &str) -> Option<String> {
    let mut headers = entry.pointer(list)?.as_array()?.iter();
    let is_it = |header: &&Value| {
        header.get("name").and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    headers.find(is_it)?.get("value")?.as_str().map(str::to_owned)
}

/// RFC 3339, from 1970 on.
fn time(text: &str) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (fraction, zone) = rest.split_at_checked(zone_at)?;
    let nanos = match fraction.strip_prefix('.') {
        Some(digits) => format!("{digits:0<9}").get(..9)?.parse::<u64>().ok()?,
        None => 0,
    };
    let offset_s: i64 = match zone.strip_prefix(['Z', 'z']) {
        Some(_) => 0,
        None => {
            let (hours, minutes) =
                (zone.get(1..3)?.parse::<i64>().ok()?, zone.get(4..6)?.parse::<i64>().ok()?);
            let east = hours * 3600 + minutes * 60;
            if zone.starts_with('-') { -east } else { east }
        }
    };
    // Days from civil: years begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    let secs =
        i64::try_from(days.checked_sub(719_468)? * 86_400 + hour * 3600 + minute * 60 + second).ok()?;
    let secs = u64::try_from(secs - offset_s).ok()?;
    Some(Timestamp::from_secs(secs) + Timestamp::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_other_programs() {
        for (text, secs) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("2000-02-29T00:00:00.000Z", 951_782_400.0),
            ("2026-01-01T01:00:00.5+01:00", 1_767_225_600.5),
            ("2025-12-31T19:00:00.25-05:00", 1_767_225_600.25),
        ] {
            assert_eq!(time(text).map(|at| at.as_secs_f64()), Some(secs), "{text}");
        }
        for bad in
            ["", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "1969-12-31T23:59:59Z"]
        {
            assert_eq!(time(bad), None, "{bad}");
        }
        assert_eq!(
            time(&utc(Timestamp::from_millis(1_790_000_000_123))),
            Some(Timestamp::from_millis(1_790_000_000_123))
        );
    }
}
