//! Plays a session as if its services ran: their ports and paths, and consoles that are told what they were.
//!
//! Each service's machine is built again and fed what it was fed, in time with a [`Transport`]; kit's own shell
//! stands around it. So a console that connects late is told the state of that moment by the machine that knows
//! it, requests that only look are answered, and whatever would change something is refused.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kit::clock::Clock;
use kit::machine::{StreamEvent, Timestamp};
use kit::origin::Origins;
use kit::runner::{Handle, NoKeeper, Runner, RunnerLimits, StartParts};
use kit::serve::{ServeLimits, serve};
use kit::session::SessionLimits;
use kit::tap::{Body, Tap};
use kit::web::Web;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

mod stand_in;
mod transport;

use crate::machines::{self, BuildError};
use crate::report::utc;
use crate::session::{Problem, Session};
use crate::window::When;
use stand_in::{Part, StandIn};
pub use transport::{Told, Transport};

/// The longest sleep before the position is looked at again: pauses and jumps change when the end is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What sessions and machines may take to end.
const SHUTDOWN: Duration = Duration::from_secs(2);

/// A session that can be played.
pub struct Show {
    session: Session,
    parts: Vec<Part>,
    /// Services in it that this program doesn't have, or has no stand-in for.
    pub left_out: Vec<String>,
    first: Timestamp,
    last: Timestamp,
    /// Why it isn't played to its end.
    pub damage: Option<Damage>,
}

/// Why a session isn't played as it was.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It can't be read further.
    #[error("{0}: it is played up to there")]
    File(Problem),
    /// Inputs are missing.
    #[error(
        "the recording has a gap of {lost} events, {:.3} s after its start: what is told from there on may not be what was told",
        since.as_secs_f64()
    )]
    Gap {
        /// Events lost.
        lost: u64,
        /// From its first event on.
        since: Duration,
    },
}

/// Why a session can't be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The file.
    #[error("cannot read {name} again: {source}; leave the file in place while it is played")]
    Io {
        /// Its name.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// What its services did before isn't in it.
    #[error(
        "{name} begins in mid-life: the services' states at that moment aren't known, so nothing can stand in for them; give a recording from the start of its services, or all parts of a series"
    )]
    MidLife {
        /// Its name.
        name: String,
    },
    /// No service in it, or none of ours.
    #[error("{name} holds no service that can be stood in for{}; the services are {}", held(found), machines::SERVICES.join(", "))]
    Nothing {
        /// Its name.
        name: String,
        /// What it has instead.
        found: Vec<String>,
    },
    /// A service's configuration isn't understood.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// How a session is played.
#[derive(Clone, Debug)]
pub struct Options {
    /// Times as fast as recorded; more than 0.
    pub rate: f64,
    /// From the beginning again, instead of ending.
    pub looped: bool,
    /// Begin there.
    pub from: Option<When>,
    /// Begin standing still.
    pub paused: bool,
    /// Whose pages may look.
    pub origins: Origins,
}

impl Show {
    /// Reads a session once, to know what is in it and how long it lasts.
    ///
    /// # Errors
    /// See [`PlayError`].
    pub fn open(session: Session) -> Result<Self, PlayError> {
        let name = session.name();
        let (mut parts, mut left_out): (Vec<Part>, Vec<String>) = Default::default();
        let (mut first, mut last, mut damage) = (None, Timestamp::ZERO, None);
        let events = session.events().map_err(|source| PlayError::Io { name: name.clone(), source })?;
        let mut fed = false;
        for event in events {
            let event = match event {
                Ok(event) => event,
                Err(problem) => {
                    damage.get_or_insert(Damage::File(problem));
                    break;
                }
            };
            match event.body {
                Body::Gap(_) if !fed => return Err(PlayError::MidLife { name }),
                Body::Gap(lost) => {
                    let since = event.at.saturating_sub(first.unwrap_or(event.at));
                    damage.get_or_insert(Damage::Gap { lost, since });
                }
                Body::In(_) => fed = true,
                _ => {}
            }
            first.get_or_insert(event.at);
            last = last.max(event.at);
            let Body::Start(start) = &event.body else { continue };
            match part(&event.service) {
                Some(part) => {
                    machines::build(part.service, start)?;
                    if !parts.iter().any(|known| known.service == part.service) {
                        parts.push(part);
                    }
                }
                None => left_out.push(event.service.to_string()),
            }
        }
        if parts.is_empty() {
            return Err(PlayError::Nothing { name, found: left_out });
        }
        let first = first.unwrap_or_default();
        Ok(Self { session, parts, left_out, first, last, damage })
    }

