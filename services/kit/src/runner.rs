//! The task that drives a machine.
//!
//! It alone touches the machine and alone records inputs and outputs, so their order on the tap is the order
//! in which they happened. It stamps each input once and waits for nobody: outputs go into outboxes that
//! overflow rather than block.

use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

use axum::{extract::ws::Utf8Bytes, http::StatusCode};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub use crate::handle::{Answered, Asked, Gone, HTTP_ANSWER_TIMEOUT, Handle, Opened, Peer};
use crate::{
    clock::Clock,
    conns::{Conn, Conns},
    error::Refusal,
    handle::{Command, Reply},
    machine::{ConnId, Input, Machine, Output, StoreEvent, Timestamp},
    outbox::{Counted, OutFrame, Outbox, OutboxLimits, Pushed},
    quiet::Quiet,
    steps::StepWatch,
    tap::{Body, SessionEvent, Start, Tap},
};

/// Commands that wait for the machine; beyond it their senders wait (and so, in the end, their sockets).
pub const QUEUE_COMMANDS: usize = 256;
/// Commands taken at once before other tasks get their turn.
const COMMANDS_PER_TURN: usize = 64;
/// HTTP requests whose answers the machine still owes; beyond it new ones get 503.
pub const MAX_WAITING_HTTP: usize = 1024;

/// How often it is logged at most that a peer was told of an error: a peer must not be able to fill the log.
const ERROR_LOG_EVERY: Duration = Duration::from_secs(1);
/// What of such an error reaches the log, bytes; the rest is left out.
const SHOWN_ERROR_BYTES: usize = 400;
/// How an [`ErrorFrame`](wire::frame::ErrorFrame) begins.
const ERROR_FRAME: &str = r#"{"type":"error","message":"#;

/// RFC 6455 section 7.4.1: the service is going away.
pub const CLOSE_GOING_AWAY: u16 = 1001;
/// RFC 6455 section 7.4.1: something unexpected here.
pub const CLOSE_INTERNAL: u16 = 1011;

/// What a recording needs to know about a service besides its state.
#[derive(Clone, Debug)]
pub struct StartParts {
    /// `depot`'s version.
    pub version: String,
    /// For ids and whatever else is drawn.
    pub seed: u64,
    /// The service's configuration.
    pub config: serde_json::Value,
}

/// Bounds of a runner.
#[derive(Clone, Copy, Debug)]
pub struct RunnerLimits {
    /// Of each connection's outbox.
    pub outbox: OutboxLimits,
    /// After a stop, how long the sessions may take to end, and the machine to answer requests, before it
    /// ends without.
    pub shutdown: Duration,
}

impl Default for RunnerLimits {
    fn default() -> Self {
        Self { outbox: OutboxLimits::default(), shutdown: Duration::from_secs(5) }
    }
}

/// Where a machine's commits go. What becomes of each is told with [`Handle::store`].
pub trait Keeper: Send {
    /// Takes a commit, and never waits for it: the fate of one that can't be taken is told like any other.
    fn commit(&mut self, batch: u64, changes: String);
}

/// The keeper of a machine that makes no commits.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeeper;

impl Keeper for NoKeeper {
    fn commit(&mut self, batch: u64, _changes: String) {
        tracing::error!(batch, "a machine without a store made a commit");
    }
}

/// Starts runners.
#[derive(Debug)]
pub struct Runner;

