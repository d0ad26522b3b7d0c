//! The wire to the core and back, in one pure place that live shell and replay share.
//!
//! In: the receiver's bytes through framer and decoder, HTTP requests, WebSocket text. Out: HTTP answers,
//! and frames with the status. A status is serialised once per change; the answer to `GET /status`, the
//! snapshot of a new console and the publication are the same text.

pub mod feed;
mod timeline;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use axum::extract::ws::Utf8Bytes;
use kit::machine::{ConnId, Input, Machine, Output, StreamEvent, Timestamp};
use rtk_reader::{
    decode::{decode, write_json},
    frame::{Counts, Frame, Framer},
};
use serde::{Deserialize, Serialize};
use wire::{
    frame::ErrorFrame,
    gps_status::{Caster, Health},
};

use self::timeline::Timeline;
use crate::{
    config::{Config, Source},
    core::{Core, Observation},
};

/// Where consoles listen.
pub const CONSOLES: &str = "/ws";
/// Where a reader on another machine sends a receiver's bytes.
pub const FEED: &str = "/feed";
/// Statuses replace each other where a console is rate limited.
pub const STATUS_KEY: u64 = 0;
/// Close code of a feeder that isn't wanted: RFC 6455 section 7.4.1, policy violation.
pub const POLICY: u16 = 1008;

const FRAME_HEAD: &str = r#"{"type":"gps_status","data":"#;
const FRAME_TAIL: &str = "}";

/// The service as `config` wants it.
#[must_use]
pub fn machine(config: &Config) -> Codec {
    Codec {
        config: config.clone(),
        framer: Framer::new(),
        told: Counts::default(),
        looked: true,
        timeline: Timeline::default(),
        core: Core::default(),
        serialised: None,
        published: None,
        consoles: BTreeSet::new(),
        feeder: None,
        relay: None,
    }
}

/// Told of a feeder's stream as the machine takes it in. Not an output: it carries nothing that the machine
/// decided, and a replay has nobody to relay to.
pub type Relay = Box<dyn FnMut(&StreamEvent) + Send>;

/// gps-status as a [`Machine`].
pub struct Codec {
    config: Config,
    framer: Framer,
    /// The framer's counts as the core knows them.
    told: Counts,
    /// The framer has looked behind what is incomplete and found nothing, and nothing has come since: to look
    /// again would find nothing new, and would wake a silent service for ever.
    looked: bool,
    timeline: Timeline,
    core: Core,
    /// The frame of a version of the status.
    serialised: Option<(u64, Utf8Bytes)>,
    /// What consoles were last told.
    published: Option<Utf8Bytes>,
    /// As many as the shell lets in.
    consoles: BTreeSet<ConnId>,
    feeder: Option<Feeder>,
    relay: Option<Relay>,
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codec")
            .field("config", &self.config)
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}

/// What a caster tells.
#[derive(Deserialize)]
struct Report {
    clients: u32,
    #[serde(flatten)]
    caster: Box<Caster>,
}

#[derive(Clone, Copy, Debug)]
struct Feeder {
    conn: ConnId,
    /// It has said that the receiver is open, and not that it closed.
    open: bool,
}

impl Machine for Codec {
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        self.advance(now);
        match input {
            Input::Http { id, method, path, .. } => out.push(self.http(id, &method, &path)),
            Input::Open { conn, path, .. } => self.open(conn, &path, out),
            Input::Text { conn, text } => self.text(now, conn, &text, out),
            Input::Lagged { conn } => {
                if self.consoles.contains(&conn) {
                    out.push(self.snapshot(conn));
                }
            }
            Input::Closed { conn, .. } => self.closed(now, conn),
            Input::Stream { event } => self.stream(now, event),
            Input::Caster { report } => self.caster(now, &report),
            Input::Clock { offset_ms } => self.core.observe(now, Observation::ClockOffset(offset_ms)),
            Input::Stopping => self.core.last_call(),
            // No pings of its own, no store.
            Input::Pong { .. } | Input::Store { .. } | Input::Timer => {}
        }
        self.publish(now, out);
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        [self.look_at(), self.core.next_timeout()].into_iter().flatten().min()
    }

    fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.advance(now);
        self.publish(now, out);
    }

    fn state(&self) -> serde_json::Value {
        serde_json::to_value(self.core.status()).unwrap_or_default()
    }
}

