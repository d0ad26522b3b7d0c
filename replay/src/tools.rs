//! What can be done with a session file besides replaying it. Each tool reads a session (or a series of files
//! that is one) from front to back and, where it makes another, writes that whole or not at all.
//!
//! A file that is cut or damaged is used as far as it can be read, and the [`Problem`] is handed back; only
//! [`mod@recover`] goes on behind a damage.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kit::machine::{ConnId, Input, Output, Timestamp};
use kit::tap::{Body, SessionEvent};

use crate::session::{OpenError, Problem, Recorded};
use crate::writer::WriteError;

pub mod cat;
pub mod cut;
pub mod diff;
pub mod har;
pub mod info;
pub mod jsonl;
pub mod raw;
pub mod recover;
pub mod redact;
pub(crate) mod rewrite;
pub(crate) use rewrite::derived;
mod scan;
pub mod series;

/// Why a tool failed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The input is no session.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The input can't be read (any more).
    #[error("cannot read {name}: {source}; check the path and its permissions")]
    Read {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The output can't be written.
    #[error("cannot write {}: {source}; choose a folder that exists, can be written and has room", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An event doesn't fit into a session.
    #[error("cannot write {}: {source}", path.display())]
    Event {
        /// The file.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
    /// There is a file of that name.
    #[error("{} is there already; name another file, or overwrite it with --force", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The output is an input.
    #[error("{} is the input; name another file for the output", path.display())]
    Input {
        /// The file.
        path: PathBuf,
    },
    /// The files given together aren't parts of one recording.
    #[error(
        "{name} doesn't continue {before}: {why}; give the parts of one recording, or each file by itself"
    )]
    NotASeries {
        /// The file.
        name: String,
        /// The file before it.
        before: String,
        /// What doesn't fit.
        why: &'static str,
    },
    /// A folder without a recording in it.
    #[error("there is no recording (*.mcap) in {}", path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A text that was to become a session isn't one.
    #[error("{name} can't be made a session: line {line}: {why}")]
    Line {
        /// The file.
        name: String,
        /// From 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A HAR file that isn't one.
    #[error("{name} is not HAR 1.2: {why}")]
    Har {
        /// The file.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// It has receiver bytes that can't be redacted.
    #[error(
        "{name} holds the receiver's raw stream, in which positions can't be replaced; leave them out with --drop-stream, or keep them on purpose with --keep-stream"
    )]
    Stream {
        /// The file.
        name: String,
    },
    /// Nothing is left to write.
    #[error("nothing of {name} is selected; see `depot session info` for what is in it")]
    Nothing {
        /// The file.
        name: String,
    },
}

/// Part of a session's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Not before this, from the first event on.
    pub from: Option<Timestamp>,
    /// Not after this, from the first event on.
    pub until: Option<Timestamp>,
    /// Of one service or connection.
    pub only: Option<Only>,
}

/// Whose events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Only {
    /// Of a service: `gps-status`.
    Service(String),
    /// Of a connection of whichever service has it: `3`; or of one service: `gps-status/3`. What is published
    /// to a path is not one connection's.
    Conn(Option<String>, ConnId),
}

impl std::str::FromStr for Only {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(conn) = text.parse() {
            return Ok(Self::Conn(None, conn));
        }
        // A colon is a part of a proxied service's name.
        match text.split_once('/') {
            Some((service, conn)) => Ok(Self::Conn(Some(service.to_owned()), conn.parse()?)),
            None => Ok(Self::Service(text.to_owned())),
        }
    }
}

impl Only {
    fn takes(&self, event: &Recorded) -> bool {
        // A gap is everybody's.
        if matches!(event.body, Body::Gap(_)) {
            return true;
        }
        match self {
            Self::Service(service) => **service == *event.service,
            Self::Conn(service, conn) => {
                service.as_ref().is_none_or(|service| **service == *event.service)
                    && is_about(&event.body, *conn)
            }
        }
    }
}

impl Selection {
    /// Whether an event is part of it, that many after the session's first.
    #[must_use]
    pub fn takes(&self, event: &Recorded, since: Timestamp) -> bool {
        self.from.is_none_or(|from| since >= from)
            && self.until.is_none_or(|until| since <= until)
            && self.only.as_ref().is_none_or(|only| only.takes(event))
    }

