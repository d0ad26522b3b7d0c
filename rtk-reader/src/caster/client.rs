//! One connection: its request, its answer, its stream.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use tokio::net::TcpStream;
use tokio::sync::{Semaphore, broadcast::error::RecvError};
use tokio::time::{sleep, timeout};

use super::core::{Credentials, GgaReader, Head, Refusal, Request, Rev, stream, table, verify};
use super::hub::{Client, Hub, Place};
use super::outlet::{self, WriteError};

/// Passwords under examination at once: each takes a core and 19 MiB for tens of milliseconds.
pub const EXAMINATIONS: usize = 2;
/// So long a client waits for its password's turn, then it is answered 503.
const EXAMINED_WITHIN: Duration = Duration::from_secs(30);
/// After an answer that isn't a stream, so long the peer may take to read it.
const LEAVE_TAKING: Duration = Duration::from_secs(2);
/// Read at once.
const READ_BYTES: usize = 1024;

/// Serves a connection until it ends.
pub async fn serve(
    hub: Arc<Hub>,
    examinations: Arc<Semaphore>,
    socket: TcpStream,
    address: SocketAddr,
    _place: Place,
) {
    if outlet::set_up(&socket).is_err() {
        // It has left already.
        return;
    }
    let limits = hub.config.limits;
    let asked = tokio::select! {
        asked = timeout(limits.request, request(&socket)) => asked,
        () = hub.closing.cancelled() => return,
    };
    let (request, rest) = match asked {
        Ok(Ok(asked)) => asked,
        Ok(Err(NoRequest::Left)) => return,
        Ok(Err(NoRequest::Bad(refusal))) => return refuse(&hub, socket, refusal, None, address).await,
        Err(_) => return refuse(&hub, socket, Refusal::TooLate, None, address).await,
    };
    let mountpoint = hub.config.mountpoints.iter().position(|known| known.name == request.mountpoint);
    let Some(mountpoint) = mountpoint else {
        if request.rev == Rev::Two && !request.mountpoint.is_empty() {
            return refuse(&hub, socket, Refusal::NotFound, Some(&request), address).await;
        }
        let answer = table(request.rev, &hub.table(), &date(&hub));
        return answer_and_end(socket, &answer, limits.stall).await;
    };
    let admitted = tokio::select! {
        admitted = admit(&hub, &examinations, &request, address) => admitted,
        () = hub.closing.cancelled() => return,
    };
    if let Err(refusal) = admitted {
        return refuse(&hub, socket, refusal, Some(&request), address).await;
    }
    stream_to(&hub, socket, address, mountpoint, request, &rest).await;
}

enum NoRequest {
    Left,
    Bad(Refusal),
}

