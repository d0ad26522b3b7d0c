//! What the shell saw and did, on one time line, handed to a recorder without ever waiting for it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::machine::{ConnId, Input, Output, StoreEvent, StreamEvent, Timestamp};
use crate::proxied::ProxyEvent;
use crate::written::{Gathered, Place, Taken};
pub use crate::written::{Write, ranges};

/// Events that wait for the recorder; beyond it they are lost, counted, and a [`Body::Gap`] says how many.
pub const QUEUE_EVENTS: usize = 16_384;
/// Bytes of text and payload in the events that wait for the recorder; an event that would make them more is
/// lost as if the queue were full. Few events can be much: each may carry the largest frame a peer may send.
pub const QUEUE_BYTES: usize = 64 * 1024 * 1024;

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
    /// Seen by a recording proxy; no machine is told.
    Proxy(ProxyEvent),
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
    /// Frames written and flushed, to any number of connections; each connection's in the order written. The
    /// first `within_ns` nanoseconds before this event's time, the others between then and now.
    Written {
        /// How long it was gathered.
        within_ns: u64,
        /// What was written.
        writes: Vec<Write>,
    },
    /// The same of one connection, as formats 1 and 2 have it: the sequence numbers of the `Out` events that
    /// carried them.
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
    seq: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
    queue: Option<SyncSender<Event>>,
    waiting: Arc<Waiting>,
    written: Arc<Written>,
}

