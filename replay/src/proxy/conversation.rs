//! One connection's two byte streams, read as what they are: HTTP, a WebSocket, anything else.
//!
//! Pure: bytes go in, events come out. What is to be forwarded are the same bytes, with one exception: a
//! request's head may have a path put before its target, and an offer of extensions taken out, if asked for.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use kit::machine::ConnId;
use kit::proxied::{Framing, Payload, ProxyEvent, Side, Stage};

use super::body::{BodyScanner, Step};
use super::head::{Collected, HeadBuffer, Request, Response, rewrite};
use super::mask::Masks;
use super::ws::{FrameScanner, MAX_PIECE_BYTES};

/// Requests that wait for their answers on one connection; with more, it is recorded raw.
const MAX_PIPELINED: usize = 256;
/// What a client sends before it knows whether its upgrade is granted; more is recorded raw.
const MAX_UNDECIDED_BYTES: usize = 64 * 1024;
const EXTENSIONS: &str = "sec-websocket-extensions";

/// How heads are treated.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Masks what is recorded.
    pub masks: Arc<Masks>,
    /// Goes before each path.
    pub prefix: String,
    /// WebSocket extensions may be agreed on: compressed messages are then recorded compressed.
    pub keep_extensions: bool,
    /// What `Host` says to the upstream; none: what the client said.
    pub host: Option<String>,
}

/// Reads one connection.
#[derive(Debug)]
pub struct Conversation {
    conn: ConnId,
    rules: Rules,
    client: Mode,
    upstream: Mode,
    pending: VecDeque<Pending>,
    requests: u64,
}

/// A request that wants an answer.
#[derive(Clone, Copy, Debug)]
struct Pending {
    id: u64,
    is_head: bool,
    is_connect: bool,
    upgrade: bool,
}

#[derive(Debug)]
enum Mode {
    /// Of the head in the buffer, so many bytes were forwarded before it was whole.
    Head {
        buffer: HeadBuffer,
        sent: usize,
    },
    Body {
        id: u64,
        scanner: BodyScanner,
    },
    /// The client asked for an upgrade and waits.
    Undecided(Vec<u8>),
    WebSocket(FrameScanner),
    /// The rest may hold secrets nobody can find, and isn't kept.
    Withheld,
    Raw,
}

impl Mode {
    fn head() -> Self {
        Self::Head { buffer: HeadBuffer::default(), sent: 0 }
    }
}

impl Conversation {
    /// One that begins with HTTP.
    pub fn new(conn: ConnId, rules: Rules) -> Self {
        let (client, upstream) = (Mode::head(), Mode::head());
        Self { conn, rules, client, upstream, pending: VecDeque::new(), requests: 0 }
    }

    /// One of which nothing is known.
    pub fn raw(conn: ConnId, rules: Rules) -> Self {
        Self { client: Mode::Raw, upstream: Mode::Raw, ..Self::new(conn, rules) }
    }

    /// What comes from there may be forwarded before it is read, as it is.
    pub fn is_transparent(&self, from: Side) -> bool {
        from == Side::Upstream || !matches!(self.client, Mode::Head { .. } | Mode::Body { .. })
    }

    /// Nothing is under way that has an end to wait for.
    pub fn may_stop(&self) -> bool {
        let is_idle = |mode: &Mode| match mode {
            Mode::Head { buffer, .. } => buffer.is_empty(),
            Mode::Body { .. } | Mode::Undecided(_) => false,
            Mode::WebSocket(_) | Mode::Withheld | Mode::Raw => true,
        };
        is_idle(&self.client) && is_idle(&self.upstream) && self.pending.is_empty()
    }

    /// A request is whole, and the upstream owes the beginning of an answer.
    pub fn awaits_answer(&self) -> bool {
        let nothing_yet = matches!(&self.upstream, Mode::Head { buffer, .. } if buffer.is_empty());
        nothing_yet && !self.pending.is_empty() && !matches!(self.client, Mode::Body { .. })
    }

