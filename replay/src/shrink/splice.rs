//! Changes one place of a JSON text and leaves every other byte as it is: the order of keys, white space, how a
//! number is written. What takes its place is cut from another text, byte for byte, too.

use std::ops::Range;

use super::failure::Key;

/// `text` with what `source` has at a place: its value there, nothing if it has none. None if either is no JSON,
/// or the place's parent isn't in both. A list that ends before the place is ended, or filled up, from there.
pub fn splice(text: &str, path: &[Key], source: &str) -> Option<String> {
    let Some((last, parents)) = path.split_last() else { return Some(source.to_owned()) };
    let (ours, theirs) = (children(text, parents)?, children(source, parents)?);
    let (here, there) = (position(&ours, last), position(&theirs, last));
    let cut = |range: Range<usize>| source.get(range);
    match (here.and_then(|at| ours.get(at)), there.and_then(|at| theirs.get(at))) {
        (Some(old), Some(new)) => replaced(text, old.value.clone(), cut(new.value.clone())?),
        (Some(old), None) => {
            let at = here?;
            let last = if matches!(last, Key::Index(_)) { ours.last()? } else { old };
            let range = match (at.checked_sub(1).and_then(|at| ours.get(at)), ours.get(at + 1)) {
                (Some(before), _) => before.value.end..last.value.end,
                (None, Some(next)) if old.key.is_some() => old.start..next.start,
                (None, _) => old.start..last.value.end,
            };
            replaced(text, range, "")
        }
        (None, Some(new)) => {
            let at = there?;
            let last = if matches!(last, Key::Index(_)) { theirs.last()? } else { new };
            let whole = cut(new.start..last.value.end)?;
            // Behind the nearest that both have before it.
            let before = theirs.get(..at)?.iter().rev().find_map(|theirs| {
                ours.iter().enumerate().find(|(n, ours)| match &theirs.key {
                    Some(key) => ours.key.as_ref() == Some(key),
                    None => n + 1 == at,
                })
            });
            match (before, ours.first()) {
                (Some((_, before)), _) => {
                    let comma = at
                        .checked_sub(1)
                        .and_then(|at| cut(theirs.get(at)?.value.end..new.start))
                        .unwrap_or(",");
                    replaced(text, before.value.end..before.value.end, &format!("{comma}{whole}"))
                }
                (None, Some(first)) => replaced(text, first.start..first.start, &format!("{whole},")),
                (None, None) => {
                    let inside = value_at(text, parents)?.start.checked_add(1)?;
                    replaced(text, inside..inside, whole)
                }
            }
        }
        (None, None) => None,
    }
}

/// A member of an object, or an element of a list.
struct Child {
    /// The member's name.
    key: Option<String>,
    /// Of the name, or the element.
    start: usize,
    value: Range<usize>,
}

fn replaced(text: &str, range: Range<usize>, with: &str) -> Option<String> {
    Some(format!("{}{with}{}", text.get(..range.start)?, text.get(range.end..)?))
}

fn position(children: &[Child], key: &Key) -> Option<usize> {
    match key {
        // Of two members of one name the last counts, as it does to whoever reads them.
        Key::Name(name) => children.iter().rposition(|child| child.key.as_ref() == Some(name)),
        Key::Index(at) => (*at < children.len()).then_some(*at),
    }
}

fn children(text: &str, path: &[Key]) -> Option<Vec<Child>> {
    let value = value_at(text, path)?;
    Cursor { text, at: value.start }.children()
}

fn value_at(text: &str, path: &[Key]) -> Option<Range<usize>> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip_space();
    let mut value = cursor.value()?;
    for key in path {
        let mut children = Cursor { text, at: value.start }.children()?;
        let at = position(&children, key)?;
        value = children.swap_remove(at).value;
    }
    Some(value)
}

/// Walks over text that is known to be JSON.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, is: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&is) {
            self.at += 1;
        }
    }

    fn skip_space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    }

    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(start..self.at)
    }

    /// Its whole range; the cursor is behind it.
    fn value(&mut self) -> Option<Range<usize>> {
        let (start, mut depth) = (self.at, 0_usize);
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                _ if depth > 0 => self.at += 1,
                _ => self.skip(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n')),
            }
            if depth == 0 {
                return Some(start..self.at);
            }
        }
    }

    /// Of the object or list that begins here.
    fn children(&mut self) -> Option<Vec<Child>> {
        let is_object = match self.peek()? {
            b'{' => true,
            b'[' => false,
            _ => return None,
        };
        self.at += 1;
        let mut children = Vec::new();
        loop {
            self.skip(|byte| matches!(byte, b',' | b' ' | b'\t' | b'\r' | b'\n'));
            if matches!(self.peek()?, b'}' | b']') {
                return Some(children);
            }
            let (start, mut key) = (self.at, None);
            if is_object {
                let name = self.string()?;
                key = Some(serde_json::from_str(self.text.get(name)?).ok()?);
                self.skip(|byte| matches!(byte, b':' | b' ' | b'\t' | b'\r' | b'\n'));
            }
            children.push(Child { key, start, value: self.value()? });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::place;
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn spliced(found: &str, expected: &str) -> Option<String> {
        let json = |text| serde_json::from_str::<Value>(text).unwrap();
        let place = place(&json(expected), &json(found), "")?;
        splice(found, &place.path, expected)
    }

    #[test]
    fn one_place_is_changed_and_no_other_byte() {
        for (found, expected) in [
            (r#"{"z":1,"a":2}"#, r#"{"z":1,"a":2.50}"#),
            (r#"{ "z" : [1, 2] , "a":"x"}"#, r#"{ "z" : [1, 3e0] , "a":"x"}"#),
            (r#"{"z":1,"b":2}"#, r#"{"z":1, "a": [ ],"b":2}"#),
            (r#"{"z":1, "a": [ ],"b":2}"#, r#"{"z":1,"b":2}"#),
            (r#"{"z":1,"b":2}"#, r#"{"b":2}"#),
            (r#"{"b":2}"#, r#"{"z":1,"b":2}"#),
            (r#"{"a":{}}"#, r#"{"a":{"b":"\"}"}}"#),
            (r#"{"a":{"b":"\"}"}}"#, r#"{"a":{}}"#),
            (r#"{"a":[]}"#, r#"{"a":[1,2]}"#),
            (r#"{"a":[1,2,3]}"#, r#"{"a":[1]}"#),
            (r#"{"a":[1]}"#, r#"{"a":[1,2,{"x":"]"}]}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[]}"#),
            (r#"{"q\"ä":1,"a":true}"#, r#"{"q\"ä":null,"a":true}"#),
            ("1", "[2]"),
        ] {
            assert_eq!(spliced(found, expected).as_deref(), Some(expected), "{found}");
        }
        // What differs elsewhere stays.
        assert_eq!(spliced(r#"{"b":1,"a":1}"#, r#"{"b":2,"a":2}"#).as_deref(), Some(r#"{"b":1,"a":2}"#));
        assert_eq!(splice("{", &[Key::Name("a".to_owned())], "{}"), None);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[\"\\\\{}\\[\\]:,ä ]{0,4}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c\"]{1,2}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn place_by_place_one_text_becomes_the_other(found in json(), expected in json()) {
            let goal = expected.to_string();
            let mut text = found.to_string();
            for _ in 0..200 {
                match spliced(&text, &goal) {
                    Some(next) => text = next,
                    None => break,
                }
            }
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        }
    }
}
