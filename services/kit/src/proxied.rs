//! What a recording proxy sees between a client and a service that isn't ours.
//!
//! The bytes themselves are forwarded whatever these events say. Secrets are masked before an event is made.

use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::machine::ConnId;

/// Who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Whoever connected to the proxy.
    Client,
    /// The service behind it.
    Upstream,
}

/// One thing the proxy saw or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProxyEvent {
    /// The proxy listens; before any other event of this name.
    Listening {
        /// Address and port.
        listen: String,
        /// Where it forwards to, as given.
        upstream: String,
    },
    /// A client connected.
    Accepted {
        /// The connection, counted from 1 over all listeners of the recording.
        conn: ConnId,
        /// The client's address and port.
        client: String,
    },
    /// The upstream took the connection.
    Connected {
        /// The connection.
        conn: ConnId,
        /// The upstream's address and port.
        upstream: String,
    },
    /// The upstream failed the proxy, which then answers itself or hangs up.
    Failed {
        /// The connection.
        conn: ConnId,
        /// In what.
        stage: Stage,
        /// One sentence for a person.
        message: String,
    },
    /// What was sent isn't the protocol. It is forwarded as it is, and recorded as `raw` from here on.
    Violation {
        /// The connection.
        conn: ConnId,
        /// Whose.
        from: Side,
        /// One sentence for a person.
        message: String,
    },
    /// Bytes outside any protocol the proxy reads: a TCP tee, a tunnel, what follows a violation.
    Raw {
        /// The connection.
        conn: ConnId,
        /// Who sent them.
        from: Side,
        /// The bytes, as they came.
        payload: Payload,
    },
    /// One direction ended. After `fin` the other may go on; a `reset` ends both.
    Ended {
        /// The connection.
        conn: ConnId,
        /// Who ended it; no `from` if the proxy did.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Side>,
        /// In what way.
        how: End,
    },
    /// Nothing more comes of this connection.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Bytes the client sent.
        client_bytes: u64,
        /// Bytes the upstream sent.
        upstream_bytes: u64,
    },
    /// The head of a request, as the client sent it.
    Request {
        /// The connection.
        conn: ConnId,
        /// Counted from 1 on each connection.
        id: u64,
        /// `GET`…
        method: String,
        /// As sent, secrets masked.
        target: String,
        /// 0 or 1: of HTTP/1.x.
        minor: u8,
        /// Names and values in the order sent; a value that isn't UTF-8 is read as Latin-1.
        headers: Vec<[String; 2]>,
        /// How its body's end is found.
        body: Framing,
        /// The target that was forwarded, where that is another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forwarded: Option<String>,
        /// Names of headers that were not forwarded.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<String>,
    },
    /// The head of an answer.
    Response {
        /// The connection.
        conn: ConnId,
        /// Of the request it answers.
        id: u64,
        /// 101, 200… An interim one (1xx but 101) is followed by another.
        status: u16,
        /// The reason phrase; often empty.
        reason: String,
        /// 0 or 1: of HTTP/1.x.
        minor: u8,
        /// As of a request.
        headers: Vec<[String; 2]>,
        /// How its body's end is found.
        body: Framing,
        /// The proxy made it: the upstream didn't answer.
        #[serde(default, skip_serializing_if = "is_false")]
        by_proxy: bool,
    },
    /// A piece of a body, without the chunked coding; as it came, at most 64 KiB.
    Body {
        /// The connection.
        conn: ConnId,
        /// Of the request.
        id: u64,
        /// Who sent it.
        from: Side,
        /// The piece.
        payload: Payload,
    },
    /// A body that was announced has ended.
    BodyEnd {
        /// The connection.
        conn: ConnId,
        /// Of the request.
        id: u64,
        /// Who sent it.
        from: Side,
        /// False if the connection ended before it.
        complete: bool,
        /// What followed a chunked body.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        trailers: Vec<[String; 2]>,
    },
    /// A WebSocket frame, or a piece of a long one.
    Frame {
        /// The connection.
        conn: ConnId,
        /// Who sent it.
        from: Side,
        /// RFC 6455 section 5.2: 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong; others are
        /// reserved.
        opcode: u8,
        /// The last fragment of its message.
        fin: bool,
        /// The three reserved bits, RSV1 is 4; an extension's.
        rsv: u8,
        /// It was masked, as a client's must be and a server's must not.
        masked: bool,
        /// Of the frame's whole payload, bytes.
        length: u64,
        /// Of this piece in it. The frame is whole when this and the piece make up the length.
        offset: u64,
        /// Unmasked.
        payload: Payload,
        /// Of a close frame, if it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        close: Option<CloseReason>,
        /// In what it breaks the protocol.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<FrameFault>,
    },
}

