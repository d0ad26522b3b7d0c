//! Events in one line, for people.

use std::fmt;

use kit::machine::{ConnId, Input, Output, StoreEvent, StreamEvent};
use kit::tap::{Body, SessionEvent};

use crate::diff::short;

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
        Input::Stream { .. } | Input::Store { .. } | Input::Clock { .. } | Input::Timer | Input::Stopping => {
            None
        }
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
    short(&line)
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
            StoreEvent::Opened { changes } => format!("in store opened {changes}"),
            StoreEvent::Committed { batch, error: None } => format!("in store kept commit {batch}"),
            StoreEvent::Committed { batch, error: Some(error) } => {
                format!("in store refused commit {batch}: {error}")
            }
            StoreEvent::Away { reason } => format!("in store away: {reason}"),
            StoreEvent::Back => "in store back".to_owned(),
            StoreEvent::Lost { reason } => format!("in store lost: {reason}"),
        },
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
