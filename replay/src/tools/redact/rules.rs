//! Which members of JSON are replaced, and by what.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// How deep JSON is looked into; what is deeper is replaced whole.
const MAX_DEPTH: usize = 64;

/// Names of members that hold a place.
const POSITIONS: &[&str] = &[
    "latitude",
    "longitude",
    "altitude",
    "lat",
    "lon",
    "lng",
    "alt",
    "height",
    "ellipsoidalHeight",
    "ecef",
    "arp",
    "position",
    "location",
    "coordinates",
    "polygon",
    "waypoints",
];
/// Names of members that hold what people or rovers are called.
const NAMES: &[&str] =
    &["name", "label", "title", "description", "operator", "callsign", "note", "comment", "email"];
/// Names of members that hold what identifies a thing.
const IDS: &[&str] =
    &["id", "roverId", "rover_id", "taskId", "missionId", "zoneId", "serial", "uniqueId", "mac"];
/// Names of members that hold where something is reached.
const ADDRESSES: &[&str] = &["ip", "addr", "address", "host", "hostname", "url", "endpoint"];
/// Names of members that hold what nobody may know.
const SECRETS: &[&str] = &[
    "password",
    "token",
    "secret",
    "apiKey",
    "api_key",
    "authorization",
    "cookie",
    "credential",
    "credentials",
];

/// Which members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Places, by the names they usually have. Numbers become other numbers of their range.
    Positions,
    /// What people and rovers are called.
    Names,
    /// What identifies something.
    Ids,
    /// Where something is reached.
    Addresses,
    /// Passwords and their like.
    Secrets,
    /// A path: `$.data.name`, `$.rovers[*].id`, `$..serial` (at any depth).
    Path(Vec<Step>),
}

/// Of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member.
    Name(String),
    /// An element.
    Index(usize),
    /// Every member or element.
    Any,
    /// At any depth, a member of this name.
    Deep(String),
}

/// Not a path.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no path; write it as $.data.name, $.rovers[*].id or $..serial")]
pub struct PathError(String);

impl Rule {
    /// Reads a path.
    ///
    /// # Errors
    /// It isn't one.
    pub fn path(text: &str) -> Result<Self, PathError> {
        let bad = || PathError(text.to_owned());
        let mut rest = text.strip_prefix('$').ok_or_else(bad)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (inside, after) = after.split_once(']').ok_or_else(bad)?;
                let inside = inside.trim_matches(['\'', '"']);
                steps.push(match inside {
                    "*" => Step::Any,
                    _ => inside.parse().map_or_else(|_| Step::Name(inside.to_owned()), Step::Index),
                });
                rest = after;
                continue;
            }
            let (deep, after) = match rest.strip_prefix("..") {
                Some(after) => (true, after),
                None => (false, rest.strip_prefix('.').ok_or_else(bad)?),
            };
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at_checked(end).ok_or_else(bad)?;
            steps.push(match (name, deep) {
                ("", _) => return Err(bad()),
                ("*", false) => Step::Any,
                (name, true) => Step::Deep(name.to_owned()),
                (name, false) => Step::Name(name.to_owned()),
            });
            rest = after;
        }
        if steps.is_empty() { Err(bad()) } else { Ok(Self::Path(steps)) }
    }

    fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Positions => POSITIONS,
            Self::Names => NAMES,
            Self::Ids => IDS,
            Self::Addresses => ADDRESSES,
            Self::Secrets => SECRETS,
            Self::Path(_) => &[],
        }
    }

    fn takes(&self, place: &[Place]) -> bool {
        match self {
            Self::Path(steps) => matches(steps, place),
            rule => match place.last() {
                Some(Place::Name(name)) => rule.names().iter().any(|known| known.eq_ignore_ascii_case(name)),
                _ => false,
            },
        }
    }
}

/// Where a value stands.
#[derive(Clone)]
enum Place {
    Name(String),
    Index(usize),
}

fn matches(steps: &[Step], place: &[Place]) -> bool {
    let all = steps;
    let Some((step, steps)) = steps.split_first() else { return place.is_empty() };
    let Some((here, deeper)) = place.split_first() else { return false };
    match (step, here) {
        (Step::Any, _) => matches(steps, deeper),
        (Step::Name(name), Place::Name(here)) => name == here && matches(steps, deeper),
        (Step::Index(index), Place::Index(here)) => index == here && matches(steps, deeper),
        (Step::Deep(name), here) => {
            let is_it = matches!(here, Place::Name(here) if here == name) && matches(steps, deeper);
            is_it || matches(all, deeper)
        }
        _ => false,
    }
}

/// What each value has become.
#[derive(Default)]
pub struct Pseudonyms {
    texts: BTreeMap<String, String>,
    numbers: BTreeMap<String, Value>,
}

impl Pseudonyms {
    /// Different values that were replaced.
    pub fn count(&self) -> u64 {
        (self.texts.len() as u64).saturating_add(self.numbers.len() as u64)
    }

    /// What a word became elsewhere.
    pub fn of_word(&self, word: &str) -> Option<&str> {
        self.texts.get(word).map(String::as_str)
    }

    /// Replaces whatever the rules name; how many values that were.
    pub fn replace(&mut self, value: &mut Value, rules: &[Rule]) -> u64 {
        self.walk(value, rules, &mut Vec::new())
    }

