//! A service that has a bit of everything, a shell in memory that drives and records it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::{Input, Machine, Output, StreamEvent, Timestamp};
use kit::tap::{Body, Event, SessionEvent, Start, Tap};
use replay::machines::{BuildError, Factory};
use replay::recorder::{About, Recorder, Summary};
use replay::session::Session;
use serde_json::json;

/// Changes are told to all after this long, once.
const COALESCE: Duration = Duration::from_millis(100);

/// How a later version of the service misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The third echo counts wrong.
    Count,
    /// No answer to HTTP.
    Mute,
    /// A second publish.
    Twice,
    /// Snapshot and greeting in the other order.
    Swap,
    /// Coalesces longer.
    Later,
    /// Wants to be woken after opening.
    Eager,
    /// Only the state at the end tells.
    State,
    /// On the third text.
    Panic,
    /// Whatever no argument says.
    Random,
}

pub struct Toy {
    fault: Fault,
    count: u64,
    bytes: u64,
    conns: BTreeSet<u64>,
    publish_at: Option<Timestamp>,
}

impl Toy {
    pub fn new(fault: Fault) -> Self {
        Self { fault, count: 0, bytes: 0, conns: BTreeSet::new(), publish_at: None }
    }

    fn snapshot(&self) -> String {
        json!({ "type": "toy", "data": { "count": self.count, "bytes": self.bytes } }).to_string()
    }

    fn changed(&mut self, now: Timestamp) {
        let later = if self.fault == Fault::Later { COALESCE / 2 } else { Duration::ZERO };
        self.publish_at.get_or_insert(now + COALESCE + later);
    }
}

impl Machine for Toy {
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        static RANDOM: AtomicU64 = AtomicU64::new(0);
        match input {
            Input::Http { id, path, .. } if self.fault != Fault::Mute => {
                let (status, body) = match path.as_str() {
                    "/count" => (200, json!({ "count": self.count, "mean": 0.1 + 0.2 }).to_string()),
                    _ => (404, "no such path".to_owned()),
                };
                out.push(Output::Http { id, status, body, link: None });
            }
            Input::Open { conn, .. } => {
                self.conns.insert(conn);
                if self.fault == Fault::Eager {
                    self.publish_at = Some(now);
                }
                let hello = json!({ "type": "hello", "conn": conn }).to_string();
                out.push(Output::Send { conn, text: hello.into(), key: None });
                out.push(Output::Send { conn, text: self.snapshot().into(), key: Some(1) });
                if self.fault == Fault::Swap {
                    out.reverse();
                }
            }
            Input::Text { conn, text } if text.as_str() == "bye" => {
                out.push(Output::Close { conn, code: 1000, reason: "bye".to_owned() });
            }
            Input::Text { conn, text } => {
                self.count += 1;
                let wrong = self.fault == Fault::Count && self.count == 3;
                let count = if wrong { 4 } else { self.count };
                assert!(self.fault != Fault::Panic || self.count < 3, "count is {}", self.count);
                let drawn = match self.fault {
                    Fault::Random => RANDOM.fetch_add(1, Ordering::Relaxed),
                    _ => 0,
                };
                // Not in the order of the alphabet, as little as what the services say.
                let (said, ms) = (json!(text.as_str()), now.as_millis());
                let echo = format!(r#"{{"echo":{said},"count":{count},"at":{{"ms":{ms}}},"drawn":{drawn}}}"#);
                out.push(Output::Send { conn, text: echo.into(), key: None });
                self.changed(now);
            }
            Input::Stream { event: StreamEvent::Bytes { bytes, .. } } => {
                self.bytes += bytes.len() as u64;
                self.changed(now);
            }
            Input::Closed { conn, .. } => {
                self.conns.remove(&conn);
            }
            _ => {}
        }
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        self.publish_at
    }

    fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        if self.publish_at.is_some_and(|at| at <= now) {
            self.publish_at = None;
            let times = if self.fault == Fault::Twice { 2 } else { 1 };
            for _ in 0..times {
                let text = self.snapshot().into();
                out.push(Output::Publish { path: "/ws".to_owned(), text, key: Some(1) });
            }
        }
    }

    fn state(&self) -> serde_json::Value {
        let count = if self.fault == Fault::State { 0 } else { self.count };
        json!({ "count": count, "bytes": self.bytes, "conns": self.conns, "third": self.count as f64 / 3.0 })
    }
}

/// Drives one toy as the live shell does, and records it.
pub struct Shell {
    tap: Tap,
    machine: Toy,
    pub now: Timestamp,
}