impl Codec {
    /// From now on this is told of a feeder's stream.
    pub fn relay(&mut self, relay: Relay) {
        self.relay = Some(relay);
    }

    fn fed_stream(&mut self, now: Timestamp, event: StreamEvent) {
        if let Some(relay) = &mut self.relay {
            relay(&event);
        }
        self.stream(now, event);
    }

    fn advance(&mut self, now: Timestamp) {
        if self.look_at().is_some_and(|at| at <= now) {
            let at = self.timeline.elapsed(now);
            let mut found = false;
            self.framer.handle_timeout(at, &mut |frame: Frame<'_>| {
                found = true;
                tell(now, &mut self.core, &frame);
            });
            self.looked = !found;
            self.tell_counts(now);
        }
        self.core.advance(now);
    }

    /// When the framer wants to look behind a candidate that is not complete.
    fn look_at(&self) -> Option<Timestamp> {
        let pending = self.framer.next_timeout().filter(|_| !self.looked);
        pending.map(|at| self.timeline.when(at))
    }

    fn publish(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        if !self.core.publish(now) {
            return;
        }
        let text = self.frame();
        if self.published.as_ref() != Some(&text) {
            self.published = Some(text.clone());
            out.push(Output::Publish { path: CONSOLES.to_owned(), text, key: Some(STATUS_KEY) });
        }
    }

    /// The status in its frame, serialised if it has changed since the last time.
    fn frame(&mut self) -> Utf8Bytes {
        let version = self.core.version();
        match &self.serialised {
            Some((of, text)) if *of == version => text.clone(),
            _ => {
                // It is about as long as the one before.
                let room = self.serialised.as_ref().map_or(0, |(_, text)| text.len() + text.len() / 8);
                let mut text = Vec::with_capacity(room);
                text.extend_from_slice(FRAME_HEAD.as_bytes());
                // Structs with text keys and numbers always can be written.
                let _ = write_json(&self.core.status(), &mut text);
                text.extend_from_slice(FRAME_TAIL.as_bytes());
                let text = Utf8Bytes::try_from(text).unwrap_or_default();
                self.serialised = Some((version, text.clone()));
                text
            }
        }
    }

    fn snapshot(&mut self, conn: ConnId) -> Output {
        Output::Send { conn, text: self.frame(), key: Some(STATUS_KEY) }
    }

    fn http(&mut self, id: u64, method: &str, path: &str) -> Output {
        let (status, body) = match (method, path) {
            ("GET" | "HEAD", "/status") => {
                let frame = self.frame();
                let status = frame.strip_prefix(FRAME_HEAD).and_then(|rest| rest.strip_suffix(FRAME_TAIL));
                (200, status.unwrap_or_default().to_owned())
            }
            ("GET" | "HEAD", "/health") => {
                let (connected, fix) = self.core.health();
                (200, json(&Health { status: "ok".to_owned(), connected, fix }))
            }
            // Without a receiver it still answers, and says that there is none: it needs nothing but itself.
            ("GET" | "HEAD", "/livez" | "/readyz") => (200, r#"{"status":"ok"}"#.to_owned()),
            (_, "/status" | "/health" | "/livez" | "/readyz") => (405, refusal("Only GET is answered here.")),
            _ => (404, refusal("Nothing is here: ask for /status or /health.")),
        };
        Output::Http { id, status, body, link: None }
    }

    fn open(&mut self, conn: ConnId, path: &str, out: &mut Vec<Output>) {
        match (path, self.config.source) {
            (CONSOLES, _) => {
                self.consoles.insert(conn);
                out.push(self.snapshot(conn));
            }
            (FEED, Source::Feed) => {
                // The newest wins: the older may be the dead half of a connection that broke unnoticed. What
                // it told stands until the new one says that it has the receiver open.
                if let Some(older) = self.feeder.replace(Feeder { conn, open: false }) {
                    out.push(close(older.conn, "replaced: a newer feeder has connected"));
                }
            }
            (FEED, Source::Local) => {
                out.push(close(
                    conn,
                    "this service reads its own receiver: start it with the feed as its source",
                ));
            }
            _ => out.push(close(conn, "no WebSocket is served here: use /ws or /feed")),
        }
    }

    fn text(&mut self, now: Timestamp, conn: ConnId, text: &str, out: &mut Vec<Output>) {
        if let Some(feeder) = self.feeder.filter(|feeder| feeder.conn == conn) {
            if let Err(message) = self.fed(now, feeder, text) {
                out.push(error(conn, message));
            }
        } else if self.consoles.contains(&conn)
            && let Err(found) = serde_json::from_str::<serde::de::IgnoredAny>(text)
        {
            out.push(error(conn, format!("this is not JSON: {found}; nothing is expected from a console")));
        }
    }

    fn fed(&mut self, now: Timestamp, feeder: Feeder, text: &str) -> Result<(), String> {
        let event = feed::event(text).map_err(|error| error.to_string())?;
        let open = match &event {
            StreamEvent::Opened { .. } => true,
            _ if !feeder.open => return Err("the receiver is not open: send opened first".to_owned()),
            StreamEvent::Bytes { .. } => true,
            StreamEvent::Closed { .. } | StreamEvent::Ended => false,
        };
        self.feeder = Some(Feeder { open, ..feeder });
        self.fed_stream(now, event);
        Ok(())
    }

    fn closed(&mut self, now: Timestamp, conn: ConnId) {
        self.consoles.remove(&conn);
        // The end of a feeder that was replaced changes nothing.
        if self.feeder.take_if(|feeder| feeder.conn == conn).is_some() {
            self.fed_stream(now, StreamEvent::Closed { reason: "the feed was lost".to_owned() });
        }
    }

    fn stream(&mut self, now: Timestamp, event: StreamEvent) {
        match event {
            StreamEvent::Opened { device, baud } => {
                self.finish(now);
                self.core.observe(now, Observation::Opened { device, baud });
            }
            StreamEvent::Bytes { received_at_ns, bytes } => {
                let at = self.timeline.received(now, Duration::from_nanos(received_at_ns));
                self.core.observe(now, Observation::Bytes(bytes.len()));
                self.looked = false;
                self.framer.push(at, &bytes, &mut |frame: Frame<'_>| tell(now, &mut self.core, &frame));
                self.tell_counts(now);
            }
            StreamEvent::Closed { .. } => {
                self.finish(now);
                self.core.observe(now, Observation::Closed);
            }
            StreamEvent::Ended => {
                self.finish(now);
                self.core.observe(now, Observation::Ended);
            }
        }
    }

    /// Of our own making; what isn't understood (a later program's recording) tells nothing.
    fn caster(&mut self, now: Timestamp, report: &str) {
        if let Ok(Report { clients, caster }) = serde_json::from_str(report) {
            self.core.observe(now, Observation::Caster { clients, caster });
        }
    }

    fn finish(&mut self, now: Timestamp) {
        self.framer.finish(&mut |frame: Frame<'_>| tell(now, &mut self.core, &frame));
        self.tell_counts(now);
    }

    fn tell_counts(&mut self, now: Timestamp) {
        if *self.framer.counts() != self.told {
            self.told = *self.framer.counts();
            self.core.observe(now, Observation::Framing(self.told));
        }
    }
}

fn tell(now: Timestamp, core: &mut Core, frame: &Frame<'_>) {
    core.observe(now, Observation::Frame { received_at: frame.received_at, message: decode(frame) });
}

fn json<T: Serialize>(value: &T) -> String {
    // Structs with text keys and numbers always can be written.
    serde_json::to_string(value).unwrap_or_default()
}

fn refusal(sentence: &str) -> String {
    serde_json::json!({ "error": sentence }).to_string()
}

fn error(conn: ConnId, message: String) -> Output {
    Output::Send { conn, text: json(&ErrorFrame { message }).into(), key: None }
}

fn close(conn: ConnId, reason: &str) -> Output {
    Output::Close { conn, code: POLICY, reason: reason.to_owned() }
}
