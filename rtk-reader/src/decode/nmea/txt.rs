//! TXT: text transmission.
//!
//! ```text
//!         1  2  3  4
//! $GNTXT,01,01,00,txbuf alloc*61
//! ```

use serde::Serialize;

use super::{Fields, Reason};

/// Text transmission.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct Txt {
    /// Sentences in the message.
    pub sentences: u8,
    /// This one's number, from 1.
    pub sentence: u8,
    /// u-blox: 0 error, 1 warning, 2 notice, 7 user.
    pub identifier: u8,
    /// As sent.
    pub text: String,
}

impl Txt {
    pub(super) fn read(data: &str) -> Result<Self, Reason> {
        let mut f = Fields::new(data, 4)?;
        Ok(Self {
            sentences: f.required_integer()?,
            sentence: f.required_integer()?,
            identifier: f.required_integer()?,
            text: f.remainder().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Body,
        tests::{body, reason},
    };
    use super::*;

    #[test]
    fn reads() {
        let expected = Txt { sentences: 1, sentence: 1, identifier: 0, text: "txbuf alloc".to_owned() };
        assert_eq!(body("GNTXT,01,01,00,txbuf alloc"), Body::Txt(expected));
    }

    #[test]
    fn refuses() {
        assert_eq!(
            reason("GNTXT,01,,00,txbuf alloc"),
            "field 2: expected a whole number in range, found \"\""
        );
    }
}
