//! A receiver behind TCP: a serial server, `str2str`, a receiver with Ethernet.

use tokio::net::TcpStream;

use super::{
    CHUNK_BYTES, Event, SourceError,
    run::{Backoff, Halt, NOT_GNSS_BYTES, Out, Read, Sniffer, Timing, read},
};
use crate::Timestamp;

/// Connects, reads, and connects again, for ever. A connection silent for [`Timing::silence`] is made anew:
/// its other end may have gone without a word.
pub(super) async fn run<N>(host: &str, port: u16, timing: &Timing, out: &Out<N>) -> Result<(), Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let device = format!("tcp://{address}");
    let (mut told_open, mut told_reason) = (false, None);
    let mut sniffer = Sniffer::default();
    let mut backoff = Backoff::new(timing);
    loop {
        let reason = match tokio::time::timeout(timing.connect, TcpStream::connect(&address)).await {
            Err(_) => format!("{address} does not answer"),
            Ok(Err(error)) => format!("can't connect to {address}: {error}"),
            Ok(Ok(mut stream)) => {
                if !std::mem::replace(&mut told_open, true) {
                    told_reason = None;
                    out.send(Event::Opened { device: device.clone(), baud: None }).await?;
                }
                match listen(&mut stream, timing, out, &mut sniffer, &mut backoff).await? {
                    Some(reason) => reason,
                    None => {
                        tracing::warn!(%address, seconds = timing.silence.as_secs(), "silent; connecting anew");
                        continue;
                    }
                }
            }
        };
        if told_reason.as_ref() != Some(&reason) {
            tracing::warn!(%reason, "the receiver is gone; trying again");
            out.send(Event::Closed { reason: reason.clone() }).await?;
            told_reason = Some(reason);
        }
        told_open = false;
        backoff.wait().await;
    }
}

/// Until the connection ends, for the reason returned, or is silent.
async fn listen<N>(
    stream: &mut TcpStream,
    timing: &Timing,
    out: &Out<N>,
    sniffer: &mut Sniffer,
    backoff: &mut Backoff,
) -> Result<Option<String>, Halt>
where
    N: Fn() -> Timestamp + Send + Sync,
{
    let origin = stream.peer_addr().map_or_else(|_| "the host".to_owned(), |peer| peer.to_string());
    let mut buffer = [0; CHUNK_BYTES];
    loop {
        let length = match read(stream, &mut buffer, timing.silence).await {
            Read::Bytes(length) => length,
            Read::Gone(None) => return Ok(Some(format!("{origin} closed the connection"))),
            Read::Gone(Some(error)) => return Ok(Some(format!("lost the connection to {origin}: {error}"))),
            Read::Silent => return Ok(None),
        };
        *backoff = Backoff::new(timing);
        let bytes = buffer.get(..length).unwrap_or_default();
        out.bytes(bytes).await?;
        if sniffer.frames() == 0 {
            sniffer.push((out.now)(), bytes);
            let bytes = sniffer.unframed_bytes();
            if bytes >= NOT_GNSS_BYTES {
                return Err(SourceError::NotGnss { origin, bytes, bauds: 0 }.into());
            }
        }
    }
}
