//! What is kept out of a recording: secrets in headers, targets and URLs. Never on the wire.
//!
//! A secret becomes `masked:N`, and equal ones become equal, so that a session cookie can still be followed
//! through a recording. Bodies and WebSocket messages are recorded as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// Headers whose values are secret, in lower case.
const HEADERS: [&str; 13] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-xsrf-token",
    "x-amz-security-token",
    "sec-websocket-protocol",
];
/// Parameters of a query or fragment whose values are, in lower case and with `_` for `-`.
const PARAMETERS: [&str; 26] = [
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "auth_token",
    "authorization",
    "client_secret",
    "credential",
    "id_token",
    "jwt",
    "key",
    "passwd",
    "password",
    "private_key",
    "pwd",
    "refresh_token",
    "secret",
    "session",
    "session_id",
    "sessionid",
    "sid",
    "sig",
    "signature",
    "token",
    "x_amz_security_token",
    "x_amz_signature",
];
/// Headers that hold a URL.
const URL_HEADERS: [&str; 5] = ["location", "content-location", "referer", "refresh", "link"];
/// In a list of subprotocols, what follows one of these is a secret.
const ANNOUNCERS: [&str; 7] = ["bearer", "token", "access_token", "authorization", "auth", "jwt", "api_key"];
/// A subprotocol at least this long is no name of one.
const LONG_PROTOCOL_BYTES: usize = 32;
/// Different secrets that are told apart; more are all called `masked`.
const MAX_SECRETS: usize = 65_536;

/// What masks, for one recording.
#[derive(Debug, Default)]
pub struct Masks {
    off: bool,
    /// Names that are left as they are, in lower case and with `_` for `-`.
    unmasked: BTreeSet<String>,
    known: Mutex<BTreeMap<[u8; 32], usize>>,
}

impl Masks {
    /// Masks all but these headers and parameters.
    #[must_use]
    pub fn new(unmasked: &[String]) -> Self {
        Self { unmasked: unmasked.iter().map(|name| plain(name)).collect(), ..Self::default() }
    }

    /// Masks nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { off: true, ..Self::default() }
    }

    /// Whether anything is masked.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.off
    }

    /// Masks headers in place.
    pub fn headers(&self, headers: &mut [[String; 2]]) {
        if self.off {
            return;
        }
        for [name, value] in headers {
            let lower = name.to_ascii_lowercase();
            if self.unmasked.contains(&plain(name)) {
                continue;
            }
            match lower.as_str() {
                "authorization" | "proxy-authorization" => *value = self.credentials(value),
                "cookie" => *value = self.cookies(value),
                "set-cookie" => *value = self.set_cookie(value),
                "sec-websocket-protocol" => *value = self.protocols(value),
                url if URL_HEADERS.contains(&url) => *value = self.url(value),
                secret if HEADERS.contains(&secret) => *value = self.pseudonym(value),
                _ => {}
            }
        }
    }

    /// Masks a request target or a URL: secret parameters, and a password before the host.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        if self.off {
            return url.to_owned();
        }
        let url = self.userinfo(url);
        let mut out = String::with_capacity(url.len());
        let mut in_query = false;
        // The separators stay where they are.
        for part in url.split_inclusive(['?', '#', '&', ';']) {
            let end = part.trim_end_matches(['?', '#', '&', ';']).len();
            let (pair, separator) = part.split_at(end);
            match pair.split_once('=') {
                Some((name, value)) if in_query && !value.is_empty() && self.is_secret(name) => {
                    // `>; rel="next"` of a Link header.
                    let end = value.find(['>', '"', ' ']).unwrap_or(value.len());
                    let (secret, rest) = value.split_at(end);
                    out.extend([name, "=", &self.pseudonym(secret), rest]);
                }
                _ => out.push_str(pair),
            }
            out.push_str(separator);
            in_query = in_query || separator.contains(['?', '#']);
        }
        out
    }

    /// `http://user:password@host/`: what stands before the host.
    fn userinfo(&self, url: &str) -> String {
        let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        match authority.rsplit_once('@') {
            Some((user, _)) if !scheme.contains(['?', '/']) => {
                let after = rest.get(user.len()..).unwrap_or_default();
                format!("{scheme}://{}{after}", self.pseudonym(user))
            }
            _ => url.to_owned(),
        }
    }

    fn is_secret(&self, name: &str) -> bool {
        let name = plain(&percent_decoded(name));
        // `filter[token]`, `user.password`: the last word counts.
        let last = name.trim_end_matches(']').rsplit(['[', '.']).next().unwrap_or_default();
        let listed = [name.as_str(), last].iter().any(|name| PARAMETERS.contains(name));
        listed && !self.unmasked.contains(&name)
    }

    /// `Bearer abc`: the scheme is no secret.
    fn credentials(&self, value: &str) -> String {
        match value.trim().split_once(' ') {
            Some((scheme, secret)) => format!("{scheme} {}", self.pseudonym(secret.trim())),
            None => self.pseudonym(value.trim()),
        }
    }

    /// `a=1; b=2`: the names are no secret.
    fn cookies(&self, value: &str) -> String {
        let masked = value.split(';').map(|pair| self.cookie(pair.trim()));
        masked.collect::<Vec<_>>().join("; ")
    }

    /// `a=1; Path=/`: neither are the attributes.
    fn set_cookie(&self, value: &str) -> String {
        match value.split_once(';') {
            Some((pair, attributes)) => format!("{};{attributes}", self.cookie(pair)),
            None => self.cookie(value),
        }
    }

    fn cookie(&self, pair: &str) -> String {
        match pair.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.pseudonym(value)),
            None => self.pseudonym(pair),
        }
    }

    /// Browsers can't set headers on a WebSocket, so secrets travel as subprotocols: after `bearer`, behind
    /// the last dot of `base64url.bearer.authorization.k8s.io.…`, or as one that is too long for a name.
    fn protocols(&self, value: &str) -> String {
        let mut announced = false;
        let masked = value.split(',').map(str::trim).map(|protocol| {
            let name = plain(protocol);
            let secret = announced || protocol.len() >= LONG_PROTOCOL_BYTES || self.is_known(protocol);
            let within =
                ANNOUNCERS.iter().any(|word| name.split('.').rev().skip(1).any(|part| part == *word));
            announced = ANNOUNCERS.contains(&name.as_str());
            match protocol.rsplit_once('.') {
                Some((before, after)) if within => format!("{before}.{}", self.pseudonym(after)),
                _ if secret => self.pseudonym(protocol),
                _ => protocol.to_owned(),
            }
        });
        masked.collect::<Vec<_>>().join(", ")
    }

    fn is_known(&self, secret: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains_key(&digest(secret))
    }

    fn pseudonym(&self, secret: &str) -> String {
        if secret.is_empty() {
            return String::new();
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let next = known.len().saturating_add(1);
        let digest = digest(secret);
        if next > MAX_SECRETS && !known.contains_key(&digest) {
            return "masked".to_owned();
        }
        format!("masked:{}", known.entry(digest).or_insert(next))
    }
}