/// What the sessions of each service have written and no event tells yet. The lock is held for a note or a
/// move, never across a send.
#[derive(Debug, Default)]
struct Written(Mutex<Vec<(&'static str, Gathered)>>);

impl Written {
    /// Makes a note; takes what was there if it has grown too large.
    fn note(&self, service: &'static str, note: impl FnOnce(&mut Gathered)) -> Option<Taken> {
        let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = services.iter().position(|(name, _)| *name == service);
        let at = known.unwrap_or_else(|| {
            services.push((service, Gathered::default()));
            services.len() - 1
        });
        let (_, gathered) = services.get_mut(at)?;
        note(gathered);
        if gathered.is_full() { gathered.take() } else { None }
    }

    fn take(&self, service: &str) -> Option<Taken> {
        let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        services.iter_mut().find(|(name, _)| *name == service)?.1.take()
    }

    fn take_any(&self) -> Option<(&'static str, Taken)> {
        let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        services.iter_mut().find_map(|(name, gathered)| Some((*name, gathered.take()?)))
    }
}

fn written(now: Timestamp, taken: Taken) -> Body {
    let within_ns = u64::try_from(now.saturating_sub(taken.since).as_nanos()).unwrap_or(u64::MAX);
    Body::Session(SessionEvent::Written { within_ns, writes: taken.into_writes() })
}

/// Of the events in the queue, [`payload_bytes`] in all; at most [`QUEUE_BYTES`].
#[derive(Debug, Default)]
struct Waiting(AtomicUsize);

impl Waiting {
    /// False if there is no room for so many.
    fn add(&self, bytes: usize) -> bool {
        let more = |all: usize| all.checked_add(bytes).filter(|all| *all <= QUEUE_BYTES);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn remove(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The recorder's end of the queue: whatever is taken from it makes room for more.
#[derive(Debug)]
pub struct Events {
    queue: Receiver<Event>,
    waiting: Arc<Waiting>,
    seq: Arc<AtomicU64>,
    written: Arc<Written>,
}

impl Events {
    /// What sessions have written and no event tells yet, as events of now. To be asked when the queue is empty:
    /// their numbers are later than those of all that waits in it.
    pub fn written(&self, now: Timestamp) -> impl Iterator<Item = Event> {
        std::iter::from_fn(move || {
            let (service, taken) = self.written.take_any()?;
            let seq = self.seq.fetch_add(1, Ordering::Relaxed);
            Some(Event { seq, at: now, service, body: written(now, taken) })
        })
    }

    /// The next event, waited for so long.
    ///
    /// # Errors
    /// None came, or the queue is empty and its last tap dropped.
    pub fn recv_timeout(&self, wait: Duration) -> Result<Event, RecvTimeoutError> {
        self.queue.recv_timeout(wait).inspect(|event| self.taken(event))
    }

    /// The events that are there.
    pub fn try_iter(&self) -> impl Iterator<Item = Event> {
        self.queue.try_iter().inspect(|event| self.taken(event))
    }

    /// All events until the last tap is dropped; waits for them.
    pub fn iter(&self) -> impl Iterator<Item = Event> {
        self.queue.iter().inspect(|event| self.taken(event))
    }

    fn taken(&self, event: &Event) {
        self.waiting.remove(payload_bytes(&event.body));
    }
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
    pub fn on() -> (Self, Events) {
        let (sender, queue) = sync_channel(QUEUE_EVENTS);
        let tap = Self::with(Some(sender));
        let Shared { waiting, seq, written, .. } = &*tap.shared;
        let (waiting, seq, written) = (waiting.clone(), seq.clone(), written.clone());
        (tap, Events { queue, waiting, seq, written })
    }

    fn with(queue: Option<SyncSender<Event>>) -> Self {
        let shared = Shared {
            seq: Arc::new(AtomicU64::new(1)),
            lost: Arc::default(),
            queue,
            waiting: Arc::default(),
            written: Arc::default(),
        };
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
            let bytes = payload_bytes(&body);
            if !self.shared.waiting.add(bytes) {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
                return seq;
            }
            let event = Event { seq, at, service: self.service, body };
            if let Err(refused) = queue.try_send(event) {
                self.shared.waiting.remove(bytes);
                if matches!(refused, TrySendError::Full(_)) {
                    self.shared.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        seq
    }
}

/// For session loops.
impl Tap {
    /// A connection was written these frames; `place` is the connection's own. An event will tell, soon.
    pub(crate) fn wrote(&self, now: Timestamp, conn: ConnId, place: &mut Place, frames: &[u64], batch: bool) {
        let note = |gathered: &mut Gathered| gathered.note(now, conn, place, frames, batch);
        if let Some(taken) = self.shared.written.note(self.service, note) {
            self.record(now, written(now, taken));
        }
    }

    /// Tells at once what the service's sessions have written: what is recorded next came after it.
    pub(crate) fn settle(&self, now: Timestamp) {
        if self.is_on()
            && let Some(taken) = self.shared.written.take(self.service)
        {
            self.record(now, written(now, taken));
        }
    }
}

/// What an event holds besides itself, where a peer or a receiver says how much: [`QUEUE_EVENTS`] bounds the
/// rest. Text that is shared with an outbox counts in full.
fn payload_bytes(body: &Body) -> usize {
    match body {
        Body::In(Input::Http { method, path, query, body, idempotency_key: key, .. }) => {
            let key = key.as_ref().map_or(0, String::len);
            [method, path, query, body].iter().map(|text| text.len()).fold(key, usize::saturating_add)
        }
        Body::In(Input::Open { path, query, .. }) => path.len().saturating_add(query.len()),
        Body::In(Input::Text { text, .. })
        | Body::Out(Output::Send { text, .. } | Output::Publish { text, .. }) => text.len(),
        Body::In(Input::Stream { event: StreamEvent::Bytes { bytes, .. } }) => bytes.len(),
        Body::In(Input::Caster { report }) => report.len(),
        Body::In(Input::Store {
            event: StoreEvent::Loading { changes } | StoreEvent::Opened { changes },
        })
        | Body::Out(Output::Commit { changes, .. }) => changes.len(),
        Body::Out(Output::Http { body, link, .. }) => {
            body.len().saturating_add(link.as_ref().map_or(0, String::len))
        }
        Body::Session(SessionEvent::Peer { addr, origin, .. }) => {
            origin.as_ref().map_or(0, String::len).saturating_add(addr.len())
        }
        Body::Session(SessionEvent::Refused { addr, path, .. }) => addr.len().saturating_add(path.len()),
        Body::Session(SessionEvent::Written { writes, .. }) => writes
            .iter()
            .map(|write| size_of_val(write) + size_of_val(&*write.conns) + size_of_val(&*write.frames))
            .sum(),
        Body::Session(SessionEvent::Sent { frames, .. }) => size_of_val(frames.as_slice()),
        Body::Session(SessionEvent::Error { message, .. }) => message.len(),
        Body::Proxy(event) => event.payload_bytes(),
        // One of each for a service's life, or of our own making and short.
        Body::Start(_)
        | Body::End(_)
        | Body::Gap(_)
        | Body::In(
            Input::Lagged { .. }
            | Input::Closed { .. }
            | Input::Pong { .. }
            | Input::Stream { .. }
            | Input::Store { .. }
            | Input::Clock { .. }
            | Input::Timer
            | Input::Stopping,
        )
        | Body::Out(Output::Close { .. } | Output::Join { .. } | Output::Ping { .. })
        | Body::Session(
            SessionEvent::PingSent { .. }
            | SessionEvent::Ping { .. }
            | SessionEvent::Pong { .. }
            | SessionEvent::Binary { .. }
            | SessionEvent::CloseSent { .. },
        ) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE_BYTES: usize = 120_000;

    fn large() -> Body {
        Body::In(Input::Text { conn: 1, text: "x".repeat(LARGE_BYTES).into() })
    }

    #[test]
    fn large_events_fill_the_queue_by_their_bytes() {
        let (tap, events) = Tap::on();
        let fit = QUEUE_BYTES / LARGE_BYTES;
        for n in 1..=fit as u64 {
            assert_eq!((tap.record(Timestamp::ZERO, large()), tap.lost()), (n, 0));
        }
        tap.record(Timestamp::ZERO, large());
        assert_eq!(tap.lost(), 1);
        // One that is small still fits, and one that was taken makes room for another.
        tap.record(Timestamp::ZERO, Body::In(Input::Timer));
        assert_eq!(events.try_iter().next().map(|event| event.seq), Some(1));
        tap.record(Timestamp::ZERO, large());
        tap.record(Timestamp::ZERO, large());
        assert_eq!(tap.lost(), 2);
        drop(tap);
        let rest: Vec<u64> = events.iter().map(|event| event.seq).collect();
        let fit = fit as u64;
        assert_eq!(rest, (2..=fit).chain([fit + 2, fit + 3]).collect::<Vec<_>>());
        assert_eq!(events.waiting.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_the_queue_refuses_by_count_takes_no_bytes() {
        let (tap, events) = Tap::on();
        let text = || Body::In(Input::Text { conn: 1, text: "four".into() });
        for _ in 0..QUEUE_EVENTS + 5 {
            tap.record(Timestamp::ZERO, text());
        }
        assert_eq!((tap.lost(), events.waiting.0.load(Ordering::Relaxed)), (5, 4 * QUEUE_EVENTS));
        assert_eq!(events.try_iter().count(), QUEUE_EVENTS);
        assert_eq!(events.waiting.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn no_recorder_no_loss() {
        let (tap, events) = Tap::on();
        drop(events);
        for _ in 0..2 * QUEUE_BYTES / LARGE_BYTES {
            tap.record(Timestamp::ZERO, large());
        }
        assert_eq!(tap.lost(), 0);
    }
}
