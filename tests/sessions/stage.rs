//! A depot in memory and in virtual time, for sessions that are kept.
//!
//! It does what the live shell does (wakes each machine, stamps each input once, records it and what it brought),
//! with a scenario's bytes at the times a line gives them, with a store that keeps what it is given, and with
//! clients that do as a script says. It has no clock and no thread: the same script makes the same session.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::iter::Peekable;
use std::time::Duration;

use fixtures::{Chunk, ChunkEvent, Scenario};
use kit::machine::{ConnId, Input, Output, StoreEvent, StreamEvent, Timestamp};
use kit::tap::{Body, SessionEvent};
use replay::writer::{About, SessionWriter};
use serde_json::Value;

use super::service::{Conn, Fate, Service};

/// From the last byte's arrival to the machine's input, and from a wake-up's time to the wake-up.
const HAND_OVER: Duration = Duration::from_micros(150);
/// A ping there and its pong back.
const ROUND_TRIP: Duration = Duration::from_millis(15);
/// A commit to a disk.
const COMMIT: Duration = Duration::from_millis(3);
/// A chunk of the file; longer than a recorder's, for fewer bytes.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);
const DEVICE: &str = "/dev/serial/by-id/usb-u-blox_AG_a_made-up_receiver-if00";
/// 2026-03-01T08:00:00Z, where no receiver says otherwise.
const START: Duration = Duration::from_secs(1_772_352_000);
/// RFC 6455 section 7.4.1: going away.
const GOING_AWAY: u16 = 1001;

