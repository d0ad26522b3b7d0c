//! Where two outputs differ first.
//!
//! Texts that are both JSON are compared as JSON, so that the place has a path; but equal JSON of different
//! text (white space, order of keys, `1` and `1.0`) differs too: a replay is the same to the bit.

use kit::machine::Output;
use serde_json::Value;

/// Characters shown of a value; a longer one ends in `…`.
pub const MAX_SHOWN_CHARS: usize = 200;
/// Characters shown before the place where two plain texts part.
const LEAD_CHARS: usize = 20;

/// The first difference of two values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// `$.data.latitude` in JSON; the field's name outside it (`status`); `text, byte 17` in plain text.
    pub path: String,
    /// What should be there; none if nothing should.
    pub expected: Option<String>,
    /// What is there; none if nothing is.
    pub found: Option<String>,
}

/// Compares two outputs; none if they are the same to the bit.
#[must_use]
pub fn outputs(expected: &Output, found: &Output) -> Option<Mismatch> {
    if expected == found {
        return None;
    }
    match (expected, found) {
        (
            Output::Http { id, status, body, link },
            Output::Http { id: id_found, status: status_found, body: body_found, link: link_found },
        ) => field("id", id, id_found)
            .or_else(|| field("status", status, status_found))
            .or_else(|| texts(body, body_found))
            .or_else(|| field("link", &shown(link.as_ref()), &shown(link_found.as_ref()))),
        (
            Output::Send { conn, text, key },
            Output::Send { conn: conn_found, text: text_found, key: key_found },
        ) => field("conn", conn, conn_found)
            .or_else(|| texts(text, text_found))
            .or_else(|| field("key", &shown(*key), &shown(*key_found))),
        (
            Output::Publish { path, text, key },
            Output::Publish { path: path_found, text: text_found, key: key_found },
        ) => field("path", path, path_found)
            .or_else(|| texts(text, text_found))
            .or_else(|| field("key", &shown(*key), &shown(*key_found))),
        (
            Output::Close { conn, code, reason },
            Output::Close { conn: conn_found, code: code_found, reason: reason_found },
        ) => field("conn", conn, conn_found)
            .or_else(|| field("code", code, code_found))
            .or_else(|| field("reason", reason, reason_found)),
        (Output::Join { conn, path }, Output::Join { conn: conn_found, path: path_found }) => {
            field("conn", conn, conn_found).or_else(|| field("path", path, path_found))
        }
        (Output::Ping { conn, token }, Output::Ping { conn: conn_found, token: token_found }) => {
            field("conn", conn, conn_found).or_else(|| field("token", token, token_found))
        }
        (
            Output::Commit { batch, changes },
            Output::Commit { batch: batch_found, changes: changes_found },
        ) => field("batch", batch, batch_found).or_else(|| texts(changes, changes_found)),
        _ => Some(Mismatch {
            path: "kind".to_owned(),
            expected: Some(short(&crate::frame::output(expected))),
            found: Some(short(&crate::frame::output(found))),
        }),
    }
}

/// Compares two texts, as JSON if both are.
#[must_use]
pub fn texts(expected: &str, found: &str) -> Option<Mismatch> {
    if expected == found {
        return None;
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    json(expected)
        .zip(json(found))
        .and_then(|(expected, found)| values(&expected, &found))
        .or_else(|| Some(plain(expected, found)))
}

/// Compares two JSON values.
#[must_use]
pub fn values(expected: &Value, found: &Value) -> Option<Mismatch> {
    let mut path = String::from("$");
    walk(expected, found, &mut path)
}

/// Leaves `path` at the difference, if there is one; as it was, if not.
fn walk(expected: &Value, found: &Value, path: &mut String) -> Option<Mismatch> {
    let length = path.len();
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let names = expected.keys().chain(found.keys().filter(|name| !expected.contains_key(*name)));
            for name in names {
                push_name(path, name);
                if let Some(mismatch) = children(expected.get(name), found.get(name), path) {
                    return Some(mismatch);
                }
                path.truncate(length);
            }
            None
        }
        (Value::Array(expected), Value::Array(found)) => {
            for n in 0..expected.len().max(found.len()) {
                path.push_str(&format!("[{n}]"));
                if let Some(mismatch) = children(expected.get(n), found.get(n), path) {
                    return Some(mismatch);
                }
                path.truncate(length);
            }
            None
        }
        _ => children_leaf(expected, found, path),
    }
}

