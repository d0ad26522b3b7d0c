//! One connection: two sockets, and what goes from one to the other.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kit::clock::Clock;
use kit::machine::{ConnId, Timestamp};
use kit::proxied::{End, ProxyEvent, Side, Stage};
use tokio::io::{self as tokio_io, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::WriteHalf;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use super::conversation::{Conversation, Rules};
use super::{Options, Target};

/// Read at once; what has been read is forwarded before more is.
const READ_BYTES: usize = 32 * 1024;
/// How long the proxy's own last answer may take to be written, and the peer to take its leave.
pub const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a client of an upstream that can't be reached may take to say what it wants.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What the connections of one listener share.
#[derive(Debug)]
pub struct Way {
    pub target: Target,
    pub rules: Rules,
    pub options: Options,
    pub batch: Arc<Batch>,
    /// This listener's number in the batch.
    pub listener: usize,
    pub clock: Clock,
    pub stop: CancellationToken,
}

/// Forwards between a client and the upstream until both have ended.
pub async fn run(mut client: TcpStream, address: SocketAddr, conn: ConnId, way: &Way) {
    let conversation = match way.target.raw {
        true => Conversation::raw(conn, way.rules.clone()),
        false => Conversation::new(conn, way.rules.clone()),
    };
    let talk = Talk {
        conn,
        way,
        state: Mutex::new(State {
            conversation,
            events: Vec::new(),
            client: Flow::default(),
            upstream: Flow::default(),
            last_at: way.clock.now(),
        }),
        quiet: Notify::new(),
    };
    talk.tell(ProxyEvent::Accepted { conn, client: address.to_string() });
    // A message must not wait for the acknowledgement of the one before.
    let _ = client.set_nodelay(true);
    tokio::select! {
        upstream = talk.connect() => match upstream {
            Ok(mut upstream) => talk.forward(&mut client, &mut upstream).await,
            Err((stage, message)) => talk.unreachable(&mut client, stage, message).await,
        },
        () = way.stop.cancelled() => talk.gave_up(End::Stopped),
    }
    let state = talk.state();
    let (client_bytes, upstream_bytes) = (state.client.bytes, state.upstream.bytes);
    drop(state);
    talk.tell(ProxyEvent::Closed { conn, client_bytes, upstream_bytes });
}

/// One connection while it lasts.
struct Talk<'a> {
    conn: ConnId,
    way: &'a Way,
    /// Both directions are one task's: nobody ever waits for it.
    state: Mutex<State>,
    /// Told after each answer once the proxy stops.
    quiet: Notify,
}

struct State {
    conversation: Conversation,
    events: Vec<ProxyEvent>,
    client: Flow,
    upstream: Flow,
    /// When anything last came.
    last_at: Timestamp,
}

#[derive(Default)]
struct Flow {
    bytes: u64,
    ended: bool,
    reset: bool,
}

/// One side was torn down: so is the other.
struct Reset;

