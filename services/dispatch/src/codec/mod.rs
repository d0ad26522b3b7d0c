//! The wire to the core and back, in one pure place that live shell and replay share.
//!
//! The machine has a core only while the store is its own: before it is opened, and after it is lost, it stands
//! by. Then requests get 503 and sockets are closed with 1013. What the store holds comes in as
//! [`StoreEvent::Loading`] and, the last part, [`StoreEvent::Opened`]; the fate of each commit as
//! [`StoreEvent::Committed`]: a replay, which has no store, is fed the very outcomes of the day.

pub mod body;
pub mod http;
pub mod query;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use kit::machine::{ConnId, Input, Machine, Output, StoreEvent, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wire::{dispatch::Health, frame::ErrorFrame};

use self::http::{Refused, Request};
use crate::{
    config::Config,
    core::{
        CLOSE_OVERRUN, Command, Core, Effect,
        ledger::{Change, Ledger},
        request::{Answer, Read},
    },
};

/// Where rovers connect.
pub const ROVERS: &str = "/ws";
/// Where consoles listen.
pub const CONSOLES: &str = "/ws/console";
/// IANA's registry of close codes: try again later.
pub const CLOSE_STANDBY: u16 = 1013;
/// RFC 6455 section 7.4.1: policy violation.
pub const CLOSE_POLICY: u16 = 1008;

/// The service as `config` wants it; `seed` is that of its ids.
#[must_use]
pub fn machine(config: &Config, seed: u64) -> Codec {
    Codec {
        config: config.clone(),
        seed,
        offset_ms: 0,
        core: None,
        store: Err("the store is being opened".to_owned()),
        conns: BTreeMap::new(),
        asked: BTreeSet::new(),
        loading: Vec::new(),
        effects: Vec::new(),
    }
}

/// dispatch as a [`Machine`].
#[derive(Debug)]
pub struct Codec {
    config: Config,
    seed: u64,
    offset_ms: i64,
    /// None while standing by.
    core: Option<Core>,
    /// Whether changes can be kept, or why not.
    store: Result<(), String>,
    /// Those the core knows.
    conns: BTreeMap<ConnId, Role>,
    /// Requests that wait for a commit.
    asked: BTreeSet<u64>,
    /// Parts of what the store holds, until the last has come. As much as the store held when it was opened.
    loading: Vec<String>,
    effects: Vec<Effect>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Rover,
    Console,
}

impl Machine for Codec {
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Http { id, method, path, query, body, idempotency_key } => {
                match http::request(&method, &path, &query, &body) {
                    Ok(request) => self.request(now, id, request, idempotency_key, (&path, &query), out),
                    Err(refused) => out.push(refusal(id, refused)),
                }
            }
            Input::Open { conn, path, query } => self.open(now, conn, &path, &query, out),
            Input::Text { conn, text } => self.text(now, conn, &text, out),
            Input::Pong { conn, token } if self.conns.contains_key(&conn) => {
                self.tell(now, Command::Pong(conn, token), out);
            }
            Input::Lagged { conn } => self.lagged(now, conn, out),
            Input::Closed { conn, .. } => {
                if self.conns.remove(&conn) == Some(Role::Rover) {
                    self.tell(now, Command::RoverClosed(conn), out);
                }
            }
            Input::Store { event } => self.store(now, event, out),
            Input::Clock { offset_ms } => {
                self.offset_ms = offset_ms;
                self.tell(now, Command::Clock(offset_ms), out);
            }
            Input::Stopping => self.tell(now, Command::Stopping, out),
            // Of a connection that is being closed; there is no receiver here.
            Input::Pong { .. } | Input::Stream { .. } | Input::Caster { .. } | Input::Timer => {}
        }
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        self.core.as_ref().and_then(Core::next_timeout)
    }

    fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.tell(now, Command::Wake, out);
    }

    /// A rover's last report may be among them, and it is never made again.
    fn is_busy(&self) -> bool {
        self.store.is_ok() && self.core.as_ref().is_some_and(Core::is_busy)
    }

    /// Open tasks and connected rovers as consoles know them; of the rest, which may be a hundred thousand tasks,
    /// how many there are and the digest of all.
    fn state(&self) -> Value {
        let store = self.store.as_ref().err().map_or("open", String::as_str);
        let Some(core) = &self.core else { return json!({ "store": store }) };
        let kept = core.kept();
        json!({
            "store": store,
            "rovers": core.connected().collect::<Vec<_>>(),
            "openTasks": kept.open_tasks().map(|row| &row.task).collect::<Vec<_>>(),
            "zones": kept.zones.len(),
            "missions": kept.missions.len(),
            "tasks": kept.tasks.len(),
            "digest": digest(kept),
        })
    }
}

