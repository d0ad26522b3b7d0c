//! How the events of a tap lie in a session file, format version 3.
//!
//! A session is an MCAP file (<https://mcap.dev/spec>), profile `depot`, library `depot VERSION`:
//!
//! - A metadata record named `depot` comes before anything else: `format_version` (a whole number, "3"),
//!   `version` (of the program), and notes for people.
//! - Every message is in a zstd chunk with a CRC. A message outside a chunk, or a chunk without a CRC, is
//!   damage. There is no message index; the summary has an index of the chunks unless they are very many.
//! - One channel for each service and kind, message encoding `json`, schema encoding `jsonschema`:
//!
//! | topic | body |
//! |---|---|
//! | `/{service}/in/{http,ws,stream,caster,store,clock,timer,stopping}` | [`kit::machine::Input`] |
//! | `/{service}/out/{http,ws,store}` | [`kit::machine::Output`] |
//! | `/{service}/session/ws` | [`kit::tap::SessionEvent`] |
//! | `/{name}/proxy/{http,ws,conn}` | [`kit::proxied::ProxyEvent`], of a proxy's listener |
//! | `/{service}/start` | [`kit::tap::Start`] |
//! | `/{service}/end` | `{"state": …}`: the machine's state at its end |
//! | `/depot/gap` | `{"lost": n}`: so many events were lost at this place |
//!
//! - `log_time` and `publish_time` are the event's time in nanoseconds since the Unix epoch.
//! - `sequence` is the event's number, its low 32 bits: one count over the whole file, from 1. It has no hole
//!   but at a gap, whose number is the last one lost; so whole chunks can't vanish unseen. Numbers may be
//!   out of order by [`REORDER_EVENTS`] at most (two threads raced for the queue); a reader puts them in
//!   order. Beyond 32 bits a reader takes the number nearest to the one before.
//!
//! Channels of other topics are not ours: a reader skips them, and their messages are not part of the count.
//! A new kind of event raises `format_version`, and an older reader refuses the file. Version 2 added what a
//! store is asked and tells, pings with their pongs, two headers, and
//! what a proxy saw; all of version 1 is as it was. Version 3 tells in one event ([`kit::tap::SessionEvent::Written`])
//! what many connections were written, where version 2 had one for each of them (those are still read), and has what an NTRIP caster told.

use kit::machine::{Input, Output};
use kit::proxied::ProxyEvent;
use kit::tap::Body;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{hot, schema};

/// What this program writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 3;
/// The MCAP header's profile.
pub const PROFILE: &str = "depot";
/// The metadata record's name.
pub const METADATA_NAME: &str = "depot";
/// Its key for the format's version.
pub const KEY_FORMAT_VERSION: &str = "format_version";
/// Its key for the program's version.
pub const KEY_VERSION: &str = "version";
/// The first event's number.
pub const FIRST_SEQ: u64 = 1;

/// A message longer than this is not written but counted as lost, with a gap in its place.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// A record (a chunk, before or after decompression) longer than this is taken for damage.
pub const MAX_RECORD_BYTES: usize = 64 * 1024 * 1024;
/// How far an event may stand from its place in the order of numbers; beyond it the missing is taken for
/// damage. As long as the tap's queue.
pub const REORDER_EVENTS: usize = kit::tap::QUEUE_EVENTS;

/// What a channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// HTTP requests.
    InHttp,
    /// What WebSocket clients did: open, text, lagged, closed, pong.
    InWs,
    /// The receiver's bytes.
    InStream,
    /// What an NTRIP caster tells of itself.
    InCaster,
    /// What the store of the service's commits tells.
    InStore,
    /// Steps of the system clock.
    InClock,
    /// Wake-ups.
    InTimer,
    /// The service is about to stop.
    InStopping,
    /// HTTP answers.
    OutHttp,
    /// What WebSocket clients were told: send, publish, close, ping; and what they are to hear: join.
    OutWs,
    /// Commits.
    OutStore,
    /// What only the session loops saw.
    SessionWs,
    /// A proxied connection's HTTP: requests, answers, bodies.
    ProxyHttp,
    /// A proxied connection's WebSocket frames.
    ProxyWs,
    /// A proxied connection's beginning and end, and what is neither HTTP nor WebSocket.
    ProxyConn,
    /// A service starts.
    Start,
    /// A service ended.
    End,
    /// Events were lost.
    Gap,
}

/// The body of `/{service}/end`.
#[derive(Serialize, Deserialize, JsonSchema)]
struct End {
    /// The machine's state.
    state: serde_json::Value,
}

