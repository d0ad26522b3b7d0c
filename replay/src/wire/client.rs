//! The sockets of recorded clients.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use kit::clock::Clock;
use kit::machine::{Output, Timestamp};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::de::IgnoredAny;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::script::{Line, LineOf};

/// The longest answer; the rest of a longer one isn't read, and it counts as none.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// What a path can't hold as it is: RFC 3986 section 3.3.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// What came of a client.
#[derive(Debug)]
pub struct Arrival {
    pub line: LineOf,
    pub at: Timestamp,
    pub what: Arrived,
}

/// See [`Arrival`].
#[derive(Debug)]
pub enum Arrived {
    /// It was told something.
    Told(Output),
    /// Its WebSocket is open.
    Opened,
    /// The service has taken everything that was said before this.
    Passed(u64),
    /// Nothing more will come; why, if it wasn't to be.
    Ended(Option<String>),
}

/// What a WebSocket's client is to do.
#[derive(Debug)]
pub enum Command {
    Text(String),
    /// To be answered with [`Arrived::Passed`].
    Barrier(u64),
    /// With a code, or without a word.
    Close(Option<u16>),
}

/// Where and how a client speaks.
#[derive(Clone, Debug)]
pub struct Wire {
    pub line: LineOf,
    pub authority: String,
    pub clock: Clock,
    /// For everything that is waited for.
    pub within: Duration,
    pub arrivals: Sender<Arrival>,
}

/// What is asked over HTTP.
#[derive(Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: String,
    pub key: Option<String>,
}

impl Wire {
    /// Asks, and hands on the answer.
    pub async fn ask(self, asked: Asked) {
        let what = match timeout(self.within, self.answer(asked)).await {
            Ok(Ok(output)) => Arrived::Told(output),
            Ok(Err(reason)) => Arrived::Ended(Some(reason)),
            Err(_) => Arrived::Ended(Some(self.too_late())),
        };
        self.tell(what).await;
    }

