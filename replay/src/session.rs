//! Reads a session file: from front to back, a chunk in memory at a time.
//!
//! No event is yielded but from a chunk whose CRC was right, in the order of the events' numbers, and without
//! a hole but where the file itself says so. Where that ends, [`Events`] yields one [`Problem`] and no more.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kit::machine::Timestamp;
use kit::tap::Body;

use crate::format;
use crate::writer::About;

mod chunks;
mod events;
pub mod series;
pub use events::Events;
pub(crate) use events::nearest;
use series::Part;

/// A recording that can be read as often as one likes.
#[derive(Clone, Debug)]
pub struct Session {
    source: Source,
    /// What follows in other files.
    more: Arc<[Part]>,
    about: About,
    format_version: u32,
}

#[derive(Clone, Debug)]
enum Source {
    File(PathBuf),
    Bytes(Arc<[u8]>),
}

/// One recorded event: [`kit::tap::Event`] with a service known only at run time.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// From 1, over all services of the file.
    pub seq: u64,
    /// On the recorded time line.
    pub at: Timestamp,
    /// `gps-status`…
    pub service: Arc<str>,
    /// What happened.
    pub body: Body,
}

/// Why a file can't be read at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file can't be opened or read.
    #[error("cannot read {name}: {source}; check the path and its permissions")]
    Io {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It doesn't begin as MCAP does.
    #[error("{name} is not an MCAP file (it begins with {}); give a file that --record wrote", hex(found))]
    NotMcap {
        /// The file.
        name: String,
        /// Its first bytes.
        found: Vec<u8>,
    },
    /// MCAP, but not ours.
    #[error(
        "{name} is an MCAP file but no session: it lacks the metadata record `{}`; give a file that --record wrote",
        format::METADATA_NAME
    )]
    NotASession {
        /// The file.
        name: String,
    },
    /// Ours, of a format this program doesn't know.
    #[error(
        "{name} is of session format {found}, this program reads up to {}; update depot (the file was written by {version})",
        format::FORMAT_VERSION
    )]
    Newer {
        /// The file.
        name: String,
        /// What it says.
        found: String,
        /// The program that wrote it.
        version: String,
    },
    /// It ends or is damaged before the first event.
    #[error("{name} holds no event: {problem}")]
    Nothing {
        /// The file.
        name: String,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// Where reading ended, and why. All events before were right.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file ends before its end: its writer was killed, the disk full, the copy incomplete.
    #[error("the recording is cut off at byte {offset}, after {events} events")]
    Truncated {
        /// Events read before.
        events: u64,
        /// The file's length.
        offset: u64,
    },
    /// What is there isn't what was written.
    #[error("the recording is damaged at byte {offset}, after {events} events: {damage}")]
    Damaged {
        /// Events read before.
        events: u64,
        /// Of the record that is wrong, from the file's start.
        offset: u64,
        /// What is wrong.
        #[source]
        damage: Damage,
    },
    /// A part of a recording in parts isn't there.
    #[error("{part} is missing, after {events} events; what follows it isn't used")]
    NoPart {
        /// Events read before.
        events: u64,
        /// The file.
        part: String,
    },
    /// In one part of several.
    #[error("{part}: {problem}")]
    InPart {
        /// The file.
        part: String,
        /// What is wrong with it.
        #[source]
        problem: Box<Problem>,
    },
}

/// What is wrong with a damaged file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// A checksum, length or record is wrong.
    #[error("{0}")]
    Container(#[from] mcap::McapError),
    /// The system can't read on.
    #[error("reading failed: {0}")]
    Read(#[from] io::Error),
    /// Events lie where no checksum protects them.
    #[error("events without a checksum")]
    Unprotected,
    /// A record too short for what it says to be.
    #[error("a record of kind {opcode:#04x} doesn't hold what it should")]
    Record {
        /// The MCAP opcode.
        opcode: u8,
    },
    /// A message on a channel nobody announced.
    #[error("a message on unknown channel {channel_id}")]
    Channel {
        /// The channel.
        channel_id: u16,
    },
    /// A message that isn't what its channel carries.
    #[error("event {seq} on {topic} can't be read: {source}")]
    Message {
        /// The channel.
        topic: String,
        /// The event.
        seq: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// Events are missing and no gap says so.
    #[error("event {expected} is missing (the next is {found})")]
    Missing {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A number that was there already.
    #[error("event {found} comes again (expected {expected})")]
    Repeated {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
}

impl Session {
    /// Opens a file and reads what it says of itself.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::check(Source::File(path.to_owned()))
    }

    /// Opens a file; or, where there is none, the parts of a recording that was given this name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_named(path: &Path) -> Result<Self, OpenError> {
        let parts = if path.exists() { Vec::new() } else { series::named_after(path) };
        if parts.is_empty() { Self::open(path) } else { Self::open_parts(&parts) }
    }

    /// Opens the parts of one recording, in any order, as one session. A part that isn't there is a [`Problem`]
    /// at its place.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_parts(paths: &[PathBuf]) -> Result<Self, OpenError> {
        match series::parts(paths)? {
            Some((first, _, more)) => Ok(Self { more: more.into(), ..first }),
            None => Self::open(Path::new("")),
        }
    }

    /// A session in memory.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, OpenError> {
        Self::check(Source::Bytes(bytes.into()))
    }

    /// What the file says of itself.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Of the file's format, see [`crate::format`].
    #[must_use]
    pub fn format_version(&self) -> u32 {
        self.format_version
    }

    /// The file's name, for people.
    #[must_use]
    pub fn name(&self) -> String {
        match self.more.len() {
            0 => self.source.name(),
            more => format!("{} and {more} more", self.source.name()),
        }
    }

    /// Its events, from the first on.
    ///
    /// # Errors
    /// The file can't be opened any more.
    pub fn events(&self) -> io::Result<Events> {
        let first = (!self.more.is_empty()).then(|| self.source.name());
        Ok(Events::new(self.source.open()?).followed_by(first, self.more.clone()))
    }

    fn check(source: Source) -> Result<Self, OpenError> {
        let name = source.name();
        let io_error = |error| OpenError::Io { name: name.clone(), source: error };
        let mut start = Vec::new();
        let magic_bytes = mcap::MAGIC.len() as u64;
        source.open().and_then(|input| input.take(magic_bytes).read_to_end(&mut start)).map_err(io_error)?;
        if !mcap::MAGIC.starts_with(&start) {
            return Err(OpenError::NotMcap { name, found: start });
        }
        let mut events = Events::new(source.open().map_err(io_error)?);
        let mut entries = match events.metadata() {
            Ok(Some(entries)) => entries,
            Ok(None) => return Err(OpenError::NotASession { name }),
            Err(problem) => return Err(OpenError::Nothing { name, problem }),
        };
        let found = entries.remove(format::KEY_FORMAT_VERSION).unwrap_or_default();
        let version = entries.remove(format::KEY_VERSION).unwrap_or_default();
        match found.parse() {
            Ok(format_version @ 1..=format::FORMAT_VERSION) => Ok(Self {
                source,
                more: Arc::default(),
                about: About { version, notes: entries },
                format_version,
            }),
            Ok(0) | Err(_) => Err(OpenError::NotASession { name }),
            Ok(_) => Err(OpenError::Newer { name, found, version }),
        }
    }
}

impl Source {
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
        })
    }

    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Bytes(_) => "the session".to_owned(),
        }
    }
}

/// `24 47 4e`.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Of the metadata record.
type Entries = BTreeMap<String, String>;
