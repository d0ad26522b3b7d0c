//! The contract between a pure service and what drives it.
//!
//! A [`Machine`] is a service without a socket, clock, random number or thread: it is given a time and an
//! [`Input`] and appends [`Output`]s; it says when it next wants to be woken. The live shell stamps each
//! input once and carries the outputs out; a replay feeds recorded inputs and compares the outputs. Inputs
//! and outputs are the wire's own text and bytes (HTTP bodies, WebSocket frames, the receiver's bytes):
//! a service's own types never appear here, so that a recording outlives them.

use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point on the time line: time since the Unix epoch, never running backwards.
///
/// Anchored once at the start of the process; steps of the system clock reach a machine as
/// [`Input::Clock`] instead.
pub type Timestamp = Duration;

/// One WebSocket connection of one service, counted from 1 and never reused in a process.
pub type ConnId = u64;

/// A pure service.
pub trait Machine: Send {
    /// Takes one input. `now` is never before that of an earlier call.
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>);

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called, if nothing else comes before.
    fn next_timeout(&self) -> Option<Timestamp>;

    /// Called at or after [`next_timeout`](Self::next_timeout); also harmless earlier.
    fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<Output>);

    /// Whether it has taken in what isn't carried out yet and waits for its store: a service that stops waits for
    /// that, for a bounded time.
    fn is_busy(&self) -> bool {
        false
    }

    /// The whole state as consoles would be told it; written at the start and end of a recording.
    fn state(&self) -> serde_json::Value;
}

/// What the shell hands a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// An HTTP request. Answered by exactly one [`Output::Http`] with the same id.
    Http {
        /// Counted from 1.
        id: u64,
        /// `GET`, `POST`…
        method: String,
        /// Percent-decoded path, `/status`.
        path: String,
        /// Raw query without `?`; empty if none.
        query: String,
        /// Body text; empty if none.
        body: String,
        /// The `Idempotency-Key` header, if sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        idempotency_key: Option<String>,
    },
    /// A WebSocket was accepted.
    Open {
        /// The connection.
        conn: ConnId,
        /// `/ws`.
        path: String,
        /// Raw query without `?`; empty if none.
        query: String,
    },
    /// A text frame came.
    Text {
        /// The connection.
        conn: ConnId,
        /// As received.
        #[schemars(with = "String")]
        #[serde(with = "utf8_bytes")]
        text: Utf8Bytes,
    },
    /// The connection's queue had overflowed and was emptied; it can take frames again and wants the whole state.
    Lagged {
        /// The connection.
        conn: ConnId,
    },
    /// The connection ended, whoever ended it. The last input of a connection.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Close code the peer sent, or none.
        code: Option<u16>,
    },
    /// The peer has taken everything it was sent before [`Output::Ping`] of this token.
    Pong {
        /// The connection.
        conn: ConnId,
        /// The ping's.
        token: u64,
    },
    /// The receiver's byte stream.
    Stream {
        /// What happened to it.
        event: StreamEvent,
    },
    /// The place where the machine's [`Output::Commit`]s are kept.
    Store {
        /// What happened to it.
        event: StoreEvent,
    },
    /// What the NTRIP caster beside the service tells of itself.
    Caster {
        /// JSON, in the words consoles are told.
        report: String,
    },
    /// The system clock differs from the time line by so much from now on.
    Clock {
        /// Milliseconds to add to a [`Timestamp`] to get the system's Unix time.
        offset_ms: i64,
    },
    /// The machine's time-out came: the shell calls [`Machine::handle_timeout`] instead of `handle`.
    Timer,
    /// The service is about to stop: what is held back for a better moment is told now, or never.
    Stopping,
}

