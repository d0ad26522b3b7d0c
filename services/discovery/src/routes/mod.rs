//! The shell: paths, and the recorded sessions. Everything decided of rovers is decided in
//! [`codec`](crate::codec) and [`core`](crate::core).

mod folder;
mod listing;
mod sessions;

use std::path::PathBuf;

use axum::Router;
use kit::{
    clock::Clock,
    runner::{Handle, NoKeeper, Runner, RunnerLimits, StartParts},
    tap::Tap,
    web::Web,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::{
    folder::MAX_FILES,
    listing::{MAX_LISTED, MAX_METADATA_BYTES, MAX_NAMES},
};
use crate::{
    SERVICE,
    codec::{CONSOLES, machine},
    config::Config,
};

/// Starts the machine's task; `version` and `seed` are for the recording.
pub fn start(
    config: &Config,
    version: &str,
    seed: u64,
    tap: &Tap,
    clock: Clock,
    limits: RunnerLimits,
    stop: CancellationToken,
) -> (Handle, JoinHandle<serde_json::Value>) {
    // A struct of plain values always can be written.
    let kept = serde_json::to_value(config).unwrap_or_default();
    let start = StartParts { version: version.to_owned(), seed, config: kept };
    Runner::spawn(Box::new(machine(config)), Box::new(NoKeeper), start, tap.of(SERVICE), clock, limits, stop)
}

/// The service's paths; recorded sessions are looked for in `sessions_dir`, which need not exist.
pub fn router(web: &Web, sessions_dir: PathBuf) -> Router {
    let routes = Router::new()
        .route("/rovers", web.http_route())
        .route("/health", web.http_route())
        .route("/livez", web.http_route())
        .route("/readyz", web.http_route())
        .route("/register", web.http_route())
        // An id may hold a slash.
        .route("/heartbeat/{*id}", web.http_route())
        .route(CONSOLES, web.ws_route(CONSOLES))
        .merge(sessions::routes(sessions_dir));
    web.finish(routes)
}
