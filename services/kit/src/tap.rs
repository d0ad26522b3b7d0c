//! What the shell saw and did, on one time line, handed to a recorder without ever waiting for it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::machine::{ConnId, Input, Output, Timestamp};

/// Events that wait for the recorder; beyond it they are lost, counted, and a [`Body::Gap`] says how many.
pub const QUEUE_EVENTS: usize = 16_384;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// From 1, without holes but for lost events; one count for all services of a process. Within one
    /// service, the order the events happened in.
    pub seq: u64,
    /// On the time line.
    pub at: Timestamp,
    /// `gps-status`, `discovery`, `dispatch`.
    pub service: &'static str,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Body {
    /// A service starts; before any other of its events.
    Start(Start),
    /// Handed to the machine.
    In(Input),
    /// Came out of the machine for the last `In`.
    Out(Output),
    /// Seen or refused by the shell; the machine isn't told.
    Session(SessionEvent),
    /// A service ended in order; its state then.
    End(serde_json::Value),
    /// So many events were lost before this one: the recorder was too slow.
    Gap(u64),
}

/// All a replay needs to build the same machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// `depot`'s version.
    pub version: String,
    /// For ids and whatever else is drawn.
    pub seed: u64,
    /// The service's configuration.
    pub config: serde_json::Value,
    /// The machine's state.
    pub state: serde_json::Value,
}

/// What the shell sees and refuses that is not for the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SessionEvent {
    /// Who connected; the machine's `Open` follows.
    Peer {
        /// The connection.
        conn: ConnId,
        /// Address and port.
        addr: String,
        /// `Origin` header, if sent.
        origin: Option<String>,
    },
    /// A ping was sent.
    PingSent {
        /// The connection.
        conn: ConnId,
    },
    /// A ping came (and is answered by the library).
    Ping {
        /// The connection.
        conn: ConnId,
    },
    /// A pong came.
    Pong {
        /// The connection.
        conn: ConnId,
    },
    /// Frames written and flushed: the sequence numbers of the `Out` events that carried them.
    Sent {
        /// The connection.
        conn: ConnId,
        /// In the order written.
        frames: Vec<u64>,
        /// As one JSON array (`?batch_ms`).
        batch: bool,
    },
    /// A binary frame was refused.
    Binary {
        /// The connection.
        conn: ConnId,
        /// Its length.
        bytes: usize,
    },
    /// We closed it: the code, and why.
    CloseSent {
        /// The connection.
        conn: ConnId,
        /// RFC 6455 section 7.4.
        code: u16,
        /// As sent.
        reason: String,
    },
    /// The transport failed.
    Error {
        /// The connection.
        conn: ConnId,
        /// As the library words it.
        message: String,
    },
    /// A request or a handshake was refused before the machine saw it, or went without its answer.
    Refused {
        /// Address and port.
        addr: String,
        /// Of the URL, as sent, without the query; the end is left out when it is long.
        path: String,
        /// Of the answer.
        status: u16,
    },
}

/// Where events go. Cheap to clone; one that records nothing costs a branch.
#[derive(Clone, Debug)]
pub struct Tap {
    shared: Arc<Shared>,
    service: &'static str,
}

#[derive(Debug)]
struct Shared {
    seq: AtomicU64,
    lost: Arc<AtomicU64>,
    queue: Option<SyncSender<Event>>,
}

/// How many events a tap lost; outlives the tap.
#[derive(Clone, Debug)]
pub struct Losses(Arc<AtomicU64>);

impl Losses {
    /// Events lost so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Tap {
    /// Records nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::with(None)
    }

    /// A tap and the queue its recorder empties. The queue ends when every clone of the tap is dropped.
    #[must_use]
    pub fn on() -> (Self, Receiver<Event>) {
        let (queue, events) = sync_channel(QUEUE_EVENTS);
        (Self::with(Some(queue)), events)
    }

    fn with(queue: Option<SyncSender<Event>>) -> Self {
        let shared = Shared { seq: AtomicU64::new(1), lost: Arc::default(), queue };
        Self { shared: Arc::new(shared), service: "" }
    }

    /// The same tap, speaking for a service.
    #[must_use]
    pub fn of(&self, service: &'static str) -> Self {
        Self { shared: self.shared.clone(), service }
    }

    /// Whether anyone listens: what is costly to describe need not be.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.shared.queue.is_some()
    }

    /// Events lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// The same count for the recorder, which may not hold a tap: its queue would never end.
    #[must_use]
    pub fn losses(&self) -> Losses {
        Losses(self.shared.lost.clone())
    }

    /// Numbers an event and hands it on; returns its number. Never waits.
    pub fn record(&self, at: Timestamp, body: Body) -> u64 {
        let seq = self.shared.seq.fetch_add(1, Ordering::Relaxed);
        if let Some(queue) = &self.shared.queue {
            let event = Event { seq, at, service: self.service, body };
            if let Err(TrySendError::Full(_)) = queue.try_send(event) {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        seq
    }
}
