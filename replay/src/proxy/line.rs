//! What a proxy saw, in one line for people.

use kit::proxied::{End, Payload, ProxyEvent, Side};

/// The event's kind and content.
pub fn of(event: &ProxyEvent) -> String {
    use ProxyEvent as E;
    match event {
        E::Listening { listen, upstream } => format!("proxy    listens on {listen} for {upstream}"),
        E::Accepted { conn, client } => format!("proxy    connection {conn} is {client}"),
        E::Connected { conn, upstream } => format!("proxy    connection {conn} reached {upstream}"),
        E::Failed { conn, message, .. } => format!("proxy    connection {conn}: {message}"),
        E::Violation { conn, from, message } => {
            format!("{} connection {conn} breaks the protocol: {message}", arrow(*from))
        }
        E::Raw { conn, from, payload } => {
            format!("{} connection {conn} {}", arrow(*from), shown(payload))
        }
        E::Ended { conn, from, how } => {
            let who = from.map_or("proxy   ", arrow);
            let how = match how {
                End::Fin => "ended in order",
                End::Reset => "reset",
                End::Stopped => "ended: the proxy stopped",
                End::GaveUp => "ended: the proxy gave up",
            };
            format!("{who} connection {conn} {how}")
        }
        E::Closed { conn, client_bytes, upstream_bytes } => {
            format!(
                "proxy    connection {conn} closed after {client_bytes} bytes there, {upstream_bytes} back"
            )
        }
        E::Request { conn, id, method, target, .. } => {
            format!("{} connection {conn} request {id} {method} {target}", arrow(Side::Client))
        }
        E::Response { conn, id, status, reason, .. } => {
            format!("{} connection {conn} request {id} {status} {reason}", arrow(Side::Upstream))
        }
        E::Body { conn, id, from, payload } => {
            format!("{} connection {conn} request {id} {}", arrow(*from), shown(payload))
        }
        E::BodyEnd { conn, id, from, complete, .. } => {
            let how = if *complete { "whole" } else { "cut off" };
            format!("{} connection {conn} request {id} body {how}", arrow(*from))
        }
        E::Frame { conn, from, opcode, fin, payload, close, .. } => {
            let name = match opcode {
                0 => "continuation",
                1 => "text",
                2 => "binary",
                8 => "close",
                9 => "ping",
                10 => "pong",
                _ => "reserved",
            };
            let more = if *fin { "" } else { " (more follows)" };
            let content = match close {
                Some(close) => format!("{} {}", close.code, close.reason),
                None => shown(payload),
            };
            format!("{} connection {conn} {name}{more} {content}", arrow(*from))
        }
    }
}

fn arrow(from: Side) -> &'static str {
    match from {
        Side::Client => "client ▶",
        Side::Upstream => "client ◀",
    }
}

fn shown(payload: &Payload) -> String {
    match payload {
        Payload::Text(text) => text.clone(),
        Payload::Bytes(bytes) => format!("{} bytes {}", bytes.len(), bytes.escape_ascii()),
        Payload::Withheld(bytes) => format!("{bytes} bytes, not kept"),
    }
}
