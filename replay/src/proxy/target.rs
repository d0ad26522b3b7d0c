//! `--to`: where a listener forwards to.

use std::fmt;
use std::str::FromStr;

/// An upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Goes before the path of each request; empty for none, otherwise `/…` without a slash at its end.
    pub prefix: String,
    /// `tcp://`: bytes are recorded as they come, of whatever protocol they are.
    pub raw: bool,
    /// `https://`, `wss://`: the upstream is spoken with over TLS.
    pub tls: bool,
}

/// Why `--to` can't be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No URL of a kind that is known.
    #[error(
        "--to {found} is no URL to forward to; give http://HOST:PORT, https://HOST, ws://HOST:PORT, wss://HOST or tcp://HOST:PORT"
    )]
    Scheme {
        /// What was given.
        found: String,
    },
    /// No host, or a port that is none.
    #[error("--to {found} names no host and port; give it as http://HOST:PORT")]
    Authority {
        /// What was given.
        found: String,
    },
    /// A user, a password, a query or a fragment.
    #[error(
        "--to {found} has more than host, port and path; what clients send is forwarded as it is, so nothing can be added but a path"
    )]
    More {
        /// What was given, up to what is too much.
        found: String,
    },
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let found = || url.to_owned();
        let (scheme, rest) = url.split_once("://").ok_or_else(|| TargetError::Scheme { found: found() })?;
        let (raw, tls, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => (false, false, Some(80)),
            "https" | "wss" => (false, true, Some(443)),
            "tcp" => (true, false, None),
            _ => return Err(TargetError::Scheme { found: found() }),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let prefix = path.trim_end_matches('/');
        let odd = |c: char| c.is_whitespace() || c.is_control() || !c.is_ascii();
        if rest.contains(['?', '#', '@']) || prefix.contains(odd) || (raw && !prefix.is_empty()) {
            let found = format!("{scheme}://…");
            return Err(TargetError::More { found });
        }
        let no_host = || TargetError::Authority { found: found() };
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => v6.split_once(']').ok_or_else(no_host)?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok(),
            None if port.is_empty() => default_port,
            None => None,
        };
        match port.filter(|port| *port != 0 && !host.is_empty() && !host.contains(odd)) {
            Some(port) => Ok(Self { host: host.to_owned(), port, prefix: prefix.to_owned(), raw, tls }),
            None => Err(no_host()),
        }
    }
}

impl Target {
    /// `host:port`.
    #[must_use]
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl Target {
    /// What an upstream behind TLS calls itself, for `Host`: one that serves several names knows none but its own.
    pub(super) fn host_header(&self) -> Option<String> {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.tls.then(|| if self.port == 443 { host } else { self.authority() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.raw, self.tls) {
            (true, _) => "tcp",
            (_, true) => "https",
            _ => "http",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_are_forwarded_to() {
        for (url, shown) in [
            ("http://rover.local", "http://rover.local:80"),
            ("ws://10.0.0.1:4870/", "http://10.0.0.1:4870"),
            ("HTTP://[::1]:8080/api/v1/", "http://[::1]:8080/api/v1"),
            ("tcp://base:2101", "tcp://base:2101"),
            ("https://api.example/v1", "https://api.example:443/v1"),
            ("WSS://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(url.parse::<Target>().map(|target| target.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn urls_that_are_not() {
        let error = |url: &str| url.parse::<Target>().unwrap_err();
        for url in ["", "a:80", "ftp://a"] {
            assert!(matches!(error(url), TargetError::Scheme { .. }), "{url}");
        }
        for url in
            ["http://", "http://:80", "http://a:", "http://a:0", "http://a:70000", "tcp://a", "http://[::1"]
        {
            assert!(matches!(error(url), TargetError::Authority { .. }), "{url}");
        }
        for url in ["http://u:p@a", "http://a/?token=x", "http://a/#x", "tcp://a:1/x", "http://a/b c"] {
            let error = error(url);
            assert!(matches!(error, TargetError::More { .. }), "{url}");
            assert!(!error.to_string().contains("u:p"), "a password isn't shown");
        }
    }
}
