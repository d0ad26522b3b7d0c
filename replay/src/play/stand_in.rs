//! A machine that does what a recorded one did, at the pace of a [`Transport`], and answers for it.
//!
//! It is the very machine: built from the recorded start and fed the recorded inputs, so that one who connects
//! now is told by it what the state of that moment is. Recorded clients and those of today have numbers of
//! their own, and nothing of today changes anything.

use std::collections::BTreeMap;
use std::iter::Peekable;

use ::wire::frame::ErrorFrame;
use kit::machine::{ConnId, Input, Machine, Output, StoreEvent, Timestamp};
use kit::tap::Body;
use serde_json::{Value, json};

use super::transport::Transport;
use crate::machines;
use crate::session::{Events, Recorded, Session};

/// Added to the numbers of today's connections and requests: no recorded one comes near it.
const TODAY: u64 = 1 << 48;
/// RFC 6455 section 7.4.1: policy violation.
const CLOSE_POLICY: u16 = 1008;
/// What whoever wants to change something is told.
const NO_CHANGE: &str =
    "This is a recording being played: it can be looked at, and nothing can be changed in it.";

/// What a stand-in stands in for.
#[derive(Clone, Debug)]
pub struct Part {
    /// As recorded.
    pub service: &'static str,
    /// Where its consoles listen; nobody else may connect.
    pub consoles: &'static str,
    /// Whether its errors are JSON.
    pub json_errors: bool,
}

/// See the module.
pub struct StandIn {
    part: Part,
    session: Session,
    transport: Transport,
    events: Option<Peekable<Events>>,
    machine: Option<Box<dyn Machine>>,
    /// Inputs up to there have been fed.
    at: Timestamp,
    jumps: u64,
    /// Of the next event; none at the end, or before the first look.
    next_at: Option<Timestamp>,
    /// Today's consoles, and what each asked for.
    viewers: BTreeMap<ConnId, String>,
    made: Vec<Output>,
}

impl StandIn {
    /// At the session's beginning.
    pub fn new(part: Part, session: Session, transport: Transport) -> Self {
        Self {
            part,
            session,
            transport,
            events: None,
            machine: None,
            at: Timestamp::ZERO,
            jumps: 0,
            next_at: None,
            viewers: BTreeMap::new(),
            made: Vec::new(),
        }
    }

    /// Goes to where the transport is.
    fn advance(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        let position = self.transport.position(now);
        if position.jumps == self.jumps {
            return self.feed(position.at, Some(out));
        }
        self.jumps = position.jumps;
        if position.at < self.at {
            (self.events, self.machine, self.at) = (None, None, Timestamp::ZERO);
        }
        // What lies between is not told, only where it led to.
        self.feed(position.at, None);
        self.tell_all(out);
    }

    /// Feeds the inputs up to a moment, and hands on what comes out.
    fn feed(&mut self, until: Timestamp, mut out: Option<&mut Vec<Output>>) {
        while let Some(event) = self.next(until) {
            let Recorded { at, body, .. } = event;
            self.at = self.at.max(at);
            match body {
                Body::Start(start) => {
                    // It could be built when the session was opened.
                    self.machine = machines::build(self.part.service, &start).ok();
                    if let Some(out) = out.as_deref_mut() {
                        self.tell_all(out);
                    }
                }
                Body::In(input) => {
                    let Some(machine) = &mut self.machine else { continue };
                    // Until then it sent everybody away; who is here stays.
                    let opens = matches!(&input, Input::Store { event: StoreEvent::Opened { .. } });
                    match input {
                        Input::Timer => machine.handle_timeout(self.at, &mut self.made),
                        input => machine.handle(self.at, input, &mut self.made),
                    }
                    self.hand_on(out.as_deref_mut());
                    if let Some(out) = out.as_deref_mut().filter(|_| opens) {
                        self.tell_all(out);
                    }
                }
                _ => {}
            }
        }
        self.at = self.at.max(until);
    }

    /// The service's next event, if it is due.
    fn next(&mut self, until: Timestamp) -> Option<Recorded> {
        loop {
            let events = self.events()?;
            // What is damaged is the end.
            let at = events.peek().and_then(|event| event.as_ref().ok()).map(|event| event.at);
            let event = if at.is_some_and(|at| at <= until) { events.next() } else { None };
            self.next_at = at;
            let event = event?.ok()?;
            if *event.service == *self.part.service {
                return Some(event);
            }
        }
    }

    fn events(&mut self) -> Option<&mut Peekable<Events>> {
        if self.events.is_none() {
            self.events = Some(self.session.events().ok()?.peekable());
        }
        self.events.as_mut()
    }

