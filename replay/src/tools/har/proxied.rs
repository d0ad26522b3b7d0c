//! What a proxy recorded, as HAR: requests with their headers and bodies, and the messages of WebSockets.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kit::machine::{ConnId, Timestamp};
use kit::proxied::{Payload, ProxyEvent, Side};
use serde_json::{Value, json};

use super::{Depot, Frame, FrameOrigin, Work, ns, request, response};

/// Bytes of one body or message that are written; the rest of a longer one is left out.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// RFC 6455, section 5.2.
const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// What is known of a recording's proxies so far.
#[derive(Default)]
pub struct Proxied {
    /// By service: `https://host:port`.
    upstreams: BTreeMap<String, String>,
    /// By service, connection and request: its entry.
    requests: BTreeMap<(String, ConnId, u64), usize>,
    /// Connections that are WebSockets by now.
    sockets: BTreeMap<(String, ConnId), Socket>,
    /// By entry and whose: what has come of it.
    bodies: BTreeMap<(usize, bool), Vec<u8>>,
}

struct Socket {
    entry: usize,
    /// A client's message that isn't whole, and the upstream's.
    messages: [Option<(u8, Vec<u8>)>; 2],
}

impl Work {
    /// Takes what a proxy saw.
    pub fn proxied(&mut self, at: Timestamp, service: String, event: ProxyEvent) {
        match event {
            ProxyEvent::Listening { upstream, .. } => {
                let scheme = upstream.find("://").map_or(0, |at| at.saturating_add(3));
                let path = upstream.get(scheme..).and_then(|rest| rest.find('/'));
                let end = path.map_or(upstream.len(), |path| scheme.saturating_add(path));
                let authority = upstream.get(..end).unwrap_or_default().to_owned();
                self.proxies.upstreams.insert(service, authority);
            }
            ProxyEvent::Request { conn, id, method, target, headers, forwarded, .. } => {
                let target = forwarded.unwrap_or(target);
                let (path, query) = target.split_once('?').unwrap_or((&target, ""));
                let mut told = request(&service, "http", &method, path, query, None, None);
                let upstream = self.proxies.upstreams.get(&service).map_or("", String::as_str);
                let url = if target.contains("://") { target.clone() } else { format!("{upstream}{target}") };
                told["url"] = url.into();
                told["headers"] = named(&headers);
                let depot = Depot { service: service.clone(), at_ns: ns(at), ..Depot::default() };
                if let Some(entry) = self.entry(at, told, None, depot) {
                    self.proxies.requests.insert((service, conn, id), entry);
                }
            }
            // An interim answer is followed by the one that counts.
            ProxyEvent::Response { status: 100 | 102..=199, .. } => {}
            ProxyEvent::Response { conn, id, status, reason, headers, .. } => {
                let Some(at_entry) = self.proxies.requests.get(&(service.clone(), conn, id)).copied() else {
                    return;
                };
                let Some(entry) = self.entries.get_mut(at_entry) else { return };
                entry.response = response(status, named(&headers), "");
                entry.response["statusText"] = reason.into();
                entry.response["content"]["mimeType"] = media_type(&headers).into();
                if status == 101 {
                    (entry.resource, entry.frames) = (Some("websocket"), Some(Vec::new()));
                    let socket = Socket { entry: at_entry, messages: [None, None] };
                    self.proxies.sockets.insert((service, conn), socket);
                } else {
                    entry.end(at);
                }
            }
            ProxyEvent::Body { conn, id, from, payload } => {
                let Some(entry) = self.proxies.requests.get(&(service, conn, id)) else { return };
                let body = self.proxies.bodies.entry((*entry, from == Side::Upstream)).or_default();
                append(body, &payload);
            }
            ProxyEvent::BodyEnd { conn, id, from, .. } => {
                let Some(entry) = self.proxies.requests.get(&(service, conn, id)).copied() else { return };
                self.body(entry, from == Side::Upstream);
                if let Some(entry) = self.entries.get_mut(entry).filter(|_| from == Side::Upstream) {
                    entry.end(at);
                }
            }
            ProxyEvent::Frame { conn, from, opcode, fin, length, offset, payload, close, .. } => {
                let whole = offset.saturating_add(bytes(&payload)) >= length;
                let conn = (service, conn);
                let socket = self.proxies.sockets.get(&conn);
                let entry = socket.and_then(|socket| self.entries.get_mut(socket.entry));
                if let (CLOSE, Some(close), Some(entry)) = (opcode, close, entry) {
                    entry.depot.code.get_or_insert(close.code);
                }
                self.message(at, conn, from, (opcode, fin && whole), &payload);
            }
            ProxyEvent::Closed { conn, .. } => {
                let Some(socket) = self.proxies.sockets.remove(&(service, conn)) else { return };
                if let Some(entry) = self.entries.get_mut(socket.entry) {
                    entry.end(at);
                }
            }
            _ => {}
        }
    }