    /// The services it stands in for.
    pub fn services(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().map(|part| part.service)
    }

    /// Plays on these listeners, each a service's, until the end, or until `stop`.
    #[must_use]
    pub fn start(
        &self,
        listeners: Vec<(&str, TcpListener)>,
        options: Options,
        stop: &CancellationToken,
    ) -> Playing {
        let clock = Clock::start();
        let now = clock.now();
        let transport = Transport::new(self.first, self.last, options.rate, now);
        if let Some(from) = options.from {
            transport.seek(from.at(self.first), now);
        }
        transport.pause(options.paused, now);
        let limits = RunnerLimits { shutdown: SHUTDOWN, ..RunnerLimits::default() };
        let (mut handles, mut runners, mut routers) = (Vec::new(), Vec::new(), Vec::new());
        for (service, listener) in listeners {
            let Some(part) = self.parts.iter().find(|part| part.service == service) else { continue };
            let stand_in = StandIn::new(part.clone(), self.session.clone(), transport.clone());
            let start = StartParts { version: String::new(), seed: 0, config: serde_json::Value::Null };
            let (handle, runner) = Runner::spawn(
                Box::new(stand_in),
                Box::new(NoKeeper),
                start,
                Tap::off(),
                clock,
                limits,
                stop.clone(),
            );
            let web = Web::new(handle.clone(), options.origins.clone(), SessionLimits::default());
            handles.push(handle);
            runners.push(runner);
            routers.push((router(service, &web), listener));
        }
        let controls = Controls {
            transport,
            handles: handles.into(),
            clock,
            looped: options.looped,
            session: self.session.name().into(),
        };
        let limits = ServeLimits { shutdown: SHUTDOWN, ..ServeLimits::default() };
        let servers = routers.into_iter().map(|(router, listener)| {
            let router = router.merge(control_routes(&controls, &options.origins));
            tokio::spawn(serve(listener, router, stop.clone(), limits))
        });
        let servers = servers.collect();
        let end = tokio::spawn(watch(controls.clone(), stop.clone()));
        Playing { controls, runners, servers, end }
    }
}

/// A session that is being played.
pub struct Playing {
    /// Pauses and jumps.
    pub controls: Controls,
    runners: Vec<JoinHandle<serde_json::Value>>,
    servers: Vec<JoinHandle<()>>,
    end: JoinHandle<()>,
}

impl Playing {
    /// Waits until everything has ended; what panicked, if anything did.
    pub async fn ended(self) -> Result<(), tokio::task::JoinError> {
        let Self { controls, runners, servers, end } = self;
        end.await?;
        drop(controls);
        for runner in runners {
            runner.await?;
        }
        for server in servers {
            server.await?;
        }
        Ok(())
    }
}

/// Pauses, goes on and jumps.
#[derive(Clone, Debug)]
pub struct Controls {
    transport: Transport,
    handles: Arc<[Handle]>,
    clock: Clock,
    looped: bool,
    session: Arc<str>,
}

impl Controls {
    /// Stands still, or goes on.
    pub async fn pause(&self, paused: bool) {
        self.transport.pause(paused, self.clock.now());
        self.wake().await;
    }

    /// Goes on if it stands, stands if it goes.
    pub async fn toggle(&self) {
        self.pause(!self.told().paused).await;
    }

    /// Jumps to a moment; consoles are told the state there.
    pub async fn seek(&self, to: When) {
        self.transport.seek(to.at(self.transport.first()), self.clock.now());
        self.wake().await;
    }

    /// Jumps so many seconds, back if less than 0.
    pub async fn skip(&self, by_s: i32) {
        let (now, by) = (self.told().since_start, Duration::from_secs(by_s.unsigned_abs().into()));
        let to = if by_s < 0 { now.saturating_sub(by) } else { now.saturating_add(by) };
        self.seek(When::Since(to)).await;
    }

