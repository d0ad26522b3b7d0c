//! What is wrong in a failing session, so that it can be known again.

use kit::machine::{Output, Timestamp};
use serde_json::Value;

use super::splice::splice;
use super::trial::{Case, Lead, Trial, run};
use crate::diff;
use crate::finding::DifferenceKind;
use crate::frame;
use crate::machines::Factory;
use crate::report::Difference;

/// The wrong thing, and the right one.
#[derive(Debug)]
pub enum Failure {
    /// An output has another value at a place in its JSON.
    Value { like: Output, place: Place, recorded: String },
    /// An output differs elsewhere.
    Output { expected: Output, found: Output },
    /// An output that wasn't recorded.
    Extra { found: Output },
    /// Outputs are missing or in another order.
    List { expected: Vec<Output>, found: Vec<Output> },
    /// It wants to be woken at another time.
    WakeUp { due: Option<Timestamp> },
    /// Its state at the start is another: nothing needs to be fed.
    StartState,
    /// Its state at the end is another.
    EndState { place: Place },
    /// It panicked.
    Panicked { text: String },
}

/// A place in JSON where two values differ; none: there is nothing there.
#[derive(Debug)]
pub struct Place {
    pub path: Vec<Key>,
    expected: Option<Value>,
    found: Option<Value>,
}

/// A step down in JSON.
#[derive(Clone, Debug)]
pub enum Key {
    /// Of an object's member.
    Name(String),
    /// Of a list's element.
    Index(usize),
}

/// The failure that a replay told of first, and the step it follows.
pub fn find(case: &Case, factory: &Factory, first: &Difference) -> Option<(Failure, usize)> {
    let all: Vec<usize> = (0..case.steps.len()).collect();
    let until = |culprit, is_wake_up| {
        let kept = all.get(..culprit).unwrap_or(&all);
        run(case, factory, kept, Lead { culprit, is_wake_up })
    };
    match first.kind {
        DifferenceKind::StartState => return Some((Failure::StartState, 0)),
        DifferenceKind::EndState => {
            let trial = until(case.steps.len(), false)?;
            let (_, expected) = case.end.as_ref()?;
            let place = place(expected, trial.state.as_ref()?, &first.mismatch.path)?;
            return Some((Failure::EndState { place }, case.steps.len()));
        }
        DifferenceKind::WakeUp => {
            let culprit = case.steps.iter().position(|step| step.at == first.at)?;
            let due = until(culprit, true)?.due;
            return Some((Failure::WakeUp { due }, culprit));
        }
        _ => {}
    }
    // Without a culprit: all of them.
    let whole = until(case.steps.len(), false)?;
    if first.kind == DifferenceKind::Panicked {
        let text = whole.panic?;
        return Some((Failure::Panicked { text }, whole.fed.len().checked_sub(1)?));
    }
    // As fed: one for one with the steps as long as it was woken where it was recorded.
    let mut found = None;
    for (n, (step, fed)) in case.steps.iter().zip(&whole.fed).enumerate() {
        if step.recorded == fed.outputs || step.input != fed.input {
            continue;
        }
        let here = (failure(&step.recorded, &fed.outputs, first), n);
        if step.at == first.at {
            return Some(here);
        }
        found.get_or_insert(here);
    }
    found
}