impl Codec {
    /// Tells the core, if there is one, and carries out what it wants.
    fn tell(&mut self, now: Timestamp, command: Command, out: &mut Vec<Output>) {
        self.tell_of(now, command, ("", ""), out);
    }

    fn tell_of(&mut self, now: Timestamp, command: Command, list: (&str, &str), out: &mut Vec<Output>) {
        let Some(core) = &mut self.core else { return };
        let mut effects = mem::take(&mut self.effects);
        core.handle(now, command, &mut effects);
        for effect in effects.drain(..) {
            if let Effect::Answer(id, _) = &effect {
                self.asked.remove(id);
            }
            out.push(output(effect, list));
        }
        self.effects = effects;
    }

    fn request(
        &mut self,
        now: Timestamp,
        id: u64,
        request: Request,
        key: Option<String>,
        list: (&str, &str),
        out: &mut Vec<Output>,
    ) {
        match (request, &self.core, &self.store) {
            (Request::Live, ..) | (Request::Ready, Some(_), Ok(())) => {
                out.push(answer(id, Answer::json(200, &json!({ "status": "ok" })), list));
            }
            (Request::Read(read), Some(_), _) => {
                self.tell_of(now, Command::Read { id, read }, list, out);
            }
            // Kept waiting it might be made after all, long after its asker was told that it wasn't.
            (Request::Write(_), Some(_), Err(_)) => out.push(refusal(id, standing_by(&self.store))),
            (Request::Write(write), Some(_), Ok(())) => {
                self.asked.insert(id);
                self.tell(now, Command::Write { id, key, write }, out);
            }
            (Request::Read(Read::Health), None, _) => {
                let health = Health { status: "standby".to_owned(), connected_rovers: 0 };
                out.push(answer(id, Answer::json(503, &health), list));
            }
            (_, _, store) => out.push(refusal(id, standing_by(store))),
        }
    }

    fn open(&mut self, now: Timestamp, conn: ConnId, path: &str, query: &str, out: &mut Vec<Output>) {
        if self.core.is_none() {
            return out.push(Output::Close { conn, code: CLOSE_STANDBY, reason: standing_by(&self.store).1 });
        }
        let (role, command) = match path {
            ROVERS => (Role::Rover, Command::RoverOpened(conn)),
            CONSOLES => (Role::Console, Command::ConsoleOpened(conn, query::since(query))),
            _ => {
                let reason = "no WebSocket is served here: use /ws or /ws/console".to_owned();
                return out.push(Output::Close { conn, code: CLOSE_POLICY, reason });
            }
        };
        self.conns.insert(conn, role);
        self.tell(now, command, out);
    }

