//! What one session is writing: feed everything, then flush once.
//!
//! Polled rather than awaited, so that reading goes on while a write is stuck.

use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{body::Bytes, extract::ws::Utf8Bytes};
use futures_util::Sink;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::CloseFrame};

use crate::{
    outbox::{CloseReason, OutFrame},
    outlet::Kind,
    session::Socket,
};

/// The longest close reason a frame has room for: 125 bytes less the code (RFC 6455 section 5.5).
const MAX_REASON_BYTES: usize = 123;

/// What is to be written, and what has been since the last flush.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// Plain frames, in order. The session takes its outbox straight into it.
    pub(crate) frames: VecDeque<OutFrame>,
    arrays: VecDeque<(Utf8Bytes, Vec<u64>)>,
    /// Pings that follow the arrays.
    pub(crate) pings: VecDeque<OutFrame>,
    ping: bool,
    close: Option<CloseReason>,
    written: Written,
    unflushed: bool,
}

/// What a flush has carried out.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Numbers of the plain frames that have one.
    pub(crate) frames: Vec<u64>,
    /// The same for each JSON array.
    pub(crate) arrays: Vec<Vec<u64>>,
    pub(crate) ping: bool,
    /// The last ping of the machine's own.
    pub(crate) token: Option<u64>,
    pub(crate) close: Option<CloseReason>,
}

impl Writer {
    pub(crate) fn push_arrays(&mut self, arrays: Vec<(Utf8Bytes, Vec<u64>)>) {
        self.arrays.extend(arrays);
    }

    /// One ping, however often asked for before it can go out.
    pub(crate) fn ping(&mut self) {
        self.ping = true;
    }

    /// After everything else.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.close = Some(reason);
    }

    /// The close that was asked for and that nobody has taken.
    pub(crate) fn unsent_close(&self) -> Option<&CloseReason> {
        self.close.as_ref().or(self.written.close.as_ref())
    }

    /// Forgets everything: the transport takes nothing more.
    pub(crate) fn abandon(&mut self) {
        *self = Self::default();
    }

    /// Nothing to write and nothing to flush.
    pub(crate) fn is_idle(&self) -> bool {
        !self.unflushed && !self.has_more()
    }

    fn has_more(&self) -> bool {
        self.ping
            || !self.frames.is_empty()
            || !self.arrays.is_empty()
            || !self.pings.is_empty()
            || self.close.is_some()
    }

    /// Ready when all is written and flushed; pending when idle or stuck.
    pub(crate) fn poll(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> Poll<Result<Written, Error>> {
        if self.is_idle() {
            return Poll::Pending;
        }
        loop {
            ready!(socket.get_mut().poll_room(cx))?;
            let Some((kind, payload)) = self.next() else { break };
            self.unflushed = true;
            socket.get_mut().push(kind, payload);
        }
        let mut socket = Pin::new(socket);
        if self.close.is_some() {
            ready!(socket.as_mut().poll_ready(cx))?;
            if let Some(close) = self.closing() {
                self.unflushed = true;
                // The library is to know that this is the end.
                socket.as_mut().start_send(close)?;
            }
        }
        ready!(socket.poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(mem::take(&mut self.written)))
    }

    fn next(&mut self) -> Option<(Kind, Bytes)> {
        if mem::take(&mut self.ping) {
            self.written.ping = true;
            return Some((Kind::Ping, Bytes::new()));
        }
        if let Some(frame) = self.frames.pop_front() {
            return Some(self.frame(frame));
        }
        if let Some((text, seqs)) = self.arrays.pop_front() {
            self.written.arrays.push(seqs.into_iter().filter(|&seq| seq != 0).collect());
            return Some((Kind::Text, text.into()));
        }
        let ping = self.pings.pop_front()?;
        Some(self.frame(ping))
    }

    fn frame(&mut self, OutFrame { text, seq, ping, .. }: OutFrame) -> (Kind, Bytes) {
        if seq != 0 {
            self.written.frames.push(seq);
        }
        match ping {
            Some(token) => {
                self.written.token = Some(token);
                (Kind::Ping, Bytes::copy_from_slice(&token.to_be_bytes()))
            }
            None => (Kind::Text, text.into()),
        }
    }

    fn closing(&mut self) -> Option<Message> {
        let CloseReason { code, mut reason } = self.close.take()?;
        reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
        self.written.close = Some(CloseReason { code, reason: reason.clone() });
        Some(Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() })))
    }
}
