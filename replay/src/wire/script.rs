//! What the recorded clients did, and what each was told for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::wire::feed::FeedFrame;
use axum::extract::ws::Utf8Bytes;
use base64::{Engine, engine::general_purpose::STANDARD};
use kit::machine::{ConnId, Input, Output, StoreEvent, StreamEvent, Timestamp};
use kit::tap::Body;

use super::{MAX_EVENTS, WireError};
use crate::report::Lossy;
use crate::session::Session;
use crate::window::Window;

/// Bytes of a receiver in one frame of a feed: as many as gps-status takes.
const FEED_BYTES: usize = 48 * 1024;
/// The key of frames that tell a whole state, each making the one before worthless: how many there are depends
/// on the service's own timing.
const WHOLE_STATE_KEY: u64 = 0;

/// Messages of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// One request and its answer.
    Request(u64),
    /// One WebSocket.
    Conn(ConnId),
    /// The receiver's bytes, on a socket of their own.
    Feed,
}

/// A line of a service, by its place in [`Script::services`].
pub type LineOf = (usize, Line);

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Asks.
    Http { method: String, path: String, query: String, body: String, key: Option<String> },
    /// Connects.
    Open { path: String, query: String },
    /// Says.
    Text(Utf8Bytes),
    /// Leaves, with a code or without a word.
    Close(Option<u16>),
    /// Hands on what the receiver says.
    Feed(FeedFrame),
}

/// When it does that.
#[derive(Clone, Debug)]
pub struct Step {
    pub seq: u64,
    pub at: Timestamp,
    pub line: LineOf,
    pub action: Action,
}

/// What a client was told.
#[derive(Clone, Debug)]
pub struct Expected {
    pub seq: u64,
    pub at: Timestamp,
    /// A [`Output::Publish`] as the [`Output::Send`] it was to this client.
    pub output: Output,
    /// Only the last of them counts.
    pub whole_state: bool,
    /// Before what is to be compared.
    pub muted: bool,
}

/// All of it, in order.
#[derive(Debug, Default)]
pub struct Script {
    pub services: Vec<Arc<str>>,
    pub steps: Vec<Step>,
    pub expected: BTreeMap<LineOf, Vec<Expected>>,
    /// `POST /zones`, of each request.
    pub requests: BTreeMap<LineOf, String>,
    /// What a person should know about it.
    pub notes: Vec<String>,
    pub versions: BTreeSet<String>,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub lossy: Option<Lossy>,
}

/// One service while its events are read.
#[derive(Default)]
struct Reading {
    /// Open connections, and the path each hears.
    hears: BTreeMap<ConnId, String>,
    /// Frames of these are merged or dropped by timing.
    paced: BTreeSet<ConnId>,
    /// Who is the cause of what comes out now.
    cause: Option<Line>,
    commits: BTreeMap<u64, Option<Line>>,
    started: bool,
    /// It closes its connections itself from here on.
    stopping: bool,
    /// Connections that the service closed.
    closing: BTreeSet<ConnId>,
    /// It ended, or started again: the live one doesn't.
    over: bool,
}

impl Script {
    /// Reads a session, as far as `wanted` services and the window go.
    pub fn read(
        session: &Session,
        wanted: &dyn Fn(&str) -> bool,
        window: &Window,
    ) -> Result<Self, WireError> {
        let mut script = Self::default();
        let mut reading: Vec<Reading> = Vec::new();
        let (mut first, mut others, mut count) = (None, BTreeSet::new(), 0_usize);
        let events = session.events().map_err(|source| WireError::Read { name: session.name(), source })?;
        for event in events {
            let event = match event {
                Ok(event) => event,
                Err(problem) => {
                    script.lossy = Some(Lossy::File(problem));
                    break;
                }
            };
            let first = *first.get_or_insert(event.at);
            script.first_at = first;
            if window.is_after(event.at, first) {
                break;
            }
            script.last_at = script.last_at.max(event.at);
            if let Body::Gap(lost) = event.body {
                let at = event.at.saturating_sub(first);
                script.lossy = Some(Lossy::Gap { lost, at, seq: event.seq });
                break;
            }
            if !wanted(&event.service) {
                others.insert(event.service.clone());
                continue;
            }
            count += 1;
            if count > MAX_EVENTS {
                return Err(WireError::TooLong { name: session.name() });
            }
            let known = script.services.iter().position(|service| *service == event.service);
            let n = known.unwrap_or_else(|| {
                script.services.push(event.service.clone());
                reading.push(Reading::default());
                script.services.len() - 1
            });
            if let Some(service) = reading.get_mut(n) {
                script.take(n, service, event.seq, event.at, event.body, window);
            }
        }
        if !others.is_empty() {
            let names = others.iter().map(|name| &**name).collect::<Vec<_>>().join(", ");
            script.notes.push(format!("not played, because no --url names it: {names}"));
        }
        Ok(script)
    }

