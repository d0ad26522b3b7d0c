//! One service of a stage: its machine, its connections, and a store that keeps what it is given.

use std::collections::BTreeMap;
use std::time::Duration;

use kit::machine::{ConnId, Machine, Output, StoreEvent};
use kit::tap::{Start, Write, ranges};
use replay::machines;
use serde_json::{Value, json};

/// Of every service on a stage.
const SEED: u64 = 1;

/// Answers that somebody may still ask for.
const MAX_ANSWERS: usize = 64;

pub struct Service {
    name: &'static str,
    pub machine: Box<dyn Machine>,
    pub conns: Vec<Conn>,
    last_conn: ConnId,
    requests: u64,
    pub answers: BTreeMap<u64, (u16, Value)>,
    pub fate: Fate,
    kept: Vec<Value>,
}

/// One connection.
pub struct Conn {
    pub id: ConnId,
    /// Where it was accepted, and what it has joined.
    paths: Vec<String>,
    /// Whether anything reaches it.
    pub reads: bool,
    pub told: Vec<Value>,
    frames: Vec<u64>,
}

/// What becomes of commits.
#[derive(Clone, Copy)]
pub enum Fate {
    Kept,
    Fails(&'static str),
    Slow(Duration),
}

impl Service {
    pub fn new(name: &'static str) -> Self {
        let (machine, _) = built(name);
        let (conns, answers) = (Vec::new(), BTreeMap::new());
        Self { name, machine, conns, last_conn: 0, requests: 0, answers, fate: Fate::Kept, kept: Vec::new() }
    }

    /// A new process: a new machine, which counts its clients from the first again.
    pub fn boot(&mut self) -> Start {
        let (machine, start) = built(self.name);
        self.machine = machine;
        (self.last_conn, self.requests) = (0, 0);
        self.answers.clear();
        start
    }

    pub fn next_conn(&mut self) -> ConnId {
        self.last_conn += 1;
        self.last_conn
    }

    pub fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.iter_mut().find(|conn| conn.id == id)
    }

    pub fn keep(&mut self, changes: &str) {
        let changes: Vec<Value> = serde_json::from_str(changes).expect("a commit is a JSON array");
        self.kept.extend(changes);
    }

    /// What the store tells when it is opened, in two parts if it holds anything; nothing if the service has no store.
    pub fn opening(&self) -> Vec<StoreEvent> {
        if self.name != dispatch::SERVICE {
            return Vec::new();
        }
        let (first, last) = self.kept.split_at(self.kept.len() / 2);
        let changes = |part: &[Value]| Value::from(part.to_vec()).to_string();
        let loading = (!first.is_empty()).then(|| StoreEvent::Loading { changes: changes(first) });
        loading.into_iter().chain([StoreEvent::Opened { changes: changes(last) }]).collect()
    }

    /// Delivers an output to whom it is for.
    pub fn take(&mut self, seq: u64, output: &Output) {
        match output {
            Output::Send { conn, text, .. } => {
                if let Some(conn) = self.conn(*conn).filter(|conn| conn.reads) {
                    conn.frames.push(seq);
                    conn.told.push(serde_json::from_str(text).expect("the wire's own frame"));
                }
            }
            Output::Publish { path, .. } => {
                let hears = |conn: &&mut Conn| conn.reads && conn.paths.contains(path);
                self.conns.iter_mut().filter(hears).for_each(|conn| conn.frames.push(seq));
            }
            Output::Join { conn, path } => {
                self.conn(*conn).into_iter().for_each(|conn| conn.paths = vec![path.clone()]);
            }
            Output::Http { id, status, body, .. } => {
                let body = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
                self.answers.insert(*id, (*status, body));
                if self.answers.len() > MAX_ANSWERS {
                    self.answers.pop_first();
                }
            }
            Output::Ping { .. } | Output::Commit { .. } | Output::Close { .. } => {}
        }
    }

    /// What connections were written since the last call; what several were, once.
    pub fn written(&mut self) -> Vec<Write> {
        let mut writes: BTreeMap<Vec<u64>, Vec<ConnId>> = BTreeMap::new();
        for conn in self.conns.iter_mut().filter(|conn| !conn.frames.is_empty()) {
            writes.entry(std::mem::take(&mut conn.frames)).or_default().push(conn.id);
        }
        let write = |(frames, conns)| Write { conns: ranges(conns), frames: ranges(frames), batch: false };
        writes.into_iter().map(write).collect()
    }
}

impl Conn {
    pub fn new(id: ConnId, path: &str) -> Self {
        Self { id, paths: vec![path.to_owned()], reads: true, told: Vec::new(), frames: Vec::new() }
    }
}

fn built(name: &str) -> (Box<dyn Machine>, Start) {
    let config = match name {
        gps_status::SERVICE => serde_json::to_value(gps_status::Config::default()),
        discovery::SERVICE => serde_json::to_value(discovery::Config::default()),
        dispatch::SERVICE => serde_json::to_value(dispatch::Config::default()),
        _ => panic!("{name} is no service of this project"),
    };
    let config = config.expect("a configuration is JSON");
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut start = Start { version, seed: SEED, config, state: Value::Null };
    let machine = machines::build(name, &start).expect("a service of this project");
    start.state = machine.state();
    (machine, start)
}
