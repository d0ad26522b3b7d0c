//! Says in a sentence what is wrong with a JSON text that wasn't understood.
//!
//! What is understood is read by serde into its type, at once. Only what isn't comes here: serde's own words are
//! for programmers, and name no field.

use serde_json::{Value, error::Category};

/// How deep JSON from outside may be nested; deeper is refused before it is parsed.
pub const MAX_DEPTH: usize = 64;

/// What a value should look like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A text.
    Text,
    /// A number.
    Number,
    /// A whole number of that range.
    Whole {
        /// The least.
        min: i64,
        /// The most.
        max: u64,
    },
    /// True or false.
    Flag,
    /// A UUID as text.
    Uuid,
    /// One of these texts.
    Word(&'static [&'static str]),
    /// A list.
    List(&'static Shape),
    /// An object; members it doesn't name may be anything.
    Object(&'static [Field]),
}

/// A member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub shape: Shape,
    /// It may be left out or null.
    pub optional: bool,
}

/// A member that must be there.
#[must_use]
pub const fn must(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, optional: false }
}

/// A member that may be left out or null.
#[must_use]
pub const fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, optional: true }
}

/// Whether `text` is nested deeper than [`MAX_DEPTH`], if it is JSON.
#[must_use]
pub fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// One sentence that says why `text`, called `what` (`body`, `frame`), isn't `shape`; `error` is what serde said.
#[must_use]
pub fn explain(what: &str, text: &str, shape: &Shape, error: &serde_json::Error) -> String {
    if is_too_deep(text) {
        return format!("The {what} is nested deeper than {MAX_DEPTH} levels.");
    }
    match serde_json::from_str::<Value>(text) {
        Err(_) if text.trim().is_empty() => format!("The {what} is empty; JSON belongs there."),
        Err(error) => match error.classify() {
            Category::Eof => format!("The {what} is cut off: the JSON doesn't end."),
            _ => {
                let (line, column) = (error.line(), error.column());
                format!("The {what} isn't JSON that can be read, from line {line} column {column} on.")
            }
        },
        Ok(value) => told(what, &value, shape).unwrap_or_else(|| {
            let (line, column) = (error.line(), error.column());
            format!("The {what} isn't understood at line {line} column {column}: is a field there twice?")
        }),
    }
}

/// The same of a text that serde took for what it should be: it also takes lists for objects. None if it fits.
#[must_use]
pub fn misfit(what: &str, text: &str, shape: &Shape) -> Option<String> {
    told(what, &serde_json::from_str(text).ok()?, shape)
}

fn told(what: &str, value: &Value, shape: &Shape) -> Option<String> {
    let Wrong { path, fault } = wrong(value, shape, "")?;
    Some(match (path.as_str(), fault) {
        ("", Fault::Missing) => format!("The {what} is missing."),
        ("", Fault::Other { expected, found }) => format!("The {what} must be {expected}, not {found}."),
        (path, Fault::Missing) => format!("The field {path} is missing."),
        (path, Fault::Other { expected, found }) => {
            format!("The field {path} must be {expected}, not {found}.")
        }
    })
}

/// What kind of value this is, for a sentence.
#[must_use]
pub const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

struct Wrong {
    path: String,
    fault: Fault,
}