/// Bytes that were sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Valid UTF-8, and not known to be binary.
    Text(String),
    /// Base64 in a recording.
    Bytes(
        #[schemars(with = "String", extend("contentEncoding" = "base64"))]
        #[serde(with = "base64_bytes")]
        Vec<u8>,
    ),
    /// So many bytes, not kept because they may hold a secret and can't be read well enough to mask it.
    Withheld(u64),
}

/// RFC 6455 section 5.5.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloseReason {
    /// The code.
    pub code: u16,
    /// The text; what isn't UTF-8 is replaced.
    pub reason: String,
}

/// How a frame breaks RFC 6455.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameFault {
    /// Opcodes 3 to 7 and 11 to 15 mean nothing (yet).
    ReservedOpcode,
    /// Reserved bits, and no extension was agreed on.
    ReservedBits,
    /// A client's frame must be masked.
    Unmasked,
    /// A server's frame must not be masked.
    Masked,
    /// A control frame in fragments, or of more than 125 bytes.
    LongControl,
    /// A length in more bytes than it needs.
    LongLength,
    /// A continuation, and nothing to continue.
    NothingToContinue,
    /// A message within the fragments of another.
    WithinMessage,
}

/// How the end of a body is found (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// There is none.
    None,
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// It ends with the connection.
    UntilClose,
}

/// In what an upstream failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It refused the connection, or can't be reached.
    Connect,
    /// It didn't take the connection in time.
    ConnectTimeout,
    /// It didn't begin to answer in time.
    AnswerTimeout,
    /// It hung up before it answered.
    NoAnswer,
}

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// In order (TCP FIN); the other direction may go on.
    Fin,
    /// Torn down (TCP RST, or the transport failed).
    Reset,
    /// The proxy was stopped.
    Stopped,
    /// The proxy gave up waiting, and has said why.
    GaveUp,
}

impl Payload {
    /// Text if it is valid UTF-8, bytes otherwise.
    #[must_use]
    pub fn text(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }

    /// The bytes; none if they were withheld.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Withheld(_) => None,
        }
    }

    /// How many bytes were sent.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Withheld(length) => *length,
            other => other.as_bytes().map_or(0, |bytes| bytes.len() as u64),
        }
    }
}

impl ProxyEvent {
    /// The connection it is about; none if it is about the listener.
    #[must_use]
    pub fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Listening { .. } => None,
            Self::Accepted { conn, .. }
            | Self::Connected { conn, .. }
            | Self::Failed { conn, .. }
            | Self::Violation { conn, .. }
            | Self::Raw { conn, .. }
            | Self::Ended { conn, .. }
            | Self::Closed { conn, .. }
            | Self::Request { conn, .. }
            | Self::Response { conn, .. }
            | Self::Body { conn, .. }
            | Self::BodyEnd { conn, .. }
            | Self::Frame { conn, .. } => Some(*conn),
        }
    }

    /// What it holds besides itself, bytes; about.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let listed = |headers: &Vec<[String; 2]>| -> usize {
            // Each of them is two strings, however short.
            headers.iter().map(|[name, value]| name.len() + value.len() + size_of::<[String; 2]>()).sum()
        };
        let held = |payload: &Payload| payload.as_bytes().map_or(0, <[u8]>::len);
        match self {
            Self::Request { target, headers, .. } => listed(headers).saturating_add(target.len()),
            Self::Response { headers, .. } | Self::BodyEnd { trailers: headers, .. } => listed(headers),
            Self::Raw { payload, .. } | Self::Body { payload, .. } | Self::Frame { payload, .. } => {
                held(payload)
            }
            Self::Listening { .. }
            | Self::Accepted { .. }
            | Self::Connected { .. }
            | Self::Failed { .. }
            | Self::Violation { .. }
            | Self::Ended { .. }
            | Self::Closed { .. } => 0,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(value: &bool) -> bool {
    !value
}

mod base64_bytes {
    use super::{Engine, STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(bytes))
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(d)?).map_err(D::Error::custom)
    }
}
