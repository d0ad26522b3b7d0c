//! What clients need of the network.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, client_async};
use turmoil::net::TcpStream;

use crate::service::PORT;

/// What takes longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(8);

pub type Socket = WebSocketStream<TcpStream>;

/// None when it can't be reached.
pub async fn connect(path: &str) -> Option<Socket> {
    let connecting = async {
        let tcp = TcpStream::connect(("dispatch", PORT)).await.ok()?;
        let (socket, _) = client_async(format!("ws://dispatch:{PORT}{path}"), tcp).await.ok()?;
        Some(socket)
    };
    timeout(PATIENCE, connecting).await.ok().flatten()
}

/// Status and body; none when no answer came.
pub async fn ask(method: &str, path: &str, key: &str, body: &Value) -> Option<(u16, String)> {
    let asking = async {
        let mut tcp = TcpStream::connect(("dispatch", PORT)).await.ok()?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let key = if key.is_empty() { String::new() } else { format!("Idempotency-Key: {key}\r\n") };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: dispatch\r\nConnection: close\r\n{key}Content-Length: {length}\r\n\r\n{body}"
        );
        tcp.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
    };
    timeout(PATIENCE, asking).await.ok().flatten()
}