fn children(expected: Option<&Value>, found: Option<&Value>, path: &mut String) -> Option<Mismatch> {
    match (expected, found) {
        (Some(expected), Some(found)) => walk(expected, found, path),
        _ => Some(Mismatch {
            path: path.clone(),
            expected: expected.map(|value| short(&value.to_string())),
            found: found.map(|value| short(&value.to_string())),
        }),
    }
}

fn children_leaf(expected: &Value, found: &Value, path: &str) -> Option<Mismatch> {
    (expected != found).then(|| Mismatch {
        path: path.to_owned(),
        expected: Some(short(&expected.to_string())),
        found: Some(short(&found.to_string())),
    })
}

pub(crate) fn push_name(path: &mut String, name: &str) {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        path.push('.');
        path.push_str(name);
    } else {
        path.push_str(&format!("[{}]", Value::from(name)));
    }
}

fn field<T: PartialEq + ToString>(name: &str, expected: &T, found: &T) -> Option<Mismatch> {
    (expected != found).then(|| Mismatch {
        path: name.to_owned(),
        expected: Some(short(&expected.to_string())),
        found: Some(short(&found.to_string())),
    })
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn plain(expected: &str, found: &str) -> Mismatch {
    let same = expected.chars().zip(found.chars()).take_while(|(a, b)| a == b);
    let (chars, bytes) = same.fold((0_usize, 0), |(chars, bytes), (c, _)| (chars + 1, bytes + c.len_utf8()));
    let lead = chars.saturating_sub(LEAD_CHARS);
    let tail = |text: &str| short(&text.chars().skip(lead).collect::<String>());
    Mismatch { path: format!("text, byte {bytes}"), expected: Some(tail(expected)), found: Some(tail(found)) }
}

/// The text, or as much of it as is shown.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(expected: &str, found: &str) -> String {
        match texts(expected, found) {
            None => "same".to_owned(),
            Some(m) => format!(
                "{}: {} / {}",
                m.path,
                m.expected.as_deref().unwrap_or("nothing"),
                m.found.as_deref().unwrap_or("nothing")
            ),
        }
    }

    #[test]
    fn the_first_difference_has_a_path() {
        for (expected, found, told_as) in [
            (r#"{"a":1}"#, r#"{"a":1}"#, "same"),
            (r#"{"data":{"lat":51.5}}"#, r#"{"data":{"lat":51.6}}"#, "$.data.lat: 51.5 / 51.6"),
            (r#"{"a":[1,{"b c":2}]}"#, r#"{"a":[1,{"b c":3}]}"#, r#"$.a[1]["b c"]: 2 / 3"#),
            (r#"{"a":1,"b":2}"#, r#"{"a":1}"#, "$.b: 2 / nothing"),
            (r#"{"a":1}"#, r#"{"a":1,"0":null}"#, r#"$["0"]: nothing / null"#),
            ("[1,2,3]", "[1,2]", "$[2]: 3 / nothing"),
            (r#"{"a":null}"#, r#"{"a":"null"}"#, r#"$.a: null / "null""#),
            ("1", "1.0", "$: 1 / 1.0"),
            (r#"{"a": 1}"#, r#"{"a":1}"#, r#"text, byte 5: {"a": 1} / {"a":1}"#),
            (r#"{"a":1e2}"#, r#"{"a":100.0}"#, r#"text, byte 6: {"a":1e2} / {"a":100.0}"#),
            ("straße 1", "straße 2", "text, byte 8: straße 1 / straße 2"),
            ("", "x", "text, byte 0:  / x"),
        ] {
            assert_eq!(told(expected, found), told_as);
        }
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let long = "ä".repeat(5000);
        let mismatch = texts(&long, &format!("{long}!")).unwrap();
        assert_eq!(mismatch.path, "text, byte 10000");
        let mismatch = texts(&format!("[\"{long}\"]"), "[1]").unwrap();
        assert_eq!(mismatch.expected.unwrap().chars().count(), MAX_SHOWN_CHARS + 1);
    }

    #[test]
    fn envelopes_are_compared_too() {
        let close = |conn, code| Output::Close { conn, code, reason: String::new() };
        assert_eq!(outputs(&close(1, 1000), &close(1, 1000)), None);
        assert_eq!(outputs(&close(1, 1000), &close(1, 1001)).unwrap().path, "code");
        let send = |key| Output::Send { conn: 1, text: "{}".into(), key };
        assert_eq!(outputs(&send(None), &send(Some(2))).unwrap().path, "key");
        assert_eq!(outputs(&send(None), &close(1, 1000)).unwrap().path, "kind");
        let join = |path: &str| Output::Join { conn: 1, path: path.to_owned() };
        assert_eq!(outputs(&join("/ws"), &join("/ws?delta=1")).unwrap().path, "path");
    }
}
