//! The last minutes of a recording, in memory, until something happens that makes them worth a file.
//!
//! A ring forgets what is older than its span, and the oldest when it holds more bytes than it may. What it
//! writes begins with the services' starts; if anything after them was forgotten a gap says so, and the file
//! can't be replayed at core level: what state the services were in when it begins isn't known. A ring that has
//! forgotten nothing yet writes a session like any other.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kit::machine::Timestamp;

use super::NOTE_MIDLIFE;
use super::starts::{Encoded, Starts, gap};
use crate::format::{FIRST_SEQ, Kind};
use crate::writer::{About, SessionWriter, WriteError};

/// What an event takes in memory besides its JSON.
const EVENT_BYTES: usize = 160;
/// What a ring may hold, if nobody says.
pub const RING_BYTES: usize = 64 * 1024 * 1024;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Events older than this, by the newest, are forgotten.
    pub span: Duration,
    /// The oldest are forgotten beyond this, their JSON and what an event takes besides.
    pub bytes: usize,
}

/// The events.
pub struct Ring {
    limits: RingLimits,
    events: BTreeMap<u64, Kept>,
    bytes: usize,
    newest: Timestamp,
}

#[derive(Clone)]
struct Kept {
    at: Timestamp,
    service: &'static str,
    kind: Kind,
    json: Arc<[u8]>,
}

impl Ring {
    pub fn new(limits: RingLimits) -> Self {
        Self { limits, events: BTreeMap::new(), bytes: 0, newest: Timestamp::ZERO }
    }

    /// Keeps an event, and forgets what is too old or too much.
    pub fn take(&mut self, event: &Encoded) {
        let Some(json) = event.json else { return };
        self.newest = self.newest.max(event.at);
        self.bytes = self.bytes.saturating_add(json.len()).saturating_add(EVENT_BYTES);
        let kept = Kept { at: event.at, service: event.service, kind: event.kind, json: json.into() };
        self.events.insert(event.seq, kept);
        let oldest = self.newest.saturating_sub(self.limits.span);
        while let Some(first) = self.events.first_entry() {
            if first.get().at >= oldest && self.bytes <= self.limits.bytes {
                break;
            }
            let forgotten = first.remove();
            self.bytes = self.bytes.saturating_sub(forgotten.json.len()).saturating_sub(EVENT_BYTES);
        }
    }

    /// Events and bytes in it.
    pub fn size(&self) -> (usize, usize) {
        (self.events.len(), self.bytes)
    }

    /// What is in it now, to be written elsewhere: its events are shared.
    pub fn now(&self, starts: &Starts, about: &About, trigger: &str) -> Snapshot {
        let mut about = about.clone();
        about.notes.insert("trigger".to_owned(), trigger.to_owned());
        about.notes.insert("ring_s".to_owned(), self.limits.span.as_secs().to_string());
        let first = self.events.keys().next().copied().unwrap_or(FIRST_SEQ);
        if first > FIRST_SEQ {
            about.notes.insert(NOTE_MIDLIFE.to_owned(), "yes".to_owned());
        }
        Snapshot { about, starts: starts.clone(), events: self.events.clone() }
    }
}

/// A ring at one moment.
pub struct Snapshot {
    about: About,
    starts: Starts,
    events: BTreeMap<u64, Kept>,
}

/// What was written of a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dumped {
    /// Where.
    pub file: PathBuf,
    /// Without gaps.
    pub events: u64,
    /// Of the file.
    pub bytes: u64,
}

impl Snapshot {
    /// Writes it into a new file of this name, or one like it if there is one; the file appears when it is
    /// whole.
    pub fn write(&self, path: &Path) -> io::Result<Dumped> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".new");
        let unfinished = PathBuf::from(unfinished);
        let written = self.write_to(BufWriter::new(File::create(&unfinished)?)).and_then(|bytes| {
            let file = free(path)?;
            fs::rename(&unfinished, &file)?;
            Ok(Dumped { file, events: self.events.len() as u64, bytes })
        });
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    fn write_to<W: Write>(&self, out: W) -> io::Result<u64> {
        let mut writer = SessionWriter::new(out, &self.about)?;
        let first = self.events.first_key_value().map(|(seq, kept)| (*seq, kept.at));
        let (mut expected, at) = first.unwrap_or((FIRST_SEQ, Timestamp::ZERO));
        self.starts.begin(&mut writer, expected, at).map_err(other)?;
        for (seq, Kept { at, service, kind, json }) in &self.events {
            gap(&mut writer, expected, *seq, *at).map_err(other)?;
            writer.write_json(*seq, *at, service, *kind, json).map_err(other)?;
            expected = seq.saturating_add(1);
        }
        writer.finish()
    }
}

pub fn other(error: WriteError) -> io::Error {
    match error {
        WriteError::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// A name like this that nobody has.
pub fn free(path: &Path) -> io::Result<PathBuf> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(path.to_owned());
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    (1..=super::MAX_KEPT_FILES)
        .map(|n| path.with_file_name(format!("{stem}-{n}.mcap")))
        .find(|path| fs::symlink_metadata(path).is_err())
        .ok_or_else(|| io::Error::new(io::ErrorKind::AlreadyExists, "too many files of that name"))
}
