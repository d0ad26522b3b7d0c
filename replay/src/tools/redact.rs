//! Takes out of a session what isn't everybody's: each value is replaced by a pseudonym, the same everywhere.
//!
//! What a machine was told and what it said are replaced by the same rules, but the machine doesn't know the
//! rules: a replay of a redacted session may differ where a value was computed with. The receiver's raw stream
//! can't be redacted (positions are in every NMEA sentence and RTCM message in some form): it must be left out
//! or kept on purpose.

use std::collections::BTreeMap;

use kit::machine::{Input, Output, StoreEvent, StreamEvent};
use kit::tap::{Body, SessionEvent};
use serde_json::Value;

use super::rewrite::{Rewriter, Written, derived};
use super::series::Series;
use super::{OutFile, ToolError};
use crate::session::{Problem, Recorded};

mod rules;
use rules::Pseudonyms;
pub use rules::{PathError, Rule};

/// What to replace.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Members of JSON by name or path.
    pub members: Vec<Rule>,
    /// IP addresses and ports of peers, and origins.
    pub addresses: bool,
    /// The receiver's raw bytes.
    pub stream: Stream,
}

/// What becomes of the receiver's raw bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stream {
    /// A session that has some is refused.
    #[default]
    Refuse,
    /// They are left out, with a gap in their place.
    Drop,
    /// They are kept as they are.
    Keep,
}

/// What was replaced.
#[derive(Debug)]
pub struct Redacted {
    /// The new session.
    pub written: Written,
    /// Values that were replaced.
    pub replaced: u64,
    /// Different ones among them.
    pub values: u64,
    /// Bytes of the receiver that were left out.
    pub dropped_bytes: u64,
    /// Bytes of the receiver that were kept as they are.
    pub kept_bytes: u64,
    /// What stopped the reading.
    pub problem: Option<Problem>,
}

/// Writes a session without what the rules name.
///
/// # Errors
/// See [`ToolError`].
pub fn redact(series: &Series, rules: &Rules, out: OutFile) -> Result<Redacted, ToolError> {
    let mut about = derived(&series.about(), "depot session redact", &series.name());
    let mut work = Work { rules, pseudonyms: Pseudonyms::default(), addresses: BTreeMap::new(), replaced: 0 };
    if rules.addresses {
        // A device, a host, a file's path.
        about.notes.remove("source");
    }
    let mut writer = Rewriter::new(out, &about)?;
    let (mut problem, mut waiting) = (None, 0_u64);
    let (mut dropped_bytes, mut kept_bytes) = (0_u64, 0_u64);
    let mut last_at = kit::machine::Timestamp::ZERO;
    for mut event in super::good(series.events()?, &mut problem) {
        last_at = event.at;
        if let Body::In(Input::Stream { event: StreamEvent::Bytes { bytes, .. } }) = &event.body {
            let bytes = bytes.len() as u64;
            match rules.stream {
                Stream::Keep => kept_bytes = kept_bytes.saturating_add(bytes),
                Stream::Refuse => {
                    return Err(ToolError::Stream { name: series.name() });
                }
                Stream::Drop => {
                    dropped_bytes = dropped_bytes.saturating_add(bytes);
                    waiting = waiting.saturating_add(1);
                    continue;
                }
            }
        }
        writer.gap(event.at, std::mem::take(&mut waiting))?;
        work.event(&mut event);
        writer.put(event)?;
    }
    writer.gap(last_at, waiting)?;
    let written = writer.finish()?;
    let values = work.pseudonyms.count().saturating_add(work.addresses.len() as u64);
    Ok(Redacted { written, replaced: work.replaced, values, dropped_bytes, kept_bytes, problem })
}

struct Work<'a> {
    rules: &'a Rules,
    pseudonyms: Pseudonyms,
    addresses: BTreeMap<String, String>,
    replaced: u64,
}

