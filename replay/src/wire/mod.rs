//! Replays a session at wire level: its clients speak again, with a live service, over real sockets.
//!
//! What the recorded clients did (requests, WebSockets opened, frames, closes, a receiver's bytes) is done
//! again, in the recorded order; what they are told is compared, client by client, with what they were told.
//! Ids and times differ from day to day: the rules of [`crate::volatile`] say which values do, and an id that
//! the live service draws stands in for the recorded one in everything that is said later.
//!
//! - `script`: what the clients did, and what each was told.
//! - `client`: their sockets. `drive`: who speaks when, and waits for what.
//! - `track`: which of the messages that came is which. `names`: what is called how.
//! - `verdict`: the comparison, once all is said.
//!
//! **Causality.** An input is not sent before the answers to requests that it was recorded after, nor before
//! the service has taken what other clients said before it (a ping behind it came back), nor before the
//! ids in it are known. That holds at any rate; [`Rate`] says what else is waited for.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use crate::report::{self, Report};
use crate::session::Session;
use crate::volatile::Rules;
use crate::window::Window;

mod client;
mod drive;
mod names;
mod script;
mod track;
mod verdict;

/// Events of the played services that are held in memory; a longer session is refused.
pub const MAX_EVENTS: usize = 4_000_000;

/// How to play.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which service is where.
    pub targets: BTreeMap<String, Url>,
    /// When inputs are sent.
    pub rate: Rate,
    /// An answer that hasn't come by then is missing.
    pub answer_within: Duration,
}

/// When an input is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// So many times as fast as recorded.
    Times(f64),
    /// As soon as its causes are there.
    Asap,
    /// As soon as everything that was told before it has been told.
    Lockstep,
}

/// Where a service is: `http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `HOST:PORT`.
    authority: String,
}

/// A text that isn't what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Of `--url`.
    #[error(
        "{0:?} names no live service; write SERVICE=URL, as dispatch=http://127.0.0.1:4890 (without TLS)"
    )]
    Target(String),
    /// Of `--rate`.
    #[error(
        "{0:?} is no rate; write lockstep, asap, or how many times as fast as recorded, from 0.001 to 1000000"
    )]
    Rate(String),
}

/// Why a session can't be played at all.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The file.
    #[error("cannot read {name} again: {source}; leave the file in place during the replay")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It doesn't fit in memory.
    #[error("{name} has more than {MAX_EVENTS} events of these services; play a part of it with --until")]
    TooLong {
        /// Its name.
        name: String,
    },
    /// None of the services is in it.
    #[error("{name} has no client of {wanted} that could be played; it holds {held}")]
    Nothing {
        /// The session.
        name: String,
        /// Named with `--url`.
        wanted: String,
        /// What it has instead.
        held: String,
    },
    /// Nobody listens.
    #[error("{service} can't be reached at http://{authority}: {source}; start it, or correct --url")]
    Unreachable {
        /// The service.
        service: String,
        /// `HOST:PORT`.
        authority: String,
        /// Why.
        source: io::Error,
    },
    /// No runtime for the sockets.
    #[error("could not start: {0}")]
    Start(io::Error),
}

impl WireError {
    /// The process's exit code for it.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Nothing { .. } => report::NOT_FOUND,
            _ => report::TOOL_ERROR,
        }
    }
}

/// Plays a session's clients against live services.
///
/// # Errors
/// See [`WireError`]. What the services tell otherwise, or don't, is no error but a [`Report`].
pub fn replay(
    session: &Session,
    order: &Order,
    rules: Option<&Rules>,
    window: &Window,
    tell: usize,
) -> Result<Report, WireError> {
    let wanted = |service: &str| {
        order.targets.contains_key(service) && window.only.as_ref().is_none_or(|only| only.is_of(service))
    };
    let mut script = script::Script::read(session, &wanted, window)?;
    if script.steps.is_empty() && script.lossy.is_none() {
        let held = if script.services.is_empty() {
            script.notes.join("; ")
        } else {
            "no input of theirs".to_owned()
        };
        let wanted = order.targets.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(WireError::Nothing { name: session.name(), wanted, held });
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(WireError::Start)?;
    let none = Rules::default();
    let rules = rules.unwrap_or(&none);
    let lossy = script.lossy.take();
    let played = runtime.block_on(drive::play(&script, order, rules))?;
    Ok(verdict::report(session, &script, lossy, &played, rules, tell))
}

impl Url {
    /// `HOST:PORT`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

impl FromStr for Url {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let bad = || SpecError::Target(text.to_owned());
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("ws://")).ok_or_else(bad)?;
        let rest = rest.trim_end_matches('/');
        if rest.is_empty() || rest.contains(['/', '@', '?', ' ']) {
            return Err(bad());
        }
        let host = rest.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if host.is_some() { rest.to_owned() } else { format!("{rest}:80") };
        Ok(Self { authority })
    }
}

/// `dispatch=http://127.0.0.1:4890`.
///
/// # Errors
/// It is none.
pub fn target(text: &str) -> Result<(String, Url), SpecError> {
    let (service, url) = text.split_once('=').ok_or_else(|| SpecError::Target(text.to_owned()))?;
    let url = url.parse().map_err(|_| SpecError::Target(text.to_owned()))?;
    if service.is_empty() {
        return Err(SpecError::Target(text.to_owned()));
    }
    Ok((service.to_owned(), url))
}

impl FromStr for Rate {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        match text {
            "asap" => Ok(Self::Asap),
            "lockstep" => Ok(Self::Lockstep),
            _ => match text.trim_end_matches(['x', '×']).parse::<f64>() {
                Ok(times) if (0.001..=1e6).contains(&times) => Ok(Self::Times(times)),
                _ => Err(SpecError::Rate(text.to_owned())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_rates() {
        let (service, url) = target("dispatch=http://[::1]:4890/").unwrap();
        assert_eq!((service.as_str(), url.authority()), ("dispatch", "[::1]:4890"));
        assert_eq!(target("a=ws://depot.local").unwrap().1.to_string(), "http://depot.local:80");
        for bad in ["dispatch", "=http://a:1", "a=https://b", "a=http://", "a=http://b/c", "a=b:1"] {
            assert!(target(bad).is_err(), "{bad}");
        }
        assert_eq!("10x".parse(), Ok(Rate::Times(10.0)));
        assert_eq!("lockstep".parse(), Ok(Rate::Lockstep));
        for bad in ["", "0", "fast", "nan", "1e9"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
