//! A state at the end, short enough to be read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Elements of a list that are told one by one.
const MAX_ELEMENTS: usize = 12;
/// Hexadecimal digits of a SHA-256: it says that something is another, not what.
const DIGEST_CHARS: usize = 64;

/// Counts satellites by constellation and the elements of other long lists, and leaves out digests.
pub fn condense(state: &mut Value) {
    match state {
        Value::Object(members) => {
            members.retain(|_, member| !is_digest(member));
            for (name, member) in members {
                match member.as_array() {
                    Some(satellites) if name == "satellitesInView" => *member = by_constellation(satellites),
                    Some(list) if list.len() > MAX_ELEMENTS => {
                        *member = json!(format!("{} of them", list.len()));
                    }
                    _ => condense(member),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(condense),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn by_constellation(satellites: &[Value]) -> Value {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for satellite in satellites {
        let name = satellite.get("constellation").and_then(Value::as_str).unwrap_or("unknown");
        let count = counts.entry(name).or_default();
        *count = count.saturating_add(1);
    }
    json!(counts)
}

fn is_digest(value: &Value) -> bool {
    let hex = |text: &str| text.len() == DIGEST_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    value.as_str().is_some_and(hex)
}
