//! A client's socket that takes a burst whole or not at all.
//!
//! A stream that ends in the middle of a frame is of no harm to a rover, but it is no clean end either. Linux says
//! that a socket can be written to when at least a third of its send buffer is free (`sk_stream_is_writeable`); the
//! buffer is set to a size of which a third takes any burst. So if the socket is asked before each write, a write is
//! never short, and between two of them a client can be cut. Elsewhere a short write is possible, and is finished
//! before the cut.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self, MsgFlags, setsockopt, sockopt};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Of the send buffer; Linux doubles it for its own needs. Fifteen seconds of corrections: older ones are of no use.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// A peer from which the system hears nothing for so long is asked whether it is there, seconds.
const KEEPALIVE_AFTER_S: u32 = 30;
/// And so often after that, seconds.
const KEEPALIVE_EVERY_S: u32 = 10;
/// So many times without an answer, and it is gone.
const KEEPALIVE_TIMES: u32 = 3;

/// Why a write failed.
#[derive(Debug)]
pub enum WriteError {
    /// The socket took nothing for so long.
    Stalled,
    /// The peer is gone.
    Gone(io::Error),
}

/// Sends at once, in a small buffer, and notices a peer that vanished without a word.
pub fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    setsockopt(stream, sockopt::SndBuf, &SEND_BUFFER_BYTES)?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    #[cfg(target_os = "linux")]
    {
        setsockopt(stream, sockopt::TcpKeepIdle, &KEEPALIVE_AFTER_S)?;
        setsockopt(stream, sockopt::TcpKeepInterval, &KEEPALIVE_EVERY_S)?;
        setsockopt(stream, sockopt::TcpKeepCount, &KEEPALIVE_TIMES)?;
    }
    Ok(())
}

/// Writes all of it, or, if the socket takes nothing for `stall`, nothing of it.
pub async fn write(stream: &TcpStream, bytes: &[u8], stall: Duration) -> Result<(), WriteError> {
    let mut rest = bytes;
    loop {
        match stream.try_io(Interest::WRITABLE, || send(stream, rest)) {
            Ok(sent) => {
                rest = rest.get(sent..).unwrap_or_default();
                if rest.is_empty() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match timeout(stall, stream.writable()).await {
                    Ok(ready) => ready.map_err(WriteError::Gone)?,
                    Err(_) => return Err(WriteError::Stalled),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(WriteError::Gone(error)),
        }
    }
}

fn send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut asked = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    poll(&mut asked, PollTimeout::ZERO)?;
    // An error is ready, too: the write brings it.
    if asked.iter().all(|fd| fd.revents().is_none_or(|ready| ready.is_empty())) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(socket::send(stream.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT)?)
}

/// Ends a connection so that the peer gets what was written: what it sent and nobody read would reset it.
pub fn end(stream: TcpStream) {
    let mut unread = [0; 1024];
    // Bounded: whoever sends faster than this reads isn't waiting for an answer.
    for _ in 0..64 {
        if !matches!(stream.try_read(&mut unread), Ok(1..)) {
            break;
        }
    }
    drop(stream);
}
