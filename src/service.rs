//! The services: which there are, and how each is started. They share a clock, a tap and a stop.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use dispatch::store::keeper;
use kit::clock::Clock;
use kit::origin::Origins;
use kit::runner::{Handle, RunnerLimits};
use kit::serve::serve;
use kit::tap::Tap;
use kit::web::Web;
use rtk_reader::source::Event;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::cli::{RoverArgs, Up};
use crate::closing;
use crate::error::Error;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A service of the depot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The receiver's status.
    GpsStatus,
    /// Who is there.
    Discovery,
    /// What rovers are to do.
    Dispatch,
}

impl Service {
    /// Those `depot up` runs.
    pub const ALL: [Self; 3] = [Self::GpsStatus, Self::Discovery, Self::Dispatch];

    fn name(self) -> &'static str {
        match self {
            Self::GpsStatus => gps_status::SERVICE,
            Self::Discovery => discovery::SERVICE,
            Self::Dispatch => dispatch::SERVICE,
        }
    }

    /// Binds its port.
    pub async fn listen(self, args: &Up) -> Result<(TcpListener, SocketAddr), Error> {
        let (port, flag) = match self {
            Self::GpsStatus => (args.gps_status_port, "gps-status-port"),
            Self::Discovery => (args.discovery_port, "discovery-port"),
            Self::Dispatch => (args.dispatch_port, "dispatch-port"),
        };
        let address = SocketAddr::new(args.host, port);
        let failed =
            |source| Error::Listen { address: address.to_string(), service: self.name(), flag, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(Error::Start)?;
        Ok((listener, address))
    }
}

/// What all services share.
pub struct Shared<'a> {
    pub args: &'a Up,
    /// Another machine reads the receiver.
    pub feed: bool,
    /// Takes what the receiver says, if a caster runs.
    pub caster: Option<mpsc::Sender<Event>>,
    pub origins: Origins,
    pub tap: Tap,
    pub clock: Clock,
    pub stop: CancellationToken,
}

impl Shared<'_> {
    /// Starts a service on its port.
    pub fn start(
        &self,
        service: Service,
        (listener, address): (TcpListener, SocketAddr),
    ) -> Result<Running, Error> {
        let Machine { handle, runner, store, told } = self.start_machine(service)?;
        let limits = self.args.limits;
        let web = Web::new(handle.clone(), self.origins.clone(), limits.sessions()).bodies(limits.bodies());
        let router = match service {
            Service::GpsStatus => gps_status::routes::router(&web),
            Service::Discovery => {
                let sessions_dir = self.args.sessions_dir.clone();
                discovery::routes::router(
                    &web,
                    sessions_dir.unwrap_or_else(|| self.args.data.join("sessions")),
                )
            }
            Service::Dispatch => dispatch::routes::router(&web),
        };
        let limits = limits.serving(self.deadline());
        let stop = self.stop.clone();
        let server = tokio::spawn(async move {
            // Who comes first waits in the system's queue: it isn't refused for a store that was just opened.
            if let Some(told) = told {
                let _ = told.await;
            }
            serve(listener, router, stop, limits).await;
        });
        let consoles = match service {
            Service::GpsStatus => gps_status::codec::CONSOLES,
            Service::Discovery => discovery::codec::CONSOLES,
            Service::Dispatch => dispatch::codec::CONSOLES,
        };
        info!(http = %format!("http://{address}"), consoles = %format!("ws://{address}{consoles}"), "{} listens", service.name());
        Ok(Running { service, address, handle, runner, server, store, deadline: self.deadline() })
    }

    /// What a feeder sends, for the caster: it comes to nobody but gps-status.
    fn relay(&self) -> Option<gps_status::codec::Relay> {
        let caster = self.caster.clone().filter(|_| self.feed)?;
        let mut behind = false;
        Some(Box::new(move |event| {
            // A service waits for nobody.
            let is_full = matches!(
                caster.try_send(gps_status::stream::source_event(event)),
                Err(mpsc::error::TrySendError::Full(_))
            );
            if is_full && !behind {
                crate::caster::behind();
            }
            behind = is_full;
        }))
    }

    fn start_machine(&self, service: Service) -> Result<Machine, Error> {
        let (seed, tap, clock, stop) = (self.args.seed, &self.tap, self.clock, self.stop.clone());
        let limits = RunnerLimits { shutdown: self.deadline(), ..RunnerLimits::default() };
        let (handle, runner) = match service {
            Service::GpsStatus => {
                let source = if self.feed { gps_status::Source::Feed } else { gps_status::Source::Local };
                let config = gps_status::Config { source };
                let mut machine = gps_status::machine(&config);
                if let Some(relay) = self.relay() {
                    machine.relay(relay);
                }
                let start = gps_status::routes::start_parts(&config, VERSION, seed);
                gps_status::routes::start_machine(machine, start, tap, clock, limits, stop)
            }
            Service::Discovery => {
                let config = discovery::Config::default();
                discovery::routes::start(&config, VERSION, seed, tap, clock, limits, stop)
            }
            Service::Dispatch => {
                let store = dispatch::store::connect(&self.args.database, &self.args.data)?;
                let (keeper, desk) = keeper::start(store, keeper::Pace::default())?;
                let config = dispatch_config(self.args.rovers);
                let parts = dispatch::routes::Parts { version: VERSION, seed, tap, clock, limits, stop };
                let (handle, runner) = dispatch::routes::start(&config, parts, Box::new(keeper));
                let teller = handle.clone();
                let (tell, told) = oneshot::channel();
                let mut tell = Some(tell);
                let store = desk.tell(move |event| {
                    let taken = teller.store_blocking(event);
                    drop(tell.take());
                    taken
                });
                return Ok(Machine { handle, runner, store: Some(store), told: Some(told) });
            }
        };
        Ok(Machine { handle, runner, store: None, told: None })
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(self.args.shutdown_s)
    }
}