async fn request(socket: &TcpStream) -> Result<(Request, Vec<u8>), NoRequest> {
    let mut head = Head::default();
    loop {
        socket.readable().await.map_err(|_| NoRequest::Left)?;
        let mut bytes = [0; READ_BYTES];
        match socket.try_read(&mut bytes) {
            Ok(0) => return Err(NoRequest::Left),
            Ok(read) => match head.push(bytes.get(..read).unwrap_or_default()) {
                Ok(Some(whole)) => return Ok(whole),
                Ok(None) => {}
                Err(error) => return Err(NoRequest::Bad(Refusal::Bad(error))),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(NoRequest::Left),
        }
    }
}

/// Whether these credentials may have this mountpoint.
async fn admit(
    hub: &Arc<Hub>,
    examinations: &Arc<Semaphore>,
    request: &Request,
    address: SocketAddr,
) -> Result<(), Refusal> {
    let users = &hub.config.users;
    if users.is_open() {
        return Ok(());
    }
    let credentials = request.credentials.as_ref().ok_or(Refusal::Unauthorized)?;
    let (hash, may) = users.hash_of(&credentials.user, &request.mountpoint).ok_or(Refusal::Unauthorized)?;
    let known = |may: bool| if may { Ok(()) } else { Err(Refusal::Unauthorized) };
    if hub.known().is_verified(credentials) {
        return known(may);
    }
    let turn = timeout(EXAMINED_WITHIN, examinations.clone().acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(Refusal::Full) };
    // Meanwhile another of the same rover's connections may have been examined, or others from there have failed.
    if hub.known().is_verified(credentials) {
        return known(may);
    }
    if hub.known().is_barred(address.ip(), (hub.now)()) {
        return Err(Refusal::TooManyFailures);
    }
    let (Credentials { password, .. }, hash) = (credentials.clone(), hash.to_owned());
    let right = tokio::task::spawn_blocking(move || {
        let right = verify(&password, &hash);
        // Not before: a client that leaves would make room for another while this still runs.
        drop(turn);
        right
    });
    // Of a user that isn't there it is another's hash: it may match, and lets nobody in.
    let is_user = users.is_user(&credentials.user);
    if right.await.unwrap_or(false) && is_user {
        hub.known().right(credentials);
        return known(may);
    }
    hub.known().wrong(address.ip(), (hub.now)());
    Err(Refusal::Unauthorized)
}

async fn stream_to(
    hub: &Arc<Hub>,
    socket: TcpStream,
    address: SocketAddr,
    mountpoint: usize,
    request: Request,
    rest: &[u8],
) {
    let stall = hub.config.limits.stall;
    let client = Arc::new(Client {
        mountpoint,
        user: if hub.config.users.is_open() {
            None
        } else {
            request.credentials.as_ref().map(|c| c.user.clone())
        },
        address,
        user_agent: request.user_agent.clone(),
        since: (hub.now)(),
        bytes: AtomicU64::new(0),
        position: None.into(),
    });
    let chunked = super::core::is_chunked(&request);
    let head = stream(&request, &date(hub));
    let mut gga = GgaReader::default();
    let mut heard = |bytes: &[u8]| {
        if let Some(position) = gga.push((hub.now)(), bytes)
            && client.is_at(position)
        {
            hub.changed.notify_one();
        }
    };
    heard(request.gga.unwrap_or_default().as_bytes());
    heard(b"\r\n");
    heard(rest);
    // From here on, not from after the head: its first frame is the next that comes.
    let Some(mut frames) = hub.stream(mountpoint) else { return };
    let _listed = hub.enter(client.clone());
    if outlet::write(&socket, head.as_bytes(), stall).await.is_err() {
        return;
    }
    let mut in_order = false;
    loop {
        tokio::select! {
            burst = frames.recv() => {
                let burst = match burst {
                    Ok(burst) => if chunked { burst.chunked } else { burst.plain },
                    Err(RecvError::Closed) => {
                        in_order = true;
                        break;
                    }
                    Err(RecvError::Lagged(behind)) => {
                        hub.slow();
                        tracing::info!(%address, behind, "a client is too slow and was cut");
                        break;
                    }
                };
                match outlet::write(&socket, &burst, stall).await {
                    Ok(()) => {
                        client.bytes.fetch_add(burst.len() as u64, Ordering::Relaxed);
                    }
                    Err(WriteError::Stalled) => {
                        hub.slow();
                        tracing::info!(%address, "a client took nothing for {} s and was cut", stall.as_secs());
                        break;
                    }
                    Err(WriteError::Gone(_)) => break,
                }
            }
            ready = socket.readable() => {
                let mut bytes = [0; READ_BYTES];
                match socket.try_read(&mut bytes) {
                    Ok(read @ 1..) => heard(bytes.get(..read).unwrap_or_default()),
                    Err(error) if ready.is_ok() && error.kind() == io::ErrorKind::WouldBlock => {}
                    // It closed, or is gone.
                    _ => break,
                }
            }
        }
    }
    if in_order && chunked {
        let _ = outlet::write(&socket, super::core::last_chunk(), stall).await;
    }
    outlet::end(socket);
}

/// Answers without a stream.
async fn refuse(
    hub: &Hub,
    socket: TcpStream,
    refusal: Refusal,
    request: Option<&Request>,
    address: SocketAddr,
) {
    hub.refused();
    let user = request.and_then(|request| request.credentials.as_ref()).map(|credentials| &credentials.user);
    tracing::debug!(%address, ?refusal, ?user, "a client was refused");
    answer_and_end(socket, &refusal.answer(request, &date(hub)), hub.config.limits.stall).await;
}

/// Writes an answer and waits, for a bounded time, until the peer has it: to close on what it has sent and nobody
/// read would take the answer away from it.
pub async fn answer_and_end(socket: TcpStream, answer: &str, stall: Duration) {
    if outlet::write(&socket, answer.as_bytes(), stall).await.is_err() {
        return;
    }
    let _ = nix::sys::socket::shutdown(
        std::os::fd::AsRawFd::as_raw_fd(&socket),
        nix::sys::socket::Shutdown::Write,
    );
    let read_on = async {
        while socket.readable().await.is_ok() {
            let mut unread = [0; READ_BYTES];
            match socket.try_read(&mut unread) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => break,
            }
        }
    };
    tokio::select! {
        () = read_on => {}
        () = sleep(LEAVE_TAKING) => {}
    }
    outlet::end(socket);
}

/// For `Date`.
pub fn date(hub: &Hub) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + (hub.now)().min(LAST_DATE))
}

/// The library knows no date after the year 9999.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);