/// The secrets themselves needn't stay in memory.
fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

fn plain(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('-', "_")
}

/// `%74oken` is `token`.
fn percent_decoded(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.first_chunk::<2>().filter(|_| *byte == b'%');
        let hex = hex.filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let decoded = hex.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        out.push(decoded.unwrap_or(*byte));
        rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(masks: &Masks, name: &str, value: &str) -> String {
        let mut headers = [[name.to_owned(), value.to_owned()]];
        masks.headers(&mut headers);
        let [[_, value]] = headers;
        value
    }

    #[test]
    fn equal_secrets_stay_equal() {
        let masks = Masks::default();
        let of = |name, value| header(&masks, name, value);
        assert_eq!(of("Set-Cookie", "sid=abc; Path=/; HttpOnly"), "sid=masked:1; Path=/; HttpOnly");
        assert_eq!(of("cookie", "lang=en;sid=abc"), "lang=masked:2; sid=masked:1");
        assert_eq!(of("Authorization", "Bearer abc"), "Bearer masked:1");
        assert_eq!(of("proxy-authorization", "Basic dTpw"), "Basic masked:3");
        assert_eq!(of("X-API-Key", "abc"), "masked:1");
        assert_eq!(of("Accept", "text/html"), "text/html");
    }

    #[test]
    fn secrets_hide_in_subprotocols() {
        let masks = Masks::default();
        let of = |value| header(&masks, "Sec-WebSocket-Protocol", value);
        assert_eq!(of("depot.v1, json"), "depot.v1, json");
        assert_eq!(of("bearer, s3cret, depot.v1"), "bearer, masked:1, depot.v1");
        assert_eq!(of("s3cret"), "masked:1", "the server's choice");
        assert_eq!(
            of("base64url.bearer.authorization.k8s.io.Zm9v"),
            "base64url.bearer.authorization.k8s.io.masked:2"
        );
        assert_eq!(of("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"), "masked:3");
    }

    #[test]
    fn a_url_keeps_all_but_its_secrets() {
        let masks = Masks::new(&["session-id".to_owned()]);
        let cases = [
            ("/ws?id=1&token=abc&b=2", "/ws?id=1&token=masked:1&b=2"),
            (
                "/ws?%74oken=abc&Api-Key=k#access_token=abc",
                "/ws?%74oken=masked:1&Api-Key=masked:2#access_token=masked:1",
            ),
            ("/a;token=x?q=token=y&user[password]=abc", "/a;token=x?q=token=y&user[password]=masked:1"),
            ("http://me:pw@host/?sig=abc", "http://masked:3@host/?sig=masked:1"),
            ("/login?session_id=1&next=/a?key=abc", "/login?session_id=1&next=/a?key=masked:1"),
            ("/?token=&key", "/?token=&key"),
            ("*", "*"),
        ];
        for (url, masked) in cases {
            assert_eq!(masks.url(url), masked);
        }
        assert_eq!(header(&masks, "Location", "https://a/cb?key=abc"), "https://a/cb?key=masked:1");
        assert_eq!(header(&masks, "Link", "</p?key=abc>; rel=\"next\""), "</p?key=masked:1>; rel=\"next\"");
    }

    #[test]
    fn what_is_asked_for_stays() {
        let masks = Masks::new(&["Authorization".to_owned()]);
        assert_eq!(header(&masks, "authorization", "Bearer a"), "Bearer a");
        let off = Masks::off();
        assert_eq!(header(&off, "cookie", "a=b"), "a=b");
        assert_eq!(off.url("/?token=a"), "/?token=a");
    }

    proptest! {
        #[test]
        fn a_parameter_is_never_left(before in "[a-z/=;?&#]{0,12}", secret in "[A-Z0-9]{12}", after in "([&#;].{0,8})?") {
            let url = format!("/?{before}&token={secret}{after}");
            prop_assert!(!Masks::default().url(&url).contains(&secret), "{}", Masks::default().url(&url));
        }
    }
}
