//! Units of measurements and limits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a number counts. In TOML, JSON and print it is the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is its text")]
pub enum Unit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "m")]
    Metres,
    #[serde(rename = "dB-Hz")]
    DbHz,
    #[serde(rename = "%")]
    Percent,
    #[serde(rename = "count")]
    Count,
    #[serde(rename = "Bd")]
    Baud,
    #[serde(rename = "Hz")]
    Hertz,
    #[serde(rename = "B")]
    Bytes,
    #[serde(rename = "B/s")]
    BytesPerSecond,
    #[serde(rename = "KiB")]
    Kibibytes,
    /// So many times the median of the same thing.
    #[serde(rename = "x")]
    Times,
}

impl Unit {
    /// All there are.
    pub const ALL: [Self; 12] = [
        Self::Seconds,
        Self::Milliseconds,
        Self::Metres,
        Self::DbHz,
        Self::Percent,
        Self::Count,
        Self::Baud,
        Self::Hertz,
        Self::Bytes,
        Self::BytesPerSecond,
        Self::Kibibytes,
        Self::Times,
    ];

    /// Its text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Metres => "m",
            Self::DbHz => "dB-Hz",
            Self::Percent => "%",
            Self::Count => "count",
            Self::Baud => "Bd",
            Self::Hertz => "Hz",
            Self::Bytes => "B",
            Self::BytesPerSecond => "B/s",
            Self::Kibibytes => "KiB",
            Self::Times => "x",
        }
    }

    /// The unit a text names.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.text() == text)
    }

    /// A value with as many places as anyone wants to read, and the unit.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        let places = match self {
            Self::Count | Self::Baud | Self::Bytes | Self::BytesPerSecond | Self::Kibibytes => 0,
            Self::Metres => 4,
            Self::Seconds | Self::Hertz => 2,
            Self::Milliseconds | Self::DbHz | Self::Percent | Self::Times => 1,
        };
        match self {
            Self::Count => format!("{value:.places$}"),
            _ => format!("{value:.places$} {}", self.text()),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_everywhere() {
        for unit in Unit::ALL {
            assert_eq!(serde_json::to_value(unit).unwrap(), unit.text());
            assert_eq!(Unit::of(unit.text()), Some(unit));
        }
        assert_eq!(Unit::of("sec"), None);
        assert_eq!(Unit::Metres.show(0.00123), "0.0012 m");
        assert_eq!(Unit::Count.show(20.0), "20");
    }
}