    /// Bodies that a recording ends in.
    pub fn end_proxied(&mut self) {
        let left: Vec<(usize, bool)> = self.proxies.bodies.keys().copied().collect();
        left.into_iter().for_each(|(entry, is_answer)| self.body(entry, is_answer));
    }

    fn message(
        &mut self,
        at: Timestamp,
        conn: (String, ConnId),
        from: Side,
        (opcode, is_last): (u8, bool),
        payload: &Payload,
    ) {
        let Some(socket) = self.proxies.sockets.get_mut(&conn) else { return };
        if opcode > BINARY {
            return;
        }
        let [client, upstream] = &mut socket.messages;
        let slot = if from == Side::Client { client } else { upstream };
        let (_, text) = slot.get_or_insert_with(|| (opcode.max(CONTINUATION + 1), Vec::new()));
        append(text, payload);
        if !is_last {
            return;
        }
        let Some((opcode, text)) = slot.take() else { return };
        let entry = self.entries.get_mut(socket.entry);
        if let Some(frames) = entry.and_then(|entry| entry.frames.as_mut()) {
            let direction = if from == Side::Client { "send" } else { "receive" }.to_owned();
            let data = String::from_utf8(text).unwrap_or_else(|error| STANDARD.encode(error.as_bytes()));
            let depot = Some(FrameOrigin { at_ns: ns(at) });
            frames.push(Frame { direction, time: at.as_secs_f64(), opcode, data, depot });
        }
    }

    fn body(&mut self, at: usize, is_answer: bool) {
        let Some(body) = self.proxies.bodies.remove(&(at, is_answer)) else { return };
        let Some(entry) = self.entries.get_mut(at) else { return };
        let size = body.len();
        let (text, encoding) = match String::from_utf8(body) {
            Ok(text) => (text, None),
            Err(error) => (STANDARD.encode(error.as_bytes()), Some("base64")),
        };
        if is_answer {
            let media_type = entry.response["content"]["mimeType"].clone();
            entry.response["content"] = json!({ "size": size, "mimeType": media_type, "text": text });
            if let Some(encoding) = encoding {
                entry.response["content"]["encoding"] = encoding.into();
            }
            entry.response["bodySize"] = size.into();
        } else {
            let media_type = entry.request["headers"].as_array().into_iter().flatten().find_map(|header| {
                let name = header["name"].as_str()?;
                name.eq_ignore_ascii_case("content-type").then(|| header["value"].clone())
            });
            entry.request["postData"] = json!({ "mimeType": media_type.unwrap_or_default(), "text": text });
            // HAR has no place for it; Chrome has this one.
            if let Some(encoding) = encoding {
                entry.request["postData"]["_encoding"] = encoding.into();
            }
            entry.request["bodySize"] = size.into();
        }
    }
}

fn append(body: &mut Vec<u8>, payload: &Payload) {
    let more = match payload {
        Payload::Text(text) => text.as_bytes(),
        Payload::Bytes(bytes) => bytes,
        Payload::Withheld(_) => &[],
    };
    let room = MAX_BODY_BYTES.saturating_sub(body.len());
    body.extend_from_slice(more.get(..room.min(more.len())).unwrap_or_default());
}

fn bytes(payload: &Payload) -> u64 {
    match payload {
        Payload::Text(text) => text.len() as u64,
        Payload::Bytes(bytes) => bytes.len() as u64,
        Payload::Withheld(bytes) => *bytes,
    }
}

fn named(headers: &[[String; 2]]) -> Value {
    headers.iter().map(|[name, value]| json!({ "name": name, "value": value })).collect()
}

