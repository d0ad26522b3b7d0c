//! As much of an HTTP client as a simulated rover needs: one request, one connection, JSON.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A request that isn't answered by then has failed.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is read of an answer; the rest is not asked for here.
const ANSWER_BYTES: u64 = 1 << 20;

/// Status and body, the body null where it isn't JSON; none if there is no answer.
pub async fn ask(to: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    timeout(PATIENCE, exchange(to, method, path, body)).await.ok()?
}

async fn exchange(to: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(to).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES).read_to_string(&mut answer).await.ok()?;
    parse(&answer)
}

fn parse(answer: &str) -> Option<(u16, Value)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let answer = "HTTP/1.1 201 Created\r\ncontent-length: 8\r\n\r\n{\"id\":1}";
        assert_eq!(parse(answer), Some((201, json!({ "id": 1 }))));
        assert_eq!(parse("HTTP/1.1 409 Conflict\r\n\r\nbusy"), Some((409, Value::Null)));
        for bad in ["", "HTTP/1.1 200", "HTTP/1.1 \r\n\r\n", "SSH-2.0\r\n\r\n"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