    fn take(
        &mut self,
        n: usize,
        service: &mut Reading,
        seq: u64,
        at: Timestamp,
        body: Body,
        window: &Window,
    ) {
        let muted = window.is_before(at, self.first_at);
        match body {
            Body::Start(start) => {
                self.versions.insert(start.version);
                service.over = std::mem::replace(&mut service.started, true);
            }
            Body::End(_) => service.over = true,
            Body::In(input) if !service.over => self.input(n, service, seq, at, input, window),
            Body::Out(output) if !service.over => {
                self.output(n, service, (seq, at, muted), output, window);
            }
            Body::In(_) => {
                let name = self.services.get(n).map_or("", |name| &**name);
                let note = format!("{name} was started again in the recording; it is played up to there");
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
            Body::Out(_) | Body::Session(_) | Body::Proxy(_) | Body::Gap(_) => {}
        }
    }

    fn input(
        &mut self,
        n: usize,
        service: &mut Reading,
        seq: u64,
        at: Timestamp,
        input: Input,
        window: &Window,
    ) {
        let mut step = |line: Line, action: Action, script: &mut Self| {
            service.cause = Some(line);
            if is_played(window, line) {
                script.steps.push(Step { seq, at, line: (n, line), action });
            }
        };
        match input {
            Input::Http { id, method, path, query, body, idempotency_key: key } => {
                self.requests.insert((n, Line::Request(id)), format!("{method} {path}"));
                step(Line::Request(id), Action::Http { method, path, query, body, key }, self);
            }
            Input::Open { conn, path, query } => {
                if query.contains("min_interval_ms") {
                    service.paced.insert(conn);
                }
                service.hears.insert(conn, path.clone());
                self.expected.entry((n, Line::Conn(conn))).or_default();
                step(Line::Conn(conn), Action::Open { path, query }, self);
            }
            Input::Text { conn, text } => step(Line::Conn(conn), Action::Text(text), self),
            Input::Closed { conn, code } => {
                service.hears.remove(&conn);
                // Whoever was sent away left because of it.
                if !service.stopping && !service.closing.contains(&conn) {
                    step(Line::Conn(conn), Action::Close(code), self);
                } else {
                    service.cause = Some(Line::Conn(conn));
                }
            }
            Input::Stream { event } => {
                for frame in feed(event) {
                    step(Line::Feed, Action::Feed(frame), self);
                }
            }
            Input::Lagged { conn } => {
                service.cause = Some(Line::Conn(conn));
                service.paced.insert(conn);
                let all = self.expected.entry((n, Line::Conn(conn))).or_default();
                all.iter_mut().for_each(|expected| expected.whole_state = true);
            }
            Input::Store { event: StoreEvent::Committed { batch, .. } } => {
                service.cause = service.commits.remove(&batch).flatten();
            }
            Input::Store { event: StoreEvent::Opened { changes } } => {
                service.cause = None;
                // Before, it answered everybody that it stands by; for how long is a matter of timing.
                let before = self.steps.iter().filter(|step| step.line.0 == n).count();
                if before > 0 {
                    self.steps.retain(|step| step.line.0 != n);
                    self.expected.retain(|line, _| line.0 != n);
                    self.notes.push(format!(
                        "{before} inputs from before the recorded database was open aren't played"
                    ));
                }
                if changes.trim() != "[]" {
                    self.notes.push("the recorded dispatch had something in its database when it started; the live one needs the same, or answers otherwise".to_owned());
                }
            }
            Input::Store { .. } => {
                service.cause = None;
                self.note("what happened to the recorded dispatch's database isn't played");
            }
            Input::Caster { .. } => {
                service.cause = None;
                self.note("what the recorded caster told isn't played: the live one has its own clients");
            }
            Input::Stopping => service.stopping = true,
            // The library answers pings, and the live service has its own clock.
            Input::Pong { .. } | Input::Clock { .. } | Input::Timer => service.cause = None,
        }
    }

    /// Once.
    fn note(&mut self, note: &str) {
        if !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    fn output(
        &mut self,
        n: usize,
        service: &mut Reading,
        (seq, at, muted): (u64, Timestamp, bool),
        output: Output,
        window: &Window,
    ) {
        let cause = service.cause;
        let only_conn = window.only.as_ref().is_some_and(|only| only.conn.is_some());
        let mut expect = |line: Line, output: Output, whole_state: bool| {
            // Alone, a client is told only what it is the cause of.
            let is_owed = is_played(window, line) && (!only_conn || cause == Some(line));
            if is_owed {
                let expected = Expected { seq, at, output, whole_state, muted };
                self.expected.entry((n, line)).or_default().push(expected);
            }
        };
        // What a stopping service still tells, the live one would only tell if it was stopped, too.
        if service.stopping {
            return;
        }
        match output {
            Output::Http { id, .. } => expect(Line::Request(id), output, false),
            Output::Send { conn, key, .. } => {
                let whole_state = key == Some(WHOLE_STATE_KEY) || service.paced.contains(&conn);
                expect(Line::Conn(conn), output, whole_state);
            }
            Output::Publish { path, text, key } => {
                for (conn, _) in service.hears.iter().filter(|(_, hears)| **hears == path) {
                    let whole_state = key == Some(WHOLE_STATE_KEY) || service.paced.contains(conn);
                    let output = Output::Send { conn: *conn, text: text.clone(), key };
                    expect(Line::Conn(*conn), output, whole_state);
                }
            }
            Output::Close { conn, .. } => {
                service.closing.insert(conn);
                expect(Line::Conn(conn), output, false);
            }
            Output::Join { conn, path } => drop(service.hears.insert(conn, path)),
            Output::Commit { batch, .. } => drop(service.commits.insert(batch, cause)),
            Output::Ping { .. } => {}
        }
    }
}

fn is_played(window: &Window, line: Line) -> bool {
    match window.only.as_ref().and_then(|only| only.conn) {
        Some(conn) => line == Line::Conn(conn),
        None => true,
    }
}

fn feed(event: StreamEvent) -> Vec<FeedFrame> {
    match event {
        StreamEvent::Opened { device, baud } => vec![FeedFrame::Opened { device, baud }],
        StreamEvent::Bytes { received_at_ns, bytes } => {
            let frame = |part: &[u8]| FeedFrame::Bytes { received_at_ns, bytes: STANDARD.encode(part) };
            bytes.chunks(FEED_BYTES).map(frame).collect()
        }
        StreamEvent::Closed { reason } => vec![FeedFrame::Closed { reason }],
        StreamEvent::Ended => vec![FeedFrame::Closed { reason: "the capture has ended".to_owned() }],
    }
}
