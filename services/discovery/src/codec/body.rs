//! The bodies rovers post, field by field, so that what is wrong can be told in a sentence.

use kit::shape;
use serde_json::{Map, Value, error::Category};
use wire::discovery::{Heartbeat, MODE_MAX, Pose, Register};

use super::text::{self, TextError};

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not JSON, or cut off.
    #[error("The body can't be read as JSON: {found}.")]
    NotJson {
        /// What the parser stumbled over, and where.
        found: String,
    },
    /// JSON, but no object.
    #[error("The body must be a JSON object.")]
    NotAnObject,
    /// A field that must be there isn't.
    #[error("The field {field} is missing.")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field of another type or out of range.
    #[error("The field {field} must be {expected}, not {found}.")]
    Wrong {
        /// Its name.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// What kind of value stands there.
        found: &'static str,
    },
    /// A text that can't be used.
    #[error("The field {field} {error}.")]
    Text {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        error: TextError,
    },
}

const NUMBER: &str = "a number";
const MODE: &str = "a whole number from 0 to 5";
const _: () = assert!(MODE_MAX == 5, "the sentence says so");

/// `POST /register`.
pub fn register(body: &str) -> Result<Register, BodyError> {
    let object = object(body)?;
    let text = |field, check: text::Check| match string(&object, field)? {
        Some(text) => checked(field, text, check),
        None => Err(BodyError::Missing { field }),
    };
    let video_address = string(&object, "video_address")?
        .map(|text| checked("video_address", text, text::address))
        .transpose()?;
    Ok(Register {
        id: text("id", text::label)?,
        name: text("name", text::label)?,
        address: text("address", text::address)?,
        video_address,
        state: state(&object)?,
    })
}

/// `POST /heartbeat/{id}`; a body that is empty says nothing new.
pub fn heartbeat(body: &str) -> Result<Heartbeat, BodyError> {
    if body.trim().is_empty() {
        return Ok(Heartbeat::default());
    }
    state(&object(body)?)
}

/// Parsing the whole of it, unknown fields too, also bounds how deep it may be.
fn object(body: &str) -> Result<Map<String, Value>, BodyError> {
    serde_json::from_str(body).map_err(|error| match error.classify() {
        Category::Data => BodyError::NotAnObject,
        _ => BodyError::NotJson { found: error.to_string() },
    })
}

fn state(object: &Map<String, Value>) -> Result<Heartbeat, BodyError> {
    Ok(Heartbeat {
        battery_voltage: present(object, "battery_voltage")
            .map(|value| number("battery_voltage", value))
            .transpose()?,
        mode: present(object, "mode").map(mode).transpose()?,
        pose: present(object, "pose").map(pose).transpose()?,
    })
}

fn mode(value: &Value) -> Result<u8, BodyError> {
    let mode = value.as_u64().and_then(|mode| u8::try_from(mode).ok()).filter(|mode| *mode <= MODE_MAX);
    mode.ok_or_else(|| wrong("mode", MODE, value))
}

fn pose(value: &Value) -> Result<Pose, BodyError> {
    let object = value.as_object().ok_or_else(|| wrong("pose", "an object of x, y and theta", value))?;
    let part = |field, key| match object.get(key) {
        Some(value) => number(field, value),
        None => Err(BodyError::Missing { field }),
    };
    Ok(Pose { x: part("pose.x", "x")?, y: part("pose.y", "y")?, theta: part("pose.theta", "theta")? })
}

fn number(field: &'static str, value: &Value) -> Result<f64, BodyError> {
    value.as_f64().filter(|number| number.is_finite()).ok_or_else(|| wrong(field, NUMBER, value))
}

fn string<'a>(object: &'a Map<String, Value>, field: &'static str) -> Result<Option<&'a str>, BodyError> {
    let Some(value) = present(object, field) else { return Ok(None) };
    value.as_str().map(Some).ok_or_else(|| wrong(field, "a text", value))
}

fn checked(field: &'static str, text: &str, check: text::Check) -> Result<String, BodyError> {
    check(text).map_err(|error| BodyError::Text { field, error })?;
    Ok(text.to_owned())
}

/// Null is the same as absent.
fn present<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    object.get(field).filter(|value| !value.is_null())
}

