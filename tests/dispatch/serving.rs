//! A `depot serve dispatch` that runs, and those who speak with it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, stream::MaybeTlsStream};

use crate::support::running::{PATIENCE, Running};
use crate::support::{depot, until};

pub struct Dispatch {
    pub program: Running,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let name = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&name))
    }
}

impl Dispatch {
    /// In memory, with nothing of its own on the disk.
    pub fn new() -> Self {
        Self::on("sqlite::memory:", Path::new("."), &[])
    }

    /// Ready for the first who asks.
    pub fn on(database: &str, folder: &Path, args: &[&str]) -> Self {
        let dispatch = Self::started(database, folder, args);
        let first = dispatch.ask("GET", "/readyz", &Value::Null);
        assert_eq!(first.status, 200, "{first:?}");
        dispatch
    }

    /// It listens, and may have to wait for its database.
    pub fn started(database: &str, folder: &Path, args: &[&str]) -> Self {
        let mut command = depot();
        command.args(["serve", "dispatch", "--dispatch-port", "0", "--database", database, "--data"]);
        let mut program = Running::start(command.arg(folder).args(args).stdout(Stdio::null()));
        let line = program.hear("dispatch listens");
        let address = line.split("http=http://").nth(1).and_then(|rest| rest.split(' ').next());
        let address = address.unwrap_or_else(|| panic!("an address in {line}")).to_owned();
        Self { program, address }
    }

    pub fn is_ready_in_time(&self) -> bool {
        until(|| self.ask("GET", "/readyz", &Value::Null).status == 200)
    }

    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask_with(method, path, &[], &text(body))
    }

    pub fn ask_with(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        ask(&self.address, method, path, headers, body).expect("an answer")
    }

    pub fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// What is made; its id is in it.
    pub fn made(&self, path: &str, body: &Value) -> Value {
        let answer = self.ask("POST", path, body);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// A mission of a zone with so many waypoints.
    pub fn mission(&self, waypoints: usize, rover: Option<&str>) -> String {
        let waypoints: Vec<_> = (0..waypoints).map(|x| json!({ "x": x, "y": 0.5 })).collect();
        let zone = self.made("/zones", &json!({ "name": "Yard", "waypoints": waypoints }));
        let mission = json!({ "name": "Round", "zoneId": zone["id"], "roverId": rover });
        id(&self.made("/missions", &mission))
    }

    pub fn open(&self, path: &str) -> Socket {
        Socket::open(&self.address, path).expect("a socket")
    }

    /// One that has registered as consoles know.
    pub fn rover(&self, name: &str) -> Socket {
        let mut console = self.open("/ws/console");
        let mut rover = self.open("/ws");
        rover.say(&json!({ "type": "register", "rover_id": name }));
        console.until(|frame| frame["rover_id"] == name && frame["connected"] == true);
        rover
    }
}

pub fn id(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

fn text(body: &Value) -> String {
    if body.is_null() { String::new() } else { body.to_string() }
}

/// None when no whole answer came.
pub fn ask(address: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Option<Answer> {
    let mut tcp = TcpStream::connect(address).ok()?;
    tcp.set_read_timeout(Some(PATIENCE)).ok()?;
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    tcp.write_all((head + body).as_bytes()).ok()?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.get(9..12)?.parse().ok()?;
    let answer = Answer { status, head: head.to_lowercase(), body: body.to_owned() };
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    length.is_none_or(|length: usize| length == answer.body.len()).then_some(answer)
}

/// A WebSocket.
pub struct Socket {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    /// What the service closed with.
    pub close_code: Option<u16>,
}

impl Socket {
    pub fn open(address: &str, path: &str) -> Option<Self> {
        let (socket, _) = tungstenite::connect(format!("ws://{address}{path}")).ok()?;
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
        }
        Some(Self { socket, close_code: None })
    }

    /// The next text frame; none at the end.
    pub fn next_text(&mut self) -> Option<String> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(frame)) => self.close_code = frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    pub fn next(&mut self) -> Option<Value> {
        self.next_text().map(|text| serde_json::from_str(&text).expect("JSON"))
    }

    /// The first that is as wanted.
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.next().expect("a frame");
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// All up to the end; what it was closed with.
    pub fn end(&mut self) -> Option<u16> {
        while self.next_text().is_some() {}
        self.close_code
    }

    pub fn say(&mut self, frame: &Value) {
        assert!(self.try_say(frame), "it takes {frame}");
    }

    pub fn try_say(&mut self, frame: &Value) -> bool {
        self.socket.send(Message::text(frame.to_string())).is_ok()
    }

    pub fn send(&mut self, message: Message) {
        // One that is too large may be cut short by the answer to it.
        let _ = self.socket.send(message);
    }
}
