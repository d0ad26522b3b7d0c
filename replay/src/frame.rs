//! Events in one line, for people.

use std::fmt;

use kit::machine::{ConnId, Input, Output, StoreEvent, StreamEvent};
use kit::tap::{Body, SessionEvent, Write};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::diff::short;

/// Characters of an output or a state that are kept to be shown whole.
pub const MAX_WHOLE_CHARS: usize = 20_000;

/// Whom an event concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// One WebSocket.
    Conn(ConnId),
    /// One HTTP request.
    Request(u64),
    /// Every WebSocket of a path.
    Path(String),
    /// Where commits are kept.
    Store,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conn(conn) => write!(f, "connection {conn}"),
            Self::Request(id) => write!(f, "request {id}"),
            Self::Path(path) => write!(f, "all of {path}"),
            Self::Store => f.write_str("the store"),
        }
    }
}

pub fn input_peer(input: &Input) -> Option<Peer> {
    match input {
        Input::Http { id, .. } => Some(Peer::Request(*id)),
        Input::Open { conn, .. }
        | Input::Text { conn, .. }
        | Input::Lagged { conn }
        | Input::Closed { conn, .. }
        | Input::Pong { conn, .. } => Some(Peer::Conn(*conn)),
        Input::Stream { .. }
        | Input::Caster { .. }
        | Input::Store { .. }
        | Input::Clock { .. }
        | Input::Timer
        | Input::Stopping => None,
    }
}

pub fn output_peer(output: &Output) -> Peer {
    match output {
        Output::Http { id, .. } => Peer::Request(*id),
        Output::Send { conn, .. }
        | Output::Close { conn, .. }
        | Output::Join { conn, .. }
        | Output::Ping { conn, .. } => Peer::Conn(*conn),
        Output::Commit { .. } => Peer::Store,
        Output::Publish { path, .. } => Peer::Path(path.clone()),
    }
}

/// What a rule may be about: the text a client is told, or what is kept.
pub fn output_text(output: &Output) -> Option<&str> {
    match output {
        Output::Http { body, .. } => Some(body),
        Output::Send { text, .. } | Output::Publish { text, .. } => Some(text.as_str()),
        Output::Commit { changes, .. } => Some(changes),
        Output::Close { .. } | Output::Join { .. } | Output::Ping { .. } => None,
    }
}

