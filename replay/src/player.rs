//! Replays a session at core level: machines only, in virtual time.
//!
//! Each service's machine is built from its recorded start, and fed every recorded input at its recorded time
//! ([`kit::machine::Input::Timer`] is [`kit::machine::Machine::handle_timeout`]). What it does is compared,
//! one by one, with the outputs recorded before the service's next input, and its state with the recorded
//! ones. Nothing else has a say: no clock, no thread, no order of map keys. To prove that, it is all done
//! twice, at the same time, and both must have one digest.
//!
//! A recording that is cut, damaged, or has a gap is compared up to that place, and no further: what follows
//! depends on inputs nobody knows. So it is with a service whose end isn't recorded: it crashed, or went on
//! when the recorder had stopped.
//!
//! Wake-ups are inputs here, so they are held against what the machine asks for: one it doesn't ask for (yet),
//! and an input before which it should have been woken, are differences. What can't be seen is a machine that
//! now asks a little earlier than the recorded wake-up and then does the same: a live shell is late, too.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::Timestamp;
use kit::tap::Body;
use sha2::Digest;

use crate::frame;
use crate::lane::{Finding, Lane, Tally};
use crate::machines::{BuildError, Factory};
use crate::report::{self, Difference, Frame, Lossy, Outcome, Report};
use crate::session::{OpenError, Problem, Recorded, Session};

/// Events shown before a difference.
pub const HISTORY_EVENTS: usize = 5;
/// Events between two calls of [`replay_watched`]'s watcher.
const WATCH_EVENTS: u64 = 1_024;

/// How to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Run twice and compare the digests.
    pub twice: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { twice: true }
    }
}

/// Why a session can't be replayed at all.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file can't be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It could be read when it was opened.
    #[error("cannot read {name} again: {source}; leave the file in place during the replay")]
    Io {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A recorded service can't be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A whole file without a service in it.
    #[error(
        "{name} holds no service's start: there is nothing to replay; give a file that --record wrote (a proxy's recording holds services that aren't ours)"
    )]
    Empty {
        /// The file.
        name: String,
    },
}

impl ReplayError {
    /// The process's exit code for it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Open(OpenError::Nothing { .. }) => Outcome::Lossy.exit_code(),
            Self::Open(OpenError::Newer { .. }) => report::NEWER_FORMAT,
            Self::Open(OpenError::NotMcap { .. } | OpenError::NotASession { .. }) => report::NOT_A_RECORDING,
            Self::Empty { .. } => report::NOT_FOUND,
            Self::Open(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                report::NOT_FOUND
            }
            _ => report::TOOL_ERROR,
        }
    }
}

/// Replays a session on the machines `factory` builds (see [`crate::machines::build`]).
///
/// # Errors
/// See [`ReplayError`]. A difference is no error but a [`Report`].
pub fn replay(session: &Session, factory: &Factory, options: Options) -> Result<Report, ReplayError> {
    replay_watched(session, factory, options, &|_| ())
}

/// [`replay`], telling `watch` now and then how many bytes of the file have been read.
///
/// # Errors
/// See [`replay`].
pub fn replay_watched(
    session: &Session,
    factory: &Factory,
    options: Options,
    watch: &(dyn Fn(u64) + Sync),
) -> Result<Report, ReplayError> {
    let clock = Clock::start();
    let started = clock.now();
    let (first, second) = if options.twice {
        std::thread::scope(|scope| {
            let second = scope.spawn(|| run(session, factory, &|_| ()));
            let first = run(session, factory, watch);
            // Machines' panics are caught in the run; any other is ours, and goes on.
            let second = second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (first, Some(second))
        })
    } else {
        (run(session, factory, watch), None)
    };
    let mut shown = first?;
    let mut digests = vec![shown.digest()];
    if let Some(second) = second.transpose()? {
        digests.push(second.digest());
        // Where the two part, the one that left the recording shows where.
        if shown.tally.first.is_none() {
            shown = second;
        }
    }
    if shown.services == 0 && shown.lossy.is_none() {
        return Err(ReplayError::Empty { name: session.name() });
    }
    let history = match &shown.tally.first {
        Some(finding) => history(session, finding)?,
        None => Vec::new(),
    };
    Ok(told(session, shown, digests, history, clock.now().saturating_sub(started)))
}

/// One run's result.
struct Run {
    tally: Tally,
    services: u64,
    first_at: Option<Timestamp>,
    last_at: Timestamp,
    lossy: Option<Lossy>,
    /// A service that started again without an end.
    endless: Option<Arc<str>>,
}

