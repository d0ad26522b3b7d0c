//! A part of a session: a stretch of time, one service, one connection.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use kit::machine::{ConnId, Timestamp};

use crate::session::Recorded;

/// Which part is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Differences before it aren't told.
    pub from: Option<When>,
    /// The replay ends there.
    pub until: Option<When>,
    /// Of whom.
    pub only: Option<Only>,
}

/// A moment of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// From its first event on.
    Since(Duration),
    /// On its time line.
    At(Timestamp),
}

/// One service, one connection, or one connection of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// None: of every service.
    pub service: Option<String>,
    /// None: the whole service.
    pub conn: Option<ConnId>,
}

/// A text that is no moment, or names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// No moment.
    #[error(
        "{0:?} is no moment; write it as a replay tells it: 12.5s, 3m or 1h from the start, or 2026-01-05T12:00:00Z"
    )]
    When(String),
    /// Nobody.
    #[error("{0:?} is no connection; write its number, a service's name, or both as dispatch/3")]
    Only(String),
}

impl Window {
    /// Whether a moment comes before what is compared.
    #[must_use]
    pub fn is_before(&self, at: Timestamp, first: Timestamp) -> bool {
        self.from.is_some_and(|from| at < from.at(first))
    }

    /// Whether a moment comes after the end.
    #[must_use]
    pub fn is_after(&self, at: Timestamp, first: Timestamp) -> bool {
        self.until.is_some_and(|until| at > until.at(first))
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

impl Window {
    /// Whether it ends before it begins, as far as that can be said without a session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match (self.from, self.until) {
            (Some(When::Since(from)), Some(When::Since(until))) => from > until,
            (Some(When::At(from)), Some(When::At(until))) => from > until,
            _ => false,
        }
    }

    /// Whether an event is in it; its end is looked at elsewhere.
    #[must_use]
    pub fn takes(&self, event: &Recorded, first: Timestamp) -> bool {
        let is_of = |only: &Only| {
            only.is_of(&event.service)
                && only.conn.is_none_or(|conn| crate::tools::conn_of(&event.body) == Some(conn))
        };
        !self.is_before(event.at, first) && self.only.as_ref().is_none_or(is_of)
    }
}

impl When {
    /// On the time line of a session whose first event was at `first`.
    #[must_use]
    pub fn at(self, first: Timestamp) -> Timestamp {
        match self {
            Self::Since(since) => first.saturating_add(since),
            Self::At(at) => at,
        }
    }
}

impl Only {
    /// Whether a service is meant, or a connection of it.
    #[must_use]
    pub fn is_of(&self, service: &str) -> bool {
        self.service.as_ref().is_none_or(|only| only == service)
    }
}

impl FromStr for When {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let error = || WindowError::When(text.to_owned());
        if text.contains('T') {
            let at: jiff::Timestamp = text.parse().map_err(|_| error())?;
            let at = Duration::try_from(at.as_duration()).map_err(|_| error())?;
            return Ok(Self::At(at));
        }
        let text = text.trim_start_matches('+').trim();
        let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(split).ok_or_else(error)?;
        let unit_s = match unit {
            "" | "s" => 1.0,
            "ms" => 1e-3,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(error()),
        };
        let number: f64 = number.trim().parse().map_err(|_| error())?;
        Duration::try_from_secs_f64(number * unit_s).map(Self::Since).map_err(|_| error())
    }
}

impl FromStr for Only {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let error = || WindowError::Only(text.to_owned());
        let conn = |text: &str| text.parse().ok().filter(|conn| *conn > 0);
        if let Some((service, number)) = text.split_once('/') {
            let conn = Some(conn(number).ok_or_else(error)?);
            return Ok(Self { service: Some(service.to_owned()).filter(|name| !name.is_empty()), conn });
        }
        match conn(text) {
            Some(conn) => Ok(Self { service: None, conn: Some(conn) }),
            None if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) => Err(error()),
            None => Ok(Self { service: Some(text.to_owned()), conn: None }),
        }
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.service, self.conn) {
            (Some(service), Some(conn)) => write!(f, "{service}/{conn}"),
            (Some(service), None) => f.write_str(service),
            (None, conn) => write!(f, "{}", conn.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_connections() {
        let since = |ms| Ok(When::Since(Duration::from_millis(ms)));
        for (text, when) in
            [("90", since(90_000)), ("+1.5 s", since(1500)), ("2m", since(120_000)), ("250ms", since(250))]
        {
            assert_eq!(text.parse(), when, "{text}");
        }
        assert_eq!("1970-01-01T00:00:05.250Z".parse(), Ok(When::At(Duration::from_millis(5250))));
        for bad in ["", "-1", "3d", "nan", "1960-01-01T00:00:00Z", "noon"] {
            assert!(bad.parse::<When>().is_err(), "{bad}");
        }
        for good in ["3", "dispatch", "dispatch/3"] {
            assert_eq!(good.parse::<Only>().map(|only| only.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "0", "3x", "dispatch/", "dispatch/x"] {
            assert!(bad.parse::<Only>().is_err(), "{bad}");
        }
    }
}
