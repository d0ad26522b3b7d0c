//! Short ASCII strings held in place: a talker or an address costs no allocation.

use std::fmt;

use serde::{Serialize, Serializer};

/// At most `N` ASCII characters; what is longer is cut, what isn't printable ASCII becomes `?`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ascii<const N: usize> {
    // Behind the text only zeros, so that equality is that of the texts.
    bytes: [u8; N],
}

impl<const N: usize> Ascii<N> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.bytes.iter().position(|&b| b == 0).unwrap_or(N);
        self.bytes.get(..end).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl<const N: usize> std::ops::Deref for Ascii<N> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> Default for Ascii<N> {
    fn default() -> Self {
        Self { bytes: [0; N] }
    }
}

impl<const N: usize> From<&str> for Ascii<N> {
    fn from(text: &str) -> Self {
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(text.bytes()) {
            *to = if matches!(from, b' '..=b'~') { from } else { b'?' };
        }
        Self { bytes }
    }
}

impl<const N: usize> PartialEq<str> for Ascii<N> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl<const N: usize> PartialEq<&str> for Ascii<N> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl<const N: usize> fmt::Display for Ascii<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Ascii<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> Serialize for Ascii<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_and_replaces() {
        assert_eq!(Ascii::<2>::from("GNSS"), "GN");
        assert_eq!(Ascii::<4>::from("a\u{0}é"), "a???");
        assert!(Ascii::<2>::default().is_empty());
    }
}
