//! Which values of a JSON text are meant.

use std::fmt;
use std::str::FromStr;

/// Steps of one selector; a longer one is refused.
const MAX_STEPS: usize = 32;

/// `$`, then `.name`, `["any name"]`, `[0]`, `.*` or `[*]` (any child), `..name` (at any depth).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// With any steps before it.
    deep: bool,
    /// None: any.
    key: Option<Key>,
}

/// One step down from a value to a child of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A member's name.
    Name(String),
    /// A place in a list.
    Index(usize),
}

/// Why a selector can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the selector {selector} can't be read from its character {at} on; write $, then .name, [\"name\"], [0], [*] or ..name"
)]
pub struct SelectorError {
    /// As written.
    pub selector: String,
    /// From 1.
    pub at: usize,
}

impl Selector {
    /// Whether it selects what stands there.
    #[must_use]
    pub fn matches(&self, path: &[Key]) -> bool {
        matches(&self.steps, path)
    }
}

fn matches(steps: &[Step], path: &[Key]) -> bool {
    let Some((step, later)) = steps.split_first() else { return path.is_empty() };
    let here = |path: &[Key]| {
        path.split_first().is_some_and(|(key, below)| {
            step.key.as_ref().is_none_or(|wanted| wanted == key) && matches(later, below)
        })
    };
    if step.deep { (0..path.len()).any(|n| path.get(n..).is_some_and(here)) } else { here(path) }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let error = |rest: &str| SelectorError {
            selector: text.to_owned(),
            at: text.chars().count().saturating_sub(rest.chars().count()).saturating_add(1),
        };
        let mut rest = text.strip_prefix('$').ok_or_else(|| error(text))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = step(rest).ok_or_else(|| error(rest))?;
            if steps.len() == MAX_STEPS {
                return Err(error(rest));
            }
            steps.push(step);
            rest = after;
        }
        Ok(Self { steps })
    }
}

fn step(text: &str) -> Option<(Step, &str)> {
    let (deep, text) = match text.strip_prefix("..") {
        Some(after) => (true, after),
        None => (false, text.strip_prefix('.').unwrap_or(text)),
    };
    let bracket = text.starts_with('[');
    let (key, rest) = match text.strip_prefix('[') {
        Some(inside) => {
            let mut values = serde_json::Deserializer::from_str(inside).into_iter::<serde_json::Value>();
            match inside.strip_prefix("*]") {
                Some(rest) => (None, rest),
                None => {
                    let key = match values.next()?.ok()? {
                        serde_json::Value::String(name) => Key::Name(name),
                        number => Key::Index(usize::try_from(number.as_u64()?).ok()?),
                    };
                    (Some(key), inside.get(values.byte_offset()..)?.strip_prefix(']')?)
                }
            }
        }
        None => {
            let end = text.find(['.', '[']).unwrap_or(text.len());
            let (name, rest) = text.split_at_checked(end)?;
            ((name != "*").then(|| Key::Name(name.to_owned())), rest)
        }
    };
    let named = !matches!(&key, Some(Key::Name(name)) if name.is_empty() && !bracket);
    named.then_some((Step { deep, key }, rest))
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for Step { deep, key } in &self.steps {
            match (deep, key) {
                (true, Some(Key::Name(name))) => write!(f, "..{name}")?,
                (true, _) => f.write_str("..")?,
                (false, _) => {}
            }
            match key {
                Some(key @ Key::Name(_)) if !deep => f.write_str(&path(std::slice::from_ref(key))[1..])?,
                Some(Key::Name(_)) => {}
                Some(Key::Index(n)) => write!(f, "[{n}]")?,
                None => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

/// `$.data[0].id`.
pub(super) fn path(keys: &[Key]) -> String {
    let mut text = String::from("$");
    for key in keys {
        match key {
            Key::Name(name) => crate::diff::push_name(&mut text, name),
            Key::Index(n) => text.push_str(&format!("[{n}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(path: &str) -> Vec<Key> {
        let key = |part: &str| part.parse().map_or_else(|_| Key::Name(part.to_owned()), Key::Index);
        path.split_terminator('/').map(key).collect()
    }

    #[test]
    fn a_selector_selects() {
        for (selector, path, is) in [
            ("$", "", true),
            ("$", "a", false),
            ("$.a", "a", true),
            ("$.a", "a/b", false),
            ("$.a[*].id", "a/3/id", true),
            ("$.a[3].id", "a/3/id", true),
            ("$.a[2].id", "a/3/id", false),
            ("$.*.id", "a/id", true),
            ("$..id", "id", true),
            ("$..id", "a/3/id", true),
            ("$..id", "a/3/id/x", false),
            ("$..data[*].id", "x/data/7/id", true),
            ("$..data..id", "data/1/2/id", true),
            ("$[\"b c\"]", "b c", true),
            ("$..[0]", "a/0", true),
        ] {
            let read: Selector = selector.parse().unwrap();
            assert_eq!(read.matches(&keys(path)), is, "{selector} {path}");
            assert_eq!(read.to_string().parse::<Selector>().unwrap(), read, "{read}");
        }
    }

    #[test]
    fn a_bad_selector_says_where() {
        for (selector, at) in
            [("", 1), ("a.b", 1), ("$.", 2), ("$.a[", 4), ("$.a[x]", 4), ("$.a...b", 4), ("$.a[-1]", 4)]
        {
            let error = selector.parse::<Selector>().unwrap_err();
            assert_eq!((error.at, error.selector.as_str()), (at, selector));
        }
        assert!("$.a".repeat(3).parse::<Selector>().is_ok());
        assert!(format!("${}", ".a".repeat(33)).parse::<Selector>().is_err());
    }
}
