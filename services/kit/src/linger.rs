//! A socket that can be closed without losing its last words.
//!
//! Closing a TCP socket while bytes from the peer are unread makes the kernel send a reset, and the peer's
//! kernel then throws away what it had received from us but not read: a Close frame would never be seen. A
//! lingering socket ends its own direction first and reads on for a moment.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    time::timeout,
};

use crate::line::WriteWatch;

/// How long a closed socket reads on at most; then the reset goes out after all.
const LINGER: Duration = Duration::from_secs(2);
/// How much it reads on at most; then the same.
const LINGER_BYTES: u64 = 32 << 20;
/// Read at once and thrown away.
const CHUNK_BYTES: usize = 4096;

/// Asks one connection to linger when it is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linger(Arc<AtomicBool>);

impl Linger {
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A TCP stream that lingers when dropped, if asked to, and whose writes don't wait for ever.
#[derive(Debug)]
pub(crate) struct LingeringStream {
    /// None only while it is being dropped.
    tcp: Option<TcpStream>,
    linger: Linger,
    watch: WriteWatch,
}

impl LingeringStream {
    pub(crate) fn new(tcp: TcpStream, linger: Linger, watch: WriteWatch) -> Self {
        Self { tcp: Some(tcp), linger, watch }
    }

    fn tcp(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.tcp.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for LingeringStream {
    fn drop(&mut self) {
        if self.watch.has_expired() {
            if let Some(tcp) = &self.tcp
                && let Err(error) = tcp.set_zero_linger()
            {
                // The kernel then gives up on the peer in its own time.
                tracing::debug!(%error, "can't reset a connection");
            }
        } else if self.linger.0.load(Ordering::Relaxed)
            && let Some(tcp) = self.tcp.take()
            && let Ok(runtime) = Handle::try_current()
        {
            // Bounded by its time-out and as many as there are connections; nobody waits for it.
            runtime.spawn(timeout(LINGER, read_on(tcp)));
        }
    }
}

async fn read_on(mut tcp: TcpStream) -> io::Result<()> {
    tcp.shutdown().await?;
    let mut chunk = [0; CHUNK_BYTES];
    let mut rest = tcp.take(LINGER_BYTES);
    while rest.read(&mut chunk).await? > 0 {}
    Ok(())
}

impl AsyncRead for LingeringStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.tcp()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for LingeringStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.tcp()?.poll_write(cx, buf);
        self.watch.check(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.tcp()?.poll_write_vectored(cx, bufs);
        self.watch.check(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp()?.poll_shutdown(cx)
    }
}
