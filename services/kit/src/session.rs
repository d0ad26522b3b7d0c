//! The loop of one WebSocket.
//!
//! Reads, writes and waits in one task, none of them in another's way: a peer that reads nothing is still
//! heard, and its stuck write ends with the idle time-out or the service. Whatever waits is fed to the
//! socket at once and flushed once.

use std::{
    collections::VecDeque, future::poll_fn, mem, ops::Range, pin::pin, sync::Arc, task::Poll, time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use futures_util::StreamExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Error, Message,
        protocol::{Role, WebSocketConfig},
    },
};
use wire::frame::ErrorFrame;

use crate::{
    error::Refusals,
    linger::Linger,
    machine::{ConnId, Timestamp},
    outbox::{CloseReason, Counted, OutFrame, Outbox},
    outlet::Outlet,
    pace::{Burst, Pace, Pacer, arrays},
    runner::{CLOSE_GOING_AWAY, Handle, Opened, Peer},
    tap::SessionEvent,
    writer::{Writer, Written},
    written::Place,
};

/// RFC 6455 section 7.4.1: a protocol error.
pub const CLOSE_PROTOCOL: u16 = 1002;
/// RFC 6455 section 7.4.1: a text frame that is not UTF-8.
pub const CLOSE_NOT_UTF8: u16 = 1007;
/// RFC 6455 section 7.4.1: no other code fits. Ours for a silent peer, so that it can tell its own silence
/// from the end of the service.
pub const CLOSE_SILENT: u16 = 1008;
/// RFC 6455 section 7.4.1: a message over the size limit.
pub const CLOSE_TOO_BIG: u16 = 1009;

/// Read buffer of a connection, bytes; the library's own default makes an idle connection cost 138 kB. Rovers
/// and consoles say little; a larger message is read in pieces of this size.
const READ_BUFFER_BYTES: usize = 1024;
/// Most that [`SessionLimits::gather_bytes`] may be; more is taken for this.
const MAX_GATHER_BYTES: usize = 1 << 20;
/// What the library may have to write of its own, pongs and a close frame, while the peer reads nothing, bytes;
/// beyond it the latest ping alone is answered.
const MAX_CONTROL_BYTES: usize = 4096;

/// A WebSocket of a service. Text frames and pings go straight to its [`Outlet`].
pub(crate) type Socket = WebSocketStream<Outlet<TokioIo<Upgraded>>>;

/// Limits of every session of a service. The defaults are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Largest message (and frame) a peer may send; a larger one closes with 1009.
    pub max_message_bytes: usize,
    /// How often the peer is pinged.
    pub ping_every: Duration,
    /// A peer from which nothing came for so long, or which has taken nothing for so long of what it was
    /// sent, is closed with 1008.
    pub idle_after: Duration,
    /// How long a close waits: for what is still being written and for the peer's own close frame.
    pub close_wait: Duration,
    /// Frames that wait together are gathered up to so many bytes before they are written, one system call
    /// for many; 0 writes each by itself. At most 1 MiB.
    pub gather_bytes: usize,
    /// Open sessions of a service; more are refused with 503.
    pub max_sessions: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            // A feed frame carries 48 KiB of bytes as 64 KiB of base64 and a little JSON.
            max_message_bytes: 128 << 10,
            ping_every: Duration::from_secs(30),
            idle_after: Duration::from_secs(60),
            close_wait: Duration::from_secs(2),
            gather_bytes: 8192,
            max_sessions: 10_000,
        }
    }
}

/// Where a WebSocket connects from and to.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) peer: Peer,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) pace: Pace,
    pub(crate) refusals: Refusals,
}

/// A WebSocket over what is left of an HTTP connection.
pub(crate) async fn socket(upgraded: Upgraded, limits: &SessionLimits) -> Socket {
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits.max_message_bytes))
        .max_frame_size(Some(limits.max_message_bytes))
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_CONTROL_BYTES);
    let outlet = Outlet::new(TokioIo::new(upgraded), limits.gather_bytes.min(MAX_GATHER_BYTES));
    WebSocketStream::from_raw_socket(outlet, Role::Server, Some(config)).await
}