    fn text(&mut self, now: Timestamp, conn: ConnId, text: &str, out: &mut Vec<Output>) {
        let told = match self.conns.get(&conn) {
            None => return,
            Some(Role::Rover) => match body::frame(text) {
                Ok(frame) => return self.tell(now, Command::RoverSaid(conn, frame), out),
                Err(sentence) => sentence,
            },
            Some(Role::Console) => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                // Nothing is expected from a console; a later one may say more.
                Ok(_) => return,
                Err(error) => format!("The frame can't be read as JSON: {error}."),
            },
        };
        out.push(Output::Send { conn, text: json_text(&ErrorFrame { message: told }).into(), key: None });
    }

    /// A console is told everything again. A rover may have missed its task: it registers again, and is then sent
    /// what it wasn't proven to have.
    fn lagged(&mut self, now: Timestamp, conn: ConnId, out: &mut Vec<Output>) {
        match self.conns.get(&conn) {
            Some(Role::Console) => self.tell(now, Command::ConsoleLagged(conn), out),
            Some(Role::Rover) => {
                self.conns.remove(&conn);
                let reason = "you take too little of what you are sent".to_owned();
                out.push(Output::Close { conn, code: CLOSE_OVERRUN, reason });
                self.tell(now, Command::RoverClosed(conn), out);
            }
            None => {}
        }
    }

    fn store(&mut self, now: Timestamp, event: StoreEvent, out: &mut Vec<Output>) {
        match event {
            StoreEvent::Loading { changes } => self.loading.push(changes),
            StoreEvent::Opened { changes } => match self.loaded(changes) {
                Ok(kept) => {
                    self.stand_by("the store was opened again", out);
                    // A seed draws the same ids at every start; the time makes them others.
                    let seed = self.seed ^ u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
                    self.core = Some(Core::new(self.config.core(), seed, now, self.offset_ms, kept));
                    self.store = Ok(());
                }
                Err(error) => self.stand_by(&format!("what the store holds isn't understood: {error}"), out),
            },
            StoreEvent::Committed { batch, error } => {
                self.tell(now, Command::Committed { batch, ok: error.is_none() }, out);
            }
            StoreEvent::Away { reason } if self.core.is_some() => self.store = Err(reason),
            StoreEvent::Back if self.core.is_some() => self.store = Ok(()),
            StoreEvent::Away { .. } | StoreEvent::Back => {}
            StoreEvent::Lost { reason } => self.stand_by(&reason, out),
        }
    }

    /// All parts of what the store holds.
    fn loaded(&mut self, last: String) -> serde_json::Result<Ledger> {
        let mut ledger = Ledger::default();
        for part in mem::take(&mut self.loading).into_iter().chain([last]) {
            for change in serde_json::from_str::<Vec<Change>>(&part)? {
                ledger.apply(&change);
            }
        }
        Ok(ledger)
    }

    /// Forgets everything that somebody else may change from now on.
    fn stand_by(&mut self, reason: &str, out: &mut Vec<Output>) {
        self.core = None;
        self.loading.clear();
        self.store = Err(reason.to_owned());
        for id in mem::take(&mut self.asked) {
            let sentence = "The database was lost while the change was saved; look whether it was made.";
            out.push(refusal(id, (503, sentence.to_owned())));
        }
        for conn in mem::take(&mut self.conns).into_keys() {
            out.push(Output::Close { conn, code: CLOSE_STANDBY, reason: standing_by(&self.store).1 });
        }
    }
}

fn standing_by(store: &Result<(), String>) -> Refused {
    let reason = store.as_ref().err().map_or("the store is being opened", String::as_str);
    (503, format!("This dispatch can't be used now: {reason}."))
}

fn output(effect: Effect, list: (&str, &str)) -> Output {
    match effect {
        Effect::Commit { batch, changes } => Output::Commit { batch, changes: json_text(&changes) },
        Effect::Answer(id, given) => answer(id, given, list),
        Effect::ToRover(conn, frame) => Output::Send { conn, text: json_text(&frame).into(), key: None },
        Effect::Ping(conn, token) => Output::Ping { conn, token },
        Effect::Close(conn, code, reason) => Output::Close { conn, code, reason: reason.to_owned() },
        Effect::ToConsole { conn, text, key } => Output::Send { conn, text: (&*text).into(), key },
        Effect::Publish { text, key } => {
            Output::Publish { path: CONSOLES.to_owned(), text: (&*text).into(), key }
        }
    }
}

/// `list` is the path and query of a list that may go on.
fn answer(id: u64, Answer { status, body, next }: Answer, (path, query): (&str, &str)) -> Output {
    let link = next.map(|cursor| query::next_link(path, query, cursor));
    Output::Http { id, status, body, link }
}

fn refusal(id: u64, (status, sentence): Refused) -> Output {
    Output::Http { id, status, body: sentence, link: None }
}

fn digest(kept: &Ledger) -> String {
    let mut hash = Sha256::new();
    let mut row = |text: String| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    kept.zones.oldest().for_each(|zone| row(json_text(zone)));
    kept.missions.oldest().for_each(|mission| row(json_text(mission)));
    kept.tasks.oldest().for_each(|task| row(json_text(task)));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json_text<T: Serialize + ?Sized>(value: &T) -> String {
    // Structs with text keys always can be written.
    serde_json::to_string(value).unwrap_or_default()
}