fn failure(recorded: &[Output], made: &[Output], first: &Difference) -> Failure {
    let list = || Failure::List { expected: recorded.to_vec(), found: made.to_vec() };
    let path = &first.mismatch.path;
    let of_list = matches!(first.kind, DifferenceKind::Missing | DifferenceKind::Reordered);
    if of_list || recorded.len() > made.len() {
        return list();
    }
    let at =
        recorded.iter().zip(made).position(|(expected, found)| expected != found).unwrap_or(recorded.len());
    match (recorded.get(at), made.get(at)) {
        (None, Some(found)) => Failure::Extra { found: found.clone() },
        (Some(expected), Some(found))
            if recorded.len() < made.len() && made.get(at + 1) == Some(expected) =>
        {
            Failure::Extra { found: found.clone() }
        }
        (Some(expected), Some(found)) if recorded.len() == made.len() && alike(expected, found) => {
            let json =
                |output: &Output| text(output).and_then(|text| serde_json::from_str::<Value>(text).ok());
            let place =
                json(expected).zip(json(found)).and_then(|(expected, found)| place(&expected, &found, path));
            match place {
                Some(place) => {
                    let recorded = text(expected).unwrap_or_default().to_owned();
                    Failure::Value { like: found.clone(), place, recorded }
                }
                None => Failure::Output { expected: expected.clone(), found: found.clone() },
            }
        }
        _ => list(),
    }
}

impl Failure {
    /// Whether a trial ends in it.
    pub fn is_in(&self, trial: &Trial) -> bool {
        if let Self::Panicked { text } = self {
            return trial.panic.as_ref() == Some(text);
        }
        let Some(made) = trial.fed.last().map(|fed| fed.outputs.as_slice()) else {
            return match self {
                Self::StartState => true,
                Self::EndState { place } => trial.state.as_ref().is_some_and(|state| place.is_in(state)),
                _ => false,
            };
        };
        trial.panic.is_none()
            && match self {
                Self::Value { like, place, .. } => made.iter().any(|output| place.is_in_output(like, output)),
                Self::Output { found, .. } | Self::Extra { found } => made.contains(found),
                Self::List { found, .. } => made == found,
                Self::WakeUp { due } => trial.due == *due,
                Self::StartState => true,
                Self::EndState { place } => trial.state.as_ref().is_some_and(|state| place.is_in(state)),
                Self::Panicked { .. } => false,
            }
    }

    /// Puts what was recorded where it is wrong.
    pub fn put_into(&self, trial: &mut Trial) {
        if let Self::EndState { place } = self {
            trial.end = trial.state.clone().map(|mut state| {
                place.right(&mut state);
                state
            });
            return;
        }
        let Some(made) = trial.fed.last_mut().map(|fed| &mut fed.outputs) else { return };
        match self {
            Self::Value { like, place, recorded } => {
                let wrong = made.iter_mut().find(|output| place.is_in_output(like, output));
                if let Some(wrong) = wrong
                    && let Some(right) = text(wrong).and_then(|text| splice(text, &place.path, recorded))
                {
                    set_text(wrong, right);
                }
            }
            Self::Output { expected, found } => {
                made.iter_mut()
                    .filter(|output| *output == found)
                    .for_each(|output| *output = expected.clone());
            }
            Self::Extra { found } => {
                if let Some(at) = made.iter().position(|output| output == found) {
                    made.remove(at);
                }
            }
            Self::List { expected, .. } => made.clone_from(expected),
            Self::WakeUp { .. } | Self::StartState | Self::EndState { .. } | Self::Panicked { .. } => {}
        }
    }

    /// In a few words.
    pub fn told(&self) -> String {
        match self {
            Self::Value { place, .. } => format!("another value at {}", shown(&place.path)),
            Self::Output { .. } => "another output".to_owned(),
            Self::Extra { .. } => "an extra output".to_owned(),
            Self::List { .. } => "missing or reordered outputs".to_owned(),
            Self::WakeUp { .. } => "another wake-up".to_owned(),
            Self::StartState => "another state at the start".to_owned(),
            Self::EndState { place } => format!("another state at the end, at {}", shown(&place.path)),
            Self::Panicked { text } => format!("panic: {}", diff::short(text)),
        }
    }
}

impl Place {
    fn is_in_output(&self, like: &Output, output: &Output) -> bool {
        alike(like, output)
            && text(output)
                .and_then(|text| serde_json::from_str::<Value>(text).ok())
                .is_some_and(|value| self.is_in(&value))
    }