/// Runs a session to its end. The machine is told `Open` first and `Closed` last.
pub(crate) fn run(
    socket: Socket,
    handle: Handle,
    hello: Hello,
    limits: SessionLimits,
    linger: Option<Linger>,
) -> impl Future<Output = ()> + Send {
    // What happens once is boxed: it would otherwise take its room in every idle session for good.
    let opening = Box::pin(open(socket, handle, hello, limits, linger));
    async move {
        let Some(mut session) = opening.await else { return };
        let conn = session.conn;
        tracing::debug!(conn, "a WebSocket opened");
        let code = session.run().await;
        tracing::debug!(conn, code, "a WebSocket ended");
        session.handle.settle();
        // A machine that is gone needs no telling.
        let _ = Box::pin(session.handle.closed(conn, code)).await;
    }
}

/// None if the service stopped between the handshake and now.
async fn open(
    socket: Socket,
    handle: Handle,
    hello: Hello,
    limits: SessionLimits,
    linger: Option<Linger>,
) -> Option<Box<Session>> {
    let Hello { peer, path, query, pace, refusals } = hello;
    let Ok(Opened { conn, outbox }) = handle.open(peer, path, query).await else {
        turn_away(socket, limits.close_wait).await;
        return None;
    };
    let now = handle.clock().now();
    Some(Box::new(Session {
        conn,
        pacer: (!pace.is_none()).then(|| Box::new(Pacer::new(pace))),
        limits,
        linger,
        outbox,
        socket,
        writer: Writer::default(),
        phase: Phase::Open,
        reading: true,
        peer_code: None,
        heard: now,
        next_ping: now + limits.ping_every,
        progress: (0, now),
        warned: false,
        refusals,
        unanswered: 0..0,
        recorded: Place::default(),
        handle,
    }))
}

/// Says that the service is stopping.
async fn turn_away(mut socket: Socket, wait: Duration) {
    let mut writer = Writer::default();
    writer.close(CloseReason { code: CLOSE_GOING_AWAY, reason: "the service is stopping".to_owned() });
    // It ends either way: the frame went out, the transport failed, or the peer doesn't read.
    let _ = tokio::time::timeout(wait, poll_fn(|cx| writer.poll(&mut socket, cx))).await;
}

struct Session {
    conn: ConnId,
    handle: Handle,
    limits: SessionLimits,
    linger: Option<Linger>,
    outbox: Arc<Outbox>,
    socket: Socket,
    writer: Writer,
    pacer: Option<Box<Pacer>>,
    phase: Phase,
    /// The transport may still give something.
    reading: bool,
    peer_code: Option<u16>,
    heard: Timestamp,
    next_ping: Timestamp,
    /// Bytes the transport had taken when last looked at, and since when it takes none of those that wait.
    progress: (u64, Timestamp),
    /// A binary frame was refused before.
    warned: bool,
    refusals: Refusals,
    /// The machine's pings that a pong may still answer.
    unanswered: Range<u64>,
    /// Where what it wrote last was noted for the recording.
    recorded: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// A close frame is on its way, ours or the peer's; dropped at the latest then.
    Closing(Timestamp),
    Over,
}

enum Event {
    Written(Result<Written, Error>),
    Read(Option<Result<Message, Error>>),
    Other,
}

impl Session {
    /// The code the peer closed with, if it did.
    async fn run(&mut self) -> Option<u16> {
        let clock = self.handle.clock();
        let mut armed = Timestamp::ZERO;
        let mut sleep = pin!(sleep_until(Instant::from_std(clock.instant(armed))));
        loop {
            let now = clock.now();
            self.take_waiting(now).await;
            self.run_timers(now);
            if self.is_over() {
                return self.peer_code;
            }
            let deadline = self.deadline();
            if armed != deadline {
                armed = deadline;
                sleep.as_mut().reset(Instant::from_std(clock.instant(deadline)));
            }
            let Self { socket, writer, outbox, reading, phase, .. } = &mut *self;
            let event = tokio::select! {
                biased;
                event = poll_fn(|cx| {
                    if let Poll::Ready(written) = writer.poll(socket, cx) {
                        return Poll::Ready(Event::Written(written));
                    }
                    if *reading { socket.poll_next_unpin(cx).map(Event::Read) } else { Poll::Pending }
                }) => event,
                () = outbox.changed(), if *phase == Phase::Open => Event::Other,
                () = &mut sleep => Event::Other,
            };
            match event {
                Event::Written(Ok(written)) => self.record_written(written),
                Event::Written(Err(error)) => self.write_failed(&error),
                Event::Read(Some(Ok(message))) => self.received(message).await,
                Event::Read(Some(Err(error))) => self.read_failed(error),
                Event::Read(None) => self.ended(),
                Event::Other => {}
            }
        }
    }

