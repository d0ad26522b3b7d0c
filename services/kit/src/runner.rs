//! The task that drives a machine.
//!
//! It alone touches the machine and alone records inputs and outputs, so their order on the tap is the order
//! in which they happened. It stamps each input once and waits for nobody: outputs go into outboxes that
//! overflow rather than block.

use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

use axum::{extract::ws::Utf8Bytes, http::StatusCode};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    error::Refusal,
    machine::{ConnId, Input, Machine, Output, StreamEvent, Timestamp},
    outbox::{Counted, OutFrame, Outbox, OutboxLimits, Pushed},
    steps::StepWatch,
    tap::{Body, SessionEvent, Start, Tap},
};

/// Commands that wait for the machine; beyond it their senders wait (and so, in the end, their sockets).
pub const QUEUE_COMMANDS: usize = 256;
/// Commands taken at once before other tasks get their turn.
const COMMANDS_PER_TURN: usize = 64;
/// HTTP requests whose answers the machine still owes; beyond it new ones get 503.
pub const MAX_WAITING_HTTP: usize = 1024;
/// How long an HTTP request waits for the machine's answer; then it gets 503.
pub const HTTP_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

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

/// Starts runners.
#[derive(Debug)]
pub struct Runner;

impl Runner {
    /// Records the start and drives the machine in a task of its own, until `stop` is cancelled or every
    /// handle is dropped. The task ends when the sessions have ended and requests have their answers (or
    /// [`RunnerLimits::shutdown`] is over) and the end is recorded.
    pub fn spawn(
        machine: Box<dyn Machine>,
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
            tap,
            clock,
            limits,
            steps: StepWatch::new(now),
            conns: Conns::default(),
            last_conn: 0,
            last_http: 0,
            waiting: BTreeMap::new(),
            out: Vec::new(),
            stopping: None,
        };
        (handle, tokio::spawn(actor.run(queue, stop)))
    }
}

/// The machine's task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service has stopped")]
pub struct Gone;

/// Speaks to a runner. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    tap: Tap,
    clock: Clock,
}

/// Who connects.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Address and port.
    pub addr: String,
    /// `Origin` header, if sent.
    pub origin: Option<String>,
}

/// A connection the machine was told of.
#[derive(Debug)]
pub struct Opened {
    /// Its number.
    pub conn: ConnId,
    /// What waits for it.
    pub outbox: Arc<Outbox>,
}

enum Command {
    Http { method: String, path: String, query: String, body: String, reply: Reply },
    Open { peer: Peer, path: String, query: String, reply: oneshot::Sender<Opened> },
    Text { conn: ConnId, text: Utf8Bytes },
    Lagged { conn: ConnId },
    Closed { conn: ConnId, code: Option<u16> },
    Stream { event: StreamEvent },
}

type Reply = oneshot::Sender<Result<(u16, String), Refusal>>;

impl Handle {
    /// The machine's answer to a request; a refusal when it is gone, overrun or silent.
    pub async fn http(&self, method: &str, path: &str, query: &str, body: String) -> (StatusCode, String) {
        self.ask(method, path, query, body).await.unwrap_or_else(|refusal| {
            refusal.log(path, 0);
            (refusal.status(), refusal.body())
        })
    }

    /// The same, for one who sees to refusals itself.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: String,
    ) -> Result<(StatusCode, String), Refusal> {
        let asked = self.ask_patiently(method, path, query, body);
        let silent = |_| Err(Refusal::NoAnswer { waited_s: HTTP_ANSWER_TIMEOUT.as_secs() });
        timeout(HTTP_ANSWER_TIMEOUT, asked).await.unwrap_or_else(silent)
    }

    async fn ask_patiently(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: String,
    ) -> Result<(StatusCode, String), Refusal> {
        let (reply, answer) = oneshot::channel();
        let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
        self.send(Command::Http { method, path, query, body, reply }).await.map_err(|_| Refusal::Gone)?;
        let (status, body) = answer.await.map_err(|_| Refusal::Gone)??;
        Ok((StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body))
    }

    /// Hands on what happened to the receiver's byte stream; waits while the machine is behind.
    ///
    /// # Errors
    /// When the machine is gone.
    pub async fn stream(&self, event: StreamEvent) -> Result<(), Gone> {
        self.send(Command::Stream { event }).await
    }

    /// A WebSocket was accepted.
    ///
    /// # Errors
    /// When the machine is gone.
    pub async fn open(&self, peer: Peer, path: String, query: String) -> Result<Opened, Gone> {
        let (reply, opened) = oneshot::channel();
        self.send(Command::Open { peer, path, query, reply }).await?;
        opened.await.map_err(|_| Gone)
    }

    /// A text frame came.
    ///
    /// # Errors
    /// When the machine is gone.
    pub async fn text(&self, conn: ConnId, text: Utf8Bytes) -> Result<(), Gone> {
        self.send(Command::Text { conn, text }).await
    }

    /// The session has seen that its outbox had overflowed.
    ///
    /// # Errors
    /// When the machine is gone.
    pub async fn lagged(&self, conn: ConnId) -> Result<(), Gone> {
        self.send(Command::Lagged { conn }).await
    }

    /// The connection ended.
    ///
    /// # Errors
    /// When the machine is gone.
    pub async fn closed(&self, conn: ConnId, code: Option<u16>) -> Result<(), Gone> {
        self.send(Command::Closed { conn, code }).await
    }

    /// Resolves when the machine is gone: stopped, or ended by a panic.
    pub async fn gone(&self) {
        self.commands.closed().await;
    }

    /// The time line all stamps are on.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Records what a session loop saw, now.
    pub(crate) fn record(&self, event: SessionEvent) {
        if self.tap.is_on() {
            self.tap.record(self.clock.now(), Body::Session(event));
        }
    }

    async fn send(&self, command: Command) -> Result<(), Gone> {
        match self.commands.try_send(command) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Gone),
            // Boxed: every idle session would otherwise keep room for this wait.
            Err(TrySendError::Full(command)) => Box::pin(self.commands.send(command)).await.map_err(|_| Gone),
        }
    }
}