/// Machines, their clients, and the file.
pub struct Stage {
    writer: SessionWriter<Cursor<Vec<u8>>>,
    start: Timestamp,
    now: Timestamp,
    flush_at: Timestamp,
    flush_every: Duration,
    seq: u64,
    services: BTreeMap<&'static str, Service>,
    /// What will happen by itself, by its time and in the order in which it was begun.
    soon: BTreeMap<(Timestamp, u64), (&'static str, Soon)>,
    begun: u64,
    receiver: Peekable<Box<dyn Iterator<Item = Chunk>>>,
    baud: u32,
}

enum Soon {
    Input(Input),
    Committed { batch: u64, changes: String, error: Option<String> },
}

impl Stage {
    /// Services from the start; the receiver as in `--gnss`, if there is one. It must end.
    pub fn new(services: &[&'static str], receiver: Option<&str>) -> Self {
        let scenario = receiver.map(|line| Scenario::parse(line).expect("the script names a scenario"));
        let start =
            scenario.as_ref().map_or(START, |scenario| Duration::from_millis(scenario.start.unix_ms()));
        let notes = receiver.map(|line| ("source".to_owned(), line.to_owned())).into_iter().collect();
        let about = About { version: env!("CARGO_PKG_VERSION").to_owned(), notes };
        let writer = SessionWriter::new(Cursor::new(Vec::new()), &about).expect("memory takes everything");
        let none: Box<dyn Iterator<Item = Chunk>> = Box::new(std::iter::empty());
        let mut stage = Self {
            writer,
            start,
            now: start,
            flush_at: start,
            flush_every: FLUSH_INTERVAL,
            seq: 0,
            services: BTreeMap::new(),
            soon: BTreeMap::new(),
            begun: 0,
            receiver: none.peekable(),
            baud: 0,
        };
        for name in services {
            stage.services.insert(name, Service::new(name));
            stage.boot(name);
        }
        if let Some(scenario) = scenario {
            assert!(scenario.duration.is_some(), "the receiver never ends");
            stage.baud = scenario.baud;
            let chunks: Box<dyn Iterator<Item = Chunk>> = Box::new(scenario.chunks());
            stage.receiver = chunks.peekable();
            stage.opened();
        }
        stage
    }

    /// With chunks of the file as short as that.
    #[allow(dead_code, reason = "for benches/eight_hours")]
    pub fn flushing(self, every: Duration) -> Self {
        Self { flush_every: every, ..self }
    }

    /// With a receiver whose port is read as seldom as that.
    #[allow(dead_code, reason = "for benches/eight_hours")]
    pub fn reading(mut self, every: Duration) -> Self {
        let none: Box<dyn Iterator<Item = Chunk>> = Box::new(std::iter::empty());
        let mut chunks = std::mem::replace(&mut self.receiver, none.peekable());
        let reads = std::iter::from_fn(move || {
            let Chunk { mut offset, event } = chunks.next()?;
            let ChunkEvent::Bytes(mut bytes) = event else { return Some(Chunk { offset, event }) };
            let until = offset + every;
            let more = |chunk: &Chunk| chunk.offset <= until && matches!(chunk.event, ChunkEvent::Bytes(_));
            while let Some(chunk) = chunks.next_if(more) {
                offset = chunk.offset;
                bytes.extend(chunk.into_bytes());
            }
            Some(Chunk { offset, event: ChunkEvent::Bytes(bytes) })
        });
        let reads: Box<dyn Iterator<Item = Chunk>> = Box::new(reads);
        Self { receiver: reads.peekable(), ..self }
    }

    /// Goes on to a time, milliseconds since the start, with all that happens on the way.
    pub fn until(&mut self, ms: u64) {
        self.go_to(self.start + Duration::from_millis(ms));
    }

    /// Goes on by milliseconds.
    pub fn after(&mut self, ms: u64) {
        self.go_to(self.now + Duration::from_millis(ms));
    }

    /// Goes on until the receiver's bytes end, stops everything in order, and gives back the file.
    pub fn finish(mut self) -> Vec<u8> {
        let ends = self.receiver.peek().is_some();
        while let Some(offset) = self.receiver.peek().map(|chunk| chunk.offset) {
            self.go_to(self.start + offset + HAND_OVER);
        }
        if ends {
            self.stream(StreamEvent::Ended);
        }
        self.after(1);
        let names: Vec<&'static str> = self.services.keys().copied().collect();
        for name in names {
            self.feed(name, Input::Stopping);
            for conn in self.service(name).conns.drain(..).map(|conn| conn.id).collect::<Vec<_>>() {
                let reason = "the service is stopping".to_owned();
                self.session(name, SessionEvent::CloseSent { conn, code: GOING_AWAY, reason });
                self.feed(name, Input::Closed { conn, code: Some(GOING_AWAY) });
            }
            let state = self.service(name).machine.state();
            self.record(name, Body::End(state));
        }
        let (file, _) = self.writer.finish_into().expect("memory takes everything");
        file.into_inner()
    }

    /// kill -9: nobody is told anything. A commit under way is kept or not.
    pub fn kill(&mut self, name: &'static str, keep: bool) {
        let mut soon = std::mem::take(&mut self.soon);
        for ((at, n), (of, what)) in std::mem::take(&mut soon) {
            match what {
                what if of != name => drop(self.soon.insert((at, n), (of, what))),
                Soon::Committed { changes, error: None, .. } if keep => self.service(name).keep(&changes),
                _ => {}
            }
        }
        self.service(name).conns.clear();
    }

    /// It starts, for the first time or again, with what its store holds.
    pub fn boot(&mut self, name: &'static str) {
        let start = self.service(name).boot();
        self.record(name, Body::Start(start));
        for event in self.service(name).opening() {
            self.feed(name, Input::Store { event });
        }
    }

    /// What becomes of commits from here on.
    pub fn commits(&mut self, name: &'static str, fate: Fate) {
        self.service(name).fate = fate;
    }

    pub fn clock_steps(&mut self, name: &'static str, offset_ms: i64) {
        self.feed(name, Input::Clock { offset_ms });
    }

    /// What the NTRIP caster beside it tells.
    pub fn caster_tells(&mut self, name: &'static str, report: &Value) {
        self.feed(name, Input::Caster { report: report.to_string() });
    }

    /// A client connects.
    pub fn opens(&mut self, name: &'static str, path: &str, query: &str) -> ConnId {
        let conn = self.service(name).next_conn();
        let addr = format!("192.0.2.{conn}:50000");
        let origin = Some("https://console.example".to_owned());
        self.session(name, SessionEvent::Peer { conn, addr, origin });
        self.service(name).conns.push(Conn::new(conn, path));
        self.feed(name, Input::Open { conn, path: path.to_owned(), query: query.to_owned() });
        conn
    }

    pub fn says(&mut self, name: &'static str, conn: ConnId, text: &str) {
        self.feed(name, Input::Text { conn, text: text.into() });
    }

    /// Bytes that are no text.
    pub fn sends_binary(&mut self, name: &'static str, conn: ConnId, bytes: usize) {
        self.session(name, SessionEvent::Binary { conn, bytes });
    }

    /// It stops reading: nothing reaches it from here, and it answers no ping.
    pub fn stalls(&mut self, name: &'static str, conn: ConnId) {
        self.service(name).conn(conn).expect("an open connection").reads = false;
    }

    /// It reads again, and its outbox had overflowed.
    pub fn reads_again(&mut self, name: &'static str, conn: ConnId) {
        self.service(name).conn(conn).expect("an open connection").reads = true;
        self.feed(name, Input::Lagged { conn });
    }

    /// It is pinged by its session loop, and answers.
    pub fn pinged(&mut self, name: &'static str, conn: ConnId) {
        self.session(name, SessionEvent::PingSent { conn });
        self.session(name, SessionEvent::Pong { conn });
    }

    /// It goes, with a close code or without.
    pub fn leaves(&mut self, name: &'static str, conn: ConnId, code: Option<u16>) {
        if code.is_none() {
            let message = "Connection reset without closing handshake".to_owned();
            self.session(name, SessionEvent::Error { conn, message });
        }
        self.service(name).conns.retain(|open| open.id != conn);
        self.feed(name, Input::Closed { conn, code });
    }

    /// Whether it is still connected.
    pub fn is_open(&mut self, name: &'static str, conn: ConnId) -> bool {
        self.service(name).conn(conn).is_some()
    }

    /// What a connection was sent alone since the last call.
    pub fn told(&mut self, name: &'static str, conn: ConnId) -> Vec<Value> {
        self.service(name).conn(conn).map(|conn| std::mem::take(&mut conn.told)).unwrap_or_default()
    }

    /// Somebody asks; `query` and `body` may be empty. Returns the request's number.
    pub fn asks(&mut self, name: &'static str, call: &str, body: &str) -> u64 {
        let id = self.service(name).next_request();
        let (method, url) = call.split_once(' ').expect("a method and a path");
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        self.feed(
            name,
            Input::Http {
                id,
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.to_owned(),
                body: body.to_owned(),
                idempotency_key: None,
            },
        );
        id
    }

    /// Asks, waits for a commit, and returns what was answered.
    pub fn gets(&mut self, name: &'static str, call: &str, body: &str) -> (u16, Value) {
        let id = self.asks(name, call, body);
        self.after(20);
        self.service(name).answers.get(&id).cloned().expect("an answer")
    }

    fn go_to(&mut self, time: Timestamp) {
        loop {
            let wake = self.services.iter().filter_map(|(name, service)| {
                let due = service.machine.next_timeout()?;
                Some(((due + HAND_OVER).max(self.now), *name))
            });
            let wake = wake.min().filter(|(at, _)| *at <= time);
            let soon = self.soon.first_key_value().map(|((at, _), _)| *at).filter(|at| *at <= time);
            let chunk = self.receiver.peek().map(|chunk| self.start + chunk.offset + HAND_OVER);
            let chunk = chunk.filter(|at| *at <= time);
            let first = [wake.map(|(at, _)| at), soon, chunk].into_iter().flatten().min();
            let Some(first) = first else { break };
            self.now = self.now.max(first);
            if let Some((_, name)) = wake.filter(|(at, _)| *at == first) {
                self.wakes(name);
            } else if soon == Some(first) {
                self.soon_comes();
            } else {
                self.chunk_comes();
            }
        }
        self.now = self.now.max(time);
    }

    fn soon_comes(&mut self) {
        let Some((_, (name, what))) = self.soon.pop_first() else { return };
        match what {
            Soon::Input(Input::Pong { conn, token }) => {
                if self.service(name).conn(conn).is_some_and(|conn| conn.reads) {
                    self.feed(name, Input::Pong { conn, token });
                }
            }
            Soon::Input(input) => self.feed(name, input),
            Soon::Committed { batch, changes, error } => {
                if error.is_none() {
                    self.service(name).keep(&changes);
                }
                self.feed(name, Input::Store { event: StoreEvent::Committed { batch, error } });
            }
        }
    }

    fn chunk_comes(&mut self) {
        let Some(chunk) = self.receiver.next() else { return };
        match chunk.event {
            ChunkEvent::Bytes(bytes) => {
                let received_at = self.start + chunk.offset;
                let received_at_ns = u64::try_from(received_at.as_nanos()).expect("before 2554");
                self.stream(StreamEvent::Bytes { received_at_ns, bytes });
            }
            ChunkEvent::Closed => {
                self.stream(StreamEvent::Closed { reason: format!("{DEVICE} was unplugged") });
            }
            ChunkEvent::Opened => self.opened(),
        }
    }

    fn opened(&mut self) {
        self.stream(StreamEvent::Opened { device: DEVICE.to_owned(), baud: Some(self.baud) });
    }

    fn stream(&mut self, event: StreamEvent) {
        self.feed(gps_status::SERVICE, Input::Stream { event });
    }

    fn service(&mut self, name: &'static str) -> &mut Service {
        self.services.get_mut(name).expect("a service of this stage")
    }

    fn soon(&mut self, name: &'static str, after: Duration, what: Soon) {
        self.begun += 1;
        self.soon.insert((self.now + after, self.begun), (name, what));
    }

    fn wakes(&mut self, name: &'static str) {
        self.record(name, Body::In(Input::Timer));
        let (now, mut out) = (self.now, Vec::new());
        self.service(name).machine.handle_timeout(now, &mut out);
        self.carry_out(name, out);
    }

    fn feed(&mut self, name: &'static str, input: Input) {
        // Whoever comes while it is to be woken comes after that.
        if self.service(name).machine.next_timeout().is_some_and(|due| due < self.now) {
            self.wakes(name);
        }
        self.record(name, Body::In(input.clone()));
        let (now, mut out) = (self.now, Vec::new());
        self.service(name).machine.handle(now, input, &mut out);
        self.carry_out(name, out);
    }

    /// Records the outputs, and which of them each connection is written.
    fn carry_out(&mut self, name: &'static str, out: Vec<Output>) {
        let mut closed = Vec::new();
        for output in out {
            self.record(name, Body::Out(output.clone()));
            let seq = self.seq;
            self.service(name).take(seq, &output);
            match output {
                Output::Close { conn, code, reason } => closed.push((conn, code, reason)),
                Output::Ping { conn, token } => {
                    self.soon(name, ROUND_TRIP, Soon::Input(Input::Pong { conn, token }));
                }
                Output::Commit { batch, changes } => match self.service(name).fate {
                    Fate::Kept => self.soon(name, COMMIT, Soon::Committed { batch, changes, error: None }),
                    Fate::Fails(error) => {
                        let error = Some(error.to_owned());
                        self.soon(name, COMMIT, Soon::Committed { batch, changes, error });
                    }
                    Fate::Slow(took) => {
                        self.soon(name, took, Soon::Committed { batch, changes, error: None });
                    }
                },
                _ => {}
            }
        }
        let writes = self.service(name).written();
        if !writes.is_empty() {
            self.session(name, SessionEvent::Written { within_ns: 0, writes });
        }
        for (conn, code, reason) in closed {
            self.service(name).conns.retain(|open| open.id != conn);
            self.session(name, SessionEvent::CloseSent { conn, code, reason });
            self.feed(name, Input::Closed { conn, code: Some(code) });
        }
    }

    fn session(&mut self, name: &'static str, event: SessionEvent) {
        self.record(name, Body::Session(event));
    }

    fn record(&mut self, name: &'static str, body: Body) {
        self.seq += 1;
        let written = self.writer.write(self.seq, self.now, name, &body);
        written.expect("memory takes everything");
        if self.now >= self.flush_at {
            self.writer.flush().expect("memory takes everything");
            self.flush_at = self.now + self.flush_every;
        }
    }
}
