//! The service over real sockets.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use gps_status::{
    Config, Source,
    routes::{self, Pumped},
};
use kit::{
    clock::Clock,
    origin::Origins,
    runner::{Handle, RunnerLimits},
    serve::{ServeLimits, serve},
    session::SessionLimits,
    tap::{Body, Event as Tapped, Tap},
    web::Web,
};
use rtk_reader::source::Event;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};
use tokio_util::sync::CancellationToken;

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

const GGA: &str = "$GNGGA,084159.00,3203.94995,N,03446.42914,E,2,12,99.99,54.6,M,17.5,M,,0136*46\r\n";

struct Service {
    addr: SocketAddr,
    handle: Handle,
    clock: Clock,
    stop: CancellationToken,
    recorded: kit::tap::Events,
    runner: tokio::task::JoinHandle<Value>,
}

impl Service {
    async fn start(source: Source) -> Self {
        let (tap, recorded) = Tap::on();
        let (clock, stop) = (Clock::start(), CancellationToken::new());
        let config = Config { source };
        let (handle, runner) =
            routes::start(&config, "0.0.0", 7, &tap, clock, RunnerLimits::default(), stop.clone());
        let web = Web::new(handle.clone(), Origins::default(), SessionLimits::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, routes::router(&web), stop.clone(), ServeLimits::default()));
        Self { addr, handle, clock, stop, recorded, runner }
    }

    async fn connect(&self, path: &str) -> Client {
        let tcp = TcpStream::connect(self.addr).await.unwrap();
        Client(
            timeout(PATIENCE, client_async(format!("ws://{}{path}", self.addr), tcp))
                .await
                .unwrap()
                .unwrap()
                .0,
        )
    }

    async fn http(&self, request: &str) -> (String, Value) {
        let mut tcp = TcpStream::connect(self.addr).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, tcp.read_to_string(&mut answer)).await.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), serde_json::from_str(body).unwrap())
    }
}

struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn next(&mut self) -> Message {
        timeout(PATIENCE, self.0.next()).await.expect("a frame").expect("open").unwrap()
    }

    async fn status(&mut self) -> Value {
        let frame: Value = serde_json::from_str(self.next().await.to_text().unwrap()).unwrap();
        assert_eq!(frame["type"], "gps_status");
        frame["data"].clone()
    }

    async fn status_until(&mut self, holds: impl Fn(&Value) -> bool) -> Value {
        loop {
            let status = self.status().await;
            if holds(&status) {
                return status;
            }
        }
    }

    async fn send(&mut self, text: impl Into<String>) {
        timeout(PATIENCE, self.0.send(Message::text(text.into()))).await.unwrap().unwrap();
    }

    async fn close_code(&mut self) -> CloseCode {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.unwrap().code;
            }
        }
    }
}

#[tokio::test]
async fn from_a_source_to_a_console_and_to_the_recording() {
    let service = Service::start(Source::Local).await;
    let mut console = service.connect("/ws").await;
    assert_eq!(console.status().await["connected"], false);
    assert_eq!(service.http("GET /health").await.1["fix"], "no_fix");

    let (events, mut queue) = mpsc::channel(8);
    let received_at = service.clock.now();
    for event in [
        Event::Opened { device: "a capture".to_owned(), baud: None },
        Event::Bytes { received_at, bytes: GGA.into() },
        Event::Ended,
    ] {
        events.send(event).await.unwrap();
    }
    assert_eq!(
        timeout(PATIENCE, routes::pump(&service.handle, &mut queue)).await.unwrap(),
        Ok(Pumped::Ended)
    );
    let told = console.status_until(|status| status["fixQuality"] == "dgps").await;
    assert_eq!((&told["altitude"], &told["connected"]), (&54.6.into(), &true.into()));
    let (head, status) = service.http("GET /status").await;
    assert_eq!((head.as_str(), &status), ("HTTP/1.1 200 OK", &told));
    assert_eq!(service.http("DELETE /status").await.0, "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(service.http("GET /zones").await.0, "HTTP/1.1 404 Not Found");

    service.stop.cancel();
    assert_eq!(console.close_code().await, CloseCode::Away);
    timeout(PATIENCE, service.runner).await.unwrap().unwrap();
    let recorded: Vec<Tapped> = service.recorded.try_iter().collect();
    assert!(matches!(&recorded[0].body, Body::Start(start) if start.config["source"] == "local"));
    assert!(recorded.iter().all(|event| event.service == "gps-status"));
    assert!(matches!(&recorded.last().unwrap().body, Body::End(state) if state["fixQuality"] == "dgps"));
}

#[tokio::test]
async fn a_source_that_stops_is_a_receiver_that_is_gone() {
    let service = Service::start(Source::Local).await;
    let mut console = service.connect("/ws").await;
    let (events, mut queue) = mpsc::channel(8);
    events.send(Event::Opened { device: "d".to_owned(), baud: None }).await.unwrap();
    let pump = tokio::spawn({
        let handle = service.handle.clone();
        async move { routes::pump(&handle, &mut queue).await }
    });
    console.status_until(|status| status["connected"] == true).await;
    drop(events);
    assert_eq!(timeout(PATIENCE, pump).await.unwrap().unwrap(), Ok(Pumped::Abandoned));
    let told = console.status_until(|status| status["connected"] == false).await;
    assert_eq!(told["errors"]["disconnects"], 1);
}

#[tokio::test]
async fn a_feed_from_another_machine() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let service = Service::start(Source::Feed).await;
    let mut console = service.connect("/ws").await;
    let mut feeder = service.connect("/feed").await;
    feeder.send(r#"{"type":"opened","device":"far away","baud":38400}"#).await;
    // The largest frame: the sentence, and 48 KiB with it.
    let bytes = STANDARD.encode(format!("{GGA:\0>49152}"));
    feeder.send(format!(r#"{{"type":"bytes","receivedAtNs":5,"bytes":"{bytes}"}}"#)).await;
    let told = console.status_until(|status| status["fixQuality"] == "dgps").await;
    assert_eq!((&told["line"]["device"], &told["line"]["baud"]), (&"far away".into(), &38_400.into()));

    let mut newer = service.connect("/feed").await;
    assert_eq!(feeder.close_code().await, CloseCode::Policy);
    newer.send(r#"{"type":"opened","device":"nearer","baud":null}"#).await;
    console.status_until(|status| status["line"]["device"] == "nearer").await;
    newer.send("what").await;
    assert!(newer.next().await.to_text().unwrap().starts_with(r#"{"type":"error","message":"this is not"#));
    drop(newer);
    console.status_until(|status| status["connected"] == false).await;
}

#[tokio::test]
async fn a_feed_nobody_wants() {
    let service = Service::start(Source::Local).await;
    let mut feeder = service.connect("/feed").await;
    assert_eq!(feeder.close_code().await, CloseCode::Policy);
}
