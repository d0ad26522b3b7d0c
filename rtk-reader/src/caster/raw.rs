//! The raw stream over TCP: every byte of the receiver, as it came.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::broadcast::{self, error::RecvError};

use super::hub::{Hub, Place};
use super::outlet::{self, WriteError};

/// Serves a connection until it ends.
pub async fn serve(
    hub: Arc<Hub>,
    mut chunks: broadcast::Receiver<Bytes>,
    socket: TcpStream,
    address: SocketAddr,
    _place: Place,
) {
    if outlet::set_up(&socket).is_err() {
        // It has left already.
        return;
    }
    let stall = hub.config.limits.stall;
    loop {
        tokio::select! {
            chunk = chunks.recv() => {
                let written = match chunk {
                    Ok(chunk) => outlet::write(&socket, &chunk, stall).await,
                    Err(RecvError::Lagged(_)) => Err(WriteError::Stalled),
                    Err(RecvError::Closed) => break,
                };
                match written {
                    Ok(()) => {}
                    Err(WriteError::Stalled) => {
                        hub.slow();
                        tracing::info!(%address, "a client of the raw stream is too slow and was cut");
                        break;
                    }
                    Err(WriteError::Gone(_)) => break,
                }
            }
            ready = socket.readable() => {
                // What it says is not for the receiver.
                match socket.try_read(&mut [0; 1024]) {
                    Ok(1..) => {}
                    Err(error) if ready.is_ok() && error.kind() == io::ErrorKind::WouldBlock => {}
                    _ => break,
                }
            }
        }
    }
    outlet::end(socket);
}
