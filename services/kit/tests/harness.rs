//! A service with a toy machine on a port of its own, and clients for it.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use futures_util::{SinkExt, StreamExt};
use kit::{
    clock::Clock,
    machine::Machine,
    origin::Origins,
    outbox::OutboxLimits,
    runner::{Handle, Keeper, NoKeeper, Runner, RunnerLimits, StartParts},
    serve::{ServeLimits, serve},
    session::SessionLimits,
    tap::{Body, Event, Events, Tap},
    web::{ErrorBody, Web},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};
use tokio_util::sync::CancellationToken;

use crate::toy::Toy;

/// A test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Options {
    pub toy: Toy,
    pub session: SessionLimits,
    pub outbox: OutboxLimits,
    pub shutdown: Duration,
    pub header: Duration,
    pub write: Duration,
    pub origins: Vec<&'static str>,
    pub errors: ErrorBody,
    pub keeper: Box<dyn Keeper>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            toy: Toy::default(),
            // Clients that are not read from any more don't answer a close: don't wait for them long.
            session: SessionLimits { close_wait: Duration::from_millis(500), ..SessionLimits::default() },
            outbox: OutboxLimits::default(),
            shutdown: PATIENCE,
            header: PATIENCE,
            write: PATIENCE,
            origins: Vec::new(),
            errors: ErrorBody::default(),
            keeper: Box::new(NoKeeper),
        }
    }
}

pub struct Bench {
    pub addr: SocketAddr,
    pub handle: Handle,
    pub clock: Clock,
    pub stop: CancellationToken,
    pub events: Events,
    pub runner: JoinHandle<Value>,
    pub server: JoinHandle<()>,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        let Options { toy, session, outbox, shutdown, header, write, origins, errors, keeper } = options;
        let (tap, events) = Tap::on();
        let (clock, stop) = (Clock::start(), CancellationToken::new());
        let start = StartParts { version: "0.0.0".into(), seed: 7, config: Value::Null };
        let limits = RunnerLimits { outbox, shutdown };
        let machine: Box<dyn Machine> = Box::new(toy);
        let (handle, runner) =
            Runner::spawn(machine, keeper, start, tap.of("toy"), clock, limits, stop.clone());
        let web = Web::new(handle.clone(), Origins::new(&origins).unwrap(), session).errors(errors);
        let routes = Router::new()
            .route("/set", web.http_route())
            .route("/health", web.http_route())
            .route("/later", web.http_route())
            .route("/thing/{*rest}", web.http_route())
            .route("/ws", web.ws_route("/ws"))
            .route("/other", web.ws_route("/other"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let limits = ServeLimits { header, write, shutdown };
        let server = tokio::spawn(serve(listener, web.finish(routes), stop.clone(), limits));
        Self { addr, handle, clock, stop, events, runner, server }
    }

    pub async fn connect(&self, path_and_query: &str) -> Client {
        let tcp = TcpStream::connect(self.addr).await.unwrap();
        self.handshake(tcp, path_and_query, None).await.unwrap()
    }

    /// A client whose kernel takes little for it while it doesn't read.
    pub async fn connect_narrow(&self, path_and_query: &str) -> Client {
        self.handshake(self.narrow().await, path_and_query, None).await.unwrap()
    }

    /// A socket whose kernel takes little while it isn't read.
    pub async fn narrow(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(self.addr).await.unwrap()
    }

    pub async fn connect_from(&self, path: &str, origin: &'static str) -> Result<Client, tungstenite::Error> {
        let tcp = TcpStream::connect(self.addr).await.unwrap();
        self.handshake(tcp, path, Some(origin)).await
    }

    async fn handshake(
        &self,
        tcp: TcpStream,
        path: &str,
        origin: Option<&'static str>,
    ) -> Result<Client, tungstenite::Error> {
        let mut request = format!("ws://{}{path}", self.addr).into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", HeaderValue::from_static(origin));
        }
        Ok(Client { ws: patient(client_async(request, tcp)).await?.0 })
    }

    /// Sets the number and waits for the answer: by then it is on its way to every console.
    pub async fn set(&self, number: u64) {
        let (status, body) = self.handle.http("POST", "/set", "", number.to_string()).await;
        assert_eq!(status, 200, "{body}");
    }

    /// Waits until so many connections are open.
    pub async fn wait_open(&self, count: u64) {
        let wait = async {
            loop {
                let body = self.handle.http("GET", "/health", "", String::new()).await.1;
                if serde_json::from_str::<Value>(&body).unwrap()["open"] == count {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        patient(wait).await;
    }

    /// A request in plain HTTP; the whole answer as text.
    pub async fn request(&self, request: &str) -> String {
        let mut tcp = TcpStream::connect(self.addr).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        patient(tcp.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    /// Stops everything; what was recorded.
    pub async fn finish(self) -> Vec<Event> {
        self.stop.cancel();
        patient(self.runner).await.unwrap();
        patient(self.server).await.unwrap();
        drop(self.handle);
        self.events.try_iter().collect()
    }
}

pub struct Client {
    pub ws: WebSocketStream<TcpStream>,
}

impl Client {
    pub async fn send(&mut self, text: &str) {
        patient(self.ws.send(Message::text(text))).await.unwrap();
    }

    /// The next message of any kind.
    pub async fn next(&mut self) -> Message {
        patient(self.ws.next()).await.expect("the connection ended").unwrap()
    }

    /// The next text as JSON; pings and pongs are passed over.
    pub async fn json(&mut self) -> Value {
        loop {
            match self.next().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("expected text, found {other:?}"),
            }
        }
    }

    /// The next state's number.
    pub async fn number(&mut self) -> u64 {
        let json = self.json().await;
        assert_eq!(json["type"], "state", "{json}");
        json["number"].as_u64().unwrap()
    }

    /// Reads to the end; the code it was closed with.
    pub async fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(message) = patient(self.ws.next()).await {
            match message {
                Ok(Message::Close(frame)) => code = frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        code
    }
}

pub async fn patient<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("waited too long")
}

/// The session events among these.
pub fn sessions(events: &[Event]) -> Vec<&kit::tap::SessionEvent> {
    events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Session(session) => Some(session),
            _ => None,
        })
        .collect()
}
