//! A proxy that records WebSocket and HTTP services that aren't ours.
//!
//! It stands between clients and an upstream, forwards their bytes, and tells the tap what they mean
//! ([`kit::proxied::ProxyEvent`]). Several upstreams share one recording and one time line.
//!
//! - The bytes are the peers' own: nothing is added, no connection is shared or kept, an end of one side is
//!   passed on as the end it was (in order or a reset). Three exceptions, all in a request's head: the path of
//!   `--to` is put before the target, `Host` names an upstream behind TLS, and an offer of WebSocket extensions isn't passed on unless
//!   [`Options::keep_extensions`] says so, because a recording of compressed messages can be read by nobody who hasn't
//!   all of it.
//! - What can't be read is forwarded all the same, and recorded as a violation and raw bytes.
//! - Secrets in headers and targets are masked in the recording ([`mask`]).
//! - Nobody waits for the recorder: what its queue can't take is lost, counted, and marked by a gap.
//! - Memory is bounded: a connection holds one buffer, one piece of a frame and one head for each direction,
//!   and whoever reads nothing isn't read for.

mod batch;
mod body;
mod connection;
mod conversation;
mod head;
pub(crate) mod line;
pub mod mask;
mod target;
pub mod tls;
mod ws;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use kit::clock::Clock;
use kit::proxied::ProxyEvent;
use kit::tap::Tap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use batch::Batch;
use connection::Way;
use conversation::Rules;
use mask::Masks;
pub use target::{Target, TargetError};
use tls::Tls;
pub use ws::MAX_PIECE_BYTES;

/// Pause after the system refused to accept (no file descriptors left).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How a proxy works.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is kept out of the recording.
    pub masks: Arc<Masks>,
    /// Pass on offers of WebSocket extensions.
    pub keep_extensions: bool,
    /// Connections at one time, over all listeners; the next one waits in the kernel's queue.
    pub max_connections: usize,
    /// How long an upstream may take to accept a connection; then the client is answered 504.
    pub connect_timeout: Duration,
    /// How long an upstream may take to begin an answer while nothing comes from either side; then the client
    /// is answered 504.
    pub answer_timeout: Duration,
    /// Who an upstream behind TLS must be; none is spoken with without.
    pub tls: Option<Tls>,
    /// After a stop, how long an exchange under way may take to end.
    pub shutdown: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            masks: Arc::default(),
            keep_extensions: false,
            max_connections: 1024,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
            tls: None,
            shutdown: Duration::from_secs(5),
        }
    }
}

/// One listener and its upstream.
#[derive(Debug)]
pub struct Listener {
    /// Its events' service.
    pub name: &'static str,
    /// Where clients connect.
    pub socket: TcpListener,
    /// Where they are forwarded to.
    pub target: Target,
}

/// Serves all listeners until `stop`, then ends the connections in order, at most until
/// [`Options::shutdown`] has passed. The tap is dropped when it returns.
pub async fn serve(
    listeners: Vec<Listener>,
    options: Options,
    tap: Tap,
    clock: Clock,
    stop: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let places = Arc::new(Semaphore::new(options.max_connections));
    let conns = Arc::new(AtomicU64::new(1));
    let batch = Arc::new(Batch::new(listeners.iter().map(|listener| tap.of(listener.name)).collect()));
    drop(tap);
    let accepting: Vec<_> = listeners
        .into_iter()
        .enumerate()
        .map(|(number, Listener { socket, target, .. })| {
            let listen = socket.local_addr().map_or_else(|_| "?".into(), |address| address.to_string());
            let upstream = target.to_string();
            batch.record(number, clock.now(), std::iter::once(ProxyEvent::Listening { listen, upstream }));
            let rules = Rules {
                masks: options.masks.clone(),
                prefix: target.prefix.clone(),
                keep_extensions: options.keep_extensions,
                host: target.host_header(),
            };
            let (batch, stop, options) = (batch.clone(), stop.clone(), options.clone());
            let way = Arc::new(Way { target, rules, options, batch, listener: number, clock, stop });
            accept(socket, way, conns.clone(), places.clone(), tasks.clone())
        })
        .collect();
    tokio::select! {
        _ = join_all(accepting) => {}
        () = batch.run() => {}
    }
    tasks.close();
    // Each ends by itself in the time it is given; a little more is for the last writes.
    let ended = timeout(options.shutdown.saturating_add(connection::LAST_WORDS), tasks.wait());
    let in_time = tokio::select! {
        ended = ended => ended.is_ok(),
        () = batch.run() => true,
    };
    if !in_time {
        tracing::warn!(left = tasks.len(), "connections did not end in time and are dropped");
    }
    batch.flush();
}

async fn accept(
    socket: TcpListener,
    way: Arc<Way>,
    conns: Arc<AtomicU64>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
) {
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.ok()?;
            Some((socket.accept().await, place))
        };
        let accepted: Option<(std::io::Result<(TcpStream, SocketAddr)>, _)> = tokio::select! {
            biased;
            () = way.stop.cancelled() => None,
            next = next => next,
        };
        match accepted {
            None => return,
            Some((Ok((client, address)), place)) => {
                let (way, conn) = (way.clone(), conns.fetch_add(1, Ordering::Relaxed));
                tasks.spawn(async move {
                    connection::run(client, address, conn, &way).await;
                    drop(place);
                });
            }
            Some((Err(error), _)) => {
                tracing::warn!(%error, "can't accept connections; trying on");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}