    /// Of an event that is part of it, the part that is: what was written to other connections is left out.
    pub fn narrow(&self, event: &mut Recorded) {
        if let Body::Session(SessionEvent::Written { writes, .. }) = &mut event.body
            && let Some(Only::Conn(_, conn)) = self.only
        {
            writes.retain(|write| write.is_to(conn));
            writes.iter_mut().for_each(|write| write.conns = vec![(conn, conn)]);
        }
    }

    /// Everything.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// The connection an event is about, if it is about one alone.
#[must_use]
pub fn conn_of(body: &Body) -> Option<ConnId> {
    match body {
        Body::In(
            Input::Open { conn, .. }
            | Input::Text { conn, .. }
            | Input::Lagged { conn }
            | Input::Closed { conn, .. }
            | Input::Pong { conn, .. },
        )
        | Body::Out(
            Output::Send { conn, .. }
            | Output::Close { conn, .. }
            | Output::Join { conn, .. }
            | Output::Ping { conn, .. },
        )
        | Body::Session(
            SessionEvent::Peer { conn, .. }
            | SessionEvent::PingSent { conn }
            | SessionEvent::Ping { conn }
            | SessionEvent::Pong { conn }
            | SessionEvent::Sent { conn, .. }
            | SessionEvent::Binary { conn, .. }
            | SessionEvent::CloseSent { conn, .. }
            | SessionEvent::Error { conn, .. },
        ) => Some(*conn),
        _ => None,
    }
}

/// Whether an event is about a connection, alone or among others.
fn is_about(body: &Body, conn: ConnId) -> bool {
    match body {
        Body::Session(SessionEvent::Written { writes, .. }) => writes.iter().any(|write| write.is_to(conn)),
        body => conn_of(body) == Some(conn),
    }
}

/// A file that appears whole under its name, or not at all: written beside it, synced, and renamed.
pub struct OutFile {
    path: PathBuf,
    unfinished: PathBuf,
    file: Option<BufWriter<File>>,
}

impl OutFile {
    /// Begins a file that is to have this name.
    ///
    /// # Errors
    /// It is there and isn't to be overwritten, is one of the inputs, or can't be made.
    pub fn create(path: &Path, force: bool, inputs: &[PathBuf]) -> Result<Self, ToolError> {
        let failed = |source| ToolError::Write { path: path.to_owned(), source };
        if let Ok(real) = path.canonicalize() {
            if inputs.iter().any(|input| input.canonicalize().is_ok_and(|input| input == real)) {
                return Err(ToolError::Input { path: path.to_owned() });
            }
            if !force {
                return Err(ToolError::Exists { path: path.to_owned() });
            }
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let unfinished = path.with_file_name(name);
        let file = File::create(&unfinished).map_err(failed)?;
        Ok(Self { path: path.to_owned(), unfinished, file: Some(BufWriter::new(file)) })
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// What was written last can't be.
    pub fn finish(mut self) -> Result<(), ToolError> {
        let result = match self.file.take() {
            Some(file) => file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|file| file.sync_all())
                .and_then(|()| fs::rename(&self.unfinished, &self.path)),
            None => Ok(()),
        };
        result.map_err(|source| ToolError::Write { path: self.path.clone(), source })
    }

    /// Its name in the end.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        // After a rename there is nothing of that name.
        let _ = fs::remove_file(&self.unfinished);
    }
}

/// An event of somebody else's making.
fn event(seq: u64, at: Timestamp, service: &str, body: Body) -> Recorded {
    Recorded { seq, at, service: Arc::from(service), body }
}

/// Events until the first problem, which is put aside.
fn good<'a>(
    events: impl Iterator<Item = Result<Recorded, Problem>> + 'a,
    problem: &'a mut Option<Problem>,
) -> impl Iterator<Item = Recorded> + 'a {
    events.map_while(|event| match event {
        Ok(event) => Some(event),
        Err(found) => {
            *problem = Some(found);
            None
        }
    })
}
