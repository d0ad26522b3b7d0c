//! Who talks to the service.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Utf8Bytes,
        protocol::{Message, WebSocketConfig},
    },
};

/// What takes longer never comes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An HTTP connection that is kept open.
pub struct Http(TcpStream);

impl Http {
    pub async fn connect(address: &str) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Self(tcp)
    }

    pub async fn get(&mut self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null).await
    }

    /// Created, or else.
    pub async fn post(&mut self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, body).await
    }

    async fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        self.0.write_all((head + &body).as_bytes()).await.unwrap();
        let answer = timeout(PATIENCE, self.answer()).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 20"), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    async fn answer(&mut self) -> String {
        let (mut answer, mut buffer) = (Vec::new(), vec![0; 16 << 10]);
        loop {
            let read = self.0.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the service closed");
            answer.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&answer);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if length.is_some_and(|length| body.len() >= length.parse().unwrap()) {
                    return text.into_owned();
                }
            }
        }
    }

    /// A mission over a loop of `waypoints`.
    pub async fn mission(&mut self, zone: &Value, rover: &str, looped: bool) -> String {
        let schedule = json!({ "trigger": "manual", "loop": looped });
        let body = json!({ "name": rover, "zoneId": zone["id"], "roverId": rover, "schedule": schedule });
        self.post("/missions", &body).await["id"].as_str().unwrap().to_owned()
    }

    pub async fn zone(&mut self, waypoints: usize) -> Value {
        let waypoints: Vec<Value> = (0..waypoints).map(|n| json!({ "x": n, "y": 0 })).collect();
        self.post("/zones", &json!({ "name": "Yard", "waypoints": waypoints })).await
    }
}

/// A WebSocket.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    pub async fn connect(address: &str, path: &str) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let config = WebSocketConfig::default().read_buffer_size(16 << 10);
        let url = format!("ws://{address}{path}");
        Self(client_async_with_config(url, tcp, Some(config)).await.unwrap().0)
    }

    /// One of a rover that has registered.
    pub async fn rover(address: &str, name: &str) -> Self {
        let mut socket = Self::connect(address, "/ws").await;
        socket.send(&json!({ "type": "register", "rover_id": name, "task_id": null })).await;
        socket
    }

    /// Whether it went out.
    pub async fn send(&mut self, frame: &Value) -> bool {
        self.0.send(Message::text(frame.to_string())).await.is_ok()
    }

    /// The next text; none at the end. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Utf8Bytes> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(text),
                Ok(Message::Close(_)) | Err(_) => return None,
                // The library has queued the pong; it has to be sent.
                Ok(_) => self.0.flush().await.ok()?,
            }
        }
    }

    /// The task it is sent.
    pub async fn task(&mut self) -> String {
        loop {
            let text = timeout(PATIENCE, self.next()).await.expect("no task comes").expect("it was closed");
            let frame: Value = serde_json::from_str(&text).unwrap();
            match frame["type"].as_str() {
                Some("task") => return frame["task_id"].as_str().unwrap().to_owned(),
                // Of the last one, if it was done before a pong could say that it had come.
                Some("cancel") => {}
                _ => panic!("{frame}"),
            }
        }
    }
}

/// The sorted values' quantiles as text.
pub fn quantiles(mut values: Vec<Duration>) -> String {
    if values.is_empty() {
        return "nothing came".to_owned();
    }
    values.sort_unstable();
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("p50 {:>7.2} ms, p99 {:>7.2} ms, max {:>7.2} ms", at(0.5), at(0.99), at(1.0))
}
