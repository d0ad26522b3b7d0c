//! The wire to the core and back, in one pure place that live shell and replay share.
//!
//! A rover is serialised once per change; a list is put together from these texts once per change, at most
//! four times a second for all consoles, and when somebody connects or asks after a change. Nothing is
//! serialised that nobody listens to.

mod body;
mod http;
mod text;
mod texts;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::extract::ws::Utf8Bytes;
use kit::machine::{ConnId, Input, Machine, Output, Timestamp};
use serde::Serialize;
use wire::{discovery::RoversDelta, frame::ErrorFrame};

use self::texts::Texts;
use crate::{config::Config, core::Core};

/// Where consoles listen.
pub const CONSOLES: &str = "/ws";
/// What the consoles that asked for changes only have joined.
pub const DELTA_CONSOLES: &str = "/ws?delta=1";
/// Lists replace each other where a console is rate limited; deltas never do.
pub const ROVERS_KEY: u64 = 0;
/// Close code of a connection that isn't wanted: RFC 6455 section 7.4.1, policy violation.
pub const POLICY: u16 = 1008;

/// The service as `config` wants it.
#[must_use]
pub fn machine(config: &Config) -> Codec {
    Codec {
        core: Core::new(config.max_rovers),
        texts: Texts::default(),
        list: None,
        snapshot: None,
        seq: 0,
        told_version: 0,
        consoles: BTreeMap::new(),
    }
}

/// discovery as a [`Machine`].
#[derive(Debug)]
pub struct Codec {
    core: Core,
    texts: Texts,
    /// The `rovers` frame of a version of the list.
    list: Option<(u64, Utf8Bytes)>,
    /// The `rovers_snapshot` frame of a version and a sequence number.
    snapshot: Option<((u64, u64), Utf8Bytes)>,
    /// Of the last delta told.
    seq: u64,
    /// The version that was last published, or would have been had anyone listened.
    told_version: u64,
    /// As many as the shell lets in.
    consoles: BTreeMap<ConnId, View>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// All rovers each time.
    Full,
    /// `?delta=1`
    Delta,
}

impl Machine for Codec {
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        self.core.advance(now);
        match input {
            Input::Http { id, method, path, body, .. } => {
                let (status, body) = self.http(now, &method, &path, &body);
                out.push(Output::Http { id, status, body, link: None });
            }
            Input::Open { conn, path, query } => self.open(conn, &path, &query, out),
            Input::Text { conn, text } => self.text(conn, &text, out),
            Input::Lagged { conn } => {
                if let Some(&view) = self.consoles.get(&conn) {
                    out.push(self.whole(conn, view));
                }
            }
            Input::Closed { conn, .. } => _ = self.consoles.remove(&conn),
            Input::Clock { offset_ms } => self.core.clock_offset(now, offset_ms),
            Input::Stopping => self.core.last_call(),
            // No receiver here, no pings of its own, no store.
            Input::Stream { .. }
            | Input::Caster { .. }
            | Input::Pong { .. }
            | Input::Store { .. }
            | Input::Timer => {}
        }
        self.publish(now, out);
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        self.core.next_timeout()
    }

    fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.core.advance(now);
        self.publish(now, out);
    }

    fn state(&self) -> serde_json::Value {
        let rovers = self.core.rovers().filter_map(|(id, _)| self.core.rover(id));
        serde_json::to_value(rovers.collect::<Vec<_>>()).unwrap_or_default()
    }
}

impl Codec {
    fn publish(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        if !self.core.publish(now) || self.told_version == self.core.version() {
            return;
        }
        self.told_version = self.core.version();
        if self.is_heard(View::Full) {
            let text = self.list();
            out.push(Output::Publish { path: CONSOLES.to_owned(), text, key: Some(ROVERS_KEY) });
        }
        let changes = self.core.take_changes();
        if self.is_heard(View::Delta) {
            self.seq += 1;
            let text = if changes.incomplete {
                self.snapshot()
            } else {
                let (changed, removed) = (changes.changed, changes.removed);
                json(&RoversDelta { seq: self.seq, changed, removed }).into()
            };
            out.push(Output::Publish { path: DELTA_CONSOLES.to_owned(), text, key: None });
        }
    }

    fn is_heard(&self, view: View) -> bool {
        self.consoles.values().any(|of| *of == view)
    }

    fn open(&mut self, conn: ConnId, path: &str, query: &str, out: &mut Vec<Output>) {
        if path != CONSOLES {
            let reason = "no WebSocket is served here: use /ws".to_owned();
            return out.push(Output::Close { conn, code: POLICY, reason });
        }
        let view = if wants_delta(query) { View::Delta } else { View::Full };
        if view == View::Delta {
            out.push(Output::Join { conn, path: DELTA_CONSOLES.to_owned() });
        }
        self.consoles.insert(conn, view);
        out.push(self.whole(conn, view));
    }

    /// All rovers, for one console.
    fn whole(&mut self, conn: ConnId, view: View) -> Output {
        match view {
            View::Full => Output::Send { conn, text: self.list(), key: Some(ROVERS_KEY) },
            View::Delta => Output::Send { conn, text: self.snapshot(), key: None },
        }
    }

    /// The `rovers` frame, put together if anything has changed since the last time.
    fn list(&mut self) -> Utf8Bytes {
        let version = self.core.version();
        match &self.list {
            Some((of, text)) if *of == version => text.clone(),
            _ => {
                let text = Utf8Bytes::from(self.texts.list(&self.core, http::LIST_HEAD, http::LIST_TAIL));
                self.list = Some((version, text.clone()));
                text
            }
        }
    }

    /// The `rovers_snapshot` frame of the last sequence number told. It may know more than that; what the next
    /// delta says of it is then said twice.
    fn snapshot(&mut self) -> Utf8Bytes {
        let of = (self.core.version(), self.seq);
        match &self.snapshot {
            Some((known, text)) if *known == of => text.clone(),
            _ => {
                let head = format!(r#"{{"type":"rovers_snapshot","seq":{},"data":["#, self.seq);
                let text = Utf8Bytes::from(self.texts.list(&self.core, &head, http::LIST_TAIL));
                self.snapshot = Some((of, text.clone()));
                text
            }
        }
    }

    fn text(&self, conn: ConnId, text: &str, out: &mut Vec<Output>) {
        if self.consoles.contains_key(&conn)
            && let Err(found) = serde_json::from_str::<serde::de::IgnoredAny>(text)
        {
            let message = format!("this is not JSON: {found}; nothing is expected from a console");
            out.push(Output::Send { conn, text: json(&ErrorFrame { message }).into(), key: None });
        }
    }
}

fn wants_delta(query: &str) -> bool {
    query.split('&').any(|pair| matches!(pair, "delta=1" | "delta=true"))
}

fn json<T: Serialize>(value: &T) -> String {
    // Structs with text keys and finite numbers always can be written.
    serde_json::to_string(value).unwrap_or_default()
}