    /// Takes what waits, once the last write has gone through; a close doesn't wait for that.
    async fn take_waiting(&mut self, now: Timestamp) {
        if self.writer.is_idle() {
            self.progress.1 = now;
        }
        if self.phase != Phase::Open || !(self.writer.is_idle() || self.outbox.wants_close()) {
            return;
        }
        let Some(pacer) = &mut self.pacer else {
            let taken = self.outbox.take(&mut self.writer.frames);
            return self.taken(taken.lagged, taken.close, now).await;
        };
        let mut frames = VecDeque::new();
        let taken = self.outbox.take(&mut frames);
        for frame in frames {
            match frame.ping {
                Some(_) => self.writer.pings.push_back(frame),
                None => pacer.push(frame, now),
            }
        }
        // A ping follows what was sent before it, and so lets nothing be held back.
        let all = taken.close.is_some() || !self.writer.pings.is_empty();
        let burst = if all { pacer.finish(now) } else { pacer.take(now) };
        match burst {
            Some(Burst { frames, batch: true }) => self.writer.push_arrays(arrays(&frames)),
            Some(Burst { frames, batch: false }) => self.writer.frames.extend(frames),
            None => {}
        }
        self.taken(taken.lagged, taken.close, now).await;
    }

    async fn taken(&mut self, lagged: bool, close: Option<CloseReason>, now: Timestamp) {
        if lagged {
            // A machine that is gone closes the outbox.
            let _ = Box::pin(self.handle.lagged(self.conn)).await;
        }
        if let Some(reason) = close {
            self.close(reason, now);
        }
    }