    async fn answer(&self, asked: Asked) -> Result<Output, String> {
        let Asked { method, path, query, body, key } = asked;
        let tcp = TcpStream::connect(&self.authority).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(tcp)).await.map_err(|error| error.to_string())?;
        let mut target = utf8_percent_encode(&path, NOT_IN_PATH).to_string();
        if !query.is_empty() {
            target = format!("{target}?{query}");
        }
        let mut request =
            hyper::Request::builder().method(&*method).uri(target).header(header::HOST, &self.authority);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
            let (parts, body) = answer.into_parts();
            let body =
                Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(|error| error.to_string())?;
            let link = parts.headers.get(header::LINK).and_then(|link| link.to_str().ok()).map(str::to_owned);
            let Line::Request(id) = self.line.1 else { return Err("no request".to_owned()) };
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            Ok(Output::Http { id, status: parts.status.as_u16(), body, link })
        };
        tokio::pin!(answer);
        tokio::select! {
            answer = &mut answer => answer,
            // It carries the answer; one that ends first may have brought it already.
            _ = connection => answer.await,
        }
    }

    /// Opens a WebSocket and does what it is told until it ends.
    pub async fn converse(self, path: String, query: String, commands: Receiver<Command>) {
        let why = match timeout(self.within, self.connect(&path, &query)).await {
            Ok(Ok(socket)) => {
                self.tell(Arrived::Opened).await;
                self.speak(socket, query.contains("batch_ms"), commands).await
            }
            Ok(Err(reason)) => Some(reason),
            Err(_) => Some(self.too_late()),
        };
        self.tell(Arrived::Ended(why)).await;
    }

    async fn connect(&self, path: &str, query: &str) -> Result<WebSocketStream<TcpStream>, String> {
        let tcp = TcpStream::connect(&self.authority).await.map_err(|error| error.to_string())?;
        let _ = tcp.set_nodelay(true);
        let mark = if query.is_empty() { "" } else { "?" };
        let path = utf8_percent_encode(path, NOT_IN_PATH);
        let url = format!("ws://{}{path}{mark}{query}", self.authority);
        match client_async(url, tcp).await {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => {
                let body = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                Err(format!("the WebSocket was refused: {} {body}", answer.status()).trim_end().to_owned())
            }
            Err(error) => Err(format!("the WebSocket was not opened: {error}")),
        }
    }

    /// Why it ended, if it wasn't to.
    async fn speak(
        &self,
        mut socket: WebSocketStream<TcpStream>,
        arrays: bool,
        mut commands: Receiver<Command>,
    ) -> Option<String> {
        let mut leaving = false;
        loop {
            tokio::select! {
                command = commands.recv(), if !leaving => {
                    let command = command?;
                    leaving = matches!(command, Command::Close(_));
                    match timeout(self.within, say(&mut socket, command)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return (!leaving).then(|| error.to_string()),
                        Err(_) => return Some(format!("it took nothing for {:?}", self.within)),
                    }
                }
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        let parts = if arrays { parts(&text) } else { None };
                        for text in parts.unwrap_or_else(|| vec![text.to_string()]) {
                            self.tell(self.sent(text)).await;
                        }
                    }
                    Some(Ok(Message::Pong(payload))) => {
                        if let Ok(token) = <[u8; 8]>::try_from(&*payload) {
                            self.tell(Arrived::Passed(u64::from_be_bytes(token))).await;
                        }
                    }
                    Some(Ok(Message::Close(frame))) if !leaving => {
                        // What we answer is the library's to send; nothing is said after it.
                        leaving = true;
                        self.tell(self.closed(frame)).await;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) if !leaving => return Some(error.to_string()),
                    Some(Err(_)) | None => return None,
                }
            }
        }
    }

    fn sent(&self, text: String) -> Arrived {
        let Line::Conn(conn) = self.line.1 else {
            return Arrived::Told(Output::Send { conn: 0, text: text.into(), key: None });
        };
        Arrived::Told(Output::Send { conn, text: text.into(), key: None })
    }

    fn closed(&self, frame: Option<CloseFrame>) -> Arrived {
        let conn = if let Line::Conn(conn) = self.line.1 { conn } else { 0 };
        let (code, reason) =
            frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
        Arrived::Told(Output::Close { conn, code, reason })
    }

    fn too_late(&self) -> String {
        format!("no answer within {:?}", self.within)
    }

    async fn tell(&self, what: Arrived) {
        let arrival = Arrival { line: self.line, at: self.clock.now(), what };
        // Fails only when nobody listens any more.
        let _ = self.arrivals.send(arrival).await;
    }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, command: Command) -> Result<(), tungstenite::Error> {
    match command {
        Command::Text(text) => socket.send(Message::text(text)).await,
        Command::Barrier(token) => socket.send(Message::Ping(token.to_be_bytes().to_vec().into())).await,
        // A peer that just goes: its kernel says so, it doesn't. What is under way is still read.
        Command::Close(None) => Ok(socket.get_mut().shutdown().await?),
        Command::Close(Some(code)) => {
            // 1005 stands for a close without a code: RFC 6455 section 7.4.1.
            let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
            socket.close((code != 1005 && code != 1006).then_some(frame)).await
        }
    }
}

/// The messages of `?batch_ms`, each as it was written.
fn parts(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim().strip_prefix('[')?;
    let mut parts = Vec::new();
    while !rest.trim_start().starts_with(']') {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        let (part, after) = rest.split_at_checked(values.byte_offset())?;
        parts.push(part.trim().to_owned());
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_falls_into_its_messages() {
        let parts = |text| parts(text).map(|parts| parts.join("|"));
        assert_eq!(parts(r#"[{"a":[1, 2]},{"b":"],["}]"#).as_deref(), Some(r#"{"a":[1, 2]}|{"b":"],["}"#));
        assert_eq!(parts("[]").as_deref(), Some(""));
        assert_eq!(parts("{}"), None);
        assert_eq!(parts("[1,"), None);
    }
}
