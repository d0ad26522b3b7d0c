//! The shell: paths, and what carries a source's events to the machine. Everything decided is decided in
//! [`codec`](crate::codec) and [`core`](crate::core).

use axum::Router;
use kit::{
    clock::Clock,
    runner::{Gone, Handle, NoKeeper, Runner, RunnerLimits, StartParts},
    tap::Tap,
    web::Web,
};
use rtk_reader::source::Event;
use tokio::{sync::mpsc::Receiver, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    SERVICE,
    codec::{CONSOLES, Codec, FEED, machine},
    config::Config,
    stream,
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
    start_machine(machine(config), start_parts(config, version, seed), tap, clock, limits, stop)
}

/// What a recording keeps of a machine made of this.
#[must_use]
pub fn start_parts(config: &Config, version: &str, seed: u64) -> StartParts {
    // A struct of plain values always can be written.
    let config = serde_json::to_value(config).unwrap_or_default();
    StartParts { version: version.to_owned(), seed, config }
}

/// The same as [`start`] for a machine that is there.
pub fn start_machine(
    machine: Codec,
    start: StartParts,
    tap: &Tap,
    clock: Clock,
    limits: RunnerLimits,
    stop: CancellationToken,
) -> (Handle, JoinHandle<serde_json::Value>) {
    Runner::spawn(Box::new(machine), Box::new(NoKeeper), start, tap.of(SERVICE), clock, limits, stop)
}

/// The service's paths.
pub fn router(web: &Web) -> Router {
    let routes = Router::new()
        .route("/status", web.http_route())
        .route("/health", web.http_route())
        .route("/livez", web.http_route())
        .route("/readyz", web.http_route())
        .route(CONSOLES, web.ws_route(CONSOLES))
        .route(FEED, web.ws_route(FEED));
    web.finish(routes)
}

/// Why [`pump`] is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// A capture came to its end; consoles are told its last state at the latest when the service stops.
    Ended,
    /// The source stopped without a word; consoles are told that the receiver is gone.
    Abandoned,
}

/// Hands a source's events to the machine until there are no more. While the machine is behind it takes none.
///
/// # Errors
/// When the machine is gone.
pub async fn pump(handle: &Handle, events: &mut Receiver<Event>) -> Result<Pumped, Gone> {
    while let Some(event) = events.recv().await {
        match &event {
            Event::Opened { device, baud } => tracing::info!(device, baud, "the receiver is open"),
            Event::Closed { reason } => tracing::warn!(reason, "the receiver is gone"),
            Event::Ended => tracing::info!("the capture has come to its end"),
            Event::Bytes { .. } => {}
        }
        let ended = event == Event::Ended;
        handle.stream(stream::event(event)).await?;
        if ended {
            return Ok(Pumped::Ended);
        }
    }
    let reason = "the source has stopped".to_owned();
    handle.stream(stream::event(Event::Closed { reason })).await?;
    Ok(Pumped::Abandoned)
}
