//! Requests that are refused before a machine sees them: one text for the client, one for the log.

use std::time::Duration;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{machine::Timestamp, pace::PaceError, quiet::Quiet};

/// How often each kind of refusal is logged at most: a client must not be able to fill the log.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Why a request is refused. `Display` is what the client is told; [`log`](Refusal::log) is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A web page of another origin.
    #[error("pages from this origin may not use this service; add it to the allowed origins of the depot")]
    ForeignOrigin {
        /// As sent, shortened.
        origin: String,
    },
    /// `?batch_ms` or `?min_interval_ms` make no sense.
    #[error(transparent)]
    Pace(#[from] PaceError),
    /// A plain request to a WebSocket path.
    #[error("this address speaks WebSocket; connect with ws:// instead")]
    NotAWebSocket {
        /// What the handshake lacked.
        lacks: String,
    },
    /// All places are taken.
    #[error("too many connections are open; try again later")]
    TooManySessions {
        /// The limit.
        max: usize,
    },
    /// More HTTP requests wait than may.
    #[error("too many requests are waiting; try again later")]
    Busy {
        /// The limit.
        max: usize,
    },
    /// The machine's task is gone.
    #[error("the service is stopping; try again in a moment")]
    Gone,
    /// The machine didn't answer in time.
    #[error("the service did not answer in time; try again in a moment")]
    NoAnswer {
        /// How long was waited.
        waited_s: u64,
    },
    /// A request body over the limit.
    #[error("the request body may have at most {max_bytes} bytes")]
    BodyTooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// A request body that is not text, or broke off.
    #[error("the request body must be UTF-8 text and complete")]
    BadBody {
        /// As the library words it.
        cause: String,
    },
    /// A path that is not UTF-8 once decoded.
    #[error("the path of the request is not valid UTF-8")]
    BadPath,
    /// No such route.
    #[error("there is nothing at this address")]
    NotFound,
}

impl Refusal {
    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::ForeignOrigin { .. } => StatusCode::FORBIDDEN,
            Self::Pace(_) | Self::BadBody { .. } | Self::BadPath => StatusCode::BAD_REQUEST,
            Self::NotAWebSocket { .. } => StatusCode::UPGRADE_REQUIRED,
            Self::TooManySessions { .. } | Self::Busy { .. } | Self::Gone | Self::NoAnswer { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
        }
    }

    /// `{"error":…}`
    #[must_use]
    pub fn body(&self) -> String {
        serde_json::json!({ "error": self.to_string() }).to_string()
    }

    /// Writes what an operator wants to know, where there is more than the client's doing; `left_out` is how
    /// many of the kind were not written since the last.
    pub fn log(&self, path: &str, left_out: u64) {
        match self {
            Self::ForeignOrigin { origin } => {
                tracing::warn!(path, origin, left_out, "refused a foreign origin");
            }
            Self::TooManySessions { max } => {
                tracing::warn!(path, max, left_out, "refused a connection: all are taken");
            }
            Self::Busy { max } => tracing::warn!(path, max, left_out, "refused a request: too many wait"),
            Self::Gone => tracing::info!(path, left_out, "refused a request: the machine has ended"),
            Self::NoAnswer { waited_s } => {
                tracing::error!(path, waited_s, left_out, "the machine did not answer");
            }
            Self::NotAWebSocket { lacks } => tracing::debug!(path, lacks, "not a WebSocket handshake"),
            Self::BadBody { cause } => tracing::debug!(path, cause, "unreadable request body"),
            Self::Pace(_) | Self::BodyTooLarge { .. } | Self::BadPath | Self::NotFound => {
                tracing::debug!(path, refusal = %self, "refused a request");
            }
        }
    }
}

/// Writes refusals to the log, of each kind that shows there by itself one in a second.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    foreign: Quiet,
    full: Quiet,
    busy: Quiet,
    gone: Quiet,
    no_answer: Quiet,
}

impl RefusalLog {
    pub(crate) fn new() -> Self {
        let [foreign, full, busy, gone, no_answer] = [const { Quiet::new(LOG_EVERY) }; 5];
        Self { foreign, full, busy, gone, no_answer }
    }

    pub(crate) fn log(&mut self, refusal: &Refusal, path: &str, now: Timestamp) {
        if let Some(left_out) = self.pass(refusal, now) {
            refusal.log(path, left_out);
        }
    }

    fn pass(&mut self, refusal: &Refusal, now: Timestamp) -> Option<u64> {
        match refusal {
            Refusal::ForeignOrigin { .. } => self.foreign.pass(now),
            Refusal::TooManySessions { .. } => self.full.pass(now),
            Refusal::Busy { .. } => self.busy.pass(now),
            Refusal::Gone => self.gone.pass(now),
            Refusal::NoAnswer { .. } => self.no_answer.pass(now),
            // For those who debug, and they want to see each.
            Refusal::Pace(_)
            | Refusal::NotAWebSocket { .. }
            | Refusal::BodyTooLarge { .. }
            | Refusal::BadBody { .. }
            | Refusal::BadPath
            | Refusal::NotFound => Some(0),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        json_response(self.status(), self.body())
    }
}

/// JSON text as a response; an empty one has no type.
pub(crate) fn json_response(status: StatusCode, body: String) -> Response {
    if body.is_empty() {
        status.into_response()
    } else {
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_fills_no_log_and_hides_nothing_else() {
        let mut log = RefusalLog::new();
        let stranger = Refusal::ForeignOrigin { origin: "http://evil.example".to_owned() };
        let passed = (0..2500).filter_map(|ms| log.pass(&stranger, Duration::from_millis(ms)));
        assert!(passed.eq([0, 999, 999]), "each says how many were left out before it");
        let full = Refusal::TooManySessions { max: 1 };
        assert_eq!(log.pass(&full, Duration::from_millis(2500)), Some(0));
    }
}
