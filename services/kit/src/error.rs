//! Requests that are refused before a machine sees them: one text for the client, one for the log.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    machine::{ConnId, Timestamp},
    pace::PaceError,
    quiet::Quiet,
};

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
    #[error("the service did not answer in time; if you asked for a change, look whether it was made")]
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

    /// What the client is told, as a sentence that stands by itself.
    #[must_use]
    pub fn sentence(&self) -> String {
        let text = match self {
            Self::Pace(error) => format!("the parameter {error}"),
            _ => self.to_string(),
        };
        let mut rest = text.chars();
        let first = rest.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(rest).chain(['.']).collect()
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
            Self::BadBody { cause } => {
                tracing::info!(path, cause, left_out, "refused a request: its body can't be read");
            }
            Self::Pace(_) | Self::BodyTooLarge { .. } | Self::BadPath => {
                tracing::info!(path, refusal = %self, left_out, "refused a request");
            }
            Self::NotFound => tracing::debug!(path, "there is nothing at an address that was asked for"),
        }
    }
}

/// The log of what a service refuses, for all that refuse something: of each kind one line in a second.
#[derive(Clone, Debug)]
pub(crate) struct Refusals(Arc<Mutex<RefusalLog>>);

impl Refusals {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(RefusalLog::new())))
    }

    pub(crate) fn log(&self, refusal: &Refusal, path: &str, now: Timestamp) {
        let left_out = self.lock().pass(refusal, now);
        if let Some(left_out) = left_out {
            refusal.log(path, left_out);
        }
    }

    /// A machine's answer with a status from 400 to 499: it keeps no log itself.
    pub(crate) fn log_answer(&self, asked: (&Method, &str), told: (StatusCode, &str), now: Timestamp) {
        let ((method, path), (status, body)) = (asked, told);
        if status == StatusCode::NOT_FOUND {
            // What is not there is asked for every day.
            return tracing::debug!(%method, path, body, "not found");
        }
        let left_out = self.lock().pass_answer(status, now);
        if let Some(left_out) = left_out {
            tracing::info!(%method, path, %status, body, left_out, "refused a request");
        }
    }

    /// A frame that ended its connection.
    pub(crate) fn log_close(&self, conn: ConnId, code: u16, error: &str, now: Timestamp) {
        let left_out = self.lock().closed.pass(now);
        if let Some(left_out) = left_out {
            tracing::info!(conn, code, error, left_out, "refused a frame and closed its connection");
        }
    }

    pub(crate) fn log_binary(&self, conn: ConnId, bytes: usize, now: Timestamp) {
        let left_out = self.lock().binary.pass(now);
        if let Some(left_out) = left_out {
            tracing::warn!(conn, bytes, left_out, "refused a binary frame");
        }
    }

    fn lock(&self) -> MutexGuard<'_, RefusalLog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which lines may pass.
#[derive(Debug)]
struct RefusalLog {
    foreign: Quiet,
    full: Quiet,
    busy: Quiet,
    gone: Quiet,
    no_answer: Quiet,
    pace: Quiet,
    too_large: Quiet,
    bad_body: Quiet,
    bad_path: Quiet,
    closed: Quiet,
    binary: Quiet,
    /// Of each status from 400 to 499.
    answers: BTreeMap<StatusCode, Quiet>,
}

impl RefusalLog {
    fn new() -> Self {
        let [foreign, full, busy, gone, no_answer] = [const { Quiet::new(LOG_EVERY) }; 5];
        let [pace, too_large, bad_body, bad_path, closed, binary] = [const { Quiet::new(LOG_EVERY) }; 6];
        let answers = BTreeMap::new();
        Self {
            foreign,
            full,
            busy,
            gone,
            no_answer,
            pace,
            too_large,
            bad_body,
            bad_path,
            closed,
            binary,
            answers,
        }
    }

    fn pass_answer(&mut self, status: StatusCode, now: Timestamp) -> Option<u64> {
        self.answers.entry(status).or_insert(const { Quiet::new(LOG_EVERY) }).pass(now)
    }

    fn pass(&mut self, refusal: &Refusal, now: Timestamp) -> Option<u64> {
        match refusal {
            Refusal::ForeignOrigin { .. } => self.foreign.pass(now),
            Refusal::TooManySessions { .. } => self.full.pass(now),
            Refusal::Busy { .. } => self.busy.pass(now),
            Refusal::Gone => self.gone.pass(now),
            Refusal::NoAnswer { .. } => self.no_answer.pass(now),
            Refusal::Pace(_) => self.pace.pass(now),
            Refusal::BodyTooLarge { .. } => self.too_large.pass(now),
            Refusal::BadBody { .. } => self.bad_body.pass(now),
            Refusal::BadPath => self.bad_path.pass(now),
            // For those who debug, and they want to see each.
            Refusal::NotAWebSocket { .. } | Refusal::NotFound => Some(0),
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

    #[test]
    fn answers_are_logged_once_a_second_for_each_status() {
        let mut log = RefusalLog::new();
        let (bad, conflict) = (StatusCode::BAD_REQUEST, StatusCode::CONFLICT);
        let passed = [(bad, 0), (bad, 1), (conflict, 2), (bad, 999), (conflict, 999), (bad, 1000)]
            .map(|(status, ms)| log.pass_answer(status, Duration::from_millis(ms)));
        assert_eq!(passed, [Some(0), None, Some(0), None, None, Some(2)]);
    }

    #[test]
    fn every_refusal_has_a_sentence() {
        let pace = PaceError::Repeated { name: crate::pace::PaceName::Batch };
        let refusals = [
            Refusal::ForeignOrigin { origin: String::new() },
            Refusal::Pace(pace),
            Refusal::NotAWebSocket { lacks: String::new() },
            Refusal::TooManySessions { max: 1 },
            Refusal::Busy { max: 1 },
            Refusal::Gone,
            Refusal::NoAnswer { waited_s: 1 },
            Refusal::BodyTooLarge { max_bytes: 1 },
            Refusal::BadBody { cause: String::new() },
            Refusal::BadPath,
            Refusal::NotFound,
        ];
        for refusal in refusals {
            let sentence = refusal.sentence();
            assert!(sentence.starts_with(|c: char| c.is_ascii_uppercase()), "{sentence}");
            assert!(sentence.ends_with('.') && !sentence.ends_with(".."), "{sentence}");
        }
        assert_eq!(Refusal::NotFound.sentence(), "There is nothing at this address.");
    }
}
