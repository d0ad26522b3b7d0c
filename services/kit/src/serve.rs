//! The listener of a service, its connections, and their orderly end.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use axum::Router;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    line::{Line, WriteWatch},
    linger::{Linger, LingeringStream},
    quiet::Quiet,
};

/// Connections that speak HTTP at one time (WebSockets are counted by their service); beyond it the next one
/// waits in the kernel's queue until one ends.
pub const MAX_HTTP_CONNECTIONS: usize = 2048;
/// Room for the headers of one request, bytes; a larger one gets 431.
pub const MAX_HEADER_BYTES: usize = 16 << 10;
/// Pause after the system refused to accept (no file descriptors left).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How often that is logged at most: it may last, or come and go with each connection.
const ACCEPT_LOG_EVERY: Duration = Duration::from_secs(60);

/// How often it is logged at most that what a client sent is no HTTP: it must not be able to fill the log.
const NO_HTTP_LOG_EVERY: Duration = Duration::from_secs(1);

/// How long things may take. The defaults are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeLimits {
    /// A connection that hasn't sent a whole request header for so long is closed, an idle one too.
    pub header: Duration,
    /// A connection that takes none of an answer for so long is reset. A WebSocket's session has a limit of its
    /// own.
    pub write: Duration,
    /// After a stop, what requests and WebSockets under way may take to end.
    pub shutdown: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            write: Duration::from_secs(30),
            shutdown: Duration::from_secs(5),
        }
    }
}

/// What a handler may know of the connection it serves; an extension of each request.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) addr: SocketAddr,
    pub(crate) line: Line,
    pub(crate) linger: Linger,
    /// Keeps [`serve`] waiting for whoever holds a token of it.
    pub(crate) sessions: TaskTracker,
}

/// Serves until `stop`, then takes no new connection and waits for requests and WebSockets under way, at
/// most until `deadline` has passed.
///
/// The WebSockets end because their runner ends: give both the same `stop`.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, limits: ServeLimits) {
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MAX_HTTP_CONNECTIONS));
    let (clock, mut log) = (Clock::start(), Quiet::new(ACCEPT_LOG_EVERY));
    let no_http = NoHttpLog { clock, quiet: Arc::new(Mutex::new(Quiet::new(NO_HTTP_LOG_EVERY))) };
    while let Some((tcp, addr, place)) = accept(&listener, &places, &stop, clock, &mut log).await {
        let (line, linger) = (Line::default(), Linger::default());
        let connection = Connection { addr, line, linger, sessions: tasks.clone() };
        tasks.spawn(connect(tcp, connection, router.clone(), place, stop.clone(), limits, no_http.clone()));
    }
    drop(listener);
    tasks.close();
    if timeout(limits.shutdown, tasks.wait()).await.is_err() {
        tracing::warn!(left = tasks.len(), "connections did not end in time and are dropped");
    }
}

/// The next connection and its place; none when stopped.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
    clock: Clock,
    log: &mut Quiet,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let next = async {
        let place = places.clone().acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((tcp, addr)) => return Some((tcp, addr, place)),
                Err(error) => {
                    if let Some(left_out) = log.pass(clock.now()) {
                        tracing::warn!(%error, left_out, "can't accept connections; trying on");
                    }
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        next = next => next,
    }
}

async fn connect(
    tcp: TcpStream,
    connection: Connection,
    router: Router,
    place: OwnedSemaphorePermit,
    stop: CancellationToken,
    limits: ServeLimits,
    no_http: NoHttpLog,
) {
    // A change must not wait for the acknowledgement of the one before.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "can't set TCP_NODELAY");
    }
    let (line, linger) = (connection.line.clone(), connection.linger.clone());
    let watch = WriteWatch::new(line.clone(), limits.write);
    let io = TokioIo::new(LingeringStream::new(tcp, linger.clone(), watch));
    let router = TowerToHyperService::new(router);
    let addr = connection.addr;
    let service = service_fn(move |mut request: hyper::Request<_>| {
        let under_way = connection.line.request();
        request.extensions_mut().insert(connection.clone());
        let answer = hyper::service::Service::call(&router, request);
        async move {
            let answer = answer.await;
            drop(under_way);
            answer
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(io, service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = stop.cancelled() => {
            line.stop();
            serving.as_mut().graceful_shutdown();
            // Half a header, or the room between two requests, is not waited for.
            let last_answer = poll_fn(|cx| match serving.as_mut().poll(cx) {
                Poll::Pending if line.is_idle() => Poll::Ready(Ok(())),
                served => served,
            });
            // Later it is dropped with whatever it was doing.
            timeout(limits.shutdown, last_answer).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        if error.is_parse() {
            no_http.log(addr, &error);
        } else {
            tracing::debug!(%error, "an HTTP connection failed");
        }
        // What it went on sending must not make its kernel throw our refusal away.
        linger.ask();
    }
    drop(place);
}

/// The log of requests that hyper refuses itself, with 400 or 431: no handler sees them.
#[derive(Clone)]
struct NoHttpLog {
    clock: Clock,
    quiet: Arc<Mutex<Quiet>>,
}

impl NoHttpLog {
    fn log(&self, addr: SocketAddr, error: &hyper::Error) {
        let left_out = self.quiet.lock().unwrap_or_else(PoisonError::into_inner).pass(self.clock.now());
        if let Some(left_out) = left_out {
            tracing::info!(%addr, %error, left_out, "refused a request that is no HTTP or has too large headers");
        }
    }
}
