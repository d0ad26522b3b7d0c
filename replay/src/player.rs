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
//! Outputs are compared to the bit, unless rules say that a value of theirs is volatile: see
//! [`crate::volatile`]. This is replaying at *core level*; other levels compare with the same modules
//! ([`crate::compare`], [`crate::volatile`]) what they get over a wire.
//!
//! Wake-ups are inputs here, so they are held against what the machine asks for: one it doesn't ask for (yet),
//! and an input before which it should have been woken, are differences. What can't be seen is a machine that
//! now asks a little earlier than the recorded wake-up and then does the same: a live shell is late, too.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::{Output, Timestamp};
use kit::tap::Body;
use sha2::Digest;

use crate::finding::{Finding, Tally};
use crate::frame;
use crate::lane::Lane;
use crate::machines::{self, BuildError, Factory};
use crate::report::{self, Difference, Frame, Lossy, Outcome, Report};
use crate::session::{OpenError, Recorded, Session};
use crate::shared;
use crate::volatile::{Checker, Rules};
use crate::window::Window;

/// Events shown before a difference.
pub const HISTORY_EVENTS: usize = 5;
/// All of a session.
pub const WHOLE: Window = Window { from: None, until: None, only: None };
/// Events between two calls of [`Plan::watch`].
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

/// [`Options`], and what else there is to choose.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// How to replay.
    pub options: Options,
    /// Volatile values; none: compare to the bit.
    pub rules: Option<&'a Rules>,
    /// So many differences are told with all that belongs to them, the first in any case.
    pub tell: usize,
    /// Both runs at the same time; otherwise one after the other, for whoever uses the other cores.
    pub side_by_side: bool,
    /// What part of the session is compared.
    pub window: &'a Window,
    /// Told now and then how many bytes of the file have been read.
    pub watch: &'a (dyn Fn(u64) + Sync),
}

impl Default for Plan<'_> {
    fn default() -> Self {
        let (options, window) = (Options::default(), &WHOLE);
        Self { options, rules: None, tell: 1, side_by_side: true, window, watch: &|_| () }
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
            Self::Open(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
                report::NOT_PERMITTED
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
    replay_planned(session, factory, &Plan { options, ..Plan::default() })
}

/// [`replay`] with all there is to choose.
///
/// # Errors
/// See [`replay`].
pub fn replay_planned(session: &Session, factory: &Factory, plan: &Plan) -> Result<Report, ReplayError> {
    let clock = Clock::start();
    let started = clock.now();
    let (first, second) = match plan.options.twice {
        true if plan.side_by_side => side_by_side(session, factory, plan)?,
        true => {
            let silent = Plan { watch: &|_| (), ..*plan };
            let first = run(events(session)?, factory, plan);
            (first, Some(run(events(session)?, factory, &silent)))
        }
        false => (run(events(session)?, factory, plan), None),
    };
    let mut shown = first?;
    let mut digests = vec![shown.digest()];
    if let Some(mut second) = second.transpose()? {
        digests.push(second.digest());
        // Where the two part, the one that left the recording shows where. What is wrong with the file is told to
        // the first.
        if shown.tally.first().is_none() {
            second.lossy = shown.lossy.take();
            shown = second;
        }
    }
    if shown.services == 0 && shown.lossy.is_none() {
        return Err(match shown.unknown.pop() {
            Some(unknown) => unknown.into(),
            None => ReplayError::Empty { name: session.name() },
        });
    }
    let moments = moments(session, &shown.tally.list, plan.tell)?;
    Ok(told(session, shown, digests, moments, clock.now().saturating_sub(started)))
}

/// Both runs at the same time. The file is read once for both, in a thread of its own: reading takes about as long
/// as a machine does.
fn side_by_side<'r>(
    session: &Session,
    factory: &Factory,
    plan: &Plan<'r>,
) -> Result<(RunResult<'r>, Option<RunResult<'r>>), ReplayError> {
    let silent = Plan { watch: &|_| (), ..*plan };
    let events = events(session)?;
    Ok(std::thread::scope(|scope| {
        let (first, second) = shared::read(scope, events);
        let second = scope.spawn(move || run(second, factory, &silent));
        let first = run(first, factory, plan);
        // Machines' panics are caught in the run; any other is ours, and goes on.
        let second = second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (first, Some(second))
    }))
}

type RunResult<'r> = Result<Run<'r>, ReplayError>;

