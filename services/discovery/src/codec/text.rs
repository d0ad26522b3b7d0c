//! Which ids, names and addresses can be used.

/// An id or name may be this long, bytes of UTF-8; a longer one is refused.
pub const LABEL_BYTES: usize = 128;
/// An address may be this long, bytes; a longer one is refused.
pub const ADDRESS_BYTES: usize = 256;

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing in it.
    #[error("must not be empty")]
    Empty,
    /// Too much in it.
    #[error("may have at most {max_bytes} bytes, not {found_bytes}")]
    Long {
        /// The bound.
        max_bytes: usize,
        /// Its length.
        found_bytes: usize,
    },
    /// A character that doesn't belong there.
    #[error("must not contain the character {}", found.escape_unicode())]
    Character {
        /// The first one.
        found: char,
    },
}

/// Whether a text can be used.
pub type Check = fn(&str) -> Result<(), TextError>;

/// An id or a name: anything that can be read.
pub fn label(text: &str) -> Result<(), TextError> {
    sized(text, LABEL_BYTES)?;
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    without(text, is_unreadable)
}

/// A host, with or without port, scheme and path: no white space, no quotes, nothing that breaks out of a URL.
pub fn address(text: &str) -> Result<(), TextError> {
    sized(text, ADDRESS_BYTES)?;
    without(text, |c| {
        is_unreadable(c) || c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '\\' | '`')
    })
}

fn sized(text: &str, max_bytes: usize) -> Result<(), TextError> {
    match text.len() {
        0 => Err(TextError::Empty),
        found_bytes if found_bytes > max_bytes => Err(TextError::Long { max_bytes, found_bytes }),
        _ => Ok(()),
    }
}

fn without(text: &str, refused: impl Fn(char) -> bool) -> Result<(), TextError> {
    match text.chars().find(|c| refused(*c)) {
        Some(found) => Err(TextError::Character { found }),
        None => Ok(()),
    }
}

/// Control characters, line ends, and what makes a line read in another order than it is written: a console
/// would show another name than the rover's.
fn is_unreadable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_free_but_readable() {
        for good in
            ["bvr-01", "Bär 7", "机器人", "a/b", "..", "O'Neill \"R2\"", "x".repeat(LABEL_BYTES).as_str()]
        {
            assert_eq!(label(good), Ok(()), "{good}");
        }
        assert_eq!(label(""), Err(TextError::Empty));
        assert_eq!(label("  "), Err(TextError::Empty));
        for found in ['\0', '\n', '\u{7F}', '\u{85}', '\u{2028}', '\u{202E}', '\u{FEFF}'] {
            assert_eq!(label(&format!("a{found}")), Err(TextError::Character { found }));
        }
        assert!(matches!(label(&"x".repeat(LABEL_BYTES + 1)), Err(TextError::Long { .. })));
    }

    #[test]
    fn addresses_are_hosts_or_urls() {
        for good in ["10.0.0.21:4850", "ws://bvr-01.local:4850/ws?x=1&y=2", "[fe80::1%25eth0]:4850"] {
            assert_eq!(address(good), Ok(()), "{good}");
        }
        for bad in ["", "a b", "a\tb", "\"", "<script>", "a\\b", "a\0", &"x".repeat(ADDRESS_BYTES + 1)] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
