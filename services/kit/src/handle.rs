//! What speaks to a runner.

use std::{sync::Arc, time::Duration};

use axum::{extract::ws::Utf8Bytes, http::StatusCode};
use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::timeout,
};

use crate::{
    clock::Clock,
    error::Refusal,
    machine::{ConnId, StoreEvent, StreamEvent},
    outbox::Outbox,
    tap::{Body, SessionEvent, Tap},
    written::Place,
};

/// How long an HTTP request waits for the machine's answer; then it gets 503.
pub const HTTP_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The machine's task has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service has stopped")]
pub struct Gone;

/// Speaks to a runner. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) tap: Tap,
    pub(crate) clock: Clock,
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

pub(crate) enum Command {
    Http {
        request: Asked,
        reply: Reply,
    },
    Open {
        peer: Peer,
        path: String,
        query: String,
        reply: oneshot::Sender<Opened>,
    },
    Text {
        conn: ConnId,
        text: Utf8Bytes,
    },
    Lagged {
        conn: ConnId,
    },
    Closed {
        conn: ConnId,
        code: Option<u16>,
    },
    Pong {
        conn: ConnId,
        token: u64,
    },
    Stream {
        event: StreamEvent,
    },
    Caster {
        report: String,
    },
    /// `taken` is dropped once the machine has taken it.
    Store {
        event: StoreEvent,
        taken: Option<oneshot::Sender<()>>,
    },
}

pub(crate) type Reply = oneshot::Sender<Result<Answered, Refusal>>;

/// A request, as a machine sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `GET`, `POST`…
    pub method: String,
    /// Percent-decoded path.
    pub path: String,
    /// Raw query without `?`.
    pub query: String,
    /// Body text.
    pub body: String,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
}

/// A machine's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status.
    pub status: StatusCode,
    /// Body text.
    pub body: String,
    /// The `Link` header.
    pub link: Option<String>,
}

impl Handle {
    /// The machine's answer to a request; a refusal when it is gone, overrun or silent.
    pub async fn http(&self, method: &str, path: &str, query: &str, body: String) -> (StatusCode, String) {
        let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
        let request = Asked { method, path: path.clone(), query, body, idempotency_key: None };
        match self.ask(request).await {
            Ok(answer) => (answer.status, answer.body),
            Err(refusal) => {
                refusal.log(&path, 0);
                (refusal.status(), refusal.body())
            }
        }
    }

    /// The same, for one who sees to refusals itself.
    pub(crate) async fn ask(&self, request: Asked) -> Result<Answered, Refusal> {
        let asked = self.ask_patiently(request);
        let silent = |_| Err(Refusal::NoAnswer { waited_s: HTTP_ANSWER_TIMEOUT.as_secs() });
        timeout(HTTP_ANSWER_TIMEOUT, asked).await.unwrap_or_else(silent)
    }

    async fn ask_patiently(&self, request: Asked) -> Result<Answered, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Http { request, reply }).await.map_err(|_| Refusal::Gone)?;
        answer.await.map_err(|_| Refusal::Gone)?
    }

    /// Hands on what happened to the receiver's byte stream; waits while the machine is behind.
    ///
    /// # Errors
    /// When the machine is gone.
    pub async fn stream(&self, event: StreamEvent) -> Result<(), Gone> {
        self.send(Command::Stream { event }).await
    }

    /// Hands on what an NTRIP caster tells of itself; waits while the machine is behind.
    ///
    /// # Errors
    /// When the machine is gone.
    pub async fn caster(&self, report: String) -> Result<(), Gone> {
        self.send(Command::Caster { report }).await
    }

    /// Hands on what happened to the store, in order.
    ///
    /// # Errors
    /// When the machine is gone.
    pub async fn store(&self, event: StoreEvent) -> Result<(), Gone> {
        self.send(Command::Store { event, taken: None }).await
    }

    /// The same, for a thread of its own. Returns when the machine has taken it: a commit that comes to the
    /// [`Keeper`](crate::runner::Keeper) from then on was made with knowledge of it.
    ///
    /// # Errors
    /// When the machine is gone.
    pub fn store_blocking(&self, event: StoreEvent) -> Result<(), Gone> {
        let (taken, done) = oneshot::channel();
        let command = Command::Store { event, taken: Some(taken) };
        self.commands.blocking_send(command).map_err(|_| Gone)?;
        // It is dropped, not used: either way it has been taken, or never will be.
        let _ = done.blocking_recv();
        Ok(())
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

    /// A ping of [`Output::Ping`](crate::machine::Output::Ping) was answered.
    ///
    /// # Errors
    /// When the machine is gone.
    pub async fn pong(&self, conn: ConnId, token: u64) -> Result<(), Gone> {
        self.send(Command::Pong { conn, token }).await
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

    /// Records what a session loop saw, now, after all that sessions have written.
    pub(crate) fn record(&self, event: SessionEvent) {
        if self.tap.is_on() {
            let now = self.clock.now();
            self.tap.settle(now);
            self.tap.record(now, Body::Session(event));
        }
    }

    /// Records what a session loop wrote, soon.
    pub(crate) fn wrote(&self, conn: ConnId, place: &mut Place, frames: &[u64], batch: bool) {
        if self.tap.is_on() && !frames.is_empty() {
            self.tap.wrote(self.clock.now(), conn, place, frames, batch);
        }
    }

    /// What is recorded next came after all that sessions have written.
    pub(crate) fn settle(&self) {
        if self.tap.is_on() {
            self.tap.settle(self.clock.now());
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