/// The body of `/depot/gap`.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Gap {
    /// Events lost.
    lost: u64,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 18] = [
        Self::InHttp,
        Self::InWs,
        Self::InStream,
        Self::InCaster,
        Self::InStore,
        Self::InClock,
        Self::InTimer,
        Self::InStopping,
        Self::OutHttp,
        Self::OutWs,
        Self::OutStore,
        Self::SessionWs,
        Self::ProxyHttp,
        Self::ProxyWs,
        Self::ProxyConn,
        Self::Start,
        Self::End,
        Self::Gap,
    ];

    /// The channel an event belongs to.
    #[must_use]
    pub fn of(body: &Body) -> Self {
        match body {
            Body::In(Input::Http { .. }) => Self::InHttp,
            Body::In(
                Input::Open { .. }
                | Input::Text { .. }
                | Input::Lagged { .. }
                | Input::Closed { .. }
                | Input::Pong { .. },
            ) => Self::InWs,
            Body::In(Input::Store { .. }) => Self::InStore,
            Body::In(Input::Stream { .. }) => Self::InStream,
            Body::In(Input::Caster { .. }) => Self::InCaster,
            Body::In(Input::Clock { .. }) => Self::InClock,
            Body::In(Input::Timer) => Self::InTimer,
            Body::In(Input::Stopping) => Self::InStopping,
            Body::Out(Output::Http { .. }) => Self::OutHttp,
            Body::Out(
                Output::Send { .. }
                | Output::Publish { .. }
                | Output::Close { .. }
                | Output::Join { .. }
                | Output::Ping { .. },
            ) => Self::OutWs,
            Body::Out(Output::Commit { .. }) => Self::OutStore,
            Body::Session(_) => Self::SessionWs,
            Body::Proxy(
                ProxyEvent::Request { .. }
                | ProxyEvent::Response { .. }
                | ProxyEvent::Body { .. }
                | ProxyEvent::BodyEnd { .. },
            ) => Self::ProxyHttp,
            Body::Proxy(ProxyEvent::Frame { .. }) => Self::ProxyWs,
            Body::Proxy(_) => Self::ProxyConn,
            Body::Start(_) => Self::Start,
            Body::End(_) => Self::End,
            Body::Gap(_) => Self::Gap,
        }
    }

    /// The topic without the service: `in/http`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InHttp => "in/http",
            Self::InWs => "in/ws",
            Self::InStream => "in/stream",
            Self::InCaster => "in/caster",
            Self::InStore => "in/store",
            Self::InClock => "in/clock",
            Self::InTimer => "in/timer",
            Self::InStopping => "in/stopping",
            Self::OutHttp => "out/http",
            Self::OutWs => "out/ws",
            Self::OutStore => "out/store",
            Self::SessionWs => "session/ws",
            Self::ProxyHttp => "proxy/http",
            Self::ProxyWs => "proxy/ws",
            Self::ProxyConn => "proxy/conn",
            Self::Start => "start",
            Self::End => "end",
            Self::Gap => "gap",
        }
    }

    /// The whole topic.
    #[must_use]
    pub fn topic(self, service: &str) -> String {
        match self {
            Self::Gap => "/depot/gap".to_owned(),
            _ => format!("/{service}/{}", self.name()),
        }
    }

    /// A topic's service and kind; none if it isn't one of ours.
    #[must_use]
    pub fn parse(topic: &str) -> Option<(&str, Self)> {
        let (service, name) = topic.strip_prefix('/')?.split_once('/')?;
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name)?;
        (!service.is_empty() && (kind != Self::Gap || service == "depot")).then_some((service, kind))
    }

    /// The schema's name in the file: `depot.in.http`.
    #[must_use]
    pub fn schema_name(self) -> String {
        format!("depot.{}", self.name().replace('/', "."))
    }

    /// The JSON schema of the channel's bodies, derived from the types that are written.
    #[must_use]
    pub fn schema(self) -> serde_json::Value {
        match self {
            Self::InHttp => schema::of::<Input>(&["http"]),
            Self::InWs => schema::of::<Input>(&["open", "text", "lagged", "closed", "pong"]),
            Self::InStream => schema::of::<Input>(&["stream"]),
            Self::InCaster => schema::of::<Input>(&["caster"]),
            Self::InStore => schema::of::<Input>(&["store"]),
            Self::InClock => schema::of::<Input>(&["clock"]),
            Self::InTimer => schema::of::<Input>(&["timer"]),
            Self::InStopping => schema::of::<Input>(&["stopping"]),
            Self::OutHttp => schema::of::<Output>(&["http"]),
            Self::OutWs => schema::of::<Output>(&["send", "publish", "close", "join", "ping"]),
            Self::OutStore => schema::of::<Output>(&["commit"]),
            Self::SessionWs => schema::of::<kit::tap::SessionEvent>(&[]),
            Self::ProxyHttp => schema::of::<ProxyEvent>(&["request", "response", "body", "body_end"]),
            Self::ProxyWs => schema::of::<ProxyEvent>(&["frame"]),
            Self::ProxyConn => schema::of::<ProxyEvent>(&[
                "listening",
                "accepted",
                "connected",
                "failed",
                "violation",
                "raw",
                "ended",
                "closed",
            ]),
            Self::Start => schema::of::<kit::tap::Start>(&[]),
            Self::End => schema::of::<End>(&[]),
            Self::Gap => schema::of::<Gap>(&[]),
        }
    }
}