impl Talk<'_> {
    async fn connect(&self) -> Result<Upstream, (Stage, String)> {
        let Target { host, port, .. } = &self.way.target;
        let authority = self.way.target.authority();
        let limit = self.way.options.connect_timeout;
        let upstream = match timeout(limit, TcpStream::connect((host.as_str(), *port))).await {
            Ok(Ok(upstream)) => upstream,
            Ok(Err(error)) => {
                return Err((Stage::Connect, format!("the upstream {authority} can't be reached: {error}")));
            }
            Err(_) => {
                let message =
                    format!("the upstream {authority} took no connection in {} s", limit.as_secs_f64());
                return Err((Stage::ConnectTimeout, message));
            }
        };
        let _ = upstream.set_nodelay(true);
        let address = upstream.peer_addr().map_or_else(|_| authority.clone(), |address| address.to_string());
        let upstream = if self.way.target.tls {
            Upstream::Tls(Box::new(self.handshake(upstream, &authority).await?))
        } else {
            Upstream::Plain(upstream)
        };
        self.tell(ProxyEvent::Connected { conn: self.conn, upstream: address });
        Ok(upstream)
    }

    async fn handshake(
        &self,
        upstream: TcpStream,
        authority: &str,
    ) -> Result<TlsStream<TcpStream>, (Stage, String)> {
        let Options { tls, connect_timeout: limit, .. } = &self.way.options;
        let Some(tls) = tls else {
            let message = format!("the upstream {authority} wants TLS, and nobody is trusted");
            return Err((Stage::Connect, message));
        };
        match timeout(*limit, tls.connect(&self.way.target.host, upstream)).await {
            Ok(Ok(upstream)) => Ok(upstream),
            Ok(Err(error)) => {
                let message = format!(
                    "no TLS with the upstream {authority}: {error}; if the certificate is its own, name it with --ca"
                );
                Err((Stage::Connect, message))
            }
            Err(_) => {
                let message =
                    format!("the upstream {authority} took no TLS connection in {} s", limit.as_secs_f64());
                Err((Stage::ConnectTimeout, message))
            }
        }
    }

    async fn forward(&self, client: &mut TcpStream, upstream: &mut Upstream) {
        let over = match upstream {
            Upstream::Plain(upstream) => {
                let (from_upstream, to_upstream) = upstream.split();
                self.both(client, from_upstream, to_upstream).await
            }
            Upstream::Tls(upstream) => {
                let (from_upstream, to_upstream) = tokio_io::split(&mut **upstream);
                self.both(client, from_upstream, to_upstream).await
            }
        };
        match over {
            Over::Ended(Ok(())) => {}
            Over::Ended(Err(Reset)) => {
                for socket in [&*client, upstream.socket()] {
                    // Whoever is left hears what happened; where it can't be told so, it hears an end.
                    let _ = socket.set_zero_linger();
                }
            }
            Over::Stopped => self.gave_up(End::Stopped),
            Over::Unanswered => {
                let seconds = self.way.options.answer_timeout.as_secs_f64();
                let authority = self.way.target.authority();
                let message = format!("the upstream {authority} has not answered in {seconds} s");
                self.refuse(client, Stage::AnswerTimeout, message).await;
            }
        }
    }

    /// Both directions until both have ended.
    async fn both(
        &self,
        client: &mut TcpStream,
        from_upstream: impl AsyncRead + Unpin,
        to_upstream: impl Sink,
    ) -> Over {
        let (from_client, to_client) = client.split();
        let both = async {
            tokio::try_join!(
                self.carry(Side::Client, from_client, to_upstream),
                self.carry(Side::Upstream, from_upstream, to_client),
            )
        };
        tokio::select! {
            over = both => Over::Ended(over.map(drop)),
            () = self.unanswered() => Over::Unanswered,
            () = self.stopped() => Over::Stopped,
        }
    }

    /// The client hears of it as soon as it has said what it wants.
    async fn unreachable(&self, client: &mut TcpStream, stage: Stage, message: String) {
        if self.way.target.raw {
            self.tell(ProxyEvent::Failed { conn: self.conn, stage, message });
            let _ = client.set_zero_linger();
            return self.gave_up(End::GaveUp);
        }
        let asked = async {
            let mut buffer = vec![0; READ_BYTES];
            while !self.state().conversation.has_request() {
                match client.read(&mut buffer).await {
                    Ok(0) => return self.end(Side::Client, End::Fin, &mut Vec::new()),
                    Err(_) => return self.end(Side::Client, End::Reset, &mut Vec::new()),
                    Ok(read) => {
                        let bytes = buffer.get(..read).unwrap_or_default();
                        self.push(Side::Client, bytes, Some(&mut Vec::new()));
                    }
                }
            }
        };
        tokio::select! {
            _ = timeout(HEAD_TIMEOUT, asked) => {}
            () = self.way.stop.cancelled() => {}
        }
        self.refuse(client, stage, message).await;
    }

    /// Answers in the upstream's place and takes leave.
    async fn refuse(&self, client: &mut TcpStream, stage: Stage, message: String) {
        let (status, reason) = match stage {
            Stage::Connect | Stage::NoAnswer => (502, "Bad Gateway"),
            Stage::ConnectTimeout | Stage::AnswerTimeout => (504, "Gateway Timeout"),
        };
        let answer = {
            let mut state = self.state();
            let State { conversation, events, .. } = &mut *state;
            events.push(ProxyEvent::Failed { conn: self.conn, stage, message: message.clone() });
            let answer = conversation.refuse(status, reason, &message, events);
            self.flush(&mut state, self.way.clock.now());
            answer
        };
        let last_words = async {
            client.write_all(&answer).await?;
            client.shutdown().await?;
            // Closing a socket that holds unread bytes would reset it, and the answer with it.
            let mut rest = vec![0; READ_BYTES];
            while client.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = timeout(LAST_WORDS, last_words).await;
        self.gave_up(End::GaveUp);
    }

    /// One direction until its end.
    async fn carry(
        &self,
        from: Side,
        mut reader: impl AsyncRead + Unpin,
        mut to: impl Sink,
    ) -> Result<(), Reset> {
        let mut buffer = vec![0; READ_BYTES];
        let mut forward = Vec::new();
        loop {
            let read = match reader.read(&mut buffer).await {
                // Many a server ends TLS by an end of its socket, without a word.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            };
            let read = match read {
                Ok(0) => {
                    forward.clear();
                    self.end(from, End::Fin, &mut forward);
                    self.written(from, to.write_all(&forward).await)?;
                    // Gone already: its own direction says so.
                    let _ = to.shutdown().await;
                    return Ok(());
                }
                Err(_) => {
                    self.end(from, End::Reset, &mut Vec::new());
                    return Err(Reset);
                }
                Ok(read) => read,
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            let rest = if self.is_transparent(from) {
                // Forwarded first, so that reading it delays nobody.
                let at = self.way.clock.now();
                let written = to.write_now(bytes);
                self.push_at(at, from, bytes, None);
                bytes.get(written..).unwrap_or_default()
            } else {
                forward.clear();
                self.push(from, bytes, Some(&mut forward));
                forward.as_slice()
            };
            if !rest.is_empty() {
                self.written(from, to.write_all(rest).await)?;
                self.written(from, to.flush().await)?;
            }
            if from == Side::Upstream && self.way.stop.is_cancelled() {
                self.quiet.notify_one();
            }
        }
    }

    /// A write that fails says that its reader is gone.
    fn written(&self, from: Side, result: io::Result<()>) -> Result<(), Reset> {
        let to = match from {
            Side::Client => Side::Upstream,
            Side::Upstream => Side::Client,
        };
        result.map_err(|_| {
            self.end(to, End::Reset, &mut Vec::new());
            Reset
        })
    }

    /// Ends when an answer has been waited for too long.
    async fn unanswered(&self) {
        let limit = self.way.options.answer_timeout;
        loop {
            let quiet_for = {
                let state = self.state();
                let waits = state.conversation.awaits_answer();
                let now = self.way.clock.now();
                if waits { now.saturating_sub(state.last_at) } else { Duration::ZERO }
            };
            if quiet_for >= limit {
                return;
            }
            sleep(limit.saturating_sub(quiet_for)).await;
        }
    }

    /// Ends when the proxy was stopped and nothing is under way, or was for too long.
    async fn stopped(&self) {
        self.way.stop.cancelled().await;
        let idle = async {
            while !self.state().conversation.may_stop() {
                self.quiet.notified().await;
            }
        };
        let _ = timeout(self.way.options.shutdown, idle).await;
    }

    fn is_transparent(&self, from: Side) -> bool {
        self.state().conversation.is_transparent(from)
    }

    fn push(&self, from: Side, bytes: &[u8], forward: Option<&mut Vec<u8>>) {
        self.push_at(self.way.clock.now(), from, bytes, forward);
    }

    fn push_at(&self, at: Timestamp, from: Side, bytes: &[u8], forward: Option<&mut Vec<u8>>) {
        let mut state = self.state();
        let State { conversation, events, client, upstream, last_at } = &mut *state;
        let flow = if from == Side::Client { client } else { upstream };
        flow.bytes = flow.bytes.saturating_add(bytes.len() as u64);
        *last_at = at;
        conversation.push(from, bytes, forward, events);
        self.flush(&mut state, at);
    }

    /// Tells once that a side ended, and once that it was reset; what was held back of it is to be forwarded.
    fn end(&self, side: Side, how: End, forward: &mut Vec<u8>) {
        let mut state = self.state();
        let State { conversation, events, client, upstream, .. } = &mut *state;
        let flow = if side == Side::Client { client } else { upstream };
        if !flow.ended {
            flow.ended = true;
            *forward = conversation.end(side, events);
        } else if flow.reset || how == End::Fin {
            return;
        }
        flow.reset = how == End::Reset;
        events.push(ProxyEvent::Ended { conn: self.conn, from: Some(side), how });
        self.flush(&mut state, self.way.clock.now());
    }

    /// The proxy ends the connection.
    fn gave_up(&self, how: End) {
        let mut state = self.state();
        let State { conversation, events, client, upstream, .. } = &mut *state;
        for (side, flow) in [(Side::Client, client), (Side::Upstream, upstream)] {
            if !flow.ended {
                flow.ended = true;
                conversation.end(side, events);
            }
        }
        events.push(ProxyEvent::Ended { conn: self.conn, from: None, how });
        self.flush(&mut state, self.way.clock.now());
    }

    fn flush(&self, state: &mut State, at: Timestamp) {
        if !state.events.is_empty() {
            self.way.batch.record(self.way.listener, at, state.events.drain(..));
        }
    }

    fn tell(&self, event: ProxyEvent) {
        self.way.batch.record(self.way.listener, self.way.clock.now(), std::iter::once(event));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service, with or without TLS.
enum Upstream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Upstream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// Where one direction goes.
trait Sink: AsyncWrite + Unpin {
    /// Writes as much as can be without waiting.
    fn write_now(&self, bytes: &[u8]) -> usize;
}

impl Sink for WriteHalf<'_> {
    fn write_now(&self, bytes: &[u8]) -> usize {
        self.try_write(bytes).unwrap_or(0)
    }
}

impl Sink for tokio_io::WriteHalf<&mut TlsStream<TcpStream>> {
    /// It must be encrypted first, whoever waits.
    fn write_now(&self, _: &[u8]) -> usize {
        0
    }
}

enum Over {
    Ended(Result<(), Reset>),
    Unanswered,
    Stopped,
}
