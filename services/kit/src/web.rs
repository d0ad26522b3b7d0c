//! Routes that forward to a machine, so that a service's own `routes.rs` is a list.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Bytes, HttpBody},
    extract::{
        DefaultBodyLimit, FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody},
        ws::WebSocketUpgrade,
    },
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use hyper::upgrade::OnUpgrade;
use percent_encoding::percent_decode_str;
use tokio::{sync::Semaphore, time::timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    error::{Refusal, Refusals, json_response},
    linger::Linger,
    origin::Origins,
    pace::Pace,
    runner::{Answered, Asked, Handle, Peer},
    serve::Connection,
    session::{self, Hello, SessionLimits},
    tap::SessionEvent,
};

/// Characters of a refused path that reach the log and the recording; the rest is left out.
const SHOWN_PATH_CHARS: usize = 200;

/// What the routes of one service share.
#[derive(Clone, Debug)]
pub struct Web {
    handle: Handle,
    origins: Origins,
    limits: SessionLimits,
    bodies: BodyLimits,
    errors: ErrorBody,
    places: Arc<Semaphore>,
    refusals: Refusals,
}

/// Limits of the bodies of requests. The defaults are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Largest body, bytes; a larger one gets 413, and what is left of it isn't read.
    pub max_bytes: usize,
    /// How long a body may take to arrive; then it counts as broken off.
    pub arrives_within: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, arrives_within: Duration::from_secs(10) }
    }
}

/// What the body of an answer with a status from 400 on is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ErrorBody {
    /// `{"error":"…"}`
    #[default]
    Json,
    /// The sentence itself, as `text/plain`.
    Sentence,
}

impl Web {
    /// Routes to this machine.
    #[must_use]
    pub fn new(handle: Handle, origins: Origins, limits: SessionLimits) -> Self {
        let places = Arc::new(Semaphore::new(limits.max_sessions.min(Semaphore::MAX_PERMITS)));
        let refusals = Refusals::new();
        let (bodies, errors) = (BodyLimits::default(), ErrorBody::default());
        Self { handle, origins, limits, bodies, errors, places, refusals }
    }

    /// Bodies are held to these limits.
    #[must_use]
    pub fn bodies(self, bodies: BodyLimits) -> Self {
        Self { bodies, ..self }
    }

    /// Errors are told like this.
    #[must_use]
    pub fn errors(self, errors: ErrorBody) -> Self {
        Self { errors, ..self }
    }

    /// Forwards every request to the machine, which answers it whatever its method; a HEAD as a GET.
    ///
    /// A page of a foreign origin may read nothing (its browser sees to that) and change nothing (403).
    pub fn http_route(&self) -> MethodRouter {
        let web = self.clone();
        any(move |request: Request| async move {
            let asker = Asker::of(&request);
            web.forward(request).await.unwrap_or_else(|refusal| web.refused(refusal, asker))
        })
        .layer(DefaultBodyLimit::max(self.bodies.max_bytes))
    }

    /// Accepts WebSockets at `path` and runs their sessions.
    pub fn ws_route(&self, path: &'static str) -> MethodRouter {
        let web = self.clone();
        any(move |request: Request| async move {
            let asker = Asker::of(&request);
            let mut parts = request.into_parts().0;
            let hello = web.admit(path, &mut parts).await;
            hello.unwrap_or_else(|refusal| web.refused(refusal, asker))
        })
    }

    /// Adds what every service has: 404 as JSON, and the CORS answers.
    pub fn finish(&self, routes: Router) -> Router {
        let web = self.clone();
        let not_found = async move |request: Request| web.refused(Refusal::NotFound, Asker::of(&request));
        routes.fallback(not_found).layer(self.origins.cors())
    }

    async fn forward(&self, request: Request) -> Result<Response, Refusal> {
        let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        if method != Method::GET {
            self.origins.check(request.headers())?;
        }
        let uri = request.uri().clone();
        let path = percent_decode_str(uri.path()).decode_utf8().map_err(|_| Refusal::BadPath)?;
        let idempotency_key = idempotency_key(request.headers());
        let body = read_body(request, self.bodies).await?;
        let query = uri.query().unwrap_or_default().to_owned();
        let asked =
            Asked { method: method.to_string(), path: path.to_string(), query, body, idempotency_key };
        let Answered { status, body, link } = self.handle.ask(asked).await?;
        if status.is_client_error() {
            let path: String = path.chars().take(SHOWN_PATH_CHARS).collect();
            self.refusals.log_answer((&method, &path), (status, &body), self.handle.clock().now());
        }
        let mut response = self.errors.response(status, body);
        if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(response)
    }

