//! Compares messages with volatile values in them, and remembers what they must be consistent with.

use std::collections::{BTreeMap, BTreeSet};

use kit::machine::Timestamp;
use serde_json::Value;

use super::selector::path;
use super::shape::{self, Shape};
use super::{Key, Kind, Rule, Rules, like};
use crate::diff::{self, Mismatch};

/// Names that are remembered to be one to one; of those that come later none is checked.
pub const MAX_NAMES: usize = 200_000;
/// Places whose last time or number is remembered; of those that come later none is checked.
pub const MAX_PLACES: usize = 100_000;
/// A told time may be off the time line by so much and still lie within the session: clocks are set.
const SLACK_MS: i64 = 1_000;

/// What a message is, and when it was told.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The service.
    pub service: &'a str,
    /// Its JSON's `type`, `POST /zones`, `commit` or `state`.
    pub message: &'a str,
    /// The connection, or whatever else tells one stream of messages from another.
    pub peer: &'a str,
    /// On the recorded time line.
    pub recorded_at: Timestamp,
    /// On that of the service compared with it.
    pub found_at: Timestamp,
}

/// In what way two messages are not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// A value that isn't volatile is another.
    Different(Mismatch),
    /// A volatile value isn't what its rule says it must be.
    Inconsistent(Mismatch),
}

impl Breach {
    /// Where, and what.
    #[must_use]
    pub fn mismatch(self) -> Mismatch {
        match self {
            Self::Different(mismatch) | Self::Inconsistent(mismatch) => mismatch,
        }
    }
}