/// What happened to the receiver's byte stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StreamEvent {
    /// Bytes can arrive.
    Opened {
        /// Device, host or file, for people.
        device: String,
        /// Bits per second, where the source has a line.
        baud: Option<u32>,
    },
    /// Bytes in the order received; at most 64 KiB.
    Bytes {
        /// When the last of them was received, nanoseconds since the Unix epoch. A capture's own time line
        /// when it is played faster than real time.
        received_at_ns: u64,
        /// Base64 in a recording.
        #[schemars(with = "String", extend("contentEncoding" = "base64"))]
        #[serde(with = "base64_bytes")]
        bytes: Vec<u8>,
    },
    /// The receiver is gone; it may come back.
    Closed {
        /// One sentence for a person.
        reason: String,
    },
    /// A capture came to its end; nothing more will come.
    Ended,
}

/// What happened to the place where commits are kept.
///
/// It starts out as [`Lost`](Self::Lost): what it holds isn't known before [`Opened`](Self::Opened).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StoreEvent {
    /// It is being opened, and holds this; more follows, and [`Opened`](Self::Opened) brings the last. A store may
    /// hold more than one event may.
    Loading {
        /// As of `Opened`.
        changes: String,
    },
    /// It is ours, and this is what it holds, or the last part; the machine begins anew with all of it.
    Opened {
        /// A JSON array in the service's own words: commits that make the same state from nothing.
        changes: String,
    },
    /// The fate of a commit. Told once for each, unless [`Lost`](Self::Lost) comes first.
    Committed {
        /// The commit's.
        batch: u64,
        /// None if it is kept and survives a power cut; otherwise nothing of it is, and this says why, one
        /// sentence for the log.
        error: Option<String>,
    },
    /// It takes no commits for now; those that are sent all the same fail. Nobody else changes it meanwhile.
    Away {
        /// One sentence for a person.
        reason: String,
    },
    /// After [`Away`](Self::Away): it takes commits again, and holds what it held.
    Back,
    /// It isn't ours any more, or not yet: somebody else may change it. A commit under way has no fate that
    /// is known.
    Lost {
        /// One sentence for a person.
        reason: String,
    },
}

/// What a machine wants carried out, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Output {
    /// The answer to [`Input::Http`].
    Http {
        /// The request's id.
        id: u64,
        /// 200, 404…
        status: u16,
        /// JSON text, or of an error what the service answers errors with.
        body: String,
        /// The `Link` header (RFC 8288), if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<String>,
    },
    /// A text frame for one connection.
    Send {
        /// The connection.
        conn: ConnId,
        /// JSON text.
        #[schemars(with = "String")]
        #[serde(with = "utf8_bytes")]
        text: Utf8Bytes,
        /// See [`Output::Publish`].
        key: Option<u64>,
    },
    /// A text frame for every connection of a path: serialised once, shared by all.
    Publish {
        /// Every open connection that was accepted at this path, or has joined it.
        path: String,
        /// JSON text.
        #[schemars(with = "String")]
        #[serde(with = "utf8_bytes")]
        text: Utf8Bytes,
        /// Frames of one key replace each other where a connection is rate limited; without one a frame is
        /// never replaced.
        key: Option<u64>,
    },
    /// A ping that follows everything the connection was sent before; [`Input::Pong`] tells of its pong.
    Ping {
        /// The connection.
        conn: ConnId,
        /// The ping's payload; larger than that of the connection's last.
        token: u64,
    },
    /// To be kept, all of it or nothing; [`StoreEvent::Committed`] tells what became of it. At most one at a
    /// time.
    Commit {
        /// Counted from 1.
        batch: u64,
        /// A JSON array in the service's own words.
        changes: String,
    },
    /// Ends a connection.
    Close {
        /// The connection.
        conn: ConnId,
        /// RFC 6455 section 7.4.
        code: u16,
        /// At most 123 bytes.
        reason: String,
    },
    /// From now on a connection hears what is published at another path than the one it was accepted at: those
    /// that asked for the same thing in another form share one text, too.
    Join {
        /// The connection.
        conn: ConnId,
        /// Any text; one that no socket is accepted at is heard by those that joined it alone.
        path: String,
    },
}

mod utf8_bytes {
    use super::Utf8Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(text: &Utf8Bytes, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(text.as_str())
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Utf8Bytes, D::Error> {
        String::deserialize(d).map(Utf8Bytes::from)
    }
}

mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(bytes))
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(d)?).map_err(D::Error::custom)
    }
}