impl Runner {
    /// Records the start and drives the machine in a task of its own, until `stop` is cancelled or every
    /// handle is dropped. The task ends when the sessions have ended and requests have their answers (or
    /// [`RunnerLimits::shutdown`] is over) and the end is recorded.
    pub fn spawn(
        machine: Box<dyn Machine>,
        keeper: Box<dyn Keeper>,
        start: StartParts,
        tap: Tap,
        clock: Clock,
        limits: RunnerLimits,
        stop: CancellationToken,
    ) -> (Handle, JoinHandle<serde_json::Value>) {
        let now = clock.now();
        if tap.is_on() {
            let StartParts { version, seed, config } = start;
            let start = Start { version, seed, config, state: machine.state() };
            tap.record(now, Body::Start(start));
        }
        let (commands, queue) = mpsc::channel(QUEUE_COMMANDS);
        let handle = Handle { commands, tap: tap.clone(), clock };
        let actor = Actor {
            machine,
            keeper,
            tap,
            clock,
            limits,
            steps: StepWatch::new(now),
            conns: Conns::default(),
            last_conn: 0,
            last_http: 0,
            waiting: BTreeMap::new(),
            out: Vec::new(),
            errors_told: Quiet::new(ERROR_LOG_EVERY),
            stopping: None,
        };
        (handle, tokio::spawn(actor.run(queue, stop)))
    }
}

struct Actor {
    machine: Box<dyn Machine>,
    keeper: Box<dyn Keeper>,
    tap: Tap,
    clock: Clock,
    limits: RunnerLimits,
    steps: StepWatch,
    conns: Conns,
    last_conn: ConnId,
    last_http: u64,
    waiting: BTreeMap<u64, Reply>,
    out: Vec<Output>,
    errors_told: Quiet,
    /// Once stopping: when it ends, sessions or not.
    stopping: Option<Timestamp>,
}

/// Whose whole state the outputs of an input are, if anyone's.
type SnapshotOf = Option<ConnId>;

impl Actor {
    async fn run(mut self, mut queue: mpsc::Receiver<Command>, stop: CancellationToken) -> serde_json::Value {
        let mut commands = Vec::with_capacity(COMMANDS_PER_TURN);
        loop {
            let wake = Instant::from_std(self.clock.instant(self.wake_at()));
            tokio::select! {
                biased;
                () = stop.cancelled(), if self.stopping.is_none() => self.begin_stop(&mut queue),
                count = queue.recv_many(&mut commands, COMMANDS_PER_TURN) => {
                    if count == 0 {
                        break;
                    }
                    for command in commands.drain(..) {
                        self.command(command);
                    }
                }
                () = sleep_until(wake) => {}
            }
            let now = self.clock.now();
            self.run_due(now);
            if self.stopping.is_some_and(|end| self.owes_nobody() || now >= end) {
                break;
            }
        }
        // Whoever got a command in before the door shut gets an answer.
        queue.close();
        while let Ok(command) = queue.try_recv() {
            self.command(command);
        }
        let state = self.machine.state();
        if self.tap.is_on() {
            let now = self.clock.now();
            self.tap.settle(now);
            self.tap.record(now, Body::End(state.clone()));
        }
        state
    }

    fn begin_stop(&mut self, queue: &mut mpsc::Receiver<Command>) {
        // What came before the stop is still told; what comes while this is done is not waited for.
        for _ in 0..QUEUE_COMMANDS {
            let Ok(command) = queue.try_recv() else { break };
            self.command(command);
        }
        let now = self.clock.now();
        // A replay wants a machine that asked to be woken before this to have been.
        self.run_due(now);
        self.feed(now, Input::Stopping, None);
        self.stopping = Some(now.saturating_add(self.limits.shutdown));
        for conn in self.conns.all.values() {
            conn.outbox.close(CLOSE_GOING_AWAY, "the service is stopping");
        }
    }

    /// The sessions have ended, whoever asked has an answer or has left, and what was taken in is kept.
    fn owes_nobody(&mut self) -> bool {
        self.waiting.retain(|_, reply| !reply.is_closed());
        self.conns.is_empty() && self.waiting.is_empty() && !self.machine.is_busy()
    }

    fn wake_at(&self) -> Timestamp {
        let machine = self.machine.next_timeout().into_iter();
        machine.chain(self.stopping).fold(self.steps.latest_check(), Timestamp::min)
    }