/// Goes through a whole session, message by message, in order.
#[derive(Clone, Debug)]
pub struct Checker<'r> {
    rules: &'r [Rule],
    /// Rules that have selected a value.
    used: BTreeSet<usize>,
    recorded_from: Timestamp,
    found_from: Timestamp,
    /// Recorded to found, and back. UUIDs, addresses and other names each have a world of their own.
    names: BTreeMap<(&'static str, String), String>,
    back: BTreeMap<(&'static str, String), String>,
    /// By rule, stream of messages and place: the last value, recorded and found.
    last: BTreeMap<(usize, String, String), (i64, i64)>,
}

impl<'r> Checker<'r> {
    /// At the beginning of a session.
    #[must_use]
    pub fn new(rules: &'r Rules) -> Self {
        Self {
            rules: &rules.rules,
            used: BTreeSet::new(),
            recorded_from: Timestamp::ZERO,
            found_from: Timestamp::ZERO,
            names: BTreeMap::new(),
            back: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    /// When the recorded session began, and the one that is compared with it.
    pub fn begin(&mut self, recorded: Timestamp, found: Timestamp) {
        (self.recorded_from, self.found_from) = (recorded, found);
    }

    /// Whether a rule is about such a message.
    #[must_use]
    pub fn applies(&self, service: &str, message: &str) -> bool {
        self.rules.iter().any(|rule| about(rule, service, message))
    }

    /// The rules, by their place, that have selected a value so far.
    #[must_use]
    pub fn used(&self) -> &BTreeSet<usize> {
        &self.used
    }

    /// The text with all volatile values of the right shape replaced by their kind: two messages that may be
    /// the same have the same one. None if no rule is about it, or it isn't JSON.
    #[must_use]
    pub fn masked(&self, service: &str, message: &str, text: &str) -> Option<String> {
        let active = self.active(service, message);
        if active.is_empty() {
            return None;
        }
        let mut value = read(&active, text)?;
        mask(&active, &mut value, &|_| None, &mut Vec::new());
        Some(value.to_string())
    }

    /// The names and counts of two messages that are one: what is called so here is called so there. A recorded
    /// client's later words are to be translated with them.
    #[must_use]
    pub fn pairs(
        &self,
        service: &str,
        message: &str,
        expected: &str,
        found: &str,
    ) -> Vec<(Kind, String, String)> {
        let active = self.active(service, message);
        let mut pairs = Vec::new();
        if let (false, Some(expected), Some(found)) =
            (active.is_empty(), read(&active, expected), read(&active, found))
        {
            pair(&active, &expected, &found, &mut Vec::new(), &mut pairs);
        }
        pairs
    }

    /// [`masked`](Self::masked), but for the names of UUIDs and other ids that `known` translates: those stay
    /// told apart.
    #[must_use]
    pub fn masked_but(
        &self,
        service: &str,
        message: &str,
        text: &str,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let active = self.active(service, message);
        if active.is_empty() {
            return None;
        }
        let mut value = read(&active, text)?;
        mask(&active, &mut value, known, &mut Vec::new());
        Some(value.to_string())
    }

    /// Compares two texts as JSON; what isn't JSON, or no rule is about, to the bit.
    pub fn texts(&mut self, moment: Moment, expected: &str, found: &str) -> Option<Breach> {
        if self.applies(moment.service, moment.message) {
            let json = |text| serde_json::from_str::<Value>(text).ok();
            match (json(expected), json(found)) {
                (Some(expected), Some(found)) => return self.values(moment, &expected, &found),
                (None, None) if has_uuids(&self.active(moment.service, moment.message)) => {
                    if let Some(breach) = self.sentence(expected, found, &[]) {
                        return breach;
                    }
                }
                _ => {}
            }
        }
        diff::texts(expected, found).map(Breach::Different)
    }

    /// Compares two values.
    pub fn values(&mut self, moment: Moment, expected: &Value, found: &Value) -> Option<Breach> {
        let active = self.active(moment.service, moment.message);
        self.walk(&active, moment, Some(expected), Some(found), &mut Vec::new())
    }

    fn active(&self, service: &str, message: &str) -> Vec<(usize, &'r Rule)> {
        self.rules.iter().enumerate().filter(|(_, rule)| about(rule, service, message)).collect()
    }

    fn walk(
        &mut self,
        active: &[(usize, &'r Rule)],
        moment: Moment,
        expected: Option<&Value>,
        found: Option<&Value>,
        at: &mut Vec<Key>,
    ) -> Option<Breach> {
        let rule = active.iter().find(|(_, rule)| rule.select.matches(at)).copied();
        if let Some((n, rule)) = rule {
            self.used.insert(n);
            if rule.kind == Kind::Ignore {
                return None;
            }
        }
        let (Some(expected), Some(found)) = (expected, found) else {
            return (expected.is_some() || found.is_some()).then(|| different(at, expected, found));
        };
        if let Some((n, rule)) = rule
            && let Some(recorded) = shape::of(rule.kind, expected)
        {
            if found.is_null() {
                return Some(different(at, Some(expected), Some(found)));
            }
            let Some(shape) = shape::of(rule.kind, found) else {
                let wanted = shape::described(rule.kind).to_owned();
                return Some(inconsistent(at, wanted, found));
            };
            return self
                .check(n, rule.kind, moment, &recorded, &shape, at)
                .map(|wanted| inconsistent(at, wanted, found));
        }
        match (expected, found) {
            (Value::Object(expected), Value::Object(found)) => {
                let names = expected.keys().chain(found.keys().filter(|name| !expected.contains_key(*name)));
                for name in names {
                    at.push(Key::Name(name.clone()));
                    let breach = self.walk(active, moment, expected.get(name), found.get(name), at);
                    at.pop();
                    if breach.is_some() {
                        return breach;
                    }
                }
                None
            }
            (Value::Array(expected), Value::Array(found)) => {
                for n in 0..expected.len().max(found.len()) {
                    at.push(Key::Index(n));
                    let breach = self.walk(active, moment, expected.get(n), found.get(n), at);
                    at.pop();
                    if breach.is_some() {
                        return breach;
                    }
                }
                None
            }
            (Value::String(text), Value::String(other)) if has_uuids(active) => self
                .sentence(text, other, at)
                .unwrap_or_else(|| (text != other).then(|| different(at, Some(expected), Some(found)))),
            _ => (expected != found).then(|| different(at, Some(expected), Some(found))),
        }
    }

    /// Texts that are the same but for the UUIDs in them: those are ids like any others. None if they aren't.
    fn sentence(&mut self, expected: &str, found: &str, at: &[Key]) -> Option<Option<Breach>> {
        let (rest, recorded) = shape::with_uuids(expected)?;
        let (_, uuids) = shape::with_uuids(found).filter(|(other, _)| *other == rest)?;
        let wrong = recorded
            .iter()
            .zip(&uuids)
            .find_map(|(recorded, found)| self.one_to_one(Kind::Uuid.name(), recorded, found));
        Some(wrong.map(|wanted| inconsistent(at, format!("{rest} with {wanted}"), &Value::from(found))))
    }

    /// What the value should have been, if it is something else.
    fn check(
        &mut self,
        rule: usize,
        kind: Kind,
        moment: Moment,
        recorded: &Shape,
        found: &Shape,
        at: &[Key],
    ) -> Option<String> {
        match (recorded, found) {
            (Shape::Name(recorded), Shape::Name(found)) => self.one_to_one(kind.name(), recorded, found),
            (Shape::TimeMs(recorded), Shape::TimeMs(found)) => {
                let wrong = outside(*found, self.found_from, moment.found_at);
                let was_wrong = outside(*recorded, self.recorded_from, moment.recorded_at).is_some();
                let last = self.remember(rule, moment, at, *recorded, *found);
                wrong.filter(|_| !was_wrong).or_else(|| {
                    let (last_recorded, last_found) = last?;
                    (*recorded > last_recorded && *found < last_found)
                        .then(|| format!("a time not before the last one there, {}", utc(last_found)))
                })
            }
            (Shape::Count(recorded), Shape::Count(found)) => {
                let (last_recorded, last_found) = self.remember(rule, moment, at, *recorded, *found)?;
                let step = i128::from(*recorded) - i128::from(last_recorded);
                let found_step = i128::from(*found) - i128::from(last_found);
                let consistent = if step < 0 { found_step < 0 } else { found_step == step };
                (!consistent).then(|| {
                    let wanted = i128::from(last_found) + step;
                    if step < 0 { format!("less than {last_found}") } else { wanted.to_string() }
                })
            }
            (Shape::Number(recorded), Shape::Number(found)) => {
                let Kind::Number { tolerance } = kind else { return None };
                ((recorded - found).abs() > tolerance).then(|| format!("{recorded} ± {tolerance}"))
            }
            _ => None,
        }
    }

    fn one_to_one(&mut self, world: &'static str, recorded: &str, found: &str) -> Option<String> {
        let (here, there) = ((world, recorded.to_owned()), (world, found.to_owned()));
        if let Some(earlier) = self.names.get(&here) {
            return (earlier != found).then(|| format!("\"{earlier}\", as \"{recorded}\" was before"));
        }
        if let Some(other) = self.back.get(&there) {
            return Some(format!("another than for \"{other}\", not the same for \"{recorded}\""));
        }
        if self.names.len() < MAX_NAMES {
            self.back.insert(there, recorded.to_owned());
            self.names.insert(here, found.to_owned());
        }
        None
    }

    /// Keeps the values of a place, and gives those it had before.
    fn remember(
        &mut self,
        rule: usize,
        moment: Moment,
        at: &[Key],
        recorded: i64,
        found: i64,
    ) -> Option<(i64, i64)> {
        let stream = format!("{} {} {}", moment.service, moment.message, moment.peer);
        let place = (rule, stream, path(at));
        if self.last.len() >= MAX_PLACES && !self.last.contains_key(&place) {
            return None;
        }
        self.last.insert(place, (recorded, found))
    }
}

/// A message as JSON; one that isn't is a sentence that may have ids in it.
fn read(active: &[(usize, &Rule)], text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| has_uuids(active).then(|| Value::from(text)))
}

/// Whether UUIDs inside sentences are ids, too.
fn has_uuids(active: &[(usize, &Rule)]) -> bool {
    active.iter().any(|(_, rule)| rule.kind == Kind::Uuid)
}

fn about(rule: &Rule, service: &str, message: &str) -> bool {
    rule.service.as_ref().is_none_or(|wanted| wanted == service)
        && rule.message.as_ref().is_none_or(|wanted| like(wanted, message))
}

/// Goes down both at once, and keeps what is called differently on purpose.
fn pair(
    active: &[(usize, &Rule)],
    expected: &Value,
    found: &Value,
    at: &mut Vec<Key>,
    pairs: &mut Vec<(Kind, String, String)>,
) {
    let kind = active.iter().find(|(_, rule)| rule.select.matches(at)).map(|(_, rule)| rule.kind);
    if let Some(kind) = kind {
        match (shape::of(kind, expected), shape::of(kind, found)) {
            (Some(Shape::Name(expected)), Some(Shape::Name(found))) => pairs.push((kind, expected, found)),
            (Some(Shape::Count(expected)), Some(Shape::Count(found))) => {
                pairs.push((kind, expected.to_string(), found.to_string()));
            }
            _ => {}
        }
        return;
    }
    let mut below = |key: Key, expected: &Value, found: &Value| {
        at.push(key);
        pair(active, expected, found, at, pairs);
        at.pop();
    };
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, expected) in expected {
                found.get(name).into_iter().for_each(|found| below(Key::Name(name.clone()), expected, found));
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.iter().zip(found).enumerate().for_each(|(n, (expected, found))| {
                below(Key::Index(n), expected, found);
            });
        }
        (Value::String(expected), Value::String(found)) if has_uuids(active) => {
            let same = shape::with_uuids(expected).zip(shape::with_uuids(found));
            if let Some(((rest, recorded), (other, found))) = same
                && rest == other
            {
                pairs.extend(recorded.into_iter().zip(found).map(|(one, other)| (Kind::Uuid, one, other)));
            }
        }
        _ => {}
    }
}

/// Replaces what is volatile by the name of its kind, or by what `known` says of a name.
fn mask(
    active: &[(usize, &Rule)],
    value: &mut Value,
    known: &dyn Fn(&str) -> Option<String>,
    at: &mut Vec<Key>,
) {
    let kind = active.iter().find(|(_, rule)| rule.select.matches(at)).map(|(_, rule)| rule.kind);
    if let Some((kind, shape)) = kind.and_then(|kind| Some((kind, shape::of(kind, value)?))) {
        let name = match &shape {
            Shape::Name(name) => known(name),
            _ => None,
        };
        *value = Value::String(name.unwrap_or_else(|| format!("<{}>", kind.name())));
        return;
    }
    match value {
        Value::Object(members) => {
            let ignored = |at: &mut Vec<Key>, name: &String| {
                at.push(Key::Name(name.clone()));
                let rule = active.iter().find(|(_, rule)| rule.select.matches(at));
                at.pop();
                rule.is_some_and(|(_, rule)| rule.kind == Kind::Ignore)
            };
            members.retain(|name, _| !ignored(at, name));
            for (name, value) in members {
                at.push(Key::Name(name.clone()));
                mask(active, value, known, at);
                at.pop();
            }
        }
        Value::Array(values) => {
            for (n, value) in values.iter_mut().enumerate() {
                at.push(Key::Index(n));
                mask(active, value, known, at);
                at.pop();
            }
        }
        Value::String(text) if has_uuids(active) => {
            if let Some((rest, uuids)) = shape::with_uuids(text) {
                let name = |uuid: &String| known(uuid).unwrap_or_else(|| shape::PLACE.to_owned());
                let mut pieces = rest.split(shape::PLACE);
                let first = pieces.next().unwrap_or_default().to_owned();
                *text = uuids.iter().zip(pieces).fold(first, |text, (uuid, rest)| text + &name(uuid) + rest);
            }
        }
        _ => {}
    }
}

/// From the session's start to now; what it should be, if it isn't there.
fn outside(time_ms: i64, from: Timestamp, now: Timestamp) -> Option<String> {
    let (from, now) = (ms(from), ms(now));
    let within = from.saturating_sub(SLACK_MS)..=now.saturating_add(SLACK_MS);
    (!within.contains(&time_ms)).then(|| format!("a time within the session, {} to {}", utc(from), utc(now)))
}

fn ms(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

fn utc(time_ms: i64) -> String {
    u64::try_from(time_ms).map_or_else(
        |_| format!("{time_ms} ms"),
        |time_ms| crate::report::utc(Timestamp::from_millis(time_ms)),
    )
}

fn different(at: &[Key], expected: Option<&Value>, found: Option<&Value>) -> Breach {
    let shown = |value: &Value| diff::short(&value.to_string());
    Breach::Different(Mismatch { path: path(at), expected: expected.map(shown), found: found.map(shown) })
}

fn inconsistent(at: &[Key], wanted: String, found: &Value) -> Breach {
    let found = Some(diff::short(&found.to_string()));
    Breach::Inconsistent(Mismatch { path: path(at), expected: Some(diff::short(&wanted)), found })
}

#[cfg(test)]
mod tests;