impl Work<'_> {
    fn event(&mut self, event: &mut Recorded) {
        match &mut event.body {
            Body::Start(start) => {
                self.value(&mut start.config);
                self.value(&mut start.state);
            }
            Body::End(state) => self.value(state),
            Body::In(input) => self.input(input),
            Body::Out(output) => self.output(output),
            Body::Session(event) => self.session(event),
            _ => {}
        }
    }

    fn input(&mut self, input: &mut Input) {
        match input {
            Input::Http { path, query, body, .. } => {
                self.known(path);
                self.known(query);
                self.text(body);
            }
            Input::Open { path, query, .. } => {
                self.known(path);
                self.known(query);
            }
            Input::Text { text, .. } => *text = self.shared(text),
            Input::Caster { report } => self.text(report),
            Input::Store { event: StoreEvent::Loading { changes } | StoreEvent::Opened { changes } } => {
                self.text(changes);
            }
            Input::Stream { event: StreamEvent::Opened { device, .. } } if self.rules.addresses => {
                "redacted".clone_into(device);
                self.replaced += 1;
            }
            _ => {}
        }
    }

    fn output(&mut self, output: &mut Output) {
        match output {
            Output::Http { body, link, .. } => {
                self.text(body);
                link.iter_mut().for_each(|link| self.known(link));
            }
            Output::Send { text, .. } => *text = self.shared(text),
            Output::Publish { text, path, .. } => {
                self.known(path);
                *text = self.shared(text);
            }
            Output::Commit { changes, .. } => self.text(changes),
            Output::Join { path, .. } => self.known(path),
            _ => {}
        }
    }

    fn session(&mut self, event: &mut SessionEvent) {
        match event {
            SessionEvent::Peer { addr, origin, .. } => {
                self.address(addr);
                origin.iter_mut().for_each(|origin| self.address(origin));
            }
            SessionEvent::Refused { addr, path, .. } => {
                self.address(addr);
                self.known(path);
            }
            SessionEvent::Error { message, .. } if self.rules.addresses => {
                "redacted".clone_into(message);
            }
            _ => {}
        }
    }

    fn shared<T: From<String> + ToString>(&mut self, text: &T) -> T {
        let mut own = text.to_string();
        self.text(&mut own);
        own.into()
    }

    /// A text that may be JSON; one that isn't is searched for what was replaced elsewhere.
    fn text(&mut self, text: &mut String) {
        match serde_json::from_str::<Value>(text) {
            Ok(mut value) if value.is_object() || value.is_array() => {
                let before = self.replaced;
                self.value(&mut value);
                if self.replaced > before {
                    *text = value.to_string();
                }
            }
            _ => self.known(text),
        }
    }

    fn value(&mut self, value: &mut Value) {
        let count = self.pseudonyms.replace(value, &self.rules.members);
        self.replaced = self.replaced.saturating_add(count);
    }

    /// Replaces whole words that have a pseudonym: an id in a path, in a query.
    fn known(&mut self, text: &mut String) {
        let mut out = String::with_capacity(text.len());
        let mut changed = 0;
        for piece in text.split_inclusive(['/', '&', '=', '?', ' ', '<', '>', ',']) {
            let word = piece.trim_end_matches(['/', '&', '=', '?', ' ', '<', '>', ',']);
            match self.pseudonyms.of_word(word) {
                Some(pseudonym) => {
                    out += pseudonym;
                    out += piece.get(word.len()..).unwrap_or_default();
                    changed += 1;
                }
                None => out += piece,
            }
        }
        if changed > 0 {
            self.replaced += changed;
            *text = out;
        }
    }

    /// An address of TEST-NET-1 (RFC 5737) for each host; the port stays.
    fn address(&mut self, addr: &mut String) {
        if !self.rules.addresses {
            return;
        }
        let (scheme, rest) = match addr.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), addr.as_str()),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (host, format!(":{port}"))
            }
            _ => (rest, String::new()),
        };
        let next = self.addresses.len();
        let pseudonym = self.addresses.entry(host.to_owned()).or_insert_with(|| match next {
            0..=253 => format!("192.0.2.{}", next + 1),
            _ => format!("host-{}.invalid", next + 1),
        });
        *addr = format!("{scheme}{pseudonym}{port}");
        self.replaced += 1;
    }
}