    /// Where it is.
    #[must_use]
    pub fn told(&self) -> Told {
        self.transport.told(self.clock.now())
    }

    /// Every machine looks at the transport again.
    async fn wake(&self) {
        for handle in self.handles.iter() {
            // One that is gone has nothing to look at.
            let _ = handle.stream(StreamEvent::Ended).await;
        }
    }

    fn json(&self) -> serde_json::Value {
        let Told { at, since_start, length, rate, paused } = self.told();
        json!({
            "session": &*self.session,
            "at": utc(at),
            "sinceStartS": since_start.as_secs_f64(),
            "lengthS": length.as_secs_f64(),
            "rate": rate,
            "paused": paused,
            "loop": self.looped,
        })
    }
}

/// Ends the play at the session's end, or begins again.
async fn watch(controls: Controls, stop: CancellationToken) {
    loop {
        let now = controls.clock.now();
        let soon = now.saturating_add(LOOK_EVERY);
        let end = controls.transport.when(controls.transport.last()).unwrap_or(soon);
        if end <= now && !controls.told().paused {
            if !controls.looped {
                // The last events are fed before the machines stop.
                controls.wake().await;
                return stop.cancel();
            }
            controls.seek(When::Since(Duration::ZERO)).await;
            // A session without length would be begun again and again without a pause.
        }
        let wake = Instant::from_std(
            controls.clock.instant(end.clamp(now.saturating_add(Duration::from_millis(1)), soon)),
        );
        tokio::select! {
            () = sleep_until(wake) => {}
            () = stop.cancelled() => return,
        }
    }
}

fn part(service: &str) -> Option<Part> {
    let part = |service, consoles, json_errors| Some(Part { service, consoles, json_errors });
    match service {
        gps_status::SERVICE => part(gps_status::SERVICE, gps_status::codec::CONSOLES, true),
        discovery::SERVICE => part(discovery::SERVICE, discovery::codec::CONSOLES, true),
        dispatch::SERVICE => part(dispatch::SERVICE, dispatch::codec::CONSOLES, false),
        _ => None,
    }
}

fn router(service: &str, web: &Web) -> Router {
    match service {
        gps_status::SERVICE => gps_status::routes::router(web),
        // Recorded sessions are files, and none of this one's.
        discovery::SERVICE => discovery::routes::router(web, std::path::PathBuf::new()),
        _ => dispatch::routes::router(web),
    }
}

fn control_routes(controls: &Controls, origins: &Origins) -> Router {
    #[derive(Deserialize)]
    struct To {
        to: String,
    }
    type Told = axum::Json<serde_json::Value>;
    async fn tell(State(controls): State<Controls>) -> Told {
        axum::Json(controls.json())
    }
    async fn pause(State(controls): State<Controls>) -> Told {
        controls.pause(true).await;
        axum::Json(controls.json())
    }
    async fn resume(State(controls): State<Controls>) -> Told {
        controls.pause(false).await;
        axum::Json(controls.json())
    }
    async fn seek(State(controls): State<Controls>, to: Result<Query<To>, QueryRejection>) -> Response {
        let to = to.map(|Query(To { to })| to).unwrap_or_default();
        match to.parse() {
            Ok(to) => {
                controls.seek(to).await;
                axum::Json(controls.json()).into_response()
            }
            Err(error) => {
                (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": error.to_string() }))).into_response()
            }
        }
    }
    /// A page of a foreign origin may read nothing and change nothing.
    async fn check(State(origins): State<Origins>, request: Request, next: Next) -> Response {
        match origins.check(request.headers()) {
            Ok(()) => next.run(request).await,
            Err(refusal) => refusal.into_response(),
        }
    }
    let routes = Router::new()
        .route("/play", get(tell))
        .route("/play/pause", post(pause))
        .route("/play/resume", post(resume))
        .route("/play/seek", post(seek));
    let routes = routes.layer(from_fn_with_state(origins.clone(), check)).layer(origins.cors());
    routes.with_state(controls.clone())
}

fn held(found: &[String]) -> String {
    if found.is_empty() { String::new() } else { format!(" (only {})", found.join(", ")) }
}
