//! Feeds a machine part of what it was fed.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kit::machine::{Input, Machine, Output, StoreEvent, Timestamp};
use kit::tap::{Body, Start};
use serde_json::Value;

use super::{MAX_INPUTS, ShrinkError};
use crate::format::FIRST_SEQ;
use crate::machines::Factory;
use crate::session::Session;
use crate::tools::conn_of;
use crate::writer::{About, SessionWriter, WriteError};

/// Wake-ups a machine may ask for between two inputs, beyond those recorded; one that asks for more is given
/// up.
const MAX_WAKE_UPS: usize = 10_000;

/// One service as it was recorded, up to its end, the first gap or damage.
pub struct Case {
    pub service: Arc<str>,
    pub start: Start,
    pub start_at: Timestamp,
    pub steps: Vec<Step>,
    pub end: Option<(Timestamp, Value)>,
}

/// A recorded input and what followed it.
pub struct Step {
    pub at: Timestamp,
    pub input: Input,
    pub recorded: Vec<Output>,
}

/// What all parts must lead to.
#[derive(Clone, Copy)]
pub struct Lead {
    /// The input that is always fed, last; beyond the last one: the end.
    pub culprit: usize,
    /// Nothing is done about a wake-up that is due before it.
    pub is_wake_up: bool,
}

/// What a machine did with part of its inputs.
#[derive(Debug)]
pub struct Trial {
    /// What it was fed, in order.
    pub fed: Vec<Fed>,
    /// Its state at the end; none if it panicked.
    pub state: Option<Value>,
    /// What it said when it panicked, at the last input.
    pub panic: Option<String>,
    /// When it wanted to be woken before the last input.
    pub due: Option<Timestamp>,
    /// The recorded one, if there is one for the difference.
    pub(super) end: Option<Value>,
}

/// An input and its outputs.
#[derive(Clone, Debug)]
pub struct Fed {
    /// As recorded.
    pub at: Timestamp,
    /// As recorded; or a wake-up.
    pub input: Input,
    /// As this program makes them.
    pub outputs: Vec<Output>,
}

impl Case {
    pub fn read(session: &Session, service: &str) -> Result<Self, ShrinkError> {
        let io = |source| crate::player::ReplayError::Io { name: session.name(), source };
        let mut case: Option<Self> = None;
        for event in session.events().map_err(io)? {
            // What can be read before a damage is a case of its own.
            let Ok(event) = event else { break };
            if matches!(event.body, Body::Gap(_)) {
                break;
            }
            if *event.service != *service {
                continue;
            }
            match (event.body, &mut case) {
                (Body::Start(start), None) => {
                    let (service, start_at) = (event.service, event.at);
                    case = Some(Self { service, start, start_at, steps: Vec::new(), end: None });
                }
                (Body::In(input), Some(case)) => {
                    if case.steps.len() >= MAX_INPUTS {
                        return Err(ShrinkError::TooLong { name: session.name() });
                    }
                    case.steps.push(Step { at: event.at, input, recorded: Vec::new() });
                }
                (Body::Out(output), Some(case)) => {
                    case.steps.last_mut().into_iter().for_each(|step| step.recorded.push(output.clone()));
                }
                (Body::End(state), Some(case)) => {
                    case.end = Some((event.at, state));
                    break;
                }
                // It starts again.
                (Body::Start(_), Some(_)) => break,
                _ => {}
            }
        }
        case.ok_or_else(|| ShrinkError::Unstable { name: session.name(), service: service.to_owned() })
    }

    pub fn about(&self, session: &Session, failure: &str) -> About {
        let mut about = crate::tools::derived(session.about(), "depot session shrink", &session.name());
        about.notes.insert("shrunk_to".to_owned(), failure.to_owned());
        about
    }
}

