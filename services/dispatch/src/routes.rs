//! The shell: paths. Everything decided is decided in [`codec`](crate::codec) and [`core`](crate::core), and
//! everything kept is kept by [`store`](crate::store).

use axum::Router;
use kit::{
    clock::Clock,
    runner::{Handle, Keeper, Runner, RunnerLimits, StartParts},
    tap::Tap,
    web::{ErrorBody, Web},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    SERVICE,
    codec::{CONSOLES, ROVERS, machine},
    config::Config,
};

/// What the machine's task shares with others, and what it is given.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Of the program, for the recording.
    pub version: &'a str,
    /// Of the ids.
    pub seed: u64,
    /// Who records.
    pub tap: &'a Tap,
    /// The time line.
    pub clock: Clock,
    /// Bounds.
    pub limits: RunnerLimits,
    /// Ends it.
    pub stop: CancellationToken,
}

/// Starts the machine's task. Its commits go to `keeper`, and what becomes of them, and of the store, is to be
/// told to the handle.
pub fn start(
    config: &Config,
    parts: Parts<'_>,
    keeper: Box<dyn Keeper>,
) -> (Handle, JoinHandle<serde_json::Value>) {
    let Parts { version, seed, tap, clock, limits, stop } = parts;
    // A struct of plain values always can be written.
    let kept = serde_json::to_value(config).unwrap_or_default();
    let start = StartParts { version: version.to_owned(), seed, config: kept };
    Runner::spawn(Box::new(machine(config, seed)), keeper, start, tap.of(SERVICE), clock, limits, stop)
}

/// The service's paths.
pub fn router(web: &Web) -> Router {
    let web = web.clone().errors(ErrorBody::Sentence);
    let routes = [
        "/health",
        "/livez",
        "/readyz",
        "/zones",
        "/zones/{id}",
        "/missions",
        "/missions/{id}",
        "/missions/{id}/start",
        "/missions/{id}/stop",
        "/tasks",
        "/tasks/{id}",
        "/tasks/{id}/cancel",
    ];
    let routes = routes.into_iter().fold(Router::new(), |router, path| router.route(path, web.http_route()));
    web.finish(routes.route(ROVERS, web.ws_route(ROVERS)).route(CONSOLES, web.ws_route(CONSOLES)))
}