    /// Whether a request's head has come.
    pub fn has_request(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes bytes that came. With `forward`, they have not been forwarded, and what is to be is put there.
    pub fn push(
        &mut self,
        from: Side,
        mut bytes: &[u8],
        mut forward: Option<&mut Vec<u8>>,
        out: &mut Vec<ProxyEvent>,
    ) {
        while !bytes.is_empty() {
            let mode = mem::replace(self.mode(from), Mode::Raw);
            let (next, consumed) = self.step(from, mode, bytes, forward.as_deref_mut(), out);
            *self.mode(from) = next;
            bytes = bytes.get(consumed..).unwrap_or_default();
        }
    }

    /// One direction ended; returns what of it was held back.
    pub fn end(&mut self, from: Side, out: &mut Vec<ProxyEvent>) -> Vec<u8> {
        let conn = self.conn;
        match mem::replace(self.mode(from), Mode::Raw) {
            Mode::Head { mut buffer, sent } if !buffer.is_empty() => {
                let head = buffer.take();
                let message = "it ended within a head".to_owned();
                out.push(ProxyEvent::Violation { conn, from, message });
                self.withhold(from, &head, out);
                return head.get(sent..).unwrap_or_default().to_vec();
            }
            Mode::Head { .. } if from == Side::Upstream && !self.pending.is_empty() => {
                let message = "the upstream hung up before it answered".to_owned();
                out.push(ProxyEvent::Failed { conn, stage: Stage::NoAnswer, message });
            }
            Mode::Body { id, scanner } => {
                let complete = matches!(scanner, BodyScanner::UntilClose);
                out.push(ProxyEvent::BodyEnd { conn, id, from, complete, trailers: Vec::new() });
            }
            Mode::Undecided(bytes) => {
                // It may still be granted: then there were frames, and then no more.
                *self.mode(from) = Mode::Undecided(bytes);
            }
            Mode::WebSocket(mut scanner) => {
                let rest = scanner.end(out);
                if !rest.is_empty() {
                    out.push(ProxyEvent::Raw { conn, from, payload: Payload::Bytes(rest) });
                }
            }
            Mode::Head { .. } | Mode::Withheld | Mode::Raw => {}
        }
        Vec::new()
    }

    /// The proxy's own answer to the request that has waited longest.
    pub fn refuse(&mut self, status: u16, reason: &str, text: &str, out: &mut Vec<ProxyEvent>) -> Vec<u8> {
        let Some(Pending { id, is_head, .. }) = self.pending.pop_front() else { return Vec::new() };
        let conn = self.conn;
        let body = format!("depot record: {text}\n");
        let headers = [
            ("Content-Type", "text/plain; charset=utf-8".to_owned()),
            ("Content-Length", body.len().to_string()),
            ("Connection", "close".to_owned()),
        ];
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut bytes = format!("HTTP/1.1 {status} {reason}\r\n{lines}\r\n");
        out.push(ProxyEvent::Response {
            conn,
            id,
            status,
            reason: reason.to_owned(),
            minor: 1,
            headers: headers.map(|(name, value)| [name.to_owned(), value]).into(),
            body: if is_head { Framing::None } else { Framing::Length },
            by_proxy: true,
        });
        if !is_head {
            bytes.push_str(&body);
            let (from, payload) = (Side::Upstream, Payload::Text(body));
            out.push(ProxyEvent::Body { conn, id, from, payload });
            out.push(ProxyEvent::BodyEnd { conn, id, from, complete: true, trailers: Vec::new() });
        }
        bytes.into_bytes()
    }

    fn mode(&mut self, of: Side) -> &mut Mode {
        match of {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    /// Takes a part of the bytes; what comes next, and how many were taken.
    fn step(
        &mut self,
        from: Side,
        mode: Mode,
        bytes: &[u8],
        forward: Option<&mut Vec<u8>>,
        out: &mut Vec<ProxyEvent>,
    ) -> (Mode, usize) {
        let pass = |bytes: &[u8]| {
            if let Some(forward) = forward {
                forward.extend_from_slice(bytes);
            }
        };
        let conn = self.conn;
        match mode {
            Mode::Head { mut buffer, sent } => {
                let collected = buffer.push(bytes);
                let (consumed, head, read) = match collected {
                    Collected::More => return (Mode::Head { buffer, sent }, bytes.len()),
                    Collected::Whole { consumed } => {
                        let head = buffer.take();
                        let read = self.head(from, &head, out);
                        (consumed, head, read)
                    }
                    Collected::TooLong { consumed } => {
                        (consumed, buffer.take(), Err("a head is longer than can be read".to_owned()))
                    }
                };
                match read {
                    Ok((next, rewritten)) => {
                        let whole = rewritten.filter(|_| sent == 0).unwrap_or(head);
                        pass(whole.get(sent..).unwrap_or_default());
                        (next, consumed)
                    }
                    Err(message) => {
                        pass(head.get(sent..).unwrap_or_default());
                        out.push(ProxyEvent::Violation { conn, from, message });
                        (self.withhold(from, &head, out), consumed)
                    }
                }
            }
            Mode::Body { id, mut scanner } => {
                let step = scanner.push(bytes, &mut |content| {
                    for piece in content.chunks(MAX_PIECE_BYTES) {
                        out.push(ProxyEvent::Body { conn, id, from, payload: Payload::text(piece.to_vec()) });
                    }
                });
                let (next, consumed) = match step {
                    Step::More => (Mode::Body { id, scanner }, bytes.len()),
                    Step::Done { consumed, mut trailers } => {
                        self.rules.masks.headers(&mut trailers);
                        out.push(ProxyEvent::BodyEnd { conn, id, from, complete: true, trailers });
                        (self.after_body(from, id), consumed)
                    }
                    Step::Bad { consumed, message } => {
                        out.push(ProxyEvent::Violation { conn, from, message: message.to_owned() });
                        let next = if self.rules.masks.is_on() { Mode::Withheld } else { Mode::Raw };
                        (next, consumed)
                    }
                };
                pass(bytes.get(..consumed).unwrap_or_default());
                (next, consumed)
            }
            Mode::Undecided(mut held) => {
                pass(bytes);
                held.extend_from_slice(bytes);
                if held.len() <= MAX_UNDECIDED_BYTES {
                    return (Mode::Undecided(held), bytes.len());
                }
                let message = "too much came before the answer to an upgrade".to_owned();
                out.push(ProxyEvent::Violation { conn, from, message });
                (self.withhold(from, &held, out), bytes.len())
            }
            Mode::WebSocket(mut scanner) => {
                pass(bytes);
                match scanner.push(bytes, out) {
                    Ok(()) => (Mode::WebSocket(scanner), bytes.len()),
                    Err(rest) => {
                        let message = "a frame has a length that none can have".to_owned();
                        out.push(ProxyEvent::Violation { conn, from, message });
                        self.raw_bytes(from, &rest, out);
                        (Mode::Raw, bytes.len())
                    }
                }
            }
            Mode::Withheld => {
                pass(bytes);
                (self.withhold(from, bytes, out), bytes.len())
            }
            Mode::Raw => {
                pass(bytes);
                self.raw_bytes(from, bytes, out);
                (Mode::Raw, bytes.len())
            }
        }
    }

    /// Reads a head: what follows it, and what is to be forwarded in its place.
    fn head(
        &mut self,
        from: Side,
        head: &[u8],
        out: &mut Vec<ProxyEvent>,
    ) -> Result<(Mode, Option<Vec<u8>>), String> {
        match from {
            Side::Client => self.request(head, out),
            Side::Upstream => Ok((self.response(head, out)?, None)),
        }
    }

    fn request(&mut self, head: &[u8], out: &mut Vec<ProxyEvent>) -> Result<(Mode, Option<Vec<u8>>), String> {
        let request = Request::parse(head)?;
        let (body, length) = request.framing()?;
        if self.pending.len() >= MAX_PIPELINED {
            return Err(format!("more than {MAX_PIPELINED} requests wait for their answers"));
        }
        self.requests = self.requests.saturating_add(1);
        let (conn, id) = (self.conn, self.requests);
        let upgrade = request.upgrades();
        let offers =
            upgrade && !self.rules.keep_extensions && request.headers.all(EXTENSIONS).next().is_some();
        let is_head = request.method == "HEAD";
        let is_connect = request.method == "CONNECT";
        self.pending.push_back(Pending { id, is_head, is_connect, upgrade });
        let is_path = request.target.starts_with('/') && !self.rules.prefix.is_empty();
        let rewritten = (offers || is_path || self.rules.host.is_some()).then(|| {
            let without = offers.then_some(EXTENSIONS);
            rewrite(head, &self.rules.prefix, without, self.rules.host.as_deref())
        });
        let Request { method, target, minor, headers } = request;
        let removed = headers.0.iter().map(|[name, _]| name);
        let removed =
            removed.filter(|name| offers && name.eq_ignore_ascii_case(EXTENSIONS)).cloned().collect();
        let mut headers = headers.0;
        let masks = &self.rules.masks;
        masks.headers(&mut headers);
        let target = masks.url(&target);
        let forwarded = is_path.then(|| format!("{}{target}", self.rules.prefix));
        out.push(ProxyEvent::Request { conn, id, method, target, minor, headers, body, forwarded, removed });
        let next = match scanner(body, length) {
            Some(scanner) => Mode::Body { id, scanner },
            None => self.after_body(Side::Client, id),
        };
        Ok((next, rewritten))
    }

    fn response(&mut self, head: &[u8], out: &mut Vec<ProxyEvent>) -> Result<Mode, String> {
        let response = Response::parse(head)?;
        // Nobody asked: a server may say that it waited too long (408).
        let asked = self.pending.front().copied();
        let is_interim = matches!(response.status, 100 | 102..=199);
        let tunnel = asked.is_some_and(|asked| asked.is_connect) && matches!(response.status, 200..=299);
        let (body, length) = match tunnel {
            true => (Framing::None, 0),
            false => response.framing(asked.is_some_and(|asked| asked.is_head))?,
        };
        let is_websocket = response.status == 101 && response.headers.lists("upgrade", "websocket");
        let extended = response.headers.all(EXTENSIONS).any(|value| !value.trim().is_empty());
        let Response { status, reason, minor, headers } = response;
        let mut headers = headers.0;
        self.rules.masks.headers(&mut headers);
        let (conn, id) = (self.conn, asked.map_or(0, |asked| asked.id));
        out.push(ProxyEvent::Response { conn, id, status, reason, minor, headers, body, by_proxy: false });
        if is_interim {
            return Ok(Mode::head());
        }
        self.pending.pop_front();
        if status == 101 || tunnel {
            let mode = |from| match is_websocket {
                true => Mode::WebSocket(FrameScanner::new(conn, from, extended)),
                false => Mode::Raw,
            };
            self.decide(mode(Side::Client), out);
            return Ok(mode(Side::Upstream));
        }
        if asked.is_some_and(|asked| asked.upgrade) && matches!(self.client, Mode::Undecided(_)) {
            self.decide(Mode::head(), out);
        }
        Ok(scanner(body, length).map_or_else(Mode::head, |scanner| Mode::Body { id, scanner }))
    }

    /// What the client sends from now on, and what it sent since it asked.
    fn decide(&mut self, next: Mode, out: &mut Vec<ProxyEvent>) {
        if let Mode::Undecided(held) = mem::replace(&mut self.client, next) {
            self.push(Side::Client, &held, None, out);
            if let Mode::Head { buffer, sent } = &mut self.client {
                *sent = buffer.len();
            }
        }
    }

    fn after_body(&self, from: Side, id: u64) -> Mode {
        let asked = self.pending.back().filter(|last| last.id == id);
        if from == Side::Client && asked.is_some_and(|asked| asked.upgrade || asked.is_connect) {
            return Mode::Undecided(Vec::new());
        }
        Mode::head()
    }

    /// Secrets can't be found in what can't be read.
    fn withhold(&self, from: Side, bytes: &[u8], out: &mut Vec<ProxyEvent>) -> Mode {
        if !self.rules.masks.is_on() {
            self.raw_bytes(from, bytes, out);
            return Mode::Raw;
        }
        let payload = Payload::Withheld(bytes.len() as u64);
        out.push(ProxyEvent::Raw { conn: self.conn, from, payload });
        Mode::Withheld
    }

    fn raw_bytes(&self, from: Side, bytes: &[u8], out: &mut Vec<ProxyEvent>) {
        for piece in bytes.chunks(MAX_PIECE_BYTES) {
            out.push(ProxyEvent::Raw { conn: self.conn, from, payload: Payload::Bytes(piece.to_vec()) });
        }
    }
}

fn scanner(body: Framing, length: u64) -> Option<BodyScanner> {
    match body {
        Framing::None => None,
        Framing::Length => Some(BodyScanner::Length(length)),
        Framing::Chunked => Some(BodyScanner::chunked()),
        Framing::UntilClose => Some(BodyScanner::UntilClose),
    }
}

#[cfg(test)]
mod tests;