/// Feeds these inputs of a case and the culprit. None if that can't be: the machine can't be built, isn't woken
/// where it was, or wants to be woken without end.
pub fn run(case: &Case, factory: &Factory, kept: &[usize], lead: Lead) -> Option<Trial> {
    let machine = factory(&case.service, &case.start).ok()?;
    let mut shell = Shell { machine, fed: Vec::new(), at: case.start_at, panic: None, due: None };
    let (mut open, mut commits) = (BTreeSet::new(), BTreeSet::new());
    let mut kept = kept.iter().copied().peekable();
    for (n, step) in case.steps.iter().enumerate().take(lead.culprit.saturating_add(1)) {
        let is_culprit = n == lead.culprit;
        let is_kept = kept.next_if_eq(&n).is_some() || is_culprit;
        let is_timer = matches!(step.input, Input::Timer);
        if is_timer && !is_culprit {
            if shell.machine.next_timeout().is_some_and(|due| due <= step.at) {
                shell.feed(step.at, &Input::Timer);
            }
        } else if is_kept {
            if !possible(&step.input, &mut open, &commits) {
                if is_culprit {
                    return None;
                }
                continue;
            }
            if !(is_timer || is_culprit && lead.is_wake_up) {
                shell.wake(step.at)?;
            }
            if is_timer && !lead.is_wake_up && shell.machine.next_timeout().is_none_or(|due| due > step.at) {
                return None;
            }
            shell.feed(step.at, &step.input);
        }
        if shell.panic.is_some() {
            break;
        }
        let made = shell.fed.last().map(|fed| fed.outputs.as_slice()).unwrap_or_default();
        commits.extend(made.iter().filter_map(|output| match output {
            Output::Commit { batch, .. } => Some(*batch),
            _ => None,
        }));
    }
    let Shell { machine, fed, panic, due, .. } = shell;
    let state = match panic {
        Some(_) => None,
        None => catch_unwind(AssertUnwindSafe(|| machine.state())).ok(),
    };
    Some(Trial { fed, state, panic, due, end: None })
}

/// Whether the live shell could hand this on, after what it handed on before.
fn possible(input: &Input, open: &mut BTreeSet<u64>, commits: &BTreeSet<u64>) -> bool {
    match input {
        Input::Open { conn, .. } => open.insert(*conn),
        Input::Closed { conn, .. } => open.remove(conn),
        Input::Store { event: StoreEvent::Committed { batch, .. } } => commits.contains(batch),
        input => conn_of(&Body::In(input.clone())).is_none_or(|conn| open.contains(&conn)),
    }
}

struct Shell {
    machine: Box<dyn Machine>,
    fed: Vec<Fed>,
    at: Timestamp,
    panic: Option<String>,
    due: Option<Timestamp>,
}

impl Shell {
    /// What the live shell would have done before an input of this time.
    fn wake(&mut self, before: Timestamp) -> Option<()> {
        for _ in 0..MAX_WAKE_UPS {
            match self.machine.next_timeout() {
                Some(due) if due < before && self.panic.is_none() => {
                    self.feed(due.max(self.at), &Input::Timer);
                }
                _ => return Some(()),
            }
        }
        None
    }

    fn feed(&mut self, at: Timestamp, input: &Input) {
        self.at = at;
        let mut outputs = Vec::new();
        let machine = &mut self.machine;
        let result = catch_unwind(AssertUnwindSafe(|| {
            let due = machine.next_timeout();
            match input {
                Input::Timer => machine.handle_timeout(at, &mut outputs),
                input => machine.handle(at, input.clone(), &mut outputs),
            }
            due
        }));
        match result {
            Ok(due) => self.due = due,
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                self.panic = Some(text.unwrap_or_default());
            }
        }
        self.fed.push(Fed { at, input: input.clone(), outputs });
    }
}

/// A trial as a session.
pub fn write(case: &Case, about: &About, trial: &Trial) -> Result<Vec<u8>, WriteError> {
    let mut bytes = Vec::new();
    let mut writer = SessionWriter::new(&mut bytes, about)?;
    let mut seq = FIRST_SEQ;
    let mut put = |at: Timestamp, body: &Body| {
        let written = writer.write(seq, at, &case.service, body);
        seq = seq.saturating_add(1);
        written
    };
    put(case.start_at, &Body::Start(case.start.clone()))?;
    for Fed { at, input, outputs } in &trial.fed {
        put(*at, &Body::In(input.clone()))?;
        for output in outputs {
            put(*at, &Body::Out(output.clone()))?;
        }
    }
    if let Some(state) = trial.end.as_ref().or(trial.state.as_ref()) {
        let fed = trial.fed.last().map_or(case.start_at, |fed| fed.at);
        let at = case.end.as_ref().filter(|_| trial.end.is_some()).map_or(fed, |(at, _)| *at);
        put(at, &Body::End(state.clone()))?;
    }
    writer.finish()?;
    Ok(bytes)
}
