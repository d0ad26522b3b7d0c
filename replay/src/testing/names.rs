//! What stands for ids and times: a snapshot says which is which and when, not what the seed drew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kit::machine::Timestamp;
use kit::tap::Body;
use serde_json::Value;

use crate::session::Session;

/// Of `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
const UUID_CHARS: usize = 36;
/// A time so far from the session's own is none of its times.
const NEAR: Duration = Duration::from_secs(30 * 24 * 3600);

/// Ids by number, in the order in which they appear, and times since the start.
pub struct Names {
    start: Timestamp,
    ids: BTreeMap<String, usize>,
}

impl Names {
    pub const fn new(start: Timestamp) -> Self {
        Self { start, ids: BTreeMap::new() }
    }

    /// A value with each id and each time in it named.
    pub fn value(&mut self, value: &mut Value) {
        match value {
            Value::Object(members) => members.values_mut().for_each(|member| self.value(member)),
            Value::Array(list) => list.iter_mut().for_each(|element| self.value(element)),
            Value::String(text) => {
                let at = text.parse::<jiff::Timestamp>().ok();
                let at = at.and_then(|at| u64::try_from(at.as_millisecond()).ok());
                *text = at.and_then(|at| self.time(at)).unwrap_or_else(|| self.text(text));
            }
            Value::Number(number) => {
                if let Some(named) = number.as_u64().and_then(|ms| self.time(ms)) {
                    *value = named.into();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// A text with each id in it named.
    pub fn text(&mut self, text: &str) -> String {
        let mut named = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            let taken = match rest.get(..UUID_CHARS).filter(|id| is_uuid(id)) {
                Some(id) => {
                    let next = self.ids.len().saturating_add(1);
                    let n = *self.ids.entry(id.to_owned()).or_insert(next);
                    named.push_str(&format!("id-{n}"));
                    UUID_CHARS
                }
                None => {
                    named.push(char);
                    char.len_utf8()
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        named
    }

    fn time(&self, unix_ms: u64) -> Option<String> {
        let at = Duration::from_millis(unix_ms);
        if at.abs_diff(self.start) > NEAR {
            return None;
        }
        // The system's clock may be behind the time line.
        let sign = if at < self.start { '-' } else { '+' };
        Some(format!("{sign}{:.3} s", at.abs_diff(self.start).as_secs_f64()))
    }
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(n, byte)| match n {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase(),
    })
}

/// The seed of each service that starts in a session, as far as it can be read.
pub fn seeds(session: &Session) -> Vec<(Arc<str>, u64)> {
    let events = session.events().into_iter().flatten().map_while(Result::ok);
    let seed = |event: crate::session::Recorded| match event.body {
        Body::Start(start) => Some((event.service, start.seed)),
        _ => None,
    };
    events.filter_map(seed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_are_numbered_and_times_are_since_the_start() {
        let mut names = Names::new(Duration::from_millis(1_790_000_000_000));
        let (a, b) = ("00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b");
        let mut value = json!({
            "id": b, "of": [a, b], "at": "2026-09-21T14:13:21.5Z", "lastSeen": 1_790_000_002_000_u64,
            "earlier": 1_789_999_999_000_u64, "count": 7, "word": "ü", "old": "1999-01-01T00:00:00Z",
        });
        names.value(&mut value);
        let expected = json!({
            "id": "id-1", "of": ["id-2", "id-1"], "at": "+1.500 s", "lastSeen": "+2.000 s",
            "earlier": "-1.000 s", "count": 7, "word": "ü", "old": "1999-01-01T00:00:00Z",
        });
        assert_eq!(value, expected);
        assert_eq!(names.text(&format!("task {a} is gone, {b}é")), "task id-2 is gone, id-1é");
    }
}
