//! Requests that are refused before a machine sees them: one text for the client, one for the log.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::pace::PaceError;

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

    /// Writes what an operator wants to know, where there is more than the client's doing.
    pub fn log(&self, path: &str) {
        match self {
            Self::ForeignOrigin { origin } => tracing::warn!(path, origin, "refused a foreign origin"),
            Self::TooManySessions { max } => tracing::warn!(path, max, "refused a connection: all are taken"),
            Self::Busy { max } => tracing::warn!(path, max, "refused a request: too many wait"),
            Self::Gone => tracing::info!(path, "refused a request: the machine has ended"),
            Self::NoAnswer { waited_s } => tracing::error!(path, waited_s, "the machine did not answer"),
            Self::NotAWebSocket { lacks } => tracing::debug!(path, lacks, "not a WebSocket handshake"),
            Self::BadBody { cause } => tracing::debug!(path, cause, "unreadable request body"),
            Self::Pace(_) | Self::BodyTooLarge { .. } | Self::BadPath | Self::NotFound => {
                tracing::debug!(path, refusal = %self, "refused a request");
            }
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