impl Shell {
    pub fn start(tap: &Tap, service: &'static str, now: Timestamp) -> Self {
        let (tap, machine) = (tap.of(service), Toy::new(Fault::None));
        let config = json!({ "coalesce_ms": 100, "f": 0.1 });
        let start = Start { version: "0.0.9".to_owned(), seed: 7, config, state: machine.state() };
        tap.record(now, Body::Start(start));
        Self { tap, machine, now }
    }

    /// After so much time, and after the wake-ups due till then.
    pub fn input(&mut self, after_ms: u64, input: Input) {
        let at = self.now + Duration::from_millis(after_ms);
        while let Some(due) = self.machine.next_timeout().filter(|due| *due <= at) {
            self.step(due, Input::Timer);
        }
        self.step(at, input);
    }

    fn step(&mut self, at: Timestamp, input: Input) {
        self.now = at;
        self.tap.record(at, Body::In(input.clone()));
        let mut out = Vec::new();
        match input {
            Input::Timer => self.machine.handle_timeout(at, &mut out),
            input => self.machine.handle(at, input, &mut out),
        }
        for output in out {
            self.tap.record(at, Body::Out(output));
        }
    }

    pub fn session(&self, event: SessionEvent) {
        self.tap.record(self.now, Body::Session(event));
    }

    pub fn end(self) {
        self.tap.record(self.now, Body::End(self.machine.state()));
    }

    /// One of everything, `rounds` times.
    pub fn live(&mut self, rounds: u64) {
        for n in 1..=rounds {
            self.session(SessionEvent::Peer { conn: n, addr: "127.0.0.1:5".to_owned(), origin: None });
            self.input(1, open(n));
            self.session(SessionEvent::PingSent { conn: n });
            self.input(2, text(n, &format!("text {n}")));
            self.input(3, bytes(vec![b'$'; 30]));
            self.input(150, http(n, "/count"));
            self.input(5, http(n + 1000, "/nothing"));
            self.input(5, Input::Clock { offset_ms: -3 });
            self.input(5, Input::Lagged { conn: n });
            self.input(5, text(n, "bye"));
            self.input(5, Input::Closed { conn: n, code: Some(1000) });
        }
    }
}

pub fn open(conn: u64) -> Input {
    Input::Open { conn, path: "/ws".to_owned(), query: String::new() }
}

pub fn text(conn: u64, text: &str) -> Input {
    Input::Text { conn, text: text.to_owned().into() }
}

pub fn bytes(bytes: Vec<u8>) -> Input {
    Input::Stream { event: StreamEvent::Bytes { received_at_ns: 1, bytes } }
}

pub fn http(id: u64, path: &str) -> Input {
    let (method, path) = ("GET".to_owned(), path.to_owned());
    Input::Http { id, method, path, query: String::new(), body: String::new(), idempotency_key: None }
}

pub fn epoch() -> Timestamp {
    Duration::new(1_790_000_000, 123_456_789)
}

pub fn about() -> About {
    About { version: "0.0.9".to_owned(), notes: [("host".to_owned(), "a test".to_owned())].into() }
}

/// Every toy, with one fault.
pub fn factory(fault: Fault) -> Box<Factory<'static>> {
    Box::new(move |service: &str, start: &Start| {
        if service.starts_with("toy") {
            return Ok(Box::new(Toy::new(fault)));
        }
        Err(BuildError::Unknown { service: service.to_owned(), version: start.version.clone() })
    })
}

/// A file in memory.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Memory {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buf);
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Records what `live` does with a tap.
pub fn record(live: impl FnOnce(&Tap)) -> (Vec<u8>, Summary) {
    let memory = Memory::default();
    let (recorder, tap) = Recorder::to_writer(memory.clone(), &about(), Clock::start()).unwrap();
    live(&tap);
    drop(tap);
    let summary = recorder.finish().unwrap();
    (memory.bytes(), summary)
}

/// One toy's life in a file.
pub fn recorded(rounds: u64) -> Vec<u8> {
    record(|tap| {
        let mut shell = Shell::start(tap, "toy", epoch());
        shell.live(rounds);
        shell.end();
    })
    .0
}

/// One toy's life as events.
pub fn events(rounds: u64) -> Vec<Event> {
    let (tap, events) = Tap::on();
    let mut shell = Shell::start(&tap, "toy", epoch());
    shell.live(rounds);
    shell.end();
    drop(tap);
    events.iter().collect()
}

pub fn session(bytes: Vec<u8>) -> Session {
    Session::from_bytes(bytes).unwrap()
}
