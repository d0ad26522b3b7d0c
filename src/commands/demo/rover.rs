//! A simulated rover's sockets: what it wants done is done here, one thing after the other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use fixtures::rover::{Input, Output, Rover};
use futures_util::{SinkExt, StreamExt};
use kit::clock::Clock;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use tracing::{info, warn};

use super::http;

/// A connection attempt, or a frame, takes no longer; then the connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the services are.
#[derive(Clone, Copy, Debug)]
pub struct Services {
    pub discovery: SocketAddr,
    pub dispatch: SocketAddr,
}

/// What goes wrong with a rover.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// It reaches nobody for so long.
    Offline(Duration),
    /// Its program ends and starts again.
    Restart,
}

/// A rover with its sockets.
pub struct Shell {
    pub rover: Rover,
    pub services: Services,
    pub clock: Clock,
    /// What goes wrong, and when; in order of time.
    pub troubles: VecDeque<(Duration, Trouble)>,
    socket: Option<Socket>,
    offline_until: Duration,
    wanted: Vec<Output>,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Shell {
    pub fn new(
        rover: Rover,
        services: Services,
        clock: Clock,
        troubles: VecDeque<(Duration, Trouble)>,
    ) -> Self {
        Self {
            rover,
            services,
            clock,
            troubles,
            socket: None,
            offline_until: Duration::ZERO,
            wanted: Vec::new(),
        }
    }

    /// Never ends by itself.
    pub async fn run(mut self) {
        loop {
            let trouble = self.troubles.front().map(|(at, _)| *at);
            let wake = [self.rover.next_timeout(), trouble].into_iter().flatten().min();
            let Some(wake) = wake else { return };
            let wake = Instant::from_std(self.clock.instant(wake));
            let heard = tokio::select! {
                heard = next(&mut self.socket) => heard,
                () = sleep_until(wake) => None,
            };
            let now = self.clock.now();
            match heard {
                Some(input) => {
                    if input == Input::Closed {
                        self.socket = None;
                    }
                    self.give(input);
                }
                None if trouble.is_some_and(|at| at <= now) => self.suffer(now),
                None => self.rover.handle_timeout(now, &mut self.wanted),
            }
            self.carry_out().await;
        }
    }

    fn give(&mut self, input: Input) {
        self.rover.handle(self.clock.now(), input, &mut self.wanted);
    }

    fn suffer(&mut self, now: Duration) {
        let rover = self.rover.id().to_owned();
        match self.troubles.pop_front() {
            Some((_, Trouble::Offline(length))) => {
                info!(rover, seconds = length.as_secs(), "a simulated rover loses its connection");
                self.offline_until = now.saturating_add(length);
                // Not closed: lost.
                if self.socket.take().is_some() {
                    self.give(Input::Closed);
                }
            }
            Some((_, Trouble::Restart)) => {
                info!(rover, "a simulated rover's program starts again");
                self.give(Input::Restart);
            }
            None => {}
        }
    }

    async fn carry_out(&mut self) {
        let mut wanted = VecDeque::from(std::mem::take(&mut self.wanted));
        while let Some(output) = wanted.pop_front() {
            match output {
                Output::Connect => {
                    self.connect().await;
                    let opened = if self.socket.is_some() { Input::Opened } else { Input::Closed };
                    self.give(opened);
                }
                Output::Disconnect => self.socket = None,
                Output::Send(text) => self.send(text).await,
                Output::Post { path, body } => {
                    let status = self.post(&path, &body).await;
                    self.give(Input::Answered(status));
                }
                Output::Complain(message) => {
                    warn!(rover = self.rover.id(), message, "a simulated rover complains");
                }
            }
            wanted.extend(self.wanted.drain(..));
        }
    }

    fn is_offline(&self) -> bool {
        self.clock.now() < self.offline_until
    }

    async fn connect(&mut self) {
        if self.is_offline() {
            return;
        }
        let url = format!("ws://{}/ws", self.services.dispatch);
        if let Ok(Ok((socket, _))) = timeout(PATIENCE, connect_async(url)).await {
            self.socket = Some(socket);
        }
    }

    /// A frame that doesn't go out is lost with its connection.
    async fn send(&mut self, text: String) {
        let Some(socket) = &mut self.socket else { return };
        if !matches!(timeout(PATIENCE, socket.send(Message::text(text))).await, Ok(Ok(()))) {
            self.socket = None;
            self.give(Input::Closed);
        }
    }

    async fn post(&self, path: &str, body: &str) -> Option<u16> {
        if self.is_offline() {
            return None;
        }
        let answer = http::ask(self.services.discovery, "POST", path, body).await;
        answer.map(|(status, _)| status)
    }
}

/// What comes over the socket; without one, nothing for ever. May be dropped while it waits.
async fn next(socket: &mut Option<Socket>) -> Option<Input> {
    let Some(socket) = socket else { return std::future::pending().await };
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Some(Input::Text(text.to_string())),
            // The library has queued the pong; it has to be sent.
            Some(Ok(Message::Ping(_))) if socket.flush().await.is_ok() => {}
            Some(Ok(Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Ping(_) | Message::Close(_)) | Err(_)) | None => return Some(Input::Closed),
        }
    }
}
