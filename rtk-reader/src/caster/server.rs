//! Starts a caster: its listeners, the task of the receiver's bytes, and the one that reports.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::{self, EXAMINATIONS};
use super::config::Config;
use super::core::Refusal;
use super::hub::{Hub, Now};
use super::report::Report;
use super::{push, raw};
use crate::frame::LOOK_AFTER;
use crate::source::{Event, QUEUE_EVENTS};

/// Reports are at least so far apart: what changes between two is told with the second.
pub const REPORT_EVERY: Duration = Duration::from_millis(250);
/// What changes all the time (bytes, positions) is told so often.
pub const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// After the system refused a connection (no file descriptors left), the next is tried after so long.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Connections without a place that are told so at once; further ones are just closed.
const TURNED_AWAY: usize = 64;

/// A caster that runs.
#[derive(Debug)]
pub struct Running {
    /// Takes what a source tells. It never waits for a client. When all clones are dropped, or at the stop, the
    /// clients are sent what is left, and their end.
    pub events: mpsc::Sender<Event>,
    /// The newest report; ends with the caster.
    pub reports: watch::Receiver<Report>,
    /// Done when all clients have left, or their time is over.
    pub done: JoinHandle<()>,
}

/// Starts a caster on these listeners.
pub fn start(
    config: Config,
    listener: TcpListener,
    raw_listener: Option<TcpListener>,
    now: Now,
    stop: CancellationToken,
) -> Running {
    let hub = Arc::new(Hub::new(config, now));
    let (events, queue) = mpsc::channel(QUEUE_EVENTS);
    let (tell, reports) = watch::channel(hub.report());
    let done = tokio::spawn(run(hub, listener, raw_listener, queue, tell, stop));
    Running { events, reports, done }
}

async fn run(
    hub: Arc<Hub>,
    listener: TcpListener,
    raw_listener: Option<TcpListener>,
    queue: mpsc::Receiver<Event>,
    tell: watch::Sender<Report>,
    stop: CancellationToken,
) {
    let clients = TaskTracker::new();
    let over = CancellationToken::new();
    let accepting = [
        tokio::spawn(over.clone().run_until_cancelled_owned(accept(hub.clone(), listener, clients.clone()))),
        tokio::spawn(over.clone().run_until_cancelled_owned(accept_raw(
            hub.clone(),
            raw_listener,
            clients.clone(),
        ))),
        tokio::spawn(over.clone().run_until_cancelled_owned(report(hub.clone(), tell))),
    ];
    for (index, target) in hub.config.pushes.iter().cloned().enumerate() {
        clients.spawn(over.clone().run_until_cancelled_owned(push::run(hub.clone(), index, target)));
    }
    take(&hub, queue, stop).await;
    // Whoever has a stream gets what is left of it.
    hub.close();
    clients.close();
    let shutdown = hub.config.limits.shutdown;
    let _ = timeout(shutdown, clients.wait()).await;
    over.cancel();
    for task in accepting {
        // One that panicked has ended, too.
        let _ = task.await;
    }
}

/// Takes what the source tells until there is no more, or the stop.
async fn take(hub: &Hub, mut queue: mpsc::Receiver<Event>, stop: CancellationToken) {
    // A look behind what is incomplete finds nothing new before something comes.
    let mut looked = true;
    loop {
        let event = tokio::select! {
            event = queue.recv() => event,
            () = sleep(LOOK_AFTER), if !looked && hub.is_pending() => {
                looked = true;
                hub.look();
                continue;
            }
            () = stop.cancelled(), if !queue.is_closed() => {
                // What waits is still taken.
                queue.close();
                continue;
            }
        };
        let Some(event) = event else { return };
        looked = false;
        hub.take(&event);
    }
}

async fn accept(hub: Arc<Hub>, listener: TcpListener, clients: TaskTracker) {
    let examinations = Arc::new(Semaphore::new(EXAMINATIONS));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    loop {
        let Some((socket, address)) = next(&listener).await else { continue };
        match hub.place(address.ip()) {
            Some(place) => {
                let served = client::serve(hub.clone(), examinations.clone(), socket, address, place);
                clients.spawn(served);
            }
            None => {
                hub.refused();
                if let Ok(room) = turned_away.clone().try_acquire_owned() {
                    let stall = hub.config.limits.stall;
                    let answer = Refusal::Full.answer(None, &client::date(&hub));
                    clients.spawn(async move {
                        client::answer_and_end(socket, &answer, stall).await;
                        drop(room);
                    });
                }
            }
        }
    }
}

async fn accept_raw(hub: Arc<Hub>, listener: Option<TcpListener>, clients: TaskTracker) {
    let Some(listener) = listener else { return };
    loop {
        let Some((socket, address)) = next(&listener).await else { continue };
        // Whoever is counted misses nothing from then on.
        let Some(chunks) = hub.raw() else { return };
        match hub.raw_place() {
            Some(place) => drop(clients.spawn(raw::serve(hub.clone(), chunks, socket, address, place))),
            None => hub.refused(),
        }
    }
}

async fn next(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::debug!(%error, "a connection was not accepted");
            sleep(ACCEPT_RETRY).await;
            None
        }
    }
}

/// Tells the newest report when something has changed.
async fn report(hub: Arc<Hub>, tell: watch::Sender<Report>) {
    loop {
        let _ = timeout(REFRESH_EVERY, hub.changed.notified()).await;
        let report = hub.report();
        tell.send_if_modified(|told| {
            let is_new = *told != report;
            *told = report;
            is_new
        });
        sleep(REPORT_EVERY).await;
    }
}