    /// What time alone brings: the machine's time-out, a step of the system clock.
    fn run_due(&mut self, now: Timestamp) {
        if self.machine.next_timeout().is_some_and(|due| due <= now) {
            self.record_in(now, &Input::Timer);
            self.machine.handle_timeout(now, &mut self.out);
            self.carry_out(now, None);
        }
        let clock = self.clock;
        if let Some(offset_ms) = self.steps.check(now, || clock.offset_ms()) {
            tracing::warn!(offset_ms, "the system clock was stepped");
            self.feed(now, Input::Clock { offset_ms }, None);
        }
    }

    fn command(&mut self, command: Command) {
        let now = self.clock.now();
        self.run_due(now);
        match command {
            Command::Http { request, reply } => {
                if self.waiting.len() >= MAX_WAITING_HTTP {
                    // Those who asked and left make room.
                    self.waiting.retain(|_, reply| !reply.is_closed());
                }
                if self.waiting.len() >= MAX_WAITING_HTTP {
                    // Fails only if this one has left too.
                    let _ = reply.send(Err(Refusal::Busy { max: MAX_WAITING_HTTP }));
                    return;
                }
                self.last_http += 1;
                let id = self.last_http;
                self.waiting.insert(id, reply);
                let Asked { method, path, query, body, idempotency_key } = request;
                self.feed(now, Input::Http { id, method, path, query, body, idempotency_key }, None);
            }
            Command::Open { peer, path, query, reply } => self.open(now, peer, path, query, reply),
            Command::Text { conn, text } if self.conns.has(conn) => {
                self.feed(now, Input::Text { conn, text }, None);
            }
            Command::Lagged { conn } if self.conns.has(conn) => {
                self.conns.all.get(&conn).inspect(|conn| conn.outbox.resume());
                self.feed(now, Input::Lagged { conn }, Some(conn));
            }
            Command::Closed { conn, code } if self.conns.has(conn) => {
                self.conns.remove(conn);
                self.feed(now, Input::Closed { conn, code }, None);
            }
            Command::Pong { conn, token } if self.conns.has(conn) => {
                self.feed(now, Input::Pong { conn, token }, None);
            }
            // Of a connection that has ended: nobody to tell.
            Command::Text { .. } | Command::Lagged { .. } | Command::Closed { .. } | Command::Pong { .. } => {
            }
            Command::Stream { event } => self.feed(now, Input::Stream { event }, None),
            Command::Caster { report } => self.feed(now, Input::Caster { report }, None),
            Command::Store { event, taken } => {
                self.store(now, event);
                drop(taken);
            }
        }
    }

    fn open(
        &mut self,
        now: Timestamp,
        peer: Peer,
        path: String,
        query: String,
        reply: oneshot::Sender<Opened>,
    ) {
        self.last_conn += 1;
        let conn = self.last_conn;
        let outbox = Arc::new(Outbox::new(self.limits.outbox));
        if reply.send(Opened { conn, outbox: outbox.clone() }).is_err() {
            return;
        }
        if self.tap.is_on() {
            let Peer { addr, origin } = peer;
            self.tap.record(now, Body::Session(SessionEvent::Peer { conn, addr, origin }));
        }
        self.conns.insert(conn, &path, outbox.clone());
        self.feed(now, Input::Open { conn, path, query }, Some(conn));
        if self.stopping.is_some() {
            outbox.close(CLOSE_GOING_AWAY, "the service is stopping");
        }
    }

    fn store(&mut self, now: Timestamp, event: StoreEvent) {
        match &event {
            StoreEvent::Opened { .. } => tracing::info!("the store is open"),
            StoreEvent::Loading { .. } | StoreEvent::Committed { error: None, .. } => {}
            StoreEvent::Committed { batch, error: Some(error) } => {
                tracing::error!(batch, error, "a commit failed");
            }
            StoreEvent::Away { reason } => tracing::error!(reason, "the store is away"),
            StoreEvent::Back => tracing::info!("the store is back"),
            StoreEvent::Lost { reason } => tracing::warn!(reason, "the store is not ours"),
        }
        self.feed(now, Input::Store { event }, None);
    }

