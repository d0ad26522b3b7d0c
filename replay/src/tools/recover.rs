//! Makes a whole session of one that is cut off or damaged, and says what was lost.
//!
//! Only chunks whose checksum is right are used. Events keep their numbers; where some are missing a gap
//! stands for them. How many were lost behind the last event isn't known, since nothing counts them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::Duration;

use kit::machine::Timestamp;
use kit::tap::Body;
use serde::Serialize;

use super::rewrite::{Written, derived};
use super::scan::{Found, Scan};
use super::{OutFile, ToolError};
use crate::format::{FIRST_SEQ, REORDER_EVENTS};
use crate::report::utc;
use crate::session::{OpenError, Recorded, Session, nearest};
use crate::writer::{About, SessionWriter};

/// Damaged places that are listed; the rest is only counted.
pub const MAX_PLACES: usize = 100;

/// What could be saved, and what not.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recovery {
    /// Events of the new file.
    pub events: u64,
    /// Its length.
    pub bytes: u64,
    /// Length of the damaged file.
    pub input_bytes: u64,
    /// Bytes of it that couldn't be used.
    pub lost_bytes: u64,
    /// Places in the file where bytes couldn't be used: offset and length.
    pub damaged: Vec<(u64, u64)>,
    /// What stands at its beginning can't be read: its notes are lost.
    pub head_lost: bool,
    /// It has no orderly end: where it breaks off. What was lost there isn't counted.
    pub cut_at: Option<u64>,
    /// Events missing in the middle, without those the recorder had lost itself.
    pub lost_events: u64,
    /// Messages in whole chunks that are no events; they are among those missing.
    pub unreadable: u64,
    /// Where they are missing.
    pub holes: Vec<Hole>,
    /// The last event that could be read, RFC 3339.
    pub last: Option<String>,
}

/// Events missing between two others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hole {
    /// How many.
    pub events: u64,
    /// The event before, RFC 3339.
    pub from: Option<String>,
    /// The event after.
    pub to: String,
    /// From the one to the other.
    pub duration_s: f64,
}

impl Recovery {
    /// Nothing was wrong with it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost_bytes == 0
            && self.cut_at.is_none()
            && self.lost_events == 0
            && self.unreadable == 0
            && !self.head_lost
    }
}

/// Reads what can be read of `path` and writes it as a whole session.
///
/// # Errors
/// The file can't be read, holds no event, or the new one can't be written.
pub fn recover(path: &Path, out: OutFile) -> Result<Recovery, ToolError> {
    let name = path.display().to_string();
    let failed = |source| ToolError::Read { name: name.clone(), source };
    let mut recovery = Recovery::default();
    let about = match Session::open(path) {
        Ok(session) => session.about().clone(),
        Err(error @ (OpenError::Newer { .. } | OpenError::NotMcap { .. } | OpenError::Io { .. })) => {
            return Err(error.into());
        }
        Err(OpenError::NotASession { .. } | OpenError::Nothing { .. }) => {
            recovery.head_lost = true;
            About { version: env!("CARGO_PKG_VERSION").to_owned(), ..About::default() }
        }
    };
    let mut scan = Scan::new(BufReader::new(File::open(path).map_err(failed)?), nearest).map_err(failed)?;
    recovery.input_bytes = scan.length();
    let mut saved = Saved::new(out, &derived(&about, "depot session recover", &name))?;
    loop {
        match scan.next().map_err(failed)? {
            Found::Chunk { events, unread } => {
                recovery.unreadable = recovery.unreadable.saturating_add(unread);
                for event in events {
                    saved.take(event, &mut recovery)?;
                }
            }
            Found::Damage { offset, bytes } => {
                recovery.lost_bytes = recovery.lost_bytes.saturating_add(bytes);
                if recovery.damaged.len() < MAX_PLACES {
                    recovery.damaged.push((offset, bytes));
                }
            }
            Found::Other => {}
            Found::End => break,
            Found::Cut { offset } => {
                recovery.cut_at = Some(offset);
                recovery.lost_bytes =
                    recovery.lost_bytes.saturating_add(scan.length().saturating_sub(offset));
                break;
            }
        }
    }
    saved.rest(&mut recovery)?;
    if saved.events == 0 {
        return Err(ToolError::Nothing { name });
    }
    recovery.events = saved.events;
    recovery.last = Some(utc(saved.last_at));
    recovery.bytes = saved.finish()?.bytes;
    Ok(recovery)
}

