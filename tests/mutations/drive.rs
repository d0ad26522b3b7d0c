//! The shell around a mutated machine: it wakes it, keeps its commits, answers its pings, and lets nobody do what
//! the live shell wouldn't.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use kit::machine::{ConnId, Input, Machine, Output, StoreEvent, Timestamp};
use kit::tap::Start;
use replay::machines::Factory;
use replay::shrink::Fed;
use serde_json::Value;

use super::life::{Act, Life};

/// Fresh consoles at the end are counted from here.
pub const PROBE: ConnId = 1_000_000;
/// Connections that were made again.
const FIRST_AGAIN: ConnId = 10_000;
/// How long things may take to come to rest at the end: a commit that failed is tried again, a silence noticed.
const SETTLE: Duration = Duration::from_secs(20);
const COMMIT: Duration = Duration::from_millis(3);
const ROUND_TRIP: Duration = Duration::from_millis(15);
/// Wake-ups between two inputs; more are an endless loop.
const MAX_WAKE_UPS: usize = 20_000;

/// One start of a machine, and all it was fed.
#[derive(Clone, Debug)]
pub struct Trace {
    pub service: String,
    pub start: Start,
    pub start_at: Timestamp,
    pub fed: Vec<Fed>,
    pub panic: Option<String>,
}

/// Drives a life to its end, and then lets fresh consoles connect. One trace for each start.
pub fn drive(life: &Life, factory: &Factory) -> Vec<Trace> {
    let mut shell = Shell::new(life, factory);
    for step in &life.steps {
        shell.go_to(step.at);
        match &step.act {
            Act::Input(input) => shell.outside(input.clone()),
            Act::Cut(n) => shell.cut(*n),
            Act::Lags(n) => {
                let conn = shell.nth_open(*n);
                conn.into_iter().for_each(|conn| shell.feed(Input::Lagged { conn }));
            }
            Act::Restart { keep } => shell.restart(*keep),
            Act::CommitsFail(count) => shell.failing = *count,
        }
    }
    shell.failing = 0;
    shell.feed(Input::Store { event: StoreEvent::Back });
    shell.go_to(shell.now + SETTLE);
    // What is held back to be told together with more is told now: a console that listens must not know less than
    // one that asks.
    shell.feed(Input::Stopping);
    shell.go_to(shell.now);
    for (n, (path, query)) in super::judge::consoles(&life.service).iter().enumerate() {
        let conn = PROBE + n as u64;
        shell.feed(Input::Open { conn, path: (*path).to_owned(), query: (*query).to_owned() });
    }
    shell.traces.push(shell.trace);
    shell.traces
}

struct Shell<'f> {
    factory: &'f Factory<'f>,
    machine: Box<dyn Machine>,
    trace: Trace,
    traces: Vec<Trace>,
    now: Timestamp,
    requests: u64,
    kept: Vec<Value>,
    committing: Option<(Timestamp, u64, String)>,
    pongs: Vec<(Timestamp, ConnId, u64)>,
    failing: usize,
    /// By the number the recording has.
    clients: BTreeMap<ConnId, Client>,
    again: ConnId,
}

struct Client {
    conn: ConnId,
    path: String,
    query: String,
    /// What it says first when it connects again.
    hello: Option<Input>,
    open: bool,
}

impl<'f> Shell<'f> {
    fn new(life: &Life, factory: &'f Factory<'f>) -> Self {
        let (machine, trace) = begin(&life.service, &life.start, life.start_at, factory);
        Self {
            factory,
            machine,
            trace,
            traces: Vec::new(),
            now: life.start_at,
            requests: 0,
            kept: life.kept.clone(),
            committing: None,
            pongs: Vec::new(),
            failing: 0,
            clients: BTreeMap::new(),
            again: FIRST_AGAIN,
        }
    }

    /// With the wake-ups, commits and pongs on the way.
    fn go_to(&mut self, time: Timestamp) {
        for _ in 0..MAX_WAKE_UPS {
            let wake = self.machine.next_timeout().filter(|_| self.trace.panic.is_none());
            let commit = self.committing.as_ref().map(|(at, ..)| *at);
            let pong = self.pongs.first().map(|(at, ..)| *at);
            let first = [wake, commit, pong].into_iter().flatten().min().filter(|at| *at <= time);
            let Some(first) = first else {
                self.now = self.now.max(time);
                return;
            };
            self.now = self.now.max(first);
            if commit == Some(first) {
                let (_, batch, changes) = self.committing.take().expect("it is under way");
                let fails = self.failing > 0;
                self.failing = self.failing.saturating_sub(1);
                if !fails {
                    self.keep(&changes);
                }
                let error = fails.then(|| "the disk is full".to_owned());
                self.feed(Input::Store { event: StoreEvent::Committed { batch, error } });
            } else if pong == Some(first) {
                let (_, conn, token) = self.pongs.remove(0);
                if self.is_open(conn) {
                    self.feed(Input::Pong { conn, token });
                }
            } else {
                self.feed(Input::Timer);
            }
        }
        self.trace.panic = Some(format!("it wants to be woken without end at {:?}", self.now));
        self.now = self.now.max(time);
    }