fn wrong(field: &'static str, expected: &'static str, value: &Value) -> BodyError {
    let found = match value {
        Value::Number(_) if expected == MODE => "another number",
        value => shape::kind(value),
    };
    BodyError::Wrong { field, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: std::fmt::Debug>(result: Result<T, BodyError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn what_rovers_send_is_read() {
        let body = r#"{"id":"bvr-01","name":"Beaver 1","address":"10.0.0.21:4850","video_address":null,
            "battery_voltage":48,"mode":1,"pose":{"x":1,"y":-2.5,"theta":0,"z":3},"firmware":{"a":[1]}}"#;
        let read = register(body).unwrap();
        let pose = Some(Pose { x: 1.0, y: -2.5, theta: 0.0 });
        assert_eq!(read.state, Heartbeat { battery_voltage: Some(48.0), mode: Some(1), pose });
        assert_eq!((read.id.as_str(), read.video_address), ("bvr-01", None));
        for nothing in ["", " \n", "{}", r#"{"mode":null,"pose":null}"#] {
            assert_eq!(heartbeat(nothing), Ok(Heartbeat::default()), "{nothing}");
        }
    }

    #[test]
    fn what_wire_writes_is_read() {
        let state = Heartbeat { battery_voltage: Some(0.1), mode: Some(5), pose: Some(Pose::default()) };
        let said = Register {
            id: "ü/ 1".to_owned(),
            name: "\"a\\b\"".to_owned(),
            address: "ws://[::1]:4850/".to_owned(),
            video_address: Some("http://video".to_owned()),
            state,
        };
        assert_eq!(register(&serde_json::to_string(&said).unwrap()), Ok(said));
        assert_eq!(heartbeat(&serde_json::to_string(&state).unwrap()), Ok(state));
    }

    #[test]
    fn what_is_wrong_is_told_in_a_sentence() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let bodies = [
            "",
            "{",
            "hello",
            "[]",
            r#"{"name":"n","address":"a"}"#,
            r#"{"id":7,"name":"n","address":"a"}"#,
            r#"{"id":"","name":"n","address":"a"}"#,
            r#"{"id":"i","name":"a\u0000b","address":"a"}"#,
            r#"{"id":"i","name":"n","address":"a b"}"#,
            r#"{"id":"i","name":"n","address":"a","video_address":[]}"#,
            r#"{"id":"i","name":"n","address":"a","mode":6}"#,
            r#"{"id":"i","name":"n","address":"a","mode":1.5}"#,
            r#"{"id":"i","name":"n","address":"a","mode":99999999999999999999}"#,
            r#"{"id":"i","name":"n","address":"a","mode":"idle"}"#,
            r#"{"id":"i","name":"n","address":"a","battery_voltage":"48"}"#,
            r#"{"id":"i","name":"n","address":"a","battery_voltage":1e999}"#,
            r#"{"id":"i","name":"n","address":"a","pose":[1,2,3]}"#,
            r#"{"id":"i","name":"n","address":"a","pose":{"x":1,"y":2}}"#,
            r#"{"id":"i","name":"n","address":"a","pose":{"x":1,"y":null,"theta":0}}"#,
            deep.as_str(),
        ];
        let told: Vec<String> = bodies.map(|body| refusal(register(body))).into();
        insta::assert_snapshot!(told.join("\n"), @r#"The body can't be read as JSON: EOF while parsing a value at line 1 column 0.
The body can't be read as JSON: EOF while parsing an object at line 1 column 1.
The body can't be read as JSON: expected value at line 1 column 1.
The body must be a JSON object.
The field id is missing.
The field id must be a text, not a number.
The field id must not be empty.
The field name must not contain the character \u{0}.
The field address must not contain the character \u{20}.
The field video_address must be a text, not a list.
The field mode must be a whole number from 0 to 5, not another number.
The field mode must be a whole number from 0 to 5, not another number.
The field mode must be a whole number from 0 to 5, not another number.
The field mode must be a whole number from 0 to 5, not a text.
The field battery_voltage must be a number, not a text.
The body can't be read as JSON: number out of range at line 1 column 58.
The field pose must be an object of x, y and theta, not a list.
The field pose.theta is missing.
The field pose.y must be a number, not null.
The body can't be read as JSON: recursion limit exceeded at line 1 column 132."#);
        assert_eq!(refusal(heartbeat("[]")), "The body must be a JSON object.");
        let long = format!(r#"{{"id":"i","name":"{}","address":"a"}}"#, "ä".repeat(65));
        assert_eq!(refusal(register(&long)), "The field name may have at most 128 bytes, not 130.");
    }
}