fn media_type(headers: &[[String; 2]]) -> String {
    let found = headers.iter().find(|[name, _]| name.eq_ignore_ascii_case("content-type"));
    found.map(|[_, value]| value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kit::proxied::{CloseReason, Framing};

    use super::*;

    fn told(events: Vec<ProxyEvent>) -> Value {
        let mut work = Work::default();
        for (n, event) in events.into_iter().enumerate() {
            work.proxied(Timestamp::from_millis(1_000 + 10 * n as u64), "up".to_owned(), event);
        }
        work.end_proxied();
        serde_json::to_value(&work.entries).unwrap()
    }

    fn header(name: &str, value: &str) -> Vec<[String; 2]> {
        vec![[name.to_owned(), value.to_owned()]]
    }

    fn ask(method: &str, target: &str) -> ProxyEvent {
        ProxyEvent::Request {
            conn: 1,
            id: 1,
            method: method.to_owned(),
            target: target.to_owned(),
            minor: 1,
            headers: header("Content-Type", "text/plain"),
            body: Framing::None,
            forwarded: Some(format!("/api{target}")),
            removed: Vec::new(),
        }
    }

    fn answer(status: u16) -> ProxyEvent {
        let (headers, body) = (header("content-type", "image/png"), Framing::None);
        ProxyEvent::Response {
            conn: 1,
            id: 1,
            status,
            reason: "Fine".to_owned(),
            minor: 1,
            headers,
            body,
            by_proxy: false,
        }
    }

    fn listening() -> ProxyEvent {
        ProxyEvent::Listening { listen: "a:1".to_owned(), upstream: "https://b:443/api".to_owned() }
    }

    #[test]
    fn requests_have_their_headers_and_bodies() {
        let body = |from, payload| ProxyEvent::Body { conn: 1, id: 1, from, payload };
        let end = |from| ProxyEvent::BodyEnd { conn: 1, id: 1, from, complete: true, trailers: Vec::new() };
        let told = told(vec![
            listening(),
            ask("POST", "/x?a=1&b"),
            body(Side::Client, Payload::Text("one ".to_owned())),
            body(Side::Client, Payload::Text("two".to_owned())),
            end(Side::Client),
            answer(100),
            answer(200),
            body(Side::Upstream, Payload::Bytes(vec![0x89, 0xff])),
            end(Side::Upstream),
        ]);
        let entry = &told[0];
        assert_eq!(entry["request"]["url"], "https://b:443/api/x?a=1&b");
        assert_eq!(entry["request"]["queryString"][0], json!({ "name": "a", "value": "1" }));
        assert_eq!(entry["request"]["postData"], json!({ "mimeType": "text/plain", "text": "one two" }));
        assert_eq!(
            (&entry["response"]["status"], &entry["response"]["statusText"]),
            (&200.into(), &"Fine".into())
        );
        let content = json!({ "size": 2, "mimeType": "image/png", "text": "if8=", "encoding": "base64" });
        assert_eq!(entry["response"]["content"], content);
        assert_eq!(entry["time"], 70.0);
        assert_eq!(told.as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_websocket_has_its_messages() {
        let frame = |from, opcode, fin, (length, offset), text: &str| ProxyEvent::Frame {
            conn: 1,
            from,
            opcode,
            fin,
            rsv: 0,
            masked: from == Side::Client,
            length,
            offset,
            payload: Payload::Text(text.to_owned()),
            close: (opcode == CLOSE).then(|| CloseReason { code: 4001, reason: String::new() }),
            fault: None,
        };
        let told = told(vec![
            listening(),
            ask("GET", "/ws"),
            answer(101),
            frame(Side::Client, 1, false, (4, 0), "two "),
            frame(Side::Upstream, 1, true, (6, 0), "abc"),
            frame(Side::Client, 9, true, (1, 0), "p"),
            frame(Side::Client, 0, true, (5, 0), "parts"),
            frame(Side::Upstream, 1, true, (6, 3), "def"),
            frame(Side::Client, CLOSE, true, (2, 0), ""),
            ProxyEvent::Closed { conn: 1, client_bytes: 0, upstream_bytes: 0 },
        ]);
        assert_eq!(told[0]["_resourceType"], "websocket");
        let messages: Vec<_> = told[0]["_webSocketMessages"].as_array().unwrap().iter().collect();
        let short =
            |message: &&Value| format!("{} {} {}", message["type"], message["opcode"], message["data"]);
        let messages: Vec<String> = messages.iter().map(short).collect();
        assert_eq!(messages, [r#""send" 1 "two parts""#, r#""receive" 1 "abcdef""#]);
        assert_eq!((&told[0]["_depot"]["code"], &told[0]["time"]), (&4001.into(), &80.0.into()));
    }
}
