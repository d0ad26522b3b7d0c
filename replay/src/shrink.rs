//! Finds the smallest part of a failing session that still fails in the same way.
//!
//! Recorded outputs were made by another program from all inputs. With some inputs left out most of them
//! don't fit any more, whatever the program: counts are lower, states are others. So "still fails" must not
//! mean "differs somewhere". Here it means:
//!
//! - The **culprit** is the input that the first difference of the whole session follows (or the end, for a
//!   state). It always stays, and what is after it goes.
//! - A part of the inputs before it fails **in the same way** if the culprit still brings about the same wrong
//!   thing: for an output that differs, one of the same kind to the same peer with *the same wrong value at the
//!   same JSON path*; for an extra output, that output; for missing and reordered ones, all that the culprit
//!   brought about, to the bit; for a panic, one with the same words; for a wake-up, the machine's wanting to
//!   be woken at the same time; for a state at the end, the same wrong value at the same path.
//! - The new session's outputs are those that this program makes of the inputs that are left, but for the
//!   difference itself: there the recorded value stands. So its replay has that one difference and no other,
//!   and none once the value is as recorded again.
//!
//! What is left can be wrong in one way: it may be that the program that recorded the session would not have
//! made the recorded value of so few inputs (of a missing output most easily: nothing can be told from what
//! isn't there). That program isn't here to be asked. [`shrink_by`] takes whoever knows better.
//!
//! Inputs that can't be without others go with them: those of a connection without its opening, the fate of a
//! commit that isn't made. Wake-ups aren't chosen: a machine is woken when it was, if it asks for it, and
//! whenever it asks for it and no recorded wake-up comes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::Input;
use kit::tap::Body;

use crate::finding::DifferenceKind;
use crate::machines::Factory;
use crate::player::{self, Options, ReplayError};
use crate::session::{OpenError, Problem, Session};
use crate::writer::WriteError;

mod ddmin;
mod failure;
mod splice;
mod trial;
pub use ddmin::{Verdict, minimise};
use failure::Failure;
use trial::{Case, Lead};
pub use trial::{Fed, Trial};

/// Inputs of one service that are looked at; a session with more before its first difference is to be cut.
pub const MAX_INPUTS: usize = 4_000_000;
/// What a search may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// So long: for whoever waits.
    Time(Duration),
    /// So many trials: the same on every machine.
    Trials(u64),
}

/// Why there is no smaller session.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// It can't be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// It can't be read to the first difference.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// It doesn't fail.
    #[error("{name} replays as recorded: there is nothing to shrink")]
    Passes {
        /// The session.
        name: String,
    },
    /// The first difference isn't there when its service is fed alone.
    #[error(
        "the difference in {service} of {name} doesn't come again when the service is fed alone; is it deterministic?"
    )]
    Unstable {
        /// The session.
        name: String,
        /// The service.
        service: String,
    },
    /// It has too many inputs.
    #[error("{name} has more than {MAX_INPUTS} inputs before its first difference; cut it first")]
    TooLong {
        /// The session.
        name: String,
    },
    /// What was found can't be written as a session.
    #[error("the smaller session can't be written: {0}")]
    Write(#[from] WriteError),
    /// What was written can't be read.
    #[error("the smaller session can't be read: {0}")]
    Open(#[from] OpenError),
}

/// A smaller session.
#[derive(Debug)]
pub struct Shrunk {
    /// The file.
    pub bytes: Vec<u8>,
    /// The service that fails.
    pub service: String,
    /// In what way.
    pub kind: Option<DifferenceKind>,
    /// Where.
    pub path: String,
    /// Inputs of all services in the whole session, up to its end.
    pub inputs_before: usize,
    /// Inputs that are left, wake-ups too.
    pub inputs: usize,
    /// How many parts were tried.
    pub trials: u64,
    /// The search ended by its budget: it might be smaller still.
    pub stopped: bool,
}

impl fmt::Display for Shrunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, path, inputs_before, inputs, trials, stopped, .. } = self;
        write!(
            f,
            "{inputs} of {inputs_before} inputs are left after {trials} trials; {service} still fails at {path}"
        )?;
        if *stopped { f.write_str("; the budget is used up, with more it might be fewer") } else { Ok(()) }
    }
}

