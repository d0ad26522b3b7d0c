//! `depot up`: reads the receiver, serves its status, records.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use gps_status::{Config, Source, routes};
use kit::clock::Clock;
use kit::origin::Origins;
use kit::runner::{Handle, RunnerLimits};
use kit::serve::{ServeLimits, serve};
use kit::session::SessionLimits;
use kit::tap::Tap;
use kit::web::Web;
use replay::recorder::{About, Recorder};
use rtk_reader::source::QUEUE_EVENTS;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{after, gnss::print};
use crate::cli::Up;
use crate::closing;
use crate::error::Error;
use crate::ready::ReadyFile;
use crate::source::{self, Gnss};

/// Runs until Ctrl-C, the end of a capture played once, or `limit`.
pub async fn run(args: Up, limit: Option<Duration>) -> Result<ExitCode, Error> {
    let gnss = Gnss::parse(&args.gnss)?;
    let origins = Origins::new(&args.allow_origin)?;
    let ready = args.ready_file.as_deref().map(ReadyFile::claim).transpose()?;
    let (listener, address) = listen(&args).await?;
    let stop = kit::shutdown::on_signals().map_err(Error::Start)?;
    let clock = Clock::start();
    let (recorder, tap) = match args.record.as_deref() {
        Some(file) => {
            let (recorder, tap) = record(file, &args, clock)?;
            (Some(recorder), tap)
        }
        None => (None, Tap::off()),
    };

    let config = Config { source: if matches!(gnss, Gnss::Feed) { Source::Feed } else { Source::Local } };
    let depot = Depot::start(&args, &config, origins, tap, clock, &stop, listener);
    info!(status = %format!("http://{address}/status"), consoles = %format!("ws://{address}/ws"), "gps-status listens");
    if let Some(ready) = &ready {
        ready.write(&[(gps_status::SERVICE, address)])?;
    }
    let (read, status) = tokio::select! {
        result = read(gnss, &args, clock, &depot.handle, &stop) => (result, depot.status().await),
        () = stop.cancelled() => (Ok(()), depot.status().await),
        () = after(limit) => (Ok(()), depot.status().await),
    };
    drop(ready);
    stop.cancel();
    depot.ended().await;
    if let (Some(recorder), Some(file)) = (recorder, args.record.as_deref()) {
        // It waits for its thread.
        tokio::task::block_in_place(|| keep(recorder, file, nothing_came(&read)))?;
    }
    read?;
    if let Ok(status) = serde_json::from_str(&status) {
        print(&closing::text(&status))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The running services.
struct Depot {
    handle: Handle,
    runner: JoinHandle<()>,
    server: JoinHandle<()>,
}

impl Depot {
    fn start(
        args: &Up,
        config: &Config,
        origins: Origins,
        tap: Tap,
        clock: Clock,
        stop: &CancellationToken,
        listener: TcpListener,
    ) -> Self {
        let deadline = Duration::from_secs(args.shutdown_s);
        let version = env!("CARGO_PKG_VERSION");
        let limits = RunnerLimits { shutdown: deadline, ..RunnerLimits::default() };
        let (handle, runner) = routes::start(config, version, args.seed, &tap, clock, limits, stop.clone());
        let sessions = SessionLimits { max_sessions: args.max_connections, ..SessionLimits::default() };
        let router = routes::router(&Web::new(handle.clone(), origins, sessions));
        let limits = ServeLimits { shutdown: deadline, ..ServeLimits::default() };
        let server = tokio::spawn(serve(listener, router, stop.clone(), limits));
        Self { handle, runner, server }
    }

    async fn status(&self) -> String {
        self.handle.http("GET", "/status", "", String::new()).await.1
    }

    /// Within the deadline both were given.
    async fn ended(self) {
        drop(self.handle);
        let _ = tokio::join!(self.runner, self.server);
    }
}

/// Carries the receiver's bytes to gps-status until they end.
async fn read(
    gnss: Gnss,
    args: &Up,
    clock: Clock,
    handle: &Handle,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let (sender, mut events) = mpsc::channel(QUEUE_EVENTS);
    let reading = source::run(gnss, &args.source, clock, sender, stop.clone());
    let (read, _) = tokio::join!(reading, routes::pump(handle, &mut events));
    read
}

async fn listen(args: &Up) -> Result<(TcpListener, SocketAddr), Error> {
    let address = SocketAddr::new(args.host, args.gps_status_port);
    let failed = |source| Error::Listen {
        address: address.to_string(),
        service: gps_status::SERVICE,
        flag: "gps-status-port",
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(Error::Start)?;
    Ok((listener, address))
}

fn record(file: &Path, args: &Up, clock: Clock) -> Result<(Recorder, Tap), Error> {
    let notes = [("source".to_string(), args.gnss.clone())].into();
    let about = About { version: env!("CARGO_PKG_VERSION").to_string(), notes };
    let (recorder, tap) = Recorder::create(file, &about, clock)?;
    if let Some(earlier) = recorder.moved_aside() {
        info!(earlier = %earlier.display(), "an earlier recording of that name was moved aside");
    }
    Ok((recorder, tap))
}

fn keep(recorder: Recorder, file: &Path, nothing_came: bool) -> Result<(), Error> {
    if nothing_came {
        recorder.discard();
        return Ok(());
    }
    let summary = recorder.finish()?;
    info!(file = %file.display(), events = summary.events, bytes = summary.bytes, lost = summary.lost, "recorded");
    Ok(())
}

/// The source never opened: what was recorded is of no use.
fn nothing_came(read: &Result<(), Error>) -> bool {
    matches!(read, Err(Error::Source(error)) if error.is_from_the_start())
}