    async fn admit(&self, path: &'static str, parts: &mut Parts) -> Result<Response, Refusal> {
        self.origins.check(&parts.headers)?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let pace = Pace::from_query(&query)?;
        let (upgrade, accepted) = accept_handshake(parts).await?;
        let full = Refusal::TooManySessions { max: self.limits.max_sessions };
        let place = self.places.clone().try_acquire_owned().map_err(|_| full)?;

        let connection = parts.extensions.get::<Connection>().cloned();
        let addr = name(connection.as_ref().map(|connection| connection.addr));
        let origin = parts.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let peer = Peer { addr, origin: origin.map(str::to_owned) };
        let tracked = connection.as_ref().map(|connection| connection.sessions.token());
        let (line, linger) = connection.map(|connection| (connection.line, connection.linger)).unzip();
        let (handle, limits) = (self.handle.clone(), self.limits);
        let hello = Hello { peer, path: path.to_owned(), query, pace, refusals: self.refusals.clone() };
        tokio::spawn(async move {
            let upgraded = match upgrade.await {
                Ok(upgraded) => upgraded,
                Err(error) => return tracing::debug!(%error, "a WebSocket handshake broke off"),
            };
            if let Some(line) = line {
                line.upgraded();
            }
            let socket = session::socket(upgraded, &limits).await;
            let session = session::run(socket, handle, hello, limits, linger);
            // In a task of its own: this one would keep the room that the handshake took.
            tokio::spawn(async move {
                session.await;
                drop((place, tracked));
            });
        });
        Ok(accepted)
    }

    fn refused(&self, refusal: Refusal, asker: Asker) -> Response {
        let Asker { addr, path, linger } = asker;
        // What it goes on sending must not make its kernel throw the refusal away.
        if let Some(linger) = linger {
            linger.ask();
        }
        let now = self.handle.clock().now();
        self.refusals.log(&refusal, &path, now);
        let status = refusal.status().as_u16();
        self.handle.record(SessionEvent::Refused { addr: name(addr), path, status });
        match self.errors {
            ErrorBody::Json => refusal.into_response(),
            ErrorBody::Sentence => self.errors.response(refusal.status(), refusal.sentence()),
        }
    }
}

impl ErrorBody {
    fn response(self, status: StatusCode, body: String) -> Response {
        let is_error = status.is_client_error() || status.is_server_error();
        match self {
            // Text is axum's `text/plain; charset=utf-8`. A status that says that all is not well is an object all
            // the same.
            Self::Sentence if is_error && !body.is_empty() && !body.starts_with('{') => {
                (status, body).into_response()
            }
            Self::Sentence | Self::Json => json_response(status, body),
        }
    }
}

/// The connection that will be a WebSocket, and the answer that makes it one (RFC 6455 section 4.2.2).
///
/// The library checks the handshake, but its own answer leads to a socket that can't be reached below.
async fn accept_handshake(parts: &mut Parts) -> Result<(OnUpgrade, Response), Refusal> {
    let upgrade = parts.extensions.get::<OnUpgrade>().cloned();
    let checked = WebSocketUpgrade::from_request_parts(parts, &()).await;
    checked.map(drop).map_err(|rejection| Refusal::NotAWebSocket { lacks: rejection.to_string() })?;
    let key = parts.headers.get(header::SEC_WEBSOCKET_KEY);
    let (Some(upgrade), Some(key)) = (upgrade, key) else {
        return Err(Refusal::NotAWebSocket { lacks: "HTTP/1.1".to_owned() });
    };
    let accepted = [
        (header::CONNECTION, "upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes())),
    ];
    Ok((upgrade, (StatusCode::SWITCHING_PROTOCOLS, accepted).into_response()))
}

/// The header, however long and odd it is: what a key may be is the machine's to say. What isn't ASCII can't be
/// a key, and is not taken for none.
fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("idempotency-key")?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Who asked for what, should it be refused.
struct Asker {
    addr: Option<SocketAddr>,
    path: String,
    /// Of a request with a body, which the refusal may have left unread.
    linger: Option<Linger>,
}

impl Asker {
    fn of(request: &Request) -> Self {
        let connection = request.extensions().get::<Connection>();
        let has_body = !request.body().is_end_stream();
        Self {
            addr: connection.map(|connection| connection.addr),
            path: request.uri().path().chars().take(SHOWN_PATH_CHARS).collect(),
            linger: connection.filter(|_| has_body).map(|connection| connection.linger.clone()),
        }
    }
}

fn name(addr: Option<SocketAddr>) -> String {
    addr.map_or_else(|| "unknown".to_owned(), |addr| addr.to_string())
}

async fn read_body(request: Request, limits: BodyLimits) -> Result<String, Refusal> {
    let BodyLimits { max_bytes, arrives_within } = limits;
    let too_large = Refusal::BodyTooLarge { max_bytes };
    // What announces itself as too large isn't waited for.
    if request.body().size_hint().lower() > max_bytes as u64 {
        return Err(too_large);
    }
    let broken = |cause: &str| Refusal::BadBody { cause: cause.to_owned() };
    let bytes = match timeout(arrives_within, Bytes::from_request(request, &())).await {
        Err(_) => return Err(broken("it did not arrive in time")),
        Ok(Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)))) => {
            return Err(too_large);
        }
        Ok(Err(error)) => return Err(broken(&error.to_string())),
        Ok(Ok(bytes)) => bytes,
    };
    String::from_utf8(bytes.into()).map_err(|_| broken("not UTF-8"))
}