    fn is_in(&self, value: &Value) -> bool {
        let Some((last, before)) = self.path.split_last() else { return Some(value) == self.found.as_ref() };
        let parent = before.iter().try_fold(value, |value, key| key.of(value));
        parent.is_some_and(|parent| {
            parent.is_object() | parent.is_array() && last.of(parent) == self.found.as_ref()
        })
    }

    fn right(&self, value: &mut Value) {
        let Some((last, before)) = self.path.split_last() else {
            *value = self.expected.clone().unwrap_or_default();
            return;
        };
        let mut parent = Some(value);
        for key in before {
            parent = parent.and_then(|parent| key.of_mut(parent));
        }
        match (parent, last, &self.expected) {
            (Some(Value::Object(members)), Key::Name(name), Some(expected)) => {
                members.insert(name.clone(), expected.clone());
            }
            (Some(Value::Object(members)), Key::Name(name), None) => drop(members.remove(name)),
            (Some(Value::Array(list)), Key::Index(at), Some(expected)) => match list.get_mut(*at) {
                Some(element) => *element = expected.clone(),
                None => list.push(expected.clone()),
            },
            (Some(Value::Array(list)), Key::Index(at), None) => list.truncate(*at),
            _ => {}
        }
    }
}

impl Key {
    fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Name(name) => value.get(name),
            Self::Index(at) => value.get(at),
        }
    }

    fn of_mut<'a>(&self, value: &'a mut Value) -> Option<&'a mut Value> {
        match self {
            Self::Name(name) => value.get_mut(name),
            Self::Index(at) => value.get_mut(at),
        }
    }
}

/// Of the places where two values differ the one that is told as `path`, or the first.
pub fn place(expected: &Value, found: &Value, path: &str) -> Option<Place> {
    let mut places = Vec::new();
    walk(Some(expected), Some(found), &mut Vec::new(), &mut places);
    let told = places.iter().position(|place| shown(&place.path) == path).unwrap_or(0);
    (told < places.len()).then(|| places.swap_remove(told))
}

fn walk(expected: Option<&Value>, found: Option<&Value>, path: &mut Vec<Key>, places: &mut Vec<Place>) {
    let mut step = |key: Key, expected: Option<&Value>, found: Option<&Value>| {
        path.push(key);
        walk(expected, found, path, places);
        path.pop();
    };
    match (expected, found) {
        (Some(Value::Object(e)), Some(Value::Object(f))) => {
            for name in e.keys().chain(f.keys().filter(|name| !e.contains_key(*name))) {
                step(Key::Name(name.clone()), e.get(name), f.get(name));
            }
        }
        (Some(Value::Array(e)), Some(Value::Array(f))) => {
            for at in 0..e.len().max(f.len()) {
                step(Key::Index(at), e.get(at), f.get(at));
            }
        }
        (e, f) if e == f => {}
        (e, f) => places.push(Place { path: path.clone(), expected: e.cloned(), found: f.cloned() }),
    }
}

fn shown(path: &[Key]) -> String {
    path.iter().fold("$".to_owned(), |shown, key| match key {
        Key::Name(name) => format!("{shown}.{name}"),
        Key::Index(at) => format!("{shown}[{at}]"),
    })
}

/// Of one kind, to one peer.
fn alike(a: &Output, b: &Output) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b) && frame::output_peer(a) == frame::output_peer(b)
}

fn text(output: &Output) -> Option<&str> {
    match output {
        Output::Http { body, .. } => Some(body),
        Output::Send { text, .. } | Output::Publish { text, .. } => Some(text),
        Output::Commit { changes, .. } => Some(changes),
        _ => None,
    }
}

fn set_text(output: &mut Output, new: String) {
    match output {
        Output::Http { body, .. } => *body = new,
        Output::Send { text, .. } | Output::Publish { text, .. } => *text = new.into(),
        Output::Commit { changes, .. } => *changes = new,
        _ => {}
    }
}