    fn walk(&mut self, value: &mut Value, rules: &[Rule], place: &mut Vec<Place>) -> u64 {
        if place.len() > MAX_DEPTH || rules.iter().any(|rule| rule.takes(place)) {
            let name = place.iter().rev().find_map(|place| match place {
                Place::Name(name) => Some(name.clone()),
                Place::Index(_) => None,
            });
            return self.whole(value, &name.unwrap_or_default());
        }
        let mut count = 0_u64;
        match value {
            Value::Object(members) => {
                for (name, member) in members.iter_mut() {
                    place.push(Place::Name(name.clone()));
                    count = count.saturating_add(self.walk(member, rules, place));
                    place.pop();
                }
            }
            Value::Array(list) => {
                for (index, element) in list.iter_mut().enumerate() {
                    place.push(Place::Index(index));
                    count = count.saturating_add(self.walk(element, rules, place));
                    place.pop();
                }
            }
            _ => {}
        }
        count
    }

    /// Everything in it.
    fn whole(&mut self, value: &mut Value, name: &str) -> u64 {
        match value {
            Value::Object(members) => members.iter_mut().map(|(name, member)| self.whole(member, name)).sum(),
            Value::Array(list) => list.iter_mut().map(|element| self.whole(element, name)).sum(),
            Value::String(text) if !text.is_empty() => {
                *text = self.text(text, name);
                1
            }
            Value::Number(number) => {
                let (key, old) = (format!("{name} {number}"), number.clone());
                let nth = self.numbers.len();
                let new = self.numbers.entry(key).or_insert_with(|| other_number(&old, name, nth));
                *value = new.clone();
                1
            }
            _ => 0,
        }
    }

    fn text(&mut self, text: &str, name: &str) -> String {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let pseudonym = if is_uuid(text) {
            let d = self.texts.len() + 1;
            format!("00000000-0000-4000-8000-{d:012x}")
        } else {
            let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            format!("{name}-{}", self.texts.len() + 1)
        };
        self.texts.insert(text.to_owned(), pseudonym.clone());
        pseudonym
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Another number of its kind: for a latitude another latitude, in as many decimals. Drawn by the order in
/// which numbers are met, so that nothing of the old one is left in it but that.
fn other_number(number: &serde_json::Number, name: &str, nth: usize) -> Value {
    let digest = Sha256::digest(format!("depot session redact {name} {nth}"));
    let drawn = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    if number.is_u64() || number.is_i64() {
        return Value::from(drawn % 1_000_000);
    }
    let decimals = number.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len()).min(12);
    let lower = name.to_ascii_lowercase();
    let (low, high) = if lower.starts_with("lat") {
        (-80.0, 80.0)
    } else if lower.starts_with("lon") || lower.starts_with("lng") {
        (-180.0, 180.0)
    } else {
        (0.0, 1000.0)
    };
    #[expect(clippy::cast_precision_loss, reason = "any number will do")]
    let fraction = drawn as f64 / u64::MAX as f64;
    format!("{:.decimals$}", low + fraction * (high - low)).parse::<f64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn redacted(mut value: Value, rules: &[Rule]) -> Value {
        Pseudonyms::default().replace(&mut value, rules);
        value
    }

    #[test]
    fn one_value_has_one_pseudonym_everywhere() {
        let mut all = Pseudonyms::default();
        let rules = [Rule::path("$..id").unwrap(), Rule::Positions];
        let mut first = json!({ "id": "rover-a", "data": { "latitude": 48.137, "other": 3, "list": [{ "id": "rover-b" }] } });
        let mut second = json!([{ "id": "rover-b" }, { "id": "rover-a", "latitude": 48.137 }]);
        assert_eq!((all.replace(&mut first, &rules), all.replace(&mut second, &rules)), (3, 3));
        assert_eq!(first["id"], second[1]["id"]);
        assert_eq!(first["data"]["list"][0]["id"], second[0]["id"]);
        assert_ne!(second[0]["id"], second[1]["id"]);
        assert_eq!(first["data"]["latitude"], second[1]["latitude"]);
        assert_ne!(first["data"]["latitude"], json!(48.137));
        assert_eq!(first["data"]["other"], 3);
    }

    #[test]
    fn paths() {
        let value = json!({ "a": { "b": "x", "c": "x" }, "list": [{ "b": "x" }, { "b": "x" }] });
        let path = |text| redacted(value.clone(), &[Rule::path(text).unwrap()]);
        assert_eq!(path("$.a.b")["a"], json!({ "b": "b-1", "c": "x" }));
        assert_eq!(path("$.list[1].b")["list"], json!([{ "b": "x" }, { "b": "b-1" }]));
        assert_eq!(path("$.list[*].b")["list"], json!([{ "b": "b-1" }, { "b": "b-1" }]));
        assert_eq!(path("$..b")["list"][0]["b"], "b-1");
        assert_eq!(path("$.a")["a"], json!({ "b": "b-1", "c": "b-1" }));
        for bad in ["", "a", "$", "$.", "$..", "$[", "$a"] {
            assert!(Rule::path(bad).is_err(), "{bad}");
        }
    }
}
