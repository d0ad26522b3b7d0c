//! What an operator may ask of a running depot: to record, to stop recording, to write the ring.
//!
//! It listens on 127.0.0.1 alone, on a port of its own, and only when asked for. A page in a browser on the same
//! machine could send requests there too; so whoever has an `Origin`, or means another host, is refused.

use std::net::{Ipv4Addr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kit::serve::{ServeLimits, serve};
use replay::recorder::{Control, ControlError, Summary};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::error::Error;
use crate::telemetry;

/// What `Host` may say.
const HOSTS: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// The operator's port.
pub struct Operator {
    listener: TcpListener,
    address: SocketAddr,
}

/// Binds the port.
pub async fn listen(port: u16) -> Result<Operator, Error> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (address_text, flag, service) = (address.to_string(), "operator-port", "the operator");
    let failed = |source| Error::Listen { address: address_text, service, flag, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(Error::Start)?;
    Ok(Operator { listener, address })
}

impl Operator {
    /// Answers until the depot stops.
    pub fn serve(self, control: Control, stop: CancellationToken) {
        info!(http = %format!("http://{}/recording", self.address), "the operator's port listens");
        tokio::spawn(serve(self.listener, router(control), stop, ServeLimits::default()));
    }
}

/// Has the ring written at every error in the log and at SIGUSR1.
pub fn write_ring_when_told(control: &Control, stop: &CancellationToken) -> Result<(), Error> {
    let alarm = control.clone();
    telemetry::on_error(move || alarm.alarm());
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut told = signal(SignalKind::user_defined1()).map_err(Error::Start)?;
        let (control, stop) = (control.clone(), stop.clone());
        tokio::spawn(async move {
            while stop.run_until_cancelled(told.recv()).await.flatten().is_some() {
                let control = control.clone();
                match blocking(move || control.dump("SIGUSR1")).await {
                    // The recorder has told of both.
                    Ok(_) | Err(ControlError::Write { .. }) => {}
                    Err(error) => warn!(%error, "SIGUSR1: the ring wasn't written"),
                }
            }
        });
    }
    #[cfg(not(unix))]
    let _ = stop;
    Ok(())
}

fn router(control: Control) -> Router {
    Router::new()
        .route("/recording", get(state))
        .route("/recording/start", post(start))
        .route("/recording/stop", post(end))
        .route("/recording/dump", post(dump))
        .layer(middleware::from_fn(guard))
        .with_state(control)
}

async fn guard(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host =
        host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    if headers.contains_key(header::ORIGIN) || !HOSTS.contains(&host) {
        let error = "this port is for an operator on this machine, not for pages; use curl";
        return (StatusCode::FORBIDDEN, Json(json!({ "error": error }))).into_response();
    }
    next.run(request).await
}

type Answer = Result<Json<Value>, Refused>;

struct Refused(ControlError);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            ControlError::Recording { .. } | ControlError::NotRecording | ControlError::NoRing => {
                StatusCode::CONFLICT
            }
            ControlError::Dumping | ControlError::Gone => StatusCode::SERVICE_UNAVAILABLE,
            ControlError::Write { .. } | ControlError::Ended(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": self.0.to_string() }))).into_response()
    }
}

/// The recorder answers from a thread of its own.
async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, ControlError> + Send + 'static,
) -> Result<T, ControlError> {
    tokio::task::spawn_blocking(ask).await.unwrap_or(Err(ControlError::Gone))
}

async fn state(State(control): State<Control>) -> Answer {
    let state = blocking(move || control.state()).await.map_err(Refused)?;
    let recording = state.recording.map(|(file, summary)| {
        let mut told = told(&summary);
        told["file"] = file.display().to_string().into();
        told["broken"] = state.broken.into();
        told
    });
    let ring = state.ring.map(|(events, bytes)| json!({ "events": events, "bytes": bytes }));
    Ok(Json(json!({ "recording": recording, "ring": ring, "lost": state.lost })))
}

async fn start(State(control): State<Control>) -> Answer {
    let file = blocking(move || control.start()).await.map_err(Refused)?;
    Ok(Json(json!({ "file": file.display().to_string() })))
}

async fn end(State(control): State<Control>) -> Answer {
    let (file, summary) = blocking(move || control.stop()).await.map_err(Refused)?;
    let mut told = told(&summary);
    told["file"] = file.display().to_string().into();
    told["bytes"] = summary.bytes.into();
    Ok(Json(told))
}

async fn dump(State(control): State<Control>) -> Answer {
    let dumped = blocking(move || control.dump("an operator")).await.map_err(Refused)?;
    let file = dumped.file.display().to_string();
    Ok(Json(json!({ "file": file, "events": dumped.events, "bytes": dumped.bytes })))
}

fn told(summary: &Summary) -> Value {
    json!({ "events": summary.events, "lost": summary.lost })
}