fn dispatch_config(args: RoverArgs) -> dispatch::Config {
    let RoverArgs { delivery_s, resume_after_s, rover_lost_after_s, keep_tasks_days } = args;
    dispatch::Config {
        delivery_within_ms: delivery_s * 1000,
        resume_after_ms: resume_after_s * 1000,
        rover_lost_after_ms: rover_lost_after_s * 1000,
        keep_tasks_for_ms: keep_tasks_days * 24 * 3_600_000,
        gather_ms: dispatch::config::GATHER_MS,
    }
}

/// A machine's task, and the thread of its store.
struct Machine {
    handle: Handle,
    runner: JoinHandle<Value>,
    store: Option<thread::JoinHandle<()>>,
    /// Resolves when the machine knows how it is with its store.
    told: Option<oneshot::Receiver<()>>,
}

/// A service that runs.
pub struct Running {
    pub service: Service,
    pub address: SocketAddr,
    pub handle: Handle,
    runner: JoinHandle<Value>,
    server: JoinHandle<()>,
    store: Option<thread::JoinHandle<()>>,
    deadline: Duration,
}

impl Running {
    pub fn name(&self) -> &'static str {
        self.service.name()
    }

    /// Its last state, for a person, within the deadline it was given. A panic is an error.
    pub async fn ended(self) -> Result<String, Error> {
        drop(self.handle);
        let (state, served) = tokio::join!(self.runner, self.server);
        let failed = |source| Error::Service { service: self.service.name(), source };
        served.map_err(failed)?;
        let state = state.map_err(failed)?;
        if let Some(store) = self.store {
            // What was handed over is finished, unless the database hangs: then nobody was told that it was kept.
            let joined = tokio::task::spawn_blocking(move || store.join());
            let _ = timeout(self.deadline, joined).await;
        }
        let text = match self.service {
            Service::GpsStatus => serde_json::from_value(state).map(|status| closing::status(&status)),
            Service::Discovery => {
                serde_json::from_value::<Vec<_>>(state).map(|rovers| closing::rovers(&rovers))
            }
            Service::Dispatch => Ok(closing::dispatch(&state)),
        };
        Ok(text.unwrap_or_default())
    }
}
