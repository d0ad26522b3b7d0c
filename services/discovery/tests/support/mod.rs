//! A service on a free port, and clients.

#![allow(dead_code, clippy::unwrap_used, reason = "each test program uses its part, and fails by panicking")]

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use discovery::{Config, routes};
use futures_util::StreamExt;
use kit::{
    clock::Clock,
    origin::Origins,
    runner::RunnerLimits,
    serve::{ServeLimits, serve},
    session::SessionLimits,
    tap::{Event, Tap},
    web::Web,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};
use tokio_util::sync::CancellationToken;

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Service {
    pub addr: SocketAddr,
    pub stop: CancellationToken,
    events: kit::tap::Events,
    runner: JoinHandle<Value>,
}

impl Service {
    pub async fn start() -> Self {
        Self::with_sessions(PathBuf::from("nowhere")).await
    }

    pub async fn with_sessions(sessions_dir: PathBuf) -> Self {
        let (tap, events) = Tap::on();
        let (clock, stop) = (Clock::start(), CancellationToken::new());
        let limits = RunnerLimits::default();
        let (handle, runner) = routes::start(&Config::default(), "0", 7, &tap, clock, limits, stop.clone());
        let web = Web::new(handle, Origins::default(), SessionLimits::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(serve(
            listener,
            routes::router(&web, sessions_dir),
            stop.clone(),
            ServeLimits { shutdown: PATIENCE, ..ServeLimits::default() },
        ));
        Self { addr, stop, events, runner }
    }

    pub async fn connect(&self, path: &str) -> Client {
        let tcp = TcpStream::connect(self.addr).await.unwrap();
        let url = format!("ws://{}{path}", self.addr);
        Client(timeout(PATIENCE, client_async(url, tcp)).await.unwrap().unwrap().0)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.request("POST", path, "", body).await
    }

    /// `headers` are whole lines, each with its end.
    pub async fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut tcp = TcpStream::connect(self.addr).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        tcp.write_all(head.as_bytes()).await.unwrap();
        // Who is refused for its size may be refused before it has said all.
        let _ = tcp.write_all(body.as_bytes()).await;
        let mut bytes = Vec::new();
        let _ = timeout(PATIENCE, tcp.read_to_end(&mut bytes)).await.unwrap();
        Answer::read(&bytes)
    }

    /// All that was recorded, once the service has stopped.
    pub async fn recorded(self) -> Vec<Event> {
        timeout(PATIENCE, self.runner).await.unwrap().unwrap();
        self.events.try_iter().collect()
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

pub struct Client(WebSocketStream<TcpStream>);

impl Client {
    pub async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.0.next()).await.expect("a frame").expect("open").unwrap()
    }

    pub async fn json(&mut self) -> Value {
        serde_json::from_str(self.next().await.to_text().unwrap()).unwrap()
    }

    pub async fn close_code(&mut self) -> CloseCode {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.unwrap().code;
            }
        }
    }
}