enum Fault {
    Missing,
    Other { expected: String, found: &'static str },
}

/// The first place that doesn't fit.
fn wrong(value: &Value, shape: &Shape, path: &str) -> Option<Wrong> {
    let fits = match (shape, value) {
        (Shape::Text, Value::String(_))
        | (Shape::Number, Value::Number(_))
        | (Shape::Flag, Value::Bool(_)) => true,
        (Shape::Whole { min, max }, Value::Number(number)) => {
            let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            whole.is_some_and(|whole| (i128::from(*min)..=i128::from(*max)).contains(&whole))
        }
        (Shape::Uuid, Value::String(text)) => is_uuid(text),
        (Shape::Word(words), Value::String(text)) => words.contains(&text.as_str()),
        (Shape::List(of), Value::Array(values)) => {
            let mut numbered = values.iter().enumerate();
            return numbered.find_map(|(n, value)| wrong(value, of, &format!("{path}[{n}]")));
        }
        (Shape::Object(fields), Value::Object(members)) => {
            return fields.iter().find_map(|field| {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{}", field.name);
                match members.get(field.name) {
                    None | Some(Value::Null) if field.optional => None,
                    None => Some(Wrong { path, fault: Fault::Missing }),
                    Some(value) => wrong(value, &field.shape, &path),
                }
            });
        }
        _ => false,
    };
    let found = match (shape, value) {
        (Shape::Whole { .. }, Value::Number(_)) => "another number",
        (Shape::Uuid | Shape::Word(_), Value::String(_)) => "another text",
        _ => kind(value),
    };
    (!fits).then(|| Wrong { path: path.to_owned(), fault: Fault::Other { expected: expected(shape), found } })
}

/// As people and this project write it: 36 characters, hexadecimal, with hyphens.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(n, byte)| match n {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Text => "a text".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::Whole { min: i64::MIN, .. } => "a whole number".to_owned(),
        Shape::Whole { min, max } => format!("a whole number from {min} to {max}"),
        Shape::Flag => "true or false".to_owned(),
        Shape::Uuid => "an id (a UUID)".to_owned(),
        Shape::Word(words) => match words.split_last() {
            Some((last, [])) => format!("\"{last}\""),
            Some((last, before)) => format!("\"{}\" or \"{last}\"", before.join("\", \"")),
            None => "nothing".to_owned(),
        },
        Shape::List(_) => "a list".to_owned(),
        Shape::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: Shape = Shape::Object(&[must("x", Shape::Number), may("theta", Shape::Number)]);
    const THING: Shape = Shape::Object(&[
        must("name", Shape::Text),
        may("kind", Shape::Word(&["a", "b", "c"])),
        may("lap", Shape::Whole { min: 0, max: 9 }),
        may("step", Shape::Whole { min: -5, max: u64::MAX }),
        may("on", Shape::Flag),
        may("id", Shape::Uuid),
        may("points", Shape::List(&POINT)),
    ]);

    fn told(text: &str) -> String {
        let error = serde_json::from_str::<u8>("x").unwrap_err();
        explain("body", text, &THING, &error)
    }

    #[test]
    fn the_first_wrong_place_is_named() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        let bodies = [
            "",
            r#"{"name":"#,
            "hello",
            "[]",
            "{}",
            r#"{"name":null}"#,
            r#"{"name":7}"#,
            r#"{"name":"n","kind":"d"}"#,
            r#"{"name":"n","kind":true}"#,
            r#"{"name":"n","lap":10}"#,
            r#"{"name":"n","lap":-1}"#,
            r#"{"name":"n","lap":1.5}"#,
            r#"{"name":"n","lap":12345678901234567890}"#,
            r#"{"name":"n","lap":123456789012345678901234567890}"#,
            r#"{"name":"n","step":-6}"#,
            r#"{"name":"n","name":"m"}"#,
            r#"{"name":"n","on":"yes"}"#,
            r#"{"name":"n","id":"7"}"#,
            r#"{"name":"n","points":{"x":1}}"#,
            r#"{"name":"n","points":[{"x":1},{"x":"1"}]}"#,
            r#"{"name":"n","points":[{"x":1},{"theta":1}]}"#,
            r#"{"name":"n","step":12345678901234567890,"lap":null,"more":[[]]}"#,
            deep.as_str(),
        ];
        insta::assert_snapshot!(bodies.map(told).join("\n"), @r#"The body is empty; JSON belongs there.
The body is cut off: the JSON doesn't end.
The body isn't JSON that can be read, from line 1 column 1 on.
The body must be an object, not a list.
The field name is missing.
The field name must be a text, not null.
The field name must be a text, not a number.
The field kind must be "a", "b" or "c", not another text.
The field kind must be "a", "b" or "c", not true or false.
The field lap must be a whole number from 0 to 9, not another number.
The field lap must be a whole number from 0 to 9, not another number.
The field lap must be a whole number from 0 to 9, not another number.
The field lap must be a whole number from 0 to 9, not another number.
The field lap must be a whole number from 0 to 9, not another number.
The field step must be a whole number from -5 to 18446744073709551615, not another number.
The body isn't understood at line 1 column 1: is a field there twice?
The field on must be true or false, not a text.
The field id must be an id (a UUID), not another text.
The field points must be a list, not an object.
The field points[1].x must be a number, not a text.
The field points[1].x is missing.
The body isn't understood at line 1 column 1: is a field there twice?
The body is nested deeper than 64 levels."#);
    }

    #[test]
    fn depth_is_that_of_the_structure() {
        assert!(!is_too_deep(&"[".repeat(MAX_DEPTH)));
        assert!(is_too_deep(&"{".repeat(MAX_DEPTH + 1)));
        assert!(!is_too_deep(&format!("\"{}\"", "[".repeat(100))));
        assert!(!is_too_deep(&"[]".repeat(100)));
        assert!(is_too_deep(&format!(r#""\"[",{}"#, "[".repeat(MAX_DEPTH + 1))));
    }
}