/// Shrinks a session whose replay differs.
///
/// # Errors
/// See [`ShrinkError`].
pub fn shrink(session: &Session, factory: &Factory, budget: Budget) -> Result<Shrunk, ShrinkError> {
    let report = player::replay(session, factory, Options { twice: false })?;
    let Some(first) = report.first else { return Err(ShrinkError::Passes { name: session.name() }) };
    let case = Case::read(session, &first.service)?;
    let unstable = || ShrinkError::Unstable { name: session.name(), service: first.service.clone() };
    let (failure, culprit) = failure::find(&case, factory, &first).ok_or_else(unstable)?;
    let lead = Lead { culprit, is_wake_up: matches!(failure, Failure::WakeUp { .. }) };
    let fails = |trial: &Trial| failure.is_in(trial);
    let found = search(&case, factory, lead, budget, &fails);
    let mut trial = trial::run(&case, factory, &found.kept, lead).ok_or_else(unstable)?;
    if !failure.is_in(&trial) {
        return Err(unstable());
    }
    failure.put_into(&mut trial);
    let about = case.about(session, &failure.told());
    let bytes = trial::write(&case, &about, &trial)?;
    let smaller = Session::from_bytes(bytes.clone())?;
    let replayed = player::replay(&smaller, factory, Options { twice: false })?;
    match replayed.first {
        Some(again) if again.kind == first.kind && again.service == first.service => {}
        _ => return Err(unstable()),
    }
    Ok(Shrunk {
        bytes,
        service: first.service,
        kind: Some(first.kind),
        path: first.mismatch.path,
        inputs_before: usize::try_from(report.inputs).unwrap_or(usize::MAX),
        inputs: trial.fed.len(),
        trials: found.trials,
        stopped: found.stopped,
    })
}

/// Shrinks one service's part of a session to what `fails` still says yes to: an invariant that is violated, a
/// state that must not be. The new session's outputs are those that this program makes.
///
/// # Errors
/// See [`ShrinkError`]; [`ShrinkError::Passes`] if the whole doesn't fail.
pub fn shrink_by(
    session: &Session,
    service: &str,
    factory: &Factory,
    budget: Budget,
    fails: &dyn Fn(&Trial) -> bool,
) -> Result<Shrunk, ShrinkError> {
    let case = Case::read(session, service)?;
    let lead = Lead { culprit: case.steps.len(), is_wake_up: false };
    let all: Vec<usize> = (0..case.steps.len()).collect();
    let whole = trial::run(&case, factory, &all, lead);
    if !whole.is_some_and(|trial| fails(&trial)) {
        return Err(ShrinkError::Passes { name: session.name() });
    }
    let found = search(&case, factory, lead, budget, fails);
    let unstable = || ShrinkError::Unstable { name: session.name(), service: service.to_owned() };
    let trial = trial::run(&case, factory, &found.kept, lead).ok_or_else(unstable)?;
    let about = case.about(session, "an invariant");
    Ok(Shrunk {
        bytes: trial::write(&case, &about, &trial)?,
        service: service.to_owned(),
        kind: None,
        path: String::new(),
        inputs_before: case.steps.len(),
        inputs: trial.fed.len(),
        trials: found.trials,
        stopped: found.stopped,
    })
}

struct Search {
    kept: Vec<usize>,
    trials: u64,
    stopped: bool,
}

/// First whole connections and kinds, then single inputs.
fn search(
    case: &Case,
    factory: &Factory,
    lead: Lead,
    budget: Budget,
    fails: &dyn Fn(&Trial) -> bool,
) -> Search {
    let clock = Clock::start();
    let started = clock.now();
    let (mut trials, mut stopped) = (0_u64, false);
    let mut groups: BTreeMap<(u8, u64), Vec<usize>> = BTreeMap::new();
    for (n, step) in case.steps.iter().enumerate().take(lead.culprit) {
        if !matches!(step.input, Input::Timer) {
            groups.entry(group(&step.input)).or_default().push(n);
        }
    }
    let mut try_out = |kept: &[usize]| {
        let used_up = match budget {
            Budget::Time(most) => clock.now().saturating_sub(started) >= most,
            Budget::Trials(most) => trials >= most,
        };
        if used_up {
            stopped = true;
            return Verdict::Stop;
        }
        trials = trials.saturating_add(1);
        match trial::run(case, factory, kept, lead) {
            Some(trial) if fails(&trial) => Verdict::Fails,
            _ => Verdict::Passes,
        }
    };
    let in_order = |groups: &[Vec<usize>]| {
        let mut kept = groups.concat();
        kept.sort_unstable();
        kept
    };
    let groups =
        minimise(groups.into_values().collect(), &mut |groups: &[Vec<usize>]| try_out(&in_order(groups)));
    let kept = minimise(in_order(&groups), &mut |kept| try_out(kept));
    Search { kept, trials, stopped }
}

fn group(input: &Input) -> (u8, u64) {
    match (crate::tools::conn_of(&Body::In(input.clone())), input) {
        (Some(conn), _) => (0, conn),
        (None, Input::Http { .. }) => (1, 0),
        (None, Input::Stream { .. }) => (2, 0),
        (None, Input::Store { .. }) => (3, 0),
        (None, Input::Clock { .. }) => (4, 0),
        (None, Input::Caster { .. }) => (5, 0),
        (None, _) => (6, 0),
    }
}
