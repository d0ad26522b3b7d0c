//! A machine small enough to check by eye: a number that anyone may set and all watch.

use std::{collections::BTreeSet, time::Duration};

use kit::machine::{ConnId, Input, Machine, Output, StreamEvent, Timestamp};
use serde_json::{Value, json};

/// The key of the state.
pub const STATE: u64 = 1;

#[derive(Debug, Default)]
pub struct Toy {
    number: u64,
    pad: String,
    open: BTreeSet<ConnId>,
    timer: Option<Timestamp>,
    waiting: Option<u64>,
}

impl Toy {
    /// One whose states are padded to at least so many bytes.
    pub fn padded(bytes: usize) -> Self {
        Self { pad: "x".repeat(bytes), ..Self::default() }
    }

    fn state_text(&self) -> String {
        json!({ "type": "state", "number": self.number, "pad": self.pad }).to_string()
    }

    fn set(&mut self, number: u64, out: &mut Vec<Output>) {
        self.number = number;
        let text = self.state_text().into();
        out.push(Output::Publish { path: "/ws".into(), text, key: Some(STATE) });
    }

    fn text(&mut self, now: Timestamp, conn: ConnId, text: &str, out: &mut Vec<Output>) {
        let command: Value = serde_json::from_str(text).unwrap_or_default();
        if let Some(number) = command["set"].as_u64() {
            self.set(number, out);
        } else if let Some(word) = command["say"].as_str() {
            let text = json!({ "type": "said", "word": word }).to_string().into();
            out.push(Output::Publish { path: "/ws".into(), text, key: None });
        } else if let Some(ms) = command["set_after_ms"].as_u64() {
            self.timer = Some(now + Duration::from_millis(ms));
        } else if let Some(code) = command["close"].as_u64() {
            let code = u16::try_from(code).unwrap();
            out.push(Output::Close { conn, code, reason: "as you wish".into() });
        } else if let Some(path) = command["join"].as_str() {
            out.push(Output::Join { conn, path: path.into() });
        } else if let Some(bytes) = command["huge"].as_u64() {
            let text = "x".repeat(usize::try_from(bytes).unwrap()).into();
            out.push(Output::Send { conn, text, key: None });
        } else if let Some(token) = command["ping"].as_u64() {
            out.push(Output::Ping { conn, token });
        } else if let Some(batch) = command["commit"].as_u64() {
            out.push(Output::Commit { batch, changes: json!([batch]).to_string() });
        } else if command["panic"] == true {
            panic!("as you wish");
        } else {
            let text = json!({ "type": "error", "message": "not a command" }).to_string().into();
            out.push(Output::Send { conn, text, key: None });
        }
    }

    fn answer(&mut self, out: &mut Vec<Output>) {
        if let Some(id) = self.waiting.take() {
            out.push(Output::Http { id, status: 200, body: "\"later\"".into(), link: None });
        }
    }

    fn http(&mut self, id: u64, method: &str, path: &str, query: &str, body: &str, out: &mut Vec<Output>) {
        let mut link = None;
        let (status, body) = match (method, path) {
            ("POST", "/set") => match body.parse() {
                Ok(number) => {
                    self.set(number, out);
                    (200, json!({ "ok": true }).to_string())
                }
                Err(_) => (400, json!({ "error": "not a number" }).to_string()),
            },
            ("GET", "/later") => return self.waiting = Some(id),
            ("GET", "/health") => (200, json!({ "status": "ok", "open": self.open.len() }).to_string()),
            ("GET", "/thing/linked") => {
                link = Some("</thing/next>; rel=\"next\"".to_owned());
                (200, "[]".to_owned())
            }
            ("DELETE", _) => (204, String::new()),
            _ => (404, json!({ "error": "unknown", "path": path, "query": query }).to_string()),
        };
        out.push(Output::Http { id, status, body, link });
    }
}

impl Machine for Toy {
    fn handle(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Http { id, method, path, query, body, .. } => {
                self.http(id, &method, &path, &query, &body, out);
            }
            Input::Open { conn, .. } => {
                self.open.insert(conn);
                out.push(Output::Send { conn, text: self.state_text().into(), key: Some(STATE) });
            }
            Input::Lagged { conn } => {
                out.push(Output::Send { conn, text: self.state_text().into(), key: Some(STATE) });
            }
            Input::Text { conn, text } => self.text(now, conn, text.as_str(), out),
            Input::Closed { conn, .. } => {
                self.open.remove(&conn);
            }
            Input::Stream { event: StreamEvent::Bytes { bytes, .. } } => {
                for byte in bytes {
                    self.set(byte.into(), out);
                }
            }
            Input::Stream { event: StreamEvent::Opened { .. } } => self.answer(out),
            Input::Stopping if self.timer.take().is_some() => self.set(self.number + 1, out),
            Input::Stream { .. }
            | Input::Caster { .. }
            | Input::Pong { .. }
            | Input::Store { .. }
            | Input::Clock { .. }
            | Input::Timer
            | Input::Stopping => {}
        }
    }

    fn next_timeout(&self) -> Option<Timestamp> {
        self.timer
    }

    fn handle_timeout(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        if self.timer.is_some_and(|due| due <= now) {
            self.timer = None;
            self.set(self.number + 1, out);
            self.answer(out);
        }
    }

    fn state(&self) -> Value {
        json!({ "number": self.number, "open": self.open })
    }
}
