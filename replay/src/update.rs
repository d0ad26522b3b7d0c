//! Writes a session anew, with what today's machines do in the place of what was recorded.
//!
//! Inputs stay as they are, but for wake-ups: those are the machine's own wish, so they come when it asks for
//! them now. Outputs and states are today's; so are format and version. What the session loops recorded stays,
//! and says of outputs that there are no more only what is left of them.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kit::machine::{Input, Machine, Output, Timestamp};
use kit::tap::{Body, Start};

use crate::format::FORMAT_VERSION;
use crate::frame;
use crate::machines::{BuildError, Factory};
use crate::player::{Options, ReplayError, replay};
use crate::report::Outcome;
use crate::session::{OpenError, Problem, Recorded, Session};
use crate::tools::rewrite::renumber;
use crate::writer::{About, SessionWriter, WriteError};

/// Put behind a session's name for what is proposed in its place.
pub const PROPOSED: &str = "new";
/// Wake-ups one after the other that a machine may ask for before one input; more are taken for a mistake.
const MAX_WAKE_UPS: usize = 10_000;
/// Outputs whose new number is remembered; what is said of older ones is left out.
const MAX_NUMBERS: usize = 100_000;

/// Why a session can't be written anew.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// It can't be read or built.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// It is damaged, cut off, or has a gap: what follows would be lost or made up.
    #[error(
        "{name} is not updated, because it can't be replayed to its end: {reason}; --force keeps what can"
    )]
    Lossy {
        /// The file.
        name: String,
        /// Where and why.
        reason: String,
    },
    /// Its events lie in several files.
    #[error(
        "{name} is not updated: it is one part of several; join them first (depot session convert PARTS… -o FILE.mcap), and update that"
    )]
    Parts {
        /// The first file.
        name: String,
    },
    /// A panic is no behaviour to accept.
    #[error("{name} is not updated: {service} panicked at event {seq}: {text}")]
    Panicked {
        /// The file.
        name: String,
        /// The service.
        service: String,
        /// The input.
        seq: u64,
        /// What it said.
        text: String,
    },
    /// It asks to be woken without end.
    #[error("{name} is not updated: {service} asks for more than {MAX_WAKE_UPS} wake-ups before event {seq}")]
    Sleepless {
        /// The file.
        name: String,
        /// The service.
        service: String,
        /// The input.
        seq: u64,
    },
    /// What was written doesn't replay.
    #[error(
        "{name} is not updated: what would be written does not replay ({differences} differences, digests {digests}); look for what isn't deterministic"
    )]
    NotRepeatable {
        /// The file.
        name: String,
        /// How many.
        differences: u64,
        /// Of both runs.
        digests: String,
    },
    /// The new file can't be written.
    #[error("cannot write {name}: {source}; the session is as it was")]
    Write {
        /// The file.
        name: String,
        /// Why.
        source: WriteError,
    },
    /// The new file can't be put in its place.
    #[error("cannot {action} {name}: {source}; the session is as it was")]
    File {
        /// `create`, `replace`…
        action: &'static str,
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// Puts what today's machines do in a session's place, whole or not at all.
///
/// # Errors
/// See [`UpdateError`]; the session is then as it was.
pub fn accept(path: &Path, factory: &Factory, force: bool) -> Result<(), UpdateError> {
    // A link stays a link.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    write_to(path, path, factory, force)
}

/// Writes it beside the session, for [`crate::review`]; returns the new file's name.
///
/// # Errors
/// See [`UpdateError`].
pub fn propose(path: &Path, factory: &Factory, force: bool) -> Result<PathBuf, UpdateError> {
    let proposed = proposed(path);
    write_to(path, &proposed, factory, force)?;
    Ok(proposed)
}

/// `base.mcap.new` of `base.mcap`.
#[must_use]
pub fn proposed(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(PROPOSED);
    name.into()
}

/// Whether it is of an older program or format than what would be written now.
#[must_use]
pub fn is_older(session: &Session) -> bool {
    session.format_version() < FORMAT_VERSION || session.about().version != env!("CARGO_PKG_VERSION")
}

fn write_to(session: &Path, to: &Path, factory: &Factory, force: bool) -> Result<(), UpdateError> {
    let name = session.display().to_string();
    let temporary = {
        let mut name = to.as_os_str().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        PathBuf::from(name)
    };
    let failed = |action: &'static str, path: &Path| {
        let name = path.display().to_string();
        move |source| UpdateError::File { action, name, source }
    };
    let result = Session::open(session).map_err(|error| ReplayError::from(error).into()).and_then(|opened| {
        let file = File::create(&temporary).map_err(failed("create", &temporary))?;
        let mut file = BufWriter::new(file);
        rewrite(&opened, factory, &mut file, force)?;
        file.flush().map_err(failed("write", &temporary))?;
        let permissions = fs::metadata(session).map(|metadata| metadata.permissions());
        let file = file.into_inner().map_err(|error| failed("write", &temporary)(error.into_error()))?;
        permissions
            .and_then(|permissions| file.set_permissions(permissions))
            .and_then(|()| file.sync_all())
            .map_err(failed("write", &temporary))?;
        check(&temporary, &name, factory)?;
        fs::rename(&temporary, to).map_err(failed("replace", to))
    });
    if result.is_err() {
        // It may not have come into being.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// What was written must be what is done again.
fn check(path: &Path, name: &str, factory: &Factory) -> Result<(), UpdateError> {
    let session = Session::open(path).map_err(ReplayError::from)?;
    let report = replay(&session, factory, Options::default())?;
    match report.outcome() {
        Outcome::Same | Outcome::Lossy => Ok(()),
        Outcome::Differs | Outcome::NotDeterministic => Err(UpdateError::NotRepeatable {
            name: name.to_owned(),
            differences: report.differences,
            digests: report.digests.join(" and "),
        }),
    }
}

/// Writes a session anew. With `force`, what can't be replayed (after a gap) is kept as it is, and a file that
/// is damaged or cut off ends there.
///
/// # Errors
/// See [`UpdateError`].
pub fn rewrite<W: Write>(
    session: &Session,
    factory: &Factory,
    writer: W,
    force: bool,
) -> Result<(), UpdateError> {
    let mut rewriter = Rewriter::new(session, writer, force)?;
    let name = session.name();
    for event in session.events().map_err(|source| ReplayError::Io { name: name.clone(), source })? {
        match event {
            Ok(event) => rewriter.event(event, factory)?,
            Err(_) if force => break,
            Err(problem) => return Err(lossy(&name, &problem)),
        }
    }
    rewriter.finish()
}

fn lossy(name: &str, problem: &Problem) -> UpdateError {
    UpdateError::Lossy { name: name.to_owned(), reason: problem.to_string() }
}

struct Rewriter<W: Write> {
    name: String,
    force: bool,
    writer: SessionWriter<W>,
    next_seq: u64,
    lanes: BTreeMap<Arc<str>, Lane>,
    /// Services that are copied as they are.
    copied: BTreeSet<Arc<str>>,
    /// After a gap everything is.
    copy_all: bool,
    /// New numbers of the outputs, by those they had.
    numbers: BTreeMap<u64, u64>,
}

struct Lane {
    machine: Box<dyn Machine>,
    at: Timestamp,
    woken_at: Option<Timestamp>,
    /// Outputs of the last input, written already; a recorded one hands its number on to its like.
    written: VecDeque<(u64, Output)>,
}

impl<W: Write> Rewriter<W> {
    fn new(session: &Session, writer: W, force: bool) -> Result<Self, UpdateError> {
        let about =
            About { version: env!("CARGO_PKG_VERSION").to_owned(), notes: session.about().notes.clone() };
        let name = session.name();
        let writer = SessionWriter::new(writer, &about)
            .map_err(|source| UpdateError::Write { name: name.clone(), source: source.into() })?;
        Ok(Self {
            name,
            force,
            writer,
            next_seq: crate::format::FIRST_SEQ,
            lanes: BTreeMap::new(),
            copied: BTreeSet::new(),
            copy_all: false,
            numbers: BTreeMap::new(),
        })
    }

    fn event(&mut self, event: Recorded, factory: &Factory) -> Result<(), UpdateError> {
        let Recorded { seq, at, service, body } = event;
        if self.copy_all || (self.copied.contains(&service) && !matches!(body, Body::Start(_))) {
            return self.copy(seq, at, &service, body);
        }
        match body {
            Body::Start(start) => self.start(seq, at, service, start, factory),
            Body::In(input) => self.input(seq, at, &service, input),
            Body::Out(output) => {
                self.number(seq, &service, &output);
                Ok(())
            }
            Body::End(_) => {
                let Some(lane) = self.lanes.remove(&service) else { return Ok(()) };
                let state =
                    guarded(|| lane.machine.state()).map_err(|text| self.panicked(&service, seq, text))?;
                self.write(at, &service, &Body::End(state)).map(|_| ())
            }
            body @ (Body::Session(_) | Body::Proxy(_)) => self.copy(seq, at, &service, body),
            Body::Gap(lost) if self.force => {
                self.copy_all = true;
                self.copy(seq, at, &service, Body::Gap(lost))
            }
            Body::Gap(lost) => {
                let reason = format!("it has a gap of {lost} events at event {seq}");
                Err(UpdateError::Lossy { name: self.name.clone(), reason })
            }
        }
    }

    fn start(
        &mut self,
        seq: u64,
        at: Timestamp,
        service: Arc<str>,
        start: Start,
        factory: &Factory,
    ) -> Result<(), UpdateError> {
        let machine = match factory(&service, &start) {
            Ok(machine) => machine,
            Err(BuildError::Unknown { .. }) => {
                self.copied.insert(service.clone());
                return self.copy(seq, at, &service, Body::Start(start));
            }
            Err(error) => return Err(ReplayError::from(error).into()),
        };
        let state = guarded(|| machine.state()).map_err(|text| self.panicked(&service, seq, text))?;
        let start = Start { version: env!("CARGO_PKG_VERSION").to_owned(), state, ..start };
        self.write(at, &service, &Body::Start(start))?;
        let lane = Lane { machine, at, woken_at: None, written: VecDeque::new() };
        self.lanes.insert(service, lane);
        Ok(())
    }

    fn input(
        &mut self,
        seq: u64,
        at: Timestamp,
        service: &Arc<str>,
        input: Input,
    ) -> Result<(), UpdateError> {
        let timer = matches!(input, Input::Timer);
        for _ in 0..=MAX_WAKE_UPS {
            let Some(lane) = self.lanes.get(service) else {
                let reason = format!("event {seq} is of {service}, whose start is not in the recording");
                let lossy = UpdateError::Lossy { name: self.name.clone(), reason };
                return if self.force { Ok(()) } else { Err(lossy) };
            };
            let due =
                guarded(|| lane.machine.next_timeout()).map_err(|text| self.panicked(service, seq, text))?;
            match due {
                _ if timer && due.is_none_or(|due| due > at) => return Ok(()),
                Some(due) if !timer && due < at && lane.woken_at != Some(at) => {
                    let due = due.max(lane.at);
                    self.step(seq, due, service, Input::Timer)?;
                }
                _ => return self.step(seq, at, service, input),
            }
        }
        Err(UpdateError::Sleepless { name: self.name.clone(), service: service.to_string(), seq })
    }

    /// Feeds the machine, and writes the input and what comes of it.
    fn step(&mut self, seq: u64, at: Timestamp, service: &Arc<str>, input: Input) -> Result<(), UpdateError> {
        self.write(at, service, &Body::In(input.clone()))?;
        let Some(lane) = self.lanes.get_mut(service) else { return Ok(()) };
        lane.at = at;
        lane.written.clear();
        if matches!(input, Input::Timer) {
            lane.woken_at = Some(at);
        }
        let mut made = Vec::new();
        let machine = &mut lane.machine;
        let outcome = guarded(|| match input {
            Input::Timer => machine.handle_timeout(at, &mut made),
            input => machine.handle(at, input, &mut made),
        });
        outcome.map_err(|text| self.panicked(service, seq, text))?;
        for output in made {
            let number = self.write(at, service, &Body::Out(output.clone()))?;
            if let Some(lane) = self.lanes.get_mut(service) {
                lane.written.push_back((number, output));
            }
        }
        Ok(())
    }

    /// Which of the new outputs a recorded one is now: the same, else the next for the same peer.
    fn number(&mut self, seq: u64, service: &Arc<str>, output: &Output) {
        let Some(lane) = self.lanes.get_mut(service) else { return };
        let same = lane.written.iter().position(|(_, made)| made == output);
        let peer = frame::output_peer(output);
        let like = || lane.written.iter().position(|(_, made)| frame::output_peer(made) == peer);
        let Some((number, _)) = same.or_else(like).and_then(|n| lane.written.remove(n)) else { return };
        self.remember(seq, number);
    }

    fn remember(&mut self, seq: u64, number: u64) {
        self.numbers.insert(seq, number);
        if self.numbers.len() > MAX_NUMBERS {
            self.numbers.pop_first();
        }
    }

    fn copy(&mut self, seq: u64, at: Timestamp, service: &str, mut body: Body) -> Result<(), UpdateError> {
        match &mut body {
            Body::Session(event) => drop(renumber(event, &self.numbers)),
            // Its number is the last one lost.
            Body::Gap(lost) => self.next_seq = self.next_seq.saturating_add(*lost).saturating_sub(1),
            _ => {}
        }
        let number = self.write(at, service, &body)?;
        if matches!(body, Body::Out(_)) {
            self.remember(seq, number);
        }
        Ok(())
    }

    fn write(&mut self, at: Timestamp, service: &str, body: &Body) -> Result<u64, UpdateError> {
        let seq = self.next_seq;
        let failed = |source| UpdateError::Write { name: self.name.clone(), source };
        self.writer.write(seq, at, service, body).map_err(failed)?;
        self.next_seq = seq.saturating_add(1);
        Ok(seq)
    }

    fn panicked(&self, service: &str, seq: u64, text: String) -> UpdateError {
        UpdateError::Panicked { name: self.name.clone(), service: service.to_owned(), seq, text }
    }

    fn finish(self) -> Result<(), UpdateError> {
        let Self { name, writer, .. } = self;
        writer.finish().map(|_| ()).map_err(|source| UpdateError::Write { name, source: source.into() })
    }
}

fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic: Box<dyn Any + Send>| crate::lane::said(&*panic))
}

impl From<OpenError> for UpdateError {
    fn from(error: OpenError) -> Self {
        Self::Replay(error.into())
    }
}
