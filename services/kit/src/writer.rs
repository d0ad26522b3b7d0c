//! What one session is writing: feed everything, then flush once.
//!
//! Polled rather than awaited, so that reading goes on while a write is stuck.

use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{
    Error,
    body::Bytes,
    extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket},
};
use futures_util::Sink;

use crate::outbox::{CloseReason, OutFrame};

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
    progress: u64,
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
        *self = Self { progress: self.progress, ..Self::default() };
    }

    /// Nothing to write and nothing to flush.
    pub(crate) fn is_idle(&self) -> bool {
        !self.unflushed && !self.has_more()
    }

    /// Grows whenever the transport takes something.
    pub(crate) fn progress(&self) -> u64 {
        self.progress
    }

    fn has_more(&self) -> bool {
        self.ping
            || !self.frames.is_empty()
            || !self.arrays.is_empty()
            || !self.pings.is_empty()
            || self.close.is_some()
    }

    /// Ready when all is written and flushed; pending when idle or stuck.
    pub(crate) fn poll(
        &mut self,
        socket: &mut WebSocket,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Written, Error>> {
        let mut socket = Pin::new(socket);
        while self.has_more() {
            ready!(socket.as_mut().poll_ready(cx))?;
            let Some(message) = self.next() else { break };
            self.unflushed = true;
            self.progress += 1;
            socket.as_mut().start_send(message)?;
        }
        if !self.unflushed {
            return Poll::Pending;
        }
        ready!(socket.poll_flush(cx))?;
        self.unflushed = false;
        self.progress += 1;
        Poll::Ready(Ok(mem::take(&mut self.written)))
    }

    fn message(&mut self, OutFrame { text, seq, ping, .. }: OutFrame) -> Message {
        if seq != 0 {
            self.written.frames.push(seq);
        }
        match ping {
            Some(token) => {
                self.written.token = Some(token);
                Message::Ping(Bytes::copy_from_slice(&token.to_be_bytes()))
            }
            None => Message::Text(text),
        }
    }

    fn next(&mut self) -> Option<Message> {
        if mem::take(&mut self.ping) {
            self.written.ping = true;
            return Some(Message::Ping(Default::default()));
        }
        if let Some(frame) = self.frames.pop_front() {
            return Some(self.message(frame));
        }
        if let Some((text, seqs)) = self.arrays.pop_front() {
            self.written.arrays.push(seqs.into_iter().filter(|&seq| seq != 0).collect());
            return Some(Message::Text(text));
        }
        if let Some(ping) = self.pings.pop_front() {
            return Some(self.message(ping));
        }
        let CloseReason { code, mut reason } = self.close.take()?;
        reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
        self.written.close = Some(CloseReason { code, reason: reason.clone() });
        Some(Message::Close(Some(CloseFrame { code, reason: reason.into() })))
    }
}