/// Writes an event's body as JSON to the end of `out`.
///
/// # Errors
/// Only for a value JSON can't hold.
pub fn encode(body: &Body, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match body {
        Body::Start(start) => serde_json::to_writer(out, start),
        Body::In(input) => serde_json::to_writer(out, input),
        Body::Out(output) => serde_json::to_writer(out, output),
        Body::Session(event) => serde_json::to_writer(out, event),
        Body::Proxy(event) => serde_json::to_writer(out, event),
        Body::End(state) => serde_json::to_writer(out, &serde_json::json!({ "state": state })),
        Body::Gap(lost) => serde_json::to_writer(out, &Gap { lost: *lost }),
    }
}

/// Reads an event's body.
///
/// # Errors
/// It isn't JSON, or not what this kind of channel carries.
pub fn decode(kind: Kind, data: &[u8]) -> serde_json::Result<Body> {
    if let Some(body) = hot::decode(data).filter(|body| Kind::of(body) == kind) {
        return Ok(body);
    }
    let body = match kind {
        Kind::InHttp
        | Kind::InWs
        | Kind::InStream
        | Kind::InCaster
        | Kind::InStore
        | Kind::InClock
        | Kind::InTimer
        | Kind::InStopping => Body::In(serde_json::from_slice(data)?),
        Kind::OutHttp | Kind::OutWs | Kind::OutStore => Body::Out(serde_json::from_slice(data)?),
        Kind::SessionWs => Body::Session(serde_json::from_slice(data)?),
        Kind::ProxyHttp | Kind::ProxyWs | Kind::ProxyConn => Body::Proxy(serde_json::from_slice(data)?),
        Kind::Start => Body::Start(serde_json::from_slice(data)?),
        Kind::End => Body::End(serde_json::from_slice::<End>(data)?.state),
        Kind::Gap => Body::Gap(serde_json::from_slice::<Gap>(data)?.lost),
    };
    let found = Kind::of(&body);
    if found == kind {
        Ok(body)
    } else {
        let text = format!("a body of {} on a channel of {}", found.name(), kind.name());
        Err(serde::de::Error::custom(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_says_service_and_kind() {
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Gap) {
            assert_eq!(Kind::parse(&kind.topic("gps-status")), Some(("gps-status", kind)));
        }
        assert_eq!(Kind::parse("/depot/gap"), Some(("depot", Kind::Gap)));
        for foreign in ["", "/", "/a", "//start", "/a/in/serial", "a/start", "/a/start/", "/a/gap"] {
            assert_eq!(Kind::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn the_stream_is_the_wire_other_readers_know() {
        let event = kit::machine::StreamEvent::Bytes { received_at_ns: 5, bytes: b"$GN".to_vec() };
        let mut json = Vec::new();
        encode(&Body::In(Input::Stream { event }), &mut json).unwrap();
        let text = String::from_utf8(json).unwrap();
        insta::assert_snapshot!(text, @r#"{"kind":"stream","event":{"event":"bytes","received_at_ns":5,"bytes":"JEdO"}}"#);
    }

    #[test]
    fn a_body_on_the_wrong_channel_is_refused() {
        let error = decode(Kind::InHttp, br#"{"kind":"timer"}"#).unwrap_err();
        assert_eq!(error.to_string(), "a body of in/timer on a channel of in/http");
        assert!(decode(Kind::InTimer, br#"{"kind":"timer","later":"versions may add"}"#).is_ok());
    }
}
