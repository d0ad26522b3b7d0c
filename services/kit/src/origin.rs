//! Which web pages may talk to a service.
//!
//! Programs (rovers, feeders, curl) send no `Origin` and pass. A browser always sends one, and a page of a
//! stranger must neither read the fleet's state nor command it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::error::Refusal;

/// Origins that may be configured; more is a mistake in the configuration.
pub const MAX_ORIGINS: usize = 256;
/// How long a browser may remember the answer to a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);
/// Characters of a foreign origin that reach the log; the rest is left out.
const SHOWN_CHARS: usize = 100;

/// The allowed origins: those configured, and every loopback one.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    configured: Arc<BTreeSet<Origin>>,
}

/// An origin that can't be configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not `scheme://host[:port]`.
    #[error("an allowed origin looks like https://console.example or http://10.0.0.5:8080, not {found:?}")]
    NotAnOrigin {
        /// As given.
        found: String,
    },
    /// More than [`MAX_ORIGINS`].
    #[error("at most {MAX_ORIGINS} origins can be allowed, not {found}")]
    TooMany {
        /// How many were given.
        found: usize,
    },
}

/// What RFC 6454 section 4 compares: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origins {
    /// The loopback origins and these.
    ///
    /// # Errors
    /// When one is not an origin, or there are too many.
    pub fn new<S: AsRef<str>>(configured: &[S]) -> Result<Self, OriginError> {
        if configured.len() > MAX_ORIGINS {
            return Err(OriginError::TooMany { found: configured.len() });
        }
        let parse = |text: &S| {
            let text = text.as_ref();
            Origin::parse(text).ok_or_else(|| OriginError::NotAnOrigin { found: text.to_owned() })
        };
        Ok(Self { configured: Arc::new(configured.iter().map(parse).collect::<Result<_, _>>()?) })
    }

    /// Whether a request with these headers may pass.
    ///
    /// # Errors
    /// [`Refusal::ForeignOrigin`] when it names an origin that is not allowed, or several.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut named = headers.get_all(header::ORIGIN).iter();
        match (named.next(), named.next()) {
            (None, _) => Ok(()),
            (Some(origin), None) if self.allows(origin) => Ok(()),
            (Some(origin), _) => {
                let origin = String::from_utf8_lossy(origin.as_bytes()).chars().take(SHOWN_CHARS).collect();
                Err(Refusal::ForeignOrigin { origin })
            }
        }
    }

    /// Whether this `Origin` header is allowed.
    #[must_use]
    pub fn allows(&self, origin: &HeaderValue) -> bool {
        let origin = origin.to_str().ok().and_then(Origin::parse);
        origin.is_some_and(|origin| origin.is_loopback() || self.configured.contains(&origin))
    }

    /// The layer that answers preflights and tells browsers who may read an answer.
    pub fn cors(&self) -> CorsLayer {
        let origins = self.clone();
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(move |origin, _| origins.allows(origin)))
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers([
                header::CONTENT_TYPE,
                header::RANGE,
                header::IF_NONE_MATCH,
                header::IF_RANGE,
                HeaderName::from_static("idempotency-key"),
            ])
            .expose_headers([header::ACCEPT_RANGES, header::CONTENT_RANGE, header::ETAG, header::LINK])
            .max_age(PREFLIGHT_MAX_AGE)
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let secure = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        // A port out of range is none to the library; here it is no origin. So is anything before the host.
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" if secure => 443,
            "" => 80,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !bare || authority.host().is_empty() {
            return None;
        }
        Some(Self { secure, host: authority.host().to_ascii_lowercase(), port })
    }

    fn is_loopback(&self) -> bool {
        matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(origins: &Origins, origin: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        origins.check(&headers).is_ok()
    }

    #[test]
    fn loopback_passes_and_strangers_do_not() {
        let origins = Origins::default();
        for origin in
            ["http://localhost", "http://LOCALHOST:3000", "https://127.0.0.1:8443", "http://[::1]:1"]
        {
            assert!(allows(&origins, origin), "{origin}");
        }
        for origin in [
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://evil.example",
            "http://user@localhost",
            "http://localhost:99999",
            "ftp://localhost",
            "null",
            "localhost",
            "",
        ] {
            assert!(!allows(&origins, origin), "{origin}");
        }
        assert!(origins.check(&HeaderMap::new()).is_ok(), "a program sends none");
    }

    #[test]
    fn two_origins_in_one_request_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(header::ORIGIN, HeaderValue::from_static("http://localhost"));
        headers.append(header::ORIGIN, HeaderValue::from_static("http://localhost"));
        assert!(Origins::default().check(&headers).is_err());
    }

    #[test]
    fn configured_origins_compare_by_scheme_host_and_port() {
        let origins = Origins::new(&["https://Console.example/", "http://10.0.0.5:8080"]).unwrap();
        assert!(allows(&origins, "https://console.example"));
        assert!(allows(&origins, "https://console.example:443"));
        assert!(!allows(&origins, "http://console.example"));
        assert!(allows(&origins, "http://10.0.0.5:8080"));
        assert!(!allows(&origins, "http://10.0.0.5"));
    }

    #[test]
    fn what_is_no_origin_cannot_be_configured() {
        for found in ["console.example", "*", "https://console.example/path", "", "file:///x"] {
            assert!(matches!(Origins::new(&[found]), Err(OriginError::NotAnOrigin { .. })), "{found}");
        }
    }
}
