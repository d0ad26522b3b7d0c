//! A depot in memory and in virtual time, for sessions that are kept.
//!
//! It does what the live shell does (wakes the machine, stamps each input once, records it and what it
//! brought), with a scenario's bytes at the times a line gives them and with consoles that follow a script.
//! It has no clock and no thread: the same [`Script`] makes the same session.

use std::io::Cursor;
use std::time::Duration;

use fixtures::{ChunkEvent, Scenario};
use kit::machine::{ConnId, Input, Machine, Output, StreamEvent, Timestamp};
use kit::tap::{Body, SessionEvent, Start};
use replay::writer::{About, SessionWriter};

/// From the last byte's arrival to the machine's input, and from a wake-up's time to the wake-up.
const HAND_OVER: Duration = Duration::from_micros(150);
/// A chunk of the file; longer than a recorder's, for fewer bytes.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);
const DEVICE: &str = "/dev/serial/by-id/usb-u-blox_AG_a_made-up_receiver-if00";
/// RFC 6455 section 7.4.1: going away.
const GOING_AWAY: u16 = 1001;

/// What happens, all of it.
pub struct Script {
    /// The file's name without its extension.
    pub name: &'static str,
    /// The receiver, as in `--gnss`; it must end.
    pub scenario: &'static str,
    /// What consoles and the system do, in the order of the milliseconds since the start.
    pub cues: &'static [(u64, Cue)],
}

/// Something other than the receiver.
#[derive(Clone, Copy)]
pub enum Cue {
    /// A console connects; it gets the next number.
    Open { path: &'static str, query: &'static str },
    /// It says something.
    Says { conn: ConnId, text: &'static str },
    /// It sends so many bytes that are no text.
    SendsBinary { conn: ConnId, bytes: usize },
    /// It stops reading: nothing reaches it from here.
    Stalls { conn: ConnId },
    /// It reads again, and its outbox had overflowed.
    ReadsAgain { conn: ConnId },
    /// It is pinged, and answers.
    Pinged { conn: ConnId },
    /// It goes, with a close code or without.
    Leaves { conn: ConnId, code: Option<u16> },
    /// Somebody asks.
    Asks { method: &'static str, path: &'static str, query: &'static str },
    /// The system clock is found to be off by so much.
    ClockSteps { offset_ms: i64 },
}

impl Script {
    /// The session file.
    pub fn play(&self) -> Vec<u8> {
        let scenario = Scenario::parse(self.scenario).expect("the script names a scenario");
        assert!(scenario.duration.is_some(), "{} never ends", self.scenario);
        let start = Duration::from_millis(scenario.start.unix_ms());
        let baud = scenario.baud;
        let mut file = Vec::new();
        let mut stage = Stage::open(self, start, &mut file);
        stage.at(Duration::ZERO, |stage| stage.opened(baud));
        let mut cues = self.cues.iter().map(|(ms, cue)| (Duration::from_millis(*ms), *cue)).peekable();
        for chunk in scenario.chunks() {
            while let Some((offset, cue)) = cues.next_if(|(offset, _)| *offset <= chunk.offset) {
                stage.at(offset, |stage| stage.cue(cue));
            }
            stage.at(chunk.offset, |stage| match chunk.event {
                ChunkEvent::Bytes(bytes) => {
                    let received_at = start + chunk.offset;
                    let received_at_ns = u64::try_from(received_at.as_nanos()).expect("before 2554");
                    stage.stream(StreamEvent::Bytes { received_at_ns, bytes });
                }
                ChunkEvent::Closed => {
                    stage.stream(StreamEvent::Closed { reason: format!("{DEVICE} was unplugged") });
                }
                ChunkEvent::Opened => stage.opened(baud),
            });
        }
        let left = cues.next().map(|(offset, _)| offset);
        assert_eq!(left, None, "a cue after the scenario's end");
        stage.finish();
        file
    }
}

/// A machine, its clients, and the file.
struct Stage<'a> {
    machine: gps_status::Codec,
    writer: SessionWriter<Cursor<&'a mut Vec<u8>>>,
    start: Timestamp,
    now: Timestamp,
    flush_at: Timestamp,
    seq: u64,
    requests: u64,
    last_conn: ConnId,
    conns: Vec<Conn>,
}

struct Conn {
    id: ConnId,
    path: &'static str,
    reads: bool,
}

impl<'a> Stage<'a> {
    fn open(script: &Script, start: Timestamp, file: &'a mut Vec<u8>) -> Self {
        let config = gps_status::Config::default();
        let machine = gps_status::machine(&config);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let notes = [("source".to_owned(), script.scenario.to_owned())].into();
        let about = About { version: version.clone(), notes };
        let writer = SessionWriter::new(Cursor::new(file), &about).expect("memory takes everything");
        let (conns, state) = (Vec::new(), machine.state());
        let mut stage = Self {
            machine,
            writer,
            start,
            now: start,
            flush_at: start,
            seq: 0,
            requests: 0,
            last_conn: 0,
            conns,
        };
        let config = serde_json::to_value(config).expect("a configuration is JSON");
        stage.record(Body::Start(Start { version, seed: 1, config, state }));
        stage
    }