/// One run's result.
struct Run<'r> {
    tally: Tally<'r>,
    services: u64,
    /// Services that can't be built; their events are passed over.
    unknown: Vec<BuildError>,
    passed_over: BTreeSet<Arc<str>>,
    /// Of the programs that recorded the services, each once.
    versions: BTreeSet<String>,
    notes: BTreeSet<String>,
    first_at: Option<Timestamp>,
    last_at: Timestamp,
    lossy: Option<Lossy>,
    /// Something was to be compared.
    selected: bool,
    /// A service that started again without an end.
    endless: Option<Arc<str>>,
}

impl Run<'_> {
    fn digest(&self) -> String {
        self.tally.digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn run<'r>(mut events: impl shared::Source, factory: &Factory, plan: &Plan<'r>) -> RunResult<'r> {
    let mut lanes = BTreeMap::new();
    let checker = plan.rules.filter(|rules| !rules.is_empty()).map(Checker::new);
    let mut run = Run {
        tally: Tally { checker, keep: plan.tell, only: plan.window.only.clone(), ..Tally::default() },
        services: 0,
        unknown: Vec::new(),
        passed_over: BTreeSet::new(),
        versions: BTreeSet::new(),
        notes: BTreeSet::new(),
        first_at: None,
        last_at: Timestamp::ZERO,
        lossy: None,
        selected: plan.window.is_whole(),
        endless: None,
    };
    let mut cut = false;
    loop {
        let read_bytes = events.read_bytes();
        let Some(event) = events.next_event() else { break };
        match event {
            Ok(event) => {
                if event.seq.is_multiple_of(WATCH_EVENTS) {
                    (plan.watch)(read_bytes);
                }
                if run.first_at.is_none() {
                    run.first_at = Some(event.at);
                    run.tally.from = plan.window.from.map(|from| from.at(event.at));
                    run.tally.checker.iter_mut().for_each(|checker| checker.begin(event.at, event.at));
                }
                if plan.window.is_after(event.at, run.first_at.unwrap_or(event.at)) {
                    cut = true;
                    break;
                }
                run.last_at = run.last_at.max(event.at);
                run.selected |= plan.window.takes(&event, run.first_at.unwrap_or(event.at));
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
    // Whatever ended them, it may have been amid their last outputs; unless that was asked for.
    lanes.values_mut().for_each(|lane: &mut Lane| {
        lane.settle(cut, &mut run.tally);
        lane.settle(false, &mut run.tally);
    });
    if run.lossy.is_none() && !cut {
        let endless = run.endless.take().or_else(|| lanes.into_keys().next());
        let endless = endless.map(|service| Lossy::NoEnd { service: service.to_string() });
        let unknown = run.unknown.first().map(|unknown| Lossy::Unknown { problem: unknown.to_string() });
        run.lossy = endless.or(unknown.filter(|_| run.services > 0));
    }
    Ok(run)
}

/// Takes one event; the inner error ends the replay there.
fn step(
    lanes: &mut BTreeMap<Arc<str>, Lane>,
    event: Cow<'_, Recorded>,
    factory: &Factory,
    run: &mut Run<'_>,
) -> Result<Result<(), Lossy>, ReplayError> {
    let Recorded { seq, at, ref service, ref body } = *event;
    let tally = &mut run.tally;
    match *body {
        Body::Session(_) | Body::Proxy(_) => return Ok(Ok(())),
        Body::Gap(lost) if tally.inputs == 0 => return Ok(Err(Lossy::MidLife { lost, seq })),
        Body::Gap(lost) => return Ok(Err(Lossy::Gap { lost, at: since(at, run.first_at), seq })),
        Body::Start(ref start) => {
            if let Some(mut earlier) = lanes.remove(service) {
                earlier.settle(false, tally);
                run.endless.get_or_insert_with(|| service.clone());
            }
            let machine = match factory(service, start) {
                Ok(machine) => machine,
                // The others can still be replayed.
                Err(unknown @ BuildError::Unknown { .. }) => {
                    if run.passed_over.insert(service.clone()) {
                        run.unknown.push(unknown);
                    }
                    return Ok(Ok(()));
                }
                Err(error) => return Err(error.into()),
            };
            run.notes.extend(machines::notes(service, start));
            run.versions.insert(start.version.clone());
            let lane = Lane::start(service.clone(), machine, at, seq, &start.state, tally);
            lanes.insert(service.clone(), lane);
            run.services = run.services.saturating_add(1);
            return Ok(Ok(()));
        }
        _ => {}
    }
    let Some(lane) = lanes.get_mut(service) else {
        if run.passed_over.contains(service) {
            return Ok(Ok(()));
        }
        return Ok(Err(Lossy::NoStart { service: service.to_string(), seq }));
    };
    if at < lane.at() {
        return Ok(Err(Lossy::Backwards { service: service.to_string(), seq }));
    }
    match body {
        Body::Out(output) => lane.output(at, seq, output, tally),
        Body::End(state) => {
            lane.end(at, seq, state, tally);
            lanes.remove(service);
        }
        // The machine keeps what it is given.
        Body::In(_) => {
            if let Body::In(input) = event.into_owned().body {
                lane.input(at, seq, input, tally);
            }
        }
        Body::Session(_) | Body::Proxy(_) | Body::Gap(_) | Body::Start(_) => {}
    }
    Ok(Ok(()))
}

/// What led to a difference.
#[derive(Default)]
pub(crate) struct Moment {
    before: Vec<Frame>,
    gnss: Option<String>,
}

/// The last events of the service before each difference, and the receiver's status then. Read again rather
/// than kept at every step.
pub(crate) fn moments(
    session: &Session,
    findings: &[Finding],
    tell: usize,
) -> Result<Vec<Moment>, ReplayError> {
    let mut moments = Vec::new();
    let mut findings = findings.iter().peekable();
    if findings.peek().is_none() {
        return Ok(moments);
    }
    let mut last: BTreeMap<Arc<str>, VecDeque<Recorded>> = BTreeMap::new();
    let (mut gnss, mut first_at) = (None, None);
    let mut moment = |last: &BTreeMap<Arc<str>, VecDeque<Recorded>>, finding: &Finding, gnss, first_at| {
        let frame = |event: &Recorded| Frame {
            seq: event.seq,
            since_start: since(event.at, first_at),
            text: frame::body(&event.body),
        };
        let before = last.get(&finding.service).map(|last| last.iter().map(frame).collect());
        moments.push(Moment { before: before.unwrap_or_default(), gnss });
    };
    for event in events(session)?.map_while(Result::ok) {
        while let Some(finding) = findings.next_if(|finding| finding.before_seq <= event.seq) {
            moment(&last, finding, gnss.clone(), first_at);
        }
        if findings.peek().is_none() {
            break;
        }
        first_at.get_or_insert(event.at);
        if tell > 1 {
            gnss = told_status(&event.body).or(gnss);
        }
        let last = last.entry(event.service.clone()).or_default();
        if last.len() == HISTORY_EVENTS {
            last.pop_front();
        }
        last.push_back(event);
    }
    findings.for_each(|finding| moment(&last, finding, gnss.clone(), first_at));
    Ok(moments)
}

/// The receiver's status, if that is what was told.
fn told_status(body: &Body) -> Option<String> {
    match body {
        Body::Out(output @ (Output::Send { text, .. } | Output::Publish { text, .. })) => {
            let status = text.as_str().contains("gps_status") && frame::message(output) == "gps_status";
            status.then(|| frame::bounded(text.as_str()))
        }
        _ => None,
    }
}

fn told(
    session: &Session,
    run: Run,
    digests: Vec<String>,
    moments: Vec<Moment>,
    elapsed: Duration,
) -> Report {
    let used_rules = run.tally.used_rules();
    let mut notes: Vec<String> = run.notes.into_iter().collect();
    if !run.selected {
        notes.push("nothing of it is within --from, --until and --only, so nothing is proved".to_owned());
    }
    let list = differences(run.tally.list, moments, run.first_at);
    Report {
        selected: run.selected,
        session: session.name(),
        recorded_by: session.about().version.clone(),
        versions: run.versions.into_iter().collect(),
        notes,
        inputs: run.tally.inputs,
        outputs: run.tally.outputs,
        recorded: since(run.last_at, run.first_at),
        elapsed,
        differences: run.tally.differences,
        kinds: run.tally.kinds,
        first: list.first().cloned(),
        list,
        lossy: run.lossy,
        used_rules,
        digests,
    }
}

/// Findings, with what led to each.
pub(crate) fn differences(
    findings: Vec<Finding>,
    moments: Vec<Moment>,
    first_at: Option<Timestamp>,
) -> Vec<Difference> {
    let difference = |(finding, moment): (Finding, Moment)| Difference {
        kind: finding.kind,
        at: finding.at,
        since_start: since(finding.at, first_at),
        seq: finding.before_seq,
        service: finding.service.to_string(),
        peer: finding.peer,
        mismatch: finding.mismatch,
        whole: finding.whole,
        before: moment.before,
        gnss: moment.gnss,
    };
    findings.into_iter().zip(moments).map(difference).collect()
}

fn events(session: &Session) -> Result<crate::session::Events, ReplayError> {
    session.events().map_err(|source| ReplayError::Io { name: session.name(), source })
}

fn since(at: Timestamp, first: Option<Timestamp>) -> Duration {
    at.saturating_sub(first.unwrap_or(at))
}
