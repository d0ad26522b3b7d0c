//! A running depot, asked over its WebSocket, for ever.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::MonitorError;
use super::seen::News;
use crate::commands::demo::http;

/// A connection attempt takes no longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A service that hasn't said a word for so long is gone, whatever TCP thinks: it pings every 30 s.
const SILENCE: Duration = Duration::from_secs(75);
/// Between attempts; doubled from the first to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Where the status is told.
pub fn websocket_url(url: &str) -> Result<String, MonitorError> {
    let bad = || MonitorError::Url { url: url.to_owned() };
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://")).ok_or_else(bad)?;
    let host = rest.trim_end_matches('/');
    if host.is_empty() || host.contains('/') { Err(bad()) } else { Ok(format!("ws://{host}/ws")) }
}

/// Tells news until nobody listens.
pub async fn listen(url: String, news: mpsc::Sender<News>) {
    let mut wait = BACKOFF.0;
    loop {
        let why = match tokio::time::timeout(PATIENCE, tokio_tungstenite::connect_async(&url)).await {
            Ok(Ok((mut socket, _))) => {
                wait = BACKOFF.0;
                loop {
                    match tokio::time::timeout(SILENCE, socket.next()).await {
                        Ok(Some(Ok(Message::Text(text)))) => {
                            let told = read(&text);
                            if let Some(told) = told
                                && news.send(told).await.is_err()
                            {
                                return;
                            }
                        }
                        Ok(Some(Ok(Message::Close(close)))) => {
                            break close.map_or_else(String::new, |close| close.reason.to_string());
                        }
                        Ok(Some(Ok(_))) => {}
                        Ok(Some(Err(error))) => break error.to_string(),
                        Ok(None) => break "it closed the connection".to_owned(),
                        Err(_) => break format!("it was silent for {} s", SILENCE.as_secs()),
                    }
                }
            }
            Ok(Err(Error::Io(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer in {} s", PATIENCE.as_secs()),
        };
        let why = if why.is_empty() { "it closed the connection".to_owned() } else { why };
        if news.send(News::Away(why)).await.is_err() {
            return;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(BACKOFF.1);
    }
}

/// A frame of the service; none for what isn't a status.
fn read(text: &str) -> Option<News> {
    let mut frame: Value = serde_json::from_str(text).ok()?;
    if frame.get("type")?.as_str()? != "gps_status" {
        return None;
    }
    Some(News::Status(serde_json::from_value(frame.get_mut("data")?.take()).ok()?))
}

/// Has the depot begin to record, or stop; what came of it, in a sentence.
pub async fn record(operator: Option<SocketAddr>) -> String {
    let Some(operator) = operator else {
        return "a depot records when its operator says so: start it with --operator-port PORT, and name that here \
                with --operator 127.0.0.1:PORT"
            .to_owned();
    };
    let state = http::ask(operator, "GET", "/recording", "").await;
    let recording = state.is_some_and(|(_, state)| state.get("recording").is_some_and(|r| !r.is_null()));
    let path = if recording { "/recording/stop" } else { "/recording/start" };
    let Some((status, answer)) = http::ask(operator, "POST", path, "").await else {
        return format!("nobody answers at the operator's port {operator}");
    };
    let said = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or("no reason").to_owned();
    match (status, recording) {
        (200, false) => format!("the depot records into {}", said("file")),
        (200, true) => format!("the depot has recorded {}", said("file")),
        _ => format!("the depot doesn't: {}", said("error")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(websocket_url("http://depot.local:4880/").expect("a URL"), "ws://depot.local:4880/ws");
        for bad in ["depot.local", "https://depot.local", "http://", "http://a/b"] {
            assert!(websocket_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn frames_are_read_with_and_without_a_caster() {
        let mut status = wire::gps_status::GpsStatus::default();
        let frame = |status: &wire::gps_status::GpsStatus| {
            serde_json::json!({"type": "gps_status", "data": status}).to_string()
        };
        assert_eq!(read(&frame(&status)), Some(News::Status(Box::new(status.clone()))));
        status.caster = Some(wire::gps_status::Caster {
            ntrip_clients: Vec::new(),
            corrections: wire::gps_status::Corrections {
                serving: false,
                reason: Some("no_position".into()),
                message: "the base has no position yet".into(),
                since: 1000,
                slow_clients: 0,
                refused: 0,
                raw_clients: 0,
            },
            pushes: Vec::new(),
        });
        assert_eq!(read(&frame(&status)), Some(News::Status(Box::new(status))));
        for other in
            ["", "{}", r#"{"type":"error"}"#, r#"{"type":"gps_status"}"#, r#"{"type":"gps_status","data":1}"#]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