/// What rules call it: a frame's JSON `type`, or the kind of output.
pub fn message(output: &Output) -> String {
    #[derive(Deserialize)]
    struct Typed {
        r#type: String,
    }
    let kind = match output {
        Output::Http { .. } => "http",
        Output::Send { text, .. } | Output::Publish { text, .. } => {
            let typed = serde_json::from_str::<Typed>(text.as_str());
            return typed.map_or_else(|_| "text".to_owned(), |typed| typed.r#type);
        }
        Output::Commit { .. } => "commit",
        Output::Close { .. } => "close",
        Output::Join { .. } => "join",
        Output::Ping { .. } => "ping",
    };
    kind.to_owned()
}

/// All of an output, with another text in the place of its own.
pub fn with_text(output: &Output, text: String) -> String {
    let mut bare = output.clone();
    match &mut bare {
        Output::Http { body, .. } => body.clear(),
        Output::Send { text, .. } | Output::Publish { text, .. } => *text = "".into(),
        Output::Commit { changes, .. } => changes.clear(),
        Output::Close { .. } | Output::Join { .. } | Output::Ping { .. } => {}
    }
    let envelope = serde_json::to_string(&bare).unwrap_or_default();
    format!("{envelope}{text}")
}

/// An output as a person should see it whole.
pub fn whole(output: &Output) -> String {
    let text = output_text(output).unwrap_or_default();
    bounded(&if text.is_empty() { self::output(output) } else { text.to_owned() })
}

/// As much of it as is shown whole.
pub fn bounded(text: &str) -> String {
    match text.char_indices().nth(MAX_WHOLE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The event's kind and content.
pub fn body(body: &Body) -> String {
    let line = match body {
        Body::Start(start) => format!("start    depot {}", start.version),
        Body::In(event) => input(event),
        Body::Out(event) => output(event),
        Body::Session(event) => session(event),
        Body::Proxy(event) => crate::proxy::line::of(event),
        Body::End(_) => "end".to_owned(),
        Body::Gap(lost) => format!("gap      {lost} events lost"),
    };
    short(&plain(line))
}

/// In one line, without anything that a terminal would obey.
fn plain(line: String) -> String {
    if !line.contains(char::is_control) {
        return line;
    }
    let mut plain = String::with_capacity(line.len());
    for c in line.chars() {
        if c.is_control() { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    plain
}

fn input(input: &Input) -> String {
    match input {
        Input::Http { id, method, path, query, body, .. } => {
            let mark = if query.is_empty() { "" } else { "?" };
            format!("in http  request {id} {method} {path}{mark}{query} {body}")
        }
        Input::Open { conn, path, .. } => format!("in ws    connection {conn} open {path}"),
        Input::Text { conn, text } => format!("in ws    connection {conn} {text}"),
        Input::Lagged { conn } => format!("in ws    connection {conn} lagged"),
        Input::Closed { conn, code: Some(code) } => format!("in ws    connection {conn} closed {code}"),
        Input::Closed { conn, code: None } => format!("in ws    connection {conn} closed"),
        Input::Stream { event } => match event {
            StreamEvent::Opened { device, .. } => format!("in gnss  opened {device}"),
            StreamEvent::Bytes { bytes, .. } => {
                format!("in gnss  {} bytes {}", bytes.len(), bytes.escape_ascii())
            }
            StreamEvent::Closed { reason } => format!("in gnss  closed: {reason}"),
            StreamEvent::Ended => "in gnss  ended".to_owned(),
        },
        Input::Pong { conn, token } => format!("in ws    connection {conn} took all before ping {token}"),
        Input::Store { event } => match event {
            StoreEvent::Loading { changes } => format!("in store loading {changes}"),
            StoreEvent::Opened { changes } => format!("in store opened {changes}"),
            StoreEvent::Committed { batch, error: None } => format!("in store kept commit {batch}"),
            StoreEvent::Committed { batch, error: Some(error) } => {
                format!("in store refused commit {batch}: {error}")
            }
            StoreEvent::Away { reason } => format!("in store away: {reason}"),
            StoreEvent::Back => "in store back".to_owned(),
            StoreEvent::Lost { reason } => format!("in store lost: {reason}"),
        },
        Input::Caster { report } => format!("in caster {report}"),
        Input::Clock { offset_ms } => format!("in clock system clock is off by {offset_ms} ms"),
        Input::Timer => "in timer".to_owned(),
        Input::Stopping => "in stopping".to_owned(),
    }
}

pub fn output(output: &Output) -> String {
    let peer = output_peer(output);
    match output {
        Output::Http { status, body, .. } => format!("out http {peer} {status} {body}"),
        Output::Send { text, .. } | Output::Publish { text, .. } => format!("out ws   {peer} {text}"),
        Output::Close { code, reason, .. } => format!("out ws   {peer} close {code} {reason}"),
        Output::Join { path, .. } => format!("out ws   {peer} hears {path}"),
        Output::Ping { token, .. } => format!("out ws   {peer} ping {token}"),
        Output::Commit { batch, changes } => format!("out store commit {batch} {changes}"),
    }
}

fn session(event: &SessionEvent) -> String {
    match event {
        SessionEvent::Peer { conn, addr, .. } => format!("session  connection {conn} is {addr}"),
        SessionEvent::PingSent { conn } => format!("session  connection {conn} pinged"),
        SessionEvent::Ping { conn } => format!("session  connection {conn} sent a ping"),
        SessionEvent::Pong { conn } => format!("session  connection {conn} sent a pong"),
        SessionEvent::Written { within_ns, writes } => {
            let writes: Vec<String> = writes.iter().map(write).collect();
            format!("session  within {:.1} ms {}", *within_ns as f64 / 1e6, writes.join("; "))
        }
        SessionEvent::Sent { conn, frames, .. } => {
            format!("session  connection {conn} was written events {frames:?}")
        }
        SessionEvent::Binary { conn, bytes } => {
            format!("session  connection {conn} sent {bytes} bytes binary, refused")
        }
        SessionEvent::CloseSent { conn, code, reason } => {
            format!("session  connection {conn} was closed {code} {reason}")
        }
        SessionEvent::Error { conn, message } => format!("session  connection {conn} failed: {message}"),
        SessionEvent::Refused { addr, path, status } => {
            format!("session  {addr} was refused {path} with {status}")
        }
    }
}

/// `connections 1-3, 9 were written events 17, 19-20`.
fn write(write: &Write) -> String {
    let list = |ranges: &[(u64, u64)]| {
        let range = |(first, last): &(u64, u64)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        ranges.iter().map(range).collect::<Vec<_>>().join(", ")
    };
    let (conns, frames) = (list(&write.conns), list(&write.frames));
    let batch = if write.batch { " as one array" } else { "" };
    match write.conns.as_slice() {
        [(first, last)] if first == last => format!("connection {conns} was written events {frames}{batch}"),
        _ => format!("connections {conns} were written events {frames}{batch}"),
    }
}

/// Every field of an output, each with its length where that varies: no two outputs hash alike.
pub fn digest(hash: &mut Sha256, output: &Output) {
    let mut text = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    let numbers = match output {
        Output::Http { id, status, body, link } => {
            text(body);
            text(link.as_deref().unwrap_or_default());
            [1, *id, u64::from(*status), link.is_some().into()]
        }
        Output::Send { conn, text: sent, key } => {
            text(sent);
            [2, *conn, key.is_some().into(), key.unwrap_or_default()]
        }
        Output::Publish { path, text: sent, key } => {
            text(path);
            text(sent);
            [3, 0, key.is_some().into(), key.unwrap_or_default()]
        }
        Output::Close { conn, code, reason } => {
            text(reason);
            [4, *conn, u64::from(*code), 0]
        }
        Output::Join { conn, path } => {
            text(path);
            [5, *conn, 0, 0]
        }
        Output::Ping { conn, token } => [6, *conn, *token, 0],
        Output::Commit { batch, changes } => {
            text(changes);
            [7, *batch, 0, 0]
        }
    };
    numbers.iter().for_each(|number| hash.update(number.to_le_bytes()));
}