impl Run {
    fn digest(&self) -> String {
        self.tally.digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn run(session: &Session, factory: &Factory, watch: &dyn Fn(u64)) -> Result<Run, ReplayError> {
    let mut lanes = BTreeMap::new();
    let mut run = Run {
        tally: Tally::default(),
        services: 0,
        first_at: None,
        last_at: Timestamp::ZERO,
        lossy: None,
        endless: None,
    };
    let mut events = events(session)?;
    while let Some(event) = events.next() {
        match event {
            Ok(event) => {
                if event.seq.is_multiple_of(WATCH_EVENTS) {
                    watch(events.read_bytes());
                }
                run.first_at.get_or_insert(event.at);
                run.last_at = run.last_at.max(event.at);
                if let Err(stop) = step(&mut lanes, event, factory, &mut run)? {
                    run.lossy = Some(stop);
                    break;
                }
            }
            Err(problem) => {
                run.lossy = Some(Lossy::File(problem));
                break;
            }
        }
    }
    // Whatever ended them: it may have been amid their last outputs.
    lanes.values_mut().for_each(|lane: &mut Lane| lane.settle(false, &mut run.tally));
    if run.lossy.is_none() {
        let endless = run.endless.take().or_else(|| lanes.into_keys().next());
        run.lossy = endless.map(|service| Lossy::NoEnd { service: service.to_string() });
    }
    Ok(run)
}

/// Takes one event; the inner error ends the replay there.
fn step(
    lanes: &mut BTreeMap<Arc<str>, Lane>,
    event: Recorded,
    factory: &Factory,
    run: &mut Run,
) -> Result<Result<(), Lossy>, ReplayError> {
    let Recorded { seq, at, service, body } = event;
    let tally = &mut run.tally;
    match body {
        Body::Session(_) | Body::Proxy(_) => return Ok(Ok(())),
        Body::Gap(lost) => return Ok(Err(Lossy::Gap { lost, at: since(at, run.first_at), seq })),
        Body::Start(start) => {
            if let Some(mut earlier) = lanes.remove(&service) {
                earlier.settle(false, tally);
                run.endless.get_or_insert_with(|| service.clone());
            }
            let machine = factory(&service, &start)?;
            let lane = Lane::start(service.clone(), machine, at, seq, &start.state, tally);
            lanes.insert(service, lane);
            run.services = run.services.saturating_add(1);
            return Ok(Ok(()));
        }
        _ => {}
    }
    let Some(lane) = lanes.get_mut(&service) else {
        return Ok(Err(Lossy::NoStart { service: service.to_string(), seq }));
    };
    if at < lane.at() {
        return Ok(Err(Lossy::Backwards { service: service.to_string(), seq }));
    }
    match body {
        Body::In(input) => lane.input(at, seq, input, tally),
        Body::Out(output) => lane.output(at, seq, output, tally),
        Body::End(state) => {
            lane.end(at, seq, &state, tally);
            lanes.remove(&service);
        }
        Body::Session(_) | Body::Proxy(_) | Body::Gap(_) | Body::Start(_) => {}
    }
    Ok(Ok(()))
}

/// The last events of the service before a difference. Read again rather than kept at every step.
fn history(session: &Session, finding: &Finding) -> Result<Vec<Frame>, ReplayError> {
    let mut last = VecDeque::with_capacity(HISTORY_EVENTS);
    let mut first_at = None;
    let before =
        |event: &Result<Recorded, Problem>| event.as_ref().is_ok_and(|event| event.seq < finding.before_seq);
    for event in events(session)?.take_while(before).flatten() {
        first_at.get_or_insert(event.at);
        if event.service == finding.service {
            if last.len() == HISTORY_EVENTS {
                last.pop_front();
            }
            last.push_back(event);
        }
    }
    let frame = |event: Recorded| Frame {
        seq: event.seq,
        since_start: since(event.at, first_at),
        text: frame::body(&event.body),
    };
    Ok(last.into_iter().map(frame).collect())
}

fn told(session: &Session, run: Run, digests: Vec<String>, before: Vec<Frame>, elapsed: Duration) -> Report {
    let first = run.tally.first.map(|finding| Difference {
        kind: finding.kind,
        at: finding.at,
        since_start: since(finding.at, run.first_at),
        service: finding.service.to_string(),
        peer: finding.peer,
        mismatch: finding.mismatch,
        before,
    });
    Report {
        session: session.name(),
        recorded_by: session.about().version.clone(),
        inputs: run.tally.inputs,
        outputs: run.tally.outputs,
        recorded: since(run.last_at, run.first_at),
        elapsed,
        differences: run.tally.differences,
        first,
        lossy: run.lossy,
        digests,
    }
}

fn events(session: &Session) -> Result<crate::session::Events, ReplayError> {
    session.events().map_err(|source| ReplayError::Io { name: session.name(), source })
}

fn since(at: Timestamp, first: Option<Timestamp>) -> Duration {
    at.saturating_sub(first.unwrap_or(at))
}
