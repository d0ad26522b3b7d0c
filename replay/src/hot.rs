//! Reads the bodies that make up nearly all of a session faster than their types' own `Deserialize`.
//!
//! An enum tagged by a member is first read into a tree and then into its variant, because the tag may stand
//! anywhere. As we write it, it stands first: so it can be looked at, and the variant read at once. What
//! doesn't begin just so, or can't be read just so, is left to the types themselves, and so is every error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kit::machine::{Input, Output, StreamEvent};
use kit::tap::Body;
use serde::Deserialize;

/// The body, if it is one of the frequent ones.
pub fn decode(data: &[u8]) -> Option<Body> {
    let (tag, rest) = tag(data, br#"{"kind":""#)?;
    match tag {
        b"timer" => (rest == b"}").then_some(Body::In(Input::Timer)),
        b"stream" => {
            let (tag, _) = self::tag(rest, br#","event":{"event":""#)?;
            let Stream { event: Bytes { received_at_ns, bytes } } =
                (tag == b"bytes").then(|| read::<Stream>(data)).flatten()?;
            let bytes = STANDARD.decode(bytes).ok()?;
            Some(Body::In(Input::Stream { event: StreamEvent::Bytes { received_at_ns, bytes } }))
        }
        b"text" => {
            let Text { conn, text } = read(data)?;
            Some(Body::In(Input::Text { conn, text: text.into() }))
        }
        b"send" => {
            let Send { conn, text, key } = read(data)?;
            Some(Body::Out(Output::Send { conn, text: text.into(), key }))
        }
        b"publish" => {
            let Publish { path, text, key } = read(data)?;
            Some(Body::Out(Output::Publish { path, text: text.into(), key }))
        }
        _ => None,
    }
}

/// The tag after `before`, and what follows its closing quote.
fn tag<'a>(data: &'a [u8], before: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let rest = data.strip_prefix(before)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let (tag, rest) = rest.split_at_checked(end)?;
    Some((tag, rest.strip_prefix(b"\"")?))
}

fn read<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Option<T> {
    serde_json::from_slice(data).ok()
}

#[derive(Deserialize)]
struct Stream<'a> {
    #[serde(borrow)]
    event: Bytes<'a>,
}

#[derive(Deserialize)]
struct Bytes<'a> {
    received_at_ns: u64,
    /// Base64 needs no escapes.
    bytes: &'a str,
}

#[derive(Deserialize)]
struct Text {
    conn: u64,
    text: String,
}

#[derive(Deserialize)]
struct Send {
    conn: u64,
    text: String,
    key: Option<u64>,
}

#[derive(Deserialize)]
struct Publish {
    path: String,
    text: String,
    key: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body() -> impl Strategy<Value = Body> {
        let text = || ".{0,40}";
        prop_oneof![
            Just(Body::In(Input::Timer)),
            (any::<u64>(), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(
                |(received_at_ns, bytes)| {
                    Body::In(Input::Stream { event: StreamEvent::Bytes { received_at_ns, bytes } })
                }
            ),
            (any::<u64>(), text()).prop_map(|(conn, text)| Body::In(Input::Text { conn, text: text.into() })),
            (any::<u64>(), text(), any::<Option<u64>>())
                .prop_map(|(conn, text, key)| Body::Out(Output::Send { conn, text: text.into(), key })),
            (text(), text(), any::<Option<u64>>()).prop_map(|(path, text, key)| Body::Out(Output::Publish {
                path,
                text: text.into(),
                key
            })),
        ]
    }

    proptest! {
        /// The frequent ones are all read here, and as their types read them.
        #[test]
        fn reads_what_the_types_read(body in body()) {
            let mut json = Vec::new();
            crate::format::encode(&body, &mut json).unwrap();
            match (decode(&json), body) {
                (Some(Body::In(found)), Body::In(input)) => {
                    prop_assert_eq!(&found, &input);
                    prop_assert_eq!(serde_json::from_slice::<Input>(&json).unwrap(), input);
                }
                (Some(Body::Out(found)), Body::Out(output)) => {
                    prop_assert_eq!(&found, &output);
                    prop_assert_eq!(serde_json::from_slice::<Output>(&json).unwrap(), output);
                }
                (found, body) => prop_assert!(false, "{body:?} was read as {found:?}"),
            }
        }
    }

    #[test]
    fn leaves_all_else_to_the_types() {
        for other in [
            r#"{"kind":"timer","later":"versions may add"}"#,
            r#"{ "kind":"timer"}"#,
            r#"{"text":"a","kind":"text","conn":1}"#,
            r#"{"kind":"text","conn":-1,"text":"a"}"#,
            r#"{"kind":"text","conn":1}"#,
            r#"{"kind":"stream","event":{"event":"ended"}}"#,
            r#"{"kind":"stream","event":{"event":"bytes","received_at_ns":5,"bytes":"J!"}}"#,
            r#"{"kind":"lagged","conn":1}"#,
            r#"{"kind":"#,
            r#"{"kind":""#,
            "",
        ] {
            assert!(decode(other.as_bytes()).is_none(), "{other}");
        }
    }
}