struct Actor {
    machine: Box<dyn Machine>,
    tap: Tap,
    clock: Clock,
    limits: RunnerLimits,
    steps: StepWatch,
    conns: Conns,
    last_conn: ConnId,
    last_http: u64,
    waiting: BTreeMap<u64, Reply>,
    out: Vec<Output>,
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
            self.tap.record(self.clock.now(), Body::End(state.clone()));
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

    /// The sessions have ended, and whoever asked has an answer or has left.
    fn owes_nobody(&mut self) -> bool {
        self.waiting.retain(|_, reply| !reply.is_closed());
        self.conns.is_empty() && self.waiting.is_empty()
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
            Command::Http { method, path, query, body, reply } => {
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
                self.feed(now, Input::Http { id, method, path, query, body }, None);
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
            // Of a connection that has ended: nobody to tell.
            Command::Text { .. } | Command::Lagged { .. } | Command::Closed { .. } => {}
            Command::Stream { event } => self.feed(now, Input::Stream { event }, None),
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
                Output::Http { id, status, body } => {
                    if let Some(reply) = self.waiting.remove(&id) {
                        // Whoever asked may have left; the answer is recorded all the same.
                        let _ = reply.send(Ok((status, body)));
                    }
                }
                Output::Send { conn, text, key } => {
                    let counted = if snapshot_of == Some(conn) { Counted::No } else { Counted::Yes };
                    if let Some(open) = self.conns.all.get(&conn) {
                        push(conn, &open.outbox, OutFrame { text, key, seq }, counted);
                    }
                }
                Output::Publish { path, text, key } => {
                    for (&conn, outbox) in self.conns.at(&path) {
                        push(conn, outbox, OutFrame { text: text.clone(), key, seq }, Counted::Yes);
                    }
                }
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

/// The open connections, each also by the path it hears.
#[derive(Default)]
struct Conns {
    all: BTreeMap<ConnId, Conn>,
    by_path: BTreeMap<String, BTreeMap<ConnId, Arc<Outbox>>>,
}

struct Conn {
    path: String,
    outbox: Arc<Outbox>,
}

impl Conns {
    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn has(&self, conn: ConnId) -> bool {
        self.all.contains_key(&conn)
    }

    fn at(&self, path: &str) -> impl Iterator<Item = (&ConnId, &Arc<Outbox>)> {
        self.by_path.get(path).into_iter().flatten()
    }

    fn insert(&mut self, conn: ConnId, path: &str, outbox: Arc<Outbox>) {
        self.by_path.entry(path.to_owned()).or_default().insert(conn, outbox.clone());
        self.all.insert(conn, Conn { path: path.to_owned(), outbox });
    }

    fn remove(&mut self, conn: ConnId) -> Option<Conn> {
        let removed = self.all.remove(&conn)?;
        if let Some(there) = self.by_path.get_mut(&removed.path) {
            there.remove(&conn);
            if there.is_empty() {
                self.by_path.remove(&removed.path);
            }
        }
        Some(removed)
    }
}

impl Drop for Conns {
    /// Nobody is left waiting on a machine that is gone, even if it panicked.
    fn drop(&mut self) {
        for conn in self.all.values() {
            conn.outbox.close(CLOSE_INTERNAL, "the service has ended");
        }
    }
}