/// Puts events in order and gaps where some are missing.
struct Saved {
    writer: SessionWriter<OutFile>,
    path: std::path::PathBuf,
    expected: u64,
    waiting: BTreeMap<u64, Recorded>,
    last_at: Timestamp,
    events: u64,
}

impl Saved {
    fn new(out: OutFile, about: &About) -> Result<Self, ToolError> {
        let path = out.path().to_owned();
        let failed = |source: io::Error| ToolError::Write { path: path.clone(), source };
        let writer = SessionWriter::new(out, about).map_err(failed)?;
        let waiting = BTreeMap::new();
        Ok(Self { writer, path, expected: FIRST_SEQ, waiting, last_at: Timestamp::ZERO, events: 0 })
    }

    fn take(&mut self, event: Recorded, recovery: &mut Recovery) -> Result<(), ToolError> {
        if event.seq >= self.expected {
            self.waiting.insert(event.seq, event);
        }
        while self.waiting.len() > REORDER_EVENTS
            || self.waiting.first_key_value().is_some_and(|(seq, _)| *seq == self.expected)
        {
            self.pop(recovery)?;
        }
        Ok(())
    }

    fn rest(&mut self, recovery: &mut Recovery) -> Result<(), ToolError> {
        while !self.waiting.is_empty() {
            self.pop(recovery)?;
        }
        Ok(())
    }

    fn pop(&mut self, recovery: &mut Recovery) -> Result<(), ToolError> {
        let Some((seq, event)) = self.waiting.pop_first() else { return Ok(()) };
        let missing = seq.saturating_sub(self.expected);
        match event.body {
            // The recorder's own gap stands for some or all that are missing before it.
            Body::Gap(lost) => {
                let (more, told) =
                    (missing.saturating_add(1).saturating_sub(lost), missing.saturating_add(1).max(lost));
                self.hole(more, event.at, recovery);
                self.write(seq, event.at, "depot", &Body::Gap(told))?;
            }
            body => {
                if missing > 0 {
                    self.hole(missing, event.at, recovery);
                    self.write(seq.saturating_sub(1), event.at, "depot", &Body::Gap(missing))?;
                }
                self.write(seq, event.at, &event.service, &body)?;
                self.events = self.events.saturating_add(1);
            }
        }
        self.expected = seq.saturating_add(1);
        self.last_at = self.last_at.max(event.at);
        Ok(())
    }

    fn hole(&self, events: u64, to: Timestamp, recovery: &mut Recovery) {
        if events == 0 {
            return;
        }
        recovery.lost_events = recovery.lost_events.saturating_add(events);
        if recovery.holes.len() < MAX_PLACES {
            let known = self.last_at > Timestamp::ZERO;
            let duration = if known { to.saturating_sub(self.last_at) } else { Duration::ZERO };
            let from = known.then(|| utc(self.last_at));
            recovery.holes.push(Hole { events, from, to: utc(to), duration_s: duration.as_secs_f64() });
        }
    }

    fn write(&mut self, seq: u64, at: Timestamp, service: &str, body: &Body) -> Result<(), ToolError> {
        self.writer
            .write(seq, at, service, body)
            .map_err(|source| ToolError::Event { path: self.path.clone(), source })
    }

    fn finish(self) -> Result<Written, ToolError> {
        let path = self.path;
        let (out, bytes) =
            self.writer.finish_into().map_err(|source| ToolError::Write { path: path.clone(), source })?;
        out.finish()?;
        Ok(Written { events: self.events, bytes })
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_whole() {
            return write!(f, "nothing was lost: {} events", self.events);
        }
        writeln!(f, "{} events saved; {} of {} bytes lost", self.events, self.lost_bytes, self.input_bytes)?;
        if self.head_lost {
            writeln!(f, "what the file said of itself is lost")?;
        }
        for (offset, bytes) in &self.damaged {
            writeln!(f, "damaged: {bytes} bytes at byte {offset}")?;
        }
        if self.unreadable > 0 {
            writeln!(f, "unreadable: {} messages", self.unreadable)?;
        }
        for Hole { events, from, to, duration_s } in &self.holes {
            match from {
                Some(from) => {
                    writeln!(f, "missing: {events} events, from {from} to {to} ({duration_s:.3} s)")?;
                }
                None => writeln!(f, "missing: {events} events, from the beginning to {to}")?,
            }
        }
        let last = self.last.as_deref().unwrap_or("no event");
        match self.cut_at {
            Some(at) => write!(f, "cut off at byte {at}: what was recorded after {last} is lost"),
            None => write!(f, "{} events lost in all; the end is there", self.lost_events),
        }
    }
}