    fn close(&mut self, reason: CloseReason, now: Timestamp) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing(now + self.limits.close_wait);
            self.writer.close(reason);
        }
    }

    fn run_timers(&mut self, now: Timestamp) {
        let taken = self.socket.get_ref().taken();
        if taken != self.progress.0 {
            self.progress = (taken, now);
        }
        match self.phase {
            Phase::Open if now >= self.heard + self.limits.idle_after => {
                let reason = format!("nothing came from you for {:?}", self.limits.idle_after);
                self.close(CloseReason { code: CLOSE_SILENT, reason }, now);
            }
            Phase::Open if now >= self.progress.1 + self.limits.idle_after => {
                let reason = format!("you took nothing for {:?}", self.limits.idle_after);
                self.close(CloseReason { code: CLOSE_SILENT, reason }, now);
            }
            Phase::Open if now >= self.next_ping => {
                self.next_ping = now + self.limits.ping_every;
                self.writer.ping();
            }
            Phase::Closing(until) if now >= until => {
                if let Some(reason) = self.writer.unsent_close() {
                    let why = &reason.reason;
                    self.record_error(&format!(
                        "the peer took neither what was sent nor the close frame: {why}"
                    ));
                } else if !self.writer.is_idle() {
                    self.record_error("the peer took not all that was sent");
                }
                self.phase = Phase::Over;
            }
            Phase::Open | Phase::Closing(_) | Phase::Over => {}
        }
    }

    fn deadline(&self) -> Timestamp {
        if let Phase::Closing(until) = self.phase {
            return until;
        }
        let mut deadline = self.next_ping.min(self.heard + self.limits.idle_after);
        if self.writer.is_idle() {
            // While it is not, the end of the write comes first.
            let paced = self.pacer.as_ref().and_then(|pacer| pacer.due());
            deadline = paced.map_or(deadline, |due| deadline.min(due));
        } else {
            deadline = deadline.min(self.progress.1 + self.limits.idle_after);
        }
        deadline
    }

    fn is_over(&self) -> bool {
        self.phase == Phase::Over || (!self.reading && self.writer.is_idle())
    }

    async fn received(&mut self, message: Message) {
        let conn = self.conn;
        self.heard = self.handle.clock().now();
        match message {
            // A machine that is gone closes the outbox.
            Message::Text(text) => {
                if let Ok(text) = Utf8Bytes::try_from(axum::body::Bytes::from(text)) {
                    let _ = self.handle.text(conn, text).await;
                }
            }
            Message::Binary(bytes) => self.refuse_binary(bytes.len()),
            Message::Ping(_) => self.handle.record(SessionEvent::Ping { conn }),
            Message::Pong(payload) => self.pong(&payload).await,
            Message::Close(frame) => {
                self.peer_code = frame.map(|frame| frame.code.into());
                // The library answers; nothing may follow that.
                self.writer.abandon();
                if self.phase == Phase::Open {
                    self.phase = Phase::Closing(self.heard + self.limits.close_wait);
                }
            }
            // The library gives whole messages only.
            Message::Frame(_) => {}
        }
    }

    /// Of a ping of the session's own, only that the peer lives; of the machine's, once, that it came.
    async fn pong(&mut self, payload: &[u8]) {
        let conn = self.conn;
        match payload.try_into().map(u64::from_be_bytes) {
            Ok(token) if self.unanswered.contains(&token) => {
                self.unanswered.start = token + 1;
                // A machine that is gone closes the outbox.
                let _ = self.handle.pong(conn, token).await;
            }
            _ => self.handle.record(SessionEvent::Pong { conn }),
        }
    }

    fn refuse_binary(&mut self, bytes: usize) {
        let conn = self.conn;
        self.handle.record(SessionEvent::Binary { conn, bytes });
        // Once per connection: a peer must not be able to fill the log.
        if !mem::replace(&mut self.warned, true) {
            self.refusals.log_binary(conn, bytes, self.heard);
        }
        let message = "binary frames are not understood here; send JSON as text".to_owned();
        match serde_json::to_string(&ErrorFrame { message }) {
            Ok(text) => {
                let frame = OutFrame { text: text.into(), key: None, seq: 0, ping: None };
                self.outbox.push(frame, Counted::Yes);
            }
            Err(error) => tracing::error!(conn, %error, "can't write an error frame"),
        }
    }

    /// The transport gave its last.
    fn ended(&mut self) {
        self.reading = false;
        self.writer.abandon();
    }

    /// What the peer said before it went may still be there to read, and it may be a rover's only report.
    fn write_failed(&mut self, error: &Error) {
        self.record_error(&error.to_string());
        self.writer.abandon();
        self.phase = Phase::Closing(self.handle.clock().now() + self.limits.close_wait);
    }

    fn read_failed(&mut self, error: Error) {
        let message = error.to_string();
        let Some(refusal) = refusal_of(error) else {
            self.record_error(&message);
            return self.ended();
        };
        let Some((code, reason)) = refusal else { return self.ended() };
        self.record_error(&message);
        // What the peer goes on sending must not make its kernel throw our close frame away.
        if let Some(linger) = &self.linger {
            linger.ask();
        }
        // Not after a half-read frame: nothing sensible can follow.
        self.reading = false;
        let now = self.handle.clock().now();
        self.refusals.log_close(self.conn, code, &message, now);
        self.close(CloseReason { code, reason: reason.to_owned() }, now);
    }

    fn record_error(&self, message: &str) {
        tracing::debug!(conn = self.conn, message, "a WebSocket failed");
        self.handle.record(SessionEvent::Error { conn: self.conn, message: message.to_owned() });
    }

    fn record_written(&mut self, written: Written) {
        let conn = self.conn;
        let Written { frames, arrays, ping, token, close } = written;
        if let Some(token) = token {
            self.unanswered.end = token.saturating_add(1);
        }
        self.handle.wrote(conn, &mut self.recorded, &frames, false);
        for frames in arrays {
            self.handle.wrote(conn, &mut self.recorded, &frames, true);
        }
        if ping {
            self.handle.record(SessionEvent::PingSent { conn });
        }
        if let Some(CloseReason { code, reason }) = close {
            self.handle.record(SessionEvent::CloseSent { conn, code, reason });
        }
    }
}

/// What to close with when the peer broke a rule; an inner none for an end in order, none when the transport
/// itself is broken and takes no close frame.
fn refusal_of(error: Error) -> Option<Option<(u16, &'static str)>> {
    use tungstenite::{Error as E, error::ProtocolError as P};
    match error {
        E::ConnectionClosed | E::AlreadyClosed | E::Protocol(P::SendAfterClosing) => Some(None),
        E::Protocol(P::ResetWithoutClosingHandshake) => None,
        E::Capacity(_) => Some(Some((CLOSE_TOO_BIG, "the message is larger than this service takes"))),
        E::Utf8(_) => Some(Some((CLOSE_NOT_UTF8, "a text frame must be UTF-8"))),
        E::Protocol(_) => Some(Some((CLOSE_PROTOCOL, "this is not the WebSocket protocol"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_idle_session_is_small() {
        fn size_of_future<A, B, C, D, E, F>(_: impl Fn(A, B, C, D, E) -> F) -> usize {
            size_of::<F>()
        }
        // Beside it, the library's read buffer; ten thousand of both are to fit a small computer.
        let bytes = size_of_future(super::run) + size_of::<super::Session>();
        assert!(bytes <= 2048, "{bytes} bytes");
    }
}
