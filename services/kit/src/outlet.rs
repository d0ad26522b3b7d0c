//! What a WebSocket's frames go through on their way out.
//!
//! The library keeps a buffer as large as the largest frame it ever wrote, for as long as the connection lives.
//! So text frames and pings go around it: small ones are gathered here, a large one is written from the text
//! that all connections share, and nothing is kept once it is written. What the library itself writes (pongs,
//! close frames) takes its place among them, whole frames always.

use std::{
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A larger payload isn't copied but written from where it is; copying less costs less than a second slice.
const COPIED_BYTES: usize = 4096;
/// A header without a mask (RFC 6455 section 5.2).
const HEADER_BYTES: usize = 10;

/// The first byte of a frame that is whole: FIN and the opcode (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text = 0x81,
    Ping = 0x89,
}

/// A stream below the WebSocket library, with a way in for frames beside it.
#[derive(Debug)]
pub(crate) struct Outlet<S> {
    io: S,
    /// See [`SessionLimits::gather_bytes`](crate::session::SessionLimits::gather_bytes).
    gather_bytes: usize,
    /// Whole frames, perhaps but for the payload of the last; gone when written.
    gathered: Vec<u8>,
    /// How much of them is written.
    at: usize,
    /// What is left of the last frame's payload, if it isn't copied.
    large: Bytes,
    /// How much of the gathered the library gave and hasn't been told the fate of.
    claimed: usize,
    taken: u64,
}

impl<S: AsyncWrite + Unpin> Outlet<S> {
    pub(crate) fn new(io: S, gather_bytes: usize) -> Self {
        Self { io, gather_bytes, gathered: Vec::new(), at: 0, large: Bytes::new(), claimed: 0, taken: 0 }
    }

    /// Bytes that the transport has taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Ready when another frame may be pushed.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.large.is_empty() && self.gathered.len() - self.at <= self.gather_bytes {
            return Poll::Ready(Ok(()));
        }
        self.poll_drain(cx)
    }

    /// Puts a frame behind all that waits. Ask [`poll_room`](Self::poll_room) first.
    pub(crate) fn push(&mut self, kind: Kind, payload: Bytes) {
        debug_assert!(self.large.is_empty(), "there was no room");
        self.gathered.extend_from_slice(&mem::take(&mut self.large));
        let copied = if payload.len() > COPIED_BYTES { 0 } else { payload.len() };
        self.gathered.reserve(HEADER_BYTES + copied);
        self.gathered.push(kind as u8);
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(len @ ..=125), _) => self.gathered.push(len),
            (_, Ok(len)) => {
                self.gathered.push(126);
                self.gathered.extend_from_slice(&len.to_be_bytes());
            }
            _ => {
                self.gathered.push(127);
                self.gathered.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        if copied == payload.len() {
            self.gathered.extend_from_slice(&payload);
        } else {
            self.large = payload;
        }
    }

    /// Ready when nothing waits; no memory is kept then.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let gathered = self.gathered.get(self.at..).unwrap_or_default();
            if gathered.is_empty() && self.large.is_empty() {
                self.gathered = Vec::new();
                self.at = 0;
                self.large = Bytes::new();
                return Poll::Ready(Ok(()));
            }
            let io = Pin::new(&mut self.io);
            let written = if gathered.is_empty() {
                io.poll_write(cx, &self.large)
            } else if self.large.is_empty() {
                io.poll_write(cx, gathered)
            } else {
                io.poll_write_vectored(cx, &[IoSlice::new(gathered), IoSlice::new(&self.large)])
            };
            let written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_gathered = written.min(gathered.len());
            self.at += of_gathered;
            let of_large = (written - of_gathered).min(self.large.len());
            drop(self.large.split_to(of_large));
            self.taken += written as u64;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Outlet<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Outlet<S> {
    /// Takes all of it at once, and says so when the transport has it: the library gives whole frames, keeps
    /// them until then, and offers them again with more behind.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.claimed == 0 {
            if !self.large.is_empty() {
                ready!(self.poll_drain(cx))?;
            }
            self.gathered.extend_from_slice(buf);
            self.claimed = buf.len();
        }
        ready!(self.poll_drain(cx))?;
        Poll::Ready(Ok(mem::take(&mut self.claimed)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "outlet/tests.rs"]
mod tests;