    fn feed(&mut self, now: Timestamp, input: Input, snapshot_of: SnapshotOf) {
        self.record_in(now, &input);
        self.machine.handle(now, input, &mut self.out);
        self.carry_out(now, snapshot_of);
    }

    fn record_in(&self, now: Timestamp, input: &Input) {
        if self.tap.is_on() {
            self.tap.record(now, Body::In(input.clone()));
        }
    }

    fn carry_out(&mut self, now: Timestamp, snapshot_of: SnapshotOf) {
        let mut out = mem::take(&mut self.out);
        for output in out.drain(..) {
            let seq = if self.tap.is_on() { self.tap.record(now, Body::Out(output.clone())) } else { 0 };
            match output {
                Output::Http { id, status, body, link } => {
                    if let Some(reply) = self.waiting.remove(&id) {
                        let status =
                            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                        // Whoever asked may have left; the answer is recorded all the same.
                        let _ = reply.send(Ok(Answered { status, body, link }));
                    }
                }
                Output::Send { conn, text, key } => {
                    self.log_error(now, conn, &text);
                    let counted = if snapshot_of == Some(conn) { Counted::No } else { Counted::Yes };
                    self.push(conn, OutFrame { text, key, seq, ping: None }, counted);
                }
                Output::Ping { conn, token } => {
                    let ping = OutFrame { text: Utf8Bytes::default(), key: None, seq, ping: Some(token) };
                    self.push(conn, ping, Counted::Yes);
                }
                Output::Publish { path, text, key } => {
                    for (&conn, outbox) in self.conns.at(&path) {
                        let frame = OutFrame { text: text.clone(), key, seq, ping: None };
                        push(conn, outbox, frame, Counted::Yes);
                    }
                }
                Output::Commit { batch, changes } => self.keeper.commit(batch, changes),
                Output::Close { conn, code, reason } => {
                    if let Some(open) = self.conns.all.get(&conn) {
                        open.outbox.close(code, &reason);
                    }
                }
                Output::Join { conn, path } => {
                    if let Some(Conn { outbox, .. }) = self.conns.remove(conn) {
                        self.conns.insert(conn, &path, outbox);
                    }
                }
            }
        }
        self.out = out;
    }

    /// A machine keeps no log, and a frame that can't be understood is worth a line.
    fn log_error(&mut self, now: Timestamp, conn: ConnId, text: &str) {
        if text.starts_with(ERROR_FRAME)
            && let Some(left_out) = self.errors_told.pass(now)
        {
            let told = text.get(..text.floor_char_boundary(SHOWN_ERROR_BYTES));
            tracing::info!(conn, told, left_out, "refused a frame");
        }
    }

    fn push(&self, conn: ConnId, frame: OutFrame, counted: Counted) {
        if let Some(open) = self.conns.all.get(&conn) {
            push(conn, &open.outbox, frame, counted);
        }
    }
}

fn push(conn: ConnId, outbox: &Outbox, frame: OutFrame, counted: Counted) {
    let bytes = frame.text.len();
    match outbox.push(frame, counted) {
        Pushed::Queued | Pushed::Ignored => {}
        Pushed::Overflowed => tracing::debug!(conn, "a peer is too slow: what waited for it was dropped"),
        Pushed::TooLarge => {
            tracing::error!(conn, bytes, "a frame is too large to send: closing");
            outbox.close(CLOSE_INTERNAL, "a message was too large to send");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_frame_is_known_by_its_beginning() {
        let frame = wire::frame::ErrorFrame { message: "no".to_owned() };
        assert!(serde_json::to_string(&frame).unwrap().starts_with(super::ERROR_FRAME));
    }
}
