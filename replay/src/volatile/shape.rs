//! What volatile values look like.

use jiff::Timestamp;
use serde_json::Value;

use super::Kind;

/// A volatile value, as far as its kind says what it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// To be mapped one to one.
    Name(String),
    TimeMs(i64),
    Count(i64),
    Number(f64),
    Anything,
}

/// The value as its kind has it; none if it isn't of that kind.
pub fn of(kind: Kind, value: &Value) -> Option<Shape> {
    match kind {
        Kind::Uuid => value.as_str().filter(|text| is_uuid(text)).map(|text| Shape::Name(text.to_owned())),
        Kind::Id => match value {
            Value::String(text) => Some(Shape::Name(text.clone())),
            Value::Number(number) if number.is_u64() => Some(Shape::Name(number.to_string())),
            _ => None,
        },
        Kind::Address => {
            value.as_str().filter(|text| is_address(text)).map(|text| Shape::Name(text.to_owned()))
        }
        Kind::Rfc3339 => {
            let time: Timestamp = value.as_str()?.parse().ok()?;
            Some(Shape::TimeMs(time.as_millisecond()))
        }
        Kind::UnixMs => value.as_i64().map(Shape::TimeMs),
        Kind::Seq => value.as_i64().map(Shape::Count),
        Kind::Number { .. } => value.as_f64().map(Shape::Number),
        Kind::Ignore => Some(Shape::Anything),
    }
}

/// What a person calls it.
pub fn described(kind: Kind) -> &'static str {
    match kind {
        Kind::Uuid => "a UUID",
        Kind::Id => "a text or a whole number",
        Kind::Address => "an address with a port",
        Kind::Rfc3339 => "an RFC 3339 time",
        Kind::UnixMs => "a time in milliseconds",
        Kind::Seq => "a whole number",
        Kind::Number { .. } => "a number",
        Kind::Ignore => "anything",
    }
}

/// RFC 9562 section 4: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let hyphens = [8, 13, 18, 23];
    text.len() == UUID_CHARS
        && text
            .bytes()
            .enumerate()
            .all(|(n, byte)| if hyphens.contains(&n) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// A sentence with its UUIDs taken out, and those; none if there are none, or it is nothing but one.
pub fn with_uuids(text: &str) -> Option<(String, Vec<String>)> {
    if text.len() <= UUID_CHARS {
        return None;
    }
    let (mut rest, mut uuids, mut last) = (String::new(), Vec::new(), None::<char>);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let end = at.saturating_add(UUID_CHARS);
        let follows = text.get(end..).and_then(|after| after.chars().next());
        // A longer word of the same letters is something else.
        let is_apart = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
        match text.get(at..end).filter(|part| is_uuid(part) && is_apart(last) && is_apart(follows)) {
            Some(uuid) => {
                uuids.push(uuid.to_owned());
                rest.push_str(PLACE);
                last = Some('>');
                let _ = chars.nth(UUID_CHARS.saturating_sub(2));
            }
            None => {
                rest.push(c);
                last = Some(c);
            }
        }
    }
    (!uuids.is_empty()).then_some((rest, uuids))
}

/// Where a UUID stood.
pub const PLACE: &str = "<uuid>";
/// Of a hyphenated UUID.
const UUID_CHARS: usize = 36;

/// `host:port`, perhaps as a part of a URL.
fn is_address(text: &str) -> bool {
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = after_scheme.split('/').next().unwrap_or_default();
    authority.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_sentence_has_its_uuids_taken_out() {
        let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let told = |text: String| with_uuids(&text).map(|(rest, uuids)| (rest, uuids.len()));
        assert_eq!(told(format!("Täsk {id} not found")), Some(("Täsk <uuid> not found".to_owned(), 1)));
        assert_eq!(told(format!("/a/{id}/b/{id}?c")), Some(("/a/<uuid>/b/<uuid>?c".to_owned(), 2)));
        assert_eq!(told(format!("{id},{id}")), Some(("<uuid>,<uuid>".to_owned(), 2)));
        for none in [id.to_owned(), format!("{id}0"), format!("x{id}"), format!("{id}-{id}"), String::new()] {
            assert_eq!(told(none.clone()), None, "{none}");
        }
    }

    #[test]
    fn a_value_has_its_shape_or_not() {
        for (kind, yes, no) in [
            (
                Kind::Uuid,
                vec![json!("67e55044-10b1-426f-9247-bb680e5fe0c8")],
                vec![json!("67e55044"), json!(1)],
            ),
            (Kind::Id, vec![json!("a"), json!(5)], vec![json!(-1), json!(true)]),
            (
                Kind::Address,
                vec![json!("10.0.0.1:80"), json!("[::1]:80"), json!("http://a.b:80/c")],
                vec![json!("10.0.0.1"), json!(":80"), json!("a:x"), json!("a b:1")],
            ),
            (
                Kind::Rfc3339,
                vec![json!("2026-01-05T12:00:00Z"), json!("2026-01-05T12:00:00.123456+01:00")],
                vec![json!("2026-01-05"), json!("yesterday"), json!(5)],
            ),
            (Kind::UnixMs, vec![json!(1_790_000_000_000_u64)], vec![json!(1.5), json!("1")]),
            (Kind::Seq, vec![json!(0), json!(-3)], vec![json!(1.5), json!(u64::MAX)]),
            (Kind::Number { tolerance: 0.0 }, vec![json!(0), json!(-3.5)], vec![json!("1")]),
            (Kind::Ignore, vec![json!(null), json!({})], vec![]),
        ] {
            yes.iter().for_each(|value| assert!(of(kind, value).is_some(), "{kind:?} {value}"));
            no.iter().for_each(|value| assert!(of(kind, value).is_none(), "{kind:?} {value}"));
        }
    }
}
