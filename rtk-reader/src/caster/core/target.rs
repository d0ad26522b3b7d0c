//! An outside caster that corrections are pushed to: its URL, what it is told, what it answers, and when it is
//! tried again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

use super::Rev;

/// Outside casters that are pushed to; more are refused.
pub const MAX_PUSHES: usize = 8;
/// The port NTRIP has at IANA.
const PORT: u16 = 2101;
/// Who we are.
const AGENT: &str = concat!("NTRIP depot/", env!("CARGO_PKG_VERSION"));

/// Where to push: `ntrip://user:password@host:2101/MOUNT?rev=1`.
#[derive(Clone, PartialEq, Eq)]
pub struct PushTarget {
    /// Rev 1 doesn't send it.
    pub user: String,
    /// Not empty.
    pub password: String,
    /// Name or address.
    pub host: String,
    /// 2101 if the URL has none.
    pub port: u16,
    /// There.
    pub mountpoint: String,
    /// 2 if the URL doesn't say.
    pub rev: Rev,
}

/// Why a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no caster to push to: write ntrip://user:password@host:2101/MOUNTPOINT, with ?rev=1 for an old one"
)]
pub struct PushTargetError;

/// Without the password.
impl fmt::Display for PushTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ntrip://{}:{}/{}", self.host, self.port, self.mountpoint)
    }
}

/// Without the password.
impl fmt::Debug for PushTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PushTarget {
    type Err = PushTargetError;

    fn from_str(text: &str) -> Result<Self, PushTargetError> {
        let rest = text.strip_prefix("ntrip://").ok_or(PushTargetError)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, "rev=2"));
        let (authority, mountpoint) = rest.split_once('/').ok_or(PushTargetError)?;
        let (credentials, address) = authority.rsplit_once('@').ok_or(PushTargetError)?;
        let (user, password) = credentials.split_once(':').ok_or(PushTargetError)?;
        // An address of IPv6 is in brackets, and full of colons.
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| PushTargetError)?),
            _ => (address, PORT),
        };
        let rev = match query {
            "rev=1" => Rev::One,
            "rev=2" => Rev::Two,
            _ => return Err(PushTargetError),
        };
        let target = Self {
            user: decoded(user)?,
            password: decoded(password)?,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            mountpoint: mountpoint.to_owned(),
            rev,
        };
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let usable = is_word(&target.host) && is_word(&target.mountpoint) && is_word(&target.password);
        if usable && target.port != 0 && !target.user.contains(':') {
            Ok(target)
        } else {
            Err(PushTargetError)
        }
    }
}

fn decoded(text: &str) -> Result<String, PushTargetError> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| PushTargetError)?;
    if text.contains(char::is_control) { Err(PushTargetError) } else { Ok(text.into_owned()) }
}

impl PushTarget {
    /// What opens the stream. `str_fields` is a line of the sourcetable, from the mountpoint's name on.
    #[must_use]
    pub fn request(&self, str_fields: &str) -> String {
        let Self { user, password, host, port, mountpoint, rev } = self;
        // The line begins with our name of the mountpoint; there it has another.
        let line = str_fields.split_once(';').map_or("", |(_, rest)| rest);
        match rev {
            Rev::One => {
                format!("SOURCE {password} /{mountpoint}\r\nSource-Agent: {AGENT}\r\nSTR: {line}\r\n\r\n")
            }
            Rev::Two => {
                let credentials = STANDARD.encode(format!("{user}:{password}"));
                format!(
                    "POST /{mountpoint} HTTP/1.1\r\nHost: {host}:{port}\r\nNtrip-Version: Ntrip/2.0\r\nAuthorization: Basic {credentials}\r\nUser-Agent: {AGENT}\r\nNtrip-STR: {line}\r\nContent-Type: gnss/data\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                )
            }
        }
    }
}

/// What an outside caster said, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its first line isn't whole yet.
    Waiting,
    /// It takes the stream.
    Accepted,
    /// It doesn't; its words.
    Refused(String),
}

impl Answer {
    /// The longest first line; a longer one is a refusal.
    pub const MOST_BYTES: usize = 256;

    /// Reads its first line: `ICY 200 OK` or `OK` (rev 1), `HTTP/1.1 200 OK`; anything else is a refusal.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let end = bytes.iter().position(|&b| b == b'\n');
        let line = match end {
            Some(end) => bytes.get(..end).unwrap_or_default(),
            None if bytes.len() < Self::MOST_BYTES => return Self::Waiting,
            None => bytes,
        };
        let line: String =
            String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).take(100).collect();
        let mut words = line.split_whitespace();
        let accepted = match words.next() {
            Some("OK") => true,
            Some(first) => (first == "ICY" || first.starts_with("HTTP/")) && words.next() == Some("200"),
            None => false,
        };
        if accepted { Self::Accepted } else { Self::Refused(line) }
    }
}