    /// The machine may be a new one, or have stood by: it hears of those who are connected. What it says to
    /// that is not told.
    fn meet_all(&mut self) {
        let Some(machine) = &mut self.machine else { return };
        for (conn, query) in &self.viewers {
            let (conn, path) = (conn.saturating_add(TODAY), self.part.consoles.to_owned());
            machine.handle(self.at, Input::Open { conn, path, query: query.clone() }, &mut self.made);
        }
        self.made.clear();
    }

    /// Everybody is told the whole state, as one who has missed something.
    fn tell_all(&mut self, out: &mut Vec<Output>) {
        self.meet_all();
        let viewers: Vec<ConnId> = self.viewers.keys().copied().collect();
        for conn in viewers {
            self.give(Input::Lagged { conn: conn.saturating_add(TODAY) }, out);
        }
    }

    fn give(&mut self, input: Input, out: &mut Vec<Output>) {
        if let Some(machine) = &mut self.machine {
            machine.handle(self.at, input, &mut self.made);
        }
        self.hand_on(Some(out));
    }

    /// What is for today's consoles, with today's numbers.
    fn hand_on(&mut self, out: Option<&mut Vec<Output>>) {
        let made = self.made.drain(..);
        if let Some(out) = out {
            out.extend(made.filter_map(todays));
        }
    }

    fn http(&mut self, request: Input, out: &mut Vec<Output>) {
        let Input::Http { id, method, path, query, body, idempotency_key } = request else { return };
        let refused = |status, body| Output::Http { id, status, body, link: None };
        if !matches!(&*method, "GET" | "HEAD") {
            let body = if self.part.json_errors {
                json!({ "error": NO_CHANGE }).to_string()
            } else {
                NO_CHANGE.to_owned()
            };
            return out.push(refused(403, body));
        }
        if self.machine.is_none() {
            return out
                .push(refused(503, "The recording hasn't come to this service's start yet.".to_owned()));
        }
        let id = id.saturating_add(TODAY);
        self.give(Input::Http { id, method, path, query, body, idempotency_key }, out);
    }

    fn open(&mut self, conn: ConnId, path: String, query: String, out: &mut Vec<Output>) {
        if path != self.part.consoles {
            let reason = "a recording is played here, for consoles alone".to_owned();
            return out.push(Output::Close { conn, code: CLOSE_POLICY, reason });
        }
        self.viewers.insert(conn, query.clone());
        self.give(Input::Open { conn: conn.saturating_add(TODAY), path, query }, out);
    }
}

impl Machine for StandIn {
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        self.advance(now, out);
        match input {
            request @ Input::Http { .. } => self.http(request, out),
            Input::Open { conn, path, query } => self.open(conn, path, query, out),
            Input::Text { conn, .. } => {
                let text = serde_json::to_string(&ErrorFrame { message: NO_CHANGE.to_owned() });
                out.push(Output::Send { conn, text: text.unwrap_or_default().into(), key: None });
            }
            Input::Lagged { conn } if self.viewers.contains_key(&conn) => {
                self.give(Input::Lagged { conn: conn.saturating_add(TODAY) }, out);
            }
            Input::Closed { conn, code } if self.viewers.remove(&conn).is_some() => {
                self.give(Input::Closed { conn: conn.saturating_add(TODAY), code }, out);
            }
            Input::Pong { conn, token } if self.viewers.contains_key(&conn) => {
                self.give(Input::Pong { conn: conn.saturating_add(TODAY), token }, out);
            }
            // Anything else is a reason to look at the transport again, and that is done.
            _ => {}
        }
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        // To peek needs the events to have been opened; before, it wants to be woken at once.
        match &self.events {
            None => self.transport.when(Timestamp::ZERO),
            Some(_) => self.next_at.and_then(|at| self.transport.when(at)),
        }
    }

    fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.advance(now, out);
    }

    fn state(&self) -> Value {
        self.machine.as_ref().map(|machine| machine.state()).unwrap_or_default()
    }
}

fn todays(output: Output) -> Option<Output> {
    let today = |number: u64| number.checked_sub(TODAY);
    Some(match output {
        Output::Http { id, status, body, link } => Output::Http { id: today(id)?, status, body, link },
        Output::Send { conn, text, key } => Output::Send { conn: today(conn)?, text, key },
        Output::Ping { conn, token } => Output::Ping { conn: today(conn)?, token },
        Output::Close { conn, code, reason } => Output::Close { conn: today(conn)?, code, reason },
        Output::Join { conn, path } => Output::Join { conn: today(conn)?, path },
        publish @ Output::Publish { .. } => publish,
        Output::Commit { .. } => return None,
    })
}
