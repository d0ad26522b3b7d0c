//! An event in a few words: of what sort it is, and whether it is out of the ordinary.

use kit::machine::{Input, Output, StoreEvent, StreamEvent};
use kit::tap::{Body, SessionEvent};
use serde_json::Value;

use crate::frame;

/// Statuses from here on are out of the ordinary.
const FIRST_ERROR_STATUS: u16 = 400;

/// What was said, as far as its sort goes; none where the channel says it all.
pub fn told(body: &Body) -> Option<String> {
    Some(match body {
        Body::In(Input::Http { method, .. }) => method.clone(),
        Body::In(input) => match input {
            Input::Open { path, .. } => format!("open {path}"),
            Input::Text { .. } => "text".to_owned(),
            Input::Lagged { .. } => "lagged".to_owned(),
            Input::Closed { .. } => "closed".to_owned(),
            Input::Pong { .. } => "pong".to_owned(),
            Input::Stream { event } => match event {
                StreamEvent::Opened { .. } => "opened",
                StreamEvent::Bytes { .. } => "bytes",
                StreamEvent::Closed { .. } => "closed",
                StreamEvent::Ended => "ended",
            }
            .to_owned(),
            Input::Store { event } => match event {
                StoreEvent::Loading { .. } => "loading",
                StoreEvent::Opened { .. } => "opened",
                StoreEvent::Committed { error: None, .. } => "committed",
                StoreEvent::Committed { error: Some(_), .. } => "failed",
                StoreEvent::Away { .. } => "away",
                StoreEvent::Back => "back",
                StoreEvent::Lost { .. } => "lost",
            }
            .to_owned(),
            Input::Http { .. }
            | Input::Caster { .. }
            | Input::Clock { .. }
            | Input::Timer
            | Input::Stopping => return None,
        },
        Body::Out(Output::Http { status, .. }) => status.to_string(),
        Body::Out(output) => frame::message(output),
        Body::Session(event) => match event {
            SessionEvent::Peer { .. } => "peer",
            SessionEvent::PingSent { .. } => "ping sent",
            SessionEvent::Ping { .. } => "ping",
            SessionEvent::Pong { .. } => "pong",
            SessionEvent::Written { .. } => "written",
            SessionEvent::Sent { .. } => "sent",
            SessionEvent::Binary { .. } => "binary",
            SessionEvent::CloseSent { .. } => "close sent",
            SessionEvent::Error { .. } => "error",
            SessionEvent::Refused { .. } => "refused",
        }
        .to_owned(),
        Body::Proxy(_) | Body::Start(_) | Body::End(_) | Body::Gap(_) => return None,
    })
}

/// What a person would want to know of; none for what goes as it should.
pub fn anomaly(body: &Body) -> Option<String> {
    Some(match body {
        Body::Gap(lost) => format!("{lost} events were lost"),
        Body::In(Input::Lagged { conn }) => format!("connection {conn} had lagged"),
        Body::In(Input::Closed { conn, code: None }) => format!("connection {conn} is cut"),
        Body::In(Input::Clock { offset_ms }) => format!("the system clock is off by {offset_ms} ms"),
        Body::In(Input::Stream { event: StreamEvent::Closed { .. } }) => "the receiver is gone".to_owned(),
        Body::In(Input::Store { event }) => match event {
            StoreEvent::Committed { batch, error: Some(error) } => format!("commit {batch} failed: {error}"),
            StoreEvent::Away { reason } => format!("the store is away: {reason}"),
            StoreEvent::Lost { reason } => format!("the store is lost: {reason}"),
            StoreEvent::Back => "the store is back".to_owned(),
            StoreEvent::Loading { .. } | StoreEvent::Opened { .. } | StoreEvent::Committed { .. } => {
                return None;
            }
        },
        Body::Out(Output::Http { id, status, body, .. }) if *status >= FIRST_ERROR_STATUS => {
            format!("request {id} is answered {status}: {}", crate::diff::short(body))
        }
        Body::Out(output @ Output::Send { conn, text, .. }) if frame::message(output) == "error" => {
            format!("connection {conn} is told {}", crate::diff::short(text))
        }
        Body::Out(Output::Close { conn, code, reason }) => {
            format!("connection {conn} is closed with {code}: {reason}")
        }
        Body::Session(SessionEvent::Error { conn, message }) => format!("connection {conn}: {message}"),
        Body::Session(SessionEvent::Binary { conn, bytes }) => {
            format!("connection {conn} sends {bytes} bytes that are no text")
        }
        Body::Session(SessionEvent::Refused { path, status, .. }) => format!("{path} is refused: {status}"),
        _ => return None,
    })
}

/// What a frame for clients is about, if it is about one of many (a task, a rover), and the frame without its
/// number.
pub fn subject(body: &Body) -> Option<(String, Value)> {
    let Body::Out(output @ (Output::Send { text, .. } | Output::Publish { text, .. })) = body else {
        return None;
    };
    let mut frame: Value = serde_json::from_str(text).ok()?;
    let members = frame.as_object_mut()?;
    members.remove("seq");
    let id = |(name, member): (&String, &Value)| match member {
        Value::String(id) if name.ends_with("_id") => Some(id.clone()),
        Value::Object(of) => of.get("id")?.as_str().map(str::to_owned),
        _ => None,
    };
    // A rover's update names its task, too: whom it is about comes first in the order of names.
    let id = members.iter().find_map(id)?;
    Some((format!("{} {id}", frame::message(output)), frame))
}