    /// Goes on to a time, with the wake-ups on the way.
    fn at(&mut self, offset: Duration, act: impl FnOnce(&mut Self)) {
        let now = self.start + offset + HAND_OVER;
        while let Some(due) = self.machine.next_timeout().filter(|due| *due <= now) {
            self.now = (due + HAND_OVER).clamp(self.now, now);
            self.record(Body::In(Input::Timer));
            let mut out = Vec::new();
            self.machine.handle_timeout(self.now, &mut out);
            self.carry_out(out);
        }
        self.now = now;
        act(self);
    }

    fn finish(mut self) {
        let last = self.now - self.start;
        self.at(last, |stage| stage.stream(StreamEvent::Ended));
        self.at(last + Duration::from_millis(1), |stage| stage.feed(Input::Stopping));
        for conn in std::mem::take(&mut self.conns).into_iter().map(|conn| conn.id) {
            let reason = "the service is stopping".to_owned();
            self.session(SessionEvent::CloseSent { conn, code: GOING_AWAY, reason });
            self.feed(Input::Closed { conn, code: Some(GOING_AWAY) });
        }
        let state = self.machine.state();
        self.record(Body::End(state));
        self.writer.finish().expect("memory takes everything");
    }

    fn cue(&mut self, cue: Cue) {
        match cue {
            Cue::Open { path, query } => {
                self.last_conn += 1;
                let conn = self.last_conn;
                let addr = format!("192.0.2.{conn}:50000");
                let origin = Some("https://console.example".to_owned());
                self.session(SessionEvent::Peer { conn, addr, origin });
                self.conns.push(Conn { id: conn, path, reads: true });
                self.feed(Input::Open { conn, path: path.to_owned(), query: query.to_owned() });
            }
            Cue::Says { conn, text } => self.feed(Input::Text { conn, text: text.into() }),
            Cue::SendsBinary { conn, bytes } => self.session(SessionEvent::Binary { conn, bytes }),
            Cue::Stalls { conn } => self.reads(conn, false),
            Cue::ReadsAgain { conn } => {
                self.reads(conn, true);
                self.feed(Input::Lagged { conn });
            }
            Cue::Pinged { conn } => {
                self.session(SessionEvent::PingSent { conn });
                self.session(SessionEvent::Pong { conn });
            }
            Cue::Leaves { conn, code } => {
                if code.is_none() {
                    let message = "Connection reset without closing handshake".to_owned();
                    self.session(SessionEvent::Error { conn, message });
                }
                self.conns.retain(|open| open.id != conn);
                self.feed(Input::Closed { conn, code });
            }
            Cue::Asks { method, path, query } => {
                self.requests += 1;
                let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
                self.feed(Input::Http {
                    id: self.requests,
                    method,
                    path,
                    query,
                    body: String::new(),
                    idempotency_key: None,
                });
            }
            Cue::ClockSteps { offset_ms } => self.feed(Input::Clock { offset_ms }),
        }
    }

    fn opened(&mut self, baud: u32) {
        self.stream(StreamEvent::Opened { device: DEVICE.to_owned(), baud: Some(baud) });
    }

    fn stream(&mut self, event: StreamEvent) {
        self.feed(Input::Stream { event });
    }

    fn reads(&mut self, conn: ConnId, reads: bool) {
        let mut conns = self.conns.iter_mut();
        conns.find(|open| open.id == conn).expect("the script speaks of an open connection").reads = reads;
    }

    fn feed(&mut self, input: Input) {
        self.record(Body::In(input.clone()));
        let mut out = Vec::new();
        self.machine.handle(self.now, input, &mut out);
        self.carry_out(out);
    }

    /// Records the outputs, and which of them each connection is written.
    fn carry_out(&mut self, out: Vec<Output>) {
        let mut frames: Vec<Vec<u64>> = vec![Vec::new(); self.conns.len()];
        let mut closed = Vec::new();
        for output in out {
            self.record(Body::Out(output.clone()));
            for (conn, frames) in self.conns.iter().zip(&mut frames).filter(|(conn, _)| conn.reads) {
                match &output {
                    Output::Send { conn: to, .. } if *to == conn.id => frames.push(self.seq),
                    Output::Publish { path, .. } if path == conn.path => frames.push(self.seq),
                    _ => {}
                }
            }
            if let Output::Close { conn, code, reason } = output {
                closed.push((conn, code, reason));
            }
        }
        let sent = self.conns.iter().map(|conn| conn.id).zip(frames).filter(|(_, frames)| !frames.is_empty());
        for (conn, frames) in sent.collect::<Vec<_>>() {
            self.session(SessionEvent::Sent { conn, frames, batch: false });
        }
        for (conn, code, reason) in closed {
            self.conns.retain(|open| open.id != conn);
            self.session(SessionEvent::CloseSent { conn, code, reason });
            self.feed(Input::Closed { conn, code: Some(code) });
        }
    }

    fn session(&mut self, event: SessionEvent) {
        self.record(Body::Session(event));
    }

    fn record(&mut self, body: Body) {
        self.seq += 1;
        let written = self.writer.write(self.seq, self.now, gps_status::SERVICE, &body);
        written.expect("memory takes everything");
        if self.now >= self.flush_at {
            self.writer.flush().expect("memory takes everything");
            self.flush_at = self.now + FLUSH_INTERVAL;
        }
    }
}