    /// As recorded, with the numbers of today.
    fn outside(&mut self, input: Input) {
        let today = |clients: &BTreeMap<ConnId, Client>, conn: &ConnId| {
            clients.get(conn).filter(|client| client.open).map(|client| client.conn)
        };
        match input {
            Input::Open { conn, path, query } => {
                if let Entry::Vacant(vacant) = self.clients.entry(conn) {
                    vacant.insert(Client { conn, path, query, hello: None, open: false });
                    self.connect(conn);
                }
            }
            Input::Text { conn, text } => {
                let Some(today) = today(&self.clients, &conn) else { return };
                let input = Input::Text { conn: today, text };
                if let Some(client) = self.clients.get_mut(&conn) {
                    client.hello.get_or_insert_with(|| input.clone());
                }
                self.feed(input);
            }
            Input::Lagged { conn } => {
                if let Some(conn) = today(&self.clients, &conn) {
                    self.feed(Input::Lagged { conn });
                }
            }
            Input::Closed { conn, code } => {
                if let Some(conn) = today(&self.clients, &conn) {
                    self.close(conn, code);
                }
            }
            Input::Http { method, path, query, body, idempotency_key, .. } => {
                self.requests += 1;
                let id = self.requests;
                self.feed(Input::Http { id, method, path, query, body, idempotency_key });
            }
            // With what was kept since, too.
            Input::Store { event: StoreEvent::Opened { .. } } => {
                // What was under way when it was opened again has no fate.
                self.committing = None;
                self.open_store();
            }
            input => self.feed(input),
        }
    }

    /// The client of this recorded number connects, under a number that wasn't used before.
    fn connect(&mut self, recorded: ConnId) {
        let Some(client) = self.clients.get_mut(&recorded) else { return };
        client.open = true;
        let (conn, path, query) = (client.conn, client.path.clone(), client.query.clone());
        let hello = client.hello.clone();
        self.feed(Input::Open { conn, path, query });
        if let Some(Input::Text { text, .. }) = hello
            && self.is_open(conn)
        {
            self.feed(Input::Text { conn, text });
        }
    }

    fn cut(&mut self, n: usize) {
        let Some(conn) = self.nth_open(n) else { return };
        let recorded = self.clients.iter().find(|(_, client)| client.conn == conn).map(|(id, _)| *id);
        self.close(conn, None);
        let Some(recorded) = recorded else { return };
        self.again += 1;
        if let Some(client) = self.clients.get_mut(&recorded) {
            client.conn = self.again;
        }
        self.connect(recorded);
    }

    fn restart(&mut self, keep: bool) {
        if let Some((_, _, changes)) = self.committing.take().filter(|_| keep) {
            self.keep(&changes);
        }
        self.pongs.clear();
        self.now += Duration::from_secs(1);
        let old = self.trace.clone();
        let (machine, trace) = begin(&old.service, &old.start, self.now, self.factory);
        self.machine = machine;
        self.traces.push(std::mem::replace(&mut self.trace, trace));
        if old.service == dispatch::SERVICE {
            self.open_store();
        }
        let open: Vec<ConnId> =
            self.clients.iter().filter(|(_, client)| client.open).map(|(recorded, _)| *recorded).collect();
        open.into_iter().for_each(|recorded| self.connect(recorded));
    }

    fn open_store(&mut self) {
        let (first, last) = self.kept.split_at(self.kept.len() / 2);
        let changes = |part: &[Value]| Value::from(part.to_vec()).to_string();
        let (first, last) = (changes(first), changes(last));
        self.feed(Input::Store { event: StoreEvent::Loading { changes: first } });
        self.feed(Input::Store { event: StoreEvent::Opened { changes: last } });
    }

    fn keep(&mut self, changes: &str) {
        let changes: Vec<Value> = serde_json::from_str(changes).expect("a commit is a JSON array");
        self.kept.extend(changes);
    }

    fn nth_open(&self, n: usize) -> Option<ConnId> {
        let open: Vec<ConnId> =
            self.clients.values().filter(|client| client.open).map(|client| client.conn).collect();
        open.get(n.checked_rem(open.len())?).copied()
    }

    fn is_open(&self, conn: ConnId) -> bool {
        self.clients.values().any(|client| client.open && client.conn == conn)
    }

    fn close(&mut self, conn: ConnId, code: Option<u16>) {
        let client = self.clients.values_mut().find(|client| client.open && client.conn == conn);
        if let Some(client) = client {
            client.open = false;
            self.feed(Input::Closed { conn, code });
        }
    }

    fn feed(&mut self, input: Input) {
        if self.trace.panic.is_some() {
            return;
        }
        let (now, mut outputs) = (self.now, Vec::new());
        let machine = &mut self.machine;
        let fed = catch_unwind(AssertUnwindSafe(|| match &input {
            Input::Timer => machine.handle_timeout(now, &mut outputs),
            input => machine.handle(now, input.clone(), &mut outputs),
        }));
        if let Err(panic) = fed {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            self.trace.panic = Some(text.unwrap_or_else(|| "a panic without words".to_owned()));
        }
        self.trace.fed.push(Fed { at: now, input, outputs: outputs.clone() });
        for output in outputs {
            match output {
                Output::Commit { batch, changes } => self.committing = Some((now + COMMIT, batch, changes)),
                Output::Ping { conn, token } => self.pongs.push((now + ROUND_TRIP, conn, token)),
                Output::Close { conn, code, .. } => self.close(conn, Some(code)),
                _ => {}
            }
        }
    }
}

fn begin(service: &str, start: &Start, at: Timestamp, factory: &Factory) -> (Box<dyn Machine>, Trace) {
    let machine = factory(service, start).expect("a service of this project");
    let (service, start) = (service.to_owned(), start.clone());
    (machine, Trace { service, start, start_at: at, fed: Vec::new(), panic: None })
}