/// How long to wait before the next attempt: doubled from attempt to attempt, spread by a half, so that bases
/// that lost one caster don't come back all at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
    random: u64,
}

impl Backoff {
    /// The first wait.
    pub const FIRST: Duration = Duration::from_secs(1);
    /// No wait is longer.
    pub const LONGEST: Duration = Duration::from_secs(60);

    /// Before the first attempt.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { next: Self::FIRST, random: seed }
    }

    /// After a stream that lasted.
    pub fn reset(&mut self) {
        self.next = Self::FIRST;
    }

    /// Between half of the present step and all of it.
    pub fn wait(&mut self) -> Duration {
        let step = self.next;
        self.next = step.saturating_mul(2).min(Self::LONGEST);
        // Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators".
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let share = (z >> 11) as f64 / (1u64 << 53) as f64;
        step.mul_f64(0.5 + share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let target: PushTarget = "ntrip://base:s%3Acret@caster.example/BASE1".parse().expect("a target");
        assert_eq!(
            (target.user.as_str(), target.password.as_str(), target.port, target.rev),
            ("base", "s:cret", 2101, Rev::Two)
        );
        assert_eq!(target.to_string(), "ntrip://caster.example:2101/BASE1");
        assert!(!format!("{target:?}").contains("cret"));
        let old: PushTarget = "ntrip://:pw@[::1]:2102/B?rev=1".parse().expect("a target");
        assert_eq!((old.host.as_str(), old.port, old.rev), ("::1", 2102, Rev::One));
        for bad in [
            "",
            "http://a:b@c/d",
            "ntrip://c/d",
            "ntrip://a@c/d",
            "ntrip://a:b@c",
            "ntrip://a:b@c/",
            "ntrip://a:b@/d",
            "ntrip://a:b@c:0/d",
            "ntrip://a:b@c:x/d",
            "ntrip://a:@c/d",
            "ntrip://a:b@c/d?rev=3",
            "ntrip://a:b%0D%0A@c/d",
            "ntrip://a:b c@c/d",
        ] {
            assert_eq!(bad.parse::<PushTarget>(), Err(PushTargetError), "{bad}");
        }
    }

    #[test]
    fn requests() {
        let line = "ROVER;none;RTCM 3.3;1005(1)";
        let target: PushTarget = "ntrip://base:pw@caster.example/BASE1".parse().expect("a target");
        let told = target.request(line).replace("\r\n", "\n");
        insta::assert_snapshot!(told.replace(env!("CARGO_PKG_VERSION"), "[version]"), @"
        POST /BASE1 HTTP/1.1
        Host: caster.example:2101
        Ntrip-Version: Ntrip/2.0
        Authorization: Basic YmFzZTpwdw==
        User-Agent: NTRIP depot/[version]
        Ntrip-STR: none;RTCM 3.3;1005(1)
        Content-Type: gnss/data
        Transfer-Encoding: chunked
        Connection: close
        ");
        let old: PushTarget = "ntrip://base:pw@caster.example/BASE1?rev=1".parse().expect("a target");
        let told = old.request(line).replace("\r\n", "\n");
        insta::assert_snapshot!(told.replace(env!("CARGO_PKG_VERSION"), "[version]"), @"
        SOURCE pw /BASE1
        Source-Agent: NTRIP depot/[version]
        STR: none;RTCM 3.3;1005(1)
        ");
    }

    #[test]
    fn answers() {
        assert_eq!(Answer::read(b"ICY 200"), Answer::Waiting);
        for yes in ["ICY 200 OK\r\n", "OK\r\n", "HTTP/1.1 200 OK\r\nNtrip-Version: Ntrip/2.0\r\n"] {
            assert_eq!(Answer::read(yes.as_bytes()), Answer::Accepted, "{yes}");
        }
        for no in ["ERROR - Bad Password\r\n", "HTTP/1.1 401 Unauthorized\r\n", "\r\n", "ICY\n"] {
            assert_eq!(Answer::read(no.as_bytes()), Answer::Refused(no.trim().into()), "{no}");
        }
        assert!(matches!(Answer::read(&[b'x'; Answer::MOST_BYTES]), Answer::Refused(_)));
    }

    #[test]
    fn waits_grow_to_a_bound_and_differ() {
        let mut backoff = Backoff::new(1);
        let waits: Vec<Duration> = (0..12).map(|_| backoff.wait()).collect();
        let mut step = Backoff::FIRST;
        for wait in &waits {
            assert!((step / 2..=step).contains(wait), "{waits:?}");
            step = (step * 2).min(Backoff::LONGEST);
        }
        assert_ne!(waits[10], waits[11]);
        assert_ne!(Backoff::new(2).wait(), waits[0]);
        backoff.reset();
        assert!(backoff.wait() <= Backoff::FIRST);
    }
}
